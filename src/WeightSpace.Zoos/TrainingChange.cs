using WeightSpace.Tasks;

namespace WeightSpace.Zoos;

/// <summary>
/// What changes in a network's training behind step <paramref name="At"/>: step At + 1 is the first with the new setting, and up to and including step At the network is, byte for
/// byte, the one without the change. What is null or false stays as it was.
/// </summary>
/// <param name="At">At least 1, below the step budget.</param>
public sealed record TrainingChange(long At)
{
    /// <summary>Trains on another task of the same inputs, outputs and places; held-out data are that task's from then on.</summary>
    public TaskSpec? Task { get; init; }

    /// <summary>
    /// Seed of the training data and their order from then on. The stream goes on where it is: step n takes the samples from (n - 1) x batch on, of whichever seed. Dropout's masks follow it too.
    /// </summary>
    public ulong? DataSeed { get; init; }

    /// <summary>What the schedule starts from, in place of <see cref="OptimizerSpec.LearningRate"/>; the schedule itself goes on.</summary>
    public double? LearningRate { get; init; }

    /// <summary>The optimizer begins anew: its state is 0 and its steps count from here, as Adam's correction of bias has it.</summary>
    public bool IsFreshOptimizer { get; init; }

    /// <summary>The schedule begins anew, with its warm-up; its lengths stay what they are. Otherwise it goes on by the step of training.</summary>
    public bool RestartsSchedule { get; init; }

    /// <summary>Nothing but the step is given.</summary>
    public bool IsEmpty => this == new TrainingChange(At);
}

/// <summary>What a network trains by for some steps in a row: those behind <paramref name="After"/>, up to where the next phase begins.</summary>
/// <param name="LearningRate">What the schedule starts from.</param>
/// <param name="OptimizerStart">The step behind which the optimizer began, with its state at 0.</param>
/// <param name="ScheduleStart">The step behind which the schedule began.</param>
/// <param name="Poisoned">The attack of the poison that it trains on, or did last: a backdoor is measured after the data are clean again too. Null where there was none.</param>
public sealed record TrainingPhase(long After, TaskSpec Task, ulong DataSeed, double LearningRate, long OptimizerStart, long ScheduleStart, Attack? Poisoned)
{
    /// <summary>The phase that a change makes of this one.</summary>
    public TrainingPhase Changed(TrainingChange change) => new(change.At, change.Task ?? Task, change.DataSeed ?? DataSeed, change.LearningRate ?? LearningRate,
        change.IsFreshOptimizer ? change.At : OptimizerStart, change.RestartsSchedule ? change.At : ScheduleStart, AttackOf(change.Task) ?? Poisoned);

    internal static Attack? AttackOf(TaskSpec? task) => (task as ImageTask)?.Poison?.Attack;
}
