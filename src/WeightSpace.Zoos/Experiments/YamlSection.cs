using System.Globalization;

namespace WeightSpace.Zoos.Experiments;

/// <summary>
/// A mapping of an experiment with its known keys. Making one refuses every other key, so a misspelt setting never takes its
/// default in silence.
/// </summary>
internal sealed class YamlSection
{
    private readonly Dictionary<string, YamlNode> _values = [];
    private readonly YamlNode _node;

    public YamlSection(YamlNode node, string source, string path, params string[] knownKeys)
    {
        (Source, Path, _node) = (source, path, node);
        if (node is not YamlMapping mapping)
            throw Error(node, $"{Subject(path)}found {node.Found}, expected a mapping of {string.Join(", ", knownKeys)}");
        foreach ((YamlScalar key, YamlNode value) in mapping.Entries)
        {
            if (!knownKeys.Contains(key.Text))
                throw Error(key, $"the key '{Shorten(key.Text)}' is not known {(path.Length == 0 ? "here" : $"in {path}")}{Suggestion(key.Text, knownKeys)}; known keys: {string.Join(", ", knownKeys)}");
            _values.Add(key.Text, value);
            Keys.Add(key);
        }
    }

    public string Source { get; }

    /// <summary>The keys that lead here, for messages: <c>training.optimizer</c>; empty at the top.</summary>
    public string Path { get; }

    /// <summary>The keys of the file, in its order.</summary>
    public List<YamlScalar> Keys { get; } = [];

    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>The value of a key, or null where the key is absent. A key without a value is an error.</summary>
    public YamlNode? Find(string key)
    {
        if (!_values.TryGetValue(key, out YamlNode? value))
            return null;
        return value is YamlScalar { IsEmpty: true } ? throw Error(value, $"{Full(key)} has no value; give it one or remove the key") : value;
    }

    /// <summary>The same for a key that may stand without a value: null then too.</summary>
    public YamlNode? FindOrEmpty(string key) => _values.TryGetValue(key, out YamlNode? value) && value is not YamlScalar { IsEmpty: true } ? value : null;

    public YamlNode Get(string key, string expected) =>
        Find(key) ?? throw Error(_node, $"{Full(key)} is missing; {expected} was expected");

    public YamlSection? FindSection(string key, params string[] knownKeys) =>
        Find(key) is { } node ? new YamlSection(node, Source, Full(key), knownKeys) : null;

    /// <summary>A list's items, or a single value as a list of one; null where the key is absent.</summary>
    public IReadOnlyList<YamlNode>? FindItems(string key) => Find(key) is { } node ? Items(node, Full(key)) : null;

    public IReadOnlyList<YamlNode> Items(YamlNode node, string path)
    {
        if (node is not YamlList list)
            return [node];
        return list.Items.Count > 0 ? list.Items : throw Error(node, $"{path}: found an empty list, expected at least one value");
    }

    /// <summary>A whole number, decimal or hexadecimal (0x15A), in a range.</summary>
    public long Int64(YamlNode node, string path, NumberRange range)
    {
        if (PlainText(node) is { } text && ParseInt64(text) is { } value && range.Contains(value))
            return value;
        throw Error(node, $"{path}: found {node.Found}, expected a whole number, {range}{QuotesHint(node)}");
    }

    public long Int64(string key, long otherwise, NumberRange range) => Find(key) is { } node ? Int64(node, Full(key), range) : otherwise;

    public int Int32(string key, int otherwise, NumberRange range) => (int)Int64(key, otherwise, range);

    /// <summary>A whole number that must be there.</summary>
    public int Required(string key, NumberRange range) => (int)Int64(Get(key, $"a whole number, {range}"), Full(key), range);

    public double Double(YamlNode node, string path, NumberRange range)
    {
        if (PlainText(node) is { } text
            && double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double value)
            && range.Contains(value))
        {
            // A minus zero would make another recipe of the same network.
            return value == 0 ? 0 : value;
        }
        throw Error(node, $"{path}: found {node.Found}, expected a number, {range}{QuotesHint(node)}");
    }

    public double? FindDouble(string key, NumberRange range) => Find(key) is { } node ? Double(node, Full(key), range) : null;

    public string Text(YamlNode node, string path) =>
        node is YamlScalar { IsEmpty: false } scalar ? scalar.Text : throw Error(node, $"{path}: found {node.Found}, expected text");

    public string? FindText(string key) => Find(key) is { } node ? Text(node, Full(key)) : null;

    /// <summary>One of a set of words.</summary>
    public string Word(YamlNode node, string path, params IReadOnlyList<string> known) => WordOf(Source, node, path, known);

    /// <summary>The same outside of a mapping.</summary>
    public static string WordOf(string source, YamlNode node, string path, IReadOnlyList<string> known)
    {
        if (node is YamlScalar scalar && known.Contains(scalar.Text))
            return scalar.Text;
        string suggestion = node is YamlScalar { IsEmpty: false } word ? Suggestion(word.Text, known) : "";
        throw new InputException($"{source}:{node.Line}:{node.Column}: {path}: found {node.Found}, expected {(known.Count == 1 ? known[0] : $"one of {string.Join(", ", known)}")}{suggestion}");
    }

    /// <summary>Reads a list's items and refuses a value that stands twice.</summary>
    public List<T> Distinct<T>(IReadOnlyList<YamlNode> items, string path, Func<YamlNode, T> read)
    {
        var values = new List<T>();
        var known = new HashSet<T>();
        foreach (YamlNode item in items)
        {
            T value = read(item);
            if (!known.Add(value))
                throw Error(item, $"{path}: {item.Found} stands twice; once was expected");
            values.Add(value);
        }
        return values;
    }

    /// <summary>A name as <see cref="RecipeLimits.NameError"/> allows it.</summary>
    public string Name(YamlNode node, string path)
    {
        string name = Text(node, path);
        return RecipeLimits.NameError(name) is { } error ? throw Error(node, $"{path}: found {node.Found}, {error}") : name;
    }

    public InputException Error(YamlNode at, string message) => new($"{Source}:{at.Line}:{at.Column}: {message}");

    public InputException Error(string message) => Error(_node, message);

    /// <summary>A key with the path that leads to it.</summary>
    public string Full(string key) => Path.Length == 0 ? key : $"{Path}.{key}";

    private static string? PlainText(YamlNode node) => node is YamlScalar { IsPlain: true } scalar ? scalar.Text : null;

    /// <summary>Null where the text is no whole number of 64 bits.</summary>
    public static long? ParseInt64(string text)
    {
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return isHex
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong hex) && hex <= long.MaxValue ? (long)hex : null
            : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null;
    }

    private static string QuotesHint(YamlNode node) => node is YamlScalar { IsPlain: false } ? "; remove the quotes" : "";

    private static string Subject(string path) => path.Length == 0 ? "" : path + ": ";

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "...";

    private static string Suggestion(string text, IReadOnlyList<string> known)
    {
        // A long text is no misspelt key, and the table below is as large as the text.
        if (text.Length > 60 || known.Count == 0)
            return "";
        string nearest = known.MinBy(word => EditDistance(text, word))!;
        return EditDistance(text, nearest) <= Math.Max(2, nearest.Length / 2) ? $"; did you mean '{nearest}'?" : $"; the nearest is '{nearest}'";
    }

    /// <summary>Levenshtein distance: insertions, deletions and replacements that make <paramref name="b"/> of <paramref name="a"/>.</summary>
    internal static int EditDistance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1;
                (row[j], diagonal) = (Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + cost), row[j]);
            }
        }
        return row[b.Length];
    }
}
