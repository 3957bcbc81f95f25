using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Trajectories;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace track PATH</c>: the path that each network takes through weight space.</summary>
internal static class TrackCommand
{
    private const int MostListed = 12;

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        var defaults = new TrackOptions();
        Argument<string> folder = new Argument<string>("PATH") { Description = "A zoo, a collection, a folder of checkpoint files, or one of them." }.AsPath();
        var networks = new Option<string[]>("--network") { Description = "Only these networks: their ids, or the beginnings of them.", HelpName = "ID", AllowMultipleArgumentsPerToken = true };
        Option<string?> reference = new Option<string?>("--reference") { Description = "Checkpoints whose networks are what distances are measured from, at the same steps; default: the other networks of the same path.", HelpName = "PATH" }.AsPath();
        Option<string?> output = new Option<string?>("--out") { Description = $"The folder for {TrackFiles.TableName}, {TrackFiles.TensorsName}, {TrackFiles.PageName} and {TrackFiles.SummaryName}; default: where the checkpoints are.", HelpName = "FOLDER" }.AsPath();
        Option<string?> state = new Option<string?>("--state") { Description = "A file that remembers the paths: called again, only checkpoints that are new are read, beside three earlier ones; cosines between distant updates are then estimates.", HelpName = "FILE" }.AsPath();
        var most = new Option<int>("--max-networks") { Description = "Networks of one architecture that are tracked; of more so many are drawn.", HelpName = "N", DefaultValueFactory = _ => defaults.MaxNetworks };
        Option<string> orderBy = ImportCommand.OrderByOption();
        var gate = new Option<bool>("--gate") { Description = "Judge every checkpoint instead, and end with exit code 3 where a re-test is due; needs --monitor, or --max-distance with --tested." };
        Option<string?> monitor = MonitorCommand.FileOption();
        var tested = new Option<string?>("--tested") { Description = "With --gate: the version that was tested last, a step or a checkpoint's name; distances are measured from it.", HelpName = "STEP|NAME" };
        Option<double?> maxDistance = MonitorCommand.MaxDistanceOption();
        var seed = new Option<ulong>("--seed") { Description = "Seed of the draw of networks and of resampling.", DefaultValueFactory = _ => defaults.Seed };
        var command = new Command("track", "Measure the path that each network takes through weight space: step length, speed, curvature, smoothness, dimension, distance from others.")
        {
            folder, networks, reference, output, state, orderBy, most, gate, monitor, tested, maxDistance, seed,
        };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string opened = parsed.GetRequiredValue(folder);
            if (parsed.GetValue(gate))
            {
                // What shapes a report has no meaning for a judgement.
                foreach (Option unused in new Option[] { reference, output, state, most, seed })
                {
                    if (parsed.GetResult(unused) is { Implicit: false })
                        throw new InputException($"{unused.Name}: it has no meaning with --gate, which writes no report; leave one of them out");
                }
                return TrackGate.Judge(run, opened, parsed.GetRequiredValue(orderBy), parsed.GetValue(networks) ?? [], parsed.GetValue(monitor), parsed.GetValue(tested), MonitorCommand.MaxDistance(parsed, maxDistance));
            }
            foreach (Option unused in new Option[] { monitor, tested, maxDistance })
            {
                if (parsed.GetResult(unused) is { Implicit: false })
                    throw new InputException($"{unused.Name}: it has a meaning with --gate only; add that, or leave it out");
            }
            var options = new TrackOptions { Seed = parsed.GetValue(seed), MaxNetworks = TrainCommand.Positive(parsed, most), Networks = parsed.GetValue(networks) ?? [] };
            return Track(run, opened, parsed.GetValue(reference), parsed.GetValue(output) ?? (File.Exists(opened) ? Path.GetDirectoryName(Path.GetFullPath(opened))! : opened), parsed.GetValue(state), parsed.GetRequiredValue(orderBy), options);
        }));
        return command;
    }

    private static Answer Track(CommandContext context, string path, string? reference, string output, string? stateFile, string orderBy, TrackOptions options)
    {
        using CheckpointSet set = CheckpointSet.Open(path, new CheckpointOptions { OrderBy = orderBy }, stop: context.Stop);
        using CheckpointSet? others = reference is null ? null : CheckpointSet.Open(reference, new CheckpointOptions { OrderBy = orderBy }, stop: context.Stop);
        ImportCommand.TellRefused(context.Text, "not read", set.Refusals);
        TrackState? state = stateFile is null ? null : TrackState.Open(stateFile);
        TrackResult result;
        using (ProgressLine progress = context.Progress())
        {
            try
            {
                result = TrackAnalysis.Run(set.Title, set.Groups, others is null ? null : (others.Title, others.Groups), state, options, new AnalysisReporter(progress), context.Stop);
            }
            catch (OperationCanceledException)
            {
                // The checkpoints that were read need not be read again.
                state?.Write();
                throw;
            }
        }
        AnalyzeCommand.MakeFolder(output);
        byte[] summary = TrackFiles.Write(output, result);
        state?.Write();
        Tell(context.Text, result);
        string table = Path.Combine(output, TrackFiles.TableName), tensors = Path.Combine(output, TrackFiles.TensorsName), page = Path.Combine(output, TrackFiles.PageName), numbers = Path.Combine(output, TrackFiles.SummaryName);
        context.Text.WriteLine($"{page}: figures; {table}: a row for each checkpoint; {tensors}: the steps of each tensor; {numbers}: the numbers above and more");
        var answer = new JsonObject { ["page"] = page, ["table"] = table, ["tensors"] = tensors, ["track"] = numbers, ["summary"] = JsonNode.Parse(summary) };
        if (stateFile is not null)
            answer["state"] = stateFile;
        return new Answer(answer);
    }

    private static void Tell(TextWriter text, TrackResult result)
    {
        foreach (TrackedGroup group in result.Groups)
        {
            text.WriteLine($"'{group.Name}': {Units.Count(group.Networks)} networks, {Units.Count(group.Checkpoints)} checkpoints of {Units.Count(group.Parameters)} weights");
            foreach (TrackedPopulation population in group.Populations.Take(MostListed))
            {
                text.WriteLine($"  {population.Class}, {Units.Count(population.Networks)} networks{(population.LeftOut > 0 ? $" ({Units.Count(population.LeftOut)} left out)" : "")}: {Numbers(population, "arc_length", "displacement", "mean_turning_angle")}");
                text.WriteLine($"    {Numbers(population, "tortuosity", "smoothness", "dimension")}");
            }
            if (group.Populations.Count > MostListed)
                text.WriteLine($"  ... {Units.Count(group.Populations.Count - MostListed)} more classes with --json");
            foreach (string note in group.Notes)
                text.WriteLine(AnalyzeCommand.Wrapped("* " + note));
        }
    }

    /// <summary>Means with their intervals, and in round brackets what a random walk with the same step lengths has.</summary>
    private static string Numbers(TrackedPopulation population, params string[] names) => string.Join(", ", names.Select(name => population.Summary.FirstOrDefault(number => number.Measure == name)).OfType<SummaryEstimate>()
        .Select(number => $"{number.Measure.Replace('_', ' ')} {Of(number.Value)}{(number.RandomWalk is { } walk ? $" (random walk {Units.Short(walk)})" : "")}"));

    private static string Of(Estimate estimate) => estimate is { Low: { } low, High: { } high } ? $"{Units.Short(estimate.Value)} [{Units.Short(low)}, {Units.Short(high)}]" : Units.Short(estimate.Value);
}
