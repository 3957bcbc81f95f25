using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Lineage;

/// <summary>
/// Changes of a model's weights that need no training, as people make them before they publish a copy. All work in place on the packed block [parameter] of a group, tensor by tensor; running means
/// and variances of batch normalisation are counted, not learned, and stay as they are but where units are reordered.
/// </summary>
public static class WeightChanges
{
    private static readonly string[] s_statistics = [".running_mean", ".running_var"];

    /// <summary>Whether a tensor is a running mean or variance.</summary>
    public static bool IsStatistic(PackedTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return s_statistics.Any(ending => tensor.Name.EndsWith(ending, StringComparison.Ordinal));
    }

    /// <summary>
    /// Magnitude pruning: in each matrix and kernel the given share of the weights, those of least magnitude, become 0 (Han et al., arXiv 1506.02626). Biases and scales stay; where there is no matrix, all tensors
    /// are pruned.
    /// </summary>
    /// <param name="share">Above 0 and below 1; rounded to whole weights.</param>
    public static void Prune(IReadOnlyList<PackedTensor> tensors, Span<float> weights, double share)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (!(share > 0 && share < 1))
            throw new ArgumentOutOfRangeException(nameof(share), share, "above 0 and below 1 was expected");
        bool hasMatrix = tensors.Any(IsMatrix);
        foreach (PackedTensor tensor in tensors.Where(tensor => !IsStatistic(tensor) && (IsMatrix(tensor) || !hasMatrix)))
        {
            Span<float> values = Of(tensor, weights);
            float[] magnitudes = new float[values.Length];
            int[] order = new int[values.Length];
            for (int i = 0; i < values.Length; i++)
                (magnitudes[i], order[i]) = (Math.Abs(values[i]), i);
            Array.Sort(magnitudes, order);
            int zeros = (int)Math.Round(share * values.Length);
            for (int i = 0; i < zeros; i++)
                values[order[i]] = 0;
        }
    }

    /// <summary>Adds normal noise to every weight.</summary>
    /// <param name="deviation">The noise's standard deviation as a share of that of the tensor it is added to; above 0. A tensor whose values are all the same stays as it is.</param>
    public static void AddNoise(IReadOnlyList<PackedTensor> tensors, Span<float> weights, double deviation, RandomStream random)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (!(deviation > 0 && double.IsFinite(deviation)))
            throw new ArgumentOutOfRangeException(nameof(deviation), deviation, "a finite number above 0 was expected");
        foreach (PackedTensor tensor in tensors.Where(tensor => !IsStatistic(tensor) && tensor.Elements > 0))
        {
            Span<float> values = Of(tensor, weights);
            CentralMoments moments = CentralMoments.Of(values);
            double scale = deviation * Math.Sqrt(moments.Second / moments.Count);
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(values[i] + (scale * random.NextNormal()));
        }
    }

    /// <summary>
    /// Uniform symmetric quantisation, each tensor by itself: w becomes q round(w / q), ties to even, with the quantum q = max |w| / (2^(bits - 1) - 1) (Jacob et al., arXiv 1712.05877, without a zero point).
    /// </summary>
    /// <param name="bits">2 to 16.</param>
    public static void Quantise(IReadOnlyList<PackedTensor> tensors, Span<float> weights, int bits)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (bits is < 2 or > 16)
            throw new ArgumentOutOfRangeException(nameof(bits), bits, "2 to 16 bits were expected");
        foreach (PackedTensor tensor in tensors.Where(tensor => !IsStatistic(tensor) && tensor.Elements > 0))
        {
            Span<float> values = Of(tensor, weights);
            double most = 0;
            foreach (float value in values)
                most = Math.Max(most, Math.Abs(value));
            double quantum = most / ((1 << (bits - 1)) - 1);
            for (int i = 0; i < values.Length && quantum > 0; i++)
                values[i] = (float)(quantum * Math.Round(values[i] / quantum));
        }
    }

    /// <summary>Puts the hidden units of every group in a random order; the network's function stays as it was.</summary>
    public static void Permute(ParameterLayout layout, Span<float> weights, RandomStream random)
    {
        foreach (UnitGroup group in UnitGroup.Of(layout))
        {
            int[] order = new int[group.Units];
            random.Permute(order);
            group.Reorder(order, weights);
        }
    }

    /// <summary>The mean of two models, weight by weight, into the first.</summary>
    public static void Average(Span<float> weights, ReadOnlySpan<float> other)
    {
        if (weights.Length != other.Length)
            throw new ArgumentException($"models of {weights.Length} and {other.Length} weights have no mean", nameof(other));
        for (int i = 0; i < weights.Length; i++)
            weights[i] = (float)((0.5 * weights[i]) + (0.5 * other[i]));
    }

    private static bool IsMatrix(PackedTensor tensor) => tensor.Shape.Count(size => size > 1) >= 2;

    private static Span<float> Of(PackedTensor tensor, Span<float> weights) => weights.Slice((int)tensor.Offset, (int)tensor.Elements);
}
