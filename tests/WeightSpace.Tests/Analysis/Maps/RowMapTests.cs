using WeightSpace.Analysis;
using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Embedding;
using WeightSpace.Analysis.Maps;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Maps;

public sealed class RowMapTests
{
    private const int Rows = 1500, Columns = 600, Classes = 5;

    [Fact]
    public void AnExactMapIsWhatEachMethodGivesByItself()
    {
        (FeatureMatrix x, int[] labels) = Planted.Clusters(600, 90, 4, 0.8, 3);
        RowMap map = Map(x, labels, new MapOptions { Clusters = 4, Components = 8, Neighbours = 5 });
        Assert.Null(map.SketchColumns);
        var gram = GramMatrix.Compute(x.Values, x.Rows, x.Columns, centre: true);
        PrincipalComponents components = PrincipalComponents.Fit(gram, 8);
        Assert.Equal(components.Variances, map.Variances);
        Assert.Equal([.. components.Scores.Cast<double>().Select(score => (float)score)], map.Coordinates);
        Assert.Equal(ClusterScores.SilhouetteSamples(DistanceMatrix.FromGram(gram), labels).Average(), map.Pairs.Silhouettes[0].Average(), 1e-6);
        Dendrogram tree = HierarchicalClustering.Ward(gram);
        Assert.Equal(tree.Merges, map.Tree.Merges);
        Assert.InRange(ClusterScores.AdjustedRandIndex(labels, map.Clusters), 0.95, 1);
        Assert.InRange(ClusterScores.AdjustedRandIndex(labels, map.Tree.Cut(4)), 0.95, 1);
        Assert.Equal(gram.Trace, map.TotalInertia, 1e-9 * gram.Trace);
        KMeansResult plain = KMeans.Fit(gram, 4, 10, 0);
        Assert.Equal(plain.Inertia, map.Inertia, 1e-6 * plain.Inertia);
    }

    [Fact]
    public void KMeansThroughLeadingCoordinatesIsNoWorse()
    {
        for (ulong seed = 0; seed < 4; seed++)
        {
            FeatureMatrix x = Planted.Clusters(400, 300, 6, 0.15, seed).X;
            var gram = GramMatrix.Compute(x.Values, x.Rows, x.Columns, centre: true);
            double[,] scores = PrincipalComponents.Fit(gram, 20).Scores;
            using FloatRows leading = FloatRows.Copy(scores.Cast<double>().Select(score => (float)score).ToArray(), 400, 20, centre: false);
            double plain = KMeans.Fit(gram, 6, 10, seed).Inertia, quick = KMeans.Fit(gram, 6, 10, seed, leading).Inertia;
            Assert.InRange(quick, 0.99 * plain, 1.003 * plain);
        }
    }

    [Fact]
    public void ASketchKeepsDistancesWithinItsStatedDeviation()
    {
        FeatureMatrix x = Structured(out _);
        const int sketchColumns = 200;
        using FloatRows directions = RandomProjection.Directions(sketchColumns, Columns, 4), rows = FloatRows.Copy(x.Values, Rows, Columns, centre: true), sketch = new(Rows, sketchColumns);
        RandomProjection.Project(rows, directions, sketch, 0);
        double mean = 0, squares = 0;
        const int pairs = Rows / 2;
        for (int pair = 0; pair < pairs; pair++)
        {
            double ratio = DenseVectors.SquaredDistance(sketch[2 * pair], sketch[(2 * pair) + 1]) / DenseVectors.SquaredDistance(rows[2 * pair], rows[(2 * pair) + 1]);
            mean += ratio / pairs;
            squares += (ratio - 1) * (ratio - 1) / pairs;
        }
        double stated = RandomProjection.RelativeDeviation(sketchColumns);
        Assert.Equal(0.1, stated, 1e-12);
        // Pairs share directions, so their mean strays more than that of independent ones would.
        Assert.InRange(mean, 1 - stated, 1 + stated);
        Assert.InRange(Math.Sqrt(squares), 0.4 * stated, 1.5 * stated);
    }

    [Fact]
    public void ASketchedMapIsNearTheExactOne()
    {
        FeatureMatrix x = Structured(out int[] labels);
        RowMap exact = Map(x, labels, new MapOptions { Components = 10 }), sketched = Map(x, labels, new MapOptions { Components = 10, SketchColumns = 256 });
        Assert.Equal((256, Math.Sqrt(2.0 / 256), false), (sketched.SketchColumns, sketched.DistanceDeviation, sketched.ComponentsOfSketch));
        // The components come from the covariance of the columns, so they are as exact as those of the Gram matrix, up to their sign where two scores tie.
        for (int c = 0; c < 10; c++)
        {
            Assert.Equal(exact.Variances[c], sketched.Variances[c], 1e-4 * exact.Variances[0]);
            Assert.Equal(exact.VarianceShares[c], sketched.VarianceShares[c], 1e-4);
        }
        for (int row = 0; row < Rows; row++)
            Assert.Equal(exact.Coordinates[row * 10], sketched.Coordinates[row * 10], 1e-2 * Math.Sqrt(exact.Variances[0]));
        Assert.Equal(1, ClusterScores.AdjustedRandIndex(exact.Clusters, sketched.Clusters), 0.05);
        Assert.Equal(1, sketched.Inertia / exact.Inertia, 0.1);
        Assert.Equal(exact.Pairs.Silhouettes[0].Average(), sketched.Pairs.Silhouettes[0].Average(), 0.03);
        double recall = 0;
        for (int row = 0; row < Rows; row++)
            recall += exact.Pairs.Neighbours[(row * 10)..((row * 10) + 10)].Intersect(sketched.Pairs.Neighbours[(row * 10)..((row * 10) + 10)]).Count() / (10.0 * Rows);
        Assert.InRange(recall, 0.2, 1); // chance would be 10 / 1499; noise in 600 columns makes neighbours of a class nearly equally far
        int[] cut = sketched.Tree.Cut(Classes);
        Assert.Equal(1, ClusterScores.AdjustedRandIndex(labels, [.. sketched.Leaves.Select(leaf => cut[leaf])]), 0.1);
    }

    [Fact]
    public void LeavesHoldTheShareOfTheInertiaThatIsSaid()
    {
        FeatureMatrix x = Planted.Clusters(2600, 30, 5, 2, 8).X;
        RowMap map = Map(x, null, new MapOptions { SketchColumns = 64, Components = 3, Neighbours = 1 });
        Assert.Equal((30, 0.0), (map.SketchColumns, map.DistanceDeviation)); // no more columns than the rows have: the rows themselves
        Assert.Equal(MapOptions.MostLeaves, map.Tree.Count);
        Assert.Equal(2600, map.Tree.Merges[^1].Size);
        double within = 0, total = 0;
        using FloatRows rows = FloatRows.Copy(x.Values, 2600, 30, centre: true);
        foreach (IGrouping<int, int> leaf in Enumerable.Range(0, 2600).GroupBy(row => map.Leaves[row]))
        {
            for (int c = 0; c < 30; c++)
            {
                double mean = leaf.Average(row => (double)rows[row][c]);
                within += leaf.Sum(row => (rows[row][c] - mean) * (rows[row][c] - mean));
            }
        }
        for (int row = 0; row < 2600; row++)
            total += DenseVectors.SquaredNorm(rows[row]);
        Assert.Equal(total, map.TotalInertia, 1e-6 * total);
        Assert.InRange(map.LeafInertiaShare, within / total, 1.2 * within / total); // of the last pass's means, a little above
        Assert.InRange(map.LeafInertiaShare, 0.001, 0.2);
    }

    [Fact]
    public void RowsWithTooManyColumnsHaveTheComponentsOfTheSketch()
    {
        const int rows = 60, columns = MapOptions.MostCovarianceColumns + 1;
        (FeatureMatrix x, int[] labels) = Planted.Clusters(rows, columns, 3, 0.5, 5);
        RowMap exact = Map(x, labels, new MapOptions { Components = 2, Clusters = 3 }), sketched = Map(x, labels, new MapOptions { Components = 2, Clusters = 3, SketchColumns = 400 });
        Assert.True(sketched.ComponentsOfSketch);
        for (int c = 0; c < 2; c++)
            Assert.Equal(1, sketched.Variances[c] / exact.Variances[c], 0.25); // a variance is off by sqrt(2 / 400) = 7 %, and by the share of the rest that falls on it
        Assert.Equal(1, ClusterScores.AdjustedRandIndex(labels, sketched.Clusters));
    }

    [Fact]
    public async Task TheNumberOfThreadsChangesNoBit()
    {
        FeatureMatrix x = Structured(out int[] labels);
        foreach (int? sketch in new int?[] { 0, 64 })
        {
            var options = new MapOptions { Components = 5, SketchColumns = sketch };
            RowMap many = Map(x, labels, options);
            var oneAtATime = new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, maxConcurrencyLevel: 1);
            RowMap one = await Task.Factory.StartNew(() => Map(x, labels, options), TestContext.Current.CancellationToken, TaskCreationOptions.None, oneAtATime.ExclusiveScheduler);
            Assert.Equal(many.Coordinates, one.Coordinates);
            Assert.Equal(many.Clusters, one.Clusters);
            Assert.Equal(many.Pairs.Neighbours, one.Pairs.Neighbours);
            Assert.Equal(many.Pairs.Distances, one.Pairs.Distances);
            Assert.Equal(many.Pairs.Silhouettes, one.Pairs.Silhouettes);
            Assert.Equal(many.Tree.Merges, one.Tree.Merges);
        }
    }

    [Fact]
    public void RefusesWhatCannotBeMapped()
    {
        var equal = new FeatureMatrix("equal", 9, 2, [.. Enumerable.Repeat(2f, 18)]);
        Assert.Contains("all rows are equal", Assert.Throws<ArgumentException>(() => Map(equal, null, new MapOptions())).Message, StringComparison.Ordinal);
        Assert.Contains("all rows are equal", Assert.Throws<ArgumentException>(() => Map(equal, null, new MapOptions { SketchColumns = 16 })).Message, StringComparison.Ordinal);
        Assert.Contains("at least 3", Assert.Throws<ArgumentException>(() => Map(Planted.Noise(2, 3, 1), null, new MapOptions())).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Map(Planted.Noise(4, 3, 1), null, new MapOptions { Clusters = 5 }));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(64)]
    public void StopsCleanlyAtEveryStage(int sketch)
    {
        FeatureMatrix x = Planted.Noise(400, 100, 1);
        var stages = new List<string>();
        RowMap.Compute(new MatrixRows(x), new MapOptions { SketchColumns = sketch }, [], new Listener(stages.Add), CancellationToken.None);
        Assert.True(stages.Distinct().Count() >= 5);
        foreach (string stage in stages.Distinct().SkipLast(1)) // the last one, the tree, goes to its end
        {
            using var stop = new CancellationTokenSource();
            var listener = new Listener(name =>
            {
                if (name == stage)
                    stop.Cancel();
            });
            Assert.ThrowsAny<OperationCanceledException>(() => RowMap.Compute(new MatrixRows(x), new MapOptions { SketchColumns = sketch }, [], listener, stop.Token));
        }
    }

    private sealed class Listener(Action<string> told) : IProgress<AnalysisProgress>
    {
        public void Report(AnalysisProgress value)
        {
            lock (told)
                told(value.Stage);
        }
    }

    /// <summary>Five classes and some directions of falling variance, as trained networks have.</summary>
    private static FeatureMatrix Structured(out int[] labels)
    {
        (FeatureMatrix x, labels) = Planted.Clusters(Rows, Columns, Classes, 0.6, 6);
        FeatureMatrix directions = Planted.Noise(12, Columns, 7), weights = Planted.Noise(Rows, 12, 8);
        for (int row = 0; row < Rows; row++)
        {
            for (int c = 0; c < Columns; c++)
            {
                for (int k = 0; k < 12; k++)
                    x.Values[(row * Columns) + c] += (float)(0.8 * Math.Pow(0.8, k)) * weights.Values[(row * 12) + k] * directions.Values[(k * Columns) + c] / 3;
            }
        }
        return x;
    }

    private static RowMap Map(FeatureMatrix x, int[]? labels, MapOptions options) =>
        RowMap.Compute(new MatrixRows(x), options, labels is null ? [] : [labels], null, TestContext.Current.CancellationToken);
}
