namespace WeightSpace.Networks;

/// <summary>What is applied to a dense layer's output, element by element.</summary>
public enum Activation
{
    None,
    Relu,
}

/// <summary>
/// One layer of an architecture. <paramref name="Name"/> is its module's name in PyTorch (<c>gru</c>, <c>linears.0</c>), from which
/// its parameters take theirs.
/// </summary>
public abstract record LayerSpec(string Name, int Inputs, int Outputs)
{
    /// <summary>The word for this kind of layer in experiments and recipes.</summary>
    public abstract string Type { get; }

    /// <summary>Floating-point operations of the forward pass for one sample at one place of its sequence (a fused multiply-add is 2).</summary>
    public abstract long ForwardFlops { get; }

    /// <summary>
    /// Operations of the backward pass: the gradient by the weights, and by the inputs unless this is the first layer.
    /// </summary>
    public abstract long BackwardFlops(bool isFirst);
}

/// <summary>
/// One layer of a GRU, as torch.nn.GRU computes it; <paramref name="Index"/> is its place in a module of several layers
/// (the <c>_l0</c> of its parameters' names).
/// </summary>
public sealed record GruSpec(string Name, int Index, int Inputs, int Outputs) : LayerSpec(Name, Inputs, Outputs)
{
    public override string Type => "gru";

    public override long ForwardFlops => 2L * 3 * Outputs * (Inputs + Outputs);

    public override long BackwardFlops(bool isFirst) => (2 * ForwardFlops) - (isFirst ? 2L * 3 * Outputs * Inputs : 0);
}

/// <summary>A dense layer, torch.nn.Linear, with an activation behind it.</summary>
public sealed record DenseSpec(string Name, int Inputs, int Outputs, Activation Activation) : LayerSpec(Name, Inputs, Outputs)
{
    public override string Type => "dense";

    public override long ForwardFlops => 2L * Outputs * Inputs;

    public override long BackwardFlops(bool isFirst) => isFirst ? ForwardFlops : 2 * ForwardFlops;
}
