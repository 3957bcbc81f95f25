namespace WeightSpace.Zoos;

/// <summary>
/// How the learning rate goes over the steps of training, from the optimizer's <see cref="OptimizerSpec.LearningRate"/> on. All lengths are steps.
/// A warm-up may go before: the rate rises linearly from <see cref="WarmUpFrom"/> times its value over the first <see cref="WarmUpSteps"/> steps, and the
/// schedule begins behind them (torch's SequentialLR of LinearLR and the schedule).
/// </summary>
public abstract record RateSchedule
{
    /// <summary>Steps of the warm-up; 0: none.</summary>
    public long WarmUpSteps { get; init; }

    /// <summary>Share of the rate that the warm-up starts from: above 0, at most 1; default 1/3, as torch's LinearLR has it.</summary>
    public double WarmUpFrom { get; init; } = 1.0 / 3;

    /// <summary>The word for this kind of schedule in experiments and recipes.</summary>
    public abstract string Name { get; }
}

/// <summary>The same rate at every step.</summary>
public sealed record ConstantRate : RateSchedule
{
    public static ConstantRate Instance { get; } = new();

    public override string Name => "constant";
}

/// <summary>The rate is multiplied by <paramref name="Gamma"/> every <paramref name="Every"/> steps (torch's StepLR; default gamma 0.1).</summary>
public sealed record StepRate(long Every, double Gamma) : RateSchedule
{
    public override string Name => "step";
}

/// <summary>
/// Half a cosine from the rate down to <paramref name="Minimum"/> over <paramref name="Steps"/> steps, and <paramref name="Minimum"/> behind them. (torch's
/// CosineAnnealingLR is the same up to there, and rises again behind.)
/// </summary>
public sealed record CosineRate(long Steps, double Minimum) : RateSchedule
{
    public override string Name => "cosine";
}

/// <summary>
/// Half cosines, each from the rate down to <paramref name="Minimum"/>: the first over <paramref name="First"/> steps, each further one
/// <paramref name="Multiply"/> times as long (Loshchilov and Hutter, arXiv 1608.03983; torch's CosineAnnealingWarmRestarts).
/// </summary>
public sealed record CosineRestartsRate(long First, int Multiply, double Minimum) : RateSchedule
{
    public override string Name => "cosine_restarts";
}

/// <summary>
/// One cycle over <paramref name="Steps"/> steps: by a cosine from rate / <paramref name="Divide"/> up to the rate at the share <paramref name="Rise"/> of them, and down to rate /
/// <paramref name="Divide"/> / <paramref name="FinalDivide"/> (Smith and Topin, arXiv 1708.07120; torch's OneCycleLR with max_lr the rate, its defaults 0.3, 25 and
/// 1e4, and cycle_momentum=False). The last rate stays behind the cycle.
/// </summary>
public sealed record OneCycleRate(long Steps, double Rise, double Divide, double FinalDivide) : RateSchedule
{
    public override string Name => "one_cycle";
}
