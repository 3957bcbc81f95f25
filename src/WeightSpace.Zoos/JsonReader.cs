using System.Runtime.InteropServices;
using System.Text.Json;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos;

/// <summary>
/// Reads one JSON object strictly: each key with its type, and at the end (<see cref="Done"/>) no key left over. Every error is an
/// <see cref="InvalidDataException"/> that says which key, what was found and what was expected.
/// </summary>
public sealed class JsonReader
{
    private readonly JsonElement _element;
    private readonly HashSet<string> _read = [];

    public JsonReader(JsonElement element, string path)
    {
        Path = path;
        _element = element.ValueKind == JsonValueKind.Object ? element
            : throw new InvalidDataException($"{path}: found {Describe(element)}, expected an object");
    }

    /// <summary>Where this object stands, for messages: <c>recipe.training</c>.</summary>
    public string Path { get; }

    public bool Has(string key) => _element.TryGetProperty(key, out _);

    public bool HasList(string key) => _element.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Array;

    public string String(string key) => Get(key, JsonValueKind.String, "text").GetString()!;

    public int Int32(string key) => Get(key, JsonValueKind.Number, "a whole number").TryGetInt32(out int value) ? value : throw Wrong(key, "a whole number of 32 bits");

    public long Int64(string key) => Get(key, JsonValueKind.Number, "a whole number").TryGetInt64(out long value) ? value : throw Wrong(key, "a whole number of 64 bits");

    public ulong UInt64(string key) => Get(key, JsonValueKind.Number, "a whole number").TryGetUInt64(out ulong value) ? value : throw Wrong(key, "a whole number from 0 to 2^64 - 1");

    public double Double(string key) => Get(key, JsonValueKind.Number, "a number").GetDouble();

    /// <summary>A whole number in <paramref name="range"/>.</summary>
    public int Int32(string key, NumberRange range) => Int32(key) is var value && range.Contains(value) ? value : throw Wrong(key, $"a whole number, {range}");

    /// <summary>A whole number in <paramref name="range"/>.</summary>
    public long Int64(string key, NumberRange range) => Int64(key) is var value && range.Contains(value) ? value : throw Wrong(key, $"a whole number, {range}");

    /// <summary>A number in <paramref name="range"/>.</summary>
    public double Double(string key, NumberRange range) => Double(key) is var value && range.Contains(value) ? value : throw Wrong(key, $"a number, {range}");

    public double? OptionalDouble(string key, NumberRange range) => IsNull(key) ? null : Double(key, range);

    public double? OptionalDouble(string key) => IsNull(key) ? null : Double(key);

    public string? OptionalString(string key) => IsNull(key) ? null : String(key);

    public bool Boolean(string key)
    {
        _read.Add(key);
        if (!_element.TryGetProperty(key, out JsonElement value))
            throw new InvalidDataException($"{Path}: the key '{key}' is missing; true or false was expected");
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, "true or false");
    }

    /// <summary>One of a set of words, as its index among them.</summary>
    public int Word(string key, IReadOnlyList<string> words)
    {
        string text = String(key);
        for (int i = 0; i < words.Count; i++)
        {
            if (words[i] == text)
                return i;
        }
        throw Wrong(key, "one of " + string.Join(", ", words));
    }

    public T Enum<T>(string key) where T : struct, Enum =>
        String(key) is var text && System.Enum.TryParse(text, ignoreCase: true, out T value) && System.Enum.IsDefined(value) && !char.IsAsciiDigit(text[0])
            ? value : throw Wrong(key, "one of " + string.Join(", ", System.Enum.GetNames<T>()));

    public JsonReader Child(string key) => new(Get(key, JsonValueKind.Object, "an object"), $"{Path}.{key}");

    public JsonReader? OptionalChild(string key) => IsNull(key) ? null : Child(key);

    public IEnumerable<JsonReader> Children(string key)
    {
        int index = 0;
        foreach (JsonElement item in Get(key, JsonValueKind.Array, "a list").EnumerateArray())
            yield return new JsonReader(item, $"{Path}.{key}[{index++}]");
    }

    /// <summary>The items of a list, whatever they are.</summary>
    public IEnumerable<JsonElement> Items(string key) => Get(key, JsonValueKind.Array, "a list").EnumerateArray();

    public long[] Int64Array(string key) =>
        [.. Get(key, JsonValueKind.Array, "a list").EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt64(out long value) ? value : throw Wrong(key, "a list of whole numbers"))];

    /// <summary>A list of whole numbers, each in <paramref name="range"/>.</summary>
    public long[] Int64Array(string key, NumberRange range) => Int64Array(key) is var values && values.All(value => range.Contains(value)) ? values : throw Wrong(key, $"a list of whole numbers, each {range}");

    public string[] StringArray(string key) =>
        [.. Get(key, JsonValueKind.Array, "a list").EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Wrong(key, "a list of texts"))];

    /// <summary>So many float32 as base64 of their little-endian bytes.</summary>
    public float[] Floats(string key, int count)
    {
        if (!Get(key, JsonValueKind.String, "base64").TryGetBytesFromBase64(out byte[]? bytes) || bytes.Length != (long)count * sizeof(float))
            throw new InvalidDataException($"{Path}.{key}: found {(bytes is null ? "other text" : $"{bytes.Length} bytes")}, expected base64 of {count} float32");
        float[] values = MemoryMarshal.Cast<byte, float>(bytes).ToArray();
        LittleEndian.ToNative(values);
        return values;
    }

    /// <summary>Refuses keys that nobody asked for, and keys that stand twice.</summary>
    public void Done()
    {
        var seen = new HashSet<string>();
        foreach (JsonProperty property in _element.EnumerateObject())
        {
            if (!seen.Add(property.Name))
                throw new InvalidDataException($"{Path}: the key '{property.Name}' stands twice; once was expected");
            if (!_read.Contains(property.Name))
                throw new InvalidDataException($"{Path}: found the key '{property.Name}', which is not known there; known are {string.Join(", ", _read.Order(StringComparer.Ordinal))}");
        }
    }

    private bool IsNull(string key)
    {
        _read.Add(key);
        return !_element.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null;
    }

    private JsonElement Get(string key, JsonValueKind kind, string expected)
    {
        _read.Add(key);
        if (!_element.TryGetProperty(key, out JsonElement value))
            throw new InvalidDataException($"{Path}: the key '{key}' is missing; {expected} was expected");
        return value.ValueKind == kind ? value : throw Wrong(key, expected);
    }

    private InvalidDataException Wrong(string key, string expected) =>
        new($"{Path}.{key}: found {Describe(_element.GetProperty(key))}, expected {expected}");

    private static string Describe(JsonElement element)
    {
        string text = element.GetRawText();
        return text.Length <= 60 ? text : text[..60] + "...";
    }
}
