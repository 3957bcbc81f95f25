namespace WeightSpace.Tasks.Images;

/// <summary>The images of <see cref="DigitsTask"/>: <see cref="DigitImages"/>, the same in every channel.</summary>
internal sealed class DigitsData : ImageData
{
    private readonly StoredImages _images;
    private readonly int _pixels;
    private readonly bool _isOneChannel;

    internal DigitsData(DigitsTask task)
        : base(task)
    {
        _images = new StoredImages(DigitImages.Enlarged(task.Size), DigitImages.Labels.ToArray());
        _pixels = task.Size * task.Size;
        _isOneChannel = task.Shape.Length == _pixels;
    }

    private protected override int Draw(ulong seed, Split split, long index, Span<float> image)
    {
        int at = (int)index + (split == Split.Train ? 0 : DigitImages.Trained);
        ReadOnlySpan<float> source = _images.Pixels.AsSpan(at * _pixels, _pixels);
        for (int channel = 0; channel < image.Length; channel += _pixels)
            source.CopyTo(image[channel..]);
        return _images.Labels[at];
    }

    private protected override ReadOnlySpan<byte> LabelsOf(Split split) =>
        split == Split.Train ? _images.Labels.AsSpan(0, DigitImages.Trained) : _images.Labels.AsSpan(DigitImages.Trained);

    private protected override StoredImages? Stored => _isOneChannel ? _images : null;
}
