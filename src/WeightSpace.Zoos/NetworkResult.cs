namespace WeightSpace.Zoos;

/// <summary>How a network's training ended.</summary>
public enum NetworkStatus
{
    /// <summary>It reached its threshold or its step budget; the reason says which.</summary>
    Finished,
    /// <summary>Its loss or weights became infinite or NaN; its checkpoints up to then are kept.</summary>
    Diverged,
    /// <summary>It could not be trained; the reason says why.</summary>
    Failed,
}

/// <summary>The reasons of networks that finished, word for word. The reason of one that diverged or failed is a sentence.</summary>
public static class EndReasons
{
    /// <summary>A check found the held-out loss below the threshold.</summary>
    public const string Threshold = "threshold";

    /// <summary>The step budget ended; where there was a threshold, before the loss was below it.</summary>
    public const string Budget = "budget";
}

/// <summary>A network's weights [parameter] after <paramref name="Step"/> updates.</summary>
/// <param name="TrainLoss">The mean loss on the batch of step <paramref name="Step"/>, before its update; null at step 0.</param>
/// <param name="EvalLoss">The mean loss on the task's held-out data with these weights.</param>
public sealed record Checkpoint(long Step, float? TrainLoss, float EvalLoss, float[] Weights)
{
    /// <summary>The share of right answers on the held-out data, without any trigger; null where answers are not right or wrong.</summary>
    public float? EvalAccuracy { get; init; }

    /// <summary>
    /// The share of the held-out images that the attack is on which, with the trigger on them, are taken for what the attacker wants. Of a clean network the largest of the attacks on
    /// its poisoned twins: what their success has to be held against. Null where there is no attack.
    /// </summary>
    public float? AttackSuccess { get; init; }
}

/// <summary>
/// A checkpoint from which training goes on byte for byte: the weights [parameter] and the optimizer's state
/// [slot, parameter] (Adam: exp_avg, exp_avg_sq; SGD: momentum_buffer, or nothing without momentum).
/// </summary>
public sealed record Snapshot(long Step, float? TrainLoss, float[] Weights, float[] OptimizerState);

/// <summary>What became of a recipe: one row of <c>networks.csv</c> and its trajectory.</summary>
public sealed record NetworkResult(
    string Id,
    NetworkStatus Status,
    string Reason,
    long Steps,
    float? TrainLoss,
    float? EvalLoss,
    IReadOnlyList<Checkpoint> Checkpoints,
    IReadOnlyList<Snapshot> Snapshots)
{
    /// <summary>As <see cref="Checkpoint.EvalAccuracy"/>, of the last checkpoint.</summary>
    public float? EvalAccuracy { get; init; }

    /// <summary>As <see cref="Checkpoint.AttackSuccess"/>, of the last checkpoint.</summary>
    public float? AttackSuccess { get; init; }
}
