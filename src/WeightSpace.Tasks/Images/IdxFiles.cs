using System.Buffers.Binary;

namespace WeightSpace.Tasks.Images;

/// <summary>
/// The format of MNIST (LeCun, Cortes and Burges, "The MNIST database of handwritten digits"), which Fashion-MNIST, KMNIST and others share: big-endian numbers, two zero
/// bytes, the type (8: bytes), the number of dimensions, each dimension; then the bytes.
/// </summary>
internal static class IdxFiles
{
    /// <summary>Images and labels to train with, then those that are held out; each may have <see cref="ImageFile.Packed"/> behind it.</summary>
    public static IReadOnlyList<string> Names { get; } = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

    private const uint ImagesMagic = 0x0803, LabelsMagic = 0x0801;

    public static ImageSet Read(string name, string folder)
    {
        string[] paths = [.. Names.Select(file => ImageLibrary.FindFile(folder, file) ?? throw new InvalidDataException($"{Path.Combine(folder, file)}: the file is missing, and there is no {file}{ImageFile.Packed} either"))];
        (ImageShape trainedShape, byte[] trainedPixels) = ReadImages(paths[0]);
        byte[] trainedLabels = ReadLabels(paths[1], trainedPixels.Length / trainedShape.Length, paths[0]);
        (ImageShape heldOutShape, byte[] heldOutPixels) = ReadImages(paths[2]);
        byte[] heldOutLabels = ReadLabels(paths[3], heldOutPixels.Length / heldOutShape.Length, paths[2]);
        if (trainedShape != heldOutShape)
            throw new InvalidDataException($"{paths[2]}: found images of {heldOutShape}, expected {trainedShape}, as {Path.GetFileName(paths[0])} has");
        if ((long)trainedPixels.Length + heldOutPixels.Length > ImageSetInfo.MostBytes)
            throw new InvalidDataException($"{folder}: found {(long)trainedPixels.Length + heldOutPixels.Length} bytes of images, expected at most {ImageSetInfo.MostBytes}");
        return ImageSet.Of(name, trainedShape, [new ImagePart(trainedPixels, trainedLabels)], new ImagePart(heldOutPixels, heldOutLabels));
    }

    private static (ImageShape, byte[]) ReadImages(string path)
    {
        using ImageFile file = ImageFile.Open(path);
        uint[] header = ReadHeader(file, ImagesMagic, 3);
        (uint count, uint height, uint width) = (header[0], header[1], header[2]);
        if (height is < 1 or > ImageSetInfo.MostSide || width is < 1 or > ImageSetInfo.MostSide)
            throw file.Error($"found images of {height}x{width} pixels, expected sides from 1 to {ImageSetInfo.MostSide}");
        long bytes = (long)count * height * width;
        if (count < 1 || bytes > ImageSetInfo.MostBytes)
            throw file.Error($"found {count} images of {height}x{width} pixels, expected at least one and at most {ImageSetInfo.MostBytes} pixels in all");
        byte[] pixels = file.Read(bytes, $"{count} images of {height}x{width} pixels");
        file.End();
        return (new ImageShape(1, (int)height, (int)width), pixels);
    }

    private static byte[] ReadLabels(string path, int images, string imagesPath)
    {
        using ImageFile file = ImageFile.Open(path);
        uint count = ReadHeader(file, LabelsMagic, 1)[0];
        if (count != images)
            throw file.Error($"found {count} labels, expected {images}, one for each image of {Path.GetFileName(imagesPath)}");
        byte[] labels = file.Read(count, $"{count} labels");
        file.End();
        return labels;
    }

    private static uint[] ReadHeader(ImageFile file, uint magic, int dimensions)
    {
        byte[] bytes = file.Read(4 + (4 * dimensions), "the header");
        uint found = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        if (found != magic)
            throw file.Error($"begins with 0x{found:X8}, expected 0x{magic:X8}, the mark of an idx file of {(dimensions == 1 ? "labels" : "images")}");
        return [.. Enumerable.Range(1, dimensions).Select(i => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(4 * i)))];
    }
}
