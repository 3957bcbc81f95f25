using WeightSpace.Analysis.Classification;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Divergence;

/// <summary>What a test found.</summary>
/// <param name="Effect">Its effect size; what it is, each test says.</param>
/// <param name="PValue">The chance of an effect as large or larger if there were no difference.</param>
public readonly record struct TestOutcome(double Effect, double PValue);

/// <summary>
/// Tests of whether two groups of networks come from one population. The first two have a statistic w^T M w with a fixed matrix M and weights w that stand for the groups, so
/// a permutation costs n^2 operations, whatever the number of features. p counts the observed arrangement as one of the permutations (Phipson and Smyth, "Permutation p-values
/// should never be zero", 2010), which keeps the level exact for any number of them.
/// </summary>
public static class TwoSampleTests
{
    /// <summary>
    /// Twins: do the displacements of many initial seeds share a direction? The statistic is the mean cosine over pairs of different seeds; if the displacements were as likely to
    /// point the other way, as they are when two networks of a pair differ by chance alone, every choice of signs would be as likely (Fisher, "The Design of Experiments", 1935,
    /// section 21). It is one-sided: a shared direction makes the cosine positive. Effect: the mean cosine, 0 for none, 1 for the same direction in all.
    /// </summary>
    /// <param name="cosines">[pairs, pairs], row-major: the cosine of two displacements, 0 where the two are not to be compared and on the diagonal.</param>
    /// <param name="seeds">By pair: 0.. for its initial seed. The pairs of a seed change sign together.</param>
    public static TestOutcome SharedDirection(ReadOnlySpan<double> cosines, ReadOnlySpan<int> seeds, int permutations, RandomStream random)
    {
        int count = seeds.Length;
        RequireSquare(cosines, count);
        double compared = 0;
        foreach (double cosine in cosines)
            compared += cosine != 0 ? 1 : 0;
        var signs = new double[count];
        Array.Fill(signs, 1);
        double observed = Form(cosines, signs);
        int most = 0;
        foreach (int seed in seeds)
            most = Math.Max(most, seed + 1);
        var signOf = new double[most];
        int asLarge = 0;
        for (int permutation = 0; permutation < permutations; permutation++)
        {
            for (int seed = 0; seed < most; seed++)
                signOf[seed] = random.NextBelow(2) == 0 ? 1 : -1;
            for (int pair = 0; pair < count; pair++)
                signs[pair] = signOf[seeds[pair]];
            if (IsAsLarge(Form(cosines, signs), observed))
                asLarge++;
        }
        return new TestOutcome(compared == 0 ? 0 : observed / compared, (1.0 + asLarge) / (1 + permutations));
    }

    /// <summary>
    /// Groups: the energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely and Rizzo, "Energy statistics", 2013, equation 5), which is 0 only for equal distributions, with
    /// group labels permuted. Effect: that over 2 E|X - Y|, their coefficient of inhomogeneity H, 0 to 1.
    /// </summary>
    /// <param name="distances">[rows, rows], row-major, symmetric.</param>
    /// <param name="isSecond">By row: whether it is of the second group. Both groups have a row.</param>
    public static TestOutcome Energy(ReadOnlySpan<double> distances, ReadOnlySpan<bool> isSecond, int permutations, RandomStream random)
    {
        int count = isSecond.Length, second = 0;
        RequireSquare(distances, count);
        foreach (bool of in isSecond)
            second += of ? 1 : 0;
        if (second == 0 || second == count)
            throw new ArgumentException($"{second} of {count} rows are of the second group; both groups were expected to have one", nameof(isSecond));
        // -w^T D w with w = 1 / n in one group and -1 / m in the other.
        var weights = new double[count];
        var weighted = new double[count];
        double between = 0;
        for (int i = 0; i < count; i++)
        {
            weights[i] = isSecond[i] ? -1.0 / second : 1.0 / (count - second);
            for (int j = 0; j < count; j++)
                between += isSecond[i] != isSecond[j] ? distances[(i * count) + j] : 0;
        }
        double observed = -Form(distances, weights);
        weights.CopyTo(weighted, 0);
        int asLarge = 0;
        for (int permutation = 0; permutation < permutations; permutation++)
        {
            random.Shuffle<double>(weighted);
            if (IsAsLarge(-Form(distances, weighted), observed))
                asLarge++;
        }
        double twice = between / ((double)second * (count - second)); // both orders of a pair are in the sum, so this is 2 E|X - Y|
        return new TestOutcome(twice > 0 ? observed / twice : 0, (1.0 + asLarge) / (1 + permutations));
    }

    /// <summary>
    /// Groups: can a classifier that learned from one half tell the groups apart in the other (Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", arXiv 1610.06545)?
    /// A linear one learns from the first half of each group; p is the binomial chance of as many right answers at 1/2. Effect: the accuracy.
    /// </summary>
    /// <param name="first">[rows, columns] of the first group, in an order that means nothing.</param>
    /// <param name="second">The same of the second, as many rows, at least 2.</param>
    public static TestOutcome Classifier(FeatureMatrix first, FeatureMatrix second)
    {
        if (first.Rows != second.Rows || first.Rows < 2 || first.Columns != second.Columns)
            throw new ArgumentException($"groups of [{first.Rows}, {first.Columns}] and [{second.Rows}, {second.Columns}]; two of one shape with at least 2 rows were expected", nameof(second));
        int learned = first.Rows / 2, tested = first.Rows - learned;
        FeatureMatrix Rows(int from, int count) => new(first.Name, 2 * count, first.Columns,
            [.. first.Values.AsSpan(from * first.Columns, count * first.Columns), .. second.Values.AsSpan(from * first.Columns, count * first.Columns)]);
        int[] labels = [.. Enumerable.Repeat(0, learned), .. Enumerable.Repeat(1, learned)];
        int[] answers = new LinearClassifier().FitPredict(Rows(0, learned), labels, 2, Rows(learned, tested));
        int right = answers.Where((answer, row) => answer == (row < tested ? 0 : 1)).Count();
        return new TestOutcome(right / (2.0 * tested), BinomialTail(2 * tested, right));
    }

    /// <summary>The chance of at least so many heads in n throws.</summary>
    internal static double BinomialTail(int n, int atLeast)
    {
        // Each term from the one before, from the top down: the smallest are added first.
        double tail = 0, term = Math.Pow(0.5, n);
        for (int heads = n; heads >= atLeast; heads--)
        {
            tail += term;
            term *= heads / (double)(n - heads + 1);
        }
        return Math.Min(1, tail);
    }

    private static void RequireSquare(ReadOnlySpan<double> matrix, int count)
    {
        if (matrix.Length != (long)count * count)
            throw new ArgumentException($"{matrix.Length} entries; [{count}, {count}] were expected", nameof(matrix));
    }

    /// <summary>w^T M w.</summary>
    private static double Form(ReadOnlySpan<double> matrix, ReadOnlySpan<double> weights)
    {
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
            sum += weights[i] * DenseVectors.Dot(matrix.Slice(i * weights.Length, weights.Length), weights);
        return sum;
    }

    /// <summary>Sums of the same terms in another order round differently.</summary>
    private static bool IsAsLarge(double value, double observed) => value >= observed - (1e-12 * Math.Abs(observed));
}
