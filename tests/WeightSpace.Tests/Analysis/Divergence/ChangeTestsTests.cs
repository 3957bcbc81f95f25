using WeightSpace.Analysis;
using WeightSpace.Tasks;

namespace WeightSpace.Tests.Analysis.Divergence;

/// <summary>The tests of changed data must find a planted change, and no more than their level where there is only another draw.</summary>
public sealed class ChangeTestsTests
{
    private static readonly AnalysisOptions Quick = new() { Trees = 2, Permutations = 0, Resamples = 50, KMeansStarts = 1, Folds = 2 };

    private static readonly SyntheticPopulation Forty = new() { Machines = [Machine.ParityMachine], InitSeeds = 40, Steps = [0, 10] };

    [Fact]
    public void APlantedChangeIsFoundInTwinsAndInGroups()
    {
        DivergenceAnalysis divergence = Analyse(Forty with { ChangeStrength = 8, HasOwnDraw = true });
        foreach (string name in (string[])["twins", "energy", "classifier"])
        {
            ChangeTest test = Assert.Single(divergence.Tests, test => test.View == "raw" && test.Test == name);
            Assert.Equal(("modified", "ParityMachine", name == "twins" ? 40 : 20), (test.Kind, test.Machine, test.Networks));
            Assert.True(test.Result.PValue <= 0.01, $"{name}: {test.Result}");
            Assert.True(test.Control!.PValue > 0.01 && test.Control.Effect < test.Result.Effect, $"{name}: {test.Control}");
        }
    }

    [Fact]
    public void AnotherDrawOfTheSameDataRaisesNoMoreAlarmsThanItsLevel()
    {
        int rejected = 0, tests = 0;
        for (ulong seed = 1; seed <= 12; seed++)
        {
            foreach (ChangeTest test in Analyse(Forty with { HasOwnDraw = true, InitSeeds = 20, Seed = seed }).Tests.Where(test => test.View == "raw"))
            {
                rejected += test.Result.PValue <= 0.05 ? 1 : 0;
                tests++;
            }
        }
        Assert.Equal(36, tests);
        Assert.True(rejected <= 6, $"{rejected} of {tests}"); // at 5 % more than 6 of 36 come up once in 200 times
    }

    [Fact]
    public void PowerGrowsWithTheNetworksAndTheControlStaysAtItsLevel()
    {
        DivergenceAnalysis divergence = Analyse(Forty with { ChangeStrength = 0.45, HasOwnDraw = true }, Quick with { PowerDraws = 100 });
        PowerCurve curve = Assert.Single(divergence.Power, curve => curve.View == "raw" && curve.Test == "twins");
        Assert.Equal([5, 10, 20], curve.Points.Select(point => point.Networks));
        Assert.True(curve.Points[2].Power.Value > curve.Points[0].Power.Value + 0.2, string.Join(' ', curve.Points.Select(point => point.Power.Value)));
        Assert.All(curve.Points, point => Assert.True(point.FalseAlarms!.Low < 0.1, $"{point}"));
        Assert.All(divergence.Power, of => Assert.Equal((0.05, 100), (of.Level, of.Draws)));
        Assert.Equal([5, 10, 20], divergence.Power.First(of => of.Test == "energy").Points.Select(point => point.Networks));
    }

    [Fact]
    public void TheSameSeedGivesTheSameNumbersAndAnotherOneOthers()
    {
        SyntheticPopulation population = Forty with { ChangeStrength = 1, InitSeeds = 12 };
        ChangeTest[] Of(ulong seed) => [.. Analyse(population, Quick with { Seed = seed }).Tests];
        Assert.Equal(Of(1), Of(1));
        Assert.NotEqual(Of(1), Of(2));
    }

    [Fact]
    public void TooFewTwinsGiveNoTest() => Assert.Empty(Analyse(Forty with { InitSeeds = 4, ChangeStrength = 5 }).Tests);

    private static DivergenceAnalysis Analyse(SyntheticPopulation population, AnalysisOptions? options = null) =>
        SyntheticPopulation.Analyse(population.Build(), options ?? Quick).Architectures[0].Divergence;
}
