using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks.Passes;

/// <summary>
/// The greatest or the mean of each window. The gradient of the greatest goes to the first of them in row-major order, as in PyTorch.
/// </summary>
internal sealed unsafe class PoolPass : LayerPass
{
    private readonly PoolSpec _spec;
    private readonly Shape _in, _out;

    // Windows that meet each input exactly once need no sums of gradients.
    private readonly bool _tiles;

    public PoolPass(PoolSpec spec, PassShape shape, float* input)
        : base(spec, shape, input)
    {
        (_spec, _in, _out) = (spec, spec.Input, spec.Output);
        _tiles = spec.Kernel == spec.Stride && _in.Height % spec.Stride == 0 && _in.Width % spec.Stride == 0;
        Output = Buffer.Take((long)Places * _out.Features * Stride);
    }

    public override bool NeedsOutput => _spec.IsMax;

    /// <summary>The first input of the window of output (x, y) of a channel, counted over channels and places.</summary>
    private nint WindowAt(int channel, int y, int x) => ((((nint)channel * _in.Height) + (y * _spec.Stride)) * _in.Width + (x * _spec.Stride)) * Stride;

    public override void Forward(in Chunk chunk)
    {
        float* output = Output;
        for (int channel = 0; channel < Places * _in.Channels; channel++)
        {
            for (int y = 0; y < _out.Height; y++)
            {
                for (int x = 0; x < _out.Width; x++, output += Stride)
                {
                    if (_spec.IsMax)
                        Greatest(Input + WindowAt(channel, y, x), output);
                    else
                        Mean(Input + WindowAt(channel, y, x), output);
                }
            }
        }
    }

    private void Greatest(float* window, float* output)
    {
        int kernel = _spec.Kernel;
        nint stride = Stride, row = (nint)_in.Width * Stride;
        for (nint lane = 0; lane < stride; lane += Lanes.Count)
        {
            Vector512<float> greatest = Vector512.Load(window + lane);
            for (int i = 0; i < kernel; i++)
            {
                for (int j = 0; j < kernel; j++)
                {
                    Vector512<float> value = Vector512.Load(window + (i * row) + (j * stride) + lane);
                    greatest = Vector512.ConditionalSelect(Vector512.GreaterThan(value, greatest), value, greatest);
                }
            }
            greatest.Store(output + lane);
        }
    }

    private void Mean(float* window, float* output)
    {
        int kernel = _spec.Kernel;
        nint stride = Stride, row = (nint)_in.Width * Stride;
        Vector512<float> share = Vector512.Create(1f / (kernel * kernel));
        for (nint lane = 0; lane < stride; lane += Lanes.Count)
        {
            Vector512<float> sum = Vector512<float>.Zero;
            for (int i = 0; i < kernel; i++)
            {
                for (int j = 0; j < kernel; j++)
                    sum += Vector512.Load(window + (i * row) + (j * stride) + lane);
            }
            (sum * share).Store(output + lane);
        }
    }

    public override float* Backward(in Chunk chunk, float* above, float* below)
    {
        if (below == null)
            return null;
        if (!_tiles)
            new Span<float>(below, Places * _in.Features * Stride).Clear();
        float* output = Output, gradient = above;
        for (int channel = 0; channel < Places * _in.Channels; channel++)
        {
            for (int y = 0; y < _out.Height; y++)
            {
                for (int x = 0; x < _out.Width; x++, output += Stride, gradient += Stride)
                {
                    nint window = WindowAt(channel, y, x);
                    if (_spec.IsMax)
                        ToGreatest(Input + window, output, gradient, below + window);
                    else
                        ToAll(gradient, below + window);
                }
            }
        }
        return below;
    }

    private void ToGreatest(float* window, float* output, float* gradient, float* below)
    {
        int kernel = _spec.Kernel;
        nint stride = Stride, row = (nint)_in.Width * Stride;
        bool tiles = _tiles;
        for (nint lane = 0; lane < stride; lane += Lanes.Count)
        {
            Vector512<float> greatest = Vector512.Load(output + lane);
            // What is left to give: nothing, once the first of the greatest has had it.
            Vector512<float> left = Vector512.Load(gradient + lane);
            for (int i = 0; i < kernel; i++)
            {
                for (int j = 0; j < kernel; j++)
                {
                    nint at = (i * row) + (j * stride) + lane;
                    Vector512<float> isGreatest = Vector512.Equals(Vector512.Load(window + at), greatest);
                    Vector512<float> part = left & isGreatest;
                    left = Vector512.AndNot(left, isGreatest);
                    (tiles ? part : part + Vector512.Load(below + at)).Store(below + at);
                }
            }
        }
    }

    private void ToAll(float* gradient, float* below)
    {
        int kernel = _spec.Kernel;
        nint stride = Stride, row = (nint)_in.Width * Stride;
        bool tiles = _tiles;
        Vector512<float> share = Vector512.Create(1f / (kernel * kernel));
        for (nint lane = 0; lane < stride; lane += Lanes.Count)
        {
            Vector512<float> part = Vector512.Load(gradient + lane) * share;
            for (int i = 0; i < kernel; i++)
            {
                for (int j = 0; j < kernel; j++)
                {
                    nint at = (i * row) + (j * stride) + lane;
                    (tiles ? part : part + Vector512.Load(below + at)).Store(below + at);
                }
            }
        }
    }
}
