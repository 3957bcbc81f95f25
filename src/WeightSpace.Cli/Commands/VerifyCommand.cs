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

    private sealed record Difference(string Network, long Step, string What);

    private static Answer Run(CommandContext context, string folder, double share, ulong seed, int threads)
    {
        Zoo zoo = Zoo.Open(folder);
        using ProgressLine progress = context.Progress();
        double bytes = zoo.Manifest.Files.Sum(file => (double)file.Bytes) * 2;
        zoo.CheckDigests(done => progress.Report("checking digests", done, bytes, Units.Scaled(done, "B"), speed => Units.Scaled(speed, "B/s")), context.Stop);

        Task[] tasks = Choose(zoo, share, seed);
        double steps = tasks.Sum(task => (double)(task.To - (task.From?.Step ?? 0)));
        var differences = new List<Difference>();
        int done = 0, next = -1;
        double stepsDone = 0;
        Parallel.For(0, Math.Min(threads, Math.Max(1, tasks.Length)), new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = context.Stop }, _ =>
        {
            using var trainer = new Trainer();
            for (int index = Interlocked.Increment(ref next); index < tasks.Length; index = Interlocked.Increment(ref next))
            {
                Task task = tasks[index];
                Difference? difference = Check(zoo, task, trainer, context.Stop);
                lock (differences)
                {
                    if (difference is not null)
                        differences.Add(difference);
                    stepsDone += task.To - (task.From?.Step ?? 0);
                    progress.Report("training again", stepsDone, steps, $"{++done} of {tasks.Length} networks", speed => $"{Units.Short(speed)} steps/s");
                }
            }
        });
        Difference[] found = [.. differences.OrderBy(difference => difference.Network, StringComparer.Ordinal)];
        int segments = tasks.Count(task => task.From is not null);
        context.Text.WriteLine($"{folder}: every digest is right; {tasks.Length - segments} networks and {segments} segments trained again, {found.Length} differ");
        foreach (Difference difference in found)
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

    private static Difference? Check(Zoo zoo, Task task, Trainer trainer, CancellationToken stop)
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
        TrainingState state = run.Save();
        CheckpointRow[] expected = [.. zoo.CheckpointsOf(network.Id).Where(row => row.Step > from && row.Step <= task.To)];
        SnapshotRow[] expectedSnapshots = [.. zoo.SnapshotsOf(network.Id).Where(row => row.Step > from && row.Step <= task.To)];
        for (int i = 0; i < expected.Length; i++)
        {
            if (i >= state.Checkpoints.Count || state.Checkpoints[i].Step != expected[i].Step)
                return new Difference(network.Id, expected[i].Step, "the checkpoint does not come again");
            Checkpoint again = state.Checkpoints[i];
            if (Sha256Digest.Of(again.Weights) != expected[i].Digest)
                return new Difference(network.Id, again.Step, "the weights differ");
            if (again.EvalLoss != expected[i].EvalLoss || again.TrainLoss != expected[i].TrainLoss)
                return new Difference(network.Id, again.Step, "the losses differ");
        }
        for (int i = 0; i < expectedSnapshots.Length; i++)
        {
            if (i >= state.Snapshots.Count || Sha256Digest.Of(state.Snapshots[i].Weights, state.Snapshots[i].OptimizerState) != expectedSnapshots[i].Digest)
                return new Difference(network.Id, expectedSnapshots[i].Step, "the snapshots differ");
        }
        // What failed was not ended by its training, so training cannot tell.
        if (task.To < network.Steps || network.Status == NetworkStatus.Failed)
            return null;
        if (run.Result is not { } result)
            return new Difference(network.Id, task.To, $"its training goes on, in the zoo it ended as {End(network.Status, network.Reason, network.Steps)}");
        if (result.Status != network.Status || result.Reason != network.Reason || result.Steps != network.Steps)
            return new Difference(network.Id, result.Steps, $"it ended as {End(result.Status, result.Reason, result.Steps)}, in the zoo as {End(network.Status, network.Reason, network.Steps)}");
        // A network that diverged keeps the held-out loss of its last checkpoint, which a segment may not have seen.
        bool knowsEvalLoss = task.From is null || result.Status == NetworkStatus.Finished;
        if (result.TrainLoss != network.TrainLoss || (knowsEvalLoss && result.EvalLoss != network.EvalLoss))
            return new Difference(network.Id, result.Steps, "its losses in networks.csv differ");
        return null;
    }

    private static string End(NetworkStatus status, string reason, long steps) => $"{status.ToString().ToLowerInvariant()} ({reason}) after {steps} steps";
}
