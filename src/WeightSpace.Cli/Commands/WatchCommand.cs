using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Cli.Watching;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace watch FOLDER</c>: judges checkpoints as they come.</summary>
internal static class WatchCommand
{
    /// <summary>The log's name where none is given.</summary>
    private const string LogName = "watch.jsonl";

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> folder = new Argument<string>("FOLDER") { Description = "The folder that checkpoints are written to, with its sub-folders." }.AsPath();
        Option<string?> monitor = MonitorCommand.FileOption();
        Option<double?> maxDistance = MonitorCommand.MaxDistanceOption();
        Option<string?> log = new Option<string?>("--log") { Description = $"The log, a JSON line for each checkpoint; called again, the watch goes on where it ends. Default: {LogName} in the folder.", HelpName = "FILE" }.AsPath();
        var tested = new Option<string?>("--tested") { Description = "The version that was tested last, a step or a checkpoint's name: distances are measured from it, once it is judged.", HelpName = "STEP|NAME" };
        var accept = new Option<string?>("--accept") { Description = "Write down that a judged version was tested and found good, and end: what was due up to it is no longer, and distances are measured from it.", HelpName = "STEP|NAME" };
        var webhook = new Option<string?>("--webhook") { Description = "An address that each line of the log is posted to.", HelpName = "URL" };
        var once = new Option<bool>("--once") { Description = "Judge what is there, and end." };
        var idle = new Option<double?>("--until-idle") { Description = "End when nothing new has come for so long.", HelpName = "SECONDS" };
        var stopOnAlarm = new Option<bool>("--stop-on-alarm") { Description = "End at once when a re-test is due." };
        var every = new Option<long?>("--every") { Description = "Steps from one checkpoint to the next: one that comes too early waits for those before it. A monitor knows its steps by itself.", HelpName = "STEPS" };
        Option<double> patience = Seconds("--patience", "How long a checkpoint waits for one that should come before it.", 60), settle = Seconds("--settle", "How long a file stays as it is before it is looked into.", 2), poll = Seconds("--poll", "Pause between two looks into the folder.", 1);
        Option<string> orderBy = ImportCommand.OrderByOption();
        var command = new Command("watch", "Judge checkpoints as they are written: where they are on their path, how far from the tested version, whether they left the path; exit code 3 when a re-test is due.")
        {
            folder, monitor, maxDistance, log, tested, accept, webhook, once, idle, stopOnAlarm, every, patience, settle, poll, orderBy,
        };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string path = parsed.GetRequiredValue(folder);
            if (parsed.GetRequiredValue(orderBy) is var order && order is CheckpointOptions.ByName or CheckpointOptions.ByTime)
                throw new InputException($"--order-by: found '{order}', expected auto, step, epoch or the name of a number that the files hold: a watch must know where a file belongs before the others have come");
            if (parsed.GetValue(every) is <= 0)
                throw new InputException($"--every: found {parsed.GetValue(every)}, expected 1 or more steps");
            return Watch(run, parsed.GetValue(accept), new WatchOptions
            {
                Folder = path,
                Log = parsed.GetValue(log) ?? Path.Combine(path, LogName),
                MonitorFile = parsed.GetValue(monitor),
                MaxDistance = MonitorCommand.MaxDistance(parsed, maxDistance),
                Tested = parsed.GetValue(tested),
                OrderBy = order,
                Webhook = parsed.GetValue(webhook) is { } address ? Webhook.Parse(address) : null,
                Once = parsed.GetValue(once),
                UntilIdle = parsed.GetValue(idle) is { } quiet ? Span(idle.Name, quiet) : null,
                StopOnAlarm = parsed.GetValue(stopOnAlarm),
                Every = parsed.GetValue(every),
                Patience = Span(patience.Name, parsed.GetValue(patience)),
                Settle = Span(settle.Name, parsed.GetValue(settle)),
                Poll = Span(poll.Name, parsed.GetValue(poll)),
            });
        }));
        return command;
    }

    private static Answer Watch(CommandContext context, string? accept, WatchOptions options)
    {
        using var session = new WatchSession(context, options);
        if (options.MonitorFile is null && accept is null)
            context.Text.WriteLine(options.MaxDistance is null ? "Nothing is judged but values that are no numbers: there is no --monitor and no --max-distance." : "Distances alone are judged: there is no --monitor.");
        if (accept is not null)
            session.Accept(accept);
        else
            session.Run();
        session.Finish();
        IReadOnlyList<(string Network, string Since, string Reason)> due = session.Due;
        Dictionary<string, int> counts = session.Counts;
        context.Text.WriteLine($"{options.Log}: {Units.Count(counts["checkpoint"])} checkpoints judged, {Units.Count(counts["late"])} late, {Units.Count(counts["unreadable"])} times unreadable");
        foreach ((string network, string since, string reason) in due)
            context.Text.WriteLine($"re-test due of {network} since {since}: {reason}");
        var json = new JsonObject
        {
            ["folder"] = options.Folder,
            ["log"] = options.Log,
            ["judged"] = counts["checkpoint"],
            ["late"] = counts["late"],
            ["unreadable"] = counts["unreadable"],
            ["accepted"] = counts["accept"],
            ["webhook_failures"] = session.WebhookFailures,
            ["retest_due"] = due.Count > 0,
            ["due"] = new JsonArray([.. due.Select(one => new JsonObject { ["network"] = one.Network, ["since"] = one.Since, ["reason"] = one.Reason })]),
        };
        return new Answer(json, due.Count > 0 ? ExitCodes.CheckSaysNo : ExitCodes.Done);
    }

    private static Option<double> Seconds(string name, string description, double standard) => new(name) { Description = description, HelpName = "SECONDS", DefaultValueFactory = _ => standard };

    private static TimeSpan Span(string option, double seconds) =>
        seconds is >= 0 and <= 1e6 ? TimeSpan.FromSeconds(seconds) : throw new InputException($"{option}: found {seconds}, expected 0 to 1,000,000 seconds");
}
