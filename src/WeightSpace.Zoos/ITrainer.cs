namespace WeightSpace.Zoos;

/// <summary>What an engine needs of training: a network that grows step by step, can be put down at any step, and taken up again.</summary>
public interface ITrainer
{
    /// <summary>
    /// Begins a network, or goes on with one. One trainer serves one thread at a time; the run ends before the next one starts.
    /// </summary>
    /// <param name="from">What an earlier run of the same recipe left; null: from the initial weights.</param>
    ITrainingRun Start(Recipe recipe, TrainingState? from);
}

/// <summary>A network in training.</summary>
public interface ITrainingRun
{
    /// <summary>Updates done so far.</summary>
    long Step { get; }

    /// <summary>What became of the network; null while it is in training.</summary>
    NetworkResult? Result { get; }

    /// <summary>Trains on for at most this many steps, or to the network's end.</summary>
    void Advance(long steps);

    /// <summary>All that is needed to go on later, on any machine, byte for byte.</summary>
    TrainingState Save();
}

/// <summary>A network put down in the middle of its training: where it stands, and what it has left behind so far.</summary>
public sealed record TrainingState(Snapshot Now, IReadOnlyList<Checkpoint> Checkpoints, IReadOnlyList<Snapshot> Snapshots);
