using System.IO.MemoryMappedFiles;
using System.Runtime.Versioning;
using System.Text;
using System.Text.RegularExpressions;
using WeightSpace.Zoos;

namespace WeightSpace.Engines.Boinc;

/// <summary>The channels between a task and its client, which one of them writes and the other empties.</summary>
internal enum SlotChannel
{
    /// <summary>Suspend, resume, quit, abort; to the task.</summary>
    Control = 0,

    /// <summary>Beats of the client; to the task.</summary>
    Heartbeat = 4,

    /// <summary>How far the task is; to the client.</summary>
    Status = 5,
}

/// <summary>
/// The memory that a task shares with BOINC's client: channels of 1,024 bytes, each of a flag and a message that a zero ends (BOINC's lib/app_ipc.h). It is a file of the slot, and memory with a
/// name on Windows (lib/shmem.cpp), where the name stands in <c>init_data.xml</c>.
/// </summary>
internal sealed partial class SlotMemory : IDisposable
{
    public const int ChannelBytes = 1024, Channels = 8;

    private const string FileName = "boinc_mmap_file", Prefix = "shm_";

    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    internal SlotMemory(MemoryMappedFile map)
    {
        _map = map;
        _view = map.CreateViewAccessor(0, ChannelBytes * Channels);
    }

    /// <summary>Opens what a slot shares; null where there is nobody to speak with. Throws <see cref="InputException"/> where it is not what a client makes.</summary>
    /// <param name="name">What <c>init_data.xml</c> names it; null where it names none.</param>
    public static SlotMemory? Open(string folder, string? name) => OperatingSystem.IsWindows() ? OpenNamed(name) : OpenFile(Path.Combine(folder, FileName));

    /// <summary>The names under which a client may have made the memory: for all sessions of the machine where it runs as a service, else for its own.</summary>
    public static string[] Names(string name) => NamePattern().IsMatch(name) ? [@"Global\" + Prefix + name, Prefix + name]
        : throw new InputException($"comm_obj_name: found '{name}', expected letters, digits and '_': this is not what BOINC's client writes");

    /// <summary>A channel's message, which is taken out of it; null where there is none.</summary>
    public string? Take(SlotChannel channel)
    {
        long at = (long)channel * ChannelBytes;
        if (_view.ReadByte(at) == 0)
            return null;
        Thread.MemoryBarrier();
        byte[] message = new byte[ChannelBytes - 1];
        _view.ReadArray(at + 1, message, 0, message.Length);
        _view.Write(at, (byte)0);
        int end = Array.IndexOf(message, (byte)0);
        return Encoding.ASCII.GetString(message, 0, end < 0 ? message.Length : end);
    }

    /// <summary>Puts a message into a channel; false where the one before it was not taken yet.</summary>
    public bool Put(SlotChannel channel, string message)
    {
        long at = (long)channel * ChannelBytes;
        if (_view.ReadByte(at) != 0)
            return false;
        byte[] bytes = Encoding.ASCII.GetBytes(message + "\0");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, ChannelBytes - 1, nameof(message));
        _view.WriteArray(at + 1, bytes, 0, bytes.Length);
        Thread.MemoryBarrier();
        _view.Write(at, (byte)1);
        return true;
    }

    public void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
    }

    // Called by hand in a copied slot, there is no file.
    private static SlotMemory? OpenFile(string path) => !File.Exists(path) ? null
        : new FileInfo(path).Length < ChannelBytes * Channels
            ? throw new InputException($"{path}: found {new FileInfo(path).Length} bytes, expected {ChannelBytes * Channels}: this is not what BOINC's client makes")
            : new SlotMemory(MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.ReadWrite));

    [SupportedOSPlatform("windows")]
    private static SlotMemory? OpenNamed(string? name)
    {
        if (name is null)
            return null;
        foreach (string each in Names(name))
        {
            try
            {
                return new SlotMemory(MemoryMappedFile.OpenExisting(each, MemoryMappedFileRights.ReadWrite));
            }
            catch (FileNotFoundException)
            {
                // Under the other name, or the client has ended, and nobody is there to speak with.
            }
        }
        return null;
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_]{1,100}\z")]
    private static partial Regex NamePattern();
}
