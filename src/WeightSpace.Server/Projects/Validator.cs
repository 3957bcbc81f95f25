using System.Security.Cryptography;
using Npgsql;
using WeightSpace.Engines;
using WeightSpace.Server.Database;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Server.Projects;

/// <summary>
/// Decides about reported results, one after the other: what is right goes to where the zoo's results stand, earns credit, and lets the next unit of a network begin; what is wrong is thrown
/// away, and its unit handed out again. A crash between any two steps loses nothing: the file is in its place before the database says so, and is put there again where it does not.
/// </summary>
internal sealed class Validator(Project project, Experiments experiments, Uploads uploads)
{
    private sealed record Reported(long Id, long Unit, long Host, long Account, string Name, string Sha256, long UploadedBytes, double Elapsed, bool IsUnitDone, string? UnitSha256, int Experiment, string ExperimentName, int Group, int Index);

    /// <summary>Decides about the oldest result that was reported; false where there is none.</summary>
    public async Task<bool> CheckNext(ITrainer trainer, CancellationToken stop)
    {
        Reported? result;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
        {
            result = await connection.Row(row => new Reported(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetString(4), row.GetString(5), row.GetInt64(6), row.GetDouble(7), row.GetBoolean(8),
                    row.IsDBNull(9) ? null : row.GetString(9), row.GetInt32(10), row.GetString(11), row.GetInt32(12), row.GetInt32(13)),
                """
                SELECT r.id, r.unit_id, r.host_id, r.account_id, r.name, r.uploaded_sha256, r.uploaded_bytes, r.elapsed, u.is_done, u.result_sha256, u.experiment_id, e.name, u.group_number, u.unit_number
                FROM results r JOIN units u ON u.id = r.unit_id JOIN experiments e ON e.id = u.experiment_id
                WHERE r.state = 'reported' AND (u.is_done OR e.id = ANY($1)) ORDER BY r.id LIMIT 1
                """, experiments.OpenIds());
        }
        if (result is null)
            return false;
        if (result.IsUnitDone)
        {
            // The same unit gives the same bytes, so there is nothing to train.
            await (result.UnitSha256 == result.Sha256 ? Accept(result, null) : Reject(result, "its bytes are not those of the unit's result"));
            return true;
        }
        GrowingZoo zoo = experiments.Growing(result.Experiment);
        var unit = WorkUnit.Read(zoo.Plan.UnitPath(result.Group, result.Index));
        UnitResult claim;
        try
        {
            claim = UnitResult.Read(uploads.Path(result.Id), unit);
        }
        catch (InputException error)
        {
            await Reject(result, error.Message.Replace(uploads.Path(result.Id), result.Name, StringComparison.Ordinal));
            return true;
        }
        string? wrong = Claims.FindImpossible(unit, claim);
        if (wrong is null && RandomNumberGenerator.GetInt32(int.MaxValue) < project.Settings.CheckedShare * int.MaxValue)
            wrong = Claims.FindDifference(unit, claim, RandomNumberGenerator.GetInt32(claim.Networks.Count + (claim.Current is null ? 0 : 1)), trainer, stop);
        await (wrong is null ? Accept(result, (zoo, unit, claim)) : Reject(result, wrong));
        return true;
    }

    /// <summary>Trains a unit that too many hosts failed at; false where there is none.</summary>
    public async Task<bool> TrainNext(ITrainer trainer, CancellationToken stop)
    {
        (long Id, int Experiment, string Name, int Group, int Index)[] found;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
        {
            found = [.. await connection.Rows(row => (row.GetInt64(0), row.GetInt32(1), row.GetString(2), row.GetInt32(3), row.GetInt32(4)),
                "SELECT u.id, u.experiment_id, e.name, u.group_number, u.unit_number FROM units u JOIN experiments e ON e.id = u.experiment_id WHERE NOT u.is_done AND u.failures > 0 AND u.failures >= $1 AND e.id = ANY($2) ORDER BY u.id LIMIT 1",
                project.Settings.Attempts, experiments.OpenIds())];
        }
        if (found is not [var (id, experiment, name, group, index)])
            return false;
        GrowingZoo zoo = experiments.Growing(experiment);
        string path = zoo.Plan.ResultPath(group, index);
        UnitResult result = WorkUnitRunner.Run(zoo.Plan.UnitPath(group, index), path, trainer, project.Settings.Time, null, stop);
        var unit = WorkUnit.Read(zoo.Plan.UnitPath(group, index));
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(path, stop)));
        await project.InTransaction(async connection =>
        {
            if (await connection.Execute("UPDATE units SET is_done = true, wanted = 0, ended = $2, result_sha256 = $3 WHERE id = $1 AND NOT is_done", id, result.Networks.Count, sha256) == 1)
                await AddNext(connection, zoo, unit, result, experiment, name, group, index);
            return 0;
        });
        project.Settings.Say($"{Units.Name(name, group, index)}: {project.Settings.Attempts} results failed; the server trained it");
        return true;
    }

    /// <param name="claim">Null where the unit was done already: the host did the work all the same, and the zoo has it.</param>
    private async Task Accept(Reported result, (GrowingZoo Zoo, WorkUnit Unit, UnitResult Claim)? claim)
    {
        if (claim is { } right)
        {
            string path = right.Zoo.Plan.ResultPath(result.Group, result.Index);
            AtomicFile.Write(path, stream =>
            {
                using FileStream upload = File.OpenRead(uploads.Path(result.Id));
                upload.CopyTo(stream);
            });
        }
        await project.InTransaction(async connection =>
        {
            await connection.Execute("SELECT FROM hosts WHERE id = $1 FOR UPDATE", result.Host);
            long flops;
            if (claim is { } right)
            {
                flops = Units.Flops(right.Unit, right.Claim);
                if (await connection.Execute("UPDATE units SET is_done = true, wanted = 0, ended = $2, result_sha256 = $3 WHERE id = $1 AND NOT is_done", result.Unit, right.Claim.Networks.Count, result.Sha256) == 1)
                    await AddNext(connection, right.Zoo, right.Unit, right.Claim, result.Experiment, result.ExperimentName, result.Group, result.Index);
            }
            else
            {
                // What the unit earned before, which is a number of its bytes.
                flops = await connection.Scalar<long>("SELECT coalesce(max(flops), 0) FROM results WHERE unit_id = $1 AND state = 'valid'", result.Unit);
            }
            if (await connection.Execute("UPDATE results SET state = 'valid', flops = $2 WHERE id = $1 AND state = 'reported'", result.Id, flops) == 1)
            {
                double? speed = result.Elapsed > 1 ? Math.Clamp(flops / result.Elapsed, 1e7, 1e12) : null;
                await connection.Execute(
                    """
                    UPDATE hosts SET errors_in_row = 0, quota = least(quota * 2, $2),
                        measured_speed = CASE WHEN $3::double precision IS NULL THEN measured_speed ELSE coalesce(0.8 * measured_speed + 0.2 * $3::double precision, $3::double precision) END
                    WHERE id = $1
                    """, result.Host, Scheduler.MaxQuota, speed);
                await Credit.Give(connection, result.Host, result.Account, flops, project.Now);
            }
            return 0;
        });
        File.Delete(uploads.Path(result.Id));
    }

    private async Task Reject(Reported result, string reason)
    {
        project.Settings.Say($"{result.Name}, of host {result.Host}: wrong: {reason}");
        await project.InTransaction(async connection =>
        {
            await Scheduler.Punish(connection, result.Host, project.Now, project.Settings.RequestDelay);
            if (await connection.Execute("UPDATE results SET state = 'invalid', reason = $2 WHERE id = $1 AND state = 'reported'", result.Id, reason) == 1)
                await Units.CountFailure(connection, result.Unit, project.Settings.Attempts, isWanted: true);
            return 0;
        });
        File.Delete(uploads.Path(result.Id));
    }

    /// <summary>The unit that goes on where this one ended, where it ended before its networks.</summary>
    private static async Task AddNext(NpgsqlConnection connection, GrowingZoo zoo, WorkUnit unit, UnitResult result, int experiment, string name, int group, int index)
    {
        (IReadOnlyList<Recipe> recipes, Snapshot? from) = result.Left(unit.Recipes);
        if (recipes.Count > 0)
            await Units.Add(connection, experiment, name, zoo.Plan, group, index + 1, recipes, from);
    }
}
