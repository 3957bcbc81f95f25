using WeightSpace.Zoos;

namespace WeightSpace.Engines;

/// <summary>Where a network that was trained again is not what the zoo says.</summary>
public sealed record RetrainingDifference(string Network, long Step, string What);

/// <summary>Holds a network that was trained again against a zoo's tables; no weights of the zoo are read.</summary>
public static class Retraining
{
    /// <summary>
    /// The first difference of what training from step <paramref name="from"/> (exclusive; -1: from the initial weights) to step <paramref name="to"/> left behind; null where
    /// there is none.
    /// </summary>
    /// <param name="state">Checkpoints and snapshots of these steps.</param>
    /// <param name="result">How training ended, where it did.</param>
    public static RetrainingDifference? FindDifference(Zoo zoo, NetworkRow network, long from, long to, TrainingState state, NetworkResult? result)
    {
        CheckpointRow[] expected = [.. zoo.CheckpointsOf(network.Id).Where(row => row.Step > from && row.Step <= to)];
        SnapshotRow[] expectedSnapshots = [.. zoo.SnapshotsOf(network.Id).Where(row => row.Step > from && row.Step <= to)];
        for (int i = 0; i < expected.Length; i++)
        {
            if (i >= state.Checkpoints.Count || state.Checkpoints[i].Step != expected[i].Step)
                return new RetrainingDifference(network.Id, expected[i].Step, "the checkpoint does not come again");
            Checkpoint again = state.Checkpoints[i];
            if (Sha256Digest.Of(again.Weights) != expected[i].Digest)
                return new RetrainingDifference(network.Id, again.Step, "the weights differ");
            // Equals, as a NaN is the same as a NaN here.
            if (!again.EvalLoss.Equals(expected[i].EvalLoss) || !Equals(again.TrainLoss, expected[i].TrainLoss))
                return new RetrainingDifference(network.Id, again.Step, "the losses differ");
            if (!IsSame(expected[i].EvalAccuracy, again.EvalAccuracy) || !IsSame(expected[i].AttackSuccess, again.AttackSuccess))
                return new RetrainingDifference(network.Id, again.Step, "the accuracies differ");
        }
        for (int i = 0; i < expectedSnapshots.Length; i++)
        {
            if (i >= state.Snapshots.Count || Sha256Digest.Of(state.Snapshots[i].Weights, state.Snapshots[i].OptimizerState) != expectedSnapshots[i].Digest)
                return new RetrainingDifference(network.Id, expectedSnapshots[i].Step, "the snapshots differ");
        }
        // What failed was not ended by its training, so training cannot tell.
        if (network.Status == NetworkStatus.Failed)
            return null;
        if (state.Checkpoints.Count > expected.Length)
            return new RetrainingDifference(network.Id, state.Checkpoints[expected.Length].Step, "the zoo has no such checkpoint");
        if (to < network.Steps)
            return null;
        if (result is null)
            return new RetrainingDifference(network.Id, to, $"its training goes on, in the zoo it ended as {End(network.Status, network.Reason, network.Steps)}");
        if (result.Status != network.Status || result.Reason != network.Reason || result.Steps != network.Steps)
            return new RetrainingDifference(network.Id, result.Steps, $"it ended as {End(result.Status, result.Reason, result.Steps)}, in the zoo as {End(network.Status, network.Reason, network.Steps)}");
        // A network that diverged keeps the held-out loss of its last checkpoint, which a segment may not have seen.
        bool knowsEvalLoss = from < 0 || result.Status == NetworkStatus.Finished;
        if (!Equals(result.TrainLoss, network.TrainLoss) || (knowsEvalLoss && !Equals(result.EvalLoss, network.EvalLoss)))
            return new RetrainingDifference(network.Id, result.Steps, "its losses in networks.csv differ");
        if (knowsEvalLoss && (!IsSame(network.EvalAccuracy, result.EvalAccuracy) || !IsSame(network.AttackSuccess, result.AttackSuccess)))
            return new RetrainingDifference(network.Id, result.Steps, "its accuracies in networks.csv differ");
        return null;
    }

    /// <summary>A zoo of format version 1 has no accuracies, which says nothing against it.</summary>
    private static bool IsSame(float? inZoo, float? again) => inZoo is null || Equals(inZoo, again);

    private static string End(NetworkStatus status, string reason, long steps) => $"{status.ToString().ToLowerInvariant()} ({reason}) after {steps} steps";
}
