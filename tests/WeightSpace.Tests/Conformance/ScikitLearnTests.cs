using System.Runtime.InteropServices;
using System.Text.Json;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Embedding;
using WeightSpace.Numerics;
using WeightSpace.Tests.Analysis;

namespace WeightSpace.Tests.Conformance;

/// <summary>The same data through scikit-learn and scipy, whose answers are what users compare ours with.</summary>
public sealed class ScikitLearnTests
{
    private const int Components = 8, Trees = 300;

    /// <summary>Wide like a population, tall, and overlapping so that no method is certain: rows, columns, clusters, separation.</summary>
    public static TheoryData<int, int, int, double> Populations => new()
    {
        { 90, 700, 5, 0.35 }, { 200, 20, 4, 0.8 }, { 60, 61, 3, 0.3 },
    };

    [Theory]
    [MemberData(nameof(Populations))]
    public void Agrees(int rows, int columns, int clusters, double separation)
    {
        (FeatureMatrix x, int[] labels) = Planted.Clusters(rows, columns, clusters, separation, 11);
        for (int row = 0; row < rows; row++)
            x.Values[row * columns] = 2.5f; // a constant column, as weights that never move are
        int[] other = [.. labels.Zip(Planted.Labels(rows, clusters + 1, 3), (label, noise) => noise < 2 ? label : noise)];
        int[] testRows = [.. Planted.Order(rows, 5).Take(rows / 4).Order()];
        Reference expected = Ask(x, labels, other, clusters, testRows);

        var gram = GramMatrix.Compute(x.Values, rows, columns, centre: true);
        PrincipalComponents components = PrincipalComponents.Fit(gram, Components);
        for (int c = 0; c < Components; c++)
        {
            AssertRelative(expected.Variances[c], components.Variances[c], 1e-4);
            AssertRelative(expected.Shares[c], components.VarianceShares[c], 1e-4);
        }
        for (int row = 0; row < rows; row++) // the leading component is well apart from the next, so its scores are defined
            Assert.Equal(expected.Scores[row * Components], components.Scores[row, 0], 1e-2 * Math.Sqrt(components.Variances[0]));

        Assert.Equal(expected.Ari, ClusterScores.AdjustedRandIndex(labels, other), 1e-6);
        Assert.Equal(expected.Ami, ClusterScores.AdjustedMutualInformation(labels, other), 1e-6);
        DistanceMatrix distances = DistanceMatrix.FromRows(x);
        double[] silhouettes = ClusterScores.SilhouetteSamples(distances, other);
        for (int row = 0; row < rows; row++)
            Assert.Equal(expected.Silhouettes[row], silhouettes[row], 1e-6);

        AssertMerges(expected.WardMerges, HierarchicalClustering.Fit(distances, Linkage.Ward));
        AssertMerges(expected.AverageMerges, HierarchicalClustering.Fit(distances, Linkage.Average));
        AssertMerges(expected.WardMerges, HierarchicalClustering.Fit(DistanceMatrix.FromGram(gram), Linkage.Ward));

        KMeansResult kMeans = KMeans.Fit(gram, clusters, 10, 0);
        Assert.InRange(kMeans.Inertia, 0.9 * expected.Inertia, 1.001 * expected.Inertia);

        int[] trainRows = [.. Enumerable.Range(0, rows).Except(testRows)];
        int[] trainLabels = [.. trainRows.Select(row => labels[row])], testLabels = [.. testRows.Select(row => labels[row])];
        FeatureMatrix train = x.SelectRows(trainRows), test = x.SelectRows(testRows);
        int[] predicted = new LinearClassifier().FitPredict(train, trainLabels, clusters, test);
        Assert.InRange(Agreement(expected.LogisticPredicted, predicted), 0.99, 1);
        (_, double[,] probabilities) = LinearClassifier.FitProbabilities(train, trainLabels, clusters, test, out double objective);
        AssertRelative(expected.LogisticObjective, objective, 1e-4);
        double[] flat = [.. probabilities.Cast<double>()];
        for (int i = 0; i < flat.Length; i++)
            Assert.Equal(expected.LogisticProbabilities[i], flat[i], 2e-3);

        int[] forest = new RandomForest(Trees, 1).FitPredict(train, trainLabels, clusters, test);
        double margin = 1.5 / Math.Sqrt(testRows.Length); // three standard errors of a share of 1/2: the two draw different trees
        Assert.InRange(Agreement(testLabels, forest), expected.ForestAccuracy - margin, expected.ForestAccuracy + margin);

        FeatureMatrix standardised = x.Standardised();
        for (int c = 0; c < columns; c++)
            Assert.Equal(expected.Standardised[c], standardised.Values[c], 1e-5);
    }

    private static double Agreement(int[] a, int[] b) => a.Zip(b, (first, second) => first == second ? 1.0 : 0).Average();

    private static void AssertRelative(double expected, double actual, double tolerance) =>
        Assert.True(Math.Abs(actual - expected) <= tolerance * Math.Abs(expected), $"{actual}, expected {expected} within {tolerance:p3}");

    private static void AssertMerges(double[] expected, Dendrogram actual)
    {
        Assert.Equal(expected.Length / 4, actual.Merges.Length);
        for (int m = 0; m < actual.Merges.Length; m++)
        {
            Assert.Equal((expected[4 * m], expected[(4 * m) + 1], expected[(4 * m) + 3]),
                (actual.Merges[m].First, actual.Merges[m].Second, actual.Merges[m].Size));
            AssertRelative(expected[(4 * m) + 2], actual.Merges[m].Height, 1e-4);
        }
    }

    private static Reference Ask(FeatureMatrix x, int[] labels, int[] other, int clusters, int[] testRows)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("weightspace-sklearn");
        try
        {
            File.WriteAllBytes(Path.Combine(folder.FullName, "x.f32"), MemoryMarshal.AsBytes(x.Values.AsSpan()).ToArray());
            File.WriteAllText(Path.Combine(folder.FullName, "request.json"), JsonSerializer.Serialize(
                new { x.Rows, x.Columns, labels, other, Components, clusters, testRows, Trees }, JsonSerializerOptions.Web));
            string answer = DebianPython.Run("Conformance/sklearn_reference.py", folder.FullName);
            return JsonSerializer.Deserialize<Reference>(answer, JsonSerializerOptions.Web)!;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private sealed record Reference(
        double[] Variances, double[] Shares, double[] Scores, double Ari, double Ami, double[] Silhouettes, double[] WardMerges,
        double[] AverageMerges, double Inertia, int[] LogisticPredicted, double[] LogisticProbabilities, double LogisticObjective,
        double ForestAccuracy, double[] Standardised);
}
