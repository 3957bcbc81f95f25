using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>
/// Every weight, sorted within its tensor (a recurrent layer's within each gate): how Huster et al., "Solving Trojan Detection Competitions with Linear Weight Classification" (arXiv
/// 2411.03445), align models. Reordering hidden units changes nothing, and neither does any other order: what is left is each tensor's distribution, at full resolution.
/// </summary>
public sealed class SortedView : IView
{
    public string Name => "sorted";

    public string Title => "Sorted weights";

    public string Short => "sorted";

    public string Explanation => "Every weight, in ascending order within its tensor.";

    public bool IsStandardised => true;

    public string[] FeatureNames(Architecture architecture) =>
        [.. architecture.Parameters.Parameters.SelectMany(parameter => Enumerable.Range(0, parameter.Count).Select(rank => $"{parameter.Name}.rank[{rank}]"))];

    public void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features)
    {
        WeightViews.CheckLengths(architecture.Parameters.Count, weights.Length, features.Length, architecture.Parameters.Count);
        weights.CopyTo(features);
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            int size = parameter.Count / parameter.Axes[0].Blocks;
            for (int block = 0; block < parameter.Axes[0].Blocks; block++)
                features.Slice(parameter.Offset + (block * size), size).Sort();
        }
    }
}
