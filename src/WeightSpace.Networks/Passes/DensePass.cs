using WeightSpace.Numerics;
using static WeightSpace.Numerics.LaneMatrix;

namespace WeightSpace.Networks.Passes;

/// <summary>torch.nn.Linear at every place: y = W x + b.</summary>
/// <remarks>
/// Weights' gradients: in a sequence they are summed by lane over chunks, places and blocks in order; else each is one chain over the batch's samples in order.
/// </remarks>
internal sealed unsafe class DensePass : LayerPass
{
    // Places whose weight gradient is taken at once. It changes how often the sums travel, not their order.
    private const int PlacesAtOnce = 16;

    private readonly int _inputs, _outputs, _paddedInputs, _paddedOutputs;
    private readonly nint* _taps, _outputTaps;
    private readonly float* _transposed;
    private float* _weights, _bias;

    // A sequence: the sums of all weights, by lane.
    private readonly float* _sums;

    // Else: inputs and gradients of the whole batch, [sample, feature], where a weight's gradient is one chain over the samples.
    private readonly float* _inputRows, _gradientRows, _rows, _biasSums;
    private readonly nint* _rowTaps;
    private int _samples;

    public DensePass(DenseSpec spec, PassShape shape, float* input)
        : base(spec, shape, input)
    {
        (_inputs, _outputs) = (spec.Inputs, spec.Outputs);
        Output = Buffer.Take((long)Places * _outputs * Stride);
        _taps = Taps(_inputs, Stride);
        _outputTaps = Taps(_outputs, Stride);
        _transposed = Buffer.Take((_inputs * _outputs) + Overread);
        if (Places > 1)
        {
            _sums = Buffer.Take((long)_outputs * (_inputs + 1) * Lanes.Count);
            return;
        }
        (_paddedInputs, _paddedOutputs) = (Lanes.Padded(_inputs), Lanes.Padded(_outputs));
        int batch = shape.Chunks * Stride;
        _inputRows = Buffer.Take((long)batch * _paddedInputs);
        _gradientRows = Buffer.Take(((long)batch * _paddedOutputs) + Overread);
        if (_paddedInputs != _inputs)
            _rows = Buffer.Take((long)_outputs * _paddedInputs);
        _biasSums = Buffer.Take(_paddedOutputs);
        _rowTaps = Taps(batch, _paddedInputs);
    }

    public override void Load(float* parameters, float* buffers)
    {
        _weights = parameters;
        _bias = parameters + (_inputs * _outputs);
        LaneTranspose.Run(parameters, _outputs, _inputs, _inputs, _transposed, _outputs);
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
            int first = chunk.Index * Stride;
            _samples = first + chunk.Samples;
            LaneTranspose.Run(Input, _inputs, chunk.Samples, Stride, _inputRows + ((long)first * _paddedInputs), _paddedInputs);
            LaneTranspose.Run(above, _outputs, chunk.Samples, Stride, _gradientRows + ((long)first * _paddedOutputs), _paddedOutputs);
            return below;
        }
        for (int place = 0; place < Places; place += PlacesAtOnce)
        {
            int count = Math.Min(PlacesAtOnce, Places - place);
            float* gradient = above + ((long)place * outputs);
            bool accumulate = chunk.Index > 0 || place > 0;
            AccumulateOuter(gradient, Stride, _outputs, Input + ((long)place * inputs), _taps, _inputs, Walk.Blocks(count, Shape.Blocks, outputs, inputs), _sums, accumulate);
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
        // Where they stand, unless a row's last vector would reach into the next row.
        float* rows = _rows == null ? parameters : _rows;
        Multiply(_gradientRows, _paddedOutputs, null, Start.Zero, _outputs, _samples, _rowTaps, _inputRows, rows, _paddedInputs, Walk.Line(_paddedInputs / Lanes.Count, Lanes.Count, Lanes.Count));
        for (int output = 0; _rows != null && output < _outputs; output++)
            new ReadOnlySpan<float>(_rows + ((long)output * _paddedInputs), _inputs).CopyTo(new Span<float>(parameters + (output * _inputs), _inputs));
        SumRows(_gradientRows, _samples, _paddedOutputs, _biasSums);
        new ReadOnlySpan<float>(_biasSums, _outputs).CopyTo(new Span<float>(parameters + (_outputs * _inputs), _outputs));
    }
}
