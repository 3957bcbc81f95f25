using WeightSpace.Numerics;

namespace WeightSpace.Tasks;

/// <summary>
/// The images of <see cref="DigitsTask"/>. Every fifth (index % 5 = 4) is held out; the training stream goes through all others in a new random order each epoch: sample i is of
/// epoch i / 1,438, whose order depends on the seed and the epoch alone.
/// </summary>
public sealed unsafe class DigitsData : TaskData
{
    /// <summary>Images held out: every fifth.</summary>
    public const int HeldOut = DigitImages.Count / Nth;

    /// <summary>Images to train with, an epoch of the stream.</summary>
    public const int Trained = DigitImages.Count - HeldOut;

    private const int Nth = 5, Classes = 10;

    private readonly DigitsTask _task;
    private readonly float[] _images;
    private readonly int _imageStride;
    private readonly int[] _order = new int[Trained];
    private (ulong Seed, long Epoch) _ordered = (0, -1);

    internal DigitsData(DigitsTask task)
        : base(task)
    {
        _task = task;
        _images = DigitImages.Enlarged(task.Size);
        _imageStride = DigitImages.Stride(task.Size);
    }

    public override void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y)
    {
        int pixels = _task.Size * _task.Size;
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, stride);
        if (stride % Lanes.Count != 0)
            throw new ArgumentException($"the stride is {stride}, a multiple of {Lanes.Count} was expected", nameof(stride));
        if (x.Length != _task.Inputs * stride)
            throw new ArgumentException($"x holds {x.Length} values, [1, {_task.Inputs}, {stride}] was expected", nameof(x));
        if (y.Length != Classes * stride)
            throw new ArgumentException($"y holds {y.Length} values, [1, {Classes}, {stride}] was expected", nameof(y));
        if (split == Split.Evaluation && first + count > HeldOut)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"{count} held-out samples were asked for from there on; there are {HeldOut}");
        y.Clear();
        ReadOnlySpan<byte> labels = DigitImages.Labels;
        nint* offsets = stackalloc nint[Lanes.Count];
        // Divided once: a 64-bit division for each sample would take longer than its pixels.
        long epoch = first / Trained;
        int place = (int)(first - (epoch * Trained));
        int[] order = split == Split.Train ? Order(seed, epoch) : [];
        fixed (float* images = _images, target = x)
        {
            for (int block = 0; block < stride; block += Lanes.Count)
            {
                for (int lane = 0; lane < Lanes.Count; lane++)
                {
                    // Behind the samples comes the image of zeros.
                    int image = DigitImages.Count;
                    if (block + lane < count)
                    {
                        if (split == Split.Train)
                        {
                            if (place == Trained)
                                (order, place) = (Order(seed, ++epoch), 0);
                            image = order[place++];
                        }
                        else
                        {
                            image = (Nth * ((int)first + block + lane)) + Nth - 1;
                        }
                        y[(labels[image] * stride) + block + lane] = 1;
                    }
                    offsets[lane] = (nint)image * _imageStride;
                }
                LaneTranspose.Run(images, offsets, Lanes.Count, pixels, target + block, stride);
            }
        }
        for (int channel = 1; channel < _task.Channels; channel++)
            x[..(pixels * stride)].CopyTo(x[(channel * pixels * stride)..]);
    }

    /// <summary>The images of an epoch, in its order, [place].</summary>
    private int[] Order(ulong seed, long epoch)
    {
        if (_ordered == (seed, epoch))
            return _order;
        new RandomStream(seed, RandomPurpose.TrainingData, (ulong)epoch).Permute(_order);
        for (int place = 0; place < _order.Length; place++)
            _order[place] += _order[place] / (Nth - 1); // the k-th of those that are not held out
        _ordered = (seed, epoch);
        return _order;
    }
}
