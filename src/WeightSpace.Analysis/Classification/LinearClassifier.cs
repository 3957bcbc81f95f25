using System.Runtime.InteropServices;
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
        (double[] rows, int stride) = train.Columns > train.Rows ? RowSpace(train, test) : Columns(train, test);
        ReadOnlyMemory<double> trainRows = rows.AsMemory(0, train.Rows * stride), testRows = rows.AsMemory(train.Rows * stride);
        var weights = new double[present.Length * (stride + 1)]; // [present, stride], then the intercepts [present]
        var block = new Block(present.Length);
        objective = present.Length == 1 ? 0 : LimitedMemoryBfgs.Minimise(
            weights, (point, gradient) => Objective(trainRows.Span, stride, labels, point, gradient, block), GradientTolerance, MostIterations);

        var probabilities = new double[test.Rows, present.Length];
        for (int first = 0; first < test.Rows; first += Block.Rows)
        {
            Span<double> of = block.Predict(testRows.Span, stride, first, weights);
            of.CopyTo(MemoryMarshal.CreateSpan(ref probabilities[first, 0], of.Length));
        }
        return (present, probabilities);
    }

    private static double Objective(ReadOnlySpan<double> rows, int stride, int[] labels, double[] weights, double[] gradient, Block block)
    {
        int classes = block.Classes, penalised = classes * stride;
        Span<double> intercepts = gradient.AsSpan(penalised);
        weights.AsSpan(0, penalised).CopyTo(gradient);
        intercepts.Clear();
        double value = DenseVectors.Dot(weights.AsSpan(0, penalised), weights.AsSpan(0, penalised)) / 2;
        for (int first = 0; first < labels.Length; first += Block.Rows)
        {
            Span<double> excess = block.Predict(rows, stride, first, weights);
            int count = excess.Length / classes;
            for (int i = 0; i < count; i++)
            {
                value -= block.LogProbability(i, labels[first + i]);
                excess[(i * classes) + labels[first + i]] -= 1;
                for (int c = 0; c < classes; c++)
                    intercepts[c] += excess[(i * classes) + c];
            }
            DenseRows.AddWeightedRows(rows.Slice(first * stride, count * stride), excess, stride, gradient.AsSpan(0, penalised));
        }
        return value;
    }

    /// <summary>The probabilities of the classes for some rows at a time: so many that they stay in the fastest cache.</summary>
    private sealed class Block(int classes)
    {
        public const int Rows = 16;

        private readonly double[] _logits = new double[Rows * classes]; // less the largest of the row
        private readonly double[] _probabilities = new double[Rows * classes];
        private readonly double[] _logSums = new double[Rows]; // of the exponentials of the logits above

        public int Classes => classes;

        /// <summary>The probability of each class for the rows from the first one given, [rows, classes], valid until the next call.</summary>
        public Span<double> Predict(ReadOnlySpan<double> rows, int stride, int first, double[] weights)
        {
            int count = Math.Min(Rows, (rows.Length / stride) - first);
            Span<double> logits = _logits.AsSpan(0, count * classes), probabilities = _probabilities.AsSpan(0, count * classes);
            ReadOnlySpan<double> intercepts = weights.AsSpan(classes * stride);
            DenseRows.InnerProducts(rows.Slice(first * stride, count * stride), weights.AsSpan(0, classes * stride), stride, logits);
            for (int i = 0; i < count; i++)
            {
                Span<double> of = logits.Slice(i * classes, classes);
                double largest = double.NegativeInfinity;
                for (int c = 0; c < classes; c++)
                {
                    of[c] += intercepts[c];
                    largest = Math.Max(largest, of[c]);
                }
                for (int c = 0; c < classes; c++)
                    of[c] -= largest;
            }
            logits.CopyTo(probabilities);
            DenseVectors.Exp(probabilities);
            for (int i = 0; i < count; i++)
            {
                Span<double> of = probabilities.Slice(i * classes, classes);
                double sum = 0;
                for (int c = 0; c < classes; c++)
                    sum += of[c];
                for (int c = 0; c < classes; c++)
                    of[c] /= sum;
                _logSums[i] = Math.Log(sum);
            }
            return probabilities;
        }

        /// <summary>ln p of a class for a row of the last prediction.</summary>
        public double LogProbability(int row, int label) => _logits[(row * classes) + label] - _logSums[row];
    }

    /// <summary>
    /// Coordinates of both sets of rows by an orthonormal basis of the span of the training rows, from a Cholesky decomposition
    /// with pivoting (Higham, "Analysis of the Cholesky decomposition of a semi-definite matrix", 1990), which ends at the rank.
    /// </summary>
    private static (double[] Rows, int Stride) RowSpace(FeatureMatrix train, FeatureMatrix test)
    {
        int count = train.Rows + test.Rows;
        GramMatrix gram = GramMatrix.Compute(Scaled(train, test), count, train.Columns, centre: false);
        var left = new double[count]; // squared norm of each row outside of the directions so far
        for (int i = 0; i < count; i++)
            left[i] = gram[i, i];
        double least = RankTolerance * left.Take(train.Rows).Max();
        int stride = DenseRows.Stride(train.Rows);
        var rows = new double[count * stride];
        for (int rank = 0; rank < train.Rows; rank++)
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
            ReadOnlySpan<float> inner = gram.Row(pivot);
            ReadOnlySpan<double> known = rows.AsSpan(pivot * stride, rank);
            for (int i = 0; i < count; i++)
            {
                double further = (inner[i] - DenseVectors.Dot(rows.AsSpan(i * stride, rank), known)) / norm;
                rows[(i * stride) + rank] = further;
                left[i] -= further * further;
            }
            left[pivot] = double.NegativeInfinity; // used up
        }
        return (rows, stride);
    }

    /// <summary>Both sets of rows as they are, but for their scale.</summary>
    private static (double[] Rows, int Stride) Columns(FeatureMatrix train, FeatureMatrix test)
    {
        float[] scaled = Scaled(train, test);
        int stride = DenseRows.Stride(train.Columns);
        var rows = new double[(train.Rows + test.Rows) * stride];
        for (int i = 0; i < scaled.Length; i++)
            rows[(i / train.Columns * stride) + (i % train.Columns)] = scaled[i];
        return (rows, stride);
    }

    /// <summary>The training rows and then the test rows, standardised by the training rows.</summary>
    private static float[] Scaled(FeatureMatrix train, FeatureMatrix test)
    {
        ColumnScaling scaling = ColumnScaling.Fit(train);
        float[] values = GC.AllocateUninitializedArray<float>((train.Rows + test.Rows) * train.Columns);
        scaling.Apply(train, values.AsSpan(0, train.Values.Length));
        scaling.Apply(test, values.AsSpan(train.Values.Length));
        return values;
    }
}
