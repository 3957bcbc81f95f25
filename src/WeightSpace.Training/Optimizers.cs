using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>
/// One step of each optimizer over a packed parameter block, as torch.optim defines it. State is [slot, parameter], zeros before the first step. What is derived from
/// the settings and the step's number is computed in double and rounded once, so a step depends on its state, gradient, rate and number alone.
/// </summary>
public static unsafe class Optimizers
{
    /// <summary>
    /// Updates weights [parameter] and state [slot, parameter] with the gradient [parameter] of step <paramref name="step"/> (1 is the first), all of the trained
    /// parameters alone. Weight decay takes all of them, biases too, as PyTorch's does.
    /// </summary>
    /// <param name="learningRate">The rate of this step, from <see cref="LearningRate.At"/>; the optimizer's own is not looked at.</param>
    public static void Step(OptimizerSpec optimizer, double learningRate, long step, Span<float> weights, ReadOnlySpan<float> gradient, Span<float> state)
    {
        if (gradient.Length != weights.Length || state.Length != optimizer.Slots.Count * weights.Length)
            throw new ArgumentException($"{weights.Length} weights need as many gradients (found {gradient.Length}) and {optimizer.Slots.Count} slots of state (found {state.Length} values)");
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        switch (optimizer)
        {
            case SgdSpec { Momentum: > 0 } sgd:
                Update(new SgdMomentum(sgd, learningRate), weights, gradient, state);
                break;
            case SgdSpec sgd:
                Update(new Sgd(sgd, learningRate), weights, gradient, state);
                break;
            case AdamSpec adam:
                Update(new Adam(learningRate, adam.Beta1, adam.Beta2, adam.Epsilon, adam.WeightDecay, 0, step), weights, gradient, state);
                break;
            case AdamWSpec adam:
                Update(new Adam(learningRate, adam.Beta1, adam.Beta2, adam.Epsilon, 0, adam.WeightDecay, step), weights, gradient, state);
                break;
            case RmsPropSpec { Momentum: > 0 } rms:
                Update(new RmsPropMomentum(rms, learningRate), weights, gradient, state);
                break;
            case RmsPropSpec rms:
                Update(new RmsProp(rms, learningRate), weights, gradient, state);
                break;
            default:
                throw new ArgumentException($"optimizer {optimizer.Name} is of an unknown kind", nameof(optimizer));
        }
    }

    /// <summary>The rule of an optimizer for one step.</summary>
    private interface IRule
    {
        /// <summary>Updates <paramref name="count"/> parameters, a multiple of 16, and their state (as many slots as the optimizer has).</summary>
        void Run(float* weights, float* gradient, float* slot0, float* slot1, int count);
    }

    /// <summary>Whole vectors where they stand; what is left over in a vector of its own, so that its arithmetic is the same.</summary>
    private static void Update<T>(in T rule, Span<float> weights, ReadOnlySpan<float> gradient, Span<float> state) where T : struct, IRule
    {
        int count = weights.Length, whole = count / Lanes.Count * Lanes.Count, rest = count - whole;
        bool hasFirst = state.Length > 0, hasSecond = state.Length > count;
        fixed (float* w = weights, g = gradient, s = state)
            rule.Run(w, g, s, s + (hasSecond ? count : 0), whole);
        if (rest == 0)
            return;
        Span<float> last = stackalloc float[4 * Lanes.Count];
        last.Clear();
        weights[whole..].CopyTo(last);
        gradient[whole..].CopyTo(last[Lanes.Count..]);
        if (hasFirst)
            state[whole..count].CopyTo(last[(2 * Lanes.Count)..]);
        if (hasSecond)
            state[(count + whole)..].CopyTo(last[(3 * Lanes.Count)..]);
        fixed (float* w = last)
            rule.Run(w, w + Lanes.Count, w + (2 * Lanes.Count), w + (3 * Lanes.Count), Lanes.Count);
        last[..rest].CopyTo(weights[whole..]);
        if (hasFirst)
            last.Slice(2 * Lanes.Count, rest).CopyTo(state[whole..count]);
        if (hasSecond)
            last.Slice(3 * Lanes.Count, rest).CopyTo(state[(count + whole)..]);
    }

    /// <summary>w -= rate (g + decay w).</summary>
    private readonly struct Sgd(SgdSpec sgd, double learningRate) : IRule
    {
        private readonly float _rate = (float)-learningRate, _decay = (float)sgd.WeightDecay;

        public void Run(float* weights, float* gradient, float* slot0, float* slot1, int count)
        {
            Vector512<float> rate = Vector512.Create(_rate), decay = Vector512.Create(_decay);
            for (int i = 0; i < count; i += Lanes.Count)
            {
                Vector512<float> w = Vector512.Load(weights + i);
                Vector512<float> g = Vector512.FusedMultiplyAdd(decay, w, Vector512.Load(gradient + i));
                Store(Vector512.FusedMultiplyAdd(rate, g, w), weights + i);
            }
        }
    }

    /// <summary>g += decay w; b = momentum b + g (the buffer starts at 0, so b = g at the first step); w -= rate b, or with Nesterov rate (g + momentum b).</summary>
    private readonly struct SgdMomentum(SgdSpec sgd, double learningRate) : IRule
    {
        private readonly float _rate = (float)-learningRate, _decay = (float)sgd.WeightDecay, _momentum = (float)sgd.Momentum;
        private readonly bool _isNesterov = sgd.Nesterov;

        public void Run(float* weights, float* gradient, float* slot0, float* slot1, int count)
        {
            Vector512<float> rate = Vector512.Create(_rate), decay = Vector512.Create(_decay), momentum = Vector512.Create(_momentum);
            for (int i = 0; i < count; i += Lanes.Count)
            {
                Vector512<float> w = Vector512.Load(weights + i);
                Vector512<float> g = Vector512.FusedMultiplyAdd(decay, w, Vector512.Load(gradient + i));
                Vector512<float> b = Vector512.FusedMultiplyAdd(momentum, Vector512.Load(slot0 + i), g);
                Store(b, slot0 + i);
                Vector512<float> direction = _isNesterov ? Vector512.FusedMultiplyAdd(momentum, b, g) : b;
                Store(Vector512.FusedMultiplyAdd(rate, direction, w), weights + i);
            }
        }
    }

    /// <summary>
    /// g += decay w; w *= 1 - rate x decoupled decay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    /// w -= rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps): Kingma and Ba, arXiv 1412.6980, algorithm 1, with eps where torch.optim.Adam has it; the decoupled
    /// decay is AdamW's (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2).
    /// </summary>
    private readonly struct Adam(double learningRate, double beta1, double beta2, double epsilon, double decay, double decoupledDecay, long step) : IRule
    {
        private readonly float _beta1 = (float)beta1, _rest1 = (float)(1 - beta1), _beta2 = (float)beta2, _rest2 = (float)(1 - beta2);
        private readonly float _rate = (float)(-learningRate / (1 - DoubleMath.Power(beta1, step)));
        private readonly float _correction = (float)(1 / Math.Sqrt(1 - DoubleMath.Power(beta2, step)));
        private readonly float _epsilon = (float)epsilon, _decay = (float)decay, _keep = (float)(1 - (learningRate * decoupledDecay));

        public void Run(float* weights, float* gradient, float* slot0, float* slot1, int count)
        {
            Vector512<float> beta1 = Vector512.Create(_beta1), rest1 = Vector512.Create(_rest1), beta2 = Vector512.Create(_beta2), rest2 = Vector512.Create(_rest2);
            Vector512<float> rate = Vector512.Create(_rate), correction = Vector512.Create(_correction), epsilon = Vector512.Create(_epsilon);
            Vector512<float> decay = Vector512.Create(_decay), keep = Vector512.Create(_keep);
            for (int i = 0; i < count; i += Lanes.Count)
            {
                Vector512<float> w = Vector512.Load(weights + i);
                Vector512<float> g = Vector512.FusedMultiplyAdd(decay, w, Vector512.Load(gradient + i));
                Vector512<float> m = Vector512.FusedMultiplyAdd(beta1, Vector512.Load(slot0 + i), g * rest1);
                Vector512<float> v = Vector512.FusedMultiplyAdd(beta2, Vector512.Load(slot1 + i), Square(g) * rest2);
                Store(m, slot0 + i);
                Store(v, slot1 + i);
                Vector512<float> denominator = Vector512.FusedMultiplyAdd(Vector512.Sqrt(v), correction, epsilon);
                Store(Vector512.FusedMultiplyAdd(rate, m / denominator, w * keep), weights + i);
            }
        }
    }

    /// <summary>g += decay w; v = alpha v + (1 - alpha) g^2; w -= rate g / (sqrt(v) + eps).</summary>
    private readonly struct RmsProp(RmsPropSpec rms, double learningRate) : IRule
    {
        private readonly float _rate = (float)-learningRate, _decay = (float)rms.WeightDecay, _alpha = (float)rms.Alpha, _rest = (float)(1 - rms.Alpha), _epsilon = (float)rms.Epsilon;

        public void Run(float* weights, float* gradient, float* slot0, float* slot1, int count)
        {
            for (int i = 0; i < count; i += Lanes.Count)
            {
                Vector512<float> w = Vector512.Load(weights + i);
                Vector512<float> direction = RootMeanSquare(_alpha, _rest, _epsilon, _decay, w, Vector512.Load(gradient + i), slot0 + i);
                Store(Vector512.FusedMultiplyAdd(Vector512.Create(_rate), direction, w), weights + i);
            }
        }
    }

    /// <summary>The same with momentum: b = momentum b + g / (sqrt(v) + eps); w -= rate b.</summary>
    private readonly struct RmsPropMomentum(RmsPropSpec rms, double learningRate) : IRule
    {
        private readonly float _rate = (float)-learningRate, _decay = (float)rms.WeightDecay, _alpha = (float)rms.Alpha, _rest = (float)(1 - rms.Alpha), _epsilon = (float)rms.Epsilon;
        private readonly float _momentum = (float)rms.Momentum;

        public void Run(float* weights, float* gradient, float* slot0, float* slot1, int count)
        {
            for (int i = 0; i < count; i += Lanes.Count)
            {
                Vector512<float> w = Vector512.Load(weights + i);
                Vector512<float> direction = RootMeanSquare(_alpha, _rest, _epsilon, _decay, w, Vector512.Load(gradient + i), slot0 + i);
                Vector512<float> b = Vector512.FusedMultiplyAdd(Vector512.Create(_momentum), Vector512.Load(slot1 + i), direction);
                Store(b, slot1 + i);
                Store(Vector512.FusedMultiplyAdd(Vector512.Create(_rate), b, w), weights + i);
            }
        }
    }

    /// <summary>g^2, 0 where it is too small to count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Square(Vector512<float> g)
    {
        g = Lanes.ZeroBelow(Lanes.LeastGradient, g);
        return g * g;
    }

    /// <summary>Keeps what a step has made; what has decayed below the smallest normal number as 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> values, float* at) => Lanes.ZeroBelow(Lanes.SmallestNormal, values).Store(at);

    /// <summary>The decayed gradient over the root of its running mean square, which is brought up to date.</summary>
    private static Vector512<float> RootMeanSquare(float alpha, float rest, float epsilon, float decay, Vector512<float> w, Vector512<float> gradient, float* square)
    {
        Vector512<float> g = Vector512.FusedMultiplyAdd(Vector512.Create(decay), w, gradient);
        Vector512<float> v = Vector512.FusedMultiplyAdd(Vector512.Create(alpha), Vector512.Load(square), Square(g) * Vector512.Create(rest));
        Store(v, square);
        return g / (Vector512.Sqrt(v) + Vector512.Create(epsilon));
    }
}
