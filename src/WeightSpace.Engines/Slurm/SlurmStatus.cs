using System.Globalization;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Engines.Slurm;

/// <summary>What tells how far work on a cluster is, without doing any.</summary>
/// <param name="Folder">The folder of units and results.</param>
/// <param name="Count">Networks of a group, or in what else the work is counted.</param>
/// <param name="CountEnded">How many of them a result has, by its header; null where it is none.</param>
public sealed record WorkCounts(string Folder, int Groups, int Networks, Func<int, int> Count, Func<string, int?> CountEnded);

/// <summary>How far a zoo on a cluster is: counts of units by what they do, and of networks. Of an analysis, a network is a unit.</summary>
/// <param name="Units">Units known so far; a network that takes longer than one has more of them later.</param>
/// <param name="Waiting">Units whose job is in the queue.</param>
/// <param name="Running">Units whose job is running.</param>
/// <param name="ToSubmit">Units without a job.</param>
/// <param name="NetworksPerHour">Over the last hour, or since the first result; null: there is none.</param>
/// <param name="CoreHours">Of all jobs that have ended or are running, those that failed too.</param>
/// <param name="SecondsLeft">At the rate of <paramref name="NetworksPerHour"/>.</param>
/// <param name="JobsThatFailed">Jobs that ended without doing their unit.</param>
/// <param name="Reasons">Why jobs wait, as Slurm says it, with how many do.</param>
/// <param name="Errors">What failed jobs said last, with how many said it; the most frequent first.</param>
/// <param name="FailuresByNode">Nodes on which jobs failed, with how many.</param>
/// <param name="Trouble">Why the queue is not known; null: it is.</param>
public sealed record SlurmStatus(int Units, int Done, int Waiting, int Running, int ToSubmit, int Networks, int NetworksDone, double? NetworksPerHour, double CoreHours, double? SecondsLeft, int JobsThatFailed,
    IReadOnlyList<(string Reason, int Count)> Reasons, IReadOnlyList<(string Text, int Count)> Errors, IReadOnlyList<(string Node, int Count)> FailuresByNode, string? Trouble)
{
    private const int MostFiles = 2000, MostLines = 5;

    /// <summary>Looks at a zoo that grows on a cluster, and leaves it as it is. Throws <see cref="InputException"/> where the folder holds none.</summary>
    /// <param name="load">Reads an experiment's file.</param>
    public static SlurmStatus Read(string zoo, Func<string, Experiment> load, SlurmCommands commands, TimeProvider time)
    {
        (SlurmFolder folder, JobRecord record) = Find(zoo);
        Experiment experiment = load(folder.Experiment);
        if (record.NetworksPerClass is { } perClass)
            experiment = experiment.Subset(perClass);
        UnitPlan plan = UnitPlan.Read(experiment, folder.Work);
        return Read(new WorkCounts(folder.Work, plan.Groups, experiment.Networks.Count, plan.Count, UnitResult.CountEnded), commands, time);
    }

    /// <summary>Looks at work on a cluster, and leaves it as it is. Throws <see cref="InputException"/> where none was submitted.</summary>
    public static SlurmStatus Read(WorkCounts work, SlurmCommands commands, TimeProvider time)
    {
        var folder = new SlurmFolder(work.Folder);
        JobRecord record = JobRecord.Read(folder) ?? throw new InputException($"{work.Folder}: nothing was submitted to a cluster here");
        (int[] units, int done, int networks, double? perHour) = ReadResults(work, time.GetUtcNow().UtcDateTime);
        (IReadOnlyList<SlurmJob> queue, string? trouble) = Queue(commands, record);
        (int waiting, int running, double runningSeconds) = CountJobs(record, queue, work.Groups, units);
        (double seconds, int failures, Dictionary<string, int> byNode) = ReadTimes(folder.Times);
        int left = work.Networks - networks;
        return new SlurmStatus(work.Groups, done, waiting, running, work.Groups - done - waiting - running, work.Networks, networks, perHour, (seconds + runningSeconds) / 3600,
            perHour > 0 ? left / perHour * 3600 : null, failures, Most(queue.Where(job => job.State == "PENDING").GroupBy(job => job.Reason).Select(group => (group.Key, group.Sum(job => Math.Max(1, job.Count))))),
            ReadErrors(folder.Errors), Most(byNode.Select(pair => (pair.Key, pair.Value))), trouble);
    }

    /// <summary>The files of a zoo on a cluster, or of an analysis. Throws <see cref="InputException"/> where there is none, or the zoo is complete.</summary>
    public static (SlurmFolder Folder, JobRecord Record) Find(string zoo)
    {
        var folder = new SlurmFolder(GrowingZoo.WorkFolder(zoo));
        if (JobRecord.Read(folder) is { } record)
            return (folder, record);
        var analysis = new SlurmFolder(SlurmFolder.AnalysisFolder(zoo));
        if (JobRecord.Read(analysis) is { } ofAnalysis)
            return (analysis, ofAnalysis);
        throw new InputException(File.Exists(Path.Combine(zoo, ZooManifest.FileName)) ? $"{zoo}: this zoo is complete; `weightspace info {zoo}` tells what is in it"
            : Directory.Exists(folder.Work) ? $"{zoo}: this zoo is growing, but not on a cluster (there is no {folder.Record})" : $"{zoo}: there is no zoo that is growing on a cluster, and no analysis");
    }

    /// <summary>Of each group how many units have results and whether it is done, by the headers of the results.</summary>
    private static (int[] Units, int Done, int Networks, double? PerHour) ReadResults(WorkCounts work, DateTime now)
    {
        int[] units = new int[work.Groups], ended = new int[work.Groups];
        string resultFolder = UnitPlan.ResultFolderOf(work.Folder);
        var results = new List<(DateTime At, int Networks)>();
        for (int first = 0; first < work.Groups; first += UnitPlan.GroupsPerFolder)
        {
            string folder = Path.GetDirectoryName(Path.Combine(resultFolder, UnitPlan.Name(first, 0)))!;
            foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("*.safetensors"))
            {
                string name = Path.GetRelativePath(resultFolder, file.FullName)[..^".safetensors".Length];
                if (UnitPlan.Parse(name) is not { } unit || unit.Group >= work.Groups || work.CountEnded(file.FullName) is not { } networks)
                    continue;
                units[unit.Group]++;
                ended[unit.Group] += networks;
                results.Add((file.LastWriteTimeUtc, networks));
            }
        }
        int done = Enumerable.Range(0, work.Groups).Count(group => ended[group] >= work.Count(group));
        // Units of one length end together, so the span begins before the first result: at the last one that does not count any more, or an hour ago.
        DateTime since = results.Count == 0 ? now : Max(results.Min(result => result.At), now.AddHours(-1));
        int counted = results.Where(result => result.At > since).Sum(result => result.Networks);
        double hours = (now - since).TotalHours;
        return (units, done, ended.Sum(), counted > 0 && hours > 0 ? counted / hours : null);
    }

    private static DateTime Max(DateTime a, DateTime b) => a > b ? a : b;

    private static (IReadOnlyList<SlurmJob> Queue, string? Trouble) Queue(SlurmCommands commands, JobRecord record)
    {
        try
        {
            return ([.. SlurmJobs.Own(commands.Queue(), record).Where(job => !job.HasEnded)], null);
        }
        catch (Exception error) when (error is SlurmException or InputException)
        {
            return ([], error.Message);
        }
    }

    /// <summary>Units with a job that waits or runs, each counted once, and for how long those that run have been at it.</summary>
    private static (int Waiting, int Running, double Seconds) CountJobs(JobRecord record, IReadOnlyList<SlurmJob> queue, int groups, int[] units)
    {
        var byJob = record.Batches.Where(batch => batch.Job is not null).ToDictionary(batch => record.JobName(batch.Number), batch => batch);
        var counted = new HashSet<int>();
        (int waiting, int running, double seconds) = (0, 0, 0);
        foreach (SlurmJob job in queue.OrderBy(job => job.State == "RUNNING" ? 0 : 1))
        {
            if (job.State == "RUNNING")
                seconds += job.Elapsed.TotalSeconds;
            if (!byJob.TryGetValue(job.Name, out Batch? batch))
                continue;
            foreach ((int from, int to) in job.Elements)
            {
                for (int element = from; element <= to && element < batch.Units.Count; element++)
                {
                    (int group, int unit, _) = batch.Units[element];
                    if (group >= groups || unit < units[group] || !counted.Add(group))
                        continue;
                    (waiting, running) = job.State == "RUNNING" ? (waiting, running + 1) : (waiting + 1, running);
                }
            }
        }
        return (waiting, running, seconds);
    }

    /// <summary>The lines that jobs leave at their end: job, element, unit, attempt, exit code, seconds.</summary>
    private static (double Seconds, int Failures, Dictionary<string, int> ByNode) ReadTimes(string folder)
    {
        (double seconds, int failures, var byNode) = (0, 0, new Dictionary<string, int>());
        foreach (string path in Directory.Exists(folder) ? Directory.EnumerateFiles(folder) : [])
        {
            foreach (string line in File.ReadLines(path))
            {
                string[] fields = line.Split(' ');
                if (fields.Length != 6 || !double.TryParse(fields[5], NumberStyles.None, CultureInfo.InvariantCulture, out double took))
                    continue;
                seconds += took;
                if (fields[4] == "0")
                    continue;
                failures++;
                byNode[Path.GetFileName(path)] = byNode.GetValueOrDefault(Path.GetFileName(path)) + 1;
            }
        }
        return (seconds, failures, byNode);
    }

    private static List<(string Text, int Count)> ReadErrors(string folder)
    {
        var texts = new Dictionary<string, int>();
        foreach (string path in Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Take(MostFiles) : [])
        {
            try
            {
                if (SlurmErrors.LastLine(path) is { Length: > 0 } line)
                    texts[line] = texts.GetValueOrDefault(line) + 1;
            }
            catch (IOException)
            {
                // Its job has just ended well.
            }
        }
        return Most(texts.Select(pair => (pair.Key, pair.Value)));
    }

    private static List<(string, int)> Most(IEnumerable<(string Key, int Count)> counts) => [.. counts.OrderByDescending(pair => pair.Count).ThenBy(pair => pair.Key, StringComparer.Ordinal).Take(MostLines)];
}
