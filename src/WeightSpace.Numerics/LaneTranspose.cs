using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WeightSpace.Numerics;

/// <summary>Matrices turned over. Nothing is computed, so how it is done changes no bit.</summary>
public static unsafe class LaneTranspose
{
    /// <summary>target[column * targetStep + row] = source[row * sourceStep + column].</summary>
    public static void Run(float* source, int rows, int columns, nint sourceStep, float* target, nint targetStep)
    {
        nint* offsets = stackalloc nint[Lanes.Count];
        for (int row = 0; row < rows; row++)
        {
            int lane = row % Lanes.Count;
            offsets[lane] = row * sourceStep;
            if (lane == Lanes.Count - 1 || row == rows - 1)
                Run(source, offsets, lane + 1, columns, target + row - lane, targetStep);
        }
    }

    /// <summary>The same for up to 16 rows that stand anywhere: target[column * targetStep + row] = source[offsets[row] + column].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* source, nint* offsets, int rows, int columns, float* target, nint targetStep)
    {
        int column = 0;
        if (Avx512F.IsSupported && rows == Lanes.Count)
        {
            for (; column + Lanes.Count <= columns; column += Lanes.Count)
                Square(source + column, offsets, target + (column * targetStep), targetStep);
        }
        if (Avx512F.IsSupported && column < columns)
        {
            Edges(source + column, offsets, rows, columns - column, target + (column * targetStep), targetStep);
            return;
        }
        for (; column < columns; column++)
        {
            for (int row = 0; row < rows; row++)
                target[(column * targetStep) + row] = source[offsets[row] + column];
        }
    }

    /// <summary>Fewer than 16 rows or columns: copied into whole squares, of which then only the part that there is goes out.</summary>
    [SkipLocalsInit]
    private static void Edges(float* source, nint* offsets, int rows, int columns, float* target, nint targetStep)
    {
        float* whole = stackalloc float[Lanes.Count * Lanes.Count], turned = stackalloc float[Lanes.Count * Lanes.Count];
        nint* wholeOffsets = stackalloc nint[Lanes.Count];
        for (int row = 0; row < Lanes.Count; row++)
            wholeOffsets[row] = row * Lanes.Count;
        Vector512<float> isRow = Lanes.FirstOf(rows);
        for (int first = 0; first < columns; first += Lanes.Count)
        {
            int count = Math.Min(Lanes.Count, columns - first);
            Vector512<float> isColumn = Lanes.FirstOf(count);
            for (int row = 0; row < rows; row++)
                Avx512F.MaskLoad(source + offsets[row] + first, isColumn, Vector512<float>.Zero).Store(whole + (row * Lanes.Count));
            Square(whole, wholeOffsets, turned, Lanes.Count);
            for (int column = 0; column < count; column++)
                Avx512F.MaskStore(target + ((first + column) * targetStep), isRow, Vector512.Load(turned + (column * Lanes.Count)));
        }
    }

    /// <summary>16 x 16: pairs of rows, fours, and then the 128-bit quarters of four fours.</summary>
    private static void Square(float* source, nint* offsets, float* target, nint targetStep)
    {
        (Vector512<float> a0, Vector512<float> a1, Vector512<float> a2, Vector512<float> a3) = Fours(source, offsets);
        (Vector512<float> b0, Vector512<float> b1, Vector512<float> b2, Vector512<float> b3) = Fours(source, offsets + 4);
        (Vector512<float> c0, Vector512<float> c1, Vector512<float> c2, Vector512<float> c3) = Fours(source, offsets + 8);
        (Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3) = Fours(source, offsets + 12);
        StoreQuarters(a0, b0, c0, d0, target, targetStep);
        StoreQuarters(a1, b1, c1, d1, target + targetStep, targetStep);
        StoreQuarters(a2, b2, c2, d2, target + (2 * targetStep), targetStep);
        StoreQuarters(a3, b3, c3, d3, target + (3 * targetStep), targetStep);
    }

    /// <summary>Each 128-bit part of result k holds column 4 part + k of four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> Column0, Vector512<float> Column1, Vector512<float> Column2, Vector512<float> Column3) Fours(float* source, nint* offsets)
    {
        Vector512<float> a = Vector512.Load(source + offsets[0]), b = Vector512.Load(source + offsets[1]);
        Vector512<float> c = Vector512.Load(source + offsets[2]), d = Vector512.Load(source + offsets[3]);
        Vector512<double> lowAb = Avx512F.UnpackLow(a, b).AsDouble(), lowCd = Avx512F.UnpackLow(c, d).AsDouble();
        Vector512<double> highAb = Avx512F.UnpackHigh(a, b).AsDouble(), highCd = Avx512F.UnpackHigh(c, d).AsDouble();
        return (Avx512F.UnpackLow(lowAb, lowCd).AsSingle(), Avx512F.UnpackHigh(lowAb, lowCd).AsSingle(),
            Avx512F.UnpackLow(highAb, highCd).AsSingle(), Avx512F.UnpackHigh(highAb, highCd).AsSingle());
    }

    /// <summary>Part p of a, b, c and d is column 4 p.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuarters(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* target, nint targetStep)
    {
        Vector512<float> lowAb = Avx512F.Shuffle4x128(a, b, 0b01_00_01_00), highAb = Avx512F.Shuffle4x128(a, b, 0b11_10_11_10);
        Vector512<float> lowCd = Avx512F.Shuffle4x128(c, d, 0b01_00_01_00), highCd = Avx512F.Shuffle4x128(c, d, 0b11_10_11_10);
        Avx512F.Shuffle4x128(lowAb, lowCd, 0b10_00_10_00).Store(target);
        Avx512F.Shuffle4x128(lowAb, lowCd, 0b11_01_11_01).Store(target + (4 * targetStep));
        Avx512F.Shuffle4x128(highAb, highCd, 0b10_00_10_00).Store(target + (8 * targetStep));
        Avx512F.Shuffle4x128(highAb, highCd, 0b11_01_11_01).Store(target + (12 * targetStep));
    }
}
