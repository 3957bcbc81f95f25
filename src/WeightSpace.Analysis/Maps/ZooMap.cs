using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Views;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Maps;

/// <summary>Which networks of a population are mapped, by which features.</summary>
/// <param name="View">The word of a view, see <see cref="WeightViews.All"/>.</param>
/// <param name="Step">The step whose checkpoints are taken; null: each network's last.</param>
/// <param name="Architecture">Its name; null where the population has one only.</param>
/// <param name="Clusters">Clusters of k-means; null: as many as the first labelling has values, or 5 where there is none.</param>
public sealed record MapRequest(string View, long? Step, string? Architecture, int? Clusters, MapOptions Options);

/// <summary>What a map shows in numbers; <see cref="MapFiles"/> writes it in snake_case as <c>map.json</c>. None is NaN or infinite.</summary>
/// <param name="Step">Null: each network's last checkpoint.</param>
/// <param name="Sketch">Null where the map is exact.</param>
/// <param name="VarianceShares">Of each principal component, descending.</param>
/// <param name="ClusterShare">The share of the total inertia that lies between the clusters of k-means.</param>
public sealed record MapSummary(
    int FormatVersion,
    string Zoo,
    string Architecture,
    string View,
    long? Step,
    int Networks,
    int LeftOut,
    int Features,
    ulong Seed,
    MapSketch? Sketch,
    IReadOnlyList<double> VarianceShares,
    int Clusters,
    double ClusterShare,
    int Neighbours,
    IReadOnlyList<MapLabeling> Labelings,
    Estimate? SilhouetteOfClusters,
    IReadOnlyList<string> Notes);

/// <summary>What a sketch costs in exactness.</summary>
/// <param name="DistanceDeviation">Standard deviation of a squared distance over itself, at most.</param>
/// <param name="ComponentsOfSketch">Whether the principal components are those of the sketch.</param>
/// <param name="Leaves">Groups of networks that the tree joins.</param>
/// <param name="LeafInertiaShare">Share of the total inertia that lies within them.</param>
public sealed record MapSketch(int Columns, double DistanceDeviation, bool ComponentsOfSketch, int Leaves, double LeafInertiaShare);

/// <summary>How the map goes together with what is known of the networks.</summary>
/// <param name="NeighbourShare">Of a network's nearest neighbours, the share with its label; <paramref name="ChanceShare"/> is what random neighbours would have.</param>
public sealed record MapLabeling(
    string Labeling, string Title, int Values, Estimate KMeansRand, Estimate TreeRand, Estimate Silhouette, Estimate NeighbourShare, double ChanceShare);

/// <summary>A zoo's map: the networks in order, what was computed, and the summary.</summary>
public sealed record ZooMapResult(IReadOnlyList<PopulationNetwork> Networks, RowMap Map, int[] TreeClusters, MapSummary Summary);

/// <summary>
/// Maps the networks of a population by one view of their weights: principal components, clusters, neighbours and a tree, and how these go together with task, variant
/// and factors. Any number of networks: many are mapped from a sketch.
/// </summary>
public static class ZooMap
{
    private const int FormatVersion = 1;
    private const double Level = 0.95;

    /// <summary>Networks, spread over all, that a view is fitted to where it needs that: their mean is the reference of the aligned view.</summary>
    private const int MostFitted = 256;

    /// <summary>The same population and request give the same result, whatever the number of threads.</summary>
    /// <exception cref="InputException">The request does not fit the population, or a checkpoint is damaged.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static ZooMapResult Run(Population population, MapRequest request, IProgress<AnalysisProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(population);
        ArgumentNullException.ThrowIfNull(request);
        IView view = WeightViews.All.FirstOrDefault(view => view.Name == request.View)
            ?? throw new InputException($"--view: found '{request.View}', expected one of {string.Join(", ", WeightViews.All.Select(view => view.Name))}");
        (Cohort cohort, int leftOut) = Cohort.OfArchitecture(population, request.Architecture, request.Step, "a map");
        if (!view.Reads(cohort.Architecture))
            throw new InputException($"--view: '{view.Name}' is not defined for '{cohort.Architecture.Name}', which has no hidden units to align; choose raw");
        int networks = cohort.Networks.Length;
        int clusters = request.Clusters ?? (cohort.Labelings.Count > 0 ? cohort.Labelings[0].Values.Length : 5);
        if (clusters < 1 || clusters > networks)
            throw new InputException($"--clusters: found {clusters}, expected 1 to {networks}, the number of networks");

        if (request.Options.SketchColumns == 0 && networks > HierarchicalClustering.MostRows)
            throw new InputException($"--sketch: an exact map takes at most {HierarchicalClustering.MostRows} networks, and {networks} are asked for; use auto");

        CheckpointPlace[] places = cohort.Places(request.Step);
        if (!view.IsFitted)
        {
            CheckpointPlace[] some = [.. Enumerable.Range(0, Math.Min(networks, MostFitted)).Select(i => places[(int)((long)i * networks / Math.Min(networks, MostFitted))])];
            var weights = new float[(long)some.Length * cohort.Architecture.Parameters.Count];
            population.ReadWeights(some, weights);
            view = view.Fit(cohort.Architecture, weights);
        }
        IRowSource rows = new PopulationRows(population, cohort.Architecture, places, view);
        if (view.IsStandardised)
            rows = new StandardisedRows(rows, Scaling(rows, progress, cancellation));
        RowMap map;
        try
        {
            map = RowMap.Compute(rows, request.Options with { Clusters = clusters }, [.. cohort.Labelings.Select(labeling => labeling.Labels)], progress, cancellation);
        }
        catch (ArgumentException problem) when (problem.ParamName is "source")
        {
            throw new InputException($"{population.Title}: {problem.Message.Split(" (Parameter", 2)[0].Replace("rows", "networks", StringComparison.Ordinal)}");
        }
        int[] ofLeaf = map.Tree.Cut(Math.Min(clusters, map.Tree.Count));
        int[] treeClusters = ClusterScores.Dense([.. map.Leaves.Select(leaf => ofLeaf[leaf])]).Labels;
        return new ZooMapResult(cohort.Networks, map, treeClusters, Summarise(population, request, cohort, leftOut, map, treeClusters, clusters));
    }

    /// <summary>Means and standard deviations of the columns, in a pass of their own.</summary>
    private static ColumnScaling Scaling(IRowSource rows, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        int most = Math.Clamp((1 << 22) / rows.Columns, 1, rows.Count);
        double[] means = new double[rows.Columns], squares = new double[rows.Columns];
        var values = new float[most * rows.Columns];
        for (int first = 0; first < rows.Count; first += most)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(most, rows.Count - first);
            rows.Read(first, count, values.AsSpan(0, count * rows.Columns));
            for (int row = 0; row < count; row++)
            {
                // Welford, "Note on a method for calculating corrected sums of squares and products", 1962.
                double seen = first + row + 1;
                for (int c = 0; c < means.Length; c++)
                {
                    double difference = values[(row * means.Length) + c] - means[c];
                    means[c] += difference / seen;
                    squares[c] += difference * (values[(row * means.Length) + c] - means[c]);
                }
            }
            progress?.Report(new AnalysisProgress("scales of the features", first + count, rows.Count));
        }
        return ColumnScaling.Of(means, squares, rows.Count);
    }

    private static MapSummary Summarise(Population population, MapRequest request, Cohort cohort, int leftOut, RowMap map, int[] treeClusters, int clusters)
    {
        var options = new AnalysisOptions { Seed = request.Options.Seed };
        var labelings = new List<MapLabeling>();
        for (int l = 0; l < cohort.Labelings.Count; l++)
        {
            Labeling labeling = cohort.Labelings[l];
            double[] shares = NeighbourShares(map.Pairs, labeling.Labels);
            double count = labeling.Labels.Length;
            double chance = labeling.Labels.CountBy(label => label).Sum(pair => pair.Value / count * ((pair.Value - 1) / (count - 1)));
            labelings.Add(new MapLabeling(labeling.Name, labeling.Title, labeling.Values.Length,
                Rand(labeling.Labels, map.Clusters, cohort.Groups), Rand(labeling.Labels, treeClusters, cohort.Groups),
                MomentScores.Mean(map.Pairs.Silhouettes[l], cohort.Groups, options), MomentScores.Mean(shares, cohort.Groups, options), chance));
        }
        MapSketch? sketch = map.SketchColumns is { } columns
            ? new MapSketch(columns, map.DistanceDeviation, map.ComponentsOfSketch, map.Tree.Count, map.LeafInertiaShare) : null;
        return new MapSummary(FormatVersion, population.Title, cohort.Architecture.Name, request.View, request.Step, map.Rows, leftOut, map.Columns, request.Options.Seed, sketch,
            map.VarianceShares, clusters, Math.Max(0, 1 - (map.Inertia / map.TotalInertia)), map.Pairs.NeighboursOfEach, labelings,
            map.Pairs.Silhouettes.Length > labelings.Count ? MomentScores.Mean(map.Pairs.Silhouettes[^1], cohort.Groups, options) : null, cohort.Notes);
    }

    private static double[] NeighbourShares(PairResult pairs, int[] labels)
    {
        var shares = new double[labels.Length];
        for (int i = 0; i < shares.Length; i++)
        {
            int same = 0;
            foreach (int other in pairs.Neighbours.AsSpan(i * pairs.NeighboursOfEach, pairs.NeighboursOfEach))
                same += labels[other] == labels[i] ? 1 : 0;
            shares[i] = same / (double)Math.Max(1, pairs.NeighboursOfEach);
        }
        return shares;
    }

    /// <summary>Adjusted Rand index with the jackknife's interval over initial seeds, as the analysis has it.</summary>
    private static Estimate Rand(int[] labels, int[] clusters, int[] groups)
    {
        (double estimate, double[] without) = ClusterScores.AdjustedRandIndexWithout(labels, clusters, groups);
        if (without.Length < 2)
            return new Estimate(estimate, null, null);
        Interval interval = Intervals.Jackknife(estimate, without, Level);
        return new Estimate(estimate, interval.Low, interval.High);
    }
}
