namespace WeightSpace.Networks;

/// <summary>
/// A network's shape: its layers in order, each taking what the one before it gives. Recurrent layers run over the sequence,
/// dense layers at every place of it. The name is what an experiment calls it.
/// </summary>
public sealed class Architecture
{
    public Architecture(string name, IReadOnlyList<LayerSpec> layers)
    {
        if (layers.Count == 0)
            throw new ArgumentException($"architecture '{name}' has no layers; it needs at least one", nameof(layers));
        for (int i = 1; i < layers.Count; i++)
        {
            if (layers[i].Inputs != layers[i - 1].Outputs)
                throw new ArgumentException($"architecture '{name}': layer '{layers[i].Name}' takes {layers[i].Inputs} inputs, the one before it gives {layers[i - 1].Outputs}", nameof(layers));
        }
        Name = name;
        Layers = layers;
        Parameters = ParameterLayout.Of(layers);
    }

    public string Name { get; }

    public IReadOnlyList<LayerSpec> Layers { get; }

    /// <summary>Where each parameter stands in the packed block of this architecture's weights.</summary>
    public ParameterLayout Parameters { get; }

    public int Inputs => Layers[0].Inputs;

    public int Outputs => Layers[^1].Outputs;

    /// <summary>Operations of one training step on one sample at one place of its sequence: forward and backward, without activations and the optimizer.</summary>
    public long TrainingFlops => Layers.Select((layer, index) => layer.ForwardFlops + layer.BackwardFlops(index == 0)).Sum();

    /// <summary>Operations of the forward pass alone.</summary>
    public long ForwardFlops => Layers.Sum(layer => layer.ForwardFlops);

    /// <summary>
    /// The network of MLDS DS1 and DS2: four GRU layers, four hidden dense layers, one output layer, hidden width 12; with 9 inputs
    /// and 8 outputs 4,364 parameters. The layers and their count are MLC@Home's; the hidden activation (ReLU) is reconstructed.
    /// </summary>
    public static Architecture Mlds(int inputs, int outputs)
    {
        const int width = 12;
        var layers = new List<LayerSpec>();
        for (int i = 0; i < 4; i++)
            layers.Add(new GruSpec("gru", i, i == 0 ? inputs : width, width));
        for (int i = 0; i < 4; i++)
            layers.Add(new DenseSpec($"linears.{i}", width, width, Activation.Relu));
        layers.Add(new DenseSpec("out", width, outputs, Activation.None));
        return new Architecture("mlds", layers);
    }
}
