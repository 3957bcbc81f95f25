using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks.Passes;

/// <summary>h' = tanh or ReLU of W_ih x + b_ih + W_hh h + b_hh: torch.nn.RNN's equations (Elman, 1990).</summary>
internal sealed unsafe class RnnPass : RecurrentPass
{
    private readonly bool _isTanh;

    public RnnPass(RnnSpec spec, PassShape shape, float* input)
        : base(spec, shape, input, deltaGates: 1, gatesBehindInput: [0], gatesBehindState: [0]) =>
        _isTanh = spec.Nonlinearity == Activation.Tanh;

    private protected override void ForwardPlace(int place, float* input, float* before, float* after)
    {
        InputAndState(0, Width, input, after);
        if (_isTanh)
            LaneFunctions.Tanh(after, after, State);
        else
            LaneFunctions.LeakyRelu(after, after, State, 0);
    }

    private protected override void BackwardPlace(int place, float* above, float* carry, float* deltas)
    {
        float* after = States + ((long)(place + 1) * State);
        for (int i = 0; i < State; i += Lanes.Count)
        {
            Vector512<float> dh = Gradient(above + i, carry + i);
            Vector512<float> h = Vector512.Load(after + i);
            Vector512<float> delta = _isTanh ? dh * Vector512.FusedMultiplyAdd(-h, h, Vector512<float>.One)
                : dh & Vector512.GreaterThan(h, Vector512<float>.Zero);
            delta.Store(deltas + i);
            Vector512<float>.Zero.Store(carry + i);
        }
    }
}
