using WeightSpace.Analysis;
using WeightSpace.Analysis.Divergence;
using WeightSpace.Tasks;

namespace WeightSpace.Tests.Analysis.Divergence;

public sealed class TwinDivergenceTests
{
    private static readonly AnalysisOptions Quick = new() { Trees = 5, Permutations = 0, Resamples = 400, KMeansStarts = 2 };

    [Fact]
    public void ASharedDisplacementIsFoundInTheDirectionsAndInTheDistance()
    {
        DivergenceAnalysis twins = Twins(new SyntheticPopulation { ChangeStrength = 5 }, out ArchitectureAnalysis analysis);
        DirectionAt modified = Last(twins, "modified").Directions, reorder = Last(twins, "reorder").Directions;
        // Clean and modified twin share their draw of the data, so what is left between them is the shared direction alone.
        Assert.True(modified.Cosine.Low > 0.99, $"{modified.Cosine}");
        Assert.True(reorder.Cosine.High < 0.3, $"{reorder.Cosine}");
        Assert.Equal("yes", analysis.Conclusions.Single(conclusion => conclusion.Id == "direction-modified").Answer);
        Assert.Equal("yes", analysis.Conclusions.Single(conclusion => conclusion.Id == "further-modified").Answer);
    }

    [Fact]
    public void AnUnsharedDisplacementHasNoDirection()
    {
        DivergenceAnalysis twins = Twins(new SyntheticPopulation { ChangeStrength = 5, IsChangeShared = false }, out ArchitectureAnalysis analysis);
        Estimate cosine = Last(twins, "modified").Directions.Cosine;
        Assert.True(cosine.Low < 0.05 && cosine.High > -0.05 && Math.Abs(cosine.Value) < 0.1, $"{cosine}");
        Assert.Equal("yes", analysis.Conclusions.Single(conclusion => conclusion.Id == "further-modified").Answer);
    }

    [Fact]
    public void DistancesAreThosePlanted()
    {
        DivergenceAnalysis twins = Twins(new SyntheticPopulation { ChangeStrength = 3, DrawStrength = 2 }, out _);
        DivergenceInView raw = twins.Views.Single(view => view.View == "raw");
        DistanceAt At(string kind, long step) => raw.Distances.Single(curve => curve.Kind == kind && curve.Machine == "all").Points.Single(point => point.Step == step);
        Assert.Equal(3, At("modified", 100).Distance.Value, 0.3); // one direction of length 3, but for the spread of its random length
        Assert.Equal(0.3, At("modified", 10).Distance.Value, 0.03); // a tenth of the way
        Assert.Equal(2 * Math.Sqrt(2), At("reorder", 100).Distance.Value, 0.2); // two independent draws of length 2
        Assert.Equal(2, At("moved", 100).Distance.Value, 0.2);
        Assert.Equal(0, At("modified", 0).Distance.Value);
        Assert.True(At("other-init", 0).Distance.Value > 1);
        Assert.Equal(60, At("modified", 100).Pairs);
        Assert.Equal(30, At("reorder", 100).Pairs);
        RatioAt ratio = raw.Ratios.Single(curve => curve.Machine == "all").Points[^1];
        Assert.Equal(At("modified", 100).Distance.Value / At("reorder", 100).Distance.Value, ratio.Ratio!.Value, 1e-9);
        Assert.True(ratio.PValue < 0.01 && ratio.Difference > 0);
        Assert.Equal(10, ratio.InitSeeds);
        Assert.Null(raw.Ratios[0].Points[0].Ratio); // nobody has moved yet
    }

    [Fact]
    public void WithoutTwinsThatIsSaid()
    {
        DivergenceAnalysis twins = Twins(new SyntheticPopulation { WithModified = false, DataSeeds = 1 }, out ArchitectureAnalysis analysis);
        Assert.DoesNotContain(twins.Kinds, kind => kind.Name is "modified" or "reorder");
        Assert.Contains(twins.Notes, note => note.StartsWith("There are no modified twins", StringComparison.Ordinal));
        Assert.Contains(twins.Notes, note => note.StartsWith("There are no reorder twins", StringComparison.Ordinal));
        Assert.DoesNotContain(analysis.Conclusions, conclusion => conclusion.Id.StartsWith("further", StringComparison.Ordinal));
    }

    [Fact]
    public void AMachineWithMoreStepsIsFollowedFurther()
    {
        Population population = new SyntheticPopulation { Machines = [Machine.SimpleXORMachine, Machine.ParityMachine], ChangeStrength = 2 }.Build(network =>
            ((MachineTask)network.Task).Machine == Machine.ParityMachine ? network : network with { Checkpoints = [.. network.Checkpoints.Take(2)] });
        DivergenceInView raw = SyntheticPopulation.Analyse(population, Quick).Architectures[0].Divergence.Views[0];
        long[] Steps(string machine) => [.. raw.Distances.Single(curve => curve.Kind == "modified" && curve.Machine == machine).Points.Select(point => point.Step)];
        Assert.Equal([0, 10], Steps("all"));
        Assert.Equal([0, 10], Steps("SimpleXORMachine"));
        Assert.Equal([0, 10, 100], Steps("ParityMachine"));
    }

    [Fact]
    public void NetworksOfAnotherSettingAreNoTwins()
    {
        Population population = new SyntheticPopulation { DataSeeds = 1 }.Build(network => network.Task.Change is null ? network : network with { Setting = "sgd" });
        DivergenceAnalysis twins = SyntheticPopulation.Analyse(population, Quick).Architectures[0].Divergence;
        Assert.DoesNotContain(twins.Kinds, kind => kind.Name == "modified");
    }

    [Fact]
    public void SeveralModificationsAreToldApart()
    {
        Population population = new SyntheticPopulation { DataSeeds = 2 }.Build(network => ((MachineTask)network.Task).Modification is { } change && network.InitSeed % 2 == 0
            ? network with { Task = (MachineTask)network.Task with { Modification = change with { Share = 0.1 } } } : network);
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population, Quick).Architectures[0];
        Assert.Equal(["modified-1", "modified-2", "reorder", "other-init", "moved"], analysis.Divergence.Kinds.Select(kind => kind.Name));
        Assert.Equal(["clean", "modified 1", "modified 2"], analysis.Labelings.Single(labeling => labeling.Name == "variant").Values);
    }

    [Fact]
    public void AManyStepScheduleIsThinnedAndThatIsSaid()
    {
        Population population = new SyntheticPopulation { InitSeeds = 3, Steps = [.. Enumerable.Range(0, 30).Select(step => (long)step)] }.Build();
        DivergenceAnalysis twins = SyntheticPopulation.Analyse(population, Quick with { MaxDivergenceSteps = 5 }).Architectures[0].Divergence;
        Assert.Equal([0, 7, 14, 21, 29], twins.Views[0].Distances[0].Points.Select(point => point.Step));
        Assert.Contains(twins.Notes, note => note.Contains("30 matched steps", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(new[] { 1.0, 1.0, 1.0 }, 0.25)] // 2 of 8 sign patterns reach |3|
    [InlineData(new[] { 1.0, -1.0 }, 1.0)]
    [InlineData(new[] { 3.0, 1.0, -1.0 }, 0.75)] // only 3 - 1 - 1 and its opposite fall short of |3|
    public void TheSignFlipTestCountsAllSigns(double[] differences, double expected)
    {
        // Plainly: every pattern of signs.
        int count = 0;
        for (int signs = 0; signs < 1 << differences.Length; signs++)
        {
            double sum = differences.Select((value, i) => (signs & (1 << i)) == 0 ? value : -value).Sum();
            count += Math.Abs(sum) >= Math.Abs(differences.Sum()) - 1e-9 ? 1 : 0;
        }
        Assert.Equal(count / Math.Pow(2, differences.Length), TwinDivergence.SignFlipTest(differences, 0)!.Value, 1e-12);
        Assert.Equal(expected, TwinDivergence.SignFlipTest(differences, 0)!.Value, 1e-12);
    }

    [Fact]
    public void TheSampledSignFlipTestIsCloseToTheExactOne()
    {
        Assert.Null(TwinDivergence.SignFlipTest([0, 0, 0], 0));
        Assert.Null(TwinDivergence.SignFlipTest([1], 0));
        double[] alternating = [.. Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? 1.0 : -0.9)];
        Assert.True(TwinDivergence.SignFlipTest(alternating, 0) > 0.5);
        double[] shifted = [.. Enumerable.Range(0, 40).Select(i => 1 + (0.01 * i))];
        Assert.Equal(1e-4, TwinDivergence.SignFlipTest(shifted, 0)!.Value, 1e-9);
    }

    private static DivergenceAnalysis Twins(SyntheticPopulation population, out ArchitectureAnalysis analysis)
    {
        analysis = Assert.Single(SyntheticPopulation.Analyse(population.Build(), Quick).Architectures);
        return analysis.Divergence;
    }

    private static (DirectionAt Directions, DistanceAt Distances) Last(DivergenceAnalysis twins, string kind)
    {
        DivergenceInView raw = twins.Views.Single(view => view.View == "raw");
        return (raw.Directions.Single(curve => curve.Kind == kind && curve.Machine == "all").Points[^1], raw.Distances.Single(curve => curve.Kind == kind && curve.Machine == "all").Points[^1]);
    }
}
