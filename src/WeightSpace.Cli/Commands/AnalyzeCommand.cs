using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Report;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace analyze ZOO</c>: what the weights tell, as a report for people and the same numbers as JSON.</summary>
internal static class AnalyzeCommand
{
    public const string ReportName = "report.html";
    public const string NumbersName = "analysis.json";

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        var defaults = new AnalysisOptions();
        Argument<string> folder = new Argument<string>("ZOO") { Description = "The folder of a zoo." }.AsPath();
        Option<string?> output = new Option<string?>("--out") { Description = $"The folder for {ReportName} and {NumbersName}; default: the zoo's own folder.", HelpName = "FOLDER" }.AsPath();
        var seed = new Option<ulong>("--seed") { Description = "Seed of everything drawn at random: folds, forests, permutations, resampling.", DefaultValueFactory = _ => defaults.Seed };
        var permutations = new Option<int>("--permutations") { Description = "Permutations of the labels behind a score's baseline; 0 for none.", HelpName = "N", DefaultValueFactory = _ => defaults.Permutations };
        var trees = new Option<int>("--trees") { Description = "Trees of a random forest.", HelpName = "N", DefaultValueFactory = _ => defaults.Trees };
        var networks = new Option<int>("--max-networks") { Description = "Networks of one architecture that are analysed; of a larger zoo, initial seeds are drawn.", HelpName = "N", DefaultValueFactory = _ => defaults.MaxNetworks };
        var power = new Option<int>("--power") { Description = "Random choices of networks behind each point of a power curve of the tests of changed data; 0 for no curves.", HelpName = "DRAWS", DefaultValueFactory = _ => defaults.PowerDraws };
        var dryRun = new Option<bool>("--dry-run") { Description = "Slurm: only say how many units and core-hours it would be." };
        Option<string> engine = SlurmOptions.EngineOption("What computes the inner products and scores: local (this machine) or slurm (a cluster; docs/slurm.md). No number depends on it.");
        var slurm = new SlurmOptions("inner products reach", "the analysis ends with an error");
        var command = new Command("analyze", "Ask a zoo's weights which networks learned the same thing.") { folder, output, seed, permutations, trees, networks, power, dryRun, engine };
        foreach (Option option in slurm.All)
            command.Add(option);
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            var options = new AnalysisOptions
            {
                Seed = parsed.GetValue(seed),
                Permutations = NotNegative(parsed, permutations),
                PowerDraws = NotNegative(parsed, power),
                Trees = TrainCommand.Positive(parsed, trees),
                MaxNetworks = TrainCommand.Positive(parsed, networks),
            };
            string zoo = parsed.GetRequiredValue(folder), into = parsed.GetValue(output) ?? zoo;
            bool isSlurm = slurm.IsChosen(parsed, engine, [], "");
            if (parsed.GetValue(dryRun))
                return isSlurm ? ClusterAnalysis.DryRun(run, zoo, into, options, slurm, parsed) : throw new InputException($"{dryRun.Name}: this is an option of {engine.Name} slurm; leave it out");
            if (!isSlurm)
            {
                (AnalysisResult found, Answer answer) = Analyze(run, zoo, into, options);
                Conclude(run.Text, found);
                return answer;
            }
            Answer written = default;
            if (ClusterAnalysis.Run(run, zoo, into, options, slurm, parsed, found => written = Write(run, found, into)) is { } result)
            {
                Conclude(run.Text, result);
                return written;
            }
            run.Text.WriteLine($"{into}: the jobs are with Slurm; `weightspace status {into}` says how far they are, the same call goes on and writes the report, `weightspace stop {into}` ends them");
            return new Answer(new JsonObject { ["analysis"] = into, ["submitted"] = true });
        }));
        return command;
    }

    private static int NotNegative(ParseResult parsed, Option<int> option) =>
        parsed.GetValue(option) is var count and >= 0 ? count : throw new InputException($"{option.Name}: found {parsed.GetValue(option)}, expected 0 or more");

    /// <summary>Analyses a zoo and writes the report and its numbers.</summary>
    public static (AnalysisResult Result, Answer Answer) Analyze(CommandContext context, string folder, string output, AnalysisOptions options)
    {
        Zoo zoo = Zoo.Open(folder);
        AnalysisResult result;
        using (ProgressLine progress = context.Progress())
            result = ZooAnalysis.Run(ZooPopulation.Of(zoo), options, new AnalysisReporter(progress), context.Stop);
        return (result, Write(context, result, output));
    }

    /// <summary>Writes the report and its numbers.</summary>
    private static Answer Write(CommandContext context, AnalysisResult result, string output)
    {
        MakeFolder(output);
        string html = Path.Combine(output, ReportName), numbers = Path.Combine(output, NumbersName);
        byte[] json = AnalysisJson.Write(result);
        AtomicFile.Write(numbers, stream => stream.Write(json));
        WritePage(html, writer => HtmlReport.Write(result, writer));
        context.Text.WriteLine($"{html}: the report; {numbers}: its numbers");
        return new Answer(new JsonObject { ["report"] = html, ["analysis"] = numbers, ["result"] = JsonNode.Parse(json) });
    }

    /// <summary>Writes a page, whole or not at all.</summary>
    public static void WritePage(string path, Action<TextWriter> write) => AtomicFile.Write(path, stream =>
    {
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true);
        write(writer);
    });

    /// <summary>Makes a folder for results where there is none.</summary>
    public static void MakeFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{folder}: the folder could not be made: {error.Message}", error);
        }
    }

    // Four sentences fit a terminal; the report has all of them, with their controls.
    private const int MaxSentences = 4;

    /// <summary>The sentences that the numbers support.</summary>
    public static void Conclude(TextWriter text, AnalysisResult result)
    {
        foreach (ArchitectureAnalysis architecture in result.Architectures)
        {
            text.WriteLine();
            if (result.Architectures.Count > 1)
                text.WriteLine($"{architecture.Name}:");
            foreach (Conclusion conclusion in architecture.Conclusions.Take(MaxSentences))
                text.WriteLine(Wrapped("* " + conclusion.Short));
        }
    }

    /// <summary>Breaks a paragraph into lines of at most 100 characters.</summary>
    public static string Wrapped(string paragraph)
    {
        var text = new StringBuilder();
        int column = 0;
        foreach (string word in paragraph.Split(' '))
        {
            if (column > 0 && column + 1 + word.Length > 100)
            {
                text.Append("\n  ");
                column = 2;
            }
            else if (column > 0)
            {
                text.Append(' ');
                column++;
            }
            text.Append(word);
            column += word.Length;
        }
        return text.ToString();
    }
}
