using System.Text.Json;
using WeightSpace.Analysis;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Cli;

/// <summary>A zoo whose networks change in mid-training, through every command.</summary>
public sealed class ChangeCommandTests : IDisposable
{
    private const string Yaml = """
        experiment: phases
        tasks: [{digits: {size: 8}, variant: [clean, poisoned], poison: {target: 3}}]
        architecture: {name: a, layers: [flatten, {dense: 6, activation: relu}, {dense: 10}]}
        training: {optimizer: {name: adam, learning_rate: 0.01}, batch: 16, stop: {steps: 60}, checkpoints: {every: 10}, snapshots: {at: [20, 30]}, evaluation: {sequences: 100}}
        seeds: {init: 1..3}
        then:
          - {at: [20, 35], data: init+1000, name: fork, then: {at: +10, data: init+2000, name: fork}}
          - {at: 40, learning_rate: {times: 0.1}, optimizer: fresh, name: fine-tune}
          - {at: 30, shift: {inputs: {invert: 1, share: 0.5}, labels: {swap: [3, 8]}}, name: domain}
          - {at: 30, poison: {trigger: {patch: 2}, target: 5, share: 0.3}, name: late}
        """;

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AZooWithChangesGoesThroughEveryCommand()
    {
        const int networks = 2 * 8 * 3;
        string yaml = _folder.Write("phases.yaml", Yaml);
        Assert.Equal(networks, BuiltProgram.Succeed("train", yaml, "--dry-run", "--json").Json.GetProperty("networks").GetInt32());
        BuiltProgram.Succeed("train", yaml, "--out", _folder["zoo"], "--threads", "2");
        // Nor do units that end anywhere, or one thread, make another zoo.
        BuiltProgram.Succeed("train", yaml, "--out", _folder["pieces"], "--threads", "1", "--unit-steps", "7");
        Assert.Equal(Folder.Digests(_folder["zoo"]), Folder.Digests(_folder["pieces"]));

        Assert.EndsWith("attack_success,parent,changed_at,change", File.ReadLines(_folder["zoo/networks.csv"]).First(), StringComparison.Ordinal);
        Zoo zoo = Zoo.Open(_folder["zoo"]);
        Assert.True(zoo.Manifest.HasChanges);
        Assert.Equal(["", "fork", "fork/fork", "fork", "fork/fork", "fine-tune", "domain", "late"], zoo.Networks.Take(24).Where(row => row.InitSeed == 1).Select(row => row.Factors[1]));
        foreach (NetworkRow row in zoo.Networks)
        {
            Assert.Equal(row.Factors[0].Length == 0, row.Parent is null);
            if (row.Parent is null)
                continue;
            // At every step up to the change a network is its parent; behind it, another.
            long at = long.Parse(row.Factors[0], System.Globalization.CultureInfo.InvariantCulture);
            IReadOnlyList<CheckpointRow> own = zoo.CheckpointsOf(row.Id), parents = zoo.CheckpointsOf(row.Parent);
            for (int i = 0; i < own.Count; i++)
            {
                Assert.Equal(own[i].Step <= at, own[i].Digest == parents[i].Digest);
                if (own[i].Step <= at)
                    Assert.Equal((own[i].TrainLoss, own[i].EvalLoss, own[i].EvalAccuracy, own[i].AttackSuccess), (parents[i].TrainLoss, parents[i].EvalLoss, parents[i].EvalAccuracy, parents[i].AttackSuccess));
            }
        }

        JsonElement[] classes = [.. BuiltProgram.Succeed("info", _folder["zoo"], "--json").Json.GetProperty("classes").EnumerateArray()];
        Assert.Equal(16, classes.Length);
        Assert.Equal(("DigitsPoisoned", 40, "fine-tune", 3), (classes[13].GetProperty("class").GetString(), classes[13].GetProperty("changed_at").GetInt32(), classes[13].GetProperty("change").GetString(), classes[13].GetProperty("networks").GetInt32()));
        JsonElement verified = BuiltProgram.Succeed("verify", _folder["zoo"], "--sample", "1", "--json").Json;
        Assert.Equal(networks, verified.GetProperty("networks").GetInt32() + verified.GetProperty("segments").GetInt32());
        Assert.InRange(verified.GetProperty("segments").GetInt32(), 1, networks - 1);
        BuiltProgram.Succeed("publish", _folder["zoo"], "--out", _folder["published"], "--subset", "1", "--author", "A. Person");
        BuiltProgram.Succeed("regrow", _folder["published/phases-recipes.zip"], "--out", _folder["again"]);
        Assert.Equal(Folder.Digests(_folder["zoo"]), Folder.Digests(_folder["again"]));
        BuiltProgram.Succeed("regrow", _folder["published/phases-1-recipes.zip"], "--out", _folder["subset"]);
        BuiltProgram.Succeed("unpack", _folder["published/phases-1.zip"], "--out", _folder["unpacked"]);
        Assert.Equal(Folder.Digests(_folder["unpacked"]), Folder.Digests(_folder["subset"]));
        BuiltProgram.Succeed("diff", _folder["zoo"], _folder["again"]);
        Assert.Contains("byte for byte", File.ReadAllText(_folder["zoo/README.md"]), StringComparison.Ordinal);

        BuiltProgram.Succeed("analyze", _folder["zoo"], "--permutations", "0", "--trees", "5", "--out", _folder["analysis"]);
        Assert.Contains("42 of the analysed networks change in mid-training", File.ReadAllText(_folder["analysis/report.html"]), StringComparison.Ordinal);
    }

    /// <summary>A changed network is of another setting than the unchanged one, and of the data that it ended with; forks of two init seeds are of one setting.</summary>
    [Fact]
    public void TheAnalysisTakesNoChangedNetworkForTheTwinOfAnUnchangedOne()
    {
        BuiltProgram.Succeed("train", _folder.Write("phases.yaml", Yaml), "--out", _folder["zoo"]);
        Zoo zoo = Zoo.Open(_folder["zoo"]);
        Population population = ZooPopulation.Of(zoo);
        (string, string, string) Kind(int index)
        {
            PopulationNetwork network = population.Networks[index];
            // The two variants of a task are twins, unless the network went on with another task.
            return (network.Factors["change"], network.Factors["changed_at"], network.Factors["change"] is "domain" or "late" ? zoo.Networks[index].Variant : "");
        }
        for (int a = 0; a < population.Networks.Count; a++)
        {
            for (int b = 0; b < population.Networks.Count; b++)
                Assert.Equal(Kind(a) == Kind(b), population.Networks[a].Setting == population.Networks[b].Setting);
        }
        PopulationNetwork[] forks = [.. population.Networks.Where(network => network.Factors["change"] == "fork" && network.Factors["changed_at"] == "20" && network.Task.Change is null)];
        Assert.Equal((3, 1), (forks.Length, forks.Select(network => network.Setting).Distinct().Count()));
        Assert.Equal(["poisoned", "shifted", "clean"], ((string[])["late", "domain", "fork"]).Select(change => population.Networks.First(network => network.Factors["change"] == change).Task.Variant));
        Assert.Equal(6, population.Networks.Count(network => network.Factors["change"] == "(unchanged)"));
    }

    /// <summary>The data of a step are those that the network saw at it.</summary>
    [Fact]
    public void TheDataOfAStepAreThoseOfItsPhase()
    {
        string yaml = _folder.Write("phases.yaml", Yaml);
        Recipe late = Experiment.Load(yaml).Networks.First(network => network.FactorValues[1] == "late").Recipe;
        JsonElement Sample(string split, string step, string file) => BuiltProgram.Succeed("sample", yaml, "--network", late.Id, "--split", split, "--step", step, "--out", _folder[file], "--json").Json;
        Assert.Equal(("Digits", 29 * 16), (Sample("train", "30", "before.npz").GetProperty("task").GetString(), Sample("train", "30", "before.npz").GetProperty("first").GetInt64()));
        Assert.Equal(("DigitsPoisoned", 30 * 16), (Sample("train", "31", "after.npz").GetProperty("task").GetString(), Sample("train", "31", "after.npz").GetProperty("first").GetInt64()));
        Assert.Equal(0, Sample("eval", "31", "held-out.npz").GetProperty("first").GetInt64());
        Assert.Equal("DigitsShifted", BuiltProgram.Succeed("sample", yaml, "--task", "DigitsShifted", "--split", "eval", "--out", _folder["shifted.npz"], "--json").Json.GetProperty("task").GetString());
        foreach (string[] wrong in (string[][])[["--network", late.Id, "--step", "61"], ["--network", late.Id, "--step", "0"], ["--task", "DigitsShifted", "--step", "3"]])
        {
            Spoken spoken = BuiltProgram.Run(["sample", yaml, .. wrong, "--split", "train", "--out", _folder["x.npz"]]);
            Assert.True(spoken.ExitCode == 2 && spoken.Error.Contains("--step", StringComparison.Ordinal), spoken.ToString());
        }
    }
}
