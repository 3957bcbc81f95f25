using System.Diagnostics;
using System.Globalization;
using WeightSpace.Engines.Slurm;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>What goes wrong on a cluster within a year, within a minute: no byte of the zoo tells.</summary>
[Collection(SlurmCollection.Name)]
public sealed class SlurmFaultTests(SlurmCluster cluster, ITestOutputHelper output) : IDisposable
{
    private const int Networks = 2000, Kills = 20, Cores = 8;
    private const double CoreFlops = 0.1e9, UnitSeconds = 1.8;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    private readonly Folder _folder = new();
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private bool _isMounted;

    private string Zoo => _folder["zoo"];

    private SlurmFolder Files => new(Path.Combine(Zoo, "work"));

    public void Dispose()
    {
        if (_isMounted)
            cluster.Run("umount", "--lazy", _folder["disk"]);
        // Nodes that the test took away.
        foreach (string node in (string[])["n1", "n2"])
            StartNode(node);
        _folder.Dispose();
    }

    [Fact]
    public void KilledJobsNodesControllersAndSubmittersAndAFullDiskLeaveNoTrace()
    {
        string experiment = _folder.Write("experiment.yaml", Experiments.Text(Networks / 4));
        BuiltProgram.Succeed("train", experiment, "--out", _folder["local"]);
        MountResults();
        int startsBefore = CountStarts();
        string[] arguments = ["train", experiment, "--out", Zoo, "--engine", "slurm", "--core-gflops", $"{CoreFlops / 1e9}", "--unit-minutes", $"{UnitSeconds / 60}", "--time", "1", "--poll", "0.5", "--back-off", "1", "--attempts", "30"];
        var draw = new RandomStream(1, RandomPurpose.Testing, 6);
        var killed = new SortedDictionary<string, int>();
        BuiltProgram.Running submitter = Start(arguments);
        (IReadOnlyList<Batch> batches, int failures) = ([], 0);
        // Seconds behind the one before: some take long themselves.
        var events = new Queue<(int Behind, string What, Action Do)>(
        [
            (3, "the controller is killed", () => Kill(cluster["run/slurmctld.pid"])),
            (3, "the controller is back", () => cluster.Run("slurmctld", "-f", cluster.Configuration, "-i")),
            (2, "node n1 is gone", () => KillNode("n1")),
            (2, "the submitter is killed", () => submitter.Kill()),
            (1, "the submitter is called again", () => submitter = Start(arguments)),
            (1, "the disk is full", FillDisk),
            (4, "the disk has room", () => File.Delete(_folder["disk/ballast"])),
            (1, "node n2 is gone for good", () => KillNode("n2")),
            (2, "the submitter is killed again", () => submitter.Kill()),
            (1, "the submitter is called again", () => submitter = Start(arguments)),
            (48, "node n1 is back, after a minute", () => StartNode("n1")),
        ]);
        try
        {
            (int kills, double last, double lastRound) = (0, Began, Began);
            while (!submitter.HasEnded || events.Count > 0)
            {
                Assert.True(_watch.Elapsed < s_limit, $"not complete after {s_limit}; {cluster.Run("squeue", "--states=all").Output}");
                if (events.TryPeek(out (int Behind, string What, Action Do) next) && _watch.Elapsed.TotalSeconds >= last + next.Behind)
                {
                    events.Dequeue();
                    output.WriteLine($"{_watch.Elapsed.TotalSeconds - Began:F1} s: {next.What}");
                    next.Do();
                    last = _watch.Elapsed.TotalSeconds;
                }
                if (kills < Kills && draw.NextBelow(2) == 0 && KillOne((string[])["slurm_script", "weightspace work", "slurmstepd"], draw) is { } what)
                {
                    killed[what] = killed.GetValueOrDefault(what) + 1;
                    kills++;
                }
                if (Look() is { } seen)
                    (batches, failures) = seen;
                if (_watch.Elapsed.TotalSeconds > lastRound + 5)
                {
                    ResumeDrainedNodes();
                    lastRound = _watch.Elapsed.TotalSeconds;
                }
                Thread.Sleep(300);
            }
            Spoken spoken = submitter.Wait();
            Assert.True(spoken.ExitCode == 0, spoken.ToString());
        }
        finally
        {
            submitter.Dispose();
        }
        Assert.Equal(Folder.Digests(_folder["local"]), Folder.Digests(Zoo));
        Assert.Empty(cluster.Run("squeue", "--noheader", "--states=PENDING,RUNNING,SUSPENDED").Output);
        // Units that go on where another ended are units of their own.
        var units = batches.Where(batch => !batch.IsGivenUp).SelectMany(batch => batch.Units).Select(unit => (unit.Group, unit.Unit)).ToList();
        int all = units.Distinct().Count(), again = units.Count - all, starts = CountStarts() - startsBefore;
        output.WriteLine($"{_watch.Elapsed.TotalSeconds - Began:F0} s; killed: {string.Join(", ", killed.Select(pair => $"{pair.Value} x {pair.Key}"))}; {all} units, {again} submitted again, {starts} jobs started, {failures} of them ended with an error");
        Assert.Equal(Kills, killed.Values.Sum());
        // What was submitted again need not have run before: a controller that is killed early forgets all that waits. What was trained is what was started; beyond once for each unit a kill explains one more start, a node
        // two for each time it goes, the controller as many as were running, which it forgot, and the full disk those that ended with an error.
        Assert.InRange(starts - all, 1, Kills + 4 + Cores + failures);
    }

    /// <summary>Jobs that the cluster's nodes have started so far.</summary>
    private int CountStarts() => Directory.GetFiles(cluster["log"], "slurmd.*.log").Sum(log => File.ReadLines(log).Count(line => line.Contains("Launching batch job", StringComparison.Ordinal)));

    /// <summary>
    /// What a cluster's operator does: a controller that was killed before it had saved its state numbers jobs anew, a node that still runs the job of such a number refuses it, and Slurm drains the node until
    /// somebody has looked at it.
    /// </summary>
    private void ResumeDrainedNodes()
    {
        foreach (string line in cluster.Run("sinfo", "--noheader", "--Node", "--partition=main", "--format=%N %T %E").Output.Split('\n').Where(line => line.Contains(" dra", StringComparison.Ordinal)))
        {
            output.WriteLine($"{_watch.Elapsed.TotalSeconds - Began:F1} s: resumed {line}");
            cluster.Run("scontrol", "update", $"NodeName={line.Split(' ')[0]}", "State=RESUME");
        }
    }

    /// <summary>Seconds until the cluster had the first batch: what is before is no time of faults.</summary>
    private double Began { get; set; }

    private BuiltProgram.Running Start(string[] arguments)
    {
        BuiltProgram.Running submitter = BuiltProgram.Start(cluster.Environment, arguments);
        if (Began == 0)
        {
            submitter.WaitUntil(() => File.Exists(Files.Record) && File.ReadAllText(Files.Record).Contains("\"job\"", StringComparison.Ordinal));
            Began = _watch.Elapsed.TotalSeconds;
        }
        return submitter;
    }

    /// <summary>The results lie on a small disk of their own.</summary>
    private void MountResults()
    {
        Directory.CreateDirectory(_folder["disk"]);
        Spoken mounted = cluster.Run("mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", _folder["disk"]);
        Assert.True(mounted.ExitCode == 0, $"the test mounts a disk of its own, and runs as root: {mounted}");
        _isMounted = true;
        Directory.CreateDirectory(_folder["disk/results"]);
        Directory.CreateDirectory(Path.Combine(Zoo, "work"));
        File.CreateSymbolicLink(Path.Combine(Zoo, "work", "results"), _folder["disk/results"]);
    }

    private void FillDisk()
    {
        using FileStream ballast = File.Create(_folder["disk/ballast"]);
        byte[] block = new byte[1 << 16];
        try
        {
            while (true)
                ballast.Write(block);
        }
        catch (IOException)
        {
            // It is full now.
        }
    }

    /// <summary>What was submitted, and how many jobs ended with an error; null where the zoo has just been completed.</summary>
    private (IReadOnlyList<Batch>, int)? Look()
    {
        try
        {
            return JobRecord.Read(Files) is { } record ? (record.Batches, Directory.GetFiles(Files.Times).SelectMany(File.ReadLines).Count(line => line.Split(' ') is { Length: 6 } fields && fields[4] != "0")) : null;
        }
        catch (Exception error) when (error is IOException or InputException)
        {
            return null;
        }
    }

    private void KillNode(string node)
    {
        Kill(cluster[$"run/slurmd.{node}.pid"]);
        // Everything of its jobs, and the step daemons that started them.
        foreach ((int process, _) in Processes(environment => environment.Contains($"SLURMD_NODENAME={node}")).ToArray())
        {
            int parent = Parent(process);
            Signal(process);
            if (parent > 1 && Processes(_ => true).Any(other => other.Process == parent && other.Command.StartsWith("slurmstepd", StringComparison.Ordinal)))
                Signal(parent);
        }
    }

    private static int Parent(int process)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{process}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private void StartNode(string node)
    {
        string pid = cluster[$"run/slurmd.{node}.pid"];
        if (File.Exists(pid) && Directory.Exists("/proc/" + File.ReadAllText(pid).Trim()))
            return;
        cluster.Run("slurmd", "-f", cluster.Configuration, "-N", node);
    }

    /// <summary>Kills one process of the cluster whose command line says one of these, drawn at random of those that are there; which it was.</summary>
    private string? KillOne(string[] kinds, RandomStream draw)
    {
        int first = draw.NextBelow(kinds.Length);
        (int Process, string Command)[] all = [.. Processes(_ => true)];
        foreach (string kind in kinds[first..].Concat(kinds[..first]))
        {
            (int Process, string Command)[] some = [.. all.Where(process => process.Command.Contains(kind, StringComparison.Ordinal))];
            if (some.Length == 0)
                continue;
            Signal(some[draw.NextBelow(some.Length)].Process);
            return kind;
        }
        return null;
    }

    /// <summary>Processes of this cluster.</summary>
    private IEnumerable<(int Process, string Command)> Processes(Func<string[], bool> isOne)
    {
        foreach (string folder in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int process))
                continue;
            string[] environment;
            string command;
            try
            {
                environment = File.ReadAllText($"{folder}/environ").Split('\0');
                command = File.ReadAllText($"{folder}/cmdline").Replace('\0', ' ');
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It has just ended.
                continue;
            }
            if (environment.Contains($"SLURM_CONF={cluster.Configuration}") && isOne(environment))
                yield return (process, command);
        }
    }

    private void Kill(string pidFile) => Signal(int.Parse(File.ReadAllText(pidFile).Trim(), CultureInfo.InvariantCulture));

    private void Signal(int process) => cluster.Run("kill", "-KILL", process.ToString(CultureInfo.InvariantCulture));
}
