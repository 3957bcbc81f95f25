namespace WeightSpace.Networks;

/// <summary>
/// One axis of a parameter. Its size is <paramref name="Blocks"/> x <paramref name="Units"/>: a GRU stacks its three gates (r, z, n)
/// as blocks. <paramref name="Permutation"/> names the hidden units that the axis runs over: reordering them everywhere that
/// name appears leaves the network's function as it was. Null: the units have a fixed meaning (inputs, outputs of the network).
/// </summary>
public readonly record struct ParameterAxis(int Blocks, int Units, string? Permutation)
{
    public int Size => Blocks * Units;
}

/// <summary>One parameter: its PyTorch name, its place in the packed block, and its axes, row-major.</summary>
/// <param name="FanIn">Inputs of a unit: what PyTorch's default initialisation divides by.</param>
public sealed record ParameterInfo(string Name, int Offset, IReadOnlyList<ParameterAxis> Axes, int FanIn)
{
    public IReadOnlyList<int> Shape { get; } = [.. Axes.Select(axis => axis.Size)];

    public int Count { get; } = Axes.Aggregate(1, (product, axis) => product * axis.Size);
}

/// <summary>
/// Where each parameter stands in the packed block [parameter] of one network's weights, in the order of PyTorch's state_dict.
/// The axes are the symmetry of the architecture as data (Ainsworth et al., Git Re-Basin, arXiv 2209.04836, call the same
/// thing a permutation specification).
/// </summary>
public sealed class ParameterLayout
{
    private ParameterLayout(IReadOnlyList<ParameterInfo> parameters, IReadOnlyList<int> firstOfLayer)
    {
        Parameters = parameters;
        FirstOfLayer = firstOfLayer;
        Count = parameters.Sum(parameter => parameter.Count);
    }

    public IReadOnlyList<ParameterInfo> Parameters { get; }

    /// <summary>For each layer, the index of its first parameter.</summary>
    public IReadOnlyList<int> FirstOfLayer { get; }

    /// <summary>Length of the packed block.</summary>
    public int Count { get; }

    internal static ParameterLayout Of(IReadOnlyList<LayerSpec> layers)
    {
        var parameters = new List<ParameterInfo>();
        var first = new List<int>();
        int offset = 0;
        string? inputUnits = null;

        void Add(string name, int fanIn, params ParameterAxis[] axes)
        {
            var info = new ParameterInfo(name, offset, axes, fanIn);
            parameters.Add(info);
            offset += info.Count;
        }

        for (int i = 0; i < layers.Count; i++)
        {
            first.Add(parameters.Count);
            bool last = i == layers.Count - 1;
            LayerSpec layer = layers[i];
            string? outputUnits;
            var inputs = new ParameterAxis(1, layer.Inputs, inputUnits);
            switch (layer)
            {
                case GruSpec gru:
                    // A recurrent layer's units feed back into themselves; as the last layer they are the network's outputs.
                    outputUnits = last ? null : $"{gru.Name}.l{gru.Index}";
                    var gates = new ParameterAxis(3, gru.Outputs, outputUnits);
                    Add($"{gru.Name}.weight_ih_l{gru.Index}", gru.Outputs, gates, inputs);
                    Add($"{gru.Name}.weight_hh_l{gru.Index}", gru.Outputs, gates, new ParameterAxis(1, gru.Outputs, outputUnits));
                    Add($"{gru.Name}.bias_ih_l{gru.Index}", gru.Outputs, gates);
                    Add($"{gru.Name}.bias_hh_l{gru.Index}", gru.Outputs, gates);
                    break;
                case DenseSpec dense:
                    outputUnits = last ? null : dense.Name;
                    var outputs = new ParameterAxis(1, dense.Outputs, outputUnits);
                    Add($"{dense.Name}.weight", dense.Inputs, outputs, inputs);
                    Add($"{dense.Name}.bias", dense.Inputs, outputs);
                    break;
                default:
                    throw new ArgumentException($"layer '{layer.Name}' is of an unknown type '{layer.Type}'", nameof(layers));
            }
            inputUnits = outputUnits;
        }
        string? twice = parameters.GroupBy(parameter => parameter.Name).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null)
            throw new ArgumentException($"two layers give a parameter the same name '{twice}'; name the layers apart", nameof(layers));
        return new ParameterLayout(parameters, first);
    }
}
