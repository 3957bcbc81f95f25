using WeightSpace.Analysis;
using WeightSpace.Analysis.Clustering;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis;

public sealed class ClusteringTests
{
    [Fact]
    public void Distances_from_products_and_from_rows_agree()
    {
        foreach ((int rows, int columns) in new[] { (1, 5), (2, 1), (20, 17), (70, 600) })
        {
            FeatureMatrix x = Planted.Noise(rows, columns, 4);
            DistanceMatrix gram = DistanceMatrix.FromGram(GramMatrix.Compute(x.Values, rows, columns, centre: true));
            DistanceMatrix direct = DistanceMatrix.FromRows(x);
            for (int i = 0; i < rows; i++)
            {
                Assert.Equal(0, direct[i, i]);
                for (int j = 0; j < rows; j++)
                {
                    Assert.Equal(direct[j, i], direct[i, j]);
                    Assert.Equal(direct[i, j], gram[i, j], 1e-3 + (1e-4 * direct[i, j]));
                }
            }
        }
        Assert.Throws<ArgumentException>(() => DistanceMatrix.FromCondensed(4, [1, 2, 3]));
    }

    [Fact]
    public void K_means_finds_planted_clusters()
    {
        for (ulong seed = 0; seed < 5; seed++)
        {
            (FeatureMatrix x, int[] labels) = Planted.Clusters(120, 300, 6, 1, seed);
            KMeansResult result = KMeans.Fit(GramMatrix.Compute(x.Values, 120, 300, centre: true), 6, 10, seed);
            Assert.Equal(labels, result.Labels); // row i is of cluster i mod 6, so first appearances are 0..5 in order
            Assert.Equal(Inertia(x, labels, 6), result.Inertia, 1e-4 * result.Inertia);
        }
    }

    [Fact]
    public void K_means_leaves_no_row_that_another_cluster_would_take_at_lower_inertia()
    {
        for (ulong seed = 0; seed < 8; seed++)
        {
            FeatureMatrix x = Planted.Noise(40, 12, seed);
            KMeansResult result = KMeans.Fit(GramMatrix.Compute(x.Values, 40, 12, centre: true), 5, 2, seed);
            Assert.Equal(5, result.Labels.Distinct().Count());
            Assert.Equal(Inertia(x, result.Labels, 5), result.Inertia, 1e-4 * result.Inertia);
            for (int row = 0; row < 40; row++)
            {
                for (int cluster = 0; cluster < 5; cluster++)
                {
                    int[] changed = [.. result.Labels];
                    changed[row] = cluster;
                    Assert.True(Inertia(x, changed, 5) >= result.Inertia * (1 - 1e-5), $"seed {seed}: row {row} belongs in {cluster}");
                }
            }
        }
    }

    [Fact]
    public void K_means_fills_every_cluster_whatever_the_rows()
    {
        float[] equal = [.. Enumerable.Repeat(2f, 9 * 3)];
        KMeansResult result = KMeans.Fit(GramMatrix.Compute(equal, 9, 3, centre: true), 4, 3, 1);
        Assert.Equal(4, result.Labels.Distinct().Count());
        Assert.Equal(0, result.Inertia, 1e-9);

        FeatureMatrix x = Planted.Noise(7, 5, 1);
        var gram = GramMatrix.Compute(x.Values, 7, 5, centre: true);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], KMeans.Fit(gram, 7, 1, 0).Labels);
        Assert.Equal(gram.Trace, KMeans.Fit(gram, 1, 1, 0).Inertia, 1e-4);
        Assert.Throws<ArgumentException>(() => KMeans.Fit(gram, 8, 1, 0));
        Assert.Throws<ArgumentException>(() => KMeans.Fit(gram, 2, 0, 0));
    }

    [Fact]
    public void K_means_repeats()
    {
        FeatureMatrix x = Planted.Noise(80, 40, 3);
        var gram = GramMatrix.Compute(x.Values, 80, 40, centre: true);
        KMeansResult first = KMeans.Fit(gram, 7, 6, 5), second = KMeans.Fit(gram, 7, 6, 5);
        Assert.Equal(first.Labels, second.Labels);
        Assert.Equal(first.Inertia, second.Inertia);
    }

    [Theory]
    [InlineData(Linkage.Ward)]
    [InlineData(Linkage.Average)]
    public void Dendrograms_agree_with_merging_the_nearest_pair(Linkage linkage)
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            FeatureMatrix x = Planted.Noise(15, 4, seed);
            Dendrogram dendrogram = HierarchicalClustering.Fit(DistanceMatrix.FromRows(x), linkage);
            List<(double Height, int Size)> expected = NearestPairMerges(x, linkage);
            for (int m = 0; m < 14; m++)
            {
                Assert.Equal(expected[m].Height, dendrogram.Merges[m].Height, 1e-5);
                Assert.Equal(expected[m].Size, dendrogram.Merges[m].Size);
            }
        }
    }

    [Theory]
    [InlineData(Linkage.Ward)]
    [InlineData(Linkage.Average)]
    public void Dendrograms_find_planted_clusters_in_any_order(Linkage linkage)
    {
        (FeatureMatrix x, int[] labels) = Planted.Clusters(60, 100, 4, 1, 9);
        for (ulong seed = 0; seed < 5; seed++)
        {
            int[] order = Planted.Order(60, seed);
            int[] cut = HierarchicalClustering.Fit(DistanceMatrix.FromRows(x.SelectRows(order)), linkage).Cut(4);
            Assert.Equal(1, ClusterScores.AdjustedRandIndex([.. order.Select(row => labels[row])], cut));
        }
    }

    [Fact]
    public void Dendrograms_of_ties_and_of_few_rows()
    {
        Assert.Empty(HierarchicalClustering.Fit(DistanceMatrix.FromCondensed(1, []), Linkage.Ward).Merges);
        Assert.Equal([0], new Dendrogram(1, []).Cut(1));
        Dendrogram pair = HierarchicalClustering.Fit(DistanceMatrix.FromCondensed(2, [3]), Linkage.Average);
        Assert.Equal([new Merge(0, 1, 3, 2)], pair.Merges);

        double[] ones = [.. Enumerable.Repeat(1.0, 15)];
        Dendrogram ties = HierarchicalClustering.Fit(DistanceMatrix.FromCondensed(6, ones), Linkage.Average);
        Assert.All(ties.Merges, merge => Assert.Equal(1, merge.Height, 1e-12));
        for (int clusters = 1; clusters <= 6; clusters++)
            Assert.Equal(clusters, ties.Cut(clusters).Distinct().Count());
        Assert.Throws<ArgumentException>(() => ties.Cut(7));
    }

    [Fact]
    public void Scores_of_agreement_ignore_names_and_are_symmetric()
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            int[] a = Planted.Labels(50, 4, seed), b = Planted.Labels(50, 3, seed + 100);
            int[] renamed = [.. a.Select(label => 7 - (2 * label))];
            foreach (Func<int[], int[], double> score in new[] { ClusterScores.AdjustedRandIndex, ClusterScores.AdjustedMutualInformation })
            {
                Assert.Equal(1, score(a, renamed), 1e-12);
                Assert.Equal(score(a, b), score(b, a), 1e-12);
                Assert.Equal(score(a, b), score(renamed, b), 1e-12);
                Assert.InRange(score(a, b), -0.2, 0.3);
            }
        }
    }

    [Fact]
    public void Random_labels_score_zero_on_average()
    {
        double rand = 0, information = 0;
        for (ulong seed = 0; seed < 400; seed++)
        {
            int[] a = Planted.Labels(60, 5, seed), b = Planted.Labels(60, 3, seed + 1000);
            rand += ClusterScores.AdjustedRandIndex(a, b) / 400;
            information += ClusterScores.AdjustedMutualInformation(a, b) / 400;
        }
        Assert.Equal(0, rand, 0.005);
        Assert.Equal(0, information, 0.005);
    }

    [Fact]
    public void Rand_index_counts_pairs()
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            int[] a = Planted.Labels(25, 4, seed), b = Planted.Labels(25, 3, seed + 50);
            double both = 0, inA = 0, inB = 0;
            for (int i = 0; i < 25; i++)
            {
                for (int j = 0; j < i; j++)
                {
                    both += a[i] == a[j] && b[i] == b[j] ? 1 : 0;
                    inA += a[i] == a[j] ? 1 : 0;
                    inB += b[i] == b[j] ? 1 : 0;
                }
            }
            double expected = inA * inB / 300;
            Assert.Equal((both - expected) / (((inA + inB) / 2) - expected), ClusterScores.AdjustedRandIndex(a, b), 1e-12);
        }
    }

    [Fact]
    public void Rand_index_without_each_group_is_that_of_the_rest()
    {
        for (ulong seed = 0; seed < 5; seed++)
        {
            int[] a = Planted.Labels(40, 4, seed), b = Planted.Labels(40, 3, seed + 50), groups = Planted.Labels(40, 9, seed + 90);
            (double index, double[] without) = ClusterScores.AdjustedRandIndexWithout(a, b, groups);
            Assert.Equal(ClusterScores.AdjustedRandIndex(a, b), index);
            int[] distinct = [.. groups.Distinct()];
            Assert.Equal(distinct.Length, without.Length);
            for (int g = 0; g < distinct.Length; g++)
            {
                int[] kept = [.. Enumerable.Range(0, 40).Where(row => groups[row] != distinct[g])];
                Assert.Equal(ClusterScores.AdjustedRandIndex([.. kept.Select(row => a[row])], [.. kept.Select(row => b[row])]), without[g], 1e-12);
            }
        }
    }

    [Fact]
    public void Ward_trees_of_many_merges_agree_with_merging_the_nearest_pair()
    {
        // Enough rows that what is alive moves to the front several times, and columns are written in blocks of sixteen.
        FeatureMatrix x = Planted.Noise(90, 6, 5);
        var gram = GramMatrix.Compute(x.Values, 90, 6, centre: true);
        using FloatRows centred = FloatRows.Copy(x.Values, 90, 6, centre: true);
        Dendrogram tree = HierarchicalClustering.Ward(gram);
        Assert.Equal(tree.Merges, HierarchicalClustering.WardInPlace(GramMatrix.Compute(centred, HierarchicalClustering.RoomInPlace(90), TestContext.Current.CancellationToken)).Merges);
        List<(double Height, int Size)> expected = NearestPairMerges(x, Linkage.Ward);
        for (int m = 0; m < 89; m++)
        {
            Assert.Equal(expected[m].Height, tree.Merges[m].Height, 1e-5 * expected[m].Height);
            Assert.Equal(expected[m].Size, tree.Merges[m].Size);
        }
    }

    [Fact]
    public void A_tree_of_means_with_sizes_goes_on_where_their_rows_were_merged()
    {
        (FeatureMatrix x, _) = Planted.Clusters(60, 40, 12, 3, 2);
        Dendrogram whole = HierarchicalClustering.Ward(GramMatrix.Compute(x.Values, 60, 40, centre: true));
        int[] leaves = whole.Cut(12);
        using FloatRows rows = FloatRows.Copy(x.Values, 60, 40, centre: true), means = CentroidKMeans.MeansOf(rows, leaves, 12, out int[] sizes);
        Dendrogram upper = HierarchicalClustering.Ward(GramMatrix.Compute(means, cancellation: TestContext.Current.CancellationToken), sizes);
        for (int m = 0; m < 11; m++)
        {
            Assert.Equal(whole.Merges[48 + m].Height, upper.Merges[m].Height, 1e-4 * whole.Merges[48 + m].Height);
            Assert.Equal(whole.Merges[48 + m].Size, upper.Merges[m].Size);
        }
        Assert.Throws<ArgumentException>(() => HierarchicalClustering.Ward(GramMatrix.Compute(means, cancellation: TestContext.Current.CancellationToken), [1, 2]));
    }

    [Fact]
    public void Silhouettes_by_hand()
    {
        // Rows at 0, 1 and 10, 12 on a line, and one alone at 30.
        double[] at = [0, 1, 10, 12, 30];
        var condensed = new List<double>();
        for (int i = 0; i < 5; i++)
        {
            for (int j = i + 1; j < 5; j++)
                condensed.Add(Math.Abs(at[i] - at[j]));
        }
        DistanceMatrix distances = DistanceMatrix.FromCondensed(5, [.. condensed]);
        double[] silhouettes = ClusterScores.SilhouetteSamples(distances, [4, 4, 2, 2, 9]);
        double[] expected = [(11 - 1) / 11.0, (10 - 1) / 10.0, (9.5 - 2) / 9.5, (11.5 - 2) / 11.5, 0];
        for (int i = 0; i < 5; i++)
            Assert.Equal(expected[i], silhouettes[i], 1e-12);
        Assert.Equal(expected.Average(), ClusterScores.Silhouette(distances, [4, 4, 2, 2, 9]), 1e-12);
        Assert.Throws<ArgumentException>(() => ClusterScores.Silhouette(distances, [1, 1, 1, 1, 1]));
        Assert.Throws<ArgumentException>(() => ClusterScores.Silhouette(distances, [1, 2]));
    }

    [Fact]
    public void Silhouettes_are_high_for_planted_clusters_and_low_for_noise()
    {
        (FeatureMatrix x, int[] labels) = Planted.Clusters(60, 50, 3, 3, 2);
        Assert.InRange(ClusterScores.Silhouette(DistanceMatrix.FromRows(x), labels), 0.5, 1);
        Assert.InRange(ClusterScores.Silhouette(DistanceMatrix.FromRows(Planted.Noise(60, 50, 2)), labels), -0.1, 0.1);
    }

    private static double Inertia(FeatureMatrix x, int[] labels, int clusters)
    {
        double inertia = 0;
        for (int cluster = 0; cluster < clusters; cluster++)
        {
            int[] rows = [.. Enumerable.Range(0, x.Rows).Where(row => labels[row] == cluster)];
            for (int c = 0; c < x.Columns && rows.Length > 0; c++)
            {
                double mean = rows.Average(row => (double)x.Row(row)[c]);
                inertia += rows.Sum(row => (x.Row(row)[c] - mean) * (x.Row(row)[c] - mean));
            }
        }
        return inertia;
    }

    /// <summary>The plain algorithm: measure every pair of clusters from their rows, merge the nearest, O(n^3).</summary>
    private static List<(double Height, int Size)> NearestPairMerges(FeatureMatrix x, Linkage linkage)
    {
        List<int[]> clusters = [.. Enumerable.Range(0, x.Rows).Select(row => new[] { row })];
        var merges = new List<(double, int)>();
        while (clusters.Count > 1)
        {
            (double nearest, int first, int second) = (double.PositiveInfinity, 0, 0);
            for (int i = 0; i < clusters.Count; i++)
            {
                for (int j = i + 1; j < clusters.Count; j++)
                {
                    double height = linkage == Linkage.Ward
                        ? WardHeight(x, clusters[i], clusters[j]) : MeanDistance(x, clusters[i], clusters[j]);
                    if (height < nearest)
                        (nearest, first, second) = (height, i, j);
                }
            }
            clusters[first] = [.. clusters[first], .. clusters[second]];
            clusters.RemoveAt(second);
            merges.Add((nearest, clusters[first].Length));
        }
        return merges;
    }

    private static double MeanDistance(FeatureMatrix x, int[] a, int[] b) => a.Average(i => b.Average(j =>
        Math.Sqrt(Enumerable.Range(0, x.Columns).Sum(c => Math.Pow((double)x.Row(i)[c] - x.Row(j)[c], 2)))));

    /// <summary>sqrt(2 |a| |b| / (|a| + |b|)) times the distance of the means: the root of twice the growth of the inertia.</summary>
    private static double WardHeight(FeatureMatrix x, int[] a, int[] b)
    {
        double squared = Enumerable.Range(0, x.Columns)
            .Sum(c => Math.Pow(a.Average(row => (double)x.Row(row)[c]) - b.Average(row => (double)x.Row(row)[c]), 2));
        return Math.Sqrt(2.0 * a.Length * b.Length / (a.Length + b.Length) * squared);
    }
}
