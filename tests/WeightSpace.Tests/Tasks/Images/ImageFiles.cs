using System.Buffers.Binary;
using System.IO.Compression;

namespace WeightSpace.Tests.Tasks.Images;

/// <summary>Writes image sets as their authors do.</summary>
internal static class ImageFiles
{
    public const int Trained = 50, HeldOut = 20, Height = 9, Width = 8;

    /// <summary>Byte <paramref name="at"/> of the made-up images.</summary>
    public static byte Pixel(int at) => (byte)((at * 37) + (at / 251));

    /// <summary>A set in the format of MNIST: pixels as <see cref="Pixel"/> has them, labels 0 to 3 in turn.</summary>
    public static void WriteIdx(string folder, bool isPacked = false)
    {
        Directory.CreateDirectory(folder);
        foreach ((string part, int count) in ((string, int)[])[("train", Trained), ("t10k", HeldOut)])
        {
            byte[] pixels = [.. Enumerable.Range(0, count * Height * Width).Select(Pixel)], labels = [.. Enumerable.Range(0, count).Select(image => (byte)(image % 4))];
            Write(Path.Combine(folder, $"{part}-images-idx3-ubyte"), [.. Numbers(0x0803, count, Height, Width), .. pixels], isPacked);
            Write(Path.Combine(folder, $"{part}-labels-idx1-ubyte"), [.. Numbers(0x0801, count), .. labels], isPacked);
        }
    }

    /// <summary>A set in the format of CIFAR-10 with so many images to a file.</summary>
    public static void WriteCifar(string folder, int images = 3)
    {
        Directory.CreateDirectory(folder);
        string[] files = [.. Enumerable.Range(1, 5).Select(batch => $"data_batch_{batch}.bin"), "test_batch.bin"];
        for (int file = 0; file < files.Length; file++)
        {
            byte[] records = [.. Enumerable.Range(0, images).SelectMany(image => Enumerable.Range(0, 3072).Select(at => Pixel((file * images * 3072) + (image * 3072) + at)).Prepend((byte)((file + image) % 10)))];
            File.WriteAllBytes(Path.Combine(folder, files[file]), records);
        }
    }

    public static byte[] Numbers(params int[] values)
    {
        byte[] bytes = new byte[4 * values.Length];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 * i), values[i]);
        return bytes;
    }

    public static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize))
            gzip.Write(bytes);
        return packed.ToArray();
    }

    private static void Write(string path, byte[] bytes, bool isPacked) => File.WriteAllBytes(isPacked ? path + ".gz" : path, isPacked ? Pack(bytes) : bytes);
}
