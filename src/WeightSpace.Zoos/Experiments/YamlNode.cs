using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace WeightSpace.Zoos.Experiments;

/// <summary>A value of a YAML file and where it begins, both counted from 1.</summary>
internal abstract record YamlNode(int Line, int Column)
{
    /// <summary>What it is, for messages: <c>'12'</c>, <c>a list</c>, <c>a mapping</c>.</summary>
    public abstract string Found { get; }
}

/// <summary>Text, or a number; <paramref name="IsPlain"/> where no quotes surround it.</summary>
internal sealed record YamlScalar(string Text, bool IsPlain, int Line, int Column) : YamlNode(Line, Column)
{
    public bool IsEmpty => IsPlain && Text is "" or "~" or "null";

    public override string Found => IsEmpty ? "nothing" : (IsPlain ? "'" : "the quoted text '") + (Text.Length <= 60 ? Text : Text[..60] + "...") + "'";
}

internal sealed record YamlList(IReadOnlyList<YamlNode> Items, int Line, int Column) : YamlNode(Line, Column)
{
    public override string Found => "a list";
}

/// <summary>Keys in the order of the file, none twice.</summary>
internal sealed record YamlMapping(IReadOnlyList<KeyValuePair<YamlScalar, YamlNode>> Entries, int Line, int Column) : YamlNode(Line, Column)
{
    public override string Found => "a mapping";
}

/// <summary>
/// Reads the part of YAML that an experiment needs: one document of mappings, lists and scalars. Anchors, aliases and tags are refused,
/// so that a small file cannot stand for a large one.
/// </summary>
internal static class YamlReader
{
    public const int MaxBytes = 1 << 20;
    private const int MaxDepth = 32;

    /// <summary>Throws <see cref="InputException"/> with source, line and column.</summary>
    public static YamlNode Read(string text, string source)
    {
        RefuseControlCharacters(text, source);
        if (Encoding.UTF8.GetByteCount(text) > MaxBytes)
            throw new InputException($"{source}: found more than {MaxBytes} bytes, expected at most as many (1 MiB); an experiment is a page of settings, write ranges and grids instead of long lists");
        try
        {
            var parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
                throw new InputException($"{source}: the file is empty; an experiment was expected, beginning with 'experiment: <name>'");
            parser.Consume<DocumentStart>();
            YamlNode root = ReadNode(parser, source, 0);
            parser.Consume<DocumentEnd>();
            if (!parser.Accept<StreamEnd>(out _))
                throw new InputException($"{Place(source, parser.Current)}: found a second document, expected one; keep one experiment a file");
            return root;
        }
        catch (YamlException error)
        {
            throw new InputException($"{source}:{error.Start.Line}:{error.Start.Column}: this is not valid YAML: {error.Message}", error);
        }
        catch (Exception error) when (error is not (InputException or OutOfMemoryException))
        {
            // The parser is not ours, and its input may be anything: whatever it stumbles over is an error of the file.
            throw new InputException($"{source}: this is not valid YAML: {error.Message}", error);
        }
    }

    private static YamlNode ReadNode(IParser parser, string source, int depth)
    {
        if (depth > MaxDepth)
            throw new InputException($"{Place(source, parser.Current)}: found more than {MaxDepth} levels of nesting, expected at most as many");
        if (parser.Accept<AnchorAlias>(out var alias))
            throw new InputException($"{Place(source, alias)}: found the alias '*{alias!.Value}', expected a value; aliases are not allowed, write the value out");
        NodeEvent node = parser.Consume<NodeEvent>();
        if (!node.Anchor.IsEmpty)
            throw new InputException($"{Place(source, node)}: found the anchor '&{node.Anchor.Value}', expected a value; anchors are not allowed");
        if (!node.Tag.IsEmpty)
            throw new InputException($"{Place(source, node)}: found a tag ('{(node.Tag.IsNonSpecific ? "!" : node.Tag.Value)}'), expected a value; tags are not allowed");
        int line = (int)node.Start.Line, column = (int)node.Start.Column;
        switch (node)
        {
            case Scalar scalar:
                RefuseBrokenText(scalar, source);
                return new YamlScalar(scalar.Value, scalar.Style == ScalarStyle.Plain, line, column);
            case SequenceStart:
                var items = new List<YamlNode>();
                while (!parser.TryConsume<SequenceEnd>(out _))
                    items.Add(ReadNode(parser, source, depth + 1));
                return new YamlList(items, line, column);
            default:
                return ReadMapping(parser, source, depth, line, column);
        }
    }

    private static YamlMapping ReadMapping(IParser parser, string source, int depth, int line, int column)
    {
        var entries = new List<KeyValuePair<YamlScalar, YamlNode>>();
        var lines = new Dictionary<string, int>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            YamlNode key = ReadNode(parser, source, depth + 1);
            if (key is not YamlScalar name)
                throw new InputException($"{source}:{key.Line}:{key.Column}: found {key.Found} as a key, expected a word");
            if (!lines.TryAdd(name.Text, name.Line))
                throw new InputException($"{source}:{name.Line}:{name.Column}: the key '{name.Text}' stands twice, first in line {lines[name.Text]}; remove one");
            entries.Add(new(name, ReadNode(parser, source, depth + 1)));
        }
        return new YamlMapping(entries, line, column);
    }

    private static void RefuseControlCharacters(string text, string source)
    {
        int line = 1, lineStart = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char letter = text[i];
            if (letter == '\n')
                (line, lineStart) = (line + 1, i + 1);
            else if (char.IsControl(letter) && letter is not ('\t' or '\r'))
                throw new InputException($"{source}:{line}:{i - lineStart + 1}: found the control character U+{(int)letter:X4}, expected text; is this a YAML file?");
        }
    }

    /// <summary>Quoted text may spell any character: <c>"\0"</c>, or half a surrogate pair, which no file can hold.</summary>
    private static void RefuseBrokenText(Scalar scalar, string source)
    {
        foreach (Rune letter in scalar.Value.EnumerateRunes())
        {
            if (letter == Rune.ReplacementChar || (Rune.IsControl(letter) && letter.Value is not ('\t' or '\n')))
                throw new InputException($"{Place(source, scalar)}: found the character U+{letter.Value:X4} in a text, expected characters that can be printed");
        }
    }

    private static string Place(string source, ParsingEvent? at) => at is null ? source : $"{source}:{at.Start.Line}:{at.Start.Column}";
}
