using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks.Passes;

/// <summary>
/// i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.), g = tanh of the same, c' = f c + i g, h' = o tanh(c'): torch.nn.LSTM's equations (Hochreiter and
/// Schmidhuber, 1997; Gers et al., 2000).
/// </summary>
internal sealed unsafe class LstmPass : RecurrentPass
{
    private readonly float* _gates, _cells, _cellTanhs, _cellCarry;

    public LstmPass(LstmSpec spec, PassShape shape, float* input)
        : base(spec, shape, input, deltaGates: 4, gatesBehindInput: [0, 1, 2, 3], gatesBehindState: [0, 1, 2, 3])
    {
        _gates = Buffer.Take((long)Places * 4 * State);
        _cells = Buffer.Take((long)(Places + 1) * State);
        _cellTanhs = Buffer.Take((long)Places * State);
        _cellCarry = Buffer.Take(State);
    }

    private protected override void ForwardPlace(int place, float* input, float* before, float* after)
    {
        float* i = _gates + (4L * place * State), f = i + State, g = f + State, o = g + State;
        float* cell = _cells + ((long)place * State), next = cell + State, tanh = _cellTanhs + ((long)place * State);
        InputAndState(0, 4 * Width, input, i);
        LaneFunctions.Sigmoid(i, i, 2 * State);
        LaneFunctions.Tanh(g, g, State);
        LaneFunctions.Sigmoid(o, o, State);
        for (int k = 0; k < State; k += Lanes.Count)
        {
            Vector512<float> c = Vector512.FusedMultiplyAdd(Vector512.Load(f + k), Vector512.Load(cell + k), Vector512.Load(i + k) * Vector512.Load(g + k));
            c.Store(next + k);
            c.Store(tanh + k);
        }
        LaneFunctions.Tanh(tanh, tanh, State);
        for (int k = 0; k < State; k += Lanes.Count)
            (Vector512.Load(o + k) * Vector512.Load(tanh + k)).Store(after + k);
    }

    private protected override void BeginBackward() => new Span<float>(_cellCarry, State).Clear();

    /// <summary>
    /// With dc = carried + dh o (1 - tanh(c')^2): di = dc g i (1 - i), df = dc c f (1 - f), dg = dc i (1 - g^2), do = dh tanh(c') o (1 - o), and dc f is carried on.
    /// </summary>
    private protected override void BackwardPlace(int place, float* above, float* carry, float* deltas)
    {
        int state = State;
        float* gates = _gates + (4L * place * state);
        float* cell = _cells + ((long)place * state), tanh = _cellTanhs + ((long)place * state);
        Vector512<float> one = Vector512<float>.One;
        for (int k = 0; k < state; k += Lanes.Count)
        {
            Vector512<float> i = Vector512.Load(gates + k), f = Vector512.Load(gates + state + k);
            Vector512<float> g = Vector512.Load(gates + (2 * state) + k), o = Vector512.Load(gates + (3 * state) + k);
            Vector512<float> t = Vector512.Load(tanh + k);
            Vector512<float> dh = Gradient(above + k, carry + k);
            Vector512<float> dc = Vector512.FusedMultiplyAdd(dh * o, Vector512.FusedMultiplyAdd(-t, t, one), Vector512.Load(_cellCarry + k));
            (dc * g * (i * (one - i))).Store(deltas + k);
            (dc * Vector512.Load(cell + k) * (f * (one - f))).Store(deltas + state + k);
            (dc * i * Vector512.FusedMultiplyAdd(-g, g, one)).Store(deltas + (2 * state) + k);
            (dh * t * (o * (one - o))).Store(deltas + (3 * state) + k);
            Lanes.ZeroBelow(Lanes.LeastGradient, dc * f).Store(_cellCarry + k);
            Vector512<float>.Zero.Store(carry + k);
        }
    }
}
