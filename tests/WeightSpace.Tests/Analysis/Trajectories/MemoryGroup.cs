using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Trajectories;

/// <summary>Checkpoints that were made up, with how often each was read.</summary>
internal sealed class MemoryGroup : ICheckpointGroup
{
    private readonly float[][] _weights;
    private readonly long[] _read;

    public MemoryGroup(IReadOnlyList<CheckpointItem> items, float[][] weights, params int[] tensorSizes)
    {
        (Items, _weights, _read) = (items, weights, new long[weights.Length]);
        long offset = 0;
        foreach (int size in tensorSizes.Length == 0 ? [weights[0].Length] : tensorSizes)
        {
            Tensors = [.. Tensors, new PackedTensor($"tensor{Tensors.Count}", [size], offset)];
            offset += size;
        }
        Assert.All(weights, one => Assert.Equal(offset, one.Length));
    }

    public string Name => "made-up";

    public IReadOnlyList<PackedTensor> Tensors { get; } = [];

    public long Count => _weights[0].Length;

    public ParameterLayout? Symmetry => null;

    public IReadOnlyList<CheckpointItem> Items { get; }

    /// <summary>Values read of each checkpoint so far.</summary>
    public long Read(int item) => _read[item];

    /// <summary>The most values that were asked for at once.</summary>
    public int LargestRead { get; private set; }

    /// <summary>Counts from here on.</summary>
    public void Forget() => Array.Clear(_read);

    public void Read(int item, long first, Span<float> values)
    {
        _weights[item].AsSpan((int)first, values.Length).CopyTo(values);
        Interlocked.Add(ref _read[item], values.Length);
        lock (_read)
            LargestRead = Math.Max(LargestRead, values.Length);
    }

    /// <summary>One network at steps 0, 10, 20, ...</summary>
    public static MemoryGroup Path(float[][] weights, params int[] tensorSizes) =>
        new([.. weights.Select((_, k) => Item("network", 10 * k))], weights, tensorSizes);

    public static CheckpointItem Item(string network, long? step, params (string Name, string Value)[] metadata) =>
        new($"{network}:{step}", network, step, metadata.ToDictionary(pair => pair.Name, pair => pair.Value));

    /// <summary>A path of steps that are drawn one by one, with a drift that gives them something in common.</summary>
    public static float[][] Walk(int checkpoints, int weights, ulong seed, double drift = 0, double start = 1)
    {
        var path = new float[checkpoints][];
        for (int k = 0; k < checkpoints; k++)
        {
            var random = new RandomStream(seed, RandomPurpose.Testing, (ulong)k);
            path[k] = new float[weights];
            for (int i = 0; i < weights; i++)
                path[k][i] = k == 0 ? (float)(start * random.NextNormal()) : path[k - 1][i] + (0.1f * (random.NextNormal() + (float)drift));
        }
        return path;
    }
}
