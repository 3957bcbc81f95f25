using System.Globalization;
using System.Text.Json;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>
/// What Ray Tune says of the checkpoints <c>TRIAL/checkpoint_NNNNNN/checkpoints</c>, in <c>TRIAL/result.json</c>: a JSON object on each line, with <c>training_iteration</c> and what was measured.
/// The model zoos of Schürholt et al. (arXiv 2209.14764) come so.
/// </summary>
internal sealed class RayResults(string folder, Action<string, string> refuse)
{
    public const string FileName = "result.json";

    private const long MaxBytes = 1L << 26;
    private const int MaxLineBytes = 1 << 20;

    /// <summary>What says where and when it was trained, and not what was measured.</summary>
    private static readonly string[] s_private = ["pid", "hostname", "node_ip", "date", "timestamp", "time_", "trial_id", "experiment_", "done", "timesteps_", "iterations_since_restore", "warmup_time"];

    // Of the trial that was asked for last: files come in the order of their folders.
    private string? _trial;
    private Dictionary<long, Dictionary<string, string>> _rows = [];

    /// <summary>What is said of a checkpoint; nothing where there is no such file.</summary>
    public IReadOnlyDictionary<string, string> Of(string name, long? step)
    {
        string[] parts = name.Split('/');
        if (step is null || parts.Length < 2 || !parts[^2].StartsWith("checkpoint_", StringComparison.Ordinal))
            return new Dictionary<string, string>();
        string trial = string.Join('/', parts[..^2]);
        if (trial != _trial)
        {
            _trial = trial;
            _rows = [];
            string file = trial.Length == 0 ? FileName : $"{trial}/{FileName}";
            try
            {
                Read(Path.Combine(folder, file));
            }
            catch (Exception error) when (error is InputException or IOException or JsonException or UnauthorizedAccessException)
            {
                refuse(file, $"what it says of its checkpoints cannot be read: {error.Message}");
            }
        }
        return _rows.TryGetValue(step.Value, out Dictionary<string, string>? row) ? row : new Dictionary<string, string>();
    }

    private void Read(string path)
    {
        // What has no length may be a pipe, which opening would wait for.
        if (!File.Exists(path) || new FileInfo(path).Length == 0)
            return;
        using FileStream stream = ZooFiles.Open(path);
        if (stream.Length > MaxBytes)
            throw new InputException($"found {stream.Length} bytes, expected at most {MaxBytes}");
        byte[] all = new byte[stream.Length];
        stream.ReadExactly(all);
        for (int at = 0; at < all.Length;)
        {
            int length = all.AsSpan(at).IndexOf((byte)'\n');
            length = length < 0 ? all.Length - at : length;
            ReadOnlyMemory<byte> line = all.AsMemory(at, length);
            at += length + 1;
            if (line.Span.Trim((byte)' ').Trim((byte)'\r').IsEmpty)
                continue;
            if (length > MaxLineBytes)
                throw new InputException($"found a line of {length} bytes, expected at most {MaxLineBytes}");
            using JsonDocument json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 16 });
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("training_iteration", out JsonElement iteration) || iteration.ValueKind != JsonValueKind.Number || !iteration.TryGetInt64(out long number))
                throw new InputException("found a line that is no object with a training_iteration");
            var row = new Dictionary<string, string>();
            Collect("", json.RootElement, row);
            _rows[number] = row;
        }
    }

    private static void Collect(string prefix, JsonElement element, Dictionary<string, string> row)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string key = prefix + property.Name;
            if (row.Count >= Files.StateDictionary.MaxMetadata || key.Length > Files.StateDictionary.MaxKeyLength || key.Any(char.IsControl) || s_private.Any(start => key.StartsWith(start, StringComparison.Ordinal)))
                continue;
            string? text = property.Value.ValueKind switch
            {
                JsonValueKind.Number => property.Value.GetDouble().ToString(CultureInfo.InvariantCulture),
                JsonValueKind.True => "true",
                JsonValueKind.False => "false",
                JsonValueKind.String => property.Value.GetString(),
                _ => null,
            };
            if (text is not null && text.Length <= Files.StateDictionary.MaxValueLength && !text.Any(char.IsControl))
                row.TryAdd(key, text);
            else if (property.Value.ValueKind == JsonValueKind.Object && prefix.Length == 0 && property.Name == "config")
                Collect("config.", property.Value, row);
        }
    }
}
