using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Embedding;

/// <summary>The largest eigenvalues of a Gram matrix, in descending order, with their unit eigenvectors [wanted][count].</summary>
internal static class LeadingEigenpairs
{
    /// <summary>Above this the dense decomposition, O(n^3), takes longer than the Krylov one.</summary>
    private const int LargestDense = 512;

    /// <summary>
    /// Residual norm |G v - t v| of each pair over the largest eigenvalue. An eigenvalue of a symmetric matrix lies within
    /// that of t, and within its square over the gap to the others (Parlett, "The Symmetric Eigenvalue Problem", theorems 4.5.1 and 11.7.1). The Gram matrix itself
    /// has no more: its entries are off by up to 1e-6 of its rows' norms, and its products with vectors of floats by some 1e-7 of its largest eigenvalue.
    /// </summary>
    private const double Tolerance = 1e-6;

    private const int MostIterations = 2000;

    public static (double[] Values, double[][] Vectors) Compute(GramMatrix gram, int wanted) =>
        gram.Count <= LargestDense || 8 * wanted >= gram.Count ? Dense(gram, wanted) : Krylov(gram, wanted);

    public static (double[] Values, double[][] Vectors) Dense(GramMatrix gram, int wanted)
    {
        var matrix = new double[gram.Count * gram.Count];
        for (int i = 0; i < gram.Count; i++)
        {
            ReadOnlySpan<float> row = gram.Row(i);
            for (int j = 0; j < row.Length; j++)
                matrix[(i * row.Length) + j] = row[j];
        }
        (double[] values, double[][] vectors) = SymmetricEigen.Decompose(gram.Count, matrix, wanted);
        return (values[..wanted], vectors);
    }

    /// <summary>
    /// Block Krylov with full reorthogonalisation and thick restarts (Wu and Simon, "Thick-restart Lanczos method for large
    /// symmetric eigenvalue problems", 2000): Rayleigh-Ritz in a growing space, which the residuals of the leading pairs that
    /// have not converged extend, as many as are wanted in one pass over the matrix. The start is random from a fixed key, and has as many vectors as are wanted, so eigenvalues
    /// of that multiplicity are all found.
    /// </summary>
    public static (double[] Values, double[][] Vectors) Krylov(GramMatrix gram, int wanted)
    {
        int count = gram.Count;
        int capacity = Math.Min(count, Math.Max(8 * wanted, 64));
        int kept = Math.Min(capacity - wanted, 2 * wanted);
        using var space = new Subspace(gram, capacity);
        var random = new RandomStream(0, RandomPurpose.Eigenvectors);
        List<float[]> expansion = [.. Enumerable.Range(0, wanted).Select(_ => RandomVector(count, ref random))];
        double largest = 0;
        for (int iteration = 0; iteration < MostIterations; iteration++)
        {
            space.Extend(expansion);
            while (space.Dimension < wanted) // a start or residuals that depend on each other
                space.Extend([RandomVector(count, ref random)]);

            (double[] ritz, double[][] coordinates) = space.RayleighRitz(Math.Max(wanted, Math.Min(kept, space.Dimension)));
            largest = Math.Max(Math.Abs(ritz[0]), double.Epsilon);
            (bool haveConverged, expansion) = space.Residuals(ritz, coordinates, wanted, Tolerance * largest);
            if (haveConverged || space.Dimension == count)
                return (ritz[..wanted], space.Vectors(coordinates, wanted));
            if (space.Dimension + expansion.Count > capacity)
                space.Restart(coordinates, kept);
        }
        throw new InvalidOperationException(
            $"not all of {wanted} eigenpairs of a Gram matrix of {count} rows have residuals below "
            + $"{Tolerance * largest:g3} after {MostIterations} iterations");
    }

    private static float[] RandomVector(int count, ref RandomStream random)
    {
        var vector = new float[count];
        for (int i = 0; i < count; i++)
            vector[i] = random.NextNormal();
        return vector;
    }

    /// <summary>
    /// An orthonormal basis Q, its images G Q, and Q^T G Q. Vectors are floats, which moves their inner products by some 1e-9; sums are as in <see cref="RowProducts"/>.
    /// </summary>
    private sealed class Subspace(GramMatrix gram, int capacity) : IDisposable
    {
        // What is left of a vector of length 1 outside the others' span must be more than their rounding.
        private const double LeastIndependent = 1e-3;

        private readonly double[,] _projected = new double[capacity, capacity];
        private readonly FloatRows _basis = new(capacity, gram.Count), _images = new(capacity, gram.Count);

        public int Dimension { get; private set; }

        /// <summary>Adds what is new in the vectors to the space; it takes no more than its capacity.</summary>
        public void Extend(List<float[]> vectors)
        {
            int before = Dimension;
            Add([.. vectors.Take(capacity - before)]);
            int added = Dimension - before;
            if (added == 0)
                return;
            using var block = new FloatRows(added, gram.Count);
            for (int r = 0; r < added; r++)
                _basis[before + r].CopyTo(block[r]);
            gram.Multiply(block, (in ProductTile tile) => CopyTo(tile, _images, before));
            Project(before, block);
        }

        /// <summary>The rows of Q^T G Q from one on, and the columns. The block has room for as many vectors.</summary>
        private void Project(int first, FloatRows block)
        {
            for (int r = 0; r < block.Count; r++)
                _images[first + r].CopyTo(block[r]);
            RowProducts.Inner(block, _basis, (in ProductTile tile) =>
            {
                for (int r = 0; r < tile.Rows; r++)
                {
                    int q = first + tile.FirstRow + r;
                    for (int c = 0; c < tile.Columns && tile.FirstColumn + c <= q; c++)
                        _projected[q, tile.FirstColumn + c] = tile[r][c];
                }
            });
            for (int q = first; q < Dimension; q++)
            {
                for (int other = 0; other < q; other++)
                    _projected[other, q] = _projected[q, other];
            }
        }

        /// <summary>Orthonormalises the vectors against the basis and each other, and puts what is left of them behind it.</summary>
        private void Add(float[][] vectors)
        {
            for (int pass = 0; pass < 3 && vectors.Length > 0; pass++) // twice is enough (Parlett, section 6.9); once more, as a pass may have raised a small rest
            {
                using var block = new FloatRows(vectors.Length, gram.Count);
                for (int r = 0; r < vectors.Length; r++)
                    Normalise(vectors[r], block[r]);
                if (Dimension > 0)
                {
                    using FloatRows along = Inner(block, _basis, Dimension);
                    RowProducts.Multiply(along, _basis, (in ProductTile tile) => Subtract(tile, block));
                }
                double[,] products = new double[vectors.Length, vectors.Length];
                RowProducts.Inner(block, block, (in ProductTile tile) =>
                {
                    for (int r = 0; r < tile.Rows; r++)
                    {
                        for (int c = 0; c < tile.Columns; c++)
                            products[tile.FirstRow + r, tile.FirstColumn + c] = tile[r][c];
                    }
                });
                vectors = Combine(Orthonormalising(products), block);
            }
            foreach (float[] vector in vectors)
                Normalise(vector, _basis[Dimension++]);
        }

        /// <summary>
        /// The rows of T with T P T^T = 1 for the inner products P of vectors of length 1 at most: those that the ones before (nearly) span have none. By Gram and
        /// Schmidt's method on the coordinates.
        /// </summary>
        private static List<double[]> Orthonormalising(double[,] products)
        {
            int count = products.GetLength(0);
            var rows = new List<double[]>();
            for (int i = 0; i < count; i++)
            {
                var row = new double[count];
                row[i] = 1;
                foreach (double[] other in rows)
                {
                    double along = Form(products, row, other);
                    for (int k = 0; k <= i; k++)
                        row[k] -= along * other[k];
                }
                double left = Form(products, row, row);
                if (left < LeastIndependent * LeastIndependent)
                    continue;
                for (int k = 0; k <= i; k++)
                    row[k] /= Math.Sqrt(left);
                rows.Add(row);
            }
            return rows;
        }

        private static double Form(double[,] products, double[] a, double[] b)
        {
            double sum = 0;
            for (int i = 0; i < a.Length; i++)
            {
                if (a[i] == 0)
                    continue;
                double inner = 0;
                for (int j = 0; j < b.Length; j++)
                    inner += products[i, j] * b[j];
                sum += a[i] * inner;
            }
            return sum;
        }

        /// <summary>All Ritz values, descending, and the coordinates of the leading pairs, [pairs][Dimension].</summary>
        public (double[] Values, double[][] Coordinates) RayleighRitz(int pairs)
        {
            var projected = new double[Dimension * Dimension];
            for (int i = 0; i < Dimension; i++)
            {
                for (int j = 0; j < Dimension; j++)
                    projected[(i * Dimension) + j] = _projected[i, j];
            }
            return SymmetricEigen.Decompose(Dimension, projected, pairs);
        }

        /// <summary>
        /// Whether the residuals G v - t v of the wanted Ritz pairs are within a tolerance; and those beyond it, filled up to as many with those of the pairs that follow: a pass over the
        /// matrix costs nearly as much for fewer, and they bring the last of the wanted pairs nearer.
        /// </summary>
        public (bool HaveConverged, List<float[]> Expansion) Residuals(double[] values, double[][] coordinates, int wanted, double tolerance)
        {
            int pairs = coordinates.Length;
            using FloatRows toImages = Coefficients(coordinates, pairs, _ => 1), toBasis = Coefficients(coordinates, pairs, pair => values[pair]);
            using var residuals = new FloatRows(pairs, gram.Count);
            RowProducts.Multiply(toImages, _images, (in ProductTile tile) => CopyTo(tile, residuals, 0));
            RowProducts.Multiply(toBasis, _basis, (in ProductTile tile) => Subtract(tile, residuals));
            int[] large = [.. Enumerable.Range(0, pairs).Where(pair => Norm(residuals[pair]) > tolerance)];
            return (large.All(pair => pair >= wanted), [.. large.Take(wanted).Select(pair => residuals[pair].ToArray())]);
        }

        public double[][] Vectors(double[][] coordinates, int wanted)
        {
            using FloatRows coefficients = Coefficients(coordinates, wanted, _ => 1);
            double[][] vectors = [.. Enumerable.Range(0, wanted).Select(_ => new double[gram.Count])];
            RowProducts.Multiply(coefficients, _basis, (in ProductTile tile) =>
            {
                for (int r = 0; r < tile.Rows; r++)
                    tile[r].CopyTo(vectors[tile.FirstRow + r].AsSpan(tile.FirstColumn));
            });
            foreach (double[] vector in vectors)
            {
                double norm = DenseVectors.Norm(vector);
                for (int i = 0; i < vector.Length; i++)
                    vector[i] /= norm;
            }
            return vectors;
        }

        /// <summary>Keeps the space of the leading Ritz vectors only. Their images are computed anew: combined from the old ones, errors of rounding would add up.</summary>
        public void Restart(double[][] coordinates, int kept)
        {
            using FloatRows coefficients = Coefficients(coordinates, kept, _ => 1);
            using var block = new FloatRows(kept, gram.Count);
            RowProducts.Multiply(coefficients, _basis, (in ProductTile tile) => CopyTo(tile, block, 0));
            for (int r = 0; r < kept; r++)
                block[r].CopyTo(_basis[r]);
            Dimension = kept;
            gram.Multiply(block, (in ProductTile tile) => CopyTo(tile, _images, 0));
            Project(0, block);
        }

        public void Dispose()
        {
            _basis.Dispose();
            _images.Dispose();
        }

        /// <summary>[pairs, Dimension]: coordinate q of each pair, times its scale.</summary>
        private FloatRows Coefficients(double[][] coordinates, int pairs, Func<int, double> scale)
        {
            var coefficients = new FloatRows(pairs, Dimension);
            for (int pair = 0; pair < pairs; pair++)
            {
                for (int q = 0; q < Dimension; q++)
                    coefficients[pair][q] = (float)(coordinates[pair][q] * scale(pair));
            }
            return coefficients;
        }

        private static float[][] Combine(List<double[]> rows, FloatRows vectors)
        {
            if (rows.Count == 0)
                return [];
            using var coefficients = new FloatRows(rows.Count, vectors.Count);
            for (int r = 0; r < rows.Count; r++)
                DenseVectors.Narrow(rows[r], coefficients[r]);
            float[][] combined = [.. rows.Select(_ => new float[vectors.Columns])];
            RowProducts.Multiply(coefficients, vectors, (in ProductTile tile) =>
            {
                for (int r = 0; r < tile.Rows; r++)
                    DenseVectors.Narrow(tile[r], combined[tile.FirstRow + r].AsSpan(tile.FirstColumn, tile.Columns));
            });
            return combined;
        }

        /// <summary>The inner products of rows with the first of other rows, rounded: [rows, count].</summary>
        private static FloatRows Inner(FloatRows rows, FloatRows others, int count)
        {
            var products = new FloatRows(rows.Count, count);
            RowProducts.Inner(rows, others, (in ProductTile tile) =>
            {
                for (int r = 0; r < tile.Rows && tile.FirstColumn < count; r++)
                {
                    int columns = Math.Min(tile.Columns, count - tile.FirstColumn);
                    DenseVectors.Narrow(tile[r][..columns], products[tile.FirstRow + r].Slice(tile.FirstColumn, columns));
                }
            });
            return products;
        }

        private static void CopyTo(in ProductTile tile, FloatRows target, int firstRow)
        {
            for (int r = 0; r < tile.Rows; r++)
                DenseVectors.Narrow(tile[r], target[firstRow + tile.FirstRow + r].Slice(tile.FirstColumn, tile.Columns));
        }

        private static void Subtract(in ProductTile tile, FloatRows target)
        {
            for (int r = 0; r < tile.Rows; r++)
            {
                Span<float> from = target[tile.FirstRow + r].Slice(tile.FirstColumn, tile.Columns);
                ReadOnlySpan<double> values = tile[r];
                for (int c = 0; c < from.Length; c++)
                    from[c] = (float)(from[c] - values[c]);
            }
        }

        private static void Normalise(ReadOnlySpan<float> vector, Span<float> target)
        {
            double norm = Norm(vector);
            for (int i = 0; i < vector.Length; i++)
                target[i] = norm > 0 ? (float)(vector[i] / norm) : 0;
        }

        private static double Norm(ReadOnlySpan<float> vector) => Math.Sqrt(DenseVectors.SquaredNorm(vector));
    }
}
