namespace WeightSpace.Networks.Passes;

/// <summary>An image as a vector: the same numbers in the same order.</summary>
internal sealed unsafe class FlattenPass : LayerPass
{
    public FlattenPass(FlattenSpec spec, PassShape shape, float* input, bool inputIsNeeded)
        : base(spec, shape, input)
    {
        Output = input;
        NeedsOutput = inputIsNeeded;
    }

    public override bool NeedsOutput { get; }

    public override void Forward(in Chunk chunk)
    {
    }

    public override float* Backward(in Chunk chunk, float* above, float* below) => above;
}
