using WeightSpace.Tasks;

namespace WeightSpace.Zoos;

/// <summary>A row of <c>networks.csv</c>.</summary>
/// <param name="Index">Its place in the zoo, from 0.</param>
/// <param name="Id">SHA-256 of the recipe, 64 hexadecimal digits.</param>
/// <param name="Task">The machine's name, or that of the images.</param>
/// <param name="Variant">One of <see cref="Variants"/>.</param>
/// <param name="Reason">Why training ended, or why it could not.</param>
/// <param name="Steps">Steps trained.</param>
/// <param name="Factors">Its value of each factor of the experiment; empty where one does not apply.</param>
public sealed record NetworkRow(
    int Index,
    string Id,
    string Task,
    string Variant,
    string Architecture,
    ulong InitSeed,
    ulong DataSeed,
    NetworkStatus Status,
    string Reason,
    long Steps,
    float? TrainLoss,
    float? EvalLoss,
    IReadOnlyList<string> Factors)
{
    /// <summary>As <see cref="NetworkResult.EvalAccuracy"/>; null in a zoo of format version 1.</summary>
    public float? EvalAccuracy { get; init; }

    /// <summary>As <see cref="NetworkResult.AttackSuccess"/>; null in a zoo of format version 1.</summary>
    public float? AttackSuccess { get; init; }

    /// <summary>The id of the network without this one's last change in mid-training, whose weights it shares up to that change's step; null where nothing changes.</summary>
    public string? Parent { get; init; }

    /// <summary>What the network learned, in MLDS's words: <c>ParityMachine</c>, <c>ParityMachineModified</c>.</summary>
    public string Class => Variants.Class(Task, Variant);
}

/// <summary>A row of <c>checkpoints.csv</c>: where a checkpoint stands, and the digest of its weights.</summary>
public sealed record CheckpointRow(NetworkRow Network, long Step, float? TrainLoss, float EvalLoss, ZooFile Shard, int Row, Sha256Digest Digest)
{
    /// <summary>As <see cref="Checkpoint.EvalAccuracy"/>; null in a zoo of format version 1.</summary>
    public float? EvalAccuracy { get; init; }

    /// <summary>As <see cref="Checkpoint.AttackSuccess"/>; null in a zoo of format version 1.</summary>
    public float? AttackSuccess { get; init; }
}

/// <summary>A row of <c>snapshots.csv</c>: where a snapshot stands, and the digest of its weights and then its slots.</summary>
public sealed record SnapshotRow(NetworkRow Network, long Step, float? TrainLoss, ZooFile Shard, int Row, Sha256Digest Digest);
