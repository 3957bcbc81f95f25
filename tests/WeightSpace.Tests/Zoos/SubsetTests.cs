using WeightSpace.Engines.Local;
using WeightSpace.Tests.Cli;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos;

/// <summary>A subset holds the first networks of each class, and is a zoo like any other.</summary>
public sealed class SubsetTests
{
    private const string Yaml = """
        experiment: subsets
        tasks: [{machine: [ParityMachine, SimpleXORMachine], variant: [clean, modified], sequence: 6, modified: {key: [0x15A], inverted: 2, share: 0.3}}]
        architecture: [{name: dense, layers: [{dense: 3}, tanh, {dense: 8}]}, {name: gru, layers: [{gru: 3}, {dense: 8}]}]
        training: {batch: 8, stop: {steps: 12}, checkpoints: {every: 6}, snapshots: {every: 12}, evaluation: {sequences: 8}}
        seeds: {init: [4, 1..2], data: [9, 7]}
        factors: {optimizer: [adam, rmsprop]}
        """;

    private static readonly Experiment s_experiment = Experiment.Parse(Yaml, "subsets.yaml");

    [Fact]
    public void ASubsetIsTheFirstNetworksOfEachClassInTheOrderOfTheExperiment()
    {
        // Architecture x machine x variant x optimizer = 16 classes of 3 x 2 networks.
        Assert.Equal((96, null), (s_experiment.Networks.Count, s_experiment.NetworksPerClass));
        static string Class(PlannedNetwork network) =>
            string.Join('|', [network.Recipe.Architecture.Name, network.Recipe.Task.Name, .. network.FactorValues]);
        for (int count = 1; count <= 5; count++)
        {
            Experiment subset = s_experiment.Subset(count);
            Assert.Equal((16 * count, count, Yaml), (subset.Networks.Count, subset.NetworksPerClass, subset.Text));
            var seen = new Dictionary<string, int>();
            PlannedNetwork[] expected = [.. s_experiment.Networks.Where(network => (seen[Class(network)] = seen.GetValueOrDefault(Class(network)) + 1) <= count)];
            Assert.Equal(expected.Select(network => network.Recipe.Id), subset.Networks.Select(network => network.Recipe.Id));
            Assert.Equal(expected.Select(Class), subset.Networks.Select(Class));
            Assert.Equal(subset.Networks.Count, subset.Settings().Sum(setting => setting.Networks));
        }
        // Init seeds are the outer ones: 4 with data seeds 9 and 7, then 1 with 9.
        Assert.Equal([(4ul, 9ul), (4ul, 7ul), (1ul, 9ul)], s_experiment.Subset(3).Networks.Take(3).Select(network => (network.Recipe.InitSeed, network.Recipe.DataSeed)));
        Assert.Equal(s_experiment.Subset(2).Networks.Select(network => network.Recipe.Id), s_experiment.Subset(4).Subset(2).Networks.Select(network => network.Recipe.Id));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(6)]
    [InlineData(int.MaxValue)]
    public void ASubsetOfAllOrNoneIsRefused(int count) =>
        Assert.Contains("expected 1 to 5: the experiment has 6 networks of each class", Assert.Throws<InputException>(() => s_experiment.Subset(count)).Message, StringComparison.Ordinal);

    [Fact]
    public void AnExperimentWithOneNetworkOfEachClassHasNoSubset()
    {
        Experiment single = Experiment.Parse(Yaml.Replace("seeds: {init: [4, 1..2], data: [9, 7]}", "", StringComparison.Ordinal), "single.yaml");
        Assert.Contains("expected none", Assert.Throws<InputException>(() => single.Subset(1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ASubsetIsAZooOfItsOwn()
    {
        using var test = new TestZoo();
        Experiment subset = s_experiment.Subset(2);
        NetworkResult[] results = [.. TestZoo.Results(subset)];
        ZooWriter.Write(test.Folder, subset, results, null, CancellationToken.None);
        Zoo zoo = Zoo.Open(test.Folder);
        Assert.Equal((2, 2, Yaml), (zoo.Manifest.NetworksPerClass, zoo.Experiment.NetworksPerClass, zoo.Manifest.Experiment));
        Assert.Equal(results.Select(result => result.Id), zoo.Networks.Select(network => network.Id));
        Assert.Equal(zoo.Networks.Select(network => network.Id), zoo.Experiment.Networks.Select(network => network.Recipe.Id));
        zoo.CheckDigests(null, CancellationToken.None);
        Assert.Contains("\"subset\": {\n    \"networks_per_class\": 2\n  },", File.ReadAllText(test["zoo.json"]), StringComparison.Ordinal);
        Assert.Contains("the first 2 networks", File.ReadAllText(test["README.md"]), StringComparison.Ordinal);
    }

    [Fact]
    public void ASubsetIsTrainedAsItStandsInTheWhole()
    {
        using var folder = new Folder();
        Experiment subset = s_experiment.Subset(2);
        Assert.True(Grow(s_experiment, folder["whole"]));
        Assert.True(Grow(subset, folder["subset"]));
        Assert.False(Grow(subset, folder["subset"]));
        Zoo whole = Zoo.Open(folder["whole"]), part = Zoo.Open(folder["subset"]);
        Assert.Equal(32, part.Networks.Count);
        foreach (NetworkRow network in part.Networks)
        {
            Assert.Equal(whole.CheckpointsOf(network.Id).Select(row => (row.Step, row.Digest)), part.CheckpointsOf(network.Id).Select(row => (row.Step, row.Digest)));
            Assert.Equal(whole.SnapshotsOf(network.Id).Select(row => (row.Step, row.Digest)), part.SnapshotsOf(network.Id).Select(row => (row.Step, row.Digest)));
        }
        // What was asked for is not what is there.
        Assert.Contains("the first 2 networks of each class, all networks was asked for", Assert.Throws<InputException>(() => Grow(s_experiment, folder["subset"])).Message, StringComparison.Ordinal);
        Assert.Contains("with all networks", Assert.Throws<InputException>(() => Grow(subset, folder["whole"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderThatGrowsAnotherSubsetIsLeftAlone()
    {
        using var folder = new Folder();
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => LocalEngine.Grow(s_experiment.Subset(2), folder["zoo"], 1, 2, () => new Trainer(), TimeProvider.System, _ => stop.Cancel(), stop.Token));
        foreach (Experiment other in (Experiment[])[s_experiment, s_experiment.Subset(3)])
            Assert.Contains("another subset", Assert.Throws<InputException>(() => Grow(other, folder["zoo"])).Message, StringComparison.Ordinal);
        Assert.True(Grow(s_experiment.Subset(2), folder["zoo"]));
    }

    private static bool Grow(Experiment experiment, string folder) =>
        LocalEngine.Grow(experiment, folder, 2, 3, () => new Trainer(), TimeProvider.System, null, CancellationToken.None);
}
