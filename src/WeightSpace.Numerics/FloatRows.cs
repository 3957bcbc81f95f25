namespace WeightSpace.Numerics;

/// <summary>
/// Rows of floats, [Count, Columns], outside the managed heap, padded with zeros: each row to <see cref="Stride"/>, and the rows to whole panels, so that
/// <see cref="RowProducts"/> meets no edge.
/// </summary>
public sealed unsafe class FloatRows : IDisposable
{
    private readonly LaneBuffer _memory = new();
    private readonly float* _start;

    public FloatRows(int count, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        (Count, Columns) = (count, columns);
        // An odd number of cache lines: rows a multiple of 4,096 bytes apart would share their places in the caches.
        Stride = Lanes.Padded(columns) | Lanes.Count;
        long padded = (count + RowProducts.PanelRows - 1L) / RowProducts.PanelRows * RowProducts.PanelRows;
        _start = _memory.TakeHuge(padded * Stride);
    }

    public int Count { get; }

    public int Columns { get; }

    /// <summary>Floats from one row to the next.</summary>
    public nint Stride { get; }

    /// <summary>A row, [Columns].</summary>
    public Span<float> this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
            return new Span<float>(Start(row), Columns);
        }
    }

    /// <summary>Where a row begins; rows up to the end of the last panel may be read.</summary>
    internal float* Start(int row) => _start + (row * Stride);

    /// <summary>A copy of values, row-major [count, columns], less the column means (in double, rounded once) when <paramref name="centre"/>.</summary>
    public static FloatRows Copy(ReadOnlyMemory<float> values, int count, int columns, bool centre)
    {
        if (count < 1 || columns < 1 || (long)count * columns != values.Length)
            throw new ArgumentException($"{values.Length} values for [{count}, {columns}]; expected rows * columns, both at least 1", nameof(values));
        var rows = new FloatRows(count, columns);
        Parallel.For(0, count, row => values.Span.Slice(row * columns, columns).CopyTo(rows[row]));
        if (centre)
            rows.Centre();
        return rows;
    }

    /// <summary>Takes the column means (in double) from every row, and returns them.</summary>
    public double[] Centre()
    {
        var means = new double[Columns];
        const int part = 512; // columns at a time: their means stay in the fastest cache
        Parallel.For(0, (Columns + part - 1) / part, p =>
        {
            int first = p * part, width = Math.Min(part, Columns - first);
            Span<double> of = means.AsSpan(first, width);
            var ones = new double[width];
            Array.Fill(ones, 1);
            for (int row = 0; row < Count; row++)
                DenseVectors.Add(of, this[row].Slice(first, width));
            for (int c = 0; c < width; c++)
                of[c] /= Count;
            for (int row = 0; row < Count; row++)
            {
                Span<float> values = this[row].Slice(first, width);
                DenseVectors.Standardise(values, of, ones, values);
            }
        });
        return means;
    }

    /// <summary>A copy of some neighbouring rows.</summary>
    public FloatRows Part(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count - first);
        var part = new FloatRows(count, Columns);
        for (int row = 0; row < count; row++)
            this[first + row].CopyTo(part[row]);
        return part;
    }

    /// <summary>The first rows turned over: row c of the result is column c of them, [Columns, rows].</summary>
    public FloatRows Transposed(int rows)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, Count);
        var turned = new FloatRows(Columns, rows);
        const int part = 256;
        Parallel.For(0, (Columns + part - 1) / part, p =>
        {
            int first = p * part;
            LaneTranspose.Run(Start(0) + first, rows, Math.Min(part, Columns - first), Stride, turned.Start(first), turned.Stride);
        });
        return turned;
    }

    public void Dispose() => _memory.Dispose();
}
