using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Training;

/// <summary>Mean squared error over every place, sample and output: torch.nn.functional.mse_loss.</summary>
public static unsafe class MeanSquaredError
{
    /// <summary>
    /// The sum of the squared errors of outputs and targets, both [place, feature, stride], over the first <paramref name="samples"/> lanes. Within a place
    /// features and then blocks are added in order, lane by lane; then the lanes by the fixed tree, and places in double.
    /// </summary>
    /// <param name="gradient">Null, or [place, feature, stride]: set to <paramref name="scale"/> * (output - target), 0 in padding lanes.</param>
    public static double Sum(float* outputs, float* targets, int places, int features, int stride, int samples, float* gradient, float scale)
    {
        Vector512<float> lastBlock = Vector512.LessThan(Vector512.CreateSequence(0f, 1f), Vector512.Create((float)(samples - (stride - Lanes.Count))));
        double total = 0;
        for (int place = 0; place < places; place++)
        {
            Vector512<float> sum = Vector512<float>.Zero;
            for (int feature = 0; feature < features; feature++)
            {
                for (int lane = 0; lane < stride; lane += Lanes.Count)
                {
                    Vector512<float> error = Vector512.Load(outputs + lane) - Vector512.Load(targets + lane);
                    if (lane + Lanes.Count == stride)
                        error = Vector512.ConditionalSelect(lastBlock, error, Vector512<float>.Zero);
                    sum = Vector512.FusedMultiplyAdd(error, error, sum);
                    if (gradient != null)
                        (error * Vector512.Create(scale)).Store(gradient + lane);
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
}
