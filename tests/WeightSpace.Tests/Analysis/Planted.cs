using WeightSpace.Analysis;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis;

/// <summary>Populations whose structure is known because it was put there.</summary>
internal static class Planted
{
    /// <summary>
    /// Normal rows around cluster centres, themselves normal and <paramref name="separation"/> times as far out; row i is of
    /// cluster i mod clusters.
    /// </summary>
    public static (FeatureMatrix X, int[] Labels) Clusters(int rows, int columns, int clusters, double separation, ulong seed)
    {
        var random = new RandomStream(seed, RandomPurpose.Testing);
        var centres = new float[clusters, columns];
        for (int cluster = 0; cluster < clusters; cluster++)
        {
            for (int c = 0; c < columns; c++)
                centres[cluster, c] = (float)separation * random.NextNormal();
        }
        var values = new float[rows * columns];
        var labels = new int[rows];
        for (int row = 0; row < rows; row++)
        {
            labels[row] = row % clusters;
            for (int c = 0; c < columns; c++)
                values[(row * columns) + c] = centres[labels[row], c] + random.NextNormal();
        }
        return (new FeatureMatrix("planted", rows, columns, values), labels);
    }

    /// <summary>Normal rows without structure.</summary>
    public static FeatureMatrix Noise(int rows, int columns, ulong seed) => Clusters(rows, columns, 1, 0, seed).X;

    /// <summary>Random labels below a bound.</summary>
    public static int[] Labels(int rows, int classes, ulong seed)
    {
        var random = new RandomStream(seed, RandomPurpose.Testing, 1);
        var labels = new int[rows];
        for (int row = 0; row < rows; row++)
            labels[row] = random.NextBelow(classes);
        return labels;
    }

    /// <summary>A random order of 0 to count - 1.</summary>
    public static int[] Order(int count, ulong seed)
    {
        var order = new int[count];
        var random = new RandomStream(seed, RandomPurpose.Testing, 2);
        random.Permute(order);
        return order;
    }

    /// <summary>0 to count - 1: every row a group of its own.</summary>
    public static int[] Singletons(int count) => [.. Enumerable.Range(0, count)];
}
