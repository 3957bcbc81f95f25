using System.CommandLine;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace unpack ARCHIVE --out ZOO</c>: the zoo in an archive, when every byte of it is found right.</summary>
internal static class UnpackCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> archive = new Argument<string>("ARCHIVE") { Description = "The archive of a zoo with its weights, as publish makes it." }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = "The folder of the zoo; it comes under this name when all is checked.", Required = true, HelpName = "ZOO" }.AsPath();
        var command = new Command("unpack", "Unpack the archive of a zoo, and check every byte of it.") { archive, output };
        command.SetAction(parsed => context(parsed).Run(run => Run(run, parsed.GetRequiredValue(archive), parsed.GetRequiredValue(output))));
        return command;
    }

    private static Answer Run(CommandContext context, string archive, string folder)
    {
        bool isNew;
        using (ProgressLine progress = context.Progress())
            isNew = ZooUnpacking.Unpack(archive, folder, (done, total) => progress.Report("unpacking", done, total, Units.Scaled(done, "B"), speed => Units.Scaled(speed, "B/s")), context.Stop);
        return TrainCommand.Tell(context, folder, isNew);
    }
}
