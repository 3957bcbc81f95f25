using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>
/// Growing paths as one safetensors file, so that `track` goes on with the new checkpoints only (docs/trajectories.md has the format). A file is at most as large as its sketches: 64 KiB a
/// checkpoint.
/// </summary>
public sealed class TrackState
{
    public const string Format = "weightspace-track";
    public const int FormatVersion = 1;

    private const int Numbers = 5; // columns of numbers.<g>

    private readonly List<GroupState> _groups = [];
    private readonly Lock _lock = new();

    /// <summary>The paths of networks with the same tensors.</summary>
    private sealed record GroupState(string Name, IReadOnlyList<PackedTensor> Tensors, RotatedSketch Sketch)
    {
        public Dictionary<string, TrackedPath> Paths { get; } = [];
    }

    private TrackState(string path) => Path = path;

    /// <summary>The file that it came from, or will be written to.</summary>
    public string Path { get; }

    /// <summary>The paths, in the order in which they began.</summary>
    public IEnumerable<TrackedPath> Paths => _groups.SelectMany(group => group.Paths.Values);

    /// <summary>Reads a file, or begins anew where there is none.</summary>
    /// <exception cref="InputException">It is not such a file.</exception>
    public static TrackState Open(string path)
    {
        var state = new TrackState(path);
        if (Directory.Exists(path))
            throw new InputException($"{path}: this is a folder; a file for the state of tracked paths was expected");
        if (File.Exists(path))
            state.Read();
        return state;
    }

    /// <summary>A network's path, begun where there is none.</summary>
    public TrackedPath PathOf(ICheckpointGroup group, string network, RotatedSketch sketch)
    {
        lock (_lock)
        {
            GroupState? known = GroupOf(group);
            if (known is null)
                _groups.Add(known = new GroupState(group.Name, [.. group.Tensors], sketch));
            if (!known.Paths.TryGetValue(network, out TrackedPath? path))
                known.Paths.Add(network, path = new TrackedPath(network, known.Tensors, known.Sketch));
            return path;
        }
    }

    /// <summary>Whether a network's path has a checkpoint.</summary>
    public bool Has(ICheckpointGroup group, string network, string checkpoint) =>
        GroupOf(group) is { } known && known.Paths.TryGetValue(network, out TrackedPath? path) && path.Rows.Any(row => row.Name == checkpoint);

    /// <summary>Writes the file, whole or not at all.</summary>
    public void Write()
    {
        var tensors = new List<TensorEntry>();
        var data = new List<Action<TensorSink>>();
        for (int g = 0; g < _groups.Count; g++)
        {
            GroupState group = _groups[g];
            TrackedPoint[] points = [.. group.Paths.Values.SelectMany(path => path.Points)];
            int count = group.Tensors.Count, size = group.Sketch.Size;
            tensors.Add(new TensorEntry($"numbers.{g}", TensorType.F64, [points.Length, Numbers]));
            data.Add(sink => { foreach (TrackedPoint point in points) sink.Write(NumbersOf(point)); });
            tensors.Add(new TensorEntry($"squared_lengths.{g}", TensorType.F64, [points.Length, count]));
            data.Add(sink => { foreach (TrackedPoint point in points) sink.Write(point.SquaredLengths ?? Filled(count, double.NaN)); });
            tensors.Add(new TensorEntry($"sketches.{g}", TensorType.F64, [points.Length, size]));
            data.Add(sink => { foreach (TrackedPoint point in points) sink.Write(point.Sketch.Length == size ? point.Sketch : new double[size]); });
        }
        var metadata = new Dictionary<string, string> { ["format"] = Format, ["format_version"] = FormatVersion.ToString(CultureInfo.InvariantCulture), ["paths"] = Json() };
        AtomicFile.Write(Path, stream => SafetensorsWriter.Write(stream, tensors, metadata, (index, sink) => data[index](sink)));
    }

    private GroupState? GroupOf(ICheckpointGroup group) => _groups.FirstOrDefault(known => known.Name == group.Name && known.Tensors.Count == group.Tensors.Count
        && known.Tensors.Zip(group.Tensors).All(pair => pair.First.Name == pair.Second.Name && pair.First.Shape.SequenceEqual(pair.Second.Shape)));

    /// <summary>Names and what is not a number of a checkpoint.</summary>
    private string Json()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("groups"u8);
            foreach (GroupState group in _groups)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, group.Name);
                json.WriteNumber("sketch"u8, group.Sketch.Size);
                json.WriteNumber("seed"u8, group.Sketch.Seed);
                TensorJson.Write(json, group.Tensors);
                json.WriteStartArray("networks"u8);
                foreach (TrackedPath path in group.Paths.Values)
                {
                    json.WriteStartObject();
                    json.WriteString("name"u8, path.Network);
                    json.WriteStartArray("checkpoints"u8);
                    foreach (TrackedPoint point in path.Points)
                    {
                        json.WriteStartObject();
                        json.WriteString("name"u8, point.Row.Name);
                        if (point.Row.Step is { } step)
                            json.WriteNumber("step"u8, step);
                        if (point.Row.Epoch is { } epoch)
                            json.WriteNumber("epoch"u8, epoch);
                        if (point.Row.Problem is { } problem)
                            json.WriteString("problem"u8, problem);
                        json.WriteBoolean("estimated"u8, point.Row.IsEstimated);
                        json.WriteEndObject();
                    }
                    json.WriteEndArray();
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private void Read()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path);
        if (file.Metadata.GetValueOrDefault("format") != Format)
            throw new InputException($"{Path}: found no '{Format}' in its metadata; this is not the state of tracked paths, so name another --state FILE");
        string version = file.Metadata.GetValueOrDefault("format_version") ?? "none";
        if (version != "1")
            throw new InputException($"{Path}: found format version {version}, expected {FormatVersion}; it was written by another version of this program");
        try
        {
            using JsonDocument json = JsonDocument.Parse(file.Metadata.GetValueOrDefault("paths") ?? throw new InvalidDataException("the key 'paths' is missing in its metadata"), new JsonDocumentOptions { MaxDepth = 16 });
            int number = 0;
            foreach (JsonReader group in new JsonReader(json.RootElement, "paths").Children("groups"))
                ReadGroup(file, group, number++);
        }
        catch (Exception error) when (error is InvalidDataException or JsonException or ArgumentException or OverflowException)
        {
            throw new InputException($"{Path}: this state of tracked paths is damaged: {error.Message}; name another --state FILE to begin anew", error);
        }
    }

    private void ReadGroup(SafetensorsFile file, JsonReader group, int number)
    {
        var sketch = new RotatedSketch(group.Int32("sketch", new NumberRange(1, TrackedPath.DefaultSketch)), group.UInt64("seed"));
        List<PackedTensor> tensors = TensorJson.Read(group);
        var state = new GroupState(group.String("name"), tensors, sketch);
        (JsonReader Network, JsonReader[] Checkpoints)[] networks = [.. group.Children("networks").Select(network => (network, network.Children("checkpoints").ToArray()))];
        int points = networks.Sum(network => network.Checkpoints.Length), row = 0;
        Expect(file, $"numbers.{number}", points, Numbers);
        Expect(file, $"squared_lengths.{number}", points, tensors.Count);
        Expect(file, $"sketches.{number}", points, sketch.Size);
        foreach ((JsonReader network, JsonReader[] checkpoints) in networks)
        {
            var path = new TrackedPath(network.String("name"), tensors, sketch);
            foreach (JsonReader checkpoint in checkpoints)
            {
                var known = new CheckpointMeasures(checkpoint.String("name"), checkpoint.Has("step") ? checkpoint.Int64("step") : null, checkpoint.Has("epoch") ? checkpoint.Double("epoch") : null)
                {
                    IsEstimated = checkpoint.Boolean("estimated"),
                    Problem = checkpoint.Has("problem") ? checkpoint.String("problem") : null,
                };
                double[] numbers = Row(file, $"numbers.{number}", row, Numbers), lengths = Row(file, $"squared_lengths.{number}", row, tensors.Count), sketched = Row(file, $"sketches.{number}", row, sketch.Size);
                if (known.Problem is null && (numbers[..4].Any(value => !double.IsFinite(value)) || sketched.Any(value => !double.IsFinite(value))))
                    throw new InvalidDataException($"the checkpoint '{known.Name}' has numbers that are not finite");
                path.Restore(known with { Kurtosis = double.IsNaN(numbers[4]) ? null : numbers[4] }, numbers[0], numbers[1], numbers[2], numbers[3], lengths.Any(double.IsNaN) ? null : lengths, sketched);
                row++;
            }
            if (!state.Paths.TryAdd(path.Network, path))
                throw new InvalidDataException($"the network '{path.Network}' is there twice");
        }
        _groups.Add(state);
    }

    private static double[] NumbersOf(TrackedPoint point) => [point.SquaredNorm, point.SquaredFromStart, point.SquaredLength, point.Product, point.Row.Kurtosis ?? double.NaN];

    private static void Expect(SafetensorsFile file, string name, params long[] shape)
    {
        TensorInfo tensor = file.Tensor(name);
        if (tensor.Type != nameof(TensorType.F64) || !tensor.Shape.SequenceEqual(shape))
            throw new InvalidDataException($"'{name}' is {tensor.Type} [{string.Join(", ", tensor.Shape)}], expected F64 [{string.Join(", ", shape)}]");
    }

    private static double[] Row(SafetensorsFile file, string name, int row, int columns)
    {
        var values = new double[columns];
        file.ReadDoubles(name, (long)row * columns, values);
        return values;
    }

    private static double[] Filled(int count, double value)
    {
        var values = new double[count];
        Array.Fill(values, value);
        return values;
    }
}
