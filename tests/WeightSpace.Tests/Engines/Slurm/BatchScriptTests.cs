using WeightSpace.Engines.Slurm;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Engines.Slurm;

public sealed class BatchScriptTests
{
    private static readonly SlurmSettings s_settings = new() { UnitFlops = 1e12 };

    [Fact]
    public void TheScriptIsTheRecordedOne()
    {
        var settings = s_settings with
        {
            Partition = "short,long",
            Account = "physics",
            Qos = "low",
            Constraint = "avx2&ib",
            Time = TimeSpan.FromMinutes(45),
            Lines = ["--exclude=n[7-9]", "--mail-type=FAIL"],
            Data = "/cluster/it's data",
        };
        string script = BatchScript.Write(new SlurmFolder("/cluster/zoos/100% of it/work"), settings, "weightspace-0a1b2c3d-000012", 12, 1000, "/cluster/zoos/100% of it/work/slurm/program/ab/weightspace", 800);
        Assert.Equal(FakeSlurm.Recorded("batch.sh"), script);
    }

    [Theory]
    [InlineData(1, 15)]
    [InlineData(3, 45)]
    [InlineData(4, 60)]
    [InlineData(600, 60)]
    public void AJobIsAskedToEndOnlyInTheLastQuarterOfItsTime(int minutes, int seconds) => Assert.Contains($"--signal=B:TERM@{seconds}\n",
        BatchScript.Write(new SlurmFolder("/zoo/work"), s_settings with { Time = TimeSpan.FromMinutes(minutes) }, "x", 1, 1, "p", 1), StringComparison.Ordinal);

    [Fact]
    public void APathThatSlurmCannotNameIsRefused() => Assert.Contains("quotation mark",
        Assert.Throws<InputException>(() => BatchScript.Write(new SlurmFolder("/a\"b/work"), s_settings, "x", 1, 1, "p", 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void AUnitHandsInBeforeItsJobsTimeIsUp()
    {
        Assert.Equal((15, 22), (s_settings.Minutes, s_settings.TimeLimit.TotalMinutes));
        SlurmSettings limited = s_settings with { Time = TimeSpan.FromMinutes(12) };
        Assert.InRange(limited.Minutes, 5, 11);
    }
}
