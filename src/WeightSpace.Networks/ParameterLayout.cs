namespace WeightSpace.Networks;

/// <summary>
/// One axis of a parameter. Its size is <paramref name="Blocks"/> x <paramref name="Units"/> x <paramref name="Inner"/>: a GRU stacks its three gates
/// (r, z, n) as blocks; a dense layer behind a flattened image has the pixels of each channel as inner positions.
/// <paramref name="Permutation"/> names the hidden units that the axis runs over: reordering them everywhere that name appears leaves the
/// network's function as it was. Null: the units have a fixed meaning (inputs, outputs, taps of a kernel).
/// </summary>
public readonly record struct ParameterAxis(int Blocks, int Units, string? Permutation, int Inner = 1)
{
    public int Size => Blocks * Units * Inner;
}

/// <summary>What a parameter is for; initialisation and the optimizer go by it.</summary>
public enum ParameterRole
{
    /// <summary>A matrix or a kernel.</summary>
    Weight,
    Bias,
    /// <summary>What a normalised value is multiplied by; starts at 1.</summary>
    Scale,
    /// <summary>What is added to it; starts at 0.</summary>
    Shift,
    /// <summary>Batch normalisation's running mean; starts at 0. Not trained.</summary>
    RunningMean,
    /// <summary>Its running variance; starts at 1. Not trained.</summary>
    RunningVariance,
}

/// <summary>One parameter: its PyTorch name, its place in the packed block, and its axes, row-major.</summary>
/// <param name="DefaultFan">What PyTorch's default initialisation takes the root of: inputs of a unit, or a recurrent layer's width.</param>
public sealed record ParameterInfo(string Name, ParameterRole Role, int Offset, IReadOnlyList<ParameterAxis> Axes, int DefaultFan)
{
    public IReadOnlyList<int> Shape { get; } = [.. Axes.Select(axis => axis.Size)];

    public int Count { get; } = Axes.Aggregate(1, (product, axis) => product * axis.Size);

    public bool IsTrained => Role is not (ParameterRole.RunningMean or ParameterRole.RunningVariance);
}

/// <summary>
/// Where each parameter stands in the packed block [parameter] of one network's weights: what is trained in the order of PyTorch's state_dict, then
/// what is not (running means and variances). The axes are the symmetry of the architecture as data (Ainsworth et al., Git Re-Basin,
/// arXiv 2209.04836, call the same thing a permutation specification).
/// </summary>
public sealed class ParameterLayout
{
    private readonly int[] _firstOfLayer;
    private readonly int[] _firstBufferOfLayer;

    private ParameterLayout(IReadOnlyList<ParameterInfo> parameters, int[] firstOfLayer, int[] firstBufferOfLayer)
    {
        Parameters = parameters;
        _firstOfLayer = firstOfLayer;
        _firstBufferOfLayer = firstBufferOfLayer;
        Count = parameters.Sum(parameter => parameter.Count);
        TrainedCount = parameters.Where(parameter => parameter.IsTrained).Sum(parameter => parameter.Count);
    }

    public IReadOnlyList<ParameterInfo> Parameters { get; }

    /// <summary>Length of the packed block.</summary>
    public int Count { get; }

    /// <summary>Length of its first part, which the optimizer changes.</summary>
    public int TrainedCount { get; }

    /// <summary>Where a layer's trained parameters begin in the packed block.</summary>
    public int OffsetOf(int layer) => _firstOfLayer[layer];

    /// <summary>Where its running mean and variance begin.</summary>
    public int BufferOffsetOf(int layer) => _firstBufferOfLayer[layer];

    /// <summary>
    /// The layout of a network that somebody else trained, with the hidden units that may be reordered, told from the names and shapes of its tensors: a plain chain of dense, convolutional and
    /// recurrent layers with normalisation between, as PyTorch names them. Null where the tensors are no such chain, for a wrong symmetry is worse than none.
    /// </summary>
    /// <param name="tensors">In the order of the packed block: running means and variances last.</param>
    public static ParameterLayout? Inferred(IReadOnlyList<(string Name, IReadOnlyList<long> Shape)> tensors) => InferredLayout.Of(tensors);

    /// <summary>Parameters that stand one behind the other, with no layers known.</summary>
    internal static ParameterLayout Packed(IReadOnlyList<ParameterInfo> parameters) => new(parameters, [], []);

    internal static ParameterLayout Of(IReadOnlyList<LayerSpec> layers)
    {
        var trained = new List<ParameterInfo>();
        var buffers = new List<ParameterInfo>();
        int[] first = new int[layers.Count], firstBuffer = new int[layers.Count];
        int offset = 0, bufferOffset = 0;
        int lastMixing = layers.Select((layer, index) => layer.Mixes ? index : -1).Max();
        // The units that the features now at hand belong to, as an axis of whatever takes them in.
        var inputs = new ParameterAxis(1, layers[0].Input.Channels, null);

        void Add(string name, ParameterRole role, int fan, params ParameterAxis[] axes)
        {
            var info = new ParameterInfo(name, role, offset, axes, fan);
            trained.Add(info);
            offset += info.Count;
        }

        void AddBuffer(string name, ParameterRole role, ParameterAxis axis)
        {
            var info = new ParameterInfo(name, role, bufferOffset, [axis], 1);
            buffers.Add(info);
            bufferOffset += info.Count;
        }

        for (int i = 0; i < layers.Count; i++)
        {
            (first[i], firstBuffer[i]) = (offset, bufferOffset);
            LayerSpec layer = layers[i];
            // A layer's units may be reordered unless they are the network's outputs.
            string? units = i == lastMixing ? null : layer is RecurrentSpec { Index: int index } ? $"{layer.Name}.l{index}" : layer.Name;
            int inner = layer.Input.Features / inputs.Units / layer.Input.Pixels;
            ParameterAxis channels = inputs.Permutation is null ? new ParameterAxis(1, inputs.Units * inner, null) : inputs with { Inner = inner };
            switch (layer)
            {
                case RecurrentSpec recurrent:
                    var outputs = new ParameterAxis(1, recurrent.Outputs, units);
                    ParameterAxis gates = outputs with { Blocks = recurrent.Gates };
                    Add($"{recurrent.Name}.weight_ih_l{recurrent.Index}", ParameterRole.Weight, recurrent.Outputs, gates, channels);
                    Add($"{recurrent.Name}.weight_hh_l{recurrent.Index}", ParameterRole.Weight, recurrent.Outputs, gates, outputs);
                    Add($"{recurrent.Name}.bias_ih_l{recurrent.Index}", ParameterRole.Bias, recurrent.Outputs, gates);
                    Add($"{recurrent.Name}.bias_hh_l{recurrent.Index}", ParameterRole.Bias, recurrent.Outputs, gates);
                    inputs = outputs;
                    break;
                case DenseSpec dense:
                    outputs = new ParameterAxis(1, dense.Outputs, units);
                    Add($"{dense.Name}.weight", ParameterRole.Weight, dense.Inputs, outputs, channels);
                    Add($"{dense.Name}.bias", ParameterRole.Bias, dense.Inputs, outputs);
                    inputs = outputs;
                    break;
                case ConvSpec conv:
                    outputs = new ParameterAxis(1, conv.Channels, units);
                    var taps = new ParameterAxis(1, conv.Kernel, null);
                    Add($"{conv.Name}.weight", ParameterRole.Weight, conv.Taps, outputs, channels, taps, taps);
                    Add($"{conv.Name}.bias", ParameterRole.Bias, conv.Taps, outputs);
                    inputs = outputs;
                    break;
                case BatchNormSpec norm:
                    Add($"{norm.Name}.weight", ParameterRole.Scale, 1, channels);
                    Add($"{norm.Name}.bias", ParameterRole.Shift, 1, channels);
                    AddBuffer($"{norm.Name}.running_mean", ParameterRole.RunningMean, channels);
                    AddBuffer($"{norm.Name}.running_var", ParameterRole.RunningVariance, channels);
                    break;
                case LayerNormSpec norm:
                    ParameterAxis[] axes = norm.Shape.Pixels == 1 ? [channels]
                        : [channels, new ParameterAxis(1, norm.Shape.Height, null), new ParameterAxis(1, norm.Shape.Width, null)];
                    Add($"{norm.Name}.weight", ParameterRole.Scale, 1, axes);
                    Add($"{norm.Name}.bias", ParameterRole.Shift, 1, axes);
                    break;
            }
        }
        var parameters = new List<ParameterInfo>(trained);
        parameters.AddRange(buffers.Select(buffer => buffer with { Offset = buffer.Offset + offset }));
        string? twice = parameters.GroupBy(parameter => parameter.Name).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null)
            throw new ArgumentException($"two layers give a parameter the same name '{twice}'; name the layers apart", nameof(layers));
        return new ParameterLayout(parameters, first, [.. firstBuffer.Select(buffer => buffer + offset)]);
    }
}
