using System.Globalization;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Engines.Slurm;

/// <summary>What a cluster allows, as <c>scontrol show config</c> says it.</summary>
/// <param name="MaxArraySize">Elements of a job array are numbered below this.</param>
/// <param name="MaxJobCount">Jobs, array elements counted, that the controller keeps at once, of all users.</param>
/// <param name="HasAccounts">Whether it keeps accounts, which remember how a job ended when the queue has forgotten it.</param>
public sealed record SlurmLimits(string Cluster, string Version, int MaxArraySize, int MaxJobCount, bool HasAccounts)
{
    public static SlurmLimits Parse(string text)
    {
        var values = new Dictionary<string, string>();
        foreach (string line in text.Split('\n'))
        {
            int at = line.IndexOf('=', StringComparison.Ordinal);
            if (at > 0)
                values[line[..at].Trim()] = line[(at + 1)..].Trim();
        }
        return new SlurmLimits(Get("ClusterName"), Get("SLURM_VERSION"), Number("MaxArraySize"), Number("MaxJobCount"), !values.GetValueOrDefault("AccountingStorageType", "none").EndsWith("none", StringComparison.Ordinal));

        string Get(string key) => values.TryGetValue(key, out string? value) ? value : throw new SlurmException($"scontrol show config: {key} is missing", "", mayHaveWorked: false);

        int Number(string key) => int.TryParse(Get(key), NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value
            : throw new SlurmException($"scontrol show config: {key}: found '{Get(key)}', expected a number", "", mayHaveWorked: false);
    }
}

/// <summary>A partition, as <c>scontrol --oneliner show partition</c> says it.</summary>
/// <param name="MaxTime">Null: none.</param>
/// <param name="MaxMemory">MB that a job may have on a node; null: no bound.</param>
public sealed record SlurmPartition(string Name, bool IsDefault, string State, TimeSpan? MaxTime, int? MaxMemory)
{
    public static IReadOnlyList<SlurmPartition> Parse(string text)
    {
        var partitions = new List<SlurmPartition>();
        foreach (string line in text.Split('\n'))
        {
            var values = new Dictionary<string, string>();
            foreach (string word in line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                int at = word.IndexOf('=', StringComparison.Ordinal);
                if (at > 0)
                    values[word[..at]] = word[(at + 1)..];
            }
            if (values.TryGetValue("PartitionName", out string? name))
            {
                partitions.Add(new SlurmPartition(name, values.GetValueOrDefault("Default") == "YES", values.GetValueOrDefault("State", "UP"), SlurmSection.ParseTime(values.GetValueOrDefault("MaxTime", "UNLIMITED")),
                    int.TryParse(values.GetValueOrDefault("MaxMemPerNode"), NumberStyles.None, CultureInfo.InvariantCulture, out int memory) ? memory : null));
            }
        }
        return partitions;
    }
}

/// <summary>A line of <c>squeue</c>, or of <c>sacct</c>: a job, or elements of a job array that are in the same state.</summary>
/// <param name="Elements">Ranges of elements, both ends included; none where it is no array.</param>
/// <param name="Reason">Why it waits, or how it failed.</param>
/// <param name="Elapsed">How long it has been running.</param>
public sealed record SlurmJob(long Job, IReadOnlyList<(int From, int To)> Elements, string State, string Reason, string Name, TimeSpan Elapsed)
{
    internal const string QueueFormat = "%F|%K|%T|%r|%M|%j", AccountsFormat = "JobID,State,ExitCode,NodeList,JobName";

    private static readonly HashSet<string> s_ended = ["BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"];

    /// <summary>Whether Slurm is done with it: it is in the queue to be seen, and no more.</summary>
    public bool IsGone => s_ended.Contains(State);

    /// <summary>Whether it will do nothing any more. Slurm holds what it could not start on a node, and there it would stay for ever.</summary>
    public bool HasEnded => IsGone || Reason.Replace('_', ' ').Contains("launch failed requeued held", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is, or some elements of this line are, held: squeue puts pending elements into one line with the reasons of all, in short words.</summary>
    public bool MayBeHeld => Reason.Contains("held", StringComparison.OrdinalIgnoreCase);

    /// <summary>Elements of this line.</summary>
    public int Count => Elements.Sum(range => range.To - range.From + 1);

    /// <summary>Lines that are not as <see cref="QueueFormat"/> asks for are passed over: a site's own words on standard output.</summary>
    public static IReadOnlyList<SlurmJob> Parse(string text)
    {
        var jobs = new List<SlurmJob>();
        foreach (string line in text.Split('\n'))
        {
            string[] fields = line.Split('|', 6);
            if (fields.Length == 6 && long.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out long job))
                jobs.Add(new SlurmJob(job, ParseElements(fields[1]), fields[2], fields[3], fields[5].TrimEnd(), SlurmSection.ParseTime(fields[4]) ?? TimeSpan.Zero));
        }
        return jobs;
    }

    /// <summary>Lines of <c>sacct</c>, as <see cref="AccountsFormat"/> asks for them; others are passed over.</summary>
    public static IReadOnlyList<SlurmJob> ParseAccounts(string text)
    {
        var jobs = new List<SlurmJob>();
        foreach (string line in text.Split('\n'))
        {
            string[] fields = line.Split('|', 5), number = fields[0].Split('_', 2);
            if (fields.Length != 5 || number.Length != 2 || !long.TryParse(number[0], NumberStyles.None, CultureInfo.InvariantCulture, out long job))
                continue;
            // "CANCELLED by 1000"; exit code and signal as 0:9.
            (string state, string[] exit) = (fields[1].Split(' ')[0], fields[2].Split(':'));
            string reason = exit is [_, not "0"] ? $"signal {exit[1]}" : exit is [not "0", _] ? $"exit code {exit[0]}" : "";
            reason = fields[3] is "" or "None assigned" ? reason : $"{reason} on {fields[3]}".TrimStart();
            jobs.Add(new SlurmJob(job, ParseElements(number[1]), state, reason, fields[4].TrimEnd(), TimeSpan.Zero));
        }
        return jobs;
    }

    /// <summary><c>1,3,5-9%10</c>; behind the percent sign stands how many may run at once.</summary>
    private static List<(int From, int To)> ParseElements(string text)
    {
        var ranges = new List<(int, int)>();
        foreach (string range in text.Trim('[', ']').Split('%')[0].Split(','))
        {
            string[] ends = range.Split('-');
            if (ends.Length <= 2 && int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int from) && int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int to))
                ranges.Add((from, to));
        }
        return ranges;
    }
}
