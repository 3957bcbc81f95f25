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

    /// <param name="parents">Of a tree of paths (<see cref="PathTree"/>). [member]</param>
    /// <param name="root">The member from which times were counted.</param>
    public static List<BranchPath> Paths(CheckpointDistances distances, int[] family, int[] parents, int root)
    {
        int n = parents.Length;
        List<int>[] children = PathTree.Children(parents);
        // From the late ones to the early: forks and checkpoints in each subtree.
        int[] order = [.. Enumerable.Range(0, n)];
        Array.Sort(PathTree.Depths(parents), order);
        var forks = new int[n];
        var sizes = new int[n];
        for (int place = n - 1; place >= 0; place--)
        {
            int i = order[place];
            sizes[i]++;
            forks[i] += Math.Max(0, children[i].Count - 1);
            if (parents[i] < 0)
                continue;
            sizes[parents[i]] += sizes[i];
            forks[parents[i]] += forks[i];
        }
        var next = new int[n];
        for (int i = 0; i < n; i++)
            next[i] = children[i].Count == 0 ? -1 : children[i].OrderByDescending(child => forks[child]).ThenByDescending(child => sizes[child]).ThenBy(child => Turn(i, child)).ThenBy(child => child).First();
        var paths = new List<BranchPath>();
        for (int first = 0; first < n; first++)
        {
            if (parents[first] >= 0 && next[parents[first]] == first)
                continue;
            var members = new List<int>();
            for (int i = first; i >= 0; i = next[i])
                members.Add(i);
            paths.Add(new BranchPath(members, parents[first]));
        }
        BeforeTheRoot(paths);
        return paths;

        // Where the root was not the very first checkpoint, what is before it hangs on it as a short path that leads away from where the long one leads.
        void BeforeTheRoot(List<BranchPath> all)
        {
            BranchPath? main = all.FirstOrDefault(path => path.Members[0] == root);
            if (main is null || main.Members.Count < 2)
                return;
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
            if (parents[at] < 0)
                return 0;
            (int a, int b, int c) = (family[parents[at]], family[at], family[child]);
            double steps = distances[a, b] + distances[b, c];
            return steps == 0 ? 0 : -distances[a, c] / steps;
        }
    }
}
