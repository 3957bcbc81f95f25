using WeightSpace.Analysis;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Analysis;

public sealed class ZooAnalysisTests
{
    private static readonly AnalysisOptions Quick = new() { Trees = 25, Permutations = 19, Resamples = 200, KMeansStarts = 4 };

    [Fact]
    public void PlantedMachinesAreFoundAtTheEndAndNotAtTheStart()
    {
        ArchitectureAnalysis analysis = Only(new SyntheticPopulation { MachineStrength = 12 });
        PointAnalysis start = analysis.Points[0], end = analysis.Points[^1];
        Assert.Equal("step-0", start.Name);
        Assert.Equal("step-100", end.Name);
        foreach (string classifier in new[] { "linear", "forest" })
        {
            ClassificationScore score = Score(end, "raw", "machine", classifier);
            Assert.True(score.Accuracy!.Low > score.Chance && score.Accuracy.Value > 0.9, $"{classifier}: {score.Accuracy}");
            ClassificationScore before = Score(start, "raw", "machine", classifier); // where networks of all machines share their weights
            Assert.Null(before.Accuracy);
            Assert.Contains("same features", before.Note, StringComparison.Ordinal);
        }
        ClassificationScore[] permuted = [.. end.Views.SelectMany(view => view.Classifications).Where(score => score.Permuted is not null)];
        Assert.Equal(["machine", "variant"], permuted.Select(score => score.Labeling).Order());
        Assert.Equal(0.05, permuted.Single(score => score.Labeling == "machine").Permuted!.PValue, 1e-9); // 1 of 20: none of 19 comes near
        Assert.True(permuted.Single(score => score.Labeling == "machine").Permuted!.Percentile95 < 0.55);
        Assert.True(end.Views[0].Clusterings.Where(score => score.Labeling == "machine").Max(score => score.AdjustedRand.Low) > 0.9);
        Assert.Equal("yes", analysis.Conclusions.Single(conclusion => conclusion.Id == "read-machine").Answer);
        Assert.Equal("yes", analysis.Conclusions.Single(conclusion => conclusion.Id == "cluster").Answer);
        Assert.Equal("no", analysis.Conclusions.Single(conclusion => conclusion.Id == "read-variant").Answer);
    }

    [Fact]
    public void APlantedChangeIsDetectedAndCleanNetworksHaveNoDetector()
    {
        ArchitectureAnalysis analysis = Only(new SyntheticPopulation { ChangeStrength = 1.5, HasOwnDraw = true, InitSeeds = 20 });
        Assert.True(analysis.Detection!.Auc.Low > 0.8, $"{analysis.Detection.Auc}");
        Conclusion conclusion = analysis.Conclusions.Single(conclusion => conclusion.Id == "detect");
        Assert.True(conclusion.Answer == "yes", conclusion.Text);
        ArchitectureAnalysis clean = Only(new SyntheticPopulation { WithModified = false });
        Assert.Null(clean.Detection);
        Assert.DoesNotContain(clean.Conclusions, conclusion => conclusion.Id == "detect");
    }

    [Fact]
    public void ACleanNullStaysQuiet()
    {
        for (ulong seed = 11; seed < 14; seed++)
        {
            ArchitectureAnalysis analysis = Only(new SyntheticPopulation { DrawStrength = 3, HasOwnDraw = true, Seed = seed });
            foreach (string id in new[] { "read-machine", "read-variant", "cluster", "further-modified", "direction-modified", "detect" })
            {
                Conclusion conclusion = analysis.Conclusions.Single(conclusion => conclusion.Id == id);
                Assert.True(conclusion.Answer is "no" || (id == "direction-modified" && conclusion.Answer == "partly"), $"seed {seed}, {id}: {conclusion.Text}");
            }
        }
    }

    [Fact]
    public void TheSameZooGivesTheSameBytes()
    {
        Population population = new SyntheticPopulation { MachineStrength = 3, ChangeStrength = 1, InitSeeds = 6 }.Build();
        byte[] first = AnalysisJson.Write(SyntheticPopulation.Analyse(population, Quick));
        byte[] second = AnalysisJson.Write(SyntheticPopulation.Analyse(population, Quick));
        Assert.Equal(first, second);
        Assert.Equal(first, AnalysisJson.Write(AnalysisJson.Read(first)));
        Assert.DoesNotContain("NaN", System.Text.Encoding.UTF8.GetString(first), StringComparison.Ordinal);
    }

    [Fact]
    public void NetworksThatDidNotFinishAreCountedAndListed()
    {
        int index = 0;
        Population population = new SyntheticPopulation { MachineStrength = 3 }.Build(network => ++index switch
        {
            3 => network with { Status = NetworkStatus.Diverged, Reason = "loss became NaN" },
            4 => network with { Status = NetworkStatus.Failed, Reason = "out of disk", Checkpoints = [] },
            5 => network with { Checkpoints = [] },
            _ => network,
        });
        AnalysisResult result = SyntheticPopulation.Analyse(population, Quick);
        Assert.Equal(["loss became NaN", "out of disk", "finished, but no checkpoint of it is in the zoo"], result.Population.NotAnalysed.Select(note => note.Reason));
        Assert.Equal((120, 118, 1, 1), (result.Population.Networks, result.Population.Finished, result.Population.Diverged, result.Population.Failed));
        Assert.Equal(117, result.Population.Classes.Sum(count => count.Analysed));
        Assert.Equal(117, result.Architectures[0].Members.Count);
    }

    [Fact]
    public void AZooWithoutAFinishedNetworkIsRefused()
    {
        Population population = new SyntheticPopulation().Build(network => network with { Status = NetworkStatus.Diverged, Reason = "loss became NaN" });
        InputException error = Assert.Throws<InputException>(() => SyntheticPopulation.Analyse(population, Quick));
        Assert.Contains("loss became NaN", error.Message, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => SyntheticPopulation.Analyse(population with { Networks = [] }, Quick));
    }

    [Fact]
    public void AtStepZeroNetworksWithSeedsOfTheirOwnStandAtChance()
    {
        ulong seed = 0;
        Population population = new SyntheticPopulation { MachineStrength = 12, InitSeeds = 12, DataSeeds = 1, WithModified = false }.Build(network => network with { InitSeed = seed++ });
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population, Quick).Architectures[0];
        ClassificationScore start = Score(analysis.Points[0], "raw", "machine", "linear"), end = Score(analysis.Points[^1], "raw", "machine", "linear");
        Assert.True(start.Accuracy!.Low < start.Chance, $"{start.Accuracy}");
        Assert.True(end.Accuracy!.Low > end.Chance, $"{end.Accuracy}");
    }

    [Fact]
    public void OneInitialSeedGivesNotesAndNoAccuracy()
    {
        ArchitectureAnalysis analysis = Only(new SyntheticPopulation { MachineStrength = 3, InitSeeds = 1 });
        Assert.All(analysis.Points.SelectMany(point => point.Views).SelectMany(view => view.Classifications), score =>
        {
            Assert.Null(score.Accuracy);
            Assert.Contains("initial seed", score.Note, StringComparison.Ordinal);
        });
        Assert.Equal("open", analysis.Conclusions.Single(conclusion => conclusion.Id == "read-machine").Answer);
    }

    [Fact]
    public void ThreeInitialSeedsGiveThreeFolds()
    {
        ArchitectureAnalysis analysis = Only(new SyntheticPopulation { MachineStrength = 12, InitSeeds = 3 });
        ClassificationScore score = Score(analysis.Points[^1], "raw", "machine", "linear");
        Assert.Equal(3, score.Folds);
        Assert.Contains("3 initial seeds", score.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void ALabelingWithOneValueIsLeftOutAndThatIsSaid()
    {
        ArchitectureAnalysis analysis = Only(new SyntheticPopulation { Machines = [Machine.ParityMachine] });
        Assert.Equal(["class"], analysis.Labelings.Select(labeling => labeling.Name));
        Assert.Contains(analysis.Notes, note => note.Contains("ParityMachine", StringComparison.Ordinal));
        Assert.Contains(analysis.Notes, note => note.Contains("variant", StringComparison.Ordinal));
    }

    [Fact]
    public void ADeclaredFactorIsALabeling()
    {
        Population population = new SyntheticPopulation { Machines = [Machine.ParityMachine], WithModified = false }
            .Build(network => network with { Factors = new Dictionary<string, string> { ["learning_rate"] = network.DataSeed == 0 ? "0.001" : "0.01" } });
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population, Quick).Architectures[0];
        Assert.Equal(["learning_rate"], analysis.Labelings.Select(labeling => labeling.Name));
        Assert.All(analysis.Points.Skip(1), point => Assert.NotNull(Score(point, "raw", "learning_rate", "forest").Accuracy));
    }

    [Fact]
    public void NetworksThatEndedAtDifferentStepsAreComparedAtTheEndToo()
    {
        int index = 0;
        Population population = new SyntheticPopulation { MachineStrength = 3, Steps = [0, 1, 2, 4, 8, 16, 32] }
            .Build(network => index++ % 2 == 0 ? network : network with { Steps = 8, Checkpoints = [.. network.Checkpoints.Take(5)] });
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population, Quick).Architectures[0];
        Assert.Equal([0, 1, 2, 4, 8], analysis.MatchedSteps);
        Assert.Equal(["step-0", "step-1", "step-4", "step-8", "end"], analysis.Points.Select(point => point.Name));
        Assert.Contains(analysis.Points[^1].Confounds, score => score.Features == "steps");
        Assert.DoesNotContain(analysis.Points[0].Confounds, score => score.Features == "steps");
    }

    [Fact]
    public void NoCommonStepLeavesTheEnd()
    {
        int index = 0;
        Population population = new SyntheticPopulation { MachineStrength = 3, InitSeeds = 4 }
            .Build(network => network with { Checkpoints = [new PopulationCheckpoint(100 + index++, 0.1, 0.1)] });
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population with { ReadWeights = (places, weights) => Noise(weights) }, Quick).Architectures[0];
        Assert.Equal(["end"], analysis.Points.Select(point => point.Name));
        Assert.Empty(analysis.MatchedSteps);
    }

    [Fact]
    public void NetworksAreComparedWhereAllHaveComeDownToOneLoss()
    {
        // Parity networks come down half as fast: the lowest loss that all reach is theirs at the end, which the others have passed before.
        Population population = new SyntheticPopulation { MachineStrength = 3, InitSeeds = 6, Steps = [0, 1, 2, 4, 8] }.Build(network => network with
        {
            Checkpoints = [.. network.Checkpoints.Select(checkpoint => checkpoint with { EvalLoss = 1.0 / (1 + (checkpoint.Step * (network.Task.Source == "ParityMachine" ? 0.5 : 1))) })],
        });
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population, Quick).Architectures[0];
        PointAnalysis point = Assert.Single(analysis.Points, point => point.Name == "loss");
        Assert.Null(point.Step);
        Assert.Contains("0.2 (", point.Title, StringComparison.Ordinal);
        Assert.All(point.Losses, loss => Assert.Equal(0.2, loss.EvalLoss.Value, 1e-9));
        // Where losses are matched the number of steps gives the machine away, and that is shown.
        ClassificationScore steps = Assert.Single(point.Confounds, score => score.Features == "steps" && score.Labeling == "machine");
        Assert.True(steps.Accuracy!.Value > 0.5);
        Assert.DoesNotContain(analysis.Points.Where(other => other.Name != "loss"), other => other.Step is null);
    }

    [Fact]
    public void OneLayerTellsTheMachineWhereOneWasPlanted()
    {
        Population population = new SyntheticPopulation { InitSeeds = 12, WithModified = false }.Build();
        WeightReader inner = population.ReadWeights;
        int offset = population.Networks[0].Architecture.Parameters.Parameters.First(parameter => parameter.Name == "linears.0.weight").Offset;
        AnalysisResult result = SyntheticPopulation.Analyse(population with
        {
            ReadWeights = (places, weights) =>
            {
                inner(places, weights);
                int count = weights.Length / places.Count;
                for (int i = 0; i < places.Count; i++)
                {
                    for (int w = 0; w < 24; w++)
                        weights[(i * count) + offset + w] += 2 * (int)((MachineTask)population.Networks[places[i].Network].Task).Machine;
                }
            },
        }, Quick);
        LayerScore[] scores = [.. result.Architectures[0].LayerScores.Where(score => score.View == "statistics")];
        Assert.Equal(["gru.l0", "gru.l1", "linears.0", "out"], scores.Select(score => score.Layer));
        Assert.Equal(["gru", "gru", "dense", "dense"], scores.Select(score => score.Type));
        Assert.Equal([28, 28, 14, 14], scores.Select(score => score.Features));
        Assert.True(scores[2].Accuracy!.Value > 0.9);
        Assert.All(scores.Where(score => score.Layer != "linears.0"), score => Assert.True(score.Accuracy!.Value < 0.6));
    }

    [Fact]
    public void ALearningCurveRisesWithTheNetworksAndEndsAtAllOfThem()
    {
        Population population = new SyntheticPopulation { InitSeeds = 40, WithModified = false, DataSeeds = 1, MachineStrength = 0.6 }.Build();
        LearningCurve curve = Assert.Single(SyntheticPopulation.Analyse(population, Quick).Architectures[0].LearningCurves, curve => curve.View == "raw");
        Assert.Equal([5, 10, 20, 32], curve.Points.Select(point => point.InitSeeds));
        Assert.Equal([15.0, 30, 60, 96], curve.Points.Select(point => point.Networks));
        Assert.True(curve.Points[^1].Accuracy.Value > curve.Points[0].Accuracy.Value + 0.05, string.Join(' ', curve.Points.Select(point => point.Accuracy.Value)));
    }

    [Fact]
    public void ArchitecturesAreAnalysedApart()
    {
        var small = new SyntheticPopulation { InitSeeds = 4 };
        var wide = new SyntheticPopulation
        {
            InitSeeds = 5,
            Architecture = new Architecture("dense", [new DenseSpec("a", 9, 3), new ActivationSpec("relu", Shape.Vector(3), Activation.Relu), new DenseSpec("b", 3, 8)]),
        };
        Population first = small.Build(), second = wide.Build();
        int split = first.Networks.Count;
        var both = new Population("both", [.. first.Networks, .. second.Networks], [], (places, weights) =>
        {
            if (places[0].Network < split)
                first.ReadWeights(places, weights);
            else
                second.ReadWeights([.. places.Select(place => place with { Network = place.Network - split })], weights);
        });
        AnalysisResult result = SyntheticPopulation.Analyse(both, Quick);
        Assert.Equal(["small", "dense"], result.Architectures.Select(architecture => architecture.Name));
        Assert.Equal([48, 60], result.Architectures.Select(architecture => architecture.Members.Count));
    }

    [Fact]
    public void ALargeZooIsDrawnByInitialSeedAndThatIsSaid()
    {
        Population population = new SyntheticPopulation { InitSeeds = 12 }.Build();
        AnalysisResult result = SyntheticPopulation.Analyse(population, Quick with { MaxNetworks = 60 });
        Assert.Equal(60, result.Architectures[0].Members.Count);
        Assert.Equal(5, result.Architectures[0].InitSeeds);
        Assert.Equal(144 - 60, result.Population.NotAnalysed.Count);
        Assert.Contains(result.Architectures[0].Notes, note => note.Contains("drawn at random", StringComparison.Ordinal));
    }

    [Fact]
    public void WeightsAreReadOnceForEachCheckpoint()
    {
        var read = new Dictionary<CheckpointPlace, int>();
        Population population = new SyntheticPopulation { InitSeeds = 5 }.Build();
        WeightReader inner = population.ReadWeights;
        SyntheticPopulation.Analyse(population with
        {
            ReadWeights = (places, weights) =>
            {
                foreach (CheckpointPlace place in places)
                    read[place] = read.GetValueOrDefault(place) + 1;
                inner(places, weights);
            },
        }, Quick);
        Assert.Equal(3 * 60, read.Count);
        Assert.All(read.Values, times => Assert.Equal(1, times));
    }

    [Fact]
    public void ProgressEndsAtItsTotalAndCancellationStops()
    {
        Population population = new SyntheticPopulation { InitSeeds = 4 }.Build();
        var seen = new List<AnalysisProgress>();
        var progress = new Recorder(seen);
        SyntheticPopulation.Analyse(population, Quick, progress);
        foreach (var stage in seen.GroupBy(item => item.Stage))
            Assert.Equal(stage.First().Total, stage.Max(item => item.Done));
        Assert.Equal(6, seen.Select(item => item.Stage).Distinct().Count());
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => ZooAnalysis.Run(population, Quick, null, source.Token));
    }

    [Fact]
    public void AWeightThatIsNotFiniteNamesTheNetwork()
    {
        Population population = new SyntheticPopulation { InitSeeds = 4 }.Build();
        InputException error = Assert.Throws<InputException>(() => SyntheticPopulation.Analyse(population with { ReadWeights = (_, weights) => weights.Fill(float.NaN) }, Quick));
        Assert.Contains(population.Networks[0].Id, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void IdenticalWeightsGiveNotesInsteadOfStructure()
    {
        Population population = new SyntheticPopulation { InitSeeds = 4 }.Build();
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population with { ReadWeights = (_, weights) => weights.Fill(0.5f) }, Quick).Architectures[0];
        Assert.All(analysis.Points.SelectMany(point => point.Views), view => Assert.Contains("same features", view.Note, StringComparison.Ordinal));
        AnalysisJson.Write(SyntheticPopulation.Analyse(population with { ReadWeights = (_, weights) => weights.Fill(0.5f) }, Quick));
    }

    [Fact]
    public void TheLossAloneIsShownBesideTheWeights()
    {
        // The loss gives the machine away, the weights do not.
        Population population = new SyntheticPopulation().Build(network => network with
        {
            Checkpoints = [.. network.Checkpoints.Select(checkpoint => checkpoint with { EvalLoss = (int)((MachineTask)network.Task).Machine, TrainLoss = (int)((MachineTask)network.Task).Machine })],
        });
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population, Quick).Architectures[0];
        Assert.Equal(1, analysis.Points[^1].Confounds.Single(score => score.Labeling == "machine" && score.Features == "eval_loss").Accuracy!.Value);
        Assert.Equal(1, analysis.Points[^1].Losses.Single(loss => loss.Class == "SingleDirectMachine").EvalLoss.Value);
        Assert.Equal("no", analysis.Conclusions.Single(conclusion => conclusion.Id == "read-machine").Answer);
    }

    private static ArchitectureAnalysis Only(SyntheticPopulation population) => Assert.Single(SyntheticPopulation.Analyse(population.Build(), Quick).Architectures);

    private static ClassificationScore Score(PointAnalysis point, string view, string labeling, string classifier) =>
        point.Views.Single(item => item.View == view).Classifications.Single(score => score.Labeling == labeling && score.Classifier == classifier);

    private static void Noise(Span<float> weights)
    {
        var draw = new RandomStream(5, RandomPurpose.Testing);
        for (int i = 0; i < weights.Length; i++)
            weights[i] = draw.NextNormal();
    }

    private sealed class Recorder(List<AnalysisProgress> seen) : IProgress<AnalysisProgress>
    {
        public void Report(AnalysisProgress value)
        {
            lock (seen)
                seen.Add(value);
        }
    }
}
