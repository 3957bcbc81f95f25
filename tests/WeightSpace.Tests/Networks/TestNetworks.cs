using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Networks;

/// <summary>Architectures in one line, and weights for them.</summary>
internal static class TestNetworks
{
    /// <summary>
    /// <c>2x9x7: conv 3 k3 s2 p1, relu, max_pool 2 s1, flatten, dense 5</c>: the input, then the layers in the words of an experiment; layers are named by
    /// their number as in torch.nn.Sequential.
    /// </summary>
    public static Architecture Parse(string text)
    {
        string[] parts = text.Split(": ");
        int[] sizes = [.. parts[0].Split('x').Select(Number)];
        Shape shape = sizes.Length == 1 ? Shape.Vector(sizes[0]) : new Shape(sizes[0], sizes[1], sizes[2]);
        var layers = new List<LayerSpec>();
        foreach (string layer in parts[1].Split(", "))
        {
            layers.Add(Layer($"{layers.Count}", shape, layer.Split(' ')));
            shape = layers[^1].Output;
        }
        return new Architecture(text, layers);
    }

    private static LayerSpec Layer(string name, Shape input, string[] words)
    {
        int Setting(char letter, int otherwise) => words.Skip(1).Where(word => word[0] == letter).Select(word => Number(word[1..])).FirstOrDefault(otherwise);
        int First() => Number(words[1]);
        double Value(double otherwise) => words.Length > 1 ? double.Parse(words[1], CultureInfo.InvariantCulture) : otherwise;
        return words[0] switch
        {
            "dense" => new DenseSpec(name, input.Features, First()),
            "conv" => new ConvSpec(name, input, First(), Setting('k', 3), Setting('s', 1), Setting('p', 0)),
            "gru" => new GruSpec(name, 0, input.Features, First()),
            "lstm" => new LstmSpec(name, 0, input.Features, First()),
            "rnn" => new RnnSpec(name, 0, input.Features, First(), words.Contains("relu") ? Activation.Relu : Activation.Tanh),
            "max_pool" or "avg_pool" => new PoolSpec(name, input, words[0] == "max_pool", First(), Setting('s', First())),
            "flatten" => new FlattenSpec(name, input),
            "dropout" => new DropoutSpec(name, input, Value(0.5)),
            "batch_norm" => new BatchNormSpec(name, input),
            "layer_norm" => new LayerNormSpec(name, input),
            "leaky_relu" => new ActivationSpec(name, input, Activation.LeakyRelu, Value(0.01)),
            string word => new ActivationSpec(name, input, Activations.Find(word) ?? throw new ArgumentException($"'{word}' is no layer")),
        };
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>Weights [parameter] that let numbers of about 1 pass: no layer saturates, no normalisation is at its start.</summary>
    public static float[] Weights(Architecture architecture, ulong seed)
    {
        var stream = new RandomStream(seed, RandomPurpose.Testing, 77);
        float[] weights = new float[architecture.Parameters.Count];
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            for (int i = parameter.Offset; i < parameter.Offset + parameter.Count; i++)
            {
                float draw = stream.NextNormal();
                weights[i] = parameter.Role switch
                {
                    ParameterRole.Weight => draw / MathF.Sqrt(parameter.DefaultFan),
                    ParameterRole.Scale => 1 + (0.3f * draw),
                    ParameterRole.RunningVariance => 0.5f + stream.NextUniform(),
                    _ => 0.3f * draw,
                };
            }
        }
        return weights;
    }

    /// <summary>The parameter and the index in it of a packed block's weight, for messages.</summary>
    public static string NameOf(Architecture architecture, int index)
    {
        ParameterInfo parameter = architecture.Parameters.Parameters.Last(p => p.Offset <= index);
        return $"{parameter.Name}[{index - parameter.Offset}]";
    }
}
