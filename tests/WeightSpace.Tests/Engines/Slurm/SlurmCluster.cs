using System.Diagnostics;
using WeightSpace.Tests.Cli;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>A real Slurm of four nodes on this machine (scripts/slurm-cluster), which the tests of this collection share. It ends with the process of the tests, however that ends.</summary>
public sealed class SlurmCluster : IDisposable
{
    /// <summary>Of a command; the longest is the build of the nodes' program.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    private readonly string _folder = Directory.CreateTempSubdirectory("ws-slurm-").FullName;
    private readonly Process _cluster;
    private readonly Task<string> _said;

    public SlurmCluster()
    {
        // Once, and in no test's time.
        Spoken built = Run(Path.Combine(Repository.Root, "scripts", "build-single-file"));
        Assert.True(built.ExitCode == 0, built.ToString());
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, "scripts", "slurm-cluster"), [_folder])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        _cluster = Process.Start(start)!;
        _said = _cluster.StandardError.ReadToEndAsync();
        string? ready = _cluster.StandardOutput.ReadLine();
        if (ready?.StartsWith("ready", StringComparison.Ordinal) == true)
            return;
        string said = _said.GetAwaiter().GetResult();
        Dispose();
        throw new InvalidOperationException($"the cluster did not start: {said}");
    }

    /// <summary>What a command of Slurm, or the program, needs in its environment.</summary>
    internal (string Name, string Value)[] Environment => [("SLURM_CONF", Configuration)];

    public string Configuration => Path.Combine(_folder, "slurm.conf");

    /// <summary>A file or folder of the cluster's: <c>run/slurmd.n1.pid</c>, <c>log/slurmctld.log</c>.</summary>
    public string this[string name] => Path.Combine(_folder, name);

    /// <summary>Runs a command with this cluster's configuration to its end.</summary>
    internal Spoken Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["SLURM_CONF"] = Configuration;
        start.Environment["PATH"] += ":/usr/sbin:/sbin";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(s_limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} has not ended in {s_limit}");
        }
        return new Spoken(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>Runs the program with this cluster's configuration.</summary>
    internal Spoken WeightSpace(params string[] arguments) => BuiltProgram.Run(Environment, arguments);

    public void Dispose()
    {
        try
        {
            _cluster.StandardInput.Close();
            if (!_cluster.WaitForExit(TimeSpan.FromSeconds(30)))
                _cluster.Kill(entireProcessTree: true);
        }
        catch (IOException)
        {
            // It has ended already.
        }
        _cluster.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>The tests that share one cluster, one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class SlurmCollection : ICollectionFixture<SlurmCluster>
{
    public const string Name = "slurm";
}
