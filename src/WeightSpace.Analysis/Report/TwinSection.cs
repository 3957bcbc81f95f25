namespace WeightSpace.Analysis.Report;

/// <summary>The section about twins.</summary>
internal static class TwinSection
{
    public static void Write(ArchitectureAnalysis analysis, string prefix, TextWriter writer)
    {
        DivergenceAnalysis twins = analysis.Divergence;
        writer.Write($"<section id=\"{prefix}twins\">\n<h2>Does a small change of the data leave a trace?</h2>\n<p>Twins start from the same initial weights. If one of them sees slightly changed data, their weights drift apart although their loss is the same. "
            + "That alone proves little, because networks drift apart also when they see another random draw of the very same data. So each comparison here stands beside that control.</p>\n");
        if (twins.Notes.Count > 0)
            writer.Write($"<div class=\"note\"><ul>{string.Concat(twins.Notes.Select(note => $"<li>{Html.Escape(note)}</li>"))}</ul></div>\n");
        if (twins.Kinds.Count > 0 && twins.Views.Any(view => view.Distances.Count > 0))
        {
            writer.Write("<ul>");
            foreach (PairKind kind in twins.Kinds)
                writer.Write($"<li><b>{Html.Escape(kind.Title)}</b> ({Html.Count(kind.Pairs)} {(kind.Name == "moved" ? "networks" : "pairs")}). {Html.Escape(kind.Explanation)}</li>\n");
            writer.Write("</ul>\n");
            writer.Write(DivergenceFigures.Distances(analysis, prefix + "distances"));
            writer.Write(DivergenceFigures.RatiosAndDirections(analysis, prefix + "ratios"));
            Distances(analysis, writer);
            Ratios(analysis, writer);
            Directions(analysis, writer);
            Tests(analysis, writer);
            writer.Write(PowerFigure.Draw(analysis, prefix + "power"));
            Power(analysis, writer);
            if (!IsListed(analysis, ""))
                writer.Write("<p>The numbers of each machine by itself are in <code>analysis.json</code>.</p>\n");
            writer.Write("<h3>How to read this</h3>\n<p>A ratio of 1 means that the change of the data moves a network just as far as chance does. The paired test asks whether the difference in distance has one sign over initial seeds; it is not corrected for looking at many steps. "
                + "A common direction is the stronger sign: chance moves each network its own way, so displacements of different networks have a mean cosine of 0. "
                + "In views of statistics a common direction can also come from weights that merely grow more; the control beside it grows by its own draws only.</p>\n");
        }
        writer.Write("</section>\n");
    }

    private static void Distances(ArchitectureAnalysis analysis, TextWriter writer)
    {
        writer.Write("<div class=\"wide\"><table><caption>Mean distance of twins <small>At the last step that all networks in the row have; mean [95 % interval over initial seeds]. Raw weights in their own unit, other views in standard deviations.</small></caption><thead><tr><th>machine</th><th class=\"text\">pairs</th><th>step</th>"
            + string.Concat(analysis.Divergence.Views.Select(view => $"<th>{Html.Escape(ReportSections.ViewTitle(analysis, view.View))}</th>")) + "</tr></thead><tbody>\n");
        var rows = analysis.Divergence.Views.SelectMany(view => view.Distances).Select(curve => (curve.Machine, curve.Kind)).Distinct();
        foreach (var group in rows.Where(row => IsListed(analysis, row.Machine)).GroupBy(row => row.Machine))
        {
            bool first = true;
            foreach ((string machine, string kind) in group)
            {
                DistanceAt?[] cells = [.. analysis.Divergence.Views.Select(view => view.Distances.FirstOrDefault(curve => curve.Machine == machine && curve.Kind == kind)?.Points[^1])];
                writer.Write($"<tr{(first ? " class=\"first\"" : "")}><th>{(first ? Machine(machine) : "")}</th><td class=\"text\">{Html.Escape(Title(analysis, kind))}</td><td>{Html.Count(cells.OfType<DistanceAt>().First().Step)}</td>"
                    + string.Concat(cells.Select(cell => $"<td>{Html.Quantity(cell?.Distance)}</td>")) + "</tr>\n");
                first = false;
            }
        }
        writer.Write("</tbody></table></div>\n");
    }

    private static void Ratios(ArchitectureAnalysis analysis, TextWriter writer)
    {
        var rows = analysis.Divergence.Views.SelectMany(view => view.Ratios.Select(curve => (view.View, Curve: curve, Last: curve.Points[^1]))).ToList();
        if (rows.Count == 0)
            return;
        writer.Write("<div class=\"wide\"><table><caption>Changed data against another draw <small>Last step; ratio of mean distances [95 % interval], paired sign-flip test over initial seeds.</small></caption><thead><tr><th>machine</th><th class=\"text\">change</th><th class=\"text\">view</th><th>step</th><th>initial seeds</th><th>ratio</th><th>difference</th><th>p</th></tr></thead><tbody>\n");
        foreach (var group in rows.Where(row => IsListed(analysis, row.Curve.Machine)).GroupBy(row => (row.Curve.Machine, row.Curve.Kind)))
        {
            bool first = true;
            foreach ((string view, RatioCurve curve, RatioAt last) in group)
            {
                writer.Write($"<tr{(first ? " class=\"first\"" : "")}><th>{(first ? Machine(curve.Machine) : "")}</th><td class=\"text\">{(first ? Html.Escape(curve.Kind) : "")}</td><td class=\"text\">{Html.Escape(ReportSections.ViewTitle(analysis, view))}</td><td>{Html.Count(last.Step)}</td><td>{last.InitSeeds}</td><td>{Html.Score(last.Ratio)}</td><td>{Html.Quantity(last.Difference)}</td><td>{Html.PValue(last.PValue)}</td></tr>\n");
                first = false;
            }
        }
        writer.Write("</tbody></table></div>\n");
    }

    private static void Directions(ArchitectureAnalysis analysis, TextWriter writer)
    {
        var rows = analysis.Divergence.Views.SelectMany(view => view.Directions.Select(curve => (curve.Machine, curve.Kind))).Distinct().ToList();
        if (rows.Count == 0)
            return;
        writer.Write("<div class=\"wide\"><table><caption>Common direction <small>Last step; mean cosine between displacements of different initial seeds [95 % interval]; chance is 0.</small></caption><thead><tr><th>machine</th><th class=\"text\">displacement</th><th>step</th>"
            + string.Concat(analysis.Divergence.Views.Select(view => $"<th>{Html.Escape(ReportSections.ViewTitle(analysis, view.View))}</th>")) + "</tr></thead><tbody>\n");
        foreach (var group in rows.Where(row => IsListed(analysis, row.Machine)).GroupBy(row => row.Machine))
        {
            bool first = true;
            foreach ((string machine, string kind) in group)
            {
                DirectionAt?[] cells = [.. analysis.Divergence.Views.Select(view => view.Directions.FirstOrDefault(curve => curve.Machine == machine && curve.Kind == kind)?.Points[^1])];
                writer.Write($"<tr{(first ? " class=\"first\"" : "")}><th>{(first ? Machine(machine) : "")}</th><td class=\"text\">{Html.Escape(Title(analysis, kind))}</td><td>{Html.Count(cells.OfType<DirectionAt>().First().Step)}</td>"
                    + string.Concat(cells.Select(cell => $"<td>{Html.Score(cell?.Cosine)}</td>")) + "</tr>\n");
                first = false;
            }
        }
        writer.Write("</tbody></table></div>\n");
    }

    private static void Tests(ArchitectureAnalysis analysis, TextWriter writer)
    {
        if (analysis.Divergence.Tests.Count == 0)
            return;
        string[] views = [.. analysis.Divergence.Tests.Select(test => test.View).Distinct()];
        writer.Write($"<div class=\"wide\"><table><caption>Can changed data be told from chance? <small>{Html.Escape(analysis.Points[ReportSections.MainPoint(analysis)].Title)}; effect, p; in brackets the same test where there is nothing to find.</small></caption><thead><tr><th>machine</th><th class=\"text\">change</th><th class=\"text\">test</th><th>networks</th>"
            + string.Concat(views.Select(view => $"<th>{Html.Escape(ReportSections.ViewTitle(analysis, view))}</th>")) + "</tr></thead><tbody>\n");
        foreach (var machine in analysis.Divergence.Tests.GroupBy(test => test.Machine))
        {
            bool first = true;
            foreach (var row in machine.GroupBy(test => (test.Kind, test.Test)))
            {
                writer.Write($"<tr{(first ? " class=\"first\"" : "")}><th>{(first ? Html.Escape(machine.Key) : "")}</th><td class=\"text\">{Html.Escape(row.Key.Kind)}</td><td class=\"text\">{TestTitle(row.Key.Test)}</td><td>{row.First().Networks}</td>"
                    + string.Concat(views.Select(view => row.FirstOrDefault(test => test.View == view) is { } test ? $"<td>{Score(test.Result)}{(test.Control is { } control ? $" [{Score(control)}]" : "")}</td>" : "<td>\u2013</td>")) + "</tr>\n");
                first = false;
            }
        }
        writer.Write("</tbody></table></div>\n<p class=\"rule\">Twins: the mean cosine between displacements of different initial seeds. Energy: the coefficient of inhomogeneity of two groups that share no initial seed, 0 for equal distributions. "
            + "Classifier: the accuracy of a linear classifier that learned from half of each group. No p is corrected for the number of tests.</p>\n");
    }

    private static void Power(ArchitectureAnalysis analysis, TextWriter writer)
    {
        if (analysis.Divergence.Power.Count == 0)
            return;
        int[] sizes = [.. analysis.Divergence.Power.SelectMany(curve => curve.Points).Select(point => point.Networks).Distinct().Order()];
        PowerCurve any = analysis.Divergence.Power[0];
        writer.Write($"<div class=\"wide\"><table><caption>Power by the number of networks <small>Share of {any.Draws} random choices of networks in which the test finds the change at p \u2264 {any.Level}; in brackets its false alarms on the control.</small></caption><thead><tr><th>machine</th><th class=\"text\">change</th><th class=\"text\">test</th><th class=\"text\">view</th>"
            + string.Concat(sizes.Select(size => $"<th>{size}</th>")) + "</tr></thead><tbody>\n");
        foreach (PowerCurve curve in analysis.Divergence.Power)
        {
            writer.Write($"<tr><th>{Html.Escape(curve.Machine)}</th><td class=\"text\">{Html.Escape(curve.Kind)}</td><td class=\"text\">{TestTitle(curve.Test)}</td><td class=\"text\">{Html.Escape(ReportSections.ViewTitle(analysis, curve.View))}</td>"
                + string.Concat(sizes.Select(size => curve.Points.FirstOrDefault(point => point.Networks == size) is { } point ? $"<td>{Html.Score(point.Power.Value)}{(point.FalseAlarms is { } alarms ? $" [{Html.Score(alarms.Value)}]" : "")}</td>" : "<td>\u2013</td>")) + "</tr>\n");
        }
        writer.Write("</tbody></table></div>\n");
    }

    private static string Score(TestScore score) => $"{Html.Score(score.Effect)}, {Html.PValue(score.PValue)}";

    internal static string TestTitle(string test) => test switch { "twins" => "twins, shared direction", "energy" => "groups, energy distance", _ => "groups, classifier" };

    /// <summary>Of many machines only all together are shown.</summary>
    private static bool IsListed(ArchitectureAnalysis analysis, string machine) => machine == "all" || Figure.MachineColours(analysis).Count <= Figure.MostListed;

    private static string Machine(string name) => name == "all" ? "all machines" : Html.Escape(name);

    private static string Title(ArchitectureAnalysis analysis, string kind) => analysis.Divergence.Kinds.First(item => item.Name == kind).Title;
}
