using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Statistics;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>Where a checkpoint really stands: its network, and its place in it.</summary>
public readonly record struct TruePlace(int Network, long Step);

/// <summary>How right an ordering is, held against the truth.</summary>
/// <param name="AdjustedRand">Of the found trajectories with the networks; jackknife over networks.</param>
/// <param name="MutualInformation">Adjusted mutual information of the same.</param>
/// <param name="Order">
/// Kendall's tau of found places with true steps within each network, whatever the direction of each found trajectory: pairs of a network's checkpoints that were put into different trajectories count as 0.
/// Mean over networks.
/// </param>
/// <param name="DirectedOrder">The same with direction. This, the order and the edges are null where no network has two checkpoints.</param>
/// <param name="Edges">Share of the true steps (a checkpoint and the next of its network) that are found as neighbours.</param>
/// <param name="DirectedEdges">The same in the right direction.</param>
public sealed record OrderScores(int Networks, int Found, Estimate AdjustedRand, double MutualInformation, Estimate? Order, Estimate? DirectedOrder, Estimate? Edges, Estimate? DirectedEdges)
{
    private const int Resamples = 2000;

    /// <param name="found">Each checkpoint's found trajectory, and its place in it, from the first on; null for what is left out (copies of another). [checkpoint]</param>
    /// <param name="truth">[checkpoint]</param>
    public static OrderScores Of(IReadOnlyList<(int Trajectory, int Place)?> found, IReadOnlyList<TruePlace> truth, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(truth);
        if (found.Count != truth.Count)
            throw new ArgumentException($"{found.Count} found places of {truth.Count} checkpoints; expected one for each", nameof(found));
        int[] judged = [.. Enumerable.Range(0, found.Count).Where(i => found[i] is not null)];
        int[] labels = [.. judged.Select(i => found[i]!.Value.Trajectory)], networks = [.. judged.Select(i => truth[i].Network)];
        (double rand, double[] without) = ClusterScores.AdjustedRandIndexWithout(labels, networks, networks);
        var order = new List<double>();
        var directed = new List<double>();
        var edges = new List<double>();
        var directedEdges = new List<double>();
        foreach (IGrouping<int, int> network in judged.GroupBy(i => truth[i].Network).Where(network => network.Count() > 1))
        {
            (long Step, int Trajectory, int Place)[] path = [.. network.Select(i => (truth[i].Step, found[i]!.Value.Trajectory, found[i]!.Value.Place)).Order()];
            (double plain, double withDirection) = Tau(path);
            order.Add(plain);
            directed.Add(withDirection);
            int next = 0, asDirected = 0;
            for (int i = 1; i < path.Length; i++)
            {
                if (path[i].Trajectory != path[i - 1].Trajectory)
                    continue;
                int hop = path[i].Place - path[i - 1].Place;
                next += Math.Abs(hop) == 1 ? 1 : 0;
                asDirected += hop == 1 ? 1 : 0;
            }
            edges.Add((double)next / (path.Length - 1));
            directedEdges.Add((double)asDirected / (path.Length - 1));
        }
        Interval jackknife = networks.Distinct().Count() > 1 ? Intervals.Jackknife(rand, without) : new Interval(rand, rand);
        return new OrderScores(networks.Distinct().Count(), labels.Distinct().Count(), new Estimate(rand, Math.Max(-1, jackknife.Low), Math.Min(1, jackknife.High)),
            ClusterScores.AdjustedMutualInformation(labels, networks), Mean(order, seed), Mean(directed, seed), Mean(edges, seed), Mean(directedEdges, seed));
    }

    private static (double Plain, double Directed) Tau((long Step, int Trajectory, int Place)[] path)
    {
        double plain = 0, directed = 0;
        foreach (IGrouping<int, (long Step, int Trajectory, int Place)> part in path.GroupBy(checkpoint => checkpoint.Trajectory))
        {
            int[] places = [.. part.Select(checkpoint => checkpoint.Place)]; // by true step
            long sum = 0;
            for (int i = 0; i < places.Length; i++)
            {
                for (int j = i + 1; j < places.Length; j++)
                    sum += Math.Sign(places[j] - places[i]);
            }
            plain += Math.Abs(sum);
            directed += sum;
        }
        double pairs = path.Length * (path.Length - 1) / 2.0;
        return (plain / pairs, directed / pairs);
    }

    private static Estimate? Mean(List<double> values, ulong seed)
    {
        if (values.Count == 0)
            return null;
        Interval interval = Intervals.BootstrapMean([.. values], [.. Enumerable.Range(0, values.Count)], Resamples, seed);
        return new Estimate(values.Average(), interval.Low, interval.High);
    }
}
