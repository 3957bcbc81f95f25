using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Alignment;

/// <summary>Asks of two networks whether they began from the same initial weights, however far training has taken them.</summary>
/// <remarks>
/// Two networks with initial weights of their own are no more alike than one of them and the other with its hidden units reordered at random: initial weights are drawn alike for all units, and training treats all units alike, so both
/// pairs come from one distribution. So a pair is related if its cosine c stands <see cref="Deviations"/> standard deviations above the mean m of <see cref="Reorderings"/> random reorderings, and (c - m) / (1 - m) is at least
/// <see cref="LeastExcess"/>. Where it is not known which units may be reordered, the first axis of each tensor is. Networks that have nothing to reorder are held for related.
/// </remarks>
public sealed class CommonOrigin
{
    public const int Reorderings = 32;
    public const double Deviations = 7;
    public const double LeastExcess = 0.15;

    private readonly IReadOnlyList<PackedTensor> _tensors;
    private readonly IReadOnlyList<UnitGroup> _groups;
    private readonly ulong _seed;

    /// <param name="tensors">Of the packed block.</param>
    /// <param name="symmetry">The hidden units that may be reordered; null where that is not known.</param>
    /// <param name="seed">Seed of the reorderings.</param>
    public CommonOrigin(IReadOnlyList<PackedTensor> tensors, ParameterLayout? symmetry, ulong seed)
    {
        _tensors = tensors;
        _groups = symmetry is null ? [] : UnitGroup.Of(symmetry);
        _seed = seed;
    }

    /// <summary>Several threads may ask at once.</summary>
    /// <param name="a">[parameter]</param>
    /// <param name="b">[parameter]</param>
    /// <param name="pair">Another number for each pair: it draws reorderings of its own.</param>
    public bool IsShared(float[] a, float[] b, ulong pair)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (_groups.Count == 0 && _tensors.All(tensor => tensor.Shape.Count == 0 || tensor.Shape[0] < 2))
            return true;
        double cosine = Cosine(a, b), sum = 0, squared = 0;
        float[] copy = new float[b.Length];
        var random = new RandomStream(_seed, RandomPurpose.Relations, pair);
        for (int draw = 0; draw < Reorderings; draw++)
        {
            b.CopyTo(copy, 0);
            if (_groups.Count > 0)
                ReorderUnits(copy, ref random);
            else
                ReorderFirstAxes(b, copy, ref random);
            double of = Cosine(a, copy);
            sum += of;
            squared += of * of;
        }
        double mean = sum / Reorderings, deviation = Math.Sqrt(Math.Max(0, (squared / Reorderings) - (mean * mean)));
        return cosine - mean >= Deviations * deviation && cosine - mean >= LeastExcess * (1 - mean) && cosine > mean;
    }

    /// <summary>The cosine of two blocks of weights; 0 where one is 0.</summary>
    public static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double squared = DenseVectors.SquaredNorm(a), other = DenseVectors.SquaredNorm(b);
        return squared > 0 && other > 0 ? (squared + other - DenseVectors.SquaredDistance(a, b)) / (2 * Math.Sqrt(squared * other)) : 0;
    }

    private void ReorderUnits(float[] weights, ref RandomStream random)
    {
        foreach (UnitGroup group in _groups)
        {
            int[] order = new int[group.Units];
            random.Permute(order);
            group.Reorder(order, weights);
        }
    }

    private void ReorderFirstAxes(float[] from, float[] to, ref RandomStream random)
    {
        foreach (PackedTensor tensor in _tensors.Where(tensor => tensor.Elements > 0 && tensor.Shape.Count > 0))
        {
            int[] order = new int[tensor.Shape[0]];
            random.Permute(order);
            int size = (int)(tensor.Elements / order.Length), first = (int)tensor.Offset;
            for (int i = 0; i < order.Length; i++)
                from.AsSpan(first + (order[i] * size), size).CopyTo(to.AsSpan(first + (i * size)));
        }
    }
}
