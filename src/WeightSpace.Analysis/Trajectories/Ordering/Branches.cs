namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>A path of a family, and the member that it was forked from, -1 where it begins by itself.</summary>
internal sealed record BranchPath(List<int> Members, int Parent);

/// <summary>
/// Says, where paths part, which of them goes on: the parent's, to whom the shared stem belongs. A network from which others are forked is a parent again and again, so the branch with more forks
/// goes on; of two with equally many the one with more checkpoints; of two alike in that, the one that turns less.
/// </summary>
internal static class Branches
{
    /// <summary>What may stand before a root is at most a part of the path behind it.</summary>
    private const int ShortLead = 4;

    /// <summary>The squared side opposite to a right angle over the sum of the other two is 1; a little less is right enough.</summary>
    private const double RightAngle = 0.8;

    /// <param name="before">Of a path cover: the member before each, -1 where a path begins. [member]</param>
    public static List<BranchPath> Paths(CheckpointDistances distances, int[] family, PathPotential potential, int[] before)
    {
        int n = before.Length;
        var next = new int[n];
        Array.Fill(next, -1);
        for (int i = 0; i < n; i++)
        {
            if (before[i] >= 0)
                next[before[i]] = i;
        }
        // What begins behind each member; where a path begins in the middle of the family, that is behind the member before it on the shortest way.
        int[] parent = [.. Enumerable.Range(0, n).Select(i => before[i] >= 0 ? before[i] : potential.Before[i])];
        CutCircles(before, parent);
        var children = new List<int>[n];
        for (int i = 0; i < n; i++)
            children[i] = [];
        for (int i = 0; i < n; i++)
        {
            if (parent[i] >= 0)
                children[parent[i]].Add(i);
        }
        // From the late ones to the early: forks and checkpoints in each subtree.
        int[] order = [.. Enumerable.Range(0, n)];
        Array.Sort([.. potential.Values], order);
        var forks = new int[n];
        var sizes = new int[n];
        for (int place = n - 1; place >= 0; place--)
        {
            int i = order[place];
            sizes[i]++;
            forks[i] += Math.Max(0, children[i].Count - 1);
            if (parent[i] < 0)
                continue;
            sizes[parent[i]] += sizes[i];
            forks[parent[i]] += forks[i];
        }
        for (int i = 0; i < n; i++)
        {
            if (children[i].Count > 1)
                next[i] = children[i].OrderByDescending(child => forks[child]).ThenByDescending(child => sizes[child]).ThenBy(child => Turn(i, child)).ThenBy(child => child).First();
        }
        var paths = new List<BranchPath>();
        for (int first = 0; first < n; first++)
        {
            if (parent[first] >= 0 && next[parent[first]] == first)
                continue;
            var members = new List<int>();
            for (int i = first; i >= 0; i = next[i])
                members.Add(i);
            paths.Add(new BranchPath(members, parent[first]));
        }
        BeforeTheRoot(paths);
        return paths;

        // Where the root was not the very first checkpoint, what is before it hangs on it as a short path that leads away from where the long one leads.
        void BeforeTheRoot(List<BranchPath> all)
        {
            BranchPath? main = all.FirstOrDefault(path => path.Parent < 0 && potential.Before[path.Members[0]] < 0);
            if (main is null || main.Members.Count < 2)
                return;
            int root = main.Members[0];
            BranchPath? lead = all.Where(path => path.Parent == root && path.Members.Count * ShortLead <= main.Members.Count).MaxBy(path => path.Members.Count);
            if (lead is null)
                return;
            (int a, int b, int c) = (family[lead.Members[0]], family[root], family[main.Members[1]]);
            if (distances[a, c] < RightAngle * (distances[a, b] + distances[b, c]))
                return;
            all.Remove(lead);
            lead.Members.Reverse();
            main.Members.InsertRange(0, lead.Members);
        }

        // The squared way past a member over the two squared steps: 2 straight on, 1 at a right angle, less where it turns back. The sign makes the straightest the least.
        double Turn(int at, int child)
        {
            if (parent[at] < 0)
                return 0;
            (int a, int b, int c) = (family[parent[at]], family[at], family[child]);
            double steps = distances[a, b] + distances[b, c];
            return steps == 0 ? 0 : -distances[a, c] / steps;
        }
    }

    /// <summary>A loop that was taken back into its path may run against the potential; what begins behind it is then not hung on what comes after itself, but begins by itself.</summary>
    private static void CutCircles(int[] before, int[] parent)
    {
        for (int first = 0; first < parent.Length; first++)
        {
            if (before[first] >= 0 || parent[first] < 0)
                continue;
            int at = parent[first];
            for (int steps = 0; steps < parent.Length && at >= 0 && at != first; steps++)
                at = parent[at];
            if (at == first)
                parent[first] = -1;
        }
    }
}
