namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>An edge of a tree over checkpoints.</summary>
internal readonly record struct TreeEdge(int From, int To, float Squared);

/// <summary>The minimum spanning tree of checkpoints (Prim, "Shortest connection networks and some generalizations", 1957), in time N^2.</summary>
internal static class SpanningTree
{
    /// <summary>The N - 1 edges, in the order in which the tree grew.</summary>
    public static List<TreeEdge> Of(CheckpointDistances distances, int[] members)
    {
        int n = members.Length;
        var edges = new List<TreeEdge>(Math.Max(0, n - 1));
        if (n == 0)
            return edges;
        var least = new float[n];
        var from = new int[n];
        var isIn = new bool[n];
        Array.Fill(least, float.PositiveInfinity);
        int newest = 0;
        isIn[0] = true;
        for (int grown = 1; grown < n; grown++)
        {
            ReadOnlySpan<float> row = distances.Row(members[newest]);
            int next = -1;
            for (int j = 0; j < n; j++)
            {
                if (isIn[j])
                    continue;
                float squared = row[members[j]];
                if (squared < least[j])
                    (least[j], from[j]) = (squared, newest);
                if (next < 0 || least[j] < least[next])
                    next = j;
            }
            isIn[next] = true;
            edges.Add(new TreeEdge(members[from[next]], members[next], least[next]));
            newest = next;
        }
        return edges;
    }

    /// <summary>The least edges that join all of <paramref name="count"/> checkpoints, where only some distances are known (Kruskal, 1956); they join all.</summary>
    public static List<TreeEdge> Of(int count, IReadOnlyDictionary<(int One, int Other), float> squared)
    {
        var edges = new List<TreeEdge>(Math.Max(0, count - 1));
        var sets = new DisjointSets(count);
        foreach (((int one, int other), float value) in squared.OrderBy(pair => pair.Value).ThenBy(pair => pair.Key))
        {
            if (sets.Join(one, other))
                edges.Add(new TreeEdge(one, other, value));
        }
        return edges;
    }

    /// <summary>The edges of a tree from its checkpoint 0 outwards, each turned away from it.</summary>
    public static IEnumerable<(int From, int To)> Outwards(int count, IEnumerable<TreeEdge> edges)
    {
        ILookup<int, int> neighbours = edges.SelectMany(edge => new[] { (edge.From, edge.To), (From: edge.To, To: edge.From) }).ToLookup(edge => edge.From, edge => edge.To);
        var isReached = new bool[count];
        var queue = new Queue<int>([0]);
        isReached[0] = true;
        while (queue.TryDequeue(out int from))
        {
            foreach (int to in neighbours[from])
            {
                if (isReached[to])
                    continue;
                isReached[to] = true;
                queue.Enqueue(to);
                yield return (from, to);
            }
        }
    }

    /// <summary>The ends of the longest path in the minimum spanning tree where an edge is as long as its squared length, as indices into <paramref name="members"/>.</summary>
    public static (int One, int Other) Ends(CheckpointDistances distances, int[] members)
    {
        var indexOf = new Dictionary<int, int>();
        foreach (int member in members)
            indexOf.Add(member, indexOf.Count);
        var neighbours = new List<(int To, float Squared)>[members.Length];
        for (int i = 0; i < neighbours.Length; i++)
            neighbours[i] = [];
        foreach (TreeEdge edge in Of(distances, members))
        {
            (int from, int to) = (indexOf[edge.From], indexOf[edge.To]);
            neighbours[from].Add((to, edge.Squared));
            neighbours[to].Add((from, edge.Squared));
        }
        int one = Farthest(0);
        return (one, Farthest(one));

        int Farthest(int start)
        {
            var far = new double[members.Length];
            Array.Fill(far, -1);
            far[start] = 0;
            var queue = new Queue<int>([start]);
            int most = start;
            while (queue.TryDequeue(out int at))
            {
                most = far[at] > far[most] ? at : most;
                foreach ((int to, float squared) in neighbours[at])
                {
                    if (far[to] >= 0)
                        continue;
                    far[to] = far[at] + squared;
                    queue.Enqueue(to);
                }
            }
            return most;
        }
    }

    /// <summary>The parts into which the tree falls without the edges longer than a bound, each ascending, in the order of their first members.</summary>
    public static int[][] Parts(int count, IEnumerable<TreeEdge> edges, float bound)
    {
        var sets = new DisjointSets(count);
        foreach (TreeEdge edge in edges)
        {
            if (edge.Squared <= bound)
                sets.Join(edge.From, edge.To);
        }
        return [.. Enumerable.Range(0, count).GroupBy(sets.Find).Select(part => part.ToArray())];
    }
}

/// <summary>Which of some things belong together (Tarjan, 1975).</summary>
internal sealed class DisjointSets(int count)
{
    private readonly int[] _root = [.. Enumerable.Range(0, count)];

    /// <summary>The least member of the set of <paramref name="i"/>.</summary>
    public int Find(int i)
    {
        while (_root[i] != i)
            i = _root[i] = _root[_root[i]];
        return i;
    }

    /// <summary>Joins two sets; false if they were one.</summary>
    public bool Join(int one, int other)
    {
        (int a, int b) = (Find(one), Find(other));
        _root[Math.Max(a, b)] = Math.Min(a, b);
        return a != b;
    }
}
