using WeightSpace.Networks;

namespace WeightSpace.Tests.Networks;

/// <summary>What is told from names and shapes is what our own architectures declare, and nothing is told where it is not clear.</summary>
public sealed class InferredLayoutTests
{
    public static TheoryData<string> Known => [.. Architectures().Keys];

    [Theory]
    [MemberData(nameof(Known))]
    public void OurOwnArchitecturesAreFoundAgain(string name)
    {
        ParameterLayout declared = Architectures()[name].Parameters;
        ParameterLayout? inferred = Infer(declared);
        Assert.NotNull(inferred);
        Assert.Equal(declared.Count, inferred.Count);
        Assert.Equal(declared.TrainedCount, inferred.TrainedCount);
        Assert.Equal(declared.Parameters.Count, inferred.Parameters.Count);
        foreach ((ParameterInfo expected, ParameterInfo found) in declared.Parameters.Zip(inferred.Parameters))
        {
            Assert.Equal((expected.Name, expected.Role, expected.Offset, expected.DefaultFan), (found.Name, found.Role, found.Offset, found.DefaultFan));
            Assert.Equal(expected.Axes, found.Axes);
        }
        Assert.Equal(UnitGroup.Of(declared).Select(group => (group.Name, group.Units)), UnitGroup.Of(inferred).Select(group => (group.Name, group.Units)));
    }

    [Theory]
    // A sum around layers: ResNet's blocks and shortcuts, whose sizes may all fit.
    [InlineData("conv1.weight 16,3,3,3|bn1.weight 16|bn1.bias 16|layer1.0.conv1.weight 16,16,3,3|layer1.0.conv2.weight 16,16,3,3|fc.weight 10,16|fc.bias 10")]
    [InlineData("fc1.weight 8,8|res.weight 8,8|fc2.weight 2,8")]
    // Attention, embeddings, two heads, two networks in one file.
    [InlineData("self_attn.in_proj_weight 24,8|self_attn.in_proj_bias 24|linear.weight 8,8")]
    [InlineData("embedding.weight 100,8|fc.weight 8,8")]
    [InlineData("first.weight 8,8|fc.weight 8,8")]
    [InlineData("body.weight 8,4|left.weight 2,8|right.weight 3,8")]
    [InlineData("actor.0.weight 8,4|actor.2.weight 4,8|critic.0.weight 8,4|critic.2.weight 1,8")]
    // Sizes that do not fit, what is not explained, what is no layer.
    [InlineData("0.weight 8,4|0.bias 8|2.weight 2,7")]
    [InlineData("0.weight 8,4|0.bias 7|2.weight 2,8")]
    [InlineData("0.weight 8,4|0.scale 8|2.weight 2,8")]
    [InlineData("0.weight 8,4|temperature 1|2.weight 2,8")]
    [InlineData("0.weight_g 8,1|0.weight_v 8,4|2.weight 2,8")]
    [InlineData("0.weight 8,4|1.weight 8|2.weight 2,8")]
    [InlineData("0.weight 8,4|0.bias 8")]
    // A group norm, a depthwise convolution, a transposed one, a reshape from a vector.
    [InlineData("0.weight 8,3,3,3|0.bias 8|1.weight 8|1.bias 8|2.weight 4,8,3,3")]
    [InlineData("0.weight 8,3,3,3|1.weight 8,1,3,3|2.weight 4,8,3,3")]
    [InlineData("0.weight 3,8,4,4|0.bias 8|2.weight 8,1,4,4|2.bias 1")]
    [InlineData("0.weight 8,4|0.bias 8|2.weight 4,8,3,3")]
    // Both directions, a projection.
    [InlineData("r.weight_ih_l0 24,4|r.weight_hh_l0 24,8|r.weight_ih_l0_reverse 24,4|r.weight_hh_l0_reverse 24,8|o.weight 2,16")]
    [InlineData("r.weight_ih_l0 32,4|r.weight_hh_l0 32,5|r.weight_hr_l0 5,8|o.weight 2,5")]
    [InlineData("r.weight_ih_l0 16,4|r.weight_hh_l0 16,8|o.weight 2,8")]
    // Somebody sorted the tensors, and the order of the layers is lost.
    [InlineData("hidden.bias 8|hidden.weight 8,8|input.bias 8|input.weight 8,8|last.bias 8|last.weight 8,8")]
    public void WhatIsNotAClearChainIsLeftAlone(string tensors)
    {
        ParameterLayout? layout = ParameterLayout.Inferred(Parse(tensors));
        Assert.True(layout is null || UnitGroup.Of(layout).Count == 0, layout is null ? "" : string.Join(", ", UnitGroup.Of(layout).Select(group => group.Name)));
    }

    [Fact]
    public void SortedNumbersAreNoObstacle()
    {
        string[] names = [.. Enumerable.Range(0, 12).SelectMany(index => (string[])[$"{index}.bias 8", $"{index}.weight 8,8"]).Order(StringComparer.Ordinal)];
        ParameterLayout layout = ParameterLayout.Inferred(Parse(string.Join('|', names)))!;
        Assert.Equal("10", layout.Parameters.Single(parameter => parameter.Name == "11.weight").Axes[1].Permutation);
        Assert.Equal("1", layout.Parameters.Single(parameter => parameter.Name == "2.weight").Axes[1].Permutation);
        Assert.Equal(11, UnitGroup.Of(layout).Count);
    }

    [Fact]
    public void NoShapeOverflows()
    {
        long most = long.MaxValue;
        Assert.Null(ParameterLayout.Inferred([("a.weight", [most, most]), ("b.weight", [2, most])]));
        Assert.Null(ParameterLayout.Inferred([("a.weight", [int.MaxValue, 1]), ("b.weight", [1, int.MaxValue])]));
        Assert.Null(ParameterLayout.Inferred([("a.weight", [0, 4]), ("b.weight", [2, 0])]));
        Assert.Null(ParameterLayout.Inferred([]));
    }

    private static ParameterLayout? Infer(ParameterLayout layout) => ParameterLayout.Inferred([.. layout.Parameters.Select(parameter => (parameter.Name, (IReadOnlyList<long>)[.. parameter.Shape.Select(size => (long)size)]))]);

    private static List<(string Name, IReadOnlyList<long> Shape)> Parse(string tensors) =>
        [.. tensors.Split('|').Select(tensor => (tensor.Split(' ')[0], (IReadOnlyList<long>)[.. tensor.Split(' ')[1].Split(',').Select(size => long.Parse(size, System.Globalization.CultureInfo.InvariantCulture))]))];

    private static Dictionary<string, Architecture> Architectures()
    {
        var image = new Shape(3, 32, 32);
        Architecture Own(string name, params LayerSpec[] layers) => new(name, layers);
        Shape maps = new(4, 8, 8), pooled = new(4, 4, 4);
        Architecture[] all =
        [
            KnownArchitectures.Mlds(9, 8),
            KnownArchitectures.LeNet5(new Shape(1, 28, 28), 10),
            KnownArchitectures.ZooCnnSmall(new Shape(1, 28, 28), 10, dropout: 0.5),
            KnownArchitectures.ZooCnnLarge(image, 10),
            Own("dense", new DenseSpec("a", 5, 7), new LayerNormSpec("n", Shape.Vector(7)), new DenseSpec("b", 7, 7), new BatchNormSpec("m", Shape.Vector(7)), new DenseSpec("c", 7, 3)),
            Own("recurrent", new LstmSpec("r", 0, 4, 6), new LstmSpec("r", 1, 6, 5), new RnnSpec("s", 0, 5, 5, Activation.Tanh), new LayerNormSpec("n", Shape.Vector(5)), new DenseSpec("o", 5, 2)),
            Own("gru-alone", new GruSpec("r", 0, 4, 6), new GruSpec("r", 1, 6, 3)),
            Own("conv", new ConvSpec("0", new Shape(2, 8, 8), 4, 3, 1, 1), new BatchNormSpec("1", maps), new PoolSpec("2", maps, true, 2, 2), new FlattenSpec("3", pooled), new DenseSpec("4", 64, 5), new DenseSpec("5", 5, 2)),
            Own("conv-layer-norm", new ConvSpec("0", new Shape(2, 8, 8), 4, 3, 1, 1), new LayerNormSpec("1", maps), new PoolSpec("2", maps, true, 2, 2), new FlattenSpec("3", pooled), new DenseSpec("4", 64, 2)),
        ];
        return all.ToDictionary(architecture => architecture.Name);
    }
}
