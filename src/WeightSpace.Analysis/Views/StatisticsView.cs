using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>
/// s(W) of Schürholt et al., "Model Zoos" (arXiv 2209.14764), after Unterthiner et al. (arXiv 2002.11448): for each tensor, weights and
/// biases apart, the mean, the variance and the 1st, 25th, 50th, 75th and 99th percentiles of its values (interpolated linearly between
/// order statistics, as numpy does by default). Reordering values within a tensor changes none of them, so it is blind to the order of
/// hidden units, and also to everything about who is connected to whom.
/// </summary>
public sealed class StatisticsView : IView
{
    private static readonly double[] Percentiles = [1, 25, 50, 75, 99];
    private const int PerTensor = 7;

    public string Name => "statistics";

    public string Title => "Layer statistics s(W)";

    public string Short => "s(W)";

    public string Explanation =>
        "For each layer's weights and biases apart: mean, variance and five percentiles. The order of the hidden units makes no difference here.";

    public bool IsStandardised => true;

    public string[] FeatureNames(Architecture architecture) =>
        [.. architecture.Parameters.Parameters.SelectMany(parameter =>
            Percentiles.Select(percentile => $"{parameter.Name}.p{percentile:0}").Prepend($"{parameter.Name}.variance").Prepend($"{parameter.Name}.mean"))];

    public void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features)
    {
        IReadOnlyList<ParameterInfo> parameters = architecture.Parameters.Parameters;
        WeightViews.CheckLengths(architecture.Parameters.Count, weights.Length, features.Length, PerTensor * parameters.Count);
        var buffer = new double[parameters.Max(parameter => parameter.Count)];
        for (int p = 0; p < parameters.Count; p++)
        {
            Span<double> values = buffer.AsSpan(0, parameters[p].Count);
            for (int i = 0; i < values.Length; i++)
                values[i] = weights[parameters[p].Offset + i];
            values.Sort(); // sums of sorted values do not depend on the order they came in, to the last bit
            (double mean, double variance) = SetStatistics.MeanAndVariance(values);
            Span<float> target = features.Slice(p * PerTensor, PerTensor);
            target[0] = (float)mean;
            target[1] = (float)variance;
            for (int i = 0; i < Percentiles.Length; i++)
                target[2 + i] = (float)SetStatistics.Quantile(values, Percentiles[i] / 100);
        }
    }
}
