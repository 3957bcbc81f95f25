using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Alignment;

/// <summary>
/// Reorders the hidden units of networks so that their weights come as near to a reference's as they can: the weight matching of Ainsworth et al., Git Re-Basin (arXiv
/// 2209.04836, algorithm 1), for every layer whose units may be reordered: dense, convolution, RNN, GRU and LSTM (all gates of a unit move together), and normalisation between
/// them. The function of a network stays as it was.
/// </summary>
/// <remarks>
/// Layer after layer, the order of one layer's units is the best for the order that the others have (an assignment problem), until none changes. Each step lowers the distance;
/// what is reached is a local optimum. Three departures: layers are visited in their own order, not a random one, so that the answer is the same every time; where units meet
/// themselves (hidden-to-hidden weights) the problem is quadratic, so the linear answer is taken only if it brings the weights nearer; and there are two starts, the order as it
/// is, and one that goes from the inputs up by incoming weights alone (what a layer gives to the next one misleads while that one's units are in another order).
/// </remarks>
public sealed class WeightMatching
{
    /// <summary>A bound for safety: each sweep but the last lowers the distance, and there are finitely many orders.</summary>
    private const int MostSweeps = 100;

    private readonly IReadOnlyList<UnitGroup> _groups;
    private readonly float[] _reference;
    private readonly double[][] _referenceRows, _referenceIncoming; // by group, as Rows gives them

    /// <param name="layout">Says which units may be reordered.</param>
    /// <param name="reference">Weights [parameter] to come near to.</param>
    public WeightMatching(ParameterLayout layout, ReadOnlySpan<float> reference)
    {
        if (reference.Length != layout.Count)
            throw new ArgumentException($"the reference holds {reference.Length} weights, the layout has {layout.Count}", nameof(reference));
        _groups = UnitGroup.Of(layout);
        _reference = reference.ToArray();
        _referenceRows = [.. _groups.Select(group => Rows(group, _reference, onlyIncoming: false))];
        _referenceIncoming = [.. _groups.Select(group => Rows(group, _reference, onlyIncoming: true))];
    }

    /// <summary>Reorders the hidden units of <paramref name="weights"/> [parameter] in place. Several threads may do so at once.</summary>
    /// <returns>For each group of units the order that does it, as <see cref="UnitGroup.Reorder"/> takes it. [group][unit]</returns>
    public int[][] Align(Span<float> weights)
    {
        if (weights.Length != _reference.Length)
            throw new ArgumentException($"the block holds {weights.Length} weights, the reference {_reference.Length}", nameof(weights));
        float[] fromInputs = weights.ToArray();
        int[][] orders = [.. _groups.Select(group => Enumerable.Range(0, group.Units).ToArray())], ordersFromInputs = new int[_groups.Count][];
        for (int g = 0; g < _groups.Count; g++)
        {
            ordersFromInputs[g] = BestOrder(_groups[g].Units, _referenceIncoming[g], Rows(_groups[g], fromInputs, onlyIncoming: true));
            _groups[g].Reorder(ordersFromInputs[g], fromInputs);
        }
        if (Descend(fromInputs, ordersFromInputs) >= Descend(weights, orders))
            return orders;
        fromInputs.CopyTo(weights);
        return ordersFromInputs;
    }

    /// <summary>Reorders layer after layer until none comes nearer, and keeps what was done in the orders; returns the squared distance to the reference.</summary>
    private double Descend(Span<float> weights, int[][] orders)
    {
        double distance = DenseVectors.SquaredDistance(_reference, weights);
        bool moved = true;
        for (int sweep = 0; moved && sweep < MostSweeps; sweep++)
        {
            moved = false;
            for (int g = 0; g < _groups.Count; g++)
            {
                UnitGroup group = _groups[g];
                int[] order = BestOrder(group.Units, _referenceRows[g], Rows(group, weights, onlyIncoming: false));
                if (IsIdentity(order))
                    continue;
                group.Reorder(order, weights);
                double nearer = DenseVectors.SquaredDistance(_reference, weights);
                // Less than rounding is no gain, or two orders could take turns for ever.
                if (nearer < distance - (1e-9 * distance))
                {
                    (distance, moved) = (nearer, true);
                    orders[g] = [.. order.Select(unit => orders[g][unit])];
                }
                else
                {
                    group.Reorder(Inverse(order), weights);
                }
            }
        }
        return distance;
    }

    /// <summary>The order of a group's units that brings them nearest to the reference's while all other units stay.</summary>
    private static int[] BestOrder(int units, double[] referenceRows, double[] rows)
    {
        var scores = new double[units * units];
        DenseRows.InnerProducts(referenceRows, rows, rows.Length / units, scores);
        return Assignment.Maximise(scores, units);
    }

    /// <summary>The weights of each unit of a group, all or the incoming ones, [units, stride], zeros behind them.</summary>
    private static double[] Rows(UnitGroup group, ReadOnlySpan<float> weights, bool onlyIncoming)
    {
        UnitAxis[] axes = [.. group.Axes.Where(axis => axis.TakesIn || !onlyIncoming)];
        int stride = DenseRows.Stride(axes.Sum(axis => axis.Outer * axis.Inner));
        var rows = new double[group.Units * stride];
        int column = 0;
        foreach (UnitAxis axis in axes)
        {
            for (int outer = 0; outer < axis.Outer; outer++)
            {
                for (int unit = 0; unit < axis.Units; unit++)
                {
                    ReadOnlySpan<float> source = weights.Slice(axis.Offset + (((outer * axis.Units) + unit) * axis.Inner), axis.Inner);
                    Span<double> target = rows.AsSpan((unit * stride) + column, axis.Inner);
                    for (int i = 0; i < source.Length; i++)
                        target[i] = source[i];
                }
                column += axis.Inner;
            }
        }
        return rows;
    }

    private static bool IsIdentity(int[] order)
    {
        for (int i = 0; i < order.Length; i++)
        {
            if (order[i] != i)
                return false;
        }
        return true;
    }

    private static int[] Inverse(int[] order)
    {
        var inverse = new int[order.Length];
        for (int i = 0; i < order.Length; i++)
            inverse[order[i]] = i;
        return inverse;
    }
}
