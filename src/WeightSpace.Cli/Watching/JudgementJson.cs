using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Analysis.Monitoring;
using WeightSpace.Analysis.Trajectories;

namespace WeightSpace.Cli.Watching;

/// <summary>A judgement as JSON: the same fields in the log, in the webhook's body and in what <c>track --gate --json</c> prints. docs/monitor.md has their meaning.</summary>
internal static class JudgementJson
{
    private static readonly string[] s_verdicts = ["on-path", "left-path", "retest-due"];

    public static string Word(PathVerdict verdict) => s_verdicts[(int)verdict];

    public static JsonObject Of(string network, JudgedCheckpoint judged, PathMonitor? monitor) => new()
    {
        ["network"] = network,
        ["name"] = judged.Row.Name,
        ["step"] = judged.Row.Step,
        ["place"] = Place(judged.Row),
        ["since_tested"] = Since(judged.Since),
        ["statistic"] = judged.Judgement.Statistic,
        ["threshold"] = monitor?.Threshold,
        ["verdict"] = Word(judged.Judgement.Verdict),
        ["retest_due"] = judged.Judgement.IsRetestDue,
        ["reason"] = judged.Judgement.Reason.Length == 0 ? null : judged.Judgement.Reason,
        ["problem"] = judged.Row.Problem,
    };

    /// <summary>Where a checkpoint is on its path; null where it has no numbers.</summary>
    public static JsonObject? Place(CheckpointMeasures row) => row.Problem is not null ? null : new()
    {
        ["norm"] = row.Norm,
        ["kurtosis"] = row.Kurtosis,
        ["arc_length"] = row.ArcLength,
        ["distance_from_start"] = row.DistanceFromStart,
        ["step_length"] = row.StepLength,
        ["relative_step_length"] = row.RelativeStepLength,
        ["turning_angle"] = row.TurningAngle,
        ["curvature"] = row.Curvature,
        ["estimated"] = row.IsEstimated,
    };

    /// <summary>The measures of a checkpoint from what <see cref="Of"/> wrote.</summary>
    public static CheckpointMeasures RowOf(JsonElement line)
    {
        var known = new CheckpointMeasures(line.GetProperty("name").GetString()!, Whole(line, "step"), null) { Problem = line.GetProperty("problem").GetString() };
        if (line.GetProperty("place") is not { ValueKind: JsonValueKind.Object } place)
            return known;
        return known with
        {
            Norm = Number(place, "norm"),
            Kurtosis = Number(place, "kurtosis"),
            ArcLength = Number(place, "arc_length"),
            DistanceFromStart = Number(place, "distance_from_start"),
            StepLength = Number(place, "step_length"),
            RelativeStepLength = Number(place, "relative_step_length"),
            TurningAngle = Number(place, "turning_angle"),
            Curvature = Number(place, "curvature"),
            IsEstimated = place.GetProperty("estimated").GetBoolean(),
        };
    }

    /// <summary>The distance since the tested version from what <see cref="Of"/> wrote.</summary>
    public static SinceTested? SinceOf(JsonElement line) => line.GetProperty("since_tested") is { ValueKind: JsonValueKind.Object } since
        ? new SinceTested(since.GetProperty("tested").GetString()!, since.GetProperty("distance").GetDouble(), since.GetProperty("relative").GetDouble()) : null;

    private static double? Number(JsonElement json, string key) => json.GetProperty(key) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : null;

    private static long? Whole(JsonElement json, string key) => json.GetProperty(key) is { ValueKind: JsonValueKind.Number } value ? value.GetInt64() : null;

    public static JsonObject? Since(SinceTested? since) => since is null ? null : new() { ["tested"] = since.Tested, ["distance"] = since.Distance, ["relative"] = since.Relative };
}
