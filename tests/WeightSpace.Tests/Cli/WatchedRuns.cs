using WeightSpace.Numerics;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Tests.Cli;

/// <summary>Made-up training runs whose checkpoints are written as files.</summary>
internal static class WatchedRuns
{
    public const int Weights = 40, Biases = 8;

    /// <summary>The weights of one run, by checkpoint: updates that shrink, with a drift that the run's networks have in common and noise of their own.</summary>
    /// <param name="changedAt">The first update that is three times as long and of the biases alone; none where it is beyond the end.</param>
    public static float[][] Run(ulong seed, int checkpoints, int changedAt = int.MaxValue)
    {
        var path = new float[checkpoints][];
        for (int k = 0; k < checkpoints; k++)
        {
            var random = new RandomStream(seed, RandomPurpose.Testing, (ulong)k);
            path[k] = new float[Weights + Biases];
            for (int i = 0; i < path[k].Length; i++)
            {
                float noise = random.NextNormal();
                path[k][i] = k == 0 ? noise : path[k - 1][i] + ((k >= changedAt ? i < Weights ? 0.3f : 3 : 1) * (0.1f / MathF.Sqrt(k)) * (noise + (0.5f * (i % 3))));
            }
        }
        return path;
    }

    public static string Name(int k, int stepsApart = 10) => $"step_{k * stepsApart}.safetensors";

    /// <summary>A checkpoint's file.</summary>
    public static byte[] Bytes(float[] weights, string bias = "bias")
    {
        var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, [new TensorEntry("weight", TensorType.F32, [Biases, Weights / Biases]), new TensorEntry(bias, TensorType.F32, [Biases])], new Dictionary<string, string>(),
            (index, sink) => sink.Write(index == 0 ? weights.AsSpan(0, Weights) : weights.AsSpan(Weights)));
        return stream.ToArray();
    }

    /// <summary>Writes the checkpoints of a run into a folder, long ago as far as a watch can tell.</summary>
    public static void Write(string folder, float[][] run, int from = 0, int count = int.MaxValue)
    {
        Directory.CreateDirectory(folder);
        for (int k = from; k < run.Length && k - from < count; k++)
            WriteOld(Path.Combine(folder, Name(k)), Bytes(run[k]));
    }

    public static void WriteOld(string path, byte[] bytes)
    {
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(bytes.Length));
    }
}
