namespace WeightSpace.Networks;

/// <summary>
/// A network's shape: its layers in order, each taking what the one before it gives. Recurrent layers run over the sequence, all others
/// work at every place of it. The name is what an experiment calls it.
/// </summary>
public sealed class Architecture
{
    public Architecture(string name, IReadOnlyList<LayerSpec> layers)
    {
        if (layers.Count == 0)
            throw new ArgumentException($"architecture '{name}' has no layers; it needs at least one", nameof(layers));
        for (int i = 0; i < layers.Count; i++)
        {
            if (i > 0 && layers[i].Input != layers[i - 1].Output)
                throw new ArgumentException($"architecture '{name}': layer '{layers[i].Name}' ({layers[i].Type}) takes {layers[i].Input}, the one before it gives {layers[i - 1].Output}{(layers[i].Input == Shape.Vector(layers[i - 1].Outputs) ? "; put a flatten layer between them" : "")}", nameof(layers));
            if (layers[i].Output.Features <= 0)
                throw new ArgumentException($"architecture '{name}': the window of layer '{layers[i].Name}' ({layers[i].Type}) does not fit into its input {layers[i].Input}", nameof(layers));
        }
        if (!layers.Any(layer => layer.Mixes))
            throw new ArgumentException($"architecture '{name}' has nothing to learn; it needs at least one dense, conv or recurrent layer", nameof(layers));
        Name = name;
        Layers = layers;
        Parameters = ParameterLayout.Of(layers);
    }

    public string Name { get; }

    public IReadOnlyList<LayerSpec> Layers { get; }

    /// <summary>Where each parameter stands in the packed block of this architecture's weights.</summary>
    public ParameterLayout Parameters { get; }

    public Shape Input => Layers[0].Input;

    public int Inputs => Layers[0].Inputs;

    public int Outputs => Layers[^1].Outputs;

    /// <summary>Operations of one training step on one sample at one place of its sequence: forward and backward, without activations and the optimizer.</summary>
    public long TrainingFlops
    {
        get
        {
            int first = Enumerable.Range(0, Layers.Count).First(index => Layers[index].Mixes);
            return Layers.Select((layer, index) => layer.ForwardFlops + layer.BackwardFlops(index == first)).Sum();
        }
    }

    /// <summary>Operations of the forward pass alone.</summary>
    public long ForwardFlops => Layers.Sum(layer => layer.ForwardFlops);
}
