using System.Text.Json;
using System.Text.RegularExpressions;

namespace WeightSpace.Zoos.Checkpoints.Collections;

/// <summary>A tensor of a collection's group.</summary>
/// <param name="Type">Of its numbers where they came from; in the collection they are float32.</param>
internal sealed record CollectionTensor(string Name, string Type, IReadOnlyList<long> Shape);

/// <summary>A group of a collection.</summary>
internal sealed record CollectionGroup(string Name, int Checkpoints, IReadOnlyList<CollectionTensor> Tensors);

/// <summary>A file of a collection.</summary>
/// <param name="Path">Relative to its folder, with <c>/</c>.</param>
/// <param name="Group">The group of a shard's rows; null for other files.</param>
/// <param name="Rows">Checkpoints in a shard; 0 for other files.</param>
internal sealed record CollectionFile(string Path, long Bytes, string Sha256, string? Group, int Rows);

/// <summary>
/// <c>collection.json</c>: the groups of a collection, what was refused, and the size and digest of every other file. Its last value is the SHA-256 of all its bytes before.
/// </summary>
/// <param name="Source">SHA-256 over the names, sizes and tensors of what was imported: the same for the same folder.</param>
/// <param name="Metadata">The name of each column of the table behind the fixed ones.</param>
internal sealed partial record CollectionManifest(string Version, string OrderBy, string Source, IReadOnlyList<string> Metadata, IReadOnlyList<CollectionGroup> Groups, IReadOnlyList<RefusedFile> Refused, IReadOnlyList<CollectionFile> Files)
{
    public const string FileName = "collection.json", TableName = "checkpoints.csv", CardName = "README.md", Format = "weightspace-collection";
    public const int FormatVersion = 1;

    private const long MaxBytes = 1L << 28;

    public byte[] ToJson() => DigestedJson.Write(json =>
    {
        json.WriteString("format"u8, Format);
        json.WriteNumber("format_version"u8, FormatVersion);
        json.WriteStartObject("provenance"u8);
        json.WriteString("program"u8, "weightspace"u8);
        json.WriteString("version"u8, Version);
        json.WriteEndObject();
        json.WriteString("order_by"u8, OrderBy);
        json.WriteString("source"u8, Source);
        json.WriteStartArray("metadata"u8);
        foreach (string key in Metadata)
            json.WriteStringValue(key);
        json.WriteEndArray();
        json.WriteStartArray("groups"u8);
        foreach (CollectionGroup group in Groups)
            WriteGroup(json, group);
        json.WriteEndArray();
        json.WriteStartArray("refused"u8);
        foreach (RefusedFile refused in Refused)
        {
            json.WriteStartObject();
            json.WriteString("file"u8, refused.Path);
            json.WriteString("reason"u8, refused.Reason);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("files"u8);
        foreach (CollectionFile file in Files)
        {
            json.WriteStartObject();
            json.WriteString("path"u8, file.Path);
            json.WriteNumber("bytes"u8, file.Bytes);
            json.WriteString("sha256"u8, file.Sha256);
            if (file.Group is not null)
            {
                json.WriteString("group"u8, file.Group);
                json.WriteNumber("rows"u8, file.Rows);
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>Reads the manifest of a folder, and holds it against itself.</summary>
    public static CollectionManifest Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        byte[] bytes = ZooFiles.ReadAll(path, MaxBytes);
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
            return Read(document.RootElement, bytes);
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or OverflowException)
        {
            throw new InputException($"{path}: this is no sound manifest of a collection: {error.Message}; import the checkpoints again", error);
        }
    }

    private static CollectionManifest Read(JsonElement element, byte[] bytes)
    {
        var json = new JsonReader(element, "collection");
        if (json.String("format") is var format && format != Format)
            throw new InvalidDataException($"found the format '{format}', expected '{Format}'");
        if (json.Int32("format_version") is var version && version != FormatVersion)
            throw new InvalidDataException($"found format version {version}, expected {FormatVersion}; a newer version of this program reads it");
        if (!DigestedJson.Holds(bytes, json.String("digest")))
            throw new InvalidDataException("its digest is not that of its content: it was changed or damaged");
        JsonReader provenance = json.Child("provenance");
        _ = provenance.String("program");
        string program = provenance.String("version");
        provenance.Done();
        CollectionGroup[] groups = [.. json.Children("groups").Select(ReadGroup)];
        RefusedFile[] refused = [.. json.Children("refused").Select(item => Done(item, new RefusedFile(item.String("file"), item.String("reason"))))];
        CollectionFile[] files = [.. json.Children("files").Select(item => Done(item, new CollectionFile(item.String("path"), item.Int64("bytes"), item.String("sha256"), item.OptionalString("group"), item.Has("rows") ? item.Int32("rows") : 0)))];
        var manifest = new CollectionManifest(program, json.String("order_by"), json.String("source"), json.StringArray("metadata"), groups, refused, files);
        json.Done();
        manifest.Check();
        return manifest;
    }

    private void Check()
    {
        if (Groups.Select(group => group.Name).Distinct().Count() != Groups.Count || Files.Select(file => file.Path).Distinct().Count() != Files.Count)
            throw new InvalidDataException("a group or a file is listed twice");
        foreach (CollectionFile file in Files)
        {
            if (file.Bytes < 0 || file.Rows < 0 || !(file.Group is null ? file.Path is TableName or CardName : ShardName().IsMatch(file.Path)))
                throw new InvalidDataException($"it lists the file '{Checkpoints.Files.Shown.Of(file.Path)}', which a collection has not");
            if (file.Group is null)
                continue;
            CollectionGroup group = Groups.FirstOrDefault(group => group.Name == file.Group) ?? throw new InvalidDataException($"{file.Path} is of the group '{Checkpoints.Files.Shown.Of(file.Group)}', which it has not");
            // Before anything is allocated for its rows.
            Int128 values = group.Tensors.Select(tensor => tensor.Shape.Aggregate((Int128)1, (product, size) => product > long.MaxValue ? product : product * size)).Aggregate((Int128)0, (sum, count) => sum + count);
            if (file.Rows == 0 || values * 4 > file.Bytes / file.Rows)
                throw new InvalidDataException($"{file.Path} is said to hold {file.Rows} rows of {values} weights in {file.Bytes} bytes, which cannot be");
        }
        foreach (CollectionGroup group in Groups)
        {
            if (group.Checkpoints != Files.Where(file => file.Group == group.Name).Sum(file => (long)file.Rows))
                throw new InvalidDataException($"the group '{Checkpoints.Files.Shown.Of(group.Name)}' is said to have {group.Checkpoints} checkpoints, which are not the rows of its files");
        }
        if (Files.All(file => file.Path != TableName))
            throw new InvalidDataException($"it does not list {TableName}");
    }

    private static CollectionGroup ReadGroup(JsonReader json) => Done(json, new CollectionGroup(json.String("name"), json.Int32("checkpoints"),
        [.. json.Children("tensors").Select(item =>
        {
            long[] shape = item.Int64Array("shape");
            if (shape.Length > Checkpoints.Files.WeightFile.MaxDimensions || shape.Any(size => size < 0))
                throw new InvalidDataException($"{item.Path}: found the shape [{Checkpoints.Files.Shown.Of(shape)}], expected sizes of at least 0");
            return Done(item, new CollectionTensor(item.String("name"), item.String("type"), shape));
        })]));

    private static T Done<T>(JsonReader json, T value)
    {
        json.Done();
        return value;
    }

    private static void WriteGroup(Utf8JsonWriter json, CollectionGroup group)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, group.Name);
        json.WriteNumber("checkpoints"u8, group.Checkpoints);
        json.WriteStartArray("tensors"u8);
        foreach (CollectionTensor tensor in group.Tensors)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tensor.Name);
            json.WriteString("type"u8, tensor.Type);
            json.WriteStartArray("shape"u8);
            foreach (long size in tensor.Shape)
                json.WriteNumberValue(size);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    [GeneratedRegex("^weights/[0-9]{5,9}\\.safetensors\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();
}
