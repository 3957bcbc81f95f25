using WeightSpace.Engines.Slurm;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>What Slurm 22.05 printed, read.</summary>
public sealed class SlurmOutputTests
{
    [Fact]
    public void LimitsAreReadFromTheConfiguration() =>
        Assert.Equal(new SlurmLimits("weightspace", "22.05.8", 1001, 10_000, false), SlurmLimits.Parse(FakeSlurm.Recorded("config.txt")));

    [Fact]
    public void AConfigurationWithoutALimitIsAnError()
    {
        string text = FakeSlurm.Recorded("config.txt").Replace("MaxArraySize", "MaxOtherSize", StringComparison.Ordinal);
        Assert.Contains("MaxArraySize is missing", Assert.Throws<SlurmException>(() => SlurmLimits.Parse(text)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PartitionsAreReadWithTheirStateAndTimeLimit() => Assert.Equal(
        [
            new SlurmPartition("main", true, "UP", null, null),
            new SlurmPartition("short", false, "UP", TimeSpan.FromMinutes(1), null),
            new SlurmPartition("closed", false, "DOWN", null, null),
        ],
        SlurmPartition.Parse(FakeSlurm.Recorded("partitions.txt")));

    [Fact]
    public void TheQueueIsReadWithRangesOfElements()
    {
        IReadOnlyList<SlurmJob> jobs = SlurmJob.Parse(FakeSlurm.Recorded("squeue.txt"));
        SlurmJob some = Assert.Single(jobs, job => job.Job == 75);
        Assert.Equal([(1, 1), (3, 3), (5, 9)], some.Elements);
        Assert.Equal((7, "PENDING", "ws-abc-000001", false), (some.Count, some.State, some.Name, some.HasEnded));
        Assert.Contains(jobs, job => job is { Job: 67, State: "RUNNING", HasEnded: false, Elements: [(8, 8)] } && job.Elapsed > TimeSpan.Zero);
        Assert.Contains(jobs, job => job is { Job: 67, State: "COMPLETED", HasEnded: true });
        Assert.Contains(jobs, job => job is { State: "FAILED", HasEnded: true });
    }

    [Fact]
    public void WhatIsNoLineOfTheQueueIsPassedOver() => Assert.Empty(SlurmJob.Parse("Welcome to the cluster\n|||||\nx|1|RUNNING|None|0:01|a\n"));

    [Fact]
    public void HowJobsEndedIsReadFromTheAccounts()
    {
        IReadOnlyList<SlurmJob> jobs = SlurmJob.ParseAccounts(FakeSlurm.Recorded("sacct.txt"));
        Assert.All(jobs.Take(6), (job, element) => Assert.Equal((1L, "weightspace-0011aabb-000001", (element, element)), (job.Job, job.Name, Assert.Single(job.Elements))));
        Assert.Equal(["COMPLETED (on n1)", "FAILED (exit code 7 on n1)", "FAILED (signal 9 on n2)", "TIMEOUT (on n2)", "COMPLETED (on n3)", "CANCELLED (on n3)"], jobs.Take(6).Select(job => $"{job.State} ({job.Reason})"));
        Assert.All(jobs.Take(6), job => Assert.True(job.IsGone));
        Assert.Equal((48L, "PENDING", ""), (jobs[^1].Job, jobs[^1].State, jobs[^1].Reason));
        Assert.True(SlurmLimits.Parse(FakeSlurm.Recorded("config.txt").Replace("accounting_storage/none", "accounting_storage/slurmdbd", StringComparison.Ordinal)).HasAccounts);
    }

    [Theory]
    [InlineData("30", 30 * 60)]
    [InlineData("1:30", 90)]
    [InlineData("02:00:05", 7205)]
    [InlineData("2-0", 172_800)]
    [InlineData("1-02:03", 93_780)]
    [InlineData("1-02:03:04", 93_784)]
    [InlineData("UNLIMITED", null)]
    [InlineData("1-2-3", null)]
    [InlineData("", null)]
    public void TimesAreReadInSlurmsWords(string text, int? seconds) => Assert.Equal(seconds, SlurmSection.ParseTime(text)?.TotalSeconds);

    [Fact]
    public void AJobThatSlurmHoldsAsItCouldNotBeStartedHasEnded() =>
        Assert.True(Assert.Single(SlurmJob.Parse("5|0|PENDING|launch failed requeued held|0:00|x\n")).HasEnded);
}
