using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// A rectangle of a product: <see cref="Rows"/> x <see cref="Columns"/> entries from (<see cref="FirstRow"/>, <see cref="FirstColumn"/>) on. Valid until
/// whoever was given it returns.
/// </summary>
public readonly unsafe struct ProductTile(int firstRow, int rows, int firstColumn, int columns, double* values)
{
    public int FirstRow => firstRow;

    public int Rows => rows;

    public int FirstColumn => firstColumn;

    public int Columns => columns;

    /// <summary>Row i of the rectangle, [Columns].</summary>
    public ReadOnlySpan<double> this[int i] => new(values + (i * RowProducts.GroupColumns), columns);
}

/// <summary>Takes a finished rectangle. Rectangles of different columns may come on several threads at once; those of the same columns come in the order of their rows.</summary>
public delegate void ProductSink(in ProductTile tile);

/// <summary>
/// Products of large matrices of floats, given out in tiles of doubles. The lanes are 48 columns of the product, packed so that one step of the inner index stands in three
/// vectors; eight rows of the left matrix are broadcast, so no sum goes across lanes: 24 sums, three loads and eight broadcasts, 35 of
/// AVX-512's instructions for 768 operations (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, has the blocking).
/// Each entry is a chain of fused multiply-adds in float over <see cref="BlockColumns"/> steps at a time, added up in double in their order: the same bits for any
/// number of threads, any width of registers and any place in the matrix. The error of a sum of products a_k b_k is about 2e-7 of the norms of a and b.
/// </summary>
public static unsafe class RowProducts
{
    internal const int PanelRows = 48;
    /// <summary>Columns of a product that are computed together: those of a tile, but for the last.</summary>
    public const int GroupColumns = 4 * PanelRows;

    private const int TileRows = 8;
    private const int ChunkRows = 96;
    // Four panels of this many steps take 196 KiB and the tile of doubles 147 KiB: both stay in an L2 cache of 1 MiB.
    private const int BlockColumns = 256;

    /// <summary>a b^T: the inner products of the rows of a with the rows of b, [a.Count, b.Count].</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled; checked between groups of columns.</exception>
    public static void Inner(FloatRows a, FloatRows b, ProductSink sink, CancellationToken cancellation = default)
    {
        RequireInner(a.Columns, b.Columns);
        Run(a, b.Columns, b.Count, isSymmetric: false, Transposed(b), sink, cancellation);
    }

    /// <summary>The same of the rows with each other; only tiles that reach the diagonal or lie above it, and of those only entries (i, j) with i &lt;= j hold anything.</summary>
    public static void Symmetric(FloatRows rows, ProductSink sink, CancellationToken cancellation = default) =>
        Run(rows, rows.Columns, rows.Count, isSymmetric: true, Transposed(rows), sink, cancellation);

    /// <summary>a b for the first columns of b, row-major [a.Columns, stride].</summary>
    public static void Multiply(FloatRows a, float[] b, int columns, int stride, ProductSink sink)
    {
        if (columns > stride || (long)a.Columns * stride > b.Length)
            throw new ArgumentException($"{b.Length} values for {columns} columns of [{a.Columns}, {stride}]; expected rows * stride or more", nameof(b));
        fixed (float* start = b)
        {
            float* from = start;
            Run(a, a.Columns, columns, isSymmetric: false, Plain(from, columns, stride), sink);
        }
    }

    /// <summary>a b for the rows b, [a.Columns, b.Columns]; b may have more rows than a has columns, which are not looked at.</summary>
    public static void Multiply(FloatRows a, FloatRows b, ProductSink sink)
    {
        if (b.Count < a.Columns)
            RequireInner(a.Columns, b.Count);
        Run(a, a.Columns, b.Columns, isSymmetric: false, Plain(b.Start(0), b.Columns, b.Stride), sink);
    }

    /// <summary>Puts <paramref name="width"/> steps of the inner index from <paramref name="step"/> on of the columns from <paramref name="column"/> on into panels.</summary>
    private delegate void Packing(int column, int panels, int step, int width, float* target);

    /// <summary>The rows become the columns of the product.</summary>
    private static Packing Transposed(FloatRows rows) => (column, panels, step, width, target) =>
    {
        for (int panel = 0; panel < panels; panel++)
            LaneTranspose.Run(rows.Start(column + (panel * PanelRows)) + step, PanelRows, width, rows.Stride, target + (panel * PanelRows * width), PanelRows);
    };

    private static Packing Plain(float* start, int columns, nint stride) => (column, panels, step, width, target) =>
    {
        // Along the rows of all panels at once: what lies behind each other is fetched ahead.
        float* from = start + (step * stride) + column;
        int whole = Math.Min(panels, (columns - column) / PanelRows), rest = columns - column - (whole * PanelRows);
        for (int k = 0; k < width; k++, from += stride, target += PanelRows)
        {
            float* to = target;
            for (int panel = 0; panel < whole; panel++, to += PanelRows * width)
            {
                float* source = from + (panel * PanelRows);
                Vector512.Load(source).Store(to);
                Vector512.Load(source + Lanes.Count).Store(to + Lanes.Count);
                Vector512.Load(source + (2 * Lanes.Count)).Store(to + (2 * Lanes.Count));
            }
            if (whole == panels)
                continue;
            var padded = new Span<float>(to, PanelRows);
            new ReadOnlySpan<float>(from + (whole * PanelRows), rest).CopyTo(padded);
            padded[rest..].Clear();
        }
    };

    private static void Run(FloatRows a, int inner, int columns, bool isSymmetric, Packing pack, ProductSink sink, CancellationToken cancellation = default)
    {
        int groups = (columns + GroupColumns - 1) / GroupColumns;
        // Large groups of a symmetric product first, so that no thread is left with one at the end.
        Parallel.For(0, groups, new ParallelOptions { CancellationToken = cancellation }, () => new Scratch(inner, a.Count), (index, _, scratch) =>
        {
            int group = isSymmetric ? groups - 1 - index : index;
            RunGroup(a, inner, columns, group * GroupColumns, isSymmetric, pack, sink, scratch);
            return scratch;
        }, scratch => scratch.Dispose());
    }

    /// <summary>All rows of one group of columns. A block of the panels is packed when the first rows need it.</summary>
    private static void RunGroup(FloatRows a, int inner, int columns, int firstColumn, bool isSymmetric, Packing pack, ProductSink sink, Scratch scratch)
    {
        int width = Math.Min(GroupColumns, columns - firstColumn), panels = (width + PanelRows - 1) / PanelRows;
        int rowsToExcl = isSymmetric ? firstColumn + width : a.Count;
        for (int chunk = 0; chunk < rowsToExcl; chunk += ChunkRows)
        {
            int rows = Math.Min(ChunkRows, rowsToExcl - chunk);
            for (int step = 0; step < inner; step += BlockColumns)
            {
                int steps = Math.Min(BlockColumns, inner - step);
                float* packed = scratch.Panels + (scratch.KeepsPanels ? (nint)step * GroupColumns : 0);
                if (chunk == 0)
                    pack(firstColumn, panels, step, steps, packed);
                for (int row = 0; row < rows; row += TileRows)
                {
                    float* left = a.Start(chunk + row) + step;
                    int panel = isSymmetric ? Math.Max(0, chunk + row - firstColumn) / PanelRows : 0;
                    for (; panel < panels; panel++)
                    {
                        double* sums = scratch.Tile + (row * GroupColumns) + (panel * PanelRows);
                        float* right = packed + (panel * PanelRows * steps);
                        if (Lanes.IsOneRegister)
                        {
                            EightByThree(right, left, a.Stride, steps, sums, step > 0);
                            continue;
                        }
                        for (int vector = 0; vector < PanelRows; vector += Lanes.Count)
                        {
                            FourByOne(right + vector, left, a.Stride, steps, sums + vector, step > 0);
                            FourByOne(right + vector, left + (4 * a.Stride), a.Stride, steps, sums + (4 * GroupColumns) + vector, step > 0);
                        }
                    }
                }
            }
            sink(new ProductTile(chunk, rows, firstColumn, width, scratch.Tile));
        }
    }

    private sealed class Scratch : IDisposable
    {
        private readonly LaneBuffer _memory = new();

        public Scratch(int inner, int rows)
        {
            KeepsPanels = rows > ChunkRows;
            Panels = _memory.Take((long)(KeepsPanels ? inner : Math.Min(inner, BlockColumns)) * GroupColumns);
            Tile = (double*)_memory.Take(2L * (Math.Min(rows, ChunkRows) + TileRows) * GroupColumns);
        }

        /// <summary>Whether all panels of a group are kept, for the rows that come after the first ones.</summary>
        public bool KeepsPanels { get; }

        public float* Panels { get; }

        public double* Tile { get; }

        public void Dispose() => _memory.Dispose();
    }

    /// <summary>sums[r, c] (+)= the sum over k of a[r, k] panel[k, c] for 8 rows and 48 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EightByThree(float* panel, float* a, nint stride, int steps, double* sums, bool accumulate)
    {
        float* a1 = a + stride, a2 = a1 + stride, a3 = a2 + stride, a4 = a3 + stride, a5 = a4 + stride, a6 = a5 + stride, a7 = a6 + stride;
        Vector512<float> s00 = default, s01 = default, s02 = default;
        Vector512<float> s10 = default, s11 = default, s12 = default;
        Vector512<float> s20 = default, s21 = default, s22 = default;
        Vector512<float> s30 = default, s31 = default, s32 = default;
        Vector512<float> s40 = default, s41 = default, s42 = default;
        Vector512<float> s50 = default, s51 = default, s52 = default;
        Vector512<float> s60 = default, s61 = default, s62 = default;
        Vector512<float> s70 = default, s71 = default, s72 = default;
        for (nint k = 0; k < steps; k++, panel += PanelRows)
        {
            Vector512<float> b0 = Vector512.Load(panel), b1 = Vector512.Load(panel + 16), b2 = Vector512.Load(panel + 32);
            Vector512<float> x = Vector512.Create(a[k]);
            s00 = Vector512.FusedMultiplyAdd(x, b0, s00);
            s01 = Vector512.FusedMultiplyAdd(x, b1, s01);
            s02 = Vector512.FusedMultiplyAdd(x, b2, s02);
            x = Vector512.Create(a1[k]);
            s10 = Vector512.FusedMultiplyAdd(x, b0, s10);
            s11 = Vector512.FusedMultiplyAdd(x, b1, s11);
            s12 = Vector512.FusedMultiplyAdd(x, b2, s12);
            x = Vector512.Create(a2[k]);
            s20 = Vector512.FusedMultiplyAdd(x, b0, s20);
            s21 = Vector512.FusedMultiplyAdd(x, b1, s21);
            s22 = Vector512.FusedMultiplyAdd(x, b2, s22);
            x = Vector512.Create(a3[k]);
            s30 = Vector512.FusedMultiplyAdd(x, b0, s30);
            s31 = Vector512.FusedMultiplyAdd(x, b1, s31);
            s32 = Vector512.FusedMultiplyAdd(x, b2, s32);
            x = Vector512.Create(a4[k]);
            s40 = Vector512.FusedMultiplyAdd(x, b0, s40);
            s41 = Vector512.FusedMultiplyAdd(x, b1, s41);
            s42 = Vector512.FusedMultiplyAdd(x, b2, s42);
            x = Vector512.Create(a5[k]);
            s50 = Vector512.FusedMultiplyAdd(x, b0, s50);
            s51 = Vector512.FusedMultiplyAdd(x, b1, s51);
            s52 = Vector512.FusedMultiplyAdd(x, b2, s52);
            x = Vector512.Create(a6[k]);
            s60 = Vector512.FusedMultiplyAdd(x, b0, s60);
            s61 = Vector512.FusedMultiplyAdd(x, b1, s61);
            s62 = Vector512.FusedMultiplyAdd(x, b2, s62);
            x = Vector512.Create(a7[k]);
            s70 = Vector512.FusedMultiplyAdd(x, b0, s70);
            s71 = Vector512.FusedMultiplyAdd(x, b1, s71);
            s72 = Vector512.FusedMultiplyAdd(x, b2, s72);
        }
        Put(sums, accumulate, s00, s01, s02);
        Put(sums + (1 * GroupColumns), accumulate, s10, s11, s12);
        Put(sums + (2 * GroupColumns), accumulate, s20, s21, s22);
        Put(sums + (3 * GroupColumns), accumulate, s30, s31, s32);
        Put(sums + (4 * GroupColumns), accumulate, s40, s41, s42);
        Put(sums + (5 * GroupColumns), accumulate, s50, s51, s52);
        Put(sums + (6 * GroupColumns), accumulate, s60, s61, s62);
        Put(sums + (7 * GroupColumns), accumulate, s70, s71, s72);
    }

    /// <summary>The same for 4 rows and 16 columns, which sixteen registers of 256 bits hold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourByOne(float* panel, float* a, nint stride, int steps, double* sums, bool accumulate)
    {
        float* a1 = a + stride, a2 = a1 + stride, a3 = a2 + stride;
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (nint k = 0; k < steps; k++, panel += PanelRows)
        {
            Vector512<float> b = Vector512.Load(panel);
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[k]), b, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(a1[k]), b, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(a2[k]), b, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[k]), b, s3);
        }
        Put(sums, accumulate, s0);
        Put(sums + GroupColumns, accumulate, s1);
        Put(sums + (2 * GroupColumns), accumulate, s2);
        Put(sums + (3 * GroupColumns), accumulate, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(double* sums, bool accumulate, Vector512<float> first, Vector512<float> second, Vector512<float> third)
    {
        Put(sums, accumulate, first);
        Put(sums + 16, accumulate, second);
        Put(sums + 32, accumulate, third);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(double* sums, bool accumulate, Vector512<float> values)
    {
        (Vector512<double> low, Vector512<double> high) = Vector512.Widen(values);
        if (accumulate)
        {
            low += Vector512.Load(sums);
            high += Vector512.Load(sums + 8);
        }
        low.Store(sums);
        high.Store(sums + 8);
    }

    private static void RequireInner(int first, int second)
    {
        if (first != second)
            throw new ArgumentException($"rows of {first} and {second} columns; expected one length");
    }
}
