using System.Globalization;
using WeightSpace.Networks;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>
/// The checkpoints of one architecture of a zoo. The first reading of a checkpoint checks its digest; where a part is asked for, the whole is read once for that and parts are then read from the
/// shard as they stand. Each item's metadata has what networks.csv and checkpoints.csv say of it: <c>task</c>, <c>variant</c>, <c>class</c>, <c>init_seed</c>, <c>data_seed</c>, <c>status</c>,
/// <c>epoch</c>, <c>train_loss</c>, <c>eval_loss</c>.
/// </summary>
public sealed class ZooCheckpoints : ICheckpointGroup
{
    private readonly Zoo _zoo;
    private readonly CheckpointRow[] _rows;
    private readonly bool[] _isChecked;

    private ZooCheckpoints(Zoo zoo, Architecture architecture, CheckpointRow[] rows)
    {
        (_zoo, _rows, Name, Symmetry, _isChecked) = (zoo, rows, architecture.Name, architecture.Parameters, new bool[rows.Length]);
        Tensors = [.. architecture.Parameters.Parameters.Select(parameter => new PackedTensor(parameter.Name, [.. parameter.Shape.Select(size => (long)size)], parameter.Offset))];
        Items = [.. rows.Select(Item)];
    }

    public string Name { get; }

    public IReadOnlyList<PackedTensor> Tensors { get; }

    public long Count => Symmetry!.Count;

    public ParameterLayout? Symmetry { get; }

    /// <summary>By network in the zoo's order, then by step.</summary>
    public IReadOnlyList<CheckpointItem> Items { get; }

    /// <summary>A group for each architecture that has checkpoints, in the order of the manifest.</summary>
    public static IReadOnlyList<ICheckpointGroup> Of(Zoo zoo)
    {
        ILookup<string, CheckpointRow> rows = zoo.Checkpoints.ToLookup(row => row.Network.Architecture);
        return [.. zoo.Manifest.Architectures.Where(architecture => rows.Contains(architecture.Name)).Select(architecture => new ZooCheckpoints(zoo, architecture, [.. rows[architecture.Name]]))];
    }

    public void Read(int item, long first, Span<float> values)
    {
        CheckpointRow row = _rows[item];
        if (first < 0 || first > Count - values.Length)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"the packed block has {Count} values, {values.Length} from {first} on were asked for");
        if (values.Length == Count)
        {
            _zoo.ReadWeights(row, values);
            _isChecked[item] = true;
            return;
        }
        if (!_isChecked[item])
        {
            float[] all = new float[Count];
            _zoo.ReadWeights(row, all);
            _isChecked[item] = true;
            all.AsSpan((int)first, values.Length).CopyTo(values);
            return;
        }
        _zoo.ReadPart(row, (int)first, values);
    }

    private CheckpointItem Item(CheckpointRow row)
    {
        NetworkRow network = row.Network;
        long epochSteps = _zoo.Experiment.Networks[network.Index].Recipe.Training.EpochSteps;
        var metadata = new Dictionary<string, string>
        {
            ["task"] = network.Task,
            ["variant"] = network.Variant,
            ["class"] = network.Class,
            ["init_seed"] = network.InitSeed.ToString(CultureInfo.InvariantCulture),
            ["data_seed"] = network.DataSeed.ToString(CultureInfo.InvariantCulture),
            ["status"] = network.Status.ToString().ToLowerInvariant(),
            ["epoch"] = ((double)row.Step / epochSteps).ToString(CultureInfo.InvariantCulture),
            ["eval_loss"] = row.EvalLoss.ToString(CultureInfo.InvariantCulture),
        };
        if (row.TrainLoss is { } loss)
            metadata["train_loss"] = loss.ToString(CultureInfo.InvariantCulture);
        return new CheckpointItem(string.Create(CultureInfo.InvariantCulture, $"{network.Id}:{row.Step}"), network.Id, row.Step, metadata);
    }
}
