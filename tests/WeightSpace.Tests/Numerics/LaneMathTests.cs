using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Numerics;

/// <summary>
/// Every float there is, against double precision. Where the true value is a limit (0, 1, infinity) or, for small x, its first-order
/// expansion to far below an ulp, vectors are compared at once; everything between goes through the platform's double functions one by one.
/// </summary>
public sealed class LaneMathTests
{
    private const int ChunkFloats = 1 << 20;
    private const int Chunks = (int)((1L << 32) / ChunkFloats);

    // Below 2^-13 the second-order terms are under 2^-27 of the value (tanh: x^2/3).
    private const float Small = 1f / 8192;

    [Fact]
    public void ExpIsWithinItsBoundForEveryFloat() =>
        Check<ExpFunction>(maxUlp: 1.04);

    [Fact]
    public void TanhIsWithinItsBoundForEveryFloat() =>
        Check<TanhFunction>(maxUlp: 4);

    [Fact]
    public void SigmoidIsWithinItsBoundForEveryFloat() =>
        Check<SigmoidFunction>(maxUlp: 20.8);

    [Fact]
    public void SigmoidIsBetterWhereNetworksAre()
    {
        int most = BitConverter.SingleToInt32Bits(10);
        for (int bits = 0; bits <= most; bits += 4_999)
        {
            float x = BitConverter.Int32BitsToSingle(bits);
            Vector512<float> found = LaneMath.Sigmoid(Vector512.Create(x).WithElement(1, -x));
            Assert.InRange(Ulps(found[0], 1 / (1 + Math.Exp(-x))), 0, 4.1);
            Assert.InRange(Ulps(found[1], 1 / (1 + Math.Exp(x))), 0, 4.1);
        }

        static double Ulps(float found, double expected) => Math.Abs(found - expected) / (MathF.BitIncrement((float)expected) - (float)expected);
    }

    /// <summary>Side by side or one by one, a vector's bits are the same: every 1,009th float of all, NaNs among them.</summary>
    [Fact]
    public unsafe void FourVectorsComputeWhatOneDoes()
    {
        float* x = stackalloc float[FourVectors.Count], sigmoids = stackalloc float[FourVectors.Count], tanhs = stackalloc float[FourVectors.Count];
        for (long bits = 0; bits < 1L << 32; bits += FourVectors.Count * 1009)
        {
            for (int lane = 0; lane < FourVectors.Count; lane++)
                x[lane] = BitConverter.UInt32BitsToSingle((uint)bits + ((uint)lane * 1009));
            LaneMath.Sigmoid(FourVectors.Load(x)).Store(sigmoids);
            LaneMath.Tanh(FourVectors.Load(x)).Store(tanhs);
            for (int lane = 0; lane < FourVectors.Count; lane += Lanes.Count)
            {
                Vector512<float> one = Vector512.Load(x + lane);
                Assert.True(Vector512.EqualsAll(LaneMath.Sigmoid(one).AsInt32(), Vector512.Load(sigmoids + lane).AsInt32()), $"sigmoid near x = {x[lane]:R}");
                Assert.True(Vector512.EqualsAll(LaneMath.Tanh(one).AsInt32(), Vector512.Load(tanhs + lane).AsInt32()), $"tanh near x = {x[lane]:R}");
            }
        }
    }

    [Fact]
    public void LogIsWithinItsBoundForEveryFloat() =>
        Check<LogFunction>(maxUlp: 1);

    [Fact]
    public void LogOfOnePlusIsWithinItsBoundForEveryFloatOfItsRange() =>
        Check<LogOnePlusFunction>(maxUlp: 1.5);

    [Fact]
    public void TheNormalDistributionIsWithinItsBounds()
    {
        // Every 5045th float or so: some 800,000, of all sizes.
        double worst = 0;
        for (long bits = 0; bits < 1L << 32; bits += 16 * 1009)
        {
            Vector512<float> x = (Vector512.Create((uint)bits) + (Vector512.CreateSequence(0u, 1u) * Vector512.Create(1009u))).AsSingle();
            Vector512<float> found = LaneMath.NormalCdf(x), density = LaneMath.NormalDensity(x);
            for (int lane = 0; lane < Lanes.Count; lane += 5)
            {
                if (float.IsNaN(x[lane]))
                {
                    Assert.True(float.IsNaN(found[lane]) && float.IsNaN(density[lane]));
                    continue;
                }
                double expected = Normal(x[lane]), error = Math.Abs(found[lane] - expected);
                worst = Math.Max(worst, error);
                if (error > 2e-7 || (expected > 1e-37 && error > 2e-4 * expected) || (expected < 1e-45 && found[lane] != 0))
                    Assert.Fail($"Phi({x[lane]:R}): found {found[lane]:R}, the true value is {expected:R}");
                double square = (double)x[lane] * x[lane], expectedDensity = Math.Exp(-square / 2) / Math.Sqrt(2 * Math.PI);
                if (Math.Abs(density[lane] - expectedDensity) > (expectedDensity * (1 + (square / 2)) * 1.2e-7) + Lanes.SmallestNormal)
                    Assert.Fail($"density({x[lane]:R}): found {density[lane]:R}, the true value is {expectedDensity:R}");
            }
        }
        Assert.InRange(worst, 3e-8, 2e-7);
        Assert.Equal(0.5f, LaneMath.NormalCdf(Vector512<float>.Zero)[0]);
    }

    [Fact]
    public void TheNormalDistributionIncreases()
    {
        float last = 0;
        for (int i = -140_000; i <= 60_000; i += Lanes.Count)
        {
            Vector512<float> x = Vector512.ConvertToSingle(Vector512.CreateSequence(0, 1) + Vector512.Create(i)) * Vector512.Create(1e-4f), y = LaneMath.NormalCdf(x);
            for (int lane = 0; lane < Lanes.Count; lane++)
            {
                Assert.True(y[lane] >= last && (x[lane] is < -12.9f or > 3 || y[lane] > last), $"Phi({x[lane]:R}) = {y[lane]:R} behind {last:R}");
                last = y[lane];
            }
        }
    }

    /// <summary>Phi(x) in double: the series around 0, the continued fraction of the tail beyond 3.</summary>
    private static double Normal(double x)
    {
        double a = Math.Abs(x), density = Math.Exp(-a * a / 2) / Math.Sqrt(2 * Math.PI), tail;
        if (a < 3)
        {
            double term = a, sum = a;
            for (int n = 3; n < 120; n += 2)
                sum += term *= a * a / n;
            tail = 0.5 - (density * sum);
        }
        else
        {
            double fraction = 0;
            for (int n = 120; n > 0; n--)
                fraction = n / (a + fraction);
            tail = double.IsInfinity(a) ? 0 : density / (a + fraction);
        }
        return x < 0 ? tail : 1 - tail;
    }

    private interface IFunction
    {
        static abstract Vector512<float> Compute(Vector512<float> x);

        static abstract double Truth(double x);

        /// <summary>Below this, true values may come out as 0 or as another number below it.</summary>
        static abstract double FlushedBelow { get; }

        /// <summary>The true function's value where it is a limit or linear, as value and slope at 0; null where neither holds.</summary>
        static abstract (float Value, float Slope)? Simple(float x);
    }

    private readonly struct ExpFunction : IFunction
    {
        public static Vector512<float> Compute(Vector512<float> x) => LaneMath.Exp(x);

        public static double Truth(double x) => Math.Exp(x);

        public static double FlushedBelow => Lanes.SmallestNormal;

        public static (float, float)? Simple(float x) => x > 89 ? (float.PositiveInfinity, 0) : x < -87.34f ? (0, 0) : Math.Abs(x) < Small ? (1, 1) : null;
    }

    private readonly struct TanhFunction : IFunction
    {
        public static Vector512<float> Compute(Vector512<float> x) => LaneMath.Tanh(x);

        public static double Truth(double x) => Math.Tanh(x);

        public static double FlushedBelow => 0;

        public static (float, float)? Simple(float x) => Math.Abs(x) > 10 ? (Math.Sign(x), 0) : Math.Abs(x) < Small ? (0, 1) : null;
    }

    private readonly struct SigmoidFunction : IFunction
    {
        public static Vector512<float> Compute(Vector512<float> x) => LaneMath.Sigmoid(x);

        public static double Truth(double x) => 1 / (1 + Math.Exp(-x));

        public static double FlushedBelow => 1.7e-38;

        public static (float, float)? Simple(float x) => x > 20 ? (1, 0) : x < -105 ? (1.6458134E-38f, 0) : Math.Abs(x) < Small ? (0.5f, 0.25f) : null;
    }

    private readonly struct LogFunction : IFunction
    {
        public static Vector512<float> Compute(Vector512<float> x) => LaneMath.Log(x);

        // log(2^k m) = k ln 2 + log m, from a table of all m: Math.Log for each of the 2^31 numbers that have a logarithm would take minutes.
        private static readonly Lazy<double[]> s_logarithms = new(() => [.. Enumerable.Range(0, 1 << 23).Select(bits => Math.Log(1 + (bits / 8388608.0)))]);

        public static double Truth(double x)
        {
            int bits = BitConverter.SingleToInt32Bits((float)x), exponent = bits >> 23;
            return exponent is > 0 and < 255 ? ((exponent - 127) * Math.Log(2)) + s_logarithms.Value[bits & 0x7FFFFF] : Math.Log(x);
        }

        public static double FlushedBelow => 0;

        public static (float, float)? Simple(float x) => x < 0 ? (float.NaN, 0) : null;
    }

    /// <summary>Defined from 0 to 1; outside it repeats the value at the end, which Simple leaves to be found exactly right.</summary>
    private readonly struct LogOnePlusFunction : IFunction
    {
        public static Vector512<float> Compute(Vector512<float> x) =>
            LaneMath.LogOnePlus(Vector512.Min(Vector512.Max(x, Vector512<float>.Zero), Vector512<float>.One));

        public static double Truth(double x)
        {
            // log(1 + x) = 2 atanh(x / (2 + x)), which loses nothing for small x.
            double s = Math.Clamp(x, 0, 1) / (2 + Math.Clamp(x, 0, 1));
            return 2 * Math.Atanh(s);
        }

        public static double FlushedBelow => 0;

        public static (float, float)? Simple(float x) => x > 2 ? (0.6931472f, 0) : x <= 0 ? (0, 0) : x < 1e-8f ? (0, 1) : null;
    }

    private static void Check<T>(double maxUlp) where T : IFunction
    {
        (double Ulp, float At)[] worst = new (double, float)[Chunks];
        Parallel.For(0, Chunks, chunk => worst[chunk] = Worst<T>((uint)((long)chunk * ChunkFloats)));
        (double maximum, float at) = worst.MaxBy(item => item.Ulp);
        Assert.True(maximum <= maxUlp, $"{maximum} ulp at x = {at:R}: found {T.Compute(Vector512.Create(at))[0]:R}, the true value is {T.Truth(at):R}");
        Assert.True(maximum > 0.5, $"no function of floats is within {maximum} ulp: nothing was measured");
    }

    private static (double Ulp, float At) Worst<T>(uint start) where T : IFunction
    {
        (double, float) worst = (0, 0);
        Span<float> xs = stackalloc float[Lanes.Count], ys = stackalloc float[Lanes.Count];
        for (uint offset = 0; offset < ChunkFloats; offset += Lanes.Count)
        {
            Vector512<float> x = (Vector512.Create(start + offset) + Vector512.CreateSequence(0u, 1u)).AsSingle();
            Vector512<float> y = T.Compute(x);
            if (AgreesWithSimple<T>(x, y))
                continue;
            x.CopyTo(xs);
            y.CopyTo(ys);
            for (int lane = 0; lane < Lanes.Count; lane++)
            {
                double ulp = Error<T>(ys[lane], xs[lane]);
                if (!(ulp <= worst.Item1))
                    worst = (ulp, xs[lane]);
            }
        }
        return worst;
    }

    /// <summary>All lanes NaN for NaN, or within one ulp of the same simple form; what fails here is looked at lane by lane.</summary>
    private static bool AgreesWithSimple<T>(Vector512<float> x, Vector512<float> y) where T : IFunction
    {
        if (float.IsNaN(x[1]) && float.IsNaN(x[15]))
            return Vector512.EqualsAll(Vector512.Equals(x, x) ^ Vector512.Equals(y, y), Vector512<float>.Zero);
        if (T.Simple(x[0]) is not { } simple || !simple.Equals(T.Simple(x[15])))
            return false;
        if (float.IsNaN(simple.Value))
            return !Vector512.EqualsAny(y, y);
        if (simple.Slope == 0)
            return Vector512.EqualsAll(y, Vector512.Create(simple.Value));
        Vector512<float> expected = Vector512.FusedMultiplyAdd(x, Vector512.Create(simple.Slope), Vector512.Create(simple.Value));
        // One ulp is at least 2^-24 of the value; subnormal values must be exact.
        return Vector512.LessThanOrEqualAll(Vector512.Abs(y - expected), Vector512.Abs(expected) * Vector512.Create(1f / (1 << 24)));
    }

    private static double Error<T>(float found, float x) where T : IFunction
    {
        if (float.IsNaN(x))
            return float.IsNaN(found) ? 0 : double.PositiveInfinity;
        double expected = T.Truth(x);
        if (double.IsNaN(expected))
            return float.IsNaN(found) ? 0 : double.PositiveInfinity;
        if (found == expected || (found >= 0 && found < T.FlushedBelow && expected >= 0 && expected < T.FlushedBelow) || (float.IsPositiveInfinity(found) && expected > float.MaxValue))
            return 0;
        // The spacing of floats at the true value.
        long exponent = Math.Max(((BitConverter.DoubleToInt64Bits(expected) >> 52) & 0x7FF) - 23, 1023 - 149);
        double error = Math.Abs(found - expected) / BitConverter.Int64BitsToDouble(exponent << 52);
        return double.IsNaN(error) ? double.PositiveInfinity : error;
    }
}
