using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>
/// Training of one network: draw a batch, forward, loss, backward, update; now and then a checkpoint. This file is the algorithm;
/// everything that a recipe's bytes depend on is called from <see cref="TrainOneStep"/> and <see cref="Keep"/>. What a change in mid-training changes is asked for by the step
/// (<see cref="PhaseAt"/>), so a run that is taken up anywhere has the same.
/// </summary>
public sealed class TrainingLoop : ITrainingRun
{
    private readonly Workspace _workspace;
    private readonly IReadOnlyList<TaskData> _data;
    private readonly Recipe _recipe;
    private readonly OptimizerSpec _optimizer;
    private readonly float[] _weights;
    private readonly float[] _optimizerState;
    private readonly List<Checkpoint> _checkpoints = [];
    private readonly List<Snapshot> _snapshots = [];
    private float? _trainLoss;

    /// <param name="data">By phase of the recipe: the data of its task.</param>
    internal TrainingLoop(Workspace workspace, IReadOnlyList<TaskData> data, Recipe recipe, TrainingState? from)
    {
        _workspace = workspace;
        _data = data;
        _recipe = recipe;
        _optimizer = recipe.Training.Optimizer;
        int parameters = recipe.Architecture.Parameters.Count;
        if (from is null)
        {
            _weights = new float[parameters];
            _optimizerState = new float[_optimizer.Slots.Count * recipe.Architecture.Parameters.TrainedCount];
            Initialisation.Draw(recipe.Architecture.Parameters, recipe.Training.Initialisation, recipe.InitSeed, _weights);
            Keep();
        }
        else
        {
            _weights = [.. from.Now.Weights];
            _optimizerState = TrainedPart(from.Now.OptimizerState);
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
        (TrainingPhase phase, TaskData data) = PhaseAt(step);
        float loss = _workspace.LossAndGradient(data, training.Loss, phase.DataSeed, (step - 1) * training.Batch, _weights);
        if (!float.IsFinite(loss))
            return loss;
        Span<float> gradient = _workspace.Gradient;
        if (training.ClipNorm is { } norm)
            GradientClipping.Clip(gradient, norm);
        long optimizerStep = step - phase.OptimizerStart;
        // Not when the change's step is kept: up to there the network is the one without the change, its state too.
        if (optimizerStep == 1)
            Array.Clear(_optimizerState);
        double rate = LearningRate.At(training.Rate, phase.LearningRate, step - phase.ScheduleStart);
        Optimizers.Step(_optimizer, rate, optimizerStep, _weights.AsSpan(0, gradient.Length), gradient, _optimizerState);
        _workspace.UpdateBuffers(_weights);
        return loss;
    }

    /// <summary>What update <paramref name="step"/> is made by, and the network of that step measured by.</summary>
    private (TrainingPhase Phase, TaskData Data) PhaseAt(long step)
    {
        int phase = _recipe.PhaseIndexAt(step);
        return (_recipe.Phases[phase], _data[phase]);
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
        float? accuracy = null;
        bool isBelow = false;
        if (isLast || isScheduled || isCheck)
        {
            (evalLoss, accuracy) = _workspace.Evaluate(PhaseAt(Step).Data, training.Loss, training.Evaluation, _weights);
            if (!float.IsFinite(evalLoss))
            {
                End(NetworkStatus.Diverged, $"the held-out loss became {Word(evalLoss)} at step {Step}");
                return;
            }
            isBelow = isCheck && Step > 0 && evalLoss < training.Stop.EvalLoss;
        }
        bool ends = isLast || isBelow;
        if (isScheduled || ends)
            _checkpoints.Add(new Checkpoint(Step, _trainLoss, evalLoss, [.. _weights]) { EvalAccuracy = accuracy, AttackSuccess = AttackSuccess() });
        if (training.Snapshots is not null && (isSnapshot || ends))
            _snapshots.Add(TakeSnapshot());
        if (isBelow)
            End(NetworkStatus.Finished, EndReasons.Threshold, evalLoss);
        else if (isLast)
            End(NetworkStatus.Finished, EndReasons.Budget, evalLoss);
    }

    /// <summary>Of the attacks of this step the success of the one that succeeds most; null where there is none.</summary>
    private float? AttackSuccess()
    {
        float? most = null;
        (TrainingPhase phase, TaskData data) = PhaseAt(Step);
        foreach (Attack attack in _recipe.AttacksIn(phase))
        {
            if (_workspace.AttackSuccess(data, attack, _recipe.Training.Evaluation, _weights) is { } success && !(success <= most))
                most = success;
        }
        return most;
    }

    private Snapshot TakeSnapshot() => new(Step, _trainLoss, [.. _weights], WholeBlocks(_optimizerState));

    /// <summary>Slots of state as a snapshot has them, [slot, parameter] with zeros for what is not trained, from slots of trained parameters alone.</summary>
    private float[] WholeBlocks(float[] trained)
    {
        ParameterLayout layout = _recipe.Architecture.Parameters;
        float[] whole = new float[_optimizer.Slots.Count * layout.Count];
        for (int slot = 0; slot < _optimizer.Slots.Count; slot++)
            trained.AsSpan(slot * layout.TrainedCount, layout.TrainedCount).CopyTo(whole.AsSpan(slot * layout.Count));
        return whole;
    }

    private float[] TrainedPart(float[] whole)
    {
        ParameterLayout layout = _recipe.Architecture.Parameters;
        float[] trained = new float[_optimizer.Slots.Count * layout.TrainedCount];
        for (int slot = 0; slot < _optimizer.Slots.Count; slot++)
            whole.AsSpan(slot * layout.Count, layout.TrainedCount).CopyTo(trained.AsSpan(slot * layout.TrainedCount));
        return trained;
    }

    private void End(NetworkStatus status, string reason, float? evalLoss = null)
    {
        Checkpoint? last = _checkpoints.LastOrDefault();
        Result = new NetworkResult(_recipe.Id, status, reason, Step, _trainLoss, evalLoss ?? last?.EvalLoss, _checkpoints, _snapshots)
        {
            EvalAccuracy = last?.EvalAccuracy,
            AttackSuccess = last?.AttackSuccess,
        };
    }

    private static string Word(float value) => float.IsNaN(value) ? "NaN" : "infinite";
}
