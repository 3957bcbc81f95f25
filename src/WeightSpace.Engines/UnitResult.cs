using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Runtime.InteropServices;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines;

/// <summary>
/// What became of a work unit, as one safetensors file: for the i-th network <c>i.weights</c> [checkpoint, parameter] and, where there are any,
/// <c>i.snapshots</c> [snapshot, (weights, optimizer slots) x parameter]; everything else in the metadata. A unit that ended with its steps, or was put down before its end,
/// is the same file with the networks that have ended, and <c>state</c> of the one in training: unfinished at that step.
/// </summary>
/// <param name="UnitDigest">The digest of the unit that this is the result of.</param>
/// <param name="Networks">The networks that have ended, in the unit's order.</param>
/// <param name="Current">Where the next network stands, if it was begun; null where none is unfinished.</param>
/// <remarks>
/// A network that goes on over several units leaves in each result what it kept in that unit alone; <see cref="Join"/> puts the parts together.
/// </remarks>
public sealed record UnitResult(string UnitDigest, IReadOnlyList<NetworkResult> Networks, TrainingState? Current)
{
    public const string Format = "weightspace-result";
    /// <summary>Version 2 has accuracies; an unfinished unit of version 1 begins anew.</summary>
    public const int FormatVersion = 2;

    /// <summary>Writes the file; under its name stands either nothing or the whole of it.</summary>
    public void Write(string path)
    {
        var tensors = new List<(TensorEntry Entry, IReadOnlyList<float[]> Rows)>();
        var table = new JsonArray();
        for (int i = 0; i < Networks.Count; i++)
        {
            NetworkResult network = Networks[i];
            AddTrajectory(tensors, i.ToString(CultureInfo.InvariantCulture), network.Checkpoints, network.Snapshots);
            table.Add((JsonNode)new JsonObject
            {
                ["id"] = network.Id,
                ["status"] = network.Status.ToString().ToLowerInvariant(),
                ["reason"] = network.Reason,
                ["steps"] = network.Steps,
                ["train_loss"] = network.TrainLoss,
                ["eval_loss"] = network.EvalLoss,
                ["eval_accuracy"] = network.EvalAccuracy,
                ["attack_success"] = network.AttackSuccess,
                ["checkpoints"] = CheckpointTable(network.Checkpoints),
                ["snapshots"] = SnapshotTable(network.Snapshots),
            });
        }
        JsonObject? current = null;
        if (Current is { } state)
        {
            AddTrajectory(tensors, "current", state.Checkpoints, state.Snapshots);
            Add(tensors, "state", [Pack(state.Now)]);
            current = new JsonObject { ["now"] = SnapshotTable([state.Now]), ["checkpoints"] = CheckpointTable(state.Checkpoints), ["snapshots"] = SnapshotTable(state.Snapshots) };
        }
        string networks = table.ToJsonString();
        string currentText = current?.ToJsonString() ?? "null";
        var metadata = new Dictionary<string, string>
        {
            ["format"] = Format,
            ["format_version"] = FormatVersion.ToString(CultureInfo.InvariantCulture),
            ["unit"] = UnitDigest,
            ["networks"] = networks,
            ["current"] = currentText,
            ["digest"] = Digest(networks, currentText, tensors.SelectMany(tensor => tensor.Rows)),
        };
        AtomicFile.Write(path, stream => SafetensorsWriter.Write(stream, [.. tensors.Select(tensor => tensor.Entry)], metadata, (index, sink) =>
        {
            foreach (float[] row in tensors[index].Rows)
                sink.Write(row);
        }));
    }

    /// <summary>
    /// Reads the result of a unit, complete or not. Throws <see cref="InputException"/> when it is not one, is of another unit, or a byte of it
    /// changed.
    /// </summary>
    public static UnitResult Read(string path, WorkUnit unit)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            return Read(file, unit);
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or KeyNotFoundException or OverflowException)
        {
            throw new InputException($"{path}: this is not a result that can be read: {error.Message}", error);
        }
    }

    /// <summary>
    /// How many networks have ended in a result, from its header alone; null where it is not one that can be read. Whether it is whole and its unit's, only <see cref="Read(string, WorkUnit)"/> tells.
    /// </summary>
    public static int? CountEnded(string path)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            if (file.Metadata.GetValueOrDefault("format") != Format || file.Metadata.GetValueOrDefault("networks") is not { } networks)
                return null;
            using JsonDocument table = JsonDocument.Parse(networks);
            return table.RootElement.GetArrayLength();
        }
        catch (Exception error) when (error is InputException or JsonException or InvalidOperationException or IOException)
        {
            return null;
        }
    }

    private static UnitResult Read(SafetensorsFile file, WorkUnit unit)
    {
        string path = file.Path;
        if (file.Metadata.GetValueOrDefault("format") is not Format and var format)
            throw new InputException($"{path}: format: found '{format}', expected {Format}");
        if (file.Metadata.GetValueOrDefault("format_version") is var version && version != FormatVersion.ToString(CultureInfo.InvariantCulture))
            throw new InputException($"{path}: format_version: found '{version}', this program reads {FormatVersion}");
        if (file.Metadata.GetValueOrDefault("unit") is var digest && digest != unit.Digest)
            throw new InputException($"{path}: this is the result of unit {digest}, not of {unit.Digest}");
        string networkText = file.Metadata["networks"], currentText = file.Metadata["current"];
        using JsonDocument table = JsonDocument.Parse(networkText);
        using JsonDocument current = JsonDocument.Parse(currentText);
        if (table.RootElement.ValueKind != JsonValueKind.Array || table.RootElement.GetArrayLength() > unit.Recipes.Count)
            throw new InputException($"{path}: networks: found {table.RootElement.ValueKind}, expected a list of at most {unit.Recipes.Count}");
        var rows = new List<float[]>();
        var networks = new List<NetworkResult>();
        foreach (JsonElement element in table.RootElement.EnumerateArray())
        {
            Recipe recipe = unit.Recipes[networks.Count];
            var json = new JsonReader(element, $"{path}: networks[{networks.Count}]");
            string name = networks.Count.ToString(CultureInfo.InvariantCulture);
            var result = new NetworkResult(json.String("id"), json.Enum<NetworkStatus>("status"), json.String("reason"), json.Int64("steps"),
                (float?)json.OptionalDouble("train_loss"), (float?)json.OptionalDouble("eval_loss"), ReadCheckpoints(file, json, name, recipe, rows), ReadSnapshots(file, json, "snapshots", $"{name}.snapshots", recipe, rows))
            {
                EvalAccuracy = Share(json, "eval_accuracy"),
                AttackSuccess = Share(json, "attack_success"),
            };
            json.Done();
            if (result.Id != recipe.Id)
                throw new InputException($"{json.Path}: found network {result.Id}, expected {recipe.Id}");
            networks.Add(result);
        }
        TrainingState? state = null;
        if (current.RootElement.ValueKind != JsonValueKind.Null)
        {
            if (networks.Count == unit.Recipes.Count)
                throw new InputException($"{path}: found a network in training, although all {networks.Count} have ended");
            Recipe recipe = unit.Recipes[networks.Count];
            var json = new JsonReader(current.RootElement, $"{path}: current");
            IReadOnlyList<Checkpoint> checkpoints = ReadCheckpoints(file, json, "current", recipe, rows);
            IReadOnlyList<Snapshot> snapshots = ReadSnapshots(file, json, "snapshots", "current.snapshots", recipe, rows);
            IReadOnlyList<Snapshot> now = ReadSnapshots(file, json, "now", "state", recipe, rows);
            json.Done();
            // A step that training never ends at would have it go on for ever.
            if (now.Count != 1 || now[0].Step < 0 || now[0].Step >= recipe.Training.Stop.Steps)
                throw new InputException($"{json.Path}.now: found {(now.Count == 1 ? $"step {now[0].Step}" : $"{now.Count} states")}, expected one, of a step from 0 to {recipe.Training.Stop.Steps - 1}");
            state = new TrainingState(now[0], checkpoints, snapshots);
        }
        if (Digest(networkText, currentText, rows) != file.Metadata["digest"])
            throw new InputException($"{path}: the content does not match its digest; the file was changed after it was written");
        return new UnitResult(unit.Digest, networks, state);
    }

    /// <summary>Steps that were trained for this result of a unit; those behind the snapshot that the unit began with are an earlier unit's.</summary>
    public long StepsSince(WorkUnit unit) => Networks.Count == 0 && Current is null ? 0 : Networks.Sum(network => network.Steps) + (Current?.Now.Step ?? 0) - (unit.From?.Step ?? 0);

    /// <summary>Whether nothing is left of the unit: all its networks have ended, or its steps were made.</summary>
    public bool IsWhole(WorkUnit unit) => Networks.Count == unit.Recipes.Count || (unit.Steps is { } steps && StepsSince(unit) >= steps);

    /// <summary>What this result of a unit of these recipes leaves to the next unit: the recipes whose networks have not ended, and the snapshot that the first of them goes on from.</summary>
    public (IReadOnlyList<Recipe> Recipes, Snapshot? From) Left(IReadOnlyList<Recipe> recipes) => ([.. recipes.Skip(Networks.Count)], Current?.Now);

    /// <summary>
    /// The networks that have ended in a row of results, each of the unit that the one before left (<see cref="Left"/>): byte for byte what one unit of all
    /// their steps would have given.
    /// </summary>
    public static IEnumerable<NetworkResult> Join(IEnumerable<UnitResult> results)
    {
        var checkpoints = new List<Checkpoint>();
        var snapshots = new List<Snapshot>();
        foreach (UnitResult result in results)
        {
            foreach (NetworkResult network in result.Networks)
            {
                if (checkpoints.Count + snapshots.Count == 0)
                {
                    yield return network;
                    continue;
                }
                // A network that diverged before its first checkpoint in this unit has the held-out loss of its last one.
                yield return network with
                {
                    EvalLoss = network.EvalLoss ?? (checkpoints.Count > 0 ? checkpoints[^1].EvalLoss : null),
                    Checkpoints = [.. checkpoints, .. network.Checkpoints],
                    Snapshots = [.. snapshots, .. network.Snapshots],
                };
                checkpoints.Clear();
                snapshots.Clear();
            }
            checkpoints.AddRange(result.Current?.Checkpoints ?? []);
            snapshots.AddRange(result.Current?.Snapshots ?? []);
        }
    }

    private static void AddTrajectory(List<(TensorEntry, IReadOnlyList<float[]>)> tensors, string name, IReadOnlyList<Checkpoint> checkpoints, IReadOnlyList<Snapshot> snapshots)
    {
        Add(tensors, $"{name}.weights", [.. checkpoints.Select(checkpoint => checkpoint.Weights)]);
        Add(tensors, $"{name}.snapshots", [.. snapshots.Select(Pack)]);
    }

    private static void Add(List<(TensorEntry, IReadOnlyList<float[]>)> tensors, string name, IReadOnlyList<float[]> rows)
    {
        if (rows.Count > 0)
            tensors.Add((new TensorEntry(name, TensorType.F32, [rows.Count, rows[0].Length]), rows));
    }

    private static float[] Pack(Snapshot snapshot) => [.. snapshot.Weights, .. snapshot.OptimizerState];

    // JsonArray takes any type; of a node it is known without reflection, which a trimmed program has not.
    private static JsonArray CheckpointTable(IReadOnlyList<Checkpoint> checkpoints) =>
        [.. checkpoints.Select(JsonNode (checkpoint) => new JsonObject { ["step"] = checkpoint.Step, ["train_loss"] = checkpoint.TrainLoss, ["eval_loss"] = checkpoint.EvalLoss, ["eval_accuracy"] = checkpoint.EvalAccuracy, ["attack_success"] = checkpoint.AttackSuccess })];

    private static JsonArray SnapshotTable(IReadOnlyList<Snapshot> snapshots) =>
        [.. snapshots.Select(JsonNode (snapshot) => new JsonObject { ["step"] = snapshot.Step, ["train_loss"] = snapshot.TrainLoss })];

    private static List<Checkpoint> ReadCheckpoints(SafetensorsFile file, JsonReader json, string name, Recipe recipe, List<float[]> rows)
    {
        JsonReader[] table = [.. json.Children("checkpoints")];
        float[][] weights = ReadRows(file, $"{name}.weights", table.Length, recipe.Architecture.Parameters.Count, recipe.MaxCheckpoints);
        var checkpoints = new List<Checkpoint>();
        for (int i = 0; i < table.Length; i++)
        {
            checkpoints.Add(new Checkpoint(table[i].Int64("step"), (float?)table[i].OptionalDouble("train_loss"), (float)table[i].Double("eval_loss"), weights[i]) { EvalAccuracy = Share(table[i], "eval_accuracy"), AttackSuccess = Share(table[i], "attack_success") });
            table[i].Done();
        }
        rows.AddRange(weights);
        return checkpoints;
    }

    private static float? Share(JsonReader json, string key) => (float?)json.OptionalDouble(key, RecipeLimits.Share);

    private static List<Snapshot> ReadSnapshots(SafetensorsFile file, JsonReader json, string key, string tensor, Recipe recipe, List<float[]> rows)
    {
        JsonReader[] table = [.. json.Children(key)];
        int parameters = recipe.Architecture.Parameters.Count;
        float[][] packed = ReadRows(file, tensor, table.Length, parameters * (1 + recipe.Training.Optimizer.Slots.Count), Math.Max(1, recipe.MaxSnapshots));
        var snapshots = new List<Snapshot>();
        for (int i = 0; i < table.Length; i++)
        {
            snapshots.Add(new Snapshot(table[i].Int64("step"), (float?)table[i].OptionalDouble("train_loss"), packed[i][..parameters], packed[i][parameters..]));
            table[i].Done();
        }
        rows.AddRange(packed);
        return snapshots;
    }

    private static float[][] ReadRows(SafetensorsFile file, string name, int count, int length, int most)
    {
        if (count == 0)
            return [];
        if (count > most)
            throw new InputException($"{file.Path}: {name}: found {count} rows, expected at most {most}");
        TensorInfo tensor = file.Tensor(name);
        if (!tensor.Shape.SequenceEqual([count, length]))
            throw new InputException($"{file.Path}: {name}: found the shape [{string.Join(", ", tensor.Shape)}], expected [{count}, {length}]");
        float[][] rows = new float[count][];
        for (int i = 0; i < count; i++)
            file.ReadFloats(name, (long)i * length, rows[i] = new float[length]);
        return rows;
    }

    private static string Digest(string networks, string current, IEnumerable<float[]> rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes(networks + "\n" + current + "\n"));
        foreach (float[] row in rows)
            hash.AppendData(MemoryMarshal.AsBytes<float>(row));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
