namespace WeightSpace.Zoos.Publication;

/// <summary>From an archive to a zoo's folder.</summary>
public static class ZooUnpacking
{
    /// <summary>What stands behind the zoo's name while it is unpacked.</summary>
    public const string FolderSuffix = ".unpacking";

    /// <summary>
    /// Unpacks an archive into a folder beside <paramref name="folder"/>, and gives that its name when every byte is found right and the zoo opens. Returns false where
    /// it stands there already. Throws <see cref="InputException"/> where the archive is not whole, has no weights, or something else is there.
    /// </summary>
    public static bool Unpack(string path, string folder, Action<long, long>? progress, CancellationToken stop)
    {
        folder = Path.TrimEndingDirectorySeparator(folder);
        if (ZooFolder.IsThere(folder, ZooArchive.ReadManifest(path).Bytes))
        {
            Zoo.Open(folder);
            return false;
        }
        string partial = folder + FolderSuffix;
        ZooFolder.Remove(partial);
        try
        {
            if (!ZooArchive.Read(path, partial, progress, stop).HasWeights)
                throw new InputException($"{path}: this is the recipe form of a zoo, without weights; `weightspace regrow {path} --out {folder}` trains them again");
            Zoo.Open(partial);
            ZooFolder.Publish(partial, folder);
            return true;
        }
        finally
        {
            ZooFolder.Remove(partial);
        }
    }
}
