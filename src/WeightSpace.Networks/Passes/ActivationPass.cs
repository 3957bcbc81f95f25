namespace WeightSpace.Networks.Passes;

/// <summary>A function of each element. Those whose derivative shows in their result work in place where the layer before allows it.</summary>
internal sealed unsafe class ActivationPass : LayerPass
{
    private readonly Activation _function;
    private readonly float _slope;
    private readonly int _count;

    public ActivationPass(ActivationSpec spec, PassShape shape, float* input, bool inPlace)
        : base(spec, shape, input)
    {
        _function = spec.Function;
        _slope = (float)spec.Slope;
        _count = Places * spec.Outputs * Stride;
        Output = inPlace && _function is not (Activation.Gelu or Activation.Silu) ? input : Buffer.Take(_count);
    }

    public override bool NeedsOutput => _function is not (Activation.Gelu or Activation.Silu);

    public override void Forward(in Chunk chunk)
    {
        if (Output != Input)
            new ReadOnlySpan<float>(Input, _count).CopyTo(new Span<float>(Output, _count));
        switch (_function)
        {
            case Activation.Relu or Activation.LeakyRelu:
                LaneFunctions.LeakyRelu(Output, _count, _slope);
                break;
            case Activation.Tanh:
                LaneFunctions.Tanh(Output, _count);
                break;
            case Activation.Sigmoid:
                LaneFunctions.Sigmoid(Output, _count);
                break;
            case Activation.Gelu:
                LaneFunctions.Gelu(Output, _count);
                break;
            case Activation.Silu:
                LaneFunctions.Silu(Output, _count);
                break;
        }
    }

    public override float* Backward(in Chunk chunk, float* above, float* below)
    {
        switch (_function)
        {
            case Activation.Relu or Activation.LeakyRelu:
                LaneFunctions.LeakyReluGradient(Output, above, _count, _slope);
                break;
            case Activation.Tanh:
                LaneFunctions.TanhGradient(Output, above, _count);
                break;
            case Activation.Sigmoid:
                LaneFunctions.SigmoidGradient(Output, above, _count);
                break;
            case Activation.Gelu:
                LaneFunctions.GeluGradient(Input, above, _count);
                break;
            case Activation.Silu:
                LaneFunctions.SiluGradient(Input, above, _count);
                break;
        }
        return above;
    }
}
