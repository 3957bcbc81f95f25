using WeightSpace.Analysis;
using WeightSpace.Analysis.Parts;
using WeightSpace.Cli;
using WeightSpace.Engines;
using WeightSpace.Engines.Slurm;
using WeightSpace.Tests.Analysis;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>The units of an analysis against commands that record what they are asked (<see cref="FakeSlurm"/>); units are run here, as their jobs would run them.</summary>
public sealed class SlurmAnalysisTests : IDisposable
{
    private static readonly AnalysisOptions s_options = new() { Trees = 5, Permutations = 2, Resamples = 50, KMeansStarts = 2 };

    private readonly Folder _folder = new();
    private readonly TestZoo _zoo = TestZoo.Written();
    private readonly FakeSlurm _slurm;
    private readonly Population _population;
    private readonly AnalysisWork _work;
    private readonly List<string> _said = [];

    private SlurmSettings _settings = new() { UnitFlops = 1, Poll = TimeSpan.FromMilliseconds(20), BackOff = TimeSpan.FromMilliseconds(1) };

    public SlurmAnalysisTests()
    {
        _slurm = new FakeSlurm(_folder["bin"]);
        File.WriteAllText(_folder["program"], "the program");
        _population = ZooPopulation.Of(Zoo.Open(_zoo.Folder));
        AnalysisPlan plan = AnalysisPlan.Cut(UnitSource.Of(_zoo.Folder, s_options), _population, 0.2, new CoreRates(1e10), TimeProvider.System);
        _work = new AnalysisWork(SlurmFolder.AnalysisFolder(_folder["out"]), plan);
        Assert.InRange(_work.Groups, 6, 100);
        UnitPlan.MakeFolders(_work.Folder, _work.Groups);
    }

    private SlurmFolder Files => new(_work.Folder);

    public void Dispose()
    {
        _folder.Dispose();
        _zoo.Dispose();
    }

    [Fact]
    public void CallsThatOnlyLookInFinishAnAnalysis()
    {
        Assert.False(Run());
        Assert.Equal(_work.Groups, UnitsOf(1).Length);
        Assert.False(Run());
        Assert.Single(_slurm.Submitted);
        RunUnits(Enumerable.Range(0, _work.Groups));
        Assert.True(Run());
        Assert.Single(_slurm.Submitted);
        AssertIsRight();
    }

    /// <summary>Of the units whose jobs have ended one has no result, one half of one, and one another unit's.</summary>
    [Fact]
    public void BlocksThatAreLostOrTornAreSubmittedAgain()
    {
        Run();
        RunUnits(Enumerable.Range(0, _work.Groups).Except([1]));
        File.WriteAllBytes(_work.ResultPath(2, 0), File.ReadAllBytes(_work.ResultPath(2, 0))[..150]);
        File.Copy(_work.ResultPath(4, 0), _work.ResultPath(3, 0), overwrite: true);
        _slurm.FailJobs();
        Thread.Sleep(20);
        Assert.False(Run());
        Assert.Equal(["000001 2", "000002 2", "000003 2"], UnitsOf(2));
        Assert.Contains(_said, line => line.Contains("3 jobs ended without a result: FAILED (NonZeroExitCode)", StringComparison.Ordinal));
        RunUnits([1, 2, 3]);
        Assert.True(Run());
        AssertIsRight();
    }

    [Fact]
    public async Task AValueThatChangedIsFoundBeforeBlocksAreJoinedAndItsUnitSubmittedAgain()
    {
        Run();
        RunUnits(Enumerable.Range(0, _work.Groups));
        _slurm.ForgetJobs();
        // The last bit of a product, and a digit of a score, which stands in the header.
        int block = Enumerable.Range(0, _work.Groups).Last(unit => _work.Plan.Units[unit].Blocks.Count > 0), score = Enumerable.Range(0, _work.Groups).First(unit => _work.Plan.Units[unit].Scores.Count > 0);
        Change(block, bytes => bytes.Length - 1);
        Change(score, bytes => bytes.AsSpan().IndexOf("chance\\u0022:0."u8) + "chance\\u0022:0.".Length);
        Task<bool> running = Task.Run(() => Run(isDetached: false), TestContext.Current.CancellationToken);
        while (_slurm.Submitted.Length < 2 && !running.IsCompleted)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        Assert.Equal([$"{score:D6} 1"], UnitsOf(2));
        RunUnits([score]);
        while (_slurm.Submitted.Length < 3 && !running.IsCompleted)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        Assert.Equal([$"{block:D6} 1"], UnitsOf(3));
        RunUnits([block]);
        Assert.True(await running);
        AssertIsRight();

        void Change(int unit, Func<byte[], int> place)
        {
            byte[] bytes = File.ReadAllBytes(_work.ResultPath(unit, 0));
            bytes[place(bytes)] ^= 1;
            File.WriteAllBytes(_work.ResultPath(unit, 0), bytes);
            Assert.True(AnalysisUnitResult.IsOf(_work.ResultPath(unit, 0), _work.Plan.Units[unit].Digest));
        }
    }

    [Fact]
    public void ABlockThatNoJobCanComputeEndsTheAnalysisAndWhatIsDoneStays()
    {
        _settings = _settings with { Attempts = 2 };
        Run();
        RunUnits(Enumerable.Range(1, _work.Groups - 1));
        foreach (int batch in (int[])[1, 2])
        {
            File.WriteAllText(Files.Error(batch, 0), "slurmstepd: error: Detected 1 oom_kill event\n");
            _slurm.FailJobs();
            Thread.Sleep(20);
            if (batch == 1)
                Assert.False(Run());
        }
        Assert.Equal(["000000 2"], UnitsOf(2));
        string message = Assert.Throws<NoProgressException>(() => Run()).Message;
        Assert.Contains("unit 000000 of the analysis could not be computed: 2 jobs on the cluster ended without a result; the last one said: slurmstepd: error: Detected 1 oom_kill event", message, StringComparison.Ordinal);
        Assert.Contains("--memory", message, StringComparison.Ordinal);
        // Called again, it counts anew.
        Assert.False(Run());
        Assert.Equal(["000000 1"], UnitsOf(3));
        RunUnits([0]);
        Assert.True(Run());
        AssertIsRight();
    }

    [Fact]
    public void TheStatusCountsUnitsAndStopCancelsThem()
    {
        Run();
        RunUnits([0, 3, 4]);
        SlurmStatus status = SlurmStatus.Read(_work.Counts, _slurm.Commands, TimeProvider.System);
        Assert.Equal((_work.Groups, 3, _work.Groups - 3, 0, 0), (status.Units, status.Done, status.Waiting, status.Running, status.ToSubmit));
        Assert.Equal(_work.Groups, SlurmStop.Stop(_folder["out"], _slurm.Commands, TimeProvider.System, TimeSpan.FromSeconds(5), CancellationToken.None));
        Assert.False(JobRecord.MayHaveJobs(Files));
    }

    /// <summary>By the program: what is refused before a plan is followed that is not this call's.</summary>
    [Fact]
    public void AnotherZooOtherOptionsAndAnotherProcessAreRefused()
    {
        (string Name, string Value)[] environment = [("PATH", $"{_slurm.Folder}:{Environment.GetEnvironmentVariable("PATH")}")];
        string[] analyze = ["analyze", _zoo.Folder, "--out", _folder["new"], "--engine", "slurm", "--program", "/bin/true", "--detach"];
        Spoken begun = BuiltProgram.Run(environment, analyze);
        Assert.True(begun.ExitCode == 0, begun.ToString());
        string work = SlurmFolder.AnalysisFolder(_folder["new"]);
        using (FolderClaim.Take(work, "testing"))
            AssertRefused("another weightspace process is at work on an analysis into this folder", analyze);
        AssertRefused("begun here with --seed 0, --trees 100 and --max-networks 2000", [.. analyze, "--max-networks", "20"]);
        using TestZoo other = TestZoo.Written();
        AssertRefused($"begun here of the zoo {_zoo.Folder}", [analyze[0], other.Folder, .. analyze[2..]]);
        // Another zoo in the same place.
        foreach (string file in Directory.GetFiles(_zoo.Folder, "*", SearchOption.AllDirectories))
            File.Delete(file);
        var experiment = WeightSpace.Zoos.Experiments.Experiment.Parse(TestZoo.Yaml.Replace("experiment: test-zoo", "experiment: another-zoo", StringComparison.Ordinal), "test.yaml");
        ZooWriter.Write(_zoo.Folder, experiment, TestZoo.Results(experiment), null, CancellationToken.None);
        AssertRefused("it is another one now", analyze);
        // A job that comes late finds so too, and leaves no result.
        string unit = Directory.GetFiles(Path.Combine(work, "units"))[0], result = _folder["late.safetensors"];
        AssertRefused("it was changed meanwhile", ["work", unit, result, "--once"]);
        Assert.False(File.Exists(result));

        void AssertRefused(string message, string[] arguments)
        {
            Spoken spoken = BuiltProgram.Run(environment, arguments);
            Assert.True(spoken.ExitCode == 2, spoken.ToString());
            Assert.Contains(message, spoken.Error, StringComparison.Ordinal);
        }
    }

    private string[] UnitsOf(int batch) => File.ReadAllLines(Files.UnitList(batch));

    private bool Run(bool isDetached = true) => SlurmEngine.Run(_work, _work.IsWhole, _settings, _slurm.Commands, ClusterCheck.Check(_slurm.Commands, _settings), () => _folder["program"], TimeProvider.System, null, line =>
    {
        lock (_said)
            _said.Add(line);
    }, isDetached, CancellationToken.None);

    private void RunUnits(IEnumerable<int> units)
    {
        foreach (int unit in units)
            UnitWorker.Run(_work.UnitPath(unit, 0), _work.ResultPath(unit, 0), null, CancellationToken.None);
    }

    private void AssertIsRight()
    {
        AnalysisResult joined = ZooAnalysis.Run(_population, s_options, null, CancellationToken.None, new JoinedParts(_work.Plan, unit => _work.ResultPath(unit, 0)));
        Assert.Equal(AnalysisJson.Write(SyntheticPopulation.Analyse(_population, s_options)), AnalysisJson.Write(joined));
    }
}
