using WeightSpace.Analysis.Trajectories.Ordering;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tests.Networks;

namespace WeightSpace.Tests.Analysis.Trajectories.Ordering;

public sealed class SharedUnitOrderTests
{
    private const int Networks = 6, Steps = 14;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("5: dense 12, tanh, dense 9, layer_norm, dense 3", false)]
    [InlineData("2x7x6: conv 6 k3 p1, batch_norm, max_pool 2, conv 5 k2, flatten, dense 8, dense 2", false)]
    [InlineData("3: gru 8, gru 7, dense 6, dense 2", false)]
    [InlineData("2x7x6: conv 6 k3 p1, batch_norm, max_pool 2, conv 5 k2, flatten, dense 8, dense 2", true)]
    public void CheckpointsWhoseUnitsWereReorderedStandWhereTheyStood(string layers, bool isOneStart)
    {
        Architecture architecture = TestNetworks.Parse(layers);
        float[][] paths = Paths(architecture, isOneStart);
        using FloatRows before = Rows(paths);
        using FloatRows rows = Rows([.. paths.Select((weights, i) => PermutedUnits.Shuffle(architecture, weights, (ulong)i))]);
        Assert.True(SharedUnitOrder.Restore(rows, architecture.Parameters, Stop));
        for (int i = 0; i < paths.Length; i++)
        {
            for (int j = 0; j < paths.Length; j++)
            {
                if (isOneStart || i / Steps == j / Steps)
                    Assert.Equal(DenseVectors.SquaredDistance(before[i], before[j]), DenseVectors.SquaredDistance(rows[i], rows[j]), 1e-5);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatWasNotReorderedStaysAsItIs(bool isOneStart)
    {
        Architecture architecture = TestNetworks.Parse("5: dense 12, tanh, dense 9, layer_norm, dense 3");
        float[][] paths = Paths(architecture, isOneStart);
        using FloatRows rows = Rows(paths);
        Assert.False(SharedUnitOrder.Restore(rows, architecture.Parameters, Stop));
        for (int i = 0; i < paths.Length; i++)
            Assert.Equal(paths[i], rows[i].ToArray());
    }

    [Fact]
    public void UnrelatedNetworksAreNotMadeAlike()
    {
        Architecture architecture = TestNetworks.Parse("5: dense 12, tanh, dense 9, dense 3");
        float[][] networks = [.. Enumerable.Range(0, 40).Select(seed => TestNetworks.Weights(architecture, (ulong)seed))];
        using FloatRows rows = Rows(networks);
        Assert.False(SharedUnitOrder.Restore(rows, architecture.Parameters, Stop));
    }

    [Fact]
    public void SortedWeightsAreInvariantAndNeverFartherApartThanTheWeights()
    {
        Architecture architecture = TestNetworks.Parse("2x7x6: conv 6 k3 p1, batch_norm, conv 5 k2, flatten, dense 8, dense 2");
        float[] one = TestNetworks.Weights(architecture, 1), other = TestNetworks.Weights(architecture, 2);
        using FloatRows rows = Rows([one, PermutedUnits.Shuffle(architecture, one, 3), other, PermutedUnits.Shuffle(architecture, other, 4)]);
        using FloatRows sorted = new SortedCells(architecture.Parameters).Sort(rows, Stop);
        Assert.Equal(sorted[0].ToArray(), sorted[1].ToArray());
        Assert.Equal(sorted[2].ToArray(), sorted[3].ToArray());
        Assert.NotEqual(sorted[0].ToArray(), sorted[2].ToArray());
        foreach ((int i, int j) in new[] { (0, 2), (0, 3), (1, 2), (1, 3) })
            Assert.True(DenseVectors.SquaredDistance(sorted[i], sorted[j]) <= DenseVectors.SquaredDistance(rows[i], rows[j]));
        Assert.Equal(one.Sum(), sorted[0].ToArray().Sum(), 1e-3);
    }

    /// <summary>Walks from random weights, [network x step][parameter]: a direction of the network's own and noise.</summary>
    private static float[][] Paths(Architecture architecture, bool isOneStart)
    {
        var paths = new List<float[]>();
        for (int network = 0; network < Networks; network++)
        {
            float[] at = TestNetworks.Weights(architecture, isOneStart ? 0 : (ulong)network), towards = TestNetworks.Weights(architecture, 100 + (ulong)network);
            var noise = new RandomStream((ulong)network, RandomPurpose.Testing, 3);
            for (int step = 0; step < Steps; step++)
            {
                paths.Add([.. at]);
                for (int i = 0; i < at.Length; i++)
                    at[i] += (0.02f * towards[i]) + (0.005f * noise.NextNormal());
            }
        }
        return [.. paths];
    }

    private static FloatRows Rows(float[][] rows) => FloatRows.Copy(rows.SelectMany(row => row).ToArray(), rows.Length, rows[0].Length, centre: false);
}
