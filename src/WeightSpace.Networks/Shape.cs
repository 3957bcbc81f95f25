namespace WeightSpace.Networks;

/// <summary>
/// What passes between two layers for one sample at one place of its sequence: channels of an image, row-major [channel, height, width], or a
/// plain vector, which is as many channels of one pixel.
/// </summary>
public readonly record struct Shape(int Channels, int Height, int Width)
{
    public static Shape Vector(int features) => new(features, 1, 1);

    /// <summary>Numbers in all: channels x height x width.</summary>
    public int Features => Channels * Height * Width;

    public int Pixels => Height * Width;

    public override string ToString() => Pixels == 1 ? $"{Channels}" : $"{Channels}x{Height}x{Width}";
}
