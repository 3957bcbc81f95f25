using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Engines;
using WeightSpace.Numerics;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Commands;

/// <summary>
/// <c>weightspace verify ZOO --sample P</c>: checks every digest of a zoo, then trains a random share of its networks again and compares bytes; of
/// networks with snapshots, one random segment from a snapshot to the next.
/// </summary>
internal static class VerifyCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> folder = new Argument<string>("ZOO") { Description = "The folder of a zoo." }.AsPath();
        var sample = new Option<double>("--sample") { Description = "Share of the networks to train again, 0 to 1; at least one network unless 0.", HelpName = "P", DefaultValueFactory = _ => 0.05 };
        var seed = new Option<ulong>("--seed") { Description = "Which random networks.", DefaultValueFactory = _ => 1UL };
        Option<int> threads = TrainCommand.ThreadsOption();
        var command = new Command("verify", "Check a zoo: its digests, and a random share of its networks by training them again.") { folder, sample, seed, threads };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            double share = parsed.GetValue(sample);
            if (!(share is >= 0 and <= 1))
                throw new InputException($"--sample: found {Units.Short(share)}, expected a share from 0 to 1");
            return Run(run, parsed.GetRequiredValue(folder), share, parsed.GetValue(seed), TrainCommand.Threads(parsed, threads));
        }));
        return command;
    }

    /// <summary>What is trained again: a whole network, or the segment from one snapshot to a later step.</summary>
    private sealed record Task(int Network, SnapshotRow? From, long To);

    private static Answer Run(CommandContext context, string folder, double share, ulong seed, int threads)
    {
        Zoo zoo = Zoo.Open(folder);
        using ProgressLine progress = context.Progress();
        double bytes = zoo.Manifest.Files.Sum(file => (double)file.Bytes) * 2;
        zoo.CheckDigests(done => progress.Report("checking digests", done, bytes, Units.Scaled(done, "B"), speed => Units.Scaled(speed, "B/s")), context.Stop);

        Task[] tasks = Choose(zoo, share, seed);
        double steps = tasks.Sum(task => (double)(task.To - (task.From?.Step ?? 0)));
        var differences = new List<RetrainingDifference>();
        int done = 0, next = -1;
        double stepsDone = 0;
        Parallel.For(0, Math.Min(threads, Math.Max(1, tasks.Length)), new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = context.Stop }, _ =>
        {
            using var trainer = new Trainer(context.Images);
            for (int index = Interlocked.Increment(ref next); index < tasks.Length; index = Interlocked.Increment(ref next))
            {
                Task task = tasks[index];
                RetrainingDifference? difference = Check(zoo, task, trainer, context.Stop);
                lock (differences)
                {
                    if (difference is not null)
                        differences.Add(difference);
                    stepsDone += task.To - (task.From?.Step ?? 0);
                    progress.Report("training again", stepsDone, steps, $"{++done} of {tasks.Length} networks", speed => $"{Units.Short(speed)} steps/s");
                }
            }
        });
        RetrainingDifference[] found = [.. differences.OrderBy(difference => difference.Network, StringComparer.Ordinal)];
        int segments = tasks.Count(task => task.From is not null);
        context.Text.WriteLine($"{folder}: every digest is right; {tasks.Length - segments} networks and {segments} segments trained again, {found.Length} differ");
        foreach (RetrainingDifference difference in found)
            context.Text.WriteLine($"  network {difference.Network}, step {difference.Step}: {difference.What}");
        return new Answer(new JsonObject
        {
            ["zoo"] = folder,
            ["networks"] = tasks.Length - segments,
            ["segments"] = segments,
            ["different"] = new JsonArray([.. found.Select(difference => new JsonObject { ["network"] = difference.Network, ["step"] = difference.Step, ["what"] = difference.What })]),
        }, found.Length > 0 ? ExitCodes.CheckSaysNo : ExitCodes.Done);
    }

    private static Task[] Choose(Zoo zoo, double share, ulong seed)
    {
        int count = share == 0 ? 0 : Math.Max(1, (int)Math.Round(share * zoo.Networks.Count));
        int[] order = new int[zoo.Networks.Count];
        var draw = new RandomStream(seed, RandomPurpose.Verification);
        draw.Permute(order);
        var tasks = new List<Task>();
        foreach (int index in order.Take(count).Order())
        {
            NetworkRow network = zoo.Networks[index];
            IReadOnlyList<SnapshotRow> snapshots = zoo.SnapshotsOf(network.Id);
            // Segments: from the start to the first snapshot, from each to the next, from the last to the end (where a network diverged).
            int segment = snapshots.Count == 0 ? 0 : draw.NextBelow(snapshots.Count + 1) - 1;
            long to = snapshots.Count > 0 && segment + 1 < snapshots.Count ? snapshots[segment + 1].Step : network.Steps;
            tasks.Add(new Task(index, snapshots.Count > 0 && segment >= 0 && snapshots[segment].Step < to ? snapshots[segment] : null, to));
        }
        return [.. tasks];
    }

    private static RetrainingDifference? Check(Zoo zoo, Task task, Trainer trainer, CancellationToken stop)
    {
        NetworkRow network = zoo.Networks[task.Network];
        Recipe recipe = zoo.Experiment.Networks[task.Network].Recipe;
        long from = task.From?.Step ?? -1;
        ITrainingRun run = trainer.Start(recipe, task.From is null ? null : new TrainingState(zoo.ReadSnapshot(task.From), [], []));
        long stride = WorkUnitRunner.Stride(recipe);
        while (run.Result is null && run.Step < task.To)
        {
            stop.ThrowIfCancellationRequested();
            run.Advance(Math.Min(stride, task.To - run.Step));
        }
        return Retraining.FindDifference(zoo, network, from, task.To, run.Save(), run.Result);
    }
}
