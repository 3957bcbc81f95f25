namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Which checkpoint is before which, by motion: x is before y where y - x is the step that networks take there (<see cref="LocalMotion"/>), not where it is short. Beside a fork a contemporary is nearer than the
/// checkpoint before; but a whole step is missing between it and y.
/// </summary>
internal static class MotionLinks
{
    /// <summary>Times and links are found in turns, at most so many.</summary>
    private const int Rounds = 6;

    /// <summary>What it costs to begin a path, beyond the best place for it to hang on, in median misfits at that time. One path more is one loose end more.</summary>
    private const double BeginCost = 2;

    /// <summary>What is before a checkpoint has as many steps, or so many fewer at most; times may be wrong by some.</summary>
    private const int MostSteps = 3;

    /// <summary>How many of each number of steps are thought of, the nearest,</summary>
    private const int OfEach = 40;

    /// <summary>and how many of all are left, the best.</summary>
    private const int Candidates = 40;

    /// <summary>The checkpoint before each, or the one that it was forked from; -1 for the root. Several may have the same. [member]</summary>
    public static int[] Find(CheckpointDistances distances, int[] members, TrainingTime time)
    {
        int[] steps = time.Steps, parents = [];
        for (int round = 0; round < Rounds; round++)
        {
            int[] previous = parents;
            parents = Link(distances, members, time.Potential.Values, steps, new LocalMotion(distances, members, steps));
            steps = PathTree.Depths(parents);
            if (parents.AsSpan().SequenceEqual(previous))
                break;
        }
        return parents;
    }

    private static int[] Link(CheckpointDistances distances, int[] members, double[] potential, int[] steps, LocalMotion motion)
    {
        int n = members.Length;
        int[][] layers = TrainingTime.Layers(steps);
        var candidates = new Candidate[n][];
        Parallel.For(0, n, y =>
        {
            var possible = new List<Candidate>();
            for (int t = Math.Max(0, steps[y] - MostSteps); t <= steps[y]; t++)
            {
                int[] earlier = [.. layers[t].Where(x => potential[x] < potential[y])];
                possible.AddRange(TrainingTime.NearestOf(distances, members, earlier, y, OfEach).Select(x => new Candidate(x, motion.Misfit(x, y))));
            }
            candidates[y] = [.. possible.OrderBy(candidate => candidate.Cost).ThenBy(candidate => candidate.Column).Take(Candidates)];
        });
        double[] begin = BeginCosts(candidates, layers);
        double[] none = [.. candidates.Select((row, y) => row.Length == 0 ? 0 : row[0].Cost + begin[steps[y]])];
        int[] before = SparseAssignment.Minimise(candidates, none, n);
        int[] hangsOn = [.. candidates.Select(row => row.Length == 0 ? -1 : row[0].Column)];
        int[] parents = PathTree.Of(before, hangsOn);
        Stubs.Insert(distances, members, parents);
        return parents;
    }

    /// <summary>What it costs to begin a path at each number of steps, from the misfits of the best candidates then and one step earlier and later.</summary>
    private static double[] BeginCosts(Candidate[][] candidates, int[][] layers)
    {
        var costs = new double[layers.Length];
        for (int t = 0; t < layers.Length; t++)
        {
            double[] least = [.. layers[Math.Max(0, t - 1)..Math.Min(layers.Length, t + 2)].SelectMany(layer => layer).Where(y => candidates[y].Length > 0).Select(y => candidates[y][0].Cost).Order()];
            costs[t] = least.Length == 0 ? 0 : BeginCost * least[least.Length / 2];
        }
        return costs;
    }
}
