using System.Buffers;
using System.Text.Json;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Checkpoints.Collections;

/// <summary>What became of a shard, kept while a collection is made: so a call that was stopped goes on behind it.</summary>
/// <param name="Stamp">Of what was to come into it.</param>
/// <param name="Bytes">0 where none of its checkpoints could be read, and so it has no file.</param>
/// <param name="Digests">Of each of its checkpoints; null where it could not be read.</param>
/// <param name="Reasons">Why not.</param>
internal sealed record ShardJournal(string Stamp, long Bytes, string Sha256, IReadOnlyList<string?> Digests, IReadOnlyList<string> Reasons)
{
    private const long MaxBytes = 1L << 26;

    public void Write(string path)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("stamp"u8, Stamp);
            json.WriteNumber("bytes"u8, Bytes);
            json.WriteString("sha256"u8, Sha256);
            json.WriteStartArray("rows"u8);
            for (int i = 0; i < Digests.Count; i++)
            {
                json.WriteStartObject();
                json.WriteString("digest"u8, Digests[i]);
                json.WriteString("reason"u8, Reasons[i] ?? "");
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        AtomicFile.Write(path, stream => stream.Write(buffer.WrittenSpan));
    }

    /// <summary>The journal of a shard of the same checkpoints; null where there is none, or it is of others or damaged: then the shard is made again.</summary>
    public static ShardJournal? Read(string path, string stamp, int count)
    {
        if (!File.Exists(path) || new FileInfo(path).Length > MaxBytes)
            return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            var json = new JsonReader(document.RootElement, "journal");
            JsonReader[] rows = [.. json.Children("rows")];
            var journal = new ShardJournal(json.String("stamp"), json.Int64("bytes"), json.String("sha256"), [.. rows.Select(row => row.OptionalString("digest"))], [.. rows.Select(row => row.String("reason"))]);
            return journal.Stamp == stamp && rows.Length == count ? journal : null;
        }
        catch (Exception error) when (error is JsonException or InvalidDataException)
        {
            return null;
        }
    }
}
