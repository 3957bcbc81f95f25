using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// Dense vectors of doubles. Eight lanes on every CPU and one order of sums, so the result does not depend on the
/// width of the machine's registers.
/// </summary>
public static class DenseVectors
{
    private const int Lanes = 8;

    /// <summary>Sum of a[i] b[i]; both of one length.</summary>
    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        RequireSameLength(a.Length, b.Length);
        ref double left = ref MemoryMarshal.GetReference(a);
        ref double right = ref MemoryMarshal.GetReference(b);
        Vector512<double> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        int i = 0;
        for (; i <= a.Length - (4 * Lanes); i += 4 * Lanes) // four sums, because one would wait for its own last result
        {
            sum0 = Vector512.FusedMultiplyAdd(Load(ref left, i), Load(ref right, i), sum0);
            sum1 = Vector512.FusedMultiplyAdd(Load(ref left, i + Lanes), Load(ref right, i + Lanes), sum1);
            sum2 = Vector512.FusedMultiplyAdd(Load(ref left, i + (2 * Lanes)), Load(ref right, i + (2 * Lanes)), sum2);
            sum3 = Vector512.FusedMultiplyAdd(Load(ref left, i + (3 * Lanes)), Load(ref right, i + (3 * Lanes)), sum3);
        }
        for (; i <= a.Length - Lanes; i += Lanes)
            sum0 = Vector512.FusedMultiplyAdd(Load(ref left, i), Load(ref right, i), sum0);
        double total = Sum(sum0 + sum1 + (sum2 + sum3));
        for (; i < a.Length; i++)
            total = Math.FusedMultiplyAdd(a[i], b[i], total);
        return total;
    }

    /// <summary>target[i] += scale source[i]; both of one length.</summary>
    public static void AddScaled(Span<double> target, double scale, ReadOnlySpan<double> source)
    {
        RequireSameLength(target.Length, source.Length);
        ref double to = ref MemoryMarshal.GetReference(target);
        ref double from = ref MemoryMarshal.GetReference(source);
        Vector512<double> factor = Vector512.Create(scale);
        int i = 0;
        for (; i <= target.Length - Lanes; i += Lanes)
            Vector512.FusedMultiplyAdd(factor, Load(ref from, i), Load(ref to, i)).StoreUnsafe(ref to, (nuint)i);
        for (; i < target.Length; i++)
            target[i] = Math.FusedMultiplyAdd(scale, source[i], target[i]);
    }

    /// <summary>The same for a source of floats.</summary>
    public static void AddScaled(Span<double> target, double scale, ReadOnlySpan<float> source)
    {
        RequireSameLength(target.Length, source.Length);
        ref double to = ref MemoryMarshal.GetReference(target);
        Vector512<double> factor = Vector512.Create(scale);
        int i = 0;
        for (; i <= target.Length - Lanes; i += Lanes)
            Vector512.FusedMultiplyAdd(factor, Widen(source, i), Load(ref to, i)).StoreUnsafe(ref to, (nuint)i);
        for (; i < target.Length; i++)
            target[i] = Math.FusedMultiplyAdd(scale, source[i], target[i]);
    }

    /// <summary>target[i] = source[i], rounded; both of one length.</summary>
    public static void Narrow(ReadOnlySpan<double> source, Span<float> target)
    {
        RequireSameLength(source.Length, target.Length);
        ref double from = ref MemoryMarshal.GetReference(source);
        int i = 0;
        for (; i <= source.Length - (2 * Lanes); i += 2 * Lanes)
            Vector512.Narrow(Load(ref from, i), Load(ref from, i + Lanes)).CopyTo(target[i..]);
        for (; i < source.Length; i++)
            target[i] = (float)source[i];
    }

    /// <summary>
    /// squared[i] = max(0, norm + norms[i] - 2 products[i]), the squared distances that inner products give, in double and then rounded; all of one length.
    /// </summary>
    public static void SquaredDistances(double norm, ReadOnlySpan<double> norms, ReadOnlySpan<float> products, Span<float> squared)
    {
        RequireSameLength(norms.Length, products.Length);
        RequireSameLength(norms.Length, squared.Length);
        ref double other = ref MemoryMarshal.GetReference(norms);
        int i = 0;
        for (; i <= norms.Length - (2 * Lanes); i += 2 * Lanes)
        {
            Vector512<double> low = Squared(norm, Load(ref other, i), Widen(products, i));
            Vector512<double> high = Squared(norm, Load(ref other, i + Lanes), Widen(products, i + Lanes));
            Vector512.Narrow(low, high).CopyTo(squared[i..]);
        }
        for (; i < norms.Length; i++)
            squared[i] = (float)Math.Max(0, norm + norms[i] - (2.0 * products[i]));
    }

    /// <summary>The same from products in double.</summary>
    public static void SquaredDistances(double norm, ReadOnlySpan<double> norms, ReadOnlySpan<double> products, Span<float> squared)
    {
        RequireSameLength(norms.Length, products.Length);
        RequireSameLength(norms.Length, squared.Length);
        ref double other = ref MemoryMarshal.GetReference(norms);
        ref double product = ref MemoryMarshal.GetReference(products);
        int i = 0;
        for (; i <= norms.Length - (2 * Lanes); i += 2 * Lanes)
        {
            Vector512<double> low = Squared(norm, Load(ref other, i), Load(ref product, i));
            Vector512<double> high = Squared(norm, Load(ref other, i + Lanes), Load(ref product, i + Lanes));
            Vector512.Narrow(low, high).CopyTo(squared[i..]);
        }
        for (; i < norms.Length; i++)
            squared[i] = (float)Math.Max(0, norm + norms[i] - (2 * products[i]));
    }

    private static Vector512<double> Squared(double norm, Vector512<double> norms, Vector512<double> products) =>
        Vector512.Max(Vector512<double>.Zero, Vector512.Create(norm) + norms - (Vector512.Create(2.0) * products));

    /// <summary>The sum of the values.</summary>
    public static double Sum(ReadOnlySpan<float> values)
    {
        Vector512<double> sum0 = default, sum1 = default;
        int i = 0;
        for (; i <= values.Length - (2 * Lanes); i += 2 * Lanes)
        {
            sum0 += Widen(values, i);
            sum1 += Widen(values, i + Lanes);
        }
        double total = Sum(sum0 + sum1);
        for (; i < values.Length; i++)
            total += values[i];
        return total;
    }

    /// <summary>The sum of the squares of the values.</summary>
    public static double SquaredNorm(ReadOnlySpan<float> values)
    {
        Vector512<double> sum0 = default, sum1 = default;
        int i = 0;
        for (; i <= values.Length - (2 * Lanes); i += 2 * Lanes)
        {
            Vector512<double> first = Widen(values, i), second = Widen(values, i + Lanes);
            sum0 = Vector512.FusedMultiplyAdd(first, first, sum0);
            sum1 = Vector512.FusedMultiplyAdd(second, second, sum1);
        }
        double total = Sum(sum0 + sum1);
        for (; i < values.Length; i++)
            total = Math.FusedMultiplyAdd((double)values[i], values[i], total);
        return total;
    }

    /// <summary>a[i], b[i] = cosine a[i] - sine b[i], sine a[i] + cosine b[i]; both of one length.</summary>
    public static void Rotate(Span<double> a, Span<double> b, double cosine, double sine)
    {
        RequireSameLength(a.Length, b.Length);
        ref double first = ref MemoryMarshal.GetReference(a);
        ref double second = ref MemoryMarshal.GetReference(b);
        Vector512<double> c = Vector512.Create(cosine), s = Vector512.Create(sine);
        int i = 0;
        for (; i <= a.Length - Lanes; i += Lanes)
        {
            Vector512<double> x = Load(ref first, i), y = Load(ref second, i);
            ((c * x) - (s * y)).StoreUnsafe(ref first, (nuint)i);
            ((s * x) + (c * y)).StoreUnsafe(ref second, (nuint)i);
        }
        for (; i < a.Length; i++)
            (a[i], b[i]) = ((cosine * a[i]) - (sine * b[i]), (sine * a[i]) + (cosine * b[i]));
    }

    /// <summary>The Euclidean norm.</summary>
    public static double Norm(ReadOnlySpan<double> a) => Math.Sqrt(Dot(a, a));

    /// <summary>
    /// Sum of (a[i] - b[i])^2 of two rows of floats, both of one length: differences and squares in float, 16 lanes, their
    /// sums over 512 columns at a time added up in double. Relative error about 1e-7.
    /// </summary>
    public static double SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        RequireSameLength(a.Length, b.Length);
        const int lanes = 16, block = 512;
        double total = 0;
        for (int first = 0; first < a.Length; first += block)
        {
            int end = Math.Min(first + block, a.Length);
            Vector512<float> sum0 = default, sum1 = default;
            int i = first;
            for (; i <= end - (2 * lanes); i += 2 * lanes)
            {
                Vector512<float> difference0 = Vector512.Create(a.Slice(i, lanes)) - Vector512.Create(b.Slice(i, lanes));
                Vector512<float> difference1 = Vector512.Create(a.Slice(i + lanes, lanes)) - Vector512.Create(b.Slice(i + lanes, lanes));
                sum0 = Vector512.FusedMultiplyAdd(difference0, difference0, sum0);
                sum1 = Vector512.FusedMultiplyAdd(difference1, difference1, sum1);
            }
            (Vector512<double> low, Vector512<double> high) = Vector512.Widen(sum0 + sum1);
            total += Sum(low + high);
            for (; i < end; i++)
            {
                double difference = (double)a[i] - b[i];
                total += difference * difference;
            }
        }
        return total;
    }

    /// <summary>e^a[i] for each element, in place.</summary>
    public static void Exp(Span<double> a)
    {
        ref double first = ref MemoryMarshal.GetReference(a);
        int i = 0;
        for (; i <= a.Length - Lanes; i += Lanes)
            Vector512.Exp(Load(ref first, i)).StoreUnsafe(ref first, (nuint)i);
        if (i < a.Length)
        {
            Span<double> rest = stackalloc double[Lanes];
            rest.Clear();
            a[i..].CopyTo(rest);
            Vector512.Exp(Vector512.Create<double>(rest)).CopyTo(rest);
            rest[..(a.Length - i)].CopyTo(a[i..]);
        }
    }

    /// <summary>sums[i] += values[i]; both of one length.</summary>
    public static void Add(Span<double> sums, ReadOnlySpan<float> values)
    {
        RequireSameLength(sums.Length, values.Length);
        ref double sum = ref MemoryMarshal.GetReference(sums);
        int i = 0;
        for (; i <= values.Length - Lanes; i += Lanes)
            (Load(ref sum, i) + Widen(values, i)).StoreUnsafe(ref sum, (nuint)i);
        for (; i < values.Length; i++)
            sums[i] += values[i];
    }

    /// <summary>differences[i] = a[i] - b[i] in double, where they are exact or nearly so; all of one length.</summary>
    public static void Subtract(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<double> differences)
    {
        RequireSameLength(a.Length, b.Length);
        RequireSameLength(a.Length, differences.Length);
        ref double target = ref MemoryMarshal.GetReference(differences);
        int i = 0;
        for (; i <= a.Length - Lanes; i += Lanes)
            (Widen(a, i) - Widen(b, i)).StoreUnsafe(ref target, (nuint)i);
        for (; i < a.Length; i++)
            differences[i] = (double)a[i] - b[i];
    }

    /// <summary>sums[i] += (values[i] - means[i])^2; all of one length.</summary>
    public static void AddSquaredDeviations(Span<double> sums, ReadOnlySpan<float> values, ReadOnlySpan<double> means)
    {
        RequireSameLength(sums.Length, values.Length);
        RequireSameLength(sums.Length, means.Length);
        ref double sum = ref MemoryMarshal.GetReference(sums);
        ref double mean = ref MemoryMarshal.GetReference(means);
        int i = 0;
        for (; i <= values.Length - Lanes; i += Lanes)
        {
            Vector512<double> deviation = Widen(values, i) - Load(ref mean, i);
            (Load(ref sum, i) + (deviation * deviation)).StoreUnsafe(ref sum, (nuint)i);
        }
        for (; i < values.Length; i++)
        {
            double deviation = values[i] - means[i];
            sums[i] += deviation * deviation;
        }
    }

    /// <summary>target[i] = (values[i] - means[i]) scales[i], rounded to float; all of one length.</summary>
    public static void Standardise(ReadOnlySpan<float> values, ReadOnlySpan<double> means, ReadOnlySpan<double> scales, Span<float> target)
    {
        RequireSameLength(target.Length, values.Length);
        RequireSameLength(target.Length, means.Length);
        RequireSameLength(target.Length, scales.Length);
        ref double mean = ref MemoryMarshal.GetReference(means);
        ref double scale = ref MemoryMarshal.GetReference(scales);
        int i = 0;
        for (; i <= values.Length - (2 * Lanes); i += 2 * Lanes)
        {
            Vector512<double> low = (Widen(values, i) - Load(ref mean, i)) * Load(ref scale, i);
            Vector512<double> high = (Widen(values, i + Lanes) - Load(ref mean, i + Lanes)) * Load(ref scale, i + Lanes);
            Vector512.Narrow(low, high).CopyTo(target[i..]);
        }
        for (; i < values.Length; i++)
            target[i] = (float)((values[i] - means[i]) * scales[i]);
    }

    private static Vector512<double> Widen(ReadOnlySpan<float> values, int index)
    {
        (Vector256<double> low, Vector256<double> high) = Vector256.Widen(Vector256.Create(values[index..]));
        return Vector512.Create(low, high);
    }

    /// <summary>The sum of eight lanes by one fixed tree: halves, quarters, pairs.</summary>
    internal static double Sum(Vector512<double> lanes)
    {
        Vector256<double> four = lanes.GetLower() + lanes.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two.GetElement(0) + two.GetElement(1);
    }

    private static Vector512<double> Load(ref double start, int index) => Vector512.LoadUnsafe(ref start, (nuint)index);

    private static void RequireSameLength(int first, int second)
    {
        if (first != second)
            ThrowDifferentLengths(first, second);
    }

    private static void ThrowDifferentLengths(int first, int second) =>
        throw new ArgumentException($"the two vectors have {first} and {second} elements; expected one length");
}
