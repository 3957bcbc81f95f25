using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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
        int* offsets = stackalloc int[Lanes.Count];
        Vector512<float>* registers = stackalloc Vector512<float>[Lanes.Count];
        // Divided once: a 64-bit division for each sample would take longer than its pixels.
        long epoch = first / Trained;
        int place = (int)(first - (epoch * Trained));
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
                        if (place == Trained)
                            (epoch, place) = (epoch + 1, 0);
                        image = split == Split.Train ? TrainingImage(seed, epoch, place++) : (Nth * ((int)first + block + lane)) + Nth - 1;
                        y[(labels[image] * stride) + block + lane] = 1;
                    }
                    offsets[lane] = image * _imageStride;
                }
                for (int pixel = 0; pixel < pixels; pixel += Lanes.Count)
                    Transpose(images + pixel, offsets, Math.Min(Lanes.Count, pixels - pixel), target + ((long)pixel * stride) + block, stride, registers);
            }
        }
        for (int channel = 1; channel < _task.Channels; channel++)
            x[..(pixels * stride)].CopyTo(x[(channel * pixels * stride)..]);
    }

    /// <summary>The index of the image at a place of an epoch.</summary>
    private int TrainingImage(ulong seed, long epoch, int place)
    {
        if (_ordered != (seed, epoch))
        {
            new RandomStream(seed, RandomPurpose.TrainingData, (ulong)epoch).Permute(_order);
            _ordered = (seed, epoch);
        }
        // The k-th of those that are not held out.
        int k = _order[place];
        return k + (k / (Nth - 1));
    }

    /// <summary>target[pixel, first 16 of stride] = images[offsets[lane] + pixel], for the first <paramref name="pixels"/> of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* images, int* offsets, int pixels, float* target, int stride, Vector512<float>* registers)
    {
        if (Avx512F.IsSupported && pixels == Lanes.Count)
        {
            TransposeSquare(images, offsets, target, stride, registers);
            return;
        }
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            for (int lane = 0; lane < Lanes.Count; lane++)
                target[((long)pixel * stride) + lane] = images[offsets[lane] + pixel];
        }
    }

    /// <summary>
    /// 16 x 16 in registers. Rows i, i+1, i+2, i+3 become four columns within each quarter of 128 bits; then the quarters are transposed. Four rounds write four columns each
    /// from the same quarter, so that 16 registers are enough for what is alive.
    /// </summary>
    private static void TransposeSquare(float* images, int* offsets, float* target, int stride, Vector512<float>* columns)
    {
        // columns[4 group + c], lane 4 q + r = row 4 group + r, column 4 q + c.
        for (int group = 0; group < 4; group++)
        {
            int* rows = offsets + (4 * group);
            Vector512<float> a = Vector512.Load(images + rows[0]), b = Vector512.Load(images + rows[1]), c = Vector512.Load(images + rows[2]), d = Vector512.Load(images + rows[3]);
            Vector512<double> low = Avx512F.UnpackLow(a, b).AsDouble(), lowNext = Avx512F.UnpackLow(c, d).AsDouble();
            Vector512<double> high = Avx512F.UnpackHigh(a, b).AsDouble(), highNext = Avx512F.UnpackHigh(c, d).AsDouble();
            columns[4 * group] = Avx512F.UnpackLow(low, lowNext).AsSingle();
            columns[(4 * group) + 1] = Avx512F.UnpackHigh(low, lowNext).AsSingle();
            columns[(4 * group) + 2] = Avx512F.UnpackLow(high, highNext).AsSingle();
            columns[(4 * group) + 3] = Avx512F.UnpackHigh(high, highNext).AsSingle();
        }
        for (int column = 0; column < 4; column++)
        {
            Vector512<float> a = columns[column], b = columns[4 + column], c = columns[8 + column], d = columns[12 + column];
            // Quarters 0 and 2, then 1 and 3, of two groups each.
            Vector512<float> even = Avx512F.Shuffle4x128(a, b, 0b10_00_10_00), odd = Avx512F.Shuffle4x128(a, b, 0b11_01_11_01);
            Vector512<float> evenNext = Avx512F.Shuffle4x128(c, d, 0b10_00_10_00), oddNext = Avx512F.Shuffle4x128(c, d, 0b11_01_11_01);
            Avx512F.Shuffle4x128(even, evenNext, 0b10_00_10_00).Store(target + ((long)column * stride));
            Avx512F.Shuffle4x128(odd, oddNext, 0b10_00_10_00).Store(target + ((4L + column) * stride));
            Avx512F.Shuffle4x128(even, evenNext, 0b11_01_11_01).Store(target + ((8L + column) * stride));
            Avx512F.Shuffle4x128(odd, oddNext, 0b11_01_11_01).Store(target + ((12L + column) * stride));
        }
    }
}
