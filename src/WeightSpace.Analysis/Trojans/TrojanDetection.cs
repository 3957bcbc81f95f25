namespace WeightSpace.Analysis.Trojans;

/// <summary>How a detector is fitted.</summary>
public sealed record DetectionOptions
{
    /// <summary>Seed of folds, permutations and resampling. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Folds of the cross-validation, at least 2. Default 5.</summary>
    public int Folds { get; init; } = 5;

    /// <summary>Features that are selected at most. Default 1,000.</summary>
    public int Features { get; init; } = 1000;

    /// <summary>Permutations of the labels behind the baseline; 0 for none. Default 20.</summary>
    public int Permutations { get; init; } = 20;

    /// <summary>Resamples behind an interval. Default 1,000.</summary>
    public int Resamples { get; init; } = 1000;
}

/// <summary>
/// How well weights tell which networks saw changed data (a trojan, or any change that the zoo declares), by cross-validation in folds that keep networks of one initial seed, and so all
/// twins, together.
/// </summary>
/// <param name="View">The features, see <see cref="Views.IView"/>.</param>
/// <param name="Features">Features of the view, and how many were selected.</param>
/// <param name="Networks">Networks that took part; of these <paramref name="Changed"/> saw changed data.</param>
/// <param name="Auc">Area under the ROC curve, with the bootstrap interval over initial seeds; chance is 0.5.</param>
/// <param name="CrossEntropy">Mean of -ln of the calibrated probability of the truth.</param>
/// <param name="ChanceCrossEntropy">The same of always saying the share of changed networks.</param>
/// <param name="Permuted">The AUC of the whole procedure on labels permuted within initial seeds; null where none were asked for.</param>
/// <param name="Plain">What plain numbers alone would score; an AUC below 0.5 is turned over.</param>
/// <param name="ByChange">AUC of each change against the clean networks.</param>
/// <param name="UnseenChanges">
/// The mean over changes of the AUC of detectors that were fitted without that change, and without the data that only it was made to: what is to be expected of a change that nobody has
/// seen. Null where the zoo has one change.
/// </param>
/// <param name="ByShape">The AUC of the same detector on networks each of whose tensors is divided by its norm: what is left without the length of the weights.</param>
/// <param name="AttackTest">The AUC of the attack's own test, its success on triggered data: what a detector that has the trigger would score. Null without attacks.</param>
public sealed record DetectionScore(
    string View,
    int Features,
    int Selected,
    int Networks,
    int Changed,
    int InitSeeds,
    Estimate Auc,
    Estimate CrossEntropy,
    double ChanceCrossEntropy,
    PermutedAuc? Permuted,
    IReadOnlyList<NamedAuc> Plain,
    IReadOnlyList<NamedAuc> ByChange,
    Estimate? UnseenChanges,
    Estimate ByShape,
    Estimate? AttackTest);

/// <param name="PValue">(1 + permutations that score as much or more) / (1 + permutations).</param>
public sealed record PermutedAuc(double Mean, double Percentile95, double PValue, int Permutations);

/// <param name="Name">A plain number, or a change in words.</param>
/// <param name="Unseen">
/// Of a change: the AUC, against clean networks of the same data, of detectors that were fitted without it. Of a plain number, which is fitted to nothing: the mean of its AUC within each
/// change's data. Null where the zoo has one change.
/// </param>
public sealed record NamedAuc(string Name, int Networks, Estimate Auc, Estimate? Unseen = null);

/// <summary>What a detector says of one network.</summary>
/// <param name="Probability">Calibrated: of networks that get 0.9, nine in ten were changed in the population it was fitted on, where half of it was.</param>
/// <param name="Likeness">The share of the networks it was fitted on that lie at least as far out as this one: a small share says that it is unlike them.</param>
/// <param name="Answer"><c>clean</c>, <c>changed</c>, or <c>unlike</c>: unlike anything that the detector was fitted on, so its probability means nothing.</param>
public sealed record DetectorAnswer(string Id, double Probability, double Likeness, string Answer);
