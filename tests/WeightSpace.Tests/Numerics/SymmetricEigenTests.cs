using WeightSpace.Numerics;

namespace WeightSpace.Tests.Numerics;

public sealed class SymmetricEigenTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(64)]
    [InlineData(131)]
    public void VectorsAreOrthonormalAndSolveTheEquation(int count)
    {
        var random = new RandomStream((ulong)count, RandomPurpose.Testing);
        var matrix = new double[count * count];
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j <= i; j++)
                matrix[(i * count) + j] = matrix[(j * count) + i] = random.NextNormal();
        }
        AssertSolved(count, matrix, 1e-12 * Math.Sqrt(count));
    }

    [Fact]
    public void EqualAndVanishingEigenvaluesAreFound()
    {
        const int count = 20;
        var matrix = new double[count * count];
        AssertSolved(count, matrix, 0);
        for (int i = 0; i < count; i++)
            matrix[(i * count) + i] = i < 4 ? 9 : 1;
        AssertSolved(count, matrix, 1e-14);
        for (int i = 0; i < matrix.Length; i++)
            matrix[i] = 1; // of rank one
        (double[] values, _) = SymmetricEigen.Decompose(count, [.. matrix], 1);
        Assert.Equal(count, values[0], 1e-12);
        Assert.All(values[1..], value => Assert.Equal(0, value, 1e-12));
        AssertSolved(count, matrix, 1e-12);
    }

    /// <summary>Rows that come four times each, as twins before they part: three of four eigenvalues vanish.</summary>
    [Theory]
    [InlineData(20)]
    [InlineData(160)]
    public void TheGramMatrixOfRepeatedRowsIsSolved(int count)
    {
        const int columns = 300;
        var random = new RandomStream(4, RandomPurpose.Testing);
        var rows = new float[count * columns];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = i / columns % 4 == 0 ? random.NextNormal() : rows[i - columns];
        GramMatrix gram = GramMatrix.Compute(rows, count, columns, centre: true);
        var matrix = new double[count * count];
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < count; j++)
                matrix[(i * count) + j] = gram[i, j];
        }
        AssertSolved(count, matrix, 1e-9);
        (double[] values, _) = SymmetricEigen.Decompose(count, [.. matrix], 0);
        Assert.All(values[(count / 4)..], value => Assert.InRange(Math.Abs(value) / values[0], 0, 1e-6));
    }

    [Fact]
    public void SizesFarApartKeepTheirDigits()
    {
        double[] sizes = [1e150, 1e140, 1e120, 1e-120, 1e-140];
        var matrix = new double[25];
        for (int i = 0; i < 5; i++)
            matrix[(i * 5) + i] = sizes[i];
        (double[] values, double[][] vectors) = SymmetricEigen.Decompose(5, matrix, 5);
        Assert.Equal(sizes, values);
        for (int i = 0; i < 5; i++)
            Assert.Equal(1, Math.Abs(vectors[i][i]));
    }

    [Fact]
    public void RefusesWhatDoesNotFit()
    {
        Assert.Throws<ArgumentException>(() => SymmetricEigen.Decompose(2, new double[3], 1));
        Assert.Throws<ArgumentException>(() => SymmetricEigen.Decompose(2, new double[4], 3));
        Assert.Throws<ArgumentException>(() => SymmetricEigen.Decompose(3, [.. Enumerable.Repeat(double.NaN, 9)], 1));
    }

    private static void AssertSolved(int count, double[] matrix, double tolerance)
    {
        (double[] values, double[][] vectors) = SymmetricEigen.Decompose(count, [.. matrix], count);
        Assert.Equal(values.OrderDescending(), values);
        for (int v = 0; v < count; v++)
        {
            for (int other = 0; other <= v; other++)
                Assert.Equal(v == other ? 1 : 0, DenseVectors.Dot(vectors[v], vectors[other]), 1e-12);
            for (int i = 0; i < count; i++)
                Assert.Equal(values[v] * vectors[v][i], DenseVectors.Dot(matrix.AsSpan(i * count, count), vectors[v]), tolerance);
        }
    }
}
