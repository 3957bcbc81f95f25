using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos;

/// <summary>
/// Writes the shards of one folder of a zoo (<c>weights</c> or <c>snapshots</c>). A shard takes a fixed number of networks that comes from the experiment
/// alone, so the same experiment gives the same shards whatever became of its networks. Rows wait in memory until their shard is whole.
/// </summary>
internal sealed class ShardSet(string folder, string name, Func<Architecture, IReadOnlyList<string>, int> networksPerShard)
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
            found = new Shard($"{name}/{_next++.ToString("D5", CultureInfo.InvariantCulture)}.safetensors", architecture, slots, networksPerShard(architecture, slots));
            _open.Add(found);
        }
        found.Networks++;
        return found;
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
        // All its networks failed before their first checkpoint: its number stays unused.
        if (shard.Rows.Count == 0)
            return;
        var tensors = new List<TensorEntry>();
        IReadOnlyList<ParameterInfo> parameters = shard.Architecture.Parameters.Parameters;
        foreach (string prefix in Prefixes(shard.Slots))
        {
            foreach (ParameterInfo parameter in parameters)
                tensors.Add(new TensorEntry(prefix + parameter.Name, TensorType.F32, [shard.Rows.Count, .. parameter.Shape.Select(size => (long)size)]));
        }
        var metadata = new Dictionary<string, string> { ["format"] = ZooManifest.Format, ["kind"] = name, ["architecture"] = shard.Architecture.Name };
        int count = shard.Architecture.Parameters.Count;
        WrittenFile written = AtomicFile.Write(Path.Combine(folder, shard.Path), stream => SafetensorsWriter.Write(stream, tensors, metadata, (index, sink) =>
        {
            (int block, ParameterInfo parameter) = (index / parameters.Count, parameters[index % parameters.Count]);
            foreach ((float[] weights, float[] state) in shard.Rows)
            {
                sink.Write(block == 0
                    ? weights.AsSpan(parameter.Offset, parameter.Count)
                    : state.AsSpan(((block - 1) * count) + parameter.Offset, parameter.Count));
            }
        }));
        Written.Add(new ZooFile(shard.Path, written.Bytes, written.Sha256, shard.Architecture.Name, shard.Rows.Count, shard.Slots));
    }

    /// <summary>What stands before a parameter's name: nothing for the weights, then one prefix for each slot.</summary>
    public static IEnumerable<string> Prefixes(IReadOnlyList<string> slots) => slots.Select(slot => $"optimizer.{slot}.").Prepend("");
}

/// <summary>A shard that is being filled. Each row is the weights [parameter] and the optimizer's state [slot, parameter].</summary>
internal sealed class Shard(string path, Architecture architecture, IReadOnlyList<string> slots, int capacity)
{
    public string Path => path;

    public Architecture Architecture => architecture;

    public IReadOnlyList<string> Slots => slots;

    /// <summary>Networks that it takes.</summary>
    public int Capacity => capacity;

    public int Networks { get; set; }

    public List<(float[] Weights, float[] State)> Rows { get; } = [];

    /// <summary>Adds a row and returns its number.</summary>
    public int Add(float[] weights, float[] state)
    {
        Rows.Add((weights, state));
        return Rows.Count - 1;
    }
}
