using WeightSpace.Analysis;
using WeightSpace.Analysis.Clustering;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis;

public sealed class PairScoresTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(5, 3, 2)]
    [InlineData(70, 40, 10)]
    [InlineData(700, 20, 5)]
    public void NeighboursAndSilhouettesAgreeWithSortedDistances(int rows, int columns, int neighbours)
    {
        FeatureMatrix x = Planted.Clusters(rows, columns, 3, 0.5, 1).X;
        int[] labels = Planted.Labels(rows, 4, 2);
        labels[0] = 77; // alone in its cluster
        var gram = GramMatrix.Compute(x.Values, rows, columns, centre: true);
        using FloatRows centred = FloatRows.Copy(x.Values, rows, columns, centre: true);
        DistanceMatrix plain = DistanceMatrix.FromGram(gram);
        double[] silhouettes = ClusterScores.SilhouetteSamples(plain, labels);
        foreach (PairResult found in new[] { PairScores.OfGram(gram, neighbours, [labels], Stop), PairScores.OfRows(centred, neighbours, [labels], null, Stop) })
        {
            for (int i = 0; i < rows; i++)
            {
                Assert.Equal(silhouettes[i], found.Silhouettes[0][i], 1e-5);
                int[] expected = [.. Enumerable.Range(0, rows).Where(j => j != i).OrderBy(j => (float)gram.SquaredDistance(i, j)).Take(neighbours)];
                for (int n = 0; n < neighbours; n++)
                {
                    int at = (i * neighbours) + n;
                    Assert.Equal(plain[i, found.Neighbours[at]], found.Distances[at], 1e-5 * plain[i, expected[n]]);
                    Assert.Equal(plain[i, expected[n]], found.Distances[at], 1e-5 * plain[i, expected[n]]);
                }
                if (found.Neighbours.AsSpan(i * neighbours, neighbours).SequenceEqual(expected))
                    continue;
                Assert.Equal(neighbours, found.Neighbours.AsSpan(i * neighbours, neighbours).ToArray().Distinct().Count());
            }
        }
        PairResult ofGram = PairScores.OfGram(gram, neighbours, [], Stop);
        for (int i = 0; i < rows; i++)
            Assert.Equal(Enumerable.Range(0, rows).Where(j => j != i).OrderBy(j => (float)gram.SquaredDistance(i, j)).Take(neighbours), ofGram.Neighbours.AsSpan(i * neighbours, neighbours).ToArray());
    }

    [Fact]
    public void OfEquallyNearRowsTheLowerOnesComeFirst()
    {
        const int rows = 600;
        float[] values = [.. Enumerable.Range(0, rows).Select(row => row % 2 == 0 ? 1f : -1f)];
        using FloatRows x = FloatRows.Copy(values, rows, 1, centre: false);
        foreach (PairResult found in new[] { PairScores.OfRows(x, 3, [], null, Stop), PairScores.OfGram(GramMatrix.Compute(x, 0, Stop), 3, [], Stop) })
        {
            Assert.Equal([2, 4, 6], found.Neighbours[..3]);
            Assert.Equal([1, 3, 5], found.Neighbours[^3..]);
            Assert.All(found.Distances, distance => Assert.Equal(0, distance));
        }
    }

    [Fact]
    public void RefusesWhatHasNoAnswer()
    {
        using FloatRows x = FloatRows.Copy(Planted.Noise(4, 2, 1).Values, 4, 2, centre: true);
        Assert.Throws<ArgumentException>(() => PairScores.OfRows(x, 4, [], null, Stop));
        Assert.Throws<ArgumentException>(() => PairScores.OfRows(x, 1, [[1, 1, 1, 1]], null, Stop));
        Assert.Throws<ArgumentException>(() => PairScores.OfRows(x, 1, [[1, 2]], null, Stop));
    }
}
