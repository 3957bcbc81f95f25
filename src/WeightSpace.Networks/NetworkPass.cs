using WeightSpace.Networks.Passes;
using WeightSpace.Numerics;

namespace WeightSpace.Networks;

/// <summary>
/// The forward and backward pass of one architecture over a batch, chunk by chunk. One object serves a thread for as long as it computes networks of
/// this shape; computing allocates nothing.
/// </summary>
/// <remarks>
/// A batch goes through in chunks, so that what a chunk touches stays in the caches: 16 samples at a time for convolutions and recurrent networks, 64 for all
/// others, and the whole batch where batch normalisation needs it. The size of a chunk is part of the arithmetic, for it decides in which order the
/// samples are added up.
/// </remarks>
public sealed unsafe class NetworkPass : IDisposable
{
    private readonly LaneBuffer _buffer = new();
    private readonly LayerPass[] _layers;
    private readonly int _firstWithWeights;
    private readonly float* _weights, _gradient, _above, _below;

    /// <param name="places">Length of the sequences, at least 1.</param>
    /// <param name="batch">Samples of a batch.</param>
    public NetworkPass(Architecture architecture, int places, int batch)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(places);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        Architecture = architecture;
        Places = places;
        Batch = batch;
        ChunkSamples = SamplesOfAChunk(architecture, batch);
        Stride = Lanes.Padded(ChunkSamples);
        Chunks = (batch + ChunkSamples - 1) / ChunkSamples;
        var shape = new PassShape(places, Stride, Chunks, _buffer);
        Input = _buffer.Take((long)places * architecture.Inputs * Stride);
        _layers = new LayerPass[architecture.Layers.Count];
        _firstWithWeights = Enumerable.Range(0, _layers.Length).First(layer => HasWeights(architecture.Layers[layer]));
        float* input = Input;
        bool inputIsNeeded = false;
        for (int i = 0; i < _layers.Length; i++)
        {
            bool inPlace = !inputIsNeeded;
            _layers[i] = architecture.Layers[i] switch
            {
                DenseSpec dense => new DensePass(dense, shape, input),
                ConvSpec conv => new ConvPass(conv, shape, input, needsInputGradient: i > _firstWithWeights),
                GruSpec gru => new GruPass(gru, shape, input),
                LstmSpec lstm => new LstmPass(lstm, shape, input),
                RnnSpec rnn => new RnnPass(rnn, shape, input),
                PoolSpec pool => new PoolPass(pool, shape, input),
                FlattenSpec flatten => new FlattenPass(flatten, shape, input, inputIsNeeded),
                ActivationSpec activation => new ActivationPass(activation, shape, input, inPlace),
                DropoutSpec dropout => new DropoutPass(dropout, shape, input, inPlace, i),
                BatchNormSpec norm => new BatchNormPass(norm, shape, input, inPlace),
                LayerNormSpec norm => new LayerNormPass(norm, shape, input, inPlace),
                LayerSpec other => throw new ArgumentException($"layer '{other.Name}' is of an unknown type '{other.Type}'", nameof(architecture)),
            };
            input = _layers[i].Output;
            inputIsNeeded = _layers[i].NeedsOutput;
        }
        long widest = (long)places * Stride * architecture.Layers.Max(layer => Math.Max(layer.Inputs, layer.Outputs));
        _above = _buffer.Take(widest);
        _below = _buffer.Take(widest);
        _weights = _buffer.Take(architecture.Parameters.Count + LaneMatrix.Overread);
        _gradient = _buffer.Take(architecture.Parameters.TrainedCount);
    }

    public Architecture Architecture { get; }

    /// <summary>Length of the sequences.</summary>
    public int Places { get; }

    /// <summary>Samples of a batch.</summary>
    public int Batch { get; }

    /// <summary>Samples that go through together; the last chunk of a batch may have fewer.</summary>
    public int ChunkSamples { get; }

    public int Chunks { get; }

    /// <summary>Lanes of a feature: a chunk, padded to a multiple of 16.</summary>
    public int Stride { get; }

    /// <summary>The layers' parts of the computation, in order.</summary>
    public IReadOnlyList<LayerPass> Layers => _layers;

    /// <summary>Bytes of memory held outside the managed heap.</summary>
    public long Bytes => _buffer.Bytes;

    /// <summary>[place, inputs, stride], to be filled before <see cref="Forward"/>; padding lanes are 0.</summary>
    public float* Input { get; }

    /// <summary>[place, outputs, stride].</summary>
    public float* Output => _layers[^1].Output;

    /// <summary>[place, outputs, stride]: the loss's gradient by the outputs, to be filled before <see cref="Backward"/>; 0 in padding lanes.</summary>
    public float* OutputGradient => _above;

    /// <summary>The gradient [trained parameter] after <see cref="EndGradient"/>.</summary>
    public Span<float> Gradient => new(_gradient, Architecture.Parameters.TrainedCount);

    private static int SamplesOfAChunk(Architecture architecture, int batch)
    {
        if (architecture.Layers.Any(layer => layer is BatchNormSpec))
            return batch;
        int most = architecture.Layers.Any(layer => layer is RecurrentSpec or ConvSpec or PoolSpec) ? 16 : 64;
        return Math.Min(batch, most);
    }

    private static bool HasWeights(LayerSpec layer) => layer.Mixes || layer is BatchNormSpec or LayerNormSpec;

    /// <summary>Takes over a network's weights [parameter] for the passes that follow.</summary>
    public void Load(ReadOnlySpan<float> weights)
    {
        ParameterLayout layout = Architecture.Parameters;
        if (weights.Length != layout.Count)
            throw new ArgumentException($"the block holds {weights.Length} weights, architecture '{Architecture.Name}' has {layout.Count}", nameof(weights));
        weights.CopyTo(new Span<float>(_weights, layout.Count));
        for (int i = 0; i < _layers.Length; i++)
            _layers[i].Load(_weights + layout.OffsetOf(i), _weights + layout.BufferOffsetOf(i));
    }

    /// <summary>Computes every layer from <see cref="Input"/> to <see cref="Output"/>.</summary>
    public void Forward(in Chunk chunk)
    {
        foreach (LayerPass layer in _layers)
            layer.Forward(chunk);
    }

    /// <summary>Adds this chunk's part to the gradient, from <see cref="OutputGradient"/>; chunks come in order, each behind its forward pass.</summary>
    public void Backward(in Chunk chunk)
    {
        float* above = _above, below = _below;
        for (int i = _layers.Length - 1; i >= _firstWithWeights; i--)
        {
            float* gradient = _layers[i].Backward(chunk, above, i == _firstWithWeights ? null : below);
            if (gradient == below)
            {
                below = above;
                above = gradient;
            }
        }
    }

    /// <summary>Sums the gradient up over the lanes: <see cref="Gradient"/>.</summary>
    public void EndGradient()
    {
        for (int i = _firstWithWeights; i < _layers.Length; i++)
            _layers[i].EndGradient(_gradient + Architecture.Parameters.OffsetOf(i));
    }

    /// <summary>Writes the running means and variances after this batch into a packed block of weights [parameter].</summary>
    public void UpdateBuffers(Span<float> weights)
    {
        if (Architecture.Parameters.Count == Architecture.Parameters.TrainedCount)
            return;
        fixed (float* block = weights)
        {
            for (int i = 0; i < _layers.Length; i++)
                _layers[i].UpdateBuffers(block + Architecture.Parameters.BufferOffsetOf(i));
        }
    }

    public void Dispose() => _buffer.Dispose();
}
