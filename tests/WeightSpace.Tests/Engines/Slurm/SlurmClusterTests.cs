using System.Text.Json;
using WeightSpace.Tests.Cli;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>The program on a real Slurm: the same zoo as the local engine's, and errors that say what to do.</summary>
[Collection(SlurmCollection.Name)]
public sealed class SlurmClusterTests(SlurmCluster cluster) : IDisposable
{
    // Some 2 s of work to a unit, looked at every second.
    private static readonly string[] s_options = ["--engine", "slurm", "--core-gflops", "0.1", "--unit-minutes", "0.05", "--poll", "0.5", "--back-off", "2"];

    // Inner products at a rate that makes units of a few blocks.
    private static readonly string[] s_analysis = ["--engine", "slurm", "--core-gflops", "0.001", "--unit-minutes", "0.05", "--time", "3", "--poll", "0.5", "--back-off", "2"];

    // Little of what is computed on this machine.
    private static readonly string[] s_little = ["--permutations", "2", "--trees", "5", "--json"];

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
    [InlineData("Access/permission denied", "--partition", "restricted")]
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

    [Fact]
    public void ADetachedZooIsToldOfAndStoppedAndFinishedOnThisMachine()
    {
        string experiment = WriteExperiment(10);
        BuiltProgram.Succeed("train", experiment, "--out", _folder["local"]);
        string[] train = ["train", experiment, "--out", _folder["zoo"], .. s_options];
        Spoken dry = Succeed([.. train, "--dry-run"]);
        Assert.Contains("#SBATCH --array=0-", dry.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["zoo"]));
        Assert.True(Json(Succeed([.. train, "--detach", "--json"])).GetProperty("submitted").GetBoolean());
        JsonElement status = Json(Succeed("status", _folder["zoo"], "--json"));
        Assert.Equal(40, status.GetProperty("networks").GetInt32());
        JsonElement units = status.GetProperty("units");
        Assert.Equal(units.GetProperty("known").GetInt32(), new[] { "done", "running", "waiting", "to_submit" }.Sum(name => units.GetProperty(name).GetInt32()));
        Spoken refused = BuiltProgram.Run(cluster.Environment, ["train", experiment, "--out", _folder["zoo"]]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("weightspace stop", refused.Error, StringComparison.Ordinal);
        Succeed("stop", _folder["zoo"]);
        Succeed("train", experiment, "--out", _folder["zoo"]);
        Assert.Equal(Folder.Digests(_folder["local"]), Folder.Digests(_folder["zoo"]));
        Assert.Equal(2, cluster.WeightSpace("status", _folder["zoo"]).ExitCode);
    }

    [Fact]
    public void TheExperimentSaysWhatIsAskedOfTheClusterAndOptionsGoBeforeIt()
    {
        string experiment = _folder.Write("asking.yaml", Experiments.Text(1) + "\nslurm: {partition: main, time: 1:00:00, memory: 400, sbatch: [--nice=7], unit_minutes: 20, core_gflops: 1}\n");
        string[] train = ["train", experiment, "--out", _folder["zoo"], "--engine", "slurm", "--dry-run"];
        Assert.Superset(new HashSet<string> { "#SBATCH --partition=main", "#SBATCH --time=60", "#SBATCH --mem=400M", "#SBATCH --nice=7" }, Options(train));
        Assert.Superset(new HashSet<string> { "#SBATCH --partition=main", "#SBATCH --time=30", "#SBATCH --mem=500M", "#SBATCH --nice=8" }, Options([.. train, "--time", "30", "--memory", "500", "--sbatch", "--nice=8"]));
        Spoken refused = cluster.WeightSpace([.. train.SkipLast(1), "--partition", "closed"]);
        Assert.True(refused.ExitCode == 2 && refused.Error.Contains("is DOWN", StringComparison.Ordinal), refused.ToString());

        HashSet<string> Options(string[] arguments) => [.. Succeed(arguments).Output.Split('\n').Where(line => line.StartsWith("#SBATCH", StringComparison.Ordinal))];
    }

    /// <summary>The jobs' processes see a CPU without AVX2 and fused multiply-add, as an old node's would.</summary>
    [Fact]
    public void NodesThatCannotTrainAreNamedByTheStatus()
    {
        string experiment = _folder.Write("long.yaml", Experiments.Text(100, steps: 6000));
        string[] train = ["train", experiment, "--out", _folder["zoo"], "--engine", "slurm", "--core-gflops", "1", "--unit-minutes", "0.2", "--time", "1", "--sbatch", "--export=ALL,DOTNET_EnableAVX2=0", "--sbatch", "--nodelist=n3", "--max-jobs", "2", "--detach"];
        Succeed(train);
        var patience = System.Diagnostics.Stopwatch.StartNew();
        JsonElement status;
        do
        {
            Assert.True(patience.Elapsed < TimeSpan.FromMinutes(2), cluster.WeightSpace("status", _folder["zoo"]).ToString());
            Thread.Sleep(500);
            status = Json(Succeed("status", _folder["zoo"], "--json"));
        }
        while (status.GetProperty("jobs_failed").GetInt32() < 2);
        Assert.Contains("no fused multiply-add in hardware", Assert.Single(status.GetProperty("errors").EnumerateObject()).Name, StringComparison.Ordinal);
        Assert.Equal(("n3", 2), (Assert.Single(status.GetProperty("failures_by_node").EnumerateObject()).Name, status.GetProperty("failures_by_node").GetProperty("n3").GetInt32()));
        Assert.Equal(0, status.GetProperty("networks_done").GetInt32());
        Succeed("stop", _folder["zoo"]);
    }

    [Fact]
    public void AnAnalysisOnTheClusterIsTheLocalOne()
    {
        string zoo = GrowZoo();
        SortedDictionary<string, string> before = Folder.Digests(zoo);
        JsonElement local = Json(BuiltProgram.Succeed(["analyze", zoo, "--out", _folder["here"], .. s_little]));
        JsonElement dry = Json(Succeed(["analyze", zoo, "--out", _folder["there"], .. s_little, .. s_analysis, "--dry-run"]));
        Assert.False(Directory.Exists(_folder["there"]));
        Assert.InRange(dry.GetProperty("units").GetInt32(), 5, 100);
        // Matrices are cut, not only dealt out, and so are scores.
        JsonElement architecture = local.GetProperty("result").GetProperty("architectures")[0];
        Assert.True(dry.GetProperty("blocks").GetInt32() > architecture.GetProperty("views").GetArrayLength() * architecture.GetProperty("points").GetArrayLength(), dry.ToString());
        Assert.True(dry.GetProperty("scores").GetInt32() > 20, dry.ToString());
        JsonElement there = Json(Succeed(["analyze", zoo, "--out", _folder["there"], .. s_little, .. s_analysis]));
        AssertEqual(local.GetProperty("result"), there.GetProperty("result"), "result");
        // These nodes have the same CPU, so it is more than that.
        Assert.Equal(Folder.Digests(_folder["here"]), Folder.Digests(_folder["there"]));
        Assert.Equal(before, Folder.Digests(zoo));
    }

    [Fact]
    public void AnAnalysisThatIsLeftStoppedAndKilledGoesOn()
    {
        string zoo = GrowZoo();
        Json(BuiltProgram.Succeed(["analyze", zoo, "--out", _folder["here"], .. s_little]));
        string[] analyze = ["analyze", zoo, "--out", _folder["there"], .. s_little, .. s_analysis];
        Assert.True(Json(Succeed([.. analyze, "--detach"])).GetProperty("submitted").GetBoolean());
        JsonElement status = Json(Succeed("status", _folder["there"], "--json"));
        Assert.Equal(_folder["there"], status.GetProperty("analysis").GetString());
        JsonElement units = status.GetProperty("units");
        Assert.Equal(units.GetProperty("known").GetInt32(), new[] { "done", "running", "waiting", "to_submit" }.Sum(name => units.GetProperty(name).GetInt32()));
        Succeed("stop", _folder["there"]);
        Spoken other = cluster.WeightSpace([.. analyze, "--seed", "7"]);
        Assert.Equal(2, other.ExitCode);
        Assert.Contains("an analysis was begun here with --seed 0", other.Error, StringComparison.Ordinal);
        // Units are missing again, whatever was done before the stop, and the next look at them is long after the jobs were submitted.
        foreach (string result in Directory.GetFiles(Path.Combine(_folder["there"], "analysis.work", "results"), "*.safetensors", SearchOption.AllDirectories))
            File.Delete(result);
        var record = new FileInfo(Path.Combine(_folder["there"], "analysis.work", "slurm", "jobs"));
        long before = record.Length;
        string[] patient = [.. analyze];
        patient[Array.IndexOf(patient, "--poll") + 1] = "60";
        using (BuiltProgram.Running killed = BuiltProgram.Start(cluster.Environment, patient))
        {
            killed.WaitUntil(() =>
            {
                record.Refresh();
                return record.Length > before;
            });
            Spoken second = cluster.WeightSpace(analyze);
            Assert.Equal(2, second.ExitCode);
            Assert.Contains("another weightspace process is at work on an analysis", second.Error, StringComparison.Ordinal);
            killed.Kill();
        }
        Succeed(analyze);
        Assert.Equal(Folder.Digests(_folder["here"]), Folder.Digests(_folder["there"]));
        Assert.Equal(2, cluster.WeightSpace("status", _folder["there"]).ExitCode);
    }

    [Theory]
    [InlineData("expected one of the cluster's partitions: main, short, closed", "--partition", "nowhere")]
    [InlineData("Invalid feature specification", "--constraint", "avx1024")]
    public void WhatTheClusterWouldNotTakeOfAnAnalysisIsSaidBeforeAnythingIsSubmitted(string message, params string[] options)
    {
        Spoken spoken = cluster.WeightSpace(["analyze", GrowZoo(), "--out", _folder["there"], .. s_little, .. s_analysis, .. options]);
        Assert.True(spoken.ExitCode == 2, spoken.ToString());
        Assert.Contains(message, spoken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("weightspace-", cluster.Run("squeue", "--noheader", "--format=%j|%T", "--states=PENDING,RUNNING").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void OptionsOfTheOtherEngineAreRefused()
    {
        string experiment = WriteExperiment(1);
        foreach ((string option, string[] arguments) in ((string, string[])[])[("--threads", ["--engine", "slurm", "--threads", "2"]), ("--unit-steps", ["--engine", "slurm", "--unit-steps", "9"]), ("--partition", ["--partition", "main"])])
        {
            Spoken spoken = BuiltProgram.Run(["train", experiment, "--out", _folder["zoo"], .. arguments]);
            Assert.Equal(2, spoken.ExitCode);
            Assert.Contains(option, spoken.Error, StringComparison.Ordinal);
        }
    }

    private Spoken Succeed(params string[] arguments)
    {
        Spoken spoken = cluster.WeightSpace(arguments);
        Assert.True(spoken.ExitCode == 0, spoken.ToString());
        return spoken;
    }

    private static JsonElement Json(Spoken spoken)
    {
        using JsonDocument document = JsonDocument.Parse(spoken.Output);
        return document.RootElement.Clone();
    }

    /// <summary>A zoo of sixty networks of one machine, grown on this one.</summary>
    private string GrowZoo()
    {
        string text = Experiments.Text(30).Replace("  - {machine: SimpleXORMachine, variant: [clean, modified], sequence: 5}\n", "", StringComparison.Ordinal).Replace("every: 20", "every: 60", StringComparison.Ordinal);
        BuiltProgram.Succeed("train", _folder.Write("experiment.yaml", text), "--out", _folder["zoo"]);
        return _folder["zoo"];
    }

    /// <summary>The same documents, but for numbers that differ by 1e-5 of their size.</summary>
    private static void AssertEqual(JsonElement expected, JsonElement found, string path)
    {
        Assert.True(expected.ValueKind == found.ValueKind, $"{path}: {found.ValueKind}, expected {expected.ValueKind}");
        switch (expected.ValueKind)
        {
            case JsonValueKind.Object:
                Assert.Equal(expected.EnumerateObject().Select(property => property.Name), found.EnumerateObject().Select(property => property.Name));
                foreach (JsonProperty property in expected.EnumerateObject())
                    AssertEqual(property.Value, found.GetProperty(property.Name), $"{path}.{property.Name}");
                break;
            case JsonValueKind.Array:
                Assert.True(expected.GetArrayLength() == found.GetArrayLength(), $"{path}: {found.GetArrayLength()} items, expected {expected.GetArrayLength()}");
                for (int i = 0; i < expected.GetArrayLength(); i++)
                    AssertEqual(expected[i], found[i], $"{path}[{i}]");
                break;
            case JsonValueKind.Number:
                (double a, double b) = (expected.GetDouble(), found.GetDouble());
                Assert.True(Math.Abs(a - b) <= 1e-5 * Math.Max(1, Math.Abs(a)), $"{path}: {b}, expected {a}");
                break;
            default:
                Assert.True(expected.ToString() == found.ToString(), $"{path}: '{found}', expected '{expected}'");
                break;
        }
    }

    /// <summary>Of each of four classes so many networks.</summary>
    private string WriteExperiment(int seeds) => _folder.Write("experiment.yaml", Experiments.Text(seeds));
}
