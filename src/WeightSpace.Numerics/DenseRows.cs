using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// Products of small dense matrices of doubles in row-major order, each row padded with zeros to <see cref="Stride"/> numbers, so that
/// no product has an edge within a row. Eight lanes on every CPU and one order of sums, as in <see cref="DenseVectors"/>.
/// </summary>
public static class DenseRows
{
    private const int Lanes = 8;
    private const int Vectors = 4; // at once along a row

    /// <summary>The length of a row with so many columns.</summary>
    public static int Stride(int columns) => (columns + (Vectors * Lanes) - 1) / (Vectors * Lanes) * (Vectors * Lanes);

    /// <summary>products[i, k] = the inner product of row i of a and row k of b.</summary>
    /// <param name="a">[rows, stride].</param>
    /// <param name="b">[others, stride].</param>
    /// <param name="stride">The length of a row, as <see cref="Stride"/> gives it.</param>
    /// <param name="products">[rows, others].</param>
    public static void InnerProducts(ReadOnlySpan<double> a, ReadOnlySpan<double> b, int stride, Span<double> products)
    {
        (int rows, int others) = (Rows(a.Length, stride, nameof(a)), Rows(b.Length, stride, nameof(b)));
        RequireLength(products.Length, rows * others, nameof(products));
        if (rows < 4 || others < 2)
        {
            for (int i = 0; i < rows; i++)
            {
                for (int k = 0; k < others; k++)
                    products[(i * others) + k] = DenseVectors.Dot(a.Slice(i * stride, stride), b.Slice(k * stride, stride));
            }
            return;
        }
        ref double left = ref MemoryMarshal.GetReference(a);
        ref double right = ref MemoryMarshal.GetReference(b);
        for (int step = 0; step < rows; step += 4)
        {
            int i = Math.Min(step, rows - 4); // the last tiles overlap the ones before, and give the same numbers there
            for (int other = 0; other < others; other += 2)
            {
                int k = Math.Min(other, others - 2);
                FourByTwo(ref left, (nuint)(i * stride), ref right, (nuint)(k * stride), (nuint)stride, products[((i * others) + k)..], others);
            }
        }
    }

    /// <summary>sums[k, :] += the sum over i of factors[i, k] a[i, :].</summary>
    /// <param name="a">[rows, stride].</param>
    /// <param name="factors">[rows, others].</param>
    /// <param name="stride">The length of a row, as <see cref="Stride"/> gives it.</param>
    /// <param name="sums">[others, stride].</param>
    public static void AddWeightedRows(ReadOnlySpan<double> a, ReadOnlySpan<double> factors, int stride, Span<double> sums)
    {
        (int rows, int others) = (Rows(a.Length, stride, nameof(a)), Rows(sums.Length, stride, nameof(sums)));
        RequireLength(factors.Length, rows * others, nameof(factors));
        ref double row = ref MemoryMarshal.GetReference(a);
        ref double factor = ref MemoryMarshal.GetReference(factors);
        ref double sum = ref MemoryMarshal.GetReference(sums);
        for (int column = 0; column < stride; column += Vectors * Lanes)
        {
            int k = 0;
            for (; k <= others - 2; k += 2)
                AddToTwo(ref row, (nuint)column, ref factor, k, others, ref sum, (nuint)((k * stride) + column), (nuint)stride, rows);
            if (k < others)
                AddToOne(ref row, (nuint)column, ref factor, k, others, ref sum, (nuint)((k * stride) + column), (nuint)stride, rows);
        }
    }

    /// <summary>The inner products of four rows at i with two rows at k.</summary>
    private static void FourByTwo(ref double a, nuint i, ref double b, nuint k, nuint stride, Span<double> products, int others)
    {
        Vector512<double> s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
        for (nuint column = 0; column < stride; column += Lanes)
        {
            Vector512<double> b0 = Vector512.LoadUnsafe(ref b, k + column), b1 = Vector512.LoadUnsafe(ref b, k + stride + column);
            Vector512<double> row = Vector512.LoadUnsafe(ref a, i + column);
            (s00, s01) = (Vector512.FusedMultiplyAdd(row, b0, s00), Vector512.FusedMultiplyAdd(row, b1, s01));
            row = Vector512.LoadUnsafe(ref a, i + stride + column);
            (s10, s11) = (Vector512.FusedMultiplyAdd(row, b0, s10), Vector512.FusedMultiplyAdd(row, b1, s11));
            row = Vector512.LoadUnsafe(ref a, i + (2 * stride) + column);
            (s20, s21) = (Vector512.FusedMultiplyAdd(row, b0, s20), Vector512.FusedMultiplyAdd(row, b1, s21));
            row = Vector512.LoadUnsafe(ref a, i + (3 * stride) + column);
            (s30, s31) = (Vector512.FusedMultiplyAdd(row, b0, s30), Vector512.FusedMultiplyAdd(row, b1, s31));
        }
        (products[0], products[1]) = (DenseVectors.Sum(s00), DenseVectors.Sum(s01));
        (products[others], products[others + 1]) = (DenseVectors.Sum(s10), DenseVectors.Sum(s11));
        (products[2 * others], products[(2 * others) + 1]) = (DenseVectors.Sum(s20), DenseVectors.Sum(s21));
        (products[3 * others], products[(3 * others) + 1]) = (DenseVectors.Sum(s30), DenseVectors.Sum(s31));
    }

    /// <summary>Adds to four vectors of two neighbouring sums, over all rows.</summary>
    private static void AddToTwo(
        ref double a, nuint column, ref double factors, int k, int others, ref double sums, nuint sum, nuint stride, int rows)
    {
        Vector512<double> s00 = Vector512.LoadUnsafe(ref sums, sum), s01 = Vector512.LoadUnsafe(ref sums, sum + Lanes);
        Vector512<double> s02 = Vector512.LoadUnsafe(ref sums, sum + (2 * Lanes)), s03 = Vector512.LoadUnsafe(ref sums, sum + (3 * Lanes));
        Vector512<double> s10 = Vector512.LoadUnsafe(ref sums, sum + stride), s11 = Vector512.LoadUnsafe(ref sums, sum + stride + Lanes);
        Vector512<double> s12 = Vector512.LoadUnsafe(ref sums, sum + stride + (2 * Lanes)), s13 = Vector512.LoadUnsafe(ref sums, sum + stride + (3 * Lanes));
        for (int row = 0; row < rows; row++)
        {
            Vector512<double> f0 = Vector512.Create(Unsafe.Add(ref factors, (row * others) + k));
            Vector512<double> f1 = Vector512.Create(Unsafe.Add(ref factors, (row * others) + k + 1));
            nuint from = ((nuint)row * stride) + column;
            Vector512<double> part = Vector512.LoadUnsafe(ref a, from);
            (s00, s10) = (Vector512.FusedMultiplyAdd(f0, part, s00), Vector512.FusedMultiplyAdd(f1, part, s10));
            part = Vector512.LoadUnsafe(ref a, from + Lanes);
            (s01, s11) = (Vector512.FusedMultiplyAdd(f0, part, s01), Vector512.FusedMultiplyAdd(f1, part, s11));
            part = Vector512.LoadUnsafe(ref a, from + (2 * Lanes));
            (s02, s12) = (Vector512.FusedMultiplyAdd(f0, part, s02), Vector512.FusedMultiplyAdd(f1, part, s12));
            part = Vector512.LoadUnsafe(ref a, from + (3 * Lanes));
            (s03, s13) = (Vector512.FusedMultiplyAdd(f0, part, s03), Vector512.FusedMultiplyAdd(f1, part, s13));
        }
        s00.StoreUnsafe(ref sums, sum);
        s01.StoreUnsafe(ref sums, sum + Lanes);
        s02.StoreUnsafe(ref sums, sum + (2 * Lanes));
        s03.StoreUnsafe(ref sums, sum + (3 * Lanes));
        s10.StoreUnsafe(ref sums, sum + stride);
        s11.StoreUnsafe(ref sums, sum + stride + Lanes);
        s12.StoreUnsafe(ref sums, sum + stride + (2 * Lanes));
        s13.StoreUnsafe(ref sums, sum + stride + (3 * Lanes));
    }

    /// <summary>The same for one sum.</summary>
    private static void AddToOne(
        ref double a, nuint column, ref double factors, int k, int others, ref double sums, nuint sum, nuint stride, int rows)
    {
        Vector512<double> s0 = Vector512.LoadUnsafe(ref sums, sum), s1 = Vector512.LoadUnsafe(ref sums, sum + Lanes);
        Vector512<double> s2 = Vector512.LoadUnsafe(ref sums, sum + (2 * Lanes)), s3 = Vector512.LoadUnsafe(ref sums, sum + (3 * Lanes));
        for (int row = 0; row < rows; row++)
        {
            Vector512<double> f = Vector512.Create(Unsafe.Add(ref factors, (row * others) + k));
            nuint from = ((nuint)row * stride) + column;
            s0 = Vector512.FusedMultiplyAdd(f, Vector512.LoadUnsafe(ref a, from), s0);
            s1 = Vector512.FusedMultiplyAdd(f, Vector512.LoadUnsafe(ref a, from + Lanes), s1);
            s2 = Vector512.FusedMultiplyAdd(f, Vector512.LoadUnsafe(ref a, from + (2 * Lanes)), s2);
            s3 = Vector512.FusedMultiplyAdd(f, Vector512.LoadUnsafe(ref a, from + (3 * Lanes)), s3);
        }
        s0.StoreUnsafe(ref sums, sum);
        s1.StoreUnsafe(ref sums, sum + Lanes);
        s2.StoreUnsafe(ref sums, sum + (2 * Lanes));
        s3.StoreUnsafe(ref sums, sum + (3 * Lanes));
    }

    private static int Rows(int length, int stride, string name) => stride > 0 && stride % (Vectors * Lanes) == 0 && length % stride == 0
        ? length / stride
        : throw new ArgumentException($"{length} numbers in rows of {stride}; expected whole rows of a multiple of {Vectors * Lanes}", name);

    private static void RequireLength(int length, int expected, string name)
    {
        if (length != expected)
            throw new ArgumentException($"{length} numbers; expected {expected}, one for each row and other row", name);
    }
}
