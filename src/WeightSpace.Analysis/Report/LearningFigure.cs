using System.Text;

namespace WeightSpace.Analysis.Report;

/// <summary>How accuracy grows with the number of networks to learn from.</summary>
internal static class LearningFigure
{
    private const double Width = 760;

    /// <summary>One curve for each view; empty where there are no two sizes.</summary>
    public static string Draw(ArchitectureAnalysis analysis, string id)
    {
        LearningPoint[] all = [.. analysis.LearningCurves.SelectMany(curve => curve.Points)];
        if (all.Select(point => point.InitSeeds).Distinct().Count() < 2)
            return "";
        var svg = new StringBuilder();
        var chart = new Chart(svg, new Scale(all.Min(point => point.Networks), all.Max(point => point.Networks), 56, Width - 150, ScaleKind.Logarithmic), new Scale(0, 1, 280, 30, ScaleKind.Linear));
        chart.Axes("", "networks to learn from (log scale)", "accuracy on networks with other initial weights");
        chart.Level(analysis.LearningCurves[0].Chance, "chance");
        var words = new StringBuilder();
        foreach (LearningCurve curve in analysis.LearningCurves)
        {
            ViewSummary view = analysis.Views.First(view => view.Name == curve.View);
            chart.Curve([.. curve.Points.Select(point => new CurvePoint(point.Networks, point.Accuracy.Value, point.Accuracy.Low, point.Accuracy.High))], Figure.ViewStyle(view.Name), view.Short, view.Name == "invariant");
            words.Append($"{view.Short}: {string.Join(", ", curve.Points.Select(point => $"{Html.Score(point.Accuracy.Value)} from {Html.Count((long)Math.Round(point.Networks))}"))}. ");
        }
        chart.Labels();
        string labeling = analysis.LearningCurves[0].Labeling;
        return Figure.Wrap(id, Width, 322, "How many networks does it take?", $"Accuracy by the number of networks to learn from. {words}", svg.ToString(), "",
            $"A linear classifier that names the {Html.Escape(labeling)}, trained on ever more networks and always tested on the same held-out ones; the band is the 95 % interval of one view.");
    }
}
