using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Trojans;

/// <summary>A detector as a file: JSON, some kilobytes for each hundred features, which docs/formats.md describes.</summary>
public static class DetectorFile
{
    public const string Format = "weightspace-detector";
    public const int FormatVersion = 1;

    /// <summary>Far more than the largest detector takes.</summary>
    public const long MaxBytes = 64L << 20;

    /// <summary>Any finite number.</summary>
    private static readonly NumberRange s_finite = new(-double.MaxValue, double.MaxValue);

    /// <param name="zoo">What it was fitted on, for people.</param>
    public static byte[] Write(TrojanDetector detector, DetectionScore score, string zoo)
    {
        var json = new JsonObject
        {
            ["format"] = Format,
            ["format_version"] = FormatVersion,
            ["fitted_on"] = new JsonObject { ["zoo"] = zoo, ["networks"] = score.Networks, ["changed"] = score.Changed, ["auc"] = score.Auc.Value, ["auc_low"] = score.Auc.Low, ["auc_high"] = score.Auc.High },
            ["layers"] = detector.Layers,
            ["parameters"] = detector.Parameters,
            ["view"] = detector.View,
            ["selected"] = new JsonArray([.. detector.Fit.Selected.Select(value => (JsonNode)value)]),
            ["means"] = Numbers(detector.Fit.Means),
            ["scales"] = Numbers(detector.Fit.Scales),
            ["weights"] = Numbers(detector.Fit.Weights),
            ["intercept"] = detector.Fit.Intercept,
            ["calibration"] = new JsonObject { ["slope"] = detector.Calibration.Slope, ["shift"] = detector.Calibration.Shift },
            ["known"] = new JsonObject { ["means"] = Numbers(detector.Known.Means), ["scales"] = Numbers(detector.Known.Scales), ["distances"] = Numbers(detector.KnownDistances) },
        };
        return [.. System.Text.Encoding.UTF8.GetBytes(json.ToJsonString()), (byte)'\n'];
    }

    /// <summary>Reads a detector. Throws <see cref="InputException"/> beginning with <paramref name="path"/> where it is damaged, of another kind, or of a newer version.</summary>
    public static TrojanDetector Read(ReadOnlyMemory<byte> bytes, string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            return Read(new JsonReader(json.RootElement, ""));
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or InvalidOperationException)
        {
            throw new InputException($"{path}: this is not a sound detector: {error.Message.TrimStart(':', ' ', '.')}", error);
        }
    }

    private static TrojanDetector Read(JsonReader root)
    {
        if (root.String("format") is not Format and var format)
            throw new InvalidDataException($"format: found '{format}', expected '{Format}'");
        if (root.Int32("format_version") is var version && version != FormatVersion)
            throw new InvalidDataException($"format_version: found {version}, this program reads {FormatVersion}{(version > FormatVersion ? "; use a newer weightspace" : "")}");
        root.Child("fitted_on");
        string view = root.String("view");
        if (TrojanDetector.Views.All(known => known.Name != view))
            throw new InvalidDataException($"view: found '{view}', expected one of {string.Join(", ", TrojanDetector.Views.Select(known => known.Name))}");
        long[] selected = root.Int64Array("selected", new NumberRange(0, int.MaxValue));
        for (int i = 1; i < selected.Length; i++)
        {
            if (selected[i] <= selected[i - 1])
                throw new InvalidDataException($"selected: found {selected[i]} behind {selected[i - 1]}, expected ascending numbers");
        }
        if (selected.Length == 0)
            throw new InvalidDataException("selected: found an empty list, expected at least one feature");
        var fit = new DetectorFit([.. selected.Select(value => (int)value)], Doubles(root, "means", selected.Length), Doubles(root, "scales", selected.Length),
            Doubles(root, "weights", selected.Length), root.Double("intercept", s_finite));
        JsonReader calibration = root.Child("calibration"), known = root.Child("known");
        double[] means = Doubles(known, "means", null), distances = Doubles(known, "distances", null);
        var detector = new TrojanDetector(view, root.String("layers"), root.Int32("parameters", new NumberRange(1, int.MaxValue)), fit,
            new Calibration(calibration.Double("slope", s_finite), calibration.Double("shift", s_finite)), new ColumnScaling(means, Doubles(known, "scales", means.Length)), distances);
        if (distances.Length == 0 || !distances.SequenceEqual(distances.Order()))
            throw new InvalidDataException("known.distances: expected ascending numbers, at least one");
        calibration.Done();
        known.Done();
        root.Done();
        return detector;
    }

    private static JsonArray Numbers(double[] values) => new([.. values.Select(value => (JsonNode)value)]);

    private static double[] Doubles(JsonReader json, string key, int? count)
    {
        double[] values = [.. json.Items(key).Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetDouble(out double value) && double.IsFinite(value) ? value
            : throw new InvalidDataException($"{json.Path}.{key}: found {item.ValueKind}, expected a list of finite numbers"))];
        return count is null || values.Length == count ? values : throw new InvalidDataException($"{json.Path}.{key}: found {values.Length} numbers, expected {count}");
    }
}
