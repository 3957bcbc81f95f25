namespace WeightSpace.Analysis.Trajectories;

/// <summary>
/// Where networks are at each step, to say how unusual another is: its distance from the mean of the reference at the same step, over the median distance that reference networks have from the mean of
/// the others (leave-one-out, so that no network is compared with a mean that it is part of), and the share of them that are as far out (the rank test of conformal prediction: Vovk, Gammerman
/// and Shafer, "Algorithmic Learning in a Random World", 2005). Networks that start from other weights than the reference, or permute its hidden units, are far for that reason alone. Positions are sketches.
/// </summary>
public sealed class ReferencePopulation
{
    /// <summary>Fewer networks at a step say nothing about how far out is usual.</summary>
    public const int LeastNetworks = 3;

    private readonly Dictionary<double, List<(string Network, float[] Position)>> _positions = [];
    private readonly Dictionary<double, StepReference> _steps = [];

    /// <summary>Where a network is, and its distance from the mean of the others, by its name.</summary>
    private sealed record StepReference(double[] Mean, Dictionary<string, (float[] Position, double Distance)> Members, double[] Sorted, double Median);

    /// <param name="title">What people call it.</param>
    public ReferencePopulation(string title) => Title = title;

    public string Title { get; }

    /// <summary>Networks that were added.</summary>
    public int Networks => _positions.Values.SelectMany(list => list.Select(one => one.Network)).Distinct().Count();

    /// <summary>Whether it says anything, at any step.</summary>
    public bool IsUseful => _positions.Values.Any(list => list.Count >= LeastNetworks);

    /// <summary>Adds a network's position at a step (or number of checkpoint); all of one length.</summary>
    public void Add(string network, double at, float[] position)
    {
        if (!_positions.TryGetValue(at, out List<(string, float[])>? list))
            _positions.Add(at, list = []);
        list.Add((network, position));
        _steps.Remove(at);
    }

    /// <summary>
    /// How far out a position at a step is; null where there are fewer than three other networks. A network that is part of the reference (of that name and at that very place) is compared with the others.
    /// </summary>
    public (double Distance, double Tail)? Score(string network, double at, ReadOnlySpan<float> position)
    {
        if (StepAt(at) is not { } step)
            return null;
        bool isMember = step.Members.TryGetValue(network, out (float[] Position, double Distance) member) && position.SequenceEqual(member.Position);
        int others = step.Sorted.Length - (isMember ? 1 : 0);
        if (others < LeastNetworks)
            return null;
        double distance = member.Distance;
        if (!isMember)
        {
            double sum = 0;
            for (int i = 0; i < position.Length; i++)
                sum += (position[i] - step.Mean[i]) * (position[i] - step.Mean[i]);
            distance = Math.Sqrt(sum);
        }
        // As far out or farther, the network itself not counted.
        int farther = step.Sorted.Length - LowerBound(step.Sorted, distance) - (isMember ? 1 : 0);
        return (step.Median > 0 ? distance / step.Median : 0, (1 + farther) / (1.0 + others));
    }

    private StepReference? StepAt(double at)
    {
        lock (_steps)
        {
            if (_steps.TryGetValue(at, out StepReference? known))
                return known;
            if (!_positions.TryGetValue(at, out List<(string Network, float[] Position)>? list))
                return null;
            int length = list[0].Position.Length, count = list.Count;
            var mean = new double[length];
            foreach ((_, float[] position) in list)
            {
                for (int i = 0; i < length; i++)
                    mean[i] += position[i] / (double)count;
            }
            var members = new Dictionary<string, (float[] Position, double Distance)>();
            foreach ((string network, float[] position) in list)
            {
                double sum = 0;
                for (int i = 0; i < length; i++)
                    sum += (position[i] - mean[i]) * (position[i] - mean[i]);
                // From the mean of the others: n / (n - 1) times as far as from the mean of all.
                members[network] = (position, count > 1 ? Math.Sqrt(sum) * count / (count - 1) : 0);
            }
            double[] sorted = [.. members.Values.Select(member => member.Distance).Order()];
            double median = (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
            return _steps[at] = new StepReference(mean, members, sorted, median);
        }
    }

    /// <summary>The number of sorted values below one.</summary>
    private static int LowerBound(double[] sorted, double value)
    {
        (int low, int high) = (0, sorted.Length);
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (sorted[middle] < value)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
