using System.Text;
using WeightSpace.Analysis.Lineage;

namespace WeightSpace.Analysis.Report;

/// <summary>The descent of models as one HTML page that holds everything it needs, in the manner of <see cref="HtmlReport"/>: no script, no network, well-formed XML.</summary>
public static class LineageReport
{
    private const int MostTrees = 30, MostDrawn = 300, MostLetters = 44;

    private const double Width = 760, Row = 17, Top = 12, Left = 12;

    private static readonly RelationKind[] s_kinds = [.. Enum.GetValues<RelationKind>()];

    /// <summary>Writes the page; the same result gives the same text.</summary>
    public static void Write(string title, IReadOnlyList<LineageResult> results, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(results);
        ArgumentNullException.ThrowIfNull(writer);
        ReportPage.Begin(writer, $"{title}: descent of models");
        ReportPage.Header(writer, "descent of models", title, $"{Html.Count(results.Sum(result => result.Models.Count))} models, {Html.Count(results.Sum(result => result.Trees))} trees, from the weights alone.");
        for (int i = 0; i < results.Count; i++)
            Group(results[i], $"g{i}", writer);
        Methods(writer);
        ReportPage.End(writer);
    }

    private static void Group(LineageResult result, string id, TextWriter writer)
    {
        writer.Write($"<section id=\"{id}\">\n<h2>{Html.Escape(result.Group)}</h2>\n<p class=\"lead\">{Html.Count(result.Models.Count)} models of {Html.Count(result.Parameters)} weights, {Html.Count(result.Trees)} trees.</p>\n");
        if (!result.KnowsUnits)
            ReportPage.Notes(writer, ["It is not known which hidden units may be reordered, so reordered copies are not found."]);
        ReportPage.Notes(writer, [.. result.LeftOut.Select(name => $"left out, for its weights are not finite: {name}")]);
        Scores(result, writer);
        IGrouping<int, FoundModel>[] trees = [.. result.Models.GroupBy(model => model.Tree).OrderBy(tree => tree.Key)];
        foreach (IGrouping<int, FoundModel> tree in trees.Where(tree => tree.Count() > 1).Take(MostTrees))
            writer.Write(Tree([.. tree], $"{id}-tree{tree.Key}"));
        FoundModel[] alone = [.. trees.Where(tree => tree.Count() == 1).Select(tree => tree.Single())];
        if (alone.Length > 0)
            writer.Write($"<p class=\"rule\">Related to no other: {Html.Escape(string.Join(", ", alone.Take(20).Select(model => model.Name)))}{(alone.Length > 20 ? $" and {Html.Count(alone.Length - 20)} more" : "")}.</p>\n");
        if (trees.Count(tree => tree.Count() > 1) > MostTrees)
            writer.Write($"<p class=\"rule\">{Html.Count(trees.Count(tree => tree.Count() > 1) - MostTrees)} more trees are in the table and in <code>--json</code>.</p>\n");
        writer.Write("</section>\n");
    }

    private static void Scores(LineageResult result, TextWriter writer)
    {
        if (result.Scores.Count == 0)
            return;
        LineageScores first = result.Scores[0].Scores;
        string Chance(double? value) => value is { } chance ? Html.Score(chance) : "\u2013";
        writer.Write($"<div class=\"wide\"><table><caption>Held against the truth <small>{Html.Count(first.Models)} models of {Html.Count(first.Trees)} trees; 95 % intervals over trees.</small></caption>"
            + "<thead><tr><th>method</th><th>trees</th><th>ARI of trees</th><th>edges placed</th><th>parents right</th><th>kinds right</th></tr></thead><tbody>\n");
        foreach (NamedLineageScores named in result.Scores)
        {
            LineageScores score = named.Scores;
            writer.Write($"<tr><th>{Html.Escape(named.Method)}</th><td>{Html.Count(score.Found)}</td><td>{Html.Score(score.AdjustedRand)}</td><td>{Html.Score(score.Placed)}</td><td>{Html.Score(score.Directed)}</td><td>{Html.Score(score.Kinds)}</td></tr>\n");
        }
        writer.Write($"<tr class=\"plain\"><th>chance</th><td>{Html.Count(first.Trees)}</td><td>0.00</td><td>{Chance(first.PlacedByChance)}</td><td>{Html.Score(first.DirectedByChance)}</td><td>{Chance(first.KindsByChance)}</td></tr>\n</tbody></table></div>\n");
    }

    /// <summary>One tree from left to right: parents before children, each model on a line of its own.</summary>
    private static string Tree(FoundModel[] models, string id)
    {
        ILookup<string?, FoundModel> children = models.ToLookup(model => model.Parent);
        var lines = new List<(FoundModel Model, int Depth)>();
        var left = new Stack<(FoundModel Model, int Depth)>(children[null].Reverse().Select(root => (root, 0)));
        while (lines.Count < MostDrawn && left.TryPop(out (FoundModel Model, int Depth) next))
        {
            lines.Add(next);
            foreach (FoundModel child in children[next.Model.Name].Reverse())
                left.Push((child, next.Depth + 1));
        }
        double step = Math.Min(60, 300.0 / Math.Max(1, lines.Max(line => line.Depth)));
        var at = lines.Select((line, index) => (line.Model.Name, X: Left + (step * line.Depth), Y: Top + (Row * index))).ToDictionary(place => place.Name, place => (place.X, place.Y));
        var svg = new StringBuilder();
        foreach ((FoundModel model, int _) in lines)
        {
            (double x, double y) = at[model.Name];
            string colour = model.Kind is { } kind ? $"m{Array.IndexOf(s_kinds, kind)}" : "plain";
            if (model.Parent is { } parent && at.TryGetValue(parent, out (double X, double Y) from))
                svg.Append($"<path class=\"curve thin {colour}{(model.Direction == true ? "" : " dashed")}\" d=\"M{Html.Pixel(from.X)},{Html.Pixel(from.Y)}V{Html.Pixel(y)}H{Html.Pixel(x)}\"/>");
            if (model.SecondParent is { } second && at.TryGetValue(second, out (double X, double Y) other))
                svg.Append($"<path class=\"curve thin dashed {colour}\" d=\"M{Html.Pixel(other.X)},{Html.Pixel(other.Y)}L{Html.Pixel(x)},{Html.Pixel(y)}\"/>");
        }
        foreach ((FoundModel model, int _) in lines)
        {
            (double x, double y) = at[model.Name];
            string colour = model.Kind is { } kind ? $"m{Array.IndexOf(s_kinds, kind)}" : "plain", name = model.Name.Length <= MostLetters ? model.Name : "\u2026" + model.Name[^MostLetters..];
            string words = model.Parent is null ? model.Siblings is null ? "" : "its parent is not among the models" : $"{Word(model.Kind)} {Html.Score((model.Direction == true ? model.Confidence : model.Placed) ?? 0)}{(model.Direction == true ? "" : ", cannot tell which is the parent")}";
            svg.Append($"<circle class=\"{(model.Reordered ? "ring" : "dot")} {colour}\" cx=\"{Html.Pixel(x)}\" cy=\"{Html.Pixel(y)}\" r=\"4\"/>");
            svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(x + 9)}\" y=\"{Html.Pixel(y + 4)}\">{Html.Escape(words.Length > 0 ? $"{name} \u00b7 {words}" : name)}</text>");
        }
        string text = $"A tree of {models.Length} models{(lines.Count < models.Length ? $", of which {lines.Count} are drawn" : "")}.";
        return Figure.Wrap(id, Width, Top + (Row * lines.Count), $"Tree {models[0].Tree}", text, svg.ToString(), Legend(models),
            $"{text} Each model hangs on its parent, on its left; the number is the confidence of that edge. Dashed lines: which of the two is the parent cannot be told, or the second parent of an average. Rings: hidden units stand in another order than in most of the tree.");
    }

    private static string Legend(FoundModel[] models) =>
        $"<p class=\"legend\">{string.Concat(s_kinds.Where(kind => models.Any(model => model.Kind == kind)).Select(kind => Figure.Key($"m{Array.IndexOf(s_kinds, kind)}", Word(kind))))}</p>";

    private static string Word(RelationKind? kind) => kind?.ToString().ToLowerInvariant() ?? "";

    private static void Methods(TextWriter writer) => ReportPage.Methods(writer,
    [
        ("Trees.", "Models are related where their cosine stands 7 standard deviations above that with hidden units reordered at random; reordered copies are aligned first (Ainsworth et al., arXiv 2209.04836)."),
        ("Changes without training.", "Pruned, quantised and averaged models are recognised exactly, noisy ones by a difference that is normal, alike in all tensors and rows."),
        ("Trained models.", "The shortest tree through them, with sets of siblings that moved alike taken as one; its root by growing norms, by steps that go on as they came, and by the number of orders in which the tree can have grown (Shah and Zaman, arXiv 0909.4370)."),
        ("Confidence.", "The mean probability of an edge over resamples of blocks of weights; of a change without training, one over the number of models that fit as its parent."),
    ]);
}
