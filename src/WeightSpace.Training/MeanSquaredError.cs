using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>Mean squared error as <see cref="LossFunctions"/> computes it.</summary>
public static unsafe class MeanSquaredError
{
    /// <param name="gradient">Null, or [place, feature, stride]: set to <paramref name="scale"/> * (output - target), 0 in padding lanes.</param>
    public static double Sum(float* outputs, float* targets, int places, int features, int stride, int samples, float* gradient, float scale) =>
        LossFunctions.Sum(Loss.MeanSquaredError, outputs, targets, places, features, stride, samples, gradient, scale / 2);
}
