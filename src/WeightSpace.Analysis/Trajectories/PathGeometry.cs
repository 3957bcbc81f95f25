using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>
/// All that the measures of a path of k checkpoints are computed from: some lengths, and the inner products of the k - 1 updates u_i = w_{i+1} - w_i. Distances within the path are sums of these
/// products, so nothing is lost where steps are small beside the weights.
/// </summary>
/// <param name="SquaredNorms">|w_i|^2, [k].</param>
/// <param name="SquaredFromStart">|w_i - w_0|^2, [k].</param>
/// <param name="UpdateProducts">u_i u_j, [k - 1, k - 1], symmetric.</param>
public sealed record PathGeometry(double[] SquaredNorms, double[] SquaredFromStart, double[,] UpdateProducts)
{
    /// <summary>Checkpoints, k.</summary>
    public int Count => SquaredNorms.Length;

    /// <summary>The geometry of what one pass over a path found.</summary>
    public static PathGeometry Of(PathSums sums)
    {
        double[,] positions = Positions(sums.UpdateProducts);
        return new PathGeometry([.. sums.Moments.Select(moments => moments.SquaredNorm)], [.. Enumerable.Range(0, sums.Moments.Length).Select(i => Math.Max(0, positions[i, i]))], sums.UpdateProducts);
    }

    /// <summary>|u_i|, [k - 1].</summary>
    public double[] StepLengths() => [.. Enumerable.Range(0, Count - 1).Select(i => Math.Sqrt(Math.Max(0, UpdateProducts[i, i])))];

    /// <summary>
    /// The same steps taken in directions that are all orthogonal to each other and to the start, as those of a random walk in many dimensions nearly are: what each measure is of a path without
    /// any direction.
    /// </summary>
    public PathGeometry AsRandomWalk()
    {
        var products = new double[Count - 1, Count - 1];
        double[] norms = new double[Count], fromStart = new double[Count];
        norms[0] = SquaredNorms[0];
        for (int i = 1; i < Count; i++)
        {
            products[i - 1, i - 1] = UpdateProducts[i - 1, i - 1];
            fromStart[i] = fromStart[i - 1] + products[i - 1, i - 1];
            norms[i] = norms[0] + fromStart[i];
        }
        return new PathGeometry(norms, fromStart, products);
    }

    /// <summary>Inner products of the positions relative to the start, (w_i - w_0)(w_j - w_0), [k, k]: sums of the updates' products from the corner on.</summary>
    public double[,] Positions() => Positions(UpdateProducts);

    /// <summary>The eigenvalues of the covariance of the checkpoints, times k, descending and at least 0, [k]: from the products of the positions less their means (Gower, 1966).</summary>
    public double[] Spectrum()
    {
        double[,] positions = Positions();
        double[] means = new double[Count];
        double grand = 0;
        for (int i = 0; i < Count; i++)
        {
            for (int j = 0; j < Count; j++)
                means[i] += positions[i, j] / Count;
            grand += means[i] / Count;
        }
        var centred = new double[Count * Count];
        for (int i = 0; i < Count; i++)
        {
            for (int j = 0; j < Count; j++)
                centred[(i * Count) + j] = positions[i, j] - (means[i] + means[j]) + grand;
        }
        return [.. SymmetricEigen.Decompose(Count, centred, 0).Values.Select(value => Math.Max(0, value))];
    }

    private static double[,] Positions(double[,] updates)
    {
        int count = updates.GetLength(0) + 1;
        var positions = new double[count, count];
        for (int i = 1; i < count; i++)
        {
            double along = 0; // the sum of row i - 1 of the updates' products
            for (int j = 1; j < count; j++)
            {
                along += updates[i - 1, j - 1];
                positions[i, j] = positions[i - 1, j] + along;
            }
        }
        return positions;
    }
}
