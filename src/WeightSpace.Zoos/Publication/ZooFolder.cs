namespace WeightSpace.Zoos.Publication;

/// <summary>Folders that a whole zoo comes into at once, under its final name only when all of it is right.</summary>
public static class ZooFolder
{
    /// <summary>
    /// Whether the zoo with this <c>zoo.json</c> stands in the folder already; false where there is no such folder or nothing in it. Throws
    /// <see cref="InputException"/> where anything else is there.
    /// </summary>
    public static bool IsThere(string folder, ReadOnlySpan<byte> manifest)
    {
        string path = Path.Combine(folder, ZooManifest.FileName);
        if (File.Exists(path))
            return File.ReadAllBytes(path).AsSpan().SequenceEqual(manifest) ? true : throw new InputException($"{folder}: there is another zoo; choose another folder, or remove that one");
        if (File.Exists(folder))
            throw new InputException($"{folder}: this is a file; choose another name for the zoo's folder");
        return Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()
            ? throw new InputException($"{folder}: there is something else in this folder; choose another one, or an empty one") : false;
    }

    /// <summary>Gives a whole zoo its final name.</summary>
    public static void Publish(string from, string to)
    {
        try
        {
            // An empty one, as IsThere has seen; if it is not, it stays.
            if (Directory.Exists(to))
                Directory.Delete(to);
            Directory.Move(from, to);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{to}: the folder could not be given this name: {error.Message}", error);
        }
    }

    /// <summary>Makes a folder where it is missing.</summary>
    public static void Make(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{folder}: the folder could not be made: {error.Message}", error);
        }
    }

    /// <summary>Removes what an earlier call left under a name of our own; whatever can still not be removed stays.</summary>
    public static void Remove(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It does no harm; the next call tries again.
        }
    }
}
