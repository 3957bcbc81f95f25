using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks;

/// <summary>
/// The forward pass of one architecture over one batch of sequences, with everything that a backward pass needs kept. One
/// object serves a thread for as long as it computes networks of this shape; running it allocates nothing.
/// </summary>
/// <remarks>
/// A sequence of activations is [place, feature, stride]: the lanes (samples) of a feature side by side, 16 x blocks of them.
/// A recurrent layer's output has a place more in front, its initial state 0.
/// </remarks>
public sealed unsafe class ForwardPass : IDisposable
{
    private readonly LaneBuffer _buffer;
    private readonly LayerBuffers[] _layers;

    /// <param name="places">Length of the sequences, at least 1.</param>
    /// <param name="samples">Samples of a batch; lanes are padded to a multiple of 16.</param>
    public ForwardPass(Architecture architecture, int places, int samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(places);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(samples);
        Architecture = architecture;
        Mixing = [.. architecture.Layers.Where(layer => layer.Mixes)];
        FollowedByRelu = [.. architecture.Layers.Select((layer, index) => (layer, index)).Where(item => item.layer.Mixes).Select(item => item.index + 1 < architecture.Layers.Count && architecture.Layers[item.index + 1] is ActivationSpec { Function: Activation.Relu })];
        Offsets = [.. architecture.Layers.Select((layer, index) => (layer, index)).Where(item => item.layer.Mixes).Select(item => architecture.Parameters.OffsetOf(item.index))];
        if (architecture.Layers.Any(layer => layer is not (GruSpec or DenseSpec or ActivationSpec { Function: Activation.Relu })))
            throw new NotSupportedException($"architecture '{architecture.Name}' has layers that cannot be computed yet");
        Places = places;
        Stride = Lanes.Padded(samples);
        long place = (long)places * Stride;
        long total = LaneBuffer.Rounded(architecture.Inputs * place);
        foreach (LayerSpec layer in Mixing)
        {
            total += layer switch
            {
                GruSpec => LaneBuffer.Rounded((place + Stride) * layer.Outputs) + LaneBuffer.Rounded(3 * layer.Outputs * place) + LaneBuffer.Rounded(layer.Outputs * place)
                    + LaneBuffer.Rounded(LaneMatrix.PanelFloats(3 * layer.Outputs, layer.Inputs)) + LaneBuffer.Rounded(LaneMatrix.PanelFloats(2 * layer.Outputs, layer.Outputs))
                    + LaneBuffer.Rounded(LaneMatrix.PanelFloats(layer.Outputs, layer.Outputs)) + LaneBuffer.Rounded(3 * layer.Outputs),
                _ => LaneBuffer.Rounded(layer.Outputs * place) + LaneBuffer.Rounded(LaneMatrix.PanelFloats(layer.Outputs, layer.Inputs)),
            };
        }
        _buffer = new LaneBuffer(total);
        Input = _buffer.Take(architecture.Inputs * place);
        _layers = new LayerBuffers[Mixing.Length];
        float* input = Input;
        for (int i = 0; i < _layers.Length; i++)
        {
            LayerSpec layer = Mixing[i];
            ref LayerBuffers buffers = ref _layers[i];
            buffers.Input = input;
            if (layer is GruSpec)
            {
                buffers.States = _buffer.Take((place + Stride) * layer.Outputs);
                buffers.Output = buffers.States + ((long)Stride * layer.Outputs);
                buffers.Gates = _buffer.Take(3 * layer.Outputs * place);
                buffers.Candidate = _buffer.Take(layer.Outputs * place);
                buffers.Panels = _buffer.Take(LaneMatrix.PanelFloats(3 * layer.Outputs, layer.Inputs));
                buffers.GatePanels = _buffer.Take(LaneMatrix.PanelFloats(2 * layer.Outputs, layer.Outputs));
                buffers.CandidatePanels = _buffer.Take(LaneMatrix.PanelFloats(layer.Outputs, layer.Outputs));
                buffers.Bias = _buffer.Take(3 * layer.Outputs);
            }
            else
            {
                buffers.Output = _buffer.Take(layer.Outputs * place);
                buffers.Panels = _buffer.Take(LaneMatrix.PanelFloats(layer.Outputs, layer.Inputs));
            }
            input = buffers.Output;
        }
    }

    /// <summary>Where one layer's activations and packed weights stand.</summary>
    public struct LayerBuffers
    {
        /// <summary>[place, inputs, stride].</summary>
        public float* Input;

        /// <summary>[place, outputs, stride], after the activation.</summary>
        public float* Output;

        /// <summary>Recurrent layers: [1 + place, outputs, stride], the states from the initial one on.</summary>
        public float* States;

        /// <summary>GRU: [place, (r, z, n) x outputs, stride], after their sigmoid and tanh.</summary>
        public float* Gates;

        /// <summary>GRU: [place, outputs, stride], W_hn h + b_hn, what r multiplies.</summary>
        public float* Candidate;

        internal float* Panels;
        internal float* GatePanels;
        internal float* CandidatePanels;
        internal float* Bias;
    }

    public Architecture Architecture { get; }

    public LayerSpec[] Mixing { get; }

    public bool[] FollowedByRelu { get; }

    public int[] Offsets { get; }

    /// <summary>Length of the sequences.</summary>
    public int Places { get; }

    /// <summary>Lanes of a feature: the batch, padded to a multiple of 16.</summary>
    public int Stride { get; }

    /// <summary>[place, inputs, stride], to be filled before <see cref="Run"/>; padding lanes are 0.</summary>
    public float* Input { get; }

    /// <summary>[place, outputs, stride].</summary>
    public float* Output => _layers[^1].Output;

    /// <summary>The buffers of each layer, in order.</summary>
    public ReadOnlySpan<LayerBuffers> Layers => _layers;

    /// <summary>Takes over a network's weights [parameter] for the runs that follow.</summary>
    public void Load(ReadOnlySpan<float> weights)
    {
        if (weights.Length != Architecture.Parameters.Count)
            throw new ArgumentException($"the block holds {weights.Length} weights, architecture '{Architecture.Name}' has {Architecture.Parameters.Count}", nameof(weights));
        fixed (float* block = weights)
        {
            for (int i = 0; i < _layers.Length; i++)
            {
                LayerSpec layer = Mixing[i];
                float* first = block + Offsets[i];
                if (layer is GruSpec)
                    LoadGru(_layers[i], first, layer.Inputs, layer.Outputs);
                else
                    LaneMatrix.Pack(first, layer.Outputs, layer.Inputs, layer.Inputs, 1, first + (layer.Outputs * layer.Inputs), _layers[i].Panels);
            }
        }
    }

    private static void LoadGru(in LayerBuffers layer, float* weights, int inputs, int width)
    {
        float* hidden = weights + (3 * width * inputs);
        float* inputBias = hidden + (3 * width * width);
        float* hiddenBias = inputBias + (3 * width);
        // r and z add both biases first; n keeps b_hn apart, because r multiplies it.
        for (int i = 0; i < 2 * width; i++)
            layer.Bias[i] = inputBias[i] + hiddenBias[i];
        for (int i = 2 * width; i < 3 * width; i++)
            layer.Bias[i] = inputBias[i];
        LaneMatrix.Pack(weights, 3 * width, inputs, inputs, 1, layer.Bias, layer.Panels);
        LaneMatrix.Pack(hidden, 2 * width, width, width, 1, null, layer.GatePanels);
        LaneMatrix.Pack(hidden + (2 * width * width), width, width, width, 1, hiddenBias + (2 * width), layer.CandidatePanels);
    }

    /// <summary>Computes every layer from <see cref="Input"/> to <see cref="Output"/>.</summary>
    public void Run()
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            LayerSpec layer = Mixing[i];
            if (layer is DenseSpec dense)
                RunDense(_layers[i], dense, FollowedByRelu[i]);
            else
                RunGru(_layers[i], layer.Inputs, layer.Outputs);
        }
    }

    private void RunDense(in LayerBuffers buffers, DenseSpec layer, bool relu)
    {
        int inputs = layer.Inputs * Stride, outputs = layer.Outputs * Stride;
        for (int place = 0; place < Places; place++)
        {
            float* output = buffers.Output + ((long)place * outputs);
            LaneMatrix.Multiply(buffers.Panels, layer.Outputs, layer.Inputs, buffers.Input + ((long)place * inputs), output, Stride, accumulate: false);
            if (relu)
                Relu(output, outputs);
        }
    }

    /// <summary>max(x, 0), where a NaN stays one.</summary>
    private static void Relu(float* values, int count)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            Vector512<float> x = Vector512.Load(values + i);
            Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x).Store(values + i);
        }
    }

    /// <summary>
    /// r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h:
    /// torch.nn.GRU's equations (Cho et al., arXiv 1406.1078, with the reset gate behind the product).
    /// </summary>
    private void RunGru(in LayerBuffers buffers, int inputs, int width)
    {
        int state = width * Stride;
        for (int place = 0; place < Places; place++)
        {
            float* gates = buffers.Gates + (3L * place * state);
            float* candidate = buffers.Candidate + ((long)place * state);
            float* before = buffers.States + ((long)place * state);
            float* after = before + state;
            LaneMatrix.Multiply(buffers.Panels, 3 * width, inputs, buffers.Input + ((long)place * inputs * Stride), gates, Stride, accumulate: false);
            LaneMatrix.Multiply(buffers.GatePanels, 2 * width, width, before, gates, Stride, accumulate: true);
            LaneMatrix.Multiply(buffers.CandidatePanels, width, width, before, candidate, Stride, accumulate: false);
            for (int i = 0; i < state; i += Lanes.Count)
            {
                Vector512<float> r = LaneMath.Sigmoid(Vector512.Load(gates + i));
                Vector512<float> z = LaneMath.Sigmoid(Vector512.Load(gates + state + i));
                Vector512<float> n = LaneMath.Tanh(Vector512.FusedMultiplyAdd(r, Vector512.Load(candidate + i), Vector512.Load(gates + (2 * state) + i)));
                r.Store(gates + i);
                z.Store(gates + state + i);
                n.Store(gates + (2 * state) + i);
                Vector512.FusedMultiplyAdd(z, Vector512.Load(before + i) - n, n).Store(after + i);
            }
        }
    }

    public void Dispose() => _buffer.Dispose();
}
