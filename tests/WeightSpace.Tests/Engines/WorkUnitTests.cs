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
