namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>How many steps from one checkpoint to the next lie between a family's root and each of its checkpoints.</summary>
/// <remarks>
/// <para>It is the number of hops of the shortest way (<see cref="PathPotential"/>) with the right power. Where networks move alike by more than what sets them apart, a high power makes ways that go through
/// contemporaries, which lie a short hop aside, and counts too many; where noise is longer than the common motion, a low power makes ways that leave checkpoints out, and counts too few.</para>
/// <para>With the right power every checkpoint has one before it in the layer with one hop less, and every one but the last has one behind it. So the power is taken with which layer upon layer can be linked with
/// fewest loose ends. A way through all of two networks in turn would have none, but twice the layers; so each layer counts as one loose end does.</para>
/// </remarks>
/// <param name="Steps">[member]; 0 at the root.</param>
/// <param name="Potential">By which a checkpoint comes before another; its hops are the steps.</param>
internal sealed record TrainingTime(int[] Steps, PathPotential Potential)
{
    private static readonly double[] s_powers = [1.25, 1.5, 1.75, 2, 2.25, 2.5, 3];

    /// <summary>A checkpoint goes without another's place only if that saves so many times the median step of its layer.</summary>
    private const double LooseEnd = 10;

    /// <summary>How many of the layer before may be before a checkpoint.</summary>
    private const int Candidates = 40;

    /// <param name="root">An index into <paramref name="members"/>.</param>
    /// <param name="keepsPace">Whether ways keep their pace (<see cref="PathPotential.From"/>).</param>
    public static TrainingTime Of(CheckpointDistances distances, int[] members, int root, bool keepsPace)
    {
        PathPotential? best = null;
        int least = int.MaxValue;
        foreach (double power in s_powers)
        {
            var potential = PathPotential.From(distances, members, root, power, keepsPace);
            int loose = LooseEnds(distances, members, potential.Hops) + potential.Hops.Max();
            if (loose < least)
                (least, best) = (loose, potential);
        }
        return new TrainingTime(best!.Hops, best);
    }

    /// <summary>The members with each number of steps. [steps]</summary>
    public static int[][] Layers(int[] steps)
    {
        var layers = new List<int>[steps.Max() + 1];
        for (int t = 0; t < layers.Length; t++)
            layers[t] = [];
        for (int i = 0; i < steps.Length; i++)
            layers[steps[i]].Add(i);
        return [.. layers.Select(layer => layer.ToArray())];
    }

    /// <summary>The <paramref name="count"/> of a layer that stand nearest to a member, the nearest first.</summary>
    public static IEnumerable<int> NearestOf(CheckpointDistances distances, int[] members, int[] layer, int member, int count)
    {
        ReadOnlySpan<float> row = distances.Row(members[member]);
        var squared = new float[layer.Length];
        for (int i = 0; i < layer.Length; i++)
            squared[i] = row[members[layer[i]]];
        return Nearest.Of(squared, -1, count).Select(i => layer[i]);
    }

    /// <summary>The tree of paths in which each layer is linked with the one before as cheaply as can be, and what is left begins behind the nearest of that layer.</summary>
    public int[] Tree(CheckpointDistances distances, int[] members)
    {
        int[][] layers = Layers(Steps);
        int[] nearest = [.. Steps.Select((step, y) => step == 0 ? -1 : NearestOf(distances, members, layers[step - 1], y, 1).First())];
        return PathTree.Of(Links(distances, members, layers), nearest);
    }

    /// <summary>Checkpoints without one before them and without one behind them, where each layer is linked with the one before as cheaply as can be.</summary>
    private static int LooseEnds(CheckpointDistances distances, int[] members, int[] hops)
    {
        int[][] layers = Layers(hops);
        int[] before = Links(distances, members, layers);
        int begins = before.Count(x => x < 0) - layers[0].Length, linked = members.Length - layers[0].Length - begins;
        return begins + (members.Length - layers[^1].Length - linked);
    }

    /// <summary>Of each member the one in the layer before that it is linked with, -1 for none. [member]</summary>
    private static int[] Links(CheckpointDistances distances, int[] members, int[][] layers)
    {
        var before = new int[members.Length];
        Array.Fill(before, -1);
        for (int t = 1; t < layers.Length; t++)
        {
            int[] earlier = layers[t - 1], layer = layers[t];
            var candidates = new Candidate[layer.Length][];
            for (int i = 0; i < layer.Length; i++)
                candidates[i] = [.. NearestOf(distances, members, earlier, layer[i], Candidates).Select(x => new Candidate(x, distances[members[x], members[layer[i]]]))];
            double[] nearest = [.. candidates.Select(row => row[0].Cost).Order()];
            double price = LooseEnd * nearest[nearest.Length / 2];
            int[] linked = SparseAssignment.Minimise(candidates, [.. candidates.Select(row => row[0].Cost + price)], members.Length);
            for (int i = 0; i < layer.Length; i++)
                before[layer[i]] = linked[i];
        }
        return before;
    }
}
