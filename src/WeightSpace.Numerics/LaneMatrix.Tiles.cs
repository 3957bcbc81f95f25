using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

// The tiles of LaneMatrix: so many rows and vectors at once as the registers hold, written out because only named locals stay in registers.
public static unsafe partial class LaneMatrix
{
    // TileRxV: y[row, v] = start + the sum over columns of weights[column, row] x[tap[column], v], for R rows and V vectors. Of those with a parameter rows only so many are stored.

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x4(Operands* o, float* weights, float* bias, nint output, int rows)
    {
        float* x0 = o->X0, x1 = o->X1, x2 = o->X2, x3 = o->X3;
        float* y0 = o->Y0 + output, y1 = o->Y1 + output, y2 = o->Y2 + output, y3 = o->Y3 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, e0, e1, e2, e3, f0, f1, f2, f3;
        if (o->Start == Start.Output)
        {
            a0 = Vector512.Load(y0);
            a1 = Vector512.Load(y1);
            a2 = Vector512.Load(y2);
            a3 = Vector512.Load(y3);
            nint at = Math.Min(1, rows - 1) * rowStep;
            b0 = Vector512.Load(y0 + at);
            b1 = Vector512.Load(y1 + at);
            b2 = Vector512.Load(y2 + at);
            b3 = Vector512.Load(y3 + at);
            at = Math.Min(2, rows - 1) * rowStep;
            c0 = Vector512.Load(y0 + at);
            c1 = Vector512.Load(y1 + at);
            c2 = Vector512.Load(y2 + at);
            c3 = Vector512.Load(y3 + at);
            at = Math.Min(3, rows - 1) * rowStep;
            d0 = Vector512.Load(y0 + at);
            d1 = Vector512.Load(y1 + at);
            d2 = Vector512.Load(y2 + at);
            d3 = Vector512.Load(y3 + at);
            at = Math.Min(4, rows - 1) * rowStep;
            e0 = Vector512.Load(y0 + at);
            e1 = Vector512.Load(y1 + at);
            e2 = Vector512.Load(y2 + at);
            e3 = Vector512.Load(y3 + at);
            at = Math.Min(5, rows - 1) * rowStep;
            f0 = Vector512.Load(y0 + at);
            f1 = Vector512.Load(y1 + at);
            f2 = Vector512.Load(y2 + at);
            f3 = Vector512.Load(y3 + at);
        }
        else if (o->Start == Start.Bias)
        {
            a0 = a1 = a2 = a3 = Vector512.Create(bias[0]);
            b0 = b1 = b2 = b3 = Vector512.Create(bias[1]);
            c0 = c1 = c2 = c3 = Vector512.Create(bias[2]);
            d0 = d1 = d2 = d3 = Vector512.Create(bias[3]);
            e0 = e1 = e2 = e3 = Vector512.Create(bias[4]);
            f0 = f1 = f2 = f3 = Vector512.Create(bias[5]);
        }
        else
        {
            a0 = a1 = a2 = a3 = Vector512<float>.Zero;
            b0 = b1 = b2 = b3 = Vector512<float>.Zero;
            c0 = c1 = c2 = c3 = Vector512<float>.Zero;
            d0 = d1 = d2 = d3 = Vector512<float>.Zero;
            e0 = e1 = e2 = e3 = Vector512<float>.Zero;
            f0 = f1 = f2 = f3 = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> in1 = Vector512.Load(x1 + *tap);
            Vector512<float> in2 = Vector512.Load(x2 + *tap);
            Vector512<float> in3 = Vector512.Load(x3 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            a0 = Vector512.FusedMultiplyAdd(w, in0, a0);
            a1 = Vector512.FusedMultiplyAdd(w, in1, a1);
            a2 = Vector512.FusedMultiplyAdd(w, in2, a2);
            a3 = Vector512.FusedMultiplyAdd(w, in3, a3);
            w = Vector512.Create(weights[1]);
            b0 = Vector512.FusedMultiplyAdd(w, in0, b0);
            b1 = Vector512.FusedMultiplyAdd(w, in1, b1);
            b2 = Vector512.FusedMultiplyAdd(w, in2, b2);
            b3 = Vector512.FusedMultiplyAdd(w, in3, b3);
            w = Vector512.Create(weights[2]);
            c0 = Vector512.FusedMultiplyAdd(w, in0, c0);
            c1 = Vector512.FusedMultiplyAdd(w, in1, c1);
            c2 = Vector512.FusedMultiplyAdd(w, in2, c2);
            c3 = Vector512.FusedMultiplyAdd(w, in3, c3);
            w = Vector512.Create(weights[3]);
            d0 = Vector512.FusedMultiplyAdd(w, in0, d0);
            d1 = Vector512.FusedMultiplyAdd(w, in1, d1);
            d2 = Vector512.FusedMultiplyAdd(w, in2, d2);
            d3 = Vector512.FusedMultiplyAdd(w, in3, d3);
            w = Vector512.Create(weights[4]);
            e0 = Vector512.FusedMultiplyAdd(w, in0, e0);
            e1 = Vector512.FusedMultiplyAdd(w, in1, e1);
            e2 = Vector512.FusedMultiplyAdd(w, in2, e2);
            e3 = Vector512.FusedMultiplyAdd(w, in3, e3);
            w = Vector512.Create(weights[5]);
            f0 = Vector512.FusedMultiplyAdd(w, in0, f0);
            f1 = Vector512.FusedMultiplyAdd(w, in1, f1);
            f2 = Vector512.FusedMultiplyAdd(w, in2, f2);
            f3 = Vector512.FusedMultiplyAdd(w, in3, f3);
        }
        a0.Store(y0);
        a1.Store(y1);
        a2.Store(y2);
        a3.Store(y3);
        if (rows == 1)
            return;
        y0 += rowStep; y1 += rowStep; y2 += rowStep; y3 += rowStep;
        b0.Store(y0);
        b1.Store(y1);
        b2.Store(y2);
        b3.Store(y3);
        if (rows == 2)
            return;
        y0 += rowStep; y1 += rowStep; y2 += rowStep; y3 += rowStep;
        c0.Store(y0);
        c1.Store(y1);
        c2.Store(y2);
        c3.Store(y3);
        if (rows == 3)
            return;
        y0 += rowStep; y1 += rowStep; y2 += rowStep; y3 += rowStep;
        d0.Store(y0);
        d1.Store(y1);
        d2.Store(y2);
        d3.Store(y3);
        if (rows == 4)
            return;
        y0 += rowStep; y1 += rowStep; y2 += rowStep; y3 += rowStep;
        e0.Store(y0);
        e1.Store(y1);
        e2.Store(y2);
        e3.Store(y3);
        if (rows == 5)
            return;
        y0 += rowStep; y1 += rowStep; y2 += rowStep; y3 += rowStep;
        f0.Store(y0);
        f1.Store(y1);
        f2.Store(y2);
        f3.Store(y3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x4(Operands* o, float* weights, float* bias, nint output, int rows)
    {
        float* x0 = o->X0, x1 = o->X1, x2 = o->X2, x3 = o->X3;
        float* y0 = o->Y0 + output, y1 = o->Y1 + output, y2 = o->Y2 + output, y3 = o->Y3 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3;
        if (o->Start == Start.Output)
        {
            a0 = Vector512.Load(y0);
            a1 = Vector512.Load(y1);
            a2 = Vector512.Load(y2);
            a3 = Vector512.Load(y3);
            nint at = Math.Min(1, rows - 1) * rowStep;
            b0 = Vector512.Load(y0 + at);
            b1 = Vector512.Load(y1 + at);
            b2 = Vector512.Load(y2 + at);
            b3 = Vector512.Load(y3 + at);
            at = Math.Min(2, rows - 1) * rowStep;
            c0 = Vector512.Load(y0 + at);
            c1 = Vector512.Load(y1 + at);
            c2 = Vector512.Load(y2 + at);
            c3 = Vector512.Load(y3 + at);
            at = Math.Min(3, rows - 1) * rowStep;
            d0 = Vector512.Load(y0 + at);
            d1 = Vector512.Load(y1 + at);
            d2 = Vector512.Load(y2 + at);
            d3 = Vector512.Load(y3 + at);
        }
        else if (o->Start == Start.Bias)
        {
            a0 = a1 = a2 = a3 = Vector512.Create(bias[0]);
            b0 = b1 = b2 = b3 = Vector512.Create(bias[1]);
            c0 = c1 = c2 = c3 = Vector512.Create(bias[2]);
            d0 = d1 = d2 = d3 = Vector512.Create(bias[3]);
        }
        else
        {
            a0 = a1 = a2 = a3 = Vector512<float>.Zero;
            b0 = b1 = b2 = b3 = Vector512<float>.Zero;
            c0 = c1 = c2 = c3 = Vector512<float>.Zero;
            d0 = d1 = d2 = d3 = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> in1 = Vector512.Load(x1 + *tap);
            Vector512<float> in2 = Vector512.Load(x2 + *tap);
            Vector512<float> in3 = Vector512.Load(x3 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            a0 = Vector512.FusedMultiplyAdd(w, in0, a0);
            a1 = Vector512.FusedMultiplyAdd(w, in1, a1);
            a2 = Vector512.FusedMultiplyAdd(w, in2, a2);
            a3 = Vector512.FusedMultiplyAdd(w, in3, a3);
            w = Vector512.Create(weights[1]);
            b0 = Vector512.FusedMultiplyAdd(w, in0, b0);
            b1 = Vector512.FusedMultiplyAdd(w, in1, b1);
            b2 = Vector512.FusedMultiplyAdd(w, in2, b2);
            b3 = Vector512.FusedMultiplyAdd(w, in3, b3);
            w = Vector512.Create(weights[2]);
            c0 = Vector512.FusedMultiplyAdd(w, in0, c0);
            c1 = Vector512.FusedMultiplyAdd(w, in1, c1);
            c2 = Vector512.FusedMultiplyAdd(w, in2, c2);
            c3 = Vector512.FusedMultiplyAdd(w, in3, c3);
            w = Vector512.Create(weights[3]);
            d0 = Vector512.FusedMultiplyAdd(w, in0, d0);
            d1 = Vector512.FusedMultiplyAdd(w, in1, d1);
            d2 = Vector512.FusedMultiplyAdd(w, in2, d2);
            d3 = Vector512.FusedMultiplyAdd(w, in3, d3);
        }
        a0.Store(y0);
        a1.Store(y1);
        a2.Store(y2);
        a3.Store(y3);
        if (rows == 1)
            return;
        y0 += rowStep; y1 += rowStep; y2 += rowStep; y3 += rowStep;
        b0.Store(y0);
        b1.Store(y1);
        b2.Store(y2);
        b3.Store(y3);
        if (rows == 2)
            return;
        y0 += rowStep; y1 += rowStep; y2 += rowStep; y3 += rowStep;
        c0.Store(y0);
        c1.Store(y1);
        c2.Store(y2);
        c3.Store(y3);
        if (rows == 3)
            return;
        y0 += rowStep; y1 += rowStep; y2 += rowStep; y3 += rowStep;
        d0.Store(y0);
        d1.Store(y1);
        d2.Store(y2);
        d3.Store(y3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile12x2(Operands* o, float* weights, float* bias, nint output)
    {
        float* x0 = o->X0, x1 = o->X1;
        float* y0 = o->Y0 + output, y1 = o->Y1 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1, g0, g1, h0, h1, i0, i1, j0, j1, k0, k1, l0, l1;
        if (o->Start == Start.Output)
        {
            a0 = Vector512.Load(y0);
            a1 = Vector512.Load(y1);
            b0 = Vector512.Load(y0 + rowStep);
            b1 = Vector512.Load(y1 + rowStep);
            c0 = Vector512.Load(y0 + (2 * rowStep));
            c1 = Vector512.Load(y1 + (2 * rowStep));
            d0 = Vector512.Load(y0 + (3 * rowStep));
            d1 = Vector512.Load(y1 + (3 * rowStep));
            e0 = Vector512.Load(y0 + (4 * rowStep));
            e1 = Vector512.Load(y1 + (4 * rowStep));
            f0 = Vector512.Load(y0 + (5 * rowStep));
            f1 = Vector512.Load(y1 + (5 * rowStep));
            g0 = Vector512.Load(y0 + (6 * rowStep));
            g1 = Vector512.Load(y1 + (6 * rowStep));
            h0 = Vector512.Load(y0 + (7 * rowStep));
            h1 = Vector512.Load(y1 + (7 * rowStep));
            i0 = Vector512.Load(y0 + (8 * rowStep));
            i1 = Vector512.Load(y1 + (8 * rowStep));
            j0 = Vector512.Load(y0 + (9 * rowStep));
            j1 = Vector512.Load(y1 + (9 * rowStep));
            k0 = Vector512.Load(y0 + (10 * rowStep));
            k1 = Vector512.Load(y1 + (10 * rowStep));
            l0 = Vector512.Load(y0 + (11 * rowStep));
            l1 = Vector512.Load(y1 + (11 * rowStep));
        }
        else if (o->Start == Start.Bias)
        {
            a0 = a1 = Vector512.Create(bias[0]);
            b0 = b1 = Vector512.Create(bias[1]);
            c0 = c1 = Vector512.Create(bias[2]);
            d0 = d1 = Vector512.Create(bias[3]);
            e0 = e1 = Vector512.Create(bias[4]);
            f0 = f1 = Vector512.Create(bias[5]);
            g0 = g1 = Vector512.Create(bias[6]);
            h0 = h1 = Vector512.Create(bias[7]);
            i0 = i1 = Vector512.Create(bias[8]);
            j0 = j1 = Vector512.Create(bias[9]);
            k0 = k1 = Vector512.Create(bias[10]);
            l0 = l1 = Vector512.Create(bias[11]);
        }
        else
        {
            a0 = a1 = Vector512<float>.Zero;
            b0 = b1 = Vector512<float>.Zero;
            c0 = c1 = Vector512<float>.Zero;
            d0 = d1 = Vector512<float>.Zero;
            e0 = e1 = Vector512<float>.Zero;
            f0 = f1 = Vector512<float>.Zero;
            g0 = g1 = Vector512<float>.Zero;
            h0 = h1 = Vector512<float>.Zero;
            i0 = i1 = Vector512<float>.Zero;
            j0 = j1 = Vector512<float>.Zero;
            k0 = k1 = Vector512<float>.Zero;
            l0 = l1 = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> in1 = Vector512.Load(x1 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            a0 = Vector512.FusedMultiplyAdd(w, in0, a0);
            a1 = Vector512.FusedMultiplyAdd(w, in1, a1);
            w = Vector512.Create(weights[1]);
            b0 = Vector512.FusedMultiplyAdd(w, in0, b0);
            b1 = Vector512.FusedMultiplyAdd(w, in1, b1);
            w = Vector512.Create(weights[2]);
            c0 = Vector512.FusedMultiplyAdd(w, in0, c0);
            c1 = Vector512.FusedMultiplyAdd(w, in1, c1);
            w = Vector512.Create(weights[3]);
            d0 = Vector512.FusedMultiplyAdd(w, in0, d0);
            d1 = Vector512.FusedMultiplyAdd(w, in1, d1);
            w = Vector512.Create(weights[4]);
            e0 = Vector512.FusedMultiplyAdd(w, in0, e0);
            e1 = Vector512.FusedMultiplyAdd(w, in1, e1);
            w = Vector512.Create(weights[5]);
            f0 = Vector512.FusedMultiplyAdd(w, in0, f0);
            f1 = Vector512.FusedMultiplyAdd(w, in1, f1);
            w = Vector512.Create(weights[6]);
            g0 = Vector512.FusedMultiplyAdd(w, in0, g0);
            g1 = Vector512.FusedMultiplyAdd(w, in1, g1);
            w = Vector512.Create(weights[7]);
            h0 = Vector512.FusedMultiplyAdd(w, in0, h0);
            h1 = Vector512.FusedMultiplyAdd(w, in1, h1);
            w = Vector512.Create(weights[8]);
            i0 = Vector512.FusedMultiplyAdd(w, in0, i0);
            i1 = Vector512.FusedMultiplyAdd(w, in1, i1);
            w = Vector512.Create(weights[9]);
            j0 = Vector512.FusedMultiplyAdd(w, in0, j0);
            j1 = Vector512.FusedMultiplyAdd(w, in1, j1);
            w = Vector512.Create(weights[10]);
            k0 = Vector512.FusedMultiplyAdd(w, in0, k0);
            k1 = Vector512.FusedMultiplyAdd(w, in1, k1);
            w = Vector512.Create(weights[11]);
            l0 = Vector512.FusedMultiplyAdd(w, in0, l0);
            l1 = Vector512.FusedMultiplyAdd(w, in1, l1);
        }
        a0.Store(y0);
        a1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        b0.Store(y0);
        b1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        c0.Store(y0);
        c1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        d0.Store(y0);
        d1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        e0.Store(y0);
        e1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        f0.Store(y0);
        f1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        g0.Store(y0);
        g1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        h0.Store(y0);
        h1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        i0.Store(y0);
        i1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        j0.Store(y0);
        j1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        k0.Store(y0);
        k1.Store(y1);
        y0 += rowStep; y1 += rowStep;
        l0.Store(y0);
        l1.Store(y1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x2(Operands* o, float* weights, float* bias, nint output, int rows)
    {
        float* x0 = o->X0, x1 = o->X1;
        float* y0 = o->Y0 + output, y1 = o->Y1 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1;
        if (o->Start == Start.Output)
        {
            a0 = Vector512.Load(y0);
            a1 = Vector512.Load(y1);
            nint at = Math.Min(1, rows - 1) * rowStep;
            b0 = Vector512.Load(y0 + at);
            b1 = Vector512.Load(y1 + at);
            at = Math.Min(2, rows - 1) * rowStep;
            c0 = Vector512.Load(y0 + at);
            c1 = Vector512.Load(y1 + at);
            at = Math.Min(3, rows - 1) * rowStep;
            d0 = Vector512.Load(y0 + at);
            d1 = Vector512.Load(y1 + at);
            at = Math.Min(4, rows - 1) * rowStep;
            e0 = Vector512.Load(y0 + at);
            e1 = Vector512.Load(y1 + at);
            at = Math.Min(5, rows - 1) * rowStep;
            f0 = Vector512.Load(y0 + at);
            f1 = Vector512.Load(y1 + at);
        }
        else if (o->Start == Start.Bias)
        {
            a0 = a1 = Vector512.Create(bias[0]);
            b0 = b1 = Vector512.Create(bias[1]);
            c0 = c1 = Vector512.Create(bias[2]);
            d0 = d1 = Vector512.Create(bias[3]);
            e0 = e1 = Vector512.Create(bias[4]);
            f0 = f1 = Vector512.Create(bias[5]);
        }
        else
        {
            a0 = a1 = Vector512<float>.Zero;
            b0 = b1 = Vector512<float>.Zero;
            c0 = c1 = Vector512<float>.Zero;
            d0 = d1 = Vector512<float>.Zero;
            e0 = e1 = Vector512<float>.Zero;
            f0 = f1 = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> in1 = Vector512.Load(x1 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            a0 = Vector512.FusedMultiplyAdd(w, in0, a0);
            a1 = Vector512.FusedMultiplyAdd(w, in1, a1);
            w = Vector512.Create(weights[1]);
            b0 = Vector512.FusedMultiplyAdd(w, in0, b0);
            b1 = Vector512.FusedMultiplyAdd(w, in1, b1);
            w = Vector512.Create(weights[2]);
            c0 = Vector512.FusedMultiplyAdd(w, in0, c0);
            c1 = Vector512.FusedMultiplyAdd(w, in1, c1);
            w = Vector512.Create(weights[3]);
            d0 = Vector512.FusedMultiplyAdd(w, in0, d0);
            d1 = Vector512.FusedMultiplyAdd(w, in1, d1);
            w = Vector512.Create(weights[4]);
            e0 = Vector512.FusedMultiplyAdd(w, in0, e0);
            e1 = Vector512.FusedMultiplyAdd(w, in1, e1);
            w = Vector512.Create(weights[5]);
            f0 = Vector512.FusedMultiplyAdd(w, in0, f0);
            f1 = Vector512.FusedMultiplyAdd(w, in1, f1);
        }
        a0.Store(y0);
        a1.Store(y1);
        if (rows == 1)
            return;
        y0 += rowStep; y1 += rowStep;
        b0.Store(y0);
        b1.Store(y1);
        if (rows == 2)
            return;
        y0 += rowStep; y1 += rowStep;
        c0.Store(y0);
        c1.Store(y1);
        if (rows == 3)
            return;
        y0 += rowStep; y1 += rowStep;
        d0.Store(y0);
        d1.Store(y1);
        if (rows == 4)
            return;
        y0 += rowStep; y1 += rowStep;
        e0.Store(y0);
        e1.Store(y1);
        if (rows == 5)
            return;
        y0 += rowStep; y1 += rowStep;
        f0.Store(y0);
        f1.Store(y1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x2(Operands* o, float* weights, float* bias, nint output, int rows)
    {
        float* x0 = o->X0, x1 = o->X1;
        float* y0 = o->Y0 + output, y1 = o->Y1 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> a0, a1, b0, b1, c0, c1, d0, d1;
        if (o->Start == Start.Output)
        {
            a0 = Vector512.Load(y0);
            a1 = Vector512.Load(y1);
            nint at = Math.Min(1, rows - 1) * rowStep;
            b0 = Vector512.Load(y0 + at);
            b1 = Vector512.Load(y1 + at);
            at = Math.Min(2, rows - 1) * rowStep;
            c0 = Vector512.Load(y0 + at);
            c1 = Vector512.Load(y1 + at);
            at = Math.Min(3, rows - 1) * rowStep;
            d0 = Vector512.Load(y0 + at);
            d1 = Vector512.Load(y1 + at);
        }
        else if (o->Start == Start.Bias)
        {
            a0 = a1 = Vector512.Create(bias[0]);
            b0 = b1 = Vector512.Create(bias[1]);
            c0 = c1 = Vector512.Create(bias[2]);
            d0 = d1 = Vector512.Create(bias[3]);
        }
        else
        {
            a0 = a1 = Vector512<float>.Zero;
            b0 = b1 = Vector512<float>.Zero;
            c0 = c1 = Vector512<float>.Zero;
            d0 = d1 = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> in1 = Vector512.Load(x1 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            a0 = Vector512.FusedMultiplyAdd(w, in0, a0);
            a1 = Vector512.FusedMultiplyAdd(w, in1, a1);
            w = Vector512.Create(weights[1]);
            b0 = Vector512.FusedMultiplyAdd(w, in0, b0);
            b1 = Vector512.FusedMultiplyAdd(w, in1, b1);
            w = Vector512.Create(weights[2]);
            c0 = Vector512.FusedMultiplyAdd(w, in0, c0);
            c1 = Vector512.FusedMultiplyAdd(w, in1, c1);
            w = Vector512.Create(weights[3]);
            d0 = Vector512.FusedMultiplyAdd(w, in0, d0);
            d1 = Vector512.FusedMultiplyAdd(w, in1, d1);
        }
        a0.Store(y0);
        a1.Store(y1);
        if (rows == 1)
            return;
        y0 += rowStep; y1 += rowStep;
        b0.Store(y0);
        b1.Store(y1);
        if (rows == 2)
            return;
        y0 += rowStep; y1 += rowStep;
        c0.Store(y0);
        c1.Store(y1);
        if (rows == 3)
            return;
        y0 += rowStep; y1 += rowStep;
        d0.Store(y0);
        d1.Store(y1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile24x1(Operands* o, float* weights, float* bias, nint output)
    {
        float* x0 = o->X0;
        float* y0 = o->Y0 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, s16, s17, s18, s19, s20, s21, s22, s23;
        if (o->Start == Start.Output)
        {
            s0 = Vector512.Load(y0);
            s1 = Vector512.Load(y0 + rowStep);
            s2 = Vector512.Load(y0 + (2 * rowStep));
            s3 = Vector512.Load(y0 + (3 * rowStep));
            s4 = Vector512.Load(y0 + (4 * rowStep));
            s5 = Vector512.Load(y0 + (5 * rowStep));
            s6 = Vector512.Load(y0 + (6 * rowStep));
            s7 = Vector512.Load(y0 + (7 * rowStep));
            s8 = Vector512.Load(y0 + (8 * rowStep));
            s9 = Vector512.Load(y0 + (9 * rowStep));
            s10 = Vector512.Load(y0 + (10 * rowStep));
            s11 = Vector512.Load(y0 + (11 * rowStep));
            s12 = Vector512.Load(y0 + (12 * rowStep));
            s13 = Vector512.Load(y0 + (13 * rowStep));
            s14 = Vector512.Load(y0 + (14 * rowStep));
            s15 = Vector512.Load(y0 + (15 * rowStep));
            s16 = Vector512.Load(y0 + (16 * rowStep));
            s17 = Vector512.Load(y0 + (17 * rowStep));
            s18 = Vector512.Load(y0 + (18 * rowStep));
            s19 = Vector512.Load(y0 + (19 * rowStep));
            s20 = Vector512.Load(y0 + (20 * rowStep));
            s21 = Vector512.Load(y0 + (21 * rowStep));
            s22 = Vector512.Load(y0 + (22 * rowStep));
            s23 = Vector512.Load(y0 + (23 * rowStep));
        }
        else if (o->Start == Start.Bias)
        {
            s0 = Vector512.Create(bias[0]);
            s1 = Vector512.Create(bias[1]);
            s2 = Vector512.Create(bias[2]);
            s3 = Vector512.Create(bias[3]);
            s4 = Vector512.Create(bias[4]);
            s5 = Vector512.Create(bias[5]);
            s6 = Vector512.Create(bias[6]);
            s7 = Vector512.Create(bias[7]);
            s8 = Vector512.Create(bias[8]);
            s9 = Vector512.Create(bias[9]);
            s10 = Vector512.Create(bias[10]);
            s11 = Vector512.Create(bias[11]);
            s12 = Vector512.Create(bias[12]);
            s13 = Vector512.Create(bias[13]);
            s14 = Vector512.Create(bias[14]);
            s15 = Vector512.Create(bias[15]);
            s16 = Vector512.Create(bias[16]);
            s17 = Vector512.Create(bias[17]);
            s18 = Vector512.Create(bias[18]);
            s19 = Vector512.Create(bias[19]);
            s20 = Vector512.Create(bias[20]);
            s21 = Vector512.Create(bias[21]);
            s22 = Vector512.Create(bias[22]);
            s23 = Vector512.Create(bias[23]);
        }
        else
        {
            s0 = Vector512<float>.Zero;
            s1 = Vector512<float>.Zero;
            s2 = Vector512<float>.Zero;
            s3 = Vector512<float>.Zero;
            s4 = Vector512<float>.Zero;
            s5 = Vector512<float>.Zero;
            s6 = Vector512<float>.Zero;
            s7 = Vector512<float>.Zero;
            s8 = Vector512<float>.Zero;
            s9 = Vector512<float>.Zero;
            s10 = Vector512<float>.Zero;
            s11 = Vector512<float>.Zero;
            s12 = Vector512<float>.Zero;
            s13 = Vector512<float>.Zero;
            s14 = Vector512<float>.Zero;
            s15 = Vector512<float>.Zero;
            s16 = Vector512<float>.Zero;
            s17 = Vector512<float>.Zero;
            s18 = Vector512<float>.Zero;
            s19 = Vector512<float>.Zero;
            s20 = Vector512<float>.Zero;
            s21 = Vector512<float>.Zero;
            s22 = Vector512<float>.Zero;
            s23 = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            s0 = Vector512.FusedMultiplyAdd(w, in0, s0);
            w = Vector512.Create(weights[1]);
            s1 = Vector512.FusedMultiplyAdd(w, in0, s1);
            w = Vector512.Create(weights[2]);
            s2 = Vector512.FusedMultiplyAdd(w, in0, s2);
            w = Vector512.Create(weights[3]);
            s3 = Vector512.FusedMultiplyAdd(w, in0, s3);
            w = Vector512.Create(weights[4]);
            s4 = Vector512.FusedMultiplyAdd(w, in0, s4);
            w = Vector512.Create(weights[5]);
            s5 = Vector512.FusedMultiplyAdd(w, in0, s5);
            w = Vector512.Create(weights[6]);
            s6 = Vector512.FusedMultiplyAdd(w, in0, s6);
            w = Vector512.Create(weights[7]);
            s7 = Vector512.FusedMultiplyAdd(w, in0, s7);
            w = Vector512.Create(weights[8]);
            s8 = Vector512.FusedMultiplyAdd(w, in0, s8);
            w = Vector512.Create(weights[9]);
            s9 = Vector512.FusedMultiplyAdd(w, in0, s9);
            w = Vector512.Create(weights[10]);
            s10 = Vector512.FusedMultiplyAdd(w, in0, s10);
            w = Vector512.Create(weights[11]);
            s11 = Vector512.FusedMultiplyAdd(w, in0, s11);
            w = Vector512.Create(weights[12]);
            s12 = Vector512.FusedMultiplyAdd(w, in0, s12);
            w = Vector512.Create(weights[13]);
            s13 = Vector512.FusedMultiplyAdd(w, in0, s13);
            w = Vector512.Create(weights[14]);
            s14 = Vector512.FusedMultiplyAdd(w, in0, s14);
            w = Vector512.Create(weights[15]);
            s15 = Vector512.FusedMultiplyAdd(w, in0, s15);
            w = Vector512.Create(weights[16]);
            s16 = Vector512.FusedMultiplyAdd(w, in0, s16);
            w = Vector512.Create(weights[17]);
            s17 = Vector512.FusedMultiplyAdd(w, in0, s17);
            w = Vector512.Create(weights[18]);
            s18 = Vector512.FusedMultiplyAdd(w, in0, s18);
            w = Vector512.Create(weights[19]);
            s19 = Vector512.FusedMultiplyAdd(w, in0, s19);
            w = Vector512.Create(weights[20]);
            s20 = Vector512.FusedMultiplyAdd(w, in0, s20);
            w = Vector512.Create(weights[21]);
            s21 = Vector512.FusedMultiplyAdd(w, in0, s21);
            w = Vector512.Create(weights[22]);
            s22 = Vector512.FusedMultiplyAdd(w, in0, s22);
            w = Vector512.Create(weights[23]);
            s23 = Vector512.FusedMultiplyAdd(w, in0, s23);
        }
        s0.Store(y0);
        y0 += rowStep;
        s1.Store(y0);
        y0 += rowStep;
        s2.Store(y0);
        y0 += rowStep;
        s3.Store(y0);
        y0 += rowStep;
        s4.Store(y0);
        y0 += rowStep;
        s5.Store(y0);
        y0 += rowStep;
        s6.Store(y0);
        y0 += rowStep;
        s7.Store(y0);
        y0 += rowStep;
        s8.Store(y0);
        y0 += rowStep;
        s9.Store(y0);
        y0 += rowStep;
        s10.Store(y0);
        y0 += rowStep;
        s11.Store(y0);
        y0 += rowStep;
        s12.Store(y0);
        y0 += rowStep;
        s13.Store(y0);
        y0 += rowStep;
        s14.Store(y0);
        y0 += rowStep;
        s15.Store(y0);
        y0 += rowStep;
        s16.Store(y0);
        y0 += rowStep;
        s17.Store(y0);
        y0 += rowStep;
        s18.Store(y0);
        y0 += rowStep;
        s19.Store(y0);
        y0 += rowStep;
        s20.Store(y0);
        y0 += rowStep;
        s21.Store(y0);
        y0 += rowStep;
        s22.Store(y0);
        y0 += rowStep;
        s23.Store(y0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile12x1(Operands* o, float* weights, float* bias, nint output)
    {
        float* x0 = o->X0;
        float* y0 = o->Y0 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> a, b, c, d, e, f, g, h, i, j, k, l;
        if (o->Start == Start.Output)
        {
            a = Vector512.Load(y0);
            b = Vector512.Load(y0 + rowStep);
            c = Vector512.Load(y0 + (2 * rowStep));
            d = Vector512.Load(y0 + (3 * rowStep));
            e = Vector512.Load(y0 + (4 * rowStep));
            f = Vector512.Load(y0 + (5 * rowStep));
            g = Vector512.Load(y0 + (6 * rowStep));
            h = Vector512.Load(y0 + (7 * rowStep));
            i = Vector512.Load(y0 + (8 * rowStep));
            j = Vector512.Load(y0 + (9 * rowStep));
            k = Vector512.Load(y0 + (10 * rowStep));
            l = Vector512.Load(y0 + (11 * rowStep));
        }
        else if (o->Start == Start.Bias)
        {
            a = Vector512.Create(bias[0]);
            b = Vector512.Create(bias[1]);
            c = Vector512.Create(bias[2]);
            d = Vector512.Create(bias[3]);
            e = Vector512.Create(bias[4]);
            f = Vector512.Create(bias[5]);
            g = Vector512.Create(bias[6]);
            h = Vector512.Create(bias[7]);
            i = Vector512.Create(bias[8]);
            j = Vector512.Create(bias[9]);
            k = Vector512.Create(bias[10]);
            l = Vector512.Create(bias[11]);
        }
        else
        {
            a = Vector512<float>.Zero;
            b = Vector512<float>.Zero;
            c = Vector512<float>.Zero;
            d = Vector512<float>.Zero;
            e = Vector512<float>.Zero;
            f = Vector512<float>.Zero;
            g = Vector512<float>.Zero;
            h = Vector512<float>.Zero;
            i = Vector512<float>.Zero;
            j = Vector512<float>.Zero;
            k = Vector512<float>.Zero;
            l = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            a = Vector512.FusedMultiplyAdd(w, in0, a);
            w = Vector512.Create(weights[1]);
            b = Vector512.FusedMultiplyAdd(w, in0, b);
            w = Vector512.Create(weights[2]);
            c = Vector512.FusedMultiplyAdd(w, in0, c);
            w = Vector512.Create(weights[3]);
            d = Vector512.FusedMultiplyAdd(w, in0, d);
            w = Vector512.Create(weights[4]);
            e = Vector512.FusedMultiplyAdd(w, in0, e);
            w = Vector512.Create(weights[5]);
            f = Vector512.FusedMultiplyAdd(w, in0, f);
            w = Vector512.Create(weights[6]);
            g = Vector512.FusedMultiplyAdd(w, in0, g);
            w = Vector512.Create(weights[7]);
            h = Vector512.FusedMultiplyAdd(w, in0, h);
            w = Vector512.Create(weights[8]);
            i = Vector512.FusedMultiplyAdd(w, in0, i);
            w = Vector512.Create(weights[9]);
            j = Vector512.FusedMultiplyAdd(w, in0, j);
            w = Vector512.Create(weights[10]);
            k = Vector512.FusedMultiplyAdd(w, in0, k);
            w = Vector512.Create(weights[11]);
            l = Vector512.FusedMultiplyAdd(w, in0, l);
        }
        a.Store(y0);
        y0 += rowStep;
        b.Store(y0);
        y0 += rowStep;
        c.Store(y0);
        y0 += rowStep;
        d.Store(y0);
        y0 += rowStep;
        e.Store(y0);
        y0 += rowStep;
        f.Store(y0);
        y0 += rowStep;
        g.Store(y0);
        y0 += rowStep;
        h.Store(y0);
        y0 += rowStep;
        i.Store(y0);
        y0 += rowStep;
        j.Store(y0);
        y0 += rowStep;
        k.Store(y0);
        y0 += rowStep;
        l.Store(y0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x1(Operands* o, float* weights, float* bias, nint output, int rows)
    {
        float* x0 = o->X0;
        float* y0 = o->Y0 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> a, b, c, d, e, f;
        if (o->Start == Start.Output)
        {
            a = Vector512.Load(y0);
            nint at = Math.Min(1, rows - 1) * rowStep;
            b = Vector512.Load(y0 + at);
            at = Math.Min(2, rows - 1) * rowStep;
            c = Vector512.Load(y0 + at);
            at = Math.Min(3, rows - 1) * rowStep;
            d = Vector512.Load(y0 + at);
            at = Math.Min(4, rows - 1) * rowStep;
            e = Vector512.Load(y0 + at);
            at = Math.Min(5, rows - 1) * rowStep;
            f = Vector512.Load(y0 + at);
        }
        else if (o->Start == Start.Bias)
        {
            a = Vector512.Create(bias[0]);
            b = Vector512.Create(bias[1]);
            c = Vector512.Create(bias[2]);
            d = Vector512.Create(bias[3]);
            e = Vector512.Create(bias[4]);
            f = Vector512.Create(bias[5]);
        }
        else
        {
            a = Vector512<float>.Zero;
            b = Vector512<float>.Zero;
            c = Vector512<float>.Zero;
            d = Vector512<float>.Zero;
            e = Vector512<float>.Zero;
            f = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            a = Vector512.FusedMultiplyAdd(w, in0, a);
            w = Vector512.Create(weights[1]);
            b = Vector512.FusedMultiplyAdd(w, in0, b);
            w = Vector512.Create(weights[2]);
            c = Vector512.FusedMultiplyAdd(w, in0, c);
            w = Vector512.Create(weights[3]);
            d = Vector512.FusedMultiplyAdd(w, in0, d);
            w = Vector512.Create(weights[4]);
            e = Vector512.FusedMultiplyAdd(w, in0, e);
            w = Vector512.Create(weights[5]);
            f = Vector512.FusedMultiplyAdd(w, in0, f);
        }
        a.Store(y0);
        if (rows == 1)
            return;
        y0 += rowStep;
        b.Store(y0);
        if (rows == 2)
            return;
        y0 += rowStep;
        c.Store(y0);
        if (rows == 3)
            return;
        y0 += rowStep;
        d.Store(y0);
        if (rows == 4)
            return;
        y0 += rowStep;
        e.Store(y0);
        if (rows == 5)
            return;
        y0 += rowStep;
        f.Store(y0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x1(Operands* o, float* weights, float* bias, nint output, int rows)
    {
        float* x0 = o->X0;
        float* y0 = o->Y0 + output;
        nint rowStep = o->RowStep, weightStep = o->WeightStep;
        Vector512<float> a, b, c, d;
        if (o->Start == Start.Output)
        {
            a = Vector512.Load(y0);
            nint at = Math.Min(1, rows - 1) * rowStep;
            b = Vector512.Load(y0 + at);
            at = Math.Min(2, rows - 1) * rowStep;
            c = Vector512.Load(y0 + at);
            at = Math.Min(3, rows - 1) * rowStep;
            d = Vector512.Load(y0 + at);
        }
        else if (o->Start == Start.Bias)
        {
            a = Vector512.Create(bias[0]);
            b = Vector512.Create(bias[1]);
            c = Vector512.Create(bias[2]);
            d = Vector512.Create(bias[3]);
        }
        else
        {
            a = Vector512<float>.Zero;
            b = Vector512<float>.Zero;
            c = Vector512<float>.Zero;
            d = Vector512<float>.Zero;
        }
        nint* tap = o->Taps, end = tap + o->Columns;
        for (; tap < end; tap++, weights += weightStep)
        {
            Vector512<float> in0 = Vector512.Load(x0 + *tap);
            Vector512<float> w = Vector512.Create(weights[0]);
            a = Vector512.FusedMultiplyAdd(w, in0, a);
            w = Vector512.Create(weights[1]);
            b = Vector512.FusedMultiplyAdd(w, in0, b);
            w = Vector512.Create(weights[2]);
            c = Vector512.FusedMultiplyAdd(w, in0, c);
            w = Vector512.Create(weights[3]);
            d = Vector512.FusedMultiplyAdd(w, in0, d);
        }
        a.Store(y0);
        if (rows == 1)
            return;
        y0 += rowStep;
        b.Store(y0);
        if (rows == 2)
            return;
        y0 += rowStep;
        c.Store(y0);
        if (rows == 3)
            return;
        y0 += rowStep;
        d.Store(y0);
    }

    // OuterRxC: sums[row, column] += left[row] right[tap[column]] over a walk. Rows and columns past the real ones repeat the last and are not stored.

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Outer6x4(float* left, nint leftRow, int rows, float* right, nint* taps, int columns, Walk* walk, float* sums, nint sumRow, bool accumulate)
    {
        float* l0 = left;
        float* l1 = left + (Math.Min(1, rows - 1) * leftRow);
        float* l2 = left + (Math.Min(2, rows - 1) * leftRow);
        float* l3 = left + (Math.Min(3, rows - 1) * leftRow);
        float* l4 = left + (Math.Min(4, rows - 1) * leftRow);
        float* l5 = left + (Math.Min(5, rows - 1) * leftRow);
        float* r0 = right + taps[0];
        float* r1 = right + taps[Math.Min(1, columns - 1)];
        float* r2 = right + taps[Math.Min(2, columns - 1)];
        float* r3 = right + taps[Math.Min(3, columns - 1)];
        Vector512<float> a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, e0, e1, e2, e3, f0, f1, f2, f3;
        if (accumulate)
        {
            float* s = sums;
            a0 = Vector512.Load(s);
            a1 = Vector512.Load(s + 16);
            a2 = Vector512.Load(s + 32);
            a3 = Vector512.Load(s + 48);
            s = sums + (Math.Min(1, rows - 1) * sumRow);
            b0 = Vector512.Load(s);
            b1 = Vector512.Load(s + 16);
            b2 = Vector512.Load(s + 32);
            b3 = Vector512.Load(s + 48);
            s = sums + (Math.Min(2, rows - 1) * sumRow);
            c0 = Vector512.Load(s);
            c1 = Vector512.Load(s + 16);
            c2 = Vector512.Load(s + 32);
            c3 = Vector512.Load(s + 48);
            s = sums + (Math.Min(3, rows - 1) * sumRow);
            d0 = Vector512.Load(s);
            d1 = Vector512.Load(s + 16);
            d2 = Vector512.Load(s + 32);
            d3 = Vector512.Load(s + 48);
            s = sums + (Math.Min(4, rows - 1) * sumRow);
            e0 = Vector512.Load(s);
            e1 = Vector512.Load(s + 16);
            e2 = Vector512.Load(s + 32);
            e3 = Vector512.Load(s + 48);
            s = sums + (Math.Min(5, rows - 1) * sumRow);
            f0 = Vector512.Load(s);
            f1 = Vector512.Load(s + 16);
            f2 = Vector512.Load(s + 32);
            f3 = Vector512.Load(s + 48);
        }
        else
        {
            a0 = a1 = a2 = a3 = Vector512<float>.Zero;
            b0 = b1 = b2 = b3 = Vector512<float>.Zero;
            c0 = c1 = c2 = c3 = Vector512<float>.Zero;
            d0 = d1 = d2 = d3 = Vector512<float>.Zero;
            e0 = e1 = e2 = e3 = Vector512<float>.Zero;
            f0 = f1 = f2 = f3 = Vector512<float>.Zero;
        }
        nint leftInner = walk->LeftInner, rightInner = walk->RightInner, i = 0, j = 0;
        for (int outer = walk->Outer; outer > 0; outer--)
        {
            for (int inner = walk->Inner; inner > 0; inner--)
            {
                Vector512<float> in0 = Vector512.Load(r0 + j);
                Vector512<float> in1 = Vector512.Load(r1 + j);
                Vector512<float> in2 = Vector512.Load(r2 + j);
                Vector512<float> in3 = Vector512.Load(r3 + j);
                Vector512<float> x = Vector512.Load(l0 + i);
                a0 = Vector512.FusedMultiplyAdd(x, in0, a0);
                a1 = Vector512.FusedMultiplyAdd(x, in1, a1);
                a2 = Vector512.FusedMultiplyAdd(x, in2, a2);
                a3 = Vector512.FusedMultiplyAdd(x, in3, a3);
                x = Vector512.Load(l1 + i);
                b0 = Vector512.FusedMultiplyAdd(x, in0, b0);
                b1 = Vector512.FusedMultiplyAdd(x, in1, b1);
                b2 = Vector512.FusedMultiplyAdd(x, in2, b2);
                b3 = Vector512.FusedMultiplyAdd(x, in3, b3);
                x = Vector512.Load(l2 + i);
                c0 = Vector512.FusedMultiplyAdd(x, in0, c0);
                c1 = Vector512.FusedMultiplyAdd(x, in1, c1);
                c2 = Vector512.FusedMultiplyAdd(x, in2, c2);
                c3 = Vector512.FusedMultiplyAdd(x, in3, c3);
                x = Vector512.Load(l3 + i);
                d0 = Vector512.FusedMultiplyAdd(x, in0, d0);
                d1 = Vector512.FusedMultiplyAdd(x, in1, d1);
                d2 = Vector512.FusedMultiplyAdd(x, in2, d2);
                d3 = Vector512.FusedMultiplyAdd(x, in3, d3);
                x = Vector512.Load(l4 + i);
                e0 = Vector512.FusedMultiplyAdd(x, in0, e0);
                e1 = Vector512.FusedMultiplyAdd(x, in1, e1);
                e2 = Vector512.FusedMultiplyAdd(x, in2, e2);
                e3 = Vector512.FusedMultiplyAdd(x, in3, e3);
                x = Vector512.Load(l5 + i);
                f0 = Vector512.FusedMultiplyAdd(x, in0, f0);
                f1 = Vector512.FusedMultiplyAdd(x, in1, f1);
                f2 = Vector512.FusedMultiplyAdd(x, in2, f2);
                f3 = Vector512.FusedMultiplyAdd(x, in3, f3);
                i += leftInner;
                j += rightInner;
            }
            i += walk->LeftJump;
            j += walk->RightJump;
        }
        Store4(sums, a0, a1, a2, a3, columns);
        if (rows == 1)
            return;
        sums += sumRow;
        Store4(sums, b0, b1, b2, b3, columns);
        if (rows == 2)
            return;
        sums += sumRow;
        Store4(sums, c0, c1, c2, c3, columns);
        if (rows == 3)
            return;
        sums += sumRow;
        Store4(sums, d0, d1, d2, d3, columns);
        if (rows == 4)
            return;
        sums += sumRow;
        Store4(sums, e0, e1, e2, e3, columns);
        if (rows == 5)
            return;
        sums += sumRow;
        Store4(sums, f0, f1, f2, f3, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Outer4x4(float* left, nint leftRow, int rows, float* right, nint* taps, int columns, Walk* walk, float* sums, nint sumRow, bool accumulate)
    {
        float* l0 = left;
        float* l1 = left + (Math.Min(1, rows - 1) * leftRow);
        float* l2 = left + (Math.Min(2, rows - 1) * leftRow);
        float* l3 = left + (Math.Min(3, rows - 1) * leftRow);
        float* r0 = right + taps[0];
        float* r1 = right + taps[Math.Min(1, columns - 1)];
        float* r2 = right + taps[Math.Min(2, columns - 1)];
        float* r3 = right + taps[Math.Min(3, columns - 1)];
        Vector512<float> a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3;
        if (accumulate)
        {
            float* s = sums;
            a0 = Vector512.Load(s);
            a1 = Vector512.Load(s + 16);
            a2 = Vector512.Load(s + 32);
            a3 = Vector512.Load(s + 48);
            s = sums + (Math.Min(1, rows - 1) * sumRow);
            b0 = Vector512.Load(s);
            b1 = Vector512.Load(s + 16);
            b2 = Vector512.Load(s + 32);
            b3 = Vector512.Load(s + 48);
            s = sums + (Math.Min(2, rows - 1) * sumRow);
            c0 = Vector512.Load(s);
            c1 = Vector512.Load(s + 16);
            c2 = Vector512.Load(s + 32);
            c3 = Vector512.Load(s + 48);
            s = sums + (Math.Min(3, rows - 1) * sumRow);
            d0 = Vector512.Load(s);
            d1 = Vector512.Load(s + 16);
            d2 = Vector512.Load(s + 32);
            d3 = Vector512.Load(s + 48);
        }
        else
        {
            a0 = a1 = a2 = a3 = Vector512<float>.Zero;
            b0 = b1 = b2 = b3 = Vector512<float>.Zero;
            c0 = c1 = c2 = c3 = Vector512<float>.Zero;
            d0 = d1 = d2 = d3 = Vector512<float>.Zero;
        }
        nint leftInner = walk->LeftInner, rightInner = walk->RightInner, i = 0, j = 0;
        for (int outer = walk->Outer; outer > 0; outer--)
        {
            for (int inner = walk->Inner; inner > 0; inner--)
            {
                Vector512<float> in0 = Vector512.Load(r0 + j);
                Vector512<float> in1 = Vector512.Load(r1 + j);
                Vector512<float> in2 = Vector512.Load(r2 + j);
                Vector512<float> in3 = Vector512.Load(r3 + j);
                Vector512<float> x = Vector512.Load(l0 + i);
                a0 = Vector512.FusedMultiplyAdd(x, in0, a0);
                a1 = Vector512.FusedMultiplyAdd(x, in1, a1);
                a2 = Vector512.FusedMultiplyAdd(x, in2, a2);
                a3 = Vector512.FusedMultiplyAdd(x, in3, a3);
                x = Vector512.Load(l1 + i);
                b0 = Vector512.FusedMultiplyAdd(x, in0, b0);
                b1 = Vector512.FusedMultiplyAdd(x, in1, b1);
                b2 = Vector512.FusedMultiplyAdd(x, in2, b2);
                b3 = Vector512.FusedMultiplyAdd(x, in3, b3);
                x = Vector512.Load(l2 + i);
                c0 = Vector512.FusedMultiplyAdd(x, in0, c0);
                c1 = Vector512.FusedMultiplyAdd(x, in1, c1);
                c2 = Vector512.FusedMultiplyAdd(x, in2, c2);
                c3 = Vector512.FusedMultiplyAdd(x, in3, c3);
                x = Vector512.Load(l3 + i);
                d0 = Vector512.FusedMultiplyAdd(x, in0, d0);
                d1 = Vector512.FusedMultiplyAdd(x, in1, d1);
                d2 = Vector512.FusedMultiplyAdd(x, in2, d2);
                d3 = Vector512.FusedMultiplyAdd(x, in3, d3);
                i += leftInner;
                j += rightInner;
            }
            i += walk->LeftJump;
            j += walk->RightJump;
        }
        Store4(sums, a0, a1, a2, a3, columns);
        if (rows == 1)
            return;
        sums += sumRow;
        Store4(sums, b0, b1, b2, b3, columns);
        if (rows == 2)
            return;
        sums += sumRow;
        Store4(sums, c0, c1, c2, c3, columns);
        if (rows == 3)
            return;
        sums += sumRow;
        Store4(sums, d0, d1, d2, d3, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Outer2x2(float* left, nint leftRow, int rows, float* right, nint* taps, int columns, Walk* walk, float* sums, nint sumRow, bool accumulate)
    {
        float* l0 = left;
        float* l1 = left + (Math.Min(1, rows - 1) * leftRow);
        float* r0 = right + taps[0];
        float* r1 = right + taps[Math.Min(1, columns - 1)];
        Vector512<float> a0, a1, b0, b1;
        if (accumulate)
        {
            float* s = sums;
            a0 = Vector512.Load(s);
            a1 = Vector512.Load(s + 16);
            s = sums + (Math.Min(1, rows - 1) * sumRow);
            b0 = Vector512.Load(s);
            b1 = Vector512.Load(s + 16);
        }
        else
        {
            a0 = a1 = Vector512<float>.Zero;
            b0 = b1 = Vector512<float>.Zero;
        }
        nint leftInner = walk->LeftInner, rightInner = walk->RightInner, i = 0, j = 0;
        for (int outer = walk->Outer; outer > 0; outer--)
        {
            for (int inner = walk->Inner; inner > 0; inner--)
            {
                Vector512<float> in0 = Vector512.Load(r0 + j);
                Vector512<float> in1 = Vector512.Load(r1 + j);
                Vector512<float> x = Vector512.Load(l0 + i);
                a0 = Vector512.FusedMultiplyAdd(x, in0, a0);
                a1 = Vector512.FusedMultiplyAdd(x, in1, a1);
                x = Vector512.Load(l1 + i);
                b0 = Vector512.FusedMultiplyAdd(x, in0, b0);
                b1 = Vector512.FusedMultiplyAdd(x, in1, b1);
                i += leftInner;
                j += rightInner;
            }
            i += walk->LeftJump;
            j += walk->RightJump;
        }
        Store2(sums, a0, a1, columns);
        if (rows == 1)
            return;
        sums += sumRow;
        Store2(sums, b0, b1, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store4(float* sums, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, int columns)
    {
        a.Store(sums);
        if (columns > 1)
            b.Store(sums + 16);
        if (columns > 2)
            c.Store(sums + 32);
        if (columns > 3)
            d.Store(sums + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2(float* sums, Vector512<float> a, Vector512<float> b, int columns)
    {
        a.Store(sums);
        if (columns > 1)
            b.Store(sums + 16);
    }
}
