using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks.Passes;

/// <summary>
/// y = (x - mean) / sqrt(variance + eps) * scale + shift for each channel, mean and (biased) variance over batch, pixels and places: torch.nn.BatchNorm1d and 2d
/// (Ioffe and Szegedy, arXiv 1502.03167, algorithm 1).
/// </summary>
/// <remarks>
/// The whole batch is one chunk here. Sums go over places, pixels and blocks in order, lane by lane, and then over the lanes by the fixed tree; the variance is the
/// mean square of what is left when the mean is taken away.
/// </remarks>
internal sealed unsafe class BatchNormPass : LayerPass
{
    private const float Epsilon = 1e-5f;
    private const float Momentum = 0.1f;

    private readonly int _channels, _pixels;
    private readonly float* _scale, _shift, _runningMean, _runningVariance, _mean, _variance, _normalised, _scaleGradient, _shiftGradient;
    private long _count;

    public BatchNormPass(BatchNormSpec spec, PassShape shape, float* input, bool inPlace)
        : base(spec, shape, input)
    {
        (_channels, _pixels) = (spec.Shape.Channels, spec.Shape.Pixels);
        Output = inPlace ? input : Buffer.Take((long)Places * spec.Outputs * Stride);
        _normalised = Buffer.Take((long)Places * spec.Outputs * Stride);
        _scale = Buffer.Take(_channels);
        _shift = Buffer.Take(_channels);
        _runningMean = Buffer.Take(_channels);
        _runningVariance = Buffer.Take(_channels);
        _mean = Buffer.Take(_channels);
        _variance = Buffer.Take(_channels);
        _scaleGradient = Buffer.Take(_channels);
        _shiftGradient = Buffer.Take(_channels);
    }

    public override void Load(float* parameters, float* buffers)
    {
        int size = _channels * sizeof(float);
        System.Buffer.MemoryCopy(parameters, _scale, size, size);
        System.Buffer.MemoryCopy(parameters + _channels, _shift, size, size);
        System.Buffer.MemoryCopy(buffers, _runningMean, size, size);
        System.Buffer.MemoryCopy(buffers + _channels, _runningVariance, size, size);
    }

    private nint Place(int place, int channel) => (((nint)place * _channels) + channel) * _pixels * Stride;

    public override void Forward(in Chunk chunk)
    {
        _count = (long)Places * _pixels * chunk.Samples;
        int length = _pixels * Stride;
        Vector512<float> last = Lanes.FirstOf(chunk.Samples - (Stride - Lanes.Count));
        for (int channel = 0; channel < _channels; channel++)
        {
            float mean = _runningMean[channel], variance = _runningVariance[channel];
            if (chunk.IsTraining)
            {
                Vector512<float> sum = Vector512<float>.Zero;
                for (int place = 0; place < Places; place++)
                {
                    float* x = Input + Place(place, channel);
                    for (int i = 0; i < length; i += Lanes.Count)
                        sum += Vector512.Load(x + i) & Valid(i, last);
                }
                mean = Lanes.Sum(sum) / _count;
                Vector512<float> squares = Vector512<float>.Zero, centre = Vector512.Create(mean);
                for (int place = 0; place < Places; place++)
                {
                    float* x = Input + Place(place, channel);
                    for (int i = 0; i < length; i += Lanes.Count)
                    {
                        Vector512<float> d = (Vector512.Load(x + i) - centre) & Valid(i, last);
                        squares = Vector512.FusedMultiplyAdd(d, d, squares);
                    }
                }
                variance = Lanes.Sum(squares) / _count;
                (_mean[channel], _variance[channel]) = (mean, variance);
            }
            float inverse = 1 / MathF.Sqrt(variance + Epsilon);
            for (int place = 0; place < Places; place++)
            {
                float* x = Input + Place(place, channel), y = Output + Place(place, channel), normalised = _normalised + Place(place, channel);
                for (int i = 0; i < length; i += Lanes.Count)
                {
                    Vector512<float> value = (Vector512.Load(x + i) - Vector512.Create(mean)) * Vector512.Create(inverse);
                    value.Store(normalised + i);
                    Vector512.FusedMultiplyAdd(value, Vector512.Create(_scale[channel]), Vector512.Create(_shift[channel])).Store(y + i);
                }
            }
        }
    }

    /// <summary>All lanes, or the real ones of the last block.</summary>
    private Vector512<float> Valid(int index, Vector512<float> last) =>
        index % Stride == Stride - Lanes.Count ? last : Vector512<float>.AllBitsSet;

    /// <summary>dx = scale / sqrt(variance + eps) (dy - mean(dy) - normalised mean(dy normalised)).</summary>
    public override float* Backward(in Chunk chunk, float* above, float* below)
    {
        int length = _pixels * Stride;
        Vector512<float> last = Lanes.FirstOf(chunk.Samples - (Stride - Lanes.Count));
        for (int channel = 0; channel < _channels; channel++)
        {
            Vector512<float> sum = Vector512<float>.Zero, product = Vector512<float>.Zero;
            for (int place = 0; place < Places; place++)
            {
                float* dy = above + Place(place, channel), normalised = _normalised + Place(place, channel);
                for (int i = 0; i < length; i += Lanes.Count)
                {
                    Vector512<float> d = Vector512.Load(dy + i) & Valid(i, last);
                    sum += d;
                    product = Vector512.FusedMultiplyAdd(d, Vector512.Load(normalised + i), product);
                }
            }
            float shift = Lanes.Sum(sum), scale = Lanes.Sum(product);
            (_shiftGradient[channel], _scaleGradient[channel]) = (shift, scale);
            float factor = _scale[channel] * (1 / MathF.Sqrt(_variance[channel] + Epsilon));
            Vector512<float> meanShift = Vector512.Create(shift / _count), meanScale = Vector512.Create(-(scale / _count));
            for (int place = 0; place < Places; place++)
            {
                float* dy = above + Place(place, channel), normalised = _normalised + Place(place, channel);
                for (int i = 0; i < length; i += Lanes.Count)
                {
                    Vector512<float> d = Vector512.FusedMultiplyAdd(Vector512.Load(normalised + i), meanScale, Vector512.Load(dy + i) - meanShift);
                    ((d * Vector512.Create(factor)) & Valid(i, last)).Store(dy + i);
                }
            }
        }
        return above;
    }

    public override void EndGradient(float* parameters)
    {
        for (int channel = 0; channel < _channels; channel++)
        {
            parameters[channel] = _scaleGradient[channel];
            parameters[_channels + channel] = _shiftGradient[channel];
        }
    }

    /// <summary>running = 0.9 running + 0.1 of this batch's, where the variance is the unbiased one.</summary>
    public override void UpdateBuffers(float* buffers)
    {
        float unbiased = _count > 1 ? (float)((double)_count / (_count - 1)) : 1;
        for (int channel = 0; channel < _channels; channel++)
        {
            buffers[channel] = MathF.FusedMultiplyAdd(Momentum, _mean[channel] - _runningMean[channel], _runningMean[channel]);
            float variance = _variance[channel] * unbiased;
            buffers[_channels + channel] = MathF.FusedMultiplyAdd(Momentum, variance - _runningVariance[channel], _runningVariance[channel]);
        }
    }
}

/// <summary>
/// y = (x - mean) / sqrt(variance + eps) * scale + shift over the features of each sample at each place: torch.nn.LayerNorm (Ba et al., arXiv 1607.06450).
/// </summary>
internal sealed unsafe class LayerNormPass : LayerPass
{
    private const float Epsilon = 1e-5f;

    private readonly int _features;
    private readonly float* _scale, _shift, _normalised, _inverse, _sums;

    public LayerNormPass(LayerNormSpec spec, PassShape shape, float* input, bool inPlace)
        : base(spec, shape, input)
    {
        _features = spec.Outputs;
        Output = inPlace ? input : Buffer.Take((long)Places * _features * Stride);
        _scale = Buffer.Take(_features);
        _shift = Buffer.Take(_features);
        _normalised = Buffer.Take((long)Places * _features * Stride);
        _inverse = Buffer.Take((long)Places * Stride);
        _sums = Buffer.Take(2L * _features * Lanes.Count);
    }

    public override void Load(float* parameters, float* buffers)
    {
        int size = _features * sizeof(float);
        System.Buffer.MemoryCopy(parameters, _scale, size, size);
        System.Buffer.MemoryCopy(parameters + _features, _shift, size, size);
    }

    public override void Forward(in Chunk chunk)
    {
        Vector512<float> share = Vector512.Create(1f / _features);
        for (int place = 0; place < Places; place++)
        {
            for (int lane = 0; lane < Stride; lane += Lanes.Count)
            {
                float* x = Input + ((long)place * _features * Stride) + lane, y = Output + ((long)place * _features * Stride) + lane, normalised = _normalised + ((long)place * _features * Stride) + lane;
                Vector512<float> mean = Vector512<float>.Zero, variance = Vector512<float>.Zero;
                for (int i = 0; i < _features; i++)
                    mean += Vector512.Load(x + (i * Stride));
                mean *= share;
                for (int i = 0; i < _features; i++)
                {
                    Vector512<float> d = Vector512.Load(x + (i * Stride)) - mean;
                    variance = Vector512.FusedMultiplyAdd(d, d, variance);
                }
                Vector512<float> inverse = Vector512<float>.One / Vector512.Sqrt(Vector512.FusedMultiplyAdd(variance, share, Vector512.Create(Epsilon)));
                inverse.Store(_inverse + ((long)place * Stride) + lane);
                for (int i = 0; i < _features; i++)
                {
                    Vector512<float> value = (Vector512.Load(x + (i * Stride)) - mean) * inverse;
                    value.Store(normalised + (i * Stride));
                    Vector512.FusedMultiplyAdd(value, Vector512.Create(_scale[i]), Vector512.Create(_shift[i])).Store(y + (i * Stride));
                }
            }
        }
    }

    /// <summary>With g = dy scale: dx = (g - mean(g) - normalised mean(g normalised)) / sqrt(variance + eps).</summary>
    public override float* Backward(in Chunk chunk, float* above, float* below)
    {
        if (chunk.Index == 0)
            new Span<float>(_sums, 2 * _features * Lanes.Count).Clear();
        float* scaleSums = _sums, shiftSums = _sums + ((long)_features * Lanes.Count);
        Vector512<float> share = Vector512.Create(1f / _features);
        for (int place = 0; place < Places; place++)
        {
            for (int lane = 0; lane < Stride; lane += Lanes.Count)
            {
                float* dy = above + ((long)place * _features * Stride) + lane, normalised = _normalised + ((long)place * _features * Stride) + lane;
                Vector512<float> mean = Vector512<float>.Zero, product = Vector512<float>.Zero;
                for (int i = 0; i < _features; i++)
                {
                    Vector512<float> d = Vector512.Load(dy + (i * Stride)), value = Vector512.Load(normalised + (i * Stride));
                    Vector512.FusedMultiplyAdd(d, value, Vector512.Load(scaleSums + (i * Lanes.Count))).Store(scaleSums + (i * Lanes.Count));
                    (Vector512.Load(shiftSums + (i * Lanes.Count)) + d).Store(shiftSums + (i * Lanes.Count));
                    Vector512<float> g = d * Vector512.Create(_scale[i]);
                    mean += g;
                    product = Vector512.FusedMultiplyAdd(g, value, product);
                }
                mean *= share;
                product *= -share;
                Vector512<float> inverse = Vector512.Load(_inverse + ((long)place * Stride) + lane);
                for (int i = 0; i < _features; i++)
                {
                    Vector512<float> g = Vector512.Load(dy + (i * Stride)) * Vector512.Create(_scale[i]);
                    (Vector512.FusedMultiplyAdd(Vector512.Load(normalised + (i * Stride)), product, g - mean) * inverse).Store(dy + (i * Stride));
                }
            }
        }
        return above;
    }

    public override void EndGradient(float* parameters) => LaneMatrix.ReduceLanes(_sums, 2 * _features, parameters);
}
