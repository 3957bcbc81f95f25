using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>
/// The losses of torch.nn over outputs and targets [place, feature, stride], whose first lanes are samples and whose other lanes are padding. Each is summed lane by
/// lane within a place, then the 16 lanes by the fixed tree, and the places in double, so no thread or register width changes a bit.
/// </summary>
public static unsafe class LossFunctions
{
    /// <summary>The terms that PyTorch's reduction "mean" divides the sum by: elements, and for cross-entropy samples x places.</summary>
    public static long Count(Loss loss, int places, int outputs, int samples) => (long)places * samples * (loss == Loss.CrossEntropy ? 1 : outputs);

    /// <summary>The sum of the loss over the first <paramref name="samples"/> lanes of every place.</summary>
    /// <param name="outputs">[place, feature, stride]; for the cross-entropies they are logits.</param>
    /// <param name="targets">[place, feature, stride]; shares of classes for cross-entropy, numbers in [0, 1] for the binary one.</param>
    /// <param name="stride">Lanes of a feature, a multiple of 16.</param>
    /// <param name="samples">At most <paramref name="stride"/>.</param>
    /// <param name="gradient">
    /// Null, or [place, feature, stride]: set to <paramref name="scale"/> times the sum's gradient by the outputs, 0 in padding lanes. For the gradient of the mean the
    /// scale is 1 / <see cref="Count"/>.
    /// </param>
    public static double Sum(Loss loss, float* outputs, float* targets, int places, int features, int stride, int samples, float* gradient, float scale)
    {
        if (stride % Lanes.Count != 0 || samples > stride)
            throw new ArgumentException($"{samples} samples in a stride of {stride} lanes: the stride must be a multiple of {Lanes.Count} and hold the samples", nameof(stride));
        return loss switch
        {
            Loss.MeanSquaredError => SquaredError(outputs, targets, places, features, stride, samples, gradient, scale),
            Loss.CrossEntropy => CrossEntropy(outputs, targets, places, features, stride, samples, gradient, scale),
            Loss.BinaryCrossEntropy => BinaryCrossEntropy(outputs, targets, places, features, stride, samples, gradient, scale),
            _ => throw new ArgumentOutOfRangeException(nameof(loss), loss, "no such loss"),
        };
    }

    /// <summary>
    /// At how many of samples x places the greatest output and the greatest target are of the same feature; the first of equals counts as the greatest.
    /// </summary>
    public static long Correct(float* outputs, float* targets, int places, int features, int stride, int samples)
    {
        long correct = 0;
        for (int place = 0; place < places; place++)
        {
            for (int lane = 0; lane < stride; lane += Lanes.Count)
            {
                long at = ((long)place * features * stride) + lane;
                Vector512<int> isSame = Vector512.Equals(Greatest(outputs + at, features, stride), Greatest(targets + at, features, stride));
                correct += BitOperations.PopCount((isSame & IsSample(samples, lane).AsInt32()).ExtractMostSignificantBits());
            }
        }
        return correct;
    }

    /// <summary>(output - target)^2. Within a place features and then blocks of lanes are added in order.</summary>
    private static double SquaredError(float* outputs, float* targets, int places, int features, int stride, int samples, float* gradient, float scale)
    {
        double total = 0;
        for (int place = 0; place < places; place++)
        {
            Vector512<float> sum = Vector512<float>.Zero;
            for (int feature = 0; feature < features; feature++)
            {
                for (int lane = 0; lane < stride; lane += Lanes.Count)
                {
                    Vector512<float> error = Vector512.Load(outputs + lane) - Vector512.Load(targets + lane);
                    error = Lanes.ZeroBelow(Lanes.LeastGradient, Vector512.ConditionalSelect(IsSample(samples, lane), error, Vector512<float>.Zero));
                    sum = Vector512.FusedMultiplyAdd(error, error, sum);
                    if (gradient != null)
                        (error * Vector512.Create(2 * scale)).Store(gradient + lane);
                }
                outputs += stride;
                targets += stride;
                if (gradient != null)
                    gradient += stride;
            }
            total += Lanes.Sum(sum);
        }
        return total;
    }

    /// <summary>
    /// The sum over classes of -target log softmax(output), where log softmax = (output - greatest) - log of the sum of exp(output - greatest); its gradient is
    /// softmax x (sum of targets) - target. Within a place blocks of lanes and then features are added in order.
    /// </summary>
    private static double CrossEntropy(float* outputs, float* targets, int places, int features, int stride, int samples, float* gradient, float scale)
    {
        double total = 0;
        for (int place = 0; place < places; place++)
        {
            Vector512<float> sum = Vector512<float>.Zero;
            for (int lane = 0; lane < stride; lane += Lanes.Count)
            {
                float* output = outputs + lane, target = targets + lane;
                Vector512<float> isSample = IsSample(samples, lane);
                Vector512<float> greatest = Vector512.Load(output);
                for (int feature = 1; feature < features; feature++)
                    greatest = Vector512.Max(greatest, Vector512.Load(output + (feature * stride)));
                Vector512<float> exponentials = Vector512<float>.Zero;
                for (int feature = 0; feature < features; feature++)
                {
                    Vector512<float> exponential = LaneMath.Exp(Vector512.Load(output + (feature * stride)) - greatest);
                    exponentials += exponential;
                    if (gradient != null)
                        Lanes.ZeroBelow(Lanes.LeastGradient, exponential).Store(gradient + lane + (feature * stride));
                }
                Vector512<float> log = LaneMath.Log(exponentials), loss = Vector512<float>.Zero, share = Vector512<float>.Zero;
                for (int feature = 0; feature < features; feature++)
                {
                    Vector512<float> y = Vector512.Load(target + (feature * stride));
                    loss = Vector512.FusedMultiplyAdd(y, log - (Vector512.Load(output + (feature * stride)) - greatest), loss);
                    share += y;
                }
                sum += Vector512.ConditionalSelect(isSample, loss, Vector512<float>.Zero);
                if (gradient == null)
                    continue;
                share /= exponentials;
                for (int feature = 0; feature < features; feature++)
                {
                    float* slope = gradient + lane + (feature * stride);
                    Vector512<float> difference = Vector512.FusedMultiplyAdd(Vector512.Load(slope), share, -Vector512.Load(target + (feature * stride)));
                    Vector512.ConditionalSelect(isSample, difference * Vector512.Create(scale), Vector512<float>.Zero).Store(slope);
                }
            }
            total += Lanes.Sum(sum);
            outputs += features * stride;
            targets += features * stride;
            if (gradient != null)
                gradient += features * stride;
        }
        return total;
    }

    /// <summary>
    /// max(x, 0) - x target + log(1 + exp(-|x|)) of a logit x, which is -target log sigmoid(x) - (1 - target) log(1 - sigmoid(x)) without its overflow; its gradient is
    /// sigmoid(x) - target. Within a place features and then blocks of lanes are added in order.
    /// </summary>
    private static double BinaryCrossEntropy(float* outputs, float* targets, int places, int features, int stride, int samples, float* gradient, float scale)
    {
        double total = 0;
        for (int place = 0; place < places; place++)
        {
            Vector512<float> sum = Vector512<float>.Zero;
            for (int feature = 0; feature < features; feature++)
            {
                for (int lane = 0; lane < stride; lane += Lanes.Count)
                {
                    Vector512<float> isSample = IsSample(samples, lane);
                    Vector512<float> x = Vector512.Load(outputs + lane), y = Vector512.Load(targets + lane);
                    Vector512<float> small = LaneMath.LogOnePlus(LaneMath.Exp(x | Vector512.Create(-0f)));
                    Vector512<float> loss = Vector512.FusedMultiplyAdd(-x, y, Vector512.Max(x, Vector512<float>.Zero)) + small;
                    sum += Vector512.ConditionalSelect(isSample, loss, Vector512<float>.Zero);
                    if (gradient != null)
                        Vector512.ConditionalSelect(isSample, Lanes.ZeroBelow(Lanes.LeastGradient, LaneMath.Sigmoid(x) - y) * Vector512.Create(scale), Vector512<float>.Zero).Store(gradient + lane);
                }
                outputs += stride;
                targets += stride;
                if (gradient != null)
                    gradient += stride;
            }
            total += Lanes.Sum(sum);
        }
        return total;
    }

    /// <summary>All bits set in those of the 16 lanes from <paramref name="lane"/> on that hold a sample.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> IsSample(int samples, int lane) =>
        Vector512.LessThan(Vector512.CreateSequence(0, 1), Vector512.Create(samples - lane)).AsSingle();

    /// <summary>For each of 16 lanes the first feature with the greatest value.</summary>
    private static Vector512<int> Greatest(float* values, int features, int stride)
    {
        Vector512<float> greatest = Vector512.Load(values);
        Vector512<int> index = Vector512<int>.Zero;
        for (int feature = 1; feature < features; feature++)
        {
            Vector512<float> value = Vector512.Load(values + (feature * stride)), isGreater = Vector512.GreaterThan(value, greatest);
            greatest = Vector512.ConditionalSelect(isGreater, value, greatest);
            index = Vector512.ConditionalSelect(isGreater.AsInt32(), Vector512.Create(feature), index);
        }
        return index;
    }
}
