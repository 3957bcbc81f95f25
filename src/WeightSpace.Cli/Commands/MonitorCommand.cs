using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using WeightSpace.Analysis.Monitoring;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace monitor fit ZOO --out FILE</c>: learns from a population how networks like it go, for <c>watch</c> and <c>track --gate</c>.</summary>
internal static class MonitorCommand
{
    private const int MostListed = 5;

    public static Command Create(Func<ParseResult, CommandContext> context) =>
        new("monitor", "Learn from a population of networks how such paths go, so that `watch` and `track --gate` tell when one leaves its path.") { CreateFit(context) };

    /// <summary>The option for a fitted monitor.</summary>
    public static Option<string?> FileOption() =>
        new Option<string?>("--monitor") { Description = "What `weightspace monitor fit` learned from networks like these: says when a path is left. Without, only distances are judged (--max-distance).", HelpName = "FILE" }.AsPath();

    /// <summary>The option for the distance that is allowed.</summary>
    public static Option<double?> MaxDistanceOption() =>
        new("--max-distance") { Description = "A re-test is due when a checkpoint is farther from the tested version than this share of that version's norm.", HelpName = "SHARE" };

    /// <summary>What stands under the option for the distance.</summary>
    public static double? MaxDistance(ParseResult parsed, Option<double?> option) =>
        parsed.GetValue(option) is not { } share ? null : share > 0 && double.IsFinite(share) ? share : throw new InputException($"--max-distance: found {share}, expected a number above 0, such as 0.25");

    private static Command CreateFit(Func<ParseResult, CommandContext> context)
    {
        var defaults = new MonitorOptions();
        Argument<string> folder = new Argument<string>("PATH") { Description = "A zoo, a collection or a folder of checkpoint files: networks trained alike, of which only seeds differ, with checkpoints at the same steps." }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = "The file for the monitor.", Required = true, HelpName = "FILE" }.AsPath();
        var rate = new Option<double>("--false-alarms") { Description = "The share of unchanged networks that may ever alarm, on the whole of their paths; 1 / this - 1 networks are needed at least.", HelpName = "SHARE", DefaultValueFactory = _ => defaults.FalseAlarms };
        var architecture = new Option<string?>("--architecture") { Description = "The architecture; default: the only one.", HelpName = "NAME" };
        Option<string> orderBy = ImportCommand.OrderByOption();
        var seed = new Option<ulong>("--seed") { Description = "Seed of the folds of the cross-fitting.", DefaultValueFactory = _ => defaults.Seed };
        var command = new Command("fit", "Learn from a reference population how its networks go, and set the threshold to a stated rate of false alarms.") { folder, output, rate, architecture, orderBy, seed };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            var options = new MonitorOptions { FalseAlarms = parsed.GetValue(rate), Seed = parsed.GetValue(seed) };
            using CheckpointSet set = CheckpointSet.Open(parsed.GetRequiredValue(folder), new CheckpointOptions { OrderBy = parsed.GetRequiredValue(orderBy) }, stop: run.Stop);
            ImportCommand.TellRefused(run.Text, "not read", set.Refusals);
            ICheckpointGroup group = Group(set, parsed.GetValue(architecture));
            FittedMonitor fitted;
            using (ProgressLine progress = run.Progress())
                fitted = MonitorFit.Learn(set.Title, group, options, new AnalysisReporter(progress), run.Stop);
            string path = parsed.GetRequiredValue(output);
            byte[] bytes = MonitorFile.Write(fitted.Monitor);
            AtomicFile.Write(path, stream => stream.Write(bytes));
            Tell(run.Text, fitted, path);
            return new Answer(ToJson(fitted, path));
        }));
        return command;
    }

    private static ICheckpointGroup Group(CheckpointSet set, string? name)
    {
        string known = string.Join(", ", set.Groups.Select(group => group.Name));
        if (name is not null)
            return set.Groups.FirstOrDefault(group => group.Name == name) ?? throw new InputException($"--architecture: there is no '{name}' in {set.Title}; found {known}");
        return set.Groups.Count == 1 ? set.Groups[0] : throw new InputException($"{set.Title}: found {set.Groups.Count} architectures, {known}; choose one of them with --architecture");
    }

    private static void Tell(TextWriter text, FittedMonitor fitted, string path)
    {
        PathMonitor monitor = fitted.Monitor;
        Interval rate = monitor.RateOfThis;
        text.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{monitor.Reference}: {Units.Count(monitor.Networks)} networks, steps {monitor.Steps[0]} to {monitor.Steps[^1]}, {monitor.Features.Count} features of a checkpoint"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"threshold {monitor.Threshold:0.00}: at most {100 * monitor.FalseAlarms:0.###} % of networks like these ever alarm (mean over references; this monitor's own rate lies between {100 * rate.Low:0.##} % and {100 * rate.High:0.##} % with 95 % confidence)"));
        text.WriteLine("It holds for networks with the same tensors, recipe and checkpoint steps, of which only seeds differ.");
        if (fitted.LeftOut.Count > 0)
            text.WriteLine($"left out: {Units.Count(fitted.LeftOut.Count)} networks");
        foreach ((string network, string reason) in fitted.LeftOut.Take(MostListed))
            text.WriteLine($"  {network}: {reason}");
        text.WriteLine($"{path}: the monitor; `weightspace watch FOLDER --monitor {path}` judges new checkpoints by it, `weightspace track PATH --gate --monitor {path}` those that are there");
    }

    private static JsonObject ToJson(FittedMonitor fitted, string path) => new()
    {
        ["monitor"] = path,
        ["reference"] = fitted.Monitor.Reference,
        ["networks"] = fitted.Monitor.Networks,
        ["false_alarms"] = fitted.Monitor.FalseAlarms,
        ["rate_low"] = fitted.Monitor.RateOfThis.Low,
        ["rate_high"] = fitted.Monitor.RateOfThis.High,
        ["threshold"] = fitted.Monitor.Threshold,
        ["steps"] = new JsonArray([.. fitted.Monitor.Steps.Select(step => JsonValue.Create(step))]),
        ["features"] = new JsonArray([.. fitted.Monitor.Features.Names.Select(name => JsonValue.Create(name))]),
        ["left_out"] = new JsonArray([.. fitted.LeftOut.Select(one => new JsonObject { ["network"] = one.Network, ["reason"] = one.Reason })]),
    };
}
