using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tests.Networks;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>The fast forward and backward passes against the plain double-precision network.</summary>
public sealed class GradientTests
{
    /// <summary>Architecture, places, samples: each kind of layer first, in the middle and last, odd sizes, one chunk and several, full and padded.</summary>
    public static TheoryData<string, int, int> Shapes => new()
    {
        { "3: gru 5, dense 2", 7, 3 },
        { "2: gru 3, gru 7, dense 4, relu, dense 3", 5, 17 },
        { "4: dense 6, relu, dense 5, relu, dense 1", 1, 33 },
        { "1: gru 1", 9, 1 },
        { "3: dense 8, relu, gru 4", 4, 48 },
        { "9: gru 13, gru 6", 11, 16 },
        { "1: dense 1", 1, 1 },
        { "5: dense 14, dense 3", 1, 70 },
        { "5: dense 3, tanh, dense 4", 11, 70 },
        { "3: lstm 5, dense 2", 7, 3 },
        { "2: lstm 3, lstm 4", 11, 33 },
        { "4: dense 3, sigmoid, lstm 2, dense 2", 3, 70 },
        { "1: lstm 1", 1, 1 },
        { "3: rnn 5 tanh, dense 2", 11, 17 },
        { "2: rnn 4 relu, rnn 3 tanh", 9, 70 },
        { "3: dense 4, rnn 5 relu, dense 3", 3, 1 },
        { "3: rnn 2 relu", 1, 7 },
        { "1x5x4: conv 2 k3, flatten, dense 3", 1, 7 },
        { "2x7x5: conv 3 k3 p1, relu, conv 2 k2, flatten, dense 2", 1, 17 },
        { "2x7x6: conv 3 k3 s2 p1, tanh, conv 4 k2 s2, flatten, dense 2", 1, 33 },
        { "1x8x5: conv 2 k2 s3 p2, conv 3 k3 s2 p3, flatten, dense 2", 1, 3 },
        { "3x4x4: conv 5 k1, conv 2 k1 s2 p1, flatten, dense 3", 1, 16 },
        { "1x3x3: conv 2 k3 p2, conv 1 k3", 1, 70 },
        { "2x5x6: conv 2 k3 s2, relu, flatten, gru 3, dense 2", 3, 33 },
        { "1x5x5: conv 2 k2, conv 2 k3 s2 p2, flatten, lstm 2", 3, 17 },
        { "6: dense 8, flatten, relu, dense 2", 1, 7 },
        { "2x6x7: max_pool 2, conv 2 k2, max_pool 2 s1, flatten, dense 3", 1, 17 },
        { "2x7x7: conv 3 k2, max_pool 3 s2, flatten, dense 2", 1, 33 },
        { "1x8x7: conv 2 k2, max_pool 2 s3, flatten, dense 2", 1, 70 },
        { "2x6x7: avg_pool 2, conv 2 k2, avg_pool 2 s1, flatten, dense 3", 1, 17 },
        { "2x8x8: conv 3 k2, avg_pool 3 s2, conv 2 k2 p1, avg_pool 3, flatten, dense 1", 1, 33 },
        { "1x7x8: conv 2 k2, avg_pool 2 s3", 3, 7 },
        { "1x7x7: conv 3 k2, max_pool 2, tanh, dropout 0.3, batch_norm, flatten, dense 2", 1, 17 },
        { "3: gru 5, dropout 0.4, dense 3", 11, 33 },
        { "2x6x6: conv 3 k3 p1, batch_norm, relu, max_pool 2, flatten, dense 2", 1, 70 },
        { "3: batch_norm, dense 5, batch_norm, tanh, dense 2", 1, 33 },
        { "3: dense 4, batch_norm, gru 3, batch_norm, dense 2, batch_norm", 3, 17 },
        { "2: dense 2, batch_norm", 3, 7 },
        { "2x4x3: batch_norm, avg_pool 2, batch_norm, flatten, dense 2", 3, 70 },
        { "3: layer_norm, dense 5, layer_norm, tanh, dense 2", 1, 70 },
        { "3: lstm 4, layer_norm, dense 3, layer_norm", 3, 33 },
        { "2x5x4: layer_norm, conv 3 k2, layer_norm, relu, flatten, layer_norm, dense 2", 1, 17 },
        { "2x4x4: conv 2 k2, flatten, batch_norm, dense 3", 1, 1 },
        { "4: dropout 0.2, dense 5, dropout 0.5, dropout 0.1, dense 2, dropout 0.2", 1, 70 },
        { "5: tanh, dense 6, silu, tanh, dense 3, sigmoid", 1, 33 },
        { "5: dense 6, gelu, sigmoid, dense 3, gelu", 1, 17 },
        { "4: dense 6, leaky_relu 0.1, relu, dense 3, leaky_relu 0.2", 3, 17 },
        { "2x5x5: conv 2 k2, leaky_relu 0.2, dropout 0.3, max_pool 2, leaky_relu 0.1, flatten, dropout 0.2, dense 2", 1, 33 },
        { "2x5x5: conv 2 k2, silu, dropout 0.3, avg_pool 2, silu, flatten, batch_norm, silu, dense 2", 1, 33 },
        { "2x5x5: conv 2 k2, gelu, max_pool 2, gelu, flatten, layer_norm, gelu, dense 2", 1, 33 },
        { "3: gru 4, silu, dropout 0.2, lstm 3, gelu, batch_norm, rnn 3, leaky_relu 0.3, dense 2", 3, 33 },
        { "3: gru 4, tanh, layer_norm, gru 3, sigmoid, flatten, relu", 3, 7 },
    };

    public static TheoryData<string, int, int, Loss> Cases()
    {
        var data = new TheoryData<string, int, int, Loss>();
        foreach ((string architecture, int places, int samples) in Shapes.Select(row => row.Data))
        {
            // Each shape with one loss, and some with all. The softmax of one output is 1, whatever the weights.
            bool isAlone = TestNetworks.Parse(architecture).Outputs == 1;
            foreach (Loss loss in data.Count % 8 < 2 ? Enum.GetValues<Loss>() : [(Loss)(data.Count % 3)])
            {
                if (loss != Loss.CrossEntropy || !isAlone)
                    data.Add(architecture, places, samples, loss);
                else if (data.Count % 8 >= 2)
                    data.Add(architecture, places, samples, Loss.BinaryCrossEntropy);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LossAndEveryGradientAgreeWithFiniteDifferences(string layers, int places, int samples, Loss loss)
    {
        const ulong seed = 9;
        const long first = 1000;
        Architecture architecture = TestNetworks.Parse(layers);
        float[] weights = TestNetworks.Weights(architecture, 11);
        // What stands in the padding lanes must not matter.
        var data = new RandomData(TestTask.For(architecture, places), loss, seed: 12, isSpoilt: true);
        using var workspace = new Workspace(architecture, places, samples);

        float found = workspace.LossAndGradient(data, loss, seed, first, weights);

        (double[][][] x, double[][][] y) = data.Samples(Split.Train, first, samples);
        IReadOnlyDictionary<int, double[][][]> masks = DropoutMasks.Of(architecture, places, seed, first, samples);
        double[] exact = [.. weights.Select(weight => (double)weight)];
        double[][][][] activations = PlainNetwork.Activations(architecture, exact, x, masks);
        double expected = PlainNetwork.Loss(loss, activations[^1], y);
        Assert.Equal(expected, found, 1e-6 * Math.Max(1, expected));
        double[] differences = Differences(architecture, exact, activations, masks, loss, y);
        double scale = Math.Sqrt(differences.Average(d => d * d));
        Assert.True(scale > 1e-6, "a gradient of nothing would agree with anything");
        double worst = 0;
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters.Where(parameter => parameter.IsTrained))
        {
            // Against the tensor's own scale, and to 1e-6 of the whole's: a bias before a normalisation has a gradient of 0, which rounding makes about that.
            double own = Math.Sqrt(differences.Skip(parameter.Offset).Take(parameter.Count).Average(d => d * d)) + (5e-2 * scale);
            for (int i = parameter.Offset; i < parameter.Offset + parameter.Count; i++)
            {
                double error = Math.Abs(workspace.Gradient[i] - differences[i]) / (own + Math.Abs(differences[i]));
                worst = Math.Max(worst, error);
                Assert.True(error < 2e-5, $"{TestNetworks.NameOf(architecture, i)}: gradient {workspace.Gradient[i]:R}, finite difference {differences[i]:R}, scale {own:E2}");
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"largest error {worst:E2}");
    }

    /// <summary>Central differences of the loss by each trained parameter, from the layer on that has it.</summary>
    private static double[] Differences(Architecture architecture, double[] weights, double[][][][] activations, IReadOnlyDictionary<int, double[][][]> masks, Loss loss, double[][][] y)
    {
        double[] differences = new double[architecture.Parameters.TrainedCount];
        // None of the many thousand ReLUs and maxima should change sides within a step; where there are none, a longer one leaves less of the loss's rounding.
        bool hasKinks = architecture.Layers.Any(of => of is PoolSpec { IsMax: true } or ActivationSpec { Function: Activation.Relu or Activation.LeakyRelu } or RnnSpec { Nonlinearity: Activation.Relu });
        double difference = hasKinks ? 2e-7 : 5e-6;
        int layer = 0;
        for (int i = 0; i < differences.Length; i++)
        {
            while (layer + 1 < architecture.Layers.Count && architecture.Parameters.OffsetOf(layer + 1) <= i)
                layer++;
            double weight = weights[i];
            double At(double value)
            {
                weights[i] = value;
                return PlainNetwork.Loss(loss, PlainNetwork.Forward(architecture, weights, activations[layer], masks, layer), y);
            }
            differences[i] = (At(weight + difference) - At(weight - difference)) / (2 * difference);
            weights[i] = weight;
        }
        return differences;
    }

    /// <summary>A sample's lane must not depend on its neighbours: samples twice over have the mean loss and gradient of once.</summary>
    [Theory]
    [InlineData("3: gru 5, dense 2", 6, 16)]
    [InlineData("3: lstm 5, batch_norm, dense 2", 3, 17)]
    [InlineData("2x5x5: conv 3 k2, batch_norm, relu, max_pool 2, flatten, layer_norm, dense 2", 1, 35)]
    [InlineData("7: dense 9, gelu, dense 3", 1, 50)]
    public void ALargerBatchOfTheSameSamplesGivesTheSameLoss(string layers, int places, int samples)
    {
        Architecture architecture = TestNetworks.Parse(layers);
        float[] weights = TestNetworks.Weights(architecture, 13);
        foreach (Loss loss in Enum.GetValues<Loss>())
        {
            var data = new RandomData(TestTask.For(architecture, places), loss, seed: 14, period: samples);
            using var one = new Workspace(architecture, places, samples);
            using var two = new Workspace(architecture, places, 2 * samples);
            float expected = one.LossAndGradient(data, loss, 1, 0, weights);
            Assert.Equal(expected, two.LossAndGradient(data, loss, 1, 0, weights), 1e-6f * Math.Max(1, expected));
            Assert.True(one.Gradient.ContainsAnyExcept(0f));
            for (int i = 0; i < one.Gradient.Length; i++)
                Assert.Equal(one.Gradient[i], two.Gradient[i], 2e-6f);
        }
    }

    /// <summary>A gradient left behind by the last batch would show in the next one's.</summary>
    [Fact]
    public void ABatchLeavesNothingBehind()
    {
        foreach ((string layers, int places, int samples) in Shapes.Select(row => row.Data))
        {
            Architecture architecture = TestNetworks.Parse(layers);
            var data = new RandomData(TestTask.For(architecture, places), Loss.MeanSquaredError, seed: 15);
            using var fresh = new Workspace(architecture, places, samples);
            using var used = new Workspace(architecture, places, samples);
            used.LossAndGradient(data, Loss.MeanSquaredError, 3, 500, TestNetworks.Weights(architecture, 16));
            used.Evaluate(data, Loss.MeanSquaredError, new EvaluationSpec(5, 4), TestNetworks.Weights(architecture, 17));
            float[] weights = TestNetworks.Weights(architecture, 18);
            Assert.Equal(fresh.LossAndGradient(data, Loss.MeanSquaredError, 3, 0, weights), used.LossAndGradient(data, Loss.MeanSquaredError, 3, 0, weights));
            Assert.True(fresh.Gradient.SequenceEqual(used.Gradient), layers);
        }
    }
}
