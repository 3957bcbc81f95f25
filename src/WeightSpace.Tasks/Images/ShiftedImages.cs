using WeightSpace.Numerics;

namespace WeightSpace.Tasks.Images;

/// <summary>What a shift makes of the images of one split; keeps the room that it works in.</summary>
/// <param name="labels">The labels of the split's images, from which others are chosen; empty where images are made when they are drawn.</param>
internal sealed class ShiftedImages(Shift shift, ImageShape shape, int classes, Split split, ReadOnlySpan<byte> labels)
{
    private readonly float[] _moved = new float[shape.Length];

    /// <summary>The images of the classes that others are replaced by.</summary>
    private readonly int[] _chosen = Find(shift.Classes, labels);

    /// <summary>Whether there is an image of the classes that others are to be replaced by.</summary>
    public bool CanReplace => shift.Classes is null || _chosen.Length > 0;

    /// <summary>
    /// What is random of an image, by its number: whether it is replaced, relabelled and altered. Each has its own draws, whether or not it is in the shift, so that a shift of two kinds has the
    /// images of each kind alone. Noise comes behind them.
    /// </summary>
    public (bool Replaces, bool Relabels, bool Alters) Draw(long index, out RandomStream stream)
    {
        stream = new RandomStream(shift.Seed, split == Split.Train ? RandomPurpose.TrainingShift : RandomPurpose.EvaluationShift, (ulong)index);
        bool replaces = stream.NextUniformDouble() < shift.Classes?.Share, relabels = stream.NextUniformDouble() < shift.Labels?.Share;
        return (replaces, relabels, stream.NextUniformDouble() < shift.Inputs?.Share);
    }

    public bool IsReplaced(int label) => shift.Classes?.Contains(label) == false;

    /// <summary>The image that another is replaced by: each of the wanted classes with the same chance.</summary>
    public int Choose(ref RandomStream stream) => _chosen[stream.NextBelow(_chosen.Length)];

    public int Label(int label) => shift.Labels!.Of(label, classes);

    /// <summary>Alters an image [channel, pixel] in its place.</summary>
    public void Alter(Span<float> image, ref RandomStream stream)
    {
        switch (shift.Inputs)
        {
            case InvertShift invert:
                (float scale, float offset) = ((float)(1 - (2 * invert.Strength)), (float)invert.Strength);
                for (int i = 0; i < image.Length; i++)
                    image[i] = (scale * image[i]) + offset;
                break;
            case NoiseShift noise:
                float deviation = (float)noise.Deviation;
                for (int i = 0; i < image.Length; i++)
                    image[i] = Math.Clamp(image[i] + (deviation * stream.NextNormal()), 0, 1);
                break;
            case TranslateShift move:
                Move(image, move.Right, move.Down);
                break;
            default:
                throw new InvalidOperationException($"unknown shift {shift.Inputs}");
        }
    }

    private void Move(Span<float> image, int right, int down)
    {
        image.CopyTo(_moved);
        image.Clear();
        (int height, int width) = (shape.Height, shape.Width);
        int columns = width - Math.Abs(right);
        for (int channel = 0; channel < shape.Channels; channel++)
        {
            for (int row = Math.Max(0, down); row < height + Math.Min(0, down); row++)
            {
                int from = ((channel * height) + row - down) * width, to = ((channel * height) + row) * width;
                _moved.AsSpan(from + Math.Max(0, -right), columns).CopyTo(image[(to + Math.Max(0, right))..]);
            }
        }
    }

    private static int[] Find(ClassShift? wanted, ReadOnlySpan<byte> labels)
    {
        var found = new List<int>();
        for (int image = 0; image < labels.Length && wanted is not null; image++)
        {
            if (wanted.Contains(labels[image]))
                found.Add(image);
        }
        return [.. found];
    }
}
