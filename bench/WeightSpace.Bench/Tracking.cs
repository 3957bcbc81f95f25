using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using WeightSpace.Analysis.Trajectories;
using WeightSpace.Networks;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Bench;

/// <summary>The time and memory of going on to the next checkpoint of a path.</summary>
internal static class Tracking
{
    /// <summary>Checkpoints 0.bin, 1.bin, ... of a folder, each so many float32, one after the other: the seconds of each, and the numbers of the last.</summary>
    public static void Run(string folder, int checkpoints, int tensors, long weights)
    {
        using var group = new FileGroup(folder, checkpoints, tensors, weights);
        var path = new TrackedPath("network", group.Tensors, TrackedPath.SketchFor(weights));
        CheckpointMeasures last = new("", null, null);
        for (int k = 0; k < checkpoints; k++)
        {
            long start = Stopwatch.GetTimestamp();
            last = path.Add(group, k);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"checkpoint {k,-17} {Stopwatch.GetElapsedTime(start).TotalSeconds,8:F2} s"));
        }
        string peak = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("VmHWM", StringComparison.Ordinal)) ?? "VmHWM: 0 kB";
        double megabytes = double.Parse(peak.Split(':', 2)[1].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) / 1024;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak {megabytes:F0} MB"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step={last.StepLength:G7} angle={last.TurningAngle:G7} start={last.DistanceFromStart:G7} norm={last.Norm:G7} kurtosis={last.Kurtosis:G6}"));
    }

    /// <summary>Files of plain float32, the tensors one after the other.</summary>
    private sealed class FileGroup : ICheckpointGroup, IDisposable
    {
        private readonly SafeFileHandle[] _files;

        public FileGroup(string folder, int checkpoints, int tensors, long weights)
        {
            Count = weights;
            Tensors = [.. Enumerable.Range(0, tensors).Select(t => new PackedTensor($"tensor{t}", [(weights * (t + 1) / tensors) - (weights * t / tensors)], weights * t / tensors))];
            Items = [.. Enumerable.Range(0, checkpoints).Select(k => new CheckpointItem($"{k}.bin", "network", k, new Dictionary<string, string>()))];
            _files = [.. Items.Select(item => File.OpenHandle(Path.Combine(folder, item.Name)))];
            foreach (SafeFileHandle file in _files)
            {
                if (RandomAccess.GetLength(file) != 4 * weights)
                    throw new FormatException($"{folder}: found a file of {RandomAccess.GetLength(file)} bytes, expected {4 * weights}");
            }
        }

        public string Name => "files";

        public IReadOnlyList<PackedTensor> Tensors { get; }

        public long Count { get; }

        public ParameterLayout? Symmetry => null;

        public IReadOnlyList<CheckpointItem> Items { get; }

        public void Read(int item, long first, Span<float> values)
        {
            Span<byte> bytes = MemoryMarshal.AsBytes(values);
            for (int done = 0; done < bytes.Length;)
            {
                int read = RandomAccess.Read(_files[item], bytes[done..], (4 * first) + done);
                done += read > 0 ? read : throw new IOException($"{Items[item].Name}: the file ended early");
            }
        }

        public void Dispose()
        {
            foreach (SafeFileHandle file in _files)
                file.Dispose();
        }
    }
}
