using WeightSpace.Numerics;

namespace WeightSpace.Tests.Numerics;

public sealed class PhiloxTests
{
    /// <summary>The known answers published with Random123 (kat_vectors, philox4x32 10).</summary>
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void GivesThePublishedVectors(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint w0, uint w1, uint w2, uint w3) =>
        Assert.Equal((w0, w1, w2, w3), Philox.Block(c0, c1, c2, c3, k0, k1));

    [Theory]
    [InlineData(0)]
    [InlineData(uint.MaxValue - 7UL)]
    [InlineData(ulong.MaxValue - 3)]
    public void SixteenSideBySideAreSixteenOneByOne(ulong first)
    {
        const ulong key = 0xFEDCBA9876543210;
        var (w0, w1, w2, w3) = Philox.Blocks(77, first, 0x80000005, key);
        for (int lane = 0; lane < Lanes.Count; lane++)
        {
            ulong item = first + (ulong)lane;
            Assert.Equal(Philox.Block(77, (uint)item, (uint)(item >> 32), 0x80000005, unchecked((uint)key), (uint)(key >> 32)), (w0[lane], w1[lane], w2[lane], w3[lane]));
        }
    }

    [Fact]
    public void StreamsOfOtherSeedsPurposesAndItemsDiffer()
    {
        uint First(ulong seed, RandomPurpose purpose, ulong item) => new RandomStream(seed, purpose, item).NextUInt32();
        uint[] firsts =
        [
            First(1, RandomPurpose.TrainingData, 0), First(2, RandomPurpose.TrainingData, 0), First(1UL << 32, RandomPurpose.TrainingData, 0),
            First(1, RandomPurpose.EvaluationData, 0), First(1, RandomPurpose.TrainingData, 1), First(1, RandomPurpose.TrainingData, 1UL << 32),
        ];
        Assert.Equal(firsts.Length, firsts.Distinct().Count());
    }

    [Fact]
    public void AStreamIsItsBlocksInOrder()
    {
        var stream = new RandomStream(7, RandomPurpose.Testing, 3);
        for (uint block = 0; block < 3; block++)
        {
            (uint w0, uint w1, uint w2, uint w3) = Philox.Block(block, 3, 0, (uint)RandomPurpose.Testing, 7, 0);
            Assert.Equal(w0, stream.NextUInt32());
            Assert.Equal(w1, stream.NextUInt32());
            Assert.Equal(w2, stream.NextUInt32());
            Assert.Equal(w3, stream.NextUInt32());
        }
    }

    [Fact]
    public void FillingIsDrawingOneByOne()
    {
        var one = new RandomStream(9, RandomPurpose.Testing);
        var many = one;
        foreach (int count in new[] { 1, 2, 7, 4, 0, 13 })
        {
            uint[] words = new uint[count];
            many.Fill(words);
            Assert.Equal(words.Select(_ => one.NextUInt32()), words);
        }
    }

    [Fact]
    public void UniformsAreInRangeAndEven()
    {
        const int draws = 200_000, bins = 20;
        var stream = new RandomStream(1, RandomPurpose.Testing);
        int[] counts = new int[bins];
        double sum = 0;
        for (int i = 0; i < draws; i++)
        {
            float u = stream.NextUniform();
            Assert.InRange(u, 0f, 0.99999994f);
            counts[(int)(u * bins)]++;
            sum += u;
        }
        double chiSquare = counts.Sum(count => Math.Pow(count - (draws / bins), 2) / (draws / bins));
        Assert.InRange(chiSquare, 0, 43.8); // 99.9 % point of chi-square with 19 degrees of freedom
        Assert.Equal(0.5, sum / draws, 0.003);
    }

    [Fact]
    public void NormalsHaveTheMomentsOfANormal()
    {
        const int draws = 200_000;
        var stream = new RandomStream(2, RandomPurpose.Testing);
        double sum = 0, square = 0, fourth = 0;
        for (int i = 0; i < draws; i++)
        {
            double x = stream.NextNormal();
            sum += x;
            square += x * x;
            fourth += x * x * x * x;
        }
        Assert.Equal(0, sum / draws, 0.01);
        Assert.Equal(1, square / draws, 0.015);
        Assert.Equal(3, fourth / draws, 0.15);
    }

    /// <summary>A shuffle draws in bulk, but gives the order of drawing one by one, and leaves the stream behind the last word that it used.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(63, 3)]
    [InlineData(65, 4)]
    [InlineData(66, 0)]
    [InlineData(1438, 2)]
    public void ShufflingIsDrawingOneByOne(int count, int before)
    {
        RandomStream bulk = new(9, RandomPurpose.Testing, 5), one = bulk;
        for (int i = 0; i < before; i++)
            Assert.Equal(bulk.NextUInt32(), one.NextUInt32());
        int[] found = [.. Enumerable.Range(0, count)], expected = [.. found];
        bulk.Shuffle<int>(found);
        for (int last = count - 1; last > 0; last--)
        {
            int other = one.NextBelow(last + 1);
            (expected[last], expected[other]) = (expected[other], expected[last]);
        }
        Assert.Equal(expected, found);
        for (int i = 0; i < 5; i++)
            Assert.Equal(one.NextUInt32(), bulk.NextUInt32());
    }

    [Fact]
    public void PermutationsHoldEveryItemAndAllOrdersAreEquallyOften()
    {
        var counts = new Dictionary<string, int>();
        Span<int> order = stackalloc int[4];
        for (ulong item = 0; item < 24_000; item++)
        {
            new RandomStream(3, RandomPurpose.Testing, item).Permute(order);
            string key = string.Join(',', order.ToArray());
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }
        Assert.Equal(24, counts.Count);
        double chiSquare = counts.Values.Sum(count => Math.Pow(count - 1000, 2) / 1000);
        Assert.InRange(chiSquare, 0, 49.7); // 99.9 %, 23 degrees of freedom
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    [InlineData(int.MaxValue)]
    public void BoundedDrawsStayBelowTheirBound(int bound)
    {
        var stream = new RandomStream(4, RandomPurpose.Testing);
        for (int i = 0; i < 1000; i++)
            Assert.InRange(stream.NextBelow(bound), 0, bound - 1);
    }
}
