using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Lineage;

/// <summary>
/// The squared distances of some models, and their squared norms, as sums over blocks of weights that stand together. Distances of a resample of the blocks are then sums again, and cost no second look at the weights.
/// </summary>
internal sealed class TreeGeometry
{
    /// <summary>Blocks; few enough to keep, enough to resample.</summary>
    public const int Blocks = 32;

    private readonly float[][] _distances; // [block][pair]
    private readonly double[][] _norms; // [block][model]

    private TreeGeometry(int count, float[][] distances, double[][] norms) => (Count, _distances, _norms) = (count, distances, norms);

    public int Count { get; }

    /// <param name="models">Weights, [model][parameter].</param>
    public static TreeGeometry Of(IReadOnlyList<float[]> models, CancellationToken stop)
    {
        int n = models.Count, columns = models[0].Length, blocks = Math.Min(Blocks, columns);
        var distances = new float[blocks][];
        var norms = new double[blocks][];
        Parallel.For(0, blocks, new ParallelOptions { CancellationToken = stop }, block =>
        {
            int first = (int)((long)columns * block / blocks), count = (int)((long)columns * (block + 1) / blocks) - first;
            float[] pairs = distances[block] = new float[n * (n - 1) / 2];
            double[] own = norms[block] = new double[n];
            int pair = 0;
            for (int i = 0; i < n; i++)
            {
                own[i] = DenseVectors.SquaredNorm(models[i].AsSpan(first, count));
                for (int j = i + 1; j < n; j++)
                    pairs[pair++] = (float)DenseVectors.SquaredDistance(models[i].AsSpan(first, count), models[j].AsSpan(first, count));
            }
        });
        return new TreeGeometry(n, distances, norms);
    }

    /// <summary>Distances and norms of all weights.</summary>
    public TreeDistances All() => Sum([.. Enumerable.Repeat(1, _distances.Length)]);

    /// <summary>The same of as many blocks, drawn with replacement.</summary>
    public TreeDistances Resample(RandomStream random)
    {
        int[] times = new int[_distances.Length];
        for (int draw = 0; draw < times.Length; draw++)
            times[random.NextBelow(times.Length)]++;
        return Sum(times);
    }

    private TreeDistances Sum(int[] times)
    {
        var squared = new double[Count, Count];
        double[] norms = new double[Count];
        for (int block = 0; block < times.Length; block++)
        {
            if (times[block] == 0)
                continue;
            float[] pairs = _distances[block];
            int pair = 0;
            for (int i = 0; i < Count; i++)
            {
                norms[i] += times[block] * _norms[block][i];
                for (int j = i + 1; j < Count; j++)
                    squared[i, j] += (double)times[block] * pairs[pair++];
            }
        }
        for (int i = 0; i < Count; i++)
        {
            for (int j = 0; j < i; j++)
                squared[i, j] = squared[j, i];
        }
        return new TreeDistances(squared, norms);
    }
}

/// <summary>Squared distances [model, model] and squared norms [model].</summary>
internal sealed record TreeDistances(double[,] Squared, double[] Norms)
{
    public int Count => Norms.Length;

    /// <summary>The mean of the squared distances between two sets, each with each.</summary>
    public double Mean(int[] a, int[] b)
    {
        double sum = 0;
        foreach (int i in a)
        {
            foreach (int j in b)
                sum += Squared[i, j];
        }
        return sum / ((double)a.Length * b.Length);
    }

    /// <summary>The squared distance of the means of two sets.</summary>
    public double BetweenMeans(int[] a, int[] b) => Math.Max(0, Mean(a, b) - (0.5 * Mean(a, a)) - (0.5 * Mean(b, b)));

    /// <summary>The squared norm of a set's mean.</summary>
    public double NormOfMean(int[] a) => Math.Max(0, a.Average(i => Norms[i]) - (0.5 * Mean(a, a)));

    /// <summary>The edges of the minimum spanning tree of some sets of models, by the distances of their means; Prim, 1957.</summary>
    public List<(int A, int B, double Squared)> SpanningTree(IReadOnlyList<int[]> sets)
    {
        int n = sets.Count;
        var edges = new List<(int, int, double)>();
        double[] least = [.. Enumerable.Repeat(double.PositiveInfinity, n)];
        int[] from = new int[n];
        bool[] isIn = new bool[n];
        isIn[0] = true;
        for (int newest = 0; edges.Count < n - 1;)
        {
            int next = -1;
            for (int j = 0; j < n; j++)
            {
                if (isIn[j])
                    continue;
                double squared = sets[newest].Length == 1 && sets[j].Length == 1 ? Squared[sets[newest][0], sets[j][0]] : BetweenMeans(sets[newest], sets[j]);
                if (squared < least[j])
                    (least[j], from[j]) = (squared, newest);
                if (next < 0 || least[j] < least[next])
                    next = j;
            }
            isIn[next] = true;
            edges.Add((from[next], next, least[next]));
            newest = next;
        }
        return edges;
    }
}
