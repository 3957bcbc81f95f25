using System.Text.Json;
using WeightSpace.Networks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos;

/// <summary>A file of a zoo, as its manifest lists it.</summary>
/// <param name="Path">Relative to the zoo's folder, with <c>/</c>.</param>
/// <param name="Sha256">64 hexadecimal digits.</param>
/// <param name="Architecture">The architecture of a shard's rows; null for other files.</param>
/// <param name="Rows">Checkpoints or snapshots in a shard; 0 for other files.</param>
/// <param name="Slots">The optimizer slots of a shard of snapshots.</param>
public sealed record ZooFile(string Path, long Bytes, string Sha256, string? Architecture, int Rows, IReadOnlyList<string> Slots)
{
    public bool IsWeights => Path.StartsWith("weights/", StringComparison.Ordinal);

    /// <summary>It holds weights or snapshots; the recipe form of a zoo is all but these.</summary>
    public bool IsShard => IsWeights || IsSnapshots;

    public bool IsSnapshots => Path.StartsWith("snapshots/", StringComparison.Ordinal);
}

/// <summary>How many of each a zoo holds.</summary>
public sealed record ZooTotals(int Networks, long Checkpoints, long Snapshots, int Finished, int Diverged, int Failed);

/// <summary>
/// <c>zoo.json</c>: what a zoo is, and the size and digest of every other file. It holds no time and no host, so that the same experiment gives
/// the same bytes; its last value is the SHA-256 of all its bytes before, so that a changed manifest shows.
/// </summary>
/// <param name="NetworksPerClass">Of a subset: the first so many networks of each class of the experiment; null: all of its networks.</param>
public sealed record ZooManifest(
    string Name,
    string? Description,
    string? Licence,
    string Experiment,
    int? NetworksPerClass,
    IReadOnlyList<Architecture> Architectures,
    string Version,
    int Arithmetic,
    ZooTotals Totals,
    IReadOnlyList<ZooFile> Files)
{
    public const string FileName = "zoo.json";
    public const string Format = "weightspace-zoo";

    /// <summary>The newest version of the format that this program reads.</summary>
    public const int FormatVersion = 3;

    /// <summary>The first version that has subsets, names image sets, and whose tables have accuracies.</summary>
    public const int SecondVersion = 2;

    /// <summary>The first version that has networks that change in mid-training. A zoo without them is written in the version before, which is all that it needs.</summary>
    internal const int ThirdVersion = 3;

    internal const long MaxBytes = 1L << 28;

    /// <summary>The version that it was read from, or is written in.</summary>
    internal int ReadVersion { get; private init; } = SecondVersion;

    /// <summary>Whether networks of the zoo change in mid-training.</summary>
    public bool HasChanges
    {
        get => ReadVersion >= ThirdVersion;
        init => ReadVersion = value ? ThirdVersion : SecondVersion;
    }

    /// <summary>The image sets from files that the experiment names, so that it can be read where the files are not.</summary>
    public IReadOnlyList<ImageSetInfo> ImageSets { get; init; } = [];

    /// <summary>The bytes of <c>zoo.json</c>.</summary>
    public byte[] ToJson() => DigestedJson.Write(json =>
    {
        json.WriteString("format"u8, Format);
        json.WriteNumber("format_version"u8, ReadVersion);
        json.WriteString("name"u8, Name);
        json.WriteString("description"u8, Description);
        json.WriteString("licence"u8, Licence);
        json.WriteString("experiment"u8, Experiment);
        WriteSubset(json);
        WriteImageSets(json);
        json.WriteStartArray("architectures"u8);
        foreach (Architecture architecture in Architectures)
            WriteArchitecture(json, architecture);
        json.WriteEndArray();
        json.WriteStartObject("provenance"u8);
        json.WriteString("program"u8, "weightspace"u8);
        json.WriteString("version"u8, Version);
        json.WriteNumber("arithmetic"u8, Arithmetic);
        json.WriteEndObject();
        json.WriteStartObject("totals"u8);
        json.WriteNumber("networks"u8, Totals.Networks);
        json.WriteNumber("checkpoints"u8, Totals.Checkpoints);
        json.WriteNumber("snapshots"u8, Totals.Snapshots);
        json.WriteNumber("finished"u8, Totals.Finished);
        json.WriteNumber("diverged"u8, Totals.Diverged);
        json.WriteNumber("failed"u8, Totals.Failed);
        json.WriteEndObject();
        json.WriteStartArray("files"u8);
        foreach (ZooFile file in Files)
            WriteFile(json, file);
        json.WriteEndArray();
    });

    /// <summary>The digest that a manifest, which was read and so is sound, ends with.</summary>
    public static string DigestOf(ReadOnlySpan<byte> manifest) => DigestedJson.DigestOf(manifest);

    private void WriteSubset(Utf8JsonWriter json)
    {
        if (NetworksPerClass is not { } count)
        {
            json.WriteNull("subset"u8);
            return;
        }
        json.WriteStartObject("subset"u8);
        json.WriteNumber("networks_per_class"u8, count);
        json.WriteEndObject();
    }

    private static void WriteArchitecture(Utf8JsonWriter json, Architecture architecture)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, architecture.Name);
        RecipeJson.WriteLayers(json, architecture);
        json.WriteStartArray("parameters"u8);
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, parameter.Name);
            json.WriteStartArray("shape"u8);
            foreach (int size in parameter.Shape)
                json.WriteNumberValue(size);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Only where there are any.</summary>
    private void WriteImageSets(Utf8JsonWriter json)
    {
        if (ImageSets.Count == 0)
            return;
        json.WriteStartArray("images"u8);
        foreach (ImageSetInfo set in ImageSets)
            ImageTaskJson.WriteSet(json, set);
        json.WriteEndArray();
    }

    private static void WriteFile(Utf8JsonWriter json, ZooFile file)
    {
        json.WriteStartObject();
        json.WriteString("path"u8, file.Path);
        json.WriteNumber("bytes"u8, file.Bytes);
        json.WriteString("sha256"u8, file.Sha256);
        if (file.Architecture is not null)
        {
            json.WriteString("architecture"u8, file.Architecture);
            json.WriteNumber("rows"u8, file.Rows);
        }
        if (file.IsSnapshots)
        {
            json.WriteStartArray("slots"u8);
            foreach (string slot in file.Slots)
                json.WriteStringValue(slot);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    /// <summary>Reads <c>zoo.json</c>. Throws <see cref="InputException"/> beginning with <paramref name="path"/>.</summary>
    public static ZooManifest Read(ReadOnlyMemory<byte> bytes, string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
            return Read(new JsonReader(json.RootElement, ""), bytes.Span);
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or InvalidOperationException)
        {
            throw new InputException($"{path}: this is not a sound zoo manifest: {error.Message.TrimStart(':', ' ', '.')}", error);
        }
    }

    private static ZooManifest Read(JsonReader root, ReadOnlySpan<byte> bytes)
    {
        if (root.String("format") is not Format and var format)
            throw new InvalidDataException($"format: found '{format}', expected '{Format}'");
        int version = root.Int32("format_version");
        if (version > FormatVersion)
            throw new InvalidDataException($"format_version: found {version}, this program reads up to {FormatVersion}; use a newer weightspace");
        if (version < 1)
            throw new InvalidDataException($"format_version: found {version}, expected 1 to {FormatVersion}");
        string digest = root.String("digest");
        if (!DigestedJson.Holds(bytes, digest))
            throw new InvalidDataException("its digest does not match its bytes; it was changed after the zoo was written");
        JsonReader provenance = root.Child("provenance");
        provenance.String("program");
        int arithmetic = provenance.Int32("arithmetic");
        try
        {
            return Read(root, provenance, version, arithmetic);
        }
        catch (InvalidDataException problem) when (arithmetic != Recipe.Arithmetic)
        {
            throw new InvalidDataException(
                $"{problem.Message} (it was grown with arithmetic version {arithmetic}; this program computes version {Recipe.Arithmetic}: try the release that grew it)", problem);
        }
    }

    private static ZooManifest Read(JsonReader root, JsonReader provenance, int version, int arithmetic)
    {
        JsonReader totals = root.Child("totals");
        var manifest = new ZooManifest(
            root.String("name"),
            root.OptionalString("description"),
            root.OptionalString("licence"),
            root.String("experiment"),
            version >= SecondVersion ? ReadSubset(root.OptionalChild("subset")) : null,
            [.. root.Children("architectures").Select(ReadArchitecture)],
            provenance.String("version"),
            arithmetic,
            new ZooTotals(totals.Int32("networks"), totals.Int64("checkpoints"), totals.Int64("snapshots"), totals.Int32("finished"), totals.Int32("diverged"), totals.Int32("failed")),
            [.. root.Children("files").Select(ReadFile)])
        {
            ReadVersion = version,
            ImageSets = version >= SecondVersion && root.Has("images") ? [.. root.Children("images").Select(ImageTaskJson.ReadSet)] : [],
        };
        provenance.Done();
        totals.Done();
        root.Done();
        return manifest;
    }

    private static int? ReadSubset(JsonReader? json)
    {
        int? count = json?.Int32("networks_per_class", new NumberRange(1, WeightSpace.Zoos.Experiments.Experiment.MaxNetworks));
        json?.Done();
        return count;
    }

    private static Architecture ReadArchitecture(JsonReader json)
    {
        Architecture architecture = RecipeJson.ToArchitecture(json.String("name"), RecipeJson.ReadLayers(json), json.Path);
        IReadOnlyList<ParameterInfo> layout = architecture.Parameters.Parameters;
        int index = 0;
        foreach (JsonReader parameter in json.Children("parameters"))
        {
            string name = parameter.String("name");
            long[] shape = parameter.Int64Array("shape");
            if (index >= layout.Count || layout[index].Name != name || !shape.SequenceEqual(layout[index].Shape.Select(size => (long)size)))
                throw new InvalidDataException($"{parameter.Path}: found '{name}' [{string.Join(", ", shape.Take(4))}], expected {(index < layout.Count ? $"'{layout[index].Name}' [{string.Join(", ", layout[index].Shape)}]" : "no more parameters")}, as the layers have it");
            parameter.Done();
            index++;
        }
        if (index != layout.Count)
            throw new InvalidDataException($"{json.Path}.parameters: found {index} parameters, expected {layout.Count}, as the layers have it");
        json.Done();
        return architecture;
    }

    private static ZooFile ReadFile(JsonReader json)
    {
        string path = json.String("path");
        bool isWeights = IsShard(path, "weights/"), isSnapshots = IsShard(path, "snapshots/"), isShard = isWeights || isSnapshots;
        // Only these names, so that no manifest can lead out of its folder.
        if (!isShard && path is not ("networks.csv" or "checkpoints.csv" or "snapshots.csv" or "README.md"))
            throw new InvalidDataException($"{json.Path}.path: found '{path}', expected a file of a zoo, such as weights/00000.safetensors");
        string sha256 = json.String("sha256");
        if (!Sha256Digest.TryParse(sha256, out _))
            throw new InvalidDataException($"{json.Path}.sha256: expected 64 hexadecimal digits");
        var file = new ZooFile(path, json.Int64("bytes", new NumberRange(0, long.MaxValue)), sha256,
            isShard ? json.String("architecture") : null,
            isShard ? json.Int32("rows", new NumberRange(1, int.MaxValue)) : 0,
            isSnapshots ? json.StringArray("slots") : []);
        json.Done();
        return file;
    }

    private static bool IsShard(string path, string folder)
    {
        const string suffix = ".safetensors";
        if (!path.StartsWith(folder, StringComparison.Ordinal) || !path.EndsWith(suffix, StringComparison.Ordinal))
            return false;
        string number = path[folder.Length..^suffix.Length];
        return number.Length is >= 5 and <= 9 && number.All(char.IsAsciiDigit);
    }
}
