namespace WeightSpace.Tasks.Images;

/// <summary>The images of <see cref="DigitsTask"/>. Every fifth (index % 5 = 4) is held out, the others are trained with.</summary>
public sealed class DigitsData : ImageData
{
    /// <summary>Images held out: every fifth.</summary>
    public const int HeldOut = DigitImages.Count / Nth;

    /// <summary>Images to train with, an epoch of the stream.</summary>
    public const int Trained = DigitImages.Count - HeldOut;

    private const int Nth = 5;

    private readonly float[] _images;
    private readonly int _pixels;

    internal DigitsData(DigitsTask task)
        : base(task)
    {
        _images = DigitImages.Enlarged(task.Size);
        _pixels = task.Size * task.Size;
    }

    private protected override int Draw(ulong seed, Split split, long index, Span<float> image)
    {
        // The k-th of those that are not held out, or of those that are.
        int at = (int)(split == Split.Train ? index + (index / (Nth - 1)) : (index * Nth) + Nth - 1);
        ReadOnlySpan<float> source = _images.AsSpan(at * _pixels, _pixels);
        for (int channel = 0; channel < image.Length; channel += _pixels)
            source.CopyTo(image[channel..]);
        return DigitImages.Labels[at];
    }
}
