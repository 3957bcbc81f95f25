using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Analysis.Monitoring;
using WeightSpace.Analysis.Trajectories;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli.Watching;

/// <summary>
/// One network that is watched: the few checkpoints that the next one is measured against, and where its gate stands. Everything but the sketches of these checkpoints comes from the log; the
/// sketches stand in two files in turn, each with the number of the log's line that it belongs to and written before that line, so that whichever moment the process dies at, one of them fits.
/// </summary>
internal sealed class WatchedPath
{
    private const string Format = "weightspace-watch-state";
    private static readonly string[] s_roles = ["start", "before", "previous", "tested"];

    private readonly string _folder, _stateFolder;
    private readonly PathGate _gate;
    private readonly PathMonitor? _monitor;

    /// <summary>A checkpoint that was judged: its step, and its file as it was.</summary>
    private readonly SortedDictionary<long, (string Name, FileStamp Stamp)> _judged = [];

    private Kept? _start, _before, _previous, _tested;
    private int _slot; // the slot that holds the last state
    private int _line = -1; // the line of the log that the path has come to

    /// <summary>A checkpoint that others are measured against.</summary>
    private sealed record Kept(TrackedPoint Point, FileStamp Stamp);

    public WatchedPath(string network, string folder, string stateFolder, PathMonitor? monitor, double? maxDistance)
    {
        (Network, _folder, _stateFolder, _monitor) = (network, folder, stateFolder, monitor);
        _gate = new PathGate(monitor, maxDistance);
    }

    public string Network { get; }

    /// <summary>The step that the path has come to; null where it has none yet.</summary>
    public long? LastStep { get; private set; }

    /// <summary>The checkpoint that a re-test is due since; null where none is due.</summary>
    public string? DueSince => _gate.DueSince?.Name;

    /// <summary>Why a re-test is due; null where none is.</summary>
    public string? DueReason { get; private set; }

    /// <summary>Whether some version was tested.</summary>
    public bool HasTested => _tested is not null;

    /// <summary>Tensors of the path's checkpoints; null where it has none with numbers.</summary>
    private IReadOnlyList<PackedTensor>? _tensors;

    /// <summary>Whether a step was judged.</summary>
    public bool Has(long step) => _judged.ContainsKey(step);

    /// <summary>The judged checkpoint that somebody names by its step or name; null where there is none.</summary>
    public string? Find(string version) => _judged.Where(pair => PathReview.IsVersion(pair.Value.Name, pair.Key, version)).Select(pair => pair.Value.Name).FirstOrDefault();

    /// <summary>Judges the next checkpoint and writes it down; null where its file changed meanwhile.</summary>
    /// <exception cref="InputException">It cannot be read.</exception>
    public JsonObject? Judge(FoundCheckpoint found, WatchLog log, DateTimeOffset now, CancellationToken stop)
    {
        Kept?[] companions = [.. new[] { _start, _tested, _before, _previous }.Where(kept => kept is not null && IsThere(kept))];
        using CheckpointSet set = CheckpointSet.OpenFiles(_folder, [.. companions.Select(kept => kept!.Point.Row.Name).Append(found.Name).Distinct()], new CheckpointOptions { InferSymmetry = false }, stop);
        (ICheckpointGroup group, int item) = Locate(set, found.Name);
        RequireTensors(group, found.Name);
        var known = new CheckpointMeasures(found.Name, found.Step, null);
        RotatedSketch sketch = TrackedPath.SketchFor(group.Count);
        var neighbours = new PathNeighbours(_start?.Point, _before?.Point, _previous?.Point);
        // A file that was written again under its name is no longer what it was; its sketch is.
        int? Index(TrackedPoint point) => companions.Any(kept => kept!.Point == point) ? Enumerable.Range(0, group.Items.Count).Where(i => group.Items[i].Name == point.Row.Name).Select(i => (int?)i).FirstOrDefault() : null;
        (TrackedPoint measured, double? squaredFrom) = PathStep.Measure(group, item, known, neighbours, _tested?.Point, Index, sketch, stop);
        if (FileStamp.Of(_folder, found.Name) != found.Stamp)
            return null;
        SinceTested? since = squaredFrom is { } squared && _tested is { } tested
            ? new SinceTested(tested.Point.Row.Name, Math.Sqrt(squared), tested.Point.Row.Norm is > 0 and var norm ? Math.Sqrt(squared) / norm : 0) : null;
        double[]? features = _monitor?.Features.Of(measured.Row, _previous?.Point.Row, measured.SquaredLengths);
        PathJudgement judgement = _gate.Next(measured.Row, features, since);
        _tensors ??= group.Tensors;
        Take(measured, found.Stamp, judgement);
        WriteState(log.Count);
        JsonObject line = JudgementJson.Of(Network, new JudgedCheckpoint(measured.Row, since, judgement), _monitor);
        line.Insert(0, "event", "checkpoint");
        line.Insert(1, "time", Time(now));
        line["bytes"] = found.Stamp.Bytes;
        line["written"] = found.Stamp.Written;
        line["features"] = features is null ? null : new JsonArray([.. features.Select(value => JsonValue.Create(value))]);
        return log.Append(line);
    }

    /// <summary>Writes down a checkpoint of a step that the path has passed: it is measured against its neighbours, and not put into the path.</summary>
    /// <exception cref="InputException">It cannot be read.</exception>
    public JsonObject JudgeLate(FoundCheckpoint found, WatchLog log, DateTimeOffset now, CancellationToken stop)
    {
        (long Step, string Name, FileStamp Stamp)? below = Nearest(_judged.Where(pair => pair.Key <= found.Step).Reverse()), above = Nearest(_judged.Where(pair => pair.Key > found.Step));
        string[] names = [.. new[] { below?.Name, above?.Name }.OfType<string>()];
        var line = new JsonObject
        {
            ["event"] = "late",
            ["time"] = Time(now),
            ["network"] = Network,
            ["name"] = found.Name,
            ["step"] = found.Step,
            ["verdict"] = "late",
            ["reason"] = Has(found.Step) ? $"step {found.Step} was judged already" : $"the path had come to step {LastStep}; it is no part of it",
            ["place"] = null,
        };
        using CheckpointSet set = CheckpointSet.OpenFiles(_folder, [.. names.Append(found.Name)], new CheckpointOptions { InferSymmetry = false }, stop);
        (ICheckpointGroup group, int item) = Locate(set, found.Name);
        int[] order = [.. new[] { below?.Name, found.Name, above?.Name }.OfType<string>().Select(name => Enumerable.Range(0, group.Items.Count).Where(i => group.Items[i].Name == name).DefaultIfEmpty(-1).First())];
        if (order.Length > 1 && order.All(index => index >= 0) && PathPass.Run(group, order, new PathPassOptions(), stop).Sums is { } sums)
        {
            double[] lengths = [.. Enumerable.Range(0, order.Length - 1).Select(i => Math.Sqrt(sums.UpdateProducts[i, i]))];
            line["place"] = new JsonObject
            {
                ["after"] = below?.Name,
                ["distance_after"] = below is null ? null : lengths[0],
                ["until"] = above?.Name,
                ["distance_until"] = above is null ? null : lengths[^1],
                ["detour"] = lengths.Length == 2 && Math.Sqrt(Math.Max(0, sums.UpdateProducts.Cast<double>().Sum())) is > 0 and var straight ? (lengths[0] + lengths[1]) / straight : null,
            };
        }
        return log.Append(line);

        (long, string, FileStamp)? Nearest(IEnumerable<KeyValuePair<long, (string Name, FileStamp Stamp)>> candidates) =>
            candidates.Where(pair => FileStamp.Of(_folder, pair.Value.Name) == pair.Value.Stamp).Select(pair => ((long, string, FileStamp)?)(pair.Key, pair.Value.Name, pair.Value.Stamp)).FirstOrDefault();
    }

    /// <summary>Writes down that a version was tested and found good.</summary>
    /// <param name="name">A judged checkpoint.</param>
    /// <exception cref="InputException">Its weights can no longer be read, or are no numbers.</exception>
    public JsonObject Accept(string name, WatchLog log, DateTimeOffset now)
    {
        (long step, (string _, FileStamp stamp)) = _judged.First(pair => pair.Value.Name == name);
        Kept? kept = new[] { _previous, _before, _start, _tested }.FirstOrDefault(one => one?.Point.Row.Name == name);
        CheckpointMeasures row = kept?.Point.Row ?? log.Known.Where(line => IsOf(line, "checkpoint") && line.GetProperty("name").GetString() == name).Select(JudgementJson.RowOf).FirstOrDefault() ?? new CheckpointMeasures(name, step, null);
        if (row.Problem is { } problem)
            throw new InputException($"{name}: {problem}, so it cannot be accepted as tested");
        if (kept is null && row.Norm is null)
            throw new InputException($"{name}: it was judged a while ago in this very run; accept it once the watch has ended");
        _tested = kept ?? new Kept(new TrackedPoint(row, 0, 0, 0, 0, null, Sketch(name, stamp)), stamp);
        _gate.Accept(row);
        DueReason = _gate.DueSince is null ? null : DueReason;
        WriteState(log.Count);
        return log.Append(new JsonObject { ["event"] = "accept", ["time"] = Time(now), ["network"] = Network, ["name"] = name, ["step"] = step });
    }

    /// <summary>Takes the path over a line of the log.</summary>
    public void Replay(JsonElement line)
    {
        _line = line.GetProperty("number").GetInt32();
        string name = line.GetProperty("name").GetString()!;
        if (IsOf(line, "accept"))
        {
            Kept kept = new[] { _previous, _before, _start, _tested }.FirstOrDefault(one => one?.Point.Row.Name == name) ?? new Kept(Bare(_rows[name]), _judged[line.GetProperty("step").GetInt64()].Stamp);
            _tested = kept;
            _gate.Accept(kept.Point.Row);
            DueReason = _gate.DueSince is null ? null : DueReason;
            return;
        }
        CheckpointMeasures row = JudgementJson.RowOf(line);
        double[]? features = line.GetProperty("features") is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray().Select(value => value.GetDouble())] : null;
        PathJudgement judgement = _gate.Next(row, features, JudgementJson.SinceOf(line));
        if (judgement.Statistic != (line.GetProperty("statistic") is { ValueKind: JsonValueKind.Number } statistic ? statistic.GetDouble() : null))
            throw new InputException($"line {_line + 1}: its statistic does not follow from the lines before; the log was changed, or written with another monitor");
        _rows[name] = row;
        Take(Bare(row), new FileStamp(line.GetProperty("bytes").GetInt64(), line.GetProperty("written").GetInt64()), judgement);
    }

    /// <summary>Behind the last line: reads the sketches that belong to it.</summary>
    /// <exception cref="InputException">They are gone, and so are the checkpoints that they were made of.</exception>
    public void Restore()
    {
        _rows.Clear();
        Dictionary<string, double[]>? sketches = null;
        for (int slot = 0; slot < 2 && sketches is null; slot++)
        {
            sketches = ReadState(slot);
            _slot = slot;
        }
        Kept? With(Kept? kept) => kept is null ? null : kept with { Point = kept.Point with { Sketch = sketches?.GetValueOrDefault(kept.Point.Row.Name) ?? Sketch(kept.Point.Row.Name, kept.Stamp) } };
        (_start, _before, _previous, _tested) = (With(_start), With(_before), With(_previous), With(_tested));
    }

    private readonly Dictionary<string, CheckpointMeasures> _rows = []; // while lines are replayed

    private static bool IsOf(JsonElement line, string kind) => line.GetProperty("event").GetString() == kind;

    private static TrackedPoint Bare(CheckpointMeasures row) => new(row, 0, 0, 0, 0, null, []);

    private static string Time(DateTimeOffset now) => now.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private void Take(TrackedPoint point, FileStamp stamp, PathJudgement judgement)
    {
        _judged[point.Row.Step!.Value] = (point.Row.Name, stamp);
        LastStep = point.Row.Step;
        DueReason = _gate.DueSince is null ? null : DueReason ?? judgement.Reason;
        if (point.Row.Problem is not null)
            return;
        var kept = new Kept(point, stamp);
        (_start, _before, _previous) = (_start ?? kept, _previous, kept);
    }

    private bool IsThere(Kept kept) => FileStamp.Of(_folder, kept.Point.Row.Name) == kept.Stamp;

    private static (ICheckpointGroup Group, int Item) Locate(CheckpointSet set, string name)
    {
        foreach (ICheckpointGroup group in set.Groups)
        {
            for (int i = 0; i < group.Items.Count; i++)
            {
                if (group.Items[i].Name == name)
                    return (group, i);
            }
        }
        throw new InputException(set.Refusals.FirstOrDefault(refused => refused.Path == name)?.Reason ?? $"{name}: the file is gone");
    }

    private void RequireTensors(ICheckpointGroup group, string name)
    {
        _monitor?.RequireSameTensors(group.Tensors, name);
        if (_tensors is not null && !(group.Tensors.Count == _tensors.Count && group.Tensors.Zip(_tensors).All(pair => pair.First.Name == pair.Second.Name && pair.First.Shape.SequenceEqual(pair.Second.Shape))))
            throw new InputException($"{name}: its tensors are not those of the checkpoints before");
        if (_previous is { } previous && previous.Point.Sketch.Length != TrackedPath.SketchFor(group.Count).Size)
            throw new InputException($"{name}: it has another number of weights than the checkpoints before");
    }

    /// <summary>The sketch of a checkpoint from its file.</summary>
    private double[] Sketch(string name, FileStamp stamp)
    {
        if (FileStamp.Of(_folder, name) != stamp)
            throw new InputException($"{Path.Combine(_folder, name)}: the file is gone or was written again, and {_stateFolder} has no sketch of it; name another --log to begin anew");
        using CheckpointSet set = CheckpointSet.OpenFiles(_folder, [name], new CheckpointOptions { InferSymmetry = false });
        ICheckpointGroup group = set.Groups[0];
        return PathPass.Run(group, [0], new PathPassOptions { Sketch = TrackedPath.SketchFor(group.Count) }).Sums?.Sketches[0] ?? throw new InputException($"{Path.Combine(_folder, name)}: its weights are no numbers");
    }

    private string SlotPath(int slot) => Path.Combine(_stateFolder, $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Network)))[..16]}.{slot}");

    /// <summary>Writes the sketches for a line that is to come; those of the line before stay beside them.</summary>
    private void WriteState(int line)
    {
        (string Role, Kept Kept)[] kept = [.. s_roles.Zip(new[] { _start, _before, _previous, _tested }).Where(pair => pair.Second is not null).Select(pair => (pair.First, pair.Second!))];
        var metadata = new Dictionary<string, string> { ["format"] = Format, ["network"] = Network, ["line"] = line.ToString(CultureInfo.InvariantCulture) };
        foreach ((string role, Kept one) in kept)
            metadata[role] = one.Point.Row.Name;
        _slot = 1 - _slot;
        AtomicFile.Write(SlotPath(_slot), stream => SafetensorsWriter.Write(stream, [.. kept.Select(one => new TensorEntry(one.Role, TensorType.F64, [one.Kept.Point.Sketch.Length]))], metadata, (i, sink) => sink.Write(kept[i].Kept.Point.Sketch)));
        _line = line;
    }

    /// <summary>Sketches by the names of checkpoints; null where the slot is not of the line that the path has come to.</summary>
    private Dictionary<string, double[]>? ReadState(int slot)
    {
        if (!File.Exists(SlotPath(slot)))
            return null;
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(SlotPath(slot));
            if (file.Metadata.GetValueOrDefault("format") != Format || file.Metadata.GetValueOrDefault("network") != Network || file.Metadata.GetValueOrDefault("line") != _line.ToString(CultureInfo.InvariantCulture))
                return null;
            var sketches = new Dictionary<string, double[]>();
            foreach (string role in s_roles.Where(file.Metadata.ContainsKey))
            {
                double[] sketch = new double[file.Tensor(role).Elements];
                file.ReadDoubles(role, 0, sketch);
                sketches[file.Metadata[role]] = sketch;
            }
            return sketches;
        }
        catch (Exception error) when (error is InputException or InvalidDataException)
        {
            return null; // the checkpoints themselves may still be there
        }
    }
}
