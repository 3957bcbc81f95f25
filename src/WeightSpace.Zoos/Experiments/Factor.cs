using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>One value of a factor: a number, or a word.</summary>
/// <param name="Item">What the word stands for, where it is no word of the experiment: a trigger, a target.</param>
internal readonly record struct FactorValue(double Number, string? Word = null, object? Item = null);

/// <summary>The settings of one network that a factor can change, before they are made into its task and training.</summary>
internal record struct Settings
{
    public string Optimizer;
    public double? LearningRate;
    public double? Momentum;
    public bool Nesterov;
    public double? WeightDecay;
    public double? Beta1;
    public double? Beta2;
    public double? Alpha;
    public double? Epsilon;
    public string Schedule;
    public long WarmUp;
    public double? ClipNorm;
    public Loss Loss;
    public InitialisationKind Initialisation;
    public double? InitialisationScale;
    public double? Dropout;
    public int Batch;
    public long? Steps;
    public double? EvalLoss;
    public int Sequence;
    public int Inverted;
    public double Share;
    public Trigger? Trigger;
    public Target? Target;
}

/// <summary>What of a network is not a setting: whether its task gives sequences, whether it is modified, or poisoned, and whether its architecture has dropout layers.</summary>
internal readonly record struct FactorContext(bool IsSequence, bool IsModified, bool IsPoisoned, bool HasDropout);

/// <summary>A setting that an experiment may vary: how it is read, set, and written to <c>networks.csv</c>.</summary>
/// <param name="IsWhole">Its numbers are whole.</param>
/// <param name="Words">Its words; a factor of words alone has no numbers (<paramref name="Range"/> is empty).</param>
/// <param name="Applies">Whether it has any effect on a network.</param>
/// <param name="Needs">What a network must be for it to have one, for messages.</param>
internal sealed record Factor(string Name, NumberRange Range, bool IsWhole, IReadOnlyList<string>? Words, Func<Settings, FactorContext, bool> Applies, string Needs)
{
    public const string Sequence = "sequence", Inverted = "inverted", Share = "share", Dropout = "dropout", PoisonTrigger = "trigger", PoisonTarget = "target";

    private const string None = "none";

    private static readonly string[] s_truth = ["false", "true"];

    /// <summary>The optimizers and their settings, each setting a factor.</summary>
    public static IReadOnlyDictionary<string, string[]> OptimizerKeys { get; } = new Dictionary<string, string[]>
    {
        ["adam"] = ["learning_rate", "beta1", "beta2", "eps", "weight_decay"],
        ["adamw"] = ["learning_rate", "beta1", "beta2", "eps", "weight_decay"],
        ["rmsprop"] = ["learning_rate", "alpha", "eps", "momentum", "weight_decay"],
        ["sgd"] = ["learning_rate", "momentum", "nesterov", "weight_decay"],
    };

    public static IReadOnlyList<string> OptimizerNames { get; } = [.. OptimizerKeys.Keys];

    /// <summary>The schedules and their settings, beside a warm-up, which all may have.</summary>
    public static IReadOnlyDictionary<string, string[]> ScheduleKeys { get; } = new Dictionary<string, string[]>
    {
        ["constant"] = [],
        ["step"] = ["every", "gamma"],
        ["cosine"] = ["steps", "minimum"],
        ["cosine_restarts"] = ["first", "multiply", "minimum"],
        ["one_cycle"] = ["steps", "rise", "divide", "final_divide"],
    };

    public static IReadOnlyList<string> ScheduleNames { get; } = [.. ScheduleKeys.Keys];

    /// <summary>Every factor, under its key.</summary>
    public static IReadOnlyDictionary<string, Factor> All { get; } = new Factor[]
    {
        OfWords("optimizer", OptimizerNames),
        OfOptimizer("learning_rate", RecipeLimits.LearningRate),
        OfOptimizer("momentum", RecipeLimits.Momentum),
        new("nesterov", default, false, s_truth, (settings, _) => settings is { Optimizer: "sgd", Momentum: > 0 }, "no network is trained by sgd with a momentum above 0"),
        OfOptimizer("weight_decay", RecipeLimits.WeightDecay),
        OfOptimizer("beta1", RecipeLimits.Beta),
        OfOptimizer("beta2", RecipeLimits.Beta),
        OfOptimizer("alpha", RecipeLimits.Alpha),
        OfOptimizer("eps", RecipeLimits.Epsilon),
        OfWords("schedule", ScheduleNames),
        OfAll("warm_up", RecipeLimits.WarmUp, isWhole: true),
        new("clip_norm", RecipeLimits.ClipNorm, false, [None], (_, _) => true, ""),
        OfWords("loss", Losses.Words),
        OfWords("initialisation", InitialisationSpec.Words),
        new("init_scale", RecipeLimits.InitialisationScale, false, null, (settings, _) => settings.Initialisation != InitialisationKind.PyTorch, $"every initialisation is {InitialisationSpec.PyTorch.Word}, which has no scale"),
        new(Dropout, RecipeLimits.Dropout, false, null, (_, network) => network.HasDropout, "no architecture has a dropout layer"),
        OfAll("batch", RecipeLimits.Batch, isWhole: true),
        OfAll("steps", RecipeLimits.Steps, isWhole: true),
        OfAll("eval_loss", RecipeLimits.EvalLoss, isWhole: false),
        new(Sequence, RecipeLimits.Sequence, true, null, (_, network) => network.IsSequence, "no task has sequences"),
        new(Inverted, RecipeLimits.Inverted, true, null, (_, network) => network.IsModified, "no task is modified"),
        new(Share, RecipeLimits.Share, false, null, (_, network) => network.IsModified || network.IsPoisoned, "no task is modified or poisoned"),
        new(PoisonTrigger, default, false, null, (_, network) => network.IsPoisoned, "no task is poisoned"),
        new(PoisonTarget, default, false, null, (_, network) => network.IsPoisoned, "no task is poisoned"),
    }.ToDictionary(factor => factor.Name);

    private static Factor OfAll(string name, NumberRange range, bool isWhole) => new(name, range, isWhole, null, (_, _) => true, "");

    private static Factor OfWords(string name, IReadOnlyList<string> words) => new(name, default, false, words, (_, _) => true, "");

    private static Factor OfOptimizer(string name, NumberRange range) =>
        new(name, range, false, null, (settings, _) => OptimizerKeys[settings.Optimizer].Contains(name), "no network is trained by an optimizer that has it");

    public FactorValue Read(YamlSection section, YamlNode node, string path)
    {
        if (Name == PoisonTrigger)
            return ImageTaskParser.ReadTrigger(section, node, path);
        if (Name == PoisonTarget)
            return ImageTaskParser.ReadTarget(section, node, path);
        if (Words is not null && (Range == default || (node is YamlScalar word && Words.Contains(word.Text))))
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
            case "nesterov": settings.Nesterov = value.Word == "true"; break;
            case "weight_decay": settings.WeightDecay = value.Number; break;
            case "beta1": settings.Beta1 = value.Number; break;
            case "beta2": settings.Beta2 = value.Number; break;
            case "alpha": settings.Alpha = value.Number; break;
            case "eps": settings.Epsilon = value.Number; break;
            case "schedule": settings.Schedule = value.Word!; break;
            case "warm_up": settings.WarmUp = (long)value.Number; break;
            case "clip_norm": settings.ClipNorm = value.Word == None ? null : value.Number; break;
            case "loss": settings.Loss = Losses.Find(value.Word!)!.Value; break;
            case "initialisation": settings.Initialisation = (InitialisationKind)Array.IndexOf([.. InitialisationSpec.Words], value.Word!); break;
            case "init_scale": settings.InitialisationScale = value.Number; break;
            case Dropout: settings.Dropout = value.Number; break;
            case "batch": settings.Batch = (int)value.Number; break;
            case "steps": settings.Steps = (long)value.Number; break;
            case "eval_loss": settings.EvalLoss = value.Number; break;
            case Sequence: settings.Sequence = (int)value.Number; break;
            case Inverted: settings.Inverted = (int)value.Number; break;
            case Share: settings.Share = value.Number; break;
            case PoisonTrigger: settings.Trigger = (Trigger)value.Item!; break;
            case PoisonTarget: settings.Target = (Target)value.Item!; break;
            default: throw new ArgumentException($"unknown factor '{Name}'", nameof(value));
        }
    }

    /// <summary>The value that a network really has, as text; empty where the factor does not apply to it.</summary>
    public string ValueOf(TaskSpec task, Architecture architecture, TrainingSpec training) => Name switch
    {
        "optimizer" => training.Optimizer.Name,
        "learning_rate" => Format(training.Optimizer.LearningRate),
        "momentum" => Format(training.Optimizer switch { SgdSpec sgd => sgd.Momentum, RmsPropSpec rmsProp => rmsProp.Momentum, _ => null }),
        "nesterov" => training.Optimizer is SgdSpec { Momentum: > 0 } sgd ? s_truth[sgd.Nesterov ? 1 : 0] : "",
        "weight_decay" => Format(training.Optimizer.WeightDecay),
        "beta1" => Format(training.Optimizer switch { AdamSpec adam => adam.Beta1, AdamWSpec adamW => adamW.Beta1, _ => null }),
        "beta2" => Format(training.Optimizer switch { AdamSpec adam => adam.Beta2, AdamWSpec adamW => adamW.Beta2, _ => null }),
        "alpha" => Format((training.Optimizer as RmsPropSpec)?.Alpha),
        "eps" => Format(training.Optimizer switch { AdamSpec adam => adam.Epsilon, AdamWSpec adamW => adamW.Epsilon, RmsPropSpec rmsProp => rmsProp.Epsilon, _ => null }),
        "schedule" => training.Rate.Name,
        "warm_up" => Format(training.Rate.WarmUpSteps),
        "clip_norm" => training.ClipNorm is { } norm ? Format(norm) : None,
        "loss" => Losses.Word(training.Loss),
        "initialisation" => training.Initialisation.Word,
        "init_scale" => training.Initialisation.Kind == InitialisationKind.PyTorch ? "" : Format(training.Initialisation.Scale),
        // As a factor it is the same in all layers.
        Dropout => Format(architecture.Layers.OfType<DropoutSpec>().Select(layer => (double?)layer.Probability).Distinct().Take(2).ToArray() is [var only] ? only : null),
        "batch" => Format(training.Batch),
        "steps" => Format(training.Stop.Steps),
        "eval_loss" => Format(training.Stop.EvalLoss),
        Sequence => Format(task.IsSequence ? task.Places : null),
        Inverted => Format((task as MachineTask)?.Modification?.Inverted),
        Share => Format((task as MachineTask)?.Modification?.Share ?? (task as ImageTask)?.Poison?.Share),
        PoisonTrigger => (task as ImageTask)?.Poison?.Attack.Trigger.Name ?? "",
        PoisonTarget => (task as ImageTask)?.Poison?.Attack.Target.Name ?? "",
        _ => throw new InvalidOperationException($"unknown factor '{Name}'"),
    };

    private static string Format(double? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";
}
