using WeightSpace.Analysis.Trojans;

namespace WeightSpace.Analysis;

/// <summary>
/// Every number that a report shows. Plain data, in the order of the report; written by <see cref="AnalysisJson"/> in snake_case. A number that
/// could not be computed is null and a note says why; none is NaN or infinite.
/// </summary>
/// <param name="FormatVersion">Raised when the meaning of a field changes.</param>
public sealed record AnalysisResult(
    int FormatVersion,
    string Title,
    IReadOnlyList<Fact> Provenance,
    AnalysisSettings Settings,
    PopulationSummary Population,
    IReadOnlyList<ArchitectureAnalysis> Architectures);

/// <summary>The settings that the numbers depend on; see <see cref="AnalysisOptions"/>.</summary>
public sealed record AnalysisSettings(ulong Seed, int Folds, int Permutations, int Trees, int KMeansStarts, int Resamples, int MaxNetworks);

/// <summary>A value with the bounds of its 95 % confidence interval; null where the data give none.</summary>
public sealed record Estimate(double Value, double? Low, double? High);

/// <summary>What the population holds, before anything is left out.</summary>
/// <param name="NotAnalysed">Every network that no score counts, with its reason.</param>
public sealed record PopulationSummary(int Networks, int Finished, int Diverged, int Failed, IReadOnlyList<ClassCount> Classes, IReadOnlyList<NetworkNote> NotAnalysed);

/// <summary>Networks of one class by status.</summary>
/// <param name="ReachedThreshold">Of the finished ones, those whose held-out loss came below the threshold.</param>
/// <param name="ReachedBudget">Of the finished ones, those whose step budget ended.</param>
/// <param name="Analysed">Finished, with checkpoints, and drawn when the zoo is larger than the analysis takes.</param>
public sealed record ClassCount(string Class, string Machine, string Variant, int Networks, int Finished, int ReachedThreshold, int ReachedBudget, int Diverged, int Failed, int Analysed);

/// <summary>A network that is not in the scores.</summary>
public sealed record NetworkNote(string Id, string Architecture, string Class, ulong InitSeed, ulong DataSeed, string Status, string Reason, long Steps);

/// <summary>All about the networks of one architecture.</summary>
/// <param name="Layers">The layers in words.</param>
/// <param name="Notes">What was left out or limited, and why.</param>
/// <param name="MatchedSteps">Steps at which every analysed network has a checkpoint.</param>
/// <param name="Members">The analysed networks; every list "by member" is in this order.</param>
/// <param name="LayerScores">What single layers tell; at the moment and for the labeling that conclusions are drawn from.</param>
/// <param name="LearningCurves">How accuracy grows with the networks to learn from; at the same moment, for the same labeling.</param>
/// <param name="Detection">How well a detector of changed data does at the end of training; null where the networks are all clean, or all changed.</param>
public sealed record ArchitectureAnalysis(
    string Name,
    string Layers,
    int Parameters,
    int InitSeeds,
    int DataSeeds,
    IReadOnlyList<string> Notes,
    IReadOnlyList<Conclusion> Conclusions,
    IReadOnlyList<LabelingSummary> Labelings,
    IReadOnlyList<ViewSummary> Views,
    IReadOnlyList<long> MatchedSteps,
    IReadOnlyList<Member> Members,
    IReadOnlyList<LossCurve> LossCurves,
    IReadOnlyList<PointAnalysis> Points,
    IReadOnlyList<LayerScore> LayerScores,
    IReadOnlyList<LearningCurve> LearningCurves,
    DivergenceAnalysis Divergence,
    DetectionScore? Detection);

/// <summary>A sentence that the numbers support, and the rule by which they do.</summary>
/// <param name="Answer"><c>yes</c>, <c>partly</c>, <c>no</c> or <c>open</c>.</param>
/// <param name="Rule">The thresholds, in words.</param>
/// <param name="Short">The answer in one sentence, for a terminal; <paramref name="Text"/> has the controls beside it.</param>
public sealed record Conclusion(string Id, string Question, string Answer, string Short, string Text, string Rule);

/// <summary>One way of dividing the networks into groups that the weights are asked about.</summary>
/// <param name="Chance">Accuracy of always naming the largest group.</param>
public sealed record LabelingSummary(string Name, string Title, IReadOnlyList<string> Values, IReadOnlyList<int> Counts, double Chance);

/// <summary>A view of the weights, see <see cref="Views.IView"/>.</summary>
public sealed record ViewSummary(string Name, string Title, string Short, string Explanation, bool Standardised, int Features);

/// <summary>One analysed network.</summary>
public sealed record Member(string Id, string Machine, string Variant, string Class, ulong InitSeed, ulong DataSeed, long Steps);

/// <summary>Held-out loss of one class over training: mean and the 10th and 90th percentiles over its networks.</summary>
public sealed record LossCurve(string Class, IReadOnlyList<LossAt> Points);

public sealed record LossAt(long Step, double Mean, double P10, double P90);

/// <summary>Everything at one moment of training.</summary>
/// <param name="Name"><c>step-500</c> or <c>end</c>.</param>
/// <param name="Step">Null at the end when the networks ended at different steps.</param>
/// <param name="Losses">Mean held-out loss of each class.</param>
/// <param name="Confounds">Classifiers that see one plain number instead of the weights.</param>
public sealed record PointAnalysis(
    string Name, string Title, long? Step, IReadOnlyList<ClassLoss> Losses, IReadOnlyList<ViewAtPoint> Views, IReadOnlyList<ClassificationScore> Confounds);

public sealed record ClassLoss(string Class, Estimate EvalLoss);

/// <summary>What one view shows at one moment.</summary>
/// <param name="VarianceShares">Shares of the variance of the first principal components.</param>
/// <param name="Scores">By member: the first two principal components.</param>
/// <param name="Dendrogram">Ward's merges, numbered as scipy does; at the last moment only.</param>
/// <param name="Note">Why something is missing; null when nothing is.</param>
public sealed record ViewAtPoint(
    string View,
    IReadOnlyList<double> VarianceShares,
    IReadOnlyList<IReadOnlyList<double>> Scores,
    IReadOnlyList<ClusteringScore> Clusterings,
    IReadOnlyList<SilhouetteScore> Silhouettes,
    IReadOnlyList<ClassificationScore> Classifications,
    IReadOnlyList<DendrogramMerge>? Dendrogram,
    string? Note);

/// <summary>Agreement of clusters found without labels with a labeling; both indices are 0 for chance and 1 for full agreement.</summary>
/// <param name="Method"><c>k-means</c>, <c>ward</c> or <c>average</c>.</param>
public sealed record ClusteringScore(string Labeling, string Method, int Clusters, Estimate AdjustedRand, Estimate AdjustedMutualInformation);

/// <summary>Mean silhouette of the networks under the labels themselves, -1 to 1.</summary>
public sealed record SilhouetteScore(string Labeling, Estimate Silhouette);

public sealed record DendrogramMerge(int First, int Second, double Height, int Size);

/// <summary>A classifier's cross-validated accuracy.</summary>
/// <param name="Features">The view's name, or the plain number's.</param>
/// <param name="Accuracy">Null when there is too little to test on; the note says what.</param>
/// <param name="Chance">Accuracy of always naming the largest group.</param>
/// <param name="Permuted">The same procedure on permuted labels; run for the score that a conclusion is drawn from, null elsewhere.</param>
/// <param name="Confusion">[true group][named group] counts; null without an accuracy.</param>
public sealed record ClassificationScore(
    string Labeling,
    string Features,
    string Classifier,
    int Folds,
    Estimate? Accuracy,
    double Chance,
    PermutedScore? Permuted,
    IReadOnlyList<IReadOnlyList<int>>? Confusion,
    string? Note);

/// <summary>A linear classifier's cross-validated accuracy on the features of one layer alone.</summary>
/// <param name="Layer">The module's name, with <c>.l0</c>, <c>.l1</c> behind it for the layers of a recurrent module.</param>
/// <param name="Features">How many features of the view belong to that layer.</param>
/// <param name="Accuracy">Null where there is too little to test on.</param>
public sealed record LayerScore(string Labeling, string View, string Layer, string Type, int Features, Estimate? Accuracy, double Chance);

/// <summary>A linear classifier's cross-validated accuracy in one view against the number of networks that it learns from.</summary>
public sealed record LearningCurve(string Labeling, string View, double Chance, IReadOnlyList<LearningPoint> Points);

/// <param name="InitSeeds">Initial seeds to learn from in each fold.</param>
/// <param name="Networks">Networks of those seeds, mean over folds.</param>
public sealed record LearningPoint(int InitSeeds, double Networks, Estimate Accuracy);

/// <summary>What stands behind the best score of a question.</summary>
/// <param name="Mean">Mean accuracy on permuted labels.</param>
/// <param name="Percentile95">The accuracy that 95 % of the permutations stay at or below.</param>
/// <param name="PValue">(1 + permutations that score as much or more) / (1 + permutations).</param>
/// <param name="Tries">Views and classifiers of which this score is the best.</param>
/// <param name="LowOfTries">Lower bound of the accuracy's interval at the level 1 - 0.05 / tries (Bonferroni).</param>
public sealed record PermutedScore(double Mean, double Percentile95, double PValue, int Permutations, int Tries, double LowOfTries);

/// <summary>How far twins move apart, and whether they move the same way.</summary>
/// <param name="Kinds">The kinds of pairs that the zoo holds.</param>
/// <param name="Notes">What the zoo has no pairs for.</param>
/// <param name="Tests">At the moment that conclusions are about: whether a change can be told from chance.</param>
/// <param name="Power">How often those tests find the change, by the number of networks; only where draws were asked for.</param>
public sealed record DivergenceAnalysis(
    IReadOnlyList<PairKind> Kinds, IReadOnlyList<string> Notes, IReadOnlyList<DivergenceInView> Views, IReadOnlyList<ChangeTest> Tests, IReadOnlyList<PowerCurve> Power);

/// <summary>A test of one change of the data, and the same test where there is nothing to find.</summary>
/// <param name="Kind">The change, as in <see cref="PairKind"/>.</param>
/// <param name="Test"><c>twins</c>: do displacements of different initial seeds share a direction; <c>energy</c>, <c>classifier</c>: do groups without a common initial seed differ.</param>
/// <param name="Networks">Pairs of twins, or networks in each group.</param>
/// <param name="Control">Twins: pairs that differ only in their draw of the data; groups: two groups of clean networks. Null without such twins.</param>
public sealed record ChangeTest(string Kind, string Machine, string View, string Test, int Networks, TestScore Result, TestScore? Control);

/// <param name="Effect">Mean cosine of displacements; coefficient of inhomogeneity H; accuracy.</param>
public sealed record TestScore(double Effect, double PValue);

/// <param name="Level">The p-value up to which a test says that there is a difference.</param>
/// <param name="Draws">Random choices of networks behind each point.</param>
public sealed record PowerCurve(string Kind, string Machine, string View, string Test, double Level, int Draws, IReadOnlyList<PowerPoint> Points);

/// <param name="Networks">Pairs of twins, or networks in each group.</param>
/// <param name="Power">Share of draws in which the change is found.</param>
/// <param name="FalseAlarms">The same of the control; null without one.</param>
public sealed record PowerPoint(int Networks, Estimate Power, Estimate? FalseAlarms);

/// <param name="Name"><c>modified</c> (with a number when the zoo has several modifications), <c>reorder</c>, <c>other-init</c>, <c>moved</c>.</param>
/// <param name="Pairs">Pairs over all machines at the first step.</param>
public sealed record PairKind(string Name, string Title, string Explanation, int Pairs);

/// <summary>Divergence in one view's units (standardised views: standard deviations of the population at that step).</summary>
public sealed record DivergenceInView(
    string View, IReadOnlyList<DistanceCurve> Distances, IReadOnlyList<RatioCurve> Ratios, IReadOnlyList<DirectionCurve> Directions);

/// <summary>Mean distance of one kind of pairs over training. <paramref name="Machine"/> is <c>all</c> for all machines together.</summary>
public sealed record DistanceCurve(string Kind, string Machine, IReadOnlyList<DistanceAt> Points);

public sealed record DistanceAt(long Step, int Pairs, Estimate Distance);

/// <summary>Distance of modified twins over the distance of reorder twins, and the paired test of their difference over initial seeds.</summary>
public sealed record RatioCurve(string Kind, string Machine, IReadOnlyList<RatioAt> Points);

/// <param name="Difference">Mean over initial seeds of modified less reorder distance.</param>
/// <param name="PValue">Two-sided sign-flip permutation test of that mean being 0.</param>
public sealed record RatioAt(long Step, int InitSeeds, Estimate? Ratio, double Difference, double? PValue);

/// <summary>Mean cosine between the displacements of different initial seeds: 0 for unrelated directions, 1 for one shared direction.</summary>
public sealed record DirectionCurve(string Kind, string Machine, IReadOnlyList<DirectionAt> Points);

public sealed record DirectionAt(long Step, int Displacements, Estimate Cosine);
