using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Clustering;

/// <summary>Lloyd's algorithm (1982) on rows with few columns: principal components, or a sketch.</summary>
internal static class CentroidKMeans
{
    /// <summary>
    /// From each labelling on, all at once, assigns every row to the nearest mean until no more than <paramref name="stillMoving"/> rows move. Labels are changed in
    /// place; no cluster is left empty. A row goes to the first of equally near means.
    /// </summary>
    /// <param name="rows">[rows, columns].</param>
    /// <param name="labels">[starts][rows]; 0 to clusters - 1, each of them there.</param>
    /// <param name="cancellation">Checked before every pass.</param>
    /// <returns>The sum of the squared distances of the rows to their means by the last pass, for each start.</returns>
    public static double[] Lloyd(FloatRows rows, int[][] labels, int clusters, int mostIterations, int stillMoving, CancellationToken cancellation = default)
    {
        var norms = new double[rows.Count];
        Parallel.For(0, rows.Count, i => norms[i] = DenseVectors.SquaredNorm(rows[i]));
        Means[] means = [.. labels.Select(of => new Means(rows, of, clusters))];
        var inertia = new double[labels.Length];
        List<int> active = [.. Enumerable.Range(0, labels.Length)];
        for (int iteration = 0; iteration < mostIterations && active.Count > 0; iteration++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var centroids = new FloatRows(active.Count * clusters, rows.Columns);
            for (int centroid = 0; centroid < centroids.Count; centroid++)
                means[active[centroid / clusters]].CopyTo(centroid % clusters, centroids[centroid]);
            (int[][] next, double[][] nearest) = Assign(rows, centroids, clusters);
            for (int a = active.Count - 1; a >= 0; a--)
            {
                int start = active[a];
                for (int i = 0; i < norms.Length; i++)
                    nearest[a][i] = Math.Max(0, nearest[a][i] + norms[i]);
                inertia[start] = nearest[a].Sum();
                if (means[start].Move(labels[start], next[a], nearest[a]) <= stillMoving)
                    active.RemoveAt(a);
            }
        }
        return inertia;
    }

    /// <summary>Labels by the nearest of centres that greedy k-means++ draws among the rows (<see cref="KMeans"/> has the source).</summary>
    public static int[] PlusPlus(FloatRows rows, int clusters, ulong seed, int start)
    {
        if (clusters < 1 || clusters > rows.Count)
            throw new ArgumentException($"{clusters} clusters of {rows.Count} rows; expected 1 to {rows.Count}", nameof(clusters));
        var random = new RandomStream(seed, RandomPurpose.Clustering, (ulong)start);
        int[] centres = KMeans.PlusPlusCentres(rows.Count, clusters, ref random, (centre, distances) =>
            Parallel.For(0, rows.Count, i => distances[i] = i == centre ? 0 : DenseVectors.SquaredDistance(rows[i], rows[centre])));
        return Nearest(rows, centres);
    }

    /// <summary>Labels by the nearest of some rows, which are different; each of those has its own.</summary>
    public static int[] Nearest(FloatRows rows, ReadOnlySpan<int> centres)
    {
        using var chosen = new FloatRows(centres.Length, rows.Columns);
        for (int c = 0; c < centres.Length; c++)
            rows[centres[c]].CopyTo(chosen[c]);
        int[] labels = Assign(rows, chosen, centres.Length).Labels[0];
        for (int c = 0; c < centres.Length; c++)
            labels[centres[c]] = c; // equal rows would leave the later centre without even its own
        return labels;
    }

    /// <summary>The mean of each cluster, [clusters, columns], and how many rows it has; every cluster has one.</summary>
    public static FloatRows MeansOf(FloatRows rows, int[] labels, int clusters, out int[] sizes)
    {
        var means = new Means(rows, labels, clusters);
        var values = new FloatRows(clusters, rows.Columns);
        for (int c = 0; c < clusters; c++)
            means.CopyTo(c, values[c]);
        sizes = means.Sizes;
        return values;
    }

    /// <summary>For each start and row the nearest mean and |mean|^2 - 2 mean x row, which is the squared distance less the row's own square.</summary>
    private static (int[][] Labels, double[][] Nearest) Assign(FloatRows rows, FloatRows centroids, int clusters)
    {
        int starts = centroids.Count / clusters;
        int[][] labels = [.. Enumerable.Range(0, starts).Select(_ => new int[rows.Count])];
        double[][] nearest = [.. labels.Select(_ => new double[rows.Count])];
        foreach (double[] of in nearest)
            Array.Fill(of, double.PositiveInfinity);
        double[] squares = [.. Enumerable.Range(0, centroids.Count).Select(centroid => DenseVectors.SquaredNorm(centroids[centroid]))];
        RowProducts.Inner(centroids, rows, (in ProductTile tile) =>
        {
            for (int r = 0; r < tile.Rows; r++)
            {
                (int start, int cluster) = Math.DivRem(tile.FirstRow + r, clusters);
                ReadOnlySpan<double> products = tile[r];
                Span<double> least = nearest[start].AsSpan(tile.FirstColumn, tile.Columns);
                Span<int> label = labels[start].AsSpan(tile.FirstColumn, tile.Columns);
                double square = squares[tile.FirstRow + r];
                for (int i = 0; i < products.Length; i++)
                {
                    double distance = square - (2 * products[i]);
                    if (distance < least[i])
                        (least[i], label[i]) = (distance, cluster);
                }
            }
        });
        return (labels, nearest);
    }

    /// <summary>The sums of the rows of each cluster, which follow the rows that move.</summary>
    private sealed class Means
    {
        private readonly FloatRows _rows;
        private readonly double[] _sums; // [clusters, columns]
        private readonly int[] _sizes;

        public int[] Sizes => _sizes;

        public Means(FloatRows rows, int[] labels, int clusters)
        {
            _rows = rows;
            _sums = new double[clusters * rows.Columns];
            _sizes = new int[clusters];
            for (int i = 0; i < labels.Length; i++)
                Add(i, labels[i], 1);
        }

        public void CopyTo(int cluster, Span<float> mean)
        {
            ReadOnlySpan<double> sums = _sums.AsSpan(cluster * _rows.Columns, _rows.Columns);
            for (int c = 0; c < mean.Length; c++)
                mean[c] = (float)(sums[c] / _sizes[cluster]);
        }

        /// <summary>Takes the next labels over and returns how many rows moved. An empty cluster takes the row that lies farthest from its mean.</summary>
        public int Move(int[] labels, int[] next, double[] distances)
        {
            FillEmpty(next, distances, _sizes.Length);
            int moved = 0;
            for (int i = 0; i < labels.Length; i++)
            {
                if (labels[i] == next[i])
                    continue;
                Add(i, labels[i], -1);
                Add(i, next[i], 1);
                labels[i] = next[i];
                moved++;
            }
            return moved;
        }

        private void Add(int row, int cluster, int sign)
        {
            DenseVectors.AddScaled(_sums.AsSpan(cluster * _rows.Columns, _rows.Columns), sign, _rows[row]);
            _sizes[cluster] += sign;
        }
    }

    /// <summary>Gives each cluster without a row the one that lies farthest from its mean, as scikit-learn has it; a cluster's last row stays.</summary>
    internal static void FillEmpty(int[] labels, double[] distances, int clusters)
    {
        var sizes = new int[clusters];
        foreach (int label in labels)
            sizes[label]++;
        for (int c = 0; c < clusters; c++)
        {
            if (sizes[c] > 0)
                continue;
            int farthest = -1;
            for (int i = 0; i < labels.Length; i++)
            {
                if (sizes[labels[i]] > 1 && (farthest < 0 || distances[i] > distances[farthest]))
                    farthest = i;
            }
            sizes[labels[farthest]]--;
            sizes[c]++;
            (labels[farthest], distances[farthest]) = (c, 0);
        }
    }
}
