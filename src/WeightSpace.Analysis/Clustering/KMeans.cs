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
    /// <exception cref="ArgumentException">Not 1 to Count clusters, or no start.</exception>
    public static KMeansResult Fit(GramMatrix gram, int clusters, int starts, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(gram);
        if (clusters < 1 || clusters > gram.Count)
            throw new ArgumentException($"{clusters} clusters of {gram.Count} rows; expected 1 to {gram.Count}", nameof(clusters));
        if (starts < 1)
            throw new ArgumentException($"{starts} starts; expected at least 1", nameof(starts));
        var results = new KMeansResult[starts];
        Parallel.For(0, starts,
            start => results[start] = FitOnce(gram, clusters, new RandomStream(seed, RandomPurpose.Clustering, (ulong)start)));
        return results.MinBy(result => result.Inertia)!;
    }

    private static KMeansResult FitOnce(GramMatrix gram, int clusters, RandomStream random)
    {
        var partition = new Partition(gram, clusters, Nearest(gram, PlusPlusCentres(gram, clusters, ref random)));
        int lloyd = 0;
        while (lloyd < MostIterations && partition.LloydPass())
            lloyd++;
        int exchange = 0;
        while (exchange < MostIterations && partition.ExchangePass())
            exchange++;
        return new KMeansResult(ClusterScores.Dense(partition.Labels).Labels, partition.Inertia(), lloyd + exchange + 2);
    }

    /// <summary>
    /// Rows as first centres: each next one is drawn with probability in proportion to its squared distance from those before,
    /// the best of 2 + ln k draws (Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", 2007, and the
    /// greedy variant in its section 5).
    /// </summary>
    private static int[] PlusPlusCentres(GramMatrix gram, int clusters, ref RandomStream random)
    {
        int count = gram.Count;
        int trials = 2 + (int)Math.Log(clusters);
        var centres = new int[clusters];
        centres[0] = random.NextBelow(count);
        var nearest = new double[count];
        for (int i = 0; i < count; i++)
            nearest[i] = gram.SquaredDistance(i, centres[0]);
        for (int c = 1; c < clusters; c++)
        {
            double total = nearest.Sum();
            double lowest = double.PositiveInfinity;
            for (int trial = 0; trial < trials; trial++)
            {
                int candidate = Draw(nearest, total, centres.AsSpan(0, c), ref random);
                double potential = 0;
                for (int i = 0; i < count; i++)
                    potential += Math.Min(nearest[i], gram.SquaredDistance(i, candidate));
                if (potential < lowest)
                    (lowest, centres[c]) = (potential, candidate);
            }
            for (int i = 0; i < count; i++)
                nearest[i] = Math.Min(nearest[i], gram.SquaredDistance(i, centres[c]));
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

    private static int[] Nearest(GramMatrix gram, int[] centres)
    {
        var labels = new int[gram.Count];
        for (int i = 0; i < labels.Length; i++)
        {
            for (int c = 1; c < centres.Length; c++)
            {
                if (gram.SquaredDistance(i, centres[c]) < gram.SquaredDistance(i, centres[labels[i]]))
                    labels[i] = c;
            }
        }
        for (int c = 0; c < centres.Length; c++)
            labels[centres[c]] = c; // equal rows would leave the later centre without even its own
        return labels;
    }

    /// <summary>
    /// Labels with the sums over the Gram matrix that give the distances to the clusters' means; no cluster is ever empty.
    /// </summary>
    private sealed class Partition
    {
        private readonly GramMatrix _gram;
        private readonly int _clusters;
        private readonly int[] _sizes;
        private readonly double[] _sums; // S, [clusters, count]
        private readonly double[] _squares; // Q, [clusters]

        public Partition(GramMatrix gram, int clusters, int[] labels)
        {
            _gram = gram;
            _clusters = clusters;
            Labels = labels;
            _sizes = new int[clusters];
            _sums = new double[clusters * gram.Count];
            _squares = new double[clusters];
            for (int i = 0; i < labels.Length; i++)
            {
                _sizes[labels[i]]++;
                DenseVectors.AddScaled(Sums(labels[i]), 1, gram.Row(i));
            }
            SumSquares();
        }

        public int[] Labels { get; }

        private Span<double> Sums(int cluster) => _sums.AsSpan(cluster * _gram.Count, _gram.Count);

        /// <summary>Assigns every row to the nearest mean; false when none moved.</summary>
        public bool LloydPass()
        {
            var next = new int[Labels.Length];
            var distances = new double[Labels.Length];
            var sizes = new int[_clusters];
            for (int i = 0; i < next.Length; i++)
            {
                next[i] = Labels[i]; // a row stays where means are equally near
                distances[i] = SquaredDistance(i, next[i]);
                for (int c = 0; c < _clusters; c++)
                {
                    double distance = SquaredDistance(i, c);
                    if (distance < distances[i])
                        (next[i], distances[i]) = (c, distance);
                }
                sizes[next[i]]++;
            }
            for (int c = 0; c < _clusters; c++)
            {
                if (sizes[c] > 0)
                    continue;
                // An empty cluster takes the row that lies farthest from its mean, as scikit-learn has it.
                int farthest = -1;
                for (int i = 0; i < next.Length; i++)
                {
                    if (sizes[next[i]] > 1 && (farthest < 0 || distances[i] > distances[farthest]))
                        farthest = i;
                }
                sizes[next[farthest]]--;
                sizes[c]++;
                (next[farthest], distances[farthest]) = (c, 0);
            }
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
                double lowest = saved - (1e-9 * Math.Abs(_gram[i, i]));
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
                _squares[from] += _gram[i, i] - (2 * Sums(from)[i]);
                _squares[to] += _gram[i, i] + (2 * Sums(to)[i]);
                Move(i, to);
                moved = true;
            }
            SumSquares();
            return moved;
        }

        /// <summary>The sum over clusters of g_ii over their rows, less Q_c / n_c.</summary>
        public double Inertia()
        {
            double inertia = _gram.Trace;
            for (int c = 0; c < _clusters; c++)
                inertia -= _squares[c] / _sizes[c];
            return Math.Max(0, inertia);
        }

        private double SquaredDistance(int i, int cluster)
        {
            double size = _sizes[cluster];
            return _gram[i, i] - (2 * _sums[(cluster * _gram.Count) + i] / size) + (_squares[cluster] / (size * size));
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
        }
    }
}
