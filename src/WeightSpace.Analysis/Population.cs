using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis;

/// <summary>One checkpoint of a network, without its weights.</summary>
/// <param name="EvalLoss">Mean squared error on held-out data; null when it was not measured.</param>
public sealed record PopulationCheckpoint(long Step, double? TrainLoss, double? EvalLoss);

/// <summary>One network of a population: what was declared of it, and what became of it.</summary>
/// <param name="Architecture">One object for all networks of one architecture.</param>
/// <param name="Setting">
/// Everything declared beside task, architecture and the two seeds (optimizer, batch, budget, sequence length), as one text. Only networks of
/// one setting are twins of each other.
/// </param>
/// <param name="Factors">The experiment's further factors with this network's values, by name; seeds, machine and variant are not repeated here.</param>
/// <param name="Checkpoints">Ascending by step.</param>
public sealed record PopulationNetwork(
    string Id,
    Architecture Architecture,
    TaskSpec Task,
    string Setting,
    ulong InitSeed,
    ulong DataSeed,
    NetworkStatus Status,
    string Reason,
    long Steps,
    double? TrainLoss,
    double? EvalLoss,
    IReadOnlyDictionary<string, string> Factors,
    IReadOnlyList<PopulationCheckpoint> Checkpoints)
{
    /// <summary>The id of the network whose weights this one shares up to its last change in mid-training; null where nothing changes.</summary>
    public string? Parent { get; init; }

    /// <summary>The share of right answers on held-out data at the end; null where it is not defined.</summary>
    public double? EvalAccuracy { get; init; }

    /// <summary>How often an attack's trigger gives the answer that the attacker wants, at the end; null where there is no attack.</summary>
    public double? AttackSuccess { get; init; }
}

/// <summary>Names one checkpoint: the network's index in the population and the checkpoint's index in the network.</summary>
public readonly record struct CheckpointPlace(int Network, int Checkpoint);

/// <summary>
/// Reads the weights of some checkpoints of one architecture into <paramref name="weights"/>, [places, parameter], in the order of
/// <paramref name="places"/>.
/// </summary>
public delegate void WeightReader(IReadOnlyList<CheckpointPlace> places, Span<float> weights);

/// <summary>
/// What an analysis reads: networks with their facts in memory, and their weights on request. A zoo on disk is one
/// (<see cref="ZooPopulation"/>), networks made up by a
/// test are another.
/// </summary>
/// <param name="Title">What the population is called.</param>
/// <param name="Provenance">What is known of how it was made, as name and value, in the order to show.</param>
public sealed record Population(
    string Title,
    IReadOnlyList<PopulationNetwork> Networks,
    IReadOnlyList<Fact> Provenance,
    WeightReader ReadWeights);

/// <summary>One named value for a reader.</summary>
public sealed record Fact(string Name, string Value);
