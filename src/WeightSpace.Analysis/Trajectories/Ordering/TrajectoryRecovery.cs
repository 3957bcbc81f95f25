using WeightSpace.Analysis.Alignment;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>Checkpoints that were found to be of one network, in the order in which training left them.</summary>
/// <param name="Checkpoints">Indices, from the first to the last.</param>
/// <param name="Parent">The checkpoint that it was forked from; null where it has a beginning of its own.</param>
/// <param name="Separation">
/// How much nearer its checkpoints stand to their predecessors than to other networks' checkpoints: the median of 1 - d(own) / d(other), from -1 to 1; 1 where there is no other network.
/// </param>
/// <param name="Direction">How surely it runs this way and not the other, from -1 to 1: the mean of the rank correlations of <see cref="DirectionSigns"/>; null with fewer than 3 checkpoints.</param>
public sealed record OrderedTrajectory(int[] Checkpoints, int? Parent, double Separation, double? Direction);

/// <summary>What unlabelled checkpoints were found to be.</summary>
/// <param name="Trajectories">In the order of their first checkpoints.</param>
/// <param name="SameAs">Checkpoints with the very weights of another, and that other; they stand in no trajectory.</param>
public sealed record RecoveredTrajectories(IReadOnlyList<OrderedTrajectory> Trajectories, IReadOnlyDictionary<int, int> SameAs);

/// <summary>
/// Puts unlabelled checkpoints of many networks in order: which belong to one network, and which came after which. This file is the method.
/// </summary>
/// <remarks>
/// <para>1. Families: the minimum spanning tree falls apart where an edge joins two checkpoints of different initial weights (<see cref="CommonOrigin"/>), and at edges much longer than the others, where networks
/// with one start have parted for good. What its shortest ways tell apart by themselves, because checkpoints are sparse and the ways part at the start only, is done with.
/// 2. In each family a root, from where norms grow and steps shorten, and a potential that grows along paths and tells before from beside (<see cref="PathPotential"/>).
/// 3. The tree of the family's paths by place: bundles of contemporaries (<see cref="Bundles"/>), the cheapest cover by paths (<see cref="PathCover"/>), again with the common motion of contemporaries taken out
/// (<see cref="CommonMotion"/>), and with loops taken back in (<see cref="Insertion"/>). 4. The tree by motion, which is right where forks stand side by side with their parents: how many steps lie before each
/// checkpoint (<see cref="TrainingTime"/>; also by ways that keep their pace, for forks with far shorter steps), which one step is missing between which two (<see cref="MotionLinks"/>), and what sets a network apart for longer than a step (<see cref="TailExchange"/>). It is taken
/// where there are forks, unless it leaves more ends. 5. Where paths part, which of them is the parent's (<see cref="Branches"/>). 6. The direction, from what training does to weights (<see cref="DirectionSigns"/>).</para>
/// <para>The claim that this can be done is from Schürholt and Borth, arXiv 2006.10424; their rule is in <see cref="OrderBaselines"/>, the method is this project's. Singh et al. and the inference of
/// cell trajectories (Slingshot) have the same problem with other means.</para>
/// </remarks>
public static class TrajectoryRecovery
{
    /// <summary>An edge of the spanning tree ends a family, though the origin is one, where it is so many times longer than the next shorter one.</summary>
    private const double FamilyGap = 1.5;

    /// <summary>Such a family has at least so many checkpoints,</summary>
    private const int LeastPerFamily = 3;

    /// <summary>but for this share of all.</summary>
    private const double MostAlone = 0.05;

    /// <summary>Networks with one start are told by the shortest ways alone where at least so many of these part at it,</summary>
    private const int LeastWays = 3;

    /// <summary>and at most this share of them part again.</summary>
    private const double MostPartings = 0.1;

    /// <summary>Rounds of <see cref="CommonMotion"/>; more change little.</summary>
    private const int Rounds = 6;

    /// <summary>There are forks where at least this share of the paths part from others later than at the first step.</summary>
    private const double LeastForks = 0.5;

    /// <summary>A path that ends too early makes an end more. The tree by motion is taken where it has at most this share more ends than the one by place,</summary>
    private const double MoreEnds = 0.2;

    /// <summary>and at most so many more.</summary>
    private const int MostMoreEnds = 2;

    /// <param name="weights">[checkpoint, parameter], finite; the mean is taken from them.</param>
    /// <param name="signs">What is measured of every checkpoint for direction, in the same order.</param>
    /// <param name="origin">Tells networks with initial weights of their own from those that share them.</param>
    public static RecoveredTrajectories Find(FloatRows weights, DirectionSigns signs, CommonOrigin origin, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(signs);
        ArgumentNullException.ThrowIfNull(origin);
        if (signs.Norms.Length != weights.Count)
            throw new ArgumentException($"{signs.Norms.Length} norms of {weights.Count} checkpoints; expected one for each", nameof(signs));
        double[] means = weights.Centre();
        CheckpointDistances distances = CheckpointDistances.Of(weights, stop);
        Dictionary<int, int> sameAs = Same(distances);
        int[] distinct = [.. Enumerable.Range(0, weights.Count).Where(i => !sameAs.ContainsKey(i))];
        var trajectories = new List<OrderedTrajectory>();
        TreeEdge[] tree = WithinOrigins(weights, means, distances, distinct, origin, stop);
        var isDone = new HashSet<int>(sameAs.Keys);
        var potentials = new Dictionary<(int First, int Count), PathPotential>(); // a family that the longest edges leave whole is the same one
        foreach (int[] family in SpanningTree.Parts(distances.Count, tree, float.PositiveInfinity).Where(family => family.Length > LeastWays))
        {
            stop.ThrowIfCancellationRequested();
            PathPotential potential = potentials[(family[0], family.Length)] = signs.BestPotential(distances, family);
            if (!PartsOnlyAtRoot(potential))
                continue;
            trajectories.AddRange(Trajectories(distances, family, potential.Before, potential.Root));
            isDone.UnionWith(family);
        }
        foreach (int[] family in WithoutLongest(distances.Count, [.. tree.Where(edge => !isDone.Contains(edge.From))], distances.Count - isDone.Count).Where(family => !isDone.Contains(family[0])))
        {
            stop.ThrowIfCancellationRequested();
            trajectories.AddRange(InFamily(distances, family, potentials.GetValueOrDefault((family[0], family.Length)) ?? signs.BestPotential(distances, family)));
        }
        return new RecoveredTrajectories([.. Judged(distances, trajectories, signs).OrderBy(trajectory => trajectory.Checkpoints.Min())], sameAs);
    }

    /// <summary>Checkpoints at distance 0 from an earlier one, and that one.</summary>
    private static Dictionary<int, int> Same(CheckpointDistances distances)
    {
        var sameAs = new Dictionary<int, int>();
        for (int i = 0; i < distances.Count; i++)
        {
            if (sameAs.ContainsKey(i))
                continue;
            ReadOnlySpan<float> row = distances.Row(i);
            for (int j = i + 1; j < row.Length; j++)
            {
                if (row[j] == 0)
                    sameAs[j] = i;
            }
        }
        return sameAs;
    }

    /// <summary>The spanning tree without the edges that join checkpoints of different origins; its parts share one.</summary>
    private static TreeEdge[] WithinOrigins(FloatRows weights, double[] means, CheckpointDistances distances, int[] members, CommonOrigin origin, CancellationToken stop)
    {
        TreeEdge[] tree = [.. SpanningTree.Of(distances, members)];
        bool[] isShared = new bool[tree.Length];
        Parallel.For(0, tree.Length, new ParallelOptions { CancellationToken = stop }, e => isShared[e] = origin.IsShared(Weights(tree[e].From), Weights(tree[e].To), (ulong)e));
        return [.. tree.Where((_, e) => isShared[e])];

        // As they were before their mean was taken from them.
        float[] Weights(int row)
        {
            ReadOnlySpan<float> centred = weights[row];
            float[] whole = new float[centred.Length];
            for (int i = 0; i < whole.Length; i++)
                whole[i] = (float)(centred[i] + means[i]);
            return whole;
        }
    }

    /// <summary>
    /// Networks with one start that have parted for good stand apart too: the parts of the tree without its longest edges, where the ratio of one edge to the next shorter one is largest and large enough; as they are
    /// where that would leave checkpoints alone.
    /// </summary>
    private static int[][] WithoutLongest(int count, TreeEdge[] tree, int members)
    {
        float[] squared = [.. tree.Select(edge => edge.Squared).OrderDescending()];
        double Ratio(int i) => squared[i] / Math.Max(squared[i + 1], float.Epsilon);
        foreach (int cut in Enumerable.Range(0, squared.Length / LeastPerFamily).Where(i => Ratio(i) >= FamilyGap * FamilyGap).OrderByDescending(Ratio))
        {
            int[][] parts = SpanningTree.Parts(count, tree, squared[cut + 1]);
            int others = count - members; // in no tree
            if (parts.Where(part => part.Length < LeastPerFamily).Sum(part => part.Length) - others <= MostAlone * members)
                return parts;
        }
        return SpanningTree.Parts(count, tree, float.PositiveInfinity);
    }

    /// <summary>Whether the shortest ways from the root part there and, but for a few, nowhere else: each leads through a network of its own to its end.</summary>
    private static bool PartsOnlyAtRoot(PathPotential potential)
    {
        int ways = potential.Before.Count(before => before == potential.Root);
        return ways >= LeastWays && Ends(potential.Before) - ways <= MostPartings * ways;
    }

    private static IEnumerable<OrderedTrajectory> InFamily(CheckpointDistances distances, int[] family, PathPotential potential)
    {
        int[] place = ByPlace(distances, family, potential), parents = ByMotion(distances, family, potential, place) ?? place;
        return Trajectories(distances, family, parents, potential.Root);
    }

    private static IEnumerable<OrderedTrajectory> Trajectories(CheckpointDistances distances, int[] family, int[] parents, int root) => Branches.Paths(distances, family, parents, root).Select(path =>
        new OrderedTrajectory([.. path.Members.Select(member => family[member])], path.Parent < 0 ? null : family[path.Parent], 0, null));

    /// <summary>The tree of paths by how short steps are, with the common motion of contemporaries taken out.</summary>
    private static int[] ByPlace(CheckpointDistances distances, int[] family, PathPotential potential)
    {
        (Candidate[][] possible, double[] none) = PathCover.Possible(distances, family, potential, Bundles.Find(distances, family, potential));
        int[] before = SparseAssignment.Minimise(possible, none, family.Length);
        for (int round = 0; round < Rounds; round++)
            before = CommonMotion.Refine(distances, family, potential, possible, before);
        Insertion.Run(distances, family, potential.Before, before);
        return PathTree.Of(before, potential.Before);
    }

    /// <summary>
    /// The tree of paths by the motion around each checkpoint; null where it is not better. Where all networks part at their start they stand side by side from the first step on, and the tree by place knows their
    /// common motion from all of them; by motion is for forks.
    /// </summary>
    /// <param name="place">The tree by place.</param>
    private static int[]? ByMotion(CheckpointDistances distances, int[] family, PathPotential potential, int[] place)
    {
        int[] depths = PathTree.Depths(place);
        int ends = Ends(place);
        if (depths.Count(depth => depth == 1) > (1 - LeastForks) * ends)
            return null;
        // From times that were counted, and from those of the tree by place. Where forks go on at a rate of their own there is no motion common to all at a time: with times by pace, what is near is linked.
        var time = TrainingTime.Of(distances, family, potential.Root, keepsPace: false);
        int[][] trees = [MotionLinks.Find(distances, family, time), MotionLinks.Find(distances, family, new TrainingTime(depths, potential)),
            TrainingTime.Of(distances, family, potential.Root, keepsPace: true).Tree(distances, family)];
        int[] parents = trees.MinBy(Ends)!;
        if (Ends(parents) > ends + Math.Min(MostMoreEnds, MoreEnds * ends))
            return null;
        TailExchange.Run(distances, family, parents);
        return parents;
    }

    /// <summary>Checkpoints that nothing is behind.</summary>
    private static int Ends(int[] parents) => PathTree.Children(parents).Count(children => children.Count == 0);

    /// <summary>Turns round what runs the wrong way and says how sure each is.</summary>
    private static IEnumerable<OrderedTrajectory> Judged(CheckpointDistances distances, List<OrderedTrajectory> trajectories, DirectionSigns signs)
    {
        var of = new int[distances.Count];
        Array.Fill(of, -1);
        for (int t = 0; t < trajectories.Count; t++)
        {
            foreach (int i in trajectories[t].Checkpoints)
                of[i] = t;
        }
        var parents = trajectories.Select(trajectory => trajectory.Parent).OfType<int>().Select(parent => of[parent]).ToHashSet();
        for (int t = 0; t < trajectories.Count; t++)
        {
            OrderedTrajectory trajectory = trajectories[t];
            double? direction = signs.Direction(distances, trajectory.Checkpoints);
            // Only what hangs on nothing, and has nothing hanging on it, can be turned round by itself.
            if (direction < 0 && trajectory.Parent is null && !parents.Contains(t))
                (trajectory, direction) = (trajectory with { Checkpoints = [.. trajectory.Checkpoints.Reverse()] }, -direction);
            yield return trajectory with { Direction = direction, Separation = Separation(distances, of, trajectory.Checkpoints, t) };
        }
    }

    private static double Separation(CheckpointDistances distances, int[] of, int[] path, int own)
    {
        var shares = new List<double>();
        for (int i = 1; i < path.Length; i++)
        {
            ReadOnlySpan<float> row = distances.Row(path[i]);
            double other = double.PositiveInfinity;
            for (int j = 0; j < row.Length; j++)
            {
                if (of[j] >= 0 && of[j] != own)
                    other = Math.Min(other, row[j]);
            }
            double step = row[path[i - 1]];
            shares.Add(double.IsPositiveInfinity(other) ? 1 : (Math.Sqrt(other) - Math.Sqrt(step)) / Math.Sqrt(Math.Max(Math.Max(other, step), double.Epsilon)));
        }
        shares.Sort();
        return shares.Count == 0 ? 0 : shares[shares.Count / 2];
    }
}
