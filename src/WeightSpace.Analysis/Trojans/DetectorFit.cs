using WeightSpace.Analysis.Classification;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trojans;

/// <summary>
/// The linear part of a detector: of the features those that differ most between the two groups, standardised, and a logistic regression on them (Huster et al., arXiv 2411.03445:
/// feature selection, standardisation, a linear classifier on the weights).
/// </summary>
/// <param name="Selected">Columns of the view, ascending.</param>
/// <param name="Means">Of the selected features over the networks it was fitted on.</param>
/// <param name="Scales">1 over their standard deviations; 0 where a feature was constant.</param>
/// <param name="Weights">Of the standardised features.</param>
internal sealed record DetectorFit(int[] Selected, double[] Means, double[] Scales, double[] Weights, double Intercept)
{
    /// <summary>Fits to rows of features, [rows, columns].</summary>
    /// <param name="isPositive">By row; both groups have a row.</param>
    /// <param name="most">Features to select at most.</param>
    public static DetectorFit To(FeatureMatrix rows, bool[] isPositive, int most)
    {
        int[] selected = Select(rows, isPositive, most);
        FeatureMatrix chosen = Columns(rows, selected);
        ColumnScaling scaling = ColumnScaling.Fit(chosen);
        (double[] weights, double intercept) = LogisticRegression.Fit(scaling.Apply(chosen), isPositive);
        return new DetectorFit(selected, scaling.Means, scaling.Scales, weights, intercept);
    }

    /// <summary>The logit of one network; larger speaks for a trojan.</summary>
    /// <param name="features">All features of the view.</param>
    public double Logit(ReadOnlySpan<float> features)
    {
        double sum = Intercept;
        for (int i = 0; i < Selected.Length; i++)
            sum += Weights[i] * (features[Selected[i]] - Means[i]) * Scales[i];
        return sum;
    }

    /// <summary>
    /// The features with the largest |t| between the groups (Welch, 1947), the first of equal ones, in the order of their columns. A constant feature is never among them.
    /// </summary>
    private static int[] Select(FeatureMatrix rows, bool[] isPositive, int most)
    {
        int[] positives = [.. Enumerable.Range(0, rows.Rows).Where(row => isPositive[row])], negatives = [.. Enumerable.Range(0, rows.Rows).Where(row => !isPositive[row])];
        if (positives.Length == 0 || negatives.Length == 0)
            throw new ArgumentException($"{positives.Length} of {rows.Rows} rows are positive; both groups were expected to have one", nameof(isPositive));
        (double[] meanA, double[] varianceA) = Moments(rows, positives);
        (double[] meanB, double[] varianceB) = Moments(rows, negatives);
        var strengths = new double[rows.Columns];
        for (int column = 0; column < strengths.Length; column++)
        {
            double error = Math.Sqrt((varianceA[column] / positives.Length) + (varianceB[column] / negatives.Length));
            strengths[column] = error > 0 ? Math.Abs(meanA[column] - meanB[column]) / error : meanA[column] == meanB[column] ? 0 : double.MaxValue;
        }
        int[] selected = [.. Enumerable.Range(0, strengths.Length).Where(column => strengths[column] > 0).OrderByDescending(column => strengths[column]).ThenBy(column => column).Take(most).Order()];
        return selected.Length > 0 ? selected : [0];
    }

    private static (double[] Means, double[] Variances) Moments(FeatureMatrix rows, int[] chosen)
    {
        double[] means = new double[rows.Columns], variances = new double[rows.Columns];
        foreach (int row in chosen)
            DenseVectors.Add(means, rows.Row(row));
        for (int column = 0; column < means.Length; column++)
            means[column] /= chosen.Length;
        foreach (int row in chosen)
            DenseVectors.AddSquaredDeviations(variances, rows.Row(row), means);
        for (int column = 0; column < variances.Length; column++)
            variances[column] /= Math.Max(1, chosen.Length - 1);
        return (means, variances);
    }

    private static FeatureMatrix Columns(FeatureMatrix rows, int[] columns)
    {
        var values = new float[rows.Rows * columns.Length];
        for (int row = 0; row < rows.Rows; row++)
        {
            ReadOnlySpan<float> from = rows.Row(row);
            for (int i = 0; i < columns.Length; i++)
                values[(row * columns.Length) + i] = from[columns[i]];
        }
        return new FeatureMatrix(rows.Name, rows.Rows, columns.Length, values);
    }
}
