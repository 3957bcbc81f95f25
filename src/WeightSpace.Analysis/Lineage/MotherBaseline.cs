using WeightSpace.Analysis.Clustering;
using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Lineage;

/// <summary>
/// MoTHer: Horwitz, Shul and Hoshen, "On the Origin of Llamas: Model Tree Heritage Recovery", ICLR 2025, arXiv 2405.18432, in its form for full fine-tuning, as its authors' program has it.
/// </summary>
/// <remarks>
/// <para>Trees: Ward's linkage of the mean absolute differences, summed over matrices, cut into the number of trees, which is told.</para>
/// <para>In each tree, the arborescence of least cost d(i, j) + lambda mean(d) [the kurtosis of j is greater than that of i], with lambda = 0.3. d is the greatest, over matrices, of the greatest difference w_i - w_j, i before j,
/// brought to 0..1 by the least and the greatest difference of that matrix in the tree. Kurtosis falls in fine-tuning by this rule; the authors reverse it for trees whose root is still in pre-training.</para>
/// <para>One departure: the program takes square matrices only, which is what a transformer has; here all matrices and kernels are taken, and kurtosis is summed over them, for these networks have no square ones.</para>
/// </remarks>
public static class MotherBaseline
{
    /// <summary>Lambda, of the authors' program.</summary>
    public const double Direction = 0.3;

    /// <param name="models">[model][parameter]</param>
    /// <param name="trees">How many trees there are.</param>
    /// <param name="reverse">Whether kurtosis grows from parent to child.</param>
    public static LineageAnswer Find(float[][] models, IReadOnlyList<PackedTensor> tensors, int trees, bool reverse, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(tensors);
        PackedTensor[] matrices = [.. tensors.Where(tensor => tensor.Shape.Count >= 2)];
        if (matrices.Length == 0)
            matrices = [.. tensors];
        int[] tree = Trees(models, matrices, trees, stop);
        var answer = LineageAnswer.Empty(models.Length, tree);
        foreach (int[] members in Enumerable.Range(0, models.Length).GroupBy(i => tree[i]).Select(members => members.ToArray()))
        {
            stop.ThrowIfCancellationRequested();
            int[] parents = Arborescence.Minimise(Costs([.. members.Select(i => models[i])], matrices, reverse));
            for (int i = 0; i < members.Length; i++)
                answer.Parent[members[i]] = parents[i] < 0 ? -1 : members[parents[i]];
        }
        return answer;
    }

    /// <summary>The number of each model's tree.</summary>
    internal static int[] Trees(float[][] models, IReadOnlyList<PackedTensor> matrices, int trees, CancellationToken stop)
    {
        int n = models.Length;
        if (n < 2)
            return new int[n];
        double[] condensed = new double[n * (n - 1) / 2];
        Parallel.For(0, n, new ParallelOptions { CancellationToken = stop }, i =>
        {
            for (int j = i + 1; j < n; j++)
            {
                double sum = 0;
                foreach (PackedTensor matrix in matrices)
                {
                    ReadOnlySpan<float> a = Of(matrix, models[i]), b = Of(matrix, models[j]);
                    double absolute = 0;
                    for (int k = 0; k < a.Length; k++)
                        absolute += Math.Abs(a[k] - b[k]);
                    sum += absolute / Math.Max(1, a.Length);
                }
                condensed[((long)i * ((2 * n) - i - 1) / 2) + j - i - 1] = sum;
            }
        });
        return HierarchicalClustering.Fit(DistanceMatrix.FromCondensed(n, condensed), Linkage.Ward).Cut(Math.Clamp(trees, 1, n));
    }

    /// <summary>The cost of each edge of one tree, [parent, child].</summary>
    internal static double[,] Costs(float[][] models, IReadOnlyList<PackedTensor> matrices, bool reverse)
    {
        int n = models.Length;
        var distances = new double[n, n];
        double[] kurtosis = new double[n];
        foreach (PackedTensor matrix in matrices)
        {
            var greatest = new double[n, n];
            double low = double.PositiveInfinity, high = double.NegativeInfinity;
            for (int i = 0; i < n; i++)
            {
                ReadOnlySpan<float> a = Of(matrix, models[i]);
                kurtosis[i] += CentralMoments.Of(a).Kurtosis - 3 ?? 0;
                for (int j = i + 1; j < n; j++)
                {
                    ReadOnlySpan<float> b = Of(matrix, models[j]);
                    float least = float.PositiveInfinity, most = float.NegativeInfinity;
                    for (int k = 0; k < a.Length; k++)
                    {
                        float difference = a[k] - b[k];
                        least = Math.Min(least, difference);
                        most = Math.Max(most, difference);
                    }
                    greatest[i, j] = most;
                    (low, high) = (Math.Min(low, least), Math.Max(high, most));
                }
            }
            for (int i = 0; i < n && high > low; i++)
            {
                for (int j = i + 1; j < n; j++)
                    distances[i, j] = distances[j, i] = Math.Max(distances[i, j], (greatest[i, j] - low) / (high - low));
            }
        }
        double mean = distances.Cast<double>().Sum() / ((double)n * n);
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
                distances[i, j] += (reverse ? kurtosis[j] < kurtosis[i] : kurtosis[j] > kurtosis[i]) ? Direction * mean : 0;
        }
        return distances;
    }

    private static ReadOnlySpan<float> Of(PackedTensor tensor, float[] weights) => weights.AsSpan((int)tensor.Offset, (int)tensor.Elements);
}

/// <summary>The obvious rule: in each of MoTHer's trees the spanning tree of least Euclidean distances, with the model of least norm as the root.</summary>
public static class NearestBaseline
{
    /// <param name="models">[model][parameter]</param>
    /// <param name="trees">How many trees there are.</param>
    public static LineageAnswer Find(float[][] models, IReadOnlyList<PackedTensor> tensors, int trees, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(tensors);
        int[] tree = MotherBaseline.Trees(models, tensors, trees, stop);
        var answer = LineageAnswer.Empty(models.Length, tree);
        foreach (int[] members in Enumerable.Range(0, models.Length).GroupBy(i => tree[i]).Select(members => members.ToArray()))
        {
            TreeDistances distances = TreeGeometry.Of([.. members.Select(i => models[i])], stop).All();
            List<(int A, int B, double Squared)> edges = distances.SpanningTree([.. Enumerable.Range(0, members.Length).Select(i => new[] { i })]);
            var left = new Stack<(int Node, int From)>([(Array.IndexOf(distances.Norms, distances.Norms.Min()), -1)]);
            while (left.TryPop(out (int Node, int From) next))
            {
                answer.Parent[members[next.Node]] = next.From < 0 ? -1 : members[next.From];
                foreach ((int a, int b, double _) in edges)
                {
                    int other = a == next.Node ? b : b == next.Node ? a : -1;
                    if (other >= 0 && other != next.From)
                        left.Push((other, next.Node));
                }
            }
        }
        return answer;
    }
}
