using WeightSpace.Numerics;

namespace WeightSpace.Tests.Numerics;

/// <summary>Moments of pieces, and sketches that keep inner products.</summary>
public sealed class SketchTests
{
    [Fact]
    public void MomentsOfPiecesAreThoseOfTheWhole()
    {
        // A mean that is large beside the deviations, where powers about 0 would have no digit left.
        float[] values = Vector(10_000, 1, 0.5f, 300);
        double mean = values.Average(value => (double)value);
        double Sum(int power) => values.Sum(value => Math.Pow(value - mean, power));
        CentralMoments whole = CentralMoments.Of(values), pieces = default;
        for (int first = 0, length = 1; first < values.Length; first += length, length = Math.Min(3 * length, values.Length - first))
            pieces = pieces.With(CentralMoments.Of(values.AsSpan(first, Math.Min(length, values.Length - first))));
        foreach (CentralMoments found in new[] { whole, pieces })
        {
            Assert.Equal(values.Length, found.Count);
            Assert.Equal(mean, found.Mean, 1e-10);
            Assert.Equal(1, found.Second / Sum(2), 1e-9);
            Assert.Equal(0, (found.Third - Sum(3)) / Sum(2), 1e-9);
            Assert.Equal(1, found.Fourth / Sum(4), 1e-9);
            Assert.Equal(1, found.SquaredNorm / values.Sum(value => (double)value * value), 1e-12);
        }
        Assert.Equal(3, whole.Kurtosis!.Value, 0.15); // drawn from a normal distribution
        Assert.Null(CentralMoments.Of([2, 2, 2]).Kurtosis);
        Assert.False(double.IsFinite(CentralMoments.Of([1, float.NaN, 2]).Second));
        Assert.False(double.IsFinite(CentralMoments.Of([1, 2, 3, 4, 5, 6, 7, 8, float.NegativeInfinity]).Second));
    }

    [Fact]
    public void PiecesInOrderGiveTheSameBits()
    {
        float[] values = Vector(5000, 2);
        var sketch = new RotatedSketch(300, 7);
        double[] whole = new double[300], pieces = new double[300];
        sketch.Add(whole, 0, values);
        for (int first = 0, length = 1; first < values.Length; first += length, length = (length * 7 % 91) + 1)
            sketch.Add(pieces, first, values.AsSpan(first, Math.Min(length, values.Length - first)));
        Assert.Equal(whole, pieces);
    }

    [Fact]
    public void AShortVectorIsKeptWhole()
    {
        float[] a = Vector(100, 3), b = Vector(100, 4);
        var sketch = new RotatedSketch(100, 0);
        Assert.Equal(Dot(a, b), Product(sketch, a, b), 1e-10);
        Assert.Equal(a.Select(Math.Abs).Order(), Of(sketch, a).Select(value => (float)Math.Abs(value)).Order()); // turned and signed, no more
    }

    /// <summary>Over many seeds: the mean is the true product, and the spread stays within the stated bound, and is not far below it.</summary>
    [Theory]
    [InlineData(64, 5000, 0)]
    [InlineData(100, 3001, 0.7)]
    [InlineData(256, 20_000, -0.4)]
    public void InnerProductsAreRightOnAverageAndWithinTheirBound(int size, int length, double cosine)
    {
        float[] a = Vector(length, 5), other = Vector(length, 6);
        float[] b = [.. a.Zip(other, (x, y) => (float)((cosine * x) + (Math.Sqrt(1 - (cosine * cosine)) * y)))];
        double norms = Math.Sqrt(Dot(a, a) * Dot(b, b)), truth = Dot(a, b) / norms;
        const int seeds = 400;
        double[] found = [.. Enumerable.Range(0, seeds).Select(seed => Product(new RotatedSketch(size, (ulong)seed), a, b) / norms)];
        double bound = RotatedSketch.CosineDeviation(size, truth), deviation = Math.Sqrt(found.Average(value => (value - truth) * (value - truth)));
        Assert.Equal(truth, found.Average(), 4 * bound / Math.Sqrt(seeds));
        Assert.InRange(deviation, 0.85 * bound, 1.12 * bound);
    }

    /// <summary>What would break a sketch that only looked at places within a block: all weight at places that are a block apart.</summary>
    [Fact]
    public void SparseVectorsStayWithinTheBoundToo()
    {
        const int size = 128, length = 128 * 60;
        var a = new float[length];
        for (int i = 0; i < length; i += size)
            a[i] = 1;
        double truth = Dot(a, a);
        double[] found = [.. Enumerable.Range(0, 500).Select(seed => Product(new RotatedSketch(size, (ulong)seed), a, a))];
        Assert.Equal(truth, found.Average(), 4 * truth * Math.Sqrt(2.0 / size / found.Length));
        Assert.InRange(Math.Sqrt(found.Average(value => (value - truth) * (value - truth))) / truth, 0.8 * Math.Sqrt(2.0 / size), 1.12 * Math.Sqrt(2.0 / size));
    }

    [Fact]
    public void ASketchIsLinear()
    {
        float[] a = [.. Vector(3000, 8).Select(value => (float)Math.Round(value * 64))], b = [.. Vector(3000, 9).Select(value => (float)Math.Round(value * 64))];
        var sketch = new RotatedSketch(70, 1);
        double[] difference = Of(sketch, [.. a.Zip(b, (x, y) => x - y)]);
        Assert.Equal(difference, Of(sketch, a).Zip(Of(sketch, b), (x, y) => x - y));
    }

    private static double Product(RotatedSketch sketch, float[] a, float[] b) => Of(sketch, a).Zip(Of(sketch, b), (x, y) => x * y).Sum();

    private static double[] Of(RotatedSketch sketch, float[] values)
    {
        var found = new double[sketch.Size];
        sketch.Add(found, 0, values);
        return found;
    }

    private static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

    private static float[] Vector(int length, ulong seed, float scale = 1, float mean = 0)
    {
        var random = new RandomStream(seed, RandomPurpose.Testing);
        var values = new float[length];
        for (int i = 0; i < length; i++)
            values[i] = mean + (scale * random.NextNormal());
        return values;
    }
}
