namespace WeightSpace.Analysis.Lineage;

/// <summary>
/// Finds models that are nearer to each other than any of them is to its parent: children that were all trained further the same way. What moved them alike is then a step of the whole set, and only what
/// sets them apart tells which descends from which.
/// </summary>
/// <remarks>
/// A set is a branch of the single-linkage tree that stands well apart from everything else and has no hub. Among children of one parent p with unrelated steps of length s, squared distances are 2 s^2, and s^2 to p;
/// so where p is among the models it is a hub, with half the mean squared distance. In a set without a parent nobody is nearer to the others than they are to each other.
/// </remarks>
internal static class SiblingSets
{
    private const int Least = 3;

    /// <summary>
    /// How many times farther the nearest other model is than any gap within, squared; and the least mean squared distance from the most central model over that among the others, which is 1 with no hub, 1/2 with one, and
    /// 1 / (2 - 2 c) with one where the cosine of siblings' steps is c. A few models scatter about these, so that less will do of the one where there is much of the other. Set on populations of the zoo CNN.
    /// </summary>
    private static readonly (double Apart, double NoHub)[] s_enough = [(4, 0.85), (16, 0.7)];

    private const double NoHubAtAll = 0.9;

    /// <summary>All models in sets, most of them alone.</summary>
    public static List<int[]> Find(TreeDistances distances)
    {
        int n = distances.Count;
        (int A, int B, double Squared)[] edges = [.. distances.SpanningTree([.. Enumerable.Range(0, n).Select(i => new[] { i })]).OrderBy(edge => edge.Squared)];
        var nodes = new List<(int[] Members, double Height, int First, int Second)>();
        int[] top = new int[n];
        for (int i = 0; i < n; i++)
        {
            nodes.Add(([i], 0, -1, -1));
            top[i] = i;
        }
        foreach ((int a, int b, double squared) in edges)
        {
            (int first, int second) = (top[a], top[b]);
            int[] members = [.. nodes[first].Members, .. nodes[second].Members];
            nodes.Add((members, squared, first, second));
            foreach (int member in members)
                top[member] = nodes.Count - 1;
        }
        var sets = new List<int[]>();
        var left = new Stack<(int Node, double Above)>([(nodes.Count - 1, double.PositiveInfinity)]);
        while (left.TryPop(out (int Node, double Above) next))
        {
            (int[] members, double height, int first, int second) = nodes[next.Node];
            if (members.Length == 1 || (members.Length >= Least && IsSet(distances, members, next.Above / height)))
            {
                sets.Add([.. members.Order()]);
                continue;
            }
            left.Push((first, height));
            left.Push((second, height));
        }
        return [.. sets.OrderBy(set => set[0])];
    }

    /// <summary>All models of a tree are siblings only where there is hardly any hub: nothing stands apart from them.</summary>
    private static bool IsSet(TreeDistances distances, int[] members, double apart) => double.IsPositiveInfinity(apart) ? Hub(distances, members) >= NoHubAtAll : apart >= s_enough[0].Apart && Hub(distances, members) is var hub && s_enough.Any(enough => apart >= enough.Apart && hub >= enough.NoHub);

    /// <summary>Mean squared distance from the most central member over that among the others.</summary>
    private static double Hub(TreeDistances distances, int[] members)
    {
        double[] sums = [.. members.Select(i => members.Sum(j => distances.Squared[i, j]))];
        double least = sums.Min(), all = sums.Sum(), n = members.Length;
        double others = (all - (2 * least)) / ((n - 1) * (n - 2));
        return others > 0 ? least / (n - 1) / others : 1;
    }
}
