using System.Security.Cryptography;
using System.Text;

namespace WeightSpace.Tasks.Images;

/// <summary>What a recipe knows of images from files: enough to build a network for them, and the digest of their content.</summary>
/// <param name="Name">The folder that they are looked for in, and the class of the networks trained on them.</param>
/// <param name="Digest">64 hexadecimal digits, <see cref="ImageSet.DigestOf"/>.</param>
/// <param name="Trained">Images to train with.</param>
/// <param name="HeldOut">Images that are held out.</param>
public sealed record ImageSetInfo(string Name, string Digest, int Channels, int Height, int Width, int Classes, int Trained, int HeldOut)
{
    /// <summary>Pixels along a side.</summary>
    public const int MostSide = 512;

    public const int MostChannels = 3;

    /// <summary>Bytes of all images of a set.</summary>
    public const int MostBytes = 1 << 30;

    /// <summary>Images and their shape, for people: <c>60,000 + 10,000 images of 1x28x28 in 10 classes</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Trained:N0} + {HeldOut:N0} images of {Channels}x{Height}x{Width} in {Classes} classes");
}

/// <summary>Images read from files, those to train with first.</summary>
/// <param name="Pixels">[image, channel, row, column]; not to be written to.</param>
/// <param name="Labels">[image]; not to be written to.</param>
public sealed record ImageSet(ImageSetInfo Info, byte[] Pixels, byte[] Labels)
{
    /// <summary>A set of these images, with its digest. The classes are 0 up to the largest label.</summary>
    /// <param name="trained">At most <see cref="ImageSetInfo.MostBytes"/> with those held out.</param>
    internal static ImageSet Of(string name, ImageShape shape, IReadOnlyList<ImagePart> trained, ImagePart heldOut)
    {
        byte[] labels = [.. trained.SelectMany(part => part.Labels), .. heldOut.Labels], pixels = new byte[labels.Length * shape.Length];
        int at = 0;
        foreach (ImagePart part in trained.Append(heldOut))
        {
            part.Pixels.CopyTo(pixels, at);
            at += part.Pixels.Length;
        }
        var info = new ImageSetInfo(name, "", shape.Channels, shape.Height, shape.Width, Math.Max(2, labels.Max() + 1), trained.Sum(part => part.Labels.Length), heldOut.Labels.Length);
        return new ImageSet(info with { Digest = DigestOf(info, pixels, labels) }, pixels, labels);
    }

    /// <summary>
    /// SHA-256 of the content alone, however it was packed: the line <c>weightspace-images 1 CHANNELS HEIGHT WIDTH CLASSES TRAINED HELD_OUT</c> with a line feed, all labels (a byte
    /// each), all pixels (a byte each, [image, channel, row, column]); the images to train with stand first.
    /// </summary>
    public static string DigestOf(ImageSetInfo info, ReadOnlySpan<byte> pixels, ReadOnlySpan<byte> labels)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(FormattableString.Invariant($"weightspace-images 1 {info.Channels} {info.Height} {info.Width} {info.Classes} {info.Trained} {info.HeldOut}\n")));
        hash.AppendData(labels);
        hash.AppendData(pixels);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>Images as one or several files hold them.</summary>
internal sealed record ImagePart(byte[] Pixels, byte[] Labels);
