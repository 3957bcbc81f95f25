using WeightSpace.Analysis.Alignment;
using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Brings the hidden units of all checkpoints into one order, where they are not: copies whose units were reordered compute the same and stand far from each other. Neighbours are looked for by sorted
/// weights (<see cref="SortedCells"/>), each pair of them is aligned (<see cref="WeightMatching"/>), and along the spanning tree of the distances that are left the first checkpoint hands its order on.
/// </summary>
internal static class SharedUnitOrder
{
    /// <summary>Nearest checkpoints by sorted weights that each is aligned to.</summary>
    private const int Neighbours = 4;

    /// <summary>Checkpoints that are looked at to say whether units were reordered at all.</summary>
    private const int Sample = 200;

    /// <summary>So many of them, or more, must come nearer.</summary>
    private const double LeastShare = 0.02;

    /// <summary>Another order counts only if it makes the distance shorter than this share; that of two networks with nothing in common shrinks too, but by less.</summary>
    private const double LeastGain = 0.7;

    /// <summary>An edge of the spanning tree ends a part where it is so many times longer than the next shorter one.</summary>
    private const double PartGap = 1.5;

    /// <summary>A part has about so many checkpoints at least.</summary>
    private const int LeastOfAPart = 3;

    /// <summary>While there are at most so many parts, each is aligned to each other.</summary>
    private const int MostParts = 400;

    /// <param name="rows">[checkpoint, parameter]; reordered in place.</param>
    /// <returns>Whether units were reordered.</returns>
    public static bool Restore(FloatRows rows, ParameterLayout layout, CancellationToken stop)
    {
        if (rows.Count < 2 || UnitGroup.Of(layout).Count == 0)
            return false;
        using FloatRows sorted = new SortedCells(layout).Sort(rows, stop);
        if (!IsReordered(rows, sorted, layout, stop))
            return false;
        CheckpointDistances bySorted = CheckpointDistances.Of(sorted, stop);
        int[] all = [.. Enumerable.Range(0, rows.Count)];
        var known = new Dictionary<(int, int), float>();
        Measure(rows, layout, SpanningTree.Of(bySorted, all).Select(edge => (edge.From, edge.To)).Concat(all.SelectMany(i => Nearest.Of(bySorted.Row(i), i, Neighbours).Select(j => (i, j)))), known, stop);
        List<TreeEdge> tree = SpanningTree.Of(rows.Count, known);
        // What is one network may still be in parts, where a long step led past all nearest ones.
        int[][] parts = Parts(rows.Count, tree);
        if (parts.Length is > 1 and <= MostParts)
        {
            Measure(rows, layout, Closest(bySorted, parts), known, stop);
            tree = SpanningTree.Of(rows.Count, known);
        }
        HandOn(rows, layout, tree, stop);
        return true;
    }

    /// <summary>Whether some checkpoints come much nearer to one like them, by aligning them, than any is as it stands.</summary>
    private static bool IsReordered(FloatRows rows, FloatRows sorted, ParameterLayout layout, CancellationToken stop)
    {
        int looked = Math.Min(Sample, rows.Count);
        int nearer = 0;
        Parallel.For(0, looked, new ParallelOptions { CancellationToken = stop }, k =>
        {
            int i = (int)((long)k * rows.Count / looked);
            double leastRaw = double.PositiveInfinity, leastSorted = double.PositiveInfinity;
            int alike = -1;
            for (int j = 0; j < rows.Count; j++)
            {
                if (j == i)
                    continue;
                leastRaw = Math.Min(leastRaw, DenseVectors.SquaredDistance(rows[i], rows[j]));
                double squared = DenseVectors.SquaredDistance(sorted[i], sorted[j]);
                if (squared < leastSorted)
                    (leastSorted, alike) = (squared, j);
            }
            // Sorted weights are never farther apart than aligned ones, so most need not be aligned.
            if (leastSorted < LeastGain * LeastGain * leastRaw && Aligned(rows, layout, alike, i).Squared < LeastGain * LeastGain * leastRaw)
                Interlocked.Increment(ref nearer);
        });
        return nearer > LeastShare * looked;
    }

    /// <summary>The squared distances of pairs in the best order of units.</summary>
    private static void Measure(FloatRows rows, ParameterLayout layout, IEnumerable<(int One, int Other)> pairs, Dictionary<(int, int), float> known, CancellationToken stop)
    {
        (int One, int Other)[] left = [.. pairs.Select(pair => (One: Math.Min(pair.One, pair.Other), Other: Math.Max(pair.One, pair.Other))).Distinct().Where(pair => !known.ContainsKey(pair))];
        var squared = new float[left.Length];
        Parallel.For(0, left.Length, new ParallelOptions { CancellationToken = stop }, i => squared[i] = (float)Aligned(rows, layout, left[i].One, left[i].Other).Squared);
        for (int i = 0; i < left.Length; i++)
            known.Add(left[i], squared[i]);
    }

    private static (float[] Weights, double Squared) Aligned(FloatRows rows, ParameterLayout layout, int to, int row)
    {
        float[] weights = rows[row].ToArray();
        new WeightMatching(layout, rows[to]).Align(weights);
        return (weights, DenseVectors.SquaredDistance(rows[to], weights));
    }

    /// <summary>The parts of the tree without its longest edges, where the ratio of one edge to the next shorter one is largest and large enough; all as one part where none is.</summary>
    private static int[][] Parts(int count, List<TreeEdge> tree)
    {
        float[] squared = [.. tree.Select(edge => edge.Squared).OrderDescending()];
        int cut = -1;
        double ratio = PartGap * PartGap;
        for (int i = 0; i < squared.Length / LeastOfAPart; i++)
        {
            double here = squared[i] / Math.Max(squared[i + 1], float.Epsilon);
            if (here >= ratio)
                (ratio, cut) = (here, i);
        }
        return SpanningTree.Parts(count, tree, cut < 0 ? float.PositiveInfinity : squared[cut + 1]);
    }

    /// <summary>Of every two parts the pair that is nearest.</summary>
    private static IEnumerable<(int One, int Other)> Closest(CheckpointDistances distances, int[][] parts)
    {
        for (int a = 0; a < parts.Length; a++)
        {
            for (int b = a + 1; b < parts.Length; b++)
            {
                float least = float.PositiveInfinity;
                (int, int) pair = default;
                foreach (int i in parts[a])
                {
                    ReadOnlySpan<float> row = distances.Row(i);
                    foreach (int j in parts[b])
                    {
                        if (row[j] < least)
                            (least, pair) = (row[j], (i, j));
                    }
                }
                yield return pair;
            }
        }
    }

    /// <summary>From the first checkpoint on along the tree, each takes the order of the one before it.</summary>
    private static void HandOn(FloatRows rows, ParameterLayout layout, List<TreeEdge> tree, CancellationToken stop)
    {
        foreach ((int from, int to) in SpanningTree.Outwards(rows.Count, tree))
        {
            stop.ThrowIfCancellationRequested();
            (float[] weights, double squared) = Aligned(rows, layout, from, to);
            if (squared < LeastGain * LeastGain * DenseVectors.SquaredDistance(rows[from], rows[to]))
                weights.CopyTo(rows[to]);
        }
    }
}
