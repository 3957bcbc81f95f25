using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace WeightSpace.Zoos.Formats;

/// <summary>A tensor of an open file: type, shape, and where its bytes stand, counted from the first byte behind the header.</summary>
/// <param name="Type">The element type as the file words it (<c>F32</c>, <c>BF16</c>).</param>
public sealed record TensorInfo(string Name, string Type, IReadOnlyList<long> Shape, long Begin, long End)
{
    public long Elements => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>
/// Reads safetensors and checks all that the format demands before any tensor is read: a header of at most 100 MB that lies in the file, known
/// types, shapes that give the lengths, and tensors that cover the data without holes or overlaps. Whatever breaks that is an
/// <see cref="InputException"/> naming the file and the tensor. Several threads may read at once.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>The reference implementation's bound on the header.</summary>
    public const long MaxHeaderBytes = 100_000_000;

    internal const string MetadataKey = "__metadata__";

    private readonly SafeFileHandle _file;
    private readonly long _dataStart;
    private readonly Dictionary<string, TensorInfo> _byName;

    private SafetensorsFile(string path, SafeFileHandle file, long dataStart, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TensorInfo> tensors)
    {
        (Path, _file, _dataStart, Metadata, Tensors) = (path, file, dataStart, metadata, tensors);
        _byName = tensors.ToDictionary(tensor => tensor.Name);
    }

    public string Path { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>In the order of their data.</summary>
    public IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>Where in the file the tensors' bytes begin.</summary>
    internal long DataStart => _dataStart;

    /// <summary>Opens a file and checks its header.</summary>
    public static SafetensorsFile Open(string path) => Open(path, MaxHeaderBytes);

    /// <summary>The same with a lower bound on the header.</summary>
    internal static SafetensorsFile Open(string path, long maxHeaderBytes)
    {
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess);
            return Read(path, file, maxHeaderBytes);
        }
        catch (Exception error)
        {
            file?.Dispose();
            throw error switch
            {
                FileNotFoundException or DirectoryNotFoundException => new InputException($"{path}: there is no such file; a safetensors file was expected", error),
                UnauthorizedAccessException => new InputException($"{path}: this cannot be opened as a file; check what it is and its permissions", error),
                _ => error is InputException or IOException or OutOfMemoryException ? error : Bad(path, error.Message, error),
            };
        }
    }

    public TensorInfo Tensor(string name) =>
        _byName.TryGetValue(name, out TensorInfo? tensor) ? tensor
            : throw Bad(Path, $"the tensor '{name}' is missing; found {string.Join(", ", Tensors.Take(20).Select(known => $"'{known.Name}'"))}");

    /// <summary>Reads elements <paramref name="firstElement"/>.. of an F32 tensor.</summary>
    public void ReadFloats(string name, long firstElement, Span<float> values)
    {
        TensorInfo tensor = Tensor(name);
        if (tensor.Type != nameof(TensorType.F32))
            throw Bad(Path, $"the tensor '{name}' is of type {tensor.Type}, expected F32");
        if (firstElement < 0 || firstElement > tensor.Elements - values.Length)
            throw new ArgumentOutOfRangeException(nameof(firstElement), firstElement, $"tensor '{name}' has {tensor.Elements} elements, {values.Length} from {firstElement} on were asked for");
        ReadExactly(MemoryMarshal.AsBytes(values), _dataStart + tensor.Begin + (4 * firstElement));
        LittleEndian.ToNative(values);
    }

    /// <summary>Reads elements <paramref name="firstElement"/>.. of an F64 tensor.</summary>
    public void ReadDoubles(string name, long firstElement, Span<double> values)
    {
        if (Tensor(name) is { Type: not nameof(TensorType.F64) } other)
            throw Bad(Path, $"the tensor '{name}' is of type {other.Type}, expected F64");
        Span<byte> bytes = MemoryMarshal.AsBytes(values);
        ReadBytes(name, checked(8 * firstElement), bytes);
        if (!BitConverter.IsLittleEndian)
            LittleEndian.Reverse(bytes, sizeof(double));
    }

    /// <summary>Reads bytes <paramref name="firstByte"/>.. of a tensor, whatever its type.</summary>
    public void ReadBytes(string name, long firstByte, Span<byte> bytes)
    {
        TensorInfo tensor = Tensor(name);
        if (firstByte < 0 || firstByte > tensor.End - tensor.Begin - bytes.Length)
            throw new ArgumentOutOfRangeException(nameof(firstByte), firstByte, $"tensor '{name}' has {tensor.End - tensor.Begin} bytes, {bytes.Length} from {firstByte} on were asked for");
        ReadExactly(bytes, _dataStart + tensor.Begin + firstByte);
    }

    public void Dispose() => _file.Dispose();

    private void ReadExactly(Span<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            int count = RandomAccess.Read(_file, bytes, offset);
            if (count == 0)
                throw Bad(Path, "the file ended early; it became shorter after it was opened");
            bytes = bytes[count..];
            offset += count;
        }
    }

    private static SafetensorsFile Read(string path, SafeFileHandle file, long maxHeaderBytes)
    {
        long length = RandomAccess.GetLength(file);
        Span<byte> prefix = stackalloc byte[8];
        if (length < 8 || RandomAccess.Read(file, prefix, 0) != 8)
            throw Bad(path, $"found {length} bytes, expected at least 8");
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerBytes > (ulong)maxHeaderBytes || (long)headerBytes > length - 8)
            throw Bad(path, $"its header is said to have {headerBytes} bytes, expected at most {Math.Min(maxHeaderBytes, length - 8)}; the file has {length} bytes");
        byte[] header = new byte[headerBytes];
        for (int read = 0; read < header.Length;)
        {
            int count = RandomAccess.Read(file, header.AsSpan(read), 8 + read);
            read += count > 0 ? count : throw Bad(path, "the file ended inside its header");
        }
        if (header.Length == 0 || header[0] != (byte)'{')
            throw Bad(path, "its header does not begin with '{'");
        using JsonDocument json = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
        var tensors = new List<TensorInfo>();
        var metadata = new Dictionary<string, string>();
        foreach (JsonProperty property in json.RootElement.EnumerateObject())
        {
            if (property.Name == MetadataKey)
                ReadMetadata(path, property.Value, metadata);
            else
                tensors.Add(ReadTensor(path, property.Name, property.Value));
        }
        // Stable, so that tensors without elements keep the order of the header.
        TensorInfo[] ordered = [.. tensors.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End)];
        CheckCover(path, ordered, length - 8 - header.Length);
        return new SafetensorsFile(path, file, 8 + header.Length, metadata, ordered);
    }

    private static void CheckCover(string path, TensorInfo[] ordered, long dataBytes)
    {
        long end = 0;
        foreach (TensorInfo tensor in ordered)
        {
            if (tensor.Begin != end)
                throw Bad(path, $"the tensor '{tensor.Name}' begins at byte {tensor.Begin} of the data, expected {end}; tensors may neither overlap nor leave holes");
            end = tensor.End;
        }
        if (end != dataBytes)
            throw Bad(path, $"its tensors cover {end} bytes, the file has {dataBytes} bytes of data; it was cut off or belongs to another header");
    }

    private static void ReadMetadata(string path, JsonElement element, Dictionary<string, string> metadata)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Bad(path, $"{MetadataKey} is not an object");
        foreach (JsonProperty property in element.EnumerateObject())
        {
            metadata.Add(property.Name, property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()!
                : throw Bad(path, $"{MetadataKey}.{property.Name}: found {property.Value.ValueKind}, expected text"));
        }
    }

    private static TensorInfo ReadTensor(string path, string name, JsonElement element)
    {
        var json = new JsonReader(element, $"tensor '{name}'");
        string type = json.String("dtype");
        long bits = BitsOf(type) ?? throw Bad(path, $"the tensor '{name}' is of the unknown type '{type}'");
        long[] shape = json.Int64Array("shape"), offsets = json.Int64Array("data_offsets");
        json.Done();
        if (offsets.Length != 2 || offsets[0] < 0 || offsets[1] < offsets[0])
            throw Bad(path, $"the tensor '{name}' has the offsets [{string.Join(", ", offsets.Take(4))}], expected [begin, end] with 0 <= begin <= end");
        UInt128 elements = 1;
        foreach (long size in shape)
        {
            if (size < 0)
                throw Bad(path, $"the tensor '{name}' has the negative size {size}");
            // Both factors are below 2^63, so the product fits; the check keeps it so.
            elements *= (ulong)size;
            if (elements > long.MaxValue)
                throw Bad(path, $"the tensor '{name}' has more than 2^63 elements");
        }
        UInt128 expected = elements * (ulong)bits;
        if (expected != (UInt128)(ulong)(offsets[1] - offsets[0]) * 8)
            throw Bad(path, $"the tensor '{name}' of type {type} and shape [{string.Join(", ", shape.Take(8))}] has {offsets[1] - offsets[0]} bytes, expected {expected / 8}");
        return new TensorInfo(name, type, shape, offsets[0], offsets[1]);
    }

    private static long? BitsOf(string type) => type switch
    {
        "F64" or "I64" or "U64" or "C64" => 64,
        "F32" or "I32" or "U32" => 32,
        "F16" or "BF16" or "I16" or "U16" => 16,
        "I8" or "U8" or "BOOL" or "F8_E4M3" or "F8_E5M2" or "F8_E8M0" => 8,
        "F6_E2M3" or "F6_E3M2" => 6,
        "F4" => 4,
        _ => null,
    };

    private static InputException Bad(string path, string what, Exception? inner = null) =>
        new($"{path}: this is not a sound safetensors file: {what}", inner);
}
