using System.Globalization;
using System.Runtime.InteropServices;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Conformance;

namespace WeightSpace.Tests.Tasks.Images;

public sealed class DigitsDataTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The held-out images [image, pixel], then their labels, as PyTorch enlarges them in double.</summary>
    private const string Reference = """
        import numpy as np, torch
        digits = torch.from_numpy(np.loadtxt("{0}", delimiter=","))[4::5]
        images = torch.nn.functional.interpolate(digits[:, :64].reshape(-1, 1, 8, 8) / 16, size=({1}, {1}), mode="bilinear", align_corners=False)
        images.repeat(1, {2}, 1, 1).numpy().tofile("images.f64")
        digits[:, 64].numpy().tofile("labels.f64")
        """;

    [Theory]
    [InlineData(8, 1)]
    [InlineData(28, 1)]
    [InlineData(13, 3)]
    [InlineData(5, 2)]
    [InlineData(1, 1)]
    public void HeldOutImagesAreEveryFifthEnlargedAsPyTorchDoes(int size, int channels)
    {
        string file = Path.Combine(Repository.Root, "src", "WeightSpace.Tasks", "Data", "optdigits.csv.gz");
        DebianPython.RunCode(string.Format(CultureInfo.InvariantCulture, Reference, file, size, channels), _folder.Path);
        double[] images = Doubles("images.f64"), labels = Doubles("labels.f64");
        var task = new DigitsTask(size, channels);
        (float[][] x, float[][] y) = Columns(task, Split.Evaluation, 0, DigitImages.HeldOut, 368);
        Assert.Equal(DigitImages.HeldOut, labels.Length);
        for (int i = 0; i < labels.Length; i++)
        {
            Assert.Equal(labels[i], Array.IndexOf(y[i], 1f));
            Assert.Equal(1, y[i].Sum());
            for (int pixel = 0; pixel < task.Inputs; pixel++)
                Assert.Equal(images[(i * task.Inputs) + pixel], x[i][pixel], 6e-8);
        }
        Assert.All(x[labels.Length..].Concat(y[labels.Length..]), padding => Assert.All(padding, value => Assert.Equal(0f, value)));
    }

    [Fact]
    public void AnEpochHasEveryTrainingImageOnceAndEachEpochAndSeedItsOwnOrder()
    {
        var task = new DigitsTask(8, 1);
        float[] all = DigitImages.Enlarged(8);
        string[] Epoch(ulong seed, long epoch) => [.. Columns(task, Split.Train, epoch * DigitImages.Trained, DigitImages.Trained, 1440, seed).X[..DigitImages.Trained].Select(Word)];
        string[] expected = [.. Enumerable.Range(0, DigitImages.Trained).Select(image => Word(all[(image * 64)..((image + 1) * 64)])).Order(StringComparer.Ordinal)];
        string[][] epochs = [Epoch(7, 0), Epoch(7, 1), Epoch(8, 0), Epoch(7, 1L << 33)];
        Assert.Equal(1438, expected.Length);
        foreach (string[] epoch in epochs)
            Assert.Equal(expected, epoch.Order(StringComparer.Ordinal));
        foreach (string[] a in epochs)
        {
            foreach (string[] b in epochs.Where(b => b != a))
                Assert.InRange(a.Zip(b).Count(pair => pair.First == pair.Second), 0, 10); // 1 is to be expected
        }
    }

    [Fact]
    public void ASampleIsTheSameInWhateverBatchItIsDrawn()
    {
        var task = new DigitsTask(7, 2);
        // Over the end of the first epoch.
        long start = DigitImages.Trained - 20;
        (float[][] x, float[][] y) = Columns(task, Split.Train, start, 40, 48);
        foreach ((int first, int count, int stride) in ((int, int, int)[])[(0, 1, 16), (15, 10, 32), (39, 1, 16), (19, 2, 48)])
        {
            (float[][] someX, float[][] someY) = Columns(task, Split.Train, start + first, count, stride);
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(x[first + i], someX[i]);
                Assert.Equal(y[first + i], someY[i]);
            }
            Assert.All(someX[count..].Concat(someY[count..]), padding => Assert.All(padding, value => Assert.Equal(0f, value)));
        }
        // The label goes with its image.
        float[] all = DigitImages.Enlarged(7);
        var labels = Enumerable.Range(0, DigitImages.Count).ToLookup(image => Word(all[(image * 49)..((image + 1) * 49)]), image => DigitImages.Labels[image]);
        for (int i = 0; i < 40; i++)
            Assert.Contains((byte)Array.IndexOf(y[i], 1f), labels[Word(x[i][..49])]);
    }

    [Fact]
    public void DrawingAllocatesNothing()
    {
        TaskData data = TaskData.Of(new DigitsTask(8, 1), ImageLibrary.Default);
        float[] x = new float[64 * 64], y = new float[10 * 64];
        for (int epoch = 0; epoch < 2; epoch++)
            data.Sample(1, Split.Train, epoch * DigitImages.Trained, 64, 64, x, y);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 100; step++)
            data.Sample(1, Split.Train, step * 64, 64, 64, x, y);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void WhatIsNotThereIsRefused()
    {
        TaskData data = TaskData.Of(new DigitsTask(8, 1), ImageLibrary.Default);
        float[] x = new float[64 * 16], y = new float[10 * 16];
        Assert.Throws<ArgumentOutOfRangeException>(() => data.Sample(1, Split.Evaluation, 350, 10, 16, x, y));
        Assert.Throws<ArgumentOutOfRangeException>(() => data.Sample(1, Split.Train, -1, 10, 16, x, y));
        Assert.Throws<ArgumentException>(() => data.Sample(1, Split.Train, 0, 10, 16, x, new float[8 * 16]));
        Assert.Throws<ArgumentException>(() => data.Sample(1, Split.Train, 0, 10, 16, new float[63 * 16], y));
        Assert.Throws<ArgumentOutOfRangeException>(() => DigitImages.Enlarged(0));
    }

    private static string Word(float[] image) => Convert.ToHexString(MemoryMarshal.AsBytes<float>(image));

    private double[] Doubles(string file) => MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(_folder[file])).ToArray();

    private static (float[][] X, float[][] Y) Columns(DigitsTask task, Split split, long first, int count, int stride, ulong seed = 7) => ImageSamples.Columns(task, split, first, count, stride, seed);
}
