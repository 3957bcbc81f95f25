using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>The squared distances of all checkpoints from each other, [Count, Count], symmetric, as floats.</summary>
/// <remarks>
/// They come from one Gram matrix, whose error is about 1e-6 of the squared norms: more than a step is long at the end of a training. So those of each checkpoint to its nearest ones are
/// computed again from the weights.
/// </remarks>
internal sealed class CheckpointDistances
{
    /// <summary>Of how many nearest checkpoints the distance is computed from the weights.</summary>
    private const int Exact = 64;

    private readonly float[] _squared;

    private CheckpointDistances(int count, float[] squared) => (Count, _squared) = (count, squared);

    public int Count { get; }

    public float this[int i, int j] => _squared[(i * Count) + j];

    public ReadOnlySpan<float> Row(int i) => _squared.AsSpan(i * Count, Count);

    /// <param name="rows">The weights, [checkpoint, parameter]; their mean is taken from them.</param>
    public static CheckpointDistances Of(FloatRows rows, CancellationToken stop)
    {
        rows.Centre();
        GramMatrix gram = GramMatrix.Compute(rows, cancellation: stop);
        double[] norms = gram.SquaredNorms();
        (float[] squared, int stride) = gram.Release();
        int count = rows.Count;
        Parallel.For(0, count, new ParallelOptions { CancellationToken = stop }, i =>
        {
            Span<float> row = squared.AsSpan(i * stride, count);
            DenseVectors.SquaredDistances(norms[i], norms, row, row);
            row[i] = 0;
        });
        var distances = new CheckpointDistances(count, squared);
        var near = new int[count][];
        Parallel.For(0, count, new ParallelOptions { CancellationToken = stop }, i => near[i] = Nearest.Of(distances.Row(i), i, Exact));
        Parallel.For(0, count, new ParallelOptions { CancellationToken = stop }, i =>
        {
            // Both of a pair compute the same bits, so it matters little who writes last.
            foreach (int j in near[i])
            {
                float exact = (float)DenseVectors.SquaredDistance(rows[Math.Min(i, j)], rows[Math.Max(i, j)]);
                squared[(i * stride) + j] = exact;
                squared[(j * stride) + i] = exact;
            }
        });
        return distances;
    }
}

/// <summary>The places of the least values.</summary>
internal static class Nearest
{
    /// <summary>The places of the <paramref name="count"/> least of <paramref name="values"/> but <paramref name="self"/>, ascending by value, then by place.</summary>
    public static int[] Of(ReadOnlySpan<float> values, int self, int count)
    {
        var heap = new PriorityQueue<int, (float Value, int Place)>(count + 1, Comparer<(float, int)>.Create((a, b) => b.CompareTo(a)));
        float most = float.PositiveInfinity;
        for (int j = 0; j < values.Length; j++)
        {
            if (j == self || (values[j] >= most && heap.Count == count))
                continue;
            heap.Enqueue(j, (values[j], j));
            if (heap.Count > count)
                heap.Dequeue();
            if (heap.Count == count && heap.TryPeek(out _, out (float Value, int) farthest))
                most = farthest.Value;
        }
        var nearest = new int[heap.Count];
        for (int i = nearest.Length - 1; i >= 0; i--)
            nearest[i] = heap.Dequeue();
        return nearest;
    }
}
