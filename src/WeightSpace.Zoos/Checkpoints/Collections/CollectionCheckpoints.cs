using System.Security.Cryptography;
using WeightSpace.Networks;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Checkpoints.Collections;

/// <summary>Opens a collection: manifest, table and sizes are held against each other, and no weights are read.</summary>
internal static class CollectionCheckpoints
{
    public static CheckpointSet Open(string folder, CheckpointOptions options)
    {
        CollectionManifest manifest = CollectionManifest.Read(folder);
        foreach (CollectionFile file in manifest.Files)
            CheckSize(Path.Combine(folder, file.Path), file);
        CollectionFile table = manifest.Files.First(file => file.Path == CollectionManifest.TableName);
        using (FileStream stream = ZooFiles.Open(Path.Combine(folder, table.Path)))
        {
            if (Convert.ToHexStringLower(SHA256.HashData(stream)) != table.Sha256)
                throw new InputException($"{Path.Combine(folder, table.Path)}: its SHA-256 is not the one in {CollectionManifest.FileName}; it was changed or damaged after the import; import the checkpoints again");
        }
        List<CollectionRow> rows = CollectionTable.Read(folder, manifest);
        var files = new OpenFiles<SafetensorsFile>(options.MaxOpenFiles, SafetensorsFile.Open);
        var groups = new List<ICheckpointGroup>();
        foreach (IGrouping<int, CollectionRow> group in rows.GroupBy(row => row.Group).OrderBy(group => group.Key))
            groups.Add(new StoredGroup(folder, manifest.Groups[group.Key], [.. group], files, options.InferSymmetry));
        return new CheckpointSet(folder, CheckpointSource.Collection, groups, manifest.Refused, files);
    }

    private static void CheckSize(string path, CollectionFile file)
    {
        var info = new FileInfo(path);
        if (!info.Exists)
            throw new InputException($"{path}: the file is missing, though {CollectionManifest.FileName} lists it; copy the collection again, or import the checkpoints again");
        if (info.Length != file.Bytes)
            throw new InputException($"{path}: found {info.Length} bytes, expected {file.Bytes}, as {CollectionManifest.FileName} lists it; copy the collection again, or import the checkpoints again");
    }
}

/// <summary>The checkpoints of one group of a collection.</summary>
internal sealed class StoredGroup : ICheckpointGroup
{
    private readonly string _folder;
    private readonly IReadOnlyList<CollectionRow> _rows;
    private readonly OpenFiles<SafetensorsFile> _files;
    private readonly PackedBlock _block;
    private readonly Lazy<ParameterLayout?> _symmetry;

    public StoredGroup(string folder, CollectionGroup group, IReadOnlyList<CollectionRow> rows, OpenFiles<SafetensorsFile> files, bool infersSymmetry)
    {
        (_folder, _rows, _files, Name) = (folder, rows, files, group.Name);
        _block = PackedBlock.InOrder([.. group.Tensors.Select(tensor => (tensor.Name, tensor.Shape))]);
        Items = [.. rows.Select(row => row.Item)];
        _symmetry = new Lazy<ParameterLayout?>(() => infersSymmetry ? ParameterLayout.Inferred([.. Tensors.Select(tensor => (tensor.Name, tensor.Shape))]) : null);
    }

    public string Name { get; }

    public IReadOnlyList<PackedTensor> Tensors => _block.Tensors;

    public long Count => _block.Count;

    public ParameterLayout? Symmetry => _symmetry.Value;

    public IReadOnlyList<CheckpointItem> Items { get; }

    public void Read(int item, long first, Span<float> values)
    {
        CollectionRow row = _rows[item];
        string path = Path.Combine(_folder, row.Shard.Path);
        using OpenFiles<SafetensorsFile>.Lease lease = _files.Use(path);
        foreach (BlockPart part in _block.Parts(first, values.Length))
        {
            PackedTensor tensor = Tensors[part.Tensor];
            if (!lease.File.Tensor(tensor.Name).Shape.SequenceEqual([row.Shard.Rows, .. tensor.Shape]))
                throw new InputException($"{path}: the tensor '{tensor.Name}' has the shape [{string.Join(", ", lease.File.Tensor(tensor.Name).Shape)}], expected {row.Shard.Rows} rows of [{string.Join(", ", tensor.Shape)}]");
            lease.File.ReadFloats(tensor.Name, (row.Row * tensor.Elements) + part.First, values.Slice(part.At, part.Count));
        }
        // A whole checkpoint is held against its digest.
        if (first == 0 && values.Length == Count && Sha256Digest.Of(values).ToString() != row.Digest)
            throw new InputException($"{path}: the weights of '{Files.Shown.Of(row.Item.Name)}' do not match their digest; the file was changed or damaged after the import; import the checkpoints again");
    }
}
