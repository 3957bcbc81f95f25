using System.Globalization;

namespace WeightSpace.Zoos;

/// <summary>The values a setting may take, from <paramref name="Min"/> to <paramref name="Max"/>, its ends included unless they are excluded.</summary>
public readonly record struct NumberRange(double Min, double Max, bool ExcludesMin = false, bool ExcludesMax = false)
{
    /// <summary>False for NaN too.</summary>
    public bool Contains(double value) =>
        (ExcludesMin ? value > Min : value >= Min) && (ExcludesMax ? value < Max : value <= Max);

    /// <summary>For messages: <c>1 to 4096</c>, <c>above 0 and at most 1000</c>.</summary>
    public override string ToString()
    {
        string min = Min.ToString(CultureInfo.InvariantCulture), max = Max.ToString(CultureInfo.InvariantCulture);
        return (ExcludesMin, ExcludesMax) switch
        {
            (false, false) => $"{min} to {max}",
            (true, false) => $"above {min} and at most {max}",
            (false, true) => $"at least {min} and below {max}",
            _ => $"between {min} and {max}, neither included",
        };
    }
}

/// <summary>
/// The range of every setting of a recipe. An experiment and a recipe from elsewhere are held to the same ranges, so that whatever
/// passes them can be allocated and computed.
/// </summary>
public static class RecipeLimits
{
    /// <summary>Layers of one architecture.</summary>
    public const int MaxLayers = 64;

    /// <summary>Weights of one architecture: a checkpoint is at most 64 MiB.</summary>
    public const int MaxParameters = 1 << 24;

    /// <summary>Bytes of all checkpoints (or of all snapshots) that one network may leave.</summary>
    public const long MaxTrajectoryBytes = 1L << 30;

    /// <summary>The longest name of an experiment, an architecture or a module.</summary>
    public const int MaxNameLength = 64;

    public static NumberRange Sequence { get; } = new(2, 4096);

    public static NumberRange Command { get; } = new(0, 511);

    public static NumberRange Inverted { get; } = new(1, 4096);

    public static NumberRange Share { get; } = new(0, 1);

    public static NumberRange Width { get; } = new(1, 1024);

    public static NumberRange LearningRate { get; } = new(0, 1000, ExcludesMin: true);

    public static NumberRange Momentum { get; } = new(0, 1, ExcludesMax: true);

    public static NumberRange Beta { get; } = new(0, 1, ExcludesMax: true);

    public static NumberRange Epsilon { get; } = new(0, 1, ExcludesMin: true);

    public static NumberRange Batch { get; } = new(1, 4096);

    /// <summary>Step budgets, intervals of schedules and checks, steps of an epoch.</summary>
    public static NumberRange Steps { get; } = new(1, 1_000_000_000);

    /// <summary>A single step of a schedule's list.</summary>
    public static NumberRange Step { get; } = new(0, 1_000_000_000);

    public static NumberRange EvalLoss { get; } = new(0, 1e9, ExcludesMin: true);

    public static NumberRange EvaluationSequences { get; } = new(1, 1_000_000);

    /// <summary>Seeds go up to 2^63 - 1, so that any reader's signed 64-bit integer holds them.</summary>
    public const ulong MaxSeed = long.MaxValue;

    /// <summary>A module's name may have the number of a repeated layer behind it: <c>linears.63</c>.</summary>
    public const int MaxModuleNameLength = MaxNameLength + 3;

    /// <summary>What is wrong with a name, or null: letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, a letter or digit first.</summary>
    public static string? NameError(string name, int maxLength = MaxNameLength)
    {
        bool known = name.Length > 0 && name.Length <= maxLength && char.IsAsciiLetterOrDigit(name[0])
            && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
        return known ? null : $"expected 1 to {maxLength} of the characters A-Z a-z 0-9 - _ . beginning with a letter or a digit";
    }

    /// <summary>What does not fit together in a recipe whose single settings are all in range, or null.</summary>
    public static string? Conflict(Recipe recipe)
    {
        if (recipe.Task.Modification is { } modification && modification.Key.Count >= recipe.Task.Places)
            return $"the modification's key has {modification.Key.Count} commands, a sequence {recipe.Task.Places}; the key must be shorter than the sequence";
        long checkpointBytes = 4L * recipe.Architecture.Parameters.Count;
        if (recipe.MaxCheckpoints > MaxTrajectoryBytes / checkpointBytes)
            return $"one network would leave up to {recipe.MaxCheckpoints} checkpoints of {checkpointBytes} bytes, {MaxTrajectoryBytes >> 20} MiB in all are allowed; keep fewer checkpoints";
        long snapshotBytes = checkpointBytes * (1 + recipe.Training.Optimizer.Slots.Count);
        if (recipe.MaxSnapshots > MaxTrajectoryBytes / snapshotBytes)
            return $"one network would leave up to {recipe.MaxSnapshots} snapshots of {snapshotBytes} bytes, {MaxTrajectoryBytes >> 20} MiB in all are allowed; keep fewer snapshots";
        return null;
    }
}
