using System.Diagnostics;
using System.Globalization;
using WeightSpace.Engines.Slurm;
using WeightSpace.Tests.Cli;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>What a hundred thousand units cost the machine that submits them.</summary>
public sealed class ManyUnitsTests(ITestOutputHelper output) : IDisposable
{
    private const int Units = 100_000;

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task AHundredThousandUnitsAreSubmittedInAMinuteAndLittleMemory()
    {
        var slurm = new FakeSlurm(_folder["bin"], maxArraySize: 20_001, maxJobCount: 1_000_000);
        string experiment = _folder.Write("experiment.yaml", Experiments.Text(Units / 4)), zoo = _folder["zoo"];
        // A unit is one network.
        string[] arguments = ["train", experiment, "--out", zoo, "--engine", "slurm", "--core-gflops", "0.0001", "--unit-minutes", "1", "--program", "/bin/true", "--detach", "--json"];
        const string Measure = "import resource, subprocess, sys\ncode = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)\nused = resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(code, used.ru_utime + used.ru_stime, used.ru_maxrss)";
        BuiltProgram.Succeed("version");
        var start = new ProcessStartInfo("/usr/bin/python3", ["-c", Measure, Path.Combine(Repository.Root, "weightspace"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["PATH"] = $"{slurm.Folder}:{start.Environment["PATH"]}";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string[] used = (await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim().Split(' ');
        Assert.True(used[0] == "0", string.Join(' ', used) + await error);
        (double seconds, double megabytes) = (double.Parse(used[1], CultureInfo.InvariantCulture), double.Parse(used[2], CultureInfo.InvariantCulture) / 1000);
        output.WriteLine($"{seconds:F1} s of CPU time, {megabytes:F0} MB");

        Assert.Equal([20_001, 20_001, 20_001, 20_001, 19_996], slurm.Submitted.Select((_, index) => FakeSlurm.UnitsOf(zoo, index + 1).Length));
        Assert.Equal(Units, JobRecord.Read(new SlurmFolder(Path.Combine(zoo, "work")))!.Batches.Sum(batch => batch.Units.Count));
        string units = Path.Combine(zoo, "work", "units");
        Assert.Equal(Units, Directory.GetFiles(units, "*.json", SearchOption.AllDirectories).Length);
        Assert.All(Directory.GetDirectories(units).Append(units), folder => Assert.InRange(Directory.GetFiles(folder).Length, 1, 1000));
        Assert.InRange(seconds, 0, 60);
        Assert.InRange(megabytes, 0, 500);
    }
}
