namespace WeightSpace.Tasks.Images;

/// <summary>The images of <see cref="FileImagesTask"/>: the file's bytes, 0 to 255, as 0 to 1.</summary>
internal sealed class FileImagesData(FileImagesTask task, ImageSet set) : ImageData(task)
{
    private readonly int _length = task.Shape.Length, _trained = task.Set.Trained;

    private protected override int Draw(ulong seed, Split split, long index, Span<float> image)
    {
        int at = (int)index + (split == Split.Train ? 0 : _trained);
        Bytes.ToFloats(set.Pixels.AsSpan((int)((long)at * _length), _length), image);
        return set.Labels[at];
    }

    private protected override ReadOnlySpan<byte> LabelsOf(Split split) => split == Split.Train ? set.Labels.AsSpan(0, _trained) : set.Labels.AsSpan(_trained);
}

internal static class Bytes
{
    private static readonly float[] s_shares = [.. Enumerable.Range(0, 256).Select(value => value / 255f)];

    /// <summary>Each byte divided by 255.</summary>
    public static void ToFloats(ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        for (int i = 0; i < bytes.Length; i++)
            floats[i] = s_shares[bytes[i]];
    }
}
