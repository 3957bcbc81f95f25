using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Maps;
using WeightSpace.Numerics;

namespace WeightSpace.Bench;

/// <summary>The time and memory of a map (principal components, k-means, tree, silhouettes, neighbours) of many rows, part by part.</summary>
internal static class Analyses
{
    /// <summary>Maps the rows of a file: float32, row-major [rows, columns], labels beside it as int32 in FILE.labels.</summary>
    public static void OfFile(string path, int rows, int columns)
    {
        float[] values = Read<float>(path, (long)rows * columns);
        int[] labels = Read<int>(path + ".labels", rows);
        Map(new MatrixRows(new FeatureMatrix("file", rows, columns, values)), labels, new MapOptions { SketchColumns = 0 });
    }

    /// <summary>Maps rows that are made when they are read; sketched where there are many, or with so many columns of a sketch.</summary>
    public static void OfPlanted(int rows, int columns, int? sketchColumns)
    {
        var planted = new PlantedRows(rows, columns);
        Map(planted, planted.Labels, new MapOptions { SketchColumns = sketchColumns });
    }

    private static void Map(IRowSource source, int[] labels, MapOptions options)
    {
        // The first of everything is slower; a user's process has compiled nothing either, so the warm-up is in no part but in the sum.
        long start = Stopwatch.GetTimestamp();
        var parts = new Parts();
        RowMap map = RowMap.Compute(source, options, [labels], parts);
        parts.End();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, cores = parts.Times.Sum(part => part.CoreSeconds);
        foreach ((string name, double took, double core) in parts.Times)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-28} {took,8:F2} s  {core,8:F2} s of cores"));
        string peak = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("VmHWM", StringComparison.Ordinal)) ?? "VmHWM: 0 kB";
        double megabytes = double.Parse(peak.Split(':', 2)[1].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) / 1024;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"sum",-28} {seconds,8:F2} s  {cores,8:F2} s of cores   peak {megabytes:F0} MB"));
        double rand = ClusterScores.AdjustedRandIndex(labels, map.Clusters);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"inertia={map.Inertia:G9} silhouette={map.Pairs.Silhouettes[0].Average():G6} variance50={map.Variances[^1]:G6} variance1={map.Variances[0]:G6} ")
            + string.Create(CultureInfo.InvariantCulture, $"ward={map.Tree.Merges[^1].Height:G9} neighbour={map.Pairs.Distances[^1]:G7} ari={rand:F3} leaf_share={map.LeafInertiaShare:F3}"));
    }

    private static T[] Read<T>(string path, long count)
        where T : unmanaged
    {
        var values = new T[count];
        using FileStream file = File.OpenRead(path);
        if (file.Length != count * Marshal.SizeOf<T>())
            throw new FormatException($"{path}: found {file.Length} bytes, expected {count * Marshal.SizeOf<T>()}");
        const int most = 1 << 26;
        for (int first = 0; first < values.Length; first += most)
            file.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan(first, Math.Min(most, values.Length - first))));
        return values;
    }

    /// <summary>When each stage began.</summary>
    private sealed class Parts : IProgress<AnalysisProgress>
    {
        private string? _stage;
        private long _start = Stopwatch.GetTimestamp();
        private TimeSpan _cores = Environment.CpuUsage.TotalTime;

        public List<(string Name, double Seconds, double CoreSeconds)> Times { get; } = [];

        public void Report(AnalysisProgress value)
        {
            lock (Times)
            {
                if (value.Stage == _stage)
                    return;
                End();
                _stage = value.Stage;
            }
        }

        public void End()
        {
            if (_stage is not null)
                Times.Add((_stage, Stopwatch.GetElapsedTime(_start).TotalSeconds, (Environment.CpuUsage.TotalTime - _cores).TotalSeconds));
            if (_stage is not null)
                (_start, _cores) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        }
    }
}

/// <summary>
/// Rows like those of peers/analysis.py, made when they are read: five classes whose centres are 0.3 apart in every column, 64 directions of falling variance, and noise of variance
/// 1 (of 32 coin flips each, which is quicker to draw than a normal).
/// </summary>
internal sealed class PlantedRows : IRowSource
{
    private const int Classes = 5, Directions = 64;
    private readonly FloatRows _structure; // centres, then directions
    private readonly float[] _weights;

    public PlantedRows(int count, int columns)
    {
        (Count, Columns) = (count, columns);
        _structure = new FloatRows(Classes + Directions, columns);
        var random = new RandomStream(0, RandomPurpose.Testing);
        for (int row = 0; row < _structure.Count; row++)
        {
            foreach (ref float value in _structure[row])
                value = random.NextNormal() * (row < Classes ? 0.3f : 1 / 8f);
        }
        _weights = [.. Enumerable.Range(0, Directions).Select(k => (float)(4 * Math.Exp(-k / 16.0)))];
        Labels = new int[count];
        var labels = new RandomStream(1, RandomPurpose.Testing);
        for (int i = 0; i < count; i++)
            Labels[i] = labels.NextBelow(Classes);
    }

    public int Count { get; }

    public int Columns { get; }

    public int[] Labels { get; }

    public void Read(int first, int count, Span<float> values)
    {
        using var parts = new FloatRows(count, _structure.Count);
        for (int row = 0; row < count; row++)
        {
            var random = new RandomStream(2, RandomPurpose.Testing, (ulong)(first + row));
            Span<float> of = parts[row];
            of[Labels[first + row]] = 1;
            for (int k = 0; k < Directions; k++)
                of[Classes + k] = _weights[k] * random.NextNormal();
        }
        var made = new float[count * Columns];
        RowProducts.Multiply(parts, _structure, (in ProductTile tile) =>
        {
            for (int r = 0; r < tile.Rows; r++)
                DenseVectors.Narrow(tile[r], made.AsSpan(((tile.FirstRow + r) * Columns) + tile.FirstColumn, tile.Columns));
        });
        Parallel.For(0, count, row =>
        {
            var random = new RandomStream(3, RandomPurpose.Testing, (ulong)(first + row));
            uint[] words = new uint[Columns];
            random.Fill(words);
            Span<float> of = made.AsSpan(row * Columns, Columns);
            for (int c = 0; c < of.Length; c++)
                of[c] += (BitOperations.PopCount(words[c]) - 16) * 0.35355339f; // 32 coins have a variance of 8
        });
        made.CopyTo(values);
    }
}
