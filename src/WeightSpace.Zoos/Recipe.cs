using System.Security.Cryptography;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos;

/// <summary>
/// One network of an experiment, fully resolved: all that its bytes depend on, and nothing else. Its canonical JSON
/// (<see cref="RecipeJson"/>) is hashed with SHA-256; the 64 hexadecimal digits are the network's id.
/// </summary>
public sealed class Recipe
{
    /// <summary>
    /// The version of the arithmetic: lanes, polynomials, order of sums, meaning of random draws. A change that moves any bit of any
    /// checkpoint raises it, so that no id ever names two different networks.
    /// </summary>
    public const int Arithmetic = 3;

    // Made when first asked for: an experiment of a million networks is counted and checked without them.
    private byte[]? _canonicalJson;
    private string? _id;

    /// <param name="changes">What changes in mid-training, by ascending steps; null: nothing does.</param>
    /// <exception cref="ArgumentException">The architecture does not fit a task, or the steps of the changes do not ascend.</exception>
    public Recipe(TaskSpec task, Architecture architecture, TrainingSpec training, ulong initSeed, ulong dataSeed, IReadOnlyList<TrainingChange>? changes = null)
    {
        if (architecture.Input != new Shape(task.Channels, task.Height, task.Width) || architecture.Outputs != task.Outputs)
            throw new ArgumentException($"architecture '{architecture.Name}' takes {architecture.Input} and gives {architecture.Outputs}; task {task.Name} has inputs of {new Shape(task.Channels, task.Height, task.Width)} and {task.Outputs} outputs", nameof(architecture));
        Task = task;
        Architecture = architecture;
        Training = training;
        InitSeed = initSeed;
        DataSeed = dataSeed;
        Changes = changes ?? [];
        Phases = FindPhases();
    }

    public TaskSpec Task { get; }

    public Architecture Architecture { get; }

    public TrainingSpec Training { get; }

    /// <summary>Seed of the initial weights.</summary>
    public ulong InitSeed { get; }

    /// <summary>Seed of the training data and their order.</summary>
    public ulong DataSeed { get; }

    /// <summary>What changes in mid-training, by ascending steps; <see cref="Task"/>, <see cref="DataSeed"/> and the optimizer's learning rate are those before the first.</summary>
    public IReadOnlyList<TrainingChange> Changes { get; }

    /// <summary>What it trains by, in order; one more than <see cref="Changes"/>.</summary>
    public IReadOnlyList<TrainingPhase> Phases { get; }

    /// <summary>UTF-8, keys sorted, no white space, numbers in their shortest round-trip form.</summary>
    public byte[] CanonicalJson => _canonicalJson ??= RecipeJson.Write(this);

    /// <summary>SHA-256 of <see cref="CanonicalJson"/>, 64 hexadecimal digits.</summary>
    public string Id => _id ??= Convert.ToHexStringLower(SHA256.HashData(CanonicalJson));

    /// <summary>Operations of training to the step budget, without evaluation.</summary>
    public double TrainingFlops => (double)Architecture.TrainingFlops * Task.Places * Training.Batch * Training.Stop.Steps;

    /// <summary>The attacks whose success is measured at every checkpoint before the first change: its task's poison, or those of its poisoned twins.</summary>
    public IReadOnlyList<Attack> Attacks => AttacksIn(Phases[0]);

    /// <summary>The same at the checkpoints of a phase: the poison that the network was trained on last, or, as long as it was on none, those of its poisoned twins.</summary>
    public IReadOnlyList<Attack> AttacksIn(TrainingPhase phase) => phase.Poisoned is { } attack ? [attack] : Training.Evaluation.Attacks;

    /// <summary>
    /// The phase of update <paramref name="step"/>, by which the network of that step is measured too; step 0, the initial weights, is of the first. So what is kept at the step of a
    /// change is of the phase before it.
    /// </summary>
    public TrainingPhase PhaseAt(long step) => Phases[PhaseIndexAt(step)];

    /// <summary>The index among <see cref="Phases"/> of <see cref="PhaseAt"/>.</summary>
    public int PhaseIndexAt(long step)
    {
        int index = Phases.Count - 1;
        while (index > 0 && Phases[index].After >= step)
            index--;
        return index;
    }

    /// <summary>The network without its last change, whose bytes it shares up to and including that change's step; null where nothing changes.</summary>
    public Recipe? Parent => Changes.Count == 0 ? null : new Recipe(Task, Architecture, Training, InitSeed, DataSeed, [.. Changes.SkipLast(1)]);

    /// <summary>Upper bound of the checkpoints that a network of this recipe leaves: the scheduled ones and the last.</summary>
    public int MaxCheckpoints => Bound(Training.Checkpoints, Training.Stop.Steps);

    /// <summary>Upper bound of the snapshots that a network of this recipe leaves; 0 where none are scheduled.</summary>
    public int MaxSnapshots => Training.Snapshots is null ? 0 : Bound(Training.Snapshots, Training.Stop.Steps);

    private TrainingPhase[] FindPhases()
    {
        var phases = new TrainingPhase[Changes.Count + 1];
        phases[0] = new TrainingPhase(0, Task, DataSeed, Training.Optimizer.LearningRate, 0, 0, TrainingPhase.AttackOf(Task));
        for (int i = 0; i < Changes.Count; i++)
        {
            TrainingChange change = Changes[i];
            if (change.At <= phases[i].After)
                throw new ArgumentException($"a change is at step {change.At}, expected a step behind {phases[i].After}", "changes");
            phases[i + 1] = phases[i].Changed(change);
            TaskSpec task = phases[i + 1].Task;
            if ((task.Channels, task.Height, task.Width, task.Outputs, task.Places) != (Task.Channels, Task.Height, Task.Width, Task.Outputs, Task.Places) || task.HasClasses != Task.HasClasses || task.IsSequence != Task.IsSequence)
                throw new ArgumentException($"the change at step {change.At} goes on with {task.Name}, of another shape or kind than {Task.Name}; the task of a change has the same inputs, outputs and places", "changes");
        }
        return phases;
    }

    private static int Bound(StepSchedule schedule, long last) =>
        (int)Math.Min(int.MaxValue, schedule.CountTo(last) + (schedule.Contains(last) ? 0 : 1));
}
