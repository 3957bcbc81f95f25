using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Analysis.Monitoring;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Cli.Watching;

/// <summary>How a folder is watched.</summary>
internal sealed record WatchOptions
{
    public required string Folder { get; init; }

    public required string Log { get; init; }

    public string? MonitorFile { get; init; }

    public double? MaxDistance { get; init; }

    /// <summary>The version that was tested before the watch began: known once it is judged.</summary>
    public string? Tested { get; init; }

    public string OrderBy { get; init; } = CheckpointOptions.Auto;

    public Uri? Webhook { get; init; }

    /// <summary>Judge what is there, and end.</summary>
    public bool Once { get; init; }

    /// <summary>End when nothing came for so long; null: never.</summary>
    public TimeSpan? UntilIdle { get; init; }

    /// <summary>End at the first re-test that is due.</summary>
    public bool StopOnAlarm { get; init; }

    /// <summary>Steps from one checkpoint to the next, where no monitor says it.</summary>
    public long? Every { get; init; }

    /// <summary>How long a checkpoint waits for one that should come before it.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a file stays as it is before it is looked into.</summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Pause between two looks.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>
/// Watches a folder: every new checkpoint is judged once, in the order of steps, and what is said of it stands in the log before anything else is done. Started again after any end it goes on where the log
/// ends, to the same numbers.
/// </summary>
internal sealed class WatchSession : IDisposable
{
    private const string Checkpoint = "checkpoint", Late = "late", Unreadable = "unreadable", AcceptEvent = "accept";

    private readonly CommandContext _context;
    private readonly WatchOptions _options;
    private readonly PathMonitor? _monitor;
    private readonly WatchLog _log;
    private readonly FolderScout _scout;
    private readonly Webhook? _webhook;
    private readonly SortedDictionary<string, WatchedPath> _paths = new(StringComparer.Ordinal);
    private readonly string _stateFolder;

    public WatchSession(CommandContext context, WatchOptions options)
    {
        (_context, _options) = (context, options);
        if (!Directory.Exists(options.Folder))
            throw new InputException(File.Exists(options.Folder) ? $"{options.Folder}: this is a file; a folder that checkpoints are written to was expected (`weightspace track FILE --gate` judges a file)"
                : $"{options.Folder}: there is no such folder; make it before the training begins, or correct the name");
        foreach (string manifest in new[] { ZooManifest.FileName, "collection.json" })
        {
            if (File.Exists(Path.Combine(options.Folder, manifest)))
                throw new InputException($"{options.Folder}: this is a zoo or a collection, to which no checkpoints come; `weightspace track {options.Folder} --gate` judges it");
        }
        byte[]? monitor = options.MonitorFile is { } file ? MonitorFile.Bytes(file) : null;
        _monitor = monitor is null ? null : MonitorFile.Read(monitor, options.MonitorFile!);
        _log = WatchLog.Open(options.Log);
        try
        {
            _stateFolder = options.Log + ".state";
            Directory.CreateDirectory(_stateFolder);
            _scout = new FolderScout(options.Folder, options.OrderBy, options.Settle, context.Time);
            Begin(monitor is null ? null : Convert.ToHexStringLower(SHA256.HashData(monitor)));
            _webhook = options.Webhook is null ? null : new Webhook(options.Webhook, context.Time, context.Text.WriteLine, sent => _log.Sent = sent);
            foreach (JsonElement line in _webhook is null ? [] : _log.Known.Skip(Math.Max(1, _log.Sent)))
                _webhook!.Send(line.GetProperty("number").GetInt32(), line.GetRawText());
        }
        catch
        {
            _log.Dispose();
            throw;
        }
    }

    /// <summary>Lines by their event, of this run and those before.</summary>
    public Dictionary<string, int> Counts { get; } = new() { [Checkpoint] = 0, [Late] = 0, [Unreadable] = 0, [AcceptEvent] = 0 };

    /// <summary>Networks with a re-test that is due.</summary>
    public IReadOnlyList<(string Network, string Since, string Reason)> Due => [.. _paths.Values.Where(path => path.DueSince is not null).Select(path => (path.Network, path.DueSince!, path.DueReason ?? ""))];

    /// <summary>Lines that the webhook did not take.</summary>
    public int WebhookFailures => _webhook?.Failed ?? 0;

    /// <summary>Marks a judged version as tested, in every network that has it.</summary>
    public void Accept(string version)
    {
        (WatchedPath Path, string Name)[] found = [.. _paths.Values.Select(path => (path, path.Find(version)!)).Where(pair => pair.Item2 is not null)];
        if (found.Length == 0)
            throw new InputException($"--accept: no checkpoint '{version}' was judged in {_log.Path}; a step or a name that stands there was expected");
        foreach ((WatchedPath path, string name) in found)
            Tell(path.Accept(name, _log, _context.Time.GetUtcNow()));
    }

    /// <summary>Watches until it is asked to end, or what was to be awaited has come.</summary>
    public void Run()
    {
        TimeProvider time = _context.Time;
        long lastEvent = time.GetTimestamp();
        bool isLast = false; // nothing more is waited for
        try
        {
            while (true)
            {
                _context.Stop.ThrowIfCancellationRequested();
                bool hasNews = Round(_options.Once || isLast);
                if (_options.StopOnAlarm && Due.Count > 0)
                    return;
                if (hasNews || _scout.Unsettled > 0)
                    lastEvent = time.GetTimestamp();
                if (hasNews)
                    continue;
                bool isQuiet = _scout.Unsettled == 0;
                if (isQuiet && (_options.Once || isLast))
                    return;
                isLast = isQuiet && _options.UntilIdle is { } idle && time.GetElapsedTime(lastEvent) >= idle;
                if (!isLast)
                    _context.Stop.WaitHandle.WaitOne(_options.Poll);
            }
        }
        catch (OperationCanceledException) when (_context.Stop.IsCancellationRequested)
        {
            // The usual end of a watch: what was judged stands in the log.
        }
    }

    /// <summary>Waits for the webhook, for as long as its last line may take.</summary>
    public void Finish() => _webhook?.Finish(TimeSpan.FromSeconds(35));

    public void Dispose()
    {
        _webhook?.Dispose();
        _log.Dispose();
    }

    /// <summary>Looks once, and judges what is ready.</summary>
    /// <param name="isFinal">Nothing more is to come: what lies there is waited for while it may still be written, and nothing else.</param>
    /// <returns>Whether anything was written down.</returns>
    private bool Round(bool isFinal)
    {
        bool hasNews = false;
        foreach (UnreadableFile file in _scout.Look(_context.Stop))
        {
            TellUnreadable(file.Name, file.Stamp, file.Reason);
            hasNews = true;
        }
        // One that may still be written may be one that should come before.
        bool isComplete = isFinal && _scout.Unsettled == 0;
        foreach (IGrouping<string, FoundCheckpoint> network in _scout.Found.GroupBy(found => found.Network).OrderBy(group => group.Key, StringComparer.Ordinal).ToList())
        {
            WatchedPath path = PathOf(network.Key);
            foreach (FoundCheckpoint found in network.OrderBy(found => found.Step).ThenBy(found => found.Name, StringComparer.Ordinal).ToList())
            {
                _context.Stop.ThrowIfCancellationRequested();
                bool isAwaited = !isComplete && (isFinal || IsNextMissing(path, found)) && _context.Time.GetElapsedTime(found.Since) < _options.Patience;
                if (isAwaited && found.Step > (path.LastStep ?? long.MinValue))
                    break;
                if (!Judge(path, found))
                    break; // its file changed: it is looked at again, and those behind it wait
                hasNews = true;
                if (_options.StopOnAlarm && path.DueSince is not null)
                    return true;
            }
        }
        return hasNews;
    }

    /// <summary>Whether it is known that a checkpoint should come before this one.</summary>
    private bool IsNextMissing(WatchedPath path, FoundCheckpoint found)
    {
        long? before = null;
        if (_monitor is not null && _monitor.PlaceOf(found.Step) is var place && place > 0)
            before = _monitor.Steps[place - 1];
        else if (_options.Every is { } every && found.Step >= every)
            before = found.Step - every;
        return before is { } step && (path.LastStep is null || path.LastStep < step);
    }

    private bool Judge(WatchedPath path, FoundCheckpoint found)
    {
        DateTimeOffset now = _context.Time.GetUtcNow();
        JsonObject? line;
        try
        {
            line = path.LastStep is { } last && found.Step <= last ? path.JudgeLate(found, _log, now, _context.Stop) : path.Judge(found, _log, now, _context.Stop);
        }
        catch (InputException problem)
        {
            if (FileStamp.Of(_options.Folder, found.Name) != found.Stamp)
                return false;
            // The very first: the monitor is the wrong one, and not the file.
            if (Counts[Checkpoint] == 0 && _monitor is not null)
                throw;
            _scout.Refused(found.Name, found.Stamp);
            TellUnreadable(found.Name, found.Stamp, problem.Message);
            return true;
        }
        if (line is null)
            return false;
        _scout.Done(found.Name);
        Tell(line);
        if (_options.Tested is { } tested && !path.HasTested && PathReview.IsVersion(found.Name, found.Step, tested))
            Tell(path.Accept(found.Name, _log, now));
        return true;
    }

    private WatchedPath PathOf(string network)
    {
        if (!_paths.TryGetValue(network, out WatchedPath? path))
            _paths.Add(network, path = new WatchedPath(network, _options.Folder, _stateFolder, _monitor, _options.MaxDistance));
        return path;
    }

    /// <summary>Writes the first line, or takes everything over from a log that is there.</summary>
    private void Begin(string? monitor)
    {
        if (_log.Known.Count == 0)
        {
            _log.Append(new JsonObject
            {
                ["event"] = "begin",
                ["format"] = WatchLog.Format,
                ["format_version"] = WatchLog.FormatVersion,
                ["folder"] = _options.Folder,
                ["monitor"] = monitor,
                ["max_distance"] = _options.MaxDistance,
                ["order_by"] = _options.OrderBy,
            });
            return;
        }
        JsonElement begin = _log.Known[0];
        RequireSame("--monitor", begin.GetProperty("monitor").GetString() is { } old ? $"the monitor with SHA-256 {old[..12]}..." : "none", monitor is null ? "none" : $"one with SHA-256 {monitor[..12]}...");
        RequireSame("--max-distance", begin.GetProperty("max_distance").ToString() is { Length: > 0 } share ? share : "none", _options.MaxDistance?.ToString("R", System.Globalization.CultureInfo.InvariantCulture) ?? "none");
        RequireSame("--order-by", begin.GetProperty("order_by").GetString()!, _options.OrderBy);
        try
        {
            foreach (JsonElement line in _log.Known.Skip(1))
                Replay(line);
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InputException($"{_log.Path}: this log is damaged: {error.Message}; name another --log to begin anew", error);
        }
        foreach (WatchedPath path in _paths.Values)
        {
            path.Restore();
            if (_options.Tested is { } tested && !path.HasTested && path.Find(tested) is { } name)
                Tell(path.Accept(name, _log, _context.Time.GetUtcNow()));
        }
    }

    private void Replay(JsonElement line)
    {
        string kind = line.GetProperty("event").GetString()!, name = line.GetProperty("name").GetString()!;
        if (!Counts.ContainsKey(kind))
            throw new InputException($"{_log.Path}: line {line.GetProperty("number").GetInt32() + 1} is of the unknown event '{kind}'; it was written by another version of this program");
        Counts[kind]++;
        if (kind == Unreadable)
            _scout.Refused(name, new FileStamp(line.GetProperty("bytes").GetInt64(), line.GetProperty("written").GetInt64()));
        else if (kind != AcceptEvent)
            _scout.Done(name);
        if (kind is Checkpoint or AcceptEvent)
            PathOf(line.GetProperty("network").GetString()!).Replay(line);
    }

    private void RequireSame(string option, string then, string now)
    {
        // The two runs of a log must judge alike, or its lines would not follow from each other.
        string Short(string value) => value.Split("SHA-256")[^1];
        if (Short(then) != Short(now))
            throw new InputException($"{option}: {_log.Path} was begun with {then}, found {now}; go on with what it was begun with, or name another --log");
    }

    private void TellUnreadable(string name, FileStamp stamp, string reason) => Tell(_log.Append(new JsonObject
    {
        ["event"] = Unreadable,
        ["time"] = _context.Time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", System.Globalization.CultureInfo.InvariantCulture),
        ["name"] = name,
        ["verdict"] = Unreadable,
        ["reason"] = reason,
        ["bytes"] = stamp.Bytes,
        ["written"] = stamp.Written,
    }));

    /// <summary>Tells people and the webhook what stands in the log.</summary>
    private void Tell(JsonObject line)
    {
        string kind = line["event"]!.GetValue<string>();
        Counts[kind]++;
        string what = kind == AcceptEvent ? "accepted as tested" : line["verdict"]!.GetValue<string>();
        string numbers = line["place"] is JsonObject place && kind == Checkpoint
            ? $"  step {Short(place["step_length"])}, arc {Short(place["arc_length"])}{(line["since_tested"] is JsonObject since ? $", {Short(since["relative"])} of its norm since the tested version" : "")}{(line["statistic"] is { } statistic ? $", statistic {Short(statistic)} of {Short(line["threshold"])}" : "")}" : "";
        _context.Text.WriteLine($"{line["name"]}: {what}{numbers}{(line["reason"] is { } reason ? $"; {reason}" : "")}");
        _webhook?.Send(line);
    }

    private static string Short(JsonNode? number) => number is null ? "-" : Units.Short(number.GetValue<double>());
}
