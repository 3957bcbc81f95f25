using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using WeightSpace.Analysis.Trajectories;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Monitoring;

/// <summary>A monitor as a file: JSON, which docs/formats.md describes; some kilobytes for each step.</summary>
public static class MonitorFile
{
    public const string Format = "weightspace-monitor";
    public const int FormatVersion = 1;

    /// <summary>More than the largest monitor takes: 2,048 steps of 20 features.</summary>
    public const long MaxBytes = 64L << 20;

    private const int MaxNetworks = 10_000_000, MaxTensors = 1_000_000;
    private static readonly NumberRange s_share = new(0, 1);

    public static byte[] Write(PathMonitor monitor)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("format"u8, Format);
            json.WriteNumber("format_version"u8, FormatVersion);
            json.WriteString("reference"u8, monitor.Reference);
            json.WriteNumber("false_alarms"u8, monitor.FalseAlarms);
            json.WriteNumber("threshold"u8, monitor.Threshold);
            TensorJson.Write(json, monitor.Tensors);
            WriteNumbers(json, "maxima", monitor.Maxima);
            WriteNumbers(json, "heights", [monitor.Usual.Instant, monitor.Usual.Lasting, monitor.Usual.Level]);
            json.WriteStartArray("steps"u8);
            for (int place = 0; place < monitor.Steps.Count; place++)
            {
                json.WriteStartObject();
                json.WriteNumber("step"u8, monitor.Steps[place]);
                if (monitor.Models[place] is { } model)
                    WriteModel(json, model);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    /// <summary>Reads a monitor. Throws <see cref="InputException"/> beginning with <paramref name="path"/> where it is damaged, of another kind, or of a newer version.</summary>
    public static PathMonitor Read(ReadOnlyMemory<byte> bytes, string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            return Read(new JsonReader(json.RootElement, "monitor"));
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or InvalidOperationException or OverflowException)
        {
            throw new InputException($"{path}: this is not a sound monitor, as `weightspace monitor fit` writes it: {error.Message}", error);
        }
    }

    /// <summary>Reads a monitor's file.</summary>
    /// <exception cref="InputException">There is none, or it is none.</exception>
    public static PathMonitor Open(string path) => Read(Bytes(path), path);

    /// <summary>The bytes of a file that may be a monitor.</summary>
    /// <exception cref="InputException">There is no file, or it is too large for one.</exception>
    public static byte[] Bytes(string path)
    {
        var info = new FileInfo(path);
        if (!info.Exists)
            throw new InputException($"{path}: there is no such file; a monitor, as `weightspace monitor fit` writes it, was expected");
        return info.Length <= MaxBytes ? File.ReadAllBytes(path) : throw new InputException($"{path}: found {info.Length} bytes, a monitor has at most {MaxBytes}");
    }

    private static PathMonitor Read(JsonReader root)
    {
        if (root.String("format") is not Format and var format)
            throw new InvalidDataException($"format: found '{format}', expected '{Format}'");
        if (root.Int32("format_version") is var version && version != FormatVersion)
            throw new InvalidDataException($"format_version: found {version}, this program reads {FormatVersion}{(version > FormatVersion ? "; use a newer weightspace" : "")}");
        List<PackedTensor> tensors = TensorJson.Read(root);
        if (tensors.Count is 0 or > MaxTensors)
            throw new InvalidDataException($"tensors: found {tensors.Count}, expected 1 to {MaxTensors}");
        double rate = root.Double("false_alarms", s_share);
        double[] maxima = [.. root.Items("maxima").Select(item => item.GetDouble())];
        if (!(rate is > 0 and < 1) || maxima.Length is 0 or > MaxNetworks || PathMonitor.Rank(maxima.Length, rate) > maxima.Length)
            throw new InvalidDataException($"maxima: found {maxima.Length}, which cannot promise a share of {rate}");
        if (maxima.Any(value => !double.IsFinite(value)) || !maxima.SequenceEqual(maxima.Order()))
            throw new InvalidDataException("maxima: expected finite numbers, ascending");
        double[] heights = Numbers(root, "heights", 3);
        if (!heights.All(height => height > 0))
            throw new InvalidDataException("heights: expected numbers above 0");
        int features = new StepFeatures(tensors).Count;
        var steps = new List<long>();
        var models = new List<StepModel?>();
        foreach (JsonReader step in root.Children("steps"))
        {
            steps.Add(step.Int64("step"));
            models.Add(step.Has("means") ? ReadModel(step, features) : null);
            if (steps.Count > MonitorFit.MostSteps || (steps.Count > 1 && steps[^1] <= steps[^2]))
                throw new InvalidDataException($"steps: found {steps[^1]} at place {steps.Count}; expected at most {MonitorFit.MostSteps}, ascending");
            step.Done();
        }
        if (models.All(model => model is null))
            throw new InvalidDataException("steps: none has a model");
        var monitor = new PathMonitor(root.String("reference"), tensors, [.. steps], rate, maxima, [.. models], new ChartHeights(heights[0], heights[1], heights[2]));
        if (root.Double("threshold") != monitor.Threshold)
            throw new InvalidDataException($"threshold: found {root.Double("threshold")}, the maxima give {monitor.Threshold}");
        root.Done();
        return monitor;
    }

    private static void WriteModel(Utf8JsonWriter json, StepModel model)
    {
        WriteNumbers(json, "means", model.Means);
        WriteNumbers(json, "scales", model.Scales);
        if (model.Slopes is { } slopes)
            WriteMatrix(json, "slopes", slopes);
        WriteNumbers(json, "deviations", model.Deviations);
        WriteMatrix(json, "whitening", model.Whitening);
        WriteNumbers(json, "instant", [model.Instant.Mean, model.Instant.Deviation]);
        WriteNumbers(json, "lasting", [model.Lasting.Mean, model.Lasting.Deviation]);
        WriteNumbers(json, "level", [model.Level.Mean, model.Level.Deviation]);
    }

    private static StepModel ReadModel(JsonReader step, int features)
    {
        double[] instant = Numbers(step, "instant", 2), lasting = Numbers(step, "lasting", 2), level = Numbers(step, "level", 2);
        var model = new StepModel(Numbers(step, "means", features), Numbers(step, "scales", features), step.Has("slopes") ? Matrix(step, "slopes", features) : null, Numbers(step, "deviations", features),
            Matrix(step, "whitening", features), (instant[0], instant[1]), (lasting[0], lasting[1]), (level[0], level[1]));
        if (!model.Scales.Concat(model.Deviations).Append(instant[1]).Append(lasting[1]).Append(level[1]).All(value => value > 0))
            throw new InvalidDataException($"{step.Path}: expected scales and deviations above 0");
        return model;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, IReadOnlyList<double> values)
    {
        json.WriteStartArray(key);
        foreach (double value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    /// <summary>Little-endian doubles as base64: no digit is lost, and it is half as long as digits.</summary>
    private static void WriteMatrix(Utf8JsonWriter json, string key, double[] values)
    {
        byte[] bytes = new byte[values.Length * sizeof(double)];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(i * sizeof(double)), values[i]);
        json.WriteBase64String(key, bytes);
    }

    private static double[] Numbers(JsonReader json, string key, int count)
    {
        double[] values = [.. json.Items(key).Select(item => item.GetDouble())];
        return values.Length == count && values.All(double.IsFinite) ? values : throw new InvalidDataException($"{json.Path}.{key}: found {values.Length} numbers, expected {count} finite ones");
    }

    private static double[] Matrix(JsonReader json, string key, int n)
    {
        byte[] bytes = new byte[(long)n * n * sizeof(double)];
        if (!Convert.TryFromBase64String(json.String(key), bytes, out int written) || written != bytes.Length)
            throw new InvalidDataException($"{json.Path}.{key}: expected base64 of {n} x {n} float64");
        double[] values = [.. Enumerable.Range(0, n * n).Select(i => BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(i * sizeof(double))))];
        return values.All(double.IsFinite) ? values : throw new InvalidDataException($"{json.Path}.{key}: a number is not finite");
    }
}
