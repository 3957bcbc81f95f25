using WeightSpace.Analysis;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Analysis;

public sealed class ZooPopulationTests
{
    [Fact]
    public void AZooOnDiskIsRead()
    {
        using TestZoo folder = TestZoo.Written();
        Zoo zoo = Zoo.Open(folder.Folder);
        Population population = ZooPopulation.Of(zoo);
        Assert.Equal(zoo.Networks.Select(network => network.Id), population.Networks.Select(network => network.Id));
        Assert.Contains(population.Networks, network => network.Status == NetworkStatus.Diverged);
        PopulationNetwork first = population.Networks[0];
        Assert.Equal(zoo.CheckpointsOf(first.Id).Select(checkpoint => checkpoint.Step), first.Checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.Equal("adam", first.Factors["optimizer"]);
        int parameters = first.Architecture.Parameters.Count;
        float[] both = new float[2 * parameters], one = new float[parameters];
        population.ReadWeights([new CheckpointPlace(0, 1), new CheckpointPlace(0, 0)], both);
        zoo.ReadWeights(zoo.CheckpointsOf(first.Id)[1], one);
        Assert.Equal(one, both[..parameters]);
        zoo.ReadWeights(zoo.CheckpointsOf(first.Id)[0], one);
        Assert.Equal(one, both[parameters..]);
    }

    [Fact]
    public void TwinsShareASettingAndOtherFactorsDoNot()
    {
        using TestZoo folder = TestZoo.Written();
        Population population = ZooPopulation.Of(Zoo.Open(folder.Folder));
        foreach (PopulationNetwork first in population.Networks)
        {
            foreach (PopulationNetwork second in population.Networks)
                Assert.Equal(first.Factors["optimizer"] == second.Factors["optimizer"] && first.Factors["steps"] == second.Factors["steps"], first.Setting == second.Setting);
        }
    }

    [Fact]
    public void AZooOnDiskIsAnalysedFromEndToEnd()
    {
        using TestZoo folder = TestZoo.Written();
        Population population = ZooPopulation.Of(Zoo.Open(folder.Folder));
        AnalysisResult result = SyntheticPopulation.Analyse(population, new AnalysisOptions { Trees = 5, Permutations = 2, Resamples = 50, KMeansStarts = 2 });
        Assert.Equal(2, result.Architectures.Count);
        Assert.Equal("test-zoo", result.Title);
        Assert.Contains(result.Provenance, fact => fact.Name == "licence" && fact.Value == "CC0-1.0");
        Assert.Equal(population.Networks.Count, result.Population.NotAnalysed.Count + result.Architectures.Sum(architecture => architecture.Members.Count));
    }
}
