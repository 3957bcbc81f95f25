namespace WeightSpace.Networks;

/// <summary>
/// One layer of an architecture. <paramref name="Name"/> is its module's name in PyTorch (<c>gru</c>, <c>linears.0</c>), from which
/// its parameters take theirs.
/// </summary>
public abstract record LayerSpec(string Name, Shape Input, Shape Output)
{
    /// <summary>The word for this kind of layer in experiments and recipes.</summary>
    public abstract string Type { get; }

    public int Inputs => Input.Features;

    public int Outputs => Output.Features;

    /// <summary>
    /// Floating-point operations of its matrix products in the forward pass, for one sample at one place of its sequence (a fused multiply-add
    /// is 2). What is done element by element is not counted.
    /// </summary>
    public virtual long ForwardFlops => 0;

    /// <summary>
    /// Operations of the backward pass: the gradient by the weights, and by the inputs unless this is the first layer with weights.
    /// </summary>
    public virtual long BackwardFlops(bool isFirst) => isFirst ? ForwardFlops : 2 * ForwardFlops;

    /// <summary>Whether its outputs are units of its own, each a mixture of the inputs.</summary>
    public virtual bool Mixes => false;
}

/// <summary>A dense layer, torch.nn.Linear: y = W x + b.</summary>
public sealed record DenseSpec(string Name, int Inputs, int Outputs) : LayerSpec(Name, Shape.Vector(Inputs), Shape.Vector(Outputs))
{
    public override string Type => "dense";

    public override bool Mixes => true;

    public override long ForwardFlops => 2L * Outputs * Inputs;
}

/// <summary>
/// A convolution, torch.nn.Conv2d with a square kernel, zero padding and a bias: out[c, y, x] = b[c] + the sum over channels k and taps (i, j) of
/// w[c, k, i, j] in[k, y stride + i - padding, x stride + j - padding].
/// </summary>
public sealed record ConvSpec(string Name, Shape Input, int Channels, int Kernel, int Stride, int Padding)
    : LayerSpec(Name, Input, new Shape(Channels, Window.Outputs(Input.Height, Kernel, Stride, Padding), Window.Outputs(Input.Width, Kernel, Stride, Padding)))
{
    public override string Type => "conv";

    public override bool Mixes => true;

    /// <summary>Inputs of one output: channels x kernel x kernel.</summary>
    public int Taps => Input.Channels * Kernel * Kernel;

    public override long ForwardFlops => 2L * Output.Features * Taps;
}

/// <summary>One layer of a recurrent module, which runs over the places of a sequence from a state of zeros.</summary>
/// <param name="Index">Its place in a module of several layers (the <c>_l0</c> of its parameters' names).</param>
public abstract record RecurrentSpec(string Name, int Index, int Inputs, int Outputs) : LayerSpec(Name, Shape.Vector(Inputs), Shape.Vector(Outputs))
{
    /// <summary>Blocks of rows in its weights: one for each gate.</summary>
    public abstract int Gates { get; }

    public override bool Mixes => true;

    public override long ForwardFlops => 2L * Gates * Outputs * (Inputs + Outputs);

    public override long BackwardFlops(bool isFirst) => (2 * ForwardFlops) - (isFirst ? 2L * Gates * Outputs * Inputs : 0);
}

/// <summary>One layer of a GRU as torch.nn.GRU computes it (Cho et al., arXiv 1406.1078, with the reset gate behind the product); gates r, z, n.</summary>
public sealed record GruSpec(string Name, int Index, int Inputs, int Outputs) : RecurrentSpec(Name, Index, Inputs, Outputs)
{
    public override string Type => "gru";

    public override int Gates => 3;
}

/// <summary>One layer of an LSTM as torch.nn.LSTM computes it (Hochreiter and Schmidhuber, 1997, with forget gates); gates i, f, g, o.</summary>
public sealed record LstmSpec(string Name, int Index, int Inputs, int Outputs) : RecurrentSpec(Name, Index, Inputs, Outputs)
{
    public override string Type => "lstm";

    public override int Gates => 4;
}

/// <summary>One layer of a plain recurrent network, torch.nn.RNN: h' = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or ReLU.</summary>
public sealed record RnnSpec(string Name, int Index, int Inputs, int Outputs, Activation Nonlinearity) : RecurrentSpec(Name, Index, Inputs, Outputs)
{
    public override string Type => "rnn";

    public override int Gates => 1;
}

/// <summary>The greatest or the mean of each window of a channel, torch.nn.MaxPool2d and AvgPool2d without padding.</summary>
public sealed record PoolSpec(string Name, Shape Input, bool IsMax, int Kernel, int Stride)
    : LayerSpec(Name, Input, new Shape(Input.Channels, Window.Outputs(Input.Height, Kernel, Stride, 0), Window.Outputs(Input.Width, Kernel, Stride, 0)))
{
    public override string Type => IsMax ? "max_pool" : "avg_pool";
}

/// <summary>An image as a vector, torch.nn.Flatten: nothing moves.</summary>
public sealed record FlattenSpec(string Name, Shape Input) : LayerSpec(Name, Input, Shape.Vector(Input.Features))
{
    public override string Type => "flatten";
}

/// <summary>A function applied element by element.</summary>
/// <param name="Slope">Leaky ReLU: its slope below 0; 0 for all others.</param>
public sealed record ActivationSpec(string Name, Shape Shape, Activation Function, double Slope = 0) : LayerSpec(Name, Shape, Shape)
{
    public override string Type => Activations.Word(Function);
}

/// <summary>
/// torch.nn.Dropout: in training each element is 0 with this probability and divided by the rest otherwise (Srivastava et al., JMLR 15, 2014); at
/// evaluation nothing happens.
/// </summary>
/// <param name="Probability">At least 0, below 1.</param>
public sealed record DropoutSpec(string Name, Shape Shape, double Probability) : LayerSpec(Name, Shape, Shape)
{
    public override string Type => "dropout";
}

/// <summary>
/// torch.nn.BatchNorm1d or 2d with its defaults (Ioffe and Szegedy, arXiv 1502.03167): each channel by its mean and variance over batch, pixels and
/// places in training, by their running averages (momentum 0.1) at evaluation; eps 1e-5.
/// </summary>
public sealed record BatchNormSpec(string Name, Shape Shape) : LayerSpec(Name, Shape, Shape)
{
    public override string Type => "batch_norm";
}

/// <summary>torch.nn.LayerNorm over all features of a sample at a place (Ba et al., arXiv 1607.06450), with scale and shift for each; eps 1e-5.</summary>
public sealed record LayerNormSpec(string Name, Shape Shape) : LayerSpec(Name, Shape, Shape)
{
    public override string Type => "layer_norm";
}

internal static class Window
{
    /// <summary>Positions of a window along an axis: floor((size + 2 padding - kernel) / stride) + 1; less than 1 where it does not fit.</summary>
    public static int Outputs(int size, int kernel, int stride, int padding) =>
        size + (2 * padding) < kernel ? 0 : ((size + (2 * padding) - kernel) / stride) + 1;
}
