using System.Runtime.Intrinsics;
using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Training;

/// <summary>
/// The gradient of a loss by every weight, by backpropagation through time over what a <see cref="ForwardPass"/> kept. As that
/// one, it belongs to a thread and allocates nothing once made.
/// </summary>
/// <remarks>
/// Sums over samples and places stay apart by lane until the end of a layer, in the order: places from the last to the
/// first, blocks of lanes ascending; then the lanes are added by the fixed tree.
/// </remarks>
public sealed unsafe class BackwardPass : IDisposable
{
    // Places whose weight gradient is taken at once: their activations and the gradients that meet them fit a 32 KiB L1 at width 12.
    // It changes how often the sums travel, not their order.
    private const int ChunkPlaces = 8;

    private readonly ForwardPass _forward;
    private readonly LaneBuffer _buffer;
    private readonly float* _sums;
    private readonly float* _carry;
    private readonly float* _chunk;
    private readonly float* _transposed;
    private readonly float* _gateOrder;
    private readonly float* _spare;

    public BackwardPass(ForwardPass forward)
    {
        _forward = forward;
        IReadOnlyList<LayerSpec> layers = forward.Mixing;
        int stride = forward.Stride;
        long sequence = (long)forward.Places * stride * layers.Max(layer => Math.Max(layer.Inputs, layer.Outputs));
        long sums = layers.Max(layer => layer is GruSpec ? (3L * layer.Outputs * (layer.Inputs + layer.Outputs)) + (4L * layer.Outputs) : (long)layer.Outputs * (layer.Inputs + 1)) * Lanes.Count;
        long chunk = (long)ChunkPlaces * 4 * layers.Max(layer => layer.Outputs) * stride;
        long carry = (long)layers.Max(layer => layer.Outputs) * stride;
        long panels = layers.Max(layer => layer is GruSpec
            ? LaneBuffer.Rounded(LaneMatrix.PanelFloats(layer.Outputs, 3 * layer.Outputs)) + LaneMatrix.PanelFloats(layer.Inputs, 3 * layer.Outputs)
            : LaneMatrix.PanelFloats(layer.Inputs, layer.Outputs));
        long gateOrder = layers.Max(layer => 3L * layer.Outputs * layer.Inputs);
        _buffer = new LaneBuffer((2 * LaneBuffer.Rounded(sequence)) + LaneBuffer.Rounded(sums) + LaneBuffer.Rounded(chunk)
            + LaneBuffer.Rounded(carry) + LaneBuffer.Rounded(panels) + LaneBuffer.Rounded(gateOrder));
        OutputGradient = _buffer.Take(sequence);
        _spare = _buffer.Take(sequence);
        _sums = _buffer.Take(sums);
        _chunk = _buffer.Take(chunk);
        _carry = _buffer.Take(carry);
        _transposed = _buffer.Take(panels);
        _gateOrder = _buffer.Take(gateOrder);
    }

    /// <summary>[place, outputs, stride]: the loss's gradient by the network's outputs, to be filled before <see cref="Run"/>; 0 in padding lanes.</summary>
    public float* OutputGradient { get; }

    /// <summary>Writes the gradient [parameter] by the weights [parameter] that the forward pass ran with.</summary>
    public void Run(ReadOnlySpan<float> weights, Span<float> gradient)
    {
        ParameterLayout layout = _forward.Architecture.Parameters;
        if (weights.Length != layout.Count || gradient.Length != layout.Count)
            throw new ArgumentException($"weights ({weights.Length}) and gradient ({gradient.Length}) must each hold {layout.Count} values", nameof(gradient));
        float* above = OutputGradient, below = _spare;
        fixed (float* weightBlock = weights, gradientBlock = gradient)
        {
            for (int i = _forward.Layers.Length - 1; i >= 0; i--)
            {
                int offset = _forward.Offsets[i];
                LayerSpec layer = _forward.Mixing[i];
                float* inputGradient = i == 0 ? null : below;
                if (layer is DenseSpec dense)
                    Dense(_forward.Layers[i], dense, _forward.FollowedByRelu[i], weightBlock + offset, above, inputGradient, gradientBlock + offset);
                else
                    Gru(_forward.Layers[i], layer, weightBlock + offset, above, inputGradient, gradientBlock + offset);
                float* swap = above;
                above = below;
                below = swap;
            }
        }
    }

    // outputGradient [place, outputs, stride] comes from above; inputGradient [place, inputs, stride] is written unless null (the first layer).
    private void Dense(in ForwardPass.LayerBuffers buffers, DenseSpec layer, bool relu, float* weights, float* outputGradient, float* inputGradient, float* gradient)
    {
        int stride = _forward.Stride, places = _forward.Places;
        int inputs = layer.Inputs * stride, outputs = layer.Outputs * stride;
        int weightCount = layer.Outputs * layer.Inputs;
        float* biasSums = _sums + ((long)weightCount * Lanes.Count);
        new Span<float>(_sums, (weightCount + layer.Outputs) * Lanes.Count).Clear();
        if (inputGradient != null)
            LaneMatrix.Pack(weights, layer.Inputs, layer.Outputs, 1, layer.Inputs, null, _transposed);
        for (int last = places; last > 0; last -= ChunkPlaces)
        {
            int first = Math.Max(0, last - ChunkPlaces);
            for (int place = last - 1; place >= first; place--)
            {
                float* delta = outputGradient + ((long)place * outputs);
                if (relu)
                    ReluGradient(buffers.Output + ((long)place * outputs), delta, outputs);
                if (inputGradient != null)
                    LaneMatrix.Multiply(_transposed, layer.Inputs, layer.Outputs, delta, inputGradient + ((long)place * inputs), stride, accumulate: false);
            }
            float* deltas = outputGradient + ((long)first * outputs);
            LaneMatrix.AccumulateOuter(deltas, layer.Outputs, outputs, buffers.Input + ((long)first * inputs), layer.Inputs, inputs, last - first, stride, _sums);
            LaneMatrix.AccumulateRows(deltas, layer.Outputs, outputs, last - first, stride, biasSums);
        }
        LaneMatrix.ReduceLanes(_sums, weightCount + layer.Outputs, gradient);
    }

    private static void ReluGradient(float* output, float* delta, int count)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> active = Vector512.GreaterThan(Vector512.Load(output + i), Vector512<float>.Zero);
            (Vector512.Load(delta + i) & active).Store(delta + i);
        }
    }

    /// <summary>
    /// With a = W_hn h + b_hn: dn = dh (1 - z)(1 - n^2), dz = dh (h - n) z (1 - z), da = dn r, dr = dn a r (1 - r), before the activations.
    /// A chunk holds them as [place, (dn, dr, dz, da) x width, stride]: the first three meet W_ih, the last three W_hh.
    /// </summary>
    private void Gru(in ForwardPass.LayerBuffers buffers, LayerSpec layer, float* weights, float* outputGradient, float* inputGradient, float* gradient)
    {
        int stride = _forward.Stride, width = layer.Outputs, inputs = layer.Inputs;
        int state = width * stride, delta = 4 * state;
        float* hiddenWeights = weights + (3 * width * inputs);
        float* hiddenTransposed = _transposed;
        float* inputTransposed = _transposed + LaneBuffer.Rounded(LaneMatrix.PanelFloats(width, 3 * width));
        LaneMatrix.Pack(hiddenWeights, width, 3 * width, 1, width, null, hiddenTransposed);
        if (inputGradient != null)
        {
            CopyGates(weights, _gateOrder, width * inputs, fromPyTorch: true);
            LaneMatrix.Pack(_gateOrder, inputs, 3 * width, 1, inputs, null, inputTransposed);
        }
        int inputCount = 3 * width * inputs, hiddenCount = 3 * width * width;
        float* hiddenSums = _sums + ((long)inputCount * Lanes.Count);
        float* biasSums = hiddenSums + ((long)hiddenCount * Lanes.Count);
        new Span<float>(_sums, (inputCount + hiddenCount + (4 * width)) * Lanes.Count).Clear();
        new Span<float>(_carry, state).Clear();
        for (int last = _forward.Places; last > 0; last -= ChunkPlaces)
        {
            int first = Math.Max(0, last - ChunkPlaces);
            for (int place = last - 1; place >= first; place--)
            {
                float* deltas = _chunk + ((long)(place - first) * delta);
                GateGradients(buffers, place, state, outputGradient + ((long)place * state), deltas);
                LaneMatrix.Multiply(hiddenTransposed, width, 3 * width, deltas + state, _carry, stride, accumulate: true);
                if (inputGradient != null)
                    LaneMatrix.Multiply(inputTransposed, inputs, 3 * width, deltas, inputGradient + ((long)place * inputs * stride), stride, accumulate: false);
            }
            int count = last - first;
            LaneMatrix.AccumulateOuter(_chunk, 3 * width, delta, buffers.Input + ((long)first * inputs * stride), inputs, inputs * stride, count, stride, _sums);
            LaneMatrix.AccumulateOuter(_chunk + state, 3 * width, delta, buffers.States + ((long)first * state), width, state, count, stride, hiddenSums);
            LaneMatrix.AccumulateRows(_chunk, 4 * width, delta, count, stride, biasSums);
        }
        LaneMatrix.ReduceLanes(_sums, inputCount, _gateOrder);
        CopyGates(_gateOrder, gradient, width * inputs, fromPyTorch: false);
        LaneMatrix.ReduceLanes(hiddenSums, hiddenCount, gradient + inputCount);
        float* biasGradient = gradient + inputCount + hiddenCount;
        LaneMatrix.ReduceLanes(biasSums + (width * Lanes.Count), 2 * width, biasGradient);
        LaneMatrix.ReduceLanes(biasSums, width, biasGradient + (2 * width));
        LaneMatrix.ReduceLanes(biasSums + (width * Lanes.Count), 3 * width, biasGradient + (3 * width));
    }

    private void GateGradients(in ForwardPass.LayerBuffers buffers, int place, int state, float* outputGradient, float* deltas)
    {
        float* gates = buffers.Gates + (3L * place * state);
        float* candidate = buffers.Candidate + ((long)place * state);
        float* before = buffers.States + ((long)place * state);
        Vector512<float> one = Vector512<float>.One;
        for (int i = 0; i < state; i += Lanes.Count)
        {
            Vector512<float> r = Vector512.Load(gates + i), z = Vector512.Load(gates + state + i), n = Vector512.Load(gates + (2 * state) + i);
            Vector512<float> dh = Vector512.Load(outputGradient + i) + Vector512.Load(_carry + i);
            Vector512<float> keep = one - z;
            Vector512<float> dn = dh * keep * Vector512.FusedMultiplyAdd(-n, n, one);
            Vector512<float> dz = dh * (Vector512.Load(before + i) - n) * (z * keep);
            Vector512<float> da = dn * r;
            Vector512<float> dr = da * Vector512.Load(candidate + i) * (one - r);
            dn.Store(deltas + i);
            dr.Store(deltas + state + i);
            dz.Store(deltas + (2 * state) + i);
            da.Store(deltas + (3 * state) + i);
            (dh * z).Store(_carry + i);
        }
    }

    /// <summary>Copies three gates of <paramref name="gate"/> floats from PyTorch's order r, z, n to ours n, r, z, or back.</summary>
    private static void CopyGates(float* from, float* to, int gate, bool fromPyTorch)
    {
        var source = new ReadOnlySpan<float>(from, 3 * gate);
        var target = new Span<float>(to, 3 * gate);
        if (fromPyTorch)
        {
            source[(2 * gate)..].CopyTo(target);
            source[..(2 * gate)].CopyTo(target[gate..]);
        }
        else
        {
            source[..gate].CopyTo(target[(2 * gate)..]);
            source[gate..].CopyTo(target);
        }
    }

    public void Dispose() => _buffer.Dispose();
}
