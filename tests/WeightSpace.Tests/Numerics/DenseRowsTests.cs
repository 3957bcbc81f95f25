using WeightSpace.Numerics;

namespace WeightSpace.Tests.Numerics;

/// <summary>Kernels on doubles against sums written out.</summary>
public sealed class DenseRowsTests
{
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 3, 2, 5 }, { 4, 2, 32 }, { 5, 3, 33 }, { 16, 5, 239 }, { 7, 10, 64 }, { 6, 1, 40 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void InnerProductsAreThoseOfAllPairsOfRows(int rows, int others, int columns)
    {
        int stride = DenseRows.Stride(columns);
        double[] a = Padded(rows, columns, stride, 1), b = Padded(others, columns, stride, 2), products = new double[rows * others];
        DenseRows.InnerProducts(a, b, stride, products);
        for (int i = 0; i < rows; i++)
        {
            for (int k = 0; k < others; k++)
                Assert.Equal(Enumerable.Range(0, columns).Sum(c => a[(i * stride) + c] * b[(k * stride) + c]), products[(i * others) + k], 1e-12 * columns);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void WeightedRowsAreAddedToWhatIsThere(int rows, int others, int columns)
    {
        int stride = DenseRows.Stride(columns);
        double[] a = Padded(rows, columns, stride, 3), factors = Padded(rows, others, others, 4), before = Padded(others, columns, stride, 5);
        double[] sums = [.. before];
        DenseRows.AddWeightedRows(a, factors, stride, sums);
        for (int k = 0; k < others; k++)
        {
            for (int c = 0; c < stride; c++)
            {
                double expected = before[(k * stride) + c] + Enumerable.Range(0, rows).Sum(i => factors[(i * others) + k] * a[(i * stride) + c]);
                Assert.Equal(expected, sums[(k * stride) + c], 1e-12 * rows);
            }
        }
    }

    [Fact]
    public void ShapesThatDoNotFitAreRefused()
    {
        Assert.Throws<ArgumentException>(() => DenseRows.InnerProducts(new double[33], new double[32], 32, new double[1]));
        Assert.Throws<ArgumentException>(() => DenseRows.InnerProducts(new double[31], new double[31], 31, new double[1]));
        Assert.Throws<ArgumentException>(() => DenseRows.InnerProducts(new double[64], new double[64], 32, new double[3]));
        Assert.Throws<ArgumentException>(() => DenseRows.AddWeightedRows(new double[64], new double[3], 32, new double[64]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(21)]
    public void ExpAgreesWithThePlatform(int count)
    {
        double[] values = Padded(1, count, count, 6), exponentials = [.. values.Select(value => 40 * value)];
        DenseVectors.Exp(exponentials);
        for (int i = 0; i < count; i++)
            Assert.Equal(1, exponentials[i] / Math.Exp(40 * values[i]), 1e-14);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(45)]
    public void ColumnsAreSummedAndStandardisedOneByOne(int columns)
    {
        float[] values = [.. Padded(1, columns, columns, 7).Select(value => (float)value)];
        double[] means = Padded(1, columns, columns, 8), scales = Padded(1, columns, columns, 9), sums = [.. means], squares = [.. scales];
        var standardised = new float[columns];
        DenseVectors.Add(sums, values);
        DenseVectors.AddSquaredDeviations(squares, values, means);
        DenseVectors.Standardise(values, means, scales, standardised);
        for (int c = 0; c < columns; c++)
        {
            double deviation = values[c] - means[c];
            Assert.Equal(means[c] + values[c], sums[c]);
            Assert.Equal(scales[c] + (deviation * deviation), squares[c]);
            Assert.Equal((float)(deviation * scales[c]), standardised[c]);
        }
    }

    private static double[] Padded(int rows, int columns, int stride, ulong item)
    {
        var stream = new RandomStream(11, RandomPurpose.Testing, item);
        var values = new double[rows * stride];
        for (int row = 0; row < rows; row++)
        {
            for (int c = 0; c < columns; c++)
                values[(row * stride) + c] = (stream.NextUInt32() / 2147483648.0) - 1;
        }
        return values;
    }
}
