using WeightSpace.Analysis.Classification;

namespace WeightSpace.Analysis;

/// <summary>How an analysis is run. The defaults are what reports are compared by.</summary>
public sealed record AnalysisOptions
{
    /// <summary>Seed of everything drawn at random: folds, forests, starts of k-means, permutations, resampling. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Folds of a cross-validation, at least 2. Default 5. With fewer initial seeds than that, as many folds as seeds.</summary>
    public int Folds { get; init; } = 5;

    /// <summary>Permutations of the labels behind the best score of each question; 0 for none. Default 20, so the least p-value is 1/21.</summary>
    public int Permutations { get; init; } = 20;

    /// <summary>Trees of a random forest. Default 100: what 300 would add is far below the interval's width.</summary>
    public int Trees { get; init; } = 100;

    /// <summary>Starts of k-means; the best is kept. Default 10.</summary>
    public int KMeansStarts { get; init; } = 10;

    /// <summary>Resamples behind a bootstrap interval. Default 1,000.</summary>
    public int Resamples { get; init; } = 1000;

    /// <summary>Matched steps at which structure and classifiers are computed, beside the end. Default 4.</summary>
    public int MatchedPoints { get; init; } = 4;

    /// <summary>
    /// Networks of one architecture that are analysed; of a larger zoo, initial seeds are drawn until the number is reached, and the result says so.
    /// Default 2,000: beyond it distances and forests take hours.
    /// </summary>
    public int MaxNetworks { get; init; } = 2000;

    /// <summary>Steps at which twins are measured, at least 2. Default 64: more than a log-spaced schedule has.</summary>
    public int MaxDivergenceSteps { get; init; } = 64;

    /// <summary>
    /// Random choices of networks behind each point of a power curve, of the tests of changed data; 0, the default, for no curves.
    /// </summary>
    public int PowerDraws { get; init; }

    internal IClassifier[] Classifiers => [new LinearClassifier(), new RandomForest(Trees, Seed)];
}

/// <summary>Where an analysis stands.</summary>
public readonly record struct AnalysisProgress(string Stage, int Done, int Total);
