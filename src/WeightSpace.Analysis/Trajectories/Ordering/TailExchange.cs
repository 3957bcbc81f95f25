namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Exchanges the tails of paths where that lets checkpoints stand nearer not only to the one before them but also to the one before that, across the motion (<see cref="LocalMotion.Across"/>): what sets a network
/// apart stays with it for many steps, while part of each step's noise is gone at the next.
/// </summary>
/// <remarks>
/// The time of no checkpoint changes. Best improvements are not sought, each that is found is taken (a local search with exchanges as in Lin's "Computer solutions of the traveling salesman problem", 1965).
/// </remarks>
internal static class TailExchange
{
    private const int MostRounds = 20;

    /// <summary>How many others, the nearest, may be before a checkpoint instead.</summary>
    private const int Candidates = 20;

    /// <summary>What saves less than this share is rounding.</summary>
    private const double LeastGain = 1e-6;

    /// <param name="parents">Of a tree of paths (<see cref="PathTree"/>); changed in place. [member]</param>
    public static void Run(CheckpointDistances distances, int[] members, int[] parents)
    {
        int n = members.Length;
        int[] steps = PathTree.Depths(parents);
        int[][] layers = TrainingTime.Layers(steps);
        var motion = new LocalMotion(distances, members, steps);
        List<int>[] children = PathTree.Children(parents);
        int[][] others = [.. Enumerable.Range(0, n).Select(y => steps[y] == 0 ? [] : TrainingTime.NearestOf(distances, members, layers[steps[y] - 1], y, Candidates).ToArray())];
        bool hasChanged = true;
        for (int round = 0; round < MostRounds && hasChanged; round++)
        {
            hasChanged = false;
            for (int y = 0; y < n; y++)
            {
                foreach (int x in others[y])
                    hasChanged |= x != parents[y] && (Exchange(y, x) || Move(y, x));
            }
        }

        // y goes behind x, and what was behind x behind the parent of y.
        bool Exchange(int y, int x)
        {
            foreach (int z in children[x])
            {
                double now = Cost(y, parents[y]) + Cost(z, x);
                if (Cost(y, x) + Cost(z, parents[y]) >= now * (1 - LeastGain))
                    continue;
                int parent = parents[y];
                Hang(z, parent);
                Hang(y, x);
                return true;
            }
            return false;
        }

        // A path begins behind x instead. What has one behind it keeps one.
        bool Move(int y, int x)
        {
            if (children[parents[y]].Count < 2 || Cost(y, x) >= Cost(y, parents[y]) * (1 - LeastGain))
                return false;
            Hang(y, x);
            return true;
        }

        void Hang(int y, int x)
        {
            children[parents[y]].Remove(y);
            parents[y] = x;
            children[x].Add(y);
        }

        // What changes with the parent of y: its distances from the two before it, and its children's from the one before it.
        double Cost(int y, int x)
        {
            double cost = motion.Across(x, y) + (parents[x] < 0 ? 0 : motion.Across(parents[x], y));
            foreach (int child in children[y])
                cost += motion.Across(x, child);
            return cost;
        }
    }
}
