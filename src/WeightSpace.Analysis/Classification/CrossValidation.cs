using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Classification;

/// <summary>How well a classifier predicts rows that it was not trained on.</summary>
/// <param name="Accuracy">The share of rows predicted correctly, each by the fold that held it out.</param>
/// <param name="Confidence">Its 95 % interval, groups as units: <see cref="Intervals.Wilson"/>.</param>
/// <param name="Predicted">The predicted class of each row.</param>
/// <param name="Fold">The fold that held each row out.</param>
public sealed record CrossValidationResult(double Accuracy, Interval Confidence, int[] Predicted, int[] Fold);

/// <summary>Cross-validation with folds that hold whole groups and about equal shares of each class.</summary>
public static class CrossValidation
{
    /// <summary>
    /// The fold of each row, 0 to folds - 1. All rows of a group are in one fold, so no network is predicted from its twin.
    /// Groups in random order, then those with the most unequal classes first, each go to the fold where the shares of the
    /// classes then spread least over the folds, as in scikit-learn's StratifiedGroupKFold. With a group for each row this is
    /// plain stratification.
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than 2 folds, or fewer groups than folds.</exception>
    public static int[] StratifiedGroupFolds(int[] labels, int[] groups, int folds, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(labels);
        int[][] members = Intervals.Members(labels.Length, groups);
        if (folds < 2 || folds > members.Length)
            throw new ArgumentException($"{folds} folds of {members.Length} groups; expected 2 folds to one for each group", nameof(folds));
        (int[] dense, int classes) = ClusterScores.Dense(labels);
        var total = new double[classes];
        foreach (int label in dense)
            total[label]++;
        var counts = new double[members.Length][];
        for (int group = 0; group < members.Length; group++)
        {
            counts[group] = new double[classes];
            foreach (int row in members[group])
                counts[group][dense[row]]++;
        }

        var random = new RandomStream(seed, RandomPurpose.Folds);
        var order = new int[members.Length];
        random.Permute(order);
        var fold = new int[labels.Length];
        var inFold = new double[folds][];
        for (int f = 0; f < folds; f++)
            inFold[f] = new double[classes];
        foreach (int group in order.OrderByDescending(group => StandardDeviation(counts[group])))
        {
            int best = -1;
            double lowest = double.PositiveInfinity, fewest = double.PositiveInfinity;
            for (int f = 0; f < folds; f++)
            {
                Add(inFold[f], counts[group], 1);
                double spread = Spread(inFold, total);
                Add(inFold[f], counts[group], -1);
                double rows = inFold[f].Sum();
                if (spread < lowest - 1e-9 || (spread < lowest + 1e-9 && rows < fewest))
                    (best, lowest, fewest) = (f, spread, rows);
            }
            Add(inFold[best], counts[group], 1);
            foreach (int row in members[group])
                fold[row] = best;
        }
        return fold;
    }

    /// <summary>Predicts each fold from the others. The seed draws the folds; the classifier has its own.</summary>
    /// <param name="x">[rows, columns], finite.</param>
    /// <param name="labels">The class of each row, 0 upwards.</param>
    /// <param name="groups">The group of each row.</param>
    /// <param name="classifier">What to train.</param>
    /// <param name="folds">The number of folds, 2 to the number of groups.</param>
    /// <param name="seed">The seed of the folds.</param>
    /// <param name="mostGroups">Groups to train on in each fold, drawn at random from those that the fold leaves; all by default.</param>
    public static CrossValidationResult Run(FeatureMatrix x, int[] labels, int[] groups, IClassifier classifier, int folds, ulong seed, int mostGroups = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classifier);
        if (labels.Length != x.Rows)
            throw new ArgumentException($"{labels.Length} labels of {x.Rows} rows; expected one for each", nameof(labels));
        int[] fold = StratifiedGroupFolds(labels, groups, folds, seed);
        int classes = labels.Max() + 1;
        var predicted = new int[x.Rows];
        Parallel.For(0, folds, f =>
        {
            int[] test = [.. Enumerable.Range(0, x.Rows).Where(row => fold[row] == f)];
            if (test.Length == 0)
                return; // groups of very unequal size can leave a fold without one
            HashSet<int> trained = DrawGroups([.. Enumerable.Range(0, x.Rows).Where(row => fold[row] != f).Select(row => groups[row]).Distinct()], mostGroups, seed, f);
            int[] train = [.. Enumerable.Range(0, x.Rows).Where(row => trained.Contains(groups[row]))];
            int[] answers = classifier.FitPredict(
                x.SelectRows(train), [.. train.Select(row => labels[row])], classes, x.SelectRows(test));
            for (int i = 0; i < test.Length; i++)
                predicted[test[i]] = answers[i];
        });
        bool[] correct = [.. predicted.Zip(labels, (answer, label) => answer == label)];
        return new CrossValidationResult(correct.Count(one => one) / (double)x.Rows, Intervals.Wilson(correct, groups), predicted, fold);
    }

    private static HashSet<int> DrawGroups(int[] groups, int most, ulong seed, int fold)
    {
        if (groups.Length <= most)
            return [.. groups];
        new RandomStream(seed, RandomPurpose.Folds, 1 + (ulong)fold).Shuffle<int>(groups);
        return [.. groups[..most]];
    }

    private static void Add(double[] target, double[] counts, int sign)
    {
        for (int c = 0; c < target.Length; c++)
            target[c] += sign * counts[c];
    }

    /// <summary>The standard deviation over folds of the share of a class in each, averaged over classes.</summary>
    private static double Spread(double[][] inFold, double[] total)
    {
        double sum = 0;
        for (int c = 0; c < total.Length; c++)
        {
            double mean = 0, square = 0;
            foreach (double[] counts in inFold)
                mean += counts[c] / total[c] / inFold.Length;
            foreach (double[] counts in inFold)
                square += ((counts[c] / total[c]) - mean) * ((counts[c] / total[c]) - mean);
            sum += Math.Sqrt(square / inFold.Length);
        }
        return sum / total.Length;
    }

    private static double StandardDeviation(double[] values)
    {
        double mean = values.Average();
        return Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / values.Length);
    }
}
