using WeightSpace.Numerics;
using static WeightSpace.Numerics.LaneMatrix;

namespace WeightSpace.Networks.Passes;

/// <summary>
/// torch.nn.Conv2d at every place, as a matrix product whose vectors are the window's pixels, found by their offsets. Its gradient by the input is another
/// one, over the output's gradient with zeros around and, for strides above 1, between.
/// </summary>
/// <remarks>The weights' gradients are summed over chunks, places, rows and columns of the output, and blocks of lanes, all in order.</remarks>
internal sealed unsafe class ConvPass : LayerPass
{
    // Output vectors whose part of the weight gradient is taken at once, so that they stay near the core. It changes no sum's order.
    private const int VectorsAtOnce = 48;

    private readonly ConvSpec _spec;
    private readonly Shape _in, _out;
    private readonly int _taps, _paddedHeight, _paddedWidth, _spreadHeight, _spreadWidth;
    private readonly nint* _inputTaps, _gradientTaps;
    private readonly float* _padded, _spread, _transposed, _bias, _mirrored, _sums;

    public ConvPass(ConvSpec spec, PassShape shape, float* input, bool needsInputGradient)
        : base(spec, shape, input)
    {
        (_spec, _in, _out, _taps) = (spec, spec.Input, spec.Output, spec.Taps);
        int kernel = spec.Kernel;
        Output = Buffer.Take((long)Places * _out.Features * Stride);
        (_paddedHeight, _paddedWidth) = (_in.Height + (2 * spec.Padding), _in.Width + (2 * spec.Padding));
        _padded = spec.Padding == 0 ? input : Buffer.Take((long)Places * _in.Channels * _paddedHeight * _paddedWidth * Stride);
        _transposed = Buffer.Take((_taps * _out.Channels) + Overread);
        _bias = Buffer.Take(_out.Channels + Overread);
        _sums = Buffer.Take((long)_out.Channels * (_taps + 1) * Lanes.Count);
        _inputTaps = Buffer.TakeOffsets(_taps);
        for (int tap = 0; tap < _taps; tap++)
        {
            (int channel, int y, int x) = (tap / (kernel * kernel), tap / kernel % kernel, tap % kernel);
            _inputTaps[tap] = (nint)((((channel * _paddedHeight) + y) * _paddedWidth) + x) * Stride;
        }
        if (!needsInputGradient)
            return;
        (_spreadHeight, _spreadWidth) = (_in.Height + kernel - 1, _in.Width + kernel - 1);
        _spread = Buffer.Take((long)_out.Channels * _spreadHeight * _spreadWidth * Stride);
        _mirrored = Buffer.Take((_out.Channels * kernel * kernel * _in.Channels) + Overread);
        _gradientTaps = Buffer.TakeOffsets(_out.Channels * kernel * kernel);
        for (int tap = 0; tap < _out.Channels * kernel * kernel; tap++)
        {
            (int channel, int y, int x) = (tap / (kernel * kernel), tap / kernel % kernel, tap % kernel);
            _gradientTaps[tap] = (nint)((((channel * _spreadHeight) + kernel - 1 - y) * _spreadWidth) + kernel - 1 - x) * Stride;
        }
    }

    public override void Load(float* parameters, float* buffers)
    {
        Transpose(parameters, _out.Channels, _taps, _transposed, _out.Channels);
        new ReadOnlySpan<float>(parameters + (_taps * _out.Channels), _out.Channels).CopyTo(new Span<float>(_bias, _out.Channels));
        if (_mirrored == null)
            return;
        // [output channel, tap, input channel]: for one output channel, its kernels transposed.
        int area = _spec.Kernel * _spec.Kernel;
        for (int channel = 0; channel < _out.Channels; channel++)
            Transpose(parameters + (channel * _taps), _in.Channels, area, _mirrored + (channel * _taps), _in.Channels);
    }

    public override void Forward(in Chunk chunk)
    {
        int step = _spec.Stride * Stride;
        for (int place = 0; place < Places; place++)
        {
            float* input = PaddedInput(place), output = Output + ((long)place * _out.Features * Stride);
            if (_spec.Padding > 0)
                Pad(Input + ((long)place * _in.Features * Stride), input);
            // With one block of lanes all rows are one walk; with more, the blocks take the walk's inner loop.
            bool oneWalk = Shape.Blocks == 1;
            for (int row = 0; row < (oneWalk ? 1 : _out.Height); row++)
            {
                Walk walk = oneWalk
                    ? new Walk { Outer = _out.Height, Inner = _out.Width, LeftInner = step, LeftJump = ((nint)_spec.Stride * _paddedWidth * Stride) - ((nint)_out.Width * step), RightInner = Stride }
                    : Walk.Blocks(_out.Width, Shape.Blocks, step, Stride);
                Multiply(_transposed, _out.Channels, _bias, Start.Bias, _out.Channels, _taps, _inputTaps, input + ((nint)row * _spec.Stride * _paddedWidth * Stride),
                    output + ((nint)row * _out.Width * Stride), _out.Pixels * Stride, walk);
            }
        }
    }

    private float* PaddedInput(int place) => _padded + ((long)place * _in.Channels * _paddedHeight * _paddedWidth * Stride);

    private void Pad(float* image, float* padded)
    {
        int row = _in.Width * Stride;
        for (int channel = 0; channel < _in.Channels; channel++)
        {
            for (int y = 0; y < _in.Height; y++, image += row)
            {
                float* target = padded + ((((nint)channel * _paddedHeight + y + _spec.Padding) * _paddedWidth) + _spec.Padding) * Stride;
                new ReadOnlySpan<float>(image, row).CopyTo(new Span<float>(target, row));
            }
        }
    }

    public override float* Backward(in Chunk chunk, float* above, float* below)
    {
        int rowsAtOnce = Math.Max(1, VectorsAtOnce / (_out.Width * Shape.Blocks));
        int step = _spec.Stride * Stride;
        bool accumulate = chunk.Index > 0;
        for (int place = 0; place < Places; place++)
        {
            float* input = PaddedInput(place), gradient = above + ((long)place * _out.Features * Stride);
            for (int row = 0; row < _out.Height;)
            {
                int rows = Shape.Blocks == 1 ? Math.Min(rowsAtOnce, _out.Height - row) : 1;
                Walk walk = Shape.Blocks == 1
                    ? new Walk { Outer = rows, Inner = _out.Width, LeftInner = Stride, RightInner = step, RightJump = ((nint)_spec.Stride * _paddedWidth * Stride) - ((nint)_out.Width * step) }
                    : Walk.Blocks(_out.Width, Shape.Blocks, Stride, step);
                float* left = gradient + ((nint)row * _out.Width * Stride);
                AccumulateOuter(left, (nint)_out.Pixels * Stride, _out.Channels, input + ((nint)row * _spec.Stride * _paddedWidth * Stride), _inputTaps, _taps, walk, _sums, accumulate);
                accumulate = true;
                row += rows;
            }
            AccumulateRows(gradient, (nint)_out.Pixels * Stride, _out.Channels, Walk.Line(_out.Pixels * Shape.Blocks, Lanes.Count, Lanes.Count),
                _sums + ((long)_out.Channels * _taps * Lanes.Count), chunk.Index > 0 || place > 0);
            if (below != null)
                InputGradient(gradient, below + ((long)place * _in.Features * Stride));
        }
        return below;
    }

    private void InputGradient(float* gradient, float* below)
    {
        int kernel = _spec.Kernel, border = kernel - 1 - _spec.Padding;
        for (int channel = 0; channel < _out.Channels; channel++)
        {
            for (int y = 0; y < _out.Height; y++)
            {
                float* target = _spread + ((((nint)channel * _spreadHeight) + border + (y * _spec.Stride)) * _spreadWidth + border) * Stride;
                if (_spec.Stride == 1)
                {
                    new ReadOnlySpan<float>(gradient, _out.Width * Stride).CopyTo(new Span<float>(target, _out.Width * Stride));
                    gradient += _out.Width * Stride;
                    continue;
                }
                for (int x = 0; x < _out.Width; x++, gradient += Stride, target += _spec.Stride * Stride)
                    new ReadOnlySpan<float>(gradient, Stride).CopyTo(new Span<float>(target, Stride));
            }
        }
        int taps = _out.Channels * kernel * kernel;
        nint row = (nint)_in.Width * Stride, spreadRow = (nint)_spreadWidth * Stride;
        if (Shape.Blocks == 1)
        {
            var walk = new Walk { Outer = _in.Height, Inner = _in.Width, LeftInner = Stride, LeftJump = spreadRow - row, RightInner = Stride };
            Multiply(_mirrored, _in.Channels, null, Start.Zero, _in.Channels, taps, _gradientTaps, _spread, below, _in.Pixels * Stride, walk);
            return;
        }
        for (int y = 0; y < _in.Height; y++)
            Multiply(_mirrored, _in.Channels, null, Start.Zero, _in.Channels, taps, _gradientTaps, _spread + (y * spreadRow), below + (y * row), _in.Pixels * Stride, Walk.Blocks(_in.Width, Shape.Blocks, Stride, Stride));
    }

    public override void EndGradient(float* parameters) => ReduceLanes(_sums, _out.Channels * (_taps + 1), parameters);
}
