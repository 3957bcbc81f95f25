using System.Runtime.Intrinsics;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>
/// One step of each optimizer over a packed parameter block, as PyTorch defines it. State is [slot, parameter]. Bias corrections
/// are computed in double from the step's number, so a step depends on the state and the step alone.
/// </summary>
public static class Optimizers
{
    /// <summary>Updates weights [parameter] and state [slot, parameter] with the gradient [parameter] of step <paramref name="step"/> (1 is the first).</summary>
    public static void Step(OptimizerSpec optimizer, long step, Span<float> weights, ReadOnlySpan<float> gradient, Span<float> state)
    {
        if (gradient.Length != weights.Length || state.Length != optimizer.Slots.Count * weights.Length)
            throw new ArgumentException($"{weights.Length} weights need as many gradients (found {gradient.Length}) and {optimizer.Slots.Count} slots of state (found {state.Length} values)");
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        switch (optimizer)
        {
            case AdamSpec adam:
                Adam(adam, step, weights, gradient, state[..weights.Length], state[weights.Length..]);
                break;
            case SgdSpec { Momentum: > 0 } sgd:
                SgdMomentum(sgd, step, weights, gradient, state);
                break;
            case SgdSpec sgd:
                Sgd(sgd, weights, gradient);
                break;
        }
    }

    /// <summary>w -= rate * g.</summary>
    private static void Sgd(SgdSpec sgd, Span<float> weights, ReadOnlySpan<float> gradient)
    {
        float rate = (float)-sgd.LearningRate;
        int i = 0;
        for (; i + Lanes.Count <= weights.Length; i += Lanes.Count)
            Vector512.FusedMultiplyAdd(Vector512.Create(rate), Vector512.Create(gradient[i..]), Vector512.Create(weights[i..])).CopyTo(weights[i..]);
        for (; i < weights.Length; i++)
            weights[i] = MathF.FusedMultiplyAdd(rate, gradient[i], weights[i]);
    }

    /// <summary>b = momentum * b + g, at the first step b = g; w -= rate * b.</summary>
    private static void SgdMomentum(SgdSpec sgd, long step, Span<float> weights, ReadOnlySpan<float> gradient, Span<float> buffer)
    {
        float momentum = step == 1 ? 0 : (float)sgd.Momentum;
        for (int i = 0; i < weights.Length; i++)
            buffer[i] = MathF.FusedMultiplyAdd(momentum, buffer[i], gradient[i]);
        Sgd(sgd, weights, buffer);
    }

    /// <summary>
    /// m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w -= rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps): Kingma and Ba, arXiv
    /// 1412.6980, algorithm 1, with eps where torch.optim.Adam has it.
    /// </summary>
    private static void Adam(AdamSpec adam, long step, Span<float> weights, ReadOnlySpan<float> gradient, Span<float> mean, Span<float> square)
    {
        float beta1 = (float)adam.Beta1, rest1 = (float)(1 - adam.Beta1);
        float beta2 = (float)adam.Beta2, rest2 = (float)(1 - adam.Beta2);
        float rate = (float)(-adam.LearningRate / (1 - DoubleMath.Power(adam.Beta1, step)));
        float correction = (float)(1 / Math.Sqrt(1 - DoubleMath.Power(adam.Beta2, step)));
        float epsilon = (float)adam.Epsilon;
        int i = 0;
        for (; i + Lanes.Count <= weights.Length; i += Lanes.Count)
        {
            Vector512<float> g = Vector512.Create(gradient[i..]);
            Vector512<float> m = Vector512.FusedMultiplyAdd(Vector512.Create(beta1), Vector512.Create<float>(mean[i..]), g * Vector512.Create(rest1));
            Vector512<float> v = Vector512.FusedMultiplyAdd(Vector512.Create(beta2), Vector512.Create<float>(square[i..]), g * g * Vector512.Create(rest2));
            m.CopyTo(mean[i..]);
            v.CopyTo(square[i..]);
            Vector512<float> denominator = Vector512.FusedMultiplyAdd(Vector512.Sqrt(v), Vector512.Create(correction), Vector512.Create(epsilon));
            Vector512.FusedMultiplyAdd(Vector512.Create(rate), m / denominator, Vector512.Create<float>(weights[i..])).CopyTo(weights[i..]);
        }
        for (; i < weights.Length; i++)
        {
            float g = gradient[i];
            float m = MathF.FusedMultiplyAdd(beta1, mean[i], g * rest1);
            float v = MathF.FusedMultiplyAdd(beta2, square[i], g * g * rest2);
            mean[i] = m;
            square[i] = v;
            float denominator = MathF.FusedMultiplyAdd(MathF.Sqrt(v), correction, epsilon);
            weights[i] = MathF.FusedMultiplyAdd(rate, m / denominator, weights[i]);
        }
    }
}
