using System.Diagnostics;
using System.Text.RegularExpressions;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos;

public sealed class ExperimentTests
{
    [Fact]
    public void TheDocumentedExampleIsReadAsDocumented()
    {
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "experiment.md"));
        string yaml = Regex.Match(docs, "```yaml\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        Experiment experiment = Experiment.Parse(yaml, "example.yaml");
        Assert.Equal(("complete-example", "CC0-1.0", yaml), (experiment.Name, experiment.Licence, experiment.Text));
        Assert.Equal(["mlds", "small"], experiment.Architectures.Select(architecture => architecture.Name));
        Assert.Equal(["learning_rate", "batch"], experiment.FactorNames);
        Assert.Equal(["variant", "data_seed"], experiment.TwinFactors);
        // architectures x machines x variants x (grid + list) x init x data
        Assert.Equal(2 * 2 * 2 * (2 + 1) * 6 * 2, experiment.Networks.Count);
        PlannedNetwork last = experiment.Networks[^1];
        Assert.Equal(["0.01", "64"], last.FactorValues);
        Assert.Equal((10UL, 2UL, 64, Machine.SimpleXORMachine), (last.Recipe.InitSeed, last.Recipe.DataSeed, last.Recipe.Training.Batch, ((MachineTask)last.Recipe.Task).Machine));
        Assert.Equal(new StepSchedule.Every(100), last.Recipe.Training.Checkpoints);
        Assert.Equal(new StepSchedule.Every(250), last.Recipe.Training.Snapshots);
        Assert.Equal(new StopSpec(500, 1e-4, 10), last.Recipe.Training.Stop);
        Assert.Equal(["gru.weight_ih_l0", "linears.0.weight", "linears.1.weight", "out.weight"],
            last.Recipe.Architecture.Parameters.Parameters.Select(parameter => parameter.Name).Where(name => name.EndsWith("weight", StringComparison.Ordinal) || name.EndsWith("ih_l0", StringComparison.Ordinal) && name.Contains("weight", StringComparison.Ordinal)));
    }

    [Fact]
    public void NetworksStandInTheirOrderAndHaveOneRecipeEach()
    {
        Experiment experiment = TestZoo.Experiment;
        var keys = experiment.Networks.Select(network => (network.Recipe.Architecture.Name, network.Recipe.Task.Name, network.FactorValues[0], network.FactorValues[1], network.Recipe.InitSeed)).ToList();
        var expected =
            from architecture in (string[])["mlds", "tiny"]
            from task in (string[])["ParityMachine", "ParityMachineModified", "EightBitMachine", "EightBitMachineModified"]
            from optimizer in (string[])["adam", "sgd"]
            from steps in (string[])["20", "30"]
            from seed in (ulong[])[1, 2]
            select (architecture, task, optimizer, steps, seed);
        Assert.Equal(expected, keys);
        Assert.Equal(keys.Count, experiment.Networks.Select(network => network.Recipe.Id).Distinct().Count());
    }

    [Fact]
    public void TheShortestExperimentTakesEveryDefault()
    {
        Experiment experiment = Experiment.Parse("experiment: e\ntasks: {machine: ParityMachine}\ntraining: {stop: {steps: 5}}\n", "e.yaml");
        Recipe recipe = Assert.Single(experiment.Networks).Recipe;
        Assert.Equal(new MachineTask(Machine.ParityMachine, 32, null), recipe.Task);
        Assert.Equal(KnownArchitectures.Mlds(9, 8).Layers, recipe.Architecture.Layers);
        Assert.Equal(new TrainingSpec(new AdamSpec(0.001, 0.9, 0.999, 1e-8), 32, 100, new StopSpec(5, null, 10), new StepSchedule.PerDoubling(1), null, new EvaluationSpec(256, 1)), recipe.Training);
        Assert.Equal((1UL, 1UL), (recipe.InitSeed, recipe.DataSeed));
        Assert.Null(experiment.Description);
    }

    [Fact]
    public void AFactorWithoutEffectDoesNotRepeatANetwork()
    {
        Experiment experiment = Experiment.Parse("""
            experiment: e
            tasks: {machine: ParityMachine, variant: [clean, modified]}
            training: {stop: {steps: 5}}
            factors: {optimizer: [adam, sgd], momentum: [0, 0.9], share: [0.1, 0.2]}
            """, "e.yaml");
        Assert.Equal(["adam,,", "sgd,0,", "sgd,0.9,", "adam,,0.1", "adam,,0.2", "sgd,0,0.1", "sgd,0,0.2", "sgd,0.9,0.1", "sgd,0.9,0.2"],
            experiment.Networks.Select(network => string.Join(',', network.FactorValues)));
    }

    [Fact]
    public void ATasksListIsAFactor()
    {
        Experiment experiment = Experiment.Parse("""
            experiment: e
            tasks:
              - {machine: ParityMachine, sequence: [8, 16]}
              - {machine: EightBitMachine, variant: modified, sequence: 8, modified: {key: 0x10, inverted: [1, 2]}}
            training: {stop: {steps: 5}}
            """, "e.yaml");
        Assert.Equal(["sequence", "inverted"], experiment.FactorNames);
        Assert.Equal(["8,", "16,", "8,1", "8,2"], experiment.Networks.Select(network => string.Join(',', network.FactorValues)));
        Assert.Equal([0x10], experiment.Networks[3].Recipe.Task.Modification!.Key);
    }

    [Fact]
    public void SeedsReachTheirLastValue()
    {
        Experiment experiment = Experiment.Parse("experiment: e\ntasks: {machine: ParityMachine}\ntraining: {stop: {steps: 5}}\nseeds: {init: 9223372036854775806..9223372036854775807, data: [0, 0x10, 3..4]}\n", "e.yaml");
        Assert.Equal([0UL, 16UL, 3UL, 4UL], experiment.Networks.Take(4).Select(network => network.Recipe.DataSeed));
        Assert.Equal(long.MaxValue, (long)experiment.Networks[^1].Recipe.InitSeed);
    }

    [Fact]
    public void AnExpansionTakesMemoryForItsSettingsNotItsNetworks()
    {
        string yaml = "experiment: e\ntasks: {machine: [ParityMachine, EightBitMachine], variant: [clean, modified]}\ntraining: {stop: {steps: 500}}\nfactors: {learning_rate: ["
            + string.Join(", ", Enumerable.Range(1, 125).Select(i => $"{i}e-5")) + "], batch: [" + string.Join(", ", Enumerable.Range(1, 50)) + "]}\nseeds: {init: 1..2}\n";
        var watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Experiment experiment = Experiment.Parse(yaml.Replace("1..2", "1..200", StringComparison.Ordinal), "e.yaml");
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(5_000_000, experiment.Networks.Count);
        Assert.InRange(allocated / 25_000, 0, 2048);
        TestContext.Current.SendDiagnosticMessage($"25,000 settings in {watch.Elapsed}, {allocated} bytes");
        watch.Restart();
        experiment = Experiment.Parse(yaml, "e.yaml");
        Assert.Equal(50_000, experiment.Networks.Select(network => network.Recipe.Id).Distinct().Count());
        TestContext.Current.SendDiagnosticMessage($"50,000 networks in {watch.Elapsed}");
    }

    [Fact]
    public void AFileIsLoaded()
    {
        using var folder = new TestZoo();
        File.WriteAllText(folder["e.yaml"], "\uFEFF" + TestZoo.Yaml);
        Assert.Equal(TestZoo.Yaml, Experiment.Load(folder["e.yaml"]).Text);
        Assert.Contains("no such file", Assert.Throws<InputException>(() => Experiment.Load(folder["missing.yaml"])).Message, StringComparison.Ordinal);
        Assert.Contains("folder", Assert.Throws<InputException>(() => Experiment.Load(folder.Folder)).Message, StringComparison.Ordinal);
    }
}
