using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using WeightSpace.Engines;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Training;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Tests.Engines;

public sealed class WorkUnitTests : IDisposable
{
    private const int Networks = 4;
    private readonly Folder _folder = new();
    private readonly WorkUnit _unit;
    private readonly byte[] _expected;

    public WorkUnitTests()
    {
        Experiment experiment = Experiment.Parse($$"""
            experiment: unit
            tasks: [{machine: ParityMachine, variant: [clean, modified], sequence: 8}]
            architecture: {{TestRecipes.Small}}
            training:
              optimizer: {learning_rate: 0.003, momentum: 0.9}
              batch: 20
              stop: {steps: 150}
              checkpoints: {every: 40}
              snapshots: {every: 70}
              evaluation: {sequences: 40}
            factors: {optimizer: [adam, sgd]}
            """, "unit.yaml");
        _unit = WorkUnit.Write(UnitPath, [.. experiment.Networks.Select(network => network.Recipe)]);
        Assert.Equal(Networks, _unit.Recipes.Count);
        string path = _folder["whole.safetensors"];
        using var trainer = new Trainer();
        WorkUnitRunner.Run(UnitPath, path, trainer, TimeProvider.System, null, CancellationToken.None);
        _expected = File.ReadAllBytes(path);
    }

    private string UnitPath => _folder["unit.json"];

    private string ResultPath => _folder["result.safetensors"];

    private string PartialPath => WorkUnitRunner.PartialPath(ResultPath);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AUnitReadsBackAndItsResultToo()
    {
        WorkUnit read = WorkUnit.Read(UnitPath);
        Assert.Equal(_unit.Digest, read.Digest);
        Assert.Equal(_unit.Recipes.Select(recipe => recipe.Id), read.Recipes.Select(recipe => recipe.Id));
        UnitResult result = UnitResult.Read(_folder["whole.safetensors"], read);
        Assert.Null(result.Current);
        Assert.Equal(Networks, result.Networks.Count);
        for (int i = 0; i < Networks; i++)
            TestRecipes.AssertSame(TestRecipes.Train(read.Recipes[i]), result.Networks[i]);
    }

    [Fact]
    public void AfterACrashAUnitGoesOnFromItsLastState()
    {
        // The clock moves 16 s at each look, so the state is put down after every second stride of 32 steps.
        var started = new List<long>();
        for (ulong seed = 0; seed < 6; seed++)
        {
            RandomStream draw = TestRecipes.Draws(seed);
            for (int calls = 0; !File.Exists(ResultPath); calls++)
            {
                Assert.InRange(calls, 0, 20);
                UnitResult? before = File.Exists(PartialPath) ? UnitResult.Read(PartialPath, _unit) : null;
                var trainer = new RecordingTrainer(new Trainer());
                int left = 4 + draw.NextBelow(6);
                void Crash(UnitProgress progress)
                {
                    if (--left == 0)
                        throw new CrashException();
                }
                try
                {
                    WorkUnitRunner.Run(UnitPath, ResultPath, trainer, new SteppingClock(TimeSpan.FromSeconds(16)), Crash, CancellationToken.None);
                }
                catch (CrashException)
                {
                    Assert.False(File.Exists(ResultPath));
                }
                if (before is not null)
                    Assert.Equal((_unit.Recipes[before.Networks.Count].Id, before.Current!.Now.Step), trainer.Starts[0]);
                started.Add(trainer.Starts[0].Step);
            }
            Assert.Equal(_expected, File.ReadAllBytes(ResultPath));
            Assert.False(File.Exists(PartialPath));
            File.Delete(ResultPath);
        }
        // Many went on in the middle of a network, or the test tested nothing.
        Assert.True(started.Count(step => step > 0) > 5, string.Join(' ', started));
    }

    [Fact]
    public void AStopPutsTheStateDownWhereItIs()
    {
        using var stop = new CancellationTokenSource();
        using var trainer = new Trainer();
        Assert.Throws<OperationCanceledException>(() => WorkUnitRunner.Run(UnitPath, ResultPath, trainer, TimeProvider.System, done =>
        {
            if (done.Steps > 200)
                stop.Cancel();
        }, stop.Token));
        UnitResult partial = UnitResult.Read(PartialPath, _unit);
        Assert.Single(partial.Networks);
        Assert.Equal(64, partial.Current!.Now.Step);
        var recorder = new RecordingTrainer(new Trainer());
        WorkUnitRunner.Run(UnitPath, ResultPath, recorder, TimeProvider.System, null, CancellationToken.None);
        Assert.Equal([(_unit.Recipes[1].Id, 64), (_unit.Recipes[2].Id, 0), (_unit.Recipes[3].Id, 0)], recorder.Starts);
        Assert.Equal(_expected, File.ReadAllBytes(ResultPath));
    }

    [Theory]
    [InlineData(1, 8, 32)]
    [InlineData(32, 32, 32)]
    [InlineData(256, 128, 1)]
    [InlineData(4096, 4096, 1)]
    public void TheMoreAStepComputesTheFewerComeBetweenTwoLooksAtTheClock(int batch, int sequence, long stride) =>
        Assert.Equal(stride, WorkUnitRunner.Stride(TestRecipes.One($"batch: {batch}, stop: {{steps: 7}}", "mlds", $"{{machine: ParityMachine, sequence: {sequence}}}")));

    [Fact]
    public void ADamagedStateIsForgottenAndTheResultIsTheSame()
    {
        byte[] partial = MakePartial();
        for (ulong seed = 0; seed < 60; seed++)
        {
            RandomStream draw = TestRecipes.Draws(seed);
            byte[] bytes = [.. partial];
            // Two thirds of them in the header, where there is most to go wrong.
            int header = 8 + BitConverter.ToInt32(bytes);
            bytes[draw.NextBelow(seed % 3 == 0 ? bytes.Length : header)] ^= (byte)(1 << draw.NextBelow(8));
            if (seed % 10 == 9)
                bytes = bytes[..draw.NextBelow(bytes.Length)];
            AssertForgotten(bytes);
        }
        AssertForgotten([]);
        AssertForgotten(_expected[..^4]);
    }

    [Fact]
    public void TheStateOfAnotherUnitIsForgotten()
    {
        byte[] partial = MakePartial();
        WorkUnit.Write(UnitPath, [.. _unit.Recipes.Reverse()]);
        WorkUnitRunner.Run(UnitPath, _folder["reversed.safetensors"], new Trainer(), TimeProvider.System, null, CancellationToken.None);
        AssertForgotten(partial, File.ReadAllBytes(_folder["reversed.safetensors"]));
    }

    /// <summary>A result from elsewhere, with every digest right, may still lie.</summary>
    [Theory]
    [InlineData("now", "[]")]
    [InlineData("now", "[{\"step\":96,\"train_loss\":1},{\"step\":97,\"train_loss\":1}]")]
    [InlineData("now", "[{\"step\":-1,\"train_loss\":null}]")]
    [InlineData("now", "[{\"step\":150,\"train_loss\":1}]")]
    [InlineData("now", "[{\"step\":1e300,\"train_loss\":1}]")]
    [InlineData("now", "[{\"step\":96,\"train_loss\":\"NaN\"}]")]
    [InlineData("now", "{}")]
    [InlineData("checkpoints", "[]")]
    [InlineData("checkpoints", "null")]
    [InlineData("checkpoints", "[{\"step\":0,\"train_loss\":null,\"eval_loss\":null}]")]
    [InlineData("snapshots", "[1]")]
    public void AStateThatLiesIsRefused(string key, string value)
    {
        MakePartial();
        string path = PartialPath;
        Dictionary<string, string> metadata;
        var rows = new List<(TensorEntry Entry, float[] Values)>();
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            metadata = new(file.Metadata);
            foreach (string name in (string[])["0.weights", "0.snapshots", "current.weights", "current.snapshots", "state"])
            {
                TensorInfo tensor = file.Tensor(name);
                float[] values = new float[tensor.Shape[0] * tensor.Shape[1]];
                file.ReadFloats(name, 0, values);
                rows.Add((new TensorEntry(name, TensorType.F32, tensor.Shape), values));
            }
        }
        var current = (JsonObject)JsonNode.Parse(metadata["current"])!;
        // As it is, written again, it is sound.
        WriteAgain(path, metadata, current, rows);
        UnitResult.Read(path, _unit);
        current[key] = JsonNode.Parse(value);
        WriteAgain(path, metadata, current, rows);
        Assert.StartsWith(path, Assert.Throws<InputException>(() => UnitResult.Read(path, _unit)).Message, StringComparison.Ordinal);
        AssertForgotten(File.ReadAllBytes(path));
    }

    /// <summary>Units of so many steps one after the other, each going on where the one before ended: the networks are those of one unit.</summary>
    [Theory]
    [InlineData(1000)]
    [InlineData(600)]
    [InlineData(151)]
    [InlineData(150)]
    [InlineData(149)]
    [InlineData(40)]
    [InlineData(7)]
    public void NetworksThatGoOnOverSeveralUnitsAreThoseOfOneUnit(int steps)
    {
        IReadOnlyList<NetworkResult> expected = UnitResult.Read(_folder["whole.safetensors"], _unit).Networks;
        (List<UnitResult> results, List<long> starts) = RunRow(_unit.Recipes, steps, _ => { });
        AssertSame(expected, results);
        Assert.Equal((Networks * 150 + steps - 1) / steps, results.Count);
        Assert.All(results.SkipLast(1), result => Assert.True(result.Networks.Count < Networks));
        if (steps < 150)
            Assert.Contains(starts, start => start > 0);
    }

    /// <summary>The same where networks diverge, end at their threshold, and keep next to nothing, and where every unit is broken off again and again.</summary>
    [Fact]
    public void HoweverTheyEndAndHoweverOftenAUnitIsBrokenOff()
    {
        Experiment experiment = Experiment.Parse($$"""
            experiment: unit
            tasks: [{machine: [ParityMachine, SingleDirectMachine], sequence: 8}]
            architecture: {{TestRecipes.Small}}
            training: {batch: 20, stop: {steps: 150, eval_loss: 0.03, check_every: 3}, checkpoints: {at: [2, 40]}, evaluation: {sequences: 40} }
            factor_list: [{optimizer: adam, learning_rate: 0.01}, {optimizer: sgd, learning_rate: 1000}, {optimizer: sgd, learning_rate: 300}, {optimizer: sgd}]
            """, "unit.yaml");
        Recipe[] recipes = [.. experiment.Networks.Select(network => network.Recipe)];
        NetworkResult[] expected = [.. recipes.Select(TestRecipes.Train)];
        Assert.Equal(["budget", "diverged", "threshold"], expected.Select(network => network.Status == NetworkStatus.Diverged ? "diverged" : network.Reason).Distinct().Order(StringComparer.Ordinal));
        int crashes = 0, continued = 0;
        for (ulong seed = 0; seed < 4; seed++)
        {
            RandomStream draw = TestRecipes.Draws(seed);
            (List<UnitResult> results, List<long> starts) = RunRow(recipes, 11 + draw.NextBelow(60), _ =>
            {
                if (draw.NextBelow(5) == 0 && crashes++ < 200)
                    throw new CrashException();
            });
            AssertSame(expected, results);
            continued += starts.Count(start => start > 0);
        }
        Assert.True(crashes > 20 && continued > 20, $"{crashes} crashes, {continued} times in the middle of a network");
    }

    [Theory]
    [InlineData("\"step\":40", "\"step\":150", "step")]
    [InlineData("\"step\":40", "\"step\":-1", "step")]
    [InlineData("\"step\":40", "\"step\":40.5", "step")]
    [InlineData("\"weights\":\"", "\"weights\":\"AAAA", "float32")]
    [InlineData("\"weights\":\"", "\"weights\":\"*", "float32")]
    [InlineData("\"optimizer\":\"", "\"optimiser\":\"", "optimizer")]
    [InlineData("\"train_loss\":", "\"other\":", "other")]
    [InlineData("\"steps\":40", "\"steps\":0", "steps")]
    [InlineData("\"steps\":40", "\"steps\":1e30", "steps")]
    [InlineData("\"from\":{", "\"from\":3,\"x\":{", "from")]
    public void AUnitThatLiesIsRefused(string find, string replace, string named)
    {
        (List<UnitResult> results, _) = RunRow(_unit.Recipes, 40, _ => { }, most: 1);
        (IReadOnlyList<Recipe> left, Snapshot? from) = results[0].Left(_unit.Recipes);
        string path = _folder["next.json"];
        WorkUnit written = WorkUnit.Write(path, left, 40, from), read = WorkUnit.Read(path);
        Assert.Equal((written.Digest, written.Steps, 40L), (read.Digest, read.Steps, read.From!.Step));
        Assert.Equal((from!.TrainLoss, Sha256Digest.Of(from.Weights, from.OptimizerState)), (read.From.TrainLoss, Sha256Digest.Of(read.From.Weights, read.From.OptimizerState)));
        string text = File.ReadAllText(path), changed = text.Replace(find, replace, StringComparison.Ordinal);
        Assert.NotEqual(text, changed);
        File.WriteAllText(path, changed);
        string message = Assert.Throws<InputException>(() => WorkUnit.Read(path)).Message;
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    /// <summary>Runs unit after unit until no network is left, each again until it has a result; gives the results and where training was begun.</summary>
    private (List<UnitResult> Results, List<long> Starts) RunRow(IReadOnlyList<Recipe> recipes, int steps, Action<UnitProgress> progress, int most = int.MaxValue)
    {
        var results = new List<UnitResult>();
        var trainer = new RecordingTrainer(new Trainer());
        Snapshot? from = null;
        while (recipes.Count > 0 && results.Count < most)
        {
            string unit = _folder[$"row-{results.Count}.json"], path = _folder[$"row-{results.Count}.safetensors"];
            WorkUnit written = WorkUnit.Write(unit, recipes, steps, from);
            while (!File.Exists(path))
            {
                try
                {
                    WorkUnitRunner.Run(unit, path, trainer, new SteppingClock(TimeSpan.FromSeconds(20)), progress, CancellationToken.None);
                }
                catch (CrashException)
                {
                    Assert.False(File.Exists(path));
                }
            }
            Assert.False(File.Exists(WorkUnitRunner.PartialPath(path)));
            // Nothing but the file carries anything on.
            results.Add(UnitResult.Read(path, WorkUnit.Read(unit)));
            Assert.Equal(written.Digest, results[^1].UnitDigest);
            (recipes, from) = results[^1].Left(recipes);
            File.Delete(path);
        }
        return (results, [.. trainer.Starts.Select(start => start.Step)]);
    }

    private static void AssertSame(IReadOnlyList<NetworkResult> expected, List<UnitResult> results)
    {
        NetworkResult[] joined = [.. UnitResult.Join(results)];
        Assert.Equal(expected.Count, joined.Length);
        for (int i = 0; i < joined.Length; i++)
            TestRecipes.AssertSame(expected[i], joined[i]);
    }

    private static void WriteAgain(string path, Dictionary<string, string> metadata, JsonObject current, List<(TensorEntry Entry, float[] Values)> rows)
    {
        metadata["current"] = current.ToJsonString();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{metadata["networks"]}\n{metadata["current"]}\n"));
        foreach ((_, float[] values) in rows)
            hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values));
        metadata["digest"] = Convert.ToHexStringLower(hash.GetHashAndReset());
        using FileStream stream = File.Create(path);
        SafetensorsWriter.Write(stream, [.. rows.Select(row => row.Entry)], metadata, (index, sink) => sink.Write(rows[index].Values));
    }

    /// <summary>The state in the middle of the second network, as a stop leaves it.</summary>
    private byte[] MakePartial()
    {
        using var stop = new CancellationTokenSource();
        using var trainer = new Trainer();
        Assert.Throws<OperationCanceledException>(() => WorkUnitRunner.Run(UnitPath, ResultPath, trainer, TimeProvider.System, done =>
        {
            if (done.Steps >= 150 + 96)
                stop.Cancel();
        }, stop.Token));
        return File.ReadAllBytes(PartialPath);
    }

    private void AssertForgotten(byte[] partial, byte[]? expected = null)
    {
        File.WriteAllBytes(PartialPath, partial);
        var recorder = new RecordingTrainer(new Trainer());
        WorkUnitRunner.Run(UnitPath, ResultPath, recorder, TimeProvider.System, null, CancellationToken.None);
        Assert.Equal(Networks, recorder.Starts.Count);
        Assert.All(recorder.Starts, start => Assert.Equal(0, start.Step));
        Assert.Equal(expected ?? _expected, File.ReadAllBytes(ResultPath));
        File.Delete(ResultPath);
    }
}
