using WeightSpace.Numerics;
using static WeightSpace.Numerics.LaneMatrix;

namespace WeightSpace.Networks.Passes;

/// <summary>torch.nn.Linear at every place: y = W x + b.</summary>
internal sealed unsafe class DensePass : LayerPass
{
    // Places whose weight gradient is taken at once. It changes how often the sums travel, not their order.
    private const int PlacesAtOnce = 8;

    // Rows of the weight gradient that are summed before their lanes are added, where all vectors are at hand.
    private const int RowsAtOnce = 12;

    private readonly int _inputs, _outputs;
    private readonly nint* _taps, _outputTaps;
    private readonly float* _transposed, _weights, _bias;

    // A sequence: the sums by lane of all weights. Else: what each chunk brought, to be summed in one go at the end.
    private readonly float* _sums, _keptInputs, _keptGradients;

    public DensePass(DenseSpec spec, PassShape shape, float* input)
        : base(spec, shape, input)
    {
        (_inputs, _outputs) = (spec.Inputs, spec.Outputs);
        Output = Buffer.Take((long)Places * _outputs * Stride);
        _taps = Taps(_inputs, Stride);
        _outputTaps = Taps(_outputs, Stride);
        _transposed = Buffer.Take((_inputs * _outputs) + Overread);
        _weights = Buffer.Take((_inputs * _outputs) + Overread);
        _bias = Buffer.Take(_outputs + Overread);
        if (Places > 1)
        {
            _sums = Buffer.Take((long)_outputs * (_inputs + 1) * Lanes.Count);
            return;
        }
        _sums = Buffer.Take((long)Math.Max(Math.Min(RowsAtOnce, _outputs) * _inputs, _outputs) * Lanes.Count);
        _keptInputs = Buffer.Take((long)shape.Chunks * _inputs * Stride);
        _keptGradients = Buffer.Take((long)shape.Chunks * _outputs * Stride);
    }

    public override void Load(float* parameters, float* buffers)
    {
        int count = _inputs * _outputs;
        new ReadOnlySpan<float>(parameters, count).CopyTo(new Span<float>(_weights, count));
        new ReadOnlySpan<float>(parameters + count, _outputs).CopyTo(new Span<float>(_bias, _outputs));
        Transpose(parameters, _outputs, _inputs, _transposed, _outputs);
    }

    public override void Forward(in Chunk chunk)
    {
        int inputs = _inputs * Stride, outputs = _outputs * Stride;
        Multiply(_transposed, _outputs, _bias, Start.Bias, _outputs, _inputs, _taps, Input, Output, Stride, Walk.Blocks(Places, Shape.Blocks, inputs, outputs));
    }

    public override float* Backward(in Chunk chunk, float* above, float* below)
    {
        int inputs = _inputs * Stride, outputs = _outputs * Stride;
        if (below != null)
            Multiply(_weights, _inputs, null, Start.Zero, _inputs, _outputs, _outputTaps, above, below, Stride, Walk.Blocks(Places, Shape.Blocks, outputs, inputs));
        if (Places == 1)
        {
            new ReadOnlySpan<float>(Input, inputs).CopyTo(new Span<float>(_keptInputs + ((long)chunk.Index * inputs), inputs));
            new ReadOnlySpan<float>(above, outputs).CopyTo(new Span<float>(_keptGradients + ((long)chunk.Index * outputs), outputs));
            return below;
        }
        for (int first = 0; first < Places; first += PlacesAtOnce)
        {
            int count = Math.Min(PlacesAtOnce, Places - first);
            float* gradient = above + ((long)first * outputs);
            bool accumulate = chunk.Index > 0 || first > 0;
            AccumulateOuter(gradient, Stride, _outputs, Input + ((long)first * inputs), _taps, _inputs, Walk.Blocks(count, Shape.Blocks, outputs, inputs), _sums, accumulate);
            AccumulateRows(gradient, Stride, _outputs, Walk.Blocks(count, Shape.Blocks, outputs, outputs), _sums + ((long)_outputs * _inputs * Lanes.Count), accumulate);
        }
        return below;
    }

    public override void EndGradient(float* parameters)
    {
        if (Places > 1)
        {
            ReduceLanes(_sums, _outputs * (_inputs + 1), parameters);
            return;
        }
        Walk walk = Walk.Blocks(Shape.Chunks, Shape.Blocks, _outputs * Stride, _inputs * Stride);
        for (int row = 0; row < _outputs; row += RowsAtOnce)
        {
            int rows = Math.Min(RowsAtOnce, _outputs - row);
            AccumulateOuter(_keptGradients + (row * Stride), Stride, rows, _keptInputs, _taps, _inputs, walk, _sums, accumulate: false);
            ReduceLanes(_sums, rows * _inputs, parameters + (row * _inputs));
        }
        AccumulateRows(_keptGradients, Stride, _outputs, walk, _sums, accumulate: false);
        ReduceLanes(_sums, _outputs, parameters + (_outputs * _inputs));
    }
}
