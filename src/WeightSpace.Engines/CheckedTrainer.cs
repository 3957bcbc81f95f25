using WeightSpace.Zoos;

namespace WeightSpace.Engines;

/// <summary>A network that was trained again is not the one that was published.</summary>
public sealed class RetrainingException(RetrainingDifference difference) : Exception($"network {difference.Network}, step {difference.Step}: {difference.What}")
{
    public RetrainingDifference Difference => difference;
}

/// <summary>
/// Trains as another trainer does and holds each network, when it ends, against the tables of a zoo: throws <see cref="RetrainingException"/> at the first
/// checkpoint, snapshot or end that is another. A network that failed there, which training cannot repeat, is trained as far as it was and ended as it was.
/// </summary>
public sealed class CheckedTrainer(ITrainer inner, Zoo published) : ITrainer, IDisposable
{
    public ITrainingRun Start(Recipe recipe, TrainingState? from) => new Run(inner.Start(recipe, from), published, published.Network(recipe.Id));

    public void Dispose() => (inner as IDisposable)?.Dispose();

    private sealed class Run : ITrainingRun
    {
        private readonly ITrainingRun _inner;
        private readonly Zoo _published;
        private readonly NetworkRow _network;

        public Run(ITrainingRun inner, Zoo published, NetworkRow network)
        {
            (_inner, _published, _network) = (inner, published, network);
            Look();
        }

        public long Step => _inner.Step;

        public NetworkResult? Result { get; private set; }

        public void Advance(long steps)
        {
            bool isFailed = _network.Status == NetworkStatus.Failed;
            _inner.Advance(isFailed ? Math.Min(steps, _network.Steps - _inner.Step) : steps);
            Look();
        }

        public TrainingState Save() => _inner.Save();

        private void Look()
        {
            bool isFailed = _network.Status == NetworkStatus.Failed;
            if (isFailed ? _inner.Result is null && _inner.Step < _network.Steps : _inner.Result is null)
                return;
            TrainingState state = _inner.Save();
            if (Retraining.FindDifference(_published, _network, -1, long.MaxValue, state, _inner.Result) is { } difference)
                throw new RetrainingException(difference);
            Result = !isFailed ? _inner.Result
                : new NetworkResult(_network.Id, _network.Status, _network.Reason, _network.Steps, _network.TrainLoss, _network.EvalLoss,
                    [.. state.Checkpoints.Take(_published.CheckpointsOf(_network.Id).Count)], [.. state.Snapshots.Take(_published.SnapshotsOf(_network.Id).Count)]) { EvalAccuracy = _network.EvalAccuracy, AttackSuccess = _network.AttackSuccess };
        }
    }
}
