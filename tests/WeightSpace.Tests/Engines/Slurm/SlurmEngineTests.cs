using System.Text.RegularExpressions;
using WeightSpace.Engines;
using WeightSpace.Engines.Local;
using WeightSpace.Engines.Slurm;
using WeightSpace.Tests.Cli;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>The engine against commands that record what they are asked (<see cref="FakeSlurm"/>); units are run here, as their jobs would run them.</summary>
public sealed class SlurmEngineTests : IDisposable
{
    private static readonly Experiment s_experiment = Experiment.Parse(Experiments.Text(6), "cluster.yaml");

    // Six networks of the dearer task, or ten of the other.
    private static readonly double s_unitFlops = s_experiment.Networks[0].Recipe.TrainingFlops * 6.5;

    private readonly Folder _folder = new();
    private readonly FakeSlurm _slurm;
    private readonly List<string> _said = [];

    private SlurmSettings _settings = new() { UnitFlops = s_unitFlops, Poll = TimeSpan.FromMilliseconds(20), BackOff = TimeSpan.FromMilliseconds(1) };

    public SlurmEngineTests()
    {
        _slurm = new FakeSlurm(_folder["bin"]);
        File.WriteAllText(_folder["program"], "the program");
    }

    private string Zoo => _folder["zoo"];

    private string Work => Path.Combine(Zoo, "work");

    private SlurmFolder Files => new(Work);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void CallsThatOnlyLookInFinishAZoo()
    {
        Assert.Equal(SlurmOutcome.Submitted, Grow());
        Assert.Equal(["000000 1", "000001 1", "000002 1", "000003 1"], FakeSlurm.UnitsOf(Zoo, 1));
        Assert.Equal(SlurmOutcome.Submitted, Grow());
        Assert.Single(_slurm.Submitted);
        RunBatch(1);
        Assert.Equal(SlurmOutcome.Grown, Grow());
        AssertIsRight();
        Assert.Equal(SlurmOutcome.WasComplete, Grow());
        Assert.Single(_slurm.Submitted);
    }

    [Fact]
    public void NoMoreThanTheClusterTakesIsSubmittedAtOnce()
    {
        _settings = _settings with { UnitFlops = s_unitFlops / 6, MaxJobs = 8 };
        var slurm = new FakeSlurm(_folder["small"], maxArraySize: 5);
        int units = new UnitPlan(s_experiment, Work, new UnitCut.ByFlops(s_unitFlops / 6)).Groups;
        Assert.Equal(SlurmOutcome.Submitted, Grow(slurm));
        Assert.Equal([5, 3], [.. slurm.Submitted.Select(Elements)]);
        var seen = new HashSet<string>();
        for (int batch = 1; batch <= slurm.Submitted.Length; batch++)
        {
            foreach (string unit in FakeSlurm.UnitsOf(Zoo, batch))
                Assert.True(seen.Add(unit), $"{unit} was submitted twice");
            RunBatch(batch);
            slurm.ForgetJob(batch);
            SlurmOutcome outcome = Grow(slurm);
            Assert.Equal(seen.Count == units ? SlurmOutcome.Grown : SlurmOutcome.Submitted, outcome);
            if (outcome == SlurmOutcome.Grown)
                break;
        }
        Assert.Equal(units, seen.Count);
        AssertIsRight();
    }

    [Fact]
    public void AJobWhoseNumberWasNotWrittenDownIsFoundByItsName()
    {
        Grow();
        RemoveLastLine(Files.Record);
        Assert.Null(JobRecord.Read(Files)!.Batches[0].Job);
        Grow();
        Assert.Equal(101, Assert.Single(JobRecord.Read(Files)!.Batches).Job);
        Assert.Single(_slurm.Submitted);
    }

    [Fact]
    public void ABatchThatNeverBecameAJobIsSubmittedAnewAndCanDoNothingAnyMore()
    {
        Grow();
        RemoveLastLine(Files.Record);
        _slurm.ForgetJobs();
        Grow();
        JobRecord record = JobRecord.Read(Files)!;
        Assert.Equal([(true, (long?)null), (false, 102)], record.Batches.Select(batch => (batch.IsGivenUp, batch.Job)));
        Assert.False(File.Exists(Files.UnitList(1)));
        // It counts for no attempt.
        Assert.Equal(["000000 1", "000001 1", "000002 1", "000003 1"], FakeSlurm.UnitsOf(Zoo, 2));
    }

    [Fact]
    public void WhatLeavesNoResultIsSubmittedAgain()
    {
        Grow();
        RunUnit("000001");
        _slurm.FailJobs();
        Thread.Sleep(20);
        Grow();
        Assert.Equal(["000000 2", "000002 2", "000003 2"], FakeSlurm.UnitsOf(Zoo, 2));
        Assert.Contains(_said, line => line.Contains("3 jobs ended without a result: FAILED (NonZeroExitCode)", StringComparison.Ordinal));
        RunBatch(2);
        Assert.Equal(SlurmOutcome.Grown, Grow());
        AssertIsRight();
    }

    /// <summary>A submitter that comes back after hours finds a queue that knows its jobs no more.</summary>
    [Theory]
    [InlineData("""echo "101_1|OUT_OF_MEMORY|0:125|n3|NAME" """, "a job ended without a result: OUT_OF_MEMORY (signal 125 on n3)")]
    [InlineData("""echo "101_1|FAILED|1:0|n3|another-zoo" """, "3 jobs ended without a result")]
    [InlineData("""echo "sacct: error: Problem talking to the database" >&2; exit 1""", "Problem talking to the database; going on without")]
    public void WhereThereAreAccountsTheyTellHowAForgottenJobEnded(string sacct, string said)
    {
        File.WriteAllText(_slurm["config"], FakeSlurm.Recorded("config.txt").Replace("accounting_storage/none", "accounting_storage/slurmdbd", StringComparison.Ordinal));
        Grow();
        RunUnit("000003");
        _slurm.Write("sacct", $"""echo "$@" >>"$0.asked"; """ + sacct.Replace("NAME", JobRecord.Read(Files)!.JobName(1), StringComparison.Ordinal));
        _slurm.ForgetJobs();
        Thread.Sleep(20);
        Grow();
        Assert.Contains(_said, line => line.Contains(said, StringComparison.Ordinal));
        Assert.Equal(["--noheader --parsable2 --allocations --format=JobID,State,ExitCode,NodeList,JobName --jobs=101"], File.ReadAllLines(_slurm["sacct.asked"]));
        Assert.Equal(["000000 2", "000001 2", "000002 2"], FakeSlurm.UnitsOf(Zoo, 2));
    }

    /// <summary>Lines as a real squeue printed them: pending elements are put into one, whatever each waits for.</summary>
    [Fact]
    public void OnlyTheElementThatSlurmHoldsIsSubmittedAgainAndAtTheEndNoJobIsLeft()
    {
        Grow();
        string name = JobRecord.Read(Files)!.JobName(1);
        File.WriteAllText(_slurm["queue"], $"101|0-3|PENDING|Resources,JobHeldUser|0:00|{name}\n");
        File.WriteAllText(_slurm["queue.array"], string.Concat(Enumerable.Range(0, 4).Select(element => $"101|{element}|PENDING|{(element == 2 ? "launch failed requeued held" : "Resources")}|0:00|{name}\n")));
        Thread.Sleep(20);
        Grow();
        Assert.Contains(_said, line => line.Contains("a job ended without a result: PENDING (launch failed requeued held)", StringComparison.Ordinal));
        Assert.Equal(["000002 2"], FakeSlurm.UnitsOf(Zoo, 2));
        RunBatch(1);
        Assert.Equal(SlurmOutcome.Grown, Grow());
        AssertIsRight();
        Assert.Contains("101", File.ReadAllText(_slurm["cancelled"]).Split([' ', '\n']));
    }

    /// <summary>Where nothing but held jobs is left of a zoo, they would stay in the queue for ever.</summary>
    [Fact]
    public void AHeldJobIsCancelledWithTheOthers()
    {
        Grow();
        File.WriteAllText(_slurm["queue"], $"101|2|PENDING|launch failed requeued held|0:00|{JobRecord.Read(Files)!.JobName(1)}\n");
        SlurmStop.Stop(Zoo, _slurm.Commands, TimeProvider.System, TimeSpan.Zero, TestContext.Current.CancellationToken);
        Assert.Equal("--quiet 101\n", File.ReadAllText(_slurm["cancelled"]));
    }

    [Fact]
    public void AUnitWaitsLongerAfterEachAttempt()
    {
        _settings = _settings with { BackOff = TimeSpan.FromMinutes(1) };
        Grow();
        _slurm.FailJobs();
        Grow();
        Assert.Single(_slurm.Submitted);
    }

    [Fact]
    public void ANetworkThatNoJobCanTrainIsRecordedAsFailedAndTheOthersAreTrained()
    {
        _settings = _settings with { Attempts = 2 };
        Grow();
        foreach (string unit in (string[])["000001", "000002", "000003"])
            RunUnit(unit);
        // Each of two jobs trains two networks and dies of the third.
        string bad = s_experiment.Networks[2].Recipe.Id;
        for (int batch = 1; batch <= 2; batch++)
        {
            Assert.Throws<CrashException>(() => RunUnit("000000", progress =>
            {
                if (progress is { Networks: 2, Steps: > 130 })
                    throw new CrashException();
            }));
            File.WriteAllText(Files.Error(batch, 0), "training: some\nweightspace: a page\tof memory is bad\u001b[31m\n\n");
            _slurm.FailJobs();
            Thread.Sleep(20);
            Grow();
        }
        // The third was taken for failed; a unit with those behind it is next.
        Assert.Equal(["000000-000001 1"], FakeSlurm.UnitsOf(Zoo, 3));
        RunBatch(3);
        Assert.Equal(SlurmOutcome.Grown, Grow());
        Zoo zoo = WeightSpace.Zoos.Zoo.Open(Zoo);
        NetworkRow failed = Assert.Single(zoo.Networks, network => network.Status == NetworkStatus.Failed);
        Assert.Equal(bad, failed.Id);
        Assert.Equal("could not be trained: 2 jobs on the cluster ended without a result; the last one said: weightspace: a page of memory is bad [31m", failed.Reason);
        Assert.Equal(s_experiment.Networks.Count - 1, zoo.Manifest.Totals.Finished);
        // What the others are does not depend on it.
        GrowLocally();
        Assert.Equal(WeightSpace.Zoos.Zoo.Open(_folder["local"]).Networks.Where(network => network.Id != bad), zoo.Networks.Where(network => network.Id != bad), (a, b) => (a.Id, a.EvalLoss, a.Steps) == (b.Id, b.EvalLoss, b.Steps));
    }

    [Fact]
    public void WhereNothingWorksNoNetworkIsTakenForFailed()
    {
        _settings = _settings with { Attempts = 2 };
        Grow();
        _slurm.FailJobs();
        File.WriteAllText(Files.Error(1, 0), "weightspace: this CPU has no fused multiply-add\n");
        Thread.Sleep(20);
        Grow();
        File.WriteAllText(Files.Error(2, 0), "weightspace: this CPU has no fused multiply-add\n");
        _slurm.FailJobs();
        Thread.Sleep(20);
        var error = Assert.Throws<NoProgressException>(() => Grow());
        Assert.Contains("no other unit has left one; the last one said: weightspace: this CPU has no fused multiply-add", error.Message, StringComparison.Ordinal);
        // The next call tries again, and counts anew.
        Assert.Equal(SlurmOutcome.Submitted, Grow());
        Assert.Equal("000000 1", FakeSlurm.UnitsOf(Zoo, 3)[0]);
    }

    /// <summary>A unit that took long hands in what it has, and the next goes on from there; so does a network of several units.</summary>
    [Theory]
    [InlineData(1.0)]
    [InlineData(0.06)]
    public void UnitsThatEndBeforeTheirNetworksLeaveNoTrace(double share)
    {
        _settings = _settings with { UnitFlops = s_unitFlops * share };
        SlurmOutcome outcome = Grow();
        int batch = 1;
        for (; outcome == SlurmOutcome.Submitted; batch++)
        {
            Assert.InRange(batch, 1, 60);
            // The clock moves by a second whenever it is looked at.
            foreach (string unit in FakeSlurm.UnitsOf(Zoo, batch))
                RunUnit(unit.Split(' ')[0], limit: TimeSpan.FromSeconds(3), time: new SteppingClock(TimeSpan.FromSeconds(1)));
            _slurm.ForgetJobs();
            outcome = Grow();
        }
        Assert.True(batch > 3, $"{batch} batches");
        AssertIsRight();
    }

    [Fact]
    public async Task ADamagedResultIsFoundWhenTheZooIsWrittenAndItsUnitSubmittedAgain()
    {
        Grow();
        RunBatch(1);
        _slurm.ForgetJobs();
        string path = Path.Combine(Work, "results", "000002.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^5] ^= 1;
        File.WriteAllBytes(path, bytes);
        Task<SlurmOutcome> growing = Task.Run(() => Grow(isDetached: false), TestContext.Current.CancellationToken);
        while (_slurm.Submitted.Length < 2 && !growing.IsCompleted)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        Assert.Equal(["000002 1"], FakeSlurm.UnitsOf(Zoo, 2));
        RunBatch(2);
        Assert.Equal(SlurmOutcome.Grown, await growing);
        AssertIsRight();
    }

    [Fact]
    public void TheLocalEngineFinishesWhatAClusterBeganOnceTheJobsAreStopped()
    {
        Grow();
        RunUnit("000001");
        string refused = Assert.Throws<InputException>(() => GrowLocally("zoo")).Message;
        Assert.Contains("weightspace stop", refused, StringComparison.Ordinal);
        Assert.Equal(4, SlurmStop.Stop(Zoo, _slurm.Commands, TimeProvider.System, TimeSpan.FromSeconds(5), CancellationToken.None));
        Assert.Equal("--quiet 101", File.ReadAllText(_slurm["cancelled"]).Trim());
        _slurm.ForgetJobs();
        GrowLocally("zoo");
        AssertIsRight();
    }

    [Fact]
    public void AClusterFinishesWhatTheLocalEngineBegan()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => LocalEngine.Grow(s_experiment, Zoo, 1, 5, () => new Trainer(), TimeProvider.System, progress =>
        {
            if (progress.Networks >= 12)
                stop.Cancel();
        }, stop.Token));
        Assert.Equal(SlurmOutcome.Submitted, Grow());
        Assert.InRange(FakeSlurm.UnitsOf(Zoo, 1).Length, 1, 3);
        RunBatch(1);
        Assert.Equal(SlurmOutcome.Grown, Grow());
        AssertIsRight();
    }

    [Fact]
    public async Task StoppingEndsASubmitterThatIsAtWork()
    {
        _settings = _settings with { Poll = TimeSpan.FromSeconds(30) };
        Task<SlurmOutcome> growing = Task.Run(() => Grow(isDetached: false), TestContext.Current.CancellationToken);
        while (_slurm.Submitted.Length < 1 && !growing.IsCompleted)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        SlurmStop.Stop(Zoo, _slurm.Commands, TimeProvider.System, TimeSpan.FromSeconds(20), CancellationToken.None);
        await Assert.ThrowsAsync<OperationCanceledException>(() => growing);
        Assert.False(JobRecord.MayHaveJobs(Files));
        Assert.False(File.Exists(Files.StopRequest));
    }

    [Fact]
    public void ALimitOnASubmittersJobsIsRespectedByTrying()
    {
        // At most two at once, as a quality of service may have it.
        _slurm.Write("sbatch", """
            array="$(sed -n 's/^#SBATCH --array=0-//p' "${!#}")"
            if [ "$array" -gt 1 ] || [ -s "${0%/*}/queue" ]; then echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)" >&2; exit 1; fi

            """ + FakeSlurm.Submits);
        Assert.Equal(SlurmOutcome.Submitted, Grow());
        Assert.Equal(2, Elements(Assert.Single(_slurm.Submitted)));
        Assert.Contains(_said, line => line.Contains("QOSMaxSubmitJobPerUserLimit", StringComparison.Ordinal));
        RunBatch(JobRecord.Read(Files)!.Batches.Single(batch => batch.Job is not null).Number);
        _slurm.ForgetJobs();
        Assert.Equal(SlurmOutcome.Submitted, Grow());
        RunBatch(JobRecord.Read(Files)!.Batches.Last(batch => batch.Job is not null).Number);
        _slurm.ForgetJobs();
        Assert.Equal(SlurmOutcome.Grown, Grow());
        AssertIsRight();
    }

    [Fact]
    public void WhatTheClusterRefusesForGoodIsSaidWithItsWords()
    {
        _slurm.Write("sbatch", "echo 'sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified' >&2; exit 1");
        var error = Assert.Throws<InputException>(() => Grow());
        Assert.Contains("Invalid account", error.Message, StringComparison.Ordinal);
        Assert.False(JobRecord.MayHaveJobs(Files));
    }

    [Fact]
    public void ASubmissionThatMayHaveWorkedIsLookedFor()
    {
        // The job is there, and the answer is lost.
        _slurm.Write("sbatch", $"({FakeSlurm.Submits}\n) >/dev/null; echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1");
        Assert.Equal(SlurmOutcome.Submitted, Grow());
        Assert.Equal(SlurmOutcome.Submitted, Grow());
        Assert.Single(_slurm.Submitted);
        Assert.Equal(101, Assert.Single(JobRecord.Read(Files)!.Batches).Job);
    }

    [Fact]
    public void WithoutSlurmNothingIsBegun()
    {
        string message = Assert.Throws<InputException>(() => Grow(commands: new SlurmCommands(_folder["nowhere"]))).Message;
        Assert.Contains("no such program", message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Zoo));
    }

    [Fact]
    public void TheStatusCountsUnitsAndSaysWhatFails()
    {
        Grow();
        RunUnit("000001");
        File.WriteAllText(_slurm["queue"], File.ReadAllText(_slurm["queue"]).Replace("101|0-3|PENDING|Resources|0:00", "101|2-3|PENDING|Priority|0:00", StringComparison.Ordinal)
            + Regex.Replace(File.ReadAllText(_slurm["queue"]), @"101\|0-3\|PENDING\|Resources\|0:00", "101|0|RUNNING|None|30:00"));
        File.WriteAllText(Path.Combine(Files.Times, "n7"), "101 1 000001 1 0 900\n101 0 000000 1 2 900\nhalf a li");
        File.WriteAllText(Files.Error(1, 0), "weightspace: this CPU has no fused multiply-add\n");
        SlurmStatus status = SlurmStatus.Read(Zoo, path => Experiment.Load(path), _slurm.Commands, TimeProvider.System);
        Assert.Equal((4, 1, 2, 1, 0), (status.Units, status.Done, status.Waiting, status.Running, status.ToSubmit));
        Assert.Equal((s_experiment.Networks.Count, 6), (status.Networks, status.NetworksDone));
        Assert.Equal(1.0, status.CoreHours, 3);
        Assert.Equal([("Priority", 2)], status.Reasons);
        Assert.Equal([("n7", 1)], status.FailuresByNode);
        Assert.Equal([("weightspace: this CPU has no fused multiply-add", 1)], status.Errors);
    }

    private SlurmOutcome Grow(FakeSlurm? slurm = null, bool isDetached = true, SlurmCommands? commands = null) => SlurmEngine.Grow(s_experiment, Zoo, _settings, commands ?? (slurm ?? _slurm).Commands, () => _folder["program"],
        TimeProvider.System, null, line =>
        {
            lock (_said)
                _said.Add(line);
        }, isDetached, CancellationToken.None);

    private void GrowLocally(string name = "local") => LocalEngine.Grow(s_experiment, _folder[name], 2, 4, () => new Trainer(), TimeProvider.System, null, CancellationToken.None);

    private void AssertIsRight()
    {
        GrowLocally();
        Assert.Equal(Folder.Digests(_folder["local"]), Folder.Digests(Zoo));
    }

    private void RunBatch(int batch)
    {
        foreach (string unit in FakeSlurm.UnitsOf(Zoo, batch))
            RunUnit(unit.Split(' ')[0]);
    }

    private void RunUnit(string unit, Action<UnitProgress>? progress = null, TimeSpan? limit = null, TimeProvider? time = null)
    {
        using var trainer = new Trainer();
        WorkUnitRunner.Run(Path.Combine(Work, "units", unit + ".json"), Path.Combine(Work, "results", unit + ".safetensors"), trainer, time ?? TimeProvider.System, progress, CancellationToken.None, limit, isCareful: true);
    }

    private static int Elements(string script) => int.Parse(Regex.Match(File.ReadAllText(script), @"--array=0-(\d+)").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) + 1;

    private static void RemoveLastLine(string path) => File.WriteAllLines(path, File.ReadAllLines(path).SkipLast(1));
}
