namespace WeightSpace.Networks;

/// <summary>The architectures that an experiment may call by name.</summary>
public static class KnownArchitectures
{
    public const string MldsName = "mlds", LeNet5Name = "lenet5", ZooCnnSmallName = "zoo-cnn-s", ZooCnnLargeName = "zoo-cnn-l";

    /// <summary>The activation of the convolutional ones where none is chosen.</summary>
    public const Activation DefaultActivation = Activation.Tanh;

    public static IReadOnlyList<string> Names { get; } = [MldsName, LeNet5Name, ZooCnnSmallName, ZooCnnLargeName];

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
        {
            layers.Add(new DenseSpec($"linears.{i}", width, width));
            layers.Add(new ActivationSpec($"relus.{i}", Shape.Vector(width), Activation.Relu));
        }
        layers.Add(new DenseSpec("out", width, outputs));
        return new Architecture(MldsName, layers);
    }

    /// <summary>
    /// LeNet-5 (LeCun et al., Proc. IEEE 86, 1998) as it is usually written today: convolutions of 6 and 16 channels with 5x5 kernels, the first
    /// padded by 2, each followed by <paramref name="activation"/> and 2x2 average pooling, then dense layers of 120, 84 and the outputs.
    /// 61,706 parameters for 1x28x28 inputs and 10 outputs. The published network connects its second convolution sparsely and
    /// ends in radial basis functions; this one does not.
    /// </summary>
    public static Architecture LeNet5(Shape input, int outputs, Activation activation = DefaultActivation, double dropout = 0)
    {
        var stack = new Stack(input);
        stack.Conv(6, 5, padding: 2).Act(activation).AveragePool().Conv(16, 5).Act(activation).AveragePool().Flatten();
        stack.Dense(120).Act(activation).Drop(dropout).Dense(84).Act(activation).Drop(dropout).Dense(outputs);
        return new Architecture(LeNet5Name, stack.Layers);
    }

    /// <summary>
    /// The small CNN of the model zoos (Schürholt et al., arXiv 2209.14764): convolutions of 8, 6 and 4 channels with kernels 5, 5 and 2, max pooling behind
    /// the first two, dense layers of 20 and 10. 2,464 parameters for 1x28x28 inputs and 10 outputs.
    /// </summary>
    public static Architecture ZooCnnSmall(Shape input, int outputs, Activation activation = DefaultActivation, double dropout = 0)
    {
        var stack = new Stack(input);
        stack.Conv(8, 5).MaxPool().Act(activation).Drop(dropout).Conv(6, 5).MaxPool().Act(activation).Drop(dropout).Conv(4, 2).Act(activation).Flatten();
        stack.Dense(20).Act(activation).Drop(dropout).Dense(outputs);
        return new Architecture(ZooCnnSmallName, stack.Layers);
    }

    /// <summary>
    /// The large CNN of the model zoos (arXiv 2209.14764): convolutions of 16, 32 and 15 channels with 3x3 kernels, each with max pooling, dense
    /// layers of 20 and 10. 10,853 parameters for 3x32x32 inputs and 10 outputs.
    /// </summary>
    public static Architecture ZooCnnLarge(Shape input, int outputs, Activation activation = DefaultActivation, double dropout = 0)
    {
        var stack = new Stack(input);
        foreach (int channels in (int[])[16, 32, 15])
            stack.Conv(channels, 3).MaxPool().Act(activation).Drop(dropout);
        stack.Flatten().Dense(20).Act(activation).Drop(dropout).Dense(outputs);
        return new Architecture(ZooCnnLargeName, stack.Layers);
    }

    /// <summary>Layers put one on the other, named by their place as in torch.nn.Sequential.</summary>
    private sealed class Stack(Shape input)
    {
        private Shape _shape = input;

        public List<LayerSpec> Layers { get; } = [];

        private string Name => Layers.Count.ToString(System.Globalization.CultureInfo.InvariantCulture);

        private Stack Add(LayerSpec layer)
        {
            Layers.Add(layer);
            _shape = layer.Output;
            return this;
        }

        public Stack Conv(int channels, int kernel, int padding = 0) => Add(new ConvSpec(Name, _shape, channels, kernel, 1, padding));

        public Stack MaxPool() => Add(new PoolSpec(Name, _shape, IsMax: true, 2, 2));

        public Stack AveragePool() => Add(new PoolSpec(Name, _shape, IsMax: false, 2, 2));

        public Stack Act(Activation function) => Add(new ActivationSpec(Name, _shape, function, function == Activation.LeakyRelu ? 0.01 : 0));

        public Stack Drop(double probability) => probability == 0 ? this : Add(new DropoutSpec(Name, _shape, probability));

        public Stack Flatten() => Add(new FlattenSpec(Name, _shape));

        public Stack Dense(int outputs) => Add(new DenseSpec(Name, _shape.Features, outputs));
    }
}
