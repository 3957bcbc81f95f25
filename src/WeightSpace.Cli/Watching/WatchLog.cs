using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Watching;

/// <summary>
/// The log of a watch: JSON lines, each with its number. A line is judged when it is on the disk: what was done is exactly what stands there. One process at a time has it, by the file LOG.lock, which also
/// holds how many lines the webhook is done with.
/// </summary>
internal sealed class WatchLog : IDisposable
{
    public const string Format = "weightspace-watch";
    public const int FormatVersion = 1;

    private const long MaxBytes = 1 << 30;
    private const string LockSuffix = ".lock";
    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly FileStream _lock, _file;

    private WatchLog(string path, FileStream claim, FileStream file, List<JsonElement> lines) => (Path, _lock, _file, Known, Count) = (path, claim, file, lines, lines.Count);

    public string Path { get; }

    /// <summary>The lines that were there when it was opened.</summary>
    public IReadOnlyList<JsonElement> Known { get; }

    /// <summary>The number of the next line.</summary>
    public int Count { get; private set; }

    /// <summary>How many lines the webhook was sent, or given up on. A process that died may have sent one more.</summary>
    public int Sent
    {
        get
        {
            byte[] digits = new byte[16];
            _lock.Position = 0;
            int read = _lock.ReadAtLeast(digits, digits.Length, throwOnEndOfStream: false);
            return int.TryParse(Encoding.ASCII.GetString(digits, 0, read).Trim(), out int sent) ? Math.Clamp(sent, 0, Count) : 0;
        }
        set
        {
            _lock.Position = 0;
            _lock.Write(Encoding.ASCII.GetBytes($"{value,15}\n"));
            _lock.Flush();
        }
    }

    /// <summary>Opens a log, or begins one. A last line without its end was torn by a crash and is cut off.</summary>
    /// <exception cref="InputException">Another process has it, or it is no such log.</exception>
    public static WatchLog Open(string path)
    {
        if (Directory.Exists(path))
            throw new InputException($"{path}: this is a folder; a file for the log was expected");
        if (System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
            throw new InputException($"{path}: there is no folder '{folder}' for the log; make it, or name another --log");
        FileStream claim = Claim(path);
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            return new WatchLog(path, claim, file, Read(path, file));
        }
        catch
        {
            file?.Dispose();
            claim.Dispose();
            throw;
        }
    }

    /// <summary>Writes a line, on the disk when this returns.</summary>
    public JsonObject Append(JsonObject line)
    {
        line.Insert(0, "number", Count);
        _file.Position = _file.Length;
        _file.Write(Encoding.UTF8.GetBytes(line.ToJsonString(s_json) + "\n"));
        _file.Flush(flushToDisk: true);
        Count++;
        return line;
    }

    public void Dispose()
    {
        _file.Dispose();
        _lock.Dispose();
    }

    private static FileStream Claim(string path)
    {
        try
        {
            return new FileStream(path + LockSuffix, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (File.Exists(path + LockSuffix))
        {
            throw new InputException($"{path}: another weightspace process watches with this log; stop it first, or name another --log", error);
        }
    }

    /// <summary>All whole lines. Nothing is cut off before the first line has said that this is such a log: a wrong name must not cost anybody a file.</summary>
    private static List<JsonElement> Read(string path, FileStream file)
    {
        if (file.Length > MaxBytes)
            throw new InputException($"{path}: found {file.Length} bytes, expected a log of at most {MaxBytes}; name another --log");
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        int end = bytes.AsSpan().LastIndexOf((byte)'\n') + 1;
        var lines = new List<JsonElement>();
        for (int first = 0; first < end;)
        {
            int length = bytes.AsSpan(first, end - first).IndexOf((byte)'\n');
            try
            {
                using JsonDocument json = JsonDocument.Parse(bytes.AsMemory(first, length));
                JsonElement root = json.RootElement.Clone();
                if (root.GetProperty("number").GetInt32() != lines.Count || root.GetProperty("event").GetString() is null)
                    throw new InvalidDataException($"found the number {root.GetProperty("number")}, expected {lines.Count}");
                lines.Add(root);
            }
            catch (Exception error) when (error is JsonException or InvalidDataException or InvalidOperationException or KeyNotFoundException or FormatException)
            {
                throw new InputException($"{path}: line {lines.Count + 1} is not of a sound log: {error.Message}; name another --log to begin anew", error);
            }
            first += length + 1;
        }
        if (lines.Count > 0 && (lines[0].GetProperty("event").GetString() != "begin" || !lines[0].TryGetProperty("format", out JsonElement format) || format.GetString() != Format || lines[0].GetProperty("format_version").GetInt32() != FormatVersion))
            throw new InputException($"{path}: its first line does not say that it is a log of `weightspace watch`, version {FormatVersion}; name another --log");
        ReadOnlySpan<byte> torn = bytes.AsSpan(end), begin = Encoding.ASCII.GetBytes("{\"number\":0,\"event\":\"begin\"");
        if (lines.Count == 0 && !torn[..Math.Min(torn.Length, begin.Length)].SequenceEqual(begin[..Math.Min(torn.Length, begin.Length)]))
            throw new InputException($"{path}: this is not of a sound log: it does not begin as one; name another --log");
        if (torn.Length > 0)
        {
            file.SetLength(end);
            file.Flush(flushToDisk: true);
        }
        return lines;
    }
}
