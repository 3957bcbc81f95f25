using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Clustering;

/// <summary>A clustering into k clusters.</summary>
/// <param name="Labels">The cluster of each row, 0 to k - 1, numbered by first appearance.</param>
/// <param name="Inertia">Sum of the squared distances of the rows to the mean of their cluster.</param>
/// <param name="Iterations">Passes over the rows that the best start took.</param>
public sealed record KMeansResult(int[] Labels, double Inertia, int Iterations);

/// <summary>
/// k-means in the geometry of a Gram matrix: with S_ic the sum of g_ij over j in cluster c, n_c its size and Q_c the sum of
/// S_ic over i in c, row i lies at squared distance g_ii - 2 S_ic / n_c + Q_c / n_c^2 from the cluster's mean, so no mean is
/// ever formed, and a pass costs nothing for the number of weights (Dhillon, Guan and Kulis, "Kernel k-means, spectral
/// clustering and normalized cuts", 2004, equation 2, with the linear kernel).
/// </summary>
public static class KMeans
{
    private const int MostIterations = 300; // each of Lloyd's and of the exchange; both end by themselves but for rounding

    /// <summary>
    /// The best of several starts by inertia (the first of equal ones). Each start draws centres by greedy k-means++, goes on by
    /// Lloyd's algorithm, then moves single rows while that lowers the inertia (Hartigan and Wong, "Algorithm AS 136", 1979).
    /// Among far more weights than rows Lloyd's algorithm alone stops early, because each row draws the mean of its own
    /// cluster towards it; the exchange accounts for that.
    /// </summary>
    /// <param name="coordinates">
    /// Where each row lies along the leading directions, [Count, any]; null: not known. With them Lloyd's algorithm goes most of its way there, at a cost
    /// that does not grow with the square of the rows, and only ends among all distances: the clusters of the leading directions are near those of all (Ding
    /// and He, "K-means clustering via principal component analysis", 2004).
    /// </param>
    /// <exception cref="ArgumentException">Not 1 to Count clusters, no start, or not as many coordinates as rows.</exception>
    public static KMeansResult Fit(GramMatrix gram, int clusters, int starts, ulong seed, FloatRows? coordinates = null)
    {
        ArgumentNullException.ThrowIfNull(gram);
        if (clusters < 1 || clusters > gram.Count)
            throw new ArgumentException($"{clusters} clusters of {gram.Count} rows; expected 1 to {gram.Count}", nameof(clusters));
        if (starts < 1)
            throw new ArgumentException($"{starts} starts; expected at least 1", nameof(starts));
        if (coordinates is not null && coordinates.Count != gram.Count)
            throw new ArgumentException($"coordinates of {coordinates.Count} rows; expected {gram.Count}", nameof(coordinates));
        double[] norms = gram.SquaredNorms();
        var labels = new int[starts][];
        Parallel.For(0, starts, start =>
        {
            var random = new RandomStream(seed, RandomPurpose.Clustering, (ulong)start);
            labels[start] = Nearest(gram, norms, PlusPlusCentres(gram.Count, clusters, ref random, (row, distances) => Distances(gram, norms, row, distances)));
        });
        if (coordinates is not null)
            CentroidKMeans.Lloyd(coordinates, labels, clusters, MostIterations, gram.Count / 1000);
        double[][] sums = Sums(gram, labels, clusters);
        var results = new KMeansResult[starts];
        Parallel.For(0, starts, start => results[start] = Finish(new Partition(gram, norms, clusters, labels[start], sums[start])));
        return results.MinBy(result => result.Inertia)!;
    }

    private static KMeansResult Finish(Partition partition)
    {
        int lloyd = 0;
        while (lloyd < MostIterations && partition.LloydPass())
            lloyd++;
        int exchange = 0;
        while (exchange < MostIterations && partition.ExchangePass())
            exchange++;
        return new KMeansResult(ClusterScores.Dense(partition.Labels).Labels, partition.Inertia(), lloyd + exchange + 2);
    }

    /// <summary>S of every start in one pass over the Gram matrix, [starts][clusters, count].</summary>
    private static double[][] Sums(GramMatrix gram, int[][] labels, int clusters)
    {
        using var members = new FloatRows(labels.Length * clusters, gram.Count);
        for (int start = 0; start < labels.Length; start++)
        {
            for (int i = 0; i < gram.Count; i++)
                members[(start * clusters) + labels[start][i]][i] = 1;
        }
        double[][] sums = [.. labels.Select(_ => new double[clusters * gram.Count])];
        gram.Multiply(members, (in ProductTile tile) =>
        {
            for (int r = 0; r < tile.Rows; r++)
            {
                (int start, int cluster) = Math.DivRem(tile.FirstRow + r, clusters);
                tile[r].CopyTo(sums[start].AsSpan((cluster * gram.Count) + tile.FirstColumn));
            }
        });
        return sums;
    }

    /// <summary>
    /// Rows as first centres: each next one is drawn with probability in proportion to its squared distance from those before,
    /// the best of 2 + ln k draws (Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", 2007, and the
    /// greedy variant in its section 5).
    /// </summary>
    /// <param name="distances">Writes the squared distances of all rows from one.</param>
    internal static int[] PlusPlusCentres(int count, int clusters, ref RandomStream random, Action<int, double[]> distances)
    {
        int trials = 2 + (int)Math.Log(clusters);
        var centres = new int[clusters];
        centres[0] = random.NextBelow(count);
        var nearest = new double[count];
        distances(centres[0], nearest);
        double[] fromCandidate = new double[count], fromBest = new double[count];
        for (int c = 1; c < clusters; c++)
        {
            double total = nearest.Sum();
            double lowest = double.PositiveInfinity;
            for (int trial = 0; trial < trials; trial++)
            {
                int candidate = Draw(nearest, total, centres.AsSpan(0, c), ref random);
                distances(candidate, fromCandidate);
                double potential = 0;
                for (int i = 0; i < count; i++)
                    potential += Math.Min(nearest[i], fromCandidate[i]);
                if (potential >= lowest)
                    continue;
                (lowest, centres[c]) = (potential, candidate);
                (fromBest, fromCandidate) = (fromCandidate, fromBest);
            }
            for (int i = 0; i < count; i++)
                nearest[i] = Math.Min(nearest[i], fromBest[i]);
        }
        return centres;
    }

    /// <summary>A row with probability in proportion to its weight; where all weights are 0, the first row that is no centre yet.</summary>
    private static int Draw(double[] weights, double total, ReadOnlySpan<int> centres, ref RandomStream random)
    {
        double left = random.NextUniformDouble() * total;
        int last = -1;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] <= 0)
                continue;
            last = i;
            left -= weights[i];
            if (left < 0)
                return i;
        }
        if (last >= 0)
            return last; // rounding of the total
        int row = 0;
        while (centres.Contains(row))
            row++;
        return row;
    }

    private static int[] Nearest(GramMatrix gram, double[] norms, int[] centres)
    {
        var labels = new int[gram.Count];
        double[] nearest = new double[gram.Count], distances = new double[gram.Count];
        Array.Fill(nearest, double.PositiveInfinity);
        for (int c = 0; c < centres.Length; c++)
        {
            Distances(gram, norms, centres[c], distances);
            for (int i = 0; i < labels.Length; i++)
            {
                if (distances[i] < nearest[i])
                    (nearest[i], labels[i]) = (distances[i], c);
            }
        }
        for (int c = 0; c < centres.Length; c++)
            labels[centres[c]] = c; // equal rows would leave the later centre without even its own
        return labels;
    }

    /// <summary>The squared distances of all rows from one, as <see cref="GramMatrix.SquaredDistance"/> has them.</summary>
    private static void Distances(GramMatrix gram, double[] norms, int row, double[] distances)
    {
        ReadOnlySpan<float> products = gram.Row(row);
        for (int i = 0; i < distances.Length; i++)
            distances[i] = Math.Max(0, norms[i] + norms[row] - (2.0 * products[i]));
        distances[row] = 0;
    }

    /// <summary>
    /// Labels with the sums over the Gram matrix that give the distances to the clusters' means; no cluster is ever empty.
    /// </summary>
    private sealed class Partition
    {
        private readonly GramMatrix _gram;
        private readonly double[] _norms;
        private readonly int _clusters;
        private readonly int[] _sizes;
        private readonly double[] _sums; // S, [clusters, count]
        private readonly double[] _squares; // Q, [clusters]
        private readonly double[] _scales, _offsets; // of the squared distances, [clusters]

        public Partition(GramMatrix gram, double[] norms, int clusters, int[] labels, double[] sums)
        {
            _gram = gram;
            _norms = norms;
            _clusters = clusters;
            Labels = labels;
            _sizes = new int[clusters];
            _sums = sums;
            _squares = new double[clusters];
            (_scales, _offsets) = (new double[clusters], new double[clusters]);
            foreach (int label in labels)
                _sizes[label]++;
            SumSquares();
        }

        public int[] Labels { get; }

        private Span<double> Sums(int cluster) => _sums.AsSpan(cluster * _gram.Count, _gram.Count);

        /// <summary>Assigns every row to the nearest mean; false when none moved.</summary>
        public bool LloydPass()
        {
            int[] next = [.. Labels]; // a row stays where means are equally near
            var distances = new double[Labels.Length];
            for (int i = 0; i < next.Length; i++)
                distances[i] = SquaredDistance(i, next[i]);
            for (int c = 0; c < _clusters; c++)
            {
                ReadOnlySpan<double> sums = Sums(c);
                (double scale, double offset) = (_scales[c], _offsets[c]);
                for (int i = 0; i < sums.Length; i++)
                {
                    double distance = _norms[i] - (sums[i] * scale) + offset;
                    if (distance < distances[i])
                        (next[i], distances[i]) = (c, distance);
                }
            }
            CentroidKMeans.FillEmpty(next, distances, _clusters);
            bool moved = false;
            for (int i = 0; i < next.Length; i++)
            {
                if (next[i] == Labels[i])
                    continue;
                Move(i, next[i]);
                moved = true;
            }
            SumSquares();
            return moved;
        }

        /// <summary>
        /// Moves single rows while that lowers the inertia: from cluster a to b when n_b / (n_b + 1) d_b^2 &lt; n_a / (n_a - 1) d_a^2.
        /// False when none moved.
        /// </summary>
        public bool ExchangePass()
        {
            bool moved = false;
            for (int i = 0; i < Labels.Length; i++)
            {
                int from = Labels[i];
                if (_sizes[from] == 1)
                    continue;
                double saved = SquaredDistance(i, from) * _sizes[from] / (_sizes[from] - 1);
                // A gain below the rounding of the sums is none, or two rows could change places for ever.
                double lowest = saved - (1e-9 * Math.Abs(_norms[i]));
                int to = from;
                for (int c = 0; c < _clusters; c++)
                {
                    double cost = SquaredDistance(i, c) * _sizes[c] / (_sizes[c] + 1);
                    if (c != from && cost < lowest)
                        (to, lowest) = (c, cost);
                }
                if (to == from)
                    continue;
                // Q_a of a less i: Q - 2 S_ia + g_ii; of b with i: Q + 2 S_ib + g_ii.
                _squares[from] += _norms[i] - (2 * Sums(from)[i]);
                _squares[to] += _norms[i] + (2 * Sums(to)[i]);
                Move(i, to);
                Scale(from);
                Scale(to);
                moved = true;
            }
            SumSquares();
            return moved;
        }

        /// <summary>The sum over clusters of g_ii over their rows, less Q_c / n_c.</summary>
        public double Inertia()
        {
            double inertia = _norms.Sum();
            for (int c = 0; c < _clusters; c++)
                inertia -= _squares[c] / _sizes[c];
            return Math.Max(0, inertia);
        }

        private double SquaredDistance(int i, int cluster) => _norms[i] - (_sums[(cluster * _gram.Count) + i] * _scales[cluster]) + _offsets[cluster];

        /// <summary>2 / n_c and Q_c / n_c^2, after a change of either.</summary>
        private void Scale(int cluster)
        {
            double size = _sizes[cluster];
            (_scales[cluster], _offsets[cluster]) = (2 / size, _squares[cluster] / (size * size));
        }

        private void Move(int i, int to)
        {
            int from = Labels[i];
            DenseVectors.AddScaled(Sums(from), -1, _gram.Row(i));
            DenseVectors.AddScaled(Sums(to), 1, _gram.Row(i));
            _sizes[from]--;
            _sizes[to]++;
            Labels[i] = to;
        }

        private void SumSquares()
        {
            Array.Clear(_squares);
            for (int i = 0; i < Labels.Length; i++)
                _squares[Labels[i]] += Sums(Labels[i])[i];
            for (int c = 0; c < _clusters; c++)
                Scale(c);
        }
    }
}
