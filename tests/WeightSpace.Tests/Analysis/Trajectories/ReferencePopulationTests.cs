using WeightSpace.Analysis.Trajectories;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Trajectories;

public sealed class ReferencePopulationTests
{
    [Fact]
    public void DistancesAndTailsAreThoseOfTheirDefinition()
    {
        float[][] members = MemoryGroup.Walk(7, 50, 1);
        var reference = new ReferencePopulation("others");
        for (int n = 0; n < 7; n++)
            reference.Add($"n{n}", 10, members[n]);
        // Each from the mean of the others, written down.
        double FromOthers(int n) => FromMean(members[n], [.. members.Where((_, other) => other != n)]);
        double[] distances = [.. Enumerable.Range(0, 7).Select(FromOthers)];
        double median = distances.Order().ElementAt(3);
        for (int n = 0; n < 7; n++)
        {
            (double distance, double tail) = reference.Score($"n{n}", 10, members[n])!.Value;
            Assert.Equal(distances[n] / median, distance, 1e-6);
            Assert.Equal((1 + distances.Where((other, index) => index != n && other >= distances[n]).Count()) / 7.0, tail, 1e-12);
        }
        float[] stranger = [.. members[0].Select(value => value + 1)];
        (double far, double share) = reference.Score("stranger", 10, stranger)!.Value;
        Assert.Equal(FromMean(stranger, members) / median, far, 1e-6);
        Assert.Equal((1 + distances.Count(other => other >= FromMean(stranger, members))) / 8.0, share, 1e-12);
        Assert.Null(reference.Score("stranger", 11, stranger)); // no network has been there
    }

    [Fact]
    public void ThreeOthersAreTheLeast()
    {
        var reference = new ReferencePopulation("others");
        for (int n = 0; n < 3; n++)
            reference.Add($"n{n}", 0, [n]);
        Assert.Null(reference.Score("n0", 0, [0]));
        Assert.NotNull(reference.Score("other", 0, [0]));
        reference.Add("n3", 0, [3]);
        Assert.NotNull(reference.Score("n0", 0, [0]));
    }

    /// <summary>A planted case is far out, and networks like the others are not more often than they should be.</summary>
    [Fact]
    public void ANetworkThatLeavesThePopulationIsSeenAndOthersAreNot()
    {
        const int networks = 40, weights = 300;
        float[] Draw(int network, double shift)
        {
            var random = new RandomStream((ulong)network, RandomPurpose.Testing);
            var values = new float[weights];
            for (int i = 0; i < weights; i++)
                values[i] = random.NextNormal() + (float)shift;
            return values;
        }
        var reference = new ReferencePopulation("others");
        for (int n = 0; n < networks; n++)
            reference.Add($"n{n}", 0, Draw(n, 0));
        Assert.Equal(1.0 / (networks + 1), reference.Score("moved", 0, Draw(1000, 1.2))!.Value.Tail, 1e-12);
        double[] tails = [.. Enumerable.Range(0, 400).Select(n => reference.Score($"new{n}", 0, Draw(2000 + n, 0))!.Value.Tail)];
        Assert.InRange(tails.Count(tail => tail <= 0.1) / 400.0, 0.03, 0.2);
        Assert.InRange(tails.Average(), 0.4, 0.6);
    }

    private static double FromMean(float[] position, float[][] others) => Math.Sqrt(Enumerable.Range(0, position.Length).Sum(i => Math.Pow(position[i] - others.Average(other => (double)other[i]), 2)));
}
