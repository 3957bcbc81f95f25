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
        if (Avx.IsSupported && rows == Lanes.Count)
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

    /// <summary>16 x 16.</summary>
    private static void Square(float* source, nint* offsets, float* target, nint targetStep)
    {
        if (Avx512F.IsSupported)
        {
            EightColumns(source, offsets, target, targetStep);
            EightColumns(source + 8, offsets, target + (8 * targetStep), targetStep);
            return;
        }
        for (int column = 0; column < Lanes.Count; column += 4, source += 4, target += 4 * targetStep)
        {
            FourColumnsOfEight(source, offsets, target, targetStep);
            FourColumnsOfEight(source, offsets + 8, target + 8, targetStep);
        }
    }

    /// <summary>Eight columns of 16 rows: pairs of rows, fours, and then the 128-bit quarters of two times two fours.</summary>
    private static void EightColumns(float* source, nint* offsets, float* target, nint targetStep)
    {
        (Vector512<float> a0, Vector512<float> a1, Vector512<float> a2, Vector512<float> a3) = Fours(source, offsets);
        (Vector512<float> b0, Vector512<float> b1, Vector512<float> b2, Vector512<float> b3) = Fours(source, offsets + 8);
        Avx512F.Shuffle4x128(a0, b0, 0b10_00_10_00).Store(target);
        Avx512F.Shuffle4x128(a1, b1, 0b10_00_10_00).Store(target + targetStep);
        Avx512F.Shuffle4x128(a2, b2, 0b10_00_10_00).Store(target + (2 * targetStep));
        Avx512F.Shuffle4x128(a3, b3, 0b10_00_10_00).Store(target + (3 * targetStep));
        target += 4 * targetStep;
        Avx512F.Shuffle4x128(a0, b0, 0b11_01_11_01).Store(target);
        Avx512F.Shuffle4x128(a1, b1, 0b11_01_11_01).Store(target + targetStep);
        Avx512F.Shuffle4x128(a2, b2, 0b11_01_11_01).Store(target + (2 * targetStep));
        Avx512F.Shuffle4x128(a3, b3, 0b11_01_11_01).Store(target + (3 * targetStep));
    }

    /// <summary>Of eight rows: the 128-bit parts of result k hold columns k and 4 + k of the first four, then of the last four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> Column0, Vector512<float> Column1, Vector512<float> Column2, Vector512<float> Column3) Fours(float* source, nint* offsets)
    {
        Vector512<float> a = TwoRows(source, offsets), b = TwoRows(source, offsets + 1), c = TwoRows(source, offsets + 2), d = TwoRows(source, offsets + 3);
        Vector512<double> lowAb = Avx512F.UnpackLow(a, b).AsDouble(), lowCd = Avx512F.UnpackLow(c, d).AsDouble();
        Vector512<double> highAb = Avx512F.UnpackHigh(a, b).AsDouble(), highCd = Avx512F.UnpackHigh(c, d).AsDouble();
        return (Avx512F.UnpackLow(lowAb, lowCd).AsSingle(), Avx512F.UnpackHigh(lowAb, lowCd).AsSingle(),
            Avx512F.UnpackLow(highAb, highCd).AsSingle(), Avx512F.UnpackHigh(highAb, highCd).AsSingle());
    }

    /// <summary>Eight columns of a row and of the fourth row after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> TwoRows(float* source, nint* offsets) =>
        Vector512.Create(Vector256.Load(source + offsets[0]), Vector256.Load(source + offsets[4]));

    /// <summary>Four columns of eight rows: each half holds four columns of a row, and 4 x 4 are turned within it.</summary>
    private static void FourColumnsOfEight(float* source, nint* offsets, float* target, nint targetStep)
    {
        Vector256<float> a = TwoShortRows(source, offsets), b = TwoShortRows(source, offsets + 1), c = TwoShortRows(source, offsets + 2), d = TwoShortRows(source, offsets + 3);
        Vector256<double> lowAb = Avx.UnpackLow(a, b).AsDouble(), lowCd = Avx.UnpackLow(c, d).AsDouble();
        Vector256<double> highAb = Avx.UnpackHigh(a, b).AsDouble(), highCd = Avx.UnpackHigh(c, d).AsDouble();
        Avx.UnpackLow(lowAb, lowCd).AsSingle().Store(target);
        Avx.UnpackHigh(lowAb, lowCd).AsSingle().Store(target + targetStep);
        Avx.UnpackLow(highAb, highCd).AsSingle().Store(target + (2 * targetStep));
        Avx.UnpackHigh(highAb, highCd).AsSingle().Store(target + (3 * targetStep));
    }

    /// <summary>Four columns of a row and of the fourth row after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> TwoShortRows(float* source, nint* offsets) =>
        Vector256.Create(Vector128.Load(source + offsets[0]), Vector128.Load(source + offsets[4]));
}
