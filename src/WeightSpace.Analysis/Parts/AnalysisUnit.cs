using System.Security.Cryptography;
using System.Text.Json;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Analysis.Parts;

/// <summary>Of what zoo and with what options parts are computed: all that they depend on.</summary>
/// <param name="Zoo">The zoo's folder, under the path that every machine sees it by.</param>
/// <param name="ZooDigest">The digest that its manifest ends with, which tells every byte of it.</param>
public sealed record UnitSource(string Zoo, string ZooDigest, ulong Seed, int MaxNetworks, int MatchedPoints, int Trees)
{
    /// <summary>The source of a zoo's parts, as it is now.</summary>
    public static UnitSource Of(string zoo, AnalysisOptions options) => new(Path.GetFullPath(zoo), DigestOf(zoo), options.Seed, options.MaxNetworks, options.MatchedPoints, options.Trees);

    public AnalysisOptions Options => new() { Seed = Seed, MaxNetworks = MaxNetworks, MatchedPoints = MatchedPoints, Trees = Trees };

    /// <summary>Opens the zoo. Throws <see cref="InputException"/> where it is another one now.</summary>
    public Zoo Open()
    {
        string found = DigestOf(Zoo);
        return found == ZooDigest ? WeightSpace.Zoos.Zoo.Open(Zoo)
            : throw new InputException($"{Path.Combine(Zoo, ZooManifest.FileName)}: the zoo has the digest {found}, the analysis was begun with {ZooDigest}; it was changed meanwhile, so begin the analysis anew");
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteString("zoo", Zoo);
        json.WriteString("zoo_digest", ZooDigest);
        json.WriteNumber("seed", Seed);
        json.WriteNumber("max_networks", MaxNetworks);
        json.WriteNumber("matched_points", MatchedPoints);
        json.WriteNumber("trees", Trees);
    }

    internal static UnitSource Read(JsonReader json) => new(json.String("zoo"), json.String("zoo_digest"), json.UInt64("seed"),
        json.Int32("max_networks", new NumberRange(1, int.MaxValue)), json.Int32("matched_points", new NumberRange(1, int.MaxValue)), json.Int32("trees", new NumberRange(1, int.MaxValue)));

    private static string DigestOf(string zoo) => ZooManifest.DigestOf(WeightSpace.Zoos.Zoo.ReadManifestAlone(zoo).Bytes);
}

/// <summary>
/// Some parts of an analysis, blocks of its Gram matrices and scores of its classifiers, as one file, which is all that a worker needs beside the zoo: JSON with the keys <c>format</c> (the first),
/// <c>format_version</c>, those of <see cref="UnitSource"/>, <c>blocks</c> and <c>scores</c>.
/// </summary>
/// <param name="Digest">SHA-256 of the file, 64 hexadecimal digits: a result names the unit that it is the result of.</param>
public sealed record AnalysisUnit(UnitSource Source, IReadOnlyList<BlockPlace> Blocks, IReadOnlyList<ScorePlace> Scores, string Digest)
{
    public const string Format = "weightspace-analysis-unit";
    public const int FormatVersion = 1;

    private const long MaxBytes = 64L << 20;

    /// <summary>The unit of these parts, without a file.</summary>
    public static AnalysisUnit Of(UnitSource source, IReadOnlyList<BlockPlace> blocks, IReadOnlyList<ScorePlace> scores) => new(source, blocks, scores, Convert.ToHexStringLower(SHA256.HashData(ToJson(source, blocks, scores))));

    /// <summary>Whether a file says of itself that it is such a unit.</summary>
    public static bool IsOne(string path)
    {
        byte[] bytes = new byte[256];
        if (!File.Exists(path))
            return false;
        try
        {
            using (FileStream file = File.OpenRead(path))
                bytes = bytes[..file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
            var json = new Utf8JsonReader(bytes, isFinalBlock: false, default);
            return json.Read() && json.Read() && json.TokenType == JsonTokenType.PropertyName && json.ValueTextEquals("format"u8) && json.Read() && json.TokenType == JsonTokenType.String && json.ValueTextEquals(Format);
        }
        catch (Exception error) when (error is JsonException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    public void Write(string path)
    {
        byte[] bytes = ToJson(Source, Blocks, Scores);
        AtomicFile.Write(path, stream => stream.Write(bytes), isDurable: false);
    }

    /// <summary>Reads a unit; throws <see cref="InputException"/> when it is not one, or is of a newer version.</summary>
    public static AnalysisUnit Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxBytes)
                throw new InputException($"{path}: {file.Length} bytes are more than a unit of an analysis may have ({MaxBytes})");
            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            using JsonDocument document = JsonDocument.Parse(bytes);
            var root = new JsonReader(document.RootElement, path);
            if (root.String("format") is not Format and var format)
                throw new InputException($"{path}: format: found '{format}', expected {Format}");
            if (root.Int32("format_version") is not FormatVersion and var version)
                throw new InputException($"{path}: format_version: found {version}, this program reads {FormatVersion}; use the release that made the unit");
            UnitSource source = UnitSource.Read(root);
            (BlockPlace[] blocks, ScorePlace[] scores) = ReadParts(root);
            root.Done();
            return blocks.Length + scores.Length > 0 ? new AnalysisUnit(source, blocks, scores, Convert.ToHexStringLower(SHA256.HashData(bytes)))
                : throw new InputException($"{path}: the unit holds no blocks and no scores; at least one was expected");
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or UnauthorizedAccessException or EndOfStreamException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path}: this is not a unit of an analysis that can be read: {error.Message}", error);
        }
    }

    internal static void WriteParts(Utf8JsonWriter json, IReadOnlyList<BlockPlace> blocks, IReadOnlyList<ScorePlace> scores)
    {
        json.WriteStartArray("blocks");
        foreach (BlockPlace block in blocks)
            WriteBlock(json, block);
        json.WriteEndArray();
        json.WriteStartArray("scores");
        foreach (ScorePlace score in scores)
        {
            json.WriteStartObject();
            WritePlace(json, score.Features);
            json.WriteString("labeling", score.Labeling);
            json.WriteString("classifier", score.Classifier);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>Reads <c>blocks</c> and <c>scores</c>.</summary>
    internal static (BlockPlace[] Blocks, ScorePlace[] Scores) ReadParts(JsonReader json) => ([.. json.Children("blocks").Select(ReadBlock)], [.. json.Children("scores").Select(ReadScore)]);

    private static void WritePlace(Utf8JsonWriter json, ViewPlace place)
    {
        json.WriteNumber("architecture", place.Architecture);
        json.WriteString("moment", place.Moment);
        json.WriteString("view", place.View);
    }

    private static ViewPlace ReadPlace(JsonReader json) => new(json.Int32("architecture", new NumberRange(0, int.MaxValue)), json.String("moment"), json.String("view"));

    private static ScorePlace ReadScore(JsonReader json)
    {
        var score = new ScorePlace(ReadPlace(json), json.String("labeling"), json.String("classifier"));
        json.Done();
        return score;
    }

    private static void WriteBlock(Utf8JsonWriter json, BlockPlace block)
    {
        json.WriteStartObject();
        WritePlace(json, block.Gram);
        json.WriteNumber("networks", block.Networks);
        json.WriteNumber("first_row", block.FirstRow);
        json.WriteNumber("rows", block.Rows);
        json.WriteNumber("first_column", block.FirstColumn);
        json.WriteNumber("columns", block.Columns);
        json.WriteEndObject();
    }

    /// <summary>A block that lies in its matrix, on the diagonal or above it, and is not too large.</summary>
    private static BlockPlace ReadBlock(JsonReader json)
    {
        var count = new NumberRange(1, int.MaxValue);
        var index = new NumberRange(0, int.MaxValue);
        var block = new BlockPlace(ReadPlace(json), json.Int32("networks", count),
            json.Int32("first_row", index), json.Int32("rows", count), json.Int32("first_column", index), json.Int32("columns", count));
        json.Done();
        bool isOnDiagonal = block.FirstRow == block.FirstColumn && block.Rows == block.Columns;
        if (block.Rows > block.Networks - block.FirstRow || block.Columns > block.Networks - block.FirstColumn || (!isOnDiagonal && (long)block.FirstRow + block.Rows > block.FirstColumn) || (long)block.Rows * block.Columns > BlockPlace.MaxEntries)
            throw new InvalidDataException($"{json.Path}: found {block.Rows} rows from {block.FirstRow} on by {block.Columns} columns from {block.FirstColumn} on, expected a block of at most {BlockPlace.MaxEntries} entries on the diagonal of {block.Networks} networks, or above it");
        return block;
    }

    private static byte[] ToJson(UnitSource source, IReadOnlyList<BlockPlace> blocks, IReadOnlyList<ScorePlace> scores)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("format", Format);
            json.WriteNumber("format_version", FormatVersion);
            source.Write(json);
            WriteParts(json, blocks, scores);
            json.WriteEndObject();
        }
        return stream.ToArray();
    }
}
