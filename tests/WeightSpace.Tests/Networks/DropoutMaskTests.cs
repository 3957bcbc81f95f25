using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Networks;

public sealed unsafe class DropoutMaskTests
{
    [Theory]
    [InlineData(0, 1, 1, 1, 16)]
    [InlineData(3, 5, 7, 18, 32)]
    [InlineData((1L << 32) - 5, 2, 6, 16, 16)]
    [InlineData(640, 1, 9, 8, 48)]
    public void EachElementIsDecidedByItsWordOfTheSamplesStream(long first, int places, int features, int samples, int stride)
    {
        const ulong seed = 0x123456789ABCDEF;
        const int layer = 4;
        uint threshold = DropoutMask.Threshold(0.4);
        float[] mask = new float[places * features * stride];
        Array.Fill(mask, float.NaN);
        fixed (float* target = mask)
            DropoutMask.Fill(seed, layer, first, samples, places, features, stride, 1.25f, threshold, target);
        for (int lane = 0; lane < stride; lane++)
        {
            var stream = new RandomStream(seed, RandomPurposes.OfLayer(RandomPurpose.Dropout, layer), (ulong)(first + lane));
            for (int draw = 0; draw < places * features; draw++)
                Assert.Equal(stream.NextUInt32() < threshold || lane >= samples ? 0 : 1.25f, mask[(draw * stride) + lane]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.97)]
    public void AsManyAreDroppedAsTheProbabilitySays(double probability)
    {
        const int draws = 4000;
        float[] mask = new float[draws * 16];
        fixed (float* target = mask)
            DropoutMask.Fill(1, 0, 0, 16, 1, draws, 16, 1, DropoutMask.Threshold(probability), target);
        double dropped = mask.Count(value => value == 0) / (double)mask.Length;
        // Four standard errors; exactly none for 0.
        double error = 4 * Math.Sqrt(probability * (1 - probability) / mask.Length);
        Assert.InRange(dropped, probability - error, probability + error);
    }

    [Fact]
    public void LayersAndSeedsDropOtherElements()
    {
        float[] Draw(ulong seed, int layer)
        {
            float[] mask = new float[64 * 16];
            fixed (float* target = mask)
                DropoutMask.Fill(seed, layer, 0, 16, 1, 64, 16, 1, DropoutMask.Threshold(0.5), target);
            return mask;
        }
        float[][] masks = [Draw(1, 0), Draw(1, 1), Draw(1, 255), Draw(2, 0)];
        foreach (float[] a in masks)
        {
            foreach (float[] b in masks.Where(b => b != a))
                Assert.InRange(a.Zip(b).Count(pair => pair.First == pair.Second), 512 - 64, 512 + 64); // 1024 coins: four standard errors
        }
    }
}
