using System.Security.Cryptography;
using System.Text;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Tests.Cli;

namespace WeightSpace.Tests.Tasks.Images;

public sealed class ImageLibraryTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ImageLibrary Library => new(_folder.Path);

    [Fact]
    public void AnIdxSetIsReadPlainOrPackedWithTheSameDigest()
    {
        ImageFiles.WriteIdx(_folder["plain"]);
        ImageFiles.WriteIdx(_folder["packed"], isPacked: true);
        ImageSet set = Library.Load("plain");
        Assert.Equal(set.Info with { Name = "packed" }, Library.Load("packed").Info);
        Assert.Equal(new ImageSetInfo("plain", set.Info.Digest, 1, 9, 8, 4, 50, 20), set.Info);
        byte[] expected = [.. Enumerable.Range(0, 50 * 72).Select(ImageFiles.Pixel), .. Enumerable.Range(0, 20 * 72).Select(ImageFiles.Pixel)];
        byte[] labels = [.. Enumerable.Range(0, 50).Concat(Enumerable.Range(0, 20)).Select(image => (byte)(image % 4))];
        Assert.Equal(expected, set.Pixels);
        Assert.Equal(labels, set.Labels);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData([.. Encoding.ASCII.GetBytes("weightspace-images 1 1 9 8 4 50 20\n"), .. labels, .. expected])), set.Info.Digest);
        // Another content is another set, whatever its name.
        byte[] file = File.ReadAllBytes(_folder["plain/t10k-labels-idx1-ubyte"]);
        file[^1] ^= 1;
        File.WriteAllBytes(_folder["plain/t10k-labels-idx1-ubyte"], file);
        Assert.NotEqual(set.Info.Digest, Library.Load("plain").Info.Digest);
    }

    [Theory]
    [InlineData("cifar")]
    [InlineData("cifar/cifar-10-batches-bin")]
    public void ACifarSetIsReadFromItsFolderOrTheOneThatItsArchiveMakes(string folder)
    {
        ImageFiles.WriteCifar(_folder[folder]);
        ImageSet set = Library.Load("cifar");
        Assert.Equal((3, 32, 32, 8, 15, 3), (set.Info.Channels, set.Info.Height, set.Info.Width, set.Info.Classes, set.Info.Trained, set.Info.HeldOut));
        Assert.Equal([.. Enumerable.Range(0, 6 * 3 * 3072).Select(ImageFiles.Pixel)], set.Pixels);
        Assert.Equal([0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6, 5, 6, 7], set.Labels);
    }

    [Fact]
    public void NetworksSeeTheFilesBytesAsSharesOf255()
    {
        ImageFiles.WriteIdx(_folder["set"]);
        ImageLibrary library = Library;
        var task = new FileImagesTask(library.Find("set"));
        Assert.Equal(("set", 50, 20, 9, 8, 4), (task.Source, task.Trained, task.HeldOut, task.Height, task.Width, task.Outputs));
        TaskData data = TaskData.Of(task, library);
        float[] x = new float[72 * 64], y = new float[4 * 64];
        data.Sample(3, Split.Evaluation, 0, 20, 64, x, y);
        for (int image = 0; image < 20; image++)
        {
            Assert.Equal(1, y[(image % 4 * 64) + image]);
            for (int pixel = 0; pixel < 72; pixel++)
                Assert.Equal(ImageFiles.Pixel((image * 72) + pixel) / 255f, x[(pixel * 64) + image]);
        }
        data.Sample(3, Split.Train, 0, 50, 64, x, y);
        string[] seen = [.. Enumerable.Range(0, 50).Select(image => string.Join(',', Enumerable.Range(0, 72).Select(pixel => x[(pixel * 64) + image])))];
        Assert.Equal([.. Enumerable.Range(0, 50).Select(image => string.Join(',', Enumerable.Range(image * 72, 72).Select(at => ImageFiles.Pixel(at) / 255f))).Order(StringComparer.Ordinal)], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void OtherImagesThanTheRecipesAreRefused()
    {
        ImageFiles.WriteIdx(_folder["set"]);
        ImageSetInfo info = Library.Find("set");
        Assert.Equal(info, Library.Load(info).Info);
        var error = Assert.Throws<InvalidDataException>(() => Library.Load(info with { Digest = new string('0', 64) }));
        Assert.Contains(info.Digest, error.Message, StringComparison.Ordinal);
        Assert.Contains("--data", error.Message, StringComparison.Ordinal);
        Directory.Move(_folder["set"], _folder["moved"]);
        Assert.Contains("no such folder", Assert.Throws<InvalidDataException>(() => Library.Load(info)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ASetThatWasPutRightIsReadAgain()
    {
        ImageLibrary library = Library;
        Assert.Throws<InvalidDataException>(() => library.Load("set"));
        ImageFiles.WriteIdx(_folder["set"]);
        Assert.Equal(50, library.Load("set").Info.Trained);
        // Once read it is kept, for all threads.
        Assert.Same(library.Load("set"), library.Load("set"));
    }

    private const string Images = "train-images-idx3-ubyte", Labels = "train-labels-idx1-ubyte", HeldOutImages = "t10k-images-idx3-ubyte";

    /// <summary>Each damage of a file [at .. + length) is replaced by <c>hex</c>; at -1: what it is put behind.</summary>
    [Theory]
    [InlineData(Images, 0, 4, "00000801", "begins with 0x00000801, expected 0x00000803")]
    [InlineData(Images, 0, 4, "1f8b0800", "expected 0x00000803")]
    [InlineData(Labels, 0, 4, "00000803", "expected 0x00000801")]
    [InlineData(Images, 0, 3616, "", "found 0 bytes, expected 16 for the header")]
    [InlineData(Images, 0, 3608, "", "found 8 bytes, expected 16 for the header")]
    [InlineData(Images, 4, 4, "00000033", "expected 3672 for 51 images")]
    [InlineData(Images, 4, 4, "00000031", "goes on behind its last image")]
    [InlineData(Images, 4, 4, "00000000", "expected at least one")]
    [InlineData(Images, 4, 4, "ffffffff", "at most 1073741824 pixels")]
    [InlineData(Images, 4, 12, "7fffffff7fffffff7fffffff", "sides from 1 to 512")]
    [InlineData(Images, 8, 4, "00000000", "sides from 1 to 512")]
    [InlineData(Images, 8, 8, "0000000800000009", "t10k-images-idx3-ubyte: found images of 1x9x8, expected 1x8x9")]
    [InlineData(Images, 3615, 1, "", "ends after 3599 of 3600 bytes of 50 images")]
    [InlineData(Images, -1, 0, "00", "goes on behind its last image")]
    [InlineData(Labels, 4, 4, "00000031", "found 49 labels, expected 50")]
    [InlineData(Labels, 57, 1, "", "ends after 49 of 50 bytes of 50 labels")]
    [InlineData(Labels, -1, 0, "00", "goes on behind its last image")]
    [InlineData(HeldOutImages, 4, 4, "00000013", "goes on behind its last image")]
    public void ADamagedIdxFileIsRefused(string name, int at, int length, string hex, string named)
    {
        ImageFiles.WriteIdx(_folder["set"]);
        byte[] bytes = File.ReadAllBytes(_folder[$"set/{name}"]), put = Convert.FromHexString(hex);
        at = at < 0 ? bytes.Length : at;
        byte[] damaged = [.. bytes[..at], .. put, .. bytes[(at + length)..]];
        File.WriteAllBytes(_folder[$"set/{name}"], damaged);
        var error = Assert.Throws<InvalidDataException>(() => Library.Load("set"));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(_folder["set"], error.Message, StringComparison.Ordinal);
        // Packed it is as wrong.
        File.WriteAllBytes(_folder[$"set/{name}.gz"], ImageFiles.Pack(damaged));
        File.Delete(_folder[$"set/{name}"]);
        Assert.StartsWith(_folder["set"], Assert.Throws<InvalidDataException>(() => Library.Load("set")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADamagedOrBoundlessGzipFileIsRefused()
    {
        ImageFiles.WriteIdx(_folder["set"], isPacked: true);
        string path = _folder[$"set/{Images}.gz"];
        byte[] sound = File.ReadAllBytes(path);
        for (int at = 0; at < sound.Length; at += 7)
        {
            byte[] flipped = [.. sound];
            flipped[at] ^= 0x10;
            File.WriteAllBytes(path, flipped);
            // A few header bytes (a time, a name's flag) mean nothing; no flip may give other images.
            if (Record.Exception(() => Library.Load("set")) is { } error)
                Assert.StartsWith(path, Assert.IsType<InvalidDataException>(error).Message, StringComparison.Ordinal);
            else
                Assert.Equal([.. Enumerable.Range(0, 50 * 72).Select(ImageFiles.Pixel)], Library.Load("set").Pixels[..3600]);
        }
        foreach (byte[] other in (byte[][])[[], sound[..10], sound[..(sound.Length / 2)], [1, 2, 3]])
        {
            File.WriteAllBytes(path, other);
            Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => Library.Load("set")).Message, StringComparison.Ordinal);
        }
        // A header that promises a gigabyte in a hundred bytes is refused before anything is allocated; one that holds more than it promises is not read on.
        File.WriteAllBytes(path, ImageFiles.Pack(ImageFiles.Numbers(0x0803, 1 << 20, 32, 32)));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("cannot hold more", Assert.Throws<InvalidDataException>(() => Library.Load("set")).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        File.WriteAllBytes(path, ImageFiles.Pack([.. ImageFiles.Numbers(0x0803, 50, 9, 8), .. new byte[100_000_000]]));
        before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("goes on", Assert.Throws<InvalidDataException>(() => Library.Load("set")).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData("data_batch_2.bin", -1, "found 9218 bytes, expected a multiple of 3073")]
    [InlineData("test_batch.bin", -9219, "found 0 bytes")]
    [InlineData("data_batch_5.bin", 1, "found 9220 bytes")]
    public void ADamagedCifarFileIsRefused(string name, int change, string named)
    {
        ImageFiles.WriteCifar(_folder["set"]);
        byte[] bytes = File.ReadAllBytes(_folder[$"set/{name}"]);
        Array.Resize(ref bytes, bytes.Length + change);
        File.WriteAllBytes(_folder[$"set/{name}"], bytes);
        Assert.Contains($"{_folder[$"set/{name}"]}: {named}", Assert.Throws<InvalidDataException>(() => Library.Load("set")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsMissingOrOutOfRangeIsNamed()
    {
        ImageFiles.WriteCifar(_folder["cifar"]);
        byte[] bytes = File.ReadAllBytes(_folder["cifar/data_batch_1.bin"]);
        bytes[3073] = 10;
        File.WriteAllBytes(_folder["cifar/data_batch_1.bin"], bytes);
        Assert.Contains("the label 10 at image 2, expected 0 to 9", Assert.Throws<InvalidDataException>(() => Library.Load("cifar")).Message, StringComparison.Ordinal);
        ImageFiles.WriteCifar(_folder["cifar"]);
        File.Delete(_folder["cifar/data_batch_3.bin"]);
        Assert.Contains("data_batch_3.bin: the file is missing", Assert.Throws<InvalidDataException>(() => Library.Load("cifar")).Message, StringComparison.Ordinal);
        ImageFiles.WriteIdx(_folder["idx"]);
        File.Delete(_folder["idx/t10k-labels-idx1-ubyte"]);
        Assert.Contains("there is no t10k-labels-idx1-ubyte.gz either", Assert.Throws<InvalidDataException>(() => Library.Load("idx")).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(_folder["idx/t10k-labels-idx1-ubyte.gz"]);
        Assert.Contains("is missing", Assert.Throws<InvalidDataException>(() => Library.Load("idx")).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(_folder["empty"]);
        Assert.Contains("found no images, expected train-images-idx3-ubyte", Assert.Throws<InvalidDataException>(() => Library.Load("empty")).Message, StringComparison.Ordinal);
        Assert.Contains("weightspace data", Assert.Throws<InvalidDataException>(() => Library.Load("nowhere")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheNoticeOfTheDigitsNamesTheirAuthorsAndLicence()
    {
        Assert.Contains("Alpaydin", KnownImageSets.DigitsNotice, StringComparison.Ordinal);
        Assert.Contains("CC BY 4.0", KnownImageSets.DigitsNotice, StringComparison.Ordinal);
        Assert.Equal(["digits", "drawn_digits", "mnist", "fashion-mnist", "cifar-10"], KnownImageSets.All.Select(set => set.Name));
    }
}
