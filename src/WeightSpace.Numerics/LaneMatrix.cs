using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WeightSpace.Numerics;

/// <summary>
/// The matrix kernels of training. Activations are vectors of sixteen samples; weights are scalars that are broadcast. A matrix meets vectors that
/// stand anywhere: at a place of a sequence, in the window of a convolution. Each output lane is one chain of fused multiply-adds in a
/// fixed order, so how the kernels are tiled for the registers of a CPU changes no bit.
/// </summary>
public static unsafe partial class LaneMatrix
{
    /// <summary>
    /// Which vectors two operands meet at: <see cref="Outer"/> x <see cref="Inner"/> of them, the inner ones first. Steps are in floats.
    /// </summary>
    public struct Walk
    {
        public int Outer, Inner;

        /// <summary>From one vector to the next.</summary>
        public nint LeftInner, RightInner;

        /// <summary>What is added behind the inner ones: an outer step less the inner ones.</summary>
        public nint LeftJump, RightJump;

        /// <summary>A line of vectors.</summary>
        public static Walk Line(int count, nint left, nint right) => new() { Outer = 1, Inner = count, LeftInner = left, RightInner = right };

        /// <summary>The blocks of sixteen lanes within each of <paramref name="outer"/> places, which are <paramref name="left"/> and <paramref name="right"/> apart.</summary>
        public static Walk Blocks(int outer, int blocks, nint left, nint right)
        {
            nint place = blocks * Lanes.Count;
            return outer == 1 || (left == place && right == place) ? Line(outer * blocks, Lanes.Count, Lanes.Count)
                : blocks == 1 ? Line(outer, left, right)
                : new() { Outer = outer, Inner = blocks, LeftInner = Lanes.Count, RightInner = Lanes.Count, LeftJump = left - place, RightJump = right - place };
        }
    }

    /// <summary>What the sums of <see cref="Multiply"/> start from.</summary>
    public enum Start
    {
        Zero,
        Bias,
        /// <summary>What the output holds.</summary>
        Output,
    }

    private struct Operands
    {
        public float* X0, X1, X2, X3, Y0, Y1, Y2, Y3;
        public nint* Taps;
        public int Columns;
        public Start Start;
        public nint WeightStep, RowStep;
    }

    /// <summary>Floats behind the weights and the bias of <see cref="Multiply"/> that it may read (and does nothing with).</summary>
    public const int Overread = 12;

    /// <summary>
    /// output[row, v] = start + the sum over columns, in order, of weight[column, row] * input[taps[column] + v].
    /// </summary>
    /// <param name="weights">Element (column, row) stands at column * weightStep + row.</param>
    /// <param name="bias">[row]; used with <see cref="Start.Bias"/>.</param>
    /// <param name="taps">[column]: where the vector that the column meets stands, in floats from the input of its place.</param>
    /// <param name="rowStep">Floats from one output row to the next.</param>
    /// <param name="walk">The vectors v; left is the input, right the output.</param>
    [SkipLocalsInit]
    public static void Multiply(float* weights, int weightStep, float* bias, Start start, int rows, int columns, nint* taps, float* input, float* output, int rowStep, in Walk walk)
    {
        Operands operands;
        Operands* o = &operands;
        o->Taps = taps;
        o->Columns = columns;
        o->Start = start;
        o->WeightStep = weightStep;
        o->RowStep = rowStep;
        if (walk.Outer == 1 && walk.Inner == 1)
        {
            o->X0 = input;
            o->Y0 = output;
            Rows1(o, weights, bias, rows);
            return;
        }
        int inner = walk.Inner;
        for (int left = walk.Outer * walk.Inner; left > 0;)
        {
            o->X0 = input;
            o->Y0 = output;
            if (left == 1 || !Lanes.IsOneRegister)
            {
                Next(walk, ref inner, ref input, ref output);
                Rows1(o, weights, bias, rows);
                left--;
                continue;
            }
            Next(walk, ref inner, ref input, ref output);
            o->X1 = input;
            o->Y1 = output;
            Next(walk, ref inner, ref input, ref output);
            if (left < 4)
            {
                Rows2(o, weights, bias, rows);
                left -= 2;
                continue;
            }
            o->X2 = input;
            o->Y2 = output;
            Next(walk, ref inner, ref input, ref output);
            o->X3 = input;
            o->Y3 = output;
            Next(walk, ref inner, ref input, ref output);
            Rows4(o, weights, bias, rows);
            left -= 4;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(in Walk walk, ref int inner, ref float* input, ref float* output)
    {
        input += walk.LeftInner;
        output += walk.RightInner;
        if (--inner == 0)
        {
            inner = walk.Inner;
            input += walk.LeftJump;
            output += walk.RightJump;
        }
    }

    private static void Rows4(Operands* o, float* weights, float* bias, int rows)
    {
        nint output = 0;
        while (rows > 0)
        {
            int height = Height(rows);
            if (height == 6)
                Tile6x4(o, weights, bias, output, rows);
            else
                Tile4x4(o, weights, bias, output, rows);
            weights += height;
            bias += height;
            output += height * o->RowStep;
            rows -= height;
        }
    }

    private static void Rows2(Operands* o, float* weights, float* bias, int rows)
    {
        nint output = 0;
        while (rows > 0)
        {
            int height = rows >= 12 ? 12 : Height(rows);
            if (height == 12)
                Tile12x2(o, weights, bias, output);
            else if (height == 6)
                Tile6x2(o, weights, bias, output, rows);
            else
                Tile4x2(o, weights, bias, output, rows);
            weights += height;
            bias += height;
            output += height * o->RowStep;
            rows -= height;
        }
    }

    private static void Rows1(Operands* o, float* weights, float* bias, int rows)
    {
        nint output = 0;
        while (rows > 0)
        {
            int height = !Lanes.IsOneRegister || rows < 12 ? Height(rows) : rows < 24 ? 12 : 24;
            if (height == 24)
                Tile24x1(o, weights, bias, output);
            else if (height == 12)
                Tile12x1(o, weights, bias, output);
            else if (height == 6)
                Tile6x1(o, weights, bias, output, rows);
            else
                Tile4x1(o, weights, bias, output, rows);
            weights += height;
            bias += height;
            output += height * o->RowStep;
            rows -= height;
        }
    }

    /// <summary>Rows of the next tile, where so many rows are left: six, or four where that wastes fewer.</summary>
    private static int Height(int rows) => rows is <= 4 or 7 or 8 ? 4 : 6;

    /// <summary>
    /// The weight gradient's sums, kept apart by lane: sums[row, column] (16 lanes each) += left[row, v] * right[taps[column] + v] over the vectors v of a walk, in
    /// its order.
    /// </summary>
    /// <param name="leftRow">Floats from one row of left to the next.</param>
    /// <param name="accumulate">False: sums begins at 0 instead of what it holds.</param>
    public static void AccumulateOuter(float* left, nint leftRow, int rows, float* right, nint* taps, int columns, in Walk walk, float* sums, bool accumulate)
    {
        nint sumRow = columns * Lanes.Count;
        int width = Lanes.IsOneRegister ? 4 : 2;
        fixed (Walk* w = &walk)
        {
            while (rows > 0)
            {
                int height = Lanes.IsOneRegister ? Height(rows) : 2;
                float* at = sums;
                nint* tap = taps;
                for (int columnsLeft = columns; columnsLeft > 0; columnsLeft -= width, tap += width, at += width * Lanes.Count)
                {
                    if (height == 6)
                        Outer6x4(left, leftRow, rows, right, tap, columnsLeft, w, at, sumRow, accumulate);
                    else if (height == 4)
                        Outer4x4(left, leftRow, rows, right, tap, columnsLeft, w, at, sumRow, accumulate);
                    else
                        Outer2x2(left, leftRow, rows, right, tap, columnsLeft, w, at, sumRow, accumulate);
                }
                left += height * leftRow;
                sums += height * sumRow;
                rows -= height;
            }
        }
    }

    /// <summary>sums[row] (16 lanes each) += left[row, v] over the vectors of a walk in its order: the bias gradient.</summary>
    public static void AccumulateRows(float* left, nint leftRow, int rows, in Walk walk, float* sums, bool accumulate)
    {
        for (int row = 0; row < rows; row++, left += leftRow, sums += Lanes.Count)
        {
            Vector512<float> sum = accumulate ? Vector512.Load(sums) : Vector512<float>.Zero;
            float* at = left;
            for (int outer = walk.Outer; outer > 0; outer--, at += walk.LeftJump)
            {
                for (int inner = walk.Inner; inner > 0; inner--, at += walk.LeftInner)
                    sum += Vector512.Load(at);
            }
            sum.Store(sums);
        }
    }

    /// <summary>sums[column] = the sum of rows[row, column] over the rows, in order; as many columns as the step between rows, a multiple of 16.</summary>
    public static void SumRows(float* rows, int count, int step, float* sums)
    {
        int column = 0;
        for (; column + (2 * Lanes.Count) <= step; column += 2 * Lanes.Count) // two sums, because one waits for its own last result
        {
            Vector512<float> first = Vector512<float>.Zero, second = Vector512<float>.Zero;
            float* at = rows + column;
            for (int row = 0; row < count; row++, at += step)
            {
                first += Vector512.Load(at);
                second += Vector512.Load(at + Lanes.Count);
            }
            first.Store(sums + column);
            second.Store(sums + column + Lanes.Count);
        }
        if (column == step)
            return;
        Vector512<float> last = Vector512<float>.Zero;
        for (int row = 0; row < count; row++)
            last += Vector512.Load(rows + ((nint)row * step) + column);
        last.Store(sums + column);
    }

    /// <summary>totals[i] = the sum of the 16 lanes of sums[i], by the tree of <see cref="Lanes.Sum"/>.</summary>
    public static void ReduceLanes(float* sums, int count, float* totals)
    {
        int i = 0;
        if (Avx512F.IsSupported)
        {
            for (; i + Lanes.Count <= count; i += Lanes.Count)
                Reduce16(sums + ((nint)i * Lanes.Count)).Store(totals + i);
        }
        for (; i < count; i++)
            totals[i] = Lanes.Sum(Vector512.Load(sums + ((nint)i * Lanes.Count)));
    }

    /// <summary>The sums of 16 vectors, transposing as it adds: lanes i and i + 8 of all first, then i + 4, i + 2, i + 1.</summary>
    private static Vector512<float> Reduce16(float* sums)
    {
        Vector512<float> a = Reduce4(sums), b = Reduce4(sums + 64), c = Reduce4(sums + 128), d = Reduce4(sums + 192);
        Vector512<float> ab = Avx512F.Shuffle(a, b, 0b01_00_01_00) + Avx512F.Shuffle(a, b, 0b11_10_11_10);
        Vector512<float> cd = Avx512F.Shuffle(c, d, 0b01_00_01_00) + Avx512F.Shuffle(c, d, 0b11_10_11_10);
        Vector512<float> all = Avx512F.Shuffle(ab, cd, 0b10_00_10_00) + Avx512F.Shuffle(ab, cd, 0b11_01_11_01);
        return Avx512F.PermuteVar16x32(all, Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    }

    /// <summary>Four vectors to one: 128-bit part j holds vector j's four sums of lanes i, i + 4, i + 8, i + 12.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Reduce4(float* sums)
    {
        Vector512<float> a = Vector512.Load(sums), b = Vector512.Load(sums + 16), c = Vector512.Load(sums + 32), d = Vector512.Load(sums + 48);
        Vector512<float> ab = Avx512F.Shuffle4x128(a, b, 0b01_00_01_00) + Avx512F.Shuffle4x128(a, b, 0b11_10_11_10);
        Vector512<float> cd = Avx512F.Shuffle4x128(c, d, 0b01_00_01_00) + Avx512F.Shuffle4x128(c, d, 0b11_10_11_10);
        return Avx512F.Shuffle4x128(ab, cd, 0b10_00_10_00) + Avx512F.Shuffle4x128(ab, cd, 0b11_01_11_01);
    }
}
