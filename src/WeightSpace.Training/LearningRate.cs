using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>
/// The learning rate of any step, in closed form: no state goes from step to step, so a resumed run has the same rates. The formulas are those of
/// torch.optim.lr_scheduler.
/// </summary>
public static class LearningRate
{
    /// <summary>The rate of update <paramref name="step"/> (1 is the first).</summary>
    /// <param name="rate">The optimizer's learning rate, from which the schedule starts.</param>
    public static double At(RateSchedule schedule, double rate, long step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        long time = step - 1, warmUp = schedule.WarmUpSteps;
        if (time >= warmUp)
            return Behind(schedule, rate, time - warmUp);
        // LinearLR rises to what the schedule begins with.
        return Behind(schedule, rate, 0) * (schedule.WarmUpFrom + ((1 - schedule.WarmUpFrom) * time / warmUp));
    }

    /// <summary>The rate <paramref name="time"/> steps behind the warm-up.</summary>
    private static double Behind(RateSchedule schedule, double rate, long time) => schedule switch
    {
        ConstantRate => rate,
        StepRate every => rate * DoubleMath.Power(every.Gamma, time / every.Every),
        CosineRate cosine => Cosine(rate, cosine.Minimum, Math.Min(time, cosine.Steps) / (double)cosine.Steps),
        CosineRestartsRate restarts => Restarts(restarts, rate, time),
        OneCycleRate cycle => OneCycle(cycle, rate, Math.Min(time, cycle.Steps - 1)),
        _ => throw new ArgumentException($"schedule {schedule.Name} is of an unknown kind", nameof(schedule)),
    };

    /// <summary>From <paramref name="start"/> at share 0 to <paramref name="end"/> at share 1 by half a cosine.</summary>
    private static double Cosine(double start, double end, double share) => end + ((start - end) * (1 + DoubleMath.CosPi(share)) / 2);

    private static double Restarts(CosineRestartsRate restarts, double rate, long time)
    {
        long length = restarts.First;
        if (restarts.Multiply == 1)
            time %= length;
        while (time >= length)
        {
            time -= length;
            length = length > long.MaxValue / restarts.Multiply ? long.MaxValue : length * restarts.Multiply;
        }
        return Cosine(rate, restarts.Minimum, time / (double)length);
    }

    /// <summary>PyTorch's two phases: the first ends at Rise x Steps - 1, which need not be a whole step, the second at Steps - 1.</summary>
    private static double OneCycle(OneCycleRate cycle, double rate, long time)
    {
        double first = rate / cycle.Divide, last = first / cycle.FinalDivide;
        double top = (cycle.Rise * cycle.Steps) - 1;
        if (top == 0 && time == 0)
            return rate;
        return time <= top ? Cosine(first, rate, time / top) : Cosine(rate, last, (time - top) / (cycle.Steps - 1 - top));
    }
}
