namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Which checkpoint is before which: each has at most one before it and one behind it, and the sum of the costs is least (a minimum-cost path cover, as an assignment problem: Fulkerson, "Note on
/// Dilworth's decomposition theorem", 1956).
/// </summary>
internal static class PathCover
{
    /// <summary>A checkpoint begins a network of its own where every free checkpoint before it would cost more than so many times its squared step.</summary>
    public const double BeginCost = 4;

    /// <summary>What is less than this share of a step before a checkpoint, by the potential, is beside it.</summary>
    private const double ShareOfStep = 0.05;

    /// <summary>How many of the cheapest before each are thought of.</summary>
    private const int Candidates = 40;

    /// <summary>The same of a bundle, where more look alike.</summary>
    private const int MostOfABundle = 200;

    /// <summary>What may be before each member, and what it costs to begin a network there. [member]</summary>
    public static (Candidate[][] Candidates, double[] None) Possible(CheckpointDistances distances, int[] members, PathPotential potential, List<int[]> bundles)
    {
        int n = members.Length;
        double[] values = potential.Values;
        var bundleOf = new int[n];
        Array.Fill(bundleOf, -1);
        for (int b = 0; b < bundles.Count; b++)
        {
            foreach (int member in bundles[b])
                bundleOf[member] = b;
        }
        int[] order = [.. Enumerable.Range(0, n)];
        Array.Sort([.. values], order);
        var place = new int[n];
        for (int i = 0; i < n; i++)
            place[order[i]] = i;

        var candidates = new Candidate[n][];
        var none = new double[n];
        Parallel.For(0, n, y =>
        {
            if (potential.Before[y] < 0)
            {
                candidates[y] = [];
                return;
            }
            double step = distances[members[potential.Before[y]], members[y]];
            if (bundleOf[y] >= 0)
                return; // below, all of a bundle at once
            candidates[y] = Cheapest(distances, members, values, order.AsSpan(0, place[y]), y, values[y] - (ShareOfStep * step));
            none[y] = BeginCost * step;
        });
        foreach (int[] bundle in bundles)
            FromTheLayerBefore(distances, members, values, bundles, bundleOf, order.AsSpan(0, bundle.Min(member => place[member])), bundle, candidates, none);
        return (candidates, none);
    }

    /// <summary>Those by which the way to y is least longer than the shortest.</summary>
    private static Candidate[] Cheapest(CheckpointDistances distances, int[] members, double[] values, ReadOnlySpan<int> earlier, int y, double latest)
    {
        ReadOnlySpan<float> row = distances.Row(members[y]);
        while (!earlier.IsEmpty && values[earlier[^1]] > latest)
            earlier = earlier[..^1];
        var ways = new float[earlier.Length];
        for (int i = 0; i < ways.Length; i++)
            ways[i] = (float)Math.Max(0, values[earlier[i]] + row[members[earlier[i]]] - values[y]);
        int[] nearest = Nearest.Of(ways, -1, Candidates);
        var cheapest = new Candidate[nearest.Length];
        for (int i = 0; i < nearest.Length; i++)
            cheapest[i] = new Candidate(earlier[nearest[i]], ways[nearest[i]]);
        return cheapest;
    }

    /// <summary>
    /// The checkpoints of a bundle are not before each other; what is before them stands right before the bundle. Is that a bundle too, then all have moved alike, by more than what sets them apart:
    /// the two means are taken out, and what is left of a network stays with it.
    /// </summary>
    private static void FromTheLayerBefore(CheckpointDistances distances, int[] members, double[] values, List<int[]> bundles, int[] bundleOf, ReadOnlySpan<int> earlier, int[] bundle,
        Candidate[][] candidates, double[] none)
    {
        if (earlier.IsEmpty)
        {
            foreach (int y in bundle)
                candidates[y] = [];
            return;
        }
        int last = earlier[^1];
        if (bundleOf[last] < 0)
        {
            foreach (int y in bundle)
            {
                candidates[y] = Cheapest(distances, members, values, earlier, y, double.PositiveInfinity);
                none[y] = candidates[y].Length == 0 ? 0 : BeginCost * distances[members[candidates[y][0].Column], members[y]];
            }
            return;
        }
        int[] before = bundles[bundleOf[last]];
        double[] farther = SquaredBetween(distances, [.. before.Select(x => members[x])], [.. bundle.Select(y => members[y])]);
        double most = 1 + farther.Max();
        for (int j = 0; j < bundle.Length; j++)
        {
            var all = new Candidate[before.Length];
            for (int i = 0; i < before.Length; i++)
                all[i] = new Candidate(before[i], farther[(i * bundle.Length) + j]);
            candidates[bundle[j]] = [.. all.OrderBy(candidate => candidate.Cost).ThenBy(candidate => candidate.Column).Take(MostOfABundle)];
            none[bundle[j]] = most * members.Length; // so long as there are enough before it, none of a bundle begins in it
        }
    }

    /// <summary>The squared distances of x - mean of the xs from y - mean of the ys, [x, y], by double centring of those of x from y.</summary>
    private static double[] SquaredBetween(CheckpointDistances distances, int[] xs, int[] ys)
    {
        double[] spreadX = FromMean(distances, xs), spreadY = FromMean(distances, ys);
        var rows = new double[xs.Length];
        var columns = new double[ys.Length];
        double all = 0;
        for (int i = 0; i < xs.Length; i++)
        {
            for (int j = 0; j < ys.Length; j++)
            {
                double squared = distances[xs[i], ys[j]];
                rows[i] += squared / ys.Length;
                columns[j] += squared / xs.Length;
                all += squared / xs.Length / ys.Length;
            }
        }
        var between = new double[xs.Length * ys.Length];
        for (int i = 0; i < xs.Length; i++)
        {
            for (int j = 0; j < ys.Length; j++)
            {
                double inner = -0.5 * (distances[xs[i], ys[j]] - rows[i] - columns[j] + all);
                between[(i * ys.Length) + j] = Math.Max(0, spreadX[i] + spreadY[j] - (2 * inner));
            }
        }
        return between;
    }

    /// <summary>The squared distance of each from the mean of all: d_i. - d.. / 2.</summary>
    private static double[] FromMean(CheckpointDistances distances, int[] rows)
    {
        var means = new double[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            foreach (int j in rows)
                means[i] += distances[rows[i], j] / (double)rows.Length;
        }
        double half = means.Average() / 2;
        return [.. means.Select(mean => mean - half)];
    }
}
