using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using WeightSpace.Zoos;

namespace WeightSpace.Engines.Slurm;

/// <summary>Runs Slurm's commands, each with a time limit, and reads what they print.</summary>
/// <param name="folder">Where the commands are; null: on the PATH.</param>
public sealed class SlurmCommands(string? folder = null)
{
    private const int MaxIds = 200;

    // A controller that is restarted lets sbatch try for some two minutes.
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    private static readonly string[] s_mayHaveWorked = ["timed out", "unable to contact", "Unable to contact", "Unexpected message", "Zero Bytes", "connection"];

    /// <summary>The limits of the cluster.</summary>
    public SlurmLimits Limits() => SlurmLimits.Parse(Run("scontrol", ["show", "config"]));

    public IReadOnlyList<SlurmPartition> Partitions() => SlurmPartition.Parse(Run("scontrol", ["--oneliner", "show", "partition"]));

    /// <summary>All jobs of this user that the controller still knows, ended or not: one call, however many there are, and one more where some are held, which only lines of their own tell apart.</summary>
    public IReadOnlyList<SlurmJob> Queue()
    {
        string[] arguments = ["--me", "--noheader", "--states=all", $"--format={SlurmJob.QueueFormat}"];
        IReadOnlyList<SlurmJob> jobs = SlurmJob.Parse(Run("squeue", arguments));
        return jobs.Any(job => job.MayBeHeld && job.Count > 1) ? SlurmJob.Parse(Run("squeue", ["--array", .. arguments])) : jobs;
    }

    /// <summary>How jobs ended, as the cluster's accounts have it.</summary>
    public IReadOnlyList<SlurmJob> Accounts(IEnumerable<long> jobs) =>
        [.. jobs.Chunk(MaxIds).SelectMany(some => SlurmJob.ParseAccounts(Run("sacct", ["--noheader", "--parsable2", "--allocations", $"--format={SlurmJob.AccountsFormat}", $"--jobs={string.Join(',', some)}"])))];

    /// <summary>Submits a script; the job's number.</summary>
    public long Submit(string script)
    {
        // With --parsable: the number, and behind a semicolon the cluster where there are several.
        string said = Run("sbatch", ["--parsable", script]).Trim();
        return long.TryParse(said.Split(';')[0], NumberStyles.None, CultureInfo.InvariantCulture, out long job) ? job
            : throw new SlurmException($"sbatch: found '{Shorten(said)}', expected the number of a job", said, mayHaveWorked: true);
    }

    /// <summary>Cancels jobs, or elements of them (<c>12_3</c>); one that has ended is no error.</summary>
    public void Cancel(IEnumerable<string> jobs)
    {
        foreach (string[] some in jobs.Chunk(MaxIds))
            Run("scancel", ["--quiet", .. some]);
    }

    private string Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(folder is null ? program : Path.Combine(folder, program), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["LC_ALL"] = "C";
        // Array elements in full, however many ranges they are.
        start.Environment["SLURM_BITSTR_LEN"] = "0";
        // What stands in the script counts, not what a shell's profile sets: a variable overrides the script.
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("SQUEUE_", StringComparison.Ordinal) || name.StartsWith("SACCT_", StringComparison.Ordinal) || name is "SBATCH_ARRAY_INX" or "SBATCH_JOB_NAME" or "SBATCH_TIMELIMIT" or "SBATCH_WAIT").ToArray())
            start.Environment.Remove(name);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new InputException($"{program}: there is no such program on the PATH; --engine slurm needs Slurm's commands: call it on a machine that submits jobs to the cluster, or load the cluster's module first", error);
        }
        using (process)
        {
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(s_limit))
            {
                process.Kill(entireProcessTree: true);
                throw new SlurmException($"{program}: no answer within {s_limit.TotalMinutes} minutes", "", mayHaveWorked: true);
            }
            string said = error.GetAwaiter().GetResult().Trim();
            if (process.ExitCode != 0)
                throw new SlurmException($"{program} ended with exit code {process.ExitCode}: {(said.Length == 0 ? "it said nothing" : Shorten(said))}", said, s_mayHaveWorked.Any(words => said.Contains(words, StringComparison.Ordinal)));
            return output.GetAwaiter().GetResult();
        }
    }

    private static string Shorten(string text) => text.Length <= 600 ? text : text[..600] + "...";
}
