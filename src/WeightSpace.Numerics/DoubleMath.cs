namespace WeightSpace.Numerics;

/// <summary>
/// The few functions in double precision that a recipe's bytes depend on. Only + - * /, sqrt and exact bit operations,
/// each of which IEEE 754 rounds in one way, so they give the same bits on any machine; the platform's libm does not.
/// </summary>
public static class DoubleMath
{
    /// <summary>
    /// Natural logarithm of a positive normal number, within 2 units in the last place: x = 2^k m with m in [sqrt(1/2), sqrt(2)),
    /// ln m = 2 atanh(s) with s = (m - 1) / (m + 1), as its Taylor series in s^2 (|s| &lt; 0.172, so 11 terms leave 1e-17).
    /// </summary>
    public static double Log(double x)
    {
        if (!(x >= 2.2250738585072014e-308) || double.IsPositiveInfinity(x))
            throw new ArgumentOutOfRangeException(nameof(x), x, "the logarithm is taken of positive normal numbers only");
        long bits = BitConverter.DoubleToInt64Bits(x);
        int exponent = (int)(bits >> 52) - 1023;
        double mantissa = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFFL) | 0x3FF0000000000000L);
        if (mantissa > 1.4142135623730951)
        {
            mantissa *= 0.5;
            exponent++;
        }
        double s = (mantissa - 1) / (mantissa + 1);
        double square = s * s;
        double series = 0;
        for (int term = 23; term >= 3; term -= 2)
            series = (series + 1.0 / term) * square;
        const double ln2High = 6.93147180369123816490e-01; // 32 bits, so exponent * ln2High is exact
        const double ln2Low = 1.90821492927058770002e-10;
        return (exponent * ln2High) + ((2 * s) + ((2 * s * series) + (exponent * ln2Low)));
    }

    /// <summary>
    /// The quantile of the standard normal distribution for 0 &lt; p &lt; 1, relative error about 1e-16.
    /// M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37, 1988
    /// (routine PPND16; the coefficients are the paper's).
    /// </summary>
    public static double NormalQuantile(double p)
    {
        double q = p - 0.5;
        if (Math.Abs(q) <= 0.425)
        {
            double r = 0.180625 - (q * q);
            return q * Polynomial(r, 3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
                    4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3)
                / Polynomial(r, 1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
                    2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3);
        }
        double tail = Math.Sqrt(-Log(q < 0 ? p : 1 - p));
        double value;
        if (tail <= 5)
        {
            double r = tail - 1.6;
            value = Polynomial(r, 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
                    1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4)
                / Polynomial(r, 1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
                    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9);
        }
        else
        {
            double r = tail - 5;
            value = Polynomial(r, 6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
                    2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7)
                / Polynomial(r, 1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
                    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15);
        }
        return q < 0 ? -value : value;
    }

    /// <summary>
    /// cos(pi x) for 0 &lt;= x &lt;= 1 to 2e-16: with r = pi times the distance to the nearest of 0, 1/2 and 1, at most pi / 4, the Taylor series of cos r or sin r (the
    /// first terms left out are below 3e-18). Exact at 0, 1/2 and 1.
    /// </summary>
    public static double CosPi(double x)
    {
        if (!(x is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(x), x, "the cosine is taken of 0 to pi only");
        if (x is > 0.25 and < 0.75)
        {
            double angle = Math.PI * (0.5 - x), angleSquare = angle * angle, sine = 0;
            for (int term = 17; term >= 3; term -= 2)
                sine = (1 + sine) * -angleSquare / (term * (term - 1));
            return angle + (angle * sine);
        }
        double r = Math.PI * (x <= 0.25 ? x : 1 - x), square = r * r, cosine = 0;
        for (int term = 18; term >= 2; term -= 2)
            cosine = (1 + cosine) * -square / (term * (term - 1));
        return x <= 0.25 ? 1 + cosine : -1 - cosine;
    }

    /// <summary>value^power for power &gt;= 0 by repeated squaring.</summary>
    public static double Power(double value, long power)
    {
        double result = 1;
        for (double square = value; power > 0; power >>= 1, square *= square)
        {
            if ((power & 1) != 0)
                result *= square;
        }
        return result;
    }

    private static double Polynomial(double x, params ReadOnlySpan<double> coefficients)
    {
        double sum = 0;
        for (int i = coefficients.Length - 1; i >= 0; i--)
            sum = (sum * x) + coefficients[i];
        return sum;
    }
}
