namespace WeightSpace.Zoos;

/// <summary>An optimizer and its settings, defined as PyTorch defines them.</summary>
/// <param name="LearningRate">What the schedule (<see cref="RateSchedule"/>) starts from.</param>
/// <param name="WeightDecay">At least 0. Added to the gradient as weight decay x weight (L2), or subtracted from the weights by AdamW.</param>
public abstract record OptimizerSpec(double LearningRate, double WeightDecay)
{
    public abstract string Name { get; }

    /// <summary>The optimizer's state, one [parameter] block a slot, under PyTorch's names and in the order that a snapshot packs them.</summary>
    public abstract IReadOnlyList<string> Slots { get; }

    private protected static readonly string[] MomentumSlots = ["momentum_buffer"], AdamSlots = ["exp_avg", "exp_avg_sq"],
        SquareSlots = ["square_avg"], SquareAndMomentumSlots = ["square_avg", "momentum_buffer"];
}

/// <summary>Stochastic gradient descent (torch.optim.SGD).</summary>
/// <param name="Momentum">At least 0, below 1; default 0.</param>
/// <param name="Nesterov">Nesterov's form of momentum; needs momentum.</param>
public sealed record SgdSpec(double LearningRate, double Momentum, bool Nesterov = false, double WeightDecay = 0) : OptimizerSpec(LearningRate, WeightDecay)
{
    public override string Name => "sgd";

    public override IReadOnlyList<string> Slots => Momentum == 0 ? [] : MomentumSlots;
}

/// <summary>Adam (Kingma and Ba, arXiv 1412.6980; torch.optim.Adam). Defaults 0.9, 0.999, 1e-8.</summary>
public sealed record AdamSpec(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay = 0) : OptimizerSpec(LearningRate, WeightDecay)
{
    public override string Name => "adam";

    public override IReadOnlyList<string> Slots => AdamSlots;
}

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101; torch.optim.AdamW). Defaults as Adam's, weight decay 0.01.</summary>
public sealed record AdamWSpec(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay = 0.01) : OptimizerSpec(LearningRate, WeightDecay)
{
    public override string Name => "adamw";

    public override IReadOnlyList<string> Slots => AdamSlots;
}

/// <summary>RMSprop (Tieleman and Hinton, 2012; torch.optim.RMSprop, not centred). Defaults alpha 0.99, eps 1e-8, momentum 0.</summary>
/// <param name="Alpha">The running mean's share of the past, at least 0 and below 1.</param>
public sealed record RmsPropSpec(double LearningRate, double Alpha, double Epsilon, double Momentum, double WeightDecay = 0) : OptimizerSpec(LearningRate, WeightDecay)
{
    public override string Name => "rmsprop";

    public override IReadOnlyList<string> Slots => Momentum == 0 ? SquareSlots : SquareAndMomentumSlots;
}
