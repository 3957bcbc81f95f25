namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Bundles: checkpoints of different networks that stand side by side, after about as many steps, so near to each other that a nearest neighbour is more likely a contemporary than a predecessor. That
/// is how networks stand that began from the same weights.
/// </summary>
/// <remarks>
/// Along the potential (<see cref="PathPotential"/>) a bundle is a clump: all of it is passed between two long steps that no checkpoint lies in. A stretch of one path may look so too, where training
/// was slow between two fast times; but along a path the potential grows by the squared length of every step, and in a bundle it does not grow from one checkpoint to the next: it is the range of
/// the potential against the length of the minimum spanning tree that tells them apart.
/// </remarks>
internal static class Bundles
{
    /// <summary>How much wider than the clump the gaps before and behind it are at least.</summary>
    private const double OuterGap = 1.5;

    /// <summary>A clump that a gap within it cuts into parts, each so much narrower than the gap, is several.</summary>
    private const double InnerGap = 3;

    /// <summary>The gap before the clump has at least this share of the squared step that leads into it.</summary>
    private const double ShareOfStep = 0.3;

    /// <summary>A stretch of one path has the whole length of its tree as range; of so large a share or more, it is taken for one.</summary>
    private const double ShareOfTree = 0.5;

    /// <summary>
    /// Contemporaries stand about equally far from each other. Where the lower quartile of the squared edges of their tree is below this share of the upper one, there are several checkpoints of each network among
    /// them, at the end of a fast time, and they are near enough to find each other.
    /// </summary>
    private const double Evenness = 0.1;

    /// <summary>The bundles, ascending by potential; each member's index into <paramref name="members"/>.</summary>
    public static List<int[]> Find(CheckpointDistances distances, int[] members, PathPotential potential)
    {
        double[] values = potential.Values;
        int[] order = [.. Enumerable.Range(0, members.Length)];
        Array.Sort([.. values], order);
        var bundles = new List<int[]>();
        // Stretches of the order [From, To), each with the narrower of the gaps before and behind it; a stack in place of a recursion as deep as there are checkpoints.
        var stretches = new Stack<(int From, int To, double Outer)>();
        stretches.Push((0, order.Length, double.PositiveInfinity));
        double At(int place) => values[order[place]];
        while (stretches.TryPop(out (int From, int To, double Outer) stretch))
        {
            (int from, int to, double outer) = stretch;
            if (to - from < 2)
                continue;
            int cut = from + 1;
            for (int place = from + 2; place < to; place++)
            {
                if (At(place) - At(place - 1) > At(cut) - At(cut - 1))
                    cut = place;
            }
            double gap = At(cut) - At(cut - 1), range = At(to - 1) - At(from);
            double widest = Math.Max(At(cut - 1) - At(from), At(to - 1) - At(cut));
            if (double.IsFinite(outer) && range * OuterGap <= outer && gap < InnerGap * widest)
            {
                if (IsBundle(distances, members, order.AsSpan(0, from), order.AsSpan(from, to - from), range, from == 0 ? 0 : At(from) - At(from - 1)))
                    bundles.Add(order[from..to]);
                continue;
            }
            stretches.Push((cut, to, Math.Min(outer, gap)));
            stretches.Push((from, cut, Math.Min(outer, gap)));
        }
        return bundles;
    }

    private static bool IsBundle(CheckpointDistances distances, int[] members, ReadOnlySpan<int> earlier, ReadOnlySpan<int> clump, double range, double gapBefore)
    {
        int[] inside = new int[clump.Length];
        for (int i = 0; i < inside.Length; i++)
            inside[i] = members[clump[i]];
        float[] edges = [.. SpanningTree.Of(distances, inside).Select(edge => edge.Squared).Order()];
        if (range >= ShareOfTree * edges.Sum(squared => (double)squared) || edges[edges.Length / 4] < Evenness * edges[edges.Length * 3 / 4])
            return false;
        if (earlier.IsEmpty)
            return true;
        var steps = new float[inside.Length];
        for (int i = 0; i < inside.Length; i++)
        {
            steps[i] = float.PositiveInfinity;
            ReadOnlySpan<float> row = distances.Row(inside[i]);
            foreach (int j in earlier)
                steps[i] = Math.Min(steps[i], row[members[j]]);
        }
        Array.Sort(steps);
        return gapBefore >= ShareOfStep * steps[steps.Length / 2];
    }
}
