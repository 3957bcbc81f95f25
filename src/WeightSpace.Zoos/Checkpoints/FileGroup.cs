using WeightSpace.Networks;
using WeightSpace.Zoos.Checkpoints.Files;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>Checkpoints in files of their own.</summary>
internal sealed class FileGroup : ISourcedGroup
{
    private readonly GroupInMaking _made;
    private readonly int[] _files;
    private readonly OpenFiles<WeightFile> _open;
    private readonly Dictionary<string, int> _byPath;
    private readonly Lazy<ParameterLayout?> _symmetry;

    public FileGroup(string name, GroupInMaking made, IReadOnlyList<(CheckpointItem Item, int File)> sorted, OpenFiles<WeightFile> open, bool infersSymmetry)
    {
        (Name, _made, _open) = (name, made, open);
        Items = [.. sorted.Select(pair => pair.Item)];
        _files = [.. sorted.Select(pair => pair.File)];
        _byPath = made.Files.Select((file, index) => (file.FullPath, index)).ToDictionary(pair => pair.FullPath, pair => pair.index, StringComparer.Ordinal);
        _symmetry = new Lazy<ParameterLayout?>(() => infersSymmetry ? ParameterLayout.Inferred([.. Tensors.Select(tensor => (tensor.Name, tensor.Shape))]) : null);
    }

    public string Name { get; }

    public IReadOnlyList<PackedTensor> Tensors => _made.Block.Tensors;

    public long Count => _made.Block.Count;

    public ParameterLayout? Symmetry => _symmetry.Value;

    public IReadOnlyList<CheckpointItem> Items { get; }

    public IReadOnlyList<string> Types => _made.Types;

    public (string File, long Length, long Written) SourceOf(int item) => FileOf(item) is var file ? (file.Path, file.Length, file.Written) : default;

    private FoundFile FileOf(int item) => _made.Files[_files[item]];

    public void Read(int item, long first, Span<float> values)
    {
        using OpenFiles<WeightFile>.Lease lease = _open.Use(FileOf(item).FullPath);
        int[] from = _made.From[_files[item]];
        foreach (BlockPart part in _made.Block.Parts(first, values.Length))
            lease.File.Read(from[part.Tensor], part.First, values.Slice(part.At, part.Count));
    }

    /// <summary>Opens a file of the group again and holds it against what it was.</summary>
    public WeightFile OpenFile(string path)
    {
        int index = _byPath[path];
        FoundFile known = _made.Files[index];
        var info = new FileInfo(path);
        if (!info.Exists || info.Length != known.Length || info.LastWriteTimeUtc.Ticks != known.Written)
            throw Changed(path);
        WeightFile file = WeightFile.Open(path);
        int[] from = _made.From[index];
        for (int tensor = 0; tensor < from.Length; tensor++)
        {
            if (from[tensor] < file.Tensors.Count && file.Tensors[from[tensor]].Name == Tensors[tensor].Name && file.Tensors[from[tensor]].Shape.SequenceEqual(Tensors[tensor].Shape))
                continue;
            file.Dispose();
            throw Changed(path);
        }
        return file;
    }

    private static InputException Changed(string path) => new($"{path}: the file was changed or removed after the folder was looked through; run the command again");
}
