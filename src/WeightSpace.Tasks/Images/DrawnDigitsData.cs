using WeightSpace.Numerics;

namespace WeightSpace.Tasks.Images;

/// <summary>
/// The images of <see cref="DrawnDigitsTask"/>. Those of a set are the same for every network. Of a stream without end, image i depends on the data seed and i alone; so do
/// held-out images on the evaluation's seed.
/// </summary>
internal sealed class DrawnDigitsData : ImageData
{
    private readonly int _size;
    private readonly byte[] _image;
    private readonly double[] _distances;
    private readonly (byte[] Pixels, byte[] Labels) _set;

    internal DrawnDigitsData(DrawnDigitsTask task)
        : base(task)
    {
        _size = task.Size;
        _image = new byte[_size * _size];
        _distances = new double[_image.Length];
        _set = task.Set is { } set ? DrawnDigits.Set(set, _size) : ([], []);
    }

    private protected override int Draw(ulong seed, Split split, long index, Span<float> image)
    {
        ReadOnlySpan<byte> drawn = _image;
        int label;
        if (split == Split.Train && _set.Labels.Length > 0)
        {
            drawn = _set.Pixels.AsSpan((int)index * _image.Length, _image.Length);
            label = _set.Labels[index];
        }
        else
        {
            var stream = new RandomStream(seed, split == Split.Train ? RandomPurpose.TrainingData : RandomPurpose.EvaluationData, (ulong)index);
            label = DrawnDigits.Draw(ref stream, _size, _image, _distances);
        }
        Bytes.ToFloats(drawn, image);
        for (int channel = 1; channel * drawn.Length < image.Length; channel++)
            image[..drawn.Length].CopyTo(image[(channel * drawn.Length)..]);
        return label;
    }
}
