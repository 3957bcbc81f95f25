using WeightSpace.Analysis.Statistics;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Classification;

/// <summary>What the same classifier scores on labels that mean nothing.</summary>
/// <param name="Mean">Mean accuracy.</param>
/// <param name="Percentile95">The accuracy that 95 % of the permutations stay at or below.</param>
/// <param name="PValue">(1 + permutations that score the observed accuracy or more) / (1 + permutations).</param>
/// <param name="Permutations">The number of permutations.</param>
public sealed record PermutationBaseline(double Mean, double Percentile95, double PValue, int Permutations);

/// <summary>
/// The permutation test of a classifier: Ojala and Garriga, "Permutation tests for studying classifier performance", 2010,
/// test 1. The p-value counts the observed labels as one of the permutations (Phipson and Smyth, "Permutation p-values should
/// never be zero", 2010).
/// </summary>
public static class PermutedLabels
{
    /// <summary>
    /// Permutes the labels, draws folds for them and cross-validates, as often as asked. Only what would be exchangeable if the
    /// labels meant nothing is exchanged:
    /// within groups where every group of more than one row holds several classes (twins of which one has the factor);
    /// between whole groups where each group holds one class (all twins of one recipe share it);
    /// over all rows otherwise.
    /// </summary>
    /// <param name="x">[rows, columns], finite.</param>
    /// <param name="labels">The class of each row, 0 upwards.</param>
    /// <param name="groups">The group of each row.</param>
    /// <param name="c">The classifier that was observed.</param>
    /// <param name="folds">The number of folds that were used.</param>
    /// <param name="permutations">How many permutations, at least 1.</param>
    /// <param name="seed">The seed of the permutations and, as in <see cref="CrossValidation.Run"/>, of the folds.</param>
    /// <param name="observed">The accuracy with the true labels.</param>
    public static PermutationBaseline Run(
        FeatureMatrix x, int[] labels, int[] groups, IClassifier c, int folds, int permutations, ulong seed, double observed)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(labels);
        if (permutations < 1)
            throw new ArgumentException($"{permutations} permutations; expected at least 1", nameof(permutations));
        if (labels.Length != x.Rows)
            throw new ArgumentException($"{labels.Length} labels of {x.Rows} rows; expected one for each", nameof(labels));
        var scores = new double[permutations];
        Parallel.For(0, permutations, p =>
            scores[p] = CrossValidation.Run(x, Permute(labels, groups, seed, p), groups, c, folds, seed).Accuracy);
        Array.Sort(scores);
        int asGood = scores.Count(score => score >= observed - 1e-12); // equal shares may differ by their rounding
        return new PermutationBaseline(
            scores.Average(), Intervals.Percentile(scores, 0.95), (1.0 + asGood) / (1 + permutations), permutations);
    }

    /// <summary>One permutation of the labels, by its number.</summary>
    internal static int[] Permute(int[] labels, int[] groups, ulong seed, int permutation)
    {
        int[][] members = Intervals.Members(labels.Length, groups);
        var random = new RandomStream(seed, RandomPurpose.Permutation, (ulong)permutation);
        var permuted = (int[])labels.Clone();
        int[][] several = [.. members.Where(group => group.Length > 1)];
        if (several.Length > 0 && several.All(group => group.Any(row => labels[row] != labels[group[0]])))
        {
            foreach (int[] group in several)
            {
                int[] shuffled = [.. group.Select(row => labels[row])];
                random.Shuffle<int>(shuffled);
                for (int i = 0; i < group.Length; i++)
                    permuted[group[i]] = shuffled[i];
            }
        }
        else if (several.Length > 0 && several.All(group => group.All(row => labels[row] == labels[group[0]])))
        {
            int[] shuffled = [.. members.Select(group => labels[group[0]])];
            random.Shuffle<int>(shuffled);
            for (int group = 0; group < members.Length; group++)
            {
                foreach (int row in members[group])
                    permuted[row] = shuffled[group];
            }
        }
        else
        {
            random.Shuffle<int>(permuted);
        }
        return permuted;
    }
}
