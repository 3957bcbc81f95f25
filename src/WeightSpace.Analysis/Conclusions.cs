using System.Globalization;
using WeightSpace.Analysis.Divergence;
using WeightSpace.Analysis.Trojans;

namespace WeightSpace.Analysis;

/// <summary>
/// The sentences at the top of a report. Each follows from numbers by a fixed rule that is printed beside it; a rule that is not met gives
/// the negative sentence, not silence. All are about the last matched step, where all networks have trained for as long; without one, about
/// the end.
/// </summary>
internal static class Conclusions
{
    /// <summary>Below this adjusted Rand index clusters are not called clusters, however narrow the interval.</summary>
    private const double SomeAgreement = 0.05;

    /// <summary>From this adjusted Rand index on, most pairs of networks are grouped as their labels say.</summary>
    private const double ClearAgreement = 0.5;

    /// <summary>From this area under the ROC curve on a detector is called one.</summary>
    private const double ClearDetection = 0.75;

    private const double Significance = 0.05;

    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    /// <summary>The index of the moment that conclusions are about: the last matched step, else the end.</summary>
    public static int MomentOf(IReadOnlyList<Moment> moments) => moments.ToList().FindLastIndex(moment => moment.Step is not null) is >= 0 and int last ? last : moments.Count - 1;

    /// <summary>Whether a conclusion is drawn about a labeling: the variant, and the first of the others.</summary>
    public static bool IsAskedAbout(string labeling, IEnumerable<string> labelings) => labeling == "variant" || labeling == Main(labelings);

    public static IReadOnlyList<Conclusion> Draw(
        IReadOnlyList<LabelingSummary> labelings, IReadOnlyList<ViewSummary> views, IReadOnlyList<PointAnalysis> points, DivergenceAnalysis divergence, DetectionScore? detection)
    {
        var drawn = new List<Conclusion>();
        PointAnalysis point = points.LastOrDefault(point => point.Step is not null) ?? points[^1];
        string when = $"At {point.Title}";
        LabelingSummary? main = labelings.FirstOrDefault(labeling => labeling.Name == Main(labelings.Select(labeling => labeling.Name)));
        if (main is not null)
        {
            drawn.Add(Read(main, views, point, when, $"Can the weights tell which {main.Name} a network learned?", $"names the {main.Name}", $"which {main.Name} it learned"));
            drawn.Add(Cluster(main, views, point, when));
        }
        if (labelings.FirstOrDefault(labeling => labeling.Name == "variant") is { } variant)
            drawn.Add(Read(variant, views, point, when, "Can the weights tell changed training data from clean?", "tells changed from clean", "whether its training data were changed"));
        foreach (PairKind kind in divergence.Kinds.Where(kind => TwinPairs.IsChange(kind.Name)))
        {
            if (Further(kind, divergence) is { } further)
                drawn.Add(further);
            if (Direction(kind, views, divergence) is { } direction)
                drawn.Add(direction);
        }
        if (detection is not null)
            drawn.Add(Detect(detection));
        return drawn;
    }

    private static string? Main(IEnumerable<string> labelings) => labelings.FirstOrDefault(labeling => labeling != "variant");

    private static Conclusion Read(
        LabelingSummary labeling, IReadOnlyList<ViewSummary> views, PointAnalysis point, string when, string question, string does, string fact)
    {
        const string rule = "By the best accuracy over views and classifiers; it counts when the lower bound of its interval, widened for the number of tries, is above chance and above "
            + "the 95th percentile of the same procedure's accuracies on shuffled labels. Yes: it counts, is at least half-way from chance to 1, and no plain number's accuracy reaches its interval; partly: it counts only; no: it does not count.";
        string id = $"read-{labeling.Name}";
        var scores = point.Views.SelectMany(view => view.Classifications).Where(score => score.Labeling == labeling.Name && score.Accuracy is not null).ToList();
        if (scores.Count == 0)
            return new Conclusion(id, question, "open", $"Whether a network's weights tell {fact} could not be tested.", $"This could not be tested. {point.Views.SelectMany(view => view.Classifications).FirstOrDefault(score => score.Labeling == labeling.Name)?.Note}", rule);
        ClassificationScore best = scores.MaxBy(score => score.Accuracy!.Value)!;
        string baseline = best.Permuted is { } permuted ? $", and {permuted.Permutations} runs of the same procedure on shuffled labels gave {Percent(permuted.Mean)} on average, {Percent(permuted.Percentile95)} at their 95th percentile" : "";
        string reading = $"the {Classifier(best)} on {Title(views, best.Features)} {does} of {Percent(best.Accuracy!.Value)} {Range(best.Accuracy)} of networks that it has not seen; chance is {Percent(best.Chance)}{baseline}";
        ClassificationScore? raw = scores.Where(score => score.Features == "raw").MaxBy(score => score.Accuracy!.Value);
        string contrast = raw is null || best.Features == "raw" ? "" : $" On the raw weights the best is {Percent(raw.Accuracy!.Value)} {Range(raw.Accuracy)}.";
        ClassificationScore? plain = point.Confounds.Where(score => score.Labeling == labeling.Name && score.Accuracy is not null).MaxBy(score => score.Accuracy!.Value);
        bool isPlain = plain is not null && plain.Accuracy!.Value >= best.Accuracy!.Low;
        string confound = plain is null ? ""
            : isPlain ? $" But {PlainName(plain.Features)} alone give{(plain.Features == "losses" ? "" : "s")} {Percent(plain.Accuracy!.Value)} {Range(plain.Accuracy)}, so this is no evidence that the pattern of the weights says more than that."
            : $" Of the plain numbers beside the weights, {PlainName(plain.Features)} alone give{(plain.Features == "losses" ? "" : "s")} the most: {Percent(plain.Accuracy!.Value)} {Range(plain.Accuracy)}.";
        string plainShort = plain is null ? "" : $"; {PlainName(plain.Features)} alone, {Percent(plain.Accuracy!.Value)} {Range(plain.Accuracy)}";
        string shortNumbers = $"{Percent(best.Accuracy!.Value)} {Range(best.Accuracy)} of unseen networks, chance {Percent(best.Chance)}{plainShort}";
        if (!IsSupported(best))
            return new Conclusion(id, question, "no", $"A network's weights were not shown to tell {fact}: at best {shortNumbers}.", $"{when}, not with the methods here: the best of {scores.Count} tries, {reading}. That does not stand clear of chance.", rule);
        bool strong = best.Accuracy!.Value >= (1 + best.Chance) / 2;
        return new Conclusion(id, question, strong && !isPlain ? "yes" : "partly",
            $"A network's weights tell {fact}{(isPlain ? ", but no better than its losses or norm do" : "")}: {shortNumbers}.", $"{when}, {reading} (the best of {scores.Count} tries).{contrast}{confound}", rule);
    }

    private static Conclusion Cluster(LabelingSummary labeling, IReadOnlyList<ViewSummary> views, PointAnalysis point, string when)
    {
        string question = $"Do networks of one {labeling.Name} cluster by themselves?";
        const string rule = "By the highest adjusted Rand index (ARI) of k-means, Ward and average linkage in any view. Yes: the lower bound of its interval is at least 0.5; "
            + "partly: above 0.05; no: otherwise. Chance is 0, full agreement 1.";
        var scores = point.Views.SelectMany(view => view.Clusterings.Where(score => score.Labeling == labeling.Name).Select(score => (View: view.View, Score: score))).ToList();
        if (scores.Count == 0)
            return new Conclusion("cluster", question, "open", "Whether networks cluster by themselves could not be tested.", $"This could not be tested. {point.Views.FirstOrDefault()?.Note}", rule);
        var best = scores.MaxBy(pair => pair.Score.AdjustedRand.Value);
        double low = best.Score.AdjustedRand.Low ?? double.NegativeInfinity;
        string answer = low >= ClearAgreement ? "yes" : low > SomeAgreement ? "partly" : "no";
        var raw = scores.Where(pair => pair.View == "raw").ToList();
        string rawText = "", rawShort = "";
        if (raw.Count > 0)
        {
            var bestRaw = raw.MaxBy(pair => pair.Score.AdjustedRand.Value);
            string does = (bestRaw.Score.AdjustedRand.Low ?? double.NegativeInfinity) >= ClearAgreement ? "cluster clearly"
                : (bestRaw.Score.AdjustedRand.Low ?? double.NegativeInfinity) > SomeAgreement ? "cluster to some degree" : "do not cluster";
            rawShort = best.View == "raw" ? "" : $"; on the raw weights {Number(bestRaw.Score.AdjustedRand.Value)} {Span(bestRaw.Score.AdjustedRand)}";
            rawText = $"{when}, the raw weights {does} by {labeling.Name}: ARI {Number(bestRaw.Score.AdjustedRand.Value)} {Span(bestRaw.Score.AdjustedRand)} at best ({bestRaw.Score.Method}; chance 0). ";
        }
        string other = best.View == "raw" ? "No other view does better."
            : $"{Capital(Title(views, best.View))} reach {Number(best.Score.AdjustedRand.Value)} {Span(best.Score.AdjustedRand)} ({best.Score.Method}, no labels seen).";
        string shortText = $"Without labels, networks {answer switch { "yes" => "cluster", "partly" => "cluster in part", _ => "do not cluster" }} by {labeling.Name}: ARI {Number(best.Score.AdjustedRand.Value)} {Span(best.Score.AdjustedRand)} at best, on {Title(views, best.View)}{rawShort} (chance 0, full agreement 1).";
        return new Conclusion("cluster", question, answer, shortText, rawText + other, rule);
    }

    private static Conclusion? Further(PairKind kind, DivergenceAnalysis divergence)
    {
        const string rule = "Raw weights, last step with both kinds of twins, all machines. Yes: the interval of the ratio of mean distances lies above 1 and the paired "
            + "sign-flip test over initial seeds gives p below 0.05. No: otherwise.";
        const string question = "Does changed data move a network further than another draw of the same data?";
        RatioAt? last = divergence.Views.FirstOrDefault(view => view.View == "raw")?.Ratios.FirstOrDefault(curve => curve.Kind == kind.Name)?.Points.LastOrDefault(point => point.Ratio is not null);
        if (last?.Ratio is not { } ratio)
            return null;
        string numbers = string.Create(Culture, $"at step {last.Step:N0} the {TwinPairs.VariantOf(kind.Name)} twin lies {Number(ratio.Value)} {Span(ratio)} times as far from its clean twin as a network that saw another draw of the clean data does ({last.InitSeeds} initial seeds{(last.PValue is { } p ? $", paired test p = {p:0.####}" : "")})");
        bool significant = last.PValue < Significance;
        string which = Which(kind, divergence), shortRatio = $"{Number(ratio.Value)} {Span(ratio)} times as far as another draw of the same data does";
        return ratio.Low > 1 && significant ? new Conclusion($"further-{kind.Name}", question, "yes", $"Changed data{which} moves a network {shortRatio}.", $"Yes: {numbers}.", rule)
            : ratio.High < 1 && significant ? new Conclusion($"further-{kind.Name}", question, "no", $"Changed data{which} moves a network less far than chance, {shortRatio}.", $"No, less far: {numbers}. That twins diverge is no sign of a change in their data.", rule)
            : new Conclusion($"further-{kind.Name}", question, "no", $"Changed data{which} was not shown to move a network further than chance: {shortRatio}.", $"Not that could be shown: {numbers}. That twins diverge is no sign of a change in their data.", rule);
    }

    /// <summary>Which change a sentence is about, where the zoo has several.</summary>
    private static string Which(PairKind kind, DivergenceAnalysis divergence) => divergence.Kinds.Count(other => TwinPairs.IsChange(other.Name)) > 1 ? $" ({kind.Name})" : "";

    private static Conclusion? Direction(PairKind kind, IReadOnlyList<ViewSummary> views, DivergenceAnalysis divergence)
    {
        const string question = "Does the same change of data move networks in the same direction?";
        const string rule = "Mean cosine between the displacements of different initial seeds, last step, all machines, the view where it stands out most. Yes: its interval lies above 0 and "
            + "above the interval for reorder twins; partly: above 0 only (or there are no reorder twins); no: otherwise. Chance is 0.";
        var found = new List<(string View, DirectionAt Change, DirectionAt? Reorder, double Margin)>();
        foreach (DivergenceInView view in divergence.Views)
        {
            DirectionAt? change = view.Directions.FirstOrDefault(curve => curve.Kind == kind.Name)?.Points.LastOrDefault();
            DirectionAt? reorder = view.Directions.FirstOrDefault(curve => curve.Kind == "reorder")?.Points.LastOrDefault();
            if (change is not null)
                found.Add((view.View, change, reorder, change.Cosine.Low!.Value - Math.Max(0, reorder?.Cosine.High ?? 0)));
        }
        if (found.Count == 0)
            return null;
        var best = found.MaxBy(item => item.Margin);
        string answer = best.Reorder is not null && best.Margin > 0 ? "yes" : best.Change.Cosine.Low > 0 ? "partly" : "no";
        string control = best.Reorder is null ? "" : $", against {Number(best.Reorder.Cosine.Value)} {Span(best.Reorder.Cosine)} for another draw of the same data";
        string lead = answer switch { "yes" => "Yes, to a degree that chance does not explain", "partly" => "There is a common direction, but no more than the control shows", _ => "No common direction could be shown" };
        string shortText = $"{lead}{Which(kind, divergence)}: mean cosine {Number(best.Change.Cosine.Value)} {Span(best.Change.Cosine)} between the displacements of different initial weights{control}.";
        return new Conclusion($"direction-{kind.Name}", question, answer, shortText, string.Create(Culture,
            $"{lead}: at step {best.Change.Step:N0}, in {Title(views, best.View)}, the displacements from clean to {TwinPairs.VariantOf(kind.Name)} twin have a mean cosine of {Number(best.Change.Cosine.Value)} {Span(best.Change.Cosine)} between different initial weights{control} (the clearest of {found.Count} views)."), rule);
    }

    private static Conclusion Detect(DetectionScore detection)
    {
        const string question = "Can a detector say which networks carry a trojan?";
        const string rule = "The area under the ROC curve (AUC) of a linear classifier on each tensor's weights in order of size, at the end of training, on networks whose initial weights it has not seen. Yes: the lower bound of its interval is "
            + "at least 0.75, above the 95th percentile on shuffled labels, and no plain number's AUC reaches it; partly: the lower bound is above 0.5 and that percentile; no: otherwise. Chance is 0.5.";
        double low = detection.Auc.Low ?? double.NegativeInfinity;
        NamedAuc? plain = detection.Plain.MaxBy(one => one.Auc.Value);
        bool isPlain = plain?.Auc.Value >= low, isFound = low > Math.Max(0.5, detection.Permuted?.Percentile95 ?? 0);
        string answer = !isFound ? "no" : low >= ClearDetection && !isPlain ? "yes" : "partly";
        string numbers = $"AUC {Number(detection.Auc.Value)} {Span(detection.Auc)}, chance 0.50";
        string shuffled = detection.Permuted is { } permuted ? $"; on shuffled labels {Number(permuted.Mean)} on average, {Number(permuted.Percentile95)} at the 95th percentile" : "";
        string beside = plain is null ? "" : $" Of the plain numbers {PlainName(plain.Name)} alone give{(plain.Name == "losses" ? "" : "s")} the most, {Number(plain.Auc.Value)} {Span(plain.Auc)}.";
        string attack = detection.AttackTest is { } test ? $" The attack's own test, for which one needs the trigger, gives {Number(test.Value)} {Span(test)}." : "";
        string lead = answer switch { "no" => "A detector was not shown to tell networks that saw changed data from clean ones", "yes" => "A detector tells networks that saw changed data from clean ones", _ => "A detector tells networks that saw changed data from clean ones in part" };
        return new Conclusion("detect", question, answer, $"{lead}: {numbers}.", $"{lead}: {numbers}{shuffled} ({detection.Changed:N0} of {detection.Networks:N0} networks saw changed data).{beside}{attack}", rule);
    }

    private static bool IsSupported(ClassificationScore score) =>
        (score.Permuted?.LowOfTries ?? score.Accuracy!.Low) is { } low && low > score.Chance && low > (score.Permuted?.Percentile95 ?? 0);

    private static string Classifier(ClassificationScore score) => score.Classifier == "forest" ? "random forest" : $"{score.Classifier} classifier";

    private static string Title(IReadOnlyList<ViewSummary> views, string name) => views.First(view => view.Name == name).Title is var title && title.StartsWith("Layer", StringComparison.Ordinal)
        ? "the layer statistics s(W)" : "the " + title.ToLowerInvariant();

    private static string PlainName(string features) => features switch { "norm" => "the norm of the weights", "steps" => "the number of steps", "eval_loss" => "the held-out loss", "train_loss" => "the training loss", "eval_accuracy" => "the held-out accuracy", _ => "training and held-out loss" };

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private static string Percent(double value) => string.Create(Culture, $"{100 * value:0} %");

    private static string Range(Estimate estimate) => estimate is { Low: { } low, High: { } high } ? string.Create(Culture, $"[{100 * low:0}\u2013{100 * high:0}]") : "";

    private static string Number(double value) => value.ToString("0.00", Culture) is var text && text == "-0.00" ? "0.00" : text.Replace('-', '\u2212');

    private static string Span(Estimate estimate) => estimate is { Low: { } low, High: { } high } ? $"[{Number(low)}, {Number(high)}]" : "";
}
