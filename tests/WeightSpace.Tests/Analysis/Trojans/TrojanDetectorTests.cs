using System.Text;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Trojans;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Analysis.Trojans;

public sealed class TrojanDetectorTests
{
    private static readonly DetectionOptions Quick = new() { Permutations = 19, Resamples = 200, Features = 100 };

    private static readonly SyntheticPopulation Planted = new()
    {
        Machines = [Machine.ParityMachine], InitSeeds = 60, DataSeeds = 1, Steps = [0, 10], HasOwnDraw = true, ChangeStrength = 6,
    };

    [Fact]
    public void APlantedChangeIsFoundAndItsBaselinesStandBesideIt()
    {
        (TrojanDetector detector, DetectionScore score) = Learn(Planted, "raw");
        Assert.Equal((120, 60, 60), (score.Networks, score.Changed, score.InitSeeds));
        Assert.True(score.Auc.Low > 0.9, $"{score.Auc}");
        Assert.True(score.CrossEntropy.High < score.ChanceCrossEntropy, $"{score.CrossEntropy}");
        Assert.Equal(Math.Log(2), score.ChanceCrossEntropy, 1e-12);
        Assert.Equal(0.05, score.Permuted!.PValue, 1e-12); // the least of 19 permutations
        Assert.InRange(score.Permuted.Mean, 0.3, 0.7);
        Assert.Equal(["norm", "eval_loss", "train_loss"], score.Plain.Select(plain => plain.Name));
        Assert.Equal(0.5, score.Plain[1].Auc.Value); // all have the same loss
        Assert.Null(score.AttackTest);
        Assert.Equal("raw", detector.View);
    }

    [Fact]
    public void WithoutAChangeItStaysAtChance()
    {
        (_, DetectionScore score) = Learn(Planted with { ChangeStrength = 0 }, "raw");
        Assert.InRange(score.Auc.Value, 0.3, 0.65);
        Assert.True(score.CrossEntropy.Value > score.ChanceCrossEntropy - 0.05, $"{score.CrossEntropy}");
    }

    /// <summary>Twins that differ in nothing at all: were one of them in training, the other one's label would be the wrong one, or the right one by its start.</summary>
    [Fact]
    public void NoTwinLeaks()
    {
        (_, DetectionScore score) = Learn(Planted with { HasOwnDraw = false, ChangeStrength = 0 }, "raw");
        Assert.Equal(0.5, score.Auc.Value, 1e-9);
    }

    /// <summary>Two changes that have nothing in common: each is found when it was shown, and neither by a detector of the other.</summary>
    [Fact]
    public void AChangeThatWasNotShownIsNotFoundWhereItIsOfAnotherKind()
    {
        Population clean = (Planted with { ChangeStrength = 0 }).Build(network =>
            network.Task.Change is null || network.InitSeed % 2 == 0 ? network : network with { Task = new MachineTask(Machine.ParityMachine, 16, Modification.Default with { Share = 0.5 }) });
        var planted = new Population("two changes", clean.Networks, [], (places, weights) =>
        {
            clean.ReadWeights(places, weights);
            int parameters = weights.Length / places.Count;
            for (int row = 0; row < places.Count; row++)
            {
                PopulationNetwork network = clean.Networks[places[row].Network];
                int first = network.InitSeed % 2 == 0 ? 0 : 40;
                for (int i = first; network.Task.Change is not null && i < first + 8; i++)
                    weights[(row * parameters) + i] += 8;
            }
        });
        (_, DetectionScore score) = TrojanDetector.Learn(planted, "raw", null, null, Quick, cancellation: TestContext.Current.CancellationToken);
        Assert.True(score.Auc.Value > 0.9, $"{score.Auc}");
        Assert.Equal(2, score.ByChange.Count);
        Assert.All(score.ByChange, change => Assert.True(change.Auc.Value > 0.9 && change.Unseen!.Value < 0.7, $"{change}"));
        Assert.InRange(score.UnseenChanges!.Value, 0.3, 0.7);
        Assert.NotNull(score.Plain[0].Unseen);
    }

    /// <summary>Of the changed machine no network is clean, so there is nothing to hold the changes against.</summary>
    [Fact]
    public void ChangesOfDataWithoutACleanNetworkAreNotJudgedUnseen()
    {
        Population population = Planted.Build(network => network.Task.Change is null ? network
            : network with { Task = new MachineTask(Machine.SimpleXORMachine, 16, Modification.Default with { Share = network.InitSeed % 2 == 0 ? 0.1 : 0.5 }) });
        (_, DetectionScore score) = TrojanDetector.Learn(population, "raw", null, null, Quick, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(2, score.ByChange.Count);
        Assert.All(score.ByChange, change => Assert.Null(change.Unseen));
        Assert.Null(score.UnseenChanges);
    }

    /// <summary>Changed networks that are the clean ones but for their length.</summary>
    [Fact]
    public void WhatIsLengthAloneIsGoneWithoutIt()
    {
        Population clean = (Planted with { ChangeStrength = 0 }).Build();
        var longer = new Population("longer", clean.Networks, [], (places, weights) =>
        {
            clean.ReadWeights(places, weights);
            int parameters = weights.Length / places.Count;
            for (int row = 0; row < places.Count; row++)
            {
                for (int i = 0; clean.Networks[places[row].Network].Task.Change is not null && i < parameters; i++)
                    weights[(row * parameters) + i] *= 1.5f;
            }
        });
        (_, DetectionScore score) = TrojanDetector.Learn(longer, "sorted", null, null, Quick, cancellation: TestContext.Current.CancellationToken);
        Assert.True(score.Auc.Value > 0.95, $"{score.Auc}");
        Assert.Equal(1, score.Plain[0].Auc.Value);
        Assert.InRange(score.ByShape.Value, 0.3, 0.7);
        Assert.Null(score.UnseenChanges);
    }

    [Fact]
    public void OtherNetworksAreJudgedAndStrangersGetNoVerdict()
    {
        (TrojanDetector detector, _) = Learn(Planted, "raw");
        Population others = (Planted with { InitSeeds = 90 }).Build();
        var strangers = new Population("strangers", others.Networks, [], (places, weights) =>
        {
            others.ReadWeights(places, weights);
            for (int i = 0; i < weights.Length; i++)
                weights[i] *= 4;
        });
        int right = 0, judged = 0;
        foreach ((DetectorAnswer answer, PopulationNetwork network) in detector.Answer(others, null, null, TestContext.Current.CancellationToken).Zip(others.Networks).Where(pair => pair.Second.InitSeed >= 60))
        {
            Assert.Equal(network.Id, answer.Id);
            judged++;
            right += answer.Answer == (network.Task.Change is null ? TrojanDetector.Clean : TrojanDetector.Changed) ? 1 : 0;
        }
        Assert.Equal(60, judged);
        Assert.True(right >= 51, $"{right} of {judged}");
        Assert.All(detector.Answer(strangers, null, null, TestContext.Current.CancellationToken), answer => Assert.Equal(TrojanDetector.Unlike, answer.Answer));
    }

    [Fact]
    public void AFileGivesTheSameAnswers()
    {
        (TrojanDetector detector, DetectionScore score) = Learn(Planted, "statistics");
        byte[] bytes = DetectorFile.Write(detector, score, "a zoo");
        TrojanDetector read = DetectorFile.Read(bytes, "d.json");
        Population population = Planted.Build();
        Assert.Equal(detector.Answer(population, null, null, TestContext.Current.CancellationToken), read.Answer(population, null, null, TestContext.Current.CancellationToken));
        Assert.Equal(bytes, DetectorFile.Write(read, score, "a zoo"));
    }

    [Theory]
    [InlineData("\"weightspace-detector\"", "\"weightspace-zoo\"", "format")]
    [InlineData("\"format_version\":1", "\"format_version\":2", "newer weightspace")]
    [InlineData("\"view\":\"statistics\"", "\"view\":\"aligned\"", "expected one of sorted")]
    [InlineData("\"intercept\":", "\"more\":1,\"intercept\":", "more")]
    [InlineData("\"slope\":", "\"slope\":\"x\",\"of\":", "slope")]
    [InlineData("\"selected\":[", "\"selected\":[-1,", "selected")]
    [InlineData("\"weights\":[", "\"weights\":[0,", "weights")]
    [InlineData("{\"format\"", "\"format\"", "")]
    public void ADamagedFileIsRefused(string find, string replace, string named)
    {
        (TrojanDetector detector, DetectionScore score) = Learn(Planted with { InitSeeds = 10 }, "statistics");
        string text = Encoding.UTF8.GetString(DetectorFile.Write(detector, score, "a zoo"));
        Assert.Contains(find, text, StringComparison.Ordinal);
        var error = Assert.Throws<InputException>(() => DetectorFile.Read(Encoding.UTF8.GetBytes(text.Replace(find, replace, StringComparison.Ordinal)), "d.json"));
        Assert.StartsWith("d.json: this is not a sound detector: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AZooThatCannotTeachSaysWhy()
    {
        Assert.Contains("0 of 60 networks", Assert.Throws<InputException>(() => Learn(Planted with { WithModified = false }, "raw")).Message, StringComparison.Ordinal);
        Assert.Contains("one initial seed", Assert.Throws<InputException>(() => Learn(Planted with { InitSeeds = 1, DataSeeds = 3 }, "raw")).Message, StringComparison.Ordinal);
        Assert.Contains("--view", Assert.Throws<InputException>(() => Learn(Planted, "rw")).Message, StringComparison.Ordinal);
        (TrojanDetector detector, _) = Learn(Planted with { InitSeeds = 10 }, "raw");
        Population other = (Planted with { Architecture = new WeightSpace.Networks.Architecture("other", [new WeightSpace.Networks.DenseSpec("a", 9, 8)]) }).Build();
        Assert.Contains("none of its architectures", Assert.Throws<InputException>(() => detector.Answer(other, null, null, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAreaIsTheShareOfPairsInOrder()
    {
        Assert.Equal(0.75, RocCurve.Area([1, 2, 3, 4], [false, true, false, true]));
        Assert.Equal(0.5, RocCurve.Area([1, 1, 1], [false, true, true]));
        Assert.Equal(0.875, RocCurve.Area([1, 2, 2, 4], [false, true, false, true]));
        Assert.Equal(double.NaN, RocCurve.Area([1, 2], [true, true]));
    }

    [Fact]
    public void LogisticRegressionIsTheClassifiersOfTwoClasses()
    {
        var random = new RandomStream(3, RandomPurpose.Testing, 8);
        bool[] labels = [.. Enumerable.Range(0, 40).Select(row => row % 2 == 0)];
        var x = new FeatureMatrix("x", 40, 5, [.. Enumerable.Range(0, 200).Select(i => random.NextNormal() + (i % 5 == 0 && labels[i / 5] ? 1 : 0))]);
        FeatureMatrix scaled = x.Standardised();
        (double[] weights, double intercept) = LogisticRegression.Fit(scaled, labels);
        // At the minimum the gradient vanishes: w_j = sum of (label - p) x_j, and the excess sums to 0.
        double[] excess = [.. Enumerable.Range(0, 40).Select(row => (labels[row] ? 1 : 0) - (1 / (1 + Math.Exp(-intercept - weights.Select((w, j) => w * scaled.Row(row)[j]).Sum()))))];
        Assert.Equal(0, excess.Sum(), 1e-4);
        for (int j = 0; j < 5; j++)
            Assert.Equal(weights[j], excess.Select((value, row) => value * scaled.Row(row)[j]).Sum(), 1e-3);
        Assert.True(weights[0] > 0.3);
    }

    [Fact]
    public void ACalibratedProbabilityIsTheShareThatIsRight()
    {
        // Logits four times too sure: calibration takes that back.
        var random = new RandomStream(5, RandomPurpose.Testing, 8);
        double[] truth = [.. Enumerable.Range(0, 5000).Select(_ => 2.0 * random.NextNormal())];
        bool[] labels = [.. truth.Select(logit => random.NextUniformDouble() < 1 / (1 + Math.Exp(-logit)))];
        Calibration calibration = Calibration.Fit([.. truth.Select(logit => 4 * logit)], labels);
        Assert.Equal(0.25, calibration.Slope, 0.03);
        Assert.Equal(0, calibration.Shift, 0.1);
        Calibration certain = Calibration.Fit([-1, -2, 1, 2], [false, false, true, true]);
        Assert.InRange(certain.Probability(2), 0.6, 0.99);
    }

    private static (TrojanDetector Detector, DetectionScore Score) Learn(SyntheticPopulation population, string view) =>
        TrojanDetector.Learn(population.Build(), view, null, null, Quick, null, TestContext.Current.CancellationToken);
}
