using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Analysis.Lineage;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace derive PATH --out FOLDER</c>: changed copies of models, with the truth of what descends from what.</summary>
internal static class DeriveCommand
{
    private const string Last = "last", Forks = "forks", All = "all";

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> path = new Argument<string>("PATH") { Description = "A folder of checkpoint files, a collection, a zoo, or one file." }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = $"The folder for the models, their copies and {LineageTable.FileName}; it comes under this name when it is whole.", Required = true, HelpName = "FOLDER" }.AsPath();
        var pruned = new Option<double[]>("--pruned") { Description = "Copies with this share of the weights of each matrix at 0, those of least magnitude; above 0, below 1.", HelpName = "SHARE", AllowMultipleArgumentsPerToken = true };
        var noisy = new Option<double[]>("--noisy") { Description = "Copies with normal noise of this standard deviation, as a share of each tensor's own; above 0, at most 10.", HelpName = "SD", AllowMultipleArgumentsPerToken = true };
        var quantised = new Option<int[]>("--quantised") { Description = "Copies with so many bits to a weight, 2 to 16: uniform and symmetric, each tensor by itself.", HelpName = "BITS", AllowMultipleArgumentsPerToken = true };
        var permuted = new Option<bool>("--permuted") { Description = "Copies with their hidden units in a random order, which leaves their function as it was." };
        var averaged = new Option<int>("--averaged") { Description = "So many means of two models of one tree.", HelpName = "N" };
        var models = new Option<int?>("--models") { Description = "Copy so many models of each architecture, drawn at random; default: all.", HelpName = "N" };
        Option<string> choice = TakeOption(withAll: true);
        var seed = new Option<ulong>("--seed") { Description = "Seed of everything random." };
        var command = new Command("derive", "Write copies of models that are changed without training (pruned, noisy, quantised, permuted, averaged), and which descends from which.")
        {
            path, output, pruned, noisy, quantised, permuted, averaged, models, choice, seed,
        };
        command.SetAction(parsed => context(parsed).Run(run => Derive(run, parsed.GetRequiredValue(path), parsed.GetRequiredValue(output), new DerivationOptions
        {
            Pruned = parsed.GetValue(pruned) ?? [],
            Noisy = parsed.GetValue(noisy) ?? [],
            Quantised = parsed.GetValue(quantised) ?? [],
            Permuted = parsed.GetValue(permuted),
            Averaged = parsed.GetValue(averaged),
            Models = parsed.GetValue(models),
            Choice = Choice(parsed.GetRequiredValue(choice), withAll: true),
            Seed = parsed.GetValue(seed),
        })));
        return command;
    }

    /// <summary>Which checkpoints of a network are models.</summary>
    public static Option<string> TakeOption(bool withAll) => new("--take")
    {
        Description = $"Which checkpoints of a network are models: {Last}; {Forks} (of a zoo, the one that its children part from, else the last){(withAll ? $"; {All}" : "")}. In a folder each file is one.",
        HelpName = withAll ? $"{Last}|{Forks}|{All}" : $"{Last}|{Forks}",
        DefaultValueFactory = _ => Last,
    };

    public static ModelChoice Choice(string word, bool withAll) => word switch
    {
        Last => ModelChoice.Last,
        Forks => ModelChoice.Forks,
        All when withAll => ModelChoice.All,
        _ => throw new InputException($"--take: found '{word}', expected {Last}{(withAll ? $", {Forks} or {All}" : $" or {Forks}")}"),
    };

    private static Answer Derive(CommandContext context, string path, string output, DerivationOptions options)
    {
        using CheckpointSet set = CheckpointSet.Open(path, stop: context.Stop);
        ImportCommand.TellRefused(context.Text, "not read", set.Refusals);
        DerivationResult result;
        using (ProgressLine progress = context.Progress())
        {
            result = Derivation.Write(set, output, options, (done, total) =>
                progress.Report("writing models", done, total, $"{Units.Count(done)} of {Units.Count(total)} models", speed => $"{Units.Short(speed)} models/s"), context.Stop);
        }
        context.Text.WriteLine($"{output}: {Units.Count(result.Originals)} models as they were{string.Concat(result.Copies.Select(copies => $", {Units.Count(copies.Value)} {copies.Key}"))}; {LineageTable.FileName} says which descends from which");
        foreach (string name in result.LeftOut)
            context.Text.WriteLine($"  not changed, for its weights are not finite: {name}");
        return new Answer(new JsonObject
        {
            ["path"] = path,
            ["folder"] = output,
            ["originals"] = result.Originals,
            ["copies"] = new JsonObject(result.Copies.Select(copies => KeyValuePair.Create<string, JsonNode?>(copies.Key, copies.Value))),
            ["left_out"] = new JsonArray([.. result.LeftOut.Select(name => JsonValue.Create(name))]),
            ["table"] = Path.Combine(output, LineageTable.FileName),
            ["refused"] = new JsonArray([.. set.Refusals.Select(refused => new JsonObject { ["file"] = refused.Path, ["reason"] = refused.Reason })]),
        });
    }
}
