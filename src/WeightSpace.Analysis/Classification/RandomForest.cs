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
    private const int Bins = 256;

    private readonly int _trees = trees >= 1 ? trees : throw new ArgumentException($"{trees} trees; expected at least 1", nameof(trees));

    /// <inheritdoc/>
    public string Name => "forest";

    /// <inheritdoc/>
    public int[] FitPredict(FeatureMatrix train, int[] trainLabels, int classes, FeatureMatrix test)
    {
        ClassifierInput.Require(train, trainLabels, classes, test);
        byte[] bins = QuantileBins(train);
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

    /// <summary>The quantile bin of each value, ascending in the value, [columns, rows].</summary>
    private static byte[] QuantileBins(FeatureMatrix x)
    {
        var bins = new byte[x.Values.Length];
        const int columnsOfPart = 64;
        Parallel.For(0, (x.Columns + columnsOfPart - 1) / columnsOfPart, part =>
        {
            var values = new float[x.Rows];
            var order = new int[x.Rows];
            for (int column = part * columnsOfPart; column < Math.Min(x.Columns, (part + 1) * columnsOfPart); column++)
            {
                int distinct = 1;
                for (int row = 0; row < x.Rows; row++)
                    (values[row], order[row]) = (x.Values[(row * x.Columns) + column], row);
                Array.Sort(values, order);
                for (int rank = 1; rank < x.Rows; rank++)
                    distinct += values[rank] != values[rank - 1] ? 1 : 0;
                int bin = 0;
                for (int rank = 0; rank < x.Rows; rank++)
                {
                    if (rank > 0 && values[rank] != values[rank - 1])
                        bin = distinct <= Bins ? bin + 1 : (int)((long)rank * Bins / x.Rows);
                    bins[(column * x.Rows) + order[rank]] = (byte)bin;
                }
            }
        });
        return bins;
    }
}
