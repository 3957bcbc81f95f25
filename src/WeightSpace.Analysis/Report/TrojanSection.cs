using WeightSpace.Analysis.Trojans;

namespace WeightSpace.Analysis.Report;

/// <summary>The section about detectors of changed data.</summary>
internal static class TrojanSection
{
    public static void Write(DetectionScore detection, string prefix, TextWriter writer)
    {
        writer.Write($"<section id=\"{prefix}trojans\">\n<h2>Which networks carry a trojan?</h2>\n<p>A network whose training data were tampered with may do what it should on all clean data, so its loss gives nothing away. "
            + $"Here a linear classifier looks at the weights alone, each tensor's in order of size, at the end of training. It learned from clean and changed networks, and is asked about others with initial weights that it has not seen. {Html.Count(detection.Changed)} of {Html.Count(detection.Networks)} networks saw changed data.</p>\n");
        bool hasUnseen = detection.UnseenChanges is not null;
        writer.Write($"<div class=\"wide\"><table><caption>Telling changed networks from clean ones <small>Area under the ROC curve (AUC) [95 % interval over initial seeds]; chance is 0.5.</small></caption><thead><tr><th>what it sees</th><th>networks</th><th>AUC</th>{(hasUnseen ? "<th>of changes that it was not fitted on</th>" : "")}</tr></thead><tbody>\n");
        void Row(string what, int networks, string score, Estimate? unseen, string style) =>
            writer.Write($"<tr{(style.Length > 0 ? $" class=\"{style}\"" : "")}><th>{Html.Escape(what)}</th><td>{Html.Count(networks)}</td><td>{score}</td>{(hasUnseen ? $"<td>{Html.Score(unseen)}</td>" : "")}</tr>\n");
        Row("the weights", detection.Networks, Html.Score(detection.Auc), detection.UnseenChanges, "best");
        Row("the weights, each tensor divided by its norm", detection.Networks, Html.Score(detection.ByShape), null, "");
        if (detection.Permuted is { } permuted)
            Row($"shuffled labels, {permuted.Permutations} times", detection.Networks, $"{Html.Score(permuted.Mean)}, 95th percentile {Html.Score(permuted.Percentile95)}, p = {Html.PValue(permuted.PValue)}", null, "plain");
        foreach (NamedAuc plain in detection.Plain)
            Row(plain.Name switch { "norm" => "norm of the weights alone", "steps" => "number of steps alone", "eval_loss" => "held-out loss alone", "train_loss" => "training loss alone", "eval_accuracy" => "held-out accuracy alone", _ => plain.Name }, plain.Networks, Html.Score(plain.Auc), plain.Unseen, "plain");
        if (detection.AttackTest is { } attack)
            Row("the attack's own test, which needs the trigger", detection.Networks, Html.Score(attack), null, "plain");
        writer.Write("</tbody></table></div>\n");
        if (detection.ByChange.Count > 0)
            ByChange(detection.ByChange, writer);
        writer.Write($"<p>Cross-entropy of its calibrated probabilities: {Html.Score(detection.CrossEntropy)}; always saying the share of changed networks gives {Html.Score(detection.ChanceCrossEntropy)}.</p>\n");
        writer.Write("<h3>How to read this</h3>\n<p>An AUC of 0.5 is guessing, 1 is never wrong. A plain number's AUC is turned to whichever side tells more. Where one does as well as the weights, the detector may have learned no more than that: poisoned networks, for one, have more to learn, and their weights are longer. "
            + "A detector that was shown every change may know these changes only; the column of changes that it was not fitted on says what to expect of one that nobody has seen. <code>weightspace detect score</code> says of a network unlike those that it cannot tell.</p>\n</section>\n");
    }

    private static void ByChange(IReadOnlyList<NamedAuc> changes, TextWriter writer)
    {
        writer.Write("<div class=\"wide\"><table><caption>Change by change <small>AUC against clean networks [95 % interval].</small></caption><thead><tr><th>change</th><th>networks</th><th>fitted with it</th><th>fitted without it</th></tr></thead><tbody>\n");
        foreach (NamedAuc change in changes)
            writer.Write($"<tr><th>{Html.Escape(change.Name)}</th><td>{Html.Count(change.Networks)}</td><td>{Html.Score(change.Auc)}</td><td>{Html.Score(change.Unseen)}</td></tr>\n");
        writer.Write("</tbody></table></div>\n");
    }
}
