namespace WeightSpace.Analysis.Monitoring;

/// <summary>Where a chart stands on one path: what it must know of the checkpoints before.</summary>
/// <param name="Scores">The standardised features of the checkpoint before; null where it had none.</param>
/// <param name="Average">The moving average of the whitened surprises, [features].</param>
/// <param name="Level">The moving average of each standardised feature, [features].</param>
/// <param name="Averaged">How many surprises are in them.</param>
internal sealed record ChartState(double[]? Scores, double[] Average, double[] Level, int Averaged)
{
    public static ChartState Begin(int features) => new(null, new double[features], new double[features], 0);
}

/// <summary>How high the three charts are, in standard deviations of the reference.</summary>
/// <param name="Instant">How unusual one update is.</param>
/// <param name="Lasting">The same of the moving average of updates.</param>
/// <param name="Level">How far out the one feature is whose moving average is farthest from what is usual.</param>
internal sealed record ChartHeights(double Instant, double Lasting, double Level)
{
    /// <summary>
    /// One number for a checkpoint, about 1 at the threshold: the highest chart over what one in 1 / rate of unchanged networks exceeds on it. So all charts have the same share in the false alarms: sudden
    /// jumps, of which sound training has a few, do not hide small changes that last.
    /// </summary>
    public double Over(ChartHeights usual) => Math.Max(Instant / usual.Instant, Math.Max(Lasting / usual.Lasting, Level / usual.Level));
}

/// <summary>What the charts say of a checkpoint.</summary>
/// <param name="Surprises">By feature: how far it is from what was expected, in standard deviations.</param>
/// <param name="Levels">By feature: its moving average, in standard deviations from what is usual.</param>
internal sealed record ChartPoint(ChartHeights Heights, double[] Surprises, double[] Levels);

/// <summary>
/// How the networks of a reference behave at one of their steps. Features x are standardised over the networks, z = (x - mean) / scale; what the same network's z at the step before says of them is
/// taken off (a ridge regression), r = z - B z'; r is whitened, e = W r with W'W the inverse of its covariance. Then
/// T^2 = |e|^2 (Hotelling, 1947) tells a sudden change, and |E|^2 / var of the moving average E = l e + (1 - l) E' a small one that lasts (the multivariate EWMA chart: Lowry, Woodall, Champ and Rigdon,
/// Technometrics 34, 1992; a single large e counts for no more than a large one by chance, so that one jump is no lasting change; and max |s| of averages s = l z + (1 - l) s' of each feature, whatever the network itself did before, a level that is unusual; the idea to add up evidence since the last sound moment is Page's, Biometrika 41, 1954). The first two are chi-squared for normal features; their cube roots are nearly
/// normal (Wilson and Hilferty, 1931). All three are standardised once more by what the reference networks themselves had.
/// </summary>
/// <param name="Means">Of the features, [d].</param>
/// <param name="Scales">Their standard deviations, [d].</param>
/// <param name="Slopes">B, [d, d]; null where the reference has nothing before this step.</param>
/// <param name="Deviations">Of r, [d].</param>
/// <param name="Whitening">W, lower triangle, [d, d].</param>
/// <param name="Instant">Mean and standard deviation of the cube root of T^2 over the reference.</param>
/// <param name="Lasting">The same of the average's.</param>
/// <param name="Level">The same of the farthest level.</param>
internal sealed record StepModel(
    double[] Means, double[] Scales, double[]? Slopes, double[] Deviations, double[] Whitening, (double Mean, double Deviation) Instant, (double Mean, double Deviation) Lasting, (double Mean, double Deviation) Level)
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
        double[] level = [.. scores.Select((score, i) => state.Averaged == 0 ? score : (Newest * score) + ((1 - Newest) * state.Level[i]))];
        var point = new ChartPoint(new ChartHeights(Standard(CubeRoot(surprise), Instant), Standard(lasting, Lasting), Standard(level.Max(Math.Abs), Level)), deviations, level);
        return (point, new ChartState(scores, average, level, state.Averaged + 1));
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
        var model = new StepModel(means, scales, slopes, deviations, SmallMatrices.InverseOfLower(SmallMatrices.Cholesky(covariance, d), d), (0, 1), (0, 1), (0, 1));
        double[] instants = new double[networks], lastings = new double[networks], levels = new double[networks];
        for (int n = 0; n < networks; n++)
        {
            (ChartPoint point, states[n]) = model.Judge(features[n], states[n]);
            (instants[n], lastings[n], levels[n]) = (point.Heights.Instant, point.Heights.Lasting, point.Heights.Level);
        }
        return model with { Instant = MeanAndDeviation(instants, 0.05), Lasting = MeanAndDeviation(lastings, 0.05), Level = MeanAndDeviation(levels, 0.05) };
    }

    private (double[] Scores, double[] Residual) Residual(double[] features, double[]? before)
    {
        double[] scores = Scores(features, Means, Scales);
        return (scores, Subtract(scores, Slopes, before));
    }

    /// <summary>E and the cube root of its squared length over what that is without a change: l / (2 - l) (1 - (1 - l)^2k) behind k surprises.</summary>
    private static (double[] Average, double CubeRoot) Average(double[] surprise, ChartState state)
    {
        var average = new double[surprise.Length];
        int d = surprise.Length;
        // No more than two standard deviations above the mean of a chi-squared number (Huber's weight).
        double squared = surprise.Sum(value => value * value), most = d + (2 * Math.Sqrt(2.0 * d)), weight = squared > most ? Math.Sqrt(most / squared) : 1;
        double scale = 1 / Math.Sqrt(Variance(Newest, state.Averaged + 1));
        for (int i = 0; i < average.Length; i++)
            average[i] = (Newest * weight * surprise[i]) + ((1 - Newest) * state.Average[i]);
        return (average, CubeRoot([.. average.Select(value => value * scale)]));
    }

    /// <summary>Of a moving average behind so many independent numbers of variance 1.</summary>
    private static double Variance(double newest, int averaged) => newest / (2 - newest) * (1 - Math.Pow(1 - newest, 2 * averaged));

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
