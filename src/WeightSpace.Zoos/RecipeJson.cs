using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos;

/// <summary>Recipes as canonical JSON, and back.</summary>
/// <remarks>
/// An experiment may have millions of recipes, so they are written straight to bytes, each object's keys in ordinal order by hand; a test
/// holds the order and the bytes. The file is long because each kind of task, layer, optimizer and schedule is written and read here, side by side, and nowhere else.
/// </remarks>
public static class RecipeJson
{
    // Most of a recipe is its architecture, which many recipes share.
    private static readonly ConditionalWeakTable<Architecture, byte[]> s_architectures = [];

    /// <summary>The canonical bytes of a recipe: keys in ordinal order, no white space, defaults written out.</summary>
    public static byte[] Write(Recipe recipe)
    {
        var buffer = new ArrayBufferWriter<byte>(2048);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WritePropertyName("architecture"u8);
            json.WriteRawValue(s_architectures.GetValue(recipe.Architecture, ArchitectureJson), skipInputValidation: true);
            json.WriteNumber("arithmetic"u8, Recipe.Arithmetic);
            WriteChanges(json, recipe.Changes);
            json.WriteNumber("data_seed"u8, recipe.DataSeed);
            json.WriteNumber("init_seed"u8, recipe.InitSeed);
            WriteTask(json, recipe.Task);
            WriteTraining(json, recipe.Training);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Reads a recipe. Throws <see cref="InvalidDataException"/> naming the key when something is missing, of another type, out of range
    /// (<see cref="RecipeLimits"/>) or unknown, and when the arithmetic's version is not this program's.
    /// </summary>
    public static Recipe Read(JsonElement json)
    {
        var root = new JsonReader(json, "recipe");
        int arithmetic = root.Int32("arithmetic");
        if (arithmetic != Recipe.Arithmetic)
            throw new InvalidDataException($"the recipe was made for arithmetic version {arithmetic}, this program computes version {Recipe.Arithmetic}; use the release that made it");
        TaskSpec task = ReadTask(root.Child("task"));
        Architecture architecture = ReadArchitecture(root.Child("architecture"));
        TrainingSpec training = ReadTraining(root.Child("training"));
        ulong initSeed = ReadSeed(root, "init_seed"), dataSeed = ReadSeed(root, "data_seed");
        IReadOnlyList<TrainingChange> changes = ReadChanges(root);
        root.Done();
        Recipe recipe;
        try
        {
            recipe = new Recipe(task, architecture, training, initSeed, dataSeed, changes);
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"recipe: {WithoutParameter(error)}", error);
        }
        return RecipeLimits.Conflict(recipe) is { } conflict ? throw new InvalidDataException($"recipe: {conflict}") : recipe;
    }

    internal static ulong ReadSeed(JsonReader json, string key) => json.UInt64(key) is var seed && seed <= RecipeLimits.MaxSeed ? seed
        : throw new InvalidDataException($"{json.Path}.{key}: found {seed}, expected at most {RecipeLimits.MaxSeed}");

    /// <summary>Writes the property <c>changes</c> where there are any: a recipe without stays what it was before there were changes. What stays as it was is left out.</summary>
    private static void WriteChanges(Utf8JsonWriter json, IReadOnlyList<TrainingChange> changes)
    {
        if (changes.Count == 0)
            return;
        json.WriteStartArray("changes"u8);
        foreach (TrainingChange change in changes)
        {
            json.WriteStartObject();
            json.WriteNumber("at"u8, change.At);
            if (change.DataSeed is { } seed)
                json.WriteNumber("data_seed"u8, seed);
            if (change.LearningRate is { } rate)
                json.WriteNumber("learning_rate"u8, rate);
            if (change.IsFreshOptimizer)
                json.WriteString("optimizer"u8, FreshOptimizer);
            if (change.RestartsSchedule)
                json.WriteString("schedule"u8, RestartedSchedule);
            if (change.Task is { } task)
                WriteTask(json, task);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>The word for an optimizer that begins anew, and for a schedule that does, in experiments and recipes.</summary>
    public const string FreshOptimizer = "fresh", RestartedSchedule = "restart";

    private static List<TrainingChange> ReadChanges(JsonReader json)
    {
        var changes = new List<TrainingChange>();
        if (!json.Has("changes"))
            return changes;
        foreach (JsonReader change in json.Children("changes"))
        {
            if (changes.Count == RecipeLimits.MaxChanges)
                throw new InvalidDataException($"{json.Path}.changes: found more than {RecipeLimits.MaxChanges}, expected at most as many");
            changes.Add(new TrainingChange(change.Int64("at", RecipeLimits.Steps))
            {
                DataSeed = change.Has("data_seed") ? ReadSeed(change, "data_seed") : null,
                LearningRate = change.Has("learning_rate") ? change.Double("learning_rate", RecipeLimits.LearningRate) : null,
                IsFreshOptimizer = change.Has("optimizer") && change.Word("optimizer", [FreshOptimizer]) == 0,
                RestartsSchedule = change.Has("schedule") && change.Word("schedule", [RestartedSchedule]) == 0,
                Task = change.Has("task") ? ReadTask(change.Child("task")) : null,
            });
            change.Done();
        }
        // None is written as no key, so that the same network has one form.
        return changes.Count > 0 ? changes : throw new InvalidDataException($"{json.Path}.changes: found an empty list, expected at least one change, or no such key");
    }

    private static void WriteTask(Utf8JsonWriter json, TaskSpec spec)
    {
        json.WriteStartObject("task"u8);
        switch (spec)
        {
            case MachineTask task:
                json.WriteString("machine"u8, task.Machine.ToString());
                WriteModification(json, task.Modification);
                json.WriteNumber("sequence"u8, task.SequenceLength);
                break;
            case ImageTask images:
                ImageTaskJson.Write(json, images);
                break;
            case AutomatonTask automaton:
                json.WriteStartObject("automaton"u8);
                json.WriteNumber("alphabet"u8, automaton.Alphabet);
                json.WriteNumber("outputs"u8, automaton.OutputSymbols);
                json.WriteNumber("seed"u8, automaton.Seed);
                json.WriteNumber("states"u8, automaton.States);
                json.WriteEndObject();
                json.WriteNumber("sequence"u8, automaton.SequenceLength);
                break;
            default:
                throw new ArgumentException($"task {spec.Name} is of an unknown kind", nameof(spec));
        }
        json.WriteEndObject();
    }

    private static void WriteModification(Utf8JsonWriter json, Modification? modification)
    {
        if (modification is null)
        {
            json.WriteNull("modified"u8);
            return;
        }
        json.WriteStartObject("modified"u8);
        json.WriteNumber("inverted"u8, modification.Inverted);
        json.WriteStartArray("key"u8);
        foreach (int command in modification.Key)
            json.WriteNumberValue(command);
        json.WriteEndArray();
        json.WriteNumber("share"u8, modification.Share);
        json.WriteEndObject();
    }

    private static TaskSpec ReadTask(JsonReader json)
    {
        if (json.Has("automaton"))
        {
            JsonReader automaton = json.Child("automaton");
            var task = new AutomatonTask(automaton.Int32("states", RecipeLimits.States), automaton.Int32("alphabet", RecipeLimits.Alphabet),
                automaton.Int32("outputs", RecipeLimits.AutomatonOutputs), ReadSeed(automaton, "seed"), json.Int32("sequence", RecipeLimits.Sequence));
            automaton.Done();
            json.Done();
            return task;
        }
        if (ImageTaskJson.Keys.Any(json.Has))
            return ImageTaskJson.Read(json);
        Machine machine = json.Enum<Machine>("machine");
        int sequence = json.Int32("sequence", RecipeLimits.Sequence);
        Modification? modification = null;
        if (json.OptionalChild("modified") is { } modified)
        {
            int[] key = [.. modified.Int64Array("key", RecipeLimits.Command).Select(command => (int)command)];
            if (key.Length == 0)
                throw new InvalidDataException($"{modified.Path}.key: found an empty list, expected at least one command");
            modification = new Modification(key, modified.Int32("inverted", RecipeLimits.Inverted), modified.Double("share", RecipeLimits.Share));
            modified.Done();
        }
        json.Done();
        return new MachineTask(machine, sequence, modification);
    }

    /// <summary>An architecture as it stands in recipes.</summary>
    private static byte[] ArchitectureJson(Architecture architecture)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            WriteLayers(json, architecture);
            json.WriteString("name"u8, architecture.Name);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Writes the property <c>layers</c>, as it stands in recipes and in a zoo's manifest.</summary>
    public static void WriteLayers(Utf8JsonWriter json, Architecture architecture)
    {
        json.WriteStartArray("layers"u8);
        foreach (LayerSpec layer in architecture.Layers)
        {
            json.WriteStartObject();
            if (layer is RecurrentSpec recurrent)
                json.WriteNumber("index"u8, recurrent.Index);
            WriteShape(json, "inputs"u8, layer.Input);
            if (layer is ConvSpec or PoolSpec)
                json.WriteNumber("kernel"u8, layer is ConvSpec kernel ? kernel.Kernel : ((PoolSpec)layer).Kernel);
            json.WriteString("name"u8, layer.Name);
            if (layer is RnnSpec rnn)
                json.WriteString("nonlinearity"u8, Activations.Word(rnn.Nonlinearity));
            WriteShape(json, "outputs"u8, layer.Output);
            if (layer is ConvSpec conv)
                json.WriteNumber("padding"u8, conv.Padding);
            if (layer is DropoutSpec dropout)
                json.WriteNumber("probability"u8, dropout.Probability);
            if (layer is ActivationSpec { Function: Activation.LeakyRelu } leaky)
                json.WriteNumber("slope"u8, leaky.Slope);
            if (layer is ConvSpec or PoolSpec)
                json.WriteNumber("stride"u8, layer is ConvSpec stride ? stride.Stride : ((PoolSpec)layer).Stride);
            json.WriteString("type"u8, layer.Type);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>A vector as the number of its features, an image as <c>[channels, height, width]</c>.</summary>
    private static void WriteShape(Utf8JsonWriter json, ReadOnlySpan<byte> key, Shape shape)
    {
        if (shape.Pixels == 1)
        {
            json.WriteNumber(key, shape.Channels);
            return;
        }
        json.WriteStartArray(key);
        json.WriteNumberValue(shape.Channels);
        json.WriteNumberValue(shape.Height);
        json.WriteNumberValue(shape.Width);
        json.WriteEndArray();
    }

    private static Shape ReadShape(JsonReader json, string key)
    {
        if (!json.HasList(key))
            return Shape.Vector(json.Int32(key, RecipeLimits.Features));
        long[] sizes = json.Int64Array(key, RecipeLimits.Features);
        // One pixel is written as a vector, so that the same layer has one form.
        if (sizes.Length != 3 || sizes[1] * sizes[2] == 1 || !RecipeLimits.Features.Contains((double)sizes[0] * sizes[1] * sizes[2]))
            throw new InvalidDataException($"{json.Path}.{key}: found [{string.Join(", ", sizes.Take(4))}], expected the features of a vector, or [channels, height, width] of an image with at most {RecipeLimits.MaxActivations} numbers");
        return new Shape((int)sizes[0], (int)sizes[1], (int)sizes[2]);
    }

    /// <summary>
    /// Reads an architecture as it stands in recipes. Throws <see cref="InvalidDataException"/> when the layers do not fit together or are
    /// larger than <see cref="RecipeLimits"/> allows.
    /// </summary>
    public static Architecture ReadArchitecture(JsonReader json)
    {
        string name = json.String("name");
        List<LayerSpec> layers = ReadLayers(json);
        json.Done();
        return ToArchitecture(name, layers, json.Path);
    }

    /// <summary>Reads what <see cref="WriteLayers"/> writes.</summary>
    public static List<LayerSpec> ReadLayers(JsonReader json)
    {
        var layers = new List<LayerSpec>();
        foreach (JsonReader layer in json.Children("layers"))
        {
            if (layers.Count == RecipeLimits.MaxLayers)
                throw new InvalidDataException($"{json.Path}.layers: found more than {RecipeLimits.MaxLayers} layers, expected at most as many");
            layers.Add(ReadLayer(layer));
        }
        return layers;
    }

    private static LayerSpec ReadLayer(JsonReader json)
    {
        string type = json.String("type"), name = json.String("name");
        if (RecipeLimits.NameError(name, RecipeLimits.MaxModuleNameLength) is { } nameError)
            throw new InvalidDataException($"{json.Path}.name: {nameError}");
        Shape input = ReadShape(json, "inputs"), output = ReadShape(json, "outputs");
        int Index() => json.Int32("index", new NumberRange(0, RecipeLimits.MaxLayers - 1));
        int Kernel() => json.Int32("kernel", RecipeLimits.Kernel);
        int Stride() => json.Int32("stride", RecipeLimits.Kernel);
        LayerSpec layer = type switch
        {
            "dense" => new DenseSpec(name, input.Features, output.Features),
            "conv" => new ConvSpec(name, input, output.Channels, Kernel(), Stride(), json.Int32("padding", RecipeLimits.Padding)),
            "gru" => new GruSpec(name, Index(), input.Features, output.Features),
            "lstm" => new LstmSpec(name, Index(), input.Features, output.Features),
            "rnn" => new RnnSpec(name, Index(), input.Features, output.Features, json.Word("nonlinearity", s_nonlinearities) == 0 ? Activation.Tanh : Activation.Relu),
            "max_pool" or "avg_pool" => new PoolSpec(name, input, type == "max_pool", Kernel(), Stride()),
            "flatten" => new FlattenSpec(name, input),
            "dropout" => new DropoutSpec(name, input, json.Double("probability", RecipeLimits.Dropout)),
            "batch_norm" => new BatchNormSpec(name, input),
            "layer_norm" => new LayerNormSpec(name, input),
            _ when Activations.Find(type) is { } function => new ActivationSpec(name, input, function, function == Activation.LeakyRelu ? json.Double("slope", RecipeLimits.Slope) : 0),
            _ => throw new InvalidDataException($"{json.Path}.type: found '{(type.Length <= 60 ? type : type[..60] + "...")}', expected one of {string.Join(", ", LayerTypes)}"),
        };
        json.Done();
        if (RecipeLimits.LayerError(layer) is { } layerError)
            throw new InvalidDataException($"{json.Path}: {layerError}");
        if (layer is (DenseSpec or ConvSpec or RecurrentSpec) && !RecipeLimits.Width.Contains(output.Channels))
            throw new InvalidDataException($"{json.Path}.outputs: found {output.Channels}{(layer is ConvSpec ? " channels" : "")}, expected {RecipeLimits.Width}");
        if (layer.Input != input)
            throw new InvalidDataException($"{json.Path}.inputs: found an image of {input}, expected a vector; a {type} layer takes no image");
        return layer.Output == output ? layer
            : throw new InvalidDataException($"{json.Path}.outputs: found {output}, expected {layer.Output}, as a {type} layer gives of inputs of {input}");
    }

    /// <summary>The words for layers in experiments and recipes.</summary>
    public static IReadOnlyList<string> LayerTypes { get; } =
        ["dense", "conv", "max_pool", "avg_pool", "gru", "lstm", "rnn", "flatten", "dropout", "batch_norm", "layer_norm", .. Activations.Words];

    private static readonly string[] s_nonlinearities = ["tanh", "relu"];

    /// <summary>
    /// The architecture of these layers. Throws <see cref="InvalidDataException"/> beginning with <paramref name="path"/> when they do not fit
    /// together or are larger than <see cref="RecipeLimits"/> allows.
    /// </summary>
    public static Architecture ToArchitecture(string name, IReadOnlyList<LayerSpec> layers, string path)
    {
        if (RecipeLimits.NameError(name) is { } nameError)
            throw new InvalidDataException($"{path}.name: {nameError}");
        // Before anything is laid out: counted in longs, for it may be far too much.
        long weights = layers.Sum(RecipeLimits.Weights);
        if (weights > RecipeLimits.MaxParameters)
            throw new InvalidDataException($"{path}: found {weights} weights, expected at most {RecipeLimits.MaxParameters}");
        try
        {
            var architecture = new Architecture(name, layers);
            if (RecipeLimits.Activations(architecture) is > RecipeLimits.MaxActivations and var activations)
                throw new InvalidDataException($"{path}: its layers give {activations} numbers for one sample, expected at most {RecipeLimits.MaxActivations}");
            return ModuleError(layers) is { } moduleError ? throw new InvalidDataException($"{path}: {moduleError}") : architecture;
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"{path}: {WithoutParameter(error)}", error);
        }
    }

    /// <summary>
    /// What is wrong with the modules that the layers make up, or null. Only a recurrent module has several layers: one on the other, alike, numbered from 0.
    /// </summary>
    private static string? ModuleError(IReadOnlyList<LayerSpec> layers)
    {
        var names = new HashSet<string>();
        for (int i = 0; i < layers.Count; i++)
        {
            LayerSpec layer = layers[i];
            if (layer is RecurrentSpec { Index: > 0 } recurrent)
            {
                bool goesOn = i > 0 && layers[i - 1] is RecurrentSpec before && before with { Index = recurrent.Index, Input = recurrent.Input } == recurrent
                    && before.Index == recurrent.Index - 1;
                if (!goesOn)
                    return $"layer {recurrent.Index} of module '{layer.Name}' ({layer.Type}) does not follow layer {recurrent.Index - 1} of the same kind and width";
                continue;
            }
            if (!names.Add(layer.Name))
                return $"two layers have the same name '{layer.Name}'; name them apart";
            // A snapshot keeps the optimizer's state of a parameter under its name behind this prefix.
            if (layer.Name.StartsWith("optimizer.", StringComparison.Ordinal))
                return $"the layer name '{layer.Name}' begins with 'optimizer.', which is kept for the optimizer's state; choose another";
        }
        return null;
    }

    /// <summary>The message of an argument's error without the name of the argument, which means nothing to a user.</summary>
    internal static string WithoutParameter(Exception error) =>
        error is not ArgumentException { ParamName: { } name } ? error.Message : error.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal);

    private static void WriteTraining(Utf8JsonWriter json, TrainingSpec training)
    {
        json.WriteStartObject("training"u8);
        json.WriteNumber("batch"u8, training.Batch);
        json.WritePropertyName("checkpoints"u8);
        WriteSchedule(json, training.Checkpoints);
        if (training.ClipNorm is { } norm)
            json.WriteNumber("clip_norm"u8, norm);
        else
            json.WriteNull("clip_norm"u8);
        json.WriteNumber("epoch_steps"u8, training.EpochSteps);
        json.WriteStartObject("evaluation"u8);
        ImageTaskJson.WriteAttacks(json, training.Evaluation.Attacks);
        json.WriteNumber("seed"u8, training.Evaluation.Seed);
        json.WriteNumber("sequences"u8, training.Evaluation.Sequences);
        json.WriteEndObject();
        json.WriteStartObject("initialisation"u8);
        json.WriteString("name"u8, training.Initialisation.Word);
        json.WriteNumber("scale"u8, training.Initialisation.Scale);
        json.WriteEndObject();
        json.WriteString("loss"u8, Losses.Word(training.Loss));
        WriteOptimizer(json, training.Optimizer);
        WriteRate(json, training.Rate);
        json.WritePropertyName("snapshots"u8);
        WriteSchedule(json, training.Snapshots);
        json.WriteStartObject("stop"u8);
        json.WriteNumber("check_every"u8, training.Stop.CheckEvery);
        if (training.Stop.EvalLoss is { } threshold)
            json.WriteNumber("eval_loss"u8, threshold);
        else
            json.WriteNull("eval_loss"u8);
        json.WriteNumber("steps"u8, training.Stop.Steps);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteOptimizer(Utf8JsonWriter json, OptimizerSpec optimizer)
    {
        json.WriteStartObject("optimizer"u8);
        switch (optimizer)
        {
            case SgdSpec sgd:
                json.WriteNumber("learning_rate"u8, sgd.LearningRate);
                json.WriteNumber("momentum"u8, sgd.Momentum);
                json.WriteString("name"u8, sgd.Name);
                json.WriteBoolean("nesterov"u8, sgd.Nesterov);
                break;
            case AdamSpec adam:
                WriteAdam(adam, adam.Beta1, adam.Beta2, adam.Epsilon);
                break;
            case AdamWSpec adamW:
                WriteAdam(adamW, adamW.Beta1, adamW.Beta2, adamW.Epsilon);
                break;
            case RmsPropSpec rmsProp:
                json.WriteNumber("alpha"u8, rmsProp.Alpha);
                json.WriteNumber("eps"u8, rmsProp.Epsilon);
                json.WriteNumber("learning_rate"u8, rmsProp.LearningRate);
                json.WriteNumber("momentum"u8, rmsProp.Momentum);
                json.WriteString("name"u8, rmsProp.Name);
                break;
            default:
                throw new ArgumentException($"unknown optimizer {optimizer}", nameof(optimizer));
        }
        json.WriteNumber("weight_decay"u8, optimizer.WeightDecay);
        json.WriteEndObject();

        void WriteAdam(OptimizerSpec adam, double beta1, double beta2, double epsilon)
        {
            json.WriteNumber("beta1"u8, beta1);
            json.WriteNumber("beta2"u8, beta2);
            json.WriteNumber("eps"u8, epsilon);
            json.WriteNumber("learning_rate"u8, adam.LearningRate);
            json.WriteString("name"u8, adam.Name);
        }
    }

    private static OptimizerSpec ReadOptimizer(JsonReader json)
    {
        double rate = json.Double("learning_rate", RecipeLimits.LearningRate), decay = json.Double("weight_decay", RecipeLimits.WeightDecay);
        double Momentum() => json.Double("momentum", RecipeLimits.Momentum);
        double Beta(string key) => json.Double(key, RecipeLimits.Beta);
        double Epsilon() => json.Double("eps", RecipeLimits.Epsilon);
        OptimizerSpec optimizer = json.String("name") switch
        {
            "sgd" => new SgdSpec(rate, Momentum(), json.Boolean("nesterov"), decay),
            "adam" => new AdamSpec(rate, Beta("beta1"), Beta("beta2"), Epsilon(), decay),
            "adamw" => new AdamWSpec(rate, Beta("beta1"), Beta("beta2"), Epsilon(), decay),
            "rmsprop" => new RmsPropSpec(rate, json.Double("alpha", RecipeLimits.Alpha), Epsilon(), Momentum(), decay),
            string other => throw new InvalidDataException($"{json.Path}.name: found '{(other.Length <= 60 ? other : other[..60] + "...")}', expected one of adam, adamw, rmsprop, sgd"),
        };
        json.Done();
        return optimizer;
    }

    private static void WriteRate(Utf8JsonWriter json, RateSchedule rate)
    {
        json.WriteStartObject("schedule"u8);
        switch (rate)
        {
            case ConstantRate:
                json.WriteString("name"u8, rate.Name);
                break;
            case StepRate step:
                json.WriteNumber("every"u8, step.Every);
                json.WriteNumber("gamma"u8, step.Gamma);
                json.WriteString("name"u8, rate.Name);
                break;
            case CosineRate cosine:
                json.WriteNumber("minimum"u8, cosine.Minimum);
                json.WriteString("name"u8, rate.Name);
                json.WriteNumber("steps"u8, cosine.Steps);
                break;
            case CosineRestartsRate restarts:
                json.WriteNumber("first"u8, restarts.First);
                json.WriteNumber("minimum"u8, restarts.Minimum);
                json.WriteNumber("multiply"u8, restarts.Multiply);
                json.WriteString("name"u8, rate.Name);
                break;
            case OneCycleRate cycle:
                json.WriteNumber("divide"u8, cycle.Divide);
                json.WriteNumber("final_divide"u8, cycle.FinalDivide);
                json.WriteString("name"u8, rate.Name);
                json.WriteNumber("rise"u8, cycle.Rise);
                json.WriteNumber("steps"u8, cycle.Steps);
                break;
            default:
                throw new ArgumentException($"unknown schedule {rate}", nameof(rate));
        }
        if (rate.WarmUpSteps > 0)
        {
            json.WriteStartObject("warm_up"u8);
            json.WriteNumber("from"u8, rate.WarmUpFrom);
            json.WriteNumber("steps"u8, rate.WarmUpSteps);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("warm_up"u8);
        }
        json.WriteEndObject();
    }

    private static RateSchedule ReadRate(JsonReader json)
    {
        RateSchedule rate = json.String("name") switch
        {
            "constant" => ConstantRate.Instance,
            "step" => new StepRate(json.Int64("every", RecipeLimits.Steps), json.Double("gamma", RecipeLimits.Gamma)),
            "cosine" => new CosineRate(json.Int64("steps", RecipeLimits.Steps), json.Double("minimum", RecipeLimits.MinimumRate)),
            "cosine_restarts" => new CosineRestartsRate(json.Int64("first", RecipeLimits.Steps), json.Int32("multiply", RecipeLimits.Multiply), json.Double("minimum", RecipeLimits.MinimumRate)),
            "one_cycle" => new OneCycleRate(json.Int64("steps", RecipeLimits.Steps), json.Double("rise", RecipeLimits.Rise), json.Double("divide", RecipeLimits.Divide), json.Double("final_divide", RecipeLimits.Divide)),
            string other => throw new InvalidDataException($"{json.Path}.name: found '{(other.Length <= 60 ? other : other[..60] + "...")}', expected one of constant, step, cosine, cosine_restarts, one_cycle"),
        };
        if (json.OptionalChild("warm_up") is { } warmUp)
        {
            rate = rate with { WarmUpSteps = warmUp.Int64("steps", RecipeLimits.Steps), WarmUpFrom = warmUp.Double("from", RecipeLimits.WarmUpFrom) };
            warmUp.Done();
        }
        json.Done();
        return rate;
    }

    private static InitialisationSpec ReadInitialisation(JsonReader json)
    {
        var kind = (InitialisationKind)json.Word("name", InitialisationSpec.Words);
        double scale = json.Double("scale", RecipeLimits.InitialisationScale);
        json.Done();
        // PyTorch's own has no scale; one value stands for it, so that the same network has one recipe.
        return kind != InitialisationKind.PyTorch || scale == 1 ? new InitialisationSpec(kind, scale)
            : throw new InvalidDataException($"{json.Path}.scale: found {scale}, expected 1; '{InitialisationSpec.PyTorch.Word}' has no other");
    }

    private static TrainingSpec ReadTraining(JsonReader json)
    {
        JsonReader stop = json.Child("stop");
        var stopSpec = new StopSpec(stop.Int64("steps", RecipeLimits.Steps), stop.OptionalDouble("eval_loss", RecipeLimits.EvalLoss), stop.Int64("check_every", RecipeLimits.Steps));
        stop.Done();
        JsonReader evaluation = json.Child("evaluation");
        var evaluationSpec = new EvaluationSpec(evaluation.Int32("sequences", RecipeLimits.EvaluationSequences), ReadSeed(evaluation, "seed")) { Attacks = ImageTaskJson.ReadAttacks(evaluation) };
        evaluation.Done();
        var training = new TrainingSpec(ReadOptimizer(json.Child("optimizer")), json.Int32("batch", RecipeLimits.Batch), json.Int64("epoch_steps", RecipeLimits.Steps), stopSpec,
            ReadSchedule(json.Child("checkpoints")), json.OptionalChild("snapshots") is { } snapshots ? ReadSchedule(snapshots) : null, evaluationSpec)
        {
            Loss = (Loss)json.Word("loss", Losses.Words),
            Initialisation = ReadInitialisation(json.Child("initialisation")),
            Rate = ReadRate(json.Child("schedule")),
            ClipNorm = json.OptionalDouble("clip_norm", RecipeLimits.ClipNorm),
        };
        json.Done();
        return training;
    }

    private static void WriteSchedule(Utf8JsonWriter json, StepSchedule? schedule)
    {
        if (schedule is null)
        {
            json.WriteNullValue();
            return;
        }
        json.WriteStartObject();
        switch (schedule)
        {
            case StepSchedule.Every every:
                json.WriteNumber("every"u8, every.Interval);
                break;
            case StepSchedule.PerDoubling log:
                json.WriteNumber("per_doubling"u8, log.Count);
                break;
            case StepSchedule.At at:
                json.WriteStartArray("at"u8);
                foreach (long step in at.List)
                    json.WriteNumberValue(step);
                json.WriteEndArray();
                break;
            default:
                throw new ArgumentException($"unknown schedule {schedule}", nameof(schedule));
        }
        json.WriteEndObject();
    }

    private static StepSchedule ReadSchedule(JsonReader json)
    {
        StepSchedule schedule;
        if (json.Has("every"))
        {
            schedule = new StepSchedule.Every(json.Int64("every", RecipeLimits.Steps));
        }
        else if (json.Has("per_doubling"))
        {
            schedule = json.Int32("per_doubling") is (1 or 2 or 4) and var count ? new StepSchedule.PerDoubling(count)
                : throw new InvalidDataException($"{json.Path}.per_doubling: found {json.Int32("per_doubling")}, expected 1, 2 or 4");
        }
        else
        {
            long[] steps = json.Int64Array("at", RecipeLimits.Step);
            for (int i = 1; i < steps.Length; i++)
            {
                if (steps[i] <= steps[i - 1])
                    throw new InvalidDataException($"{json.Path}.at: found {steps[i]} after {steps[i - 1]}, expected ascending steps");
            }
            schedule = new StepSchedule.At(steps);
        }
        json.Done();
        return schedule;
    }
}
