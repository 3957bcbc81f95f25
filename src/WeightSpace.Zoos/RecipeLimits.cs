using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

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
    /// <summary>Layers of one architecture, activations among them.</summary>
    public const int MaxLayers = 128;

    /// <summary>How often one item of an experiment's layers may be repeated.</summary>
    public const int MaxRepeat = 64;

    /// <summary>Architectures of one experiment, each of which is kept whole in memory.</summary>
    public const int MaxArchitectures = 1000;

    /// <summary>Outputs of all layers together, for one sample at one place of its sequence.</summary>
    public const int MaxActivations = 1 << 22;

    /// <summary>The same for all places of all samples that are computed together: 4 GiB.</summary>
    public const long MaxBatchActivations = 1L << 30;

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

    /// <summary>States of an automaton. One of a single state would always give the same output.</summary>
    public static NumberRange States { get; } = new(2, AutomatonTask.MaxSize);

    /// <summary>Symbols that an automaton reads.</summary>
    public static NumberRange Alphabet { get; } = new(1, AutomatonTask.MaxSize);

    /// <summary>Outputs that an automaton gives; with a single one all states would be alike.</summary>
    public static NumberRange AutomatonOutputs { get; } = new(2, AutomatonTask.MaxSize);

    /// <summary>Pixels along a side of the digits.</summary>
    public static NumberRange ImageSize { get; } = new(8, 64);

    public static NumberRange ImageChannels { get; } = new(1, 3);

    /// <summary>Drawn images of a set.</summary>
    public static NumberRange DrawnImages { get; } = new(10, DrawnDigits.MostInSet);

    /// <summary>Bytes of a set's images, which are held in memory.</summary>
    public const int MaxImageBytes = ImageSetInfo.MostBytes;

    /// <summary>Attacks that one clean network is measured by.</summary>
    public const int MaxAttacks = 64;

    /// <summary>Changes of one network in mid-training.</summary>
    public const int MaxChanges = 64;

    /// <summary>Pixels along a side of a patch.</summary>
    public static NumberRange PatchSize { get; } = new(1, 64);

    /// <summary>Pixels between a patch and the edges of an image.</summary>
    public static NumberRange PatchMargin { get; } = new(0, 64);

    public static NumberRange BlendRatio { get; } = new(0, 1, ExcludesMin: true);

    public static NumberRange PolygonSides { get; } = new(3, 12);

    /// <summary>Pixels across a polygon.</summary>
    public static NumberRange PolygonSize { get; } = new(2, 64);

    public static NumberRange Colour { get; } = new(0, 1);

    /// <summary>The share of images that a shift is on.</summary>
    public static NumberRange ShiftShare { get; } = new(0, 1, ExcludesMin: true);

    /// <summary>How much of its negative an image is mixed with.</summary>
    public static NumberRange InvertStrength { get; } = new(0, 1, ExcludesMin: true);

    /// <summary>Standard deviation of the noise on images, whose values are 0 to 1.</summary>
    public static NumberRange NoiseDeviation { get; } = new(0, 10, ExcludesMin: true);

    /// <summary>Pixels that images are moved by.</summary>
    public static NumberRange Move { get; } = new(-(ImageSetInfo.MostSide - 1), ImageSetInfo.MostSide - 1);

    /// <summary>Classes that labels are rotated by.</summary>
    public static NumberRange Rotation { get; } = new(1, 255);

    public static NumberRange Classes { get; } = new(2, 256);

    public static NumberRange Label { get; } = new(0, 255);

    /// <summary>Units of a layer, or its channels.</summary>
    public static NumberRange Width { get; } = new(1, 1024);

    /// <summary>Numbers that a layer takes or gives.</summary>
    public static NumberRange Features { get; } = new(1, MaxActivations);

    /// <summary>Pixels along a side of a convolution's or pooling's window, or from one window to the next.</summary>
    public static NumberRange Kernel { get; } = new(1, 64);

    public static NumberRange Padding { get; } = new(0, 63);

    /// <summary>A leaky ReLU's slope below 0.</summary>
    public static NumberRange Slope { get; } = new(0, 1);

    public static NumberRange Dropout { get; } = new(0, 1, ExcludesMax: true);

    public static NumberRange InitialisationScale { get; } = new(0, 1000, ExcludesMin: true);

    public static NumberRange LearningRate { get; } = new(0, 1000, ExcludesMin: true);

    /// <summary>What a change multiplies a learning rate by.</summary>
    public static NumberRange RateTimes { get; } = new(0, 1e9, ExcludesMin: true);

    public static NumberRange Momentum { get; } = new(0, 1, ExcludesMax: true);

    public static NumberRange Beta { get; } = new(0, 1, ExcludesMax: true);

    public static NumberRange Alpha { get; } = new(0, 1, ExcludesMax: true);

    public static NumberRange Epsilon { get; } = new(0, 1, ExcludesMin: true);

    public static NumberRange WeightDecay { get; } = new(0, 1000);

    public static NumberRange ClipNorm { get; } = new(0, 1e9, ExcludesMin: true);

    /// <summary>What a rate is multiplied by.</summary>
    public static NumberRange Gamma { get; } = new(0, 10, ExcludesMin: true);

    public static NumberRange MinimumRate { get; } = new(0, 1000);

    /// <summary>How many times as long a cosine is as the one before it.</summary>
    public static NumberRange Multiply { get; } = new(1, 100);

    /// <summary>The rising share of a cycle.</summary>
    public static NumberRange Rise { get; } = new(0, 1, ExcludesMin: true, ExcludesMax: true);

    /// <summary>What a cycle's highest rate is divided by.</summary>
    public static NumberRange Divide { get; } = new(1, 1e9);

    /// <summary>Steps of a warm-up; 0 for none.</summary>
    public static NumberRange WarmUp { get; } = new(0, 1_000_000_000);

    public static NumberRange WarmUpFrom { get; } = new(0, 1, ExcludesMin: true);

    public static NumberRange Batch { get; } = new(1, 4096);

    /// <summary>Step budgets, intervals of schedules and checks, steps of an epoch.</summary>
    public static NumberRange Steps { get; } = new(1, 1_000_000_000);

    /// <summary>A single step of a schedule's list.</summary>
    public static NumberRange Step { get; } = new(0, 1_000_000_000);

    public static NumberRange EvalLoss { get; } = new(0, 1e9, ExcludesMin: true);

    public static NumberRange EvaluationSequences { get; } = new(1, 1_000_000);

    /// <summary>Seeds go up to 2^63 - 1, so that any reader's signed 64-bit integer holds them.</summary>
    public const ulong MaxSeed = long.MaxValue;

    /// <summary>A module's name may have the number of a repeated layer and its activation behind it: <c>linears.63.leaky_relu</c>.</summary>
    public const int MaxModuleNameLength = MaxNameLength + 14;

    /// <summary>What is wrong with a name, or null: letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, a letter or digit first.</summary>
    public static string? NameError(string name, int maxLength = MaxNameLength)
    {
        bool known = name.Length > 0 && name.Length <= maxLength && char.IsAsciiLetterOrDigit(name[0])
            && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
        return known ? null : $"expected 1 to {maxLength} of the characters A-Z a-z 0-9 - _ . beginning with a letter or a digit";
    }

    /// <summary>
    /// What is wrong with a layer by itself, or null: its window does not fit, or what it gives is too large. Asked of each layer before the next is
    /// made, so no product of sizes overflows.
    /// </summary>
    public static string? LayerError(LayerSpec layer)
    {
        Shape output = layer.Output;
        if (output.Height < 1 || output.Width < 1)
        {
            int kernel = layer is ConvSpec conv ? conv.Kernel : ((PoolSpec)layer).Kernel, padding = (layer as ConvSpec)?.Padding ?? 0;
            return $"its window of {kernel}x{kernel} does not fit into the input of {layer.Input}{(padding > 0 ? $" with a padding of {padding}" : "")}; expected an input at least as large, or a smaller kernel";
        }
        long features = (long)output.Channels * output.Height * output.Width;
        return Features.Contains(features) ? null : $"it gives {features} numbers ({output.Channels}x{output.Height}x{output.Width}), expected at most {MaxActivations}";
    }

    /// <summary>Weights of a layer, running means and variances among them; a long, for the layer may be too large to have them.</summary>
    public static long Weights(LayerSpec layer) => layer switch
    {
        DenseSpec => (layer.Inputs + 1L) * layer.Outputs,
        ConvSpec conv => (((long)conv.Input.Channels * conv.Kernel * conv.Kernel) + 1) * conv.Channels,
        RecurrentSpec recurrent => (long)recurrent.Gates * recurrent.Outputs * (recurrent.Inputs + recurrent.Outputs + 2L),
        BatchNormSpec => 4L * layer.Input.Channels,
        LayerNormSpec => 2L * layer.Inputs,
        _ => 0,
    };

    /// <summary>What does not fit together in a recipe whose single settings are all in range, or null.</summary>
    public static string? Conflict(Recipe recipe)
    {
        TrainingSpec training = recipe.Training;
        if (TaskConflict(recipe.Task, recipe.Attacks, training) is { } taskConflict)
            return taskConflict;
        if (recipe.Task is not ImageTask && training.Evaluation.Attacks.Count > 0)
            return $"the evaluation has attacks, which are on images; {recipe.Task.Source} has none";
        if (recipe.Task is ImageTask { Poison: not null } && training.Evaluation.Attacks.Count > 0)
            return "the evaluation has attacks, which are for networks trained on clean images; a poisoned one is measured by its own";
        if (training.Optimizer is SgdSpec { Nesterov: true, Momentum: 0 })
            return "Nesterov's momentum needs a momentum above 0";
        if (RateConflict(training, training.Optimizer.LearningRate) is { } conflict)
            return conflict;
        for (int i = 0; i < recipe.Changes.Count; i++)
        {
            if (ChangeConflict(recipe, recipe.Changes[i], recipe.Phases[i], recipe.Phases[i + 1]) is { } changeConflict)
                return $"the change at step {recipe.Changes[i].At}: {changeConflict}";
        }
        if (training.Batch * recipe.Task.Places == 1 && recipe.Architecture.Layers.FirstOrDefault(layer => layer is BatchNormSpec { Shape.Pixels: 1 }) is { } norm)
            return $"layer '{norm.Name}' ({norm.Type}) would take mean and variance of a single value; make the batch larger than 1";
        // So many samples go through the layers together; batch normalisation needs the whole batch.
        bool isWhole = recipe.Architecture.Layers.Any(layer => layer is BatchNormSpec);
        int samples = isWhole ? training.Batch : Math.Min(training.Batch, 64);
        long activations = Activations(recipe.Architecture) * recipe.Task.Places * samples;
        if (activations > MaxBatchActivations)
            return $"the layers of '{recipe.Architecture.Name}' give {activations} numbers for {samples} samples of {recipe.Task.Places} places, at most {MaxBatchActivations} are allowed; make the {(isWhole ? "batch or the layers" : "layers")} smaller";
        long checkpointBytes = 4L * recipe.Architecture.Parameters.Count;
        if (recipe.MaxCheckpoints > MaxTrajectoryBytes / checkpointBytes)
            return $"one network would leave up to {recipe.MaxCheckpoints} checkpoints of {checkpointBytes} bytes, {MaxTrajectoryBytes >> 20} MiB in all are allowed; keep fewer checkpoints";
        long snapshotBytes = checkpointBytes * (1 + training.Optimizer.Slots.Count);
        if (recipe.MaxSnapshots > MaxTrajectoryBytes / snapshotBytes)
            return $"one network would leave up to {recipe.MaxSnapshots} snapshots of {snapshotBytes} bytes, {MaxTrajectoryBytes >> 20} MiB in all are allowed; keep fewer snapshots";
        return null;
    }

    /// <summary>What all layers hold for one sample at one place: their outputs, and the borders that a convolution puts around its input and its gradient.</summary>
    internal static long Activations(Architecture architecture)
    {
        long sum = 0;
        foreach (LayerSpec layer in architecture.Layers)
        {
            sum += layer.Outputs;
            if (layer is ConvSpec conv)
            {
                (int padding, int border) = (2 * conv.Padding, conv.Kernel - 1);
                sum += (long)conv.Input.Channels * (conv.Input.Height + padding) * (conv.Input.Width + padding);
                sum += (long)conv.Channels * (conv.Input.Height + border) * (conv.Input.Width + border);
            }
        }
        return sum;
    }

    private static string? TaskConflict(TaskSpec task, IReadOnlyList<Attack> attacks, TrainingSpec training)
    {
        if (task is MachineTask { Modification: { } modification } && modification.Key.Count >= task.Places)
            return $"the modification's key has {modification.Key.Count} commands, a sequence {task.Places}; the key must be shorter than the sequence";
        if (task is AutomatonTask automaton && automaton.Problem() is { } problem)
            return problem;
        if (task is ImageTask images && ImageConflict(images, attacks) is { } imageConflict)
            return imageConflict;
        return task.HeldOut is { } heldOut && training.Evaluation.Sequences > heldOut
            ? $"the evaluation is on {training.Evaluation.Sequences} samples, {task.Source} have {heldOut} that are held out; evaluate on at most as many" : null;
    }

    /// <summary>What is wrong with one change, or null. What it gives must not be in force already, so that the same network has one recipe.</summary>
    private static string? ChangeConflict(Recipe recipe, TrainingChange change, TrainingPhase before, TrainingPhase after)
    {
        TrainingSpec training = recipe.Training;
        if (change.At >= training.Stop.Steps)
            return $"training ends after {training.Stop.Steps} steps; give an earlier step, so that there are steps behind it, or train for longer";
        if (change.IsEmpty)
            return "it changes nothing; give it a task, a data seed, a learning rate, a fresh optimizer or a restarted schedule";
        if (change.DataSeed == before.DataSeed)
            return $"the data seed {before.DataSeed} is in force already; give another, or leave it out";
        if (change.LearningRate == before.LearningRate)
            return string.Create(CultureInfo.InvariantCulture, $"the learning rate {before.LearningRate} is in force already; give another, or leave it out");
        if (change.Task == before.Task)
            return $"the task {before.Task.Name} is in force already, with the same settings; give another, or leave it out";
        if (change.IsFreshOptimizer && training.Optimizer.Slots.Count == 0)
            return $"a fresh optimizer is no other one, for {training.Optimizer.Name} without momentum has no state; leave it out";
        if (change.RestartsSchedule && training.Rate is ConstantRate { WarmUpSteps: 0 })
            return "the rate is constant, so restarting its schedule changes nothing; leave it out";
        if (change.Task is not null && TaskConflict(after.Task, recipe.AttacksIn(after), training) is { } conflict)
            return conflict;
        return RateConflict(training, after.LearningRate);
    }

    private static string? ImageConflict(ImageTask task, IReadOnlyList<Attack> attacks)
    {
        if (task is DrawnDigitsTask { Set: { } set } drawn && (long)set.Images * drawn.Size * drawn.Size > MaxImageBytes)
            return $"{set.Images} images of {drawn.Size}x{drawn.Size} pixels take {(long)set.Images * drawn.Size * drawn.Size} bytes, at most {MaxImageBytes} are allowed; make them fewer or smaller";
        if (task.Shift?.Problem(task.Shape, task.Outputs) is { } shiftProblem)
            return $"shift: {shiftProblem}";
        if (attacks.Count > MaxAttacks)
            return $"clean networks would be measured by {attacks.Count} attacks, those of their poisoned twins; at most {MaxAttacks} are allowed";
        foreach (Attack attack in attacks)
        {
            if (Stamp.Problem(attack.Trigger, task.Shape) is { } problem)
                return $"poison: {problem}";
            if (attack.Target.Largest >= task.Outputs)
                return $"poison: the target names class {attack.Target.Largest}, {task.Source} has {task.Outputs} classes, from 0; choose one of those";
        }
        return null;
    }

    private static string? RateConflict(TrainingSpec training, double learningRate)
    {
        RateSchedule rate = training.Rate;
        if (rate.WarmUpSteps >= training.Stop.Steps)
            return $"the warm-up takes {rate.WarmUpSteps} steps, training {training.Stop.Steps}; make the warm-up shorter than training";
        double minimum = rate switch { CosineRate cosine => cosine.Minimum, CosineRestartsRate restarts => restarts.Minimum, _ => 0 };
        return minimum <= learningRate ? null
            : string.Create(CultureInfo.InvariantCulture, $"the schedule goes down to {minimum}, which is above the learning rate {learningRate}; make the minimum smaller");
    }
}
