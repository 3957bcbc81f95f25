namespace WeightSpace.Analysis.Clustering;

/// <summary>How well two clusterings agree, and how well one separates its rows. Labels are any integers.</summary>
public static class ClusterScores
{
    /// <summary>
    /// The Rand index over pairs of rows, less its expectation for random labels and scaled so that agreement scores 1 and
    /// chance 0 on average: Hubert and Arabie, "Comparing partitions", 1985, equation 5.
    /// </summary>
    public static double AdjustedRandIndex(int[] a, int[] b)
    {
        Contingency table = Contingency.Count(a, b);
        return AdjustedRandIndex(table.Cells.Values.Sum(Pairs), table.SizesA.Sum(Pairs), table.SizesB.Sum(Pairs), a.Length);
    }

    /// <summary>
    /// The same, and what it is without each group of rows, groups in the order in which they appear: for a jackknife of many groups, whose cost then grows with the rows and not with
    /// their square.
    /// </summary>
    public static (double Index, double[] Without) AdjustedRandIndexWithout(int[] a, int[] b, int[] groups)
    {
        Contingency table = Contingency.Count(a, b);
        if (groups.Length != a.Length)
            throw new ArgumentException($"{groups.Length} groups of {a.Length} rows; expected one for each", nameof(groups));
        (int[] denseA, _) = Dense(a);
        (int[] denseB, _) = Dense(b);
        double same = table.Cells.Values.Sum(Pairs), inA = table.SizesA.Sum(Pairs), inB = table.SizesB.Sum(Pairs);
        int[][] members = Statistics.Intervals.Members(a.Length, groups);
        double[] without = [.. members.Select(group =>
        {
            // Each row that leaves a cell takes as many pairs with it as there are rows left in the cell.
            double sameLeft = same, leftInA = inA, leftInB = inB;
            foreach (int row in group)
            {
                (int i, int j) = (denseA[row], denseB[row]);
                sameLeft -= --table.Cells[(i, j)];
                leftInA -= --table.SizesA[i];
                leftInB -= --table.SizesB[j];
            }
            foreach (int row in group)
            {
                (int i, int j) = (denseA[row], denseB[row]);
                table.Cells[(i, j)]++;
                table.SizesA[i]++;
                table.SizesB[j]++;
            }
            return AdjustedRandIndex(sameLeft, leftInA, leftInB, a.Length - group.Length);
        })];
        return (AdjustedRandIndex(same, inA, inB, a.Length), without);
    }

    private static double AdjustedRandIndex(double same, double inA, double inB, int rows)
    {
        if (same == inA && same == inB)
            return 1; // one and the same partition, also where it has no pair or no other
        double expected = inA * inB / Pairs(rows);
        return (same - expected) / (((inA + inB) / 2) - expected);
    }

    /// <summary>
    /// The mutual information less its expectation for random labels of the same cluster sizes, over the mean of the two entropies
    /// less the same: Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", 2010, AMI_sum and
    /// equation 24a for the expectation. 1 for agreement, 0 on average for chance.
    /// </summary>
    public static double AdjustedMutualInformation(int[] a, int[] b)
    {
        Contingency table = Contingency.Count(a, b);
        if (table.SizesA.Length == table.SizesB.Length && (table.SizesA.Length == 1 || table.SizesA.Length == a.Length))
            return 1; // both have one cluster, or both one for each row
        double count = a.Length;
        double information = 0;
        foreach (((int i, int j), int cell) in table.Cells)
            information += cell / count * (Math.Log(cell) + Math.Log(count) - Math.Log(table.SizesA[i]) - Math.Log(table.SizesB[j]));
        double expected = ExpectedInformation(table.SizesA, table.SizesB, a.Length);
        double denominator = ((Entropy(table.SizesA, count) + Entropy(table.SizesB, count)) / 2) - expected;
        // Where the entropies leave no room above chance the quotient is 0/0; the bound keeps its sign, as in scikit-learn.
        denominator = denominator < 0 ? Math.Min(denominator, -2.220446049250313e-16) : Math.Max(denominator, 2.220446049250313e-16);
        return (information - expected) / denominator;
    }

    /// <summary>
    /// For each row (b - a) / max(a, b) with a its mean distance to the rest of its cluster and b the lowest mean distance to
    /// another cluster; 0 for a row alone in its cluster: Rousseeuw, "Silhouettes", 1987.
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than two clusters: there is no other to compare with.</exception>
    public static double[] SilhouetteSamples(DistanceMatrix distances, int[] labels)
    {
        ArgumentNullException.ThrowIfNull(distances);
        ArgumentNullException.ThrowIfNull(labels);
        if (labels.Length != distances.Count)
            throw new ArgumentException($"{labels.Length} labels of {distances.Count} rows; expected one for each", nameof(labels));
        (int[] dense, int clusters) = Dense(labels);
        if (clusters < 2)
            throw new ArgumentException("the labels name one cluster; a silhouette expects at least 2", nameof(labels));
        var sizes = new int[clusters];
        foreach (int label in dense)
            sizes[label]++;
        var silhouettes = new double[dense.Length];
        Parallel.For(0, dense.Length, i =>
        {
            var sums = new double[clusters];
            for (int j = 0; j < dense.Length; j++)
                sums[dense[j]] += distances[i, j];
            silhouettes[i] = Silhouette(sums, sizes, dense[i]);
        });
        return silhouettes;
    }

    /// <summary>A row's silhouette from the sums of its distances to the rows of each cluster, [clusters], their sizes, and its own cluster.</summary>
    internal static double Silhouette(ReadOnlySpan<double> sums, int[] sizes, int own)
    {
        if (sizes[own] == 1)
            return 0;
        double within = sums[own] / (sizes[own] - 1);
        double other = double.PositiveInfinity;
        for (int c = 0; c < sizes.Length; c++)
        {
            if (c != own)
                other = Math.Min(other, sums[c] / sizes[c]);
        }
        double larger = Math.Max(within, other);
        return larger > 0 ? (other - within) / larger : 0;
    }

    /// <summary>The mean of <see cref="SilhouetteSamples"/>.</summary>
    public static double Silhouette(DistanceMatrix distances, int[] labels) => SilhouetteSamples(distances, labels).Average();

    /// <summary>The labels as 0, 1, ... in the order in which they appear, and their number.</summary>
    internal static (int[] Labels, int Count) Dense(int[] labels)
    {
        var numbers = new Dictionary<int, int>();
        var dense = new int[labels.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            if (!numbers.TryGetValue(labels[i], out dense[i]))
                numbers.Add(labels[i], dense[i] = numbers.Count);
        }
        return (dense, numbers.Count);
    }

    private static double Pairs(int count) => count * (count - 1.0) / 2;

    private static double Entropy(int[] sizes, double count) => -sizes.Sum(size => size / count * (Math.Log(size) - Math.Log(count)));

    private static double ExpectedInformation(int[] sizesA, int[] sizesB, int count)
    {
        var logFactorial = new double[count + 1];
        for (int i = 2; i <= count; i++)
            logFactorial[i] = logFactorial[i - 1] + Math.Log(i);
        double expected = 0;
        foreach (int a in sizesA)
        {
            foreach (int b in sizesB)
            {
                double fixedPart = logFactorial[a] + logFactorial[b] + logFactorial[count - a]
                    + logFactorial[count - b] - logFactorial[count];
                for (int cell = Math.Max(1, a + b - count); cell <= Math.Min(a, b); cell++)
                {
                    double logProbability = fixedPart - logFactorial[cell] - logFactorial[a - cell] - logFactorial[b - cell]
                        - logFactorial[count - a - b + cell];
                    expected += cell / (double)count * (Math.Log(count) + Math.Log(cell) - Math.Log(a) - Math.Log(b))
                        * Math.Exp(logProbability);
                }
            }
        }
        return expected;
    }

    /// <summary>How many rows each pair of clusters shares, and the sizes of the clusters.</summary>
    private sealed record Contingency(Dictionary<(int A, int B), int> Cells, int[] SizesA, int[] SizesB)
    {
        public static Contingency Count(int[] a, int[] b)
        {
            ArgumentNullException.ThrowIfNull(a);
            ArgumentNullException.ThrowIfNull(b);
            if (a.Length != b.Length || a.Length == 0)
                throw new ArgumentException($"{a.Length} and {b.Length} labels; expected one number, at least 1", nameof(b));
            (int[] denseA, int clustersA) = Dense(a);
            (int[] denseB, int clustersB) = Dense(b);
            var table = new Contingency([], new int[clustersA], new int[clustersB]);
            for (int i = 0; i < a.Length; i++)
            {
                table.SizesA[denseA[i]]++;
                table.SizesB[denseB[i]]++;
                table.Cells[(denseA[i], denseB[i])] = table.Cells.GetValueOrDefault((denseA[i], denseB[i])) + 1;
            }
            return table;
        }
    }
}
