using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using WeightSpace.Cli;
using WeightSpace.Cli.Commands;
using WeightSpace.Cli.Fuzzing;
using WeightSpace.Tasks.Images;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Cli;

/// <summary><c>weightspace fuzz</c>: random recipes come out the same under every setting, and where they do not, the place is named.</summary>
public sealed class FuzzTests : IDisposable
{
    private static readonly string[] s_layers = ["--layers", "gru,dense,relu"];
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    private JsonElement Succeed(params string[] arguments) => BuiltProgram.Succeed(["fuzz", .. s_layers, "--out", _folder["fuzz"], "--json", .. arguments]).Json;

    [Fact]
    public void DigestsDependOnTheRecipesAlone()
    {
        string[] arguments = ["--recipes", "12", "--seed", "5", "--steps", "6", "--settings", "own"];
        JsonElement one = Succeed([.. arguments, "--threads", "1"]), two = Succeed([.. arguments, "--threads", "2"]);
        Assert.Equal(one.GetRawText(), two.GetRawText());
        string[] digests = [.. one.GetProperty("outcomes").EnumerateArray().Select(outcome => outcome.GetProperty("digest").GetString()!)];
        Assert.Equal((12, 12), (digests.Length, digests.Distinct().Count()));
        // More recipes are these and others; another step or seed makes others of all.
        Assert.Equal(digests[..3], Succeed("--recipes", "3", "--seed", "5", "--steps", "6", "--settings", "own").GetProperty("outcomes").EnumerateArray().Select(outcome => outcome.GetProperty("digest").GetString()));
        Assert.Empty(digests.Intersect(Succeed("--recipes", "3", "--seed", "6", "--steps", "6", "--settings", "own").GetProperty("outcomes").EnumerateArray().Select(outcome => outcome.GetProperty("digest").GetString())));
        Spoken text = BuiltProgram.Succeed(["fuzz", .. s_layers, "--out", _folder["fuzz"], .. arguments]);
        Assert.Equal("", text.Error);
        Assert.All(digests.Append(one.GetProperty("settings")[0].GetProperty("digest").GetString()!), digest => Assert.Contains(digest, text.Output, StringComparison.Ordinal));
        Assert.False(Path.Exists(_folder["fuzz"]));
    }

    [Fact]
    public void RegistersOf512And256BitsAgree()
    {
        string settings = Avx512F.IsSupported ? "avx512,avx2" : "own,avx2";
        JsonElement json = Succeed("--recipes", "300", "--seed", "2", "--settings", settings);
        Assert.Equal((0, 0, 20), (json.GetProperty("different").GetInt32(), json.GetProperty("failed").GetInt32(), json.GetProperty("steps").GetInt32()));
        Assert.Equal([Avx512F.IsSupported ? 512 : 256, 256], json.GetProperty("settings").EnumerateArray().Select(setting => setting.GetProperty("lane_bits").GetInt32()));
        Assert.Single(json.GetProperty("settings").EnumerateArray().Select(setting => setting.GetProperty("digest").GetString()).Distinct());
        Assert.False(Path.Exists(_folder["fuzz"]));
    }

    [Fact]
    public void EmulatedFusedMultiplyAddAgrees()
    {
        JsonElement json = Succeed("--recipes", "4", "--settings", "avx2,scalar");
        Assert.Equal((0, 0, 3, "small"), (json.GetProperty("different").GetInt32(), json.GetProperty("failed").GetInt32(), json.GetProperty("steps").GetInt32(), json.GetProperty("size").GetString()));
        Assert.Equal([true, false], json.GetProperty("settings").EnumerateArray().Select(setting => setting.GetProperty("hardware_fma").GetBoolean()));
    }

    [Fact]
    public void ASettingThatDoesNotTakeIsRefused()
    {
        // Without any vector instructions no variable of ours brings them back.
        Spoken spoken = BuiltProgram.Run([("DOTNET_EnableHWIntrinsic", "0")], "fuzz", "--recipes", "1", "--settings", "avx2", "--json");
        Assert.True(spoken.ExitCode == 2, spoken.ToString());
        Assert.Contains("--settings avx2: found lanes in 128-bit registers", spoken.Json.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    /// <summary>One bit of one weight, from one step on, under one of two settings.</summary>
    [Fact]
    public void APlantedUlpIsNamed()
    {
        var options = new FuzzOptions(3, 8, new RandomRecipeOptions(s_layers[1].Split(',').ToHashSet(), 10), 2);
        Recipe victim = options.Draw(5);
        int at = victim.Architecture.Parameters.Count - 1;
        var planted = new OwnSetting("planted", () => new ChangingTrainer(victim.Id, result => result with
        {
            Snapshots = [.. result.Snapshots.Select(row => row.Step < 7 ? row : row with { Weights = [.. row.Weights[..at], MathF.BitIncrement(row.Weights[at])] })],
        }), TimeProvider.System);
        (int exitCode, JsonElement json, string text) = Run(options, Own(), planted);
        Assert.Equal((3, 1, 0), (exitCode, json.GetProperty("different").GetInt32(), json.GetProperty("failed").GetInt32()));
        JsonElement difference = Assert.Single(json.GetProperty("differences").EnumerateArray()), tensor = Assert.Single(difference.GetProperty("tensors").EnumerateArray());
        Assert.Equal((5, 7, "the snapshots differ"), (difference.GetProperty("recipe").GetInt32(), difference.GetProperty("step").GetInt32(), difference.GetProperty("what").GetString()));
        Assert.Equal((victim.Architecture.Parameters.Parameters[^1].Name, 1, 1), (tensor.GetProperty("tensor").GetString(), tensor.GetProperty("different").GetInt32(), tensor.GetProperty("largest_ulp").GetInt32()));
        Assert.Contains("recipe 5, own and planted, step 7", text, StringComparison.Ordinal);
        // What it leaves behind says the same to whoever looks at it with the other commands.
        string unit = difference.GetProperty("unit").GetString()!;
        Assert.Equal([victim.Id], WeightSpace.Engines.WorkUnit.Read(unit).Recipes.Select(recipe => recipe.Id));
        Spoken diff = BuiltProgram.Run("diff", Path.ChangeExtension(unit, "own.safetensors"), Path.ChangeExtension(unit, "planted.safetensors"), "--unit", unit, "--json");
        Assert.True(diff.ExitCode == 3 && diff.Json.GetProperty("first").GetProperty("weights_step").GetInt32() == 7, diff.ToString());
    }

    [Fact]
    public void ASettingThatDoesNotAgreeWithItselfIsSaidNotTo()
    {
        var options = new FuzzOptions(3, 2, new RandomRecipeOptions(s_layers[1].Split(',').ToHashSet(), 4), 1);
        int calls = 0;
        var once = new OwnSetting("once", () => new ChangingTrainer(options.Draw(1).Id, result => ++calls > 1 ? result : result with { TrainLoss = 7 }), TimeProvider.System);
        (int exitCode, JsonElement json, _) = Run(options, Own(), once);
        Assert.Equal(3, exitCode);
        JsonElement difference = Assert.Single(json.GetProperty("differences").EnumerateArray());
        Assert.Equal(JsonValueKind.Null, difference.GetProperty("step").ValueKind);
        Assert.Contains("the same setting gives different bytes", difference.GetProperty("what").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatCannotBeTrainedIsAFinding()
    {
        var options = new FuzzOptions(3, 6, new RandomRecipeOptions(s_layers[1].Split(',').ToHashSet(), 4), 2);
        OwnSetting Failing(string name) => new(name, () => new ChangingTrainer(options.Draw(4).Id, _ => throw new IndexOutOfRangeException("planted")), TimeProvider.System);
        (int exitCode, JsonElement json, string text) = Run(options, Failing("one"), Failing("two"));
        Assert.Equal((3, 0, 1), (exitCode, json.GetProperty("different").GetInt32(), json.GetProperty("failed").GetInt32()));
        JsonElement failure = Assert.Single(json.GetProperty("failures").EnumerateArray());
        Assert.Equal((4, "IndexOutOfRangeException: planted"), (failure.GetProperty("recipe").GetInt32(), failure.GetProperty("problem").GetString()));
        Assert.True(File.Exists(failure.GetProperty("unit").GetString()));
        Assert.Contains("recipe 4 could not be trained: IndexOutOfRangeException: planted", text, StringComparison.Ordinal);
        (exitCode, json, _) = Run(options, Own(), Failing("two"));
        Assert.Equal((3, 1, 0), (exitCode, json.GetProperty("different").GetInt32(), json.GetProperty("failed").GetInt32()));
        Assert.Equal("trained under own, IndexOutOfRangeException: planted under two", json.GetProperty("differences")[0].GetProperty("what").GetString());
    }

    [Theory]
    [InlineData("--settings", "--settings banana")]
    [InlineData("none twice", "--settings own,own")]
    [InlineData("--settings", "--settings ,")]
    [InlineData("banana", "--layers dense,banana")]
    [InlineData("dense, gru, lstm, rnn", "--layers relu")]
    [InlineData("--recipes", "--recipes 0")]
    [InlineData("--recipes", "--recipes 100001")]
    [InlineData("--steps", "--steps 0")]
    [InlineData("--steps", "--steps 1001")]
    [InlineData("--seed", "--seed -1")]
    [InlineData("huge", "--size huge")]
    [InlineData("--threads", "--threads 0")]
    [InlineData("--out", "--out ''")]
    public void BadUsageIsRefused(string named, string line)
    {
        Spoken spoken = BuiltProgram.Run(["--json", "fuzz", .. line.Split(' ').Select(argument => argument == "''" ? "" : argument)]);
        Assert.True(spoken.ExitCode == 2, spoken.ToString());
        string message = spoken.Json.GetProperty("error").GetString()!;
        Assert.Contains(named, message, StringComparison.Ordinal);
        Assert.Equal($"weightspace: {message}\n", spoken.Error);
    }

    [Theory]
    [InlineData("own")]
    [InlineData("avx2")]
    public void CtrlCEndsItAndWhatItStarted(string setting)
    {
        const ulong seed = 987_654_321_123;
        // How long it takes until the signal is heard depends on the machine; one that comes too early ends the process all the same, and says nothing.
        for (int seconds = 2; ; seconds *= 2)
        {
            using BuiltProgram.Running running = BuiltProgram.Start([], ["fuzz", .. s_layers, "--recipes", "100000", "--seed", $"{seed}", "--settings", setting, "--out", _folder["fuzz"], "--json"]);
            Thread.Sleep(TimeSpan.FromSeconds(seconds));
            Assert.False(running.HasEnded);
            running.Interrupt();
            Spoken spoken = running.Wait();
            if (spoken.ExitCode != 1 && seconds < 32)
                continue;
            Assert.True(spoken.ExitCode == 1, spoken.ToString());
            Assert.StartsWith("stopped", spoken.Json.GetProperty("error").GetString(), StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", spoken.Error, StringComparison.Ordinal);
            break;
        }
        Assert.DoesNotContain(Directory.GetDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out _)),
            folder => CommandLine(folder).Contains($"{seed}", StringComparison.Ordinal));
    }

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return ""; // It has ended meanwhile.
        }
    }

    private static OwnSetting Own() => new(FuzzSetting.Own, () => new Trainer(), TimeProvider.System);

    private (int ExitCode, JsonElement Json, string Text) Run(FuzzOptions options, params FuzzSetting[] settings)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var context = new CommandContext(json: true, ImageLibrary.Default, output, error, TimeProvider.System, CancellationToken.None);
        int exitCode = context.Run(run => FuzzCommand.Run(run, options, settings, _folder["fuzz"], traces: false));
        return (exitCode, JsonDocument.Parse(output.ToString()).RootElement, error.ToString());
    }

    /// <summary>Trains as it should, and then changes what became of one recipe.</summary>
    private sealed class ChangingTrainer(string id, Func<NetworkResult, NetworkResult> change) : ITrainer, IDisposable
    {
        private readonly Trainer _trainer = new();

        public ITrainingRun Start(Recipe recipe, TrainingState? from) => recipe.Id == id ? new ChangingRun(_trainer.Start(recipe, from), change) : _trainer.Start(recipe, from);

        public void Dispose() => _trainer.Dispose();
    }

    private sealed class ChangingRun(ITrainingRun run, Func<NetworkResult, NetworkResult> change) : ITrainingRun
    {
        private NetworkResult? _changed;

        public long Step => run.Step;

        public NetworkResult? Result => _changed ??= run.Result is { } result ? change(result) : null;

        public void Advance(long steps) => run.Advance(steps);

        public TrainingState Save() => run.Save();
    }
}
