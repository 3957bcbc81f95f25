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
    private readonly byte[] _labels;
    private readonly int _pixels;
    private readonly bool _isOneChannel;

    internal DigitsData(DigitsTask task)
        : base(task)
    {
        _images = DigitImages.Enlarged(task.Size);
        _labels = DigitImages.Labels.ToArray();
        _pixels = task.Size * task.Size;
        _isOneChannel = task.Shape.Length == _pixels;
    }

    private protected override int Draw(ulong seed, Split split, long index, Span<float> image)
    {
        int at = Place(split, index);
        ReadOnlySpan<float> source = _images.AsSpan(at * _pixels, _pixels);
        for (int channel = 0; channel < image.Length; channel += _pixels)
            source.CopyTo(image[channel..]);
        return _labels[at];
    }

    private protected override float[]? Stored => _isOneChannel ? _images : null;

    private protected override (nint Offset, int Label) Find(Split split, long index)
    {
        int at = Place(split, index);
        return ((nint)at * _pixels, _labels[at]);
    }

    /// <summary>The k-th of those that are not held out, or of those that are.</summary>
    private static int Place(Split split, long index) => (int)(split == Split.Train ? index + (index / (Nth - 1)) : (index * Nth) + Nth - 1);
}
