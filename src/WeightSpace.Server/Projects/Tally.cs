using Npgsql;
using WeightSpace.Server.Database;

namespace WeightSpace.Server.Projects;

/// <summary>An experiment as the project's pages show it.</summary>
/// <param name="Queued">Results that are wanted and not handed out.</param>
/// <param name="Suspect">Units whose result is to be confirmed.</param>
internal sealed record ExperimentTally(int Id, string Name, string State, string Reason, int Priority, long Networks, long NetworksDone, long Units, long UnitsDone, long Queued, long Suspect, DateTimeOffset Created, DateTimeOffset? Completed)
{
    /// <summary>Results by their state.</summary>
    public IReadOnlyDictionary<string, long> Results { get; init; } = new Dictionary<string, long>();

    /// <summary>Networks in an hour, by the last one; null where nothing can be said yet.</summary>
    public double? PerHour { get; init; }

    public bool IsUnderWay => State is "staging" or "running" or "paused";

    /// <summary>Time until all networks are there, at the pace of the last hour.</summary>
    public TimeSpan? Left => IsUnderWay && PerHour is > 0 and var pace ? TimeSpan.FromHours(Math.Min((Networks - NetworksDone) / pace, 1e6)) : null;

    public double Share => Networks == 0 ? 0 : Math.Clamp((double)NetworksDone / Networks, 0, 1);
}

internal sealed record OwnerTally(string Name, long Flops, long Hosts);

internal sealed record HostTally(long Id, string Owner, string System, int Cpus, double Speed, long Flops, DateTimeOffset Seen, int Quota, DateTimeOffset NotBefore, long RightInRow, long Accepted, long Wrong, long Failed, string Reason);

/// <summary>A result that was found wrong.</summary>
internal sealed record CaughtResult(string Name, long Host, string Owner, string State, string Reason, DateTimeOffset? At);

/// <summary>What an hour brought.</summary>
internal sealed record HourTally(DateTimeOffset From, TimeSpan Span, double Networks, double Units, double Flops);

/// <summary>
/// What all pages and metrics show, counted now and then for all of them (<see cref="Observer"/>), so that no request, however many come, costs the database a count. Lists hold the first
/// <see cref="Most"/> alone.
/// </summary>
internal sealed record Tally(DateTimeOffset At, IReadOnlyList<ExperimentTally> Experiments, IReadOnlyDictionary<string, long> Results, long Compared, long NetworksDone, long UnitsDone, long Accounts, long Hosts, long HostsOfHour,
    long HostsOfDay, double Flops, IReadOnlyList<OwnerTally> Owners, IReadOnlyList<HostTally> TopHosts, IReadOnlyList<HostTally> BadHosts, IReadOnlyList<CaughtResult> Caught, IReadOnlyList<HourTally> Hours, long DatabaseBytes, WeightMap? Map)
{
    public const int Most = 30;

    private const int MostExperiments = 50;

    // Reasons are what a volunteer's program said.
    private const int MaxReason = 300;

    private const string HostColumns =
        """
        h.id, a.name, h.system, h.cpus, coalesce(h.measured_speed, h.speed), h.flops, h.seen_at, h.quota, h.not_before, h.right_in_row,
        (SELECT count(*) FROM results r WHERE r.host_id = h.id AND r.state IN ('held', 'valid'))
        """;

    /// <summary>Counts everything, by one connection, in some seconds at most for each statement.</summary>
    public static async Task<Tally> Count(Project project)
    {
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await connection.Execute("SET LOCAL statement_timeout = '30s'; SET LOCAL transaction_read_only = on");
        DateTimeOffset now = project.Now;
        Dictionary<int, Dictionary<string, long>> results = [];
        foreach ((int experiment, string state, long count) in await connection.Rows(row => (row.GetInt32(0), row.GetString(1), row.GetInt64(2)),
            "SELECT u.experiment_id, r.state, count(*) FROM results r JOIN units u ON u.id = r.unit_id GROUP BY 1, 2"))
        {
            if (!results.TryGetValue(experiment, out Dictionary<string, long>? of))
                results.Add(experiment, of = []);
            of[state] = count;
        }
        Dictionary<int, double> paces = await Paces(connection, now);
        List<ExperimentTally> experiments = await connection.Rows(
            row => new ExperimentTally(row.GetInt32(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt32(4), row.GetInt32(5), row.GetInt64(6), row.GetInt64(7), row.GetInt64(8), row.GetInt64(9), row.GetInt64(10),
                row.GetFieldValue<DateTimeOffset>(11), row.IsDBNull(12) ? null : row.GetFieldValue<DateTimeOffset>(12))
            {
                Results = results.GetValueOrDefault(row.GetInt32(0)) ?? [],
                PerHour = paces.TryGetValue(row.GetInt32(0), out double pace) ? pace : null,
            },
            """
            SELECT e.id, e.name, e.state, e.reason, e.priority, e.networks, u.ended, u.units, u.done, u.queued, u.suspect, e.created_at, e.completed_at
            FROM experiments e CROSS JOIN LATERAL (
                SELECT coalesce(sum(ended) FILTER (WHERE is_done), 0) AS ended, count(*) AS units, count(*) FILTER (WHERE is_done) AS done, coalesce(sum(wanted) FILTER (WHERE wanted > 0), 0) AS queued,
                       count(*) FILTER (WHERE is_suspect) AS suspect
                FROM units WHERE experiment_id = e.id AND voided = 0) u
            ORDER BY e.state IN ('staging', 'running', 'paused') DESC, e.id DESC LIMIT $1
            """, MostExperiments);
        (long accounts, long hosts, long ofHour, long ofDay, double flops) = (await connection.Rows(row => (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetDouble(4)),
            """
            SELECT (SELECT count(*) FROM accounts), count(*), count(*) FILTER (WHERE seen_at > $1), count(*) FILTER (WHERE seen_at > $2), (SELECT coalesce(sum(flops::double precision), 0) FROM accounts) FROM hosts
            """, now - TimeSpan.FromHours(1), now - TimeSpan.FromDays(1)))[0];
        List<OwnerTally> owners = await connection.Rows(row => new OwnerTally(row.GetString(0), row.GetInt64(1), row.GetInt64(2)),
            "SELECT a.name, a.flops, (SELECT count(*) FROM hosts h WHERE h.account_id = a.id) FROM (SELECT id, name, flops FROM accounts WHERE flops > 0 ORDER BY flops DESC, id LIMIT $1) a ORDER BY a.flops DESC, a.id", Most);
        List<HostTally> top = await connection.Rows(row => ReadHost(row, 0, 0, ""),
            $"SELECT {HostColumns} FROM (SELECT * FROM hosts WHERE flops > 0 ORDER BY flops DESC, id LIMIT $1) h JOIN accounts a ON a.id = h.account_id ORDER BY h.flops DESC, h.id", Most);
        List<HostTally> bad = await connection.Rows(row => ReadHost(row, row.GetInt64(11), row.GetInt64(12), row.GetString(13)),
            $"""
            SELECT {HostColumns}, b.wrong, b.failed, left(coalesce((SELECT reason FROM results WHERE id = b.last), ''), {MaxReason})
            FROM (SELECT host_id, count(*) FILTER (WHERE state IN ('invalid', 'withdrawn')) AS wrong, count(*) FILTER (WHERE state IN ('failed', 'expired')) AS failed, max(id) AS last
                  FROM results WHERE state IN ('invalid', 'withdrawn', 'failed', 'expired') GROUP BY host_id ORDER BY 2 DESC, 3 DESC, 1 LIMIT $1) b
            JOIN hosts h ON h.id = b.host_id JOIN accounts a ON a.id = h.account_id ORDER BY b.wrong DESC, b.failed DESC, h.id
            """, Most);
        List<CaughtResult> caught = await connection.Rows(row => new CaughtResult(row.GetString(0), row.GetInt64(1), row.GetString(2), row.GetString(3), row.GetString(4), row.IsDBNull(5) ? null : row.GetFieldValue<DateTimeOffset>(5)),
            $"""
            SELECT r.name, r.host_id, a.name, r.state, left(r.reason, {MaxReason}), r.reported_at FROM (SELECT * FROM results WHERE state IN ('invalid', 'withdrawn') ORDER BY id DESC LIMIT $1) r
            JOIN accounts a ON a.id = r.account_id ORDER BY r.id DESC
            """, Most);
        (long networks, long units) = (await connection.Rows(row => (row.GetInt64(0), row.GetInt64(1)), "SELECT coalesce(sum(ended), 0)::bigint, count(*) FROM units WHERE is_done AND voided = 0"))[0];
        long compared = await connection.Scalar<long>("SELECT count(*) FROM results WHERE was_compared");
        return new Tally(now, experiments, results.Values.SelectMany(of => of).GroupBy(of => of.Key).ToDictionary(group => group.Key, group => group.Sum(of => of.Value)), compared, networks, units, accounts, hosts, ofHour, ofDay, flops, owners, top, bad,
            caught, await ReadHours(connection, now), await connection.Scalar<long>("SELECT pg_database_size(current_database())"), await LatestMap(connection));
    }

    private static async Task<WeightMap?> LatestMap(NpgsqlConnection connection) =>
        await connection.Scalar<int?>("SELECT max(experiment_id) FROM map_points") is { } latest ? await WeightMaps.Read(connection, latest, null) : null;

    private static HostTally ReadHost(NpgsqlDataReader row, long wrong, long failed, string reason) =>
        new(row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetInt32(3), row.GetDouble(4), row.GetInt64(5), row.GetFieldValue<DateTimeOffset>(6), row.GetInt32(7), row.GetFieldValue<DateTimeOffset>(8), row.GetInt64(9),
            row.GetInt64(10), wrong, failed, reason);

    /// <summary>Networks in an hour of each experiment, from its first sample of the last hour to the last.</summary>
    private static async Task<Dictionary<int, double>> Paces(NpgsqlConnection connection, DateTimeOffset now) =>
        (await connection.Rows(row => (Id: row.GetInt32(0), Seconds: row.GetDouble(1), Networks: row.GetInt64(2)),
            """
            SELECT experiment_id, extract(epoch FROM max(at) - min(at))::double precision, (array_agg(networks ORDER BY at DESC))[1] - (array_agg(networks ORDER BY at))[1]
            FROM samples WHERE at > $1 AND experiment_id > 0 GROUP BY 1
            """, now - TimeSpan.FromHours(1))).Where(pace => pace.Seconds >= 10).ToDictionary(pace => pace.Id, pace => Math.Max(0, pace.Networks) / pace.Seconds * 3600);

    private static async Task<List<HourTally>> ReadHours(NpgsqlConnection connection, DateTimeOffset now) =>
        await connection.Rows(row => new HourTally(row.GetFieldValue<DateTimeOffset>(0), row.GetTimeSpan(1), Math.Max(0, row.GetInt64(2)), Math.Max(0, row.GetInt64(3)), Math.Max(0, row.GetDouble(4))),
            """
            SELECT min(before), sum(at - before), sum(networks - networks_before)::bigint, sum(units - units_before)::bigint, sum(flops - flops_before)
            FROM (SELECT at, networks, units, flops, lag(at) OVER w AS before, lag(networks) OVER w AS networks_before, lag(units) OVER w AS units_before, lag(flops) OVER w AS flops_before
                  FROM samples WHERE experiment_id = 0 AND at > $1 WINDOW w AS (ORDER BY at)) s
            WHERE before IS NOT NULL GROUP BY date_trunc('hour', at) ORDER BY 1 DESC LIMIT 24
            """, now - TimeSpan.FromHours(25));
}
