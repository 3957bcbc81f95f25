using System.Security.Cryptography;
using Npgsql;
using WeightSpace.Engines;
using WeightSpace.Server.Database;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Server.Projects;

/// <summary>
/// Decides about reported results, one after the other (docs/trust.md). A result is compared with what others handed in for its unit, where there is anything, and a part of it is trained again
/// with the chance that its host's record gives. Where two differ, training the first network in which they do says who is wrong. What is right goes to where the zoo's results stand, earns
/// credit, and lets the next unit of a network begin; what is wrong is thrown away, or withdrawn, and its unit handed out again. A crash between any two steps loses nothing: the file is in its
/// place before the database says so, and is put there again where it does not.
/// </summary>
internal sealed class Validator(Project project, Experiments experiments, Uploads uploads)
{
    private const string WentOnFromWithdrawn = "what its unit went on from was withdrawn";

    private const string UnitColumns = "u.id, u.is_done, u.result_id, u.result_sha256, u.quorum, u.experiment_id, e.name, u.group_number, u.unit_number, u.voided <> 0";

    private sealed record UnitInZoo(long Id, bool IsDone, long? ResultId, string? Sha256, int Quorum, int Experiment, string ExperimentName, int Group, int Index, bool IsVoid)
    {
        public string Name => Units.Name(ExperimentName, Group, Index);
    }

    /// <summary>A result that somebody handed in.</summary>
    private sealed record HandedIn(long Id, long Host, long Account, string Name, string Sha256, double Elapsed, long RightInRow);

    /// <summary>Another claim to a unit: one that waits for others; null: the accepted one.</summary>
    private sealed record Rival(HandedIn? Waiting, string Path);

    // Results of which nothing can be said, as a file of the project's own cannot be read: until the server is started again.
    private readonly HashSet<long> _setAside = [];

    /// <summary>Decides about the oldest result that was reported; false where there is none.</summary>
    public async Task<bool> CheckNext(ITrainer trainer, CancellationToken stop)
    {
        await project.Deciding.WaitAsync(stop);
        try
        {
            List<(HandedIn Result, UnitInZoo Unit)> next;
            await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
            {
                next = await connection.Rows(row => (ReadResult(row, 0), ReadUnit(row, 7)),
                    $"""
                    SELECT r.id, r.host_id, r.account_id, r.name, r.uploaded_sha256, r.elapsed, h.right_in_row, {UnitColumns}
                    FROM results r JOIN units u ON u.id = r.unit_id JOIN experiments e ON e.id = u.experiment_id JOIN hosts h ON h.id = r.host_id
                    WHERE r.state = 'reported' AND (u.is_done OR e.id = ANY($1)) AND e.state <> 'reopening' AND r.id <> ALL($2) ORDER BY r.id LIMIT 1
                    """, experiments.OpenIds(), _setAside.ToArray());
            }
            if (next is not [var (result, unit)])
                return false;
            try
            {
                await Judge(result, unit, trainer, stop);
            }
            catch (InputException error)
            {
                _setAside.Add(result.Id);
                project.Settings.Say($"{result.Name}: it cannot be judged, and is set aside until the server is started again: {error.Message}");
            }
            return true;
        }
        finally
        {
            project.Deciding.Release();
        }
    }

    /// <summary>
    /// Trains a unit that too many hosts failed at, or that nobody takes although it needs another's word; false where there is none. What the server trains is the truth.
    /// </summary>
    public async Task<bool> TrainNext(ITrainer trainer, CancellationToken stop)
    {
        UnitInZoo? unit;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
        {
            unit = await connection.Row(row => ReadUnit(row, 0),
                $"""
                WITH candidates AS MATERIALIZED (
                    SELECT id FROM units WHERE NOT is_done AND failures > 0 AND failures >= $1
                    UNION ALL SELECT id FROM units WHERE is_suspect AND ((wanted > 0 AND suspect_at < $3) OR failures >= $1)
                    UNION ALL SELECT unit_id FROM results WHERE state = 'held' AND reported_at < $3 AND (SELECT wanted > 0 AND NOT is_done FROM units WHERE id = unit_id))
                SELECT {UnitColumns} FROM candidates c JOIN units u ON u.id = c.id JOIN experiments e ON e.id = u.experiment_id
                WHERE e.id = ANY($2) AND e.state IN ('staging', 'running', 'paused') AND u.voided = 0 ORDER BY u.id DESC LIMIT 1
                """, project.Settings.Attempts, experiments.OpenIds(), project.Now - project.Settings.OwnWorkAfter);
        }
        if (unit is null)
            return false;
        string path = experiments.UnitPath(unit.ExperimentName, unit.Group, unit.Index), trained = System.IO.Path.Combine(project.Data.Uploads, $"unit-{unit.Id}");
        UnitResult result = WorkUnitRunner.Run(path, trained, trainer, project.Settings.Time, null, stop);
        string sha256 = Digest(trained);
        await project.Deciding.WaitAsync(stop);
        try
        {
            // Somebody may have been faster.
            await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
                unit = await connection.Row(row => ReadUnit(row, 0), $"SELECT {UnitColumns} FROM units u JOIN experiments e ON e.id = u.experiment_id WHERE u.id = $1 AND u.voided = 0 AND (NOT u.is_done OR u.is_suspect)", unit.Id);
            if (unit is not null && experiments.OpenIds().Contains(unit.Experiment))
                await TakeOver(unit, WorkUnit.Read(path), result, sha256, trained);
        }
        finally
        {
            project.Deciding.Release();
        }
        File.Delete(trained);
        Project.Wake(project.NewWork);
        return true;
    }

    private async Task Judge(HandedIn result, UnitInZoo unit, ITrainer trainer, CancellationToken stop)
    {
        if (unit.IsDone && unit.Sha256 == result.Sha256)
        {
            await Confirm(result, unit);
            return;
        }
        string unitPath = experiments.UnitPath(unit.ExperimentName, unit.Group, unit.Index), accepted = experiments.ResultPath(unit.ExperimentName, unit.Group, unit.Index);
        if (unit.IsVoid)
        {
            await End(result, "unneeded", WentOnFromWithdrawn);
            return;
        }
        if (unit.IsDone && !File.Exists(accepted))
        {
            // Its zoo was written long ago: nothing is left to say who is right.
            await End(result, "unneeded", "another result was accepted, and its zoo is complete");
            return;
        }
        var work = WorkUnit.Read(unitPath);
        UnitResult claim;
        try
        {
            claim = UnitResult.Read(uploads.Path(result.Id), work);
        }
        catch (InputException error)
        {
            await Reject(result, unit, error.Message.Replace(uploads.Path(result.Id), result.Name, StringComparison.Ordinal), isLie: false);
            return;
        }
        if (Claims.FindImpossible(work, claim) is { } impossible)
        {
            await Reject(result, unit, impossible, isLie: true);
            return;
        }
        List<HandedIn> held = await Held(result, unit);
        IEnumerable<Rival> rivals = held.Where(other => other.Sha256 != result.Sha256).Select(other => new Rival(other, uploads.Path(other.Id)));
        foreach (Rival rival in unit.IsDone ? rivals.Append(new Rival(null, accepted)) : rivals)
        {
            if (!await Settle(rival, result, claim, unit, work, trainer, stop))
                return;
        }
        // What was withdrawn from a complete zoo is opened first.
        if (!experiments.OpenIds().Contains(unit.Experiment))
            return;
        // What was held against another and is right was looked at already.
        bool wasSettled = unit.IsDone || held.Any(other => other.Sha256 != result.Sha256);
        bool isChecked = RandomNumberGenerator.GetInt32(int.MaxValue) < project.Settings.Trust.ChanceOfCheck(result.RightInRow) * int.MaxValue;
        if (isChecked && Claims.FindDifferenceAtRandom(work, claim, RandomNumberGenerator.GetInt32, trainer, stop) is { } wrong)
        {
            await Reject(result, unit, wrong, isLie: true);
            return;
        }
        HandedIn[] equal = [.. held.Where(other => other.Sha256 == result.Sha256)];
        int owners = equal.Append(result).Select(each => each.Account).Distinct().Count();
        if (owners < unit.Quorum)
            await Hold(result, isChecked || wasSettled);
        else
            await Accept(result, equal, isCompared: isChecked || wasSettled || owners > 1, unit, work, claim);
    }

    /// <summary>
    /// Trains the network in which two claims differ, and throws away what is wrong; false where nothing is left to be decided about the newer one.
    /// </summary>
    private async Task<bool> Settle(Rival rival, HandedIn result, UnitResult claim, UnitInZoo unit, WorkUnit work, ITrainer trainer, CancellationToken stop)
    {
        UnitResult other;
        try
        {
            other = UnitResult.Read(rival.Path, work);
        }
        catch (InputException)
        {
            // Damaged on this disk. Its host did nothing wrong; the newer one stands for itself.
            if (rival.Waiting is null)
                await Reopen(unit);
            else
                await End(rival.Waiting, "unneeded", "its file was damaged on the project's disk");
            return true;
        }
        if (Claims.FirstDifference(claim, other) is not { } at)
        {
            await Reject(result, unit, "its networks are those of the unit's other result, and its file is not", isLie: false);
            return false;
        }
        string? wrong = at < Count(claim) ? Claims.FindDifference(work, claim, at, trainer, stop) : $"network {at} is missing";
        string? otherWrong = at < Count(other) ? Claims.FindDifference(work, other, at, trainer, stop) : $"network {at} is missing";
        if (otherWrong is not null && rival.Waiting is null)
            await Withdraw(unit, otherWrong);
        else if (otherWrong is not null)
            await Reject(rival.Waiting!, unit, otherWrong, isLie: true);
        if (wrong is not null)
            await Reject(result, unit, wrong, isLie: true);
        return wrong is null;

        static int Count(UnitResult result) => result.Networks.Count + (result.Current is null ? 0 : 1);
    }

    /// <summary>What others handed in for a unit, and waits.</summary>
    private async Task<List<HandedIn>> Held(HandedIn result, UnitInZoo unit)
    {
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        return await connection.Rows(row => ReadResult(row, 0),
            "SELECT r.id, r.host_id, r.account_id, r.name, r.uploaded_sha256, r.elapsed, h.right_in_row FROM results r JOIN hosts h ON h.id = r.host_id WHERE r.unit_id = $1 AND r.state = 'held' AND r.id <> $2 ORDER BY r.id",
            unit.Id, result.Id);
    }

    /// <summary>Keeps a result until another owner has handed in the same.</summary>
    private async Task Hold(HandedIn result, bool isCompared) => await project.InTransaction(async connection =>
    {
        await connection.Execute("UPDATE results SET state = 'held', was_compared = $2 WHERE id = $1 AND state = 'reported'", result.Id, isCompared);
        if (isCompared)
            await Records.CountRight(connection, result.Host);
        return 0;
    });

    private async Task Accept(HandedIn result, HandedIn[] equal, bool isCompared, UnitInZoo unit, WorkUnit work, UnitResult claim)
    {
        Place(uploads.Path(result.Id), experiments.ResultPath(unit.ExperimentName, unit.Group, unit.Index));
        long flops = Units.Flops(work, claim);
        await project.InTransaction(async connection =>
        {
            await SetDone(connection, unit, work, claim, result.Sha256, result.Id, flops);
            foreach (HandedIn each in equal.Prepend(result).OrderBy(each => each.Host))
                await SetValid(connection, each, flops, isCompared);
            return 0;
        });
        foreach (HandedIn each in equal.Prepend(result))
            File.Delete(uploads.Path(each.Id));
        Project.Wake(project.NewWork);
    }

    /// <summary>The same unit gives the same bytes: there is nothing to train, the host did the work all the same, and where it is another owner's, its word confirms the accepted one.</summary>
    private async Task Confirm(HandedIn result, UnitInZoo unit)
    {
        await project.InTransaction(async connection =>
        {
            var accepted = await connection.Row(row => new { Host = row.GetInt64(0), Account = row.GetInt64(1), WasCompared = row.GetBoolean(2) }, "SELECT host_id, account_id, was_compared FROM results WHERE id = $1", unit.ResultId);
            bool isAnothers = accepted is null || accepted.Account != result.Account;
            await SetValid(connection, result, await connection.Scalar<long>("SELECT earned FROM units WHERE id = $1", unit.Id), isAnothers);
            if (!isAnothers)
                return 0;
            if (accepted is { WasCompared: false })
            {
                await connection.Execute("UPDATE results SET was_compared = true WHERE id = $1", unit.ResultId);
                await Records.CountRight(connection, accepted.Host);
            }
            return await connection.Execute("UPDATE units SET is_suspect = false, wanted = 0 WHERE id = $1 AND NOT EXISTS (SELECT FROM hosts WHERE account_id = $2 AND wrong > 0)", unit.Id, result.Account);
        });
        File.Delete(uploads.Path(result.Id));
        Project.Wake(project.NewWork);
    }

    /// <summary>Throws a result away. A lie makes suspect what its host handed in before; a damaged file does not.</summary>
    private async Task Reject(HandedIn result, UnitInZoo unit, string reason, bool isLie)
    {
        long suspect = await project.InTransaction(async connection =>
        {
            if (await connection.Execute("UPDATE results SET state = 'invalid', reason = $2 WHERE id = $1 AND state IN ('reported', 'held')", result.Id, reason) == 1)
                await Units.CountFailure(connection, unit.Id, project.Settings.Attempts, isWanted: true);
            if (isLie)
                return await Records.Catch(connection, result.Host, project.Now, project.Settings.RequestDelay);
            await Records.Punish(connection, result.Host, project.Now, project.Settings.RequestDelay);
            return 0;
        });
        project.Settings.Say($"{result.Name}, of host {result.Host}: wrong: {reason}" + SaySuspect(suspect));
        File.Delete(uploads.Path(result.Id));
        if (suspect > 0)
            Project.Wake(project.NewWork);
    }

    /// <summary>
    /// Takes an accepted result out again, all that others handed in with the same bytes, and the units that went on from it. Those who did them trained what they were given, and keep what they earned.
    /// </summary>
    private async Task Withdraw(UnitInZoo unit, string reason)
    {
        long suspect = 0;
        List<HandedIn> withdrawn = [];
        List<long> unneeded = [];
        await project.InTransaction(async connection =>
        {
            suspect = 0;
            List<(HandedIn Result, long Flops)> wrong = await connection.Rows(row => (ReadResult(row, 0), row.GetInt64(7)),
                """
                UPDATE results r SET state = 'withdrawn', reason = $2 FROM hosts h
                WHERE h.id = r.host_id AND r.unit_id = $1 AND r.state = 'valid' AND r.uploaded_sha256 = $3
                RETURNING r.id, r.host_id, r.account_id, r.name, r.uploaded_sha256, r.elapsed, h.right_in_row, r.flops
                """, unit.Id, reason, unit.Sha256);
            await SetOpen(connection, unit);
            await connection.Execute("UPDATE units SET voided = id, is_done = true, wanted = 0, ended = 0, is_suspect = false WHERE experiment_id = $1 AND group_number = $2 AND unit_number > $3 AND voided = 0", unit.Experiment, unit.Group, unit.Index);
            unneeded = await connection.Rows(row => row.GetInt64(0),
                "UPDATE results r SET state = 'unneeded', reason = $3 FROM units u WHERE u.id = r.unit_id AND u.experiment_id = $1 AND u.group_number = $2 AND u.voided <> 0 AND r.state IN ('reported', 'held') RETURNING r.id",
                unit.Experiment, unit.Group, WentOnFromWithdrawn);
            await connection.Execute("UPDATE experiments SET state = 'reopening' WHERE id = $1 AND state = 'complete'", unit.Experiment);
            foreach ((HandedIn result, long flops) in wrong)
            {
                await Credit.Give(connection, result.Host, result.Account, -flops, project.Now);
                suspect += await Records.Catch(connection, result.Host, project.Now, project.Settings.RequestDelay);
            }
            withdrawn = [.. wrong.Select(each => each.Result)];
            return 0;
        });
        project.Settings.Say($"{unit.Name}: withdrawn, of {(withdrawn.Count == 0 ? "nobody" : "host " + string.Join(", ", withdrawn.Select(result => result.Host)))}: {reason}" + SaySuspect(suspect));
        foreach (long id in unneeded)
            File.Delete(uploads.Path(id));
        // What stands behind it, of units that are void now, is overwritten by those that come.
        File.Delete(experiments.ResultPath(unit.ExperimentName, unit.Group, unit.Index));
        Project.Wake(project.NewWork);
    }

    /// <summary>What the server trained is the unit's result, and the measure of all others.</summary>
    private async Task TakeOver(UnitInZoo unit, WorkUnit work, UnitResult result, string sha256, string trained)
    {
        if (unit.IsDone && unit.Sha256 == sha256)
        {
            await project.InTransaction(connection => connection.Execute("UPDATE units SET is_suspect = false, wanted = 0, result_id = NULL WHERE id = $1", unit.Id));
            project.Settings.Say($"{unit.Name}: the server trained it, to the same bytes");
            return;
        }
        if (unit.IsDone)
            await Withdraw(unit, "the server trained it to other bytes");
        Place(trained, experiments.ResultPath(unit.ExperimentName, unit.Group, unit.Index));
        List<HandedIn> held;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync())
            held = await connection.Rows(row => ReadResult(row, 0), "SELECT r.id, r.host_id, r.account_id, r.name, r.uploaded_sha256, r.elapsed, h.right_in_row FROM results r JOIN hosts h ON h.id = r.host_id WHERE r.unit_id = $1 AND r.state = 'held'", unit.Id);
        long flops = Units.Flops(work, result);
        await project.InTransaction(async connection =>
        {
            await SetDone(connection, unit, work, result, sha256, null, flops);
            foreach (HandedIn each in held.Where(each => each.Sha256 == sha256).OrderBy(each => each.Host))
                await SetValid(connection, each, flops, isCompared: true);
            return 0;
        });
        foreach (HandedIn each in held.Where(each => each.Sha256 != sha256))
            await Reject(each, unit, "the server trained its unit to other bytes", isLie: true);
        foreach (HandedIn each in held)
            File.Delete(uploads.Path(each.Id));
        project.Settings.Say($"{unit.Name}: no volunteer's result could be taken; the server trained it");
    }

    /// <summary>A unit whose accepted result is damaged on the disk; the same host's bytes, or another's, will do.</summary>
    private async Task Reopen(UnitInZoo unit)
    {
        await project.InTransaction(async connection =>
        {
            await SetOpen(connection, unit);
            return await connection.Execute("UPDATE experiments SET state = 'reopening' WHERE id = $1 AND state = 'complete'", unit.Experiment);
        });
        File.Delete(experiments.ResultPath(unit.ExperimentName, unit.Group, unit.Index));
    }

    private async Task End(HandedIn result, string state, string reason)
    {
        await project.InTransaction(connection => connection.Execute("UPDATE results SET state = $2, reason = $3 WHERE id = $1", result.Id, state, reason));
        File.Delete(uploads.Path(result.Id));
    }

    private async Task SetDone(NpgsqlConnection connection, UnitInZoo unit, WorkUnit work, UnitResult result, string sha256, long? resultId, long flops)
    {
        if (await connection.Execute("UPDATE units SET is_done = true, is_suspect = false, wanted = 0, ended = $2, result_sha256 = $3, result_id = $4, earned = $5 WHERE id = $1 AND NOT is_done", unit.Id, result.Networks.Count, sha256, resultId, flops) == 0)
            return;
        // Where it ended before its networks, another unit goes on.
        (IReadOnlyList<Recipe> recipes, Snapshot? from) = result.Left(work.Recipes);
        if (recipes.Count > 0)
            await Units.Add(connection, unit.Experiment, unit.ExperimentName, experiments.Growing(unit.Experiment).Plan, unit.Group, unit.Index + 1, recipes, from, project.Settings.Trust.Quorum);
    }

    private static Task<int> SetOpen(NpgsqlConnection connection, UnitInZoo unit) => connection.Execute(
        """
        UPDATE units u SET is_done = false, is_suspect = false, ended = 0, result_id = NULL, result_sha256 = NULL, earned = 0,
            wanted = greatest(1, quorum - (SELECT count(*) FROM results r WHERE r.unit_id = u.id AND r.state IN ('sent', 'reported', 'held')))
        WHERE id = $1
        """, unit.Id);

    private async Task SetValid(NpgsqlConnection connection, HandedIn result, long flops, bool isCompared)
    {
        await connection.Execute("SELECT FROM hosts WHERE id = $1 FOR UPDATE", result.Host);
        if (await connection.Execute("UPDATE results SET state = 'valid', flops = $2 WHERE id = $1 AND state IN ('reported', 'held')", result.Id, flops) == 0)
            return;
        // What was held was counted when it was checked.
        if (isCompared && await connection.Execute("UPDATE results SET was_compared = true WHERE id = $1 AND NOT was_compared", result.Id) == 1)
            await Records.CountRight(connection, result.Host);
        double? speed = result.Elapsed > 1 ? Math.Clamp(flops / result.Elapsed, 1e7, 1e12) : null;
        await connection.Execute(
            """
            UPDATE hosts SET errors_in_row = 0, quota = least(quota * 2, $2),
                measured_speed = CASE WHEN $3::double precision IS NULL THEN measured_speed ELSE coalesce(0.8 * measured_speed + 0.2 * $3::double precision, $3::double precision) END
            WHERE id = $1
            """, result.Host, Scheduler.MaxQuota, speed);
        await Credit.Give(connection, result.Host, result.Account, flops, project.Now);
    }

    /// <summary>Copies a result to where its zoo's stand, durably and whole.</summary>
    private static void Place(string from, string to) => AtomicFile.Write(to, stream =>
    {
        using FileStream file = File.OpenRead(from);
        file.CopyTo(stream);
    });

    private static string Digest(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static string SaySuspect(long units) => units == 0 ? "" : $"; {units} units that it handed in before are to be confirmed by others";

    private static HandedIn ReadResult(NpgsqlDataReader row, int first) =>
        new(row.GetInt64(first), row.GetInt64(first + 1), row.GetInt64(first + 2), row.GetString(first + 3), row.GetString(first + 4), row.GetDouble(first + 5), row.GetInt64(first + 6));

    private static UnitInZoo ReadUnit(NpgsqlDataReader row, int first) => new(row.GetInt64(first), row.GetBoolean(first + 1), row.IsDBNull(first + 2) ? null : row.GetInt64(first + 2),
        row.IsDBNull(first + 3) ? null : row.GetString(first + 3), row.GetInt32(first + 4), row.GetInt32(first + 5), row.GetString(first + 6), row.GetInt32(first + 7), row.GetInt32(first + 8), row.GetBoolean(first + 9));
}
