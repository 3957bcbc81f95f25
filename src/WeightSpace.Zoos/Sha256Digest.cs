using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos;

/// <summary>
/// A SHA-256 of weights. A zoo has one for each of its checkpoints, so it is held as 32 bytes and written as 64 hexadecimal digits.
/// </summary>
public readonly record struct Sha256Digest(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>The digest of packed float32 values as little-endian bytes: a checkpoint's weights, or a snapshot's weights and then its slots.</summary>
    public static Sha256Digest Of(ReadOnlySpan<float> packed, ReadOnlySpan<float> more = default)
    {
        Span<byte> hash = stackalloc byte[32];
        if (more.IsEmpty && BitConverter.IsLittleEndian)
        {
            SHA256.HashData(MemoryMarshal.AsBytes(packed), hash);
            return FromBytes(hash);
        }
        float[] all = [.. packed, .. more];
        LittleEndian.ToNative(all);
        SHA256.HashData(MemoryMarshal.AsBytes<float>(all), hash);
        return FromBytes(hash);
    }

    /// <summary>Reads 64 lower-case hexadecimal digits; false where the text is anything else.</summary>
    public static bool TryParse(string text, out Sha256Digest digest)
    {
        digest = default;
        Span<byte> bytes = stackalloc byte[32];
        if (text.Length != 64 || text.AsSpan().ContainsAnyExcept("0123456789abcdef") || Convert.FromHexString(text, bytes, out _, out _) != System.Buffers.OperationStatus.Done)
            return false;
        digest = FromBytes(bytes);
        return true;
    }

    public override string ToString() => $"{A:x16}{B:x16}{C:x16}{D:x16}";

    private static Sha256Digest FromBytes(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64BigEndian(bytes),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]));
}
