using System.Buffers;
using System.Runtime.InteropServices;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// Where a tensor's numbers stand uncompressed in a file: value [i, j, ...] at byte <paramref name="Offset"/> + size x (i x stride of the first axis + j x that of the second + ...).
/// </summary>
/// <param name="Strides">In numbers; null where they stand row-major without holes.</param>
/// <param name="Extent">How many numbers lie between its first and its last, both counted.</param>
internal sealed record StoredNumbers(NumberType Type, bool IsBigEndian, long Offset, long[]? Strides, long Extent);

/// <summary>A file whose tensors stand in it uncompressed: all formats but a compressed .npz.</summary>
internal sealed class StoredTensors(FileBytes file, IReadOnlyList<WeightTensor> tensors, IReadOnlyList<StoredNumbers> places) : IDisposable
{
    /// <summary>Numbers that are read at a time where they are converted.</summary>
    private const int Piece = 1 << 14;

    /// <summary>Bytes that are read at once for a tensor that does not stand row-major, where its own are at most so many; else a page at a time.</summary>
    private const long MostGathered = 1L << 24;

    private const int PageBytes = 1 << 16;

    private readonly Lock _lock = new();

    // The last tensor that was put in order, for those who read it piece by piece; freed when memory is short.
    private (int Tensor, WeakReference<float[]> Values) _ordered = (-1, new WeakReference<float[]>([]));

    public IReadOnlyList<WeightTensor> Tensors => tensors;

    public void Read(int tensor, long first, Span<float> values)
    {
        StoredNumbers place = places[tensor];
        if (values.IsEmpty)
            return;
        if (place.Strides is null)
            ReadRun(place, first, values);
        else if (place.Extent * NumberTypes.SizeOf(place.Type) <= MostGathered && tensors[tensor].Elements * sizeof(float) <= MostGathered)
            Ordered(tensor).AsSpan((int)first, values.Length).CopyTo(values);
        else
            Gather(tensors[tensor].Shape, place, first, values);
    }

    public void Dispose() => file.Dispose();

    /// <summary>Reads numbers that stand side by side.</summary>
    private void ReadRun(StoredNumbers place, long first, Span<float> values)
    {
        int size = NumberTypes.SizeOf(place.Type);
        long at = place.Offset + (first * size);
        if (place.Type == NumberType.F32)
        {
            Span<byte> bytes = MemoryMarshal.AsBytes(values);
            file.Read(at, bytes);
            NumberTypes.ToFloats(place.Type, place.IsBigEndian, bytes, values);
            return;
        }
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Piece * size);
        for (int done = 0; done < values.Length; done += Piece)
        {
            int count = Math.Min(Piece, values.Length - done);
            Span<byte> bytes = buffer.AsSpan(0, count * size);
            file.Read(at + ((long)done * size), bytes);
            NumberTypes.ToFloats(place.Type, place.IsBigEndian, bytes, values.Slice(done, count));
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>A small tensor row-major.</summary>
    private float[] Ordered(int tensor)
    {
        lock (_lock)
        {
            if (_ordered.Tensor == tensor && _ordered.Values.TryGetTarget(out float[]? known))
                return known;
        }
        StoredNumbers place = places[tensor];
        var stored = new float[place.Extent];
        ReadRun(place, 0, stored);
        var values = new float[tensors[tensor].Elements];
        int done = 0;
        foreach (long at in Places(tensors[tensor].Shape, place.Strides!, 0, values.Length))
            values[done++] = stored[at];
        lock (_lock)
            _ordered = (tensor, new WeakReference<float[]>(values));
        return values;
    }

    /// <summary>Reads numbers from all over a large tensor: in the order in which they stand in the file, each page once.</summary>
    private void Gather(IReadOnlyList<long> shape, StoredNumbers place, long first, Span<float> values)
    {
        int size = NumberTypes.SizeOf(place.Type), perPage = PageBytes / size;
        var page = new float[perPage];
        for (int begin = 0; begin < values.Length; begin += 1 << 20)
        {
            int count = Math.Min(1 << 20, values.Length - begin);
            long[] at = [.. Places(shape, place.Strides!, first + begin, count)];
            int[] order = [.. Enumerable.Range(0, count)];
            Array.Sort(at, order);
            long loaded = -1;
            for (int i = 0; i < count; i++)
            {
                if (at[i] / perPage != loaded)
                {
                    loaded = at[i] / perPage;
                    ReadRun(place, loaded * perPage, page.AsSpan(0, (int)Math.Min(perPage, place.Extent - (loaded * perPage))));
                }
                values[begin + order[i]] = page[at[i] % perPage];
            }
        }
    }

    /// <summary>Where values <paramref name="first"/>.. stand, in numbers from the tensor's first.</summary>
    public static IEnumerable<long> Places(IReadOnlyList<long> shape, long[] strides, long first, int count)
    {
        var index = new long[shape.Count];
        long at = 0;
        for (int axis = shape.Count - 1; axis >= 0; axis--)
        {
            (first, index[axis]) = Math.DivRem(first, shape[axis]);
            at += index[axis] * strides[axis];
        }
        for (int i = 0; i < count; i++)
        {
            yield return at;
            for (int axis = shape.Count - 1; axis >= 0; axis--)
            {
                at += strides[axis];
                if (++index[axis] < shape[axis])
                    break;
                at -= index[axis] * strides[axis];
                index[axis] = 0;
            }
        }
    }
}

/// <summary>Collects the tensors of a file while its tables are read, and holds every size against the file.</summary>
internal sealed class TensorCollector(FileBytes file)
{
    private readonly List<WeightTensor> _tensors = [];
    private readonly List<StoredNumbers> _places = [];
    private readonly List<LeftOut> _leftOut = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private Int128 _values;

    public IReadOnlyList<LeftOut> LeftOut => _leftOut;

    public int Count => _tensors.Count;

    public void Leave(string name, string reason)
    {
        if (_leftOut.Count >= WeightFile.MaxTensors)
            throw file.Bad($"found more than {WeightFile.MaxTensors} tensors that are no weights, expected at most as many");
        _leftOut.Add(new LeftOut(name, reason));
    }

    /// <summary>Adds a tensor that lies between the bytes <paramref name="begin"/> and <paramref name="end"/> of the file.</summary>
    /// <param name="strides">In numbers; null where it stands row-major.</param>
    /// <param name="firstNumber">Numbers between <paramref name="begin"/> and its first.</param>
    public void Add(string name, NumberType type, bool isBigEndian, IReadOnlyList<long> shape, IReadOnlyList<long>? strides, Int128 firstNumber, long begin, long end)
    {
        long elements = Elements(file, name, shape);
        if (!_names.Add(name))
            throw file.Bad($"two tensors are named '{Shown.Of(name)}'; one was expected");
        if (_tensors.Count >= WeightFile.MaxTensors)
            throw file.Bad($"found more than {WeightFile.MaxTensors} tensors, expected at most as many");
        // Numbers may stand in several tensors (tied weights, views), though not without end.
        _values += elements;
        if (_values > ((Int128)file.Length * 8) + (1 << 20))
            throw file.Bad($"the tensors up to '{Shown.Of(name)}' are said to have {_values} values, which is too many for a file of {file.Length} bytes");
        int size = NumberTypes.SizeOf(type);
        Int128 extent = elements;
        bool isRowMajor = strides is null;
        if (strides is not null && elements > 0)
        {
            if (strides.Count != shape.Count)
                throw file.Bad($"the tensor '{Shown.Of(name)}' has {shape.Count} dimensions and {strides.Count} strides, expected as many");
            extent = 1;
            Int128 expected = 1;
            isRowMajor = true;
            for (int axis = shape.Count - 1; axis >= 0; axis--)
            {
                if (strides[axis] < 0)
                    throw file.Bad($"the tensor '{Shown.Of(name)}' has the stride {strides[axis]}, expected at least 0");
                extent += (Int128)(shape[axis] - 1) * strides[axis];
                isRowMajor &= shape[axis] == 1 || strides[axis] == expected;
                expected *= shape[axis];
            }
        }
        if (elements > 0 && (firstNumber < 0 || begin + ((firstNumber + extent) * size) > end))
            throw file.Bad($"the tensor '{Shown.Of(name)}' of shape [{Shown.Of(shape)}] needs {extent} numbers from number {firstNumber} on, in a storage of {Math.Max(0, (end - begin) / size)}; it is damaged, or its tables lie");
        _tensors.Add(new WeightTensor(name, NumberTypes.Word(type), [.. shape]));
        _places.Add(new StoredNumbers(type, isBigEndian, elements == 0 ? 0 : (long)(begin + (firstNumber * size)), isRowMajor ? null : [.. strides!], elements == 0 ? 0 : (long)extent));
    }

    /// <summary>The product of a shape. Throws <see cref="InputException"/> where it is no shape, or the product is not below 2^63.</summary>
    public static long Elements(FileBytes file, string name, IReadOnlyList<long> shape)
    {
        if (shape.Count > WeightFile.MaxDimensions)
            throw file.Bad($"the tensor '{Shown.Of(name)}' has {shape.Count} dimensions, expected at most {WeightFile.MaxDimensions}");
        if (shape.Any(size => size < 0))
            throw file.Bad($"the tensor '{Shown.Of(name)}' has the shape [{Shown.Of(shape)}], expected sizes of at least 0");
        // Without the empty axes too, so that the strides of what is empty cannot overflow either.
        Int128 product = 1;
        foreach (long size in shape)
        {
            product *= Math.Max(1, size);
            if (product > long.MaxValue)
                throw file.Bad($"the tensor '{Shown.Of(name)}' has the shape [{Shown.Of(shape)}], which is 2^63 values or more");
        }
        return shape.Contains(0) ? 0 : (long)product;
    }

    public StoredTensors Done() => new(file, _tensors, _places);
}

/// <summary>What comes from outside, for messages: without what could command a terminal, and not too long.</summary>
internal static class Shown
{
    public static string Of(string text) => string.Create(Math.Min(text.Length, 120), text, (shown, from) =>
    {
        for (int i = 0; i < shown.Length; i++)
            shown[i] = char.IsControl(from[i]) || char.IsSurrogate(from[i]) ? '?' : from[i];
    }) + (text.Length > 120 ? "..." : "");

    public static string Of(IReadOnlyList<long> sizes) => string.Join(", ", sizes.Take(8)) + (sizes.Count > 8 ? ", ..." : "");
}
