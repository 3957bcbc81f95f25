using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Classification;

/// <summary>
/// Multinomial logistic regression on standardised features: minimises the sum of -ln p(label) over the training rows plus
/// |W|^2 / 2, intercepts free, as scikit-learn's LogisticRegression with C = 1 (Hastie, Tibshirani and Friedman, "The Elements
/// of Statistical Learning", 2009, section 4.4).
/// <para>
/// With more columns than rows it works in the row space. The optimum of an L2-regularised loss lies in the span of the training
/// rows (Kimeldorf and Wahba, 1970; Elements, section 18.3.5), and in coordinates by an orthonormal basis of that span the
/// penalty reads the same. With X X^T = L L^T the rows of L are such coordinates of the training rows, and a test row with
/// inner products k to them has those l that solve L l = k.
/// </para>
/// </summary>
public sealed class LinearClassifier : IClassifier
{
    /// <summary>
    /// Norm of the gradient at the optimum. The penalty makes the objective 1-strongly convex in W, so the objective is within
    /// about half the square of this, 5e-7, of its minimum.
    /// </summary>
    private const double GradientTolerance = 1e-3;

    private const int MostIterations = 2000;

    /// <summary>A direction with less than this share of the largest row's squared norm is rounding of the Gram matrix.</summary>
    private const double RankTolerance = 1e-6;

    /// <inheritdoc/>
    public string Name => "linear";

    /// <inheritdoc/>
    public int[] FitPredict(FeatureMatrix train, int[] trainLabels, int classes, FeatureMatrix test)
    {
        (int[] present, double[,] probabilities) = FitProbabilities(train, trainLabels, classes, test, out _);
        var predicted = new int[test.Rows];
        for (int row = 0; row < test.Rows; row++)
        {
            int best = 0;
            for (int c = 1; c < present.Length; c++)
            {
                if (probabilities[row, c] > probabilities[row, best])
                    best = c;
            }
            predicted[row] = present[best];
        }
        return predicted;
    }

    /// <summary>
    /// The classes that occur in training (the intercept of another would go to minus infinity), the probability of each for each
    /// test row, [test rows, present], and the minimum of the objective.
    /// </summary>
    internal static (int[] Present, double[,] Probabilities) FitProbabilities(
        FeatureMatrix train, int[] trainLabels, int classes, FeatureMatrix test, out double objective)
    {
        ClassifierInput.Require(train, trainLabels, classes, test);
        int[] present = [.. trainLabels.Distinct().Order()];
        int[] labels = [.. trainLabels.Select(label => Array.BinarySearch(present, label))];
        ColumnScaling scaling = ColumnScaling.Fit(train);
        FeatureMatrix scaledTrain = scaling.Apply(train), scaledTest = scaling.Apply(test);
        (double[][] trainRows, double[][] testRows) = train.Columns > train.Rows
            ? RowSpace(scaledTrain, scaledTest)
            : (ToDouble(scaledTrain), ToDouble(scaledTest));

        int features = trainRows[0].Length;
        var weights = new double[present.Length * (features + 1)]; // [present, features], then the intercepts [present]
        var logits = new double[present.Length];
        objective = present.Length == 1 ? 0 : LimitedMemoryBfgs.Minimise(
            weights, (point, gradient) => Objective(trainRows, labels, point, gradient, logits), GradientTolerance, MostIterations);

        var probabilities = new double[test.Rows, present.Length];
        for (int row = 0; row < test.Rows; row++)
        {
            LogProbabilities(testRows[row], weights, logits);
            for (int c = 0; c < present.Length; c++)
                probabilities[row, c] = Math.Exp(logits[c]);
        }
        return (present, probabilities);
    }

    private static double Objective(double[][] rows, int[] labels, double[] weights, double[] gradient, double[] logits)
    {
        int features = rows[0].Length, classes = logits.Length, penalised = classes * features;
        Array.Clear(gradient);
        weights.AsSpan(0, penalised).CopyTo(gradient);
        double value = DenseVectors.Dot(weights.AsSpan(0, penalised), weights.AsSpan(0, penalised)) / 2;
        for (int row = 0; row < rows.Length; row++)
        {
            LogProbabilities(rows[row], weights, logits);
            value -= logits[labels[row]];
            for (int c = 0; c < classes; c++)
            {
                double excess = Math.Exp(logits[c]) - (c == labels[row] ? 1 : 0);
                DenseVectors.AddScaled(gradient.AsSpan(c * features, features), excess, rows[row]);
                gradient[penalised + c] += excess;
            }
        }
        return value;
    }

    /// <summary>ln p of each class for one row.</summary>
    private static void LogProbabilities(double[] row, double[] weights, double[] logits)
    {
        int features = row.Length, classes = logits.Length;
        double largest = double.NegativeInfinity;
        for (int c = 0; c < classes; c++)
        {
            logits[c] = DenseVectors.Dot(weights.AsSpan(c * features, features), row) + weights[(classes * features) + c];
            largest = Math.Max(largest, logits[c]);
        }
        double sum = 0;
        foreach (double logit in logits)
            sum += Math.Exp(logit - largest);
        double logSum = largest + Math.Log(sum);
        for (int c = 0; c < classes; c++)
            logits[c] -= logSum;
    }

    /// <summary>
    /// Coordinates of both sets of rows by an orthonormal basis of the span of the training rows, from a Cholesky decomposition
    /// with pivoting (Higham, "Analysis of the Cholesky decomposition of a semi-definite matrix", 1990), which ends at the rank.
    /// </summary>
    private static (double[][] Train, double[][] Test) RowSpace(FeatureMatrix train, FeatureMatrix test)
    {
        int count = train.Rows + test.Rows;
        float[] both = [.. train.Values, .. test.Values];
        GramMatrix gram = GramMatrix.Compute(both, count, train.Columns, centre: false);
        var left = new double[count]; // squared norm of each row outside of the directions so far
        for (int i = 0; i < count; i++)
            left[i] = gram[i, i];
        double least = RankTolerance * left.Take(train.Rows).Max();
        var rows = new double[count][];
        for (int i = 0; i < count; i++)
            rows[i] = new double[train.Rows];
        int rank = 0;
        for (; rank < train.Rows; rank++)
        {
            int pivot = 0;
            for (int i = 1; i < train.Rows; i++)
            {
                if (left[i] > left[pivot])
                    pivot = i;
            }
            if (left[pivot] <= least)
                break;
            double norm = Math.Sqrt(left[pivot]);
            for (int i = 0; i < count; i++)
            {
                double inner = gram[i, pivot] - DenseVectors.Dot(rows[i].AsSpan(0, rank), rows[pivot].AsSpan(0, rank));
                rows[i][rank] = inner / norm;
                left[i] -= rows[i][rank] * rows[i][rank];
            }
            left[pivot] = double.NegativeInfinity; // used up
        }
        int kept = Math.Max(1, rank); // equal rows span nothing; a column of zeros stands for it
        for (int i = 0; i < count; i++)
            rows[i] = rows[i][..kept];
        return (rows[..train.Rows], rows[train.Rows..]);
    }

    private static double[][] ToDouble(FeatureMatrix x)
    {
        var rows = new double[x.Rows][];
        for (int row = 0; row < x.Rows; row++)
            rows[row] = Array.ConvertAll(x.Row(row).ToArray(), value => (double)value);
        return rows;
    }
}
