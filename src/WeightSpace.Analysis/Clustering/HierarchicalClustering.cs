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
/// agglomerative clustering algorithms", 2011, figure 3).
/// </summary>
public static class HierarchicalClustering
{
    /// <summary>The dendrogram of the rows under a linkage.</summary>
    public static Dendrogram Fit(DistanceMatrix d, Linkage linkage)
    {
        ArgumentNullException.ThrowIfNull(d);
        if (!Enum.IsDefined(linkage))
            throw new ArgumentException($"linkage {linkage}; expected Ward or Average", nameof(linkage));
        int count = d.Count;
        double[] distances = d.ToCondensed();
        var sizes = new int[count]; // 0 for a cluster that has gone into another
        Array.Fill(sizes, 1);
        var merges = new List<(int X, int Y, double Height)>(count - 1);
        var chain = new int[count];
        int length = 0;
        while (merges.Count < count - 1)
        {
            if (length == 0)
                chain[length++] = Array.FindIndex(sizes, size => size > 0);
            int x, y;
            double nearest;
            while (true)
            {
                x = chain[length - 1];
                // The one before comes first, so that a chain cannot circle among equal distances.
                y = length > 1 ? chain[length - 2] : -1;
                nearest = length > 1 ? distances[DistanceMatrix.Index(count, x, y)] : double.PositiveInfinity;
                for (int i = 0; i < count; i++)
                {
                    if (sizes[i] == 0 || i == x)
                        continue;
                    double distance = distances[DistanceMatrix.Index(count, x, i)];
                    if (distance < nearest)
                        (nearest, y) = (distance, i);
                }
                if (length > 1 && y == chain[length - 2])
                    break;
                chain[length++] = y;
            }
            length -= 2;
            if (x > y)
                (x, y) = (y, x);
            merges.Add((x, y, nearest));
            Join(distances, sizes, x, y, nearest, linkage);
        }
        return new Dendrogram(count, Number(count, [.. merges.OrderBy(merge => merge.Height)]));
    }

    /// <summary>Puts cluster x into y and updates y's distances.</summary>
    private static void Join(double[] distances, int[] sizes, int x, int y, double height, Linkage linkage)
    {
        int count = sizes.Length;
        double sizeX = sizes[x], sizeY = sizes[y];
        sizes[x] = 0;
        sizes[y] = (int)(sizeX + sizeY);
        for (int i = 0; i < count; i++)
        {
            double size = sizes[i];
            if (size == 0 || i == y)
                continue;
            double fromX = distances[DistanceMatrix.Index(count, i, x)];
            ref double fromY = ref distances[DistanceMatrix.Index(count, i, y)];
            fromY = linkage == Linkage.Ward
                ? Math.Sqrt(Math.Max(0,
                    (((size + sizeX) * fromX * fromX) + ((size + sizeY) * fromY * fromY) - (size * height * height))
                        / (size + sizeX + sizeY)))
                : ((sizeX * fromX) + (sizeY * fromY)) / (sizeX + sizeY);
        }
    }

    /// <summary>Turns merges of clusters, each called by one of its rows, into merges of numbered nodes.</summary>
    private static Merge[] Number(int count, (int X, int Y, double Height)[] sorted)
    {
        var parent = new int[(2 * count) - 1];
        var sizes = new int[(2 * count) - 1];
        for (int node = 0; node < parent.Length; node++)
            (parent[node], sizes[node]) = (node, 1);
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
