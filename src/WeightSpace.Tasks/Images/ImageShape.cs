namespace WeightSpace.Tasks.Images;

/// <summary>The shape of an image whose values stand as [channel, row, column].</summary>
public readonly record struct ImageShape(int Channels, int Height, int Width)
{
    public int Pixels => Height * Width;

    public int Length => Channels * Pixels;

    public override string ToString() => $"{Channels}x{Height}x{Width}";
}
