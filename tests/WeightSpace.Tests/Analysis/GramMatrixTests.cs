using WeightSpace.Analysis;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis;

public sealed class GramMatrixTests
{
    public static TheoryData<int, int> Shapes => new()
    {
        { 1, 1 }, { 1, 17 }, { 2, 1 }, { 3, 15 }, { 4, 16 }, { 5, 17 }, { 7, 511 }, { 9, 512 }, { 13, 513 }, { 64, 500 },
        { 65, 1000 }, { 67, 1030 }, { 130, 65 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Agrees_with_sums_in_double(int rows, int columns)
    {
        FeatureMatrix x = Shifted(rows, columns, 3);
        foreach (bool centre in new[] { false, true })
        {
            var gram = GramMatrix.Compute(x.Values, rows, columns, centre);
            double[,] expected = Reference(x, centre);
            Assert.Equal(rows, gram.Count);
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < rows; j++)
                {
                    double scale = Math.Sqrt(expected[i, i] * expected[j, j]);
                    Assert.True(Math.Abs(gram[i, j] - expected[i, j]) <= 1e-6 * scale,
                        $"({i}, {j}): {gram[i, j]}, expected {expected[i, j]}");
                    Assert.Equal(gram[j, i], gram[i, j]);
                }
            }
        }
    }

    /// <summary>However the rows are divided, ends that are no whole tiles among them.</summary>
    [Theory]
    [InlineData(1, 1, 17)]
    [InlineData(5, 5, 3)]
    [InlineData(50, 3, 700)]
    [InlineData(97, 2, 513)]
    [InlineData(230, 4, 300)]
    public void Blocks_joined_have_the_bits_of_the_whole(int rows, int parts, int columns)
    {
        FeatureMatrix x = Shifted(rows, columns, 7);
        using FloatRows centred = FloatRows.Copy(x.Values, rows, columns, centre: true);
        var whole = GramMatrix.Compute(x.Values, rows, columns, centre: true);
        int Start(int part) => rows * part / parts;
        var places = Enumerable.Range(0, parts).SelectMany(row => Enumerable.Range(row, parts - row).Select(column => (row, column))).ToList();
        GramBlock Block((int Row, int Column) at) => GramMatrix.ComputeBlock(centred, Start(at.Row), Start(at.Row + 1) - Start(at.Row), Start(at.Column), Start(at.Column + 1) - Start(at.Column), TestContext.Current.CancellationToken);
        var joined = GramMatrix.Join(rows, Enumerable.Reverse(places).Select(Block));
        for (int i = 0; i < rows; i++)
            Assert.True(whole.Row(i).SequenceEqual(joined.Row(i)), $"row {i}");
        Assert.Throws<ArgumentException>(() => GramMatrix.Join(rows, places.SkipLast(1).Select(Block)));
        if (parts > 1)
            Assert.Contains("no block holds the entry (0, ", Assert.Throws<ArgumentException>(() => GramMatrix.Join(rows, places.Where(at => at != (0, 1)).Select(Block))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, 2, 0, 2)]
    [InlineData(0, 2, 0, 3)]
    [InlineData(0, 3, 2, 2)]
    [InlineData(-1, 2, 2, 2)]
    [InlineData(0, 2, 4, 2)]
    public void A_block_below_the_diagonal_or_beyond_the_end_is_refused(int firstRow, int rows, int firstColumn, int columns)
    {
        using var x = FloatRows.Copy(Shifted(5, 4, 1).Values, 5, 4, centre: false);
        Assert.Throws<ArgumentException>(() => GramMatrix.ComputeBlock(x, firstRow, rows, firstColumn, columns, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Order_of_rows_changes_nothing_but_the_order()
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            FeatureMatrix x = Shifted(37, 700, seed);
            int[] order = Planted.Order(37, seed);
            var gram = GramMatrix.Compute(x.Values, 37, 700, centre: false).Select(order);
            var permuted = GramMatrix.Compute(x.SelectRows(order).Values, 37, 700, centre: false);
            for (int i = 0; i < 37; i++)
                Assert.True(gram.Row(i).SequenceEqual(permuted.Row(i)), $"seed {seed}, row {i}");
        }
    }

    [Fact]
    public void Is_positive_semidefinite()
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            var gram = GramMatrix.Compute(Shifted(40, 300, seed).Values, 40, 300, centre: true);
            var random = new RandomStream(seed, RandomPurpose.Testing, 3);
            for (int trial = 0; trial < 20; trial++)
            {
                double[] v = [.. Enumerable.Range(0, 40).Select(_ => (double)random.NextNormal())];
                double form = Enumerable.Range(0, 40).Sum(i => v[i] * Enumerable.Range(0, 40).Sum(j => gram[i, j] * v[j]));
                Assert.True(form >= -1e-6 * gram.Trace, $"seed {seed}: {form}");
            }
        }
    }

    [Fact]
    public void Centring_after_selecting_equals_selecting_before()
    {
        FeatureMatrix x = Planted.Noise(30, 200, 1);
        int[] rows = [3, 1, 4, 15, 9, 2, 6];
        GramMatrix late = GramMatrix.Compute(x.Values, 30, 200, centre: true).Select(rows).Centred();
        var early = GramMatrix.Compute(x.SelectRows(rows).Values, rows.Length, 200, centre: true);
        for (int i = 0; i < rows.Length; i++)
        {
            for (int j = 0; j < rows.Length; j++)
                Assert.Equal(early[i, j], late[i, j], 2e-6 * early[i, i]);
        }
    }

    [Fact]
    public void Squared_distances_are_never_negative_and_zero_to_itself()
    {
        var x = new FeatureMatrix("equal", 5, 33, [.. Enumerable.Range(0, 5 * 33).Select(i => 1000.1f + (0.37f * (i % 33)))]);
        var gram = GramMatrix.Compute(x.Values, 5, 33, centre: false);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(0, gram.SquaredDistance(i, i));
            for (int j = 0; j < 5; j++)
                Assert.InRange(gram.SquaredDistance(i, j), 0, 1e-6 * gram[i, i]);
        }
    }

    [Fact]
    public void Refuses_what_has_no_answer()
    {
        Assert.Throws<ArgumentException>(() => GramMatrix.Compute(new float[5], 2, 3, centre: true));
        Assert.Throws<ArgumentException>(() => GramMatrix.Compute(Array.Empty<float>(), 0, 3, centre: true));
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => GramMatrix.Compute(new[] { 1f, 2f, float.NaN, 4f }, 2, 2, centre: false));
        Assert.Contains("row 1", error.Message);
        Assert.Throws<ArgumentException>(() => GramMatrix.FromValues(2, [1, 2, 3, 4]));
    }

    [Fact]
    public void Row_distances_agree_with_sums_in_double()
    {
        foreach (int columns in new[] { 1, 16, 17, 31, 32, 33, 511, 512, 513, 1100 })
        {
            FeatureMatrix x = Shifted(2, columns, (ulong)columns);
            double expected = x.Row(0).ToArray().Zip(x.Row(1).ToArray(), (a, b) => ((double)a - b) * ((double)a - b)).Sum();
            Assert.Equal(expected, DenseVectors.SquaredDistance(x.Row(0), x.Row(1)), 1e-6 * expected);
        }
    }

    [Fact]
    public void Vector_sums_agree_with_plain_ones()
    {
        for (int length = 0; length < 75; length++)
        {
            var random = new RandomStream((ulong)length, RandomPurpose.Testing);
            double[] a = [.. Enumerable.Range(0, length).Select(_ => (double)random.NextNormal())];
            double[] b = [.. Enumerable.Range(0, length).Select(_ => (double)random.NextNormal())];
            Assert.Equal(a.Zip(b, (p, q) => p * q).Sum(), DenseVectors.Dot(a, b), 1e-12);
            double[] sum = [.. a];
            DenseVectors.AddScaled(sum, 0.25, b);
            for (int i = 0; i < length; i++)
                Assert.Equal(a[i] + (0.25 * b[i]), sum[i], 1e-15);
        }
    }

    /// <summary>Noise with a mean far from 0 in each column, which centring must take away before it rounds.</summary>
    private static FeatureMatrix Shifted(int rows, int columns, ulong seed)
    {
        FeatureMatrix x = Planted.Noise(rows, columns, seed);
        for (int i = 0; i < x.Values.Length; i++)
            x.Values[i] += 5 * (i % columns % 7);
        return x;
    }

    private static double[,] Reference(FeatureMatrix x, bool centre)
    {
        var means = new double[x.Columns];
        if (centre)
        {
            for (int c = 0; c < x.Columns; c++)
                means[c] = Enumerable.Range(0, x.Rows).Average(row => (double)x.Values[(row * x.Columns) + c]);
        }
        var gram = new double[x.Rows, x.Rows];
        for (int i = 0; i < x.Rows; i++)
        {
            for (int j = 0; j < x.Rows; j++)
            {
                for (int c = 0; c < x.Columns; c++)
                    gram[i, j] += (x.Values[(i * x.Columns) + c] - means[c]) * (x.Values[(j * x.Columns) + c] - means[c]);
            }
        }
        return gram;
    }
}
