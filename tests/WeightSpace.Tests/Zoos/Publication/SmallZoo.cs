using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos.Publication;

/// <summary>A zoo of some kilobytes with made-up results: two classes of three networks, one of which diverged and one failed.</summary>
internal static class SmallZoo
{
    public const string Yaml = """
        experiment: small
        licence: CC0-1.0
        tasks: [{machine: [ParityMachine, SimpleXORMachine], sequence: 4}]
        architecture: {name: dense, layers: [{dense: 8}]}
        training: {batch: 4, stop: {steps: 8}, checkpoints: {every: 4}, snapshots: {every: 8}, evaluation: {sequences: 4}}
        seeds: {init: 1..3}
        """;

    public static Experiment Experiment { get; } = Experiment.Parse(Yaml, "small.yaml");

    /// <summary>Writes it, or a subset of it.</summary>
    public static string Write(string folder, int? networksPerClass = null)
    {
        Dictionary<string, NetworkResult> results = TestZoo.Results(Experiment).ToDictionary(result => result.Id);
        Experiment experiment = networksPerClass is { } count ? Experiment.Subset(count) : Experiment;
        ZooWriter.Write(folder, experiment, experiment.Networks.Select(network => results[network.Recipe.Id]), null, CancellationToken.None);
        return folder;
    }
}
