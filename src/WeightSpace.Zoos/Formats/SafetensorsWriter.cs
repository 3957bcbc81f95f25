using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace WeightSpace.Zoos.Formats;

/// <summary>
/// Writes safetensors (https://github.com/huggingface/safetensors): 8 bytes of header length, a JSON header, the tensors one behind the other.
/// Metadata keys are sorted and the header is padded with spaces to a multiple of 64 bytes, so the same tensors give the same bytes and
/// the data begin aligned.
/// </summary>
public static class SafetensorsWriter
{
    private const int Alignment = 64;

    /// <summary>
    /// Writes the tensors in the order given. <paramref name="writeData"/> is called once for each, with its index, and must write all its
    /// elements to the sink.
    /// </summary>
    public static void Write(Stream stream, IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string> metadata, Action<int, TensorSink> writeData)
    {
        byte[] header = Header(tensors, metadata);
        stream.Write(header);
        for (int i = 0; i < tensors.Count; i++)
        {
            int index = i;
            TensorSink.WriteTensor(stream, tensors[i], sink => writeData(index, sink));
        }
    }

    private static byte[] Header(IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.GetSpan(8);
        buffer.Advance(8);
        using (var json = new Utf8JsonWriter(buffer))
        {
            var names = new HashSet<string> { SafetensorsFile.MetadataKey };
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject(SafetensorsFile.MetadataKey);
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (TensorEntry tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new ArgumentException($"two tensors are named '{tensor.Name}', or it is reserved", nameof(tensors));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype"u8, tensor.Type.ToString());
                json.WriteStartArray("shape"u8);
                foreach (long size in tensor.Shape)
                    json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets"u8);
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset = checked(offset + tensor.Bytes));
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        byte[] header = new byte[(buffer.WrittenCount + Alignment - 1) / Alignment * Alignment];
        header.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(header);
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)header.Length - 8);
        return header;
    }
}
