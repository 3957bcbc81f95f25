using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Analysis.Parts;

/// <summary>
/// The result of an analysis's unit, one safetensors file: for the i-th block the tensor <c>i</c> [rows, columns] and, in the metadata, its digest, <c>i.sha256</c>; there too the scores, as <c>analysis.json</c> has
/// them, with the digest of their text, and the digest of the unit.
/// </summary>
public static class AnalysisUnitResult
{
    public const string Format = "weightspace-analysis-result";
    public const int FormatVersion = 1;

    /// <summary>Writes the file; under its name stands either nothing or the whole of it.</summary>
    /// <param name="values">Of each block of the unit, row-major [rows, columns].</param>
    /// <param name="scores">Of each score of the unit.</param>
    public static void Write(string path, AnalysisUnit unit, IReadOnlyList<float[]> values, IReadOnlyList<ClassificationScore> scores)
    {
        string text = AnalysisJson.WriteScores(scores);
        TensorEntry[] entries = [.. unit.Blocks.Select((block, i) => new TensorEntry(Name(i), TensorType.F32, [block.Rows, block.Columns]))];
        var metadata = new Dictionary<string, string> { ["format"] = Format, ["format_version"] = FormatVersion.ToString(CultureInfo.InvariantCulture), ["unit"] = unit.Digest, ["scores"] = text, ["scores.sha256"] = Digest(text) };
        for (int i = 0; i < values.Count; i++)
            metadata[$"{Name(i)}.sha256"] = Sha256Digest.Of(values[i]).ToString();
        AtomicFile.Write(path, stream => SafetensorsWriter.Write(stream, entries, metadata, (index, sink) => sink.Write(values[index])));
    }

    /// <summary>Whether a file is this unit's result, by its header alone; whether its values are whole, only <see cref="ReadBlock"/> tells.</summary>
    public static bool IsOf(string path, string unitDigest)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            return file.Metadata.GetValueOrDefault("unit") == unitDigest;
        }
        catch (InputException)
        {
            return false;
        }
    }

    /// <summary>Whether a unit's result is there, and every byte of it is as it was written.</summary>
    public static bool IsWhole(string path, AnalysisUnit unit)
    {
        try
        {
            if (!File.Exists(path))
                return false;
            for (int i = 0; i < unit.Blocks.Count; i++)
                ReadBlock(path, unit, i);
            ReadScores(path, unit);
            return true;
        }
        catch (InputException)
        {
            return false;
        }
    }

    /// <summary>The values of a unit's block, row-major [rows, columns]. Throws <see cref="InputException"/> where the file is no result of this unit, or a byte of the block changed.</summary>
    public static float[] ReadBlock(string path, AnalysisUnit unit, int index)
    {
        using SafetensorsFile file = Open(path, unit);
        BlockPlace block = unit.Blocks[index];
        TensorInfo tensor = file.Tensor(Name(index));
        if (!tensor.Shape.SequenceEqual([block.Rows, block.Columns]))
            throw new InputException($"{path}: {tensor.Name}: found the shape [{string.Join(", ", tensor.Shape)}], expected [{block.Rows}, {block.Columns}]");
        float[] values = new float[block.Rows * block.Columns];
        file.ReadFloats(tensor.Name, 0, values);
        return file.Metadata.GetValueOrDefault($"{tensor.Name}.sha256") == Sha256Digest.Of(values).ToString() ? values
            : throw new InputException($"{path}: {tensor.Name}: the content does not match its digest; the file was changed after it was written");
    }

    /// <summary>A unit's scores, in its order. Throws as <see cref="ReadBlock"/> does.</summary>
    public static IReadOnlyList<ClassificationScore> ReadScores(string path, AnalysisUnit unit)
    {
        using SafetensorsFile file = Open(path, unit);
        if (file.Metadata.GetValueOrDefault("scores") is not { } text || file.Metadata.GetValueOrDefault("scores.sha256") != Digest(text))
            throw new InputException($"{path}: scores: the content does not match its digest; the file was changed after it was written");
        try
        {
            ClassificationScore[] scores = AnalysisJson.ReadScores(text);
            return scores.Select(score => (score.Features, score.Labeling, score.Classifier)).SequenceEqual(unit.Scores.Select(place => (place.Features.View, place.Labeling, place.Classifier))) ? scores
                : throw new InputException($"{path}: scores: found {scores.Length} that are not those of the unit, expected its {unit.Scores.Count}");
        }
        catch (JsonException error)
        {
            throw new InputException($"{path}: scores: these cannot be read: {error.Message}", error);
        }
    }

    private static SafetensorsFile Open(string path, AnalysisUnit unit)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        try
        {
            Check(file, unit);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static void Check(SafetensorsFile file, AnalysisUnit unit)
    {
        string path = file.Path;
        if (file.Metadata.GetValueOrDefault("format") is not Format and var format)
            throw new InputException($"{path}: format: found '{format}', expected {Format}");
        if (file.Metadata.GetValueOrDefault("format_version") is var version && version != FormatVersion.ToString(CultureInfo.InvariantCulture))
            throw new InputException($"{path}: format_version: found '{version}', this program reads {FormatVersion}");
        if (file.Metadata.GetValueOrDefault("unit") is var digest && digest != unit.Digest)
            throw new InputException($"{path}: this is the result of unit {digest}, not of {unit.Digest}");
    }

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string Name(int index) => index.ToString(CultureInfo.InvariantCulture);
}
