using System.Text;
using WeightSpace.Tasks;

namespace WeightSpace.Analysis.Report;

/// <summary>Figures over training: losses and accuracies.</summary>
internal static class TrainingFigures
{
    private const double Width = 760;

    /// <summary>Held-out loss of each class over the matched steps; empty without two steps with losses.</summary>
    public static string Losses(ArchitectureAnalysis analysis, string id)
    {
        LossAt[] all = [.. analysis.LossCurves.SelectMany(curve => curve.Points)];
        double[] positive = [.. all.SelectMany(point => new[] { point.P10, point.Mean, point.P90 }).Where(value => value > 0)];
        if (positive.Length == 0 || all.Select(point => point.Step).Distinct().Count() < 2)
            return "";
        var svg = new StringBuilder();
        var chart = new Chart(svg,
            new Scale(all.Min(point => point.Step), all.Max(point => point.Step), 56, Width - 20, ScaleKind.Steps),
            new Scale(positive.Min() * 0.9, positive.Max() * 1.1, 300, 30, ScaleKind.Logarithmic));
        chart.Axes("", "training step (log scale)", "mean squared error on held-out data (log scale)");
        // A hundred bands hide each other.
        bool hasBands = analysis.LossCurves.Count <= Figure.MostListed;
        Dictionary<string, int> colours = Figure.MachineColours(analysis);
        foreach (LossCurve curve in analysis.LossCurves)
        {
            Member member = analysis.Members.First(member => member.Class == curve.Class);
            chart.Curve([.. curve.Points.Where(point => point.Mean > 0).Select(point => new CurvePoint(point.Step, point.Mean, Math.Max(point.P10, positive.Min()), point.P90))],
                Figure.Style(colours, member.Machine, member.Variant), null, hasBands && member.Variant == Variants.Clean);
        }
        string alternative = "Mean held-out loss by class. " + string.Join("; ", analysis.LossCurves.Where(curve => curve.Points.Count > 0).Take(Figure.MostListed).Select(curve =>
            $"{curve.Class}: {Html.Quantity(curve.Points[0].Mean)} at step {curve.Points[0].Step}, {Html.Quantity(curve.Points[^1].Mean)} at step {curve.Points[^1].Step}")) + (hasBands ? "." : "; and so on.");
        return Figure.Wrap(id, Width, 340, "Held-out loss over training", alternative, svg.ToString(), Figure.MachineLegend(analysis, lines: true),
            $"Mean loss of each class on data that no network was trained on{(hasBands ? "; the band of a clean class holds the middle 80 % of its networks" : "")}.");
    }

    /// <summary>Cross-validated accuracy of the random forest by view, one panel for each question.</summary>
    public static string Accuracies(ArchitectureAnalysis analysis, string id)
    {
        LabelingSummary[] labelings = [.. analysis.Labelings.Where(labeling => analysis.Points.Any(point => Scores(point, labeling.Name).Any())).Take(3)];
        if (labelings.Length == 0)
            return "";
        const double gap = 44, left = 34;
        double panel = Math.Min(460, ((Width - left + gap) / labelings.Length) - gap);
        var svg = new StringBuilder();
        var words = new StringBuilder();
        double last = analysis.Points.Max(point => point.Step ?? 0);
        for (int i = 0; i < labelings.Length; i++)
        {
            LabelingSummary labeling = labelings[i];
            double from = left + (i * (panel + gap));
            var chart = new Chart(svg, new Scale(-0.5, analysis.Points.Count - 0.5, from, from + panel, ScaleKind.Linear), new Scale(0, 1, 290, 56, ScaleKind.Linear));
            chart.Axes(Short(labeling.Title), "training step", "accuracy", xTicks: false);
            for (int p = 0; p < analysis.Points.Count; p++)
                chart.Tick(chart.X.At(p), analysis.Points[p].Step is { } step ? Compact(step) : analysis.Points[p].Name);
            chart.Level(labeling.Chance, null);
            foreach ((string features, string name, string style) in Series(analysis))
            {
                CurvePoint[] points = [.. Enumerable.Range(0, analysis.Points.Count).SelectMany(p => Scores(analysis.Points[p], labeling.Name).Where(score => score.Features == features)
                    .Select(score => new CurvePoint(p, score.Accuracy!.Value, score.Accuracy.Low, score.Accuracy.High)))];
                if (points.Length == 0)
                    continue;
                chart.Curve(points, style, null, withBand: false);
                if (style[0] == 'v')
                    chart.Bars(points, style, 4 * (analysis.Views.ToList().FindIndex(view => view.Name == features) - ((analysis.Views.Count - 1) / 2.0)));
                words.Append($"{labeling.Title}, {name}: {string.Join(", ", points.Select(point => Html.Score(point.Y)))}. ");
            }
        }
        string legend = "<p class=\"legend\">" + string.Concat(Series(analysis).Select(series =>
            $"<span><svg viewBox=\"0 0 30 12\" class=\"key\" aria-hidden=\"true\"><line class=\"curve {series.Style}\" x1=\"1\" x2=\"29\" y1=\"6\" y2=\"6\"/>{(series.Style[0] == 'v' ? $"<circle class=\"dot {series.Style}\" cx=\"15\" cy=\"6\" r=\"3.5\"/>" : "")}</svg>{series.Name}</span> "))
            + "<span><svg viewBox=\"0 0 30 12\" class=\"key\" aria-hidden=\"true\"><line class=\"level\" x1=\"1\" x2=\"29\" y1=\"6\" y2=\"6\"/></svg>chance</span></p>";
        return Figure.Wrap(id, Width, 332, "Accuracy of a random forest over training", $"Accuracy at {string.Join(", ", analysis.Points.Select(point => point.Title))}. {words}", svg.ToString(), legend,
            "How often a random forest names the right group from each view of the weights, at matched steps of training, at a matched loss where there is one, and at the end. Bars are 95 % intervals. "
            + "Thin lines see one plain number instead of the weights: their norm, or the held-out loss.");
    }

    private static IEnumerable<(string Features, string Name, string Style)> Series(ArchitectureAnalysis analysis)
    {
        foreach (ViewSummary view in analysis.Views)
            yield return (view.Name, view.Short, Figure.ViewStyle(view.Name));
        yield return ("norm", "norm alone", "plain thin");
        yield return ("eval_loss", "held-out loss alone", "plain thin dashed");
    }

    private static IEnumerable<ClassificationScore> Scores(PointAnalysis point, string labeling) =>
        point.Views.SelectMany(view => view.Classifications).Concat(point.Confounds).Where(score => score.Labeling == labeling && score.Classifier == "forest" && score.Accuracy is not null);

    private static string Short(string title) => title.IndexOf('(', StringComparison.Ordinal) is var at and > 0 ? $"Which {title[..(at - 1)]}?" : $"Which {title}?";

    private static string Compact(long step) => step >= 10000 ? $"{Html.Quantity(step / 1000.0)}k".Replace(".0k", "k", StringComparison.Ordinal) : Html.Count(step);
}
