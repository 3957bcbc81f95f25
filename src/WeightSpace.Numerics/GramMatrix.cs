using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// The inner products of the rows of a matrix with each other, [Count, Count], symmetric. All that distances, principal
/// components and k-means need of a population, whatever the number of weights.
/// </summary>
public sealed class GramMatrix
{
    // Partial sums in float go over this many columns (32 terms in each lane), then into a double: their error stays
    // below about 1e-6 of the product of the two norms. A panel of 64 rows then takes 128 KiB, which an L2 cache holds.
    private const int BlockColumns = 512;
    private const int Lanes = 16;
    private const int TileRows = 4; // 4 x 4 accumulators, 4 + 1 operands: 21 of the 32 registers of AVX-512
    private const int JobRows = 64;
    private const int PackColumns = 64;

    private readonly double[] _values; // [Count, Count]

    private GramMatrix(int count, double[] values)
    {
        Count = count;
        _values = values;
    }

    /// <summary>The number of rows.</summary>
    public int Count { get; }

    /// <summary>The inner product of rows i and j.</summary>
    public double this[int i, int j] => Row(i)[j];

    /// <summary>The inner products of row i with every row, [Count].</summary>
    public ReadOnlySpan<double> Row(int i)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(i);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(i, Count);
        return _values.AsSpan(i * Count, Count);
    }

    /// <summary>The sum of the squared norms of the rows.</summary>
    public double Trace
    {
        get
        {
            double sum = 0;
            for (int i = 0; i < Count; i++)
                sum += this[i, i];
            return sum;
        }
    }

    /// <summary>
    /// X X^T for X = <paramref name="values"/>, row-major [rows, columns], less the column means (in double) when
    /// <paramref name="centre"/>. Each entry is within about 1e-6 of the product of its two rows' norms, and has the same
    /// bits whatever the number of threads and the width of the registers.
    /// </summary>
    /// <exception cref="ArgumentException">The shape does not fit, or a row's norm is not finite.</exception>
    public static GramMatrix Compute(ReadOnlyMemory<float> values, int rows, int columns, bool centre)
    {
        if (rows < 1 || columns < 1 || (long)rows * columns != values.Length)
            throw new ArgumentException(
                $"{values.Length} values for [{rows}, {columns}]; expected rows * columns, both at least 1", nameof(values));
        RequireCount(rows);

        int paddedRows = (rows + TileRows - 1) / TileRows * TileRows;
        int jobsAcross = (rows + JobRows - 1) / JobRows;
        var jobs = new List<(int First, int Second)>();
        for (int first = 0; first < jobsAcross; first++)
        {
            for (int second = first; second < jobsAcross; second++)
                jobs.Add((first, second));
        }

        var gram = new double[rows * rows];
        var panel = new float[(long)paddedRows * BlockColumns]; // the rows past the last stay zero
        for (int firstColumn = 0; firstColumn < columns; firstColumn += BlockColumns)
        {
            int from = firstColumn;
            int width = Math.Min(BlockColumns, columns - from);
            int stride = (width + Lanes - 1) / Lanes * Lanes;
            if (width != BlockColumns)
                Array.Clear(panel);
            Parallel.For(0, (width + PackColumns - 1) / PackColumns,
                part => Pack(values.Span, rows, columns, from, part * PackColumns,
                    Math.Min(width, (part + 1) * PackColumns), centre, panel, stride));
            // A job owns its entries, and the blocks of columns come in order: so one order of sums for every entry.
            Parallel.For(0, jobs.Count, job => AddPanel(panel, stride, rows, jobs[job].First * JobRows, jobs[job].Second * JobRows, gram));
        }

        for (int i = 0; i < rows; i++)
        {
            if (!double.IsFinite(gram[(i * rows) + i]))
                throw new ArgumentException(
                    $"row {i} has norm {gram[(i * rows) + i]} squared; expected finite values of magnitude below 1e18", nameof(values));
        }
        Parallel.For(0, jobs.Count, job => Mirror(gram, rows, jobs[job].First * JobRows, jobs[job].Second * JobRows));
        return new GramMatrix(rows, gram);
    }

    /// <summary>A Gram matrix from its entries, row-major [count, count], which must be symmetric.</summary>
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
        return new GramMatrix(count, values.ToArray());
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
        var values = new double[rows.Length * rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            ReadOnlySpan<double> source = Row(rows[i]);
            Span<double> target = values.AsSpan(i * rows.Length, rows.Length);
            for (int j = 0; j < rows.Length; j++)
                target[j] = source[rows[j]];
        }
        return new GramMatrix(rows.Length, values);
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
            foreach (double value in Row(i))
                sum += value;
            means[i] = sum / Count;
            grandMean += means[i] / Count;
        }
        var values = new double[_values.Length];
        for (int i = 0; i < Count; i++)
        {
            for (int j = 0; j < Count; j++) // m_i + m_j first: the same bits for (i, j) and (j, i)
                values[(i * Count) + j] = this[i, j] - (means[i] + means[j]) + grandMean;
        }
        return new GramMatrix(Count, values);
    }

    /// <summary>
    /// The squared Euclidean distance of rows i and j, g_ii + g_jj - 2 g_ij, at least 0, and 0 for i = j. Its error is about
    /// 1e-6 of the squared norms, so centre the rows first.
    /// </summary>
    public double SquaredDistance(int i, int j) => i == j ? 0 : Math.Max(0, this[i, i] + this[j, j] - (2 * this[i, j]));

    private static void RequireCount(int count)
    {
        const int most = 46340; // the largest square below 2^31, the most elements of an array
        if (count > most)
            throw new ArgumentException($"a Gram matrix of {count} rows; expected at most {most}", nameof(count));
    }

    /// <summary>
    /// Copies columns [fromInBlock, toInBlock) of the block into the panel [rows, stride], less their means when centred.
    /// </summary>
    private static void Pack(
        ReadOnlySpan<float> values, int rows, int columns, int block, int fromInBlock, int toInBlock,
        bool centre, float[] panel, int stride)
    {
        int width = toInBlock - fromInBlock;
        Span<double> means = stackalloc double[PackColumns];
        means.Clear();
        if (centre)
        {
            for (int row = 0; row < rows; row++)
            {
                ReadOnlySpan<float> source = values.Slice((row * columns) + block + fromInBlock, width);
                for (int c = 0; c < source.Length; c++)
                    means[c] += source[c];
            }
            for (int c = 0; c < width; c++)
                means[c] /= rows;
        }
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> source = values.Slice((row * columns) + block + fromInBlock, width);
            Span<float> target = panel.AsSpan((row * stride) + fromInBlock, width);
            if (!centre)
            {
                source.CopyTo(target);
                continue;
            }
            for (int c = 0; c < source.Length; c++)
                target[c] = (float)(source[c] - means[c]);
        }
    }

    /// <summary>Adds the inner products within the panel to the entries (i, j), i &lt;= j, of one job's 64 x 64 rows.</summary>
    private static unsafe void AddPanel(float[] panel, int stride, int rows, int firstI, int firstJ, double[] gram)
    {
        double* tile = stackalloc double[TileRows * TileRows];
        fixed (float* start = panel)
        {
            for (int i = firstI; i < Math.Min(firstI + JobRows, rows); i += TileRows)
            {
                for (int j = Math.Max(firstJ, i); j < Math.Min(firstJ + JobRows, rows); j += TileRows)
                {
                    InnerProducts(start + ((long)i * stride), start + ((long)j * stride), stride, tile);
                    for (int a = 0; a < Math.Min(TileRows, rows - i); a++)
                    {
                        for (int b = 0; b < Math.Min(TileRows, rows - j); b++)
                            gram[((i + a) * rows) + j + b] += tile[(a * TileRows) + b];
                    }
                }
            }
        }
    }

    /// <summary>The 4 x 4 inner products of four rows at a with four rows at b, each [stride] and stride floats apart.</summary>
    private static unsafe void InnerProducts(float* a, float* b, int stride, double* tile)
    {
        Vector512<float> s00 = default, s01 = default, s02 = default, s03 = default;
        Vector512<float> s10 = default, s11 = default, s12 = default, s13 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default, s23 = default;
        Vector512<float> s30 = default, s31 = default, s32 = default, s33 = default;
        for (int c = 0; c < stride; c += Lanes)
        {
            Vector512<float> b0 = Vector512.Load(b + c);
            Vector512<float> b1 = Vector512.Load(b + stride + c);
            Vector512<float> b2 = Vector512.Load(b + (2 * stride) + c);
            Vector512<float> b3 = Vector512.Load(b + (3 * stride) + c);
            Vector512<float> row = Vector512.Load(a + c);
            s00 = Vector512.FusedMultiplyAdd(row, b0, s00);
            s01 = Vector512.FusedMultiplyAdd(row, b1, s01);
            s02 = Vector512.FusedMultiplyAdd(row, b2, s02);
            s03 = Vector512.FusedMultiplyAdd(row, b3, s03);
            row = Vector512.Load(a + stride + c);
            s10 = Vector512.FusedMultiplyAdd(row, b0, s10);
            s11 = Vector512.FusedMultiplyAdd(row, b1, s11);
            s12 = Vector512.FusedMultiplyAdd(row, b2, s12);
            s13 = Vector512.FusedMultiplyAdd(row, b3, s13);
            row = Vector512.Load(a + (2 * stride) + c);
            s20 = Vector512.FusedMultiplyAdd(row, b0, s20);
            s21 = Vector512.FusedMultiplyAdd(row, b1, s21);
            s22 = Vector512.FusedMultiplyAdd(row, b2, s22);
            s23 = Vector512.FusedMultiplyAdd(row, b3, s23);
            row = Vector512.Load(a + (3 * stride) + c);
            s30 = Vector512.FusedMultiplyAdd(row, b0, s30);
            s31 = Vector512.FusedMultiplyAdd(row, b1, s31);
            s32 = Vector512.FusedMultiplyAdd(row, b2, s32);
            s33 = Vector512.FusedMultiplyAdd(row, b3, s33);
        }
        tile[0] = Sum(s00);
        tile[1] = Sum(s01);
        tile[2] = Sum(s02);
        tile[3] = Sum(s03);
        tile[4] = Sum(s10);
        tile[5] = Sum(s11);
        tile[6] = Sum(s12);
        tile[7] = Sum(s13);
        tile[8] = Sum(s20);
        tile[9] = Sum(s21);
        tile[10] = Sum(s22);
        tile[11] = Sum(s23);
        tile[12] = Sum(s30);
        tile[13] = Sum(s31);
        tile[14] = Sum(s32);
        tile[15] = Sum(s33);
    }

    /// <summary>The sum of sixteen lanes by one fixed tree: halves and quarters in float, the last four in double.</summary>
    private static double Sum(Vector512<float> lanes)
    {
        Vector256<float> eight = lanes.GetLower() + lanes.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        return (double)four.GetElement(0) + four.GetElement(2) + ((double)four.GetElement(1) + four.GetElement(3));
    }

    /// <summary>
    /// Copies the entries (i, j), i &lt; j, of one job's rows to (j, i); by squares, so that both sides stay in the cache.
    /// </summary>
    private static void Mirror(double[] gram, int rows, int firstI, int firstJ)
    {
        for (int i = firstI; i < Math.Min(firstI + JobRows, rows); i++)
        {
            for (int j = Math.Max(firstJ, i + 1); j < Math.Min(firstJ + JobRows, rows); j++)
                gram[(j * rows) + i] = gram[(i * rows) + j];
        }
    }
}
