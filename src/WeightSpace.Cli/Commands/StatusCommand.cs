using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Engines;
using WeightSpace.Engines.Slurm;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace status ZOO</c>: how far a zoo or an analysis on a cluster is, what it cost, and why things fail.</summary>
internal static class StatusCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> zoo = new Argument<string>("ZOO") { Description = "The folder of a zoo that is growing on a cluster, or the --out of an analysis; or a project of volunteers, by its folder or its address." }.AsPath();
        var command = new Command("status", "Say how far a zoo or an analysis on a cluster is, or the experiments of a project: units and networks, rate, cost, time left, and why things fail.") { zoo };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string folder = parsed.GetRequiredValue(zoo);
#if SERVER
            if (Server.ProjectStatus.IsProject(folder))
                return Server.ProjectStatus.Tell(run, folder);
#endif
            return Tell(run, folder);
        }));
        return command;
    }

    private static Answer Tell(CommandContext context, string folder)
    {
        // A zoo that is growing is not yet there to be analysed.
        AnalysisWork? analysis = Directory.Exists(GrowingZoo.WorkFolder(folder)) ? null : ClusterAnalysis.Find(folder);
        SlurmStatus status = analysis is null ? SlurmStatus.Read(folder, path => Experiment.Load(path, context.Images), new SlurmCommands(), context.Time) : SlurmStatus.Read(analysis.Counts, new SlurmCommands(), context.Time);
        string things = analysis is null ? "networks" : "units", of = analysis is null ? "" : $" of the analysis of {analysis.Plan.Source.Zoo}";
        context.Text.WriteLine($"{folder}: {Units.Count(status.NetworksDone)} of {Units.Count(status.Networks)} {things}{of}");
        string rate = status.NetworksPerHour is { } perHour ? $", {Units.Count((long)perHour)} {things}/hour" : "";
        string left = status.SecondsLeft is { } seconds ? $", about {ProgressLine.Duration(seconds)} left" : "";
        context.Text.WriteLine($"  units    {Units.Count(status.Done)} of {Units.Count(status.Units)} done, {Units.Count(status.Running)} running, {Units.Count(status.Waiting)} waiting, {Units.Count(status.ToSubmit)} to be submitted");
        context.Text.WriteLine($"  so far   {Units.Short(status.CoreHours)} core-hours{rate}{left}");
        if (status.Trouble is { } trouble)
            context.Text.WriteLine($"  queue    not known: {trouble}");
        if (status.Reasons.Count > 0)
            context.Text.WriteLine($"  waiting  {string.Join(", ", status.Reasons.Select(reason => $"{reason.Reason} ({Units.Count(reason.Count)})"))}");
        if (status.JobsThatFailed > 0)
            context.Text.WriteLine($"  failed   {Units.Count(status.JobsThatFailed)} jobs, on {string.Join(", ", status.FailuresByNode.Select(node => $"{node.Node} ({node.Count})"))}; their units are submitted again");
        foreach ((string text, int count) in status.Errors)
            context.Text.WriteLine($"  said     {text} ({Units.Count(count)})");
        var answer = new JsonObject
        {
            ["zoo"] = folder,
            ["networks"] = status.Networks,
            ["networks_done"] = status.NetworksDone,
            ["units"] = new JsonObject { ["known"] = status.Units, ["done"] = status.Done, ["running"] = status.Running, ["waiting"] = status.Waiting, ["to_submit"] = status.ToSubmit },
            ["networks_per_hour"] = status.NetworksPerHour,
            ["core_hours"] = status.CoreHours,
            ["seconds_left"] = status.SecondsLeft,
            ["jobs_failed"] = status.JobsThatFailed,
            ["waiting_for"] = Table(status.Reasons),
            ["failures_by_node"] = Table(status.FailuresByNode),
            ["errors"] = Table(status.Errors),
            ["queue_trouble"] = status.Trouble,
        };
        if (analysis is not null)
        {
            foreach (string key in (string[])["zoo", "networks", "networks_done", "networks_per_hour"])
                answer.Remove(key);
            answer.Insert(0, "analysis", folder);
            answer.Insert(2, "units_per_hour", status.NetworksPerHour);
        }
        return new Answer(answer);
    }

    private static JsonObject Table(IReadOnlyList<(string Key, int Count)> rows)
    {
        var table = new JsonObject();
        foreach ((string key, int count) in rows)
            table[key] = count;
        return table;
    }
}
