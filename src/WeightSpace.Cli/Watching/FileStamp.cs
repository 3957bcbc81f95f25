using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Cli.Watching;

/// <summary>What tells whether a file is still the one that it was: its bytes, and when it was last written. Of a checkpoint in parts, of all its files together.</summary>
/// <param name="Bytes">Its length.</param>
/// <param name="Written">UTC ticks.</param>
internal readonly record struct FileStamp(long Bytes, long Written)
{
    /// <summary>Of a checkpoint; null where it is not there.</summary>
    public static FileStamp? Of(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        if (One(path) is not { } stamp)
            return null;
        try
        {
            foreach (string part in CheckpointSet.PartsOf(path))
            {
                FileStamp other = One(part) ?? default;
                stamp = new FileStamp(stamp.Bytes + other.Bytes, Math.Max(stamp.Written, other.Written));
            }
        }
        catch (Exception error) when (error is InputException or IOException)
        {
            // An index that is being written: its own stamp will change.
        }
        return stamp;
    }

    private static FileStamp? One(string path)
    {
        var info = new FileInfo(path);
        return info.Exists ? new FileStamp(info.Length, info.LastWriteTimeUtc.Ticks) : null;
    }
}
