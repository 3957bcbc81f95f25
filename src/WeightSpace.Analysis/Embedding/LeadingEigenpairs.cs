using MathNet.Numerics.LinearAlgebra;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Embedding;

/// <summary>The largest eigenvalues of a Gram matrix, in descending order, with their unit eigenvectors [wanted][count].</summary>
internal static class LeadingEigenpairs
{
    /// <summary>Above this the dense decomposition, O(n^3), takes longer than the Krylov one.</summary>
    private const int LargestDense = 512;

    /// <summary>
    /// Residual norm |G v - t v| of each pair over the largest eigenvalue. An eigenvalue of a symmetric matrix lies within
    /// that of t (Parlett, "The Symmetric Eigenvalue Problem", theorem 4.5.1); the Gram matrix itself has 1e-7.
    /// </summary>
    private const double Tolerance = 1e-9;

    private const int MostIterations = 2000;

    public static (double[] Values, double[][] Vectors) Compute(GramMatrix gram, int wanted) =>
        gram.Count <= LargestDense || 8 * wanted >= gram.Count ? Dense(gram, wanted) : Krylov(gram, wanted);

    public static (double[] Values, double[][] Vectors) Dense(GramMatrix gram, int wanted)
    {
        (double[] values, double[,] vectors) = Decompose(gram.Count, (i, j) => gram[i, j]);
        var leading = new double[wanted][];
        for (int c = 0; c < wanted; c++)
            leading[c] = [.. Enumerable.Range(0, gram.Count).Select(i => vectors[i, c])];
        return (values[..wanted], leading);
    }

    /// <summary>
    /// Block Krylov with full reorthogonalisation and thick restarts (Wu and Simon, "Thick-restart Lanczos method for large
    /// symmetric eigenvalue problems", 2000): Rayleigh-Ritz in a growing space, which the residuals of the wanted pairs that
    /// have not converged extend. The start is random from a fixed key, and has as many vectors as are wanted, so eigenvalues
    /// of that multiplicity are all found.
    /// </summary>
    public static (double[] Values, double[][] Vectors) Krylov(GramMatrix gram, int wanted)
    {
        int count = gram.Count;
        int capacity = Math.Min(count, Math.Max(8 * wanted, 64));
        int kept = Math.Min(capacity - wanted, 2 * wanted);
        var space = new Subspace(gram, capacity);
        var random = new RandomStream(0, RandomPurpose.Eigenvectors);
        var expansion = new List<double[]>();
        for (int b = 0; b < wanted; b++)
            expansion.Add(RandomVector(count, ref random));

        double largest = 0;
        for (int iteration = 0; iteration < MostIterations; iteration++)
        {
            space.Extend(expansion);
            while (space.Dimension < wanted) // a start or residuals that depend on each other
                space.Extend([RandomVector(count, ref random)]);

            (double[] ritz, double[,] coordinates) = space.RayleighRitz();
            expansion.Clear();
            largest = Math.Max(Math.Abs(ritz[0]), double.Epsilon);
            for (int pair = 0; pair < wanted; pair++)
            {
                double[] residual = space.Residual(ritz[pair], coordinates, pair);
                if (DenseVectors.Norm(residual) > Tolerance * largest)
                    expansion.Add(residual);
            }
            if (expansion.Count == 0 || space.Dimension == count)
                return (ritz[..wanted], space.Vectors(coordinates, wanted));
            if (space.Dimension + expansion.Count > capacity)
                space.Restart(ritz, coordinates, kept);
        }
        throw new InvalidOperationException(
            $"{expansion.Count} of {wanted} eigenpairs of a Gram matrix of {count} rows have residuals above "
            + $"{Tolerance * largest:g3} after {MostIterations} iterations");
    }

    /// <summary>All eigenvalues in descending order and their eigenvectors as columns.</summary>
    private static (double[] Values, double[,] Vectors) Decompose(int size, Func<int, int, double> entry)
    {
        var decomposition = Matrix<double>.Build.Dense(size, size, entry).Evd(Symmetricity.Symmetric);
        int[] order = [.. Enumerable.Range(0, size).OrderByDescending(i => decomposition.EigenValues[i].Real)];
        var vectors = new double[size, size];
        for (int i = 0; i < size; i++)
        {
            for (int c = 0; c < size; c++)
                vectors[i, c] = decomposition.EigenVectors[i, order[c]];
        }
        return ([.. order.Select(i => decomposition.EigenValues[i].Real)], vectors);
    }

    private static double[] RandomVector(int count, ref RandomStream random)
    {
        var vector = new double[count];
        for (int i = 0; i < count; i++)
            vector[i] = random.NextNormal();
        return vector;
    }

    /// <summary>An orthonormal basis Q, its images G Q, and Q^T G Q.</summary>
    private sealed class Subspace(GramMatrix gram, int capacity)
    {
        private readonly double[,] _projected = new double[capacity, capacity];
        private List<double[]> _basis = [];
        private List<double[]> _images = [];

        public int Dimension => _basis.Count;

        /// <summary>Adds what is new in the vectors to the space; it takes no more than its capacity.</summary>
        public void Extend(List<double[]> vectors)
        {
            int before = Dimension;
            foreach (double[] vector in vectors)
            {
                double norm = DenseVectors.Norm(vector);
                if (Dimension == capacity || norm == 0)
                    continue;
                for (int pass = 0; pass < 2; pass++) // "twice is enough": Parlett, section 6.9
                {
                    foreach (double[] q in _basis)
                        DenseVectors.AddScaled(vector, -DenseVectors.Dot(q, vector), q);
                }
                double left = DenseVectors.Norm(vector);
                if (left < 1e-10 * norm)
                    continue;
                for (int i = 0; i < vector.Length; i++)
                    vector[i] /= left;
                foreach (double[] q in _basis) // dividing by a small norm raised what was left of the others
                    DenseVectors.AddScaled(vector, -DenseVectors.Dot(q, vector), q);
                _basis.Add(vector);
                _images.Add(new double[vector.Length]);
            }
            Parallel.For(0, gram.Count, row =>
            {
                for (int q = before; q < _basis.Count; q++)
                    _images[q][row] = DenseVectors.Dot(gram.Row(row), _basis[q]);
            });
            for (int q = before; q < _basis.Count; q++)
            {
                for (int other = 0; other <= q; other++)
                    _projected[q, other] = _projected[other, q] = DenseVectors.Dot(_basis[other], _images[q]);
            }
        }

        public (double[] Values, double[,] Coordinates) RayleighRitz() => Decompose(Dimension, (i, j) => _projected[i, j]);

        /// <summary>G v - t v of a Ritz pair.</summary>
        public double[] Residual(double value, double[,] coordinates, int pair)
        {
            double[] residual = Combine(_images, coordinates, pair);
            DenseVectors.AddScaled(residual, -value, Combine(_basis, coordinates, pair));
            return residual;
        }

        public double[][] Vectors(double[,] coordinates, int wanted) =>
            [.. Enumerable.Range(0, wanted).Select(pair => Combine(_basis, coordinates, pair))];

        /// <summary>Keeps the space of the leading Ritz vectors only.</summary>
        public void Restart(double[] values, double[,] coordinates, int kept)
        {
            List<double[]> basis = [.. Enumerable.Range(0, kept).Select(pair => Combine(_basis, coordinates, pair))];
            _images = [.. Enumerable.Range(0, kept).Select(pair => Combine(_images, coordinates, pair))];
            _basis = basis;
            Array.Clear(_projected);
            for (int i = 0; i < kept; i++)
                _projected[i, i] = values[i];
        }

        private static double[] Combine(List<double[]> vectors, double[,] coordinates, int pair)
        {
            var sum = new double[vectors[0].Length];
            for (int q = 0; q < vectors.Count; q++)
                DenseVectors.AddScaled(sum, coordinates[q, pair], vectors[q]);
            return sum;
        }
    }
}
