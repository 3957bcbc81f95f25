using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;

namespace WeightSpace.Tasks.Images;

/// <summary>
/// The images behind <see cref="DigitsTask"/>: "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, CC BY
/// 4.0), which the assembly holds. They are decoded at first use, once for all threads, and so are their enlargements.
/// </summary>
public static class DigitImages
{
    public const int Count = 1797;

    /// <summary>Images held out: every fifth of the file (index % 5 = 4). They stand behind those to train with.</summary>
    public const int HeldOut = Count / Nth;

    /// <summary>Images to train with.</summary>
    public const int Trained = Count - HeldOut;

    /// <summary>Pixels of an edge as they were scanned.</summary>
    public const int Edge = 8;

    public const int Classes = 10;

    private const int Nth = 5, Pixels = Edge * Edge, Darkest = 16;

    private static readonly Lazy<(byte[] Pixels, byte[] Labels)> s_digits = new(Decode);
    private static readonly ConcurrentDictionary<int, Lazy<float[]>> s_enlarged = new();

    /// <summary>Which digit each image shows, [image], those to train with first.</summary>
    public static ReadOnlySpan<byte> Labels => s_digits.Value.Labels;

    /// <summary>
    /// All images at size x size, [image, pixel], those to train with first. Grey values 0 to 1, enlarged as
    /// torch.nn.functional.interpolate(mode="bilinear", align_corners=False) does. Shared by all threads: not to be written to.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1, or so large that the images do not fit into one array.</exception>
    public static float[] Enlarged(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, 1024);
        return s_enlarged.GetOrAdd(size, edge => new Lazy<float[]>(() => Enlarge(edge))).Value;
    }

    private static float[] Enlarge(int size)
    {
        byte[] digits = s_digits.Value.Pixels;
        int pixels = size * size;
        float[] images = new float[Count * pixels];
        var taps = new (int Low, int High, double Share)[size];
        for (int i = 0; i < size; i++)
        {
            // The middle of a pixel of the target lies at the same share of the edge in the source.
            double at = Math.Max(0, ((i + 0.5) * ((double)Edge / size)) - 0.5);
            int low = Math.Min((int)at, Edge - 1);
            taps[i] = (low, Math.Min(low + 1, Edge - 1), at - low);
        }
        for (int image = 0; image < Count; image++)
        {
            ReadOnlySpan<byte> source = digits.AsSpan(image * Pixels, Pixels);
            Span<float> target = images.AsSpan(image * pixels, pixels);
            for (int y = 0; y < size; y++)
            {
                (int top, int bottom, double down) = taps[y];
                for (int x = 0; x < size; x++)
                {
                    (int left, int right, double across) = taps[x];
                    double above = ((1 - across) * source[(top * Edge) + left]) + (across * source[(top * Edge) + right]);
                    double below = ((1 - across) * source[(bottom * Edge) + left]) + (across * source[(bottom * Edge) + right]);
                    target[(y * size) + x] = (float)((((1 - down) * above) + (down * below)) / Darkest);
                }
            }
        }
        return images;
    }

    private static (byte[] Pixels, byte[] Labels) Decode()
    {
        using Stream resource = typeof(DigitImages).Assembly.GetManifestResourceStream("optdigits.csv.gz") ?? throw Damaged("is missing");
        using var reader = new StreamReader(new GZipStream(resource, CompressionMode.Decompress));
        byte[] pixels = new byte[Count * Pixels], labels = new byte[Count];
        for (int row = 0; row < Count; row++)
        {
            int image = row % Nth == Nth - 1 ? Trained + (row / Nth) : row - (row / Nth);
            string[] fields = (reader.ReadLine() ?? throw Damaged($"ends behind row {row}, {Count} rows were expected")).Split(',');
            if (fields.Length != Pixels + 1)
                throw Damaged($"has {fields.Length} fields in row {row + 1}, {Pixels + 1} were expected");
            for (int i = 0; i <= Pixels; i++)
            {
                int largest = i < Pixels ? Darkest : Classes - 1;
                if (!byte.TryParse(fields[i], NumberStyles.None, CultureInfo.InvariantCulture, out byte value) || value > largest)
                    throw Damaged($"has '{fields[i]}' in row {row + 1}, field {i + 1}; a number from 0 to {largest} was expected");
                if (i < Pixels)
                    pixels[(image * Pixels) + i] = value;
                else
                    labels[image] = value;
            }
        }
        if (reader.ReadLine() is not null)
            throw Damaged($"goes on behind row {Count}");
        return (pixels, labels);
    }

    private static InvalidDataException Damaged(string what) => new($"the digits in {typeof(DigitImages).Assembly.GetName().Name}.dll are damaged: optdigits.csv.gz {what}; build or install the program anew");
}
