using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>Types of the numbers that are read as weights. Float64 is rounded to float32, the others are exact.</summary>
internal enum NumberType
{
    F32,
    F64,
    F16,
    BF16,
}

/// <summary>What a type of numbers is called, how large one is, and as what float32 it is read.</summary>
internal static class NumberTypes
{
    public static int SizeOf(NumberType type) => type switch
    {
        NumberType.F64 => 8,
        NumberType.F32 => 4,
        _ => 2,
    };

    /// <summary>float64, float32, float16, bfloat16.</summary>
    public static string Word(NumberType type) => type switch
    {
        NumberType.F64 => "float64",
        NumberType.F32 => "float32",
        NumberType.F16 => "float16",
        _ => "bfloat16",
    };

    /// <summary>Turns numbers into float32. Float64 beyond the range of float32 becomes infinite.</summary>
    /// <param name="bytes">[value]; they are overwritten where <paramref name="isBigEndian"/>.</param>
    public static void ToFloats(NumberType type, bool isBigEndian, Span<byte> bytes, Span<float> values)
    {
        if (isBigEndian == BitConverter.IsLittleEndian)
            Reverse(bytes, SizeOf(type));
        switch (type)
        {
            case NumberType.F32:
                MemoryMarshal.Cast<byte, float>(bytes)[..values.Length].CopyTo(values);
                break;
            case NumberType.F64:
                ReadOnlySpan<double> doubles = MemoryMarshal.Cast<byte, double>(bytes);
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)doubles[i];
                break;
            case NumberType.F16:
                ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)halves[i];
                break;
            default:
                ReadOnlySpan<ushort> upper = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < values.Length; i++)
                    values[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
                break;
        }
    }

    private static void Reverse(Span<byte> bytes, int size)
    {
        if (size == 2)
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, ushort>(bytes), MemoryMarshal.Cast<byte, ushort>(bytes));
        else if (size == 4)
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, uint>(bytes), MemoryMarshal.Cast<byte, uint>(bytes));
        else
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, ulong>(bytes), MemoryMarshal.Cast<byte, ulong>(bytes));
    }
}
