using WeightSpace.Numerics;

namespace WeightSpace.Networks.Passes;

/// <summary>Some samples of a batch that go through a network together.</summary>
/// <param name="Index">Which chunk of the batch.</param>
/// <param name="FirstSample">Index in the stream of data of its first sample.</param>
/// <param name="Samples">How many; the lanes behind them are padding.</param>
/// <param name="IsTraining">Whether dropout drops, and batch normalisation takes the batch's own statistics.</param>
/// <param name="Seed">Of the dropout masks: the network's data seed.</param>
public readonly record struct Chunk(int Index, long FirstSample, int Samples, bool IsTraining, ulong Seed);

/// <summary>What the passes of all layers of one network share: sizes, and the memory they take theirs from.</summary>
/// <param name="Places">Length of the sequences.</param>
/// <param name="Stride">Lanes of a feature: the samples of a chunk, padded to a multiple of 16.</param>
/// <param name="Chunks">Chunks of a batch.</param>
public sealed record PassShape(int Places, int Stride, int Chunks, LaneBuffer Buffer)
{
    public int Blocks => Stride / Lanes.Count;
}

/// <summary>
/// One layer's computation over a chunk, forward and backward, with the memory that it needs. A thread makes the passes of an architecture once
/// and sends network after network through them; computing allocates nothing.
/// </summary>
/// <remarks>
/// Activations and their gradients are [place, feature, stride]: the lanes (samples) of a feature side by side. A weight's gradient is summed apart by lane
/// over all chunks; <see cref="EndGradient"/> adds the lanes by the fixed tree.
/// </remarks>
public abstract unsafe class LayerPass
{
    private protected LayerPass(LayerSpec spec, PassShape shape, float* input)
    {
        Spec = spec;
        Shape = shape;
        Input = input;
    }

    public LayerSpec Spec { get; }

    /// <summary>[place, inputs, stride].</summary>
    public float* Input { get; }

    /// <summary>[place, outputs, stride].</summary>
    public float* Output { get; private protected set; }

    /// <summary>Whether the backward pass reads <see cref="Output"/>, so that the layer behind must leave it as it is.</summary>
    public virtual bool NeedsOutput => false;

    private protected PassShape Shape { get; }

    private protected int Places => Shape.Places;

    private protected int Stride => Shape.Stride;

    private protected LaneBuffer Buffer => Shape.Buffer;

    /// <summary>Takes over the layer's parameters for the passes that follow.</summary>
    /// <param name="parameters">
    /// The layer's trained parameters, where they stand in the packed block. They stay there unchanged until the next call, and <see cref="LaneMatrix.Overread"/> floats
    /// behind them can be read.
    /// </param>
    /// <param name="buffers">Its running mean and variance, if it has them.</param>
    public virtual void Load(float* parameters, float* buffers)
    {
    }

    public abstract void Forward(in Chunk chunk);

    /// <summary>Adds to the gradient by the parameters, and gives the gradient by the input.</summary>
    /// <param name="above">[place, outputs, stride]: the gradient by the output; may be overwritten.</param>
    /// <param name="below">Room for [place, inputs, stride]; null where nobody needs the gradient by the input.</param>
    /// <returns>Where the gradient by the input stands: <paramref name="above"/> or <paramref name="below"/>.</returns>
    public abstract float* Backward(in Chunk chunk, float* above, float* below);

    /// <summary>Writes the gradient by the parameters, summed over the chunks since the last time.</summary>
    /// <param name="parameters">Where the layer's part of the gradient [parameter] begins.</param>
    public virtual void EndGradient(float* parameters)
    {
    }

    /// <summary>Writes what the running mean and variance are after this batch.</summary>
    public virtual void UpdateBuffers(float* buffers)
    {
    }

    /// <summary>Offsets 0, step, 2 step, ...: the columns of a matrix whose inputs stand side by side.</summary>
    private protected nint* Taps(int count, int step)
    {
        nint* taps = Buffer.TakeOffsets(count);
        for (int i = 0; i < count; i++)
            taps[i] = (nint)i * step;
        return taps;
    }
}
