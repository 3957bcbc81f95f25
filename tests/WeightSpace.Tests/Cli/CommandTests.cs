using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using System.Text.Json;
using WeightSpace.Engines;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Tests.Training;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Cli;

public sealed class CommandTests(CommandFixture fixture) : IClassFixture<CommandFixture>
{
    private const int Networks = 16;

    [Fact]
    public void TrainTellsWhatThereIsAndSaysWhenItWasComplete()
    {
        Assert.Equal(0, fixture.Trained.ExitCode);
        JsonElement first = fixture.Trained.Json;
        Assert.Equal("""{"zoo":"PATH","already_complete":false,"networks":16,"finished":16,"diverged":0,"failed":0,"checkpoints":80}""".Replace("PATH", fixture["zoo"], StringComparison.Ordinal), JsonSerializer.Serialize(first));
        Assert.Contains("16 networks", fixture.Trained.Error, StringComparison.Ordinal);
        SortedDictionary<string, string> digests = Folder.Digests(fixture["zoo"]);
        Assert.DoesNotContain(digests.Keys, file => file.StartsWith("work", StringComparison.Ordinal) || file.EndsWith(".tmp", StringComparison.Ordinal));

        Spoken again = BuiltProgram.Succeed("train", fixture["good.yaml"], "--out", fixture["zoo"], "--json");
        Assert.True(again.Json.GetProperty("already_complete").GetBoolean());
        Assert.Equal(digests, Folder.Digests(fixture["zoo"]));
    }

    [Fact]
    public void WithoutJsonAnAnswerStandsOnStandardOutputAlone()
    {
        foreach (string[] arguments in (string[][])[["info", fixture["zoo"]], ["version"], ["verify", fixture["zoo"]], ["train", fixture["good.yaml"], "--dry-run"]])
        {
            Spoken spoken = BuiltProgram.Succeed(arguments);
            Assert.Equal("", spoken.Error);
            Assert.ThrowsAny<JsonException>(() => spoken.Json);
            Assert.True(spoken.Output.Length > 40);
        }
    }

    [Fact]
    public void InfoTellsTheClassesOfAZoo()
    {
        Spoken spoken = BuiltProgram.Succeed("info", fixture["zoo"], "--json");
        JsonElement json = spoken.Json;
        Assert.Equal(("commands", "CC0-1.0", Networks, 80), (json.GetProperty("name").GetString(), json.GetProperty("licence").GetString(), json.GetProperty("networks").GetInt32(), json.GetProperty("checkpoints").GetInt32()));
        Assert.Equal(["ParityMachine", "ParityMachineModified", "EightBitMachine", "EightBitMachineModified"], json.GetProperty("classes").EnumerateArray().Select(row => row.GetProperty("class").GetString()));
        Zoo zoo = Zoo.Open(fixture["zoo"]);
        JsonElement eight = json.GetProperty("classes")[2];
        float[] losses = [.. zoo.Networks.Where(network => network.Class == "EightBitMachine").Select(network => network.EvalLoss!.Value).Order()];
        Assert.Equal((4, 4, losses[0], losses[^1]), (eight.GetProperty("networks").GetInt32(), eight.GetProperty("finished").GetInt32(), eight.GetProperty("min_eval_loss").GetSingle(), eight.GetProperty("max_eval_loss").GetSingle()));
        Assert.Equal(Folder.Digests(fixture["zoo"]).Keys.Where(file => file != "zoo.json").Sum(file => new FileInfo(Path.Combine(fixture["zoo"], file)).Length), json.GetProperty("bytes").GetInt64());
        Assert.Contains("EightBitMachineModified", spoken.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void ADryRunCountsWhatTheZooThenHas()
    {
        JsonElement json = BuiltProgram.Succeed("train", "--dry-run", fixture["snapshots.yaml"], "--threads", "3", "--json").Json;
        // mlds has 4,364 weights; gru 9>5 has 3 x 5 x (9 + 5 + 2), dense 5>8 has 48. Eight networks of each.
        const long mlds = 4364, small = 240 + 48;
        Assert.Equal((Networks, 8 * (mlds + small), 3), (json.GetProperty("networks").GetInt32(), json.GetProperty("parameters").GetInt64(), json.GetProperty("threads").GetInt32()));
        // Checkpoints 0, 30, 60, 90, 100; snapshots 0, 40, 80, 100, of which Adam keeps three blocks each and SGD with momentum two.
        Assert.Equal(Networks * 5, json.GetProperty("max_checkpoints").GetInt64());
        Assert.Equal(4 * (mlds + small) * ((8 * 5) + (4 * 4 * 3) + (4 * 4 * 2)), json.GetProperty("max_bytes").GetDouble());
        // A multiply-add is two operations. Forward: mlds 8,040 and small 500 a command; training is three times that, without the gradient of the inputs.
        const double forward = 8040 + 500, training = (3 * forward) - 648 - 270;
        Assert.Equal(8 * 12 * ((training * 20 * 100) + (forward * 40 * 5)), json.GetProperty("max_flops").GetDouble());
        Assert.InRange(json.GetProperty("estimated_seconds").GetDouble(), 1e-4, 600);
        Assert.False(Directory.Exists(fixture["snapshots"]));
    }

    [Fact]
    public void VersionTellsTheArithmeticAndTheLanes()
    {
        JsonElement json = BuiltProgram.Succeed("version", "--json").Json;
        Assert.Equal((Recipe.Arithmetic, Avx512F.IsSupported ? 512 : 256, true), (json.GetProperty("arithmetic").GetInt32(), json.GetProperty("lane_bits").GetInt32(), json.GetProperty("hardware_fma").GetBoolean()));
        Assert.Equal("0.1.0", json.GetProperty("version").GetString());
    }

    [Fact]
    public void VerifyTrainsACleanZooAgainAndAgrees()
    {
        JsonElement all = BuiltProgram.Succeed("verify", fixture["zoo"], "--sample", "1", "--json").Json;
        Assert.Equal((Networks, 0, 0), (all.GetProperty("networks").GetInt32(), all.GetProperty("segments").GetInt32(), all.GetProperty("different").GetArrayLength()));
        JsonElement some = BuiltProgram.Succeed("verify", fixture["zoo"], "--sample", "0.25", "--threads", "1", "--json").Json;
        Assert.Equal(4, some.GetProperty("networks").GetInt32());
        Assert.Equal(0, BuiltProgram.Succeed("verify", fixture["zoo"], "--sample", "0", "--json").Json.GetProperty("networks").GetInt32());

        BuiltProgram.Succeed("train", fixture["snapshots.yaml"], "--out", fixture["with-snapshots"]);
        int segments = 0;
        foreach (string seed in (string[])["1", "2", "3"])
        {
            JsonElement json = BuiltProgram.Succeed("verify", fixture["with-snapshots"], "--sample", "1", "--seed", seed, "--json").Json;
            Assert.Equal(Networks, json.GetProperty("networks").GetInt32() + json.GetProperty("segments").GetInt32());
            segments += json.GetProperty("segments").GetInt32();
        }
        Assert.InRange(segments, 10, 3 * Networks);
    }

    /// <summary>The whole zoo is written again with one thing changed, so every digest is right, and only training tells.</summary>
    [Theory]
    [InlineData("weights", 30, "the weights differ")]
    [InlineData("weights", 100, "the weights differ")]
    [InlineData("eval_loss", 60, "the losses differ")]
    [InlineData("train_loss", 60, "the losses differ")]
    [InlineData("missing", 60, "does not come again")]
    [InlineData("reason", 100, "it ended as")]
    [InlineData("steps", 100, "its training goes on")]
    [InlineData("status", 100, "it ended as")]
    [InlineData("network_train_loss", 100, "networks.csv")]
    [InlineData("network_eval_loss", 100, "networks.csv")]
    public void VerifyFindsWhatWasTamperedWithConsistently(string what, long step, string difference)
    {
        Experiment experiment = Experiment.Load(fixture["good.yaml"]);
        using var trainer = new Trainer();
        int victim = 5, index = 0;
        NetworkResult[] results = [.. experiment.Networks.Select(network =>
        {
            NetworkResult result = TestRecipes.Finish(trainer.Start(network.Recipe, null));
            return index++ == victim ? Tamper(result, what, step) : result;
        })];
        string folder = fixture[$"tampered-{what}-{step}"];
        ZooWriter.Write(folder, experiment, results, null, CancellationToken.None);
        Spoken spoken = BuiltProgram.Run("verify", folder, "--sample", "1", "--json");
        Assert.True(spoken.ExitCode == 3, spoken.ToString());
        JsonElement found = Assert.Single(spoken.Json.GetProperty("different").EnumerateArray());
        Assert.Equal(results[victim].Id, found.GetProperty("network").GetString());
        Assert.Contains(difference, found.GetProperty("what").GetString(), StringComparison.Ordinal);
        Assert.Contains(results[victim].Id, spoken.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void VerifyFindsSnapshotsThatWereTamperedWithConsistently(bool state)
    {
        Experiment experiment = Experiment.Load(fixture["snapshots.yaml"]);
        using var trainer = new Trainer();
        NetworkResult[] results = [.. experiment.Networks.Select(network =>
        {
            NetworkResult result = TestRecipes.Finish(trainer.Start(network.Recipe, null));
            return result with { Snapshots = [.. result.Snapshots.Select(row => row.Step != 80 ? row : state
                ? row with { OptimizerState = [.. row.OptimizerState[..^1], row.OptimizerState[^1] + 0.1f] }
                : row with { Weights = [.. row.Weights[..^1], row.Weights[^1] + 0.1f] })] };
        })];
        string folder = fixture[$"tampered-snapshots-{state}"];
        ZooWriter.Write(folder, experiment, results, null, CancellationToken.None);
        Spoken spoken = BuiltProgram.Run("verify", folder, "--sample", "1", "--json");
        Assert.True(spoken.ExitCode == 3, spoken.ToString());
        // A segment of each network is drawn: of four, one ends at the false snapshot and one begins there.
        string[] found = [.. spoken.Json.GetProperty("different").EnumerateArray().Select(row => row.GetProperty("what").GetString()!)];
        Assert.Contains("the snapshots differ", found);
        Assert.Contains("the weights differ", found);
    }

    [Fact]
    public void AZooOfWhichNoNetworkFinishedIsAZoo()
    {
        File.WriteAllText(fixture["diverges.yaml"], """
            experiment: diverges
            tasks: [{machine: [ParityMachine, EightBitMachine], sequence: 12}]
            training: {optimizer: {name: sgd, learning_rate: 1000, momentum: 0.9}, stop: {steps: 200}, checkpoints: {every: 1}, snapshots: {every: 2}, evaluation: {sequences: 16}}
            """);
        JsonElement trained = BuiltProgram.Succeed("train", fixture["diverges.yaml"], "--out", fixture["diverged"], "--json").Json;
        Assert.Equal((2, 0, 2), (trained.GetProperty("networks").GetInt32(), trained.GetProperty("finished").GetInt32(), trained.GetProperty("diverged").GetInt32()));
        JsonElement info = BuiltProgram.Succeed("info", fixture["diverged"], "--json").Json;
        Assert.All(info.GetProperty("classes").EnumerateArray(), row => Assert.Equal((0, 1), (row.GetProperty("finished").GetInt32(), row.GetProperty("diverged").GetInt32())));
        foreach (string seed in (string[])["1", "2", "3"])
            BuiltProgram.Succeed("verify", fixture["diverged"], "--sample", "1", "--seed", seed);
        // There is nothing to analyse, which is the zoo's fault and no failure of the program.
        Spoken analysed = BuiltProgram.Run("analyze", fixture["diverged"], "--json");
        Assert.True(analysed.ExitCode == 2 && analysed.Json.GetProperty("error").GetString()!.Contains("nothing to analyse", StringComparison.Ordinal), analysed.ToString());
        Assert.All(Zoo.Open(fixture["diverged"]).Networks, network => Assert.Matches("became (NaN|infinite) at step", network.Reason));
    }

    [Fact]
    public void AnalyzeTellsTheNumbersOfItsFile()
    {
        string[] arguments = ["analyze", fixture["zoo"], "--permutations", "3", "--trees", "10", "--json", "--out"];
        JsonElement json = BuiltProgram.Succeed([.. arguments, fixture["analysis"]]).Json;
        Assert.Equal((fixture["analysis/report.html"], fixture["analysis/analysis.json"]), (json.GetProperty("report").GetString(), json.GetProperty("analysis").GetString()));
        using JsonDocument file = JsonDocument.Parse(File.ReadAllBytes(fixture["analysis/analysis.json"]));
        Assert.True(JsonElement.DeepEquals(file.RootElement, json.GetProperty("result")));
        BuiltProgram.Succeed([.. arguments, fixture["analysis-again"]]);
        Assert.Equal(Folder.Digests(fixture["analysis"]), Folder.Digests(fixture["analysis-again"]));
    }

    [Fact]
    public void SampleWritesExactlyWhatNetworksSee()
    {
        var task = new MachineTask(Machine.EightBitMachine, 12, Modification.Default);
        Spoken spoken = BuiltProgram.Succeed("sample", fixture["good.yaml"], "--task", "EightBitMachineModified", "--split", "train", "--count", "50", "--data-seed", "9", "--out", fixture["train.npz"], "--json");
        Assert.Equal((50, 9, 12), (spoken.Json.GetProperty("count").GetInt32(), spoken.Json.GetProperty("seed").GetInt32(), spoken.Json.GetProperty("sequence").GetInt32()));
        AssertSampled(fixture["train.npz"], task, 9, Split.Train, 50);
        byte[] bytes = File.ReadAllBytes(fixture["train.npz"]);
        BuiltProgram.Succeed("sample", fixture["good.yaml"], "--task", "EightBitMachineModified", "--split", "train", "--count", "50", "--data-seed", "9", "--out", fixture["train.npz"]);
        Assert.Equal(bytes, File.ReadAllBytes(fixture["train.npz"]));
        // By default a batch of the first data seed, or all the held-out sequences.
        BuiltProgram.Succeed("sample", fixture["good.yaml"], "--task", "EightBitMachineModified", "--split", "train", "--out", fixture["train.npz"]);
        AssertSampled(fixture["train.npz"], task, 1, Split.Train, 20);
        BuiltProgram.Succeed("sample", fixture["good.yaml"], "--task", "EightBitMachineModified", "--split", "eval", "--out", fixture["eval.npz"]);
        AssertSampled(fixture["eval.npz"], task, 3, Split.Evaluation, 40);
    }

    [Fact]
    public void WorkGivesTheNetworksOfTheZoo()
    {
        Spoken spoken = BuiltProgram.Succeed("work", fixture["unit.json"], fixture["unit-result"], "--json");
        WorkUnit unit = WorkUnit.Read(fixture["unit.json"]);
        Assert.Equal((unit.Digest, 1), (spoken.Json.GetProperty("unit").GetString(), spoken.Json.GetProperty("networks").GetInt32()));
        NetworkResult result = Assert.Single(UnitResult.Read(fixture["unit-result"], unit).Networks);
        Assert.Equal(Zoo.Open(fixture["zoo"]).CheckpointsOf(result.Id).Select(row => row.Digest), result.Checkpoints.Select(checkpoint => Sha256Digest.Of(checkpoint.Weights)));
    }

    [Fact]
    public void WorkOfAFewStepsSaysWhatIsUnfinished()
    {
        WorkUnit whole = WorkUnit.Read(fixture["unit.json"]), unit = WorkUnit.Write(fixture["unit-few.json"], whole.Recipes, steps: 30);
        Spoken spoken = BuiltProgram.Succeed("work", fixture["unit-few.json"], fixture["unit-few"], "--json");
        Assert.Equal((1, 0, 30), (spoken.Json.GetProperty("networks").GetInt32(), spoken.Json.GetProperty("ended").GetInt32(), spoken.Json.GetProperty("unfinished_at_step").GetInt32()));
        Assert.Contains("unfinished at step 30", spoken.Error, StringComparison.Ordinal);
        (IReadOnlyList<Recipe> recipes, Snapshot? from) = UnitResult.Read(fixture["unit-few"], unit).Left(unit.Recipes);
        WorkUnit.Write(fixture["unit-rest.json"], recipes, steps: 1000, from);
        spoken = BuiltProgram.Succeed("work", fixture["unit-rest.json"], fixture["unit-rest"], "--json");
        Assert.Equal((1, JsonValueKind.Null), (spoken.Json.GetProperty("ended").GetInt32(), spoken.Json.GetProperty("unfinished_at_step").ValueKind));
    }

    /// <summary>The first networks of each class, which are those of the whole zoo.</summary>
    [Fact]
    public void TrainGrowsTheSubsetThatIsAskedFor()
    {
        File.WriteAllText(fixture["subset.yaml"], "experiment: s\ntasks: {machine: [ParityMachine, EightBitMachine], sequence: 4}\ntraining: {stop: {steps: 3}}\nseeds: {init: 1..3, data: init}\n");
        Assert.Equal(6, BuiltProgram.Succeed("train", fixture["subset.yaml"], "--out", fixture["subset-all"], "--json").Json.GetProperty("networks").GetInt32());
        Assert.Equal(4, BuiltProgram.Succeed("train", fixture["subset.yaml"], "--subset", "2", "--dry-run", "--json").Json.GetProperty("networks").GetInt32());
        Assert.Equal(4, BuiltProgram.Succeed("train", fixture["subset.yaml"], "--subset", "2", "--out", fixture["subset-two"], "--json").Json.GetProperty("networks").GetInt32());
        Zoo all = Zoo.Open(fixture["subset-all"]), two = Zoo.Open(fixture["subset-two"]);
        Assert.Equal(2, two.Manifest.NetworksPerClass);
        Assert.Equal([all.Networks[0].Id, all.Networks[1].Id, all.Networks[3].Id, all.Networks[4].Id], two.Networks.Select(network => network.Id));
        Assert.Equal(two.Checkpoints.Select(row => row.Digest), two.Networks.SelectMany(network => all.CheckpointsOf(network.Id)).Select(row => row.Digest));
        foreach (string wrong in (string[])["0", "3"])
        {
            Spoken spoken = BuiltProgram.Run("train", fixture["subset.yaml"], "--subset", wrong, "--out", fixture["subset-wrong"]);
            Assert.True(spoken.ExitCode == 2 && spoken.Error.Contains("--subset: found", StringComparison.Ordinal) && spoken.Error.Contains("expected 1 to 2", StringComparison.Ordinal), spoken.ToString());
        }
    }

    [Fact]
    public void SampleOfAnAutomatonSaysWhatItIs()
    {
        File.WriteAllText(fixture["automata.yaml"], "experiment: a\ntasks: {automaton: {states: 5, alphabet: 3, outputs: 3, seed: 17..18, sequence: 4}}\narchitecture: mlds\ntraining: {stop: {steps: 5}}\n");
        Spoken spoken = BuiltProgram.Succeed("sample", fixture["automata.yaml"], "--task", "Automaton-5-3-3-17", "--split", "eval", "--out", fixture["automaton.npz"], "--json");
        Assert.Equal("""{"next":[[1,2,3],[1,2,4],[4,2,2],[1,3,3],[0,1,0]],"outputs":[1,2,0,1,2]}""", JsonSerializer.Serialize(spoken.Json.GetProperty("automaton")));
        Assert.Contains("    1       2                            1   2   4", spoken.Error, StringComparison.Ordinal);
        Spoken wrong = BuiltProgram.Run("sample", fixture["automata.yaml"], "--task", "Automaton-5-3-3-1", "--split", "eval", "--out", fixture["automaton.npz"]);
        Assert.True(wrong.ExitCode == 2 && wrong.Error.Contains("expected one of Automaton-5-3-3-17, Automaton-5-3-3-18", StringComparison.Ordinal), wrong.ToString());
        BuiltProgram.Succeed("train", fixture["automata.yaml"], "--out", fixture["automata"]);
        Assert.Contains("\nAutomaton-5-3-3-17 {\"next\":[[1,2,3],[1,2,4],[4,2,2],[1,3,3],[0,1,0]],\"outputs\":[1,2,0,1,2]}\nAutomaton-5-3-3-18 {", File.ReadAllText(fixture["automata/README.md"]), StringComparison.Ordinal);
        Spoken info = BuiltProgram.Succeed("info", fixture["automata"], "--json");
        Assert.Equal((1, 0, 1), (info.Json.GetProperty("classes")[1].GetProperty("finished").GetInt32(), info.Json.GetProperty("classes")[1].GetProperty("reached_threshold").GetInt32(), info.Json.GetProperty("classes")[1].GetProperty("reached_budget").GetInt32()));
    }

    [Fact]
    public void OnlyOneProcessGrowsAZooAtATime()
    {
        using BuiltProgram.Running first = BuiltProgram.Start([], "train", fixture["long.yaml"], "--out", fixture["twice"]);
        first.WaitUntil(() => Directory.Exists(fixture["twice/work/units"]) && Directory.GetFiles(fixture["twice/work/units"], "*.json").Length > 0);
        Spoken second = BuiltProgram.Run("train", fixture["long.yaml"], "--out", fixture["twice"], "--json");
        Assert.False(first.HasEnded);
        Assert.True(second.ExitCode == 2, second.ToString());
        Assert.Contains("another weightspace process", second.Json.GetProperty("error").GetString(), StringComparison.Ordinal);
        // The claim falls with the process, however it ends; a zoo under way of another experiment is refused all the same.
        first.Kill();
        first.Wait();
        Spoken other = BuiltProgram.Run("train", fixture["good.yaml"], "--out", fixture["twice"], "--json");
        Assert.True(other.ExitCode == 2, other.ToString());
        Assert.Contains("another experiment", other.Json.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private static NetworkResult Tamper(NetworkResult result, string what, long step) => what switch
    {
        "reason" => result with { Reason = "threshold" },
        "steps" => result with { Steps = 99, Checkpoints = [.. result.Checkpoints.SkipLast(1)] },
        "status" => result with { Status = NetworkStatus.Diverged },
        "network_train_loss" => result with { TrainLoss = MathF.BitIncrement(result.TrainLoss!.Value) },
        "network_eval_loss" => result with { EvalLoss = MathF.BitIncrement(result.EvalLoss!.Value) },
        "missing" => result with { Checkpoints = [.. result.Checkpoints.Select(row => row.Step == step ? row with { Step = step - 1 } : row)] },
        _ => result with
        {
            Checkpoints = [.. result.Checkpoints.Select(row => row.Step != step ? row : what switch
            {
                "weights" => row with { Weights = [.. row.Weights[..^1], MathF.BitIncrement(row.Weights[^1])] },
                "eval_loss" => row with { EvalLoss = MathF.BitIncrement(row.EvalLoss) },
                _ => row with { TrainLoss = MathF.BitDecrement(row.TrainLoss!.Value) },
            })],
        },
    };

    private static void AssertSampled(string path, MachineTask task, ulong seed, Split split, int count)
    {
        int stride = Lanes.Padded(count), length = task.Places;
        float[] x = new float[length * MachineTask.CommandBits * stride], y = new float[length * MachineTask.AnswerBits * stride];
        MachineData.Sample(task, seed, split, 0, count, stride, x, y);
        using ZipArchive zip = ZipFile.OpenRead(path);
        Assert.Equal(["x.npy", "y.npy"], zip.Entries.Select(entry => entry.FullName));
        foreach ((ZipArchiveEntry entry, float[] values, int features) in ((ZipArchiveEntry, float[], int)[])[(zip.Entries[0], x, MachineTask.CommandBits), (zip.Entries[1], y, MachineTask.AnswerBits)])
        {
            using var stream = new MemoryStream();
            using (Stream data = entry.Open())
                data.CopyTo(stream);
            byte[] bytes = stream.ToArray();
            int header = 10 + BitConverter.ToUInt16(bytes, 8);
            Assert.Contains($"'descr': '<f4', 'fortran_order': False, 'shape': ({length}, {count}, {features})", Encoding.ASCII.GetString(bytes, 10, header - 10), StringComparison.Ordinal);
            ReadOnlySpan<float> found = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(header));
            float[] expected = [.. from time in Enumerable.Range(0, length) from sequence in Enumerable.Range(0, count) from feature in Enumerable.Range(0, features) select values[(((time * features) + feature) * stride) + sequence]];
            Assert.Equal(expected, found);
        }
    }
}
