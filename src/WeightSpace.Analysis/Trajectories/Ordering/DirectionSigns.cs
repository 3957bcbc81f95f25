using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// What training does to weights, whatever the network: their norm and their kurtosis grow, and its steps become shorter. From that a path gets its direction, and a family its root.
/// </summary>
/// <remarks>
/// Length of steps: Schürholt and Borth, arXiv 2006.10424. Kurtosis: MoTHer, Horwitz et al., arXiv 2405.18432 (there for fine-tuning, where it may also fall). Norm: it grows under gradient descent
/// without strong weight decay. Each can be wrong, so they vote.
/// </remarks>
/// <param name="Norms">Euclidean norms of the weights. [checkpoint]</param>
/// <param name="Kurtosis">The fourth standardised moment of each tensor's weights, a mean over tensors by their sizes: 1.8 for uniform weights, 3 for normal ones. [checkpoint]</param>
public sealed record DirectionSigns(double[] Norms, double[] Kurtosis)
{
    /// <summary>A tensor of fewer values has no kurtosis worth the name.</summary>
    private const int LeastForKurtosis = 8;

    /// <summary>Measures the rows of a group, [checkpoint, parameter].</summary>
    /// <param name="sizes">The sizes of the tensors in the order of the row; their sum is the row's length.</param>
    public static DirectionSigns Of(FloatRows rows, IReadOnlyList<int> sizes)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(sizes);
        if (sizes.Sum() != rows.Columns)
            throw new ArgumentException($"tensors of {sizes.Sum()} values in rows of {rows.Columns}", nameof(sizes));
        var norms = new double[rows.Count];
        var kurtosis = new double[rows.Count];
        Parallel.For(0, rows.Count, row => (norms[row], kurtosis[row]) = Measure(rows[row], sizes));
        return new DirectionSigns(norms, kurtosis);
    }

    private static (double Norm, double Kurtosis) Measure(ReadOnlySpan<float> weights, IReadOnlyList<int> sizes)
    {
        double squared = 0, sum = 0, counted = 0;
        int first = 0;
        foreach (int size in sizes)
        {
            CentralMoments moments = CentralMoments.Of(weights.Slice(first, size));
            first += size;
            squared += moments.SquaredNorm;
            if (size < LeastForKurtosis || moments.Kurtosis is not { } kurtosis)
                continue;
            sum += size * kurtosis;
            counted += size;
        }
        return (Math.Sqrt(squared), counted == 0 ? 0 : sum / counted);
    }

    /// <summary>
    /// The potential of a family from the root from which norm and kurtosis grow most and steps shorten most: of the two ends of its spanning tree and of the checkpoints with the least norm, the least kurtosis
    /// and the least mean rank by both.
    /// </summary>
    internal PathPotential BestPotential(CheckpointDistances distances, int[] family)
    {
        double[] norms = Ranks([.. family.Select(i => Norms[i])]), kurtosis = Ranks([.. family.Select(i => Kurtosis[i])]);
        int[] members = [.. Enumerable.Range(0, family.Length)];
        (int one, int other) = SpanningTree.Ends(distances, family);
        PathPotential? best = null;
        double most = double.NegativeInfinity;
        foreach (int root in new[] { members.MinBy(i => norms[i] + kurtosis[i]), members.MinBy(i => norms[i]), members.MinBy(i => kurtosis[i]), one, other }.Distinct())
        {
            PathPotential potential = PathPotential.From(distances, family, root);
            int[] order = [.. members];
            Array.Sort([.. potential.Values], order);
            double[] steps = [.. order.Skip(1).Select(i => (double)distances[family[potential.Before[i]], family[i]])];
            double signs = WithPlace([.. order.Select(i => norms[i])]) + WithPlace([.. order.Select(i => kurtosis[i])]) - WithPlace(steps);
            if (signs > most)
                (most, best) = (signs, potential);
        }
        return best!;
    }

    /// <summary>The mean of three rank correlations along a path: norm and kurtosis with place, and length of step with place, reversed. Null with fewer than 3 checkpoints.</summary>
    internal double? Direction(CheckpointDistances distances, int[] path)
    {
        if (path.Length < 3)
            return null;
        double[] steps = new double[path.Length - 1];
        for (int i = 0; i < steps.Length; i++)
            steps[i] = distances[path[i], path[i + 1]];
        return (WithPlace([.. path.Select(i => Norms[i])]) + WithPlace([.. path.Select(i => Kurtosis[i])]) - WithPlace(steps)) / 3;
    }

    /// <summary>Spearman's rank correlation of values with their places.</summary>
    private static double WithPlace(double[] values)
    {
        double[] ranks = Ranks(values);
        double mean = (values.Length - 1) / 2.0, product = 0, squared = 0, places = 0;
        for (int i = 0; i < ranks.Length; i++)
        {
            product += (ranks[i] - mean) * (i - mean);
            squared += (ranks[i] - mean) * (ranks[i] - mean);
            places += (i - mean) * (i - mean);
        }
        return squared == 0 || places == 0 ? 0 : product / Math.Sqrt(squared * places);
    }

    /// <summary>Ranks from 0; equal values share the mean of theirs.</summary>
    private static double[] Ranks(double[] values)
    {
        int[] order = [.. Enumerable.Range(0, values.Length)];
        Array.Sort([.. values], order);
        var ranks = new double[values.Length];
        for (int i = 0; i < order.Length;)
        {
            int end = i + 1;
            while (end < order.Length && values[order[end]] == values[order[i]])
                end++;
            for (int j = i; j < end; j++)
                ranks[order[j]] = (i + end - 1) / 2.0;
            i = end;
        }
        return ranks;
    }
}
