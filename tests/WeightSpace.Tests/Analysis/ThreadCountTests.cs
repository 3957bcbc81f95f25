using WeightSpace.Analysis;
using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Embedding;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis;

public sealed class ThreadCountTests
{
    [Fact]
    public async Task Every_analysis_gives_the_same_bits_on_one_thread_as_on_many()
    {
        (FeatureMatrix x, int[] labels) = Planted.Clusters(150, 1100, 4, 0.1, 6);
        double[] many = Results(x, labels);
        var oneAtATime = new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, maxConcurrencyLevel: 1);
        double[] one = await Task.Factory.StartNew(
            () => Results(x, labels), TestContext.Current.CancellationToken, TaskCreationOptions.None, oneAtATime.ExclusiveScheduler);
        Assert.Equal(many, one);
    }

    private static double[] Results(FeatureMatrix x, int[] labels)
    {
        var gram = GramMatrix.Compute(x.Values, x.Rows, x.Columns, centre: true);
        int[] groups = [.. Enumerable.Range(0, x.Rows).Select(row => row / 3)];
        DistanceMatrix distances = DistanceMatrix.FromRows(x);
        double[] values = [.. x.Row(0).ToArray().Select(value => (double)value)];
        var results = new List<double>();
        for (int i = 0; i < x.Rows; i++)
            results.AddRange(gram.Row(i).ToArray().Select(value => (double)value));
        results.AddRange(LeadingEigenpairs.Krylov(gram, 5).Values);
        results.Add(KMeans.Fit(gram, 4, 6, 1).Inertia);
        results.AddRange(ClusterScores.SilhouetteSamples(distances, labels));
        foreach (IClassifier classifier in new IClassifier[] { new LinearClassifier(), new RandomForest(30, 2) })
            results.AddRange(CrossValidation.Run(x, labels, groups, classifier, 3, 1).Predicted.Select(label => (double)label));
        PermutationBaseline baseline = PermutedLabels.Run(x, labels, groups, new RandomForest(5, 2), 3, 6, 1, 0.5);
        results.AddRange([baseline.Mean, baseline.Percentile95, baseline.PValue]);
        Interval interval = Intervals.BootstrapMean(values, [.. Enumerable.Range(0, values.Length)], 100, 1);
        results.AddRange([interval.Low, interval.High]);
        return [.. results];
    }
}
