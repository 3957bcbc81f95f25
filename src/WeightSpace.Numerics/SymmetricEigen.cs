namespace WeightSpace.Numerics;

/// <summary>
/// Eigenvalues and eigenvectors of a symmetric matrix of doubles: to tridiagonal form by Householder reflections, then QL with implicit shifts (Bowdler, Martin, Reinsch and Wilkinson,
/// "The QR and QL algorithms for symmetric matrices", 1968; Golub and Van Loan, "Matrix Computations", sections 8.3 and 8.4). Everything goes along rows, and one
/// order of sums holds on every CPU, as in <see cref="DenseVectors"/>. Backward stable: residuals are some 1e-15 of the largest eigenvalue for each row.
/// </summary>
public static class SymmetricEigen
{
    private const int MostIterations = 60; // for one eigenvalue; two are usual

    /// <summary>All eigenvalues in descending order, [count], and the unit eigenvectors of the first <paramref name="wanted"/> of them, [wanted][count].</summary>
    /// <param name="matrix">Row-major [count, count], symmetric, finite; destroyed.</param>
    public static (double[] Values, double[][] Vectors) Decompose(int count, double[] matrix, int wanted)
    {
        if (count < 1 || (long)count * count != matrix.Length)
            throw new ArgumentException($"{matrix.Length} values for [{count}, {count}]; expected count * count, at least 1", nameof(matrix));
        if (wanted < 0 || wanted > count)
            throw new ArgumentException($"{wanted} eigenvectors of {count}; expected 0 to {count}", nameof(wanted));
        foreach (double value in matrix)
        {
            if (!double.IsFinite(value))
                throw new ArgumentException($"the matrix holds {value}; expected finite values", nameof(matrix));
        }
        var diagonal = new double[count];
        var beside = new double[count]; // beside[i] stands between i and i + 1
        double[][] reflections = Tridiagonalise(count, matrix, diagonal, beside);
        var vectors = new double[count * count]; // [eigenvector, component]
        for (int i = 0; i < count; i++)
            vectors[(i * count) + i] = 1;
        Diagonalise(count, diagonal, beside, vectors);

        int[] order = [.. Enumerable.Range(0, count).OrderByDescending(i => diagonal[i])];
        var leading = new double[wanted][];
        for (int v = 0; v < wanted; v++)
        {
            double[] vector = vectors.AsSpan(order[v] * count, count).ToArray();
            for (int k = reflections.Length - 1; k >= 0; k--)
            {
                Span<double> rest = vector.AsSpan(k + 1);
                DenseVectors.AddScaled(rest, -DenseVectors.Dot(reflections[k], rest), reflections[k]);
            }
            leading[v] = vector;
        }
        return ([.. order.Select(i => diagonal[i])], leading);
    }

    /// <summary>The reflections 1 - u u^T (|u|^2 = 2, or u = 0) that lead to the tridiagonal form; reflection k leaves the first k + 1 components alone.</summary>
    private static double[][] Tridiagonalise(int count, double[] matrix, double[] diagonal, double[] beside)
    {
        var reflections = new double[Math.Max(0, count - 2)][];
        var products = new double[count];
        for (int k = 0; k < count; k++)
        {
            diagonal[k] = matrix[(k * count) + k];
            if (k == count - 1)
                break;
            double[] u = matrix.AsSpan((k * count) + k + 1, count - k - 1).ToArray();
            beside[k] = u[0];
            if (k == count - 2)
                continue;
            reflections[k] = u;
            double norm = Norm(u);
            double tail = Norm(u.AsSpan(1));
            if (tail == 0)
            {
                Array.Clear(u); // tridiagonal here already
                continue;
            }
            beside[k] = u[0] > 0 ? -norm : norm;
            u[0] -= beside[k];
            double scale = Math.Sqrt(2) / Norm(u);
            for (int i = 0; i < u.Length; i++)
                u[i] *= scale;
            // A' = A - u w^T - w u^T with w = A u - (u^T A u / 2) u.
            Span<double> w = products.AsSpan(0, u.Length);
            for (int i = 0; i < u.Length; i++)
                w[i] = DenseVectors.Dot(matrix.AsSpan(((k + 1 + i) * count) + k + 1, u.Length), u);
            DenseVectors.AddScaled(w, -DenseVectors.Dot(u, w) / 2, u);
            for (int i = 0; i < u.Length; i++)
            {
                Span<double> row = matrix.AsSpan(((k + 1 + i) * count) + k + 1, u.Length);
                DenseVectors.AddScaled(row, -u[i], w);
                DenseVectors.AddScaled(row, -w[i], u);
            }
        }
        return reflections;
    }

    /// <summary>Without overflow or underflow of the squares.</summary>
    private static double Norm(ReadOnlySpan<double> values)
    {
        double largest = 0;
        foreach (double value in values)
            largest = Math.Max(largest, Math.Abs(value));
        if (largest == 0)
            return 0;
        if (largest is > 1e-100 and < 1e100)
            return DenseVectors.Norm(values);
        double sum = 0;
        foreach (double value in values)
            sum += value / largest * (value / largest);
        return largest * Math.Sqrt(sum);
    }

    private static void Diagonalise(int count, double[] diagonal, double[] beside, double[] vectors)
    {
        // What is rounding of the whole matrix counts as 0, as in EISPACK's tql2: among many vanishing eigenvalues, whose diagonal is rounding too, nothing smaller can be asked for.
        double largest = 0;
        for (int i = 0; i < count; i++)
            largest = Math.Max(largest, Math.Abs(diagonal[i]) + Math.Abs(beside[i]));
        double negligible = 1.1102230246251565e-16 * largest;
        for (int first = 0; first < count; first++)
        {
            for (int iteration = 0; ; iteration++)
            {
                int last = first; // of the block that begins at first
                while (last < count - 1 && Math.Abs(beside[last]) > negligible)
                    last++;
                if (last == first)
                    break;
                if (iteration == MostIterations)
                    throw new InvalidOperationException($"eigenvalue {first} of {count} is not found after {MostIterations} iterations");
                // Wilkinson's shift, from the two by two at the top.
                double g = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first]);
                double r = Hypotenuse(g, 1);
                g = diagonal[last] - diagonal[first] + (beside[first] / (g + (g >= 0 ? r : -r)));
                double sine = 1, cosine = 1, p = 0;
                int i = last - 1;
                for (; i >= first; i--)
                {
                    double f = sine * beside[i], b = cosine * beside[i];
                    r = Hypotenuse(f, g);
                    beside[i + 1] = r;
                    if (r == 0)
                    {
                        diagonal[i + 1] -= p;
                        beside[last] = 0;
                        break;
                    }
                    (sine, cosine) = (f / r, g / r);
                    g = diagonal[i + 1] - p;
                    r = ((diagonal[i] - g) * sine) + (2 * cosine * b);
                    p = sine * r;
                    diagonal[i + 1] = g + p;
                    g = (cosine * r) - b;
                    DenseVectors.Rotate(vectors.AsSpan(i * count, count), vectors.AsSpan((i + 1) * count, count), cosine, sine);
                }
                if (r == 0 && i >= first)
                    continue;
                diagonal[first] -= p;
                beside[first] = g;
                beside[last] = 0;
            }
        }
    }

    private static double Hypotenuse(double a, double b)
    {
        (a, b) = (Math.Abs(a), Math.Abs(b));
        (double large, double small) = a > b ? (a, b) : (b, a);
        return large == 0 ? 0 : large * Math.Sqrt(1 + (small / large * (small / large)));
    }
}
