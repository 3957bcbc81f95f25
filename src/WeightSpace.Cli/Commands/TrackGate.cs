using System.Text.Json.Nodes;
using WeightSpace.Analysis.Monitoring;
using WeightSpace.Analysis.Trajectories;
using WeightSpace.Cli.Watching;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace track PATH --gate</c>: judges the paths that are there, all at once.</summary>
internal static class TrackGate
{
    private const int MostListed = 20;

    public static Answer Judge(CommandContext context, string path, string orderBy, string[] networks, string? monitorFile, string? tested, double? maxDistance)
    {
        if (monitorFile is null && (maxDistance is null || tested is null))
            throw new InputException("--gate: found nothing to judge by; expected --monitor FILE, or --max-distance with --tested, or both");
        if (maxDistance is not null && tested is null)
            throw new InputException("--max-distance: found no --tested, from which distances are measured; name a step or a checkpoint");
        PathMonitor? monitor = monitorFile is null ? null : MonitorFile.Open(monitorFile);
        using CheckpointSet set = CheckpointSet.Open(path, new CheckpointOptions { OrderBy = orderBy }, stop: context.Stop);
        ImportCommand.TellRefused(context.Text, "not read", set.Refusals);
        var judged = new List<JudgedPath>();
        using (ProgressLine progress = context.Progress())
        {
            foreach (ICheckpointGroup group in set.Groups)
            {
                PathItems[] paths = [.. PathItems.Of(group).Where(one => networks.Length == 0 || networks.Any(name => one.Network.StartsWith(name, StringComparison.Ordinal)))];
                if (paths.Length > 0)
                    judged.AddRange(PathReview.Judge(group, paths, monitor, maxDistance, tested, new AnalysisReporter(progress), context.Stop));
            }
        }
        if (judged.Count == 0)
            throw new InputException($"--network: there is no network '{string.Join("', '", networks)}' in {set.Title}; the beginning of a name is enough");
        JudgedPath[] due = [.. judged.Where(one => one.IsRetestDue)];
        context.Text.WriteLine($"{set.Title}: {Units.Count(judged.Count)} networks, {Units.Count(judged.Sum(one => one.Checkpoints.Count))} checkpoints judged; a re-test is due of {Units.Count(due.Length)}");
        foreach (JudgedPath one in due.Take(MostListed))
            context.Text.WriteLine($"  {one.DueSince!.Row.Name}: {one.DueSince.Judgement.Reason}");
        if (due.Length > MostListed)
            context.Text.WriteLine($"  and {Units.Count(due.Length - MostListed)} more with --json");
        int notCompared = monitor is null ? 0 : judged.Sum(one => one.Checkpoints.Skip(2).Count(checkpoint => checkpoint.Judgement.Statistic is null));
        if (notCompared > 0)
            context.Text.WriteLine($"{Units.Count(notCompared)} checkpoints could not be compared with the reference; --json says why of each");
        var json = new JsonObject
        {
            ["path"] = path,
            ["monitor"] = monitorFile,
            ["threshold"] = monitor?.Threshold,
            ["retest_due"] = due.Length > 0,
            ["networks"] = new JsonArray([.. judged.Select(one => ToJson(one, monitor))]),
        };
        return new Answer(json, due.Length > 0 ? ExitCodes.CheckSaysNo : ExitCodes.Done);
    }

    private static JsonObject ToJson(JudgedPath path, PathMonitor? monitor) => new()
    {
        ["network"] = path.Network,
        ["retest_due"] = path.IsRetestDue,
        ["due_since"] = path.DueSince?.Row.Name,
        ["due_since_step"] = path.DueSince?.Row.Step,
        ["reason"] = path.DueSince?.Judgement.Reason,
        ["checkpoints"] = new JsonArray([.. path.Checkpoints.Select(one => JudgementJson.Of(path.Network, one, monitor))]),
    };
}
