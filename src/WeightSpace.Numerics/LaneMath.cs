using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WeightSpace.Numerics;

/// <summary>
/// exp, log, tanh, sigmoid and the normal distribution of 16 lanes, as fixed sequences of IEEE operations: the same bits on any CPU. No table, no
/// libm. Errors are in units in the last place (ulp) of the correctly rounded float, and a test checks them for
/// every float there is:
/// <list type="bullet">
/// <item>exp: at most 1.04 ulp; 0 below -87.3365, where the true value is subnormal; overflow gives infinity above 88.7228.</item>
/// <item>tanh: at most 4 ulp; odd; 1 from 9.02 on.</item>
/// <item>sigmoid: at most 4.1 ulp for x >= -10, 20.8 ulp down to -87; 1.65e-38 below, where the true value is less.</item>
/// <item>log: at most 1 ulp, subnormal numbers included; minus infinity for 0, NaN for negative numbers.</item>
/// <item>log(1 + x), 0 &lt;= x &lt;= 1: at most 1.5 ulp.</item>
/// <item>normal distribution function: absolute error at most 2e-7, relative error at most 2e-4 down to 1e-37; 0 below x = -12.97, where the true value is under 9e-39.</item>
/// </list>
/// NaN gives NaN, infinities give the limits.
/// </summary>
public static class LaneMath
{
    // exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln2/2. ln 2 in two parts, so that n * Ln2High is exact (Cody and Waite, 1980).
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    // The least x whose exponential is a normal number.
    private const float LeastExponent = -87.33654f;

    // expm1(r) = r + r^2 P(r). P: weighted minimax of degree 4 with P(0) = 1/2, relative error 1.4e-8 on |r| <= 0.34675;
    // docs/numerics.md says how it was fitted.
    private const float P0 = 0.5f;
    private const float P1 = 0.16666548f;
    private const float P2 = 0.041666854f;
    private const float P3 = 0.008366067f;
    private const float P4 = 0.0013898232f;

    // 2^f - 1 = f Q(f): weighted minimax of degree 5, relative error 1.3e-8 on |f| <= 0.5004; docs/numerics/minimax.py.
    private const float Q0 = 0.6931472f;
    private const float Q1 = 0.24022649f;
    private const float Q2 = 0.055503674f;
    private const float Q3 = 0.009618306f;
    private const float Q4 = 0.0013387415f;
    private const float Q5 = 0.0001538455f;

    // log(1 + f) = f - f^2 / 2 + f^3 L(f): weighted minimax of degree 7, relative error 5.9e-9 on sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
    private const float L0 = 0.3333333f;
    private const float L1 = -0.25000823f;
    private const float L2 = 0.20001231f;
    private const float L3 = -0.16623251f;
    private const float L4 = 0.14201564f;
    private const float L5 = -0.13161093f;
    private const float L6 = 0.12763502f;
    private const float L7 = -0.07634443f;

    // Phi(-a) = exp(-a N(a)) / 2 for 0 <= a <= 14, N of degree 11: absolute error 7.3e-8, relative error 1.6e-4.
    private const float N0 = 0.7978897f;
    private const float N1 = 0.31825504f;
    private const float N2 = 0.036524404f;
    private const float N3 = -0.0050816075f;
    private const float N4 = 0.00021459437f;
    private const float N5 = 9.58822e-05f;
    private const float N6 = -2.7028498e-05f;
    private const float N7 = 3.712305e-06f;
    private const float N8 = -3.0938426e-07f;
    private const float N9 = 1.5796497e-08f;
    private const float N10 = -4.5520562e-10f;
    private const float N11 = 5.6781797e-12f;

    // The float at sqrt(1/2), rounded down, as an integer: what the bits of a number are above it has the exponent k in its upper part.
    private const int SqrtHalfBits = 0x3F3504F3;

    // Adding 1.5 * 2^23 rounds a float to the nearest integer (ties to even), which then stands in its low bits.
    private const float RoundToInteger = 12582912f;

    /// <summary>e^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        // Beyond these the result is infinity or 0; within them 2^n fits two floats. A NaN fails both comparisons and stays.
        Vector512<float> isSubnormal = Vector512.LessThan(x, Vector512.Create(LeastExponent));
        x = Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512.Create(89f)), Vector512.Create(89f), x);
        x = Vector512.ConditionalSelect(isSubnormal, Vector512.Create(LeastExponent), x);
        Vector512<float> shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(Log2E), Vector512.Create(RoundToInteger));
        Vector512<float> expm1 = Expm1Reduced(x, shifted);
        Vector512<int> n = shifted.AsInt32() - Vector512.Create(RoundToInteger).AsInt32();
        Vector512<int> half = Vector512.ShiftRightArithmetic(n, 1);
        Vector512<float> first = Vector512.ShiftLeft(half + Vector512.Create(127), 23).AsSingle();
        Vector512<float> second = Vector512.ShiftLeft(n - half + Vector512.Create(127), 23).AsSingle();
        return Vector512.ConditionalSelect(isSubnormal, Vector512<float>.Zero, Vector512.FusedMultiplyAdd(expm1, first, first) * second);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x)
    {
        x = AtMost(87, AtLeast(-87, x));
        // The exponent's bias rides along in the rounding constant, so that a shift alone makes 2^n.
        Vector512<float> bias = Vector512.Create(RoundToInteger + 127);
        Vector512<float> shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(-Log2E), bias);
        Vector512<float> f = Vector512.FusedMultiplyAdd(x, Vector512.Create(-Log2E), bias - shifted);
        Vector512<float> power = Vector512.FusedMultiplyAdd(f, Exp2Polynomial(f), Vector512<float>.One);
        return Vector512<float>.One / Vector512.FusedMultiplyAdd(power, LowBitsAsExponent(shifted), Vector512<float>.One);
    }

    /// <summary>Hyperbolic tangent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Tanh(Vector512<float> x)
    {
        // tanh |x| = expm1(-2|x|) / (-2 - expm1(-2|x|)), where expm1 = (s - 1) + s f Q(f) with s = 2^n: no cancellation near 0.
        Vector512<float> sign = Vector512.Create(-0f), minus = AtLeast(-10, x | sign);
        Vector512<float> bias = Vector512.Create(RoundToInteger + 127);
        Vector512<float> shifted = Vector512.FusedMultiplyAdd(minus, Vector512.Create(2 * Log2E), bias);
        Vector512<float> f = Vector512.FusedMultiplyAdd(minus, Vector512.Create(2 * Log2E), bias - shifted);
        Vector512<float> s = LowBitsAsExponent(shifted);
        Vector512<float> expm1 = Vector512.FusedMultiplyAdd(f * Exp2Polynomial(f), s, s - Vector512<float>.One);
        return (expm1 / (Vector512.Create(-2f) - expm1)) | (x & sign);
    }

    /// <summary>The same as for one vector, to the bit; where a vector is one register (<see cref="Lanes.IsOneRegister"/>) it takes less time than four alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors Sigmoid(FourVectors x)
    {
        x = FourVectors.AtMost(87, FourVectors.AtLeast(-87, x));
        Vector512<float> bias = Vector512.Create(RoundToInteger + 127);
        FourVectors shifted = FourVectors.FusedMultiplyAdd(x, Vector512.Create(-Log2E), bias);
        FourVectors f = FourVectors.FusedMultiplyAdd(x, Vector512.Create(-Log2E), bias - shifted);
        FourVectors power = FourVectors.FusedMultiplyAdd(f, Exp2Polynomial(f), Vector512<float>.One);
        return Vector512<float>.One / FourVectors.FusedMultiplyAdd(power, FourVectors.LowBitsAsExponent(shifted), Vector512<float>.One);
    }

    /// <summary>Likewise.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors Tanh(FourVectors x)
    {
        Vector512<float> sign = Vector512.Create(-0f);
        FourVectors minus = FourVectors.AtLeast(-10, x | sign);
        Vector512<float> bias = Vector512.Create(RoundToInteger + 127);
        FourVectors shifted = FourVectors.FusedMultiplyAdd(minus, Vector512.Create(2 * Log2E), bias);
        FourVectors f = FourVectors.FusedMultiplyAdd(minus, Vector512.Create(2 * Log2E), bias - shifted);
        FourVectors s = FourVectors.LowBitsAsExponent(shifted);
        FourVectors expm1 = FourVectors.FusedMultiplyAdd(f * Exp2Polynomial(f), s, s - Vector512<float>.One);
        return (expm1 / (Vector512.Create(-2f) - expm1)) | (x & sign);
    }

    /// <summary>Natural logarithm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Log(Vector512<float> x)
    {
        // x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); subnormal numbers are made normal first.
        Vector512<float> isSmall = Vector512.LessThan(x, Vector512.Create(1.17549435e-38f));
        Vector512<float> normal = Vector512.ConditionalSelect(isSmall, x * Vector512.Create(8388608f), x);
        Vector512<float> shift = isSmall & Vector512.Create(-23f);
        Vector512<int> above = normal.AsInt32() - Vector512.Create(SqrtHalfBits);
        Vector512<float> k = Vector512.ConvertToSingle(Vector512.ShiftRightArithmetic(above, 23)) + shift;
        Vector512<float> f = ((above & Vector512.Create(0x7FFFFF)) + Vector512.Create(SqrtHalfBits)).AsSingle() - Vector512<float>.One;
        Vector512<float> log = LogReduced(f, k);
        // What has no finite logarithm: 0, negative numbers, infinity and NaN (which fails every comparison and adds itself).
        log = Vector512.ConditionalSelect(Vector512.Equals(x, Vector512<float>.Zero), Vector512.Create(float.NegativeInfinity), log);
        log = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512.Create(float.NaN), log);
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(float.PositiveInfinity)), log, x + log);
    }

    /// <summary>The distribution function of the standard normal distribution, Phi(x); increasing, 1/2 at 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> NormalCdf(Vector512<float> x)
    {
        Vector512<float> a = Vector512.Abs(x);
        a = Vector512.ConditionalSelect(Vector512.GreaterThan(a, Vector512.Create(14f)), Vector512.Create(14f), a);
        Vector512<float> p = Vector512.FusedMultiplyAdd(Vector512.Create(N11), a, Vector512.Create(N10));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N9));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N8));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N7));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N6));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N5));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N4));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N3));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N2));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N1));
        p = Vector512.FusedMultiplyAdd(p, a, Vector512.Create(N0));
        Vector512<float> minus = -a * p;
        Vector512<float> tail = Exp(minus) * Vector512.Create(0.5f);
        tail = Vector512.ConditionalSelect(Vector512.LessThan(minus, Vector512.Create(-87f)), Vector512<float>.Zero, tail);
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), tail, Vector512<float>.One - tail);
    }

    /// <summary>The density of the standard normal distribution, exp(-x^2 / 2) / sqrt(2 pi), to a relative error of (1 + x^2 / 2) 1.2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> NormalDensity(Vector512<float> x) =>
        Exp(x * x * Vector512.Create(-0.5f)) * Vector512.Create(0.39894228f);

    /// <summary>log(1 + x) for 0 &lt;= x &lt;= 1, small x to full relative accuracy; NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LogOnePlus(Vector512<float> x)
    {
        // 1 + x = 2^k (1 + f): f = x, or (x - 1) / 2 with k = 1.
        Vector512<float> isLarge = Vector512.GreaterThan(x, Vector512.Create(0.41421356f));
        Vector512<float> f = Vector512.ConditionalSelect(isLarge, (x - Vector512<float>.One) * Vector512.Create(0.5f), x);
        return LogReduced(f, isLarge & Vector512<float>.One);
    }

    /// <summary>log(2^k (1 + f)) = k ln 2 + log(1 + f) for a whole k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> LogReduced(Vector512<float> f, Vector512<float> k)
    {
        Vector512<float> p = Vector512.FusedMultiplyAdd(Vector512.Create(L7), f, Vector512.Create(L6));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(L5));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(L4));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(L3));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(L2));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(L1));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(L0));
        // A square that would be subnormal is nothing next to f.
        Vector512<float> square = Lanes.ZeroBelow(Lanes.LeastGradient, f);
        square *= square;
        // f^2 (f L - 1/2) + k Ln2Low: all that is small next to f + k Ln2High.
        Vector512<float> small = Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(p, f, Vector512.Create(-0.5f)), square, k * Vector512.Create(Ln2Low));
        return Vector512.FusedMultiplyAdd(k, Vector512.Create(Ln2High), f + small);
    }

    /// <summary>x, or the bound where x is less. A NaN stays: it fails the comparison, and of max's operands it is the second, which x86 then gives.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> AtLeast(float bound, Vector512<float> x) => Avx512F.IsSupported
        ? Avx512F.Max(Vector512.Create(bound), x) : Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(bound)), Vector512.Create(bound), x);

    /// <summary>x, or the bound where x is greater; a NaN stays, as above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> AtMost(float bound, Vector512<float> x) => Avx512F.IsSupported
        ? Avx512F.Min(Vector512.Create(bound), x) : Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512.Create(bound)), Vector512.Create(bound), x);

    /// <summary>The number whose bits are the lowest 9 of x's, shifted to where a float has its sign and exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> LowBitsAsExponent(Vector512<float> x) => Vector512.ShiftLeft(x.AsInt32(), 23).AsSingle();

    /// <summary>(2^f - 1) / f for |f| &lt;= 1/2, by pairs (Estrin), which is what a chain of dependent steps waits for least.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Exp2Polynomial(Vector512<float> f)
    {
        Vector512<float> square = f * f;
        Vector512<float> high = Vector512.FusedMultiplyAdd(f, Vector512.Create(Q5), Vector512.Create(Q4));
        Vector512<float> middle = Vector512.FusedMultiplyAdd(f, Vector512.Create(Q3), Vector512.Create(Q2));
        Vector512<float> low = Vector512.FusedMultiplyAdd(f, Vector512.Create(Q1), Vector512.Create(Q0));
        return Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(high, square, middle), square, low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FourVectors Exp2Polynomial(FourVectors f)
    {
        FourVectors square = f * f;
        FourVectors high = FourVectors.FusedMultiplyAdd(f, Vector512.Create(Q5), Vector512.Create(Q4));
        FourVectors middle = FourVectors.FusedMultiplyAdd(f, Vector512.Create(Q3), Vector512.Create(Q2));
        FourVectors low = FourVectors.FusedMultiplyAdd(f, Vector512.Create(Q1), Vector512.Create(Q0));
        return FourVectors.FusedMultiplyAdd(FourVectors.FusedMultiplyAdd(high, square, middle), square, low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Expm1Reduced(Vector512<float> x, Vector512<float> shifted) =>
        Expm1Polynomial(Reduce(x, shifted - Vector512.Create(RoundToInteger)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Reduce(Vector512<float> x, Vector512<float> n)
    {
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), x);
        return Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2Low), r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Expm1Polynomial(Vector512<float> r)
    {
        Vector512<float> p = Vector512.FusedMultiplyAdd(Vector512.Create(P4), r, Vector512.Create(P3));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(P2));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(P1));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(P0));
        return Vector512.FusedMultiplyAdd(p, r * r, r);
    }
}
