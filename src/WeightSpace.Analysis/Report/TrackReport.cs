using WeightSpace.Analysis.Trajectories;

namespace WeightSpace.Analysis.Report;

/// <summary>Tracked paths as one HTML page that holds everything it needs, in the manner of <see cref="HtmlReport"/>: no script, no network, well-formed XML.</summary>
public static class TrackReport
{
    private const int MostListedNetworks = 40;

    /// <summary>What <see cref="ReportStyle"/> has no class for.</summary>
    private const string Css = ".warm { fill: var(--c0); } .cold { fill: var(--c1); }";

    /// <summary>Writes the page; the same result gives the same text.</summary>
    public static void Write(TrackResult result, TextWriter writer)
    {
        ReportPage.Begin(writer, $"{result.Title}: paths through weight space", Css);
        ReportPage.Header(writer, "paths through weight space", result.Title, $"{Html.Count(result.Groups.Sum(group => group.Networks))} networks, {Html.Count(result.Groups.Sum(group => group.Checkpoints))} checkpoints, measured from the weights alone.",
            $"{string.Concat(result.Groups.Select((group, index) => $"<a href=\"#g{index}\">{Html.Escape(group.Name)}</a> "))}<a href=\"#methods\">Methods</a>");
        for (int i = 0; i < result.Groups.Count; i++)
            Group(result.Groups[i], $"g{i}", writer);
        Methods(result, writer);
        ReportPage.End(writer);
    }

    private static void Group(TrackedGroup group, string id, TextWriter writer)
    {
        writer.Write($"<section id=\"{id}\">\n<h2>{Html.Escape(group.Name)}</h2>\n<p class=\"lead\">{Html.Count(group.Networks)} network{(group.Networks == 1 ? "" : "s")}, {Html.Count(group.Checkpoints)} checkpoints of {Html.Count(group.Parameters)} weights.</p>\n");
        ReportPage.Notes(writer, [.. group.Notes]);
        writer.Write(TrackFigures.Paths(group, id + "-paths"));
        writer.Write(TrackFigures.Measures(group, id + "-measures"));
        writer.Write(TrackFigures.Tensors(group, id + "-tensors"));
        if (group.MeanCosines is { } mean)
            writer.Write(TrackFigures.Cosines(mean, group.Axis, id + "-mean-cosines"));
        if (group.ExampleCosines is { } example)
            writer.Write(TrackFigures.Cosines(example, group.Axis, id + "-cosines"));
        Populations(group, writer);
        Networks(group, writer);
        writer.Write("</section>\n");
    }

    private static void Populations(TrackedGroup group, TextWriter writer)
    {
        foreach (TrackedPopulation population in group.Populations.Where(population => population.Summary.Count > 0).Take(Figure.MostListed))
        {
            writer.Write($"<div class=\"wide\"><table><caption>{Html.Escape(population.Class)} <small>{Html.Count(population.Networks)} network{(population.Networks == 1 ? "" : "s")}{(population.LeftOut > 0 ? $", {Html.Count(population.LeftOut)} left out" : "")}; "
                + "mean of whole paths with its 95 % interval, and what steps of the same lengths in unrelated directions give.</small></caption><thead><tr><th>measure</th><th>mean</th><th>random walk</th></tr></thead><tbody>\n");
            foreach (SummaryEstimate number in population.Summary)
                writer.Write($"<tr><th>{Html.Escape(PathNumber.All.First(one => one.Name == number.Measure).Title)}</th><td>{Html.Quantity(number.Value)}</td><td>{(number.RandomWalk is { } walk ? Html.Quantity(walk) : "\u2013")}</td></tr>\n");
            writer.Write("</tbody></table></div>\n");
        }
        if (group.Populations.Count > Figure.MostListed)
            writer.Write($"<p class=\"rule\">{group.Populations.Count - Figure.MostListed} more classes are in <code>track.json</code>.</p>\n");
    }

    private static void Networks(TrackedGroup group, TextWriter writer)
    {
        writer.Write("<div class=\"wide\"><table><caption>Networks</caption><thead><tr><th>network</th><th class=\"text\">class</th><th>checkpoints</th><th>arc length</th><th>displacement</th><th>tortuosity</th><th>smoothness</th><th>dimension</th><th>farthest from the reference</th></tr></thead><tbody>\n");
        foreach (TrackedNetwork network in group.Members.Take(MostListedNetworks))
        {
            PathSummary? summary = network.Summary;
            double? farthest = network.Rows.Max(row => row.ReferenceDistance);
            writer.Write($"<tr{(network.IsSound ? "" : " class=\"plain\"")}><th>{Html.Escape(TrackFigures.Short(network.Network))}</th><td class=\"text\">{Html.Escape(network.Class)}{(network.IsSound ? "" : " (diverged or failed)")}</td><td>{Html.Count(network.Checkpoints)}</td>"
                + $"<td>{Number(summary?.ArcLength)}</td><td>{Number(summary?.Displacement)}</td><td>{Number(summary?.Tortuosity)}</td><td>{Number(summary?.Smoothness)}</td><td>{Number(summary?.Dimension)}</td><td>{Number(farthest)}</td></tr>\n");
        }
        writer.Write("</tbody></table></div>\n");
        if (group.Members.Count > MostListedNetworks)
            writer.Write($"<p class=\"rule\">{Html.Count(group.Members.Count - MostListedNetworks)} more networks are in <code>track.json</code> and <code>track.csv</code>.</p>\n");
    }

    private static void Methods(TrackResult result, TextWriter writer) => ReportPage.Methods(writer,
    [
        ("Path.", "The checkpoints w<sub>0</sub>, w<sub>1</sub>, ... of a network in the order of their steps; the updates u<sub>k</sub> = w<sub>k</sub> \u2212 w<sub>k\u22121</sub> between them. All weights count alike (Sch\u00fcrholt and Borth, arXiv 2006.10424)."),
        ("Lengths.", "Step length |u<sub>k</sub>|, over the norm of the weights before, and over the training steps between the two checkpoints (speed). Arc length: their sum. Tortuosity: arc length over displacement; 1 for a straight line, \u221an for a random walk of n equal steps."),
        ("Turning.", "Angle between consecutive updates; Menger\u2019s curvature, one over the radius of the circle through three consecutive checkpoints (Menger, 1930). Both depend on how far checkpoints are apart: compare networks with the same schedule only. "
            + "Smoothness: mean cosine of consecutive updates. Roughness: von Neumann\u2019s ratio (1941) of their mean square successive difference to their variance; 2 for independent updates."),
        ("Directions.", "Cosines between all updates; mean directional similarity: mean cosine between checkpoints as seen from the origin, each with itself included (Singh et al., ICLR 2025, arXiv 2403.07379)."),
        ("Dimension.", "Participation ratio (\u03a3\u03bb)<sup>2</sup> / \u03a3\u03bb<sup>2</sup> of the principal components of a network\u2019s checkpoints, and components that hold 95 % of their variance. A long random walk scores 2.5, whatever the number of weights (Antognini and Sohl-Dickstein, arXiv 1806.08805): few dimensions alone say nothing."),
        ("Random walk.", "Each number of a whole path is computed again for steps of the same lengths in directions that are orthogonal to each other and to the first checkpoint."),
        ("Reference.", $"Distance from the mean of the reference networks ({Html.Escape(result.Settings.Reference ?? "the other networks of the same group")}) at the same step, over the median of the distances that these networks have from the mean of the others."),
        ("Intervals.", $"Means over networks, percentile bootstrap with {Html.Count(result.Settings.Resamples)} resamples; networks that share an initial seed are drawn together."),
        ("Sketches.", result.Settings.IsIncremental
            ? $"Earlier checkpoints were kept as sketches of {Html.Count(result.Settings.Sketch)} numbers: cosines between updates that are not neighbours, dimension and similarities are estimates where a network has more weights than that."
            : $"All numbers of single paths are exact. Positions of networks with more than {Html.Count(result.Settings.Sketch)} weights are sketches where networks are compared with each other."),
        ("Randomness.", $"Everything random is drawn from seed {result.Settings.Seed}."),
    ], "All numbers of this page, and more, are in <code>track.json</code>, <code>track.csv</code> and <code>track-tensors.csv</code> beside it.");

    private static string Number(double? value) => value is { } number ? Html.Quantity(number) : "\u2013";
}
