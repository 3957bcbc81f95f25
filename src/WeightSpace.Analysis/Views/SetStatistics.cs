namespace WeightSpace.Analysis.Views;

/// <summary>Statistics of a set of values: none depends on the order in which they are given.</summary>
internal static class SetStatistics
{
    /// <summary>The mean and the population variance (divided by n), in two passes.</summary>
    public static (double Mean, double Variance) MeanAndVariance(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
            sum += value;
        double mean = sum / values.Length;
        double squares = 0;
        foreach (double value in values)
            squares += (value - mean) * (value - mean);
        return (mean, squares / values.Length);
    }

    /// <summary>
    /// The quantile 0 &lt;= q &lt;= 1 of sorted values: linear between the order statistics around place q (n - 1), numpy's default
    /// (Hyndman and Fan, "Sample quantiles in statistical packages", 1996, definition 7).
    /// </summary>
    public static double Quantile(ReadOnlySpan<double> sorted, double q)
    {
        double place = q * (sorted.Length - 1);
        int below = (int)place;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
    }

    /// <summary>
    /// Pearson's correlation of two lists of the same units. 0 when either is constant to within rounding: then there is nothing to align.
    /// </summary>
    public static double Correlation(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        (double meanX, double varianceX) = MeanAndVariance(x);
        (double meanY, double varianceY) = MeanAndVariance(y);
        // Values come from floats: a spread below 1e-6 of their size is rounding.
        if (varianceX <= 1e-12 * meanX * meanX || varianceY <= 1e-12 * meanY * meanY)
            return 0;
        double product = 0;
        for (int i = 0; i < x.Length; i++)
            product += (x[i] - meanX) * (y[i] - meanY);
        return product / x.Length / Math.Sqrt(varianceX * varianceY);
    }
}
