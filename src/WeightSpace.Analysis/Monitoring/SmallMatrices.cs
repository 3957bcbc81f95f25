namespace WeightSpace.Analysis.Monitoring;

/// <summary>Small dense matrices in doubles, row-major in one array, [n, n].</summary>
internal static class SmallMatrices
{
    /// <summary>The lower triangle L with L L' = the matrix, which is symmetric and positive definite.</summary>
    public static double[] Cholesky(double[] matrix, int n)
    {
        var lower = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = matrix[(i * n) + j];
                for (int k = 0; k < j; k++)
                    sum -= lower[(i * n) + k] * lower[(j * n) + k];
                if (i == j && !(sum > 0))
                    throw new ArgumentException($"pivot {i} is {sum}; a positive definite matrix was expected", nameof(matrix));
                lower[(i * n) + j] = i == j ? Math.Sqrt(sum) : sum / lower[(j * n) + j];
            }
        }
        return lower;
    }

    /// <summary>The inverse of a lower triangle.</summary>
    public static double[] InverseOfLower(double[] lower, int n)
    {
        var inverse = new double[n * n];
        for (int column = 0; column < n; column++)
        {
            inverse[(column * n) + column] = 1 / lower[(column * n) + column];
            for (int i = column + 1; i < n; i++)
            {
                double sum = 0;
                for (int k = column; k < i; k++)
                    sum -= lower[(i * n) + k] * inverse[(k * n) + column];
                inverse[(i * n) + column] = sum / lower[(i * n) + i];
            }
        }
        return inverse;
    }

    /// <summary>The product of a matrix with a vector, [n].</summary>
    public static double[] Times(double[] matrix, double[] vector)
    {
        int n = vector.Length;
        var result = new double[n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
                result[i] += matrix[(i * n) + j] * vector[j];
        }
        return result;
    }

    /// <summary>The sum of x y' over pairs of rows, [n, n].</summary>
    public static double[] SumOfProducts(double[][] x, double[][] y)
    {
        int n = x[0].Length;
        var sum = new double[n * n];
        for (int row = 0; row < x.Length; row++)
        {
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < n; j++)
                    sum[(i * n) + j] += x[row][i] * y[row][j];
            }
        }
        return sum;
    }
}
