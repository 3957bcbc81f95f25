using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Classification;

/// <summary>
/// Logistic regression of two classes whose weights are wanted, not only its answers: minimises the sum of -ln p(class) over the rows plus |w|^2 / 2, the intercept free, as
/// scikit-learn's LogisticRegression with C = 1 does for two classes.
/// </summary>
internal static class LogisticRegression
{
    private const double GradientTolerance = 1e-4;
    private const int MostIterations = 2000;

    /// <summary>The weights [columns] and the intercept of the logit of being positive.</summary>
    /// <param name="x">[rows, columns], standardised.</param>
    public static (double[] Weights, double Intercept) Fit(FeatureMatrix x, bool[] isPositive)
    {
        x.RequireFinite();
        int stride = DenseRows.Stride(x.Columns);
        var rows = new double[x.Rows * stride];
        for (int row = 0; row < x.Rows; row++)
        {
            ReadOnlySpan<float> from = x.Row(row);
            for (int column = 0; column < from.Length; column++)
                rows[(row * stride) + column] = from[column];
        }
        var point = new double[stride + 1]; // the weights, zeros that pad them, the intercept
        LimitedMemoryBfgs.Minimise(point, (at, gradient) => Objective(rows, stride, isPositive, at, gradient), GradientTolerance, MostIterations);
        return (point[..x.Columns], point[^1]);
    }

    private static double Objective(double[] rows, int stride, bool[] isPositive, double[] point, double[] gradient)
    {
        ReadOnlySpan<double> weights = point.AsSpan(0, stride);
        weights.CopyTo(gradient);
        gradient[^1] = 0;
        double value = DenseVectors.Dot(weights, weights) / 2;
        for (int row = 0; row < isPositive.Length; row++)
        {
            ReadOnlySpan<double> of = rows.AsSpan(row * stride, stride);
            double logit = DenseVectors.Dot(of, weights) + point[^1], wrong = isPositive[row] ? -logit : logit;
            // ln(1 + e^wrong) and its slope, without overflow.
            double small = Math.Exp(-Math.Abs(wrong));
            value += Math.Max(wrong, 0) + Math.Log(1 + small);
            double slope = (wrong > 0 ? 1 : small) / (1 + small) * (isPositive[row] ? -1 : 1);
            DenseVectors.AddScaled(gradient.AsSpan(0, stride), slope, of);
            gradient[^1] += slope;
        }
        return value;
    }
}
