using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Networks;

/// <summary>Architectures of random layers and sizes, in the words of <see cref="TestNetworks.Parse"/>.</summary>
internal static class RandomArchitecture
{
    private static readonly string[] s_everywhere = ["relu", "leaky_relu 0.2", "tanh", "sigmoid", "gelu", "silu", "dropout 0.3", "batch_norm", "layer_norm"];
    private static readonly string[] s_onImages = ["conv", "conv", "conv", "max_pool", "avg_pool"];
    private static readonly string[] s_onVectors = ["dense", "dense", "gru", "lstm", "rnn"];

    /// <summary>One architecture, for a number of places and of samples.</summary>
    public static (string Text, int Places, int Samples) Draw(ulong seed)
    {
        var stream = new RandomStream(seed, RandomPurpose.Testing, 5);
        bool isImage = stream.NextBelow(2) == 0;
        Shape shape = isImage ? new Shape(1 + stream.NextBelow(3), 4 + stream.NextBelow(6), 4 + stream.NextBelow(6)) : Shape.Vector(1 + stream.NextBelow(12));
        string text = isImage ? $"{shape}:" : $"{shape.Features}:", before = "";
        int depth = 2 + stream.NextBelow(6);
        for (int layer = 0; layer < depth; layer++)
        {
            string[] own = shape.Pixels > 1 ? s_onImages : s_onVectors;
            string word = stream.NextBelow(2) == 0 ? own[stream.NextBelow(own.Length)] : s_everywhere[stream.NextBelow(s_everywhere.Length)];
            // Of less than three features layer_norm leaves nothing but their signs, twice over it divides rounding by rounding; both tell little.
            if (word == before || (word == "layer_norm" && shape.Features < 3))
                continue;
            before = word;
            int side = Math.Min(shape.Height, shape.Width), kernel = 1 + stream.NextBelow(Math.Min(4, side)), step = 1 + stream.NextBelow(3), width = 1 + stream.NextBelow(14);
            string full = word switch
            {
                "conv" => $"conv {1 + stream.NextBelow(5)} k{kernel} s{step} p{stream.NextBelow(3)}",
                "max_pool" or "avg_pool" => $"{word} {kernel} s{step}",
                "dense" or "gru" or "lstm" => $"{word} {width}",
                "rnn" => $"rnn {width} {(stream.NextBelow(2) == 0 ? "tanh" : "relu")}",
                _ => word,
            };
            text += $" {full},";
            shape = TestNetworks.Parse($"{text} flatten, dense 2").Layers[^2].Input;
        }
        text += stream.NextBelow(4) == 0 && shape.Pixels == 1 ? $" gru {2 + stream.NextBelow(5)}" : $" flatten, dense {2 + stream.NextBelow(5)}";
        return (text, ((int[])[1, 1, 3, 11])[stream.NextBelow(4)], ((int[])[7, 16, 33, 70])[stream.NextBelow(4)]);
    }
}
