using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Cli.Watching;

/// <summary>A checkpoint that lies in the folder and can be read.</summary>
/// <param name="Name">Relative to the folder.</param>
/// <param name="Since">When it was first seen whole: a timestamp of the time provider.</param>
internal sealed record FoundCheckpoint(string Name, string Network, long Step, FileStamp Stamp, long Since);

/// <summary>A file that cannot be read as a checkpoint as it is.</summary>
internal sealed record UnreadableFile(string Name, FileStamp Stamp, string Reason);

/// <summary>
/// Looks for files that are new. A file is looked into once it has kept its length and time for a while: until then it may still be written. One that cannot be read is told once, and looked into
/// again when it has changed.
/// </summary>
internal sealed class FolderScout(string folder, string orderBy, TimeSpan settle, TimeProvider time)
{
    private readonly Dictionary<string, Seen> _seen = new(StringComparer.Ordinal);
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);

    /// <summary>What is known of a file that is not done with.</summary>
    private sealed record Seen(FileStamp Stamp, long Since, FoundCheckpoint? Found, bool IsRefused);

    /// <summary>Files that may still be written.</summary>
    public int Unsettled { get; private set; }

    /// <summary>What can be read and is not done with.</summary>
    public IEnumerable<FoundCheckpoint> Found => _seen.Values.Select(seen => seen.Found).OfType<FoundCheckpoint>();

    /// <summary>A file is done with: it is not looked at again.</summary>
    public void Done(string name)
    {
        _done.Add(name);
        _seen.Remove(name);
    }

    /// <summary>A file was told to be unreadable, as it was then.</summary>
    public void Refused(string name, FileStamp stamp) => _seen[name] = new Seen(stamp, time.GetTimestamp(), null, true);

    /// <summary>Looks once.</summary>
    /// <returns>Files that cannot be read and were not told before.</returns>
    public List<UnreadableFile> Look(CancellationToken stop)
    {
        var unreadable = new List<UnreadableFile>();
        long now = time.GetTimestamp();
        DateTime clock = time.GetUtcNow().UtcDateTime;
        var there = new HashSet<string>(StringComparer.Ordinal);
        Unsettled = 0;
        foreach (string name in CheckpointSet.FindFiles(folder, [], stop))
        {
            stop.ThrowIfCancellationRequested();
            if (_done.Contains(name) || FileStamp.Of(folder, name) is not { } stamp)
                continue;
            there.Add(name);
            if (!_seen.TryGetValue(name, out Seen? seen) || seen.Stamp != stamp)
                _seen[name] = seen = new Seen(stamp, now, null, false);
            if (seen.IsRefused || seen.Found is not null)
                continue;
            // What was written long ago need not be waited for.
            if (time.GetElapsedTime(seen.Since, now) < settle && clock - new DateTime(stamp.Written, DateTimeKind.Utc) < settle)
            {
                Unsettled++;
                continue;
            }
            (FoundCheckpoint? found, string? reason) = LookInto(name, stamp, now);
            _seen[name] = seen with { Found = found, IsRefused = found is null };
            if (reason is not null)
                unreadable.Add(new UnreadableFile(name, stamp, reason));
        }
        foreach (string gone in _seen.Keys.Where(name => !there.Contains(name)).ToList())
            _seen.Remove(gone);
        return unreadable;
    }

    private (FoundCheckpoint? Found, string? Reason) LookInto(string name, FileStamp stamp, long now)
    {
        try
        {
            using CheckpointSet set = CheckpointSet.OpenFiles(folder, [name], new CheckpointOptions { OrderBy = orderBy, InferSymmetry = false });
            CheckpointItem item = set.Groups[0].Items[0];
            return item.Step is { } step ? (new FoundCheckpoint(name, item.Network ?? set.Title, step, stamp, now), null)
                : (null, "nothing in it or its name says a step; name it by one, as in step_100.pt, or say with --order-by what holds it");
        }
        catch (Exception error) when (error is InputException or IOException or UnauthorizedAccessException)
        {
            string message = error.Message, before = folder + ": none of its 1 files can be read; " + name + ": ";
            return (null, message.StartsWith(before, StringComparison.Ordinal) ? message[before.Length..] : message);
        }
    }
}
