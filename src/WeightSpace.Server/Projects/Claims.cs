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
    /// Trains a part of a unit again and says what is not the same; null where all is. The part is one of the networks, or of a long network, which goes on over several units, one segment between
    /// two of the snapshots that the result holds (or its begin and its end).
    /// </summary>
    /// <param name="choose">A number from 0 to below the one it is given, chosen so that no host can know it when it hands in.</param>
    public static string? FindDifferenceAtRandom(WorkUnit unit, UnitResult result, Func<int, int> choose, ITrainer trainer, CancellationToken stop)
    {
        int index = choose(result.Networks.Count + (result.Current is null ? 0 : 1));
        if (unit.Steps is null)
            return FindDifference(unit, result, index, trainer, stop);
        Snapshot? from = index == 0 ? unit.From : null;
        long end = End(result, index);
        Snapshot?[] begins = [from, .. Snapshots(result, index).Where(snapshot => snapshot.Step > (from?.Step ?? 0) && snapshot.Step < end)];
        int segment = choose(begins.Length);
        return FindDifference(unit, result, index, begins[segment], segment + 1 < begins.Length ? begins[segment + 1] : null, trainer, stop);
    }

    /// <summary>
    /// Trains the network at <paramref name="index"/> of a unit again, as far as the result says it was trained (the one behind the last that ended: the unfinished one), and says what is not
    /// the same; null where all is.
    /// </summary>
    public static string? FindDifference(WorkUnit unit, UnitResult result, int index, ITrainer trainer, CancellationToken stop) =>
        FindDifference(unit, result, index, index == 0 ? unit.From : null, null, trainer, stop);

    /// <summary>The first network in which two results of a unit differ, the unfinished one included; null where they say the same.</summary>
    public static int? FirstDifference(UnitResult a, UnitResult b)
    {
        for (int i = 0; i < Math.Min(a.Networks.Count, b.Networks.Count); i++)
        {
            if (FindDifference(a.Networks[i], b.Networks[i]) is not null)
                return i;
        }
        bool areSame = a.Networks.Count == b.Networks.Count && (a.Current, b.Current) switch
        {
            (null, null) => true,
            ({ } one, { } other) => IsSame(one.Now, other.Now) && FindDifference("", one.Checkpoints, other.Checkpoints) is null && FindDifference("", one.Snapshots, other.Snapshots) is null,
            _ => false,
        };
        return areSame ? null : Math.Min(a.Networks.Count, b.Networks.Count);
    }

    /// <param name="from">Where training begins; null: with the initial weights.</param>
    /// <param name="to">A snapshot of the result, where it ends; null: where the result ends.</param>
    private static string? FindDifference(WorkUnit unit, UnitResult result, int index, Snapshot? from, Snapshot? to, ITrainer trainer, CancellationToken stop)
    {
        Recipe recipe = unit.Recipes[index];
        ITrainingRun run = trainer.Start(recipe, from is null ? null : new TrainingState(from, [], []));
        NetworkResult? claimed = index < result.Networks.Count ? result.Networks[index] : null;
        if (claimed is null && result.Current is null)
            return $"network {recipe.Id} is missing";
        long until = to?.Step ?? End(result, index);
        long stride = WorkUnitRunner.Stride(recipe);
        while (run.Result is null && run.Step < until)
        {
            stop.ThrowIfCancellationRequested();
            run.Advance(Math.Min(stride, until - run.Step));
        }
        string network = recipe.Id;
        long begin = from?.Step ?? -1;
        Checkpoint[] checkpoints = [.. (claimed?.Checkpoints ?? result.Current!.Checkpoints).Where(checkpoint => checkpoint.Step > begin && checkpoint.Step <= until)];
        Snapshot[] snapshots = [.. Snapshots(result, index).Where(snapshot => snapshot.Step > begin && snapshot.Step <= until)];
        if (to is not null || claimed is null)
        {
            if (run.Result is not null)
                return $"network {network} ends at step {run.Result.Steps}, and is said to go on";
            (TrainingState state, Snapshot said) = (run.Save(), to ?? result.Current!.Now);
            return !IsSame(state.Now, said) ? $"network {network}, step {said.Step}: its state is another"
                : FindDifference(network, state.Checkpoints, checkpoints) ?? FindDifference(network, state.Snapshots, snapshots);
        }
        return run.Result is { } again ? FindDifference(again, claimed with { Checkpoints = checkpoints, Snapshots = snapshots })
            : $"network {network} goes on behind step {until}, where it is said to have ended";
    }

    private static string? FindDifference(NetworkResult again, NetworkResult claimed)
    {
        string network = again.Id;
        if (again.Status != claimed.Status || again.Reason != claimed.Reason || again.Steps != claimed.Steps)
            return $"network {network} ends as {again.Status} ({again.Reason}) after {again.Steps} steps, and is said to end as {claimed.Status} after {claimed.Steps}";
        if (!Equals(again.TrainLoss, claimed.TrainLoss) || !Equals(again.EvalLoss, claimed.EvalLoss) || !Equals(again.EvalAccuracy, claimed.EvalAccuracy) || !Equals(again.AttackSuccess, claimed.AttackSuccess))
            return $"network {network}: its losses or accuracies at the end are others";
        return FindDifference(network, again.Checkpoints, claimed.Checkpoints) ?? FindDifference(network, again.Snapshots, claimed.Snapshots);
    }

    private static long End(UnitResult result, int index) => index < result.Networks.Count ? result.Networks[index].Steps : result.Current!.Now.Step;

    private static IReadOnlyList<Snapshot> Snapshots(UnitResult result, int index) => index < result.Networks.Count ? result.Networks[index].Snapshots : result.Current!.Snapshots;

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
