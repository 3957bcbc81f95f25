using WeightSpace.Analysis.Clustering;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Statistics;

/// <summary>
/// Confidence intervals for scores over networks that are not independent: rows of one group (twins, checkpoints of one
/// trajectory) share what they share, so groups are the units, not rows. Group numbers are any integers.
/// </summary>
public static class Intervals
{
    /// <summary>
    /// The score interval of a proportion, E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    /// 1927, at the effective sample size n / deff (Korn and Graubard, "Confidence intervals for proportions with small expected
    /// number of positive counts estimated from survey data", 1998). deff is Kish's design effect, the variance of the mean
    /// estimated between groups over that of n independent draws, but at least 1; where all or none is correct there is no
    /// variance to estimate it from, and it is 1. Rows each in a group of their own give the plain interval; rows that are all in one
    /// group count as one draw.
    /// </summary>
    /// <param name="correct">Whether each row was answered correctly.</param>
    /// <param name="groups">The group of each row.</param>
    /// <param name="level">The level of confidence, in (0, 1).</param>
    public static Interval Wilson(bool[] correct, int[] groups, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(correct);
        int[][] members = Members(correct.Length, groups);
        double rows = correct.Length;
        double share = correct.Count(one => one) / rows;
        double effective = members.Length == 1 ? 1 : rows;
        if (members.Length > 1 && share is > 0 and < 1)
        {
            double between = 0;
            foreach (int[] group in members)
            {
                double excess = group.Count(row => correct[row]) - (share * group.Length);
                between += excess * excess;
            }
            between *= members.Length / (members.Length - 1.0) / (rows * rows);
            effective = rows / Math.Max(1, between / (share * (1 - share) / (rows - 1)));
        }
        double z = NormalQuantile(level);
        double scale = 1 + (z * z / effective);
        double centre = (share + (z * z / (2 * effective))) / scale;
        double half = z / scale * Math.Sqrt((share * (1 - share) / effective) + (z * z / (4 * effective * effective)));
        return new Interval(share == 0 ? 0 : Math.Max(0, centre - half), share == 1 ? 1 : Math.Min(1, centre + half));
    }

    /// <summary>
    /// The exact interval of a proportion of independent draws, Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", 1934: it holds the true one with
    /// at least the level of confidence, however few draws there are.
    /// </summary>
    /// <param name="successes">0 to <paramref name="draws"/>.</param>
    /// <param name="draws">At least 1.</param>
    /// <param name="level">The level of confidence, in (0, 1).</param>
    public static Interval ClopperPearson(int successes, int draws, double level = 0.95)
    {
        if (draws < 1 || successes < 0 || successes > draws)
            throw new ArgumentException($"{successes} of {draws} draws; expected at least 1 draw, and 0 to as many successes", nameof(successes));
        RequireLevel(level);
        double tail = (1 - level) / 2;
        return new Interval(successes == 0 ? 0 : BetaQuantile(successes, draws - successes + 1, tail), successes == draws ? 1 : BetaQuantile(successes + 1, draws - successes, 1 - tail));
    }

    /// <summary>
    /// The quantile of the beta distribution with whole parameters: the a-th smallest of a + b - 1 uniform numbers is distributed so, hence it is below x as often as at least a of them are.
    /// </summary>
    public static double BetaQuantile(int a, int b, double p)
    {
        if (a < 1 || b < 1)
            throw new ArgumentException($"parameters {a} and {b}; expected at least 1", nameof(a));
        int draws = a + b - 1;
        double low = 0, high = 1;
        for (int halving = 0; halving < 60; halving++)
        {
            double x = (low + high) / 2;
            if (AtLeast(a, draws, x) < p)
                low = x;
            else
                high = x;
        }
        return high;
    }

    /// <summary>The probability of at least so many successes in independent draws.</summary>
    private static double AtLeast(int least, int draws, double chance)
    {
        // By logarithms, so that no term underflows before the sum has begun.
        double sum = 0, log = draws * Math.Log(1 - chance), logOdds = Math.Log(chance / (1 - chance));
        for (int k = 0; k <= draws; k++)
        {
            if (k >= least)
                sum += Math.Exp(log);
            log += logOdds + Math.Log((draws - k) / (k + 1.0));
        }
        return Math.Min(1, sum);
    }

    /// <summary>
    /// The percentile interval of a mean: whole groups are drawn with replacement, as many as there are (Davison and Hinkley,
    /// "Bootstrap Methods and their Application", 1997, section 3.8, strategy 1).
    /// </summary>
    public static Interval BootstrapMean(double[] values, int[] groups, int resamples, ulong seed, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(values);
        var ones = new double[values.Length];
        Array.Fill(ones, 1);
        return BootstrapRatio(values, ones, groups, resamples, seed, level);
    }

    /// <summary>
    /// The percentile interval of sum(numerators) / sum(denominators), whole groups drawn with replacement. A draw with no
    /// denominator is drawn again.
    /// </summary>
    /// <param name="numerators">One for each row, finite.</param>
    /// <param name="denominators">One for each row, finite, at least 0, not all 0.</param>
    /// <param name="groups">The group of each row.</param>
    /// <param name="resamples">The number of draws.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="level">The level of confidence, in (0, 1).</param>
    public static Interval BootstrapRatio(
        double[] numerators, double[] denominators, int[] groups, int resamples, ulong seed, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(numerators);
        ArgumentNullException.ThrowIfNull(denominators);
        int[][] members = Members(numerators.Length, groups);
        if (denominators.Length != numerators.Length)
            throw new ArgumentException(
                $"{denominators.Length} denominators; expected {numerators.Length}, one for each row", nameof(denominators));
        if (!numerators.All(double.IsFinite))
            throw new ArgumentException("a value is not finite; expected finite ones", nameof(numerators));
        if (!denominators.All(value => double.IsFinite(value) && value >= 0) || denominators.All(value => value == 0))
            throw new ArgumentException("expected finite denominators of at least 0, not all 0", nameof(denominators));
        if (resamples < 1)
            throw new ArgumentException($"{resamples} resamples; expected at least 1", nameof(resamples));
        RequireLevel(level);
        double[] over = [.. members.Select(group => group.Sum(row => numerators[row]))];
        double[] under = [.. members.Select(group => group.Sum(row => denominators[row]))];
        var ratios = new double[resamples];
        Parallel.For(0, resamples, resample =>
        {
            var random = new RandomStream(seed, RandomPurpose.Bootstrap, (ulong)resample);
            double numerator, denominator;
            do
            {
                (numerator, denominator) = (0, 0);
                for (int draw = 0; draw < members.Length; draw++)
                {
                    int group = random.NextBelow(members.Length);
                    numerator += over[group];
                    denominator += under[group];
                }
            }
            while (denominator == 0);
            ratios[resample] = numerator / denominator;
        });
        Array.Sort(ratios);
        return new Interval(Percentile(ratios, (1 - level) / 2), Percentile(ratios, (1 + level) / 2));
    }

    /// <summary>
    /// An estimate with the normal interval of the delete-one-group jackknife (Efron and Stein, "The jackknife estimate of variance",
    /// 1981): for scores over pairs of rows such as ARI, AMI and silhouettes, where the duplicate rows of a bootstrap would count
    /// as pairs that agree.
    /// </summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="groups">The group of each row; at least 2 groups.</param>
    /// <param name="statisticOfKeptRows">The score of the rows given, ascending. It may be called from several threads at once.</param>
    /// <param name="level">The level of confidence, in (0, 1).</param>
    public static (double Estimate, Interval Confidence) Jackknife(
        int rows, int[] groups, Func<int[], double> statisticOfKeptRows, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(statisticOfKeptRows);
        int[][] members = Members(rows, groups);
        if (members.Length < 2)
            throw new ArgumentException("the rows form 1 group; a jackknife expects at least 2", nameof(groups));
        (int[] dense, _) = ClusterScores.Dense(groups);
        double estimate = statisticOfKeptRows([.. Enumerable.Range(0, rows)]);
        var without = new double[members.Length];
        Parallel.For(0, members.Length, group =>
            without[group] = statisticOfKeptRows([.. Enumerable.Range(0, rows).Where(row => dense[row] != group)]));
        return (estimate, Jackknife(estimate, without, level));
    }

    /// <summary>The same interval from the scores without each of the groups, at least 2.</summary>
    public static Interval Jackknife(double estimate, double[] without, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(without);
        if (without.Length < 2)
            throw new ArgumentException($"{without.Length} scores; a jackknife expects at least 2, one without each group", nameof(without));
        double mean = without.Average();
        double error = Math.Sqrt((without.Length - 1.0) / without.Length * without.Sum(value => (value - mean) * (value - mean)));
        double half = NormalQuantile(level) * error;
        return new Interval(estimate - half, estimate + half);
    }

    /// <summary>The value below which a share of sorted values lies, linear between two of them (numpy's default).</summary>
    internal static double Percentile(double[] sorted, double share)
    {
        double position = share * (sorted.Length - 1);
        int below = Math.Clamp((int)Math.Floor(position), 0, sorted.Length - 1);
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((position - below) * (sorted[above] - sorted[below]));
    }

    /// <summary>The rows of each group, groups in the order in which they appear.</summary>
    internal static int[][] Members(int rows, int[] groups)
    {
        ArgumentNullException.ThrowIfNull(groups);
        if (rows < 1 || groups.Length != rows)
            throw new ArgumentException(
                $"{groups.Length} group numbers of {rows} rows; expected one for each of at least 1 row", nameof(groups));
        (int[] dense, int count) = ClusterScores.Dense(groups);
        var members = new List<int>[count];
        for (int row = 0; row < rows; row++)
            (members[dense[row]] ??= []).Add(row);
        return [.. members.Select(group => group.ToArray())];
    }

    /// <summary>The z that a standard normal stays within, either side, at a level of confidence.</summary>
    private static double NormalQuantile(double level)
    {
        RequireLevel(level);
        return DoubleMath.NormalQuantile((1 + level) / 2);
    }

    private static void RequireLevel(double level)
    {
        if (!(level > 0 && level < 1))
            throw new ArgumentException($"level of confidence {level}; expected above 0 and below 1", nameof(level));
    }
}
