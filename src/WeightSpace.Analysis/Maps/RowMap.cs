using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Embedding;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Maps;

/// <summary>How a map is made.</summary>
public sealed record MapOptions
{
    /// <summary>Above this many rows a map is made from a sketch where nothing else is asked for: the Gram matrix and the tree's distances would take more than 2 GB.</summary>
    public const int MostExact = 12_000;

    /// <summary>Columns of a sketch where nothing else is asked for: squared distances are then off by a standard deviation of 6.25 %.</summary>
    public const int DefaultSketch = 512;

    /// <summary>Columns of the rows up to which a sketched map has exact principal components, from a covariance of at most 604 MB.</summary>
    public const int MostCovarianceColumns = 12_288;

    /// <summary>Clusters of rows that a sketched map's tree begins with. 2,000 distances are 16 MB.</summary>
    public const int MostLeaves = 2_000;

    /// <summary>Seed of the starts of k-means and of the sketch. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Principal components; fewer where there are fewer rows or columns. Default 50.</summary>
    public int Components { get; init; } = 50;

    /// <summary>Clusters of k-means. Default 5.</summary>
    public int Clusters { get; init; } = 5;

    /// <summary>Starts of k-means; the best is kept. Default 10.</summary>
    public int KMeansStarts { get; init; } = 10;

    /// <summary>Nearest neighbours of each row; fewer where there are fewer rows. Default 10.</summary>
    public int Neighbours { get; init; } = 10;

    /// <summary>Columns of the sketch; 0: exact whatever the number of rows; null: exact up to <see cref="MostExact"/> rows, then <see cref="DefaultSketch"/>.</summary>
    public int? SketchColumns { get; init; }
}

/// <summary>
/// What the distances of all rows from each other show. Exact from one Gram matrix, or from a sketch: then neighbours, distances, silhouettes and clusters are those of the sketch,
/// and the tree joins groups of rows.
/// </summary>
/// <param name="SketchColumns">Columns of the sketch (the rows' own where they have no more); null where the map is exact.</param>
/// <param name="DistanceDeviation">Standard deviation of a squared distance over itself, at most.</param>
/// <param name="ComponentsOfSketch">Whether the principal components are those of the sketch, because the rows have too many columns for their own.</param>
/// <param name="Variances">Along each component, descending, [components].</param>
/// <param name="VarianceShares">The same over the total variance, [components].</param>
/// <param name="Coordinates">Of each row along the components, row-major [rows, components].</param>
/// <param name="Clusters">The cluster of each row by k-means, numbered by first appearance, [rows].</param>
/// <param name="Inertia">Sum of the squared distances of the rows to the mean of their cluster.</param>
/// <param name="TotalInertia">The same to the mean of all.</param>
/// <param name="Pairs">Neighbours, and silhouettes by the labellings asked for and at last by <paramref name="Clusters"/> (where there are at least two).</param>
/// <param name="Tree">Ward's tree of the leaves.</param>
/// <param name="Leaves">The tree's leaf of each row, [rows]; each its own where the map is exact.</param>
/// <param name="LeafInertiaShare">Share of the total inertia that lies within leaves, which the tree does not see; 0 where the map is exact.</param>
public sealed record RowMap(
    int Rows,
    int Columns,
    int? SketchColumns,
    double DistanceDeviation,
    bool ComponentsOfSketch,
    double[] Variances,
    double[] VarianceShares,
    float[] Coordinates,
    int[] Clusters,
    double Inertia,
    double TotalInertia,
    PairResult Pairs,
    Dendrogram Tree,
    int[] Leaves,
    double LeafInertiaShare)
{
    private const int ChunkRows = 2048;
    private const int ChunkFloats = 1 << 24;
    private const int LeafPasses = 8;

    /// <summary>Maps rows; the same rows and options give the same map, whatever the number of threads.</summary>
    /// <param name="labelings">Labels by row whose silhouettes are wanted, at least two different ones in each.</param>
    /// <exception cref="ArgumentException">An option does not fit the rows: fewer than 3 rows, more clusters than rows, all rows equal.</exception>
    public static RowMap Compute(
        IRowSource source, MapOptions options, IReadOnlyList<int[]> labelings, IProgress<AnalysisProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        if (source.Count < 3)
            throw new ArgumentException($"{source.Count} rows; a map expects at least 3", nameof(source));
        options = options with
        {
            Components = Math.Min(options.Components, Math.Min(source.Count, source.Columns)),
            Neighbours = Math.Min(options.Neighbours, source.Count - 1),
        };
        int? sketch = options.SketchColumns ?? (source.Count <= MapOptions.MostExact ? 0 : MapOptions.DefaultSketch);
        return sketch == 0
            ? Exact(source, options, labelings, progress, cancellation)
            : Sketched(source, options, sketch.Value, labelings, progress, cancellation);
    }

    /// <summary>Rows of a chunk: few enough to take no more than 64 MiB, which the products of a covariance need no more of either.</summary>
    private static int RowsOfChunk(IRowSource source) => Math.Clamp(ChunkFloats / source.Columns, 1, Math.Min(ChunkRows, source.Count));

    private static RowMap Exact(IRowSource source, MapOptions options, IReadOnlyList<int[]> labelings, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        GramMatrix gram;
        using (var rows = new FloatRows(source.Count, source.Columns))
        {
            ForEachChunk(source, "reading rows", progress, cancellation, (first, count, values) =>
                Parallel.For(0, count, row => values.AsSpan(row * source.Columns, source.Columns).CopyTo(rows[first + row])));
            Stage("inner products", progress, cancellation);
            rows.Centre();
            gram = GramMatrix.Compute(rows, HierarchicalClustering.RoomInPlace(source.Count), cancellation);
        }
        double total = gram.Trace;
        RequireVariance(total, source);
        Stage("principal components", progress, cancellation);
        PrincipalComponents components = PrincipalComponents.Fit(gram, options.Components);
        float[] coordinates = [.. components.Scores.Cast<double>().Select(score => (float)score)];
        Stage("k-means", progress, cancellation);
        KMeansResult clusters;
        using (FloatRows leading = FloatRows.Copy(coordinates, source.Count, options.Components, centre: false))
            clusters = KMeans.Fit(gram, options.Clusters, options.KMeansStarts, options.Seed, leading);
        Stage("neighbours and silhouettes", progress, cancellation);
        PairResult pairs = PairScores.OfGram(gram, options.Neighbours, WithClusters(labelings, clusters.Labels), cancellation);
        Stage("tree", progress, cancellation);
        Dendrogram tree = HierarchicalClustering.WardInPlace(gram);
        return new RowMap(source.Count, source.Columns, null, 0, false, components.Variances, components.VarianceShares, coordinates, clusters.Labels, clusters.Inertia,
            total, pairs, tree, [.. Enumerable.Range(0, source.Count)], 0);
    }

    /// <summary>
    /// One pass over the rows for the sketch and the covariance, one for the coordinates; the rest is computed from the sketch, which is all of the rows that is in memory.
    /// </summary>
    private static RowMap Sketched(
        IRowSource source, MapOptions options, int sketchColumns, IReadOnlyList<int[]> labelings, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        int count = source.Count, columns = source.Columns;
        bool ofSketch = columns > MapOptions.MostCovarianceColumns, isWhole = columns <= sketchColumns;
        sketchColumns = Math.Min(sketchColumns, columns);
        using var sketch = new FloatRows(count, sketchColumns);
        double[] shift = new double[columns], means = new double[columns];
        var covariance = ofSketch ? null : new StreamedCovariance(columns);
        using (FloatRows directions = RandomProjection.Directions(sketchColumns, columns, options.Seed))
        {
            ForEachRowsLess(source, shift, isFirstPass: true, "sketch", progress, cancellation, (first, rows, chunk) =>
            {
                if (isWhole)
                    Parallel.For(0, rows, row => chunk[row].CopyTo(sketch[first + row]));
                else
                    RandomProjection.Project(chunk, directions, sketch, first);
                covariance?.Add(chunk, rows);
            });
        }
        sketch.Centre();
        double sketchInertia = Enumerable.Range(0, count).Sum(row => DenseVectors.SquaredNorm(sketch[row]));
        RequireVariance(sketchInertia, source);

        Stage("principal components", progress, cancellation);
        int wanted = Math.Min(options.Components, ofSketch ? sketchColumns : columns);
        (GramMatrix products, double[] meansLessShift) = covariance?.Finish() ?? OfSketch();
        double total = products.Trace;
        (double[] values, double[][] axes) = LeadingEigenpairs.Compute(products, wanted);
        var coordinates = new float[(long)count * wanted];
        using (var directions = new FloatRows(wanted, products.Count))
        {
            for (int c = 0; c < wanted; c++)
                DenseVectors.Narrow(axes[c], directions[c]);
            using var scores = new FloatRows(count, wanted);
            if (ofSketch)
            {
                RandomProjection.Project(sketch, directions, scores, 0);
            }
            else
            {
                for (int c = 0; c < columns; c++)
                    means[c] = shift[c] + meansLessShift[c];
                ForEachRowsLess(source, means, isFirstPass: false, "coordinates", progress, cancellation, (first, _, chunk) => RandomProjection.Project(chunk, directions, scores, first));
            }
            int[] signs = [.. Enumerable.Range(0, wanted).Select(c => PrincipalComponents.Sign(Enumerable.Range(0, count).Select(row => (double)scores[row][c])))];
            for (int row = 0; row < count; row++)
            {
                for (int c = 0; c < wanted; c++)
                    coordinates[(row * wanted) + c] = signs[c] * scores[row][c];
            }
        }

        Stage("k-means", progress, cancellation);
        (int[] clusters, double inertia) = Clustered(sketch, coordinates, wanted, options, cancellation);

        Stage("neighbours and silhouettes", progress, cancellation);
        PairResult pairs = PairScores.OfRows(sketch, options.Neighbours, WithClusters(labelings, clusters),
            done => progress?.Report(new AnalysisProgress("neighbours and silhouettes", done, count)), cancellation);

        Stage("tree", progress, cancellation);
        (int[] leaves, double leafInertia, Dendrogram tree) = Grown(sketch, options, cancellation);
        return new RowMap(count, columns, sketchColumns, isWhole ? 0 : RandomProjection.RelativeDeviation(sketchColumns), ofSketch, [.. values.Select(value => Math.Max(0, value) / (count - 1))],
            [.. values.Select(value => Math.Max(0, value) / total)], coordinates, clusters, inertia, sketchInertia, pairs, tree, leaves, leafInertia / sketchInertia);

        (GramMatrix Products, double[] Means) OfSketch()
        {
            var products = new StreamedCovariance(sketchColumns);
            using var chunk = new FloatRows(Math.Min(ChunkRows, count), sketchColumns);
            for (int first = 0; first < count; first += chunk.Count)
            {
                int rows = Math.Min(chunk.Count, count - first);
                for (int row = 0; row < rows; row++)
                    sketch[first + row].CopyTo(chunk[row]);
                products.Add(chunk, rows);
            }
            return products.Finish();
        }
    }

    /// <summary>k-means of the sketch: starts and most passes in the coordinates, the last ones in the sketch.</summary>
    private static (int[] Labels, double Inertia) Clustered(FloatRows sketch, float[] coordinates, int components, MapOptions options, CancellationToken cancellation)
    {
        using FloatRows leading = FloatRows.Copy(coordinates, sketch.Count, components, centre: false);
        int[][] labels = [.. Enumerable.Range(0, options.KMeansStarts).Select(start => CentroidKMeans.PlusPlus(leading, options.Clusters, options.Seed, start))];
        const int mostPasses = 300;
        CentroidKMeans.Lloyd(leading, labels, options.Clusters, mostPasses, sketch.Count / 1000, cancellation);
        double[] inertia = CentroidKMeans.Lloyd(sketch, labels, options.Clusters, mostPasses, sketch.Count / 10_000, cancellation);
        int best = Array.IndexOf(inertia, inertia.Min());
        return (ClusterScores.Dense(labels[best]).Labels, inertia[best]);
    }

    /// <summary>
    /// Ward's tree of small clusters instead of rows (Zhang, Ramakrishnan and Livny, "BIRCH", 1996, phase 3): k-means to at most <see cref="MapOptions.MostLeaves"/> of them from rows drawn at
    /// random, then their means with their sizes.
    /// </summary>
    private static (int[] Leaves, double Inertia, Dendrogram Tree) Grown(FloatRows sketch, MapOptions options, CancellationToken cancellation)
    {
        int count = Math.Min(MapOptions.MostLeaves, sketch.Count);
        int[] order = new int[sketch.Count];
        new RandomStream(options.Seed, RandomPurpose.Clustering, ulong.MaxValue).Permute(order);
        int[] leaves = CentroidKMeans.Nearest(sketch, order.AsSpan(0, count));
        double[] inertia = CentroidKMeans.Lloyd(sketch, [leaves], count, LeafPasses, sketch.Count / 1000, cancellation);
        leaves = ClusterScores.Dense(leaves).Labels;
        using FloatRows means = CentroidKMeans.MeansOf(sketch, leaves, count, out int[] sizes);
        return (leaves, inertia[0], HierarchicalClustering.Ward(GramMatrix.Compute(means), sizes));
    }

    private static IReadOnlyList<int[]> WithClusters(IReadOnlyList<int[]> labelings, int[] clusters) =>
        clusters.Distinct().Skip(1).Any() ? [.. labelings, clusters] : labelings;

    private static void RequireVariance(double inertia, IRowSource source)
    {
        if (!(inertia > 1e-9 * source.Count))
            throw new ArgumentException("all rows are equal, so there is nothing to map", nameof(source));
    }

    private static void Stage(string name, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        progress?.Report(new AnalysisProgress(name, 0, 1));
    }

    private static void ForEachChunk(IRowSource source, string stage, IProgress<AnalysisProgress>? progress, CancellationToken cancellation, Action<int, int, float[]> take)
    {
        int most = RowsOfChunk(source);
        var values = new float[most * source.Columns];
        for (int first = 0; first < source.Count; first += most)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(most, source.Count - first);
            source.Read(first, count, values.AsSpan(0, count * source.Columns));
            take(first, count, values);
            progress?.Report(new AnalysisProgress(stage, first + count, source.Count));
        }
    }

    /// <summary>The rows less a shift, which the first pass takes from its first chunk's means. The last chunk's unused rows are 0.</summary>
    private static void ForEachRowsLess(
        IRowSource source, double[] shift, bool isFirstPass, string stage, IProgress<AnalysisProgress>? progress, CancellationToken cancellation, Action<int, int, FloatRows> take)
    {
        using var chunk = new FloatRows(RowsOfChunk(source), source.Columns);
        var ones = new double[source.Columns];
        Array.Fill(ones, 1);
        ForEachChunk(source, stage, progress, cancellation, (first, count, values) =>
        {
            if (isFirstPass && first == 0)
            {
                for (int row = 0; row < count; row++)
                    DenseVectors.Add(shift, values.AsSpan(row * shift.Length, shift.Length));
                for (int c = 0; c < shift.Length; c++)
                    shift[c] /= count;
            }
            Parallel.For(0, chunk.Count, row =>
            {
                if (row < count)
                    DenseVectors.Standardise(values.AsSpan(row * shift.Length, shift.Length), shift, ones, chunk[row]);
                else
                    chunk[row].Clear();
            });
            take(first, count, chunk);
        });
    }
}
