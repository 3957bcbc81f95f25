namespace WeightSpace.Zoos.Checkpoints;

/// <summary>The packed block of a group: its tensors one behind the other.</summary>
internal sealed class PackedBlock
{
    private static readonly string[] s_statistics = [".running_mean", ".running_var"];

    private PackedBlock(IReadOnlyList<PackedTensor> tensors)
    {
        Tensors = tensors;
        Count = tensors.Count == 0 ? 0 : checked(tensors[^1].Offset + tensors[^1].Elements);
    }

    public IReadOnlyList<PackedTensor> Tensors { get; }

    public long Count { get; }

    /// <summary>Packs tensors in the order given, but running means and variances last, as zoos have them.</summary>
    /// <returns>The block, and for each of its tensors the number of the one given.</returns>
    public static (PackedBlock Block, int[] From) Of(IReadOnlyList<(string Name, IReadOnlyList<long> Shape)> tensors)
    {
        int[] from = [.. Enumerable.Range(0, tensors.Count).OrderBy(index => IsStatistic(tensors[index].Name))];
        return (InOrder([.. from.Select(index => tensors[index])]), from);
    }

    /// <summary>Packs tensors in the order given.</summary>
    public static PackedBlock InOrder(IReadOnlyList<(string Name, IReadOnlyList<long> Shape)> tensors)
    {
        var packed = new List<PackedTensor>(tensors.Count);
        long offset = 0;
        foreach ((string name, IReadOnlyList<long> shape) in tensors)
        {
            packed.Add(new PackedTensor(name, shape, offset));
            offset = checked(offset + packed[^1].Elements);
        }
        return new PackedBlock(packed);
    }

    public static bool IsStatistic(string name) => s_statistics.Any(ending => name.EndsWith(ending, StringComparison.Ordinal));

    /// <summary>Values <paramref name="first"/>.. of the block by their tensors.</summary>
    public IEnumerable<BlockPart> Parts(long first, int count)
    {
        if (first < 0 || count > Count - first)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"the block has {Count} values, {count} from {first} on were asked for");
        return PartsCore(first, count);
    }

    private IEnumerable<BlockPart> PartsCore(long first, int count)
    {
        int tensor = TensorAt(first);
        for (int at = 0; at < count; tensor++)
        {
            PackedTensor known = Tensors[tensor];
            int part = (int)Math.Min(count - at, known.Offset + known.Elements - first);
            if (part > 0)
                yield return new BlockPart(tensor, first - known.Offset, at, part);
            at += part;
            first += part;
        }
    }

    /// <summary>The tensor that a value stands in.</summary>
    private int TensorAt(long value)
    {
        int low = 0, high = Tensors.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (Tensors[middle].Offset <= value)
                low = middle;
            else
                high = middle - 1;
        }
        return low;
    }
}

/// <summary>Some values of a tensor of the block.</summary>
/// <param name="First">The first of them, counted from the tensor's.</param>
/// <param name="At">Where they stand among the values that were asked for.</param>
internal readonly record struct BlockPart(int Tensor, long First, int At, int Count);
