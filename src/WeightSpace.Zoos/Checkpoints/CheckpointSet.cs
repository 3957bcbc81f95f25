using WeightSpace.Zoos.Checkpoints.Collections;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>A file that holds no checkpoint that could be read, and why.</summary>
/// <param name="Path">Relative to what was opened, with <c>/</c>.</param>
public sealed record RefusedFile(string Path, string Reason);

/// <summary>What was opened.</summary>
public enum CheckpointSource
{
    /// <summary>A zoo: <c>zoo.json</c>.</summary>
    Zoo,

    /// <summary>Checkpoints that were imported: <c>collection.json</c>.</summary>
    Collection,

    /// <summary>The layout of Unterthiner et al. (arXiv 2002.11448): a matrix with a row for each checkpoint.</summary>
    Matrix,

    /// <summary>Checkpoint files, or one.</summary>
    Files,
}

/// <summary>How checkpoints are opened.</summary>
public sealed record CheckpointOptions
{
    public const string Auto = "auto", ByName = "name", ByStep = "step", ByEpoch = "epoch", ByTime = "mtime";

    /// <summary>
    /// What puts the checkpoints of a network in order: <c>auto</c>, <c>name</c>, <c>step</c>, <c>epoch</c>, <c>mtime</c>, or the name of a number that the files hold. Zoos and collections have
    /// their order.
    /// </summary>
    public string OrderBy { get; init; } = Auto;

    /// <summary>Most files that are open at a time; 1 to 1,000.</summary>
    public int MaxOpenFiles { get; init; } = 64;

    /// <summary>Whether hidden units that may be reordered are told from names and shapes where nothing else says them.</summary>
    public bool InferSymmetry { get; init; } = true;
}

/// <summary>
/// The checkpoints of a zoo, a collection, a folder of checkpoint files or a single one, in groups whose weights can be compared; the biggest group first. Nothing is dropped in silence: what
/// could not be read stands among <see cref="Refusals"/>, what cannot be compared in a group of its own. Several threads may read at once.
/// </summary>
public sealed class CheckpointSet : IDisposable
{
    private readonly IDisposable _files;

    internal CheckpointSet(string path, CheckpointSource source, IReadOnlyList<ICheckpointGroup> groups, IReadOnlyList<RefusedFile> refusals, IDisposable files, string? title = null)
    {
        (Path, Source, Refusals, _files) = (path, source, refusals, files);
        Title = title ?? System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path)));
        // Stable: groups of the same size stay in their order.
        Groups = [.. groups.OrderByDescending(group => group.Items.Count)];
    }

    public string Path { get; }

    /// <summary>What a zoo calls itself; of others the name of the file or folder.</summary>
    public string Title { get; }

    public CheckpointSource Source { get; }

    /// <summary>The biggest first; at least one, each with at least one checkpoint.</summary>
    public IReadOnlyList<ICheckpointGroup> Groups { get; }

    public IReadOnlyList<RefusedFile> Refusals { get; }

    /// <summary>Opens a zoo's folder, a collection's, a folder of checkpoint files with its sub-folders, or a single file. No weights are read.</summary>
    /// <param name="progress">Is told files looked at, and all of them.</param>
    /// <exception cref="InputException">There is nothing, or nothing of it can be read; or a zoo or a collection is damaged.</exception>
    public static CheckpointSet Open(string path, CheckpointOptions? options = null, Action<long, long>? progress = null, CancellationToken stop = default)
    {
        options ??= new CheckpointOptions();
        if (options.MaxOpenFiles is < 1 or > 1000)
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxOpenFiles, "1 to 1,000 open files were expected");
        bool Has(string name) => File.Exists(System.IO.Path.Combine(path, name));
        if (File.Exists(path) || !Directory.Exists(path))
            return FileScan.Open(path, options, progress, stop);
        if (Has(ZooManifest.FileName))
            return ZooCheckpoints.Open(path, options);
        if (Has(CollectionManifest.FileName))
            return CollectionCheckpoints.Open(path, options);
        if (MatrixCheckpoints.IsHere(path))
            return MatrixCheckpoints.Open(path, options, stop);
        if (Directory.Exists(System.IO.Path.Combine(path, "work")) && !Has(ZooManifest.FileName) && !FileScan.HasCheckpoints(path))
            throw new InputException($"{path}: this zoo is still growing (there is work/ and no {ZooManifest.FileName}); run the same `weightspace train` again to finish it");
        return FileScan.Open(path, options, progress, stop);
    }

    /// <summary>Opens some checkpoint files of a folder, as if it held no others; what cannot be read stands among <see cref="Refusals"/>.</summary>
    /// <param name="names">Relative to the folder, with <c>/</c>; at least one.</param>
    /// <exception cref="InputException">None of them can be read.</exception>
    public static CheckpointSet OpenFiles(string folder, IReadOnlyList<string> names, CheckpointOptions? options = null, CancellationToken stop = default) =>
        FileScan.Open(folder, names, options ?? new CheckpointOptions(), stop);

    /// <summary>
    /// Names of all files under a folder that may be checkpoints, relative to it, with <c>/</c>, in natural order. None is opened but an index of parts, which stands for them.
    /// </summary>
    /// <param name="refusals">Is added what cannot be looked into.</param>
    public static IReadOnlyList<string> FindFiles(string folder, ICollection<RefusedFile> refusals, CancellationToken stop = default)
    {
        var found = new List<RefusedFile>();
        IReadOnlyList<string> names = FileScan.Find(folder, found, stop);
        foreach (RefusedFile refusal in found)
            refusals.Add(refusal);
        return names;
    }

    /// <summary>The further files of a checkpoint that is in parts, by its index; none of any other file.</summary>
    /// <exception cref="InputException">The index is damaged.</exception>
    public static IReadOnlyList<string> PartsOf(string path) =>
        Files.WeightFormats.IsIndex(path) ? [.. Files.ShardedFile.PartsOf(path).Select(part => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path) ?? "", part))] : [];

    public void Dispose() => _files.Dispose();
}
