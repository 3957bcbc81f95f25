using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// The two matrix kernels of training. Activations are [feature, lane], the lanes of a feature side by side (16 x blocks of them);
/// weights are scalars that are broadcast. Each output lane is one chain of fused multiply-adds in a fixed order, so
/// how the kernels are tiled for the registers of a CPU changes no bit.
/// </summary>
public static unsafe class LaneMatrix
{
    /// <summary>Rows (outputs) of a panel: six rows of two blocks keep 12 chains in flight and fit 16 AVX2 or 32 AVX-512 registers.</summary>
    public const int PanelRows = 6;

    /// <summary>Floats that the panels of a [rows, columns] matrix take, biases included.</summary>
    public static int PanelFloats(int rows, int columns) => (rows + PanelRows - 1) / PanelRows * PanelRows * (columns + 1);

    /// <summary>
    /// Packs a matrix for <see cref="Multiply"/>: panels of six rows, each its six biases and then, column by column, its six weights;
    /// rows past the end are 0.
    /// </summary>
    /// <param name="weights">Element (row, column) stands at row * rowStride + column * columnStride.</param>
    /// <param name="bias">[row], or null for zeros.</param>
    public static void Pack(float* weights, int rows, int columns, int rowStride, int columnStride, float* bias, float* panels)
    {
        for (int first = 0; first < rows; first += PanelRows)
        {
            int valid = Math.Min(PanelRows, rows - first);
            for (int row = 0; row < PanelRows; row++)
            {
                bool real = row < valid;
                panels[row] = real && bias != null ? bias[first + row] : 0;
                float* source = weights + ((first + row) * rowStride);
                for (int column = 0; column < columns; column++)
                    panels[((column + 1) * PanelRows) + row] = real ? source[column * columnStride] : 0;
            }
            panels += PanelRows * (columns + 1);
        }
    }

    /// <summary>
    /// output[row, lane] = start + sum over columns, in order, of weight[row, column] * input[column, lane]; start is the panel's bias, or
    /// what output holds when <paramref name="accumulate"/>.
    /// </summary>
    /// <param name="stride">Floats from one feature's lanes to the next one's, for input and output: 16 x blocks.</param>
    public static void Multiply(float* panels, int rows, int columns, float* input, float* output, int stride, bool accumulate)
    {
        for (int first = 0; first < rows; first += PanelRows)
        {
            int valid = Math.Min(PanelRows, rows - first);
            int lane = 0;
            if (Lanes.IsOneRegister)
            {
                for (; lane + (2 * Lanes.Count) <= stride; lane += 2 * Lanes.Count)
                    Tile6x2(panels, columns, input + lane, output + (first * stride) + lane, stride, valid, accumulate);
            }
            for (; lane < stride; lane += Lanes.Count)
                Tile6x1(panels, columns, input + lane, output + (first * stride) + lane, stride, valid, accumulate);
            panels += PanelRows * (columns + 1);
        }
    }

    private static void Tile6x2(float* panel, int columns, float* input, float* output, int stride, int valid, bool accumulate)
    {
        Vector512<float> a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1;
        if (accumulate)
        {
            float* o = output;
            (a0, a1) = (Vector512.Load(o), Vector512.Load(o + 16));
            (b0, b1) = valid > 1 ? (Vector512.Load(o += stride), Vector512.Load(o + 16)) : default;
            (c0, c1) = valid > 2 ? (Vector512.Load(o += stride), Vector512.Load(o + 16)) : default;
            (d0, d1) = valid > 3 ? (Vector512.Load(o += stride), Vector512.Load(o + 16)) : default;
            (e0, e1) = valid > 4 ? (Vector512.Load(o += stride), Vector512.Load(o + 16)) : default;
            (f0, f1) = valid > 5 ? (Vector512.Load(o += stride), Vector512.Load(o + 16)) : default;
        }
        else
        {
            a0 = a1 = Vector512.Create(panel[0]);
            b0 = b1 = Vector512.Create(panel[1]);
            c0 = c1 = Vector512.Create(panel[2]);
            d0 = d1 = Vector512.Create(panel[3]);
            e0 = e1 = Vector512.Create(panel[4]);
            f0 = f1 = Vector512.Create(panel[5]);
        }
        for (int column = 0; column < columns; column++)
        {
            panel += PanelRows;
            Vector512<float> x0 = Vector512.Load(input), x1 = Vector512.Load(input + 16);
            Vector512<float> w = Vector512.Create(panel[0]);
            a0 = Vector512.FusedMultiplyAdd(w, x0, a0);
            a1 = Vector512.FusedMultiplyAdd(w, x1, a1);
            w = Vector512.Create(panel[1]);
            b0 = Vector512.FusedMultiplyAdd(w, x0, b0);
            b1 = Vector512.FusedMultiplyAdd(w, x1, b1);
            w = Vector512.Create(panel[2]);
            c0 = Vector512.FusedMultiplyAdd(w, x0, c0);
            c1 = Vector512.FusedMultiplyAdd(w, x1, c1);
            w = Vector512.Create(panel[3]);
            d0 = Vector512.FusedMultiplyAdd(w, x0, d0);
            d1 = Vector512.FusedMultiplyAdd(w, x1, d1);
            w = Vector512.Create(panel[4]);
            e0 = Vector512.FusedMultiplyAdd(w, x0, e0);
            e1 = Vector512.FusedMultiplyAdd(w, x1, e1);
            w = Vector512.Create(panel[5]);
            f0 = Vector512.FusedMultiplyAdd(w, x0, f0);
            f1 = Vector512.FusedMultiplyAdd(w, x1, f1);
            input += stride;
        }
        Store(a0, a1, output);
        if (valid > 1) Store(b0, b1, output += stride);
        if (valid > 2) Store(c0, c1, output += stride);
        if (valid > 3) Store(d0, d1, output += stride);
        if (valid > 4) Store(e0, e1, output += stride);
        if (valid > 5) Store(f0, f1, output += stride);
    }

    private static void Tile6x1(float* panel, int columns, float* input, float* output, int stride, int valid, bool accumulate)
    {
        Vector512<float> a, b, c, d, e, f;
        if (accumulate)
        {
            float* o = output;
            a = Vector512.Load(o);
            b = valid > 1 ? Vector512.Load(o += stride) : default;
            c = valid > 2 ? Vector512.Load(o += stride) : default;
            d = valid > 3 ? Vector512.Load(o += stride) : default;
            e = valid > 4 ? Vector512.Load(o += stride) : default;
            f = valid > 5 ? Vector512.Load(o += stride) : default;
        }
        else
        {
            a = Vector512.Create(panel[0]);
            b = Vector512.Create(panel[1]);
            c = Vector512.Create(panel[2]);
            d = Vector512.Create(panel[3]);
            e = Vector512.Create(panel[4]);
            f = Vector512.Create(panel[5]);
        }
        for (int column = 0; column < columns; column++)
        {
            panel += PanelRows;
            Vector512<float> x = Vector512.Load(input);
            a = Vector512.FusedMultiplyAdd(Vector512.Create(panel[0]), x, a);
            b = Vector512.FusedMultiplyAdd(Vector512.Create(panel[1]), x, b);
            c = Vector512.FusedMultiplyAdd(Vector512.Create(panel[2]), x, c);
            d = Vector512.FusedMultiplyAdd(Vector512.Create(panel[3]), x, d);
            e = Vector512.FusedMultiplyAdd(Vector512.Create(panel[4]), x, e);
            f = Vector512.FusedMultiplyAdd(Vector512.Create(panel[5]), x, f);
            input += stride;
        }
        a.Store(output);
        if (valid > 1) b.Store(output += stride);
        if (valid > 2) c.Store(output += stride);
        if (valid > 3) d.Store(output += stride);
        if (valid > 4) e.Store(output += stride);
        if (valid > 5) f.Store(output += stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> first, Vector512<float> second, float* output)
    {
        first.Store(output);
        second.Store(output + 16);
    }

    /// <summary>
    /// The weight gradient's sums, kept apart by lane: sums[row, column] (16 lanes each) += left[t, row, lanes] * right[t, column, lanes], over
    /// places t from the last to the first and the blocks of lanes in order.
    /// </summary>
    /// <param name="leftStep">Floats from place t to t + 1 of left; rows are <paramref name="stride"/> apart.</param>
    public static void AccumulateOuter(float* left, int rows, int leftStep, float* right, int columns, int rightStep, int places, int stride, float* sums)
    {
        int tile = Lanes.IsOneRegister ? 4 : 2;
        for (int row = 0; row < rows; row += tile)
        {
            for (int column = 0; column < columns; column += tile)
            {
                float* sum = sums + (((row * columns) + column) * Lanes.Count);
                float* a = left + (row * stride), b = right + (column * stride);
                if (row + tile > rows || column + tile > columns)
                    Edge(a, Math.Min(tile, rows - row), leftStep, b, Math.Min(tile, columns - column), rightStep, places, stride, sum, columns);
                else if (Lanes.IsOneRegister)
                    Outer4x4(a, leftStep, b, rightStep, places, stride, sum, columns * Lanes.Count);
                else
                    Outer2x2(a, leftStep, b, rightStep, places, stride, sum, columns * Lanes.Count);
            }
        }
    }

    private static void Outer4x4(float* left, int leftStep, float* right, int rightStep, int places, int stride, float* sums, int sumStride)
    {
        float* s1 = sums + sumStride, s2 = s1 + sumStride, s3 = s2 + sumStride;
        Vector512<float> a0 = Vector512.Load(sums), a1 = Vector512.Load(sums + 16), a2 = Vector512.Load(sums + 32), a3 = Vector512.Load(sums + 48);
        Vector512<float> b0 = Vector512.Load(s1), b1 = Vector512.Load(s1 + 16), b2 = Vector512.Load(s1 + 32), b3 = Vector512.Load(s1 + 48);
        Vector512<float> c0 = Vector512.Load(s2), c1 = Vector512.Load(s2 + 16), c2 = Vector512.Load(s2 + 32), c3 = Vector512.Load(s2 + 48);
        Vector512<float> d0 = Vector512.Load(s3), d1 = Vector512.Load(s3 + 16), d2 = Vector512.Load(s3 + 32), d3 = Vector512.Load(s3 + 48);
        left += (places - 1) * leftStep;
        right += (places - 1) * rightStep;
        int stride2 = 2 * stride, stride3 = 3 * stride;
        for (int place = places; place > 0; place--)
        {
            float* l = left, r = right;
            for (int lane = 0; lane < stride; lane += Lanes.Count)
            {
                Vector512<float> r0 = Vector512.Load(r), r1 = Vector512.Load(r + stride), r2 = Vector512.Load(r + stride2), r3 = Vector512.Load(r + stride3);
                Vector512<float> x = Vector512.Load(l);
                a0 = Vector512.FusedMultiplyAdd(x, r0, a0);
                a1 = Vector512.FusedMultiplyAdd(x, r1, a1);
                a2 = Vector512.FusedMultiplyAdd(x, r2, a2);
                a3 = Vector512.FusedMultiplyAdd(x, r3, a3);
                x = Vector512.Load(l + stride);
                b0 = Vector512.FusedMultiplyAdd(x, r0, b0);
                b1 = Vector512.FusedMultiplyAdd(x, r1, b1);
                b2 = Vector512.FusedMultiplyAdd(x, r2, b2);
                b3 = Vector512.FusedMultiplyAdd(x, r3, b3);
                x = Vector512.Load(l + stride2);
                c0 = Vector512.FusedMultiplyAdd(x, r0, c0);
                c1 = Vector512.FusedMultiplyAdd(x, r1, c1);
                c2 = Vector512.FusedMultiplyAdd(x, r2, c2);
                c3 = Vector512.FusedMultiplyAdd(x, r3, c3);
                x = Vector512.Load(l + stride3);
                d0 = Vector512.FusedMultiplyAdd(x, r0, d0);
                d1 = Vector512.FusedMultiplyAdd(x, r1, d1);
                d2 = Vector512.FusedMultiplyAdd(x, r2, d2);
                d3 = Vector512.FusedMultiplyAdd(x, r3, d3);
                l += Lanes.Count;
                r += Lanes.Count;
            }
            left -= leftStep;
            right -= rightStep;
        }
        a0.Store(sums);
        a1.Store(sums + 16);
        a2.Store(sums + 32);
        a3.Store(sums + 48);
        b0.Store(s1);
        b1.Store(s1 + 16);
        b2.Store(s1 + 32);
        b3.Store(s1 + 48);
        c0.Store(s2);
        c1.Store(s2 + 16);
        c2.Store(s2 + 32);
        c3.Store(s2 + 48);
        d0.Store(s3);
        d1.Store(s3 + 16);
        d2.Store(s3 + 32);
        d3.Store(s3 + 48);
    }

    private static void Outer2x2(float* left, int leftStep, float* right, int rightStep, int places, int stride, float* sums, int sumStride)
    {
        float* s1 = sums + sumStride;
        Vector512<float> a0 = Vector512.Load(sums), a1 = Vector512.Load(sums + 16), b0 = Vector512.Load(s1), b1 = Vector512.Load(s1 + 16);
        left += (places - 1) * leftStep;
        right += (places - 1) * rightStep;
        for (int place = places; place > 0; place--)
        {
            for (int lane = 0; lane < stride; lane += Lanes.Count)
            {
                Vector512<float> r0 = Vector512.Load(right + lane), r1 = Vector512.Load(right + stride + lane);
                Vector512<float> x = Vector512.Load(left + lane);
                a0 = Vector512.FusedMultiplyAdd(x, r0, a0);
                a1 = Vector512.FusedMultiplyAdd(x, r1, a1);
                x = Vector512.Load(left + stride + lane);
                b0 = Vector512.FusedMultiplyAdd(x, r0, b0);
                b1 = Vector512.FusedMultiplyAdd(x, r1, b1);
            }
            left -= leftStep;
            right -= rightStep;
        }
        a0.Store(sums);
        a1.Store(sums + 16);
        b0.Store(s1);
        b1.Store(s1 + 16);
    }

    private static void Edge(float* left, int rows, int leftStep, float* right, int columns, int rightStep, int places, int stride, float* sums, int allColumns)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                float* at = sums + (((row * allColumns) + column) * Lanes.Count);
                Vector512<float> sum = Vector512.Load(at);
                for (int place = places - 1; place >= 0; place--)
                {
                    float* l = left + (place * leftStep) + (row * stride), r = right + (place * rightStep) + (column * stride);
                    for (int lane = 0; lane < stride; lane += Lanes.Count)
                        sum = Vector512.FusedMultiplyAdd(Vector512.Load(l + lane), Vector512.Load(r + lane), sum);
                }
                sum.Store(at);
            }
        }
    }

    /// <summary>sums[row] (16 lanes each) += values[t, row, lanes], over places and blocks in the order of <see cref="AccumulateOuter"/>: the bias gradient.</summary>
    public static void AccumulateRows(float* values, int rows, int step, int places, int stride, float* sums)
    {
        for (int row = 0; row < rows; row++)
        {
            Vector512<float> sum = Vector512.Load(sums + (row * Lanes.Count));
            for (int place = places - 1; place >= 0; place--)
            {
                float* at = values + (place * step) + (row * stride);
                for (int lane = 0; lane < stride; lane += Lanes.Count)
                    sum += Vector512.Load(at + lane);
            }
            sum.Store(sums + (row * Lanes.Count));
        }
    }

    /// <summary>totals[i] = the sum of the 16 lanes of sums[i], by the tree of <see cref="Lanes.Sum"/>.</summary>
    public static void ReduceLanes(float* sums, int count, float* totals)
    {
        for (int i = 0; i < count; i++)
            totals[i] = Lanes.Sum(Vector512.Load(sums + (i * Lanes.Count)));
    }
}
