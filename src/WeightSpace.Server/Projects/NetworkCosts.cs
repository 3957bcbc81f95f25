using WeightSpace.Engines;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Server.Projects;

/// <summary>What an experiment's networks cost, in their order, for cutting groups of them without looking at each.</summary>
internal sealed class NetworkCosts
{
    // Networks that differ in nothing but their seeds cost the same; Before: operations of all networks before them.
    private readonly List<(int First, int Networks, double Flops, double Bytes, double Before)> _runs = [];

    public NetworkCosts(Experiment experiment)
    {
        (int first, double before) = (0, 0);
        foreach ((Recipe example, int networks) in experiment.Settings())
        {
            _runs.Add((first, networks, example.TrainingFlops, UnitPlan.Bytes(example), before));
            (first, before) = (first + networks, before + (networks * example.TrainingFlops));
        }
        Total = before;
    }

    /// <summary>Operations of training, of all networks.</summary>
    public double Total { get; }

    /// <summary>Operations of the networks from this one on.</summary>
    public double From(int network)
    {
        var run = _runs[Run(network)];
        return Total - run.Before - ((network - run.First) * run.Flops);
    }

    /// <summary>How many networks from this one on need at most so many operations, and no more than a group may leave and hold; at least one.</summary>
    public int Fit(int first, double flops)
    {
        (int network, double left, double bytes) = (first, flops, UnitCut.ByFlops.MaxBytes);
        for (int i = Run(first); i < _runs.Count; i++)
        {
            var run = _runs[i];
            int here = run.First + run.Networks - network;
            int fit = (int)Math.Min(Math.Min(here, UnitCut.ByFlops.MaxNetworks - (network - first)), Math.Floor(Math.Min(left / run.Flops, run.Bytes > 0 ? bytes / run.Bytes : double.PositiveInfinity)));
            (network, left, bytes) = (network + fit, left - (fit * run.Flops), bytes - (fit * run.Bytes));
            if (fit < here)
                break;
        }
        return Math.Max(1, network - first);
    }

    private int Run(int network)
    {
        (int low, int high) = (0, _runs.Count - 1);
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _runs[middle].First <= network ? (middle, high) : (low, middle - 1);
        }
        return low;
    }
}
