using WeightSpace.Analysis.Lineage;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Tests.Analysis.Lineage;

/// <summary>A temporary folder of made-up models: a plain chain of dense layers, 12 inputs, two hidden layers, 5 outputs, whose hidden units may be reordered.</summary>
internal sealed class ModelFolder : IDisposable
{
    private readonly Folder _folder = new();

    public static IReadOnlyList<TensorEntry> Entries { get; } =
    [
        new("0.weight", TensorType.F32, [20, 12]), new("0.bias", TensorType.F32, [20]), new("2.weight", TensorType.F32, [16, 20]), new("2.bias", TensorType.F32, [16]),
        new("4.weight", TensorType.F32, [5, 16]), new("4.bias", TensorType.F32, [5]),
    ];

    public static int Count { get; } = (int)Entries.Sum(entry => entry.Elements);

    public string Path => _folder["models"];

    public string this[string name] => _folder[name];

    /// <summary>Weights with nothing in common with those of another number: uniform, as initial weights are.</summary>
    public static float[] Unrelated(ulong number)
    {
        var random = new RandomStream(number, RandomPurpose.Testing, 77);
        float[] weights = new float[Count];
        for (int i = 0; i < weights.Length; i++)
            weights[i] = (random.NextUniform() - 0.5f) * 0.6f;
        return weights;
    }

    /// <summary>A model that was trained on: heavy-tailed steps of its own in most weights, with growing norm.</summary>
    /// <param name="size">Of the step, as a share of the norm of the weights.</param>
    public static float[] Trained(float[] parent, ulong number, double size = 0.1)
    {
        var random = new RandomStream(number, RandomPurpose.Testing, 78);
        double[] step = [.. parent.Select(_ => Math.Pow(random.NextNormal(), 3))];
        double scale = size * Math.Sqrt(DenseVectors.SquaredNorm(parent)) / Math.Sqrt(step.Sum(value => value * value));
        return [.. parent.Select((weight, i) => (float)((weight * (1 + (0.3 * size))) + (scale * step[i])))];
    }

    public void Add(string name, ReadOnlySpan<float> weights)
    {
        float[] copy = weights.ToArray();
        string path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, stream =>
        {
            int at = 0;
            SafetensorsWriter.Write(stream, Entries, new Dictionary<string, string>(), (tensor, sink) =>
            {
                int size = (int)Entries[tensor].Elements;
                sink.Write(copy.AsSpan(at, size));
                at += size;
            });
        });
    }

    public void Say(params (string Model, ModelOrigin Origin)[] rows) => LineageTable.Write(System.IO.Path.Combine(Path, LineageTable.FileName), rows);

    public CheckpointSet Open() => CheckpointSet.Open(Path);

    /// <summary>The weights of a model in a folder.</summary>
    public static float[] Read(string folder, string name)
    {
        using CheckpointSet set = CheckpointSet.Open(System.IO.Path.Combine(folder, name));
        float[] weights = new float[set.Groups[0].Count];
        set.Groups[0].Read(0, 0, weights);
        return weights;
    }

    public void Dispose() => _folder.Dispose();
}
