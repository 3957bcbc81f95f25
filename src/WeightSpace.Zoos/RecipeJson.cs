using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos;

/// <summary>Recipes as canonical JSON, and back.</summary>
public static class RecipeJson
{
    /// <summary>The canonical bytes of a recipe: keys in ordinal order, no white space, defaults written out.</summary>
    public static byte[] Write(Recipe recipe)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
            WriteSorted(writer, ToNode(recipe));
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Reads a recipe. Throws <see cref="InvalidDataException"/> naming the key when something is missing, of another type, or unknown, and when
    /// the arithmetic's version is not this program's.
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
        var recipe = new Recipe(task, architecture, training, root.UInt64("init_seed"), root.UInt64("data_seed"));
        root.Done();
        return recipe;
    }

    private static JsonObject ToNode(Recipe recipe)
    {
        TrainingSpec training = recipe.Training;
        return new JsonObject
        {
            ["arithmetic"] = Recipe.Arithmetic,
            ["task"] = TaskNode(recipe.Task),
            ["architecture"] = ArchitectureNode(recipe.Architecture),
            ["training"] = new JsonObject
            {
                ["loss"] = "mse",
                ["optimizer"] = OptimizerNode(training.Optimizer),
                ["batch"] = training.Batch,
                ["epoch_steps"] = training.EpochSteps,
                ["stop"] = new JsonObject { ["steps"] = training.Stop.Steps, ["eval_loss"] = training.Stop.EvalLoss, ["check_every"] = training.Stop.CheckEvery },
                ["checkpoints"] = ScheduleNode(training.Checkpoints),
                ["snapshots"] = training.Snapshots is null ? null : ScheduleNode(training.Snapshots),
                ["evaluation"] = new JsonObject { ["sequences"] = training.Evaluation.Sequences, ["seed"] = training.Evaluation.Seed },
            },
            ["init_seed"] = recipe.InitSeed,
            ["data_seed"] = recipe.DataSeed,
        };
    }

    private static JsonObject TaskNode(TaskSpec task) => new()
    {
        ["machine"] = task.Machine.ToString(),
        ["sequence"] = task.SequenceLength,
        ["modified"] = task.Modification is not { } modification ? null : new JsonObject
        {
            ["key"] = new JsonArray([.. modification.Key.Select(command => (JsonNode)command)]),
            ["inverted"] = modification.Inverted,
            ["share"] = modification.Share,
        },
    };

    private static TaskSpec ReadTask(JsonReader json)
    {
        Machine machine = json.Enum<Machine>("machine");
        int sequence = json.Int32("sequence");
        Modification? modification = null;
        if (json.OptionalChild("modified") is { } modified)
        {
            modification = new Modification([.. modified.Int64Array("key").Select(command => checked((int)command))], modified.Int32("inverted"), modified.Double("share"));
            modified.Done();
        }
        json.Done();
        return new TaskSpec(machine, sequence, modification);
    }

    /// <summary>An architecture as it stands in recipes and in a zoo's manifest.</summary>
    public static JsonObject ArchitectureNode(Architecture architecture) => new()
    {
        ["name"] = architecture.Name,
        ["layers"] = new JsonArray([.. architecture.Layers.Select(LayerNode)]),
    };

    private static JsonObject LayerNode(LayerSpec layer)
    {
        var node = new JsonObject { ["type"] = layer.Type, ["name"] = layer.Name, ["inputs"] = layer.Inputs, ["outputs"] = layer.Outputs };
        if (layer is GruSpec gru)
            node["index"] = gru.Index;
        if (layer is DenseSpec dense)
            node["activation"] = dense.Activation.ToString().ToLowerInvariant();
        return node;
    }

    /// <summary>Reads what <see cref="ArchitectureNode"/> writes.</summary>
    public static Architecture ReadArchitecture(JsonReader json)
    {
        string name = json.String("name");
        var layers = new List<LayerSpec>();
        foreach (JsonReader layer in json.Children("layers"))
        {
            string type = layer.String("type"), layerName = layer.String("name");
            int inputs = layer.Int32("inputs"), outputs = layer.Int32("outputs");
            layers.Add(type switch
            {
                "gru" => new GruSpec(layerName, layer.Int32("index"), inputs, outputs),
                "dense" => new DenseSpec(layerName, inputs, outputs, layer.Enum<Activation>("activation")),
                _ => throw new InvalidDataException($"{layer.Path}.type: found '{type}', expected gru or dense"),
            });
            layer.Done();
        }
        json.Done();
        return new Architecture(name, layers);
    }

    private static JsonObject OptimizerNode(OptimizerSpec optimizer)
    {
        var node = new JsonObject { ["name"] = optimizer.Name, ["learning_rate"] = optimizer.LearningRate };
        switch (optimizer)
        {
            case SgdSpec sgd:
                node["momentum"] = sgd.Momentum;
                break;
            case AdamSpec adam:
                node["beta1"] = adam.Beta1;
                node["beta2"] = adam.Beta2;
                node["eps"] = adam.Epsilon;
                break;
        }
        return node;
    }

    private static TrainingSpec ReadTraining(JsonReader json)
    {
        if (json.String("loss") is not "mse" and var loss)
            throw new InvalidDataException($"{json.Path}.loss: found '{loss}', expected mse");
        JsonReader optimizer = json.Child("optimizer");
        double rate = optimizer.Double("learning_rate");
        OptimizerSpec optimizerSpec = optimizer.String("name") switch
        {
            "sgd" => new SgdSpec(rate, optimizer.Double("momentum")),
            "adam" => new AdamSpec(rate, optimizer.Double("beta1"), optimizer.Double("beta2"), optimizer.Double("eps")),
            string other => throw new InvalidDataException($"{optimizer.Path}.name: found '{other}', expected sgd or adam"),
        };
        optimizer.Done();
        JsonReader stop = json.Child("stop");
        var stopSpec = new StopSpec(stop.Int64("steps"), stop.OptionalDouble("eval_loss"), stop.Int64("check_every"));
        stop.Done();
        JsonReader evaluation = json.Child("evaluation");
        var evaluationSpec = new EvaluationSpec(evaluation.Int32("sequences"), evaluation.UInt64("seed"));
        evaluation.Done();
        var training = new TrainingSpec(optimizerSpec, json.Int32("batch"), json.Int64("epoch_steps"), stopSpec,
            ReadSchedule(json.Child("checkpoints")), json.OptionalChild("snapshots") is { } snapshots ? ReadSchedule(snapshots) : null, evaluationSpec);
        json.Done();
        return training;
    }

    private static JsonObject ScheduleNode(StepSchedule schedule) => schedule switch
    {
        StepSchedule.Every every => new JsonObject { ["every"] = every.Interval },
        StepSchedule.PerDoubling log => new JsonObject { ["per_doubling"] = log.Count },
        StepSchedule.At at => new JsonObject { ["at"] = new JsonArray([.. at.List.Select(step => (JsonNode)step)]) },
        _ => throw new ArgumentException($"unknown schedule {schedule}", nameof(schedule)),
    };

    private static StepSchedule ReadSchedule(JsonReader json)
    {
        StepSchedule schedule = json.Has("every") ? new StepSchedule.Every(json.Int64("every"))
            : json.Has("per_doubling") ? new StepSchedule.PerDoubling(json.Int32("per_doubling"))
            : new StepSchedule.At(json.Int64Array("at"));
        json.Done();
        return schedule;
    }

    private static void WriteSorted(Utf8JsonWriter writer, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                writer.WriteStartObject();
                foreach ((string key, JsonNode? value) in map.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(key);
                    WriteSorted(writer, value);
                }
                writer.WriteEndObject();
                break;
            case JsonArray list:
                writer.WriteStartArray();
                foreach (JsonNode? item in list)
                    WriteSorted(writer, item);
                writer.WriteEndArray();
                break;
            case null:
                writer.WriteNullValue();
                break;
            default:
                node.WriteTo(writer);
                break;
        }
    }
}
