namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>A tensor of weights in a file.</summary>
/// <param name="Type">Of its numbers in the file: <c>float32</c>, <c>float64</c>, <c>float16</c>, <c>bfloat16</c>.</param>
public sealed record WeightTensor(string Name, string Type, IReadOnlyList<long> Shape)
{
    public long Elements { get; } = Shape.Aggregate(1L, (product, size) => checked(product * size));
}

/// <summary>What a file holds beside weights, and why it is not read as such.</summary>
public sealed record LeftOut(string Name, string Reason);

/// <summary>
/// A checkpoint in one file (or one index and its parts), of any of the known formats. Opening one reads its tables and no weights, so that a file far larger than memory can be read.
/// What comes from outside is hostile: whatever is wrong is an <see cref="InputException"/> naming the file. Several threads may read at once.
/// </summary>
public abstract class WeightFile : IDisposable
{
    /// <summary>Most tensors of one file.</summary>
    public const int MaxTensors = 500_000;

    /// <summary>Most dimensions of a tensor.</summary>
    public const int MaxDimensions = 64;

    private protected WeightFile(string path) => Path = path;

    public string Path { get; }

    /// <summary>The tensors of weights in the file's order.</summary>
    public abstract IReadOnlyList<WeightTensor> Tensors { get; }

    /// <summary>What else the file says, as short texts: epoch, loss.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; private protected set; } = new Dictionary<string, string>();

    /// <summary>Tensors that are no weights: whole numbers, truth values.</summary>
    public IReadOnlyList<LeftOut> LeftOut { get; private protected set; } = [];

    /// <summary>Reads values <paramref name="first"/>.. of a tensor, row-major, as float32.</summary>
    /// <exception cref="InputException">The file is damaged, or is not what it was when it was opened.</exception>
    public abstract void Read(int tensor, long first, Span<float> values);

    /// <summary>Opens a file by its ending.</summary>
    /// <exception cref="InputException">It is damaged, holds no weights, or is of no known format.</exception>
    public static WeightFile Open(string path) => WeightFormats.Open(path);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);

    private protected static void CheckRange(WeightTensor tensor, long first, int count)
    {
        if (first < 0 || count > tensor.Elements - first)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"tensor '{tensor.Name}' has {tensor.Elements} values, {count} from {first} on were asked for");
    }
}
