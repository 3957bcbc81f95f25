using WeightSpace.Numerics;

namespace WeightSpace.Tests.Numerics;

public sealed class DoubleMathTests
{
    [Fact]
    public void LogAgreesWithThePlatform()
    {
        var stream = new RandomStream(5, RandomPurpose.Testing);
        for (int i = 0; i < 100_000; i++)
        {
            double x = BitConverter.Int64BitsToDouble((long)(((ulong)stream.NextUInt32() << 32 | stream.NextUInt32()) % 0x7FE0000000000000UL + 0x10000000000000UL));
            double expected = Math.Log(x);
            Assert.True(Math.Abs(DoubleMath.Log(x) - expected) <= 4e-16 * Math.Max(Math.Abs(expected), Math.Abs(x - 1)), $"log({x:R})");
        }
        Assert.Equal(0, DoubleMath.Log(1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.Epsilon)]
    public void LogRefusesWhatHasNone(double x) => Assert.Throws<ArgumentOutOfRangeException>(() => DoubleMath.Log(x));

    /// <summary>Table values of the normal distribution.</summary>
    [Theory]
    [InlineData(0.5, 0)]
    [InlineData(0.975, 1.959963984540054)]
    [InlineData(0.025, -1.959963984540054)]
    [InlineData(0.9, 1.2815515655446004)]
    [InlineData(1e-10, -6.361340902404056)]
    [InlineData(1e-20, -9.262340089798408)]
    public void NormalQuantileGivesTableValues(double p, double expected) => Assert.Equal(expected, DoubleMath.NormalQuantile(p), 1e-13 * Math.Max(1, Math.Abs(expected)));

    [Fact]
    public void CosPiAgreesWithThePlatform()
    {
        for (int i = 0; i <= 200_000; i++)
            Assert.Equal(Math.Cos(Math.PI * (i / 200_000.0)), DoubleMath.CosPi(i / 200_000.0), 1e-15);
        Assert.Equal((1.0, 0.0, -1.0), (DoubleMath.CosPi(0), DoubleMath.CosPi(0.5), DoubleMath.CosPi(1)));
        foreach (double outside in (double[])[-1e-300, 1.0000000000000002, double.NaN])
            Assert.Throws<ArgumentOutOfRangeException>(() => DoubleMath.CosPi(outside));
    }

    [Fact]
    public void PowerMultiplies()
    {
        Assert.Equal(1, DoubleMath.Power(0.9, 0));
        Assert.Equal(0.9 * 0.9 * 0.9, DoubleMath.Power(0.9, 3), 1e-15);
        Assert.Equal(Math.Pow(0.999, 100_000), DoubleMath.Power(0.999, 100_000), 1e-55);
    }
}
