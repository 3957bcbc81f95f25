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
    private readonly float* _padded, _spread, _transposed, _mirrored, _sums;
    private float* _bias;

    public ConvPass(ConvSpec spec, PassShape shape, float* input, bool needsInputGradient)
        : base(spec, shape, input)
    {
        (_spec, _in, _out, _taps) = (spec, spec.Input, spec.Output, spec.Taps);
        int kernel = spec.Kernel;
        Output = Buffer.Take((long)Places * _out.Features * Stride);
        (_paddedHeight, _paddedWidth) = (_in.Height + (2 * spec.Padding), _in.Width + (2 * spec.Padding));
        _padded = spec.Padding == 0 ? input : Buffer.Take((long)Places * _in.Channels * _paddedHeight * _paddedWidth * Stride);
        _transposed = Buffer.Take((_taps * _out.Channels) + Overread);
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
            (int y, int channel, int x) = (tap / kernel / _out.Channels, tap / kernel % _out.Channels, tap % kernel);
            _gradientTaps[tap] = (nint)((((channel * _spreadHeight) + kernel - 1 - y) * _spreadWidth) + kernel - 1 - x) * Stride;
        }
    }

    public override void Load(float* parameters, float* buffers)
    {
        LaneTranspose.Run(parameters, _out.Channels, _taps, _taps, _transposed, _out.Channels);
        _bias = parameters + (_taps * _out.Channels);
        if (_mirrored == null)
            return;
        // [kernel row, output channel, kernel column, input channel].
        int kernel = _spec.Kernel, channels = _in.Channels;
        for (int y = 0; y < kernel; y++)
        {
            for (int channel = 0; channel < _out.Channels; channel++)
            {
                float* target = _mirrored + (((y * _out.Channels) + channel) * kernel * channels);
                LaneTranspose.Run(parameters + (channel * _taps) + (y * kernel), channels, kernel, kernel * kernel, target, channels);
            }
        }
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
        // Where the padding is as wide as the kernel, the outermost windows see nothing but zeros: their gradients go nowhere.
        (int firstRow, int endRow) = WithinSpread(border, _out.Height, _spreadHeight);
        (int firstColumn, int endColumn) = WithinSpread(border, _out.Width, _spreadWidth);
        for (int channel = 0; channel < _out.Channels; channel++)
        {
            for (int y = firstRow; y < endRow; y++)
            {
                float* source = gradient + ((((nint)channel * _out.Height) + y) * _out.Width + firstColumn) * Stride;
                float* target = _spread + ((((nint)channel * _spreadHeight) + border + (y * _spec.Stride)) * _spreadWidth + border + (firstColumn * _spec.Stride)) * Stride;
                if (_spec.Stride == 1)
                {
                    int length = (endColumn - firstColumn) * Stride;
                    new ReadOnlySpan<float>(source, length).CopyTo(new Span<float>(target, length));
                    continue;
                }
                for (int x = firstColumn; x < endColumn; x++, source += Stride, target += _spec.Stride * Stride)
                    new ReadOnlySpan<float>(source, Stride).CopyTo(new Span<float>(target, Stride));
            }
        }
        nint row = (nint)_in.Width * Stride, spreadRow = (nint)_spreadWidth * Stride;
        int perKernelRow = _out.Channels * kernel;
        for (int y = 0; y < _in.Height; y++)
        {
            // Of the kernel's rows, those that some row of the output met here.
            int first = Math.Max(0, y + _spec.Padding - ((_out.Height - 1) * _spec.Stride)), last = Math.Min(kernel - 1, y + _spec.Padding);
            Multiply(_mirrored + (first * perKernelRow * _in.Channels), _in.Channels, null, Start.Zero, _in.Channels, Math.Max(0, last - first + 1) * perKernelRow,
                _gradientTaps + (first * perKernelRow), _spread + (y * spreadRow), below + (y * row), _in.Pixels * Stride, Walk.Blocks(_in.Width, Shape.Blocks, Stride, Stride));
        }
    }

    /// <summary>The outputs along an axis, first and behind the last, whose place border + i x stride lies within the spread gradient.</summary>
    private (int First, int End) WithinSpread(int border, int outputs, int size) =>
        (border < 0 ? (-border + _spec.Stride - 1) / _spec.Stride : 0, Math.Min(outputs, ((size - 1 - border) / _spec.Stride) + 1));

    public override void EndGradient(float* parameters) => ReduceLanes(_sums, _out.Channels * (_taps + 1), parameters);
}
