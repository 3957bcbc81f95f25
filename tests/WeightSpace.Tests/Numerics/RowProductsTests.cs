using WeightSpace.Analysis;
using WeightSpace.Numerics;
using WeightSpace.Tests.Analysis;

namespace WeightSpace.Tests.Numerics;

public sealed class RowProductsTests
{
    /// <summary>Rows of the left, rows or columns of the right, the inner index: whole tiles, their edges and one beyond.</summary>
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 7, 47, 255 }, { 8, 48, 256 }, { 9, 49, 257 }, { 96, 192, 40 }, { 97, 193, 300 }, { 200, 400, 17 }, { 5, 3, 1030 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void InnerProductsAgreeWithSumsInDouble(int rows, int others, int inner)
    {
        (FeatureMatrix a, FeatureMatrix b) = (Planted.Noise(rows, inner, 1), Planted.Noise(others, inner, 2));
        using FloatRows left = Copy(a), right = Copy(b);
        double[,] products = Collect(rows, others, sink => RowProducts.Inner(left, right, sink, TestContext.Current.CancellationToken));
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < others; j++)
                AssertNear(a.Row(i), b.Row(j), products[i, j]);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void WeightedRowsAgreeWithSumsInDouble(int rows, int columns, int inner)
    {
        (FeatureMatrix a, FeatureMatrix b) = (Planted.Noise(rows, inner, 3), Planted.Noise(inner, columns, 4));
        using FloatRows left = Copy(a), right = Copy(b);
        double[,] products = Collect(rows, columns, sink => RowProducts.Multiply(left, right, sink));
        double[,] fromArray = Collect(rows, columns, sink => RowProducts.Multiply(left, b.Values, columns, columns, sink));
        Assert.Equal(products, fromArray);
        for (int j = 0; j < columns; j++)
        {
            float[] column = [.. Enumerable.Range(0, inner).Select(k => b.Values[(k * columns) + j])];
            for (int i = 0; i < rows; i++)
                AssertNear(a.Row(i), column, products[i, j]);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void SymmetricProductsHaveTheBitsOfPlainOnes(int rows, int others, int inner)
    {
        int count = Math.Max(rows, others);
        using FloatRows x = Copy(Planted.Noise(count, inner, 5));
        double[,] all = Collect(count, count, sink => RowProducts.Inner(x, x, sink, TestContext.Current.CancellationToken));
        double[,] upper = Collect(count, count, sink => RowProducts.Symmetric(x, sink, TestContext.Current.CancellationToken));
        for (int i = 0; i < count; i++)
        {
            for (int j = i; j < count; j++)
            {
                Assert.Equal(all[i, j], upper[i, j]);
                Assert.Equal(all[i, j], all[j, i]);
            }
        }
    }

    [Fact]
    public void RowsAreCentredAndTurnedOver()
    {
        FeatureMatrix x = Planted.Noise(70, 33, 6);
        using FloatRows rows = Copy(x);
        double[] means = rows.Centre();
        using FloatRows turned = rows.Transposed(50);
        Assert.Equal((33, 50), (turned.Count, turned.Columns));
        for (int c = 0; c < 33; c++)
        {
            double mean = Enumerable.Range(0, 70).Average(row => (double)x.Row(row)[c]);
            Assert.Equal(mean, means[c], 1e-12);
            for (int row = 0; row < 70; row++)
                Assert.Equal((float)(x.Row(row)[c] - means[c]), rows[row][c]);
            for (int row = 0; row < 50; row++)
                Assert.Equal(rows[row][c], turned[c][row]);
        }
    }

    [Fact]
    public void RefusesWhatDoesNotFit()
    {
        using FloatRows a = new(3, 5), b = new(4, 6);
        Assert.Throws<ArgumentException>(() => RowProducts.Inner(a, b, (in ProductTile _) => { }, TestContext.Current.CancellationToken));
        Assert.Throws<ArgumentException>(() => RowProducts.Multiply(a, b, (in ProductTile _) => { }));
        Assert.Throws<ArgumentException>(() => RowProducts.Multiply(a, new float[7], 2, 2, (in ProductTile _) => { }));
        Assert.Throws<ArgumentException>(() => FloatRows.Copy(new float[5], 2, 3, centre: true));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FloatRows(0, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => a[3].Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => a.Transposed(4));
    }

    private static FloatRows Copy(FeatureMatrix x) => FloatRows.Copy(x.Values, x.Rows, x.Columns, centre: false);

    /// <summary>Within 1e-6 of the norms, which is what the class states four times over.</summary>
    private static void AssertNear(ReadOnlySpan<float> a, ReadOnlySpan<float> b, double product)
    {
        double expected = 0, squaresA = 0, squaresB = 0;
        for (int k = 0; k < a.Length; k++)
        {
            expected += (double)a[k] * b[k];
            squaresA += (double)a[k] * a[k];
            squaresB += (double)b[k] * b[k];
        }
        Assert.Equal(expected, product, 1e-6 * Math.Sqrt(squaresA * squaresB));
    }

    private static double[,] Collect(int rows, int columns, Action<ProductSink> run)
    {
        var all = new double[rows, columns];
        run((in ProductTile tile) =>
        {
            for (int i = 0; i < tile.Rows; i++)
            {
                for (int j = 0; j < tile.Columns; j++)
                    all[tile.FirstRow + i, tile.FirstColumn + j] = tile[i][j];
            }
        });
        return all;
    }
}
