using WeightSpace.Numerics;

namespace WeightSpace.Networks;

/// <summary>
/// Initial weights. PyTorch's default for both nn.GRU and nn.Linear is uniform in [-1/sqrt(fan), 1/sqrt(fan)), where fan is the hidden
/// width for a GRU and the number of inputs for a dense layer (weights and biases alike).
/// </summary>
public static class Initialisation
{
    /// <summary>
    /// Fills <paramref name="weights"/> [parameter] for an initial-weights seed. The draws depend on the seed and on each weight's index
    /// alone, so networks of one architecture that share the seed start at the same point whatever else differs.
    /// </summary>
    public static void PyTorchDefault(ParameterLayout layout, ulong initSeed, Span<float> weights)
    {
        if (weights.Length != layout.Count)
            throw new ArgumentException($"the block holds {weights.Length} weights, the architecture has {layout.Count}", nameof(weights));
        foreach (ParameterInfo parameter in layout.Parameters)
        {
            float bound = (float)(1 / Math.Sqrt(parameter.DefaultFan));
            for (int i = 0; i < parameter.Count; i++)
            {
                var draw = new RandomStream(initSeed, RandomPurpose.InitialWeights, (ulong)(parameter.Offset + i));
                weights[parameter.Offset + i] = ((2 * draw.NextUniform()) - 1) * bound;
            }
        }
    }
}
