using System.Globalization;
using WeightSpace.Engines.Slurm;

namespace WeightSpace.Tests.Engines.Slurm;

/// <summary>
/// Commands that stand for Slurm's in a folder: sbatch records what it is given and numbers it, squeue says what the file <c>queue</c> holds (of single elements, <c>queue.array</c>), scontrol says what a real cluster said (recorded/), with other
/// limits. No job runs, so a test says what became of each.
/// </summary>
internal sealed class FakeSlurm
{
    private readonly string _folder;

    public FakeSlurm(string folder, int maxArraySize = 1001, int maxJobCount = 10_000)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
        File.WriteAllText(this["config"], Recorded("config.txt").Replace("MaxArraySize            = 1001", $"MaxArraySize            = {maxArraySize}", StringComparison.Ordinal)
            .Replace("MaxJobCount             = 10000", $"MaxJobCount             = {maxJobCount}", StringComparison.Ordinal));
        File.WriteAllText(this["partitions"], Recorded("partitions.txt"));
        File.WriteAllText(this["queue"], "");
        Write("scontrol", """case "$*" in *config*) cat "$0.config" 2>/dev/null || cat "${0%/*}/config";; *) cat "${0%/*}/partitions";; esac""");
        Write("squeue", """case "$*" in *--array*) cat "${0%/*}/queue.array";; *) cat "${0%/*}/queue";; esac""");
        Write("scancel", """echo "$@" >>"${0%/*}/cancelled" """);
        Write("sbatch", Submits);
    }

    /// <summary>Numbers the job, and puts it into the queue as pending.</summary>
    public static string Submits => """
        here="${0%/*}"; script="${!#}"
        number=$(($(cat "$here/number" 2>/dev/null || echo 100) + 1)); echo "$number" >"$here/number"
        name="$(sed -n 's/^#SBATCH --job-name=//p' "$script")"; array="$(sed -n 's/^#SBATCH --array=//p' "$script")"
        echo "$number|$array|PENDING|Resources|0:00|$name" >>"$here/queue"
        echo "$number $script" >>"$here/submitted"
        echo "$number"
        """;

    public string Folder => _folder;

    public SlurmCommands Commands => new(_folder);

    public string this[string name] => Path.Combine(_folder, name);

    /// <summary>The scripts that sbatch took, in order.</summary>
    public string[] Submitted => File.Exists(this["submitted"]) ? [.. File.ReadAllLines(this["submitted"]).Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..])] : [];

    public static string Recorded(string name) => File.ReadAllText(Path.Combine(Repository.Root, "tests", "WeightSpace.Tests", "Engines", "Slurm", "recorded", name));

    /// <summary>Writes a command as a script of the shell.</summary>
    public void Write(string name, string script)
    {
        File.WriteAllText(this[name], $"#!/bin/bash\n{script}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(this[name], (UnixFileMode)0b111_101_101);
    }

    /// <summary>All jobs have ended, and Slurm has forgotten them.</summary>
    public void ForgetJobs() => File.WriteAllText(this["queue"], "");

    /// <summary>The jobs of one batch have.</summary>
    public void ForgetJob(int batch) => File.WriteAllLines(this["queue"], File.ReadAllLines(this["queue"]).Where(line => !line.EndsWith($"-{batch:D6}", StringComparison.Ordinal)));

    /// <summary>All jobs have failed.</summary>
    public void FailJobs() => File.WriteAllText(this["queue"], File.ReadAllText(this["queue"]).Replace("PENDING|Resources", "FAILED|NonZeroExitCode", StringComparison.Ordinal));

    /// <summary>The units of a batch, by the name of each and the number of its attempt.</summary>
    public static string[] UnitsOf(string zoo, int batch) => File.ReadAllLines(Path.Combine(zoo, "work", "slurm", "batches", batch.ToString("D6", CultureInfo.InvariantCulture) + ".units"));
}
