using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace WeightSpace.Zoos.Formats;

/// <summary>The element types that our files use, under their safetensors names.</summary>
public enum TensorType
{
    F32,
    F64,
    I64,
    U8,
}

/// <summary>A tensor to be written, row-major.</summary>
public sealed record TensorEntry(string Name, TensorType Type, IReadOnlyList<long> Shape)
{
    /// <summary>The product of the shape. Throws <see cref="OverflowException"/> above 2^63 - 1.</summary>
    public long Elements => Shape.Aggregate(1L, (product, size) => checked(product * size));

    public long Bytes => checked(Elements * SizeOf(Type));

    /// <summary>Bytes of one element.</summary>
    public static int SizeOf(TensorType type) => type switch
    {
        TensorType.F32 => 4,
        TensorType.F64 or TensorType.I64 => 8,
        TensorType.U8 => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such type"),
    };
}

/// <summary>Takes the elements of one tensor, in as many pieces as suit the writer, and writes them in little-endian order.</summary>
public sealed class TensorSink
{
    private readonly Stream _stream;
    private readonly TensorEntry _tensor;
    private long _left;

    internal TensorSink(Stream stream, TensorEntry tensor) => (_stream, _tensor, _left) = (stream, tensor, tensor.Bytes);

    public void Write(ReadOnlySpan<float> values) => Write(TensorType.F32, values);

    public void Write(ReadOnlySpan<double> values) => Write(TensorType.F64, values);

    public void Write(ReadOnlySpan<long> values) => Write(TensorType.I64, values);

    public void Write(ReadOnlySpan<byte> values) => Write(TensorType.U8, values);

    /// <summary>Writes one tensor whole; throws when <paramref name="write"/> gave too little.</summary>
    internal static void WriteTensor(Stream stream, TensorEntry tensor, Action<TensorSink> write)
    {
        var sink = new TensorSink(stream, tensor);
        write(sink);
        if (sink._left != 0)
            throw new InvalidOperationException($"tensor '{tensor.Name}' got {tensor.Bytes - sink._left} bytes, {tensor.Bytes} were expected");
    }

    private void Write<T>(TensorType type, ReadOnlySpan<T> values) where T : unmanaged
    {
        if (type != _tensor.Type)
            throw new ArgumentException($"tensor '{_tensor.Name}' is of type {_tensor.Type}, {type} was written", nameof(values));
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        if (bytes.Length > _left)
            throw new ArgumentException($"tensor '{_tensor.Name}' got more than its {_tensor.Bytes} bytes", nameof(values));
        _left -= bytes.Length;
        if (BitConverter.IsLittleEndian)
        {
            _stream.Write(bytes);
            return;
        }
        byte[] turned = bytes.ToArray();
        LittleEndian.Reverse(turned, TensorEntry.SizeOf(type));
        _stream.Write(turned);
    }
}

/// <summary>Our files are little-endian, as nearly every machine is; on the others each element's bytes are turned round.</summary>
public static class LittleEndian
{
    /// <summary>The bytes of values as our files have them.</summary>
    public static byte[] Bytes(ReadOnlySpan<float> values)
    {
        byte[] bytes = MemoryMarshal.AsBytes(values).ToArray();
        if (!BitConverter.IsLittleEndian)
            Reverse(bytes, sizeof(float));
        return bytes;
    }

    /// <summary>Turns every element's bytes round, in place, on a big-endian machine.</summary>
    public static void ToNative(Span<float> values)
    {
        if (!BitConverter.IsLittleEndian)
            Reverse(MemoryMarshal.AsBytes(values), sizeof(float));
    }

    internal static void Reverse(Span<byte> bytes, int size)
    {
        if (size == 4)
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, uint>(bytes), MemoryMarshal.Cast<byte, uint>(bytes));
        else if (size == 8)
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, ulong>(bytes), MemoryMarshal.Cast<byte, ulong>(bytes));
    }
}
