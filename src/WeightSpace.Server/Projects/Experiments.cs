using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Npgsql;
using WeightSpace.Engines;
using WeightSpace.Server.Database;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Server.Projects;

/// <summary>An experiment that is handed in.</summary>
/// <param name="Name">Its name in the project, and of its zoo's folder: small letters, digits and hyphens.</param>
/// <param name="Subset">As in <see cref="Experiment.NetworksPerClass"/>.</param>
/// <param name="UnitFlops">Operations of training to every work unit, at most; null: units are cut to each host's speed.</param>
/// <param name="Priority">Units of an experiment with a higher one are handed out first.</param>
/// <param name="UnitSeconds">How long a unit that is cut to its host is meant to take.</param>
public sealed record Submission(string Name, string Text, int? Subset, double? UnitFlops, int Priority, double UnitSeconds = 3600);

/// <summary>How far an experiment is.</summary>
public sealed record ExperimentStatus(string Name, string State, string Reason, int Priority, int Networks, long NetworksDone, long Units, long UnitsDone, long InProgress, long ToCheck, long Invalid, long Failed, long Held, long Withdrawn, long Suspect, string Zoo);

/// <summary>
/// The experiments of a project. Each grows in a folder of its own as <see cref="GrowingZoo"/> has it: the units are those that any engine would write, their results stand where any engine
/// would look for them, and the zoo is written from them when all are there. A unit is handed out only after its file is on the disk.
/// </summary>
internal sealed partial class Experiments(Project project) : IDisposable
{
    private readonly ConcurrentDictionary<int, (GrowingZoo Zoo, NetworkCosts Costs)> _growing = new();

    /// <summary>Takes an experiment in, for <see cref="Work"/> to stage. Throws <see cref="InputException"/> where it cannot be grown here.</summary>
    public async Task Submit(Submission submission)
    {
        if (!NamePattern().IsMatch(submission.Name))
            throw new InputException($"name: found '{submission.Name}', expected 1 to 40 small letters, digits and hyphens");
        if (submission.UnitFlops is { } flops && (!double.IsFinite(flops) || flops < 1))
            throw new InputException($"unit_flops: found {flops}, expected a number of at least 1");
        if (!double.IsFinite(submission.UnitSeconds) || submission.UnitSeconds <= 0)
            throw new InputException($"unit_seconds: found {submission.UnitSeconds}, expected a number above 0");
        Experiment experiment = Parse(submission.Name, submission.Text, submission.Subset);
        if (experiment.ImageSets.Count > 0)
            throw new InputException($"the experiment trains on images from files ({experiment.ImageSets[0].Name}), which volunteers' machines do not have; grow it with another engine");
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        int made = await connection.Execute(
            "INSERT INTO experiments (name, text, subset, unit_flops, unit_seconds, priority, state, networks, created_at) VALUES ($1, $2, $3::int, $4::double precision, $5, $6, 'staging', $7, $8) ON CONFLICT (name) DO NOTHING",
            submission.Name, submission.Text, submission.Subset, submission.UnitFlops, submission.UnitSeconds, submission.Priority, experiment.Networks.Count, project.Now);
        // The same call again, after an answer that was lost, changes nothing.
        if (made == 0 && !await connection.Scalar<bool>("SELECT EXISTS (SELECT FROM experiments WHERE name = $1 AND text = $2 AND subset IS NOT DISTINCT FROM $3::int)", submission.Name, submission.Text, submission.Subset))
            throw new InputException($"the project has another experiment of the name '{submission.Name}'; choose another name (--name)");
        Project.Wake(project.NewWork);
    }

    public async Task<List<ExperimentStatus>> Status()
    {
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        return await connection.Rows(row => new ExperimentStatus(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt32(3), row.GetInt32(4), row.GetInt64(5), row.GetInt64(6), row.GetInt64(7),
                row.GetInt64(8), row.GetInt64(9), row.GetInt64(10), row.GetInt64(11), row.GetInt64(12), row.GetInt64(13), row.GetInt64(14), Folder(row.GetString(0))),
            """
            SELECT e.name, e.state, e.reason, e.priority, e.networks, coalesce(u.ended, 0), coalesce(u.units, 0), coalesce(u.done, 0), coalesce(r.sent, 0), coalesce(r.reported, 0), coalesce(r.invalid, 0), coalesce(r.failed, 0),
                coalesce(r.held, 0), coalesce(r.withdrawn, 0), coalesce(u.suspect, 0)
            FROM experiments e
            LEFT JOIN (SELECT experiment_id, sum(ended) AS ended, count(*) AS units, count(*) FILTER (WHERE is_done) AS done, count(*) FILTER (WHERE is_suspect) AS suspect FROM units WHERE voided = 0 GROUP BY 1) u ON u.experiment_id = e.id
            LEFT JOIN (SELECT experiment_id, count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'reported') AS reported,
                              count(*) FILTER (WHERE state = 'invalid') AS invalid, count(*) FILTER (WHERE state IN ('failed', 'expired')) AS failed,
                              count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn
                       FROM results JOIN units ON units.id = unit_id GROUP BY 1) r ON r.experiment_id = e.id
            ORDER BY e.id
            """);
    }

    /// <summary>The folder of an experiment's zoo.</summary>
    public string Folder(string name) => Path.Combine(project.Data.Zoos, name);

    /// <summary>Where the file of a unit lies.</summary>
    public string UnitPath(string experiment, int group, int unit) => Path.Combine(UnitPlan.UnitFolderOf(WorkFolder(experiment)), UnitPlan.Name(group, unit) + ".json");

    /// <summary>Where the accepted result of a unit lies.</summary>
    public string ResultPath(string experiment, int group, int unit) => Path.Combine(UnitPlan.ResultFolderOf(WorkFolder(experiment)), UnitPlan.Name(group, unit) + ".safetensors");

    /// <summary>The experiments whose zoos are open.</summary>
    public int[] OpenIds() => [.. _growing.Keys];

    /// <summary>The zoo of an experiment that is open.</summary>
    public GrowingZoo Growing(int experiment) => _growing[experiment].Zoo;

    /// <summary>The zoo of an experiment where it is open, and what its networks cost.</summary>
    public (GrowingZoo Zoo, NetworkCosts Costs)? Find(int experiment) => _growing.TryGetValue(experiment, out var open) ? open : null;

    /// <summary>Adds to a plan what was cut and is not in it yet.</summary>
    public static async Task ReadGroups(NpgsqlConnection connection, int id, UnitPlan plan)
    {
        foreach (int networks in await connection.Rows(row => row.GetInt32(0), "SELECT networks FROM units WHERE experiment_id = $1 AND unit_number = 0 AND group_number >= $2 ORDER BY group_number", id, plan.Groups))
            plan.Append(networks);
    }

    /// <summary>
    /// Pauses, resumes or cancels an experiment: <paramref name="what"/> is <c>pause</c>, <c>resume</c> or <c>cancel</c>. What is so already stays so. Throws <see cref="InputException"/> where there
    /// is none of the name, or it is too late.
    /// </summary>
    /// <returns>The state that it is in now.</returns>
    public async Task<string> Control(string name, string what)
    {
        (string[] from, string to) = what switch
        {
            "pause" => (["staging", "running"], "paused"),
            "resume" => (["paused"], "running"),
            "cancel" => ((string[])["staging", "running", "paused", "failed"], "cancelled"),
            _ => throw new InputException($"found '{what}', expected pause, resume or cancel"),
        };
        string? state = await project.InTransaction(async connection =>
        {
            string? now = await connection.Scalar<string>("SELECT state FROM experiments WHERE name = $1 FOR NO KEY UPDATE", name);
            if (!from.Contains(now))
                return now;
            await connection.Execute("UPDATE experiments SET state = $2, reason = '' WHERE name = $1", name, to);
            // Whose work it is learns it at its next request.
            if (to == "cancelled")
                await connection.Execute("UPDATE results SET state = 'unneeded', reported_at = $2 FROM units u JOIN experiments e ON e.id = u.experiment_id WHERE u.id = unit_id AND e.name = $1 AND results.state IN ('sent', 'expired')", name, project.Now);
            return to;
        });
        if (state is null)
            throw new InputException($"the project has no experiment of the name '{name}'");
        if (state != to && (what, state) is not ("resume", "staging"))
            throw new InputException($"{name}: found it {state}, and only one that is {string.Join(" or ", from)} can be {to}");
        Project.Wake(project.Demand.News);
        Project.Wake(project.NewWork);
        return state;
    }

    /// <summary>Opens what was under way, writes the zoos of which all units are done, and clears up behind what was cancelled.</summary>
    public async Task Work(CancellationToken stop)
    {
        List<(int Id, string Name, string State)> open;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
            open = await connection.Rows(row => (row.GetInt32(0), row.GetString(1), row.GetString(2)), "SELECT id, name, state FROM experiments WHERE state IN ('staging', 'running', 'paused', 'cancelled', 'reopening') ORDER BY priority DESC, id");
        await ForgetKept(stop);
        foreach ((int id, string name, string state) in open)
        {
            try
            {
                if (state == "reopening")
                    await Reopen(id, name, stop);
                if (state == "cancelled")
                    await ClearIfJudged(id, name, stop);
                else if (_growing.ContainsKey(id) || await Open(id, name))
                    await CompleteIfDone(id, name, stop);
            }
            catch (Exception error) when (error is InputException or IOException or UnauthorizedAccessException)
            {
                project.Settings.Say($"{name}: {error.Message}");
                await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync(CancellationToken.None);
                // What is wrong with a disk may pass; what is wrong with an experiment does not.
                await connection.Execute("UPDATE experiments SET state = CASE WHEN $2 THEN 'failed' ELSE state END, reason = $3 WHERE id = $1 AND state <> 'cancelled'", id, error is InputException, error.Message);
            }
        }
    }

    public void Dispose()
    {
        foreach ((GrowingZoo zoo, _) in _growing.Values)
            zoo.Dispose();
    }

    private Experiment Parse(string name, string text, int? subset)
    {
        var experiment = Experiment.Parse(text, name, project.Settings.Images);
        return subset is { } networks ? experiment.Subset(networks) : experiment;
    }

    /// <summary>False where the zoo is complete already, which an earlier server did not come to put down.</summary>
    private async Task<bool> Open(int id, string name)
    {
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        (string text, int? subset, double? flops, double seconds) = (await connection.Rows(row => (row.GetString(0), row.IsDBNull(1) ? (int?)null : row.GetInt32(1), row.IsDBNull(2) ? (double?)null : row.GetDouble(2), row.GetDouble(3)),
            "SELECT text, subset, unit_flops, unit_seconds FROM experiments WHERE id = $1", id))[0];
        Experiment experiment = Parse(name, text, subset);
        // An earlier server wrote the zoo, and did not come to put its work away.
        if (File.Exists(Path.Combine(Folder(name), ZooManifest.FileName)) && Directory.Exists(GrowingZoo.WorkFolder(Folder(name))) && Keep(name) is { } keep)
            Directory.Move(GrowingZoo.WorkFolder(Folder(name)), keep);
        GrowingZoo? zoo = GrowingZoo.Open(experiment, Folder(name), new UnitCut.OnDemand());
        if (zoo is null)
        {
            await SetComplete(id);
            return false;
        }
        await ReadGroups(connection, id, zoo.Plan);
        zoo.Plan.UnitFlops = flops ?? project.Demand.UnitFlops(seconds);
        _growing[id] = (zoo, new NetworkCosts(experiment));
        Project.Wake(project.Demand.News);
        return true;
    }

    /// <summary>Of a cancelled experiment, results that were reported before are judged, and earn what they are worth; then its work is removed.</summary>
    private async Task ClearIfJudged(int id, string name, CancellationToken stop)
    {
        string work = GrowingZoo.WorkFolder(Folder(name));
        if (!Directory.Exists(work) && !Directory.Exists(WorkRemoval.RemovedName(work)))
            return;
        await project.Deciding.WaitAsync(stop);
        try
        {
            await ClearIfJudged(id, name, work, WorkRemoval.RemovedName(work));
        }
        finally
        {
            project.Deciding.Release();
        }
    }

    private async Task ClearIfJudged(int id, string name, string work, string removed)
    {
        List<long> results;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(CancellationToken.None))
        {
            if (await connection.Scalar<bool>("SELECT EXISTS (SELECT FROM results r JOIN units u ON u.id = r.unit_id WHERE u.experiment_id = $1 AND r.state = 'reported')", id))
            {
                if (!_growing.ContainsKey(id))
                    await Open(id, name);
                return;
            }
            // Also what was being handed out while it was cancelled, and what waits for others that will not come.
            await connection.Execute("UPDATE results SET state = 'unneeded' FROM units u WHERE u.id = unit_id AND u.experiment_id = $1 AND state IN ('sent', 'expired', 'held')", id);
            results = await connection.Rows(row => row.GetInt64(0), "SELECT r.id FROM results r JOIN units u ON u.id = r.unit_id WHERE u.experiment_id = $1", id);
        }
        foreach (long result in results)
            Uploads.Remove(project, result);
        if (_growing.TryRemove(id, out var open))
            open.Zoo.Dispose();
        if (Directory.Exists(work))
            WorkRemoval.Remove(work);
        else
            Directory.Delete(removed, recursive: true);
        // What else stands in the folder is not ours to remove.
        if (!Directory.EnumerateFileSystemEntries(Folder(name)).Any())
            Directory.Delete(Folder(name));
        project.Settings.Say($"{name}: cancelled, and its work removed");
    }

    private async Task CompleteIfDone(int id, string name, CancellationToken stop)
    {
        if (!await IsDone(id, stop))
            return;
        await project.Deciding.WaitAsync(stop);
        try
        {
            // Of what was decided meanwhile, something may have been withdrawn.
            if (!await IsDone(id, stop))
                return;
            GrowingZoo zoo = Growing(id);
            if (await ReopenDamaged(id, zoo) is var damaged and > 0)
            {
                project.Settings.Say($"{name}: {damaged} results were damaged on the disk; their units are handed out again");
                return;
            }
            zoo.Complete(zoo.ReadResults, null, stop, Keep(name));
            _growing.TryRemove(id, out _);
            zoo.Dispose();
            await SetComplete(id);
            Remove(Path.Combine(project.Data.Withdrawn, name));
            project.Settings.Say($"{name}: the zoo is complete: {Folder(name)}");
        }
        finally
        {
            project.Deciding.Release();
        }
    }

    private async Task<bool> IsDone(int id, CancellationToken stop)
    {
        UnitPlan plan = Growing(id).Plan;
        if (plan.Grouped < plan.Experiment.Networks.Count)
            return false;
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop);
        return !await connection.Scalar<bool>("SELECT EXISTS (SELECT FROM units WHERE experiment_id = $1 AND (NOT is_done OR is_suspect)) OR EXISTS (SELECT FROM experiments WHERE id = $1 AND state NOT IN ('staging', 'running', 'paused'))", id);
    }

    /// <summary>
    /// Takes a complete zoo back, as it holds results of a host that was caught: it is moved aside, and written again when others have confirmed them, or trained them right.
    /// </summary>
    private async Task Reopen(int id, string name, CancellationToken stop)
    {
        await project.Deciding.WaitAsync(stop);
        try
        {
            string aside = Path.Combine(project.Data.Withdrawn, name), kept = Path.Combine(project.Data.Kept, name);
            if (File.Exists(Path.Combine(Folder(name), ZooManifest.FileName)))
            {
                Remove(aside);
                Directory.Move(Folder(name), aside);
            }
            if (Directory.Exists(kept))
            {
                Directory.CreateDirectory(Folder(name));
                Directory.Move(kept, GrowingZoo.WorkFolder(Folder(name)));
            }
            await project.InTransaction(connection => connection.Execute("UPDATE experiments SET state = 'running', is_kept = false, completed_at = NULL WHERE id = $1 AND state = 'reopening'", id));
            project.Settings.Say($"{name}: the zoo is withdrawn until what a caught host handed in is confirmed; until then it stands in {aside}");
        }
        finally
        {
            project.Deciding.Release();
        }
    }

    /// <summary>Removes the work of zoos that have been complete for long.</summary>
    private async Task ForgetKept(CancellationToken stop)
    {
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop);
        foreach (string name in await connection.Rows(row => row.GetString(0), "UPDATE experiments SET is_kept = false WHERE is_kept AND state = 'complete' AND completed_at < $1 RETURNING name", project.Now - project.Settings.KeepFor))
            Remove(Path.Combine(project.Data.Kept, name));
    }

    /// <summary>Where the work of an experiment is kept when its zoo is complete; null where it is not.</summary>
    private string? Keep(string name)
    {
        if (project.Settings.KeepFor == TimeSpan.Zero)
            return null;
        string folder = Path.Combine(project.Data.Kept, name);
        Remove(folder);
        return folder;
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    /// <summary>The units and results of an experiment, under way or kept.</summary>
    private string WorkFolder(string name) => GrowingZoo.WorkFolder(Folder(name)) is var work && Directory.Exists(work) ? work : Path.Combine(project.Data.Kept, name);

    /// <summary>Units whose results are not whole on the disk, and those behind them, are trained again: the bytes will be the same.</summary>
    private async Task<int> ReopenDamaged(int id, GrowingZoo zoo)
    {
        int damaged = 0;
        for (int group = 0; group < zoo.Plan.Groups; group++)
        {
            (int whole, int ended) = (0, 0);
            foreach (UnitResult result in zoo.ReadResults(group))
                (whole, ended) = (whole + 1, ended + result.Networks.Count);
            if (ended == zoo.Plan.Count(group))
                continue;
            damaged++;
            await project.InTransaction(connection => connection.Execute(
                "UPDATE units SET is_done = false, ended = 0, wanted = 1, quorum = 1, result_sha256 = NULL, result_id = NULL WHERE experiment_id = $1 AND group_number = $2 AND unit_number = $3 AND voided = 0", id, group, whole));
        }
        return damaged;
    }

    private async Task SetComplete(int id)
    {
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        await connection.Execute("UPDATE experiments SET state = 'complete', reason = '', completed_at = $2, is_kept = $3 WHERE id = $1", id, project.Now, Directory.Exists(Path.Combine(project.Data.Kept, await connection.Scalar<string>("SELECT name FROM experiments WHERE id = $1", id) ?? "")));
    }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,39}\z")]
    private static partial Regex NamePattern();
}
