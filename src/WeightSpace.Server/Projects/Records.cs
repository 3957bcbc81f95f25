using Npgsql;
using WeightSpace.Server.Database;

namespace WeightSpace.Server.Projects;

/// <summary>What is known of hosts: how many of their results were compared and right, and what follows from one that was wrong.</summary>
internal static class Records
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(1);

    /// <summary>A result of a host was held against the truth, or against another owner's, and was right.</summary>
    public static Task<int> CountRight(NpgsqlConnection connection, long host) => connection.Execute("UPDATE hosts SET right_in_row = right_in_row + 1 WHERE id = $1", host);

    /// <summary>What a bad result does to a host: half its quota, and a wait that doubles with each in a row.</summary>
    public static Task<int> Punish(NpgsqlConnection connection, long host, DateTimeOffset now, TimeSpan delay) => connection.Execute(
        "UPDATE hosts SET quota = greatest(1, quota / 2), errors_in_row = errors_in_row + 1, not_before = $2 + least($4, $3 * power(2, least(errors_in_row, 20))) WHERE id = $1", host, now, delay, s_longest);

    /// <summary>
    /// What a lie does: the host's record begins anew, so all that it hands in is looked at, and what it handed in before becomes suspect, where it stands in a zoo that can still be changed, unless
    /// another owner of whom no lie is known had the same: it needs such an owner's word, or the server's. Returns how many units are suspect now that were not.
    /// </summary>
    public static async Task<long> Catch(NpgsqlConnection connection, long host, DateTimeOffset now, TimeSpan delay)
    {
        await Punish(connection, host, now, delay);
        await connection.Execute("UPDATE hosts SET right_in_row = 0, wrong = wrong + 1, wrong_at = $2 WHERE id = $1", host, now);
        return await connection.Scalar<long>(
            """
            WITH suspect AS (
                UPDATE units u SET is_suspect = true, suspect_at = $2, wanted = wanted + 1
                FROM results r, experiments e
                WHERE r.host_id = $1 AND r.state = 'valid' AND u.id = r.unit_id AND u.is_done AND u.result_id IS NOT NULL AND u.voided = 0 AND NOT u.is_suspect
                  AND e.id = u.experiment_id AND (e.state IN ('staging', 'running', 'paused', 'reopening') OR (e.state = 'complete' AND e.is_kept))
                  AND NOT EXISTS (SELECT FROM results o WHERE o.unit_id = u.id AND o.state = 'valid' AND o.account_id <> r.account_id
                                  AND NOT EXISTS (SELECT FROM hosts h WHERE h.account_id = o.account_id AND h.wrong > 0))
                RETURNING u.experiment_id
            ), reopened AS (
                UPDATE experiments SET state = 'reopening' WHERE state = 'complete' AND id IN (SELECT experiment_id FROM suspect)
            )
            SELECT count(*) FROM suspect
            """, host, now);
    }

}
