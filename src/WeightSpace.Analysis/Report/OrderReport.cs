using WeightSpace.Analysis.Trajectories.Ordering;

namespace WeightSpace.Analysis.Report;

/// <summary>Checkpoints in order as one HTML page that holds everything it needs, in the manner of <see cref="HtmlReport"/>: no script, no network, well-formed XML.</summary>
public static class OrderReport
{
    private const int MostListedNetworks = 40;

    /// <summary>Writes the page; the same results give the same text.</summary>
    public static void Write(string title, IReadOnlyList<OrderResult> results, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(results);
        ArgumentNullException.ThrowIfNull(writer);
        ReportPage.Begin(writer, $"{title}: checkpoints in order", OrderFigures.Css);
        ReportPage.Header(writer, "checkpoints in order", title, $"{Html.Count(results.Sum(result => result.Checkpoints.Count))} checkpoints of {Html.Count(results.Sum(result => result.Trajectories.Count))} networks, from the weights alone.");
        for (int i = 0; i < results.Count; i++)
            Group(results[i], $"g{i}", writer);
        Methods(writer);
        ReportPage.End(writer);
    }

    private static void Group(OrderResult result, string id, TextWriter writer)
    {
        int copies = result.Checkpoints.Count(checkpoint => checkpoint.SameAs is not null);
        writer.Write($"<section id=\"{id}\">\n<h2>{Html.Escape(result.Group)}</h2>\n<p class=\"lead\">{Html.Count(result.Checkpoints.Count)} checkpoints of {Html.Count(result.Parameters)} weights are of {Html.Count(result.Trajectories.Count)} networks"
            + $"{(copies > 0 ? $"; {Html.Count(copies)} are copies of others" : "")}.</p>\n");
        var notes = new List<string>();
        if (result.UnitsReordered)
            notes.Add("Hidden units stood in different orders; they were brought into one first.");
        notes.AddRange(result.LeftOut.Take(Figure.MostListed).Select(name => $"left out, for its weights are not finite: {name}"));
        if (result.LeftOut.Count > Figure.MostListed)
            notes.Add($"{Html.Count(result.LeftOut.Count - Figure.MostListed)} more were left out for the same reason");
        ReportPage.Notes(writer, notes);
        PathColours colours = PathColours.Of(result);
        writer.Write(OrderFigures.Paths(result, colours, id + "-paths"));
        writer.Write(OrderFigures.Confidence(result, colours, id + "-confidence"));
        Scores(result, writer);
        Networks(result, writer);
        writer.Write("</section>\n");
    }

    private static void Scores(OrderResult result, TextWriter writer)
    {
        if (result.Scores.Count == 0)
            return;
        writer.Write($"<div class=\"wide\"><table><caption>Held against the truth <small>{Html.Count(result.Scores[0].Scores.Networks)} networks; 95 % intervals over networks; all but the first were told their number.</small></caption>"
            + "<thead><tr><th>method</th><th>networks</th><th>ARI</th><th>AMI</th><th>tau</th><th>tau with direction</th><th>steps right</th><th>steps right with direction</th></tr></thead><tbody>\n");
        foreach (NamedOrderScores named in result.Scores)
        {
            OrderScores score = named.Scores;
            writer.Write($"<tr><th>{Html.Escape(named.Method)}</th><td>{Html.Count(score.Found)}</td><td>{Html.Score(score.AdjustedRand)}</td><td>{Html.Score(score.MutualInformation)}</td><td>{Html.Score(score.Order)}</td>"
                + $"<td>{Html.Score(score.DirectedOrder)}</td><td>{Html.Score(score.Edges)}</td><td>{Html.Score(score.DirectedEdges)}</td></tr>\n");
        }
        writer.Write("<tr class=\"plain\"><th>chance</th><td>\u2013</td><td>0.00</td><td>0.00</td><td>\u2013</td><td>0.00</td><td>\u2013</td><td>\u2013</td></tr>\n</tbody></table></div>\n");
    }

    private static void Networks(OrderResult result, TextWriter writer)
    {
        writer.Write("<div class=\"wide\"><table><caption>Networks</caption><thead><tr><th>network</th><th>checkpoints</th><th class=\"text\">from</th><th class=\"text\">to</th><th class=\"text\">forked from</th><th>direction</th><th>separation</th></tr></thead><tbody>\n");
        foreach (FoundTrajectory path in result.Trajectories.Take(MostListedNetworks))
        {
            writer.Write($"<tr{(path.HasDirection ? "" : " class=\"plain\"")}><th>{path.Number}</th><td>{Html.Count(path.Checkpoints)}</td><td class=\"text\">{Html.Escape(path.First)}</td><td class=\"text\">{Html.Escape(path.Last)}</td>"
                + $"<td class=\"text\">{Html.Escape(path.ForkOf ?? "")}</td><td>{(path.Direction is { } direction ? Html.Score(direction) : "\u2013")}{(path.HasDirection ? "" : ", cannot tell")}</td><td>{Html.Score(path.Separation)}</td></tr>\n");
        }
        writer.Write("</tbody></table></div>\n");
        if (result.Trajectories.Count > MostListedNetworks)
            writer.Write($"<p class=\"rule\">{Html.Count(result.Trajectories.Count - MostListedNetworks)} more networks are in the table and in <code>--json</code>.</p>\n");
    }

    private static void Methods(TextWriter writer) => ReportPage.Methods(writer,
    [
        ("Networks.", "Initial weights that are unrelated part families. Within a family checkpoints are linked to the one before them at the least sum of costs, so the number of networks is found and not asked for; what all contemporaries moved by is taken out (docs/order.md)."),
        ("Forks.", "A path that begins in the middle of its family is a fork of the checkpoint before it. Where paths part, the stem is that of the one with more forks, then of the longer one, then of the one that turns less."),
        ("Direction.", $"The mean of three rank correlations along a path: growing norm, growing kurtosis, shortening steps; from \u22121 to 1, below {Html.Score(FoundTrajectory.LeastDirection)} it cannot be told."),
        ("Separation.", "How much nearer a checkpoint\u2019s predecessor is than any checkpoint of another network: the median of (d(other) \u2212 d(own)) / max over a path\u2019s steps; 1 far apart, negative where networks stand closer than their steps are long."),
        ("Plane.", $"The first two principal components of the checkpoints, of {Html.Count(OrderProjection.MostFitted)} of them evenly taken where there are more; every checkpoint stands where it falls."),
    ], "The place of every checkpoint is in the table (<code>--out</code>) and in <code>--json</code>.");
}
