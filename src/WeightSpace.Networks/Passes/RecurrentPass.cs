using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using WeightSpace.Numerics;
using static WeightSpace.Numerics.LaneMatrix;

namespace WeightSpace.Networks.Passes;

/// <summary>
/// What recurrent layers have in common: states that run over the places, and backpropagation through time. Parameters stand as in PyTorch: weight_ih
/// [gates x width, inputs], weight_hh [gates x width, width], bias_ih, bias_hh.
/// </summary>
/// <remarks>
/// Weights' gradients are summed over places from the last to the first, and within a place over the blocks of lanes in order.
/// </remarks>
internal abstract unsafe class RecurrentPass : LayerPass
{
    // Places whose weight gradient is taken at once: at width 12 what meets there stays near the core. It changes how often the sums travel,
    // not their order.
    private const int PlacesAtOnce = 16;

    private readonly float* _deltas, _carry, _sums;
    private readonly nint* _inputTaps, _stateTaps, _bothTaps, _inputGateTaps, _hiddenGateTaps;
    private readonly int _deltaRows;

    /// <param name="gatesBehindState">Where each gate's gradient stands in the deltas, for the product with the state; gates in PyTorch's order.</param>
    /// <param name="gatesBehindInput">The same for the product with the input.</param>
    private protected RecurrentPass(RecurrentSpec spec, PassShape shape, float* input, int deltaGates, int[] gatesBehindInput, int[] gatesBehindState)
        : base(spec, shape, input)
    {
        (Inputs, Width, Gates) = (spec.Inputs, spec.Outputs, spec.Gates);
        State = Width * Stride;
        States = Buffer.Take((long)(Places + 1) * State);
        Output = States + State;
        int rows = Gates * Width;
        BothTransposed = Buffer.Take((rows * (Inputs + Width)) + Overread);
        Bias = Buffer.Take(rows + Overread);
        HiddenBias = Buffer.Take(rows + Overread);
        _inputTaps = Taps(Inputs, Stride);
        _stateTaps = Taps(Width, Stride);
        _bothTaps = Taps(Inputs + Width, Stride);
        _deltaRows = deltaGates * Width;
        _deltas = Buffer.Take((long)PlacesAtOnce * _deltaRows * Stride);
        _carry = Buffer.Take(State);
        // By lane: weight_ih, weight_hh, and a row for each of the deltas' sums.
        _sums = Buffer.Take((long)((rows * (Inputs + Width)) + _deltaRows) * Lanes.Count);
        _inputGateTaps = GateTaps(gatesBehindInput);
        _hiddenGateTaps = GateTaps(gatesBehindState);
        GatesBehindInput = gatesBehindInput;
        GatesBehindState = gatesBehindState;
    }

    public override bool NeedsOutput => true;

    private int[] GatesBehindInput { get; }

    private int[] GatesBehindState { get; }

    private protected int Inputs { get; }

    private protected int Width { get; }

    private protected int Gates { get; }

    /// <summary>Floats of a state: width x stride.</summary>
    private protected int State { get; }

    /// <summary>[1 + place, width, stride]: the states from the initial one on, which is 0.</summary>
    private protected float* States { get; }

    /// <summary>weight_ih and weight_hh as they are.</summary>
    private protected float* InputWeights { get; private set; }

    private protected float* HiddenWeights { get; private set; }

    /// <summary>Both, transposed, one under the other: [inputs + width, gates x width].</summary>
    private protected float* BothTransposed { get; }

    /// <summary>bias_ih, with bias_hh added where <see cref="AddsHiddenBias"/>.</summary>
    private protected float* Bias { get; }

    private protected float* HiddenBias { get; }

    private protected nint* InputTaps => _inputTaps;

    private protected nint* StateTaps => _stateTaps;

    private nint* GateTaps(int[] gates)
    {
        nint* taps = Buffer.TakeOffsets(gates.Length * Width);
        for (int i = 0; i < gates.Length * Width; i++)
            taps[i] = (nint)((gates[i / Width] * Width) + (i % Width)) * Stride;
        return taps;
    }

    public override void Load(float* parameters, float* buffers)
    {
        int rows = Gates * Width;
        float* hidden = parameters + (rows * Inputs);
        float* inputBias = hidden + (rows * Width);
        float* hiddenBias = inputBias + rows;
        InputWeights = parameters;
        HiddenWeights = hidden;
        LaneTranspose.Run(parameters, rows, Inputs, Inputs, BothTransposed, rows);
        LaneTranspose.Run(hidden, rows, Width, Width, BothTransposed + (rows * Inputs), rows);
        for (int row = 0; row < rows; row++)
        {
            HiddenBias[row] = hiddenBias[row];
            Bias[row] = AddsHiddenBias(row) ? inputBias[row] + hiddenBias[row] : inputBias[row];
        }
    }

    /// <summary>Whether a row's two biases are simply added.</summary>
    private protected virtual bool AddsHiddenBias(int row) => true;

    public override void Forward(in Chunk chunk)
    {
        BeginForward();
        float* input = Input;
        float* before = States;
        nint* hiddenTaps = _bothTaps + Inputs;
        for (int place = 0; place < Places; place++, input += Inputs * Stride, before += State)
        {
            // A row's chain goes over the inputs and then over the state, which stands this far from them.
            nint distance = (nint)(before - input);
            for (int i = 0; i < Width; i++)
                hiddenTaps[i] = distance + ((nint)i * Stride);
            ForwardPlace(place, input, before, before + State);
        }
    }

    /// <summary>output[row, lanes] = bias + weight_ih x + weight_hh h for rows of the gates: one chain.</summary>
    private protected void InputAndState(int firstRow, int rows, float* input, float* output) =>
        Multiply(BothTransposed + firstRow, Gates * Width, Bias + firstRow, Start.Bias, rows, Inputs + Width, _bothTaps, input, output, Stride, Walk.Line(Shape.Blocks, Lanes.Count, Lanes.Count));

    /// <summary>output[row, lanes] = bias + weight_ih x for all places, whose outputs are <paramref name="outputStep"/> apart.</summary>
    private protected void InputOnly(int firstRow, int rows, float* output, int outputStep) =>
        Multiply(BothTransposed + firstRow, Gates * Width, Bias + firstRow, Start.Bias, rows, Inputs, _inputTaps, Input, output, Stride, Walk.Blocks(Places, Shape.Blocks, Inputs * Stride, outputStep));

    /// <summary>output[row, lanes] = bias_hh + weight_hh h.</summary>
    private protected void StateOnly(int firstRow, int rows, float* state, float* output) =>
        Multiply(BothTransposed + (Gates * Width * Inputs) + firstRow, Gates * Width, HiddenBias + firstRow, Start.Bias, rows, Width, _stateTaps, state, output, Stride, Walk.Line(Shape.Blocks, Lanes.Count, Lanes.Count));

    /// <summary>What does not depend on the states, for all places at once.</summary>
    private protected virtual void BeginForward()
    {
    }

    private protected abstract void ForwardPlace(int place, float* input, float* before, float* after);

    /// <summary>
    /// The gradients by what goes into the activations, from that by the state behind the place: <paramref name="above"/> + <paramref name="carry"/>.
    /// </summary>
    /// <param name="carry">Gets the part of the gradient by the state before the place that does not go through weight_hh.</param>
    /// <param name="deltas">[delta gate, width, stride].</param>
    private protected abstract void BackwardPlace(int place, float* above, float* carry, float* deltas);

    /// <summary>The gradient by 16 states; below <see cref="Lanes.LeastGradient"/> it ends, so that one that vanishes from place to place does not become subnormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected static Vector512<float> Gradient(float* above, float* carry) =>
        Lanes.ZeroBelow(Lanes.LeastGradient, Vector512.Load(above) + Vector512.Load(carry));

    private protected virtual void BeginBackward()
    {
    }

    public override float* Backward(in Chunk chunk, float* above, float* below)
    {
        int rows = Gates * Width, delta = _deltaRows * Stride, inputs = Inputs * Stride;
        Walk line = Walk.Line(Shape.Blocks, Lanes.Count, Lanes.Count);
        new Span<float>(_carry, State).Clear();
        BeginBackward();
        bool accumulate = chunk.Index > 0;
        for (int last = Places - 1; last >= 0; last -= PlacesAtOnce)
        {
            int count = Math.Min(PlacesAtOnce, last + 1);
            for (int i = 0; i < count; i++)
            {
                int place = last - i;
                float* deltas = _deltas + ((long)i * delta);
                BackwardPlace(place, above + ((long)place * State), _carry, deltas);
                Multiply(HiddenWeights, Width, null, Start.Output, Width, rows, _hiddenGateTaps, deltas, _carry, Stride, line);
            }
            if (below != null)
                Multiply(InputWeights, Inputs, null, Start.Zero, Inputs, rows, _inputGateTaps, _deltas, below + ((long)last * inputs), Stride, Walk.Blocks(count, Shape.Blocks, delta, -inputs));
            float* input = Input + ((long)last * inputs), state = States + ((long)last * State);
            float* sums = _sums;
            AccumulateGates(GatesBehindInput, Walk.Blocks(count, Shape.Blocks, delta, -inputs), input, _inputTaps, Inputs, ref sums, accumulate);
            AccumulateGates(GatesBehindState, Walk.Blocks(count, Shape.Blocks, delta, -State), state, _stateTaps, Width, ref sums, accumulate);
            AccumulateRows(_deltas, Stride, _deltaRows, Walk.Blocks(count, Shape.Blocks, delta, delta), sums, accumulate);
            accumulate = true;
        }
        return below;
    }

    /// <summary>The gradient of one matrix: runs of gates that stand together in the deltas go together.</summary>
    private void AccumulateGates(int[] gates, in Walk walk, float* right, nint* taps, int columns, ref float* sums, bool accumulate)
    {
        for (int first = 0; first < gates.Length;)
        {
            int run = 1;
            while (first + run < gates.Length && gates[first + run] == gates[first] + run)
                run++;
            AccumulateOuter(_deltas + ((nint)gates[first] * State), Stride, run * Width, right, taps, columns, walk, sums, accumulate);
            sums += (long)run * Width * columns * Lanes.Count;
            first += run;
        }
    }

    public override void EndGradient(float* parameters)
    {
        int rows = Gates * Width, weights = rows * (Inputs + Width);
        ReduceLanes(_sums, weights, parameters);
        float* sums = _sums + ((long)weights * Lanes.Count);
        for (int gate = 0; gate < Gates; gate++)
        {
            ReduceLanes(sums + ((long)GatesBehindInput[gate] * Width * Lanes.Count), Width, parameters + weights + (gate * Width));
            ReduceLanes(sums + ((long)GatesBehindState[gate] * Width * Lanes.Count), Width, parameters + weights + rows + (gate * Width));
        }
    }
}
