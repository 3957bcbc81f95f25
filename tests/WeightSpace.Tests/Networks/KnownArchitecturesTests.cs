using WeightSpace.Networks;

namespace WeightSpace.Tests.Networks;

public sealed class KnownArchitecturesTests
{
    /// <summary>MLDS: MLC@Home's count. Zoo CNNs: those of arXiv 2209.14764, table 1 (the large one takes CIFAR-10). LeNet-5: what its layers add up to.</summary>
    [Fact]
    public void TheyHaveTheirPublishedNumbersOfParameters()
    {
        Assert.Equal(4_364, KnownArchitectures.Mlds(9, 8).Parameters.Count);
        Assert.Equal(2_464, KnownArchitectures.ZooCnnSmall(new Shape(1, 28, 28), 10).Parameters.Count);
        Assert.Equal(10_853, KnownArchitectures.ZooCnnLarge(new Shape(3, 32, 32), 10).Parameters.Count);
        Assert.Equal(61_706, KnownArchitectures.LeNet5(new Shape(1, 28, 28), 10).Parameters.Count);
    }

    [Fact]
    public void ActivationAndDropoutAddNoParameters()
    {
        var image = new Shape(1, 28, 28);
        foreach (Activation function in Enum.GetValues<Activation>())
        {
            Architecture[] all = [KnownArchitectures.LeNet5(image, 10, function, 0.2), KnownArchitectures.ZooCnnSmall(image, 10, function, 0.2), KnownArchitectures.ZooCnnLarge(new Shape(3, 32, 32), 10, function, 0.2)];
            Assert.Equal([61_706, 2_464, 10_853], all.Select(architecture => architecture.Parameters.Count));
            Assert.All(all, architecture => Assert.All(architecture.Layers.OfType<ActivationSpec>(), layer => Assert.Equal(function, layer.Function)));
            Assert.Equal([2, 3, 4], all.Select(architecture => architecture.Layers.OfType<DropoutSpec>().Count()));
        }
    }
}
