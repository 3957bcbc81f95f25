using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WeightSpace.Numerics;

/// <summary>Matrices turned over. Nothing is computed, so how it is done changes no bit.</summary>
public static unsafe class LaneTranspose
{
    /// <summary>target[column * targetStep + row] = source[row * sourceStep + column].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* source, int rows, int columns, nint sourceStep, float* target, nint targetStep)
    {
        int row = 0;
        if (Avx512F.IsSupported)
        {
            for (; row + Lanes.Count <= rows; row += Lanes.Count)
            {
                int column = 0;
                for (; column + Lanes.Count <= columns; column += Lanes.Count)
                    Block(source + (row * sourceStep) + column, sourceStep, target + (column * targetStep) + row, targetStep);
                Rest(source + (row * sourceStep) + column, Lanes.Count, columns - column, sourceStep, target + (column * targetStep) + row, targetStep);
            }
        }
        Rest(source + (row * sourceStep), rows - row, columns, sourceStep, target + row, targetStep);
    }

    private static void Rest(float* source, int rows, int columns, nint sourceStep, float* target, nint targetStep)
    {
        for (int row = 0; row < rows; row++, source += sourceStep, target++)
        {
            float* to = target;
            for (int column = 0; column < columns; column++, to += targetStep)
                *to = source[column];
        }
    }

    /// <summary>16 x 16: pairs of rows, fours, and then the 128-bit quarters of four fours.</summary>
    private static void Block(float* source, nint sourceStep, float* target, nint targetStep)
    {
        // After this each 128-bit part of four[4 j + k] holds column 4 part + k of rows 4 j to 4 j + 3.
        Vector512<float>* fours = stackalloc Vector512<float>[Lanes.Count];
        for (int j = 0; j < 4; j++, source += 4 * sourceStep)
        {
            Vector512<float> a = Vector512.Load(source), b = Vector512.Load(source + sourceStep);
            Vector512<float> c = Vector512.Load(source + (2 * sourceStep)), d = Vector512.Load(source + (3 * sourceStep));
            Vector512<double> ab = Avx512F.UnpackLow(a, b).AsDouble(), cd = Avx512F.UnpackLow(c, d).AsDouble();
            fours[4 * j] = Avx512F.UnpackLow(ab, cd).AsSingle();
            fours[(4 * j) + 1] = Avx512F.UnpackHigh(ab, cd).AsSingle();
            ab = Avx512F.UnpackHigh(a, b).AsDouble();
            cd = Avx512F.UnpackHigh(c, d).AsDouble();
            fours[(4 * j) + 2] = Avx512F.UnpackLow(ab, cd).AsSingle();
            fours[(4 * j) + 3] = Avx512F.UnpackHigh(ab, cd).AsSingle();
        }
        for (int k = 0; k < 4; k++, target += targetStep)
        {
            Vector512<float> a = fours[k], b = fours[4 + k], c = fours[8 + k], d = fours[12 + k];
            Vector512<float> lowAb = Avx512F.Shuffle4x128(a, b, 0b01_00_01_00), highAb = Avx512F.Shuffle4x128(a, b, 0b11_10_11_10);
            Vector512<float> lowCd = Avx512F.Shuffle4x128(c, d, 0b01_00_01_00), highCd = Avx512F.Shuffle4x128(c, d, 0b11_10_11_10);
            Avx512F.Shuffle4x128(lowAb, lowCd, 0b10_00_10_00).Store(target);
            Avx512F.Shuffle4x128(lowAb, lowCd, 0b11_01_11_01).Store(target + (4 * targetStep));
            Avx512F.Shuffle4x128(highAb, highCd, 0b10_00_10_00).Store(target + (8 * targetStep));
            Avx512F.Shuffle4x128(highAb, highCd, 0b11_01_11_01).Store(target + (12 * targetStep));
        }
    }
}
