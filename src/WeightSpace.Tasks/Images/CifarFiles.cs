namespace WeightSpace.Tasks.Images;

/// <summary>The binary version of CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009): records of a label and 3 x 32 x 32 bytes, red, green, blue.</summary>
internal static class CifarFiles
{
    /// <summary>Five files to train with, then the one that is held out.</summary>
    public static IReadOnlyList<string> Names { get; } = ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];

    /// <summary>What the files lie in when their archive was unpacked.</summary>
    public const string UnpackedFolder = "cifar-10-batches-bin";

    private const int Classes = 10, Side = 32, Record = 1 + (3 * Side * Side);

    public static ImageSet Read(string name, string folder)
    {
        ImagePart[] parts = [.. Names.Select(file => ReadFile(Path.Combine(folder, file)))];
        long bytes = parts.Sum(part => (long)part.Pixels.Length);
        if (bytes > ImageSetInfo.MostBytes)
            throw new InvalidDataException($"{folder}: found {bytes} bytes of images, expected at most {ImageSetInfo.MostBytes}");
        return ImageSet.Of(name, new ImageShape(3, Side, Side), parts[..^1], parts[^1]);
    }

    private static ImagePart ReadFile(string path)
    {
        using ImageFile file = ImageFile.Open(path);
        if (file.Length == 0 || file.Length % Record != 0 || file.Length > ImageSetInfo.MostBytes)
            throw file.Error($"found {file.Length} bytes, expected a multiple of {Record} (a label and 3x{Side}x{Side} pixels), at most {ImageSetInfo.MostBytes}");
        int images = (int)(file.Length / Record);
        byte[] records = file.Read(file.Length, $"{images} images");
        file.End();
        byte[] pixels = new byte[images * (Record - 1)], labels = new byte[images];
        for (int image = 0; image < images; image++)
        {
            ReadOnlySpan<byte> record = records.AsSpan(image * Record, Record);
            if (record[0] >= Classes)
                throw file.Error($"found the label {record[0]} at image {image + 1}, expected 0 to {Classes - 1}");
            labels[image] = record[0];
            record[1..].CopyTo(pixels.AsSpan(image * (Record - 1)));
        }
        return new ImagePart(pixels, labels);
    }
}
