using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// Count, mean and the sums of the second to fourth powers of deviations from it, of values that come in pieces. Each piece is summed about its own mean, and pieces are put together exactly
/// (Pebay, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical moments", Sandia report SAND2008-6212, 2008, equations 2.1 and 3.1):
/// powers about 0 would lose the fourth moment where the mean is large. The same pieces in the same order give the same bits on every CPU.
/// </summary>
/// <param name="Count">Values so far.</param>
/// <param name="Mean">0 while there are none.</param>
/// <param name="Second">Sum of (x - mean)^2.</param>
/// <param name="Third">Sum of (x - mean)^3.</param>
/// <param name="Fourth">Sum of (x - mean)^4.</param>
public readonly record struct CentralMoments(double Count, double Mean, double Second, double Third, double Fourth)
{
    private const int Lanes = 8;

    /// <summary>Sum of x^2.</summary>
    public double SquaredNorm => Second + (Count * Mean * Mean);

    /// <summary>The fourth standardised moment, n M4 / M2^2: 3 for a normal distribution, 1.8 for a uniform one; null where all values are equal.</summary>
    public double? Kurtosis => Second > 0 ? Count * Fourth / (Second * Second) : null;

    /// <summary>The moments of one piece; not finite where a value is not.</summary>
    public static CentralMoments Of(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty)
            return default;
        double mean = DenseVectors.Sum(values) / values.Length;
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector512<double> second = default, third = default, fourth = default, centre = Vector512.Create(mean);
        int i = 0;
        for (; i <= values.Length - Lanes; i += Lanes)
        {
            (Vector256<double> low, Vector256<double> high) = Vector256.Widen(Vector256.LoadUnsafe(ref first, (nuint)i));
            Vector512<double> deviation = Vector512.Create(low, high) - centre, square = deviation * deviation;
            second += square;
            third = Vector512.FusedMultiplyAdd(square, deviation, third);
            fourth = Vector512.FusedMultiplyAdd(square, square, fourth);
        }
        (double m2, double m3, double m4) = (DenseVectors.Sum(second), DenseVectors.Sum(third), DenseVectors.Sum(fourth));
        for (; i < values.Length; i++)
        {
            double deviation = values[i] - mean, square = deviation * deviation;
            m2 += square;
            m3 = Math.FusedMultiplyAdd(square, deviation, m3);
            m4 = Math.FusedMultiplyAdd(square, square, m4);
        }
        return new CentralMoments(values.Length, mean, m2, m3, m4);
    }

    /// <summary>The moments of these values and others together.</summary>
    public CentralMoments With(CentralMoments other)
    {
        if (Count == 0)
            return other;
        if (other.Count == 0)
            return this;
        double n = Count + other.Count, difference = other.Mean - Mean, part = difference / n, square = part * part;
        return new CentralMoments(
            n,
            Mean + (other.Count * part),
            Second + other.Second + (difference * part * Count * other.Count),
            Third + other.Third + (difference * square * Count * other.Count * (Count - other.Count)) + (3 * part * ((Count * other.Second) - (other.Count * Second))),
            Fourth + other.Fourth + (difference * part * square * Count * other.Count * ((Count * Count) - (Count * other.Count) + (other.Count * other.Count)))
                + (6 * square * ((Count * Count * other.Second) + (other.Count * other.Count * Second))) + (4 * part * ((Count * other.Third) - (other.Count * Third))));
    }
}
