using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks.Passes;

/// <summary>Functions of each element of an array whose length is a multiple of 16, to another or in place, and their derivatives. A gradient
/// below <see cref="Lanes.LeastGradient"/> ends in them, so that one that vanishes from layer to layer does not become subnormal.</summary>
internal static unsafe class LaneFunctions
{
    public static void Sigmoid(float* values, float* results, int count)
    {
        for (int i = Lanes.IsOneRegister ? SigmoidOfFours(values, results, count) : 0; i < count; i += Lanes.Count)
            LaneMath.Sigmoid(Vector512.Load(values + i)).Store(results + i);
    }

    /// <summary>As many as go in fours; returns how many. Apart from the rest, where four vectors are more than the registers hold.</summary>
    private static int SigmoidOfFours(float* values, float* results, int count)
    {
        int i = 0;
        for (; i + FourVectors.Count <= count; i += FourVectors.Count)
            LaneMath.Sigmoid(FourVectors.Load(values + i)).Store(results + i);
        return i;
    }

    public static void Tanh(float* values, float* results, int count)
    {
        for (int i = Lanes.IsOneRegister ? TanhOfFours(values, results, count) : 0; i < count; i += Lanes.Count)
            LaneMath.Tanh(Vector512.Load(values + i)).Store(results + i);
    }

    /// <summary>Likewise.</summary>
    private static int TanhOfFours(float* values, float* results, int count)
    {
        int i = 0;
        for (; i + FourVectors.Count <= count; i += FourVectors.Count)
            LaneMath.Tanh(FourVectors.Load(values + i)).Store(results + i);
        return i;
    }

    /// <summary>x where x > 0, slope x elsewhere; with slope 0, 0. A NaN stays one.</summary>
    public static void LeakyRelu(float* values, float* results, int count, float slope)
    {
        if (slope == 0)
        {
            for (int i = 0; i < count; i += Lanes.Count)
            {
                Vector512<float> x = Vector512.Load(values + i);
                Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x).Store(results + i);
            }
            return;
        }
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> x = Vector512.Load(values + i);
            Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), x * slope, x).Store(results + i);
        }
    }

    /// <summary>x Phi(x).</summary>
    public static void Gelu(float* values, float* results, int count)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> x = Vector512.Load(values + i);
            (x * LaneMath.NormalCdf(x)).Store(results + i);
        }
    }

    /// <summary>x sigmoid(x).</summary>
    public static void Silu(float* values, float* results, int count)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> x = Vector512.Load(values + i);
            (x * LaneMath.Sigmoid(x)).Store(results + i);
        }
    }

    /// <summary>gradient *= y > 0 ? 1 : slope, y the function's result.</summary>
    public static void LeakyReluGradient(float* results, float* gradient, int count, float slope)
    {
        if (slope == 0)
        {
            for (int i = 0; i < count; i += Lanes.Count)
            {
                Vector512<float> g = Lanes.ZeroBelow(Lanes.LeastGradient, Vector512.Load(gradient + i));
                Vector512.ConditionalSelect(Vector512.GreaterThan(Vector512.Load(results + i), Vector512<float>.Zero), g, Vector512<float>.Zero).Store(gradient + i);
            }
            return;
        }
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> g = Lanes.ZeroBelow(Lanes.LeastGradient, Vector512.Load(gradient + i));
            Vector512.ConditionalSelect(Vector512.GreaterThan(Vector512.Load(results + i), Vector512<float>.Zero), g, g * slope).Store(gradient + i);
        }
    }

    /// <summary>gradient *= 1 - y^2.</summary>
    public static void TanhGradient(float* results, float* gradient, int count)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> y = Vector512.Load(results + i);
            (Lanes.ZeroBelow(Lanes.LeastGradient, Vector512.Load(gradient + i)) * Vector512.FusedMultiplyAdd(-y, y, Vector512<float>.One)).Store(gradient + i);
        }
    }

    /// <summary>gradient *= y (1 - y).</summary>
    public static void SigmoidGradient(float* results, float* gradient, int count)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> y = Vector512.Load(results + i);
            (Lanes.ZeroBelow(Lanes.LeastGradient, Vector512.Load(gradient + i)) * (y * (Vector512<float>.One - y))).Store(gradient + i);
        }
    }

    /// <summary>gradient *= Phi(x) + x phi(x), phi the normal density.</summary>
    public static void GeluGradient(float* inputs, float* gradient, int count)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> x = Vector512.Load(inputs + i);
            (Lanes.ZeroBelow(Lanes.LeastGradient, Vector512.Load(gradient + i)) * Vector512.FusedMultiplyAdd(x, LaneMath.NormalDensity(x), LaneMath.NormalCdf(x))).Store(gradient + i);
        }
    }

    /// <summary>gradient *= s + x s (1 - s), s = sigmoid(x).</summary>
    public static void SiluGradient(float* inputs, float* gradient, int count)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> x = Vector512.Load(inputs + i), s = LaneMath.Sigmoid(x);
            (Lanes.ZeroBelow(Lanes.LeastGradient, Vector512.Load(gradient + i)) * Vector512.FusedMultiplyAdd(x * s, Vector512<float>.One - s, s)).Store(gradient + i);
        }
    }
}
