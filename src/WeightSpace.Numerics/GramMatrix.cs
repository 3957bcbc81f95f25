namespace WeightSpace.Numerics;

/// <summary>
/// The inner products of the rows of a matrix with each other, [Count, Count], symmetric. All that distances, principal
/// components and k-means need of a population, whatever the number of weights.
/// </summary>
public sealed class GramMatrix
{
    private readonly int _stride; // floats from one row to the next: Count, or more where there is room for something else
    private float[] _values; // [Count, stride]

    private GramMatrix(int count, int stride, float[] values)
    {
        (Count, _stride, _values) = (count, stride, values);
    }

    /// <summary>The number of rows.</summary>
    public int Count { get; }

    /// <summary>The inner product of rows i and j.</summary>
    public double this[int i, int j] => Row(i)[j];

    /// <summary>The inner products of row i with every row, [Count].</summary>
    public ReadOnlySpan<float> Row(int i)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(i);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(i, Count);
        return _values.AsSpan(i * _stride, Count);
    }

    /// <summary>The inner product of each row with itself, [Count].</summary>
    public double[] SquaredNorms()
    {
        var norms = new double[Count];
        for (int i = 0; i < Count; i++)
            norms[i] = this[i, i];
        return norms;
    }

    /// <summary>The sum of the squared norms of the rows.</summary>
    public double Trace => SquaredNorms().Sum();

    /// <summary>
    /// X X^T for X = <paramref name="values"/>, row-major [rows, columns], less the column means (in double) when
    /// <paramref name="centre"/>. Each entry is within about 1e-6 of the product of its two rows' norms (<see cref="RowProducts"/>; a float), and has the same
    /// bits whatever the number of threads and the width of the registers.
    /// </summary>
    /// <exception cref="ArgumentException">The shape does not fit, or a row's norm is not finite.</exception>
    public static GramMatrix Compute(ReadOnlyMemory<float> values, int rows, int columns, bool centre)
    {
        RequireCount(rows);
        using FloatRows x = FloatRows.Copy(values, rows, columns, centre);
        return Compute(x);
    }

    /// <summary>The same of rows as they stand.</summary>
    /// <param name="room">Rows and columns of the memory, for <see cref="Release"/>; at least the number of rows; 0: no more than those.</param>
    /// <param name="cancellation">Checked now and then.</param>
    public static GramMatrix Compute(FloatRows rows, int room = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        RequireCount(Math.Max(rows.Count, room));
        int stride = Math.Max(rows.Count, room);
        float[] gram = HugePages.Allocate(stride * stride);
        RowProducts.Symmetric(rows, (in ProductTile tile) => Store(tile, gram, stride), cancellation);
        RequireFiniteNorms(gram, rows.Count, stride, nameof(rows));
        return new GramMatrix(rows.Count, stride, gram);
    }

    /// <summary>
    /// Some neighbouring rows by some others: the entries, bit for bit, that the matrix of all rows has there. From blocks that cover the entries (i, j) with i &lt;= j, <see cref="Join"/> makes the whole.
    /// </summary>
    public static GramBlock ComputeBlock(FloatRows rows, int firstRow, int count, int firstColumn, int columns, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        RequireBlock(rows.Count, firstRow, count, firstColumn, columns);
        var values = new float[count * columns];
        using FloatRows left = rows.Part(firstRow, count);
        if (firstRow == firstColumn && count == columns)
        {
            RowProducts.Symmetric(left, (in ProductTile tile) => Store(tile, values, columns), cancellation);
            return new GramBlock(firstRow, count, firstColumn, columns, values);
        }
        using FloatRows right = rows.Part(firstColumn, columns);
        RowProducts.Inner(left, right, (in ProductTile tile) =>
        {
            for (int i = 0; i < tile.Rows; i++)
                DenseVectors.Narrow(tile[i], values.AsSpan(((tile.FirstRow + i) * columns) + tile.FirstColumn, tile.Columns));
        }, cancellation);
        return new GramBlock(firstRow, count, firstColumn, columns, values);
    }

    /// <summary>The matrix of <paramref name="count"/> rows from blocks of it that hold, each once, the entries (i, j) with i &lt;= j; the rest is mirrored.</summary>
    /// <exception cref="ArgumentException">An entry is in no block or a block does not fit, or a row's norm is not finite.</exception>
    public static unsafe GramMatrix Join(int count, IEnumerable<GramBlock> blocks)
    {
        RequireCount(count);
        float[] gram = HugePages.Allocate(count * count);
        gram.AsSpan().Fill(float.NaN); // no inner product of rows with finite norms
        foreach (GramBlock block in blocks)
        {
            RequireBlock(count, block.FirstRow, block.Rows, block.FirstColumn, block.Columns);
            if (block.Values.Length != block.Rows * block.Columns)
                throw new ArgumentException($"{block.Values.Length} values for a block of [{block.Rows}, {block.Columns}]; expected rows * columns", nameof(blocks));
            for (int i = 0; i < block.Rows; i++)
                block.Values.AsSpan(i * block.Columns, block.Columns).CopyTo(gram.AsSpan(((block.FirstRow + i) * count) + block.FirstColumn));
            if (block.FirstRow == block.FirstColumn)
                continue;
            fixed (float* target = gram, source = block.Values)
                LaneTranspose.Run(source, block.Rows, block.Columns, block.Columns, target + ((nint)block.FirstColumn * count) + block.FirstRow, count);
        }
        RequireFiniteNorms(gram, count, count, nameof(blocks));
        int missing = Array.FindIndex(gram, float.IsNaN);
        return missing < 0 ? new GramMatrix(count, count, gram) : throw new ArgumentException($"no block holds the entry ({missing / count}, {missing % count})", nameof(blocks));
    }

    /// <summary>Writes the entries (i, j), i &lt;= j, of a tile, and (j, i).</summary>
    private static unsafe void Store(in ProductTile tile, float[] gram, int stride)
    {
        for (int i = 0; i < tile.Rows; i++)
        {
            int row = tile.FirstRow + i, from = Math.Max(0, row - tile.FirstColumn);
            if (from < tile.Columns)
                DenseVectors.Narrow(tile[i][from..], gram.AsSpan((row * stride) + tile.FirstColumn + from, tile.Columns - from));
        }
        if (tile.FirstRow + tile.Rows <= tile.FirstColumn)
        {
            fixed (float* start = gram)
            {
                LaneTranspose.Run(start + ((nint)tile.FirstRow * stride) + tile.FirstColumn, tile.Rows, tile.Columns, stride,
                    start + ((nint)tile.FirstColumn * stride) + tile.FirstRow, stride);
            }
            return;
        }
        for (int j = tile.FirstColumn; j < tile.FirstColumn + tile.Columns; j++)
        {
            for (int i = tile.FirstRow; i < Math.Min(j, tile.FirstRow + tile.Rows); i++)
                gram[(j * stride) + i] = gram[(i * stride) + j];
        }
    }

    /// <summary>A Gram matrix from its entries, row-major [count, count], which must be symmetric; rounded to floats.</summary>
    public static GramMatrix FromValues(int count, ReadOnlySpan<double> values)
    {
        RequireCount(count);
        if (count < 1 || (long)count * count != values.Length)
            throw new ArgumentException(
                $"{values.Length} values for [{count}, {count}]; expected count * count, at least 1", nameof(values));
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (values[(i * count) + j] != values[(j * count) + i])
                    throw new ArgumentException($"entries ({i}, {j}) and ({j}, {i}) differ; expected a symmetric matrix", nameof(values));
            }
        }
        var rounded = new float[values.Length];
        DenseVectors.Narrow(values, rounded);
        return new GramMatrix(count, count, rounded);
    }

    /// <summary>A Gram matrix that takes the entries over, row-major [count, count], which must be symmetric; nobody else may change them.</summary>
    public static GramMatrix Of(int count, float[] values)
    {
        RequireCount(count);
        return count >= 1 && (long)count * count == values.Length ? new GramMatrix(count, count, values)
            : throw new ArgumentException($"{values.Length} values for [{count}, {count}]; expected count * count, at least 1", nameof(values));
    }

    /// <summary>
    /// The Gram matrix of some of the rows, in the order given. It keeps the origin of this one: where the subset's own
    /// mean is wanted, as for principal components, take <see cref="Centred"/> of it.
    /// </summary>
    public GramMatrix Select(int[] rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        foreach (int row in rows)
        {
            if (row < 0 || row >= Count)
                throw new ArgumentException($"row {row} is selected of {Count}; expected 0 to {Count - 1}", nameof(rows));
        }
        var values = new float[rows.Length * rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            ReadOnlySpan<float> source = Row(rows[i]);
            Span<float> target = values.AsSpan(i * rows.Length, rows.Length);
            for (int j = 0; j < rows.Length; j++)
                target[j] = source[rows[j]];
        }
        return new GramMatrix(rows.Length, rows.Length, values);
    }

    /// <summary>
    /// The Gram matrix of the same rows less their mean: g_ij - m_i - m_j + m with m_i the means of the rows and m of all
    /// (Gower, "Some distance properties of latent root and vector methods used in multivariate analysis", 1966).
    /// </summary>
    public GramMatrix Centred()
    {
        var means = new double[Count];
        double grandMean = 0;
        for (int i = 0; i < Count; i++)
        {
            double sum = 0;
            foreach (float value in Row(i))
                sum += value;
            means[i] = sum / Count;
            grandMean += means[i] / Count;
        }
        var values = new float[Count * Count];
        for (int i = 0; i < Count; i++)
        {
            for (int j = 0; j < Count; j++) // m_i + m_j first: the same bits for (i, j) and (j, i)
                values[(i * Count) + j] = (float)(this[i, j] - (means[i] + means[j]) + grandMean);
        }
        return new GramMatrix(Count, Count, values);
    }

    /// <summary>
    /// The squared Euclidean distance of rows i and j, g_ii + g_jj - 2 g_ij, at least 0, and 0 for i = j. Its error is about
    /// 1e-6 of the squared norms, so centre the rows first.
    /// </summary>
    public double SquaredDistance(int i, int j) => i == j ? 0 : Math.Max(0, this[i, i] + this[j, j] - (2 * this[i, j]));

    /// <summary>This matrix times vectors, the rows of <paramref name="vectors"/> [vectors, Count], given out as [vectors, Count].</summary>
    public void Multiply(FloatRows vectors, ProductSink sink)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        RowProducts.Multiply(vectors, _values, Count, _stride, sink); // symmetric: V G is (G V^T)^T
    }

    /// <summary>Gives the memory away, row i from i * <c>Stride</c> on; what stands outside of [Count, Count] is undefined. The matrix is empty then.</summary>
    internal (float[] Values, int Stride) Release()
    {
        float[] values = _values;
        _values = [];
        return (values, _stride);
    }

    private static void RequireFiniteNorms(float[] gram, int count, int stride, string parameter)
    {
        for (int i = 0; i < count; i++)
        {
            float norm = gram[(i * stride) + i];
            if (!float.IsFinite(norm))
                throw new ArgumentException($"row {i} has norm {norm} squared; expected finite values of magnitude below 1e18", parameter);
        }
    }

    /// <summary>A block lies on the diagonal, being square, or above it.</summary>
    private static void RequireBlock(int count, int firstRow, int rows, int firstColumn, int columns)
    {
        bool isInside = firstRow >= 0 && rows > 0 && columns > 0 && rows <= count - firstRow && columns <= count - firstColumn && (long)rows * columns <= Array.MaxLength;
        if (!isInside || (firstRow == firstColumn ? rows != columns : firstRow + rows > firstColumn))
            throw new ArgumentException($"a block of [{rows}, {columns}] from ({firstRow}, {firstColumn}) on of [{count}, {count}]; expected a square on the diagonal, or one that lies above it");
    }

    private static void RequireCount(int count)
    {
        const int most = 46340; // the largest square below 2^31, the most elements of an array
        if (count > most)
            throw new ArgumentException($"a Gram matrix of {count} rows; expected at most {most}", nameof(count));
    }
}

/// <summary>Entries of a Gram matrix, row-major [Rows, Columns], from (FirstRow, FirstColumn) on.</summary>
public sealed record GramBlock(int FirstRow, int Rows, int FirstColumn, int Columns, float[] Values);
