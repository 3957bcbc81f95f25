using WeightSpace.Zoos.Checkpoints.Collections;
using WeightSpace.Zoos.Checkpoints.Files;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>Looks through a folder for checkpoint files, reads their tables and puts those with the same tensors in groups.</summary>
internal static class FileScan
{
    private const int MaxFiles = 1_000_000, MaxDepth = 32;

    /// <summary>Whether there is a file in the folder itself that may be a checkpoint.</summary>
    public static bool HasCheckpoints(string folder) => Directory.EnumerateFiles(folder).Any(WeightFormats.IsKnown);

    public static CheckpointSet Open(string path, CheckpointOptions options, Action<long, long>? progress, CancellationToken stop)
    {
        var refusals = new List<RefusedFile>();
        bool isFile = File.Exists(path);
        string folder = isFile ? Path.GetDirectoryName(path) ?? "" : path;
        List<string> candidates = isFile ? [Path.GetFileName(path)] : Find(path, refusals, stop);
        if (!isFile && !Directory.Exists(path))
            throw new InputException($"{path}: there is no such file or folder; a zoo, a collection, a folder of checkpoints or a checkpoint's file was expected");
        return Open(path, folder, candidates, refusals, options, progress, stop);
    }

    /// <summary>Opens some files of a folder, as if it held no others.</summary>
    /// <param name="names">Relative to the folder, with <c>/</c>.</param>
    public static CheckpointSet Open(string folder, IReadOnlyList<string> names, CheckpointOptions options, CancellationToken stop) => Open(folder, folder, names, [], options, null, stop);

    private static CheckpointSet Open(string path, string folder, IReadOnlyList<string> candidates, List<RefusedFile> refusals, CheckpointOptions options, Action<long, long>? progress, CancellationToken stop)
    {
        bool isFile = folder != path;
        string? ownName = isFile ? null : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
        var groups = new Dictionary<string, GroupInMaking>(StringComparer.Ordinal);
        var results = new RayResults(folder, (name, reason) => refusals.Add(new RefusedFile(name, reason)));
        for (int i = 0; i < candidates.Count; i++)
        {
            stop.ThrowIfCancellationRequested();
            string name = candidates[i], full = Path.Combine(folder, name);
            try
            {
                var info = new FileInfo(full);
                using WeightFile file = WeightFile.Open(full);
                var checkpointName = CheckpointName.Parse(name);
                Dictionary<string, string> metadata = new(file.Metadata);
                foreach ((string key, string value) in results.Of(name, checkpointName.Step))
                    metadata.TryAdd(key, value);
                var found = new FoundFile(name, full, info.Length, info.LastWriteTimeUtc.Ticks, checkpointName, metadata);
                string signature = Signature(file.Tensors);
                if (!groups.TryGetValue(signature, out GroupInMaking? group))
                    groups.Add(signature, group = new GroupInMaking(file.Tensors));
                group.Add(found, file.Tensors);
            }
            catch (Exception error) when (error is InputException or IOException)
            {
                refusals.Add(new RefusedFile(name, Reason(error.Message, full)));
            }
            progress?.Invoke(i + 1, candidates.Count);
        }
        var made = new List<FileGroup>();
        var open = new Dictionary<string, FileGroup>(StringComparer.Ordinal);
        var files = new OpenFiles<WeightFile>(options.MaxOpenFiles, full => open[full].OpenFile(full));
        foreach (GroupInMaking group in groups.Values.OrderByDescending(group => group.Files.Count))
        {
            var sorted = CheckpointOrder.Sort(group.Files, options.OrderBy, ownName, (file, reason) => refusals.Add(new RefusedFile(file.Path, reason)));
            if (sorted.Count == 0)
                continue;
            made.Add(new FileGroup($"group-{made.Count + 1}", group, sorted, files, options.InferSymmetry));
            foreach (FoundFile file in group.Files)
                open[file.FullPath] = made[^1];
        }
        if (made.Count > 0)
            return new CheckpointSet(path, CheckpointSource.Files, made, refusals, files);
        files.Dispose();
        if (isFile && refusals.Count > 0)
            throw new InputException($"{path}: {refusals[0].Reason}");
        if (refusals.Count > 0)
            throw new InputException($"{path}: none of its {refusals.Count} files can be read; {refusals[0].Path}: {refusals[0].Reason}");
        throw new InputException($"{path}: there are no checkpoints in this folder; known are zoos, collections, and files ending in {WeightFormats.Known}");
    }

    /// <summary>Paths relative to the folder, of all files that may be checkpoints, in natural order. Links to folders are not followed, hidden ones are not looked into.</summary>
    public static List<string> Find(string folder, List<RefusedFile> refusals, CancellationToken stop)
    {
        var found = new List<string>();
        var left = new Stack<(string Name, int Depth)>([("", 0)]);
        while (left.TryPop(out (string Name, int Depth) next))
        {
            stop.ThrowIfCancellationRequested();
            if (!Directory.Exists(Path.Combine(folder, next.Name)))
                continue;
            var here = new List<string>();
            try
            {
                foreach (FileSystemInfo entry in new DirectoryInfo(Path.Combine(folder, next.Name)).EnumerateFileSystemInfos())
                {
                    string name = next.Name.Length == 0 ? entry.Name : $"{next.Name}/{entry.Name}";
                    if (entry is DirectoryInfo { LinkTarget: null } && !entry.Name.StartsWith('.'))
                    {
                        if (entry.Name.EndsWith(CollectionImport.FolderSuffix, StringComparison.Ordinal))
                            continue;
                        if (File.Exists(Path.Combine(entry.FullName, ZooManifest.FileName)) || File.Exists(Path.Combine(entry.FullName, CollectionManifest.FileName)))
                            refusals.Add(new RefusedFile(name, "it is a zoo or a collection of its own; open it by itself"));
                        else if (next.Depth == MaxDepth)
                            refusals.Add(new RefusedFile(name, $"it lies more than {MaxDepth} folders deep"));
                        else
                            left.Push((name, next.Depth + 1));
                    }
                    else if (entry is FileInfo && WeightFormats.IsKnown(entry.Name))
                    {
                        here.Add(name);
                    }
                }
            }
            catch (Exception error) when (error is UnauthorizedAccessException or IOException)
            {
                refusals.Add(new RefusedFile(next.Name, $"the folder cannot be read: {error.Message}"));
            }
            found.AddRange(WithoutParts(folder, here));
            if (found.Count > MaxFiles)
                throw new InputException($"{folder}: found more than {MaxFiles} files that may be checkpoints, expected at most as many; open a part of them");
        }
        found.Sort(NaturalOrder.Instance);
        return found;
    }

    /// <summary>The files of one folder but those that an index lists: they are parts of its checkpoint.</summary>
    private static IEnumerable<string> WithoutParts(string folder, List<string> names)
    {
        var parts = new HashSet<string>(StringComparer.Ordinal);
        foreach (string index in names.Where(WeightFormats.IsIndex))
        {
            try
            {
                string inFolder = index[..(index.LastIndexOf('/') + 1)];
                parts.UnionWith(ShardedFile.PartsOf(Path.Combine(folder, index)).Select(part => inFolder + part));
            }
            catch (InputException)
            {
                // It is refused when it is opened.
            }
        }
        return names.Where(name => !parts.Contains(name));
    }

    /// <summary>Names and shapes in ordinal order: what files of one group have alike.</summary>
    private static string Signature(IReadOnlyList<WeightTensor> tensors)
    {
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        foreach (WeightTensor tensor in tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{tensor.Name.Length}:{tensor.Name}:{string.Join(',', tensor.Shape)}\n"));
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    /// <summary>A message without the path that stands before it.</summary>
    private static string Reason(string message, string path) => message.StartsWith(path + ": ", StringComparison.Ordinal) ? message[(path.Length + 2)..] : message;
}

/// <summary>Files with the same tensors. Each may have them in another order; the first gives the group's.</summary>
internal sealed class GroupInMaking
{
    private readonly List<int[]> _from = [];

    public GroupInMaking(IReadOnlyList<WeightTensor> tensors) =>
        (Block, _) = PackedBlock.Of([.. tensors.Select(tensor => (tensor.Name, tensor.Shape))]);

    public PackedBlock Block { get; }

    public List<FoundFile> Files { get; } = [];

    /// <summary>For each file and each tensor of the block: its number in the file.</summary>
    public IReadOnlyList<int[]> From => _from;

    /// <summary>Types of the tensors of the block in the first file.</summary>
    public IReadOnlyList<string> Types { get; private set; } = [];

    public void Add(FoundFile file, IReadOnlyList<WeightTensor> tensors)
    {
        Dictionary<string, int> numbers = tensors.Select((tensor, index) => (tensor.Name, index)).ToDictionary(pair => pair.Name, pair => pair.index);
        int[] from = [.. Block.Tensors.Select(tensor => numbers[tensor.Name])];
        // Nearly always the same: kept once.
        _from.Add(_from.Count > 0 && _from[^1].AsSpan().SequenceEqual(from) ? _from[^1] : from);
        if (Files.Count == 0)
            Types = [.. from.Select(index => tensors[index].Type)];
        Files.Add(file);
    }
}
