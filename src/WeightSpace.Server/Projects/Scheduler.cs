using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Protocol;

namespace WeightSpace.Server.Projects;

/// <summary>A host as one request leaves it, and what it is answered.</summary>
internal sealed record ScheduledHost(long Account, string AccountName, long AccountFlops, DateTimeOffset AccountCreated, long Host, long HostFlops, DateTimeOffset HostCreated, double Speed)
{
    /// <summary>Results that the client may forget: all that it said of them is on the disk.</summary>
    public List<string> Acknowledged { get; } = [];

    /// <summary>Results whose work nobody needs any more.</summary>
    public List<string> Aborted { get; } = [];

    public List<SentResult> Sent { get; } = [];

    public List<string> Messages { get; } = [];
}

/// <summary>Answers clients' requests: takes over what they report, and hands out work. A request is one transaction, committed before it is answered.</summary>
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
            project.News.Release();
        return (SchedulerReply.Write(project, request, host, delay), true);
    }

    /// <summary>What a bad result does to a host: half its quota, and a wait that doubles with each in a row.</summary>
    public static Task<int> Punish(NpgsqlConnection connection, long host, DateTimeOffset now, TimeSpan delay) => connection.Execute(
        "UPDATE hosts SET quota = greatest(1, quota / 2), errors_in_row = errors_in_row + 1, not_before = $2 + least(interval '1 day', $3 * power(2, least(errors_in_row, 20))) WHERE id = $1", host, now, delay);

    private async Task<(ScheduledHost?, string, TimeSpan)> Answer(NpgsqlConnection connection, SchedulerRequest request)
    {
        DateTimeOffset now = project.Now;
        Account? account = await accounts.FindByKey(connection, request.Key, mayBeWeak: true);
        if (account is null)
            return (null, UnknownKey, s_refused);
        // A number lower than the last one's: the client's folder was copied, and this is another host.
        var known = await connection.Row(row => new { Id = row.GetInt64(0), Quota = row.GetInt32(1), NotBefore = row.GetFieldValue<DateTimeOffset>(2), Flops = row.GetInt64(3), Created = row.GetFieldValue<DateTimeOffset>(4), Measured = row.IsDBNull(5) ? (double?)null : row.GetDouble(5) },
            "SELECT id, quota, not_before, flops, created_at, measured_speed FROM hosts WHERE id = $1 AND account_id = $2 AND rpc_number <= $3 FOR UPDATE", request.Host, account.Id, request.Number);
        if (known is null && await connection.Scalar<long>("SELECT count(*) FROM hosts WHERE account_id = $1 AND created_at > $2", account.Id, now - s_day) >= MaxNewHostsADay)
            return (null, "This account has added too many hosts today", s_refused);
        int quota = known?.Quota ?? FirstQuota;
        long id = known?.Id ?? await connection.Scalar<long>(
            "INSERT INTO hosts (account_id, created_at, seen_at, not_before, rpc_number, system, cpus, speed, quota) VALUES ($1, $2, $2, $2, $3, $4, $5, $6, $7) RETURNING id",
            account.Id, now, request.Number, request.System, request.Cpus, request.Speed, quota);
        var host = new ScheduledHost(account.Id, account.Name, account.Flops, account.Created, id, known?.Flops ?? 0, known?.Created ?? now, known?.Measured ?? request.Speed);
        foreach (ReportedResult result in request.Reported)
        {
            await Report(connection, host, result, now);
            host.Acknowledged.Add(result.Name);
        }
        await connection.Execute("UPDATE hosts SET seen_at = $2, rpc_number = $3, system = $4, cpus = $5, speed = $6 WHERE id = $1", id, now, request.Number, request.System, request.Cpus, request.Speed);
        if (request.Known is not null)
            await CompareWithHost(connection, host, request, request.Known, now);
        TimeSpan delay = project.Settings.RequestDelay;
        bool asks = request.WorkSeconds > 0 || request.WorkInstances > 0;
        if (asks && project.Programs.Apps.Count == 0)
            host.Messages.Add("This project has no program yet");
        else if (asks && project.Programs.For(request.Platforms) is null)
            host.Messages.Add($"This project has no program for {request.Platforms[0]}");
        else if (asks && known is not null && now < known.NotBefore)
            delay = TimeSpan.FromTicks(Math.Max(delay.Ticks, (known.NotBefore - now).Ticks));
        else if (asks)
            await HandOut(connection, host, request, quota * request.Cpus, now);
        if (asks && host.Sent.Count == 0 && delay < s_nothing)
            host.Messages.Add("No work is available now");
        return (host, "", delay);
    }

    /// <summary>Takes over what a host says of a result. One that it was never given is nobody's; one that was reported before stays as it was.</summary>
    private async Task Report(NpgsqlConnection connection, ScheduledHost host, ReportedResult reported, DateTimeOffset now)
    {
        var result = await connection.Row(row => new { Id = row.GetInt64(0), Unit = row.GetInt64(1), State = row.GetString(2), IsUploaded = !row.IsDBNull(3) },
            "SELECT id, unit_id, state, uploaded_sha256 FROM results WHERE name = $1 AND host_id = $2 FOR UPDATE", reported.Name, host.Host);
        if (result is null || result.State is not ("sent" or "expired"))
            return;
        if (reported.IsSuccess && result.IsUploaded)
        {
            await connection.Execute("UPDATE results SET state = 'reported', reported_at = $2, elapsed = $3 WHERE id = $1", result.Id, now, reported.Elapsed);
            return;
        }
        string reason = reported.IsSuccess ? "reported as done, and its file was not uploaded" : $"exit status {reported.ExitStatus}: {reported.Said}";
        await connection.Execute("UPDATE results SET state = 'failed', reason = $2, reported_at = $3, elapsed = $4 WHERE id = $1", result.Id, reason, now, reported.Elapsed);
        await Units.CountFailure(connection, result.Unit, project.Settings.Attempts, isWanted: result.State == "sent");
        await Punish(connection, host.Host, now, project.Settings.RequestDelay);
    }

    /// <summary>
    /// Hands out again what the host was given and does not have: the answer did not reach it, or it was reset. Work that nobody needs any more, which the host has, is taken back.
    /// </summary>
    private async Task CompareWithHost(NpgsqlConnection connection, ScheduledHost host, SchedulerRequest request, IReadOnlySet<string> has, DateTimeOffset now)
    {
        List<(SentResult Result, bool IsNeeded, long Id)> given = await connection.Rows(
            row => (new SentResult(row.GetString(0), row.GetFieldValue<DateTimeOffset>(1), ReadUnit(row, 4)), row.GetBoolean(2), row.GetInt64(3)),
            $"""
            SELECT r.name, r.deadline, NOT u.is_done AND e.state <> 'cancelled', r.id, {UnitColumns}
            FROM results r JOIN units u ON u.id = r.unit_id JOIN experiments e ON e.id = u.experiment_id
            WHERE r.host_id = $1 AND r.state = 'sent' ORDER BY r.id
            """, host.Host);
        foreach ((SentResult result, bool isNeeded, long id) in given)
        {
            if (!isNeeded)
                await connection.Execute("UPDATE results SET state = 'unneeded', reported_at = $2 WHERE id = $1", id, now);
            else if (!has.Contains(result.Name) && project.Programs.For(request.Platforms) is not null)
                host.Sent.Add(result);
        }
        if (has.Count == 0)
            return;
        string[] names = [.. has];
        HashSet<string> needed = [.. await connection.Rows(row => row.GetString(0), "SELECT name FROM results WHERE host_id = $1 AND name = ANY($2) AND state IN ('sent', 'expired')", host.Host, names)];
        host.Aborted.AddRange(names.Where(name => !needed.Contains(name)));
    }

    private async Task HandOut(NpgsqlConnection connection, ScheduledHost host, SchedulerRequest request, int quota, DateTimeOffset now)
    {
        (long inProgress, long toCheck) = (await connection.Rows(row => (row.GetInt64(0), row.GetInt64(1)),
            "SELECT count(*) FILTER (WHERE state = 'sent'), count(*) FILTER (WHERE state = 'reported') FROM results WHERE host_id = $1 AND state IN ('sent', 'reported')", host.Host))[0];
        // What waits to be checked counts less: a slow server must not starve a good host.
        long most = Math.Min(Math.Min(quota - inProgress, (8 * (long)quota) - inProgress - toCheck), MaxResultsAtOnce - host.Sent.Count);
        if (most <= 0)
            return;
        List<UnitRow> units = await connection.Rows(row => ReadUnit(row, 0),
            $"""
            SELECT {UnitColumns} FROM units u JOIN experiments e ON e.id = u.experiment_id
            WHERE u.wanted > 0 AND e.state = 'running'
              AND NOT EXISTS (SELECT FROM results r WHERE r.unit_id = u.id AND r.host_id = $1 AND (r.state IN ('sent', 'reported') OR (r.state IN ('failed', 'invalid') AND r.reported_at > $2)))
            ORDER BY e.priority DESC, e.id, u.id LIMIT $3 FOR UPDATE OF u SKIP LOCKED
            """, host.Host, now - TimeSpan.FromHours(1), most);
        double seconds = 0;
        int results = 0;
        foreach (UnitRow unit in units)
        {
            if (seconds >= request.WorkSeconds && results >= request.WorkInstances)
                break;
            string name = $"{unit.Name}_{unit.Sent}";
            DateTimeOffset deadline = now + project.Settings.Deadline;
            await connection.Execute("UPDATE units SET wanted = wanted - 1, sent = sent + 1 WHERE id = $1", unit.Id);
            await connection.Execute("INSERT INTO results (unit_id, host_id, account_id, name, state, sent_at, deadline) VALUES ($1, $2, $3, $4, 'sent', $5, $6)", unit.Id, host.Host, host.Account, name, now, deadline);
            host.Sent.Add(new SentResult(name, deadline, unit));
            seconds += unit.Flops / host.Speed;
            results++;
        }
    }

    private const string UnitColumns = "u.id, u.name, u.bytes, u.md5, u.flops, u.max_bytes, u.sent";

    private static UnitRow ReadUnit(NpgsqlDataReader row, int first) =>
        new(row.GetInt64(first), row.GetString(first + 1), row.GetInt64(first + 2), row.GetString(first + 3), row.GetInt64(first + 4), row.GetInt64(first + 5), row.GetInt32(first + 6));
}
