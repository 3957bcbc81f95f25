using System.Text;
using WeightSpace.Tasks;

namespace WeightSpace.Analysis.Report;

/// <summary>Figures of one moment: principal components and trees.</summary>
internal static class StructureFigures
{
    private const double Width = 760;

    /// <summary>The first two principal components in each view.</summary>
    public static string Components(ArchitectureAnalysis analysis, PointAnalysis point, string id)
    {
        ViewAtPoint[] views = [.. point.Views.Where(view => view.Scores.Count > 0)];
        if (views.Length == 0)
            return "";
        const double left = 8, gap = 20;
        const int across = 3;
        double side = (Width - (2 * left) - ((across - 1) * gap)) / across, down = side + 75;
        int rows = (views.Length + across - 1) / across;
        Dictionary<string, int> colours = Figure.MachineColours(analysis);
        var svg = new StringBuilder();
        for (int v = 0; v < views.Length; v++)
        {
            ViewAtPoint view = views[v];
            double from = left + (v % across * (side + gap)), top = 30 + (v / across * down);
            Scale x = Scale.Padded(view.Scores.Select(score => score[0]), from, from + side), y = Scale.Padded(view.Scores.Select(score => score[1]), top + side, top);
            svg.Append($"<text class=\"panel\" x=\"{Html.Pixel(from)}\" y=\"{Html.Pixel(top - 14)}\">{Html.Escape(analysis.Views.First(summary => summary.Name == view.View).Title)}</text>");
            svg.Append($"<rect class=\"frame\" x=\"{Html.Pixel(from)}\" y=\"{Html.Pixel(top)}\" width=\"{Html.Pixel(side)}\" height=\"{Html.Pixel(side)}\"/>");
            for (int member = 0; member < view.Scores.Count; member++)
            {
                Member network = analysis.Members[member];
                string shape = network.Variant == Variants.Clean ? "dot" : "ring";
                svg.Append($"<circle class=\"{shape} m{colours[network.Machine]}\" cx=\"{Html.Pixel(x.At(view.Scores[member][0]))}\" cy=\"{Html.Pixel(y.At(view.Scores[member][1]))}\" r=\"{(shape == "dot" ? "3.2" : "2.8")}\"/>");
            }
            svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(from)}\" y=\"{Html.Pixel(top + side + 16)}\">first component: {Html.Pixel(100 * view.VarianceShares[0])} % of the variance</text>");
            svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(from)}\" y=\"{Html.Pixel(top + side + 31)}\">second: {Html.Pixel(100 * view.VarianceShares[1])} %</text>");
        }
        string alternative = $"Scatter of {analysis.Members.Count} networks at {point.Title}. " + string.Join(" ", views.Select(view =>
            $"{view.View}: the two components hold {Html.Pixel(100 * (view.VarianceShares[0] + view.VarianceShares[1]))} % of the variance; "
            + string.Join(", ", view.Silhouettes.Select(score => $"silhouette by {score.Labeling} {Html.Score(score.Silhouette.Value)}")) + "."));
        return Figure.Wrap(id, Width, (rows * down) - 5, $"Principal components at {point.Title}", alternative, svg.ToString(), Figure.MachineLegend(analysis, lines: false),
            $"Each dot is a network at {Html.Escape(point.Title)}, placed by the two directions in which the population varies most. Networks that lie together have similar features in that view. "
            + "Two directions are a small part of all: groups may be apart without showing here.");
    }

    /// <summary>Ward's tree of one view, its leaves coloured.</summary>
    public static string Tree(ArchitectureAnalysis analysis, PointAnalysis point, ViewAtPoint view, string id)
    {
        if (view.Dendrogram is not { Count: > 0 } merges)
            return "";
        const double top = 26, bottom = 200, strip = 12;
        int count = merges.Count + 1;
        double step = (Width - 20) / count;
        var place = new double[(2 * count) - 1];
        var height = new double[(2 * count) - 1];
        int[] order = LeafOrder(merges, count);
        for (int i = 0; i < count; i++)
            place[order[i]] = 10 + ((i + 0.5) * step);
        double most = merges.Max(merge => merge.Height);
        double At(double value) => bottom - (most > 0 ? value / most * (bottom - top) : 0);
        var path = new StringBuilder();
        for (int i = 0; i < merges.Count; i++)
        {
            DendrogramMerge merge = merges[i];
            int node = count + i;
            height[node] = merge.Height;
            place[node] = (place[merge.First] + place[merge.Second]) / 2;
            path.Append($"M{Html.Pixel(place[merge.First])} {Html.Pixel(At(height[merge.First]))}V{Html.Pixel(At(merge.Height))}H{Html.Pixel(place[merge.Second])}V{Html.Pixel(At(height[merge.Second]))}");
        }
        Dictionary<string, int> colours = Figure.MachineColours(analysis);
        string title = analysis.Views.First(summary => summary.Name == view.View).Title;
        var svg = new StringBuilder($"<text class=\"panel\" x=\"10\" y=\"14\">{Html.Escape(title)}</text><path class=\"tree\" d=\"{path}\"/>");
        bool variants = analysis.Members.Any(member => member.Variant != Variants.Clean) && analysis.Members.Any(member => member.Variant == Variants.Clean);
        for (int i = 0; i < count; i++)
        {
            Member member = analysis.Members[order[i]];
            double x = 10 + (i * step);
            svg.Append($"<rect class=\"leaf m{colours[member.Machine]}\" x=\"{x.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture)}\" y=\"{Html.Pixel(bottom + 4)}\" width=\"{(step * 0.96).ToString("0.##", System.Globalization.CultureInfo.InvariantCulture)}\" height=\"{Html.Pixel(strip)}\"/>");
            if (variants && member.Variant != Variants.Clean)
                svg.Append($"<rect class=\"leaf ink\" x=\"{x.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture)}\" y=\"{Html.Pixel(bottom + 19)}\" width=\"{(step * 0.96).ToString("0.##", System.Globalization.CultureInfo.InvariantCulture)}\" height=\"5\"/>");
        }
        ClusteringScore? score = view.Clusterings.FirstOrDefault(score => score.Method == "ward");
        string agreement = score is null ? "" : $" Cut into {score.Clusters} clusters, it agrees with the {score.Labeling} at ARI {Html.Score(score.AdjustedRand)}; chance is 0.";
        return Figure.Wrap(id, Width, bottom + 30, $"Tree of {count} networks by {title}", $"Dendrogram of {count} networks at {point.Title}, Ward's linkage.{agreement}", svg.ToString(), "",
            $"Every leaf is a network at {Html.Escape(point.Title)}; networks that are close are joined low. The strip below has the machine's colour{(variants ? $", the marks under it show networks trained on {Figure.Variant(analysis.Members.First(member => member.Variant != Variants.Clean).Variant)} data" : "")}.{agreement}");
    }

    /// <summary>The leaves from left to right, each merge's first subtree before its second; without recursion, as trees can be deep.</summary>
    internal static int[] LeafOrder(IReadOnlyList<DendrogramMerge> merges, int count)
    {
        var order = new List<int>(count);
        var open = new Stack<int>();
        open.Push((2 * count) - 2);
        while (open.TryPop(out int node))
        {
            if (node < count)
            {
                order.Add(node);
                continue;
            }
            open.Push(merges[node - count].Second);
            open.Push(merges[node - count].First);
        }
        return [.. order];
    }
}
