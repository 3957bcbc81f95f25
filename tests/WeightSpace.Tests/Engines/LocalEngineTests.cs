using WeightSpace.Engines;
using WeightSpace.Engines.Local;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Training;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Engines;

public sealed class LocalEngineTests : IDisposable
{
    private const int Networks = 12;

    private static readonly Experiment s_experiment = Experiment.Parse($$"""
        experiment: engine
        tasks: [{machine: [ParityMachine, SimpleXORMachine], variant: [clean, modified], sequence: 8}]
        architecture: {{TestRecipes.Small}}
        training: {batch: 20, stop: {steps: 150}, checkpoints: {every: 50}, evaluation: {sequences: 40} }
        seeds: {init: 1..3}
        """, "engine.yaml");

    private readonly Folder _folder = new();
    private readonly SortedDictionary<string, string> _expected;

    public LocalEngineTests()
    {
        Assert.True(Grow("expected", 1, 100, CancellationToken.None));
        _expected = Folder.Digests(_folder["expected"]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AKillBetweenTheZooAndTheClearingUpIsClearedUp()
    {
        string work = Path.Combine(_folder["expected"], "work");
        Directory.CreateDirectory(Path.Combine(work, "results"));
        Directory.CreateDirectory(work + ".removed");
        Assert.False(Grow("expected", 1, 100, CancellationToken.None));
        Assert.False(Directory.Exists(work) || Directory.Exists(work + ".removed"));
        Assert.Equal(_expected, Folder.Digests(_folder["expected"]));
    }

    [Fact]
    public void AStoppedZooKeepsWhatIsDoneAndIsFinishedByTheSameCall()
    {
        List<string> calls = [];
        for (int done = 2; ; done += 3)
        {
            int atMost = done;
            using var stop = new CancellationTokenSource();
            try
            {
                Assert.True(Grow("zoo", 2, 2, stop.Token, progress =>
                {
                    if (progress.Stage == "training" && progress.Networks >= atMost)
                        stop.Cancel();
                    if (progress.Stage == "training")
                        Assert.InRange(progress.Steps, progress.StepsBefore, progress.TotalSteps);
                }));
                break;
            }
            catch (OperationCanceledException)
            {
                calls.Add($"stopped at {done}");
                Assert.False(File.Exists(Path.Combine(_folder["zoo"], "zoo.json")));
                Assert.Contains("still growing", Assert.Throws<InputException>(() => Zoo.Open(_folder["zoo"])).Message, StringComparison.Ordinal);
            }
        }
        Assert.InRange(calls.Count, 2, 4);
        Assert.Equal(_expected, Folder.Digests(_folder["zoo"]));
        Assert.False(Grow("zoo", 2, 2, CancellationToken.None));
    }

    [Fact]
    public void ADamagedUnitIsTrainedAgain()
    {
        StopAfter(8);
        string[] results = [.. Directory.GetFiles(_folder["zoo/work/results"], "*.safetensors").Order()];
        string[] units = [.. Directory.GetFiles(_folder["zoo/work/units"]).Order()];
        Assert.True(results.Length >= 4);
        Flip(results[0], 100);
        Flip(results[1], (int)new FileInfo(results[1]).Length - 1);
        File.WriteAllBytes(results[2], []);
        Flip(units[3], 60);
        var starts = new RecordingTrainer(new Trainer());
        LocalEngine.Grow(s_experiment, _folder["zoo"], 1, 2, () => starts, TimeProvider.System, null, CancellationToken.None);
        // Two networks of each of the four damaged units, and what had not been trained; the whole results are not trained again.
        Assert.InRange(starts.Starts.Count, 8, 8 + Networks - (2 * results.Length));
        Assert.Equal(_expected, Folder.Digests(_folder["zoo"]));
    }

    [Fact]
    public void AZooUnderWayKeepsItsUnits()
    {
        StopAfter(6);
        Assert.True(Grow("zoo", 2, 5, CancellationToken.None));
        Assert.Equal(_expected, Folder.Digests(_folder["zoo"]));
    }

    [Fact]
    public void WhatAnEarlierVersionOfAFileLeftBehindDoesNoHarm()
    {
        StopAfter(6);
        foreach (string file in (string[])["work/units/000000.json.tmp", "work/results/000004.safetensors.tmp", "work/plan.json.tmp", "checkpoints.csv.tmp", "networks.csv", "zoo.json.tmp"])
            File.WriteAllText(_folder["zoo/" + file], "half of som");
        Assert.True(Grow("zoo", 2, 2, CancellationToken.None));
        Assert.Equal(_expected, Folder.Digests(_folder["zoo"]));
    }

    [Fact]
    public void AnErrorOfOneWorkerStopsAllAndIsTold()
    {
        int networks = 0;
        Assert.Throws<CrashException>(() => Grow("zoo", 2, 1, CancellationToken.None, progress =>
        {
            if (progress.Networks == 5 && Interlocked.Increment(ref networks) == 1)
                throw new CrashException();
        }));
        Assert.True(Grow("zoo", 2, 1, CancellationToken.None));
        Assert.Equal(_expected, Folder.Digests(_folder["zoo"]));
    }

    [Fact]
    public void AFolderOfAnotherExperimentIsLeftAlone()
    {
        Experiment other = Experiment.Parse(s_experiment.Text + "\n# another text is another experiment\n", "other.yaml");
        StopAfter(6);
        SortedDictionary<string, string> before = Folder.Digests(_folder["zoo"]);
        var error = Assert.Throws<InputException>(() => LocalEngine.Grow(other, _folder["zoo"], 1, 2, () => new Trainer(), TimeProvider.System, null, CancellationToken.None));
        Assert.Contains("another experiment", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Folder.Digests(_folder["zoo"]));
        error = Assert.Throws<InputException>(() => LocalEngine.Grow(other, _folder["expected"], 1, 2, () => new Trainer(), TimeProvider.System, null, CancellationToken.None));
        Assert.Contains("another experiment", error.Message, StringComparison.Ordinal);
        Assert.Equal(_expected, Folder.Digests(_folder["expected"]));
    }

    /// <summary>Networks that go on over several units leave no trace in the zoo, in however many threads, and stopped in between.</summary>
    [Theory]
    [InlineData(40, 1, 2)]
    [InlineData(70, 2, 3)]
    [InlineData(149, 2, 1)]
    [InlineData(1000, 2, 100)]
    public void UnitsOfAFewStepsGiveTheSameZoo(long unitSteps, int threads, int unitSize)
    {
        int stops = 0;
        for (bool done = false; !done;)
        {
            using var stop = new CancellationTokenSource();
            long? first = null;
            try
            {
                done = Grow("zoo", threads, unitSize, stop.Token, progress =>
                {
                    // Some hundred steps at a time.
                    first ??= progress.Steps;
                    if (progress.Stage == "training" && progress.Steps >= first + 400)
                        stop.Cancel();
                    if (progress.Stage == "training")
                        Assert.InRange(progress.Steps, progress.StepsBefore, progress.TotalSteps);
                }, unitSteps);
            }
            catch (OperationCanceledException)
            {
                stops++;
                Assert.InRange(stops, 1, 20);
            }
        }
        Assert.True(stops >= 2, $"{stops} stops");
        Assert.Equal(_expected, Folder.Digests(_folder["zoo"]));
    }

    [Fact]
    public void ADamagedUnitInTheMiddleOfANetworkIsTrainedAgainAndThoseBehindItStay()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Grow("zoo", 1, 2, stop.Token, progress =>
        {
            if (progress.Networks >= 8)
                stop.Cancel();
        }, 40));
        string[] results = [.. Directory.GetFiles(_folder["zoo/work/results"], "*.safetensors").Order()];
        // The first unit stands behind the others, for it has no number.
        Assert.EndsWith("000000-000003.safetensors", results[2], StringComparison.Ordinal);
        Flip(results[2], 100);
        Flip(results[^1], (int)new FileInfo(results[^1]).Length - 1);
        var starts = new RecordingTrainer(new Trainer());
        // The size of the units is that of the beginning, whatever is asked for now.
        LocalEngine.Grow(s_experiment, _folder["zoo"], 1, 2, () => starts, TimeProvider.System, null, CancellationToken.None);
        Assert.Equal(120, starts.Starts[0].Step);
        Assert.Equal(_expected, Folder.Digests(_folder["zoo"]));
        // What is whole is not trained again: of 12 networks some 4 are missing, and two units.
        Assert.InRange(starts.Starts.Count, 2 + (4 * 150 / 40), 2 + (5 * 150 / 40) + 5);
    }

    private void StopAfter(int networks)
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Grow("zoo", 1, 2, stop.Token, progress =>
        {
            if (progress.Networks >= networks)
                stop.Cancel();
        }));
    }

    private bool Grow(string name, int threads, int unitSize, CancellationToken stop, Action<ZooProgress>? progress = null, long? unitSteps = null) =>
        LocalEngine.Grow(s_experiment, _folder[name], threads, unitSize, () => new Trainer(), TimeProvider.System, progress, stop, unitSteps);

    private static void Flip(string path, int at)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[at] ^= 0x10;
        File.WriteAllBytes(path, bytes);
    }
}
