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
        int[] root = [.. Enumerable.Range(0, count)];
        int Find(int i)
        {
            while (root[i] != i)
                i = root[i] = root[root[i]];
            return i;
        }
        foreach (TreeEdge edge in edges)
        {
            (int a, int b) = (Find(edge.From), Find(edge.To));
            if (edge.Squared <= bound && a != b)
                root[Math.Max(a, b)] = Math.Min(a, b);
        }
        return [.. Enumerable.Range(0, count).GroupBy(Find).Select(part => part.ToArray())];
    }
}
