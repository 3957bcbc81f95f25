using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web.Pages;

/// <summary>A volunteer's machine, with results by what became of them.</summary>
internal sealed record OwnHost(long Id, string System, int Cpus, double Speed, bool IsMeasured, DateTimeOffset Seen, long Flops, long InProgress, long ToCheck, long Valid, long Wrong, long Failed);

/// <summary>A result that came to nothing.</summary>
internal sealed record BadResult(string Name, long Host, string State, string Reason, DateTimeOffset? At);

/// <summary>What a volunteer has done for an experiment.</summary>
internal sealed record Grown(int Experiment, string Name, long Results, long Networks, long Flops);

/// <summary>What a volunteer sees of their own.</summary>
internal sealed record Volunteering(string Name, string Email, long Flops, DateTimeOffset Since, int KeyNumber, IReadOnlyList<OwnHost> Hosts, IReadOnlyList<BadResult> Bad, IReadOnlyList<Grown> Grown, IReadOnlyList<WeightMap> Maps);

/// <summary>A volunteer's page: machines, credit, networks on the maps, the account's key.</summary>
internal static class MePage
{
    private const int MostHosts = 50, MostBad = 20, MostExperiments = 20, MostMaps = 3, MaxReason = 500;

    private const string BadStates = "('invalid', 'withdrawn', 'failed', 'expired')";

    /// <summary>All of it; null where the account is gone.</summary>
    public static async Task<Volunteering?> Read(NpgsqlConnection connection, long account)
    {
        Volunteering? mine = await connection.Row(row => new Volunteering(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetFieldValue<DateTimeOffset>(3), row.GetInt32(4), [], [], [], []),
            "SELECT name, email, flops, created_at, key_number FROM accounts WHERE id = $1", account);
        if (mine is null)
            return null;
        List<OwnHost> hosts = await connection.Rows(row => new OwnHost(row.GetInt64(0), row.GetString(1), row.GetInt32(2), row.GetDouble(3), row.GetBoolean(4), row.GetFieldValue<DateTimeOffset>(5), row.GetInt64(6), row.GetInt64(7),
                row.GetInt64(8), row.GetInt64(9), row.GetInt64(10), row.GetInt64(11)),
            $"""
            SELECT h.id, h.system, h.cpus, coalesce(h.measured_speed, h.speed), h.measured_speed IS NOT NULL, h.seen_at, h.flops, o.sent, o.reported + a.held, a.valid, b.wrong, b.failed
            FROM (SELECT * FROM hosts WHERE account_id = $1 ORDER BY seen_at DESC, id LIMIT $2) h
            CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'reported') AS reported FROM results WHERE host_id = h.id AND state IN ('sent', 'reported')) o
            CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'valid') AS valid FROM results WHERE host_id = h.id AND state IN ('held', 'valid')) a
            CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE state IN ('invalid', 'withdrawn')) AS wrong, count(*) FILTER (WHERE state IN ('failed', 'expired')) AS failed FROM results WHERE host_id = h.id AND state IN {BadStates}) b
            ORDER BY h.seen_at DESC, h.id
            """, account, MostHosts);
        long[] ids = [.. hosts.Select(host => host.Id)];
        List<BadResult> bad = await connection.Rows(row => new BadResult(row.GetString(0), row.GetInt64(1), row.GetString(2), row.GetString(3), row.IsDBNull(4) ? null : row.GetFieldValue<DateTimeOffset>(4)),
            $"""
            SELECT r.name, r.host_id, r.state, left(r.reason, {MaxReason}), coalesce(r.reported_at, r.deadline)
            FROM unnest($1) AS h CROSS JOIN LATERAL (SELECT * FROM results WHERE host_id = h AND state IN {BadStates} ORDER BY id DESC LIMIT $2) r ORDER BY r.id DESC LIMIT $2
            """, ids, MostBad);
        List<Grown> grown = await connection.Rows(row => new Grown(row.GetInt32(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4)),
            """
            SELECT e.id, e.name, g.results, g.networks, g.flops
            FROM (SELECT experiment_id, count(*) AS results, sum(ended)::bigint AS networks, sum(flops)::bigint AS flops
                  FROM (SELECT u.experiment_id, u.ended, sum(r.flops) AS flops FROM hosts h JOIN results r ON r.host_id = h.id AND r.state = 'valid' JOIN units u ON u.id = r.unit_id WHERE h.account_id = $1 GROUP BY u.id) own
                  GROUP BY 1) g
            JOIN experiments e ON e.id = g.experiment_id ORDER BY e.id DESC LIMIT $2
            """, account, MostExperiments);
        var maps = new List<WeightMap>();
        foreach (Grown each in grown)
        {
            if (maps.Count < MostMaps && await WeightMaps.Read(connection, each.Experiment, account) is { Points.Count: > 0 } map)
                maps.Add(map);
        }
        return mine with { Hosts = hosts, Bad = bad, Grown = grown, Maps = maps };
    }

    /// <param name="key">The account's key, where it was asked for.</param>
    /// <param name="weakKey">The same, of its weak key.</param>
    /// <param name="said">What has just been done; empty: nothing.</param>
    public static Markup Write(string root, string url, Volunteering mine, DateTimeOffset now, string key, string weakKey, string said, string wrong) => Markup.Of($"""
        <h1>{Markup.Name(mine.Name)}</h1>
        {Markup.When(said.Length > 0, () => Markup.Of($"<p class=\"said\" role=\"status\">{said}</p>\n"))}{SignInPage.Said(wrong)}<div class="figures">
        {Page.Figure(Words.Credit(mine.Flops), "cobblestones of credit")}{Page.Figure(mine.Grown.Sum(each => each.Networks), "network grown", "networks grown")}{Page.Figure(mine.Hosts.Count, "machine", "machines")}{Page.Figure(mine.Since.ToString("d MMM yyyy", System.Globalization.CultureInfo.InvariantCulture), "since")}</div>
        <section aria-labelledby="hosts">
        <h2 id="hosts">My machines</h2>
        {Hosts(mine, now)}</section>
        <section aria-labelledby="grown">
        <h2 id="grown">Networks that I grew</h2>
        {Networks(mine)}</section>
        {Markup.Join(mine.Maps.Select(map => Markup.Of($"""
            <section aria-labelledby="map-{map.Name}">
            <h2 id="map-{map.Name}">My networks in the weight space of {map.Name}</h2>
            {MapFigure.OfMine(map)}</section>

            """)))}{Bad(mine, now)}<section aria-labelledby="account">
        <h2 id="account">Account</h2>
        <p>You are signed in as {mine.Email}. Machines speak for this account with its <b>key</b>; keep it to yourself.</p>
        {Markup.When(key.Length > 0, () => Markup.Of($"<p><span class=\"key\" id=\"key\">{key}</span></p>\n<p class=\"note\">To attach a machine without a screen: <code>boinccmd --project_attach {url} {key}</code></p>\n<p class=\"note\">For a machine that others use, a weak key, with which it computes for you and can do nothing else: <span class=\"key\" id=\"weak-key\">{weakKey}</span></p>\n"))}<div>
        <form class="line" method="post" action="{root}me/key"><button class="plain" type="submit">Show the key</button></form>
        <form class="line" method="post" action="{root}sign-out"><button class="plain" type="submit">Sign out</button></form>
        </div>
        <details>
        <summary>A new key</summary>
        <form method="post" action="{root}me/new-key">
        <p>Where somebody else has got hold of your key. The old one stops working at once: <b>every machine has to be attached again</b>, and work that is under way on them is given to others.</p>
        <label class="tick"><input type="checkbox" name="sure" value="yes" required> I will attach my machines again</label>
        <button type="submit">Make a new key</button>
        </form>
        </details>
        </section>

        """);

    private static Markup Hosts(Volunteering mine, DateTimeOffset now) => mine.Hosts.Count == 0
        ? Markup.Of($"<p class=\"none\">None has asked for work yet. Attach one with the BOINC manager, or show the key below and give it to <code>boinccmd</code>.</p>\n")
        : Page.Table("My machines", ["Machine", "Cores", "Speed of a core", "In progress", "To be checked", "Valid", "Wrong", "Failed", "Last seen", "Credit"], mine.Hosts.Select(host => Page.Row(
            Markup.Of($"{Markup.Name(host.System.Length > 0 ? host.System : "unknown system")} <span class=\"note\">no. {host.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)}</span>"), Page.Number(host.Cpus),
            Markup.Of($"{Words.Speed(host.Speed)}{(host.IsMeasured ? "" : " (said)")}"), Page.Number(host.InProgress), Page.Number(host.ToCheck), Page.Number(host.Valid), BadNumber(host.Wrong), BadNumber(host.Failed), Words.Ago(host.Seen, now), Page.Text(Words.Credit(host.Flops)))));

    private static Markup Networks(Volunteering mine) => mine.Grown.Count == 0
        ? Markup.Of($"<p class=\"none\">None yet. A result counts when the project has checked it.</p>\n")
        : Page.Table("Networks that I grew", ["Experiment", "Work units", "Networks", "Credit"], mine.Grown.Select(each => Page.Row(Page.Text(each.Name), Page.Number(each.Results), Page.Number(each.Networks), Page.Text(Words.Credit(each.Flops)))));

    private static Markup Bad(Volunteering mine, DateTimeOffset now) => mine.Bad.Count == 0 ? Markup.Empty : Markup.Of($"""
        <section aria-labelledby="bad">
        <h2 id="bad">Results that did not count</h2>
        {Page.Table("Results that did not count", ["Result", "Machine", "When", "What", "Why"], mine.Bad.Select(bad => Page.Row(Page.Text(bad.Name), Page.Text($"no. {bad.Host}"), bad.At is { } at ? Words.Ago(at, now) : Markup.Empty, Page.Text(Words.State(bad.State)),
            Markup.Of($"<span class=\"long\">{bad.Reason}</span>"))))}</section>

        """);

    private static Markup BadNumber(long count) => count == 0 ? Page.Number(0) : Markup.Of($"<span class=\"bad\">{count}</span>");
}
