using System.CommandLine;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using WeightSpace.Server;
using WeightSpace.Server.Projects;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Cli.Server;

/// <summary><c>weightspace submit EXPERIMENT --to PROJECT</c>: hands an experiment to volunteers.</summary>
internal static partial class SubmitCommand
{
    private const string TokenVariable = "WEIGHTSPACE_OPERATOR_TOKEN";

    private static readonly NumberRange s_minutes = new(0, 1e5, ExcludesMin: true), s_gflop = new(0, 1e12, ExcludesMin: true), s_priority = new(-1000, 1000);

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> experiment = new Argument<string>("EXPERIMENT") { Description = "The experiment, a YAML file (docs/experiment.md)." }.AsPath();
        Option<string> to = new Option<string>("--to") { Description = "The project: the folder that is served on this machine, or its address.", HelpName = "PROJECT", Required = true }.AsPath();
        Option<string?> tokenFile = TokenFile();
        var name = new Option<string?>("--name") { Description = "The experiment's name in the project, and of its zoo's folder. Default: the name in the file.", HelpName = "NAME" };
        var subset = new Option<int?>("--subset") { Description = "Only the first so many networks of each class. Default: all.", HelpName = "N" };
        var minutes = new Option<double>("--unit-minutes") { Description = "Minutes that a work unit is meant to take; each is cut to the speed of the host that asks for it.", HelpName = "N", DefaultValueFactory = _ => 60 };
        var gflop = new Option<double?>("--unit-gflop") { Description = "10^9 operations that a work unit takes at most, whichever host asks for it. Default: by --unit-minutes.", HelpName = "N" };
        var priority = new Option<int>("--priority") { Description = "Units of an experiment with a higher one are handed out first.", HelpName = "N", DefaultValueFactory = _ => 0 };
        var command = new Command("submit", "Hand an experiment to a project of volunteers.") { experiment, to, tokenFile, name, subset, minutes, gflop, priority };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string target = parsed.GetRequiredValue(to);
            Experiment loaded = Experiment.Load(parsed.GetRequiredValue(experiment), run.Images);
            Experiment chosen = parsed.GetValue(subset) is { } networks ? loaded.Subset(networks) : loaded;
            if (parsed.GetValue(gflop) is not null && parsed.GetResult(minutes) is { Implicit: false })
                throw new InputException($"{gflop.Name} and {minutes.Name} both say how large a unit is; give one of them");
            double? flops = parsed.GetValue(gflop) is { } given ? Math.Max(1, 1e9 * ServeCommand.InRange(gflop.Name, given, s_gflop)) : null;
            double seconds = 60 * ServeCommand.InRange(minutes.Name, parsed.GetValue(minutes), s_minutes);
            string called = parsed.GetValue(name) ?? Slug(loaded.Name);
            using ProjectClient client = Connect(target, parsed.GetValue(tokenFile), tokenFile.Name);
            client.Submit(new Submission(called, loaded.Text, parsed.GetValue(subset), flops, (int)ServeCommand.InRange(priority.Name, parsed.GetValue(priority), s_priority), seconds), run.Stop).GetAwaiter().GetResult();
            run.Text.WriteLine($"{called}: {Units.Count(chosen.Networks.Count)} networks are with the project; `weightspace status {target}` says how far they are");
            return new Answer(new JsonObject { ["submitted"] = called, ["networks"] = chosen.Networks.Count });
        }));
        return command;
    }

    public static Option<string?> TokenFile() =>
        new Option<string?>("--token-file") { Description = $"A file with the operator's token, for a project on another machine (operator-token in its folder). Default: the variable {TokenVariable}.", HelpName = "FILE" }.AsPath();

    /// <summary>Speaks with a project as its operator.</summary>
    public static ProjectClient Connect(string target, string? tokenFile, string option)
    {
        if (!IsAddress(target))
        {
            (string url, string ownToken) = DataFolder.ReadOperator(target);
            return new ProjectClient(url, ownToken);
        }
        string? token = tokenFile is null ? Environment.GetEnvironmentVariable(TokenVariable) : ReadToken(tokenFile, option);
        return string.IsNullOrWhiteSpace(token) ? throw new InputException($"{target}: the operator's token is missing; name its file with {option}, or set {TokenVariable}") : new ProjectClient(target, token.Trim());
    }

    public static bool IsAddress(string target) => target.StartsWith("http://", StringComparison.Ordinal) || target.StartsWith("https://", StringComparison.Ordinal);

    private static string ReadToken(string path, string option)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] bytes = new byte[257];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return length < bytes.Length ? System.Text.Encoding.ASCII.GetString(bytes, 0, length) : throw new InputException($"{option}: {path} is too long for a token");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw new InputException($"{option}: {path} cannot be read: {error.Message}", error);
        }
    }

    private static string Slug(string name)
    {
        string slug = NotInSlug().Replace(name.ToLowerInvariant(), "-").Trim('-');
        return slug.Length is > 0 and <= 40 ? slug : throw new InputException($"the experiment's name, '{name}', makes no name for a project; give one with --name");
    }

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NotInSlug();
}
