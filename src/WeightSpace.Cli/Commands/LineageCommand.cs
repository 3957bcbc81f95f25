using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Lineage;
using WeightSpace.Analysis.Report;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace lineage PATH</c>: which of some models descend from which.</summary>
internal static class LineageCommand
{
    private const int MostListed = 40;

    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) } };

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> path = new Argument<string>("PATH") { Description = $"A folder of model files, a collection, or a zoo. What is said of descent (parents of a zoo, {LineageTable.FileName}) is not looked at, but to say how right the answer is." }.AsPath();
        Option<string?> output = new Option<string?>("--out") { Description = "A file for the answer as a table: a row for each model.", HelpName = "FILE.csv" }.AsPath();
        Option<string?> page = new Option<string?>("--page") { Description = "A file for the trees as figures: an HTML page that needs nothing else.", HelpName = "FILE.html" }.AsPath();
        Option<string> choice = DeriveCommand.TakeOption(withAll: false);
        var baselines = new Option<bool>("--baselines") { Description = "Where the truth is known, also ask MoTHer and the nearest model, which are told the number of trees." };
        var seed = new Option<ulong>("--seed") { Description = "Seed of resampling." };
        var command = new Command("lineage", "Find which models descend from which: fine-tunes, forks, pruned, quantised, noisy, averaged and reordered copies.") { path, output, page, choice, baselines, seed };
        command.SetAction(parsed => context(parsed).Run(run => Find(run, parsed.GetRequiredValue(path), parsed.GetValue(output), parsed.GetValue(page), DeriveCommand.Choice(parsed.GetRequiredValue(choice), withAll: false), parsed.GetValue(baselines), parsed.GetValue(seed))));
        return command;
    }

    private static Answer Find(CommandContext context, string path, string? output, string? page, ModelChoice choice, bool withBaselines, ulong seed)
    {
        using CheckpointSet set = CheckpointSet.Open(path, stop: context.Stop);
        ImportCommand.TellRefused(context.Text, "not read", set.Refusals);
        var results = new List<LineageResult>();
        using (ProgressLine progress = context.Progress())
        {
            foreach (ICheckpointGroup group in set.Groups)
            {
                results.Add(LineageAnalysis.Run(group, ModelSelection.Of(set, group, choice), withBaselines, seed, (stage, done, total) =>
                    progress.Report($"{group.Name}: {stage}", done, total, $"{Units.Count(done)} of {Units.Count(total)} models", speed => $"{Units.Short(speed)} models/s"), context.Stop));
            }
        }
        foreach (LineageResult result in results)
            Tell(context.Text, result);
        if (output is not null)
        {
            AtomicFile.Write(output, stream => WriteTable(stream, results));
            context.Text.WriteLine($"{output}: a row for each model");
        }
        if (page is not null)
        {
            AnalyzeCommand.WritePage(page, writer => LineageReport.Write(set.Title, results, writer));
            context.Text.WriteLine($"{page}: the trees as figures");
        }
        return new Answer(new JsonObject
        {
            ["path"] = path,
            ["groups"] = JsonSerializer.SerializeToNode(results, s_json),
            ["refused"] = new JsonArray([.. set.Refusals.Select(refused => new JsonObject { ["file"] = refused.Path, ["reason"] = refused.Reason })]),
        });
    }

    private static void Tell(TextWriter text, LineageResult result)
    {
        text.WriteLine($"'{result.Group}': {Units.Count(result.Models.Count)} models of {Units.Count(result.Parameters)} weights are of {Units.Count(result.Trees)} trees"
            + $"{(result.LeftOut.Count > 0 ? $"; {Units.Count(result.LeftOut.Count)} left out, for their weights are not finite" : "")}{(result.KnowsUnits ? "" : "; it is not known which hidden units may be reordered, so reordered copies are not found")}");
        foreach (FoundModel model in result.Models.Where(model => model.Parent is not null).Take(MostListed))
        {
            text.WriteLine($"  {model.Name}: {Word(model.Kind)}{(model.Direction == true ? " from" : ", cannot tell which is the parent,")} {model.Parent}{(model.SecondParent is { } second ? $" and {second} ({Number(model.Share)} of it)" : "")}; "
                + $"confidence {Number(model.Direction == true ? model.Confidence : model.Placed)}");
        }
        foreach (IGrouping<int?, FoundModel> siblings in result.Models.Where(model => model.Siblings is not null).GroupBy(model => model.Siblings))
            text.WriteLine($"  {Units.Count(siblings.Count())} siblings, whose parent is not among the models: {string.Join(", ", siblings.Take(4).Select(model => model.Name))}{(siblings.Count() > 4 ? ", ..." : "")}");
        int edges = result.Models.Count(model => model.Parent is not null);
        if (edges > MostListed)
            text.WriteLine($"  ... {Units.Count(edges - MostListed)} more with --json or --out");
        foreach (NamedLineageScores scores in result.Scores)
        {
            LineageScores score = scores.Scores;
            text.WriteLine($"  held against the truth, {scores.Method}: {Units.Count(score.Found)} trees found of {Units.Count(score.Trees)}, ARI {Of(score.AdjustedRand)}; edges placed {Of(score.Placed)} (chance {Number(score.PlacedByChance)}); "
                + $"parents right {Of(score.Directed)} (chance {Number(score.DirectedByChance)}){(score.Kinds is { } kinds ? $"; kinds right {Of(kinds)} (all alike {Number(score.KindsByChance)})" : "")}");
        }
    }

    private static void WriteTable(Stream stream, List<LineageResult> results)
    {
        using var table = new CsvWriter(stream, "model", "group", "tree", "parent", "second_parent", "share", "kind", "confidence", "placed", "direction", "siblings", "reordered");
        foreach (LineageResult result in results)
        {
            foreach (FoundModel model in result.Models)
            {
                table.WriteRow(model.Name, result.Group, Whole(model.Tree), model.Parent ?? "", model.SecondParent ?? "", CsvWriter.Rounded(model.Share), Word(model.Kind), CsvWriter.Rounded(model.Confidence), CsvWriter.Rounded(model.Placed),
                    model.Direction switch { true => "sure", false => "cannot tell", null => "" }, Whole(model.Siblings), model.Reordered ? "true" : "false");
            }
        }
    }

    private static string Word(RelationKind? kind) => kind?.ToString().ToLowerInvariant() ?? "";

    private static string Whole(int? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";

    private static string Of(Estimate? estimate) => estimate is { Low: { } low, High: { } high } ? $"{Number(estimate.Value)} [{Number(low)}, {Number(high)}]" : Number(estimate?.Value);

    private static string Number(double? value) => value?.ToString("0.00", CultureInfo.InvariantCulture) ?? "none";
}
