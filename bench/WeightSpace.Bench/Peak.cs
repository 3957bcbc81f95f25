using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Bench;

/// <summary>The FMA peak: what a core would do if it did nothing but fused multiply-adds, the measure that every speed is a share of.</summary>
internal static class Peak
{
    /// <summary>
    /// Prints what one core does in GFLOP/s with independent chains of fused multiply-adds: the median of many rounds, as for every other contender, and the best. The two are
    /// far apart where others use the machine.
    /// </summary>
    public static void Run(double seconds)
    {
        var speeds = new List<double>();
        long start = Stopwatch.GetTimestamp();
        do
            speeds.Add(Once());
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
        speeds.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak GFLOP/s={speeds[speeds.Count / 2]:F1} best={speeds[^1]:F1} bits={Lanes.HardwareBits}"));
    }

    /// <summary>GFLOP/s of one round, which takes some 0.5 ms.</summary>
    public static double Once()
    {
        const int rounds = 250_000;
        long begin = Stopwatch.GetTimestamp();
        float sum = Lanes.IsOneRegister ? TenChains(rounds) : FiveChains(rounds);
        double elapsed = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        // Never 0: that it is looked at keeps the chains from being optimised away.
        return sum == 0 ? 0 : rounds * (Lanes.IsOneRegister ? 10.0 : 5) * 32 / elapsed / 1e9;
    }

    private static float TenChains(int rounds)
    {
        Vector512<float> m = Vector512.Create(0.999f), x = Vector512.Create(0.001f);
        Vector512<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x;
        for (int round = 0; round < rounds; round++)
        {
            a = Vector512.FusedMultiplyAdd(a, m, x);
            b = Vector512.FusedMultiplyAdd(b, m, x);
            c = Vector512.FusedMultiplyAdd(c, m, x);
            d = Vector512.FusedMultiplyAdd(d, m, x);
            e = Vector512.FusedMultiplyAdd(e, m, x);
            f = Vector512.FusedMultiplyAdd(f, m, x);
            g = Vector512.FusedMultiplyAdd(g, m, x);
            h = Vector512.FusedMultiplyAdd(h, m, x);
            i = Vector512.FusedMultiplyAdd(i, m, x);
            j = Vector512.FusedMultiplyAdd(j, m, x);
        }
        return Lanes.Sum(a + b + c + d + e + f + g + h + i + j);
    }

    // Where the lanes are two registers of the sixteen that AVX2 has, ten chains would not stay in them.
    private static float FiveChains(int rounds)
    {
        Vector512<float> m = Vector512.Create(0.999f), x = Vector512.Create(0.001f);
        Vector512<float> a = x, b = x, c = x, d = x, e = x;
        for (int round = 0; round < rounds; round++)
        {
            a = Vector512.FusedMultiplyAdd(a, m, x);
            b = Vector512.FusedMultiplyAdd(b, m, x);
            c = Vector512.FusedMultiplyAdd(c, m, x);
            d = Vector512.FusedMultiplyAdd(d, m, x);
            e = Vector512.FusedMultiplyAdd(e, m, x);
        }
        return Lanes.Sum(a + b + c + d + e);
    }
}
