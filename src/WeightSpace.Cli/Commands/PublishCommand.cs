using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace publish ZOO --out FOLDER</c>: archives of a zoo and its subsets, recipes, checksums and a card, for others to download.</summary>
internal static class PublishCommand
{
    private const int MaxAuthors = 1000, MaxAuthorLength = 200;

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> zoo = new Argument<string>("ZOO") { Description = "The folder of a zoo." }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = "The folder to publish to. Called again with the same folder, what is complete is kept and the rest is made.", Required = true, HelpName = "FOLDER" }.AsPath();
        var subset = new Option<string?>("--subset") { Description = "Subsets too: so many networks of each class (those that differ in nothing but their seeds), such as 100,500.", HelpName = "N,..." };
        var author = new Option<string[]>("--author") { Description = "Whom to cite; may be given several times.", HelpName = "NAME", AllowMultipleArgumentsPerToken = false };
        var command = new Command("publish", "Make archives of a zoo for others: with weights, and as recipes that regrow makes the weights of.") { zoo, output, subset, author };
        command.SetAction(parsed => context(parsed).Run(run =>
            Run(run, parsed.GetRequiredValue(zoo), parsed.GetRequiredValue(output), Subsets(parsed.GetValue(subset)), Authors(parsed.GetValue(author) ?? []))));
        return command;
    }

    private static Answer Run(CommandContext context, string zoo, string folder, int[] subsets, string[] authors)
    {
        PublicationResult result;
        using (ProgressLine progress = context.Progress())
        {
            result = ZooPublication.Publish(zoo, folder, subsets, authors, done => progress.Report(done.Stage, done.Done, done.Total,
                done.IsBytes ? Units.Scaled(done.Done, "B") : $"{Units.Count(done.Done)} of {Units.Count(done.Total)} networks",
                speed => done.IsBytes ? Units.Scaled(speed, "B/s") : $"{Units.Short(speed)} networks/s"), context.Stop);
        }
        context.Text.WriteLine($"{folder}: {result.Archives.Count} archives{(result.WasComplete ? "; all was complete already" : "")}");
        foreach (PublishedArchive archive in result.Archives)
            context.Text.WriteLine($"  {archive.Name,-40} {Units.Count(archive.Networks),9} networks {(archive.HasWeights ? "with weights" : "as recipes"),-12} {Units.Scaled(archive.Bytes, "B"),8}");
        return new Answer(new JsonObject
        {
            ["zoo"] = zoo,
            ["folder"] = folder,
            ["already_complete"] = result.WasComplete,
            ["archives"] = new JsonArray([.. result.Archives.Select(archive => new JsonObject
            {
                ["name"] = archive.Name,
                ["networks_per_class"] = archive.NetworksPerClass,
                ["weights"] = archive.HasWeights,
                ["networks"] = archive.Networks,
                ["checkpoints"] = archive.Checkpoints,
                ["bytes"] = archive.Bytes,
                ["sha256"] = archive.Sha256,
            })]),
        });
    }

    private static int[] Subsets(string? text) => text is null ? [] :
    [
        .. text.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0 ? count
            : throw new InputException($"--subset: found '{text}', expected whole numbers of at least 1 with commas between them, such as 100,500")),
    ];

    private static string[] Authors(string[] names)
    {
        if (names.Length > MaxAuthors)
            throw new InputException($"--author: found {names.Length}, expected at most {MaxAuthors}");
        foreach (string name in names)
        {
            if (string.IsNullOrWhiteSpace(name) || name.Length > MaxAuthorLength || name.Any(char.IsControl))
                throw new InputException($"--author: found '{string.Concat(name.Where(letter => !char.IsControl(letter)).Take(MaxAuthorLength))}', expected a name of 1 to {MaxAuthorLength} characters on one line");
        }
        return names;
    }
}
