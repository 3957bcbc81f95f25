using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Tasks.Images;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Commands;

/// <summary>
/// <c>weightspace data</c>: which images there are to train on, where to get them, and whether they are there. <c>weightspace data check [NAME|FOLDER]</c>: reads them.
/// </summary>
internal static class DataCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        var command = new Command("data", "Say which images networks can be trained on, where to get them, and whether they are there.") { CreateCheck(context) };
        command.SetAction(parsed => context(parsed).Run(List));
        return command;
    }

    private static Command CreateCheck(Func<ParseResult, CommandContext> context)
    {
        Argument<string?> set = new Argument<string?>("NAME|FOLDER") { Description = "The name of a set in the data folder, or the folder of any set; default: all in the data folder.", Arity = ArgumentArity.ZeroOrOne };
        set.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => token.Value.Length == 0))
                result.AddError("NAME|FOLDER: found nothing, expected the name or the folder of an image set");
        });
        var command = new Command("check", "Read images from files: shapes, counts, labels, and the digest that recipes name them by.") { set };
        command.SetAction(parsed => context(parsed).Run(run => Check(run, parsed.GetValue(set))));
        return command;
    }

    private static Answer List(CommandContext context)
    {
        TextWriter text = context.Text;
        string folder = context.Images.Folder;
        text.WriteLine($"Images from files are looked for in {folder} (--data, {ImageLibrary.Variable}), each set in a folder of its own name.");
        var sets = new JsonArray();
        foreach (KnownImageSet set in KnownImageSets.All)
        {
            bool isBuiltIn = set.Files.Count == 0, isThere = isBuiltIn || ImageLibrary.HasFiles(Path.Combine(folder, set.Name));
            text.WriteLine();
            text.WriteLine($"{set.Name}: {(isBuiltIn ? "comes with the program" : isThere ? "there" : "not there")}");
            text.WriteLine($"  {set.Title}");
            text.WriteLine($"  licence: {set.Licence}");
            foreach (string from in set.From)
                text.WriteLine($"  {from}");
            if (!isThere)
                text.WriteLine($"  put {string.Join(", ", set.Files)} into {Path.Combine(folder, set.Name)}");
            sets.Add(ToJson(set.Name, isThere, set));
        }
        foreach (string name in OwnSets(folder))
        {
            text.WriteLine();
            text.WriteLine($"{name}: there");
            text.WriteLine("  files of the format of MNIST or CIFAR-10 in a folder of your own");
            sets.Add(ToJson(name, isThere: true, null));
        }
        text.WriteLine();
        text.WriteLine("In an experiment: `tasks: digits`, `tasks: drawn_digits`, `tasks: {images: mnist}`. `weightspace data check` reads what is there.");
        text.WriteLine();
        text.WriteLine($"Notice of the digits that come with the program:\n\n{KnownImageSets.DigitsNotice.TrimEnd()}");
        return new Answer(new JsonObject { ["folder"] = folder, ["sets"] = sets, ["notice"] = KnownImageSets.DigitsNotice });
    }

    private static JsonObject ToJson(string name, bool isThere, KnownImageSet? known) => new()
    {
        ["name"] = name,
        ["there"] = isThere,
        ["built_in"] = known?.Files.Count == 0,
        ["title"] = known?.Title,
        ["licence"] = known?.Licence,
        ["files"] = new JsonArray([.. (known?.Files ?? []).Select(file => (JsonNode)file)]),
        ["from"] = new JsonArray([.. (known?.From ?? []).Select(place => (JsonNode)place)]),
    };

    /// <summary>Sets in the data folder that are none of those that the program knows.</summary>
    private static IEnumerable<string> OwnSets(string folder) => !Directory.Exists(folder) ? []
        : Directory.GetDirectories(folder).Where(ImageLibrary.HasFiles).Select(path => Path.GetFileName(path)).Where(name => KnownImageSets.All.All(set => set.Name != name)).Order(StringComparer.Ordinal);

    private static Answer Check(CommandContext context, string? wanted)
    {
        string folder = context.Images.Folder;
        (string Name, string Path)[] chosen = wanted is not null ? [Choose(folder, wanted)]
            : [.. KnownImageSets.All.Where(set => set.Files.Count > 0).Select(set => set.Name).Where(name => ImageLibrary.HasFiles(Path.Combine(folder, name))).Concat(OwnSets(folder)).Select(name => (name, Path.Combine(folder, name)))];
        if (chosen.Length == 0)
            throw new InputException($"{folder}: there are no images to check; `weightspace data` says where to get some");
        var sets = new JsonArray();
        bool isSound = true;
        using ProgressLine progress = context.Progress();
        for (int i = 0; i < chosen.Length; i++)
        {
            context.Stop.ThrowIfCancellationRequested();
            progress.Report("checking", i, chosen.Length, chosen[i].Name, null);
            (ImageSet? set, string? problem) = Read(chosen[i].Name, chosen[i].Path);
            isSound &= problem is null;
            context.Text.WriteLine(problem ?? $"{chosen[i].Path}: {set!.Info}, digest {set.Info.Digest}");
            sets.Add(new JsonObject
            {
                ["name"] = chosen[i].Name,
                ["folder"] = chosen[i].Path,
                ["sound"] = problem is null,
                ["problem"] = problem,
                ["digest"] = set?.Info.Digest,
                ["channels"] = set?.Info.Channels,
                ["height"] = set?.Info.Height,
                ["width"] = set?.Info.Width,
                ["classes"] = set?.Info.Classes,
                ["trained"] = set?.Info.Trained,
                ["held_out"] = set?.Info.HeldOut,
                ["images_of_class"] = set is null ? null : new JsonArray([.. Enumerable.Range(0, set.Info.Classes).Select(label => (JsonNode)set.Labels.Count(other => other == label))]),
            });
        }
        return new Answer(new JsonObject { ["sound"] = isSound, ["sets"] = sets }, isSound ? ExitCodes.Done : ExitCodes.CheckSaysNo);
    }

    /// <summary>A set of the data folder by its name, or any folder.</summary>
    private static (string Name, string Path) Choose(string folder, string wanted)
    {
        string inFolder = Path.Combine(folder, wanted);
        if (RecipeLimits.NameError(wanted) is null && Directory.Exists(inFolder))
            return (wanted, inFolder);
        if (Directory.Exists(wanted))
            return (Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(wanted))), wanted);
        throw new InputException($"NAME|FOLDER: found '{wanted}', expected the folder of an image set, or the name of one in {folder}; `weightspace data` says which there are, and where to get them");
    }

    private static (ImageSet? Set, string? Problem) Read(string name, string path)
    {
        try
        {
            return (ImageLibrary.Read(name, path), null);
        }
        catch (InvalidDataException error)
        {
            return (null, error.Message);
        }
    }
}
