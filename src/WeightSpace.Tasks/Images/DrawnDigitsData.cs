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
        if (LabelsOf(split).Length == 0)
        {
            RandomStream stream = StreamOf(seed, split, index);
            int label = DrawnDigits.Draw(ref stream, _size, _image, _distances);
            Write(_image, image);
            return label;
        }
        Write(_set.Pixels.AsSpan((int)index * _image.Length, _image.Length), image);
        return _set.Labels[index];
    }

    private protected override int DrawOf(ClassShift classes, ulong seed, Split split, long index, Span<float> image)
    {
        RandomStream stream = StreamOf(seed, split, index);
        int label;
        do
            label = DrawnDigits.Draw(ref stream, _size, _image, _distances);
        while (!classes.Contains(label));
        Write(_image, image);
        return label;
    }

    private protected override ReadOnlySpan<byte> LabelsOf(Split split) => split == Split.Train ? _set.Labels : default;

    private static RandomStream StreamOf(ulong seed, Split split, long index) => new(seed, split == Split.Train ? RandomPurpose.TrainingData : RandomPurpose.EvaluationData, (ulong)index);

    /// <summary>A drawn image to every channel.</summary>
    private static void Write(ReadOnlySpan<byte> drawn, Span<float> image)
    {
        Bytes.ToFloats(drawn, image);
        for (int channel = 1; channel * drawn.Length < image.Length; channel++)
            image[..drawn.Length].CopyTo(image[(channel * drawn.Length)..]);
    }
}
