namespace WeightSpace.Tasks;

/// <summary>The images of <see cref="DigitsTask"/>.</summary>
public sealed class DigitsData : TaskData
{
    /// <summary>Images held out: every fifth.</summary>
    public const int HeldOut = 359;

    internal DigitsData(DigitsTask task)
        : base(task)
    {
    }

    public override void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y) =>
        throw new NotImplementedException();
}
