using WeightSpace.Zoos;

namespace WeightSpace.Engines;

/// <summary>Keeps a unit for one process at a time, wherever the file system's locks reach: a job that a cluster took for dead may still be at work.</summary>
public static class UnitClaim
{
    private static string PathOf(string resultPath) => resultPath + ".lock";

    /// <summary>Claims the unit of a result; the claim falls when it is disposed or the process ends. Throws <see cref="InputException"/> where another process has it.</summary>
    public static FileStream Take(string resultPath) => TryTake(resultPath) ?? throw new InputException($"{PathOf(resultPath)}: another process is at work on this unit; wait for it, or stop it");

    /// <summary>The same; null where another process has it.</summary>
    public static FileStream? TryTake(string resultPath)
    {
        string path = PathOf(resultPath);
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (IOException error) when (error is not DirectoryNotFoundException && File.Exists(path))
        {
            return null;
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{path}: the file could not be made: {error.Message}", error);
        }
    }
}
