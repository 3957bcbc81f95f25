using System.Text.Encodings.Web;
using System.Text.Json;

namespace WeightSpace.Analysis;

/// <summary>An analysis as <c>analysis.json</c>: UTF-8, snake_case, indented, the same bytes for the same result.</summary>
public static class AnalysisJson
{
    /// <summary>The version of the fields' meaning.</summary>
    public const int FormatVersion = 1;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonSerializerOptions OneLine = new(Options) { WriteIndented = false };

    /// <summary>Throws <see cref="ArgumentException"/> when a number is NaN or infinite: JSON has no such numbers, and a result must not.</summary>
    public static byte[] Write(AnalysisResult result) => JsonSerializer.SerializeToUtf8Bytes(result, Options);

    /// <summary>Scores in the same way, on one line.</summary>
    internal static string WriteScores(IReadOnlyList<ClassificationScore> scores) => JsonSerializer.Serialize(scores, OneLine);

    /// <summary>Reads what <see cref="WriteScores"/> wrote. Throws <see cref="JsonException"/> where it is something else.</summary>
    internal static ClassificationScore[] ReadScores(string json) =>
        JsonSerializer.Deserialize<ClassificationScore[]>(json, OneLine) is { } scores && scores.All(score => score is { Labeling: not null, Features: not null, Classifier: not null }) ? scores : throw new JsonException("expected scores");

    /// <summary>A map's summary in the same way.</summary>
    public static byte[] WriteMap(Maps.MapSummary summary) => JsonSerializer.SerializeToUtf8Bytes(summary, Options);

    /// <summary>Tracked paths in the same way.</summary>
    public static byte[] WriteTrack(Trajectories.TrackResult result) => JsonSerializer.SerializeToUtf8Bytes(result, Options);

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static AnalysisResult Read(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize<AnalysisResult>(json, Options) ?? throw new JsonException("found null, expected an analysis");
}
