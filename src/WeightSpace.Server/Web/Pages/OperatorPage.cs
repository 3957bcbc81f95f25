using System.Globalization;
using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web.Pages;

/// <summary>What the operator sees: how far everything is, who errs, who cheats, and how fast it goes.</summary>
internal static class OperatorPage
{
    /// <summary>The form that takes the token once.</summary>
    public static Markup SignIn(string root, string wrong) => Markup.Of($"""
        <h1>For the operator</h1>
        {SignInPage.Said(wrong)}<section>
        <form method="post" action="{root}operator/sign-in">
        <label>The operator's token <small>the file <code>operator-token</code> in the project's folder</small> <input name="token" type="password" autocomplete="off" maxlength="200" required></label>
        <button type="submit">Open</button>
        </form>
        </section>

        """);

    /// <param name="room">Free bytes on the project's disk, of how many.</param>
    public static Markup Write(string root, Tally tally, (long Free, long Size) room) => Markup.Of($"""
        <h1>For the operator</h1>
        <div class="figures">
        {Page.Figure(tally.HostsOfHour, "host in the last hour", "hosts in the last hour")}{Page.Figure(Words.Number(tally.HostsOfDay), "in the last day")}{Page.Figure(tally.Hosts, "host", "hosts")}{Page.Figure(tally.Accounts, "account", "accounts")}{Page.Figure(Words.Bytes(tally.DatabaseBytes), "database")}{Page.Figure(Words.Bytes(room.Free), $"free of {Words.Bytes(room.Size)}")}</div>
        <section aria-labelledby="experiments">
        <h2 id="experiments">Experiments</h2>
        {Experiments(root, tally)}</section>
        <section aria-labelledby="results">
        <h2 id="results">Results</h2>
        {Results(tally)}</section>
        <div class="two">
        <section aria-labelledby="validation">
        <h2 id="validation">Validation</h2>
        {Validation(tally)}</section>
        <section aria-labelledby="throughput">
        <h2 id="throughput">Throughput</h2>
        {Throughput(tally)}</section>
        </div>
        <section aria-labelledby="caught">
        <h2 id="caught">Found wrong</h2>
        {Caught(tally)}</section>
        <section aria-labelledby="bad">
        <h2 id="bad">Hosts with errors</h2>
        {Hosts(tally)}</section>
        <form method="post" action="{root}operator/sign-out"><button class="plain" type="submit">Close</button></form>
        <p class="note">Counted {Words.Ago(tally.At, tally.At)}; load the page again for more.</p>

        """);

    private static Markup Experiments(string root, Tally tally) => tally.Experiments.Count == 0
        ? Markup.Of($"<p class=\"none\">None has been handed in: <code>weightspace submit EXPERIMENT --to PROJECT</code>.</p>\n")
        : Page.Table("Experiments", ["Experiment", "State", "Priority", "Networks", "Progress", "Units", "Queue", "Suspect", "Networks/h", "Left", ""], tally.Experiments.Select(each => Page.Row(
            Markup.Of($"{each.Name}{Markup.When(each.Reason.Length > 0, () => Markup.Of($" <span class=\"note bad\">{each.Reason}</span>"))}"), Page.Text(each.State), Page.Number(each.Priority), Markup.Of($"{each.NetworksDone} of {each.Networks}"),
            Page.Progress($"Progress of {each.Name}", each.Share), Markup.Of($"{each.UnitsDone} of {each.Units}"), Page.Number(each.Queued), Page.Number(each.Suspect), Page.Text(each.PerHour is { } pace && each.IsUnderWay ? Words.Number((long)pace) : "–"),
            Page.Text(each.Left is { } left ? Words.Span(left) : "–"), Markup.Join(s_actions.Where(action => IsPossible(action, each)).Select(action => Action(root, each, action))))));

    private static readonly string[] s_actions = ["pause", "resume", "cancel"];

    private static bool IsPossible(string action, ExperimentTally experiment) => action switch
    {
        "pause" => experiment.State == "running",
        "resume" => experiment.State == "paused",
        _ => experiment.IsUnderWay,
    };

    private static Markup Action(string root, ExperimentTally experiment, string action)
    {
        var form = Markup.Of($"<form class=\"line\" method=\"post\" action=\"{root}operator/experiments/{experiment.Name}/{action}\"><button class=\"plain\" type=\"submit\" aria-label=\"{action} {experiment.Name}\">{action}</button></form>");
        // What cannot be taken back takes two clicks.
        return action == "cancel" ? Markup.Of($"<details><summary>cancel it</summary>{form}</details>") : form;
    }

    private static Markup Results(Tally tally)
    {
        string[] states = ["sent", "reported", "held", "valid", "invalid", "withdrawn", "failed", "expired", "unneeded"];
        Markup Line(string name, IReadOnlyDictionary<string, long> counts) => Page.Row(Page.Text(name), [.. states.Select(state => Page.Number(counts.GetValueOrDefault(state)))]);
        return Page.Table("Results by state", states.Select(Words.State).Prepend("Experiment"), tally.Experiments.Where(each => each.Results.Count > 0).Select(each => Line(each.Name, each.Results)).Append(Line("All", tally.Results)));
    }

    private static Markup Validation(Tally tally)
    {
        long wrong = Of("invalid"), withdrawn = Of("withdrawn"), valid = Of("valid"), judged = valid + wrong + withdrawn;
        return Markup.Of($"""
            <div class="figures">
            {Page.Figure(tally.Compared, "result compared", "results compared")}{Page.Figure(judged == 0 ? "–" : Words.Share((double)tally.Compared / judged), "of those judged")}{Page.Figure(Words.Number(wrong), "found wrong")}{Page.Figure(Words.Number(withdrawn), "withdrawn later")}{Page.Figure(tally.Experiments.Sum(each => each.Suspect), "unit suspect", "units suspect")}{Page.Figure(Words.Number(Of("reported")), "to be checked")}{Page.Figure(Words.Number(Of("held")), "held")}</div>

            """);

        long Of(string state) => tally.Results.GetValueOrDefault(state);
    }

    private static Markup Throughput(Tally tally) => tally.Hours.Count == 0 ? Markup.Of($"<p class=\"none\">Nothing has been measured yet; a sample is taken every minute.</p>\n")
        : Page.Table("Throughput by the hour", ["From (UTC)", "Networks/h", "Units/h", "GFLOP/s"], tally.Hours.Select(hour => Page.Row(Page.Text(hour.From.UtcDateTime.ToString("d MMM HH:mm", CultureInfo.InvariantCulture)),
            Page.Number((long)(hour.Networks / hour.Span.TotalHours)), Page.Number((long)(hour.Units / hour.Span.TotalHours)), Markup.Of($"{hour.Flops / hour.Span.TotalSeconds / 1e9:N1}"))));

    private static Markup Caught(Tally tally) => tally.Caught.Count == 0 ? Markup.Of($"<p class=\"none\">No result has been found wrong.</p>\n")
        : Page.Table("Results found wrong", ["Result", "Owner", "Host", "When", "What", "Why"], tally.Caught.Select(each => Page.Row(Page.Text(each.Name), Markup.Name(each.Owner), Page.Text($"no. {each.Host}"),
            each.At is { } at ? Words.Ago(at, tally.At) : Markup.Empty, Page.Text(Words.State(each.State)), Markup.Of($"<span class=\"long\">{each.Reason}</span>"))));

    private static Markup Hosts(Tally tally) => tally.BadHosts.Count == 0 ? Markup.Of($"<p class=\"none\">No host has failed at anything.</p>\n")
        : Page.Table("Hosts with errors", ["Owner", "Host", "System", "Accepted", "Wrong", "Failed", "Errors", "Right in a row", "Quota", "Waits", "Last reason"], tally.BadHosts.Select(host => Page.Row(Markup.Name(host.Owner),
            Page.Text($"no. {host.Id}"), Markup.Name(host.System), Page.Number(host.Accepted), Page.Number(host.Wrong), Page.Number(host.Failed), Page.Text(Words.Share((double)(host.Wrong + host.Failed) / (host.Wrong + host.Failed + host.Accepted))),
            Page.Number(host.RightInRow), Page.Number(host.Quota), Page.Text(host.NotBefore > tally.At ? Words.Span(host.NotBefore - tally.At) : "–"), Markup.Of($"<span class=\"long\">{host.Reason}</span>"))));
}
