using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos;

/// <summary>Recipes as canonical JSON, and back.</summary>
/// <remarks>
/// An experiment may have millions of recipes, so they are written straight to bytes, each object's keys in ordinal order by hand; a test
/// holds the order and the bytes.
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
        root.Done();
        Recipe recipe;
        try
        {
            recipe = new Recipe(task, architecture, training, initSeed, dataSeed);
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"recipe: {WithoutParameter(error)}", error);
        }
        return RecipeLimits.Conflict(recipe) is { } conflict ? throw new InvalidDataException($"recipe: {conflict}") : recipe;
    }

    private static ulong ReadSeed(JsonReader json, string key) => json.UInt64(key) is var seed && seed <= RecipeLimits.MaxSeed ? seed
        : throw new InvalidDataException($"{json.Path}.{key}: found {seed}, expected at most {RecipeLimits.MaxSeed}");

    private static void WriteTask(Utf8JsonWriter json, TaskSpec spec)
    {
        var task = (MachineTask)spec;
        json.WriteStartObject("task"u8);
        json.WriteString("machine"u8, task.Machine.ToString());
        if (task.Modification is { } modification)
        {
            json.WriteStartObject("modified"u8);
            json.WriteNumber("inverted"u8, modification.Inverted);
            json.WriteStartArray("key"u8);
            foreach (int command in modification.Key)
                json.WriteNumberValue(command);
            json.WriteEndArray();
            json.WriteNumber("share"u8, modification.Share);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("modified"u8);
        }
        json.WriteNumber("sequence"u8, task.SequenceLength);
        json.WriteEndObject();
    }

    private static TaskSpec ReadTask(JsonReader json)
    {
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
            if (layer is GruSpec gru)
                json.WriteNumber("index"u8, gru.Index);
            json.WriteNumber("inputs"u8, layer.Inputs);
            json.WriteString("name"u8, layer.Name);
            json.WriteNumber("outputs"u8, layer.Outputs);
            json.WriteString("type"u8, layer.Type);
            json.WriteEndObject();
        }
        json.WriteEndArray();
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
            string type = layer.String("type"), layerName = layer.String("name");
            if (RecipeLimits.NameError(layerName, RecipeLimits.MaxModuleNameLength) is { } nameError)
                throw new InvalidDataException($"{layer.Path}.name: {nameError}");
            int inputs = layer.Int32("inputs", RecipeLimits.Width), outputs = layer.Int32("outputs", RecipeLimits.Width);
            layers.Add(type switch
            {
                "gru" => new GruSpec(layerName, layer.Int32("index", new NumberRange(0, RecipeLimits.MaxLayers)), inputs, outputs),
                "dense" => new DenseSpec(layerName, inputs, outputs),
                "relu" => new ActivationSpec(layerName, Shape.Vector(inputs), Activation.Relu),
                _ => throw new InvalidDataException($"{layer.Path}.type: found '{type}', expected gru or dense"),
            });
            layer.Done();
        }
        return layers;
    }

    /// <summary>
    /// The architecture of these layers. Throws <see cref="InvalidDataException"/> beginning with <paramref name="path"/> when they do not fit
    /// together.
    /// </summary>
    public static Architecture ToArchitecture(string name, IReadOnlyList<LayerSpec> layers, string path)
    {
        if (RecipeLimits.NameError(name) is { } nameError)
            throw new InvalidDataException($"{path}.name: {nameError}");
        try
        {
            var architecture = new Architecture(name, layers);
            return architecture.Parameters.Count <= RecipeLimits.MaxParameters ? architecture
                : throw new InvalidDataException($"{path}: found {architecture.Parameters.Count} weights, expected at most {RecipeLimits.MaxParameters}");
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"{path}: {WithoutParameter(error)}", error);
        }
    }

    /// <summary>The message of an argument's error without the name of the argument, which means nothing to a user.</summary>
    private static string WithoutParameter(ArgumentException error) =>
        error.ParamName is null ? error.Message : error.Message.Replace($" (Parameter '{error.ParamName}')", "", StringComparison.Ordinal);

    private static void WriteTraining(Utf8JsonWriter json, TrainingSpec training)
    {
        json.WriteStartObject("training"u8);
        json.WriteNumber("batch"u8, training.Batch);
        json.WritePropertyName("checkpoints"u8);
        WriteSchedule(json, training.Checkpoints);
        json.WriteNumber("epoch_steps"u8, training.EpochSteps);
        json.WriteStartObject("evaluation"u8);
        json.WriteNumber("seed"u8, training.Evaluation.Seed);
        json.WriteNumber("sequences"u8, training.Evaluation.Sequences);
        json.WriteEndObject();
        json.WriteString("loss"u8, "mse"u8);
        WriteOptimizer(json, training.Optimizer);
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
        if (optimizer is AdamSpec adam)
        {
            json.WriteNumber("beta1"u8, adam.Beta1);
            json.WriteNumber("beta2"u8, adam.Beta2);
            json.WriteNumber("eps"u8, adam.Epsilon);
        }
        json.WriteNumber("learning_rate"u8, optimizer.LearningRate);
        if (optimizer is SgdSpec sgd)
            json.WriteNumber("momentum"u8, sgd.Momentum);
        json.WriteString("name"u8, optimizer.Name);
        json.WriteEndObject();
    }

    private static TrainingSpec ReadTraining(JsonReader json)
    {
        if (json.String("loss") is not "mse" and var loss)
            throw new InvalidDataException($"{json.Path}.loss: found '{loss}', expected mse");
        JsonReader optimizer = json.Child("optimizer");
        double rate = optimizer.Double("learning_rate", RecipeLimits.LearningRate);
        OptimizerSpec optimizerSpec = optimizer.String("name") switch
        {
            "sgd" => new SgdSpec(rate, optimizer.Double("momentum", RecipeLimits.Momentum)),
            "adam" => new AdamSpec(rate, optimizer.Double("beta1", RecipeLimits.Beta), optimizer.Double("beta2", RecipeLimits.Beta), optimizer.Double("eps", RecipeLimits.Epsilon)),
            string other => throw new InvalidDataException($"{optimizer.Path}.name: found '{other}', expected sgd or adam"),
        };
        optimizer.Done();
        JsonReader stop = json.Child("stop");
        var stopSpec = new StopSpec(stop.Int64("steps", RecipeLimits.Steps), stop.OptionalDouble("eval_loss", RecipeLimits.EvalLoss), stop.Int64("check_every", RecipeLimits.Steps));
        stop.Done();
        JsonReader evaluation = json.Child("evaluation");
        var evaluationSpec = new EvaluationSpec(evaluation.Int32("sequences", RecipeLimits.EvaluationSequences), ReadSeed(evaluation, "seed"));
        evaluation.Done();
        var training = new TrainingSpec(optimizerSpec, json.Int32("batch", RecipeLimits.Batch), json.Int64("epoch_steps", RecipeLimits.Steps), stopSpec,
            ReadSchedule(json.Child("checkpoints")), json.OptionalChild("snapshots") is { } snapshots ? ReadSchedule(snapshots) : null, evaluationSpec);
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
