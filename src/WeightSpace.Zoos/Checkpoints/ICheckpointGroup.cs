using WeightSpace.Networks;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>A tensor of the packed block that all checkpoints of a group share.</summary>
/// <param name="Offset">Where its first value stands in the block.</param>
public sealed record PackedTensor(string Name, IReadOnlyList<long> Shape, long Offset)
{
    public long Elements { get; } = Shape.Aggregate(1L, (product, size) => checked(product * size));
}

/// <summary>One checkpoint of a group, without its weights.</summary>
/// <param name="Name">Unique in what was opened: a path in the folder, or network and step of a zoo.</param>
/// <param name="Network">The network that it is said to be of; null where nothing says so.</param>
/// <param name="Step">Its step; null where nothing says so.</param>
/// <param name="Metadata">What else is said of it, by name: epoch, loss.</param>
public sealed record CheckpointItem(string Name, string? Network, long? Step, IReadOnlyDictionary<string, string> Metadata);

/// <summary>
/// Checkpoints whose tensors have the same names and shapes, so that their weights can be compared: networks of one architecture in a zoo, or models that somebody saved. Several threads may
/// read at once.
/// </summary>
public interface ICheckpointGroup
{
    string Name { get; }

    /// <summary>In the order of the packed block, without holes.</summary>
    IReadOnlyList<PackedTensor> Tensors { get; }

    /// <summary>Values of the packed block.</summary>
    long Count { get; }

    /// <summary>The same tensors with the hidden units that may be reordered; null where that is not known.</summary>
    ParameterLayout? Symmetry { get; }

    IReadOnlyList<CheckpointItem> Items { get; }

    /// <summary>Reads values <paramref name="first"/>.. of a checkpoint's packed block.</summary>
    /// <exception cref="InputException">The file cannot be read, or is not what it was when the group was opened.</exception>
    void Read(int item, long first, Span<float> values);
}
