namespace WeightSpace.Zoos.Formats;

/// <summary>Keeps a folder for one process at a time.</summary>
public static class FolderClaim
{
    /// <summary>
    /// Claims a folder that exists. The claim falls when it is disposed or the process ends, however it ends. Throws <see cref="InputException"/> where another
    /// process has it; <paramref name="what"/> says what that one is doing.
    /// </summary>
    public static FileStream Take(string folder, string what)
    {
        string path = Path.Combine(folder, "lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (File.Exists(path))
        {
            throw new InputException($"{path}: another weightspace process is {what}; wait for it, or stop it", error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{path}: the file could not be made: {error.Message}", error);
        }
    }
}
