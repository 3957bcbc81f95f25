using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks.Passes;

/// <summary>
/// r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h:
/// torch.nn.GRU's equations (Cho et al., arXiv 1406.1078, with the reset gate behind the product).
/// </summary>
internal sealed unsafe class GruPass : RecurrentPass
{
    private readonly float* _gates, _candidate;

    // The deltas are dn, dr, dz, da with a = W_hn h + b_hn: the input meets dr, dz, dn, the state dr, dz, da.
    public GruPass(GruSpec spec, PassShape shape, float* input)
        : base(spec, shape, input, deltaGates: 4, gatesBehindInput: [1, 2, 0], gatesBehindState: [1, 2, 3])
    {
        _gates = Buffer.Take((long)Places * 3 * State);
        _candidate = Buffer.Take((long)Places * State);
    }

    private protected override bool AddsHiddenBias(int row) => row < 2 * Width;

    private protected override void BeginForward() => InputOnly(2 * Width, Width, _gates + (2 * State), 3 * State);

    private protected override void ForwardPlace(int place, float* input, float* before, float* after)
    {
        float* r = _gates + (3L * place * State), z = r + State, n = z + State, a = _candidate + ((long)place * State);
        InputAndState(0, 2 * Width, input, r);
        StateOnly(2 * Width, Width, before, a);
        LaneFunctions.Sigmoid(r, r, 2 * State);
        int state = State;
        for (int i = Lanes.IsOneRegister ? NewStateByFours(r, z, n, a, before, after, state) : 0; i < state; i += Lanes.Count)
        {
            Vector512<float> candidate = LaneMath.Tanh(Vector512.FusedMultiplyAdd(Vector512.Load(r + i), Vector512.Load(a + i), Vector512.Load(n + i)));
            candidate.Store(n + i);
            Vector512.FusedMultiplyAdd(Vector512.Load(z + i), Vector512.Load(before + i) - candidate, candidate).Store(after + i);
        }
    }

    /// <summary>As much of the loop above as goes in fours; returns how much.</summary>
    private static int NewStateByFours(float* r, float* z, float* n, float* a, float* before, float* after, int state)
    {
        int i = 0;
        for (; i + FourVectors.Count <= state; i += FourVectors.Count)
        {
            FourVectors candidate = LaneMath.Tanh(FourVectors.FusedMultiplyAdd(FourVectors.Load(r + i), FourVectors.Load(a + i), FourVectors.Load(n + i)));
            candidate.Store(n + i);
            FourVectors.FusedMultiplyAdd(FourVectors.Load(z + i), FourVectors.Load(before + i) - candidate, candidate).Store(after + i);
        }
        return i;
    }

    /// <summary>dn = dh (1 - z)(1 - n^2), dz = dh (h - n) z (1 - z), da = dn r, dr = dn a r (1 - r), before the activations.</summary>
    private protected override void BackwardPlace(int place, float* above, float* carry, float* deltas)
    {
        float* gates = _gates + (3L * place * State);
        float* candidate = _candidate + ((long)place * State);
        float* before = States + ((long)place * State);
        Vector512<float> one = Vector512<float>.One;
        int state = State;
        for (int i = 0; i < state; i += Lanes.Count)
        {
            Vector512<float> r = Vector512.Load(gates + i), z = Vector512.Load(gates + state + i), n = Vector512.Load(gates + (2 * state) + i);
            Vector512<float> dh = Gradient(above + i, carry + i);
            Vector512<float> keep = one - z;
            Vector512<float> dn = dh * keep * Vector512.FusedMultiplyAdd(-n, n, one);
            Vector512<float> dz = dh * (Vector512.Load(before + i) - n) * (z * keep);
            Vector512<float> da = dn * r;
            Vector512<float> dr = da * Vector512.Load(candidate + i) * (one - r);
            dn.Store(deltas + i);
            dr.Store(deltas + state + i);
            dz.Store(deltas + (2 * state) + i);
            da.Store(deltas + (3 * state) + i);
            (dh * z).Store(carry + i);
        }
    }
}
