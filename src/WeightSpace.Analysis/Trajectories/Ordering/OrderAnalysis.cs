using System.Text.Json.Serialization;
using WeightSpace.Analysis.Alignment;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>One checkpoint as it was found.</summary>
/// <param name="Trajectory">From 1; null for a copy of another checkpoint.</param>
/// <param name="Place">In the trajectory, from 1; null for a copy.</param>
/// <param name="SameAs">The checkpoint whose very weights it has.</param>
public sealed record FoundCheckpoint(string Name, int? Trajectory, int? Place, string? SameAs);

/// <summary>One trajectory as it was found.</summary>
/// <param name="Number">From 1.</param>
/// <param name="ForkOf">The checkpoint that it was forked from.</param>
/// <param name="Direction">From -1 to 1; null with fewer than 3 checkpoints.</param>
/// <param name="Separation">From -1 to 1.</param>
public sealed record FoundTrajectory(int Number, int Checkpoints, string First, string Last, string? ForkOf, double? Direction, double Separation)
{
    /// <summary>Below this, signs speak for both ends.</summary>
    public const double LeastDirection = 0.3;

    /// <summary>Whether its first and its last checkpoint can be told apart.</summary>
    public bool HasDirection => Direction >= LeastDirection;
}

/// <summary>How right an answer is, or would have been.</summary>
public sealed record NamedOrderScores(string Method, OrderScores Scores);

/// <summary>What is known of a group of unlabelled checkpoints.</summary>
/// <param name="UnitsReordered">Whether hidden units stood in different orders and were brought into one first.</param>
/// <param name="LeftOut">Checkpoints with weights that are not finite.</param>
/// <param name="Scores">Held against the truth, where it is known: this method first, then simple rules that were told the number of networks.</param>
public sealed record OrderResult(string Group, int Parameters, bool UnitsReordered, IReadOnlyList<FoundTrajectory> Trajectories, IReadOnlyList<FoundCheckpoint> Checkpoints, IReadOnlyList<string> LeftOut, IReadOnlyList<NamedOrderScores> Scores)
{
    /// <summary>Where the checkpoints stand in a plane; null where that was not asked for, or there is none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OrderProjection? Projection { get; init; }
}

/// <summary>Asks a group of checkpoints which belong together and in which order, without looking at what is said of them.</summary>
public static class OrderAnalysis
{
    /// <summary>A Gram matrix has at most so many rows.</summary>
    public const int MostCheckpoints = 46_340;

    /// <summary>Most values of all checkpoints of a group together: what one array holds, 8 GiB of floats.</summary>
    public static long MostValues => Array.MaxLength;

    /// <param name="withBaselines">Whether simple rules answer too, where the truth is known.</param>
    /// <param name="withProjection">Whether a plane is looked for in which the checkpoints can be drawn.</param>
    /// <param name="seed">Seed of resampling.</param>
    /// <exception cref="InputException">There are too many checkpoints, or too few.</exception>
    public static OrderResult Run(ICheckpointGroup group, bool withBaselines, bool withProjection, ulong seed, Action<string, long, long>? progress, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(group);
        Check(group);
        int columns = (int)group.Count;
        (List<int> items, List<string> leftOut, float[] weights) = Read(group, columns, progress, stop);
        if (items.Count == 0)
            throw new InputException($"{group.Name}: no checkpoint has finite weights; there is nothing to put in order");
        int[] sizes = [.. group.Tensors.Select(tensor => (int)tensor.Elements)];
        RecoveredTrajectories recovered;
        bool isReordered;
        OrderProjection? projection = null;
        using (FloatRows rows = FloatRows.Copy(weights.AsMemory(0, items.Count * columns), items.Count, columns, centre: false))
        {
            progress?.Invoke("aligning hidden units", 0, 1);
            isReordered = group.Symmetry is { } layout && SharedUnitOrder.Restore(rows, layout, stop);
            progress?.Invoke("looking for paths", 0, 1);
            recovered = TrajectoryRecovery.Find(rows, DirectionSigns.Of(rows, sizes), new CommonOrigin(group.Tensors, group.Symmetry, seed), stop);
            if (withProjection)
            {
                progress?.Invoke("looking for a plane to draw in", 0, 1);
                projection = OrderProjection.Of(rows, stop);
            }
        }
        var scores = new List<NamedOrderScores>();
        if (Truth(group, items) is { } truth)
        {
            GiveStemsToParents(truth, recovered.SameAs);
            scores.Add(new NamedOrderScores("this method", OrderScores.Of(Places(items.Count, recovered.Trajectories.Select(trajectory => trajectory.Checkpoints)), truth, seed)));
            if (withBaselines)
                scores.AddRange(Baselines(weights, columns, recovered, truth, seed, stop));
        }
        return Describe(group, columns, isReordered, items, leftOut, recovered, scores) with { Projection = projection };
    }

    private static void Check(ICheckpointGroup group)
    {
        int count = group.Items.Count;
        if (count > MostCheckpoints)
            throw new InputException($"{group.Name}: {count} checkpoints, at most {MostCheckpoints} can be put in order at a time; take a part of them");
        if (group.Count > MostValues / Math.Max(1, count))
            throw new InputException($"{group.Name}: {count} checkpoints of {group.Count} weights are {count * (double)group.Count:0.#e0} values, at most {MostValues} can be put in order at a time; take fewer checkpoints");
    }

    private static (List<int> Items, List<string> LeftOut, float[] Weights) Read(ICheckpointGroup group, int columns, Action<string, long, long>? progress, CancellationToken stop)
    {
        var items = new List<int>();
        var leftOut = new List<string>();
        float[] weights = new float[checked(group.Items.Count * columns)];
        for (int i = 0; i < group.Items.Count; i++)
        {
            stop.ThrowIfCancellationRequested();
            Span<float> row = weights.AsSpan(items.Count * columns, columns);
            group.Read(i, 0, row);
            if (double.IsFinite(DenseVectors.SquaredNorm(row)))
                items.Add(i);
            else
                leftOut.Add(group.Items[i].Name);
            progress?.Invoke("reading checkpoints", i + 1, group.Items.Count);
        }
        return (items, leftOut, weights);
    }

    /// <summary>What is said of each checkpoint; null unless network and step of all are.</summary>
    private static TruePlace[]? Truth(ICheckpointGroup group, List<int> items)
    {
        var networks = new Dictionary<string, int>();
        var truth = new TruePlace[items.Count];
        for (int i = 0; i < truth.Length; i++)
        {
            CheckpointItem item = group.Items[items[i]];
            if (item.Network is null || item.Step is not { } step)
                return null;
            if (!networks.TryGetValue(item.Network, out int network))
                networks.Add(item.Network, network = networks.Count);
            truth[i] = new TruePlace(network, step);
        }
        return truth;
    }

    /// <summary>
    /// A checkpoint that several networks have is the one's that shares most: a parent has part of its path in common with each of its forks. Of equals it is the first one's.
    /// </summary>
    /// <param name="truth">Changed where a checkpoint stands for its copies.</param>
    private static void GiveStemsToParents(TruePlace[] truth, IReadOnlyDictionary<int, int> sameAs)
    {
        ILookup<int, int> copies = sameAs.ToLookup(pair => pair.Value, pair => pair.Key);
        var shared = new Dictionary<int, int>();
        foreach (IGrouping<int, int> group in copies)
        {
            foreach (int network in group.Append(group.Key).Select(i => truth[i].Network).Distinct())
                shared[network] = shared.GetValueOrDefault(network) + 1;
        }
        foreach (IGrouping<int, int> group in copies)
            truth[group.Key] = group.Order().Prepend(group.Key).Select(i => truth[i]).MaxBy(place => shared[place.Network])!;
    }

    private static (int Trajectory, int Place)?[] Places(int count, IEnumerable<int[]> paths)
    {
        var places = new (int, int)?[count];
        int number = 0;
        foreach (int[] path in paths)
        {
            for (int place = 0; place < path.Length; place++)
                places[path[place]] = (number, place);
            number++;
        }
        return places;
    }

    private static IEnumerable<NamedOrderScores> Baselines(float[] weights, int columns, RecoveredTrajectories recovered, TruePlace[] truth, ulong seed, CancellationToken stop)
    {
        int[] distinct = [.. Enumerable.Range(0, truth.Length).Where(i => !recovered.SameAs.ContainsKey(i))];
        float[] kept = new float[distinct.Length * columns];
        for (int i = 0; i < distinct.Length; i++)
            weights.AsSpan(distinct[i] * columns, columns).CopyTo(kept.AsSpan(i * columns));
        int networks = distinct.Select(i => truth[i].Network).Distinct().Count();
        foreach ((string name, Func<FloatRows, int, IReadOnlyList<int[]>> rule) in OrderBaselines.All)
        {
            stop.ThrowIfCancellationRequested();
            using FloatRows rows = FloatRows.Copy(kept, distinct.Length, columns, centre: false);
            IEnumerable<int[]> paths = rule(rows, networks).Select(path => path.Select(i => distinct[i]).ToArray());
            yield return new NamedOrderScores(name, OrderScores.Of(Places(truth.Length, paths), truth, seed));
        }
    }

    private static OrderResult Describe(ICheckpointGroup group, int columns, bool isReordered, List<int> items, List<string> leftOut, RecoveredTrajectories recovered, List<NamedOrderScores> scores)
    {
        string Name(int i) => group.Items[items[i]].Name;
        FoundTrajectory[] trajectories = [.. recovered.Trajectories.Select((trajectory, index) => new FoundTrajectory(index + 1, trajectory.Checkpoints.Length, Name(trajectory.Checkpoints[0]),
            Name(trajectory.Checkpoints[^1]), trajectory.Parent is { } parent ? Name(parent) : null, trajectory.Direction, trajectory.Separation))];
        (int Trajectory, int Place)?[] places = Places(items.Count, recovered.Trajectories.Select(trajectory => trajectory.Checkpoints));
        FoundCheckpoint[] checkpoints = [.. places.Select((place, i) => new FoundCheckpoint(Name(i), place?.Trajectory + 1, place?.Place + 1, recovered.SameAs.TryGetValue(i, out int other) ? Name(other) : null))];
        return new OrderResult(group.Name, columns, isReordered, trajectories, checkpoints, leftOut, scores);
    }
}
