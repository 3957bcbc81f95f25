using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks.Passes;

/// <summary>torch.nn.Dropout; the mask of a sample depends on the seed, the layer and the sample's index in the stream alone.</summary>
internal sealed unsafe class DropoutPass : LayerPass
{
    private readonly int _layer, _count;
    private readonly uint _threshold;
    private readonly float _keepScale;
    private readonly float* _mask;

    public DropoutPass(DropoutSpec spec, PassShape shape, float* input, bool inPlace, int layer)
        : base(spec, shape, input)
    {
        _layer = layer;
        _count = Places * spec.Outputs * Stride;
        Output = inPlace ? input : Buffer.Take(_count);
        _threshold = (uint)(spec.Probability * 4294967296.0);
        _keepScale = (float)(1 / (1 - spec.Probability));
        _mask = Buffer.Take(_count);
    }

    public override void Forward(in Chunk chunk)
    {
        if (!chunk.IsTraining)
        {
            if (Output != Input)
                new ReadOnlySpan<float>(Input, _count).CopyTo(new Span<float>(Output, _count));
            return;
        }
        DropoutMask.Fill(chunk.Seed, _layer, chunk.FirstSample, chunk.Samples, Places, Spec.Outputs, Stride, _keepScale, _threshold, _mask);
        Apply(Input, Output);
    }

    public override float* Backward(in Chunk chunk, float* above, float* below)
    {
        Apply(above, above);
        return above;
    }

    private void Apply(float* values, float* results)
    {
        for (int i = 0; i < _count; i += Lanes.Count)
            (Vector512.Load(values + i) * Vector512.Load(_mask + i)).Store(results + i);
    }
}
