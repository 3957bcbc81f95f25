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

    public Recipe(TaskSpec task, Architecture architecture, TrainingSpec training, ulong initSeed, ulong dataSeed)
    {
        if (architecture.Input != new Shape(task.Channels, task.Height, task.Width) || architecture.Outputs != task.Outputs)
            throw new ArgumentException($"architecture '{architecture.Name}' takes {architecture.Input} and gives {architecture.Outputs}; task {task.Name} has inputs of {new Shape(task.Channels, task.Height, task.Width)} and {task.Outputs} outputs", nameof(architecture));
        Task = task;
        Architecture = architecture;
        Training = training;
        InitSeed = initSeed;
        DataSeed = dataSeed;
    }

    public TaskSpec Task { get; }

    public Architecture Architecture { get; }

    public TrainingSpec Training { get; }

    /// <summary>Seed of the initial weights.</summary>
    public ulong InitSeed { get; }

    /// <summary>Seed of the training data and their order.</summary>
    public ulong DataSeed { get; }

    /// <summary>UTF-8, keys sorted, no white space, numbers in their shortest round-trip form.</summary>
    public byte[] CanonicalJson => _canonicalJson ??= RecipeJson.Write(this);

    /// <summary>SHA-256 of <see cref="CanonicalJson"/>, 64 hexadecimal digits.</summary>
    public string Id => _id ??= Convert.ToHexStringLower(SHA256.HashData(CanonicalJson));

    /// <summary>Operations of training to the step budget, without evaluation.</summary>
    public double TrainingFlops => (double)Architecture.TrainingFlops * Task.Places * Training.Batch * Training.Stop.Steps;

    /// <summary>The attacks whose success is measured at every checkpoint: its task's poison, or those of its poisoned twins.</summary>
    public IReadOnlyList<Attack> Attacks => Task is ImageTask { Poison: { } poison } ? [poison.Attack] : Training.Evaluation.Attacks;

    /// <summary>Upper bound of the checkpoints that a network of this recipe leaves: the scheduled ones and the last.</summary>
    public int MaxCheckpoints => Bound(Training.Checkpoints, Training.Stop.Steps);

    /// <summary>Upper bound of the snapshots that a network of this recipe leaves; 0 where none are scheduled.</summary>
    public int MaxSnapshots => Training.Snapshots is null ? 0 : Bound(Training.Snapshots, Training.Stop.Steps);

    private static int Bound(StepSchedule schedule, long last) =>
        (int)Math.Min(int.MaxValue, schedule.CountTo(last) + (schedule.Contains(last) ? 0 : 1));
}
