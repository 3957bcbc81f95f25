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
        Check<TanhFunction>(maxUlp: 3);

    [Fact]
    public void SigmoidIsWithinItsBoundForEveryFloat() =>
        Check<SigmoidFunction>(maxUlp: 2.9);

    [Fact]
    public void LogIsWithinItsBoundForEveryFloat() =>
        Check<LogFunction>(maxUlp: 1);

    [Fact]
    public void LogOfOnePlusIsWithinItsBoundForEveryFloatOfItsRange() =>
        Check<LogOnePlusFunction>(maxUlp: 1.5);

    private interface IFunction
    {
        static abstract Vector512<float> Compute(Vector512<float> x);

        static abstract double Truth(double x);

        /// <summary>Which true values may come out as 0.</summary>
        static abstract double FlushedBelow { get; }

        /// <summary>The true function's value where it is a limit or linear, as value and slope at 0; null where neither holds.</summary>
        static abstract (float Value, float Slope)? Simple(float x);
    }

    private readonly struct ExpFunction : IFunction
    {
        public static Vector512<float> Compute(Vector512<float> x) => LaneMath.Exp(x);

        public static double Truth(double x) => Math.Exp(x);

        public static double FlushedBelow => 0;

        public static (float, float)? Simple(float x) => x > 89 ? (float.PositiveInfinity, 0) : x < -105 ? (0, 0) : Math.Abs(x) < Small ? (1, 1) : null;
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

        public static (float, float)? Simple(float x) => x > 20 ? (1, 0) : x < -105 ? (0, 0) : Math.Abs(x) < Small ? (0.5f, 0.25f) : null;
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

        public static (float, float)? Simple(float x) => null;
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
        if (T.Simple(x[0]) is not { } simple || T.Simple(x[15]) != simple)
            return false;
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
        if (found == expected || (found == 0 && expected >= 0 && expected < T.FlushedBelow) || (float.IsPositiveInfinity(found) && expected > float.MaxValue))
            return 0;
        // The spacing of floats at the true value.
        long exponent = Math.Max(((BitConverter.DoubleToInt64Bits(expected) >> 52) & 0x7FF) - 23, 1023 - 149);
        double error = Math.Abs(found - expected) / BitConverter.Int64BitsToDouble(exponent << 52);
        return double.IsNaN(error) ? double.PositiveInfinity : error;
    }
}
