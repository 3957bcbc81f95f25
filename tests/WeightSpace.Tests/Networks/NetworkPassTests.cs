using WeightSpace.Networks;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Networks;

/// <summary>What must hold of the outputs of any network, whatever its layers compute.</summary>
public sealed class NetworkPassTests
{
    private const ulong Seed = 8;

    /// <summary>One place, and three where there is something recurrent; each kind of layer but batch normalisation.</summary>
    public static TheoryData<string, int> WithoutBatchNorm => new()
    {
        { "5: dense 7, leaky_relu 0.1, dropout 0.3, dense 3, layer_norm, dense 2", 1 },
        { "5: dense 7, tanh, dense 3, sigmoid", 3 },
        { "2x7x6: conv 3 k3 p1, relu, max_pool 2, conv 2 k2 s2, gelu, flatten, dense 2", 1 },
        { "2x7x6: avg_pool 2 s1, layer_norm, conv 3 k3 s2 p3, silu, dropout 0.2, flatten, dense 2", 1 },
        { "3: gru 5, dropout 0.3, gru 4, dense 2", 3 },
        { "3: lstm 5, layer_norm, lstm 4, dense 2", 3 },
        { "3: rnn 5 tanh, rnn 4 relu, dense 2", 3 },
        { "1x5x5: conv 2 k2, max_pool 2, flatten, gru 3", 3 },
    };

    [Theory]
    [MemberData(nameof(WithoutBatchNorm))]
    public void ASamplesOutputDependsOnThatSampleAlone(string layers, int places)
    {
        const int most = 70;
        Architecture architecture = TestNetworks.Parse(layers);
        float[] weights = TestNetworks.Weights(architecture, 31);
        var data = new RandomData(TestTask.For(architecture, places), Loss.MeanSquaredError, seed: 32);
        int answers = places * architecture.Outputs;
        foreach (bool isTraining in (bool[])[true, false])
        {
            float[] Of(int batch, long first) => Passing.Outputs(architecture, places, batch, data, weights, isTraining, Seed, first);
            float[] all = Of(most, 100);
            Assert.True(all.Distinct().Count() > all.Length / 2);
            // Alone, and in other lanes, blocks and chunks: the same bits.
            foreach ((int batch, int first) in ((int, int)[])[(1, 0), (1, 15), (1, 69), (7, 30), (16, 1), (17, 53), (33, 5), (64, 6)])
                Assert.Equal(all[(first * answers)..((first + batch) * answers)], Of(batch, 100 + first));
        }
    }

    /// <summary>At evaluation batch normalisation goes by its running statistics.</summary>
    [Theory]
    [InlineData("4: dense 5, batch_norm, tanh, dense 2", 3)]
    [InlineData("2x5x5: conv 3 k2, batch_norm, relu, max_pool 2, batch_norm, flatten, dense 2", 1)]
    public void AtEvaluationBatchNormalisationSeesOneSampleToo(string layers, int places)
    {
        Architecture architecture = TestNetworks.Parse(layers);
        float[] weights = TestNetworks.Weights(architecture, 33);
        var data = new RandomData(TestTask.For(architecture, places), Loss.MeanSquaredError, seed: 34);
        int answers = places * architecture.Outputs;
        float[] Of(int batch, long first, bool isTraining) => Passing.Outputs(architecture, places, batch, data, weights, isTraining, Seed, first);
        float[] all = Of(37, 0, false);
        foreach (int sample in (int[])[0, 15, 16, 36])
            Assert.Equal(all[(sample * answers)..((sample + 1) * answers)], Of(1, sample, false));
        Assert.NotEqual(all, Of(37, 0, true));
    }

    public static TheoryData<string, int> Permutable => new()
    {
        { "5: dense 7, leaky_relu 0.1, dense 6, layer_norm, dense 2", 1 },
        { "5: dense 7, batch_norm, tanh, dense 6, batch_norm, dense 2", 1 },
        { "2x7x6: conv 3 k3 p1, tanh, max_pool 2, conv 4 k2, leaky_relu 0.2, flatten, dense 5, tanh, dense 2", 1 },
        { "2x7x6: conv 3 k3 p1, batch_norm, avg_pool 2, layer_norm, conv 4 k2, layer_norm, flatten, layer_norm, dense 2", 1 },
        { "2x6x6: conv 3 k2, flatten, batch_norm, silu, dense 4, sigmoid, dense 2", 1 },
        { "3: gru 5, gru 4, dense 6, tanh, dense 2", 3 },
        { "3: gru 5, layer_norm, gru 4", 3 },
        { "3: lstm 5, batch_norm, lstm 4, dense 2", 3 },
        { "3: rnn 5 tanh, rnn 4 relu, dense 2", 3 },
        { "1x5x5: conv 3 k2, tanh, flatten, gru 3, dense 2", 3 },
        { "1x5x5: conv 3 k2, tanh, flatten, lstm 3, rnn 4 tanh, dense 2", 3 },
    };

    [Theory]
    [MemberData(nameof(Permutable))]
    public void HiddenUnitsInAnotherOrderComputeTheSame(string layers, int places)
    {
        const int batch = 9;
        Architecture architecture = TestNetworks.Parse(layers);
        float[] weights = TestNetworks.Weights(architecture, 35), rotated = PermutedUnits.Rotate(architecture, weights);
        var data = new RandomData(TestTask.For(architecture, places), Loss.MeanSquaredError, seed: 36);
        float[] Of(float[] of, bool isTraining) => Passing.Outputs(architecture, places, batch, data, of, isTraining, Seed, 0);
        foreach (bool isTraining in (bool[])[true, false])
        {
            float[] expected = Of(weights, isTraining);
            float scale = expected.Max(Math.Abs);
            float Distance(float[] of) => Of(of, isTraining).Zip(expected).Max(pair => Math.Abs(pair.First - pair.Second)) / scale;
            Assert.InRange(Distance(rotated), 0, 1e-5f);
            // And each parameter must have taken part: left behind alone, it changes the function. (In training nothing is left of a bias or of running statistics that
            // batch normalisation takes away.)
            foreach (ParameterInfo parameter in architecture.Parameters.Parameters.Where(parameter => !isTraining && parameter.Axes.Any(axis => axis.Permutation is not null)))
            {
                float[] mixed = [.. rotated];
                weights.AsSpan(parameter.Offset, parameter.Count).CopyTo(mixed.AsSpan(parameter.Offset));
                Assert.True(Distance(mixed) > 1e-3f, $"{parameter.Name} in the old order makes no difference");
            }
        }
    }
}
