using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Maps;

/// <summary>
/// The covariance of columns from rows that come a chunk at a time. Products are taken of rows less the first chunk's mean, which is close to that of all, and
/// corrected at the end (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983, equation 1.7): so a mean far from 0 costs no digits.
/// </summary>
internal sealed class StreamedCovariance(int columns)
{
    private readonly float[] _products = new float[columns * columns];
    private readonly double[] _sums = new double[columns];
    private long _count;

    /// <summary>Adds rows that are all less the same shift.</summary>
    public void Add(FloatRows chunk, int rows)
    {
        for (int row = 0; row < rows; row++)
            DenseVectors.Add(_sums, chunk[row]);
        _count += rows;
        using FloatRows turned = chunk.Transposed(rows);
        RowProducts.Symmetric(turned, (in ProductTile tile) =>
        {
            for (int i = 0; i < tile.Rows; i++)
            {
                int row = tile.FirstRow + i, from = Math.Max(0, row - tile.FirstColumn);
                if (from >= tile.Columns)
                    continue;
                ReadOnlySpan<double> added = tile[i][from..];
                Span<float> to = _products.AsSpan((row * columns) + tile.FirstColumn + from, added.Length);
                for (int j = 0; j < to.Length; j++)
                    to[j] = (float)(to[j] + added[j]);
            }
        });
    }

    /// <summary>The sums of the products of columns less their means, [columns, columns], and those means (of the rows as they came).</summary>
    public (GramMatrix Products, double[] Means) Finish()
    {
        double[] means = [.. _sums.Select(sum => sum / _count)];
        for (int i = 0; i < columns; i++)
        {
            for (int j = i; j < columns; j++)
                _products[(j * columns) + i] = _products[(i * columns) + j] = (float)(_products[(i * columns) + j] - (_count * means[i] * means[j]));
        }
        return (GramMatrix.Of(columns, _products), means);
    }
}
