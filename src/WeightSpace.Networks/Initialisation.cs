using WeightSpace.Numerics;

namespace WeightSpace.Networks;

/// <summary>
/// Initial weights: PyTorch's own and those of torch.nn.init. The random numbers of a weight depend on the seed and its index in the packed block alone, so networks of one
/// architecture that share the seed start at the same point whatever else differs; nothing but + - * / and sqrt is computed, so they do on any machine.
/// </summary>
public static class Initialisation
{
    /// <summary>Fills <paramref name="weights"/> [parameter] as PyTorch's modules do by themselves.</summary>
    public static void PyTorchDefault(ParameterLayout layout, ulong initSeed, Span<float> weights) => Draw(layout, InitialisationSpec.PyTorch, initSeed, weights);

    /// <summary>
    /// Fills <paramref name="weights"/> [parameter]. Biases are 0 but with PyTorch's own; scales of normalised values and running variances are 1, shifts and running means 0.
    /// </summary>
    public static void Draw(ParameterLayout layout, InitialisationSpec initialisation, ulong initSeed, Span<float> weights)
    {
        if (weights.Length != layout.Count)
            throw new ArgumentException($"the block holds {weights.Length} weights, the architecture has {layout.Count}", nameof(weights));
        foreach (ParameterInfo parameter in layout.Parameters)
        {
            Span<float> values = weights.Slice(parameter.Offset, parameter.Count);
            switch (parameter.Role)
            {
                case ParameterRole.Weight or ParameterRole.Bias when initialisation.Kind == InitialisationKind.PyTorch:
                    Uniform(initSeed, parameter.Offset, 1 / Math.Sqrt(parameter.DefaultFan), values);
                    break;
                case ParameterRole.Weight:
                    Weight(initialisation, initSeed, parameter, values);
                    break;
                case ParameterRole.Scale or ParameterRole.RunningVariance:
                    values.Fill(1);
                    break;
                default:
                    values.Clear();
                    break;
            }
        }
    }

    private static void Weight(InitialisationSpec initialisation, ulong seed, ParameterInfo parameter, Span<float> values)
    {
        // torch.nn.init's fans: axis 1 or axis 0, each times the taps of a kernel. Stacked gates count as they stand.
        int rows = parameter.Shape[0], fanIn = values.Length / rows;
        double fanOut = values.Length / (double)parameter.Shape[1], scale = initialisation.Scale;
        double xavier = scale * Math.Sqrt(2 / (fanIn + fanOut)), kaiming = scale / Math.Sqrt(fanIn);
        switch (initialisation.Kind)
        {
            case InitialisationKind.Uniform:
                Uniform(seed, parameter.Offset, scale, values);
                break;
            case InitialisationKind.Normal:
                Normal(seed, parameter.Offset, scale, values);
                break;
            // A uniform distribution in [-b, b) has the standard deviation b / sqrt(3).
            case InitialisationKind.XavierUniform:
                Uniform(seed, parameter.Offset, Math.Sqrt(3) * xavier, values);
                break;
            case InitialisationKind.XavierNormal:
                Normal(seed, parameter.Offset, xavier, values);
                break;
            case InitialisationKind.KaimingUniform:
                Uniform(seed, parameter.Offset, Math.Sqrt(3) * kaiming, values);
                break;
            case InitialisationKind.KaimingNormal:
                Normal(seed, parameter.Offset, kaiming, values);
                break;
            case InitialisationKind.Orthogonal:
                Orthogonal(seed, parameter.Offset, rows, scale, values);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(initialisation), initialisation.Kind, "no such initialisation");
        }
    }

    private static void Uniform(ulong seed, int offset, double bound, Span<float> values)
    {
        float size = (float)bound;
        for (int i = 0; i < values.Length; i++)
            values[i] = ((2 * Stream(seed, offset + i).NextUniform()) - 1) * size;
    }

    private static void Normal(ulong seed, int offset, double deviation, Span<float> values)
    {
        float size = (float)deviation;
        for (int i = 0; i < values.Length; i++)
            values[i] = Stream(seed, offset + i).NextNormal() * size;
    }

    /// <summary>
    /// The orthogonal factor of a matrix [rows, what is left] of normal draws (of its transpose where it is wider than high), with the signs that make the triangular factor's
    /// diagonal positive: uniform over orthogonal matrices (Mezzadri, arXiv math-ph/0609050). By Gram and Schmidt, each vector twice, which leaves no more than rounding
    /// (Giraud et al., 2005).
    /// </summary>
    private static void Orthogonal(ulong seed, int offset, int rows, double gain, Span<float> values)
    {
        int columns = values.Length / rows;
        // The vectors are the shorter axis; element e of vector v stands at v * vectorStep + e * elementStep.
        bool isHigh = rows >= columns;
        (int vectors, int length) = isHigh ? (columns, rows) : (rows, columns);
        (int vectorStep, int elementStep) = isHigh ? (1, columns) : (columns, 1);
        double[][] basis = new double[vectors][];
        for (int v = 0; v < vectors; v++)
        {
            double[] vector = basis[v] = new double[length];
            for (int e = 0; e < length; e++)
                vector[e] = Stream(seed, offset + (v * vectorStep) + (e * elementStep)).NextNormal();
            for (int pass = 0; pass < 2; pass++)
            {
                for (int before = 0; before < v; before++)
                    Add(vector, basis[before], -Dot(vector, basis[before]));
            }
            double norm = Math.Sqrt(Dot(vector, vector));
            for (int e = 0; e < length; e++)
            {
                vector[e] /= norm;
                values[(v * vectorStep) + (e * elementStep)] = (float)(gain * vector[e]);
            }
        }
    }

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    private static void Add(double[] a, double[] b, double factor)
    {
        for (int i = 0; i < a.Length; i++)
            a[i] += factor * b[i];
    }

    private static RandomStream Stream(ulong seed, int index) => new(seed, RandomPurpose.InitialWeights, (ulong)index);
}
