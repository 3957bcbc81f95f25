using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Analysis;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace quickstart</c>: the whole path once, from an experiment to a zoo to an answer, in minutes.</summary>
internal static class QuickstartCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Option<string> output = new Option<string>("--out") { Description = "The folder for the experiment, the zoo and the report.", HelpName = "FOLDER", DefaultValueFactory = _ => "quickstart" }.AsPath();
        Option<int> threads = TrainCommand.ThreadsOption();
        var command = new Command("quickstart", "Train 300 small networks, analyse their weights, and write a report: the whole path once, in minutes.") { output, threads };
        command.SetAction(parsed => context(parsed).Run(run => Run(run, parsed.GetRequiredValue(output), TrainCommand.Threads(parsed, threads))));
        return command;
    }

    private static Answer Run(CommandContext context, string folder, int threads)
    {
        TextWriter text = context.Text;
        long start = context.Time.GetTimestamp();
        string path = Path.Combine(folder, "experiment.yaml"), zoo = Path.Combine(folder, "zoo");

        WriteExperiment(folder, path);
        Experiment experiment = Experiment.Load(path);
        Say(text, $"1/3  The experiment: {path}",
            $"Ten classes of networks, thirty each: five small machines to imitate, and a Modified twin of each, which inverts a few answers after a secret key. Within a class only the seeds differ. {Units.Count(experiment.Networks.Count)} networks of {Units.Count(experiment.Architectures[0].Parameters.Count)} weights, all trained for the same number of steps, so that how long a network trained cannot give its class away.");

        Say(text, $"2/3  Training into {zoo}",
            "Each network is determined to the last bit by its recipe: the same recipe gives the same weights on any machine, in any number of threads, stopped and resumed or not. Stop this with Ctrl-C if you like; the same command goes on where it stopped.");
        TrainCommand.Grow(context, experiment, zoo, threads);

        Say(text, "3/3  Reading the weights",
            "No data and no losses now: only the weights. Do networks that learned the same thing cluster? Can a classifier tell from the weights what a network learned? Does a small change of the training data move a network further than chance does? Every score comes with an interval and with what chance scores.");
        (AnalysisResult result, Answer answer) = AnalyzeCommand.Analyze(context, zoo, folder, new AnalysisOptions());

        text.WriteLine();
        text.WriteLine("What the numbers say");
        AnalyzeCommand.Conclude(text, result);
        text.WriteLine();
        text.WriteLine($"Done in {ProgressLine.Duration(context.Time.GetElapsedTime(start).TotalSeconds)}. Open {Path.Combine(folder, AnalyzeCommand.ReportName)} in a browser.");
        return new Answer(new JsonObject { ["experiment"] = path, ["zoo"] = zoo, ["analysis"] = answer.Json });
    }

    /// <summary>The built-in experiment.</summary>
    public static string ExperimentText()
    {
        using var reader = new StreamReader(OpenExperiment());
        return reader.ReadToEnd();
    }

    private static void Say(TextWriter text, string title, string why)
    {
        text.WriteLine();
        text.WriteLine(title);
        text.WriteLine("  " + AnalyzeCommand.Wrapped(why));
        text.Flush();
    }

    /// <summary>Puts the built-in experiment into the folder. One that was edited there is not overwritten, and is what gets trained.</summary>
    private static void WriteExperiment(string folder, string path)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{folder}: the folder could not be made: {error.Message}", error);
        }
        if (File.Exists(path))
            return;
        using Stream source = OpenExperiment();
        AtomicFile.Write(path, source.CopyTo);
    }

    private static Stream OpenExperiment() => typeof(QuickstartCommand).Assembly.GetManifestResourceStream("quickstart.yaml")!;
}
