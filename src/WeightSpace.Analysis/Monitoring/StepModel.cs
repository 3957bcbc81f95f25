namespace WeightSpace.Analysis.Monitoring;

/// <summary>Where a chart stands on one path: what it must know of the checkpoints before.</summary>
/// <param name="Scores">The standardised features of the checkpoint before; null where it had none.</param>
/// <param name="Average">The moving average of the whitened surprises, [features].</param>
/// <param name="Averaged">How many surprises are in it.</param>
internal sealed record ChartState(double[]? Scores, double[] Average, int Averaged)
{
    public static ChartState Begin(int features) => new(null, new double[features], 0);
}

/// <summary>What a chart says of a checkpoint.</summary>
/// <param name="Instant">How unusual this update is, in standard deviations of the reference.</param>
/// <param name="Lasting">The same of the moving average of this and those before.</param>
/// <param name="Surprises">By feature: how far it is from what was expected, in standard deviations.</param>
internal sealed record ChartPoint(double Instant, double Lasting, double[] Surprises)
{
    public double Statistic => Math.Max(Instant, Lasting);
}

/// <summary>
/// How the networks of a reference behave at one of their steps. Features x are standardised over the networks, z = (x - mean) / scale; what the same network's z at the step before says of them is
/// taken off (a ridge regression), r = z - B z'; r is whitened, e = W r with W'W the inverse of its covariance. Then
/// T^2 = |e|^2 (Hotelling, 1947) tells a sudden change, and |E|^2 / var of the moving average E = l e + (1 - l) E' a small one that lasts (the multivariate EWMA chart: Lowry, Woodall, Champ and Rigdon,
/// Technometrics 34, 1992; the idea to add up evidence since the last sound moment is Page's, Biometrika 41, 1954). Both are chi-squared for normal features; their cube roots are nearly
/// normal (Wilson and Hilferty, 1931), and are standardised once more by what the reference networks themselves had.
/// </summary>
/// <param name="Means">Of the features, [d].</param>
/// <param name="Scales">Their standard deviations, [d].</param>
/// <param name="Slopes">B, [d, d]; null where the reference has nothing before this step.</param>
/// <param name="Deviations">Of r, [d].</param>
/// <param name="Whitening">W, lower triangle, [d, d].</param>
/// <param name="Instant">Mean and standard deviation of the cube root of T^2 over the reference.</param>
/// <param name="Lasting">The same of the average's.</param>
internal sealed record StepModel(double[] Means, double[] Scales, double[]? Slopes, double[] Deviations, double[] Whitening, (double Mean, double Deviation) Instant, (double Mean, double Deviation) Lasting)
{
    /// <summary>l, the share of the newest surprise in the moving average: one of five or so is what finds lasting changes of about one standard deviation (Lowry et al.).</summary>
    public const double Newest = 0.2;

    /// <summary>Differences smaller than this of a logarithm or a cosine are none: what hardly varies over the reference must not make a hair look like a mountain.</summary>
    private const double LeastScale = 1e-3;

    /// <summary>The point of a checkpoint, and where the chart stands behind it.</summary>
    /// <param name="features">x, [d].</param>
    /// <param name="state">Where it stood before.</param>
    public (ChartPoint Point, ChartState Next) Judge(double[] features, ChartState state)
    {
        (double[] scores, double[] residual) = Residual(features, state.Scores);
        double[] surprise = SmallMatrices.Times(Whitening, residual);
        (double[] average, double lasting) = Average(surprise, state);
        double[] deviations = [.. residual.Select((value, i) => value / Deviations[i])];
        var point = new ChartPoint(Standard(CubeRoot(surprise), Instant), Standard(lasting, Lasting), deviations);
        return (point, new ChartState(scores, average, state.Averaged + 1));
    }

    /// <summary>Learns a step from networks, and takes their charts one step on.</summary>
    /// <param name="features">x of each network, [n][d]; at least d of them are wanted.</param>
    /// <param name="states">Where their charts stand, [n]; replaced.</param>
    public static StepModel Fit(double[][] features, ChartState[] states)
    {
        int networks = features.Length, d = features[0].Length;
        double[] means = new double[d], scales = new double[d];
        for (int i = 0; i < d; i++)
            (means[i], scales[i]) = MeanAndDeviation([.. features.Select(row => row[i])], LeastScale);
        double[][] scores = [.. features.Select(row => Scores(row, means, scales))];
        double[]? slopes = states.All(state => state.Scores is not null) ? Regress(scores, [.. states.Select(state => state.Scores!)]) : null;
        double[][] residuals = [.. scores.Select((row, n) => Subtract(row, slopes, states[n].Scores))];
        double[] covariance = SmallMatrices.SumOfProducts(residuals, residuals);
        double[] deviations = new double[d];
        for (int i = 0; i < d * d; i++)
            covariance[i] /= Math.Max(1, networks - 1);
        for (int i = 0; i < d; i++)
        {
            // Shrunk towards no correlation, the more the fewer networks there are for each feature; what never varies is known to a thousandth only.
            double variance = covariance[(i * d) + i] = (covariance[(i * d) + i] * (1 + ((double)d / networks))) + 1e-6;
            deviations[i] = Math.Sqrt(variance);
        }
        var model = new StepModel(means, scales, slopes, deviations, SmallMatrices.InverseOfLower(SmallMatrices.Cholesky(covariance, d), d), (0, 1), (0, 1));
        double[] instants = new double[networks], lastings = new double[networks];
        for (int n = 0; n < networks; n++)
        {
            (ChartPoint point, states[n]) = model.Judge(features[n], states[n]);
            (instants[n], lastings[n]) = (point.Instant, point.Lasting);
        }
        return model with { Instant = MeanAndDeviation(instants, 0.05), Lasting = MeanAndDeviation(lastings, 0.05) };
    }

    private (double[] Scores, double[] Residual) Residual(double[] features, double[]? before)
    {
        double[] scores = Scores(features, Means, Scales);
        return (scores, Subtract(scores, Slopes, before));
    }

    /// <summary>E and the cube root of its squared length over what that is without a change: l / (2 - l) (1 - (1 - l)^2m) behind m surprises.</summary>
    private static (double[] Average, double CubeRoot) Average(double[] surprise, ChartState state)
    {
        var average = new double[surprise.Length];
        double variance = Newest / (2 - Newest) * (1 - Math.Pow(1 - Newest, 2 * (state.Averaged + 1))), scale = 1 / Math.Sqrt(variance);
        for (int i = 0; i < average.Length; i++)
            average[i] = (Newest * surprise[i]) + ((1 - Newest) * state.Average[i]);
        return (average, CubeRoot([.. average.Select(value => value * scale)]));
    }

    private static double CubeRoot(double[] whitened) => Math.Cbrt(whitened.Sum(value => value * value) / whitened.Length);

    private static double Standard(double value, (double Mean, double Deviation) of) => (value - of.Mean) / of.Deviation;

    private static double[] Scores(double[] features, double[] means, double[] scales) => [.. features.Select((value, i) => (value - means[i]) / scales[i])];

    private static double[] Subtract(double[] scores, double[]? slopes, double[]? before)
    {
        if (slopes is null || before is null)
            return scores;
        double[] expected = SmallMatrices.Times(slopes, before);
        return [.. scores.Select((value, i) => value - expected[i])];
    }

    /// <summary>B of the ridge regression of z on z' with penalty d.</summary>
    private static double[] Regress(double[][] scores, double[][] before)
    {
        int d = scores[0].Length;
        double[] products = SmallMatrices.SumOfProducts(before, before), cross = SmallMatrices.SumOfProducts(scores, before);
        for (int i = 0; i < d; i++)
            products[(i * d) + i] += d;
        // B = cross products^-1, with products^-1 = V'V.
        double[] v = SmallMatrices.InverseOfLower(SmallMatrices.Cholesky(products, d), d), slopes = new double[d * d];
        for (int row = 0; row < d; row++)
        {
            double[] half = SmallMatrices.Times(v, cross[(row * d)..((row + 1) * d)]);
            for (int column = 0; column < d; column++)
            {
                for (int k = column; k < d; k++)
                    slopes[(row * d) + column] += half[k] * v[(k * d) + column];
            }
        }
        return slopes;
    }

    private static (double Mean, double Deviation) MeanAndDeviation(double[] values, double least)
    {
        double mean = values.Average(), squares = values.Sum(value => (value - mean) * (value - mean));
        return (mean, Math.Max(least, Math.Sqrt(squares / Math.Max(1, values.Length - 1))));
    }
}
