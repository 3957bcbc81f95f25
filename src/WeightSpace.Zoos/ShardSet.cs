using System.Globalization;
using System.Runtime.InteropServices;
using WeightSpace.Networks;
using WeightSpace.Zoos.Formats;
using Architecture = WeightSpace.Networks.Architecture;

namespace WeightSpace.Zoos;

/// <summary>
/// Writes the shards of one folder of a zoo (<c>weights</c> or <c>snapshots</c>). A shard takes a fixed number of networks that comes from the experiment
/// alone, so the same experiment gives the same shards whatever became of its networks. Rows wait in a
/// file of their own until their shard is whole, so that memory does not grow with the zoo.
/// </summary>
internal sealed class ShardSet(string folder, string name, Func<Architecture, IReadOnlyList<string>, int> networksPerShard) : IDisposable
{
    private readonly List<Shard> _open = [];
    private int _next;

    /// <summary>The shards that are written.</summary>
    public List<ZooFile> Written { get; } = [];

    /// <summary>The shard that the next network of this kind goes to, with room for it.</summary>
    public Shard For(Architecture architecture, IReadOnlyList<string> slots)
    {
        // Networks come by architecture; nothing more will join the shards of another.
        foreach (Shard other in _open.Where(shard => shard.Architecture != architecture).ToArray())
            Close(other);
        Shard? found = _open.Find(shard => shard.Slots.SequenceEqual(slots));
        if (found is { Networks: var networks } && networks == found.Capacity)
        {
            Close(found);
            found = null;
        }
        if (found is null)
        {
            found = new Shard(folder, $"{name}/{_next++.ToString("D5", CultureInfo.InvariantCulture)}.safetensors", architecture, slots, networksPerShard(architecture, slots));
            _open.Add(found);
        }
        found.Networks++;
        return found;
    }

    /// <summary>Lets go of the shards that were not finished.</summary>
    public void Dispose()
    {
        foreach (Shard shard in _open)
            shard.Dispose();
        _open.Clear();
    }

    /// <summary>Writes what is still open.</summary>
    public void Finish()
    {
        foreach (Shard shard in _open.ToArray())
            Close(shard);
    }

    private void Close(Shard shard)
    {
        _open.Remove(shard);
        using Shard closed = shard;
        // All its networks failed before their first checkpoint: its number stays unused.
        if (shard.Rows == 0)
            return;
        var tensors = new List<TensorEntry>();
        IReadOnlyList<ParameterInfo> parameters = shard.Architecture.Parameters.Parameters;
        foreach (string prefix in Prefixes(shard.Slots))
        {
            foreach (ParameterInfo parameter in parameters)
                tensors.Add(new TensorEntry(prefix + parameter.Name, TensorType.F32, [shard.Rows, .. parameter.Shape.Select(size => (long)size)]));
        }
        var metadata = new Dictionary<string, string> { ["format"] = ZooManifest.Format, ["kind"] = name, ["architecture"] = shard.Architecture.Name };
        int count = shard.Architecture.Parameters.Count;
        WrittenFile written = AtomicFile.Write(Path.Combine(folder, shard.Path), stream => SafetensorsWriter.Write(stream, tensors, metadata, (index, sink) =>
        {
            (int block, ParameterInfo parameter) = (index / parameters.Count, parameters[index % parameters.Count]);
            Span<float> values = new float[parameter.Count];
            for (int row = 0; row < shard.Rows; row++)
            {
                shard.Read(row, (block * count) + parameter.Offset, values);
                sink.Write(values);
            }
        }));
        Written.Add(new ZooFile(shard.Path, written.Bytes, written.Sha256, shard.Architecture.Name, shard.Rows, shard.Slots));
    }

    /// <summary>What stands before a parameter's name: nothing for the weights, then one prefix for each slot.</summary>
    public static IEnumerable<string> Prefixes(IReadOnlyList<string> slots) => slots.Select(slot => $"optimizer.{slot}.").Prepend("");
}

/// <summary>
/// A shard that is being filled. Each row is the weights [parameter] and the optimizer's state [slot, parameter]; they stand one behind the other in a file
/// that is gone when the shard is let go.
/// </summary>
internal sealed class Shard(string folder, string path, Architecture architecture, IReadOnlyList<string> slots, int capacity) : IDisposable
{
    private readonly int _rowFloats = architecture.Parameters.Count * (1 + slots.Count);
    private FileStream? _rows;

    public string Path => path;

    public Architecture Architecture => architecture;

    public IReadOnlyList<string> Slots => slots;

    /// <summary>Networks that it takes.</summary>
    public int Capacity => capacity;

    public int Networks { get; set; }

    public int Rows { get; private set; }

    /// <summary>Adds a row and returns its number.</summary>
    public int Add(float[] weights, float[] state)
    {
        _rows ??= new FileStream(System.IO.Path.Combine(folder, path + ".rows"), FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
        _rows.Write(MemoryMarshal.AsBytes(weights.AsSpan()));
        _rows.Write(MemoryMarshal.AsBytes(state.AsSpan()));
        return Rows++;
    }

    /// <summary>Reads values of a row from its float <paramref name="first"/> on.</summary>
    public void Read(int row, int first, Span<float> values)
    {
        _rows!.Flush();
        Span<byte> bytes = MemoryMarshal.AsBytes(values);
        long at = (((long)row * _rowFloats) + first) * sizeof(float);
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(_rows.SafeFileHandle, bytes, at);
            if (read == 0)
                throw new IOException($"{path}: the rows that were put aside for it ended early; is something else writing to the folder?");
            bytes = bytes[read..];
            at += read;
        }
    }

    public void Dispose() => _rows?.Dispose();
}
