using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;
using Architecture = WeightSpace.Networks.Architecture;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>A zoo as checkpoints: a group for each of its architectures that left any.</summary>
internal static class ZooCheckpoints
{
    public static CheckpointSet Open(string folder, CheckpointOptions options)
    {
        Zoo zoo = Zoo.Open(folder);
        var files = new OpenFiles<SafetensorsFile>(options.MaxOpenFiles, SafetensorsFile.Open);
        string[] factors = [.. zoo.Experiment.FactorNames.Select(Experiment.FactorColumn)];
        ZooGroup[] groups = [.. zoo.Checkpoints.GroupBy(row => row.Network.Architecture).Select(rows => new ZooGroup(zoo, zoo.ArchitectureOf(rows.First().Network), [.. rows], factors, files))];
        if (groups.Length == 0)
        {
            files.Dispose();
            throw new InputException($"{folder}: this zoo has no checkpoints: none of its networks left one");
        }
        return new CheckpointSet(folder, CheckpointSource.Zoo, groups, [], files, zoo.Manifest.Name);
    }
}

/// <summary>
/// The checkpoints of one architecture of a zoo, by network in their order, then by step. The first reading of a checkpoint holds the whole of it against its digest, also where a part is asked for.
/// </summary>
internal sealed class ZooGroup : ICheckpointGroup
{
    private readonly Zoo _zoo;
    private readonly IReadOnlyList<CheckpointRow> _rows;
    private readonly OpenFiles<SafetensorsFile> _files;
    private readonly PackedBlock _block;
    private readonly bool[] _isChecked;

    public ZooGroup(Zoo zoo, Architecture architecture, IReadOnlyList<CheckpointRow> rows, string[] factors, OpenFiles<SafetensorsFile> files)
    {
        (_zoo, _rows, _files, Name, Symmetry, _isChecked) = (zoo, rows, files, architecture.Name, architecture.Parameters, new bool[rows.Count]);
        _block = PackedBlock.InOrder([.. architecture.Parameters.Parameters.Select(parameter => (parameter.Name, (IReadOnlyList<long>)[.. parameter.Shape.Select(size => (long)size)]))]);
        Items = new MadeList<CheckpointItem>(rows.Count, index => new CheckpointItem($"{rows[index].Network.Id}/{rows[index].Step.ToString(CultureInfo.InvariantCulture)}", rows[index].Network.Id, rows[index].Step, Metadata(rows[index], factors)));
    }

    public string Name { get; }

    public IReadOnlyList<PackedTensor> Tensors => _block.Tensors;

    public long Count => _block.Count;

    public ParameterLayout Symmetry { get; }

    /// <summary>Made when they are asked for, for there may be millions.</summary>
    public IReadOnlyList<CheckpointItem> Items { get; }

    public void Read(int item, long first, Span<float> values)
    {
        CheckpointRow row = _rows[item];
        if (first == 0 && values.Length == Count)
        {
            _zoo.ReadWeights(row, values);
            _isChecked[item] = true;
            return;
        }
        if (first < 0 || first > Count - values.Length)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"the packed block has {Count} values, {values.Length} from {first} on were asked for");
        if (!_isChecked[item])
        {
            _zoo.ReadWeights(row, new float[Count]);
            _isChecked[item] = true;
        }
        using OpenFiles<SafetensorsFile>.Lease lease = _files.Use(Path.Combine(_zoo.Folder, row.Shard.Path));
        SafetensorsFile file = lease.File;
        foreach (BlockPart part in _block.Parts(first, values.Length))
            Check(file, row, part.Tensor).ReadFloats(Tensors[part.Tensor].Name, (row.Row * Tensors[part.Tensor].Elements) + part.First, values.Slice(part.At, part.Count));
    }

    private SafetensorsFile Check(SafetensorsFile file, CheckpointRow row, int tensor)
    {
        TensorInfo found = file.Tensor(Tensors[tensor].Name);
        return found.Shape.SequenceEqual([row.Shard.Rows, .. Tensors[tensor].Shape]) ? file
            : throw new InputException($"{file.Path}: the tensor '{found.Name}' has the shape [{string.Join(", ", found.Shape)}], expected {row.Shard.Rows} rows of [{string.Join(", ", Tensors[tensor].Shape)}]");
    }

    private Dictionary<string, string> Metadata(CheckpointRow row, string[] factors)
    {
        NetworkRow network = row.Network;
        var metadata = new Dictionary<string, string>
        {
            ["task"] = network.Task,
            ["variant"] = network.Variant,
            ["class"] = network.Class,
            ["init_seed"] = CsvWriter.Format(network.InitSeed),
            ["data_seed"] = CsvWriter.Format(network.DataSeed),
            ["status"] = network.Status.ToString().ToLowerInvariant(),
            ["epoch"] = ((double)row.Step / _zoo.Experiment.Networks[network.Index].Recipe.Training.EpochSteps).ToString(CultureInfo.InvariantCulture),
            ["eval_loss"] = CsvWriter.Format(row.EvalLoss),
        };
        void Add(string key, string value)
        {
            if (value.Length > 0)
                metadata.TryAdd(key, value);
        }
        Add("train_loss", CsvWriter.Format(row.TrainLoss));
        Add("eval_accuracy", CsvWriter.Format(row.EvalAccuracy));
        Add("parent", network.Parent ?? "");
        Add("attack_success", CsvWriter.Format(row.AttackSuccess));
        for (int i = 0; i < factors.Length; i++)
            Add(factors[i], network.Factors[i]);
        return metadata;
    }
}

/// <summary>A list whose items are made each time they are asked for.</summary>
internal sealed class MadeList<T>(int count, Func<int, T> make) : IReadOnlyList<T>
{
    public int Count => count;

    [SuppressMessage("Design", "CA1065", Justification = "An index out of range is the caller's error, as in any list.")]
    public T this[int index] => index >= 0 && index < count ? make(index) : throw new ArgumentOutOfRangeException(nameof(index), index, $"there are {count} items");

    public IEnumerator<T> GetEnumerator()
    {
        for (int i = 0; i < count; i++)
            yield return make(i);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
