using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Protocol;

namespace WeightSpace.Server.Projects;

/// <summary>A host as one request leaves it, and what it is answered.</summary>
/// <param name="Speed">Operations a second that its core makes of training: what it has shown, or what its benchmark makes likely.</param>
/// <param name="UnitSpeed">The speed that its units are cut to.</param>
internal sealed record ScheduledHost(long Account, string AccountName, Earned AccountEarned, DateTimeOffset AccountCreated, long Host, Earned HostEarned, DateTimeOffset HostCreated, double Speed, double UnitSpeed)
{
    /// <summary>Results that the client may forget: all that it said of them is on the disk.</summary>
    public List<string> Acknowledged { get; } = [];

    /// <summary>Results that are worth nothing any more: the client is to end them.</summary>
    public List<string> Aborted { get; } = [];

    /// <summary>Results that others have handed in meanwhile. They earn credit all the same, so one that was begun may be ended.</summary>
    public List<string> Unneeded { get; } = [];

    public List<SentResult> Sent { get; } = [];

    public List<string> Messages { get; } = [];

    /// <summary>Results that it was given and has not reported, as far as it was compared with what it has.</summary>
    public int InProgress { get; set; }
}

/// <summary>
/// Answers clients' requests: takes over what they report, and hands out work. A request is one transaction, committed before it is answered, and on the disk: what was reported is forgotten by the
/// client, and a hand-out that only a crash forgot would cost a volunteer an hour. Waiting for the disk takes no core, and those who commit together wait together.
/// </summary>
internal sealed class Scheduler(Project project, Accounts accounts)
{
    private const int MaxResultsAtOnce = 64;

    /// <summary>Results that a new host may have at once, to a core; each valid one doubles it, each bad one halves it.</summary>
    private const int FirstQuota = 4;

    /// <summary>No host has more at once, to a core.</summary>
    public const int MaxQuota = 64;

    private const int MaxNewHostsADay = 50;

    private static readonly TimeSpan s_nothing = TimeSpan.FromMinutes(1), s_refused = TimeSpan.FromHours(1), s_day = TimeSpan.FromDays(1);

    private const string UnknownKey = "Invalid or missing account key; attach to this project again";

    /// <summary>The answer to a request, and whether its key is an account's.</summary>
    public async Task<(string Text, bool IsKeyGood)> Answer(SchedulerRequest request)
    {
        (ScheduledHost? host, string refusal, TimeSpan delay) = await project.InTransaction(connection => Answer(connection, request));
        if (host is null)
            return (SchedulerReply.Refusal(project, refusal, delay), refusal != UnknownKey);
        if (host.Acknowledged.Count > 0)
            Project.Wake(project.NewResults);
        return (SchedulerReply.Write(project, request, host, delay), true);
    }

    private async Task<(ScheduledHost?, string, TimeSpan)> Answer(NpgsqlConnection connection, SchedulerRequest request)
    {
        DateTimeOffset now = project.Now;
        if (await accounts.FindKeyHash(connection, request.Key) is not { } keyHash)
            return (null, UnknownKey, s_refused);
        // A number lower than the last one's: the client's folder was copied, and this is another host.
        var known = await connection.Row(row => new
        {
            Account = row.GetInt64(0),
            Name = row.GetString(1),
            Earned = new Earned(row.GetInt64(2), row.GetDouble(3), row.GetFieldValue<DateTimeOffset>(4)),
            Created = row.GetFieldValue<DateTimeOffset>(5),
            Host = row.IsDBNull(6) ? null : new KnownHost(row.GetInt64(6), row.GetInt32(7), row.GetFieldValue<DateTimeOffset>(8), new Earned(row.GetInt64(9), row.GetDouble(10), row.GetFieldValue<DateTimeOffset>(11)),
                row.GetFieldValue<DateTimeOffset>(12), row.IsDBNull(13) ? null : row.GetDouble(13)),
        },
            """
            WITH account AS (SELECT id, name, flops, recent_flops, recent_at, created_at FROM accounts WHERE key_hash = $1),
                 host AS (UPDATE hosts SET seen_at = $4, rpc_number = $3, system = $5, cpus = $6, speed = $7 WHERE id = $2 AND account_id = (SELECT id FROM account) AND rpc_number <= $3
                          RETURNING id, quota, not_before, flops, recent_flops, recent_at, created_at, measured_speed)
            SELECT account.*, host.* FROM account LEFT JOIN host ON true
            """, keyHash, request.Host, request.Number, now, request.System, request.Cpus, request.Speed);
        if (known is null)
            return (null, UnknownKey, s_refused);
        int quota = known.Host?.Quota ?? FirstQuota;
        long? id = known.Host?.Id ?? await connection.Scalar<long?>(
            """
            INSERT INTO hosts (account_id, created_at, seen_at, not_before, recent_at, rpc_number, system, cpus, speed, quota) SELECT $1, $2, $2, $2, $2, $3, $4, $5, $6, $7
            WHERE (SELECT count(*) FROM hosts WHERE account_id = $1 AND created_at > $8) < $9 RETURNING id
            """, known.Account, now, request.Number, request.System, request.Cpus, request.Speed, quota, now - s_day, (long)MaxNewHostsADay);
        if (id is null)
            return (null, "This account has added too many hosts today", s_refused);
        double? measured = known.Host?.Measured;
        var host = new ScheduledHost(known.Account, known.Name, known.Earned, known.Created, id.Value, known.Host?.Earned ?? new Earned(0, 0, now), known.Host?.Created ?? now,
            project.Demand.Speed(measured, request.Speed), project.Demand.UnitSpeed(measured, request.Speed));
        foreach (ReportedResult result in request.Reported)
        {
            await Report(connection, host, result, now);
            host.Acknowledged.Add(result.Name);
        }
        if (request.Known is not null)
            await CompareWithHost(connection, host, request, request.Known, now);
        TimeSpan delay = project.Settings.RequestDelay;
        bool asks = request.WorkSeconds > 0 || request.WorkInstances > 0;
        if (asks && project.Programs.Apps.Count == 0)
            host.Messages.Add("This project has no program yet");
        else if (asks && project.Programs.For(request.Platforms) is null)
            host.Messages.Add($"This project has no program for {request.Platforms[0]}");
        else if (asks && known.Host is { } waiting && now < waiting.NotBefore)
            delay = TimeSpan.FromTicks(Math.Max(delay.Ticks, (waiting.NotBefore - now).Ticks));
        else if (asks)
            await HandOut(connection, host, request, quota * request.Cpus, now);
        if (asks && host.Sent.Count == 0 && delay < s_nothing)
            host.Messages.Add("No work is available now");
        return (host, "", delay);
    }

    /// <summary>Takes over what a host says of a result. One that it was never given is nobody's; one that was reported before stays as it was.</summary>
    private async Task Report(NpgsqlConnection connection, ScheduledHost host, ReportedResult reported, DateTimeOffset now)
    {
        var result = await connection.Row(row => new { Id = row.GetInt64(0), Unit = row.GetInt64(1), State = row.GetString(2), IsUploaded = !row.IsDBNull(3), IsUnitDone = row.GetBoolean(4) },
            "SELECT r.id, r.unit_id, r.state, r.uploaded_sha256, u.is_done AND NOT u.is_suspect FROM results r JOIN units u ON u.id = r.unit_id WHERE r.name = $1 AND r.host_id = $2 FOR UPDATE OF r", reported.Name, host.Host);
        if (result is null || result.State is not ("sent" or "expired"))
            return;
        if (reported.IsSuccess && result.IsUploaded)
        {
            await connection.Execute("UPDATE results SET state = 'reported', reported_at = $2, elapsed = $3 WHERE id = $1", result.Id, now, reported.Elapsed);
            return;
        }
        // Most likely the host was told to drop it.
        if (result.IsUnitDone)
        {
            await connection.Execute("UPDATE results SET state = 'unneeded', reported_at = $2, elapsed = $3 WHERE id = $1", result.Id, now, reported.Elapsed);
            return;
        }
        string reason = reported.IsSuccess ? "reported as done, and its file was not uploaded" : $"exit status {reported.ExitStatus}: {reported.Said}";
        await connection.Execute("UPDATE results SET state = 'failed', reason = $2, reported_at = $3, elapsed = $4 WHERE id = $1", result.Id, reason, now, reported.Elapsed);
        await Units.CountFailure(connection, result.Unit, project.Settings.Attempts, isWanted: result.State == "sent");
        await Records.Punish(connection, host.Host, now, project.Settings.RequestDelay);
    }

    /// <summary>
    /// Hands out again what the host was given and does not have: the answer did not reach it, or it was reset. What it has and nobody needs is taken back, as BOINC's own scheduler does: at once
    /// where it can earn nothing, and where another's result was accepted meanwhile only if it was not begun, as its own is credited too.
    /// </summary>
    private async Task CompareWithHost(NpgsqlConnection connection, ScheduledHost host, SchedulerRequest request, IReadOnlySet<string> has, DateTimeOffset now)
    {
        List<(SentResult Result, bool IsDone, long Id)> given = await connection.Rows(
            row => (new SentResult(row.GetString(0), row.GetFieldValue<DateTimeOffset>(1), ReadUnit(row, 4)), row.GetBoolean(2), row.GetInt64(3)),
            $"SELECT r.name, r.deadline, u.is_done AND NOT u.is_suspect, r.id, {UnitColumns} FROM results r JOIN units u ON u.id = r.unit_id WHERE r.host_id = $1 AND r.state = 'sent' ORDER BY r.id", host.Host);
        var strange = has.ToHashSet();
        foreach ((SentResult result, bool isDone, long id) in given)
        {
            bool hasIt = strange.Remove(result.Name);
            if (isDone && hasIt)
                host.Unneeded.Add(result.Name);
            else if (isDone)
                await connection.Execute("UPDATE results SET state = 'unneeded', reported_at = $2 WHERE id = $1", id, now);
            else if (!hasIt && project.Programs.For(request.Platforms) is not null)
                host.Sent.Add(result);
        }
        host.InProgress = given.Count;
        if (strange.Count == 0)
            return;
        Dictionary<string, bool> late = (await connection.Rows(row => (Name: row.GetString(0), IsDone: row.GetBoolean(1)),
            "SELECT r.name, u.is_done AND NOT u.is_suspect FROM results r JOIN units u ON u.id = r.unit_id WHERE r.host_id = $1 AND r.name = ANY($2) AND r.state = 'expired'", host.Host, strange.ToArray())).ToDictionary(each => each.Name, each => each.IsDone);
        host.Aborted.AddRange(strange.Where(name => !late.ContainsKey(name)));
        host.Unneeded.AddRange(late.Where(each => each.Value).Select(each => each.Key));
    }

    private async Task HandOut(NpgsqlConnection connection, ScheduledHost host, SchedulerRequest request, int quota, DateTimeOffset now)
    {
        project.Demand.Ask(host.Host, host.UnitSpeed, request.Cpus, now);
        if (host.InProgress >= quota)
            return;
        int before = host.Sent.Count;
        double seconds = request.WorkSeconds;
        var tried = new HashSet<Pool>();
        foreach (Pool pool in project.Pools.For(host.UnitSpeed))
        {
            tried.Add(pool);
            if (!await HandOut(pool))
                return;
        }
        // The list of pools may be old.
        foreach (Pool pool in Pools.Order(await project.Pools.Refresh(connection), host.UnitSpeed).Where(pool => !tried.Contains(pool)))
        {
            if (!await HandOut(pool))
                return;
        }
        Project.Wake(project.Demand.News);

        // Whether the host can take more.
        async Task<bool> HandOut(Pool pool)
        {
            // No more is looked at than units of this class, which need more than half of its operations, can be wanted.
            double shortest = Math.Pow(2, pool.SizeClass - 1) / host.Speed;
            long most = (long)Math.Min(Math.Max(Math.Ceiling(seconds / shortest), request.WorkInstances - (host.Sent.Count - before)), MaxResultsAtOnce - host.Sent.Count);
            if (most <= 0)
                return false;
            List<UnitRow> units = await Take(connection, host, pool, most, quota, seconds, request.WorkInstances - (host.Sent.Count - before), now);
            if (units.Count == 0)
                return true;
            project.Demand.Take(pool.SizeClass, units.Count);
            host.Sent.AddRange(units.Select(unit => new SentResult($"{unit.Name}_{unit.Sent}", now + project.Settings.Deadline, unit)));
            seconds -= units.Sum(unit => unit.Flops / host.Speed);
            return seconds > 0 || host.Sent.Count - before < request.WorkInstances;
        }
    }

    /// <summary>
    /// Hands out units of a pool, in one statement: the oldest that are ready and that nobody else is looking at, until they fill so many seconds and instances, or the host's quota. Where owners have
    /// to agree, an owner gets a unit once; what is suspect goes to an owner of whom no lie is known.
    /// What waits to be checked counts less: a slow server must not starve a good host.
    /// </summary>
    /// <remarks>
    /// The planner does not see that few rows are wanted. OFFSET 0 and the array keep it from joining all units with all results, and the first limit (<see cref="MaxResultsAtOnce"/>) from thinking the
    /// statement so dear that it compiles it: each unit that is looked at is looked up by itself. The second limit ends the search, so no more units are locked than it lets through.
    /// </remarks>
    private Task<List<UnitRow>> Take(NpgsqlConnection connection, ScheduledHost host, Pool pool, long most, int quota, double seconds, double instances, DateTimeOffset now) => connection.Rows(row => ReadUnit(row, 0),
        $"""
        WITH given AS (SELECT count(*) FILTER (WHERE state = 'sent') AS sent, count(*) AS all FROM results WHERE host_id = $1 AND state IN ('sent', 'reported')),
             ready AS MATERIALIZED (SELECT * FROM (
                SELECT {UnitColumns} FROM units u
                WHERE u.experiment_id = $3 AND u.size_class = $4 AND u.wanted > 0 AND (SELECT state FROM experiments WHERE id = $3) = 'running'
                  AND NOT EXISTS (SELECT FROM results r WHERE r.unit_id = u.id AND r.host_id = $1 AND (r.state IN ('sent', 'reported') OR (r.state IN ('failed', 'invalid') AND r.reported_at > $2)) OFFSET 0)
                  AND NOT ((u.quorum > 1 OR u.is_suspect) AND EXISTS (SELECT FROM results r WHERE r.unit_id = u.id AND r.account_id = $9 AND r.state IN ('sent', 'reported', 'held', 'valid') OFFSET 0))
                  AND NOT (u.is_suspect AND EXISTS (SELECT FROM hosts h WHERE h.account_id = $9 AND h.wrong > 0 OFFSET 0))
                ORDER BY u.id LIMIT 64 FOR UPDATE OF u SKIP LOCKED) few LIMIT (SELECT greatest(0, least($5, $6 - sent, 8 * $6 - "all")) FROM given)),
             chosen AS (SELECT * FROM (SELECT *, sum(flops) OVER (ORDER BY id) - flops AS before, row_number() OVER (ORDER BY id) AS place FROM ready) each WHERE before < $7 OR place <= $8),
             taken AS (UPDATE units SET wanted = wanted - 1, sent = sent + 1 WHERE id = ANY(ARRAY(SELECT id FROM chosen))),
             made AS (INSERT INTO results (unit_id, host_id, account_id, name, state, sent_at, deadline) SELECT id, $1, $9, name || '_' || sent, 'sent', $10, $11 FROM chosen)
        SELECT id, name, bytes, md5, flops, max_bytes, sent FROM chosen ORDER BY id
        """,
        host.Host, now - TimeSpan.FromHours(1), pool.Experiment, pool.SizeClass, most, (long)quota, seconds * host.Speed, instances, host.Account, now, now + project.Settings.Deadline);

    private sealed record KnownHost(long Id, int Quota, DateTimeOffset NotBefore, Earned Earned, DateTimeOffset Created, double? Measured);

    private const string UnitColumns = "u.id, u.name, u.bytes, u.md5, u.flops, u.max_bytes, u.sent";

    private static UnitRow ReadUnit(NpgsqlDataReader row, int first) =>
        new(row.GetInt64(first), row.GetString(first + 1), row.GetInt64(first + 2), row.GetString(first + 3), row.GetInt64(first + 4), row.GetInt64(first + 5), row.GetInt32(first + 6));
}
