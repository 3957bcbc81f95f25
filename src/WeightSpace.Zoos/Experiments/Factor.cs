using System.Globalization;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>One value of a factor: a number, or a word.</summary>
internal readonly record struct FactorValue(double Number, string? Word = null);

/// <summary>The settings of one network that a factor can change, before they are made into its task and training.</summary>
internal record struct Settings
{
    public string Optimizer;
    public double? LearningRate;
    public double? Momentum;
    public double? Beta1;
    public double? Beta2;
    public double? Epsilon;
    public int Batch;
    public long? Steps;
    public double? EvalLoss;
    public int Sequence;
    public int Inverted;
    public double Share;
}

/// <summary>A setting that an experiment may vary: how it is read, set, and written to <c>networks.csv</c>.</summary>
/// <param name="IsWhole">Its numbers are whole.</param>
/// <param name="Words">Its words, for a factor without numbers.</param>
/// <param name="Applies">Whether it has any effect on networks with this modification and optimizer.</param>
internal sealed record Factor(string Name, NumberRange Range, bool IsWhole, IReadOnlyList<string>? Words, Func<bool, string, bool> Applies)
{
    public const string Sequence = "sequence", Inverted = "inverted", Share = "share";

    public static IReadOnlyList<string> OptimizerNames { get; } = ["adam", "sgd"];

    /// <summary>Every factor, under its key.</summary>
    public static IReadOnlyDictionary<string, Factor> All { get; } = new Factor[]
    {
        new("optimizer", default, false, OptimizerNames, (_, _) => true),
        new("learning_rate", RecipeLimits.LearningRate, false, null, (_, _) => true),
        new("momentum", RecipeLimits.Momentum, false, null, (_, optimizer) => optimizer == "sgd"),
        new("beta1", RecipeLimits.Beta, false, null, (_, optimizer) => optimizer == "adam"),
        new("beta2", RecipeLimits.Beta, false, null, (_, optimizer) => optimizer == "adam"),
        new("eps", RecipeLimits.Epsilon, false, null, (_, optimizer) => optimizer == "adam"),
        new("batch", RecipeLimits.Batch, true, null, (_, _) => true),
        new("steps", RecipeLimits.Steps, true, null, (_, _) => true),
        new("eval_loss", RecipeLimits.EvalLoss, false, null, (_, _) => true),
        new(Sequence, RecipeLimits.Sequence, true, null, (_, _) => true),
        new(Inverted, RecipeLimits.Inverted, true, null, (isModified, _) => isModified),
        new(Share, RecipeLimits.Share, false, null, (isModified, _) => isModified),
    }.ToDictionary(factor => factor.Name);

    public FactorValue Read(YamlSection section, YamlNode node, string path)
    {
        if (Words is not null)
            return new FactorValue(0, section.Word(node, path, Words));
        return new FactorValue(IsWhole ? section.Int64(node, path, Range) : section.Double(node, path, Range));
    }

    public void Set(ref Settings settings, FactorValue value)
    {
        switch (Name)
        {
            case "optimizer": settings.Optimizer = value.Word!; break;
            case "learning_rate": settings.LearningRate = value.Number; break;
            case "momentum": settings.Momentum = value.Number; break;
            case "beta1": settings.Beta1 = value.Number; break;
            case "beta2": settings.Beta2 = value.Number; break;
            case "eps": settings.Epsilon = value.Number; break;
            case "batch": settings.Batch = (int)value.Number; break;
            case "steps": settings.Steps = (long)value.Number; break;
            case "eval_loss": settings.EvalLoss = value.Number; break;
            case Sequence: settings.Sequence = (int)value.Number; break;
            case Inverted: settings.Inverted = (int)value.Number; break;
            case Share: settings.Share = value.Number; break;
            default: throw new ArgumentException($"unknown factor '{Name}'", nameof(value));
        }
    }

    /// <summary>The value that a network really has, as text; empty where the factor does not apply to it.</summary>
    public string ValueOf(TaskSpec task, TrainingSpec training) => Name switch
    {
        "optimizer" => training.Optimizer.Name,
        "learning_rate" => Format(training.Optimizer.LearningRate),
        "momentum" => Format((training.Optimizer as SgdSpec)?.Momentum),
        "beta1" => Format((training.Optimizer as AdamSpec)?.Beta1),
        "beta2" => Format((training.Optimizer as AdamSpec)?.Beta2),
        "eps" => Format((training.Optimizer as AdamSpec)?.Epsilon),
        "batch" => Format(training.Batch),
        "steps" => Format(training.Stop.Steps),
        "eval_loss" => Format(training.Stop.EvalLoss),
        Sequence => Format(task.Places),
        Inverted => Format(task.Modification?.Inverted),
        Share => Format(task.Modification?.Share),
        _ => throw new InvalidOperationException($"unknown factor '{Name}'"),
    };

    private static string Format(double? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";
}
