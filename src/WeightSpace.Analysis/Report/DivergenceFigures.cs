using System.Text;
using WeightSpace.Analysis.Divergence;

namespace WeightSpace.Analysis.Report;

/// <summary>Figures of twins over training.</summary>
internal static class DivergenceFigures
{
    private const double Width = 760;

    /// <summary>Distance of each kind of pairs in raw weights, all machines.</summary>
    public static string Distances(ArchitectureAnalysis analysis, string id)
    {
        DistanceCurve[] curves = Pooled(analysis.Divergence.Views.FirstOrDefault(view => view.View == "raw")?.Distances, curve => curve.Machine);
        double[] positive = [.. curves.SelectMany(curve => curve.Points).Select(point => point.Distance.Value).Where(value => value > 0)];
        if (positive.Length == 0)
            return "";
        double most = curves.Max(curve => curve.Points.Max(point => point.Step)), least = Math.Max(positive.Min(), positive.Max() * 1e-4);
        var svg = new StringBuilder();
        var chart = new Chart(svg, new Scale(0, most, 56, Width - 190, ScaleKind.Steps), new Scale(least * 0.8, positive.Max() * 1.3, 320, 30, ScaleKind.Logarithmic));
        chart.Axes("", "training step (log scale)", "mean distance of twins in raw weights (log scale)");
        foreach (DistanceCurve curve in curves)
        {
            chart.Curve([.. curve.Points.Where(point => point.Distance.Value >= least).Select(point => new CurvePoint(point.Step, point.Distance.Value, point.Distance.Low is { } low ? Math.Max(low, least) : null, point.Distance.High))],
                KindStyle(curve.Kind), Title(analysis, curve.Kind));
        }
        chart.Labels();
        string alternative = "Mean distance, all machines. " + string.Join("; ", curves.Select(curve => $"{Title(analysis, curve.Kind)}: {Html.Quantity(curve.Points[^1].Distance)} at step {curve.Points[^1].Step}")) + ".";
        return Figure.Wrap(id, Width, 360, "How far twins move apart", alternative, svg.ToString(), "",
            "Mean Euclidean distance between twins over all weights, with 95 % bands. Only a curve for changed data that runs clearly above the one for another draw of the same data would show that the change itself drives networks apart.");
    }

    /// <summary>Ratio of modified to reorder distance by machine, beside the cosine of displacements by view.</summary>
    public static string RatiosAndDirections(ArchitectureAnalysis analysis, string id)
    {
        RatioCurve[] ratios = [.. analysis.Divergence.Views.Where(view => view.View == "raw").SelectMany(view => view.Ratios).Where(curve => curve.Kind == FirstChange(analysis) && curve.Points.Any(point => point.Ratio is not null))];
        // Three views are as many as can be told apart here; the table below the figure has all.
        var directions = analysis.Divergence.Views.Where(view => view.View is "raw" or "statistics" or "invariant").SelectMany(view => view.Directions.Where(curve => curve.Machine == "all" && (curve.Kind == FirstChange(analysis) || curve.Kind == "reorder")).Select(curve => (view.View, Curve: curve))).ToList();
        if (ratios.Length == 0 && directions.Count == 0)
            return "";
        Dictionary<string, int> colours = Figure.MachineColours(analysis);
        var svg = new StringBuilder();
        var words = new StringBuilder();
        if (ratios.Length > 0)
        {
            RatioAt[] all = [.. ratios.SelectMany(curve => curve.Points).Where(point => point.Ratio is not null)];
            var chart = new Chart(svg, new Scale(0, all.Max(point => point.Step), 40, 258, ScaleKind.Steps),
                new Scale(0, Math.Max(1.3, 1.05 * all.Max(point => point.Ratio!.High ?? point.Ratio.Value)), 300, 56, ScaleKind.Linear));
            chart.Axes("Distance: changed data / another draw", "training step (log scale)", "ratio of mean distances");
            chart.Level(1, "equal");
            foreach (RatioCurve curve in ratios.OrderByDescending(curve => curve.Machine == "all"))
            {
                bool pooled = curve.Machine == "all";
                chart.Curve([.. curve.Points.Where(point => point.Ratio is not null).Select(point => new CurvePoint(point.Step, point.Ratio!.Value, point.Ratio.Low, point.Ratio.High))],
                    pooled ? "v2" : $"m{colours[curve.Machine]} thin", pooled ? "all machines" : null, pooled);
                words.Append($"Ratio, {curve.Machine}: {Html.Score(curve.Points[^1].Ratio)} at step {curve.Points[^1].Step}. ");
            }
            chart.Labels();
        }
        if (directions.Count > 0)
        {
            DirectionAt[] all = [.. directions.SelectMany(item => item.Curve.Points)];
            double low = Math.Max(-1, Math.Min(-0.1, all.Min(point => point.Cosine.Low ?? point.Cosine.Value))), high = Math.Min(1, Math.Max(0.2, all.Max(point => point.Cosine.High ?? point.Cosine.Value)));
            var chart = new Chart(svg, new Scale(0, all.Max(point => point.Step), 400, 610, ScaleKind.Steps), new Scale(low, high, 300, 56, ScaleKind.Linear));
            chart.Axes("Do displacements point the same way?", "training step (log scale)", "mean cosine between initial seeds");
            chart.Level(0, "chance");
            foreach ((string view, DirectionCurve curve) in directions)
            {
                bool control = curve.Kind == "reorder";
                string name = analysis.Views.First(summary => summary.Name == view).Short;
                chart.Curve([.. curve.Points.Select(point => new CurvePoint(point.Step, point.Cosine.Value, point.Cosine.Low, point.Cosine.High))],
                    Figure.ViewStyle(view) + (control ? " control" : ""), control ? $"{name}, control" : name, !control);
                words.Append($"Cosine, {name}, {curve.Kind}: {Html.Score(curve.Points[^1].Cosine)} at step {curve.Points[^1].Step}. ");
            }
            chart.Labels();
        }
        return Figure.Wrap(id, Width, 345, "Changed data against another draw of the same data", words.ToString(), svg.ToString(), ratios.Length > 1 ? Figure.MachineLegend(analysis, lines: true, withVariants: false) : "",
            "Left: how many times as far changed data moves a network as another draw of the same data (1: no difference); thin lines are single machines. "
            + "Right: whether networks with different initial weights are moved in a common direction; grey curves are the control, another draw of the same data.");
    }

    private static string? FirstChange(ArchitectureAnalysis analysis) => analysis.Divergence.Kinds.FirstOrDefault(kind => TwinPairs.IsChange(kind.Name))?.Name;

    private static string Title(ArchitectureAnalysis analysis, string kind) => analysis.Divergence.Kinds.First(item => item.Name == kind).Title;

    private static string KindStyle(string kind) => kind switch { "reorder" => "k1", "other-init" => "k2", "moved" => "k3", _ => "k0" };

    private static T[] Pooled<T>(IReadOnlyList<T>? curves, Func<T, string> machine) => curves is null ? [] : [.. curves.Where(curve => machine(curve) == "all")];
}
