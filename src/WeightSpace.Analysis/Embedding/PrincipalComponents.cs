using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Embedding;

/// <summary>
/// Principal components of the rows of a centred matrix from its Gram matrix: with X X^T = U L U^T the scores are U L^(1/2)
/// (Jolliffe, "Principal Component Analysis", 2002, section 3.5). The sign of a component is free; here the score of largest
/// magnitude in each (the first of equal ones) is positive, as in scikit-learn.
/// </summary>
/// <param name="Variances">Variance of the rows along each component, descending: eigenvalue / (rows - 1), [components].</param>
/// <param name="VarianceShares">The same over the total variance; all 0 when the rows are equal, [components].</param>
/// <param name="Scores">The coordinates of each row, [rows, components].</param>
public sealed record PrincipalComponents(double[] Variances, double[] VarianceShares, double[,] Scores)
{
    /// <summary>The leading components of <paramref name="centred"/>, the Gram matrix of rows less their mean.</summary>
    /// <exception cref="ArgumentException">Fewer than 2 rows, not centred, or not 1 to rows components.</exception>
    public static PrincipalComponents Fit(GramMatrix centred, int components)
    {
        ArgumentNullException.ThrowIfNull(centred);
        int rows = centred.Count;
        if (rows < 2)
            throw new ArgumentException($"principal components of {rows} rows; expected at least 2", nameof(centred));
        if (components < 1 || components > rows)
            throw new ArgumentException($"{components} components of {rows} rows; expected 1 to {rows}", nameof(components));
        double trace = centred.Trace;
        for (int i = 0; i < rows; i++)
        {
            double sum = DenseVectors.Sum(centred.Row(i));
            // Centred rows sum to nothing; rounding in float leaves some 1e-7 of each product.
            if (Math.Abs(sum) > 1e-4 * Math.Sqrt(rows * centred[i, i] * trace))
                throw new ArgumentException(
                    $"the inner products of row {i} sum to {sum:g3}; expected a centred Gram matrix, so about 0", nameof(centred));
        }

        (double[] values, double[][] vectors) = LeadingEigenpairs.Compute(centred, components);
        var variances = new double[components];
        var shares = new double[components];
        var scores = new double[rows, components];
        for (int c = 0; c < components; c++)
        {
            double eigenvalue = Math.Max(0, values[c]);
            variances[c] = eigenvalue / (rows - 1);
            shares[c] = trace > 0 ? eigenvalue / trace : 0;
            double scale = Math.Sqrt(eigenvalue) * Sign(vectors[c]);
            for (int i = 0; i < rows; i++)
                scores[i, c] = scale * vectors[c][i];
        }
        return new PrincipalComponents(variances, shares, scores);
    }

    /// <summary>1 or -1, so that the value of largest magnitude (the first of equal ones) becomes positive.</summary>
    internal static int Sign(IEnumerable<double> vector)
    {
        double most = 0;
        foreach (double value in vector)
        {
            if (Math.Abs(value) > Math.Abs(most))
                most = value;
        }
        return most < 0 ? -1 : 1;
    }
}
