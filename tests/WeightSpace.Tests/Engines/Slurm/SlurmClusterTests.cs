using WeightSpace.Tests.Cli;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>The program on a real Slurm: the same zoo as the local engine's, and errors that say what to do.</summary>
[Collection(SlurmCollection.Name)]
public sealed class SlurmClusterTests(SlurmCluster cluster) : IDisposable
{
    // Some 2 s of work to a unit, looked at every second.
    private static readonly string[] s_options = ["--engine", "slurm", "--core-gflops", "0.1", "--unit-minutes", "0.05", "--poll", "0.5", "--back-off", "2"];

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AZooGrownOnTheClusterIsTheLocalOnesByteForByte()
    {
        string experiment = WriteExperiment(10);
        BuiltProgram.Succeed("train", experiment, "--out", _folder["local"]);
        Spoken spoken = cluster.WeightSpace(["train", experiment, "--out", _folder["zoo"], .. s_options]);
        Assert.True(spoken.ExitCode == 0, spoken.ToString());
        Assert.Equal(Folder.Digests(_folder["local"]), Folder.Digests(_folder["zoo"]));
    }

    [Theory]
    [InlineData("expected one of the cluster's partitions: main, short, closed", "--partition", "nowhere")]
    [InlineData("is DOWN and starts no jobs", "--partition", "closed")]
    [InlineData("lets jobs run for at most 1 min", "--partition", "short")]
    [InlineData("Invalid feature specification", "--constraint", "avx1024")]
    [InlineData("Requested node configuration is not available", "--memory", "90000")]
    public void WhatTheClusterWouldNotTakeIsSaidBeforeAnythingIsSubmitted(string message, params string[] options)
    {
        Spoken spoken = cluster.WeightSpace(["train", WriteExperiment(1), "--out", _folder["zoo"], .. s_options, .. options]);
        Assert.True(spoken.ExitCode == 2, spoken.ToString());
        Assert.Contains(message, spoken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", spoken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("weightspace-", cluster.Run("squeue", "--noheader", "--format=%j|%T", "--states=PENDING,RUNNING").Output, StringComparison.Ordinal);
    }

    /// <summary>Of each of four classes so many networks.</summary>
    private string WriteExperiment(int seeds) => _folder.Write("experiment.yaml", Experiments.Text(seeds));
}
