using WeightSpace.Analysis.Classification;

namespace WeightSpace.Analysis;

/// <summary>How many networks it takes: a linear classifier that learns from ever more initial seeds, tested on the same held-out ones.</summary>
internal static class LearningCurves
{
    private static readonly int[] Sizes = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

    /// <summary>Sizes of training sets in initial seeds, ascending; the last is what a fold leaves of all.</summary>
    public static int[] SizesFor(int initSeeds, int folds)
    {
        int all = initSeeds - ((initSeeds + folds - 1) / folds);
        return [.. Sizes.TakeWhile(size => size < all), all];
    }

    /// <summary>One point of a curve.</summary>
    public static LearningPoint Point(int size, FeatureMatrix features, Labeling labeling, Cohort cohort, AnalysisOptions options)
    {
        int folds = Math.Min(options.Folds, cohort.InitSeeds);
        CrossValidationResult result = CrossValidation.Run(features, labeling.Labels, cohort.Groups, new LinearClassifier(), folds, options.Seed, size);
        return new LearningPoint(size, (double)size * features.Rows / cohort.InitSeeds, new Estimate(result.Accuracy, result.Confidence.Low, result.Confidence.High));
    }
}
