using WeightSpace.Analysis.Alignment;
using WeightSpace.Analysis.Views;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tests.Networks;

namespace WeightSpace.Tests.Analysis.Alignment;

public sealed class WeightMatchingTests
{
    public static TheoryData<string> Layers =>
    [
        "5: dense 12, tanh, dense 9, layer_norm, dense 3",
        "2x7x6: conv 6 k3 p1, batch_norm, max_pool 2, conv 5 k2, flatten, dense 8, dense 2",
        "3: gru 8, gru 7, dense 6, dense 2",
        "3: lstm 8, layer_norm, lstm 7, dense 2",
        "1x5x5: conv 4 k2, tanh, flatten, rnn 6 tanh, dense 2",
    ];

    [Theory]
    [MemberData(nameof(Layers))]
    public void APermutedCopyComesBackToTheLastBit(string layers)
    {
        Architecture architecture = TestNetworks.Parse(layers);
        for (ulong seed = 0; seed < 5; seed++)
        {
            float[] reference = TestNetworks.Weights(architecture, seed);
            float[] copy = PermutedUnits.Shuffle(architecture, reference, seed);
            Assert.NotEqual(reference, copy);
            new WeightMatching(architecture.Parameters, reference).Align(copy);
            Assert.Equal(reference, copy);
        }
    }

    /// <summary>A noisy, permuted copy: what alignment gives is as near as the noise put it, and reordering is all that was done.</summary>
    [Theory]
    [MemberData(nameof(Layers))]
    public void ANoisyCopyComesAsNearAsItWas(string layers)
    {
        Architecture architecture = TestNetworks.Parse(layers);
        float[] reference = TestNetworks.Weights(architecture, 9);
        var noise = new RandomStream(10, RandomPurpose.Testing, 11);
        float[] noisy = [.. reference.Select(weight => weight + (0.1f * noise.NextNormal()))];
        float[] copy = PermutedUnits.Shuffle(architecture, noisy, 12);
        new WeightMatching(architecture.Parameters, reference).Align(copy);
        Assert.Equal(noisy, copy);
    }

    [Fact]
    public void UnrelatedNetworksComeNearerAndNoValueIsLost()
    {
        Architecture architecture = KnownArchitectures.Mlds(9, 8);
        float[] reference = TestNetworks.Weights(architecture, 1), other = TestNetworks.Weights(architecture, 2);
        float[] aligned = [.. other];
        new WeightMatching(architecture.Parameters, reference).Align(aligned);
        Assert.True(DenseVectors.SquaredDistance(reference, aligned) < DenseVectors.SquaredDistance(reference, other));
        // The function is in what no order of the units changes.
        float[] Invariant(float[] weights)
        {
            var features = new float[new InvariantView().FeatureNames(architecture).Length];
            new InvariantView().Compute(architecture, weights, features);
            return features;
        }
        Assert.All(Invariant(other).Zip(Invariant(aligned)), pair => Assert.Equal(pair.First, pair.Second, 1e-4 * Math.Max(1, Math.Abs(pair.First))));
        float[] again = [.. aligned];
        new WeightMatching(architecture.Parameters, reference).Align(again);
        Assert.Equal(aligned, again);
    }

    [Fact]
    public void AnotherLengthIsRefused()
    {
        Architecture architecture = TestNetworks.Parse("5: dense 4, dense 2");
        Assert.Throws<ArgumentException>(() => new WeightMatching(architecture.Parameters, new float[3]));
        Assert.Throws<ArgumentException>(() => new WeightMatching(architecture.Parameters, new float[architecture.Parameters.Count]).Align(new float[2]));
    }
}
