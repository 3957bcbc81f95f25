using WeightSpace.Analysis.Alignment;
using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>
/// All weights, with the hidden units of every network in the order that brings them nearest to one reference (<see cref="WeightMatching"/>). The reference is the
/// population's own: all networks are aligned to the first one, and then to the mean of what that gave (the first round of Git Re-Basin's MergeMany, arXiv 2209.04836,
/// algorithm 3). It sees no label.
/// </summary>
public sealed class AlignedView : IView
{
    private readonly WeightMatching? _matching;

    public AlignedView()
    {
    }

    private AlignedView(WeightMatching matching) => _matching = matching;

    public string Name => "aligned";

    public string Title => "Aligned weights";

    public string Short => "aligned";

    public string Explanation => "Every weight, after the hidden units of each network were put in the order that brings them nearest to one reference.";

    public bool IsStandardised => false;

    public bool IsFitted => _matching is not null;

    public bool Reads(Architecture architecture) => UnitGroup.Of(architecture.Parameters).Count > 0;

    public string[] FeatureNames(Architecture architecture) => new RawView().FeatureNames(architecture);

    /// <inheritdoc/>
    public IView Fit(Architecture architecture, ReadOnlyMemory<float> weights)
    {
        int parameters = architecture.Parameters.Count, rows = weights.Length / parameters;
        if (rows == 0 || weights.Length % parameters != 0)
            throw new ArgumentException($"{weights.Length} weights are no networks of {parameters}", nameof(weights));
        var toFirst = new WeightMatching(architecture.Parameters, weights.Span[..parameters]);
        float[] aligned = weights.ToArray();
        Parallel.For(0, rows, row => toFirst.Align(aligned.AsSpan(row * parameters, parameters)));
        var mean = new float[parameters];
        Parallel.For(0, parameters, parameter =>
        {
            double sum = 0;
            for (int row = 0; row < rows; row++)
                sum += aligned[(row * parameters) + parameter];
            mean[parameter] = (float)(sum / rows);
        });
        return new AlignedView(new WeightMatching(architecture.Parameters, mean));
    }

    public void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features)
    {
        WeightViews.CheckLengths(architecture.Parameters.Count, weights.Length, features.Length, architecture.Parameters.Count);
        if (_matching is null)
            throw new InvalidOperationException("the aligned view has no reference yet; fit it to a population first");
        weights.CopyTo(features);
        _matching.Align(features);
    }
}
