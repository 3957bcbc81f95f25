using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Embedding;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// What simple rules make of the same checkpoints. All are told the number of networks, which <see cref="TrajectoryRecovery"/> is not.
/// </summary>
public static class OrderBaselines
{
    /// <summary>All of them, by name.</summary>
    internal static IReadOnlyList<(string Name, Func<FloatRows, int, IReadOnlyList<int[]>> Rule)> All { get; } =
    [
        ("published rule", Published),
        ("single linkage, first component", SingleLinkageAndComponent),
        ("single linkage, spanning tree", SingleLinkageAndTree),
    ];

    /// <summary>
    /// The rule of Schürholt and Borth, arXiv 2006.10424, made exact: hierarchical clustering of the weights (Ward), and in each cluster, on the assumption that steps become shorter, from the checkpoint
    /// farthest from its nearest one always to the nearest that is left.
    /// </summary>
    public static IReadOnlyList<int[]> Published(FloatRows weights, int networks)
    {
        (GramMatrix gram, CheckpointDistances distances) = Prepare(weights);
        return [.. Clusters(HierarchicalClustering.Ward(gram).Cut(networks)).Select(cluster => GreedyNearest(distances, cluster))];
    }

    /// <summary>Single linkage; in each cluster the order along the first principal component, the end with the longer steps first.</summary>
    public static IReadOnlyList<int[]> SingleLinkageAndComponent(FloatRows weights, int networks)
    {
        (GramMatrix gram, CheckpointDistances distances) = Prepare(weights);
        return [.. SingleLinkage(distances, networks).Select(cluster => ByComponent(gram, distances, cluster))];
    }

    /// <summary>Single linkage; in each cluster the order along the longest path of the minimum spanning tree, what hangs on it where it hangs, the end with the longer steps first.</summary>
    public static IReadOnlyList<int[]> SingleLinkageAndTree(FloatRows weights, int networks)
    {
        CheckpointDistances distances = Prepare(weights).Distances;
        return [.. SingleLinkage(distances, networks).Select(cluster => ByTree(distances, cluster))];
    }

    private static (GramMatrix Gram, CheckpointDistances Distances) Prepare(FloatRows weights)
    {
        CheckpointDistances distances = CheckpointDistances.Of(weights, default);
        return (GramMatrix.Compute(weights), distances); // the rows are centred now
    }

    private static IEnumerable<int[]> Clusters(int[] labels) => Enumerable.Range(0, labels.Length).GroupBy(i => labels[i]).Select(cluster => cluster.ToArray());

    private static int[][] SingleLinkage(CheckpointDistances distances, int networks)
    {
        List<TreeEdge> tree = SpanningTree.Of(distances, [.. Enumerable.Range(0, distances.Count)]);
        TreeEdge[] kept = [.. tree.OrderByDescending(edge => edge.Squared).Skip(networks - 1)];
        return SpanningTree.Parts(distances.Count, kept, float.PositiveInfinity);
    }

    private static int[] GreedyNearest(CheckpointDistances distances, int[] cluster)
    {
        int at = cluster.MaxBy(i => cluster.Where(j => j != i).Select(j => distances[i, j]).DefaultIfEmpty(0).Min());
        var left = new HashSet<int>(cluster);
        var path = new List<int>();
        while (true)
        {
            path.Add(at);
            left.Remove(at);
            if (left.Count == 0)
                return [.. path];
            int from = at;
            at = left.MinBy(j => distances[from, j]);
        }
    }

    private static int[] ByComponent(GramMatrix gram, CheckpointDistances distances, int[] cluster)
    {
        if (cluster.Length < 3 || cluster.All(i => distances[cluster[0], i] == 0))
            return cluster;
        PrincipalComponents components = PrincipalComponents.Fit(gram.Select(cluster).Centred(), 1);
        var scores = new double[cluster.Length];
        for (int i = 0; i < scores.Length; i++)
            scores[i] = components.Scores[i, 0];
        int[] path = [.. cluster];
        Array.Sort(scores, path);
        return LongerStepsFirst(distances, path);
    }

    private static int[] ByTree(CheckpointDistances distances, int[] cluster)
    {
        if (cluster.Length < 3)
            return cluster;
        List<TreeEdge> tree = SpanningTree.Of(distances, cluster);
        var neighbours = cluster.ToDictionary(i => i, _ => new List<(int To, double Length)>());
        foreach (TreeEdge edge in tree)
        {
            neighbours[edge.From].Add((edge.To, Math.Sqrt(edge.Squared)));
            neighbours[edge.To].Add((edge.From, Math.Sqrt(edge.Squared)));
        }
        int end = Walk(cluster[0]).Distance.MaxBy(entry => entry.Value).Key;
        (Dictionary<int, double> distance, Dictionary<int, int> cameFrom) = Walk(end);
        int other = distance.MaxBy(entry => entry.Value).Key;
        var spine = new HashSet<int>();
        for (int i = other; ; i = cameFrom[i])
        {
            spine.Add(i);
            if (i == end)
                break;
        }
        int[] path = [.. cluster.OrderBy(i => distance[Foot(i)]).ThenBy(i => distance[i])];
        return LongerStepsFirst(distances, path);

        int Foot(int i)
        {
            while (!spine.Contains(i))
                i = cameFrom[i];
            return i;
        }

        (Dictionary<int, double> Distance, Dictionary<int, int> CameFrom) Walk(int start)
        {
            var far = new Dictionary<int, double> { [start] = 0 };
            var from = new Dictionary<int, int>();
            var queue = new Queue<int>([start]);
            while (queue.TryDequeue(out int i))
            {
                foreach ((int to, double length) in neighbours[i])
                {
                    if (far.TryAdd(to, far[i] + length))
                    {
                        from[to] = i;
                        queue.Enqueue(to);
                    }
                }
            }
            return (far, from);
        }
    }

    private static int[] LongerStepsFirst(CheckpointDistances distances, int[] path)
    {
        double first = 0, second = 0;
        for (int i = 1; i < path.Length; i++)
        {
            double step = Math.Sqrt(distances[path[i - 1], path[i]]);
            if (2 * i <= path.Length)
                first += step;
            else
                second += step;
        }
        return first >= second ? path : [.. path.Reverse()];
    }
}
