namespace WeightSpace.Analysis.Lineage;

/// <summary>
/// The spanning tree of least cost in which every edge leads away from one root: Chu and Liu, "On the shortest arborescence of a directed graph", 1965; Edmonds, "Optimum branchings", 1967. Each node takes
/// its cheapest way in; a circle that comes of it is drawn together to one node, and the rest is solved again. In time n^3 at most.
/// </summary>
public static class Arborescence
{
    /// <summary>The parent of each node, -1 for the root, which is the one that makes the tree cheapest.</summary>
    /// <param name="costs">Of the edge from i to j, [i, j], finite but on the diagonal, which is not looked at.</param>
    public static int[] Minimise(double[,] costs)
    {
        ArgumentNullException.ThrowIfNull(costs);
        int n = costs.GetLength(0);
        if (costs.GetLength(1) != n)
            throw new ArgumentException($"[{n}, {costs.GetLength(1)}] costs; as many rows as columns were expected", nameof(costs));
        if (n == 0)
            return [];
        // One more node leads to all others, at so high a cost that it is used once.
        double most = 0;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                if (i != j && !double.IsFinite(costs[i, j]))
                    throw new ArgumentException($"the cost [{i}, {j}] is {costs[i, j]}; a finite one was expected", nameof(costs));
                most = Math.Max(most, i == j ? 0 : Math.Abs(costs[i, j]));
            }
        }
        var with = new double[n + 1, n + 1];
        for (int i = 0; i <= n; i++)
        {
            for (int j = 0; j <= n; j++)
                with[i, j] = i == j || j == n ? double.PositiveInfinity : i == n ? ((2 * n) + 1) * (most + 1) : costs[i, j];
        }
        int[] parents = Solve(with, n);
        return [.. parents.Take(n).Select(parent => parent == n ? -1 : parent)];
    }

    private static int[] Solve(double[,] costs, int root)
    {
        int n = costs.GetLength(0);
        int[] parents = new int[n];
        for (int j = 0; j < n; j++)
        {
            parents[j] = j == root ? -1 : j == 0 ? 1 : 0;
            for (int i = 0; i < n && j != root; i++)
            {
                if (i != j && costs[i, j] < costs[parents[j], j])
                    parents[j] = i;
            }
        }
        if (Circle(parents) is not { } circle)
            return parents;
        // What is left, and the circle as the last node.
        bool[] isIn = new bool[n];
        foreach (int node in circle)
            isIn[node] = true;
        int[] rest = [.. Enumerable.Range(0, n).Where(i => !isIn[i])];
        int joined = rest.Length;
        var smaller = new double[joined + 1, joined + 1];
        int[] into = new int[joined], outOf = new int[joined];
        for (int a = 0; a < joined; a++)
        {
            for (int b = 0; b < joined; b++)
                smaller[a, b] = costs[rest[a], rest[b]];
            into[a] = circle.MinBy(node => costs[rest[a], node] - costs[parents[node], node]);
            outOf[a] = circle.MinBy(node => costs[node, rest[a]]);
            smaller[a, joined] = costs[rest[a], into[a]] - costs[parents[into[a]], into[a]];
            smaller[joined, a] = costs[outOf[a], rest[a]];
        }
        smaller[joined, joined] = double.PositiveInfinity;
        int[] solved = Solve(smaller, Array.IndexOf(rest, root));
        for (int a = 0; a < joined; a++)
            parents[rest[a]] = solved[a] < 0 ? -1 : solved[a] == joined ? outOf[a] : rest[solved[a]];
        parents[into[solved[joined]]] = rest[solved[joined]];
        return parents;
    }

    /// <summary>The nodes of a circle; null where there is none.</summary>
    private static int[]? Circle(int[] parents)
    {
        int[] seen = new int[parents.Length];
        for (int start = 0; start < parents.Length; start++)
        {
            int at = start;
            while (at >= 0 && seen[at] == 0)
            {
                seen[at] = start + 1;
                at = parents[at];
            }
            if (at < 0 || seen[at] != start + 1)
                continue;
            var circle = new List<int> { at };
            for (int next = parents[at]; next != at; next = parents[next])
                circle.Add(next);
            return [.. circle];
        }
        return null;
    }
}
