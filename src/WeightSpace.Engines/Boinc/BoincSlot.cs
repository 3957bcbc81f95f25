using System.Diagnostics;
using System.Globalization;
using System.Text;
using WeightSpace.Zoos;

namespace WeightSpace.Engines.Boinc;

/// <summary>
/// The folder in which BOINC's client runs a task, and what is said there between the two: the client asks it to suspend, resume, quit or abort, and beats; the task tells how far it is. They
/// speak through <see cref="SlotMemory"/>. A task whose client no longer beats quits.
/// </summary>
public sealed class BoincSlot : IDisposable
{
    /// <summary>The exit code of a task that the client aborted.</summary>
    public const int AbortedCode = 194;

    private const string InitName = "init_data.xml", FinishName = "boinc_finish_called";
    private const int MaxInitBytes = 1 << 20, MaxLinkBytes = 512;

    private static readonly TimeSpan s_beat = TimeSpan.FromMilliseconds(500), s_silence = TimeSpan.FromSeconds(30);

    private static readonly StringComparison s_paths = OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    private readonly string _folder;
    private readonly string? _projectFolder;
    private readonly TimeProvider _time;
    private readonly double _earlierSeconds;
    private readonly SlotMemory? _memory;
    private readonly ManualResetEventSlim _mayRun = new(initialState: true);
    private readonly CancellationTokenSource _stop;
    private readonly ManualResetEventSlim _ended = new();
    private readonly Thread? _listener;
    private double _fraction, _savedSeconds;
    private long _lastBeat;

    private BoincSlot(string folder, TimeProvider time, CancellationToken stop)
    {
        (_folder, _time) = (folder, time);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
        string init = ReadInit(Path.Combine(folder, InitName));
        _projectFolder = Value(init, "project_dir") is { } project ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(project)) : null;
        SaveInterval = TimeSpan.FromSeconds(Math.Clamp(Number(init, "checkpoint_period", 60), 1, 3600));
        _savedSeconds = _earlierSeconds = Math.Clamp(Number(init, "wu_cpu_time", 0), 0, 1e9);
        _memory = SlotMemory.Open(folder, Value(init, "comm_obj_name"));
        if (_memory is null)
            return;
        _lastBeat = time.GetTimestamp();
        _listener = new Thread(Listen) { IsBackground = true, Name = "BOINC" };
        _listener.Start();
    }

    /// <summary>Cancelled when the task is to put its state down and end.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Whether the client wants nothing of this task any more.</summary>
    public bool IsAborted { get; private set; }

    /// <summary>How often the volunteer wants a task to write its state to the disk.</summary>
    public TimeSpan SaveInterval { get; }

    /// <summary>Opens the slot that a task was started in. Throws <see cref="InputException"/> where the folder is none.</summary>
    /// <param name="stop">Another reason to end.</param>
    public static BoincSlot Open(string folder, TimeProvider time, CancellationToken stop) => new(Path.GetFullPath(folder), time, stop);

    /// <summary>
    /// The file that a name in the slot stands for: itself, or what the client's soft link names, which is one line of XML. Throws <see cref="InputException"/> where that is not in the
    /// project's folder.
    /// </summary>
    public string Resolve(string name)
    {
        string path = Path.Combine(_folder, name);
        if (!File.Exists(path))
            return path;
        using FileStream file = File.OpenRead(path);
        byte[] start = new byte[MaxLinkBytes];
        string text = Encoding.UTF8.GetString(start, 0, file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false));
        const string Open = "<soft_link>", Close = "</soft_link>";
        int end = text.IndexOf(Close, StringComparison.Ordinal);
        if (!text.StartsWith(Open, StringComparison.Ordinal) || end < 0)
            return path;
        string target = Path.GetFullPath(Path.Combine(_folder, text[Open.Length..end]));
        // The project's folder is the client's to name: absolute in init_data.xml, relative in the link.
        return _projectFolder is not null && string.Equals(Path.GetDirectoryName(target), _projectFolder, s_paths) ? target
            : throw new InputException($"{path}: the link leads to {target}, expected a file in the project's folder {_projectFolder}");
    }

    /// <summary>Tells how far the task is, 0 to 1; waits here while it is suspended.</summary>
    public void Report(double fraction)
    {
        Volatile.Write(ref _fraction, fraction);
        if (!_mayRun.IsSet)
            WaitHandle.WaitAny([_mayRun.WaitHandle, Stop.WaitHandle]);
    }

    /// <summary>Tells that the task's state is on the disk: what the client counts as safe.</summary>
    public void ReportSaved() => Volatile.Write(ref _savedSeconds, CpuSeconds());

    /// <summary>Tells the client that the task has ended for good, with this exit code; without it, the client starts the task again.</summary>
    public void Finish(int exitCode)
    {
        Volatile.Write(ref _fraction, 1);
        EndListening();
        Tell();
        File.WriteAllText(Path.Combine(_folder, FinishName), exitCode.ToString(CultureInfo.InvariantCulture) + "\n");
    }

    public void Dispose()
    {
        EndListening();
        _memory?.Dispose();
        _stop.Dispose();
        _mayRun.Dispose();
        _ended.Dispose();
    }

    private void EndListening()
    {
        _ended.Set();
        _listener?.Join();
    }

    private void Listen()
    {
        do
        {
            if (_memory!.Take(SlotChannel.Control) is { } order)
                Obey(order);
            if (_memory.Take(SlotChannel.Heartbeat) is not null)
                _lastBeat = _time.GetTimestamp();
            else if (_time.GetElapsedTime(_lastBeat) > s_silence)
                _stop.Cancel();
            Tell();
        }
        while (!_ended.Wait(s_beat));
    }

    private void Obey(string order)
    {
        if (order.Contains("<suspend/>", StringComparison.Ordinal))
            _mayRun.Reset();
        if (order.Contains("<resume/>", StringComparison.Ordinal))
            _mayRun.Set();
        IsAborted |= order.Contains("<abort/>", StringComparison.Ordinal);
        if (IsAborted || order.Contains("<quit/>", StringComparison.Ordinal))
            _stop.Cancel();
    }

    private void Tell() => _memory?.Put(SlotChannel.Status, string.Create(CultureInfo.InvariantCulture,
        $"<current_cpu_time>{CpuSeconds():e6}</current_cpu_time>\n<checkpoint_cpu_time>{Volatile.Read(ref _savedSeconds):e6}</checkpoint_cpu_time>\n<fraction_done>{Volatile.Read(ref _fraction):e6}</fraction_done>\n"));

    /// <summary>Of this task, those of earlier starts included.</summary>
    private double CpuSeconds()
    {
        using var process = Process.GetCurrentProcess();
        return _earlierSeconds + process.TotalProcessorTime.TotalSeconds;
    }

    /// <summary>What the client tells the task. Preferences stand in it as volunteers wrote them, so it need not be XML as a whole.</summary>
    private static string ReadInit(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxInitBytes)
                throw new InputException($"{path}: {file.Length} bytes are too many for what BOINC's client writes");
            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            string text = Encoding.UTF8.GetString(bytes);
            return text.Contains("<app_init_data>", StringComparison.Ordinal) && !text.Contains('\0', StringComparison.Ordinal) ? text : throw new InputException($"{path}: <app_init_data> is missing, or zeros are in it; BOINC's client writes it");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException or EndOfStreamException)
        {
            throw new InputException($"{path}: the file cannot be read: {error.Message}; --boinc is for tasks that BOINC's client starts", error);
        }
    }

    private static double Number(string text, string name, double without) => double.TryParse(Value(text, name), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? value : without;

    private static string? Value(string text, string name)
    {
        int start = text.IndexOf($"<{name}>", StringComparison.Ordinal), end = text.IndexOf($"</{name}>", StringComparison.Ordinal);
        return start >= 0 && end > start ? text[(start + name.Length + 2)..end].Trim() : null;
    }
}
