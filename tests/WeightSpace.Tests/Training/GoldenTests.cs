using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>A change of any bit on any path of training fails here.</summary>
public sealed class GoldenTests
{
    public static TheoryData<string> Names => [.. GoldenNetworks.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void ANetworkOfEachKindEndsAtTheSameBytesAsEver(string name)
    {
        Assert.Equal(3, Recipe.Arithmetic);
        GoldenDigests found = GoldenNetworks.Found(TestRecipes.Train(GoldenNetworks.Recipe(name)));
        Assert.True(GoldenNetworks.Expected(name) == found, $"{name}: found {found}");
    }
}
