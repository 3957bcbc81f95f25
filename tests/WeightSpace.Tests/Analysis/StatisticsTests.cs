using WeightSpace.Analysis;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis;

public sealed class StatisticsTests
{
    [Fact]
    public void Wilson_by_hand()
    {
        // 8 of 10 at z = 1.959964: (0.8 + z^2/20 +- z sqrt(0.016 + z^2/400)) / (1 + z^2/10).
        bool[] correct = [.. Enumerable.Range(0, 10).Select(i => i < 8)];
        Interval interval = Intervals.Wilson(correct, Planted.Singletons(10));
        const double z2 = 3.8414588207;
        const double n = 10;
        double half = Math.Sqrt(z2) * Math.Sqrt((0.16 / n) + (z2 / (4 * n * n))) / (1 + (z2 / n));
        double centre = (0.8 + (z2 / (2 * n))) / (1 + (z2 / n));
        Assert.Equal(centre - half, interval.Low, 1e-7);
        Assert.Equal(centre + half, interval.High, 1e-7);
    }

    [Fact]
    public void Wilson_counts_groups_that_agree_as_one_draw_each()
    {
        bool[] once = [.. Enumerable.Range(0, 20).Select(i => i % 4 != 0)];
        bool[] tenTimes = [.. Enumerable.Range(0, 200).Select(i => once[i / 10])];
        int[] groups = [.. Enumerable.Range(0, 200).Select(i => i / 10)];
        Interval expected = Intervals.Wilson(once, Planted.Singletons(20));
        Interval clustered = Intervals.Wilson(tenTimes, groups);
        Assert.InRange((clustered.High - clustered.Low) / (expected.High - expected.Low), 1, 1.05); // n_eff 19.1 of 20 groups
        Interval naive = Intervals.Wilson(tenTimes, Planted.Singletons(200));
        Assert.True(naive.High - naive.Low < 0.5 * (clustered.High - clustered.Low));
    }

    [Fact]
    public void Wilson_at_the_edges()
    {
        Assert.Equal(1, Intervals.Wilson([true, true, true], [1, 2, 3]).High);
        Assert.Equal(0, Intervals.Wilson([false, false, false], [1, 2, 3]).Low);
        Assert.Equal(3 / (3 + 3.8414588207), Intervals.Wilson([true, true, true], [1, 2, 3]).Low, 1e-7); // n / (n + z^2)
        Interval one = Intervals.Wilson([true, true, true, false], [7, 7, 7, 7]);
        Assert.True(one.High - one.Low > 0.7); // one group is one draw
        Assert.Throws<ArgumentException>(() => Intervals.Wilson([], []));
        Assert.Throws<ArgumentException>(() => Intervals.Wilson([true], [1, 2]));
        Assert.Throws<ArgumentException>(() => Intervals.Wilson([true], [1], 1));
    }

    [Fact]
    public void Wilson_covers_the_truth_at_its_level()
    {
        // 25 groups of 4; each group is right with probability 0.7 as a whole or row by row, in equal parts.
        int covered = 0;
        const int trials = 1000;
        for (int trial = 0; trial < trials; trial++)
        {
            var random = new RandomStream((ulong)trial, RandomPurpose.Testing);
            var correct = new bool[100];
            for (int group = 0; group < 25; group++)
            {
                bool whole = random.NextUniform() < 0.7f;
                for (int row = 0; row < 4; row++)
                    correct[(group * 4) + row] = group % 2 == 0 ? whole : random.NextUniform() < 0.7f;
            }
            Interval interval = Intervals.Wilson(correct, [.. Enumerable.Range(0, 100).Select(row => row / 4)]);
            covered += interval.Low <= 0.7 && 0.7 <= interval.High ? 1 : 0;
        }
        Assert.InRange(covered / (double)trials, 0.92, 0.975);
    }

    [Fact]
    public void Bootstrap_of_means_matches_the_normal_interval_and_widens_by_groups()
    {
        var random = new RandomStream(5, RandomPurpose.Testing);
        double[] values = [.. Enumerable.Range(0, 400).Select(_ => 2.0 + random.NextNormal())];
        double mean = values.Average();
        double error = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / 400) / 20;
        Interval interval = Intervals.BootstrapMean(values, Planted.Singletons(400), 4000, 1);
        Assert.Equal(mean - (1.96 * error), interval.Low, 0.1 * error * 2);
        Assert.Equal(mean + (1.96 * error), interval.High, 0.1 * error * 2);
        Assert.Equal(interval, Intervals.BootstrapMean(values, Planted.Singletons(400), 4000, 1));

        double[] repeated = [.. Enumerable.Range(0, 400).Select(i => values[i / 20])];
        int[] groups = [.. Enumerable.Range(0, 400).Select(i => i / 20)];
        Interval grouped = Intervals.BootstrapMean(repeated, groups, 2000, 1);
        Interval naive = Intervals.BootstrapMean(repeated, Planted.Singletons(400), 2000, 1);
        Assert.InRange((grouped.High - grouped.Low) / (naive.High - naive.Low), 3, 6); // sqrt(20) = 4.5
        Assert.Equal(new Interval(3, 3), Intervals.BootstrapMean([3, 3], [1, 2], 50, 0));
    }

    [Fact]
    public void Bootstrap_of_ratios_holds_a_constant_ratio_and_refuses_no_denominator()
    {
        double[] denominators = [1, 4, 0, 2, 8];
        double[] numerators = [.. denominators.Select(value => 3 * value)];
        Interval interval = Intervals.BootstrapRatio(numerators, denominators, Planted.Singletons(5), 500, 1);
        Assert.Equal(3, interval.Low, 1e-12);
        Assert.Equal(3, interval.High, 1e-12);
        Assert.Throws<ArgumentException>(() => Intervals.BootstrapRatio([1, 2], [0, 0], [1, 2], 10, 1));
        Assert.Throws<ArgumentException>(() => Intervals.BootstrapRatio([1, double.NaN], [1, 1], [1, 2], 10, 1));
        Assert.Throws<ArgumentException>(() => Intervals.BootstrapRatio([1, 2], [1, 1, 1], [1, 2], 10, 1));
    }

    [Fact]
    public void Jackknife_of_a_mean_has_the_textbook_error()
    {
        double[] values = [3, 1, 4, 1, 5, 9, 2, 6];
        (double estimate, Interval interval) = Intervals.Jackknife(8, Planted.Singletons(8), rows => rows.Average(row => values[row]));
        double mean = values.Average();
        double error = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / 7 / 8);
        Assert.Equal(mean, estimate, 1e-12);
        Assert.Equal(mean - (1.9599639845 * error), interval.Low, 1e-8);
        Assert.Equal(mean + (1.9599639845 * error), interval.High, 1e-8);

        (_, Interval grouped) = Intervals.Jackknife(8, [4, 4, 2, 2, 9, 9, 7, 7], rows => rows.Average(row => values[row]));
        double[] means = [2, 2.5, 7, 4];
        double between = Math.Sqrt(means.Sum(value => (value - mean) * (value - mean)) / 3 / 4);
        Assert.Equal(2 * 1.9599639845 * between, grouped.High - grouped.Low, 1e-8);
        Assert.Throws<ArgumentException>(() => Intervals.Jackknife(3, [1, 1, 1], _ => 0));
    }

    [Fact]
    public void Standardised_columns_have_mean_zero_and_deviation_one_and_constants_vanish()
    {
        var x = new FeatureMatrix("x", 4, 3, [1, 0.1f, 10, 2, 0.1f, 10, 3, 0.1f, 30, 6, 0.1f, 30]);
        FeatureMatrix standardised = x.Standardised();
        double deviation = Math.Sqrt(3.5); // of 1, 2, 3, 6 around 3
        float[] expected = [(float)(-2 / deviation), 0, -1, (float)(-1 / deviation), 0, -1, 0, 0, 1, (float)(3 / deviation), 0, 1];
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], standardised.Values[i], 1e-6f);
        Assert.Equal([6, 0.1f, 30, 1, 0.1f, 10], x.SelectRows([3, 0]).Values);
        Assert.Throws<ArgumentException>(() => x.SelectRows([4]));
        Assert.Throws<ArgumentException>(() => new FeatureMatrix("x", 2, 2, new float[3]));
    }
}
