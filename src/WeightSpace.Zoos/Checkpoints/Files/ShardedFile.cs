using System.Text.Json;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// A checkpoint in several files of one folder and an index that says which tensor stands where (<c>model.safetensors.index.json</c>, <c>pytorch_model.bin.index.json</c>). All parts stay
/// open.
/// </summary>
internal sealed class ShardedFile : WeightFile
{
    private const int MaxParts = 2000;
    private const long MaxIndexBytes = 1L << 25;

    private readonly List<WeightFile> _parts;
    private readonly List<WeightTensor> _tensors = [];
    private readonly List<(int Part, int Tensor)> _places = [];

    private ShardedFile(string path, List<WeightFile> parts, Dictionary<string, string> partOf)
        : base(path)
    {
        _parts = parts;
        var leftOut = new List<LeftOut>();
        for (int part = 0; part < parts.Count; part++)
        {
            string name = System.IO.Path.GetFileName(parts[part].Path);
            for (int tensor = 0; tensor < parts[part].Tensors.Count; tensor++)
            {
                WeightTensor known = parts[part].Tensors[tensor];
                if (!partOf.TryGetValue(known.Name, out string? expected) || expected != name)
                    throw new InputException($"{path}: '{name}' holds the tensor '{Shown.Of(known.Name)}', which the index {(expected is null ? "does not list" : $"lists in '{expected}'")}; the files are not of one checkpoint");
                _tensors.Add(known);
                _places.Add((part, tensor));
            }
            leftOut.AddRange(parts[part].LeftOut);
        }
        int listed = partOf.Count - leftOut.Count(left => partOf.ContainsKey(left.Name));
        if (listed != _tensors.Count)
            throw new InputException($"{path}: it lists {partOf.Count} tensors, and {_tensors.Count} were found in its parts; the files are not of one checkpoint");
        LeftOut = leftOut;
    }

    public override IReadOnlyList<WeightTensor> Tensors => _tensors;

    /// <summary>The names of the parts that an index lists; all of them are plain names of files in its folder.</summary>
    public static IReadOnlyList<string> PartsOf(string path) => [.. Map(path).Values.Distinct().Order(StringComparer.Ordinal)];

    public static new ShardedFile Open(string path)
    {
        Dictionary<string, string> map = Map(path);
        // Names as the readers of the parts give them.
        string[] names = [.. map.Keys], stripped = WrapperPrefix.Strip(names);
        Dictionary<string, string> partOf = names.Zip(stripped).ToDictionary(pair => pair.Second, pair => map[pair.First]);
        var parts = new List<WeightFile>();
        try
        {
            foreach (string part in map.Values.Distinct().Order(StringComparer.Ordinal))
                parts.Add(WeightFormats.Open(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path) ?? "", part)));
            return new ShardedFile(path, parts, partOf);
        }
        catch
        {
            parts.ForEach(part => part.Dispose());
            throw;
        }
    }

    public override void Read(int tensor, long first, Span<float> values)
    {
        (int part, int inPart) = _places[tensor];
        _parts[part].Read(inPart, first, values);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _parts.ForEach(part => part.Dispose());
    }

    /// <summary>Each tensor's part.</summary>
    private static Dictionary<string, string> Map(string path)
    {
        using FileBytes file = FileBytes.Open(path);
        if (file.Length > MaxIndexBytes)
            throw file.Bad($"it has {file.Length} bytes, expected an index of at most {MaxIndexBytes}");
        byte[] bytes = new byte[file.Length];
        file.Read(0, bytes);
        try
        {
            using JsonDocument json = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
                throw file.Bad("its weight_map is missing; the index of a checkpoint in several files was expected");
            var parts = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty tensor in map.EnumerateObject())
            {
                string? part = tensor.Value.ValueKind == JsonValueKind.String ? tensor.Value.GetString() : null;
                if (string.IsNullOrEmpty(part) || part.Length > 255 || part.AsSpan().ContainsAny("/\\:\0") || part is "." or ".." || WeightFormats.IsIndex(part))
                    throw file.Bad($"the tensor '{Shown.Of(tensor.Name)}' is said to stand in {Shown.Of(tensor.Value.GetRawText())}, expected the name of a file in the same folder");
                parts.Add(tensor.Name, part);
            }
            if (parts.Count == 0 || parts.Values.Distinct().Count() > MaxParts)
                throw file.Bad($"it lists {parts.Values.Distinct().Count()} files, expected 1 to {MaxParts}");
            return parts;
        }
        catch (JsonException error)
        {
            throw file.Bad($"this is no sound JSON: {error.Message}", error);
        }
    }
}
