using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace WeightSpace.Zoos;

/// <summary>A JSON object for a manifest, whose last property is the SHA-256 of all bytes before its 64 digits.</summary>
internal static class DigestedJson
{
    // ...64 digits, then these.
    private const string Tail = "\"\n}\n";
    private const int DigestLength = 64;

    /// <summary>The object's bytes: indented, and ended by the digest and a line end.</summary>
    /// <param name="write">Writes all other properties.</param>
    public static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteString("digest"u8, new string('0', DigestLength));
            json.WriteEndObject();
        }
        byte[] bytes = [.. buffer.WrittenSpan, (byte)'\n'];
        Encoding.ASCII.GetBytes(Digest(bytes)).CopyTo(bytes, bytes.Length - Tail.Length - DigestLength);
        return bytes;
    }

    /// <summary>The digest that sound bytes end with.</summary>
    public static string DigestOf(ReadOnlySpan<byte> bytes) => Encoding.ASCII.GetString(bytes[^(Tail.Length + DigestLength)..^Tail.Length]);

    /// <summary>Whether <paramref name="digest"/>, which was read from them, is that of the bytes.</summary>
    public static bool Holds(ReadOnlySpan<byte> bytes, string digest) => bytes.Length >= Tail.Length + DigestLength && digest == Digest(bytes);

    private static string Digest(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes[..^(Tail.Length + DigestLength)]));
}
