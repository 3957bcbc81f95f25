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
