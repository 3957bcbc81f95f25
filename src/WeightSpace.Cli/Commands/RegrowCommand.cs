using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Engines.Local;
using WeightSpace.Training;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace regrow RECIPES --out ZOO</c>: trains a published zoo again from its recipe form, to the same bytes.</summary>
internal static class RegrowCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> recipes = new Argument<string>("RECIPES") { Description = "The recipe form of a zoo: the archive that publish made, or the folder unpacked from it." }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = "The folder of the zoo; it comes under this name when all is checked. Called again, training goes on where it stopped.", Required = true, HelpName = "ZOO" }.AsPath();
        Option<int> threads = TrainCommand.ThreadsOption(), unit = TrainCommand.UnitOption();
        var command = new Command("regrow", "Train a published zoo again from its recipes. Exit code 0: it is the same, byte for byte; 3: something came out different, and there is no zoo.") { recipes, output, threads, unit };
        command.SetAction(parsed => context(parsed).Run(run => Run(run, parsed.GetRequiredValue(recipes), parsed.GetRequiredValue(output), TrainCommand.Threads(parsed, threads), TrainCommand.Positive(parsed, unit))));
        return command;
    }

    private static Answer Run(CommandContext context, string recipes, string folder, int threads, int unitSize)
    {
        RegrowthResult result;
        using (ProgressLine progress = context.Progress())
        {
            result = Regrowth.Regrow(recipes, folder, threads, unitSize, () => new Trainer(context.Images), context.Time,
                zoo => FusedMultiplyAdd.Check(context, TrainCommand.Flops(zoo.Experiment)),
                done => TrainCommand.Report(progress, done),
                (done, total) => progress.Report("checking digests", done, total, Units.Scaled(done, "B"), speed => Units.Scaled(speed, "B/s")), context.Stop);
        }
        if (result is { Difference: null, File: null })
            return TrainCommand.Tell(context, folder, !result.WasComplete);
        string where = result.Difference is { } difference ? $"network {difference.Network}, step {difference.Step}: {difference.What}" : $"{result.File}: its bytes differ, though those of every checkpoint are right";
        context.Text.WriteLine($"{folder}: this is not the zoo that was published, and none was made");
        context.Text.WriteLine($"  {where}");
        context.Text.WriteLine("  The same recipe gives the same bytes everywhere. So either the published digests are not those of these recipes (a damaged or a false publication), or this machine or this program is at fault:");
        context.Text.WriteLine($"  try another machine, and please report it. What was trained is kept in {folder}{Regrowth.FolderSuffix}; remove that to begin anew.");
        return new Answer(new JsonObject
        {
            ["zoo"] = folder,
            ["network"] = result.Difference?.Network,
            ["step"] = result.Difference?.Step,
            ["what"] = result.Difference?.What ?? where,
        }, ExitCodes.CheckSaysNo);
    }
}
