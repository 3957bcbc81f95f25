namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>Paths that hang on each other: of each member the one before it, or the one that its path hangs on; -1 for a root. [member]</summary>
internal static class PathTree
{
    /// <summary>A path cover with each path hung on what it begins behind; what would hang on itself in a circle is a root.</summary>
    /// <param name="before">The member before each in its path, -1 where it begins. [member]</param>
    /// <param name="hangsOn">What a path that begins at a member hangs on, -1 for nothing. [member]</param>
    public static int[] Of(int[] before, int[] hangsOn)
    {
        int[] parents = [.. before.Select((x, i) => x >= 0 ? x : hangsOn[i])];
        // Only where a path begins can a circle be cut.
        for (int first = 0; first < parents.Length; first++)
        {
            if (before[first] >= 0 || parents[first] < 0)
                continue;
            int at = parents[first];
            for (int steps = 0; steps < parents.Length && at >= 0 && at != first; steps++)
                at = parents[at];
            if (at == first)
                parents[first] = -1;
        }
        return parents;
    }

    public static List<int>[] Children(int[] parents)
    {
        var children = new List<int>[parents.Length];
        for (int i = 0; i < children.Length; i++)
            children[i] = [];
        for (int i = 0; i < children.Length; i++)
        {
            if (parents[i] >= 0)
                children[parents[i]].Add(i);
        }
        return children;
    }

    /// <summary>How many members are above each. [member]</summary>
    public static int[] Depths(int[] parents)
    {
        var depths = new int[parents.Length];
        Array.Fill(depths, -1);
        var way = new Stack<int>();
        for (int i = 0; i < parents.Length; i++)
        {
            int at = i;
            for (; at >= 0 && depths[at] < 0; at = parents[at])
                way.Push(at);
            int depth = at < 0 ? -1 : depths[at];
            while (way.TryPop(out int below))
                depths[below] = ++depth;
        }
        return depths;
    }
}
