using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Classification;

/// <summary>
/// A random forest: Breiman, "Random forests", 2001. Each tree grows on a bootstrap sample of the rows until its leaves are pure,
/// each split being the one of least Gini impurity among sqrt(columns) random columns; classes are predicted by the mean of the
/// trees' leaf shares, as in scikit-learn. Splits lie midway between two neighbouring values of up to 256 quantile bins of a
/// column, which is exact where a column has no more distinct values.
/// </summary>
/// <param name="trees">The number of trees.</param>
/// <param name="seed">The seed; tree t draws from its item t, so the forest does not depend on the order in which trees grow.</param>
public sealed class RandomForest(int trees = 300, ulong seed = 0) : IClassifier
{
    private readonly int _trees = trees >= 1 ? trees : throw new ArgumentException($"{trees} trees; expected at least 1", nameof(trees));

    /// <inheritdoc/>
    public string Name => "forest";

    /// <inheritdoc/>
    public int[] FitPredict(FeatureMatrix train, int[] trainLabels, int classes, FeatureMatrix test)
    {
        ClassifierInput.Require(train, trainLabels, classes, test);
        QuantileBins bins = QuantileBins.Of(train);
        var forest = new DecisionTree[_trees];
        Parallel.For(0, _trees, tree => forest[tree] = new TreeGrower(
            train, bins, trainLabels, classes, new RandomStream(seed, RandomPurpose.Forest, (ulong)tree)).Grow());
        var predicted = new int[test.Rows];
        Parallel.For(0, test.Rows, row =>
        {
            var shares = new double[classes];
            foreach (DecisionTree tree in forest) // in one order, because sums of shares round
                tree.AddShares(test.Row(row), shares);
            predicted[row] = shares.AsSpan().IndexOf(shares.Max());
        });
        return predicted;
    }
}
