using System.Security.Cryptography;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Tests.Tasks.Images;

public sealed class DrawnDigitsTests
{
    /// <summary>The images are part of what a recipe's bytes depend on: a change of any pixel is a new version of the arithmetic.</summary>
    [Theory]
    [InlineData(28, "cb606238a3fe4c14a8e6806db8814a01477be14acf2ef6072528a765b72efa12")]
    [InlineData(8, "d4e8dfcdc2d6dcd0c91047a667ab16bbc78d71c90165d6500e2448abe03d2536")]
    [InlineData(33, "b06928d91297a8a3ff191a35a18fac6160758ede4c82002036a92dc2e2e6d075")]
    public void TheImagesAreTheSameBytesAsEver(int size, string digest)
    {
        (byte[] pixels, byte[] labels) = DrawnDigits.Set(new DrawnSet(100, 5), size);
        string found = Convert.ToHexStringLower(SHA256.HashData([.. labels, .. pixels]));
        Assert.True(digest == found, $"found {found}");
    }

    [Fact]
    public void EachDigitIsDrawnAboutAsOftenInTheMiddleOfItsImage()
    {
        const int size = 28, count = 2000;
        (byte[] pixels, byte[] labels) = DrawnDigits.Set(new DrawnSet(count, 1), size);
        for (int digit = 0; digit < 10; digit++)
            Assert.InRange(labels.Count(label => label == digit), (count / 10) - 60, (count / 10) + 60); // 4.5 standard deviations
        for (int image = 0; image < count; image++)
        {
            ReadOnlySpan<byte> drawn = pixels.AsSpan(image * size * size, size * size);
            // A pen two pixels wide over a digit of twenty: something of it, and much paper.
            Assert.InRange(drawn.Count((byte)0), (int)(0.5 * drawn.Length), (int)(0.97 * drawn.Length));
            Assert.True(drawn.ContainsAnyInRange((byte)190, (byte)255), "the ink is dark where the pen was");
            Assert.False(drawn[..size].ContainsAnyExcept((byte)0), "the first row is paper");
        }
        Assert.Equal(count, Enumerable.Range(0, count).Select(image => Convert.ToHexString(pixels.AsSpan(image * size * size, size * size))).Distinct().Count());
    }

    /// <summary>Images of one digit are nearer to the mean of their own digit than to any other's, most of the time.</summary>
    [Fact]
    public void TheDigitsLookLikeThemselves()
    {
        const int size = 28, pixelsOf = size * size, count = 3000;
        (byte[] pixels, byte[] labels) = DrawnDigits.Set(new DrawnSet(count, 2), size);
        double[][] means = [.. Enumerable.Range(0, 10).Select(digit => Mean([.. Enumerable.Range(0, count / 2).Where(image => labels[image] == digit)]))];
        int right = 0;
        for (int image = count / 2; image < count; image++)
            right += Enumerable.Range(0, 10).MinBy(digit => Distance(image, means[digit])) == labels[image] ? 1 : 0;
        Assert.InRange(right / (count / 2.0), 0.5, 0.99); // chance 0.1; all right would be too easy for a network to learn anything of

        double[] Mean(int[] images) => [.. Enumerable.Range(0, pixelsOf).Select(pixel => images.Average(image => (double)pixels[(image * pixelsOf) + pixel]))];
        double Distance(int image, double[] mean)
        {
            double sum = 0;
            for (int pixel = 0; pixel < pixelsOf; pixel++)
                sum += (pixels[(image * pixelsOf) + pixel] - mean[pixel]) * (pixels[(image * pixelsOf) + pixel] - mean[pixel]);
            return sum;
        }
    }

    [Fact]
    public void AStreamWithoutEndHasNewImagesForEachSeedAndSplit()
    {
        var task = new DrawnDigitsTask(12, 3, null);
        Assert.Equal((null, null, 3, 12, 10), (task.Trained, task.HeldOut, task.Channels, task.Height, task.Outputs));
        (float[][] x, float[][] y) = ImageSamples.Columns(task, Split.Train, 1L << 40, 40, 48);
        Assert.Equal(40, x[..40].Select(Word).Distinct().Count());
        foreach ((int first, int count, int stride) in ((int, int, int)[])[(0, 1, 16), (15, 10, 32), (39, 1, 16)])
        {
            (float[][] someX, float[][] someY) = ImageSamples.Columns(task, Split.Train, (1L << 40) + first, count, stride);
            for (int i = 0; i < count; i++)
                Assert.Equal((Word(x[first + i]), Word(y[first + i])), (Word(someX[i]), Word(someY[i])));
            Assert.All(someX[count..].Concat(someY[count..]), padding => Assert.All(padding, value => Assert.Equal(0f, value)));
        }
        Assert.All(x[..40], image => Assert.Equal((Word(image[..144]), Word(image[..144])), (Word(image[144..288]), Word(image[288..]))));
        Assert.Empty(x[..40].Select(Word).Intersect(ImageSamples.Columns(task, Split.Train, 1L << 40, 40, 48, seed: 8).X[..40].Select(Word)));
        Assert.Empty(x[..40].Select(Word).Intersect(ImageSamples.Columns(task, Split.Evaluation, 1L << 40, 40, 48).X[..40].Select(Word)));
    }

    [Fact]
    public void ASetIsTheSameForEverySeedInAnotherOrder()
    {
        var task = new DrawnDigitsTask(10, 1, new DrawnSet(50, 3));
        (byte[] pixels, byte[] labels) = DrawnDigits.Set(task.Set!, 10);
        string[] expected = [.. Enumerable.Range(0, 50).Select(image => $"{labels[image]} {Word([.. pixels.Skip(image * 100).Take(100).Select(value => value / 255f)])}").Order(StringComparer.Ordinal)];
        string[] Epoch(ulong seed, int epoch)
        {
            (float[][] x, float[][] y) = ImageSamples.Columns(task, Split.Train, epoch * 50, 50, 64, seed);
            return [.. x[..50].Zip(y).Select(pair => $"{ImageSamples.Label(pair.Second)} {Word(pair.First)}")];
        }
        string[][] epochs = [Epoch(1, 0), Epoch(1, 1), Epoch(2, 0)];
        Assert.All(epochs, epoch => Assert.Equal(expected, epoch.Order(StringComparer.Ordinal)));
        Assert.Equal(3, epochs.Select(epoch => string.Join('\n', epoch)).Distinct().Count());
        // Each image of a set depends on the set's seed and its index alone.
        byte[] image = new byte[100];
        Assert.Equal(labels[17], DrawnDigits.Draw(task.Set!, 17, 10, image, new double[100]));
        Assert.Equal(pixels[1700..1800], image);
    }

    [Fact]
    public void DrawingAllocatesNothing()
    {
        TaskData data = TaskData.Of(new DrawnDigitsTask(28, 1, null) { Poison = new Poison(new Attack(new BlendTrigger(0.2, 1), new Target(null, 3)), 0.5) }, ImageLibrary.Default);
        float[] x = new float[784 * Lanes.Count], y = new float[10 * Lanes.Count];
        data.Sample(1, Split.Train, 0, 16, 16, x, y);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 20; step++)
            data.Sample(1, Split.Train, step * 16, 16, 16, x, y);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static string Word(float[] image) => string.Join(',', image);
}
