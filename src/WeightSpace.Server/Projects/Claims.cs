using WeightSpace.Engines;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Projects;

/// <summary>
/// A result from a stranger is a claim. What it says must be possible for its unit at all; and a network of it that is trained again must be the same to the bit, as a recipe is the network.
/// </summary>
internal static class Claims
{
    // The sentence of a network that diverged.
    private const int MaxReason = 200;

    /// <summary>What in a result cannot be, without training anything; null where all is possible.</summary>
    public static string? FindImpossible(WorkUnit unit, UnitResult result)
    {
        if (!result.IsWhole(unit))
            return $"{result.Networks.Count} of {unit.Recipes.Count} networks ended, and the unit is to be trained to its end";
        for (int i = 0; i < result.Networks.Count; i++)
        {
            (Recipe recipe, NetworkResult network) = (unit.Recipes[i], result.Networks[i]);
            long from = i == 0 ? unit.From?.Step ?? 0 : 0;
            bool isPossible = network.Status switch
            {
                NetworkStatus.Finished => network.Reason is EndReasons.Threshold || (network.Reason is EndReasons.Budget && network.Steps == recipe.Training.Stop.Steps),
                NetworkStatus.Diverged => network.Reason.Length is > 0 and <= MaxReason && !network.Reason.Any(char.IsControl),
                _ => false,
            };
            if (!isPossible || network.Steps < from || network.Steps > recipe.Training.Stop.Steps)
                return $"network {network.Id}: no training ends as {network.Status.ToString().ToLowerInvariant()} after {network.Steps} steps for that reason";
            if (!AreInOrder(network.Checkpoints.Select(checkpoint => checkpoint.Step), from, network.Steps) || !AreInOrder(network.Snapshots.Select(snapshot => snapshot.Step), from, network.Steps))
                return $"network {network.Id}: its checkpoints are not in order";
        }
        if (result.Current is { } state && (result.Networks.Count > 0 ? 0 : unit.From?.Step ?? 0) is var begin
            && (state.Now.Step < begin || !AreInOrder(state.Checkpoints.Select(checkpoint => checkpoint.Step), begin, state.Now.Step) || !AreInOrder(state.Snapshots.Select(snapshot => snapshot.Step), begin, state.Now.Step)))
            return "the checkpoints of the unfinished network are not in order";
        return null;
    }

    /// <summary>
    /// Trains the network at <paramref name="index"/> of a unit again, as far as the result says it was trained (the one behind the last that ended: the unfinished one), and says what is not
    /// the same; null where all is.
    /// </summary>
    public static string? FindDifference(WorkUnit unit, UnitResult result, int index, ITrainer trainer, CancellationToken stop)
    {
        Recipe recipe = unit.Recipes[index];
        ITrainingRun run = trainer.Start(recipe, index == 0 && unit.From is { } from ? new TrainingState(from, [], []) : null);
        NetworkResult? claimed = index < result.Networks.Count ? result.Networks[index] : null;
        long until = claimed?.Steps ?? result.Current!.Now.Step;
        long stride = WorkUnitRunner.Stride(recipe);
        while (run.Result is null && run.Step < until)
        {
            stop.ThrowIfCancellationRequested();
            run.Advance(Math.Min(stride, until - run.Step));
        }
        string network = recipe.Id;
        if (claimed is null)
        {
            TrainingState state = run.Save(), said = result.Current!;
            return run.Result is not null ? $"network {network} ends at step {run.Result.Steps}, and is said to go on"
                : !IsSame(state.Now, said.Now) ? $"network {network}, step {said.Now.Step}: its state is another"
                : FindDifference(network, state.Checkpoints, said.Checkpoints) ?? FindDifference(network, state.Snapshots, said.Snapshots);
        }
        if (run.Result is not { } again)
            return $"network {network} goes on behind step {until}, where it is said to have ended";
        if (again.Status != claimed.Status || again.Reason != claimed.Reason || again.Steps != claimed.Steps)
            return $"network {network} ends as {again.Status} ({again.Reason}) after {again.Steps} steps, and is said to end as {claimed.Status} after {claimed.Steps}";
        if (!Equals(again.TrainLoss, claimed.TrainLoss) || !Equals(again.EvalLoss, claimed.EvalLoss) || !Equals(again.EvalAccuracy, claimed.EvalAccuracy) || !Equals(again.AttackSuccess, claimed.AttackSuccess))
            return $"network {network}: its losses or accuracies at the end are others";
        return FindDifference(network, again.Checkpoints, claimed.Checkpoints) ?? FindDifference(network, again.Snapshots, claimed.Snapshots);
    }

    private static string? FindDifference(string network, IReadOnlyList<Checkpoint> trained, IReadOnlyList<Checkpoint> claimed)
    {
        if (trained.Count != claimed.Count)
            return $"network {network} leaves {trained.Count} checkpoints, and is said to leave {claimed.Count}";
        for (int i = 0; i < trained.Count; i++)
        {
            (Checkpoint a, Checkpoint b) = (trained[i], claimed[i]);
            if (a.Step != b.Step || !IsSame(a.Weights, b.Weights) || !Equals(a.TrainLoss, b.TrainLoss) || !a.EvalLoss.Equals(b.EvalLoss) || !Equals(a.EvalAccuracy, b.EvalAccuracy) || !Equals(a.AttackSuccess, b.AttackSuccess))
                return $"network {network}, step {a.Step}: the checkpoint is another";
        }
        return null;
    }

    private static string? FindDifference(string network, IReadOnlyList<Snapshot> trained, IReadOnlyList<Snapshot> claimed)
    {
        if (trained.Count != claimed.Count)
            return $"network {network} leaves {trained.Count} snapshots, and is said to leave {claimed.Count}";
        for (int i = 0; i < trained.Count; i++)
        {
            if (!IsSame(trained[i], claimed[i]))
                return $"network {network}, step {trained[i].Step}: the snapshot is another";
        }
        return null;
    }

    private static bool IsSame(Snapshot a, Snapshot b) => a.Step == b.Step && Equals(a.TrainLoss, b.TrainLoss) && IsSame(a.Weights, b.Weights) && IsSame(a.OptimizerState, b.OptimizerState);

    /// <summary>By their bits: a zero is not the same as a negative one.</summary>
    private static bool IsSame(float[] a, float[] b) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(a).SequenceEqual(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(b));

    private static bool AreInOrder(IEnumerable<long> steps, long from, long to)
    {
        long last = long.MinValue;
        foreach (long step in steps)
        {
            if (step <= last || step < from || step > to)
                return false;
            last = step;
        }
        return true;
    }
}
