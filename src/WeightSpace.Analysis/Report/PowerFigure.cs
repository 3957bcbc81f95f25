using System.Text;
using WeightSpace.Analysis.Divergence;

namespace WeightSpace.Analysis.Report;

/// <summary>How often each test finds each change of the data, by the number of networks.</summary>
internal static class PowerFigure
{
    private const double Left = 44, Between = 30, PanelWidth = 176, Width = 760, RowHeight = 250;
    private const double Wanted = 0.95;

    /// <summary>
    /// A row for each machine, a panel for each test, a curve for each change; empty where no power was computed. Each panel is about the view in which its test finds most, over all
    /// changes and numbers of networks.
    /// </summary>
    public static string Draw(ArchitectureAnalysis analysis, string id)
    {
        PowerCurve[] all = [.. analysis.Divergence.Power.Where(curve => curve.Points.Count > 1)];
        string[] machines = [.. all.Select(curve => curve.Machine).Distinct()], tests = [.. all.Select(curve => curve.Test).Distinct()], changes = [.. all.Select(curve => curve.Kind).Distinct()];
        if (machines.Length is 0 or > Figure.MostListed)
            return "";
        int least = all.Min(curve => curve.Points[0].Networks), most = all.Max(curve => curve.Points[^1].Networks);
        var svg = new StringBuilder();
        var words = new StringBuilder();
        for (int row = 0; row < machines.Length; row++)
        {
            for (int panel = 0; panel < tests.Length; panel++)
            {
                double left = Left + (panel * (PanelWidth + Between)), top = (row * RowHeight) + 56;
                var chart = new Chart(svg, new Scale(least, most, left, left + PanelWidth, ScaleKind.Logarithmic), new Scale(0, 1, top + 140, top, ScaleKind.Linear));
                PowerCurve[] curves = MostPowerful(all.Where(curve => curve.Machine == machines[row] && curve.Test == tests[panel]));
                if (curves.Length == 0)
                    continue;
                string view = analysis.Views.First(view => view.Name == curves[0].View).Short;
                chart.Axes($"{Short(tests[panel])}: {view}", tests[panel] == ChangeTests.Twins ? "pairs of twins (log scale)" : "networks in a group (log scale)", panel == 0 ? $"{machines[row]}: share of draws" : "");
                chart.Level(Wanted, panel == tests.Length - 1 ? "95 %" : null);
                foreach (PowerCurve curve in curves)
                {
                    bool isNamed = panel == tests.Length - 1;
                    chart.Curve([.. curve.Points.Select(point => new CurvePoint(point.Networks, point.Power.Value))], $"m{Array.IndexOf(changes, curve.Kind) % 8}", isNamed ? curve.Kind : null);
                    words.Append($"{machines[row]}, {TwinSection.TestTitle(curve.Test)}, {view}, {curve.Kind}: {string.Join(", ", curve.Points.Select(point => $"{Html.Score(point.Power.Value)} with {point.Networks}"))}. ");
                }
                if (curves[0].Points.All(point => point.FalseAlarms is not null))
                    chart.Curve([.. curves[0].Points.Select(point => new CurvePoint(point.Networks, point.FalseAlarms!.Value))], "v2 control", panel == tests.Length - 1 ? "false alarms" : null, false);
                chart.Labels();
            }
        }
        return Figure.Wrap(id, Width, machines.Length * RowHeight, "How many networks does it take to find a change?", words.ToString(), svg.ToString(), "",
            "Share of random choices of networks in which a test finds the change at p \u2264 0.05, by the number of networks; grey: the same test where there is nothing to find. Each panel shows the view in which its test finds most; the table below has all views.");
    }

    private static string Short(string test) => test switch { ChangeTests.Twins => "twins", ChangeTests.Groups => "energy distance", _ => test };

    private static PowerCurve[] MostPowerful(IEnumerable<PowerCurve> curves) =>
        curves.GroupBy(curve => curve.View).MaxBy(group => group.Sum(curve => curve.Points.Sum(point => point.Power.Value)))?.ToArray() ?? [];
}
