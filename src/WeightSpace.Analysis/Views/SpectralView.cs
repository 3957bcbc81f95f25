using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Views;

/// <summary>
/// The singular values of each layer's matrices, gate by gate, in descending order (a kernel as [channels, channels before x taps]), the norms of vectors, and the singular values of
/// the products of neighbouring layers. Reordering hidden units changes none, nor would any rotation. The spectra of weight matrices as a measure of training: Martin and Mahoney,
/// arXiv 1810.01075; products are taken in addition (reconstructed), since a product shows how two layers work together where the factors alone do not.
/// </summary>
public sealed class SpectralView : IView
{
    /// <summary>Of a larger matrix the largest so many: far more than a network of the kinds here uses.</summary>
    private const int MostValues = 128;

    public string Name => "spectral";

    public string Title => "Singular values";

    public string Short => "spectral";

    public string Explanation => "The singular values of each layer's matrices and of the products of neighbouring layers.";

    public bool IsStandardised => true;

    public string[] FeatureNames(Architecture architecture) => FeatureSink.NamesOf(architecture, Write);

    public void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features) =>
        FeatureSink.Compute(architecture, weights, features, Write);

    private static void Write(Architecture architecture, ReadOnlyMemory<float> weights, FeatureSink sink)
    {
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            int gates = parameter.Axes[0].Blocks, rows = parameter.Axes[0].Size / gates, size = parameter.Count / gates;
            for (int gate = 0; gate < gates; gate++)
            {
                ReadOnlySpan<float> values = weights.Span.Slice(parameter.Offset + (gate * size), size);
                var matrix = new double[size];
                for (int i = 0; i < size; i++)
                    matrix[i] = values[i];
                WriteSpectrum(matrix, rows, sink.Names is null ? "" : gates == 1 ? parameter.Name : $"{parameter.Name}({WeightSlice.GateName(gates, gate)})", sink);
            }
        }
        int[] layers = [.. Enumerable.Range(0, architecture.Layers.Count).Where(layer => architecture.Layers[layer].Mixes)];
        for (int i = 1; i < layers.Length; i++)
        {
            WeightSlice first = WeightSlice.Leading(architecture, layers[i - 1], weights.Span), second = WeightSlice.Leading(architecture, layers[i], weights.Span);
            WriteSpectrum(second.Times(first.Values, first.Columns), second.Rows, $"product{i}", sink);
        }
    }

    /// <summary>Singular values of <paramref name="values"/> [rows, columns], row-major; of a vector its norm.</summary>
    private static void WriteSpectrum(double[] values, int rows, string owner, FeatureSink sink)
    {
        int columns = values.Length / rows, count = Math.Min(MostValues, Math.Min(rows, columns));
        if (sink.Names is not null || count == 1)
        {
            double norm = Math.Sqrt(values.Sum(value => value * value));
            for (int i = 0; i < count; i++)
                sink.Add(owner, "singular", i, "", norm);
            return;
        }
        // The eigenvalues of the smaller of W W^T and W^T W are their squares: a value is right to 1e-8 of the largest one.
        bool isWide = rows <= columns;
        int side = Math.Min(rows, columns), terms = Math.Max(rows, columns);
        var squares = new double[side * side];
        for (int i = 0; i < side; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = 0;
                for (int k = 0; k < terms; k++)
                    sum += isWide ? values[(i * columns) + k] * values[(j * columns) + k] : values[(k * columns) + i] * values[(k * columns) + j];
                squares[(i * side) + j] = squares[(j * side) + i] = sum;
            }
        }
        double[] eigenvalues = SymmetricEigen.Decompose(side, squares, wanted: 0).Values;
        for (int i = 0; i < count; i++)
            sink.Add(owner, "singular", i, "", Math.Sqrt(Math.Max(0, eigenvalues[i])));
    }
}
