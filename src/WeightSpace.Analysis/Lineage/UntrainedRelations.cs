using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Lineage;

/// <summary>A change without training that can be read off the weights, so that its direction is known.</summary>
/// <param name="Rivals">How many models could be the parent just as well, this one included.</param>
internal sealed record UntrainedRelation(int Parent, RelationKind Kind, int Rivals, int? SecondParent = null, double? Share = null, bool IsDirected = true);

/// <summary>
/// Finds models of one tree that were made from another without training: permuted, pruned, quantised, averaged, noisy. Each but the first can only have gone one way.
/// </summary>
internal static class UntrainedRelations
{
    /// <summary>Tensors of fewer values say nothing of grids and noise.</summary>
    private const int LeastValues = 8;

    /// <summary>Of how many nearest models pairs are looked at for averages, and how many for noise.</summary>
    private const int AverageNeighbours = 32, NoiseNeighbours = 6;

    /// <param name="models">Of one tree, hidden units in one order. [model][parameter]</param>
    /// <param name="isReordered">Whether its units stood in another order than those of most of the tree. [model]</param>
    /// <returns>For each model what it was made from; null where it was not. [model]</returns>
    public static UntrainedRelation?[] Find(IReadOnlyList<float[]> models, bool[] isReordered, TreeDistances distances, IReadOnlyList<PackedTensor> tensors, CancellationToken stop)
    {
        int n = models.Count;
        var found = new UntrainedRelation?[n];
        Permuted(models, isReordered, found);
        int[] rest = [.. Enumerable.Range(0, n).Where(i => found[i] is null)];
        // First what could be such a copy at all; parents that could not are preferred.
        double[]?[] grids = [.. Enumerable.Range(0, n).Select(i => found[i] is null ? Grid(models[i], tensors) : null)];
        double[] zeros = [.. models.Select(model => model.Count(value => value == 0) / (double)model.Length)];
        var oneWay = new UntrainedRelation?[n];
        for (int pass = 0; pass < 2; pass++)
        {
            bool[] isDone = [.. oneWay.Select(relation => relation is not null)];
            Parallel.ForEach(rest.Where(y => !isDone[y]), new ParallelOptions { CancellationToken = stop }, y =>
            {
                IEnumerable<int> candidates = rest.Where(x => x != y && (pass == 1 || (grids[x] is null && zeros[x] < 0.01)));
                int[] pruned = zeros[y] == 0 ? [] : [.. candidates.Where(x => zeros[x] < zeros[y] && IsPruned(models[x], models[y]))];
                int[] quantised = grids[y] is not { } grid || pruned.Length > 0 ? [] : [.. candidates.Where(x => IsQuantised(models[x], models[y], grid, tensors))];
                int[] parents = pruned.Length > 0 ? pruned : quantised;
                if (parents.Length > 0)
                    oneWay[y] = new UntrainedRelation(parents.MinBy(x => distances.Squared[x, y]), pruned.Length > 0 ? RelationKind.Pruned : RelationKind.Quantised, parents.Length);
            });
        }
        foreach (int y in rest)
            found[y] = oneWay[y];
        rest = [.. rest.Where(i => found[i] is null)];
        var averages = new UntrainedRelation?[n];
        Parallel.ForEach(rest, new ParallelOptions { CancellationToken = stop }, y => averages[y] = Average(models, rest, y, distances));
        foreach (int y in rest)
            found[y] = averages[y];
        Noisy(models, [.. rest.Where(i => found[i] is null)], distances, tensors, found);
        return found;
    }

    private static void Permuted(IReadOnlyList<float[]> models, bool[] isReordered, UntrainedRelation?[] found)
    {
        foreach (IGrouping<int, int> same in Enumerable.Range(0, models.Count).GroupBy(i => Hash(models[i])).Where(same => same.Count() > 1))
        {
            // The one whose units stand as the tree's do; where several or none do, nothing says which is the first.
            int[] members = [.. same.OrderBy(i => isReordered[i]).ThenBy(i => i)];
            bool isSure = !isReordered[members[0]];
            foreach (int member in members.Skip(1).Where(member => models[member].AsSpan().SequenceEqual(models[members[0]])))
                found[member] = new UntrainedRelation(members[0], RelationKind.Permuted, 1, IsDirected: isSure && isReordered[member]);
        }
    }

    /// <summary>A hash of weights bit for bit but that both zeros count alike.</summary>
    public static int Hash(float[] weights)
    {
        var hash = default(HashCode);
        foreach (float weight in weights)
            hash.Add(weight);
        return hash.ToHashCode();
    }

    private static bool IsPruned(float[] parent, float[] child)
    {
        int pruned = 0;
        for (int i = 0; i < child.Length; i++)
        {
            if (child[i] != 0 && child[i] != parent[i])
                return false;
            pruned += child[i] == 0 && parent[i] != 0 ? 1 : 0;
        }
        return pruned > 0;
    }

    /// <summary>The quantum of each tensor's values, 0 where they are all alike or too few to tell; null unless all tensors of which more can be said are on a grid.</summary>
    private static double[]? Grid(float[] weights, IReadOnlyList<PackedTensor> tensors)
    {
        double[] quanta = new double[tensors.Count];
        for (int t = 0; t < quanta.Length; t++)
        {
            if (WeightChanges.IsStatistic(tensors[t]) || tensors[t].Elements < LeastValues)
                continue;
            ReadOnlySpan<float> values = weights.AsSpan((int)tensors[t].Offset, (int)tensors[t].Elements);
            float most = 0;
            foreach (float value in values)
                most = Math.Max(most, Math.Abs(value));
            if (most == 0)
                continue;
            quanta[t] = Quantum(values, most);
            if (quanta[t] == 0)
                return null;
        }
        return quanta.Any(quantum => quantum > 0) ? quanta : null;
    }

    /// <summary>The coarsest grid through 0 and the largest value on which all values stand: its quantum; 0 where there is none of up to 2^15 steps that chance would not give too.</summary>
    private static double Quantum(ReadOnlySpan<float> values, float most)
    {
        for (int bits = 2; bits <= 16; bits++)
        {
            double quantum = most / ((1 << (bits - 1)) - 1.0);
            bool isOn = true;
            for (int i = 0; isOn && i < values.Length; i++)
            {
                double at = values[i] / quantum;
                isOn = Math.Abs(at - Math.Round(at)) < 0.01;
            }
            if (isOn)
                return quantum;
        }
        return 0;
    }

    private static bool IsQuantised(float[] parent, float[] child, double[] grid, IReadOnlyList<PackedTensor> tensors)
    {
        bool differs = false;
        for (int t = 0; t < grid.Length; t++)
        {
            int first = (int)tensors[t].Offset, end = first + (int)tensors[t].Elements;
            double bound = grid[t] == 0 ? double.PositiveInfinity : grid[t] * 0.5005;
            for (int i = first; i < end; i++)
            {
                if (Math.Abs((double)child[i] - parent[i]) > bound)
                    return false;
                differs |= child[i] != parent[i];
            }
        }
        return differs;
    }

    /// <summary>The two models between which a third stands on a straight line, within what rounding does.</summary>
    private static UntrainedRelation? Average(IReadOnlyList<float[]> models, int[] rest, int y, TreeDistances distances)
    {
        double[,] squared = distances.Squared;
        int[] near = [.. rest.Where(x => x != y && squared[x, y] > 0).OrderBy(x => squared[x, y]).Take(AverageNeighbours)];
        (double Off, int A, int B, double Share) best = (double.PositiveInfinity, -1, -1, 0);
        for (int i = 0; i < near.Length; i++)
        {
            for (int j = i + 1; j < near.Length; j++)
            {
                (int a, int b) = (near[i], near[j]);
                double length = squared[a, b];
                if (length <= 0)
                    continue;
                double share = (squared[a, y] + length - squared[b, y]) / (2 * length); // of b in y
                double off = (squared[a, y] - (share * share * length)) / length;
                if (share is < 0.02 or > 0.98 || off > 1e-4 || off >= best.Off)
                    continue;
                double exact = 0;
                float[] from = models[a], to = models[b], at = models[y];
                for (int k = 0; k < at.Length; k++)
                {
                    double rest1 = at[k] - (from[k] + (share * ((double)to[k] - from[k])));
                    exact += rest1 * rest1;
                }
                if (exact <= (1e-6 * length) + (1e-12 * distances.Norms[y]))
                    best = (exact / length, a, b, share);
            }
        }
        return best.A < 0 ? null : new UntrainedRelation(best.Share <= 0.5 ? best.A : best.B, RelationKind.Averaged, 1, best.Share <= 0.5 ? best.B : best.A, Math.Min(best.Share, 1 - best.Share));
    }

    private static void Noisy(IReadOnlyList<float[]> models, int[] rest, TreeDistances distances, IReadOnlyList<PackedTensor> tensors, UntrainedRelation?[] found)
    {
        double[,] squared = distances.Squared;
        var partners = new Dictionary<int, List<int>>();
        foreach (int y in rest)
            partners[y] = [.. rest.Where(x => x != y && squared[x, y] > 0).OrderBy(x => squared[x, y]).Take(NoiseNeighbours).Where(x => IsNoise(models[x], models[y], tensors))];
        var directed = new Dictionary<int, int>();
        foreach (int y in rest)
        {
            foreach (int x in partners[y])
            {
                // Seen from the parent, other models lie in no direction of the noise; seen from the copy, all of them lie back.
                double[] shares = [.. rest.Where(z => z != x && z != y && !partners[x].Contains(z) && !partners[y].Contains(z)).Select(z => (squared[x, y] + squared[x, z] - squared[y, z]) / (2 * squared[x, y])).Order()];
                bool isChild = shares.Length > 0 ? shares[shares.Length / 2] < 0.3
                    : Outward(squared[x, y], distances.Norms[x], distances.Norms[y], models[y].Length) is < 3 and > -3 && Outward(squared[x, y], distances.Norms[y], distances.Norms[x], models[y].Length) < -5;
                if (isChild)
                {
                    directed[y] = x;
                    break;
                }
            }
        }
        foreach ((int y, int x) in directed)
        {
            // A model and its copy cannot each be the other's.
            if (!directed.TryGetValue(x, out int back) || back != y)
                found[y] = new UntrainedRelation(x, RelationKind.Noisy, 1);
        }
    }

    /// <summary>The cosine of a step from x with x itself, in the deviations that it has for a step which has nothing to do with x.</summary>
    private static double Outward(double squared, double normX, double normY, int weights) => normX == 0 || squared == 0 ? 0 : (normY - normX - squared) / 2 / Math.Sqrt(normX * squared) * Math.Sqrt(weights);

    /// <summary>
    /// Whether the difference of two models is normal noise: its kurtosis over all tensors is that of a normal distribution, its size is the same in all tensors (or the same share of each tensor's own deviation), and no row of a
    /// matrix has more of it than chance gives. Training does none of these.
    /// </summary>
    public static bool IsNoise(float[] a, float[] b, IReadOnlyList<PackedTensor> tensors)
    {
        double values = 0, fourth = 0, rows = 0, excess = 0;
        var sizes = new List<(double Count, double Relative, double Absolute)>();
        foreach (PackedTensor tensor in tensors.Where(tensor => tensor.Elements >= LeastValues && !WeightChanges.IsStatistic(tensor)))
        {
            int first = (int)tensor.Offset, count = (int)tensor.Elements;
            float[] difference = new float[count];
            for (int i = 0; i < count; i++)
                difference[i] = b[first + i] - a[first + i];
            CentralMoments moments = CentralMoments.Of(difference), own = CentralMoments.Of(a.AsSpan(first, count));
            if (own.Second == 0)
                continue;
            if (moments.Kurtosis is not { } kurtosis)
                return false;
            values += count;
            fourth += count * kurtosis;
            sizes.Add((count, 0.5 * Math.Log(moments.Second / own.Second), 0.5 * Math.Log(moments.Second / count)));
            int axis = (int)tensor.Shape[0], columns = count / axis;
            if (axis < 2 || columns < 2)
                continue;
            for (int row = 0; row < axis; row++)
            {
                double energy = DenseVectors.SquaredNorm(difference.AsSpan(row * columns, columns)) / (moments.Second / count);
                excess += (energy - columns) * (energy - columns) / (2 * columns);
                rows++;
            }
        }
        if (values < 64 || Math.Abs((fourth / values) - 3) > (5 * Math.Sqrt(24 / values)) + 0.1)
            return false;
        if (rows > 0 && excess / rows > 1.5 + (8 * Math.Sqrt(2 / rows)))
            return false;
        return Agree(size => size.Relative) || Agree(size => size.Absolute);

        // Logarithms of estimated deviations scatter by 1 / sqrt(2 n).
        bool Agree(Func<(double Count, double Relative, double Absolute), double> of)
        {
            double mean = sizes.Sum(size => size.Count * of(size)) / values;
            return sizes.All(size => Math.Abs(of(size) - mean) <= 0.03 + (4.5 / Math.Sqrt(2 * size.Count)));
        }
    }
}
