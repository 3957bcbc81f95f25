using System.Text.Json;
using WeightSpace.Cli;
using WeightSpace.Cli.Commands;
using WeightSpace.Cli.Differences;
using WeightSpace.Engines;
using WeightSpace.Networks;
using WeightSpace.Tasks.Images;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Cli;

/// <summary><c>weightspace diff</c> names a planted difference exactly. The zoos have made-up weights: no training is needed to compare them.</summary>
public sealed class DiffTests : IDisposable
{
    // Networks 0 to 7 have the architecture mlds; of each four, Adam and SGD alternate in the order of the factors.
    private const int Victim = 9;
    private readonly Folder _folder = new();
    private readonly NetworkResult[] _results = [.. TestZoo.Results(TestZoo.Experiment)];

    public DiffTests() => WriteZoo("a", _results);

    public void Dispose() => _folder.Dispose();

    private string WriteZoo(string name, IEnumerable<NetworkResult> results, Experiment? experiment = null)
    {
        ZooWriter.Write(_folder[name], experiment ?? TestZoo.Experiment, results, null, CancellationToken.None);
        return _folder[name];
    }

    private NetworkResult[] With(int index, Func<NetworkResult, NetworkResult> change) => [.. _results.Select((result, at) => at == index ? change(result) : result)];

    private static NetworkResult WithWeights(NetworkResult result, long step, Action<float[]> change)
    {
        float[] Changed(float[] values)
        {
            float[] copy = [.. values];
            change(copy);
            return copy;
        }
        return result with { Checkpoints = [.. result.Checkpoints.Select(row => row.Step == step ? row with { Weights = Changed(row.Weights) } : row)] };
    }

    private JsonElement Differ(params string[] arguments)
    {
        Spoken spoken = BuiltProgram.Run(["diff", .. arguments, "--json"]);
        Assert.True(spoken.ExitCode == 3, spoken.ToString());
        Assert.False(spoken.Json.GetProperty("equal").GetBoolean());
        Assert.Contains("they differ", spoken.Error, StringComparison.Ordinal);
        return spoken.Json;
    }

    private static int Number(JsonElement json, params string[] path) => path.Aggregate(json, (element, key) => element.GetProperty(key)).GetInt32();

    [Fact]
    public void EqualZoosAreEqualAndTheirWeightsAreNotRead()
    {
        string same = WriteZoo("same", _results);
        Spoken spoken = BuiltProgram.Succeed("diff", _folder["a"], same, "--json");
        Assert.True(spoken.Json.GetProperty("equal").GetBoolean());
        Assert.Equal((64, 0), (Number(spoken.Json, "networks", "equal"), Number(spoken.Json, "networks", "different")));
        Assert.Equal(JsonValueKind.Null, spoken.Json.GetProperty("first").ValueKind);
        Assert.Contains("64 networks equal", spoken.Error, StringComparison.Ordinal);
        // A shard whose bytes are not what the tables say goes unseen, for where digests agree nothing is read...
        string shard = Path.Combine(same, "weights", "00000.safetensors");
        byte[] bytes = File.ReadAllBytes(shard);
        bytes[^10] ^= 1;
        File.WriteAllBytes(shard, bytes);
        BuiltProgram.Succeed("diff", _folder["a"], same);
        // ...unless it is asked for.
        Spoken read = BuiltProgram.Run("diff", _folder["a"], same, "--values", "--json");
        Assert.True(read.ExitCode == 2 && read.Json.GetProperty("error").GetString()!.Contains(shard, StringComparison.Ordinal), read.ToString());
        Assert.True(BuiltProgram.Succeed("diff", _folder["a"], _folder["a"], "--values", "--json").Json.GetProperty("equal").GetBoolean());
    }

    [Fact]
    public void AnUlpInOneTensorAtOneStepIsNamed()
    {
        Architecture architecture = TestZoo.Experiment.Networks[Victim].Recipe.Architecture;
        ParameterInfo tensor = architecture.Parameters.Parameters.Single(parameter => parameter.Name == "gru.weight_hh_l2");
        int at = tensor.Offset + (7 * tensor.Shape[1]) + 3;
        string b = WriteZoo("b", With(Victim, result => WithWeights(result, 10, weights => weights[at] = MathF.BitIncrement(weights[at]))));
        float expected = _results[Victim].Checkpoints.Single(row => row.Step == 10).Weights[at];

        JsonElement json = Differ(_folder["a"], b);
        Assert.Equal((63, 1), (Number(json, "networks", "equal"), Number(json, "networks", "different")));
        JsonElement first = json.GetProperty("first"), found = Assert.Single(first.GetProperty("tensors").EnumerateArray());
        Assert.Equal((_results[Victim].Id, 10, "checkpoint"), (first.GetProperty("network").GetString(), Number(first, "step"), first.GetProperty("weights_in").GetString()));
        Assert.Equal(("gru.weight_hh_l2", 2, "gru", tensor.Count, 1, 1), (found.GetProperty("tensor").GetString(), Number(found, "layer", "index"), found.GetProperty("layer").GetProperty("type").GetString(),
            Number(found, "values"), Number(found, "different"), Number(found, "largest_ulp")));
        foreach (string which in (string[])["first", "largest"])
        {
            JsonElement pair = found.GetProperty(which);
            Assert.Equal([7, 3], pair.GetProperty("index").EnumerateArray().Select(index => index.GetInt32()));
            Assert.Equal((expected, MathF.BitIncrement(expected)), (pair.GetProperty("a").GetSingle(), pair.GetProperty("b").GetSingle()));
            Assert.Equal((double)MathF.BitIncrement(expected) - expected, pair.GetProperty("difference").GetDouble());
        }
        Assert.Equal("""[{"step":10,"networks":1}]""", JsonSerializer.Serialize(json.GetProperty("steps")));
        Assert.Contains("checkpoints.csv", json.GetProperty("files").EnumerateArray().Select(file => file.GetString()));

        Spoken text = BuiltProgram.Run("diff", _folder["a"], b);
        Assert.Equal((3, ""), (text.ExitCode, text.Error));
        Assert.Contains($"They part first in network {_results[Victim].Id}", text.Output, StringComparison.Ordinal);
        Assert.Contains($"step 10: the weights differ: layer 2 (gru gru), gru.weight_hh_l2: 1 of {tensor.Count} values differ", text.Output, StringComparison.Ordinal);
        Assert.Contains("(1 ulp), at [7, 3]", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void OptimizerStatesAreComparedToo()
    {
        int victim = Array.FindIndex(_results, result => TestZoo.Experiment.Networks[Array.IndexOf(_results, result)].Recipe.Training.Optimizer is AdamSpec && result.Steps == 20 && result.Snapshots.Count == 2);
        int count = TestZoo.Experiment.Networks[victim].Recipe.Architecture.Parameters.Count;
        string b = WriteZoo("b", With(victim, result => result with
        {
            // The second slot's last value, a bias of the output layer.
            Snapshots = [.. result.Snapshots.Select(row => row.Step == 20 ? row with { OptimizerState = [.. row.OptimizerState[..((2 * count) - 1)], float.NaN] } : row)],
        }));
        JsonElement first = Differ(_folder["a"], b).GetProperty("first"), found = Assert.Single(first.GetProperty("tensors").EnumerateArray());
        Assert.Equal((_results[victim].Id, 20, "snapshot", "the snapshots differ"), (first.GetProperty("network").GetString(), Number(first, "weights_step"), first.GetProperty("weights_in").GetString(), first.GetProperty("what").GetString()));
        Assert.Equal(("optimizer.exp_avg_sq.out.bias", "exp_avg_sq", 12, 1), (found.GetProperty("tensor").GetString(), found.GetProperty("slot").GetString(), Number(found, "layer", "index"), Number(found, "different")));
        Assert.Equal(("NaN", "Infinity", JsonValueKind.Null), (found.GetProperty("first").GetProperty("b").GetString(), found.GetProperty("first").GetProperty("difference").GetString(), found.GetProperty("largest_ulp").ValueKind));
    }

    [Fact]
    public void TheEarliestStepComesFirstAndAllAreCounted()
    {
        // Whoever differs last in the zoo differs earliest in training; three differ, two are shown.
        NetworkResult[] results = [.. _results];
        results[10] = WithWeights(results[10], 20, weights => weights[0] += 1);
        results[12] = WithWeights(results[12], 20, weights => weights[0] += 1);
        results[40] = WithWeights(results[40], 0, weights => Array.Reverse(weights));
        JsonElement json = Differ(_folder["a"], WriteZoo("b", results), "--show", "2");
        Assert.Equal((61, 3), (Number(json, "networks", "equal"), Number(json, "networks", "different")));
        Assert.Equal([results[40].Id, results[10].Id], json.GetProperty("different").EnumerateArray().Select(row => row.GetProperty("network").GetString()));
        Assert.Equal("""[{"step":0,"networks":1},{"step":20,"networks":2}]""", JsonSerializer.Serialize(json.GetProperty("steps")));
        Assert.True(json.GetProperty("first").GetProperty("tensors").GetArrayLength() == 1 && json.GetProperty("different")[0].GetProperty("tensors").GetArrayLength() > 3);
    }

    [Theory]
    [InlineData("status", 20, "status differs: finished and failed")]
    [InlineData("train_loss", 10, "the training losses differ: 0.1 and 7")]
    [InlineData("eval_loss", 10, "the held-out losses differ: 0.07692308 and 7")]
    [InlineData("checkpoint", 10, "only A has a checkpoint")]
    [InlineData("snapshot", 0, "only A has a snapshot")]
    public void WhatElseDiffersIsNamed(string what, long step, string expected)
    {
        NetworkResult Change(NetworkResult result) => what switch
        {
            "status" => result with { Status = NetworkStatus.Failed, Reason = "no power" },
            "train_loss" => result with { Checkpoints = [.. result.Checkpoints.Select(row => row.Step == step ? row with { TrainLoss = 7 } : row)] },
            "eval_loss" => result with { Checkpoints = [.. result.Checkpoints.Select(row => row.Step == step ? row with { EvalLoss = 7 } : row)] },
            "checkpoint" => result with { Checkpoints = [.. result.Checkpoints.Where(row => row.Step != step)] },
            _ => result with { Snapshots = [.. result.Snapshots.Where(row => row.Step != step)] },
        };
        JsonElement json = Differ(_folder["a"], WriteZoo("b", With(Victim, Change)));
        JsonElement first = json.GetProperty("first");
        Assert.Equal((_results[Victim].Id, step, expected), (first.GetProperty("network").GetString(), first.GetProperty("step").GetInt64(), first.GetProperty("what").GetString()));
        Assert.Equal(0, first.GetProperty("tensors").GetArrayLength());
        if (what == "status")
        {
            Assert.Equal(["reason", "status"], json.GetProperty("ends").EnumerateArray().Select(end => end.GetProperty("what").GetString()));
            Assert.Contains("totals.failed", json.GetProperty("manifest").EnumerateArray().Select(row => row.GetProperty("what").GetString()));
        }
    }

    [Fact]
    public void OtherRecipesAreMatchedByPositionAndTheirSettingsNamed()
    {
        Experiment other = Experiment.Parse(TestZoo.Yaml.Replace("learning_rate: 0.003", "learning_rate: 0.002", StringComparison.Ordinal).Replace("every: 10", "every: 5", StringComparison.Ordinal), "other.yaml");
        string b = WriteZoo("b", other.Networks.Zip(_results, (planned, result) => result with { Id = planned.Recipe.Id }), other);
        JsonElement byId = Differ(_folder["a"], b);
        Assert.Equal((0, 64, 64), (Number(byId, "networks", "equal"), Number(byId, "networks", "only_in_a"), Number(byId, "networks", "only_in_b")));
        foreach (JsonElement json in (JsonElement[])[byId, BuiltProgram.Succeed("diff", _folder["a"], b, "--match", "position", "--json").Json])
        {
            Assert.Equal(["training.checkpoints.every", "training.optimizer.learning_rate"], json.GetProperty("settings").EnumerateArray().Select(row => row.GetProperty("what").GetString()));
            JsonElement rate = json.GetProperty("settings")[1];
            Assert.Equal((64, "0.003", "0.002"), (Number(rate, "networks"), rate.GetProperty("a").GetString(), rate.GetProperty("b").GetString()));
            JsonElement experiment = Assert.Single(json.GetProperty("manifest").EnumerateArray());
            Assert.Equal("experiment, line 12", experiment.GetProperty("what").GetString());
        }
        NetworkResult[] changed = With(Victim, result => WithWeights(result, 20, weights => weights[5] = -weights[5]));
        string c = WriteZoo("c", other.Networks.Zip(changed, (planned, result) => result with { Id = planned.Recipe.Id }), other);
        JsonElement differs = Differ(_folder["a"], c, "--match", "position");
        Assert.Equal((63, _results[Victim].Id, changed[Victim].Id, 20), (Number(differs, "networks", "equal"), differs.GetProperty("first").GetProperty("network").GetString(), _results[Victim].Id, Number(differs, "first", "step")));
        Assert.Equal(other.Networks[Victim].Recipe.Id, differs.GetProperty("first").GetProperty("network_in_b").GetString());
    }

    [Fact]
    public void ResultsOfAWorkUnitAreComparedAlike()
    {
        Recipe[] recipes = [.. TestZoo.Experiment.Networks.Take(2).Select(planned => planned.Recipe)];
        WorkUnit unit = WorkUnit.Write(_folder["unit.json"], recipes);
        new UnitResult(unit.Digest, _results[..2], null).Write(_folder["one"]);
        new UnitResult(unit.Digest, [_results[0], WithWeights(_results[1], 20, weights => weights[^1] = 0)], null).Write(_folder["two"]);
        new UnitResult(unit.Digest, _results[..1], null).Write(_folder["part"]);
        BuiltProgram.Succeed("diff", _folder["one"], _folder["one"], "--unit", _folder["unit.json"]);
        JsonElement json = Differ(_folder["one"], _folder["two"], "--unit", _folder["unit.json"]);
        Assert.Equal((recipes[1].Id, 20, "out.bias"), (json.GetProperty("first").GetProperty("network").GetString(), Number(json, "first", "step"), json.GetProperty("first").GetProperty("tensors")[0].GetProperty("tensor").GetString()));
        Assert.Equal([recipes[1].Id], Differ(_folder["one"], _folder["part"], "--unit", _folder["unit.json"]).GetProperty("only_in_a").EnumerateArray().Select(id => id.GetString()));
        Refused("this is a folder; with --unit", _folder["a"], _folder["one"], "--unit", _folder["unit.json"]);
        Refused("this is a file; the folder of a zoo was expected", _folder["a"], _folder["one"]);
        Refused("there is no such file", _folder["one"], _folder["nothing"], "--unit", _folder["unit.json"]);
        Refused(_folder["a/zoo.json"], _folder["one"], _folder["a/zoo.json"], "--unit", _folder["unit.json"]);
        Refused("not a work unit", _folder["one"], _folder["one"], "--unit", _folder["one"]);
        WorkUnit.Write(_folder["other.json"], recipes[..1]);
        Refused("this is the result of unit", _folder["one"], _folder["one"], "--unit", _folder["other.json"]);
    }

    [Fact]
    public void WhatIsNoZooIsRefused()
    {
        string damaged = WriteZoo("damaged", _results);
        string table = Path.Combine(damaged, "checkpoints.csv");
        byte[] bytes = File.ReadAllBytes(table);
        bytes[^10] ^= 1;
        File.WriteAllBytes(table, bytes);
        Refused(table, _folder["a"], damaged);
        Refused("there is no such folder", _folder["nothing"], _folder["a"]);
        Refused("--show", _folder["a"], _folder["a"], "--show", "0");
        Refused("banana", _folder["a"], _folder["a"], "--match", "banana");
        Refused("B", _folder["a"]);
        // Only where digests differ are weights read, and there a damaged shard shows.
        string b = WriteZoo("b", With(Victim, result => WithWeights(result, 20, weights => weights[0] = 0)));
        string shard = Path.Combine(b, TestZooShard(b));
        byte[] content = File.ReadAllBytes(shard);
        content.AsSpan(content.Length / 2).Clear();
        File.WriteAllBytes(shard, content);
        Refused("shard was changed or damaged", _folder["a"], b);
    }

    private static string TestZooShard(string folder)
    {
        var zoo = Zoo.Open(folder);
        return zoo.CheckpointsOf(zoo.Networks[Victim].Id)[0].Shard.Path;
    }

    private static void Refused(string named, params string[] arguments)
    {
        Spoken spoken = BuiltProgram.Run(["diff", .. arguments, "--json"]);
        Assert.True(spoken.ExitCode == 2, spoken.ToString());
        string message = spoken.Json.GetProperty("error").GetString()!;
        Assert.Contains(named, message, StringComparison.Ordinal);
        Assert.Equal($"weightspace: {message}\n", spoken.Error);
    }

    [Theory]
    [InlineData("--values")]
    [InlineData("--match", "position")]
    public void AStopThatIsAskedForEndsAComparison(params string[] options)
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        var output = new StringWriter();
        var error = new StringWriter();
        int exitCode = DiffCommand.Create(_ => new CommandContext(json: true, ImageLibrary.Default, output, error, TimeProvider.System, stop.Token)).Parse([_folder["a"], _folder["a"], .. options]).Invoke();
        Assert.Equal(1, exitCode);
        Assert.StartsWith("stopped", JsonDocument.Parse(output.ToString()).RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1f, 1.0000001f, 1L)]
    [InlineData(0f, -0f, 0L)]
    [InlineData(float.Epsilon, -float.Epsilon, 2L)]
    [InlineData(1f, -1f, 2L * 0x3F800000)]
    [InlineData(float.MaxValue, float.PositiveInfinity, 1L)]
    [InlineData(1f, float.NaN, null)]
    public void UlpsCountTheFloatsBetween(float a, float b, long? ulp)
    {
        Assert.Equal(ulp, ValuePair.UlpApart(a, b));
        Assert.Equal(ulp, ValuePair.UlpApart(b, a));
    }

    [Fact]
    public void ATensorBelongsToItsLayerWhateverStandsBetween()
    {
        var shape = new Shape(1, 8, 8);
        var conv = new ConvSpec("conv", shape, 3, 3, 1, 0);
        LayerSpec[] layers = [new ActivationSpec("act", shape, Activation.Relu), conv, new BatchNormSpec("norm", conv.Output), new DropoutSpec("drop", conv.Output, 0.5), new FlattenSpec("flat", conv.Output),
            new LayerNormSpec("norm2", Shape.Vector(108)), new LstmSpec("lstm", 0, 108, 4), new BatchNormSpec("norm3", Shape.Vector(4)), new DenseSpec("out", 4, 10), new ActivationSpec("last", Shape.Vector(10), Activation.Tanh)];
        var architecture = new Architecture("all", layers);
        Assert.Equal(18, architecture.Parameters.Parameters.Count);
        foreach (ParameterInfo tensor in architecture.Parameters.Parameters)
            Assert.Equal(tensor.Name.Split('.')[0], layers[TensorDifference.OwnerOf(architecture, tensor)].Name);
        float[] a = new float[architecture.Parameters.Count], b = new float[a.Length];
        Array.Fill(b, float.Epsilon);
        Assert.Equal(architecture.Parameters.Parameters.Select(tensor => (tensor.Name, tensor.Count, (long?)1)), TensorDifference.Find(architecture, [], a, b).Select(found => (found.Name, found.Different, found.LargestUlp)));
    }
}
