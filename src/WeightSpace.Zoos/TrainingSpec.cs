namespace WeightSpace.Zoos;

/// <summary>An optimizer and its settings, defined as PyTorch defines them.</summary>
public abstract record OptimizerSpec(double LearningRate)
{
    public abstract string Name { get; }

    /// <summary>The optimizer's state, one [parameter] block a slot, under PyTorch's names and in the order that a snapshot packs them.</summary>
    public abstract IReadOnlyList<string> Slots { get; }
}

/// <summary>Stochastic gradient descent (torch.optim.SGD). <paramref name="Momentum"/> in [0, 1), default 0.</summary>
public sealed record SgdSpec(double LearningRate, double Momentum) : OptimizerSpec(LearningRate)
{
    public override string Name => "sgd";

    public override IReadOnlyList<string> Slots => Momentum == 0 ? [] : s_slots;

    private static readonly string[] s_slots = ["momentum_buffer"];
}

/// <summary>Adam (Kingma and Ba, arXiv 1412.6980; torch.optim.Adam). Defaults 0.9, 0.999, 1e-8.</summary>
public sealed record AdamSpec(double LearningRate, double Beta1, double Beta2, double Epsilon) : OptimizerSpec(LearningRate)
{
    public override string Name => "adam";

    public override IReadOnlyList<string> Slots => s_slots;

    private static readonly string[] s_slots = ["exp_avg", "exp_avg_sq"];
}

/// <summary>Held-out data: how many sequences, from which seed; the same for every network of a task.</summary>
public sealed record EvaluationSpec(int Sequences, ulong Seed);

/// <summary>When training ends: after <paramref name="Steps"/> steps, or earlier, when at a check the held-out loss is below a threshold.</summary>
/// <param name="Steps">Step budget, at least 1.</param>
/// <param name="EvalLoss">Threshold on the held-out loss; null: train to the budget.</param>
/// <param name="CheckEvery">Steps between two checks of the held-out loss; used only with a threshold.</param>
public sealed record StopSpec(long Steps, double? EvalLoss, long CheckEvery);

/// <summary>Everything about training but the seeds. The loss is the mean squared error.</summary>
/// <param name="Batch">Sequences a step.</param>
/// <param name="EpochSteps">Steps that count as an epoch of a stream; only the unit of "every epoch" schedules.</param>
/// <param name="Snapshots">Steps at which the optimizer's state is kept too; null: none.</param>
public sealed record TrainingSpec(
    OptimizerSpec Optimizer,
    int Batch,
    long EpochSteps,
    StopSpec Stop,
    StepSchedule Checkpoints,
    StepSchedule? Snapshots,
    EvaluationSpec Evaluation);
