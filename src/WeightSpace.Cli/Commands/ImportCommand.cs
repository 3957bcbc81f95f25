using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Checkpoints.Collections;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace import FOLDER --out COLLECTION</c>: anybody's checkpoints, in one form.</summary>
internal static class ImportCommand
{
    /// <summary>Refused files that people are shown; JSON has all of them.</summary>
    private const int MaxShown = 20;

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> folder = new Argument<string>("FOLDER") { Description = "A folder of checkpoint files with its sub-folders (PyTorch, safetensors, NumPy, ONNX), or a single file." }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = "The folder of the collection; it comes under this name when it is whole. Called again after a stop, the import goes on.", Required = true, HelpName = "COLLECTION" }.AsPath();
        Option<string> orderBy = OrderByOption();
        var command = new Command("import", "Put anybody's checkpoints together in one form, which every command reads and Python loads in two lines.") { folder, output, orderBy };
        command.SetAction(parsed => context(parsed).Run(run => Run(run, parsed.GetRequiredValue(folder), parsed.GetRequiredValue(output), parsed.GetRequiredValue(orderBy))));
        return command;
    }

    /// <summary>What puts checkpoints of a network in order.</summary>
    public static Option<string> OrderByOption()
    {
        var option = new Option<string>("--order-by")
        {
            Description = "What puts the checkpoints of a network in order: auto (the first of step, epoch and number that all of them have, in the files or their names), name, step, epoch, mtime, or the name of a number that the files hold.",
            HelpName = "auto|name|step|epoch|mtime|KEY",
            DefaultValueFactory = _ => CheckpointOptions.Auto,
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => token.Value.Length == 0))
                result.AddError("--order-by: found nothing, expected auto, name, step, epoch, mtime or the name of a number");
        });
        return option;
    }

    private static Answer Run(CommandContext context, string folder, string output, string orderBy)
    {
        ImportResult result;
        using (ProgressLine progress = context.Progress())
        {
            result = CollectionImport.Import(folder, output, orderBy, done => progress.Report(done.Stage, done.Done, done.Total,
                done.IsBytes ? Units.Scaled(done.Done, "B") : $"{Units.Count(done.Done)} of {Units.Count(done.Total)} files",
                speed => done.IsBytes ? Units.Scaled(speed, "B/s") : $"{Units.Short(speed)} files/s"), context.Stop);
        }
        int checkpoints = result.Groups.Sum(group => group.Checkpoints);
        context.Text.WriteLine($"{output}: {Units.Count(checkpoints)} checkpoints in {Units.Count(result.Groups.Count)} groups, {Units.Scaled(result.Bytes, "B")}{(result.WasComplete ? "; all was complete already" : "")}");
        foreach ((string name, int count, int tensors, long values) in result.Groups)
            context.Text.WriteLine($"  {name,-12} {Units.Count(count),9} checkpoints of {Units.Count(tensors),6} tensors, {Units.Count(values)} values each");
        TellRefused(context.Text, "not imported", result.Refused);
        return new Answer(new JsonObject
        {
            ["folder"] = folder,
            ["collection"] = output,
            ["already_complete"] = result.WasComplete,
            ["checkpoints"] = checkpoints,
            ["bytes"] = result.Bytes,
            ["groups"] = new JsonArray([.. result.Groups.Select(group => new JsonObject { ["name"] = group.Name, ["checkpoints"] = group.Checkpoints, ["tensors"] = group.Tensors, ["values"] = group.Values })]),
            ["refused"] = new JsonArray([.. result.Refused.Select(refused => new JsonObject { ["file"] = refused.Path, ["reason"] = refused.Reason })]),
        });
    }

    /// <summary>Names what could not be read, and why.</summary>
    public static void TellRefused(TextWriter text, string what, IReadOnlyList<RefusedFile> refused)
    {
        if (refused.Count > 0)
            text.WriteLine($"{what}: {Units.Count(refused.Count)}");
        foreach (RefusedFile file in refused.Take(MaxShown))
            text.WriteLine($"  {file.Path}: {file.Reason}");
        if (refused.Count > MaxShown)
            text.WriteLine($"  and {Units.Count(refused.Count - MaxShown)} more with --json");
    }
}
