using System.Globalization;

namespace WeightSpace.Analysis.Report;

/// <summary>The sections of a report about one architecture, in order, and the list of networks left out.</summary>
internal static class ReportSections
{
    private const int MostListedNetworks = 60;

    public static void Conclusions(ArchitectureAnalysis analysis, string prefix, TextWriter writer)
    {
        writer.Write($"<section id=\"{prefix}short\">\n<h2>In short</h2>\n");
        if (analysis.Conclusions.Count == 0)
            writer.Write("<p>The networks are all of one kind, and there are no twins among them: there is nothing to tell apart, and no question has an answer here.</p>\n");
        writer.Write("<ul class=\"conclusions\">\n");
        foreach (Conclusion conclusion in analysis.Conclusions)
        {
            writer.Write($"<li><span class=\"answer {conclusion.Answer}\">{conclusion.Answer}</span><div><h3>{Html.Escape(conclusion.Question)}</h3><p>{Html.Escape(conclusion.Text)}</p>"
                + $"<p class=\"rule\">{Html.Escape(conclusion.Rule)}</p></div></li>\n");
        }
        writer.Write("</ul>\n<p class=\"rule\">Brackets hold 95 % intervals. Each sentence was chosen by the fixed rule under it. They are about this zoo: its tasks, its architecture, its training.</p>\n");
        if (analysis.Notes.Count > 0)
            writer.Write($"<div class=\"note\"><ul>{string.Concat(analysis.Notes.Select(note => $"<li>{Html.Escape(note)}</li>"))}</ul></div>\n");
        writer.Write("</section>\n");
    }

    public static void Population(AnalysisResult result, ArchitectureAnalysis analysis, string prefix, TextWriter writer)
    {
        PointAnalysis[] points = [.. analysis.Points.Where(point => point.Losses.Count > 0)];
        PointAnalysis? last = points.LastOrDefault();
        writer.Write($"<section id=\"{prefix}zoo\">\n<h2>The networks</h2>\n<p>Every network here has the same shape ({Html.Escape(analysis.Layers)}) and was trained from a recipe. "
            + $"Networks of one class were trained on the same kind of data and differ in two numbers only: the seed of their initial weights ({Html.Count(analysis.InitSeeds)} different ones) and the seed of the data they saw ({Html.Count(analysis.DataSeeds)}). "
            + "Networks of different classes may share these seeds, which makes them twins: all that tells them apart is the class.</p>\n");
        writer.Write(TrainingFigures.Losses(analysis, prefix + "losses"));
        // Only where there was a loss to reach does it say anything how many reached it.
        bool hasThreshold = result.Population.Classes.Any(item => item.ReachedThreshold > 0);
        writer.Write($"<div class=\"wide\"><table><caption>Classes <small>Mean held-out loss with its 95 % interval{(last is null ? "" : $", {Html.Escape(last.Title)}")}.</small></caption><thead><tr><th>class</th><th>networks</th><th>finished</th>{(hasThreshold ? "<th>below the loss</th><th>budget ended</th>" : "")}<th>diverged</th><th>failed</th><th>analysed</th><th>held-out loss</th></tr></thead><tbody>\n");
        foreach (ClassCount item in result.Population.Classes)
        {
            Estimate? loss = last?.Losses.FirstOrDefault(loss => loss.Class == item.Class)?.EvalLoss;
            writer.Write($"<tr><th>{Html.Escape(item.Class)}</th><td>{Html.Count(item.Networks)}</td><td>{Html.Count(item.Finished)}</td>{(hasThreshold ? $"<td>{Html.Count(item.ReachedThreshold)}</td><td>{Html.Count(item.ReachedBudget)}</td>" : "")}<td>{Html.Count(item.Diverged)}</td><td>{Html.Count(item.Failed)}</td><td>{Html.Count(item.Analysed)}</td><td>{Html.Quantity(loss)}</td></tr>\n");
        }
        writer.Write("</tbody></table></div>\n</section>\n");
    }

    public static void Reading(ArchitectureAnalysis analysis, string prefix, TextWriter writer)
    {
        PointAnalysis point = analysis.Points[MainPoint(analysis)];
        writer.Write($"<section id=\"{prefix}reading\">\n<h2>Can the weights tell what a network learned?</h2>\n<p>If they can, a network can be judged without running it: by what data it saw, or whether those data were tampered with. "
            + "Here a classifier learns from the weights of some networks and is asked about others that start from initial weights it has never seen. "
            + $"The same weights are read in {analysis.Views.Count} ways:</p>\n<ul>");
        foreach (ViewSummary view in analysis.Views)
            writer.Write($"<li><b>{Html.Escape(view.Title)}</b> ({Html.Count(view.Features)} features). {Html.Escape(view.Explanation)}</li>\n");
        writer.Write("</ul>\n");
        writer.Write(TrainingFigures.Accuracies(analysis, prefix + "accuracies"));
        foreach (LabelingSummary labeling in analysis.Labelings)
            AccuracyTable(analysis, point, labeling, writer);
        if (analysis.Labelings.Count > 0)
        {
            writer.Write("<h3>How to read this</h3>\n<p>A score counts when its whole interval lies above chance, and above what the same procedure scores when the labels are shuffled. "
                + "Then look at the grey rows: when the norm of the weights or the losses alone do as well, the classifier may have learned no more than that. "
                + "A comparison at matched steps keeps the length of training from giving the class away. \u201cBoth losses\u201d adds the loss on the last training batch, which networks with the same data seed share.</p>\n");
            Confusion(analysis, point, writer);
        }
        PointAnalysis[] others = [.. analysis.Points.Where(other => other != point)];
        if (others.Length > 0 && analysis.Labelings.Count > 0)
            OtherMoments(analysis, others, writer);
        Layers(analysis, point, writer);
        writer.Write(LearningFigure.Draw(analysis, prefix + "learning"));
        writer.Write("</section>\n");
    }

    public static void Structure(ArchitectureAnalysis analysis, string prefix, TextWriter writer)
    {
        PointAnalysis point = analysis.Points[MainPoint(analysis)];
        writer.Write($"<section id=\"{prefix}structure\">\n<h2>Do networks cluster by themselves?</h2>\n<p>A classifier is told the answers while it learns. A cluster is found without them: if networks that learned the same thing lie close together, "
            + "a folder of unlabelled networks can be sorted. Three methods are given the number of groups and nothing else; the adjusted Rand index (ARI) and the adjusted mutual information (AMI) then compare their groups with the labels. Both are 0 for chance and 1 for full agreement.</p>\n");
        writer.Write(StructureFigures.Components(analysis, point, prefix + "components"));
        foreach (ViewAtPoint view in point.Views.Where(view => view.Note is not null))
            writer.Write($"<div class=\"note\"><p>{Html.Escape(ViewTitle(analysis, view.View))}: {Html.Escape(view.Note!)}</p></div>\n");
        if (point.Views.Any(view => view.Clusterings.Count > 0))
        {
            writer.Write($"<div class=\"wide\"><table><caption>Agreement of clusters with labels <small>{Html.Escape(point.Title)}; score [95 % interval]; chance is 0.</small></caption><thead><tr><th>labels</th><th class=\"text\">view</th><th class=\"text\">method</th><th>clusters</th><th>ARI</th><th>AMI</th></tr></thead><tbody>\n");
            foreach (LabelingSummary labeling in analysis.Labelings)
            {
                bool first = true;
                foreach (ViewAtPoint view in point.Views)
                {
                    foreach (ClusteringScore score in view.Clusterings.Where(score => score.Labeling == labeling.Name))
                    {
                        writer.Write($"<tr{(first ? " class=\"first\"" : "")}><th>{(first ? Html.Escape(labeling.Name) : "")}</th><td class=\"text\">{Html.Escape(ViewTitle(analysis, view.View))}</td><td class=\"text\">{Method(score.Method)}</td><td>{score.Clusters}</td><td>{Html.Score(score.AdjustedRand)}</td><td>{Html.Score(score.AdjustedMutualInformation)}</td></tr>\n");
                        first = false;
                    }
                }
            }
            writer.Write("</tbody></table></div>\n");
            writer.Write("<div class=\"wide\"><table><caption>Silhouette of the labels <small>1: each network is far closer to its own group than to any other; 0 or below: groups overlap.</small></caption><thead><tr><th>labels</th>"
                + string.Concat(point.Views.Select(view => $"<th>{Html.Escape(ViewTitle(analysis, view.View))}</th>")) + "</tr></thead><tbody>\n");
            foreach (LabelingSummary labeling in analysis.Labelings)
                writer.Write($"<tr><th>{Html.Escape(labeling.Name)}</th>{string.Concat(point.Views.Select(view => $"<td>{Html.Score(view.Silhouettes.FirstOrDefault(score => score.Labeling == labeling.Name)?.Silhouette)}</td>"))}</tr>\n");
            writer.Write("</tbody></table></div>\n");
        }
        foreach (ViewAtPoint view in point.Views)
            writer.Write(StructureFigures.Tree(analysis, point, view, $"{prefix}tree-{view.View}"));
        writer.Write("<h3>How to read this</h3>\n<p>Raw weights of networks with different initial weights differ mostly by where they started and by the order of their hidden units, which says nothing about what they learned. "
            + "Views that ignore that order can show groups that raw weights hide. The intervals say how the score depends on which networks were grown, not how stable the clusters are.</p>\n</section>\n");
    }

    public static void NotAnalysed(PopulationSummary population, TextWriter writer)
    {
        writer.Write("<section id=\"left-out\">\n<h2>What was left out</h2>\n");
        if (population.NotAnalysed.Count == 0)
        {
            writer.Write("<p>Nothing: every network of the zoo finished and is in every score above.</p>\n</section>\n");
            return;
        }
        writer.Write($"<p>{Html.Count(population.NotAnalysed.Count)} of {Html.Count(population.Networks)} networks are in no score. A population of survivors is a biased one: where a class lost many, its scores are about the kind of network that survives.</p>\n");
        writer.Write("<div class=\"wide\"><table><caption>Networks by status</caption><thead><tr><th>network</th><th class=\"text\">class</th><th>initial seed</th><th>data seed</th><th class=\"text\">status</th><th class=\"text\">reason</th><th>steps</th></tr></thead><tbody>\n");
        foreach (NetworkNote note in population.NotAnalysed.Take(MostListedNetworks))
            writer.Write($"<tr><th><code>{Html.Escape(note.Id.Length > 12 ? note.Id[..12] : note.Id)}</code></th><td class=\"text\">{Html.Escape(note.Class)}</td><td>{note.InitSeed}</td><td>{note.DataSeed}</td><td class=\"text\">{Html.Escape(note.Status)}</td><td class=\"text\">{Html.Escape(note.Reason)}</td><td>{Html.Count(note.Steps)}</td></tr>\n");
        writer.Write("</tbody></table></div>\n");
        if (population.NotAnalysed.Count > MostListedNetworks)
            writer.Write($"<p>{Html.Count(population.NotAnalysed.Count - MostListedNetworks)} more are listed in <code>analysis.json</code>.</p>\n");
        writer.Write("</section>\n");
    }

    /// <summary>The moment that the conclusions and the tables are about: the last matched step, else the end.</summary>
    internal static int MainPoint(ArchitectureAnalysis analysis) =>
        analysis.Points.ToList().FindLastIndex(point => point.Step is not null) is >= 0 and int last ? last : analysis.Points.Count - 1;

    internal static string ViewTitle(ArchitectureAnalysis analysis, string name) =>
        analysis.Views.FirstOrDefault(view => view.Name == name)?.Title ?? name switch { "norm" => "norm of the weights alone", "steps" => "number of steps alone", "eval_loss" => "held-out loss alone", "losses" => "both losses alone", _ => name };

    private static void AccuracyTable(ArchitectureAnalysis analysis, PointAnalysis point, LabelingSummary labeling, TextWriter writer)
    {
        ClassificationScore[] scores = [.. point.Views.SelectMany(view => view.Classifications).Concat(point.Confounds).Where(score => score.Labeling == labeling.Name)];
        double best = scores.Take(scores.Length - point.Confounds.Count(score => score.Labeling == labeling.Name)).Max(score => score.Accuracy?.Value ?? -1);
        writer.Write($"<div class=\"wide\"><table><caption>Accuracy: {Html.Escape(labeling.Title)} <small>{Html.Escape(point.Title)}; {labeling.Values.Count} groups; chance {Html.Score(labeling.Chance)} (always naming the largest).</small></caption><thead><tr><th>what it sees</th><th class=\"text\">classifier</th><th>accuracy</th></tr></thead><tbody>\n");
        foreach (ClassificationScore score in scores)
        {
            bool plain = point.Confounds.Contains(score);
            string style = plain ? " class=\"plain\"" : score.Accuracy?.Value == best ? " class=\"best\"" : "";
            writer.Write($"<tr{style}><th>{Html.Escape(ViewTitle(analysis, score.Features))}</th><td class=\"text\">{Classifier(score.Classifier)}</td><td>{Html.Score(score.Accuracy)}</td></tr>\n");
        }
        if (scores.FirstOrDefault(score => score.Permuted is not null) is { Permuted: { } permuted } shuffled)
        {
            writer.Write($"<tr class=\"plain\"><th>shuffled labels, {permuted.Permutations} times</th><td class=\"text\">{Classifier(shuffled.Classifier)} on {Html.Escape(ViewTitle(analysis, shuffled.Features))}</td>"
                + $"<td>{Html.Score(permuted.Mean)}, 95th percentile {Html.Score(permuted.Percentile95)}, p = {Html.PValue(permuted.PValue)}</td></tr>\n");
        }
        writer.Write("</tbody></table></div>\n");
        foreach (string note in scores.Select(score => score.Note).OfType<string>().Distinct())
            writer.Write($"<div class=\"note\"><p>{Html.Escape(note)}</p></div>\n");
    }

    /// <summary>Which groups the best classifier of the first labeling with several groups mixes up.</summary>
    private static void Confusion(ArchitectureAnalysis analysis, PointAnalysis point, TextWriter writer)
    {
        LabelingSummary labeling = analysis.Labelings.FirstOrDefault(item => item.Name == "class") ?? analysis.Labelings[0];
        ClassificationScore? best = point.Views.SelectMany(view => view.Classifications).Where(score => score.Labeling == labeling.Name && score.Accuracy is not null).MaxBy(score => score.Accuracy!.Value);
        if (best?.Confusion is not { } confusion)
            return;
        if (confusion.Count > Figure.MostListed)
        {
            FrequentConfusions(analysis, point, labeling, best, confusion, writer);
            return;
        }
        writer.Write($"<div class=\"wide\"><table class=\"confusion\"><caption>Who is taken for whom <small>{Html.Escape(point.Title)}, {Classifier(best.Classifier)} on {Html.Escape(ViewTitle(analysis, best.Features))}, the best for the {Html.Escape(labeling.Name)}. Rows: what a network is; columns: what it is called.</small></caption><thead><tr><th></th>"
            + string.Concat(labeling.Values.Select((_, index) => $"<th>{index + 1}</th>")) + "</tr></thead><tbody>\n");
        for (int row = 0; row < confusion.Count; row++)
        {
            int total = Math.Max(1, confusion[row].Sum());
            writer.Write($"<tr><th>{row + 1} {Html.Escape(labeling.Values[row])}</th>");
            for (int column = 0; column < confusion.Count; column++)
            {
                int count = confusion[row][column];
                string shade = (60.0 * count / total).ToString("0", CultureInfo.InvariantCulture);
                writer.Write($"<td{(row == column ? " class=\"hit\"" : "")} style=\"background: color-mix(in srgb, var(--c0) {shade}%, transparent)\">{count}</td>");
            }
            writer.Write("</tr>\n");
        }
        writer.Write("</tbody></table></div>\n");
    }

    /// <summary>A table of all pairs of a hundred groups would be ten thousand numbers, nearly all 0: the pairs that are mixed up most.</summary>
    private static void FrequentConfusions(
        ArchitectureAnalysis analysis, PointAnalysis point, LabelingSummary labeling, ClassificationScore best, IReadOnlyList<IReadOnlyList<int>> confusion, TextWriter writer)
    {
        var pairs = (from row in Enumerable.Range(0, confusion.Count)
                     from column in Enumerable.Range(0, confusion.Count)
                     where row != column && confusion[row][column] > 0
                     orderby confusion[row][column] descending, row, column
                     select (row, column)).ToList();
        if (pairs.Count == 0)
        {
            writer.Write($"<p>{Html.Escape(point.Title)}: the {Classifier(best.Classifier)} on {Html.Escape(ViewTitle(analysis, best.Features))} takes no network for one of another {Html.Escape(labeling.Name)}.</p>\n");
            return;
        }
        writer.Write($"<div class=\"wide\"><table><caption>Who is most often taken for whom <small>{Html.Escape(point.Title)}, {Classifier(best.Classifier)} on {Html.Escape(ViewTitle(analysis, best.Features))}, the best for the {Html.Escape(labeling.Name)}. "
            + $"{Html.Count(pairs.Sum(pair => confusion[pair.row][pair.column]))} of {Html.Count(confusion.Sum(row => row.Sum()))} networks are taken for another group; <code>analysis.json</code> has all {confusion.Count} groups.</small></caption><thead><tr><th>what it is</th><th class=\"text\">what it is called</th><th>networks</th><th>of</th></tr></thead><tbody>\n");
        foreach ((int row, int column) in pairs.Take(Figure.MostListed))
            writer.Write($"<tr><th>{Html.Escape(labeling.Values[row])}</th><td class=\"text\">{Html.Escape(labeling.Values[column])}</td><td>{Html.Count(confusion[row][column])}</td><td>{Html.Count(confusion[row].Sum())}</td></tr>\n");
        writer.Write("</tbody></table></div>\n");
    }

    private static void OtherMoments(ArchitectureAnalysis analysis, PointAnalysis[] others, TextWriter writer)
    {
        writer.Write("<div class=\"wide\"><table><caption>The same at other moments <small>Accuracy [95 % interval].</small></caption><thead><tr><th>labels</th><th class=\"text\">what it sees</th><th class=\"text\">classifier</th>"
            + string.Concat(others.Select(point => $"<th>{Html.Escape(point.Title)}</th>")) + "</tr></thead><tbody>\n");
        foreach (LabelingSummary labeling in analysis.Labelings)
        {
            bool first = true;
            foreach (var (features, classifier) in others.SelectMany(Scores).Where(score => score.Labeling == labeling.Name).Select(score => (score.Features, score.Classifier)).Distinct())
            {
                writer.Write($"<tr{(first ? " class=\"first\"" : "")}><th>{(first ? Html.Escape(labeling.Name) : "")}</th><td class=\"text\">{Html.Escape(ViewTitle(analysis, features))}</td><td class=\"text\">{Classifier(classifier)}</td>"
                    + string.Concat(others.Select(point => $"<td>{Html.Score(Scores(point).FirstOrDefault(score => score.Labeling == labeling.Name && score.Features == features && score.Classifier == classifier)?.Accuracy)}</td>")) + "</tr>\n");
                first = false;
            }
        }
        writer.Write("</tbody></table></div>\n");
        foreach (string note in others.SelectMany(Scores).Select(score => score.Note).OfType<string>().Distinct())
            writer.Write($"<div class=\"note\"><p>\u2013 {Html.Escape(note)}</p></div>\n");

        static IEnumerable<ClassificationScore> Scores(PointAnalysis point) => point.Views.SelectMany(view => view.Classifications).Concat(point.Confounds);
    }

    private static void Layers(ArchitectureAnalysis analysis, PointAnalysis point, TextWriter writer)
    {
        if (analysis.LayerScores.Count == 0)
            return;
        string labeling = analysis.LayerScores[0].Labeling;
        string[] views = [.. analysis.LayerScores.Select(score => score.View).Distinct()];
        writer.Write($"<div class=\"wide\"><table><caption>Layer by layer: {Html.Escape(analysis.Labelings.First(item => item.Name == labeling).Title)} <small>{Html.Escape(point.Title)}; accuracy of a linear classifier that sees one layer alone [95 % interval]; chance {Html.Score(analysis.LayerScores[0].Chance)}.</small></caption><thead><tr><th>layer</th><th class=\"text\">kind</th>"
            + string.Concat(views.Select(view => $"<th>{Html.Escape(ViewTitle(analysis, view))}</th>")) + "</tr></thead><tbody>\n");
        foreach (var layer in analysis.LayerScores.GroupBy(score => (score.Layer, score.Type)))
            writer.Write($"<tr><th>{Html.Escape(layer.Key.Layer)}</th><td class=\"text\">{Html.Escape(layer.Key.Type)}</td>{string.Concat(views.Select(view => $"<td>{Html.Score(layer.FirstOrDefault(score => score.View == view)?.Accuracy)}</td>"))}</tr>\n");
        writer.Write("</tbody></table></div>\n");
    }

    private static string Classifier(string name) => name == "forest" ? "random forest" : name;

    private static string Method(string name) => name switch { "ward" => "Ward", "average" => "average linkage", _ => Html.Escape(name) };
}
