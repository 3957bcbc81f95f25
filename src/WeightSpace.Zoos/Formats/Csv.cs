using System.Buffers;
using System.Globalization;
using System.Text;

namespace WeightSpace.Zoos.Formats;

/// <summary>
/// Writes RFC 4180: fields with a comma, a quote or a line break are quoted; lines end with a line feed, as most tools write them. Numbers
/// are in their shortest form that reads back as the same number.
/// </summary>
public sealed class CsvWriter : IDisposable
{
    private static readonly SearchValues<char> s_special = SearchValues.Create(",\"\r\n");

    private readonly StreamWriter _text;
    private readonly int _columns;

    public CsvWriter(Stream stream, params IReadOnlyList<string> header)
    {
        _text = new StreamWriter(stream, new UTF8Encoding(false), bufferSize: 1 << 16, leaveOpen: true) { NewLine = "\n" };
        _columns = header.Count;
        WriteRow([.. header]);
    }

    public void WriteRow(params ReadOnlySpan<string> fields)
    {
        if (fields.Length != _columns)
            throw new ArgumentException($"the row has {fields.Length} fields, the header {_columns}", nameof(fields));
        for (int i = 0; i < fields.Length; i++)
        {
            if (i > 0)
                _text.Write(',');
            // A lone empty field would look like an empty line.
            if (fields[i].AsSpan().ContainsAny(s_special) || (fields.Length == 1 && fields[i].Length == 0))
            {
                _text.Write('"');
                _text.Write(fields[i].Replace("\"", "\"\"", StringComparison.Ordinal));
                _text.Write('"');
            }
            else
            {
                _text.Write(fields[i]);
            }
        }
        _text.WriteLine();
    }

    public static string Format(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Format(ulong value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Null is the empty field; NaN and the infinities are <c>NaN</c>, <c>Infinity</c>, <c>-Infinity</c>.</summary>
    public static string Format(float? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";

    /// <summary>Nine digits of a number in double precision, as many as tell two floats apart; null is the empty field.</summary>
    public static string Rounded(double? value) => value?.ToString("G9", CultureInfo.InvariantCulture) ?? "";

    public void Dispose() => _text.Dispose();
}

/// <summary>
/// Reads RFC 4180 row by row (CR LF and LF both end a line). Errors are <see cref="InputException"/>s with the source, the line and the column's name.
/// </summary>
public sealed class CsvReader : IDisposable
{
    /// <summary>Characters of one row, line breaks in quotes included.</summary>
    private const int MaxRowLength = 1 << 20;

    private const int MaxColumns = 1024;

    private readonly TextReader _text;
    private readonly List<string> _fields = [];
    private readonly StringBuilder _field = new();
    private long _nextLine = 1;

    public CsvReader(Stream stream, string source)
    {
        Source = source;
        _text = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: false, bufferSize: 1 << 16);
        if (!ReadFields())
            throw new InputException($"{source}: the file is empty; a header line was expected");
        // Some editors put a byte order mark before the first name.
        _fields[0] = _fields[0].TrimStart('\uFEFF');
        Header = [.. _fields];
    }

    public string Source { get; }

    public IReadOnlyList<string> Header { get; }

    /// <summary>The line where the present row begins, counted from 1.</summary>
    public long Line { get; private set; }

    /// <summary>The fields of the present row.</summary>
    public IReadOnlyList<string> Fields => _fields;

    /// <summary>Throws unless the header begins with these columns.</summary>
    public void ExpectColumns(params IReadOnlyList<string> columns)
    {
        for (int i = 0; i < columns.Count; i++)
        {
            if (i >= Header.Count || Header[i] != columns[i])
                throw new InputException($"{Source}:1: found {(i < Header.Count ? $"'{Header[i]}'" : "no column")} as column {i + 1}, expected '{columns[i]}'; the columns begin with {string.Join(",", columns)}");
        }
    }

    /// <summary>Goes on to the next row; false behind the last.</summary>
    public bool Read()
    {
        if (!ReadFields())
            return false;
        if (_fields.Count != Header.Count)
            throw Error($"found {_fields.Count} fields, expected {Header.Count}, as in the header");
        return true;
    }

    public string String(int column) => _fields[column];

    public long Int64(int column, long min, long max) =>
        long.TryParse(_fields[column], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= min && value <= max ? value : throw Wrong(column, $"a whole number, {min} to {max}");

    /// <summary>A number or NaN, Infinity, -Infinity.</summary>
    public float Float(int column) => OptionalFloat(column) ?? throw Wrong(column, "a number");

    /// <summary>Null where the field is empty.</summary>
    public float? OptionalFloat(int column)
    {
        if (_fields[column].Length == 0)
            return null;
        return float.TryParse(_fields[column], NumberStyles.Float, CultureInfo.InvariantCulture, out float value) ? value : throw Wrong(column, "a number or nothing");
    }

    /// <summary>An error in a field of the present row.</summary>
    public InputException Wrong(int column, string expected)
    {
        string found = _fields[column];
        return Error($"{Header[column]}: found {(found.Length == 0 ? "nothing" : $"'{(found.Length <= 80 ? found : found[..80] + "...")}'")}, expected {expected}");
    }

    public InputException Error(string message) => new($"{Source}:{Line}: {message}");

    public void Dispose() => _text.Dispose();

    private bool ReadFields()
    {
        try
        {
            return ReadFieldsCore();
        }
        catch (DecoderFallbackException error)
        {
            throw new InputException($"{Source}:{_nextLine}: found bytes that are not UTF-8 text", error);
        }
    }

    private bool ReadFieldsCore()
    {
        _fields.Clear();
        _field.Clear();
        Line = _nextLine;
        if (_text.Peek() < 0)
            return false;
        bool isQuoted = false, wasQuoted = false;
        int length = 0;
        while (true)
        {
            int next = _text.Read();
            if (++length > MaxRowLength)
                throw Error($"found a row of more than {MaxRowLength} characters, expected at most as many");
            if (next == '\n')
                _nextLine++;
            if (isQuoted)
            {
                if (next < 0)
                    throw Error("found the end of the file inside quotes; a closing quote was expected");
                if (next != '"')
                    _field.Append((char)next);
                else if (_text.Peek() == '"')
                    _field.Append((char)_text.Read());
                else
                    isQuoted = false;
                continue;
            }
            if (next == '\r' && _text.Peek() == '\n')
                continue;
            if (next is ',' or '\n' or < 0)
            {
                if (_fields.Count == MaxColumns)
                    throw Error($"found more than {MaxColumns} fields, expected at most as many");
                _fields.Add(_field.ToString());
                _field.Clear();
                wasQuoted = false;
                if (next != ',')
                    return true;
            }
            else if (next == '"' && _field.Length == 0 && !wasQuoted)
            {
                isQuoted = wasQuoted = true;
            }
            else if (next == '"' || wasQuoted)
            {
                throw Error("found a quote inside a field; a field with a quote stands in quotes, the quote twice");
            }
            else
            {
                _field.Append((char)next);
            }
        }
    }
}
