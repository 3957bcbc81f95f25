using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Clustering;

/// <summary>The Euclidean distances of rows from each other, kept once for each pair (i, j), i &lt; j.</summary>
public sealed class DistanceMatrix
{
    private readonly double[] _condensed; // row by row: (0, 1), (0, 2), ..., (1, 2), ...

    private DistanceMatrix(int count, double[] condensed)
    {
        Count = count;
        _condensed = condensed;
    }

    /// <summary>The number of rows.</summary>
    public int Count { get; }

    /// <summary>The distance of rows i and j; 0 for i = j.</summary>
    public double this[int i, int j]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)i, (uint)Count, nameof(i));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)j, (uint)Count, nameof(j));
            return i == j ? 0 : _condensed[Index(Count, i, j)];
        }
    }

    /// <summary>
    /// Distances from inner products. Their error is about 1e-3 of the norms for rows nearly equal, so centre them first.
    /// </summary>
    public static DistanceMatrix FromGram(GramMatrix gram)
    {
        ArgumentNullException.ThrowIfNull(gram);
        return Compute(gram.Count, (i, j) => Math.Sqrt(gram.SquaredDistance(i, j)));
    }

    /// <summary>Distances from the differences of the rows, relative error about 1e-7 however close they are.</summary>
    public static DistanceMatrix FromRows(FeatureMatrix rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        rows.RequireFinite();
        return Compute(rows.Rows, (i, j) => Math.Sqrt(DenseVectors.SquaredDistance(rows.Row(i), rows.Row(j))));
    }

    /// <summary>Distances in the order (0, 1), (0, 2), ..., (1, 2), ..., as scipy's pdist has them.</summary>
    public static DistanceMatrix FromCondensed(int count, ReadOnlySpan<double> distances)
    {
        if (count < 1 || PairCount(count) != distances.Length)
            throw new ArgumentException($"{distances.Length} distances of {count} rows; expected count (count - 1) / 2", nameof(distances));
        foreach (double distance in distances)
        {
            if (!(distance >= 0) || double.IsPositiveInfinity(distance))
                throw new ArgumentException($"a distance of {distance}; expected finite values of at least 0", nameof(distances));
        }
        return new DistanceMatrix(count, distances.ToArray());
    }

    /// <summary>The distances among some of the rows, in the order given.</summary>
    public DistanceMatrix Select(int[] rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return Compute(rows.Length, (i, j) => this[rows[i], rows[j]]);
    }

    /// <summary>A copy of the distances in condensed order.</summary>
    internal double[] ToCondensed() => [.. _condensed];

    /// <summary>Where the condensed order has the pair (i, j), i != j.</summary>
    internal static int Index(int count, int i, int j)
    {
        (int low, int high) = i < j ? (i, j) : (j, i);
        return (int)(((long)low * ((2 * count) - low - 1) / 2) + high - low - 1);
    }

    private static long PairCount(int count) => (long)count * (count - 1) / 2;

    private static DistanceMatrix Compute(int count, Func<int, int, double> distance)
    {
        if (count < 1 || PairCount(count) > Array.MaxLength)
            throw new ArgumentException($"distances of {count} rows; expected 1 to 65536", nameof(count));
        var condensed = new double[PairCount(count)];
        Parallel.For(0, count - 1, i =>
        {
            int start = Index(count, i, i + 1) - (i + 1);
            for (int j = i + 1; j < count; j++)
                condensed[start + j] = distance(i, j);
        });
        return new DistanceMatrix(count, condensed);
    }
}
