using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>
/// Training of one network: draw a batch, forward, loss, backward, update; now and then a checkpoint. This file is the algorithm;
/// everything that a recipe's bytes depend on is called from <see cref="TrainOneStep"/> and <see cref="Evaluate"/>.
/// </summary>
public sealed unsafe class TrainingLoop : ITrainingRun
{
    private readonly Workspace _workspace;
    private readonly Recipe _recipe;
    private readonly OptimizerSpec _optimizer;
    private readonly float[] _weights;
    private readonly float[] _optimizerState;
    private readonly List<Checkpoint> _checkpoints = [];
    private readonly List<Snapshot> _snapshots = [];
    private float? _trainLoss;

    internal TrainingLoop(Workspace workspace, Recipe recipe, TrainingState? from)
    {
        _workspace = workspace;
        _recipe = recipe;
        _optimizer = recipe.Training.Optimizer;
        int parameters = recipe.Architecture.Parameters.Count;
        if (from is null)
        {
            _weights = new float[parameters];
            _optimizerState = new float[_optimizer.Slots.Count * parameters];
            Initialisation.PyTorchDefault(recipe.Architecture.Parameters, recipe.InitSeed, _weights);
            Keep();
        }
        else
        {
            _weights = [.. from.Now.Weights];
            _optimizerState = [.. from.Now.OptimizerState];
            _trainLoss = from.Now.TrainLoss;
            Step = from.Now.Step;
            _checkpoints.AddRange(from.Checkpoints);
            _snapshots.AddRange(from.Snapshots);
        }
    }

    public long Step { get; private set; }

    public NetworkResult? Result { get; private set; }

    public void Advance(long steps)
    {
        for (long end = Step + steps; Step < end && Result is null;)
        {
            float loss = TrainOneStep();
            if (!float.IsFinite(loss))
            {
                End(NetworkStatus.Diverged, $"the training loss became {Word(loss)} at step {Step}");
                return;
            }
            _trainLoss = loss;
            Keep();
        }
    }

    public TrainingState Save() => new(TakeSnapshot(), [.. _checkpoints], [.. _snapshots]);

    /// <summary>One step: the mean loss on its batch before the update. The weights are left as they were when the loss is not finite.</summary>
    private float TrainOneStep()
    {
        TrainingSpec training = _recipe.Training;
        long step = ++Step;
        _workspace.Sample(_recipe.Task, _recipe.DataSeed, Split.Train, (step - 1) * training.Batch, training.Batch);
        float loss = _workspace.LossAndGradient(_weights);
        if (float.IsFinite(loss))
            Optimizers.Step(_optimizer, step, _weights, _workspace.Gradient, _optimizerState);
        return loss;
    }

    /// <summary>Keeps what the schedules ask for at this step, and ends the network when it is time.</summary>
    private void Keep()
    {
        TrainingSpec training = _recipe.Training;
        bool isLast = Step == training.Stop.Steps;
        bool isScheduled = training.Checkpoints.Contains(Step);
        bool isCheck = training.Stop.EvalLoss is not null && Step % training.Stop.CheckEvery == 0;
        bool isSnapshot = training.Snapshots?.Contains(Step) == true;
        if (!isLast && !isScheduled && !isCheck && !isSnapshot)
            return;
        float evalLoss = 0;
        bool isBelow = false;
        if (isLast || isScheduled || isCheck)
        {
            evalLoss = Evaluate();
            if (!float.IsFinite(evalLoss))
            {
                End(NetworkStatus.Diverged, $"the held-out loss became {Word(evalLoss)} at step {Step}");
                return;
            }
            isBelow = isCheck && Step > 0 && evalLoss < training.Stop.EvalLoss;
        }
        bool ends = isLast || isBelow;
        if (isScheduled || ends)
            _checkpoints.Add(new Checkpoint(Step, _trainLoss, evalLoss, [.. _weights]));
        if (training.Snapshots is not null && (isSnapshot || ends))
            _snapshots.Add(TakeSnapshot());
        if (isBelow)
            End(NetworkStatus.Finished, "threshold", evalLoss);
        else if (isLast)
            End(NetworkStatus.Finished, "budget", evalLoss);
    }

    private float Evaluate() => _workspace.Evaluate(_recipe.Task, _recipe.Training.Evaluation, _weights);

    private Snapshot TakeSnapshot() => new(Step, _trainLoss, [.. _weights], [.. _optimizerState]);

    private void End(NetworkStatus status, string reason, float? evalLoss = null) =>
        Result = new NetworkResult(_recipe.Id, status, reason, Step, _trainLoss, evalLoss ?? (_checkpoints.Count > 0 ? _checkpoints[^1].EvalLoss : null), _checkpoints, _snapshots);

    private static string Word(float value) => float.IsNaN(value) ? "NaN" : "infinite";
}
