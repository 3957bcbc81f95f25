using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos;

/// <summary>What training makes small, averaged over samples and places as PyTorch's reduction "mean" does.</summary>
public enum Loss
{
    /// <summary>torch.nn.MSELoss.</summary>
    MeanSquaredError,
    /// <summary>torch.nn.CrossEntropyLoss: of the softmax of the outputs (logits) with the targets, which are shares of classes; a place is one answer.</summary>
    CrossEntropy,
    /// <summary>torch.nn.BCEWithLogitsLoss: of the sigmoid of each output (a logit) with its target in [0, 1].</summary>
    BinaryCrossEntropy,
}

public static class Losses
{
    private static readonly string[] s_words = ["mse", "cross_entropy", "binary_cross_entropy"];

    /// <summary>The words for the losses in experiments and recipes, in the order of <see cref="Loss"/>.</summary>
    public static IReadOnlyList<string> Words => s_words;

    public static string Word(Loss loss) => s_words[(int)loss];

    /// <summary>The loss that a word names, or null.</summary>
    public static Loss? Find(string word) => Array.IndexOf(s_words, word) is >= 0 and int index ? (Loss)index : null;
}

/// <summary>Held-out data: how many samples (sequences or images), from which seed; the same for every network of a task.</summary>
public sealed record EvaluationSpec(int Sequences, ulong Seed)
{
    /// <summary>
    /// Attacks that a network trained on clean images is measured by beside its loss: those of its poisoned twins, so that their success has something to be held against. A poisoned
    /// network is measured by its own.
    /// </summary>
    public IReadOnlyList<Attack> Attacks { get; init; } = [];

    public bool Equals(EvaluationSpec? other) => other is not null && (Sequences, Seed) == (other.Sequences, other.Seed) && Attacks.SequenceEqual(other.Attacks);

    public override int GetHashCode() => HashCode.Combine(Sequences, Seed, Attacks.Count);
}

/// <summary>When training ends: after <paramref name="Steps"/> steps, or earlier, when at a check the held-out loss is below a threshold.</summary>
/// <param name="Steps">Step budget, at least 1.</param>
/// <param name="EvalLoss">Threshold on the held-out loss; null: train to the budget.</param>
/// <param name="CheckEvery">Steps between two checks of the held-out loss; used only with a threshold.</param>
public sealed record StopSpec(long Steps, double? EvalLoss, long CheckEvery);

/// <summary>Everything about training but the seeds.</summary>
/// <param name="Batch">Samples a step: sequences or images.</param>
/// <param name="EpochSteps">Steps that count as an epoch of a stream; only the unit of "every epoch" schedules.</param>
/// <param name="Snapshots">Steps at which the optimizer's state is kept too; null: none.</param>
public sealed record TrainingSpec(
    OptimizerSpec Optimizer,
    int Batch,
    long EpochSteps,
    StopSpec Stop,
    StepSchedule Checkpoints,
    StepSchedule? Snapshots,
    EvaluationSpec Evaluation)
{
    public Loss Loss { get; init; }

    public InitialisationSpec Initialisation { get; init; } = InitialisationSpec.PyTorch;

    public RateSchedule Rate { get; init; } = ConstantRate.Instance;

    /// <summary>Where the gradient's Euclidean norm is larger than this, it is scaled down to it (torch.nn.utils.clip_grad_norm_); null: never.</summary>
    public double? ClipNorm { get; init; }
}
