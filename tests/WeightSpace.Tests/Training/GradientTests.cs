using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tests.Networks;
using WeightSpace.Training;

namespace WeightSpace.Tests.Training;

/// <summary>The fast forward and backward passes against the plain double-precision network.</summary>
public sealed class GradientTests
{
    /// <summary>Odd widths, one and several blocks, padded lanes, one place and many, each kind of layer first and last.</summary>
    public static TheoryData<string, int, int> Cases => new()
    {
        { "gru 3>5, dense 5>2", 7, 3 },
        { "gru 2>3, gru 3>7, dense 7>4 relu, dense 4>3", 5, 17 },
        { "dense 4>6 relu, dense 6>5 relu, dense 5>1", 1, 33 },
        { "gru 1>1", 9, 1 },
        { "dense 3>8 relu, gru 8>4", 4, 48 },
        { "gru 9>13, gru 13>6", 11, 16 },
        { "dense 1>1", 1, 1 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void LossAndEveryGradientAgreeWithFiniteDifferences(string layers, int places, int samples)
    {
        Architecture architecture = Parse(layers);
        var stream = new RandomStream(11, RandomPurpose.Testing, (ulong)(places * 1000 + samples));
        float[] weights = new float[architecture.Parameters.Count];
        for (int i = 0; i < weights.Length; i++)
            weights[i] = stream.NextNormal() * 0.5f;
        using var workspace = new Workspace(architecture, places, samples);
        double[][][] x = Fill(workspace.Inputs, architecture.Inputs, workspace.Stride, places, samples, ref stream);
        double[][][] y = Fill(workspace.Targets, architecture.Outputs, workspace.Stride, places, samples, ref stream);
        // What stands in the padding lanes must not matter.
        Spoil(workspace.Targets, workspace.Stride, samples);
        workspace.UseBatch(samples);

        float loss = workspace.LossAndGradient(weights);

        double[] exact = [.. weights.Select(weight => (double)weight)];
        double expected = PlainNetwork.Loss(architecture, exact, x, y);
        Assert.Equal(expected, loss, 1e-6 * Math.Max(1, expected));
        double[] differences = new double[weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            const double step = 1e-5;
            double weight = exact[i];
            exact[i] = weight + step;
            double above = PlainNetwork.Loss(architecture, exact, x, y);
            exact[i] = weight - step;
            differences[i] = (above - PlainNetwork.Loss(architecture, exact, x, y)) / (2 * step);
            exact[i] = weight;
        }
        double scale = Math.Sqrt(differences.Average(d => d * d));
        Assert.True(scale > 1e-6, "a gradient of nothing would agree with anything");
        for (int i = 0; i < weights.Length; i++)
        {
            double error = Math.Abs(workspace.Gradient[i] - differences[i]) / (scale + Math.Abs(differences[i]));
            Assert.True(error < 2e-5, $"{NameOf(architecture, i)}: gradient {workspace.Gradient[i]:R}, finite difference {differences[i]:R}");
        }
    }

    [Fact]
    public void ALargerBatchOfTheSameSamplesGivesTheSameLoss()
    {
        // A sample's lane must not depend on its neighbours: 16 samples twice over have the mean loss and gradient of 16.
        Architecture architecture = Parse("gru 3>5, dense 5>2");
        var stream = new RandomStream(12, RandomPurpose.Testing);
        float[] weights = new float[architecture.Parameters.Count];
        for (int i = 0; i < weights.Length; i++)
            weights[i] = stream.NextNormal() * 0.5f;
        using var one = new Workspace(architecture, 6, 16);
        using var two = new Workspace(architecture, 6, 32);
        for (int i = 0; i < one.Inputs.Length; i++)
            two.Inputs[(i / 16 * 32) + (i % 16)] = two.Inputs[(i / 16 * 32) + 16 + (i % 16)] = one.Inputs[i] = stream.NextNormal();
        one.UseBatch(16);
        two.UseBatch(32);
        Assert.Equal(one.LossAndGradient(weights), two.LossAndGradient(weights), 1e-6f);
        for (int i = 0; i < weights.Length; i++)
            Assert.Equal(one.Gradient[i], two.Gradient[i], 1e-6f);
    }

    private static string NameOf(Architecture architecture, int index)
    {
        ParameterInfo parameter = architecture.Parameters.Parameters.Last(p => p.Offset <= index);
        return $"{parameter.Name}[{index - parameter.Offset}]";
    }

    private static double[][][] Fill(Span<float> values, int features, int stride, int places, int samples, ref RandomStream stream)
    {
        double[][][] plain = new double[samples][][];
        for (int sample = 0; sample < samples; sample++)
        {
            plain[sample] = new double[places][];
            for (int place = 0; place < places; place++)
            {
                plain[sample][place] = new double[features];
                for (int feature = 0; feature < features; feature++)
                    plain[sample][place][feature] = values[(((place * features) + feature) * stride) + sample] = stream.NextNormal();
            }
        }
        return plain;
    }

    private static void Spoil(Span<float> values, int stride, int samples)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (i % stride >= samples)
                values[i] = 1e6f;
        }
    }

    /// <summary>"gru 3>5, dense 5>2 relu": one layer each.</summary>
    internal static Architecture Parse(string layers)
    {
        var specs = new List<LayerSpec>();
        foreach (string layer in layers.Split(", "))
        {
            string[] words = layer.Split(' ');
            int[] sizes = [.. words[1].Split('>').Select(int.Parse)];
            specs.Add(words[0] == "gru" ? new GruSpec($"{specs.Count}", 0, sizes[0], sizes[1]) : new DenseSpec($"{specs.Count}", sizes[0], sizes[1]));
            if (words.Length > 2)
                specs.Add(new ActivationSpec($"{specs.Count}", Shape.Vector(sizes[1]), Activation.Relu));
        }
        return new Architecture(layers, specs);
    }
}
