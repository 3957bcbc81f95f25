using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Clustering;

/// <summary>How far two clusters are from each other.</summary>
public enum Linkage
{
    /// <summary>By the growth of the inertia when they merge; heights as scipy's "ward".</summary>
    Ward,
    /// <summary>The mean distance of their pairs of rows (UPGMA).</summary>
    Average,
}

/// <summary>
/// One merge of two nodes. Nodes 0 to n - 1 are the rows, node n + m is what merge m made, as in scipy.cluster.hierarchy.linkage.
/// </summary>
/// <param name="First">The lower of the two nodes.</param>
/// <param name="Second">The higher.</param>
/// <param name="Height">Their distance.</param>
/// <param name="Size">The number of rows in the node they make.</param>
public sealed record Merge(int First, int Second, double Height, int Size);

/// <summary>A tree of Count rows: Count - 1 merges in the order of their heights.</summary>
public sealed record Dendrogram(int Count, Merge[] Merges)
{
    /// <summary>
    /// The rows in the given number of clusters: what the first Count - clusters merges made, numbered by first appearance.
    /// </summary>
    public int[] Cut(int clusters)
    {
        if (clusters < 1 || clusters > Count)
            throw new ArgumentException($"{clusters} clusters of {Count} rows; expected 1 to {Count}", nameof(clusters));
        var parent = new int[Count + Merges.Length];
        for (int node = 0; node < parent.Length; node++)
            parent[node] = node;
        for (int m = 0; m < Count - clusters; m++)
            parent[Merges[m].First] = parent[Merges[m].Second] = Count + m;
        for (int node = parent.Length - 1; node >= 0; node--)
            parent[node] = parent[parent[node]]; // a parent has the higher number, so it already points at its root
        return ClusterScores.Dense(parent[..Count]).Labels;
    }
}

/// <summary>
/// Agglomerative clustering by nearest-neighbour chains (Murtagh, "A survey of recent advances in hierarchical clustering
/// algorithms", 1983) with the update of Lance and Williams, "A general theory of classificatory sorting strategies", 1967;
/// in O(n^2). Ties are broken, merges sorted and nodes numbered as Müllner's algorithm in scipy does ("Modern hierarchical,
/// agglomerative clustering algorithms", 2011, figure 3). Distances are floats, squared for Ward: heights are within 1e-5 of those in double.
/// </summary>
public static class HierarchicalClustering
{
    /// <summary>The most rows that it takes: the distances of the clusters stand in one array.</summary>
    public const int MostRows = 40_000;

    /// <summary>The dendrogram of the rows under a linkage.</summary>
    public static Dendrogram Fit(DistanceMatrix d, Linkage linkage)
    {
        ArgumentNullException.ThrowIfNull(d);
        if (!Enum.IsDefined(linkage))
            throw new ArgumentException($"linkage {linkage}; expected Ward or Average", nameof(linkage));
        return Fit(d.Count, linkage, null, (i, row) =>
        {
            for (int j = 0; j < row.Length; j++)
                row[j] = (float)(linkage == Linkage.Ward ? d[i, j] * d[i, j] : d[i, j]);
        });
    }

    /// <summary>Ward's dendrogram of the rows of a Gram matrix.</summary>
    /// <param name="sizes">Where each row stands for several, all in one place: how many; null: one each. [Count]</param>
    public static Dendrogram Ward(GramMatrix gram, int[]? sizes = null)
    {
        ArgumentNullException.ThrowIfNull(gram);
        if (sizes is not null && (sizes.Length != gram.Count || sizes.Any(size => size < 1)))
            throw new ArgumentException($"{sizes.Length} sizes of {gram.Count} rows; expected one for each, at least 1", nameof(sizes));
        double[] norms = gram.SquaredNorms();
        return Fit(gram.Count, Linkage.Ward, sizes, (i, row) =>
        {
            DenseVectors.SquaredDistances(norms[i], norms, gram.Row(i), row);
            for (int j = 0; j < row.Length && sizes is not null; j++)
                row[j] = (float)(row[j] * (2.0 * sizes[i] * sizes[j] / (sizes[i] + sizes[j]))); // Ward's distance of two means, squared
        });
    }

    /// <summary>Room that a Gram matrix of so many rows needs for <see cref="WardInPlace"/>.</summary>
    public static int RoomInPlace(int count) => ClusterDistances.Slots(count);

    /// <summary>Ward's dendrogram of the rows of a Gram matrix with <see cref="RoomInPlace"/>, whose memory it takes: the matrix is empty then.</summary>
    public static Dendrogram WardInPlace(GramMatrix gram)
    {
        ArgumentNullException.ThrowIfNull(gram);
        double[] norms = gram.SquaredNorms();
        (float[] values, int stride) = gram.Release();
        if (stride != RoomInPlace(gram.Count))
            throw new ArgumentException($"a Gram matrix with room for {stride} rows; expected {RoomInPlace(gram.Count)}", nameof(gram));
        return Fit(new ClusterDistances(gram.Count, Linkage.Ward, null, (i, row) => DenseVectors.SquaredDistances(norms[i], norms, row, row), values), gram.Count, null);
    }

    private static Dendrogram Fit(int count, Linkage linkage, int[]? sizes, FillRow fill)
    {
        if (count > MostRows)
            throw new ArgumentException($"a dendrogram of {count} rows; expected at most {MostRows}", nameof(count));
        return Fit(new ClusterDistances(count, linkage, sizes, fill), count, sizes);
    }

    private static Dendrogram Fit(ClusterDistances clusters, int count, int[]? sizes)
    {
        var merges = new List<(int X, int Y, double Height)>(count - 1);
        var chain = new int[count + 1]; // slots of clusters
        int length = 0;
        while (merges.Count < count - 1)
        {
            if (length == 0)
                chain[length++] = clusters.First();
            while (true)
            {
                // The one before comes first, so that a chain cannot circle among equal distances.
                int previous = length > 1 ? chain[length - 2] : -1;
                int nearest = clusters.Nearest(chain[length - 1], previous);
                if (nearest == previous)
                    break;
                chain[length++] = nearest;
            }
            length -= 2;
            merges.Add(clusters.Join(chain[length], chain[length + 1], chain.AsSpan(0, length)));
        }
        return new Dendrogram(count, Number(count, [.. merges.OrderBy(merge => merge.Height)], sizes));
    }

    /// <summary>Turns merges of clusters, each called by one of its rows, into merges of numbered nodes.</summary>
    private static Merge[] Number(int count, (int X, int Y, double Height)[] sorted, int[]? rowSizes)
    {
        var parent = new int[(2 * count) - 1];
        var sizes = new int[(2 * count) - 1];
        for (int node = 0; node < parent.Length; node++)
            (parent[node], sizes[node]) = (node, rowSizes is null || node >= count ? 1 : rowSizes[node]);
        var merges = new Merge[sorted.Length];
        for (int m = 0; m < sorted.Length; m++)
        {
            int first = Root(parent, sorted[m].X), second = Root(parent, sorted[m].Y);
            parent[first] = parent[second] = count + m;
            sizes[count + m] = sizes[first] + sizes[second];
            merges[m] = new Merge(Math.Min(first, second), Math.Max(first, second), sorted[m].Height, sizes[count + m]);
        }
        return merges;
    }

    private static int Root(int[] parent, int node)
    {
        while (parent[node] != node)
            node = parent[node] = parent[parent[node]]; // halves the path, so later calls are short
        return node;
    }
}
