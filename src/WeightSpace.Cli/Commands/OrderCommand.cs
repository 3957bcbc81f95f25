using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Report;
using WeightSpace.Analysis.Trajectories.Ordering;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace order PATH</c>: which of unlabelled checkpoints belong to one network, and which came after which.</summary>
internal static class OrderCommand
{
    private const int MostListed = 20;

    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> path = new Argument<string>("PATH") { Description = "A folder of checkpoint files, a collection, or a zoo. What is said of network and step is not looked at, but to say how right the answer is." }.AsPath();
        Option<string?> output = new Option<string?>("--out") { Description = "A file for the answer as a table: a row for each checkpoint.", HelpName = "FILE.csv" }.AsPath();
        Option<string?> page = new Option<string?>("--page") { Description = "A file for the paths as figures: an HTML page that needs nothing else.", HelpName = "FILE.html" }.AsPath();
        var baselines = new Option<bool>("--baselines") { Description = "Where the truth is known, also ask simple rules, which are told the number of networks." };
        var seed = new Option<ulong>("--seed") { Description = "Seed of resampling." };
        var command = new Command("order", "Put unlabelled checkpoints in order: which belong to one network, and which came after which.") { path, output, page, baselines, seed };
        command.SetAction(parsed => context(parsed).Run(run => Order(run, parsed.GetRequiredValue(path), parsed.GetValue(output), parsed.GetValue(page), parsed.GetValue(baselines), parsed.GetValue(seed))));
        return command;
    }

    private static Answer Order(CommandContext context, string path, string? output, string? page, bool withBaselines, ulong seed)
    {
        using CheckpointSet set = CheckpointSet.Open(path, stop: context.Stop);
        ImportCommand.TellRefused(context.Text, "not read", set.Refusals);
        var results = new List<OrderResult>();
        using (ProgressLine progress = context.Progress())
        {
            foreach (ICheckpointGroup group in set.Groups)
            {
                results.Add(OrderAnalysis.Run(group, withBaselines, page is not null, seed, (stage, done, total) =>
                    progress.Report($"{group.Name}: {stage}", done, total, $"{Units.Count(done)} of {Units.Count(total)}", speed => $"{Units.Short(speed)}/s"), context.Stop));
            }
        }
        foreach (OrderResult result in results)
            Tell(context.Text, result);
        if (output is not null)
        {
            AtomicFile.Write(output, stream => WriteTable(stream, results));
            context.Text.WriteLine($"{output}: a row for each checkpoint");
        }
        if (page is not null)
        {
            AnalyzeCommand.WritePage(page, writer => OrderReport.Write(set.Title, results, writer));
            context.Text.WriteLine($"{page}: the paths as figures");
        }
        return new Answer(new JsonObject
        {
            ["path"] = path,
            ["groups"] = JsonSerializer.SerializeToNode(results, s_json),
            ["refused"] = new JsonArray([.. set.Refusals.Select(refused => new JsonObject { ["file"] = refused.Path, ["reason"] = refused.Reason })]),
        });
    }

    private static void Tell(TextWriter text, OrderResult result)
    {
        int copies = result.Checkpoints.Count(checkpoint => checkpoint.SameAs is not null);
        text.WriteLine($"'{result.Group}': {Units.Count(result.Checkpoints.Count)} checkpoints of {Units.Count(result.Parameters)} weights are of {Units.Count(result.Trajectories.Count)} networks"
            + $"{(copies > 0 ? $"; {Units.Count(copies)} are copies of others" : "")}{(result.LeftOut.Count > 0 ? $"; {Units.Count(result.LeftOut.Count)} left out, for their weights are not finite" : "")}");
        if (result.UnitsReordered)
            text.WriteLine("  hidden units stood in different orders; they were brought into one first");
        foreach (FoundTrajectory trajectory in result.Trajectories.Take(MostListed))
        {
            text.WriteLine($"  {trajectory.Number,4}: {Units.Count(trajectory.Checkpoints)} checkpoints from {trajectory.First} to {trajectory.Last}"
                + $"{(trajectory.ForkOf is { } parent ? $", forked from {parent}" : "")}; direction {(trajectory.HasDirection ? "sure" : "cannot tell")} ({Number(trajectory.Direction)}), separation {Number(trajectory.Separation)}");
        }
        if (result.Trajectories.Count > MostListed)
            text.WriteLine($"  ... {Units.Count(result.Trajectories.Count - MostListed)} more with --json");
        foreach (NamedOrderScores scores in result.Scores)
        {
            OrderScores score = scores.Scores;
            text.WriteLine($"  held against the truth, {scores.Method}: {Units.Count(score.Found)} networks found of {Units.Count(score.Networks)}; ARI {Of(score.AdjustedRand)}, AMI {Number(score.MutualInformation)}; "
                + $"Kendall's tau {Of(score.Order)}, with direction {Of(score.DirectedOrder)}; neighbours right {Of(score.Edges)}, with direction {Of(score.DirectedEdges)}");
        }
    }

    private static void WriteTable(Stream stream, List<OrderResult> results)
    {
        using var table = new CsvWriter(stream, "checkpoint", "group", "trajectory", "place", "same_as");
        foreach (OrderResult result in results)
        {
            foreach (FoundCheckpoint checkpoint in result.Checkpoints)
                table.WriteRow(checkpoint.Name, result.Group, Whole(checkpoint.Trajectory), Whole(checkpoint.Place), checkpoint.SameAs ?? "");
        }
    }

    private static string Whole(int? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";

    private static string Of(Estimate? estimate) => estimate is { Low: { } low, High: { } high } ? $"{Number(estimate.Value)} [{Number(low)}, {Number(high)}]" : Number(estimate?.Value);

    private static string Number(double? value) => value?.ToString("0.00", CultureInfo.InvariantCulture) ?? "none";
}
