using System.Text;
using WeightSpace.Analysis.Trajectories.Ordering;

namespace WeightSpace.Analysis.Report;

/// <summary>Figures of checkpoints that were put in order. Their size is bounded, whatever the number of checkpoints.</summary>
internal static class OrderFigures
{
    /// <summary>What <see cref="ReportStyle"/> has no class for: many small dots as one path of lines without length.</summary>
    public const string Css = ".specks { fill: none; stroke: var(--soft); stroke-width: 3; stroke-linecap: round; }";

    /// <summary>More paths than this are a tangle; those with the most checkpoints are drawn.</summary>
    private const int MostPaths = 300;

    /// <summary>Checkpoints on all lines together, and as many that stand alone; a longer line leaves some out in even distances, never its ends.</summary>
    private const int MostPoints = 12_000;

    private const double Width = 760;

    /// <summary>The paths in the plane in which the checkpoints vary most; empty where there is none.</summary>
    public static string Paths(OrderResult result, PathColours colours, string id)
    {
        if (result.Projection is not { } projection)
            return "";
        const double left = 40, side = 560, top = 30;
        var place = new Dictionary<string, int>();
        var members = new int[result.Trajectories.Count][];
        foreach (FoundTrajectory path in result.Trajectories)
            members[path.Number - 1] = new int[path.Checkpoints];
        for (int i = 0; i < result.Checkpoints.Count; i++)
        {
            FoundCheckpoint checkpoint = result.Checkpoints[i];
            place[checkpoint.Name] = i;
            if (checkpoint is { Trajectory: { } trajectory, Place: { } number })
                members[trajectory - 1][number - 1] = i;
        }
        FoundTrajectory[] all = [.. result.Trajectories.Where(PathColours.IsDrawn)], drawn = Drawn(all);
        int[] alone = [.. result.Trajectories.Where(path => !PathColours.IsDrawn(path)).Select(path => members[path.Number - 1][0])];
        Scale x = Scale.Padded(projection.Points.Select(point => point[0]), left, left + side), y = Scale.Padded(projection.Points.Select(point => point[1]), top + side, top);
        string At(int checkpoint) => $"{Html.Pixel(x.At(projection.Points[checkpoint][0]))},{Html.Pixel(y.At(projection.Points[checkpoint][1]))}";
        var svg = new StringBuilder($"<rect class=\"frame\" x=\"{Html.Pixel(left)}\" y=\"{Html.Pixel(top)}\" width=\"{Html.Pixel(side)}\" height=\"{Html.Pixel(side)}\"/>");
        Specks(svg, alone.Take(MostPoints).Select(At));
        int each = Math.Max(2, MostPoints / Math.Max(1, drawn.Length)), thinned = 0;
        foreach (FoundTrajectory path in drawn)
        {
            int[] line = members[path.Number - 1];
            int[] kept = Kept(line, each);
            thinned += line.Length - kept.Length;
            string stem = path.ForkOf is { } parent && place.TryGetValue(parent, out int from) ? At(from) + " " : "", colour = colours[path.Number];
            svg.Append($"<polyline class=\"curve thin {colour}{(path.HasDirection ? "" : " dashed")}\" points=\"{stem}{string.Join(' ', kept.Select(At))}\"/>");
            if (!path.HasDirection)
                continue;
            Mark(svg, "ring", colour, x.At(projection.Points[line[0]][0]), y.At(projection.Points[line[0]][1]), 2.6);
            Mark(svg, "dot", colour, x.At(projection.Points[line[^1]][0]), y.At(projection.Points[line[^1]][1]), 3.2);
        }
        string shares = $"The first direction holds {Html.Pixel(100 * projection.VarianceShares[0])} % of the variance of all checkpoints, the second {Html.Pixel(100 * projection.VarianceShares[1])} %.";
        svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(left)}\" y=\"{Html.Pixel(top + side + 18)}\">{Html.Escape(shares)}</text>");
        string title = $"Paths of {Html.Count(drawn.Length)} networks";
        string caption = $"Each line is a network that was found ({Html.Count(drawn.Length)} of {Html.Count(all.Length)}{(drawn.Length < all.Length ? ", those with the most checkpoints" : "")}), from its ring (first checkpoint) to its dot (last), through its checkpoints in their order; a fork begins at the "
            + $"checkpoint that it was forked from. Dashed: which end came first cannot be told. {(colours.Legend.Length > 0 ? "Colours are families: what was forked from each other. " : "")}{Alone(alone.Length)}{(thinned > 0 ? $"{Html.Count(thinned)} checkpoints on long lines are left out. " : "")}"
            + "Two directions are a small part of all: paths that cross here need not meet.";
        return Figure.Wrap(id, Width, top + side + 26, title, $"{title} in two directions. {shares}", svg.ToString(), colours.Legend, caption);
    }

    /// <summary>How sure each path is: of its direction, and of standing apart from others; empty where no path has a direction.</summary>
    public static string Confidence(OrderResult result, PathColours colours, string id)
    {
        FoundTrajectory[] all = [.. result.Trajectories.Where(path => path.Direction is not null)], drawn = Drawn(all);
        if (all.Length == 0)
            return "";
        var svg = new StringBuilder();
        var chart = new Chart(svg, new Scale(-1, 1, 56, Width - 190, ScaleKind.Linear), new Scale(-1, 1, 340, 40, ScaleKind.Linear));
        chart.Axes("", "separation: 1 far from all others, below 0 nearer to another than one step is long", "direction: 1 sure");
        chart.Level(FoundTrajectory.LeastDirection, "cannot tell below");
        var isDrawn = drawn.ToHashSet();
        Specks(svg, all.Where(path => !isDrawn.Contains(path)).Take(MostPoints).Select(path => $"{Html.Pixel(chart.X.At(path.Separation))},{Html.Pixel(chart.Y.At(path.Direction!.Value))}"));
        foreach (FoundTrajectory path in drawn)
            Mark(svg, path.HasDirection ? "dot" : "ring", colours[path.Number], chart.X.At(path.Separation), chart.Y.At(path.Direction!.Value), 3);
        chart.Labels();
        int sure = all.Count(path => path.HasDirection), apart = all.Count(path => path.Separation > 0);
        string words = $"Of {Html.Count(all.Length)} networks with three checkpoints or more, the direction of {Html.Count(sure)} can be told, and {Html.Count(apart)} stand nearer to their own predecessors than to any other network.";
        return Figure.Wrap(id, Width, 380, "How sure each network is", words, svg.ToString(), "",
            $"{words} Each dot is a network, in its colour above; rings: which end came first cannot be told.{(drawn.Length < all.Length ? " Grey: networks that are not drawn above." : "")}");
    }

    private static FoundTrajectory[] Drawn(FoundTrajectory[] paths) => [.. paths.OrderByDescending(path => path.Checkpoints).ThenBy(path => path.Number).Take(MostPaths)];

    /// <summary>At most so many of a line's checkpoints, evenly taken, both ends among them.</summary>
    private static int[] Kept(int[] line, int most) => line.Length <= most ? line : [.. Enumerable.Range(0, most).Select(i => line[(int)((long)i * (line.Length - 1) / (most - 1))])];

    private static string Alone(int count) => count == 0 ? "" : $"Grey dots: {Html.Count(count)} checkpoint{(count == 1 ? "" : "s")} in no order with any other{(count > MostPoints ? $", of which {Html.Count(MostPoints)} are drawn" : "")}. ";

    private static void Specks(StringBuilder svg, IEnumerable<string> places)
    {
        string all = string.Concat(places.Select(place => $"M{place}h0"));
        if (all.Length > 0)
            svg.Append($"<path class=\"specks\" d=\"{all}\"/>");
    }

    private static void Mark(StringBuilder svg, string shape, string colour, double x, double y, double radius) =>
        svg.Append($"<circle class=\"{shape} {colour}\" cx=\"{Html.Pixel(x)}\" cy=\"{Html.Pixel(y)}\" r=\"{Html.Pixel(radius)}\"/>");
}
