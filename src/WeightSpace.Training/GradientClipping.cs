using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Training;

/// <summary>Clipping of a gradient by its Euclidean norm: torch.nn.utils.clip_grad_norm_ (Pascanu, Mikolov and Bengio, arXiv 1211.5063).</summary>
public static class GradientClipping
{
    /// <summary>
    /// Scales the gradient [parameter] by maxNorm / (norm + 1e-6) where that is below 1, in place; a norm that is no number makes it so, as in PyTorch. Returns the norm
    /// before that.
    /// </summary>
    /// <param name="maxNorm">Above 0.</param>
    public static double Clip(Span<float> gradient, double maxNorm)
    {
        double norm = Norm(gradient), scale = maxNorm / (norm + 1e-6);
        if (scale >= 1)
            return norm;
        float factor = (float)scale;
        int i = 0;
        for (; i + Lanes.Count <= gradient.Length; i += Lanes.Count)
            (Vector512.Create<float>(gradient[i..]) * Vector512.Create(factor)).CopyTo(gradient[i..]);
        for (; i < gradient.Length; i++)
            gradient[i] *= factor;
        return norm;
    }

    /// <summary>
    /// The root of the sum of squares, in double. Of every 16 values the first 8 go to one chain of fused multiply-adds of 8 lanes and the last 8 to another (what is left
    /// over is filled up with zeros); the two are added, then lane i + lane i+4, i + i+2, i + i+1.
    /// </summary>
    public static double Norm(ReadOnlySpan<float> gradient)
    {
        Vector512<double> low = Vector512<double>.Zero, high = Vector512<double>.Zero;
        int i = 0;
        for (; i + Lanes.Count <= gradient.Length; i += Lanes.Count)
            Add(Vector512.Create(gradient[i..]), ref low, ref high);
        if (i < gradient.Length)
        {
            Span<float> last = stackalloc float[Lanes.Count];
            last.Clear();
            gradient[i..].CopyTo(last);
            Add(Vector512.Create<float>(last), ref low, ref high);
        }
        Vector512<double> eight = low + high;
        Vector256<double> four = eight.GetLower() + eight.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return Math.Sqrt(two.GetElement(0) + two.GetElement(1));
    }

    private static void Add(Vector512<float> values, ref Vector512<double> low, ref Vector512<double> high)
    {
        (Vector512<double> first, Vector512<double> second) = Vector512.Widen(values);
        low = Vector512.FusedMultiplyAdd(first, first, low);
        high = Vector512.FusedMultiplyAdd(second, second, high);
    }
}
