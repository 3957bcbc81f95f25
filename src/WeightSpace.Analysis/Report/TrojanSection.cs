using WeightSpace.Analysis.Trojans;

namespace WeightSpace.Analysis.Report;

/// <summary>The section about detectors of changed data.</summary>
internal static class TrojanSection
{
    public static void Write(DetectionScore detection, string prefix, TextWriter writer)
    {
        writer.Write($"<section id=\"{prefix}trojans\">\n<h2>Which networks carry a trojan?</h2>\n<p>A network whose training data were tampered with may do what it should on all clean data, so its loss gives nothing away. "
            + $"Here a linear classifier looks at the weights alone, each tensor's in order of size, at the end of training. It learned from clean and changed networks, and is asked about others with initial weights that it has not seen. {Html.Count(detection.Changed)} of {Html.Count(detection.Networks)} networks saw changed data.</p>\n");
        writer.Write("<div class=\"wide\"><table><caption>Telling changed networks from clean ones <small>Area under the ROC curve (AUC) [95 % interval over initial seeds]; chance is 0.5.</small></caption><thead><tr><th>what it sees</th><th>networks</th><th>AUC</th></tr></thead><tbody>\n");
        Row("the weights", detection.Networks, Html.Score(detection.Auc), "best", writer);
        foreach (NamedAuc change in detection.ByChange)
            Row($"the weights, of this change: {change.Name}", change.Networks, Html.Score(change.Auc), "", writer);
        if (detection.Permuted is { } permuted)
            Row($"shuffled labels, {permuted.Permutations} times", detection.Networks, $"{Html.Score(permuted.Mean)}, 95th percentile {Html.Score(permuted.Percentile95)}, p = {Html.PValue(permuted.PValue)}", "plain", writer);
        foreach (NamedAuc plain in detection.Plain)
            Row(plain.Name switch { "norm" => "norm of the weights alone", "steps" => "number of steps alone", "eval_loss" => "held-out loss alone", "train_loss" => "training loss alone", "eval_accuracy" => "held-out accuracy alone", _ => plain.Name }, plain.Networks, Html.Score(plain.Auc), "plain", writer);
        if (detection.AttackTest is { } attack)
            Row("the attack's own test, which needs the trigger", detection.Networks, Html.Score(attack), "plain", writer);
        writer.Write("</tbody></table></div>\n");
        writer.Write($"<p>Cross-entropy of its calibrated probabilities: {Html.Score(detection.CrossEntropy)}; always saying the share of changed networks gives {Html.Score(detection.ChanceCrossEntropy)}.</p>\n");
        writer.Write("<h3>How to read this</h3>\n<p>An AUC of 0.5 is guessing, 1 is never wrong. A plain number's AUC is turned to whichever side tells more. Where one does as well as the weights, the detector may have learned no more than that. "
            + "It knows changes like those it was fitted on; <code>weightspace detect score</code> says of a network unlike those that it cannot tell.</p>\n</section>\n");
    }

    private static void Row(string what, int networks, string score, string style, TextWriter writer) =>
        writer.Write($"<tr{(style.Length > 0 ? $" class=\"{style}\"" : "")}><th>{Html.Escape(what)}</th><td>{Html.Count(networks)}</td><td>{score}</td></tr>\n");
}
