using System.Text.Json;
using System.Xml.Linq;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Report;
using WeightSpace.Analysis.Trajectories;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Trajectories;

/// <summary>Whole populations: intervals, notes, figures and files.</summary>
public sealed class TrackAnalysisTests
{
    private static readonly XNamespace Xhtml = "http://www.w3.org/1999/xhtml";
    private static readonly TrackOptions Quick = new() { Resamples = 200 };

    [Fact]
    public void APopulationHasMeansWithIntervalsByClass()
    {
        TrackedGroup group = Run(Population(12)).Groups[0];
        Assert.Equal((12, 72, 0, "step"), (group.Networks, group.Checkpoints, group.NotMeasured, group.Axis));
        Assert.Equal(["bent", "straight & <long>"], group.Populations.Select(population => population.Class));
        foreach (TrackedPopulation population in group.Populations)
        {
            TrackedNetwork[] members = [.. group.Members.Where(member => member.Class == population.Class)];
            foreach (PathNumber number in PathNumber.All)
            {
                SummaryEstimate found = population.Summary.Single(one => one.Measure == number.Name);
                double[] values = [.. members.Select(member => number.Value(member.Summary!)!.Value)];
                Assert.Equal(values.Average(), found.Value.Value, 1e-9);
                Assert.InRange(found.Value.Value, found.Value.Low!.Value - 1e-9, found.Value.High!.Value + 1e-9);
                Assert.InRange(found.Value.Low.Value, values.Min() - 1e-9, values.Max() + 1e-9);
                Assert.Equal(number.HasRandomWalk, found.RandomWalk is not null);
            }
            MeasureCurve lengths = population.Curves.Single(curve => curve.Measure == "step_length");
            Assert.Equal([10, 20, 30, 40, 50], lengths.Points.Select(point => point.At));
            Assert.All(lengths.Points, (point, k) => Assert.Equal(members.Average(member => member.Rows[k + 1].StepLength!.Value), point.Value.Value, 1e-9));
        }
        // What is planted: one class goes straight.
        double Smoothness(string name) => group.Populations.Single(population => population.Class == name).Summary.Single(number => number.Measure == "smoothness").Value.Value;
        Assert.True(Smoothness("straight & <long>") > 0.8 && Smoothness("bent") < 0.3);
        Assert.Equal(12, group.MeanCosines!.Networks);
        Assert.Equal((5, 5), (group.MeanCosines.At.Count, group.MeanCosines.Cosines[0].Count));
        Assert.Equal(1, group.MeanCosines.Cosines[2][2]!.Value, 1e-12);
        Assert.Equal(12, group.Projection!.Paths.Count);
        Assert.All(group.Members.SelectMany(member => member.Rows), row => Assert.InRange(row.ReferenceTail!.Value, 1 / 12.0, 1));
    }

    [Fact]
    public void TheSameNetworksGiveTheSameBytesWhateverTheOrderOfWork()
    {
        byte[] expected = AnalysisJson.WriteTrack(Run(Population(9)));
        Assert.Equal(expected, AnalysisJson.WriteTrack(Run(Population(9))));
        Assert.Equal(expected, AnalysisJson.WriteTrack(Run(Population(9), Quick with { ChunkValues = 7 })));
    }

    [Fact]
    public void NetworksThatDivergedAreShownAndCountForNothing()
    {
        MemoryGroup sound = Population(8), with = Population(8, (_, weights) => weights[700] = float.NaN, diverged: 3);
        TrackedGroup expected = Run(sound, Quick with { Networks = [.. Enumerable.Range(0, 8).Where(n => n != 3).Select(n => $"net{n}")] }).Groups[0], found = Run(with).Groups[0];
        Assert.Equal(8, found.Networks);
        Assert.Equal(1, found.NotMeasured);
        TrackedNetwork diverged = found.Members[3];
        Assert.False(diverged.IsSound);
        Assert.Equal("'tensor1' holds NaN", diverged.Rows[^1].Problem);
        Assert.All(diverged.Rows.Take(5), row => Assert.NotNull(row.Norm));
        Assert.Contains(found.Notes, note => note.Contains("diverged or failed", StringComparison.Ordinal));
        Assert.Contains(found.Notes, note => note.Contains("not finite", StringComparison.Ordinal));
        Assert.Equal(JsonSerializer.Serialize(expected.Populations.Select(population => population.Summary)), JsonSerializer.Serialize(found.Populations.Select(population => population.Summary)));
        Assert.Equal(1, found.Populations.Sum(population => population.LeftOut));
        // A network without any sound checkpoint is there too.
        MemoryGroup none = new([MemoryGroup.Item("a", 0), MemoryGroup.Item("a", 1)], [[float.NaN, 0], [1, float.NegativeInfinity]]);
        TrackedGroup empty = Run(none).Groups[0];
        Assert.Equal((2, null), (empty.NotMeasured, empty.Members[0].Summary));
        Page(Run(none));
    }

    [Fact]
    public void AnotherPopulationCanBeTheReference()
    {
        MemoryGroup group = Population(6), reference = Population(20, first: 100);
        TrackResult result = TrackAnalysis.Run("made-up", [group], ("elsewhere", [reference]), null, Quick, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(("elsewhere", 20), (result.Groups[0].Reference!.Title, result.Groups[0].Reference!.Networks));
        // Leave-one-out: at step 10, of the third network.
        float[] Position(MemoryGroup of, int item)
        {
            var values = new float[of.Count];
            of.Read(item, 0, values);
            return values;
        }
        var plain = new ReferencePopulation("plain");
        for (int n = 0; n < 20; n++)
            plain.Add($"{n}", 10, Position(reference, (6 * n) + 1));
        Assert.Equal(plain.Score("other", 10, Position(group, 13))!.Value.Distance, result.Groups[0].Members[2].Rows[1].ReferenceDistance!.Value, 1e-5);

        TrackResult unlike = TrackAnalysis.Run("made-up", [group], ("elsewhere", [MemoryGroup.Path(MemoryGroup.Walk(3, 40, 1))]), null, Quick, cancellation: TestContext.Current.CancellationToken);
        Assert.Null(unlike.Groups[0].Reference);
        Assert.Contains(unlike.Groups[0].Notes, note => note.Contains("no distance from a reference", StringComparison.Ordinal));
    }

    [Fact]
    public void OfManyNetworksSomeAreDrawnOfEveryClass()
    {
        TrackedGroup group = Run(Population(40), Quick with { MaxNetworks = 10 }).Groups[0];
        Assert.Equal(10, group.Members.Count);
        Assert.Equal([5, 5], group.Populations.Select(population => population.Networks));
        Assert.Contains(group.Notes, note => note.Contains("10 of 40 networks were drawn", StringComparison.Ordinal));
        // Few positions are kept: the others are compared with those.
        TrackedGroup few = Run(Population(20), Quick with { ReferenceBytes = 5 * 6 * 4 * 800 }).Groups[0];
        Assert.Equal((20, 5, 5), (few.Members.Count, few.Reference!.Networks, few.Projection!.Paths.Count));
        Assert.All(few.Members.SelectMany(member => member.Rows), row => Assert.NotNull(row.ReferenceDistance));
    }

    [Fact]
    public void NetworksAreChosenByTheBeginningOfTheirNames()
    {
        Assert.Equal(["net1", "net10", "net11", "net3"], Run(Population(12), Quick with { Networks = ["net1", "net3"] }).Groups[0].Members.Select(member => member.Network).Order(StringComparer.Ordinal));
        // The others are what the chosen one is measured from, as they are where all are tracked.
        CheckpointMeasures[] rows = [.. Run(Population(12), Quick with { Networks = ["net5"] }).Groups[0].Members[0].Rows], all = [.. Run(Population(12)).Groups[0].Members[5].Rows];
        Assert.All(rows.Zip(all), pair => Assert.Equal((pair.Second.ReferenceDistance, pair.Second.ReferenceTail), (pair.First.ReferenceDistance, pair.First.ReferenceTail)));
        Assert.NotNull(rows[3].ReferenceTail);
        Assert.Contains("'nut'", Assert.Throws<InputException>(() => Run(Population(2), Quick with { Networks = ["nut"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckpointsWithoutStepsFollowTheirOrder()
    {
        float[][] weights = MemoryGroup.Walk(4, 30, 1);
        MemoryGroup group = new([.. weights.Select((_, k) => new CheckpointItem($"file{k}", null, null, new Dictionary<string, string>()))], weights);
        TrackedGroup found = Run(group).Groups[0];
        Assert.Equal(("checkpoint", 1), (found.Axis, found.Members.Count));
        Assert.Equal(["file0", "file1", "file2", "file3"], found.Members[0].Rows.Select(row => row.Name));
        Assert.All(found.Members[0].Rows, row => Assert.Null(row.Speed));
        Assert.Contains(found.Notes, note => note.Contains("has a step", StringComparison.Ordinal));
        Assert.Contains("number of the checkpoint", Page(Run(group)).Root!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void AStateGivesTheRowsOfAFullRunAndReadsWhatIsNew()
    {
        using var folder = new Folder();
        MemoryGroup all = Population(4);
        int[] early = [.. Enumerable.Range(0, 24).Where(item => item % 6 < 4)];
        MemoryGroup begun = Part(all, early);
        TrackState state = TrackState.Open(folder["state"]);
        TrackAnalysis.Run("made-up", [begun], null, state, Quick, cancellation: TestContext.Current.CancellationToken);
        state.Write();
        all.Forget();
        TrackResult found = TrackAnalysis.Run("made-up", [all], null, TrackState.Open(folder["state"]), Quick, cancellation: TestContext.Current.CancellationToken), expected = Run(Population(4));
        Assert.Equal(0, found.Groups[0].CosineDeviation); // the networks are smaller than a sketch
        foreach ((TrackedNetwork one, TrackedNetwork other) in expected.Groups[0].Members.Zip(found.Groups[0].Members))
        {
            foreach ((CheckpointMeasures row, CheckpointMeasures same) in one.Rows.Zip(other.Rows))
            {
                Assert.Equal(row.Name, same.Name);
                Assert.All(PathMeasure.All, measure => Assert.Equal(measure.Value(row) ?? -1, measure.Value(same) ?? -1, 1e-5));
            }
            Assert.Equal(one.Summary!.Dimension!.Value, other.Summary!.Dimension!.Value, 1e-6);
        }
        Assert.All(Enumerable.Range(0, 4), n => Assert.Equal(0, all.Read((6 * n) + 1))); // neither new nor a neighbour of what is new
        MemoryGroup late = Part(all, [.. Enumerable.Range(0, 24).Where(item => item % 6 != 1)]);
        TrackState anew = TrackState.Open(folder["other"]);
        TrackAnalysis.Run("made-up", [late], null, anew, Quick, cancellation: TestContext.Current.CancellationToken);
        InputException error = Assert.Throws<InputException>(() => TrackAnalysis.Run("made-up", [all], null, anew, Quick, cancellation: TestContext.Current.CancellationToken));
        Assert.Contains("goes forward only", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatWasReadBeforeAStopNeedNotBeReadAgain()
    {
        using var folder = new Folder();
        MemoryGroup group = Population(4);
        TrackState state = TrackState.Open(folder["state"]);
        using var stop = new CancellationTokenSource();
        var stopping = new StoppingProgress(stop, 40);
        Assert.ThrowsAny<OperationCanceledException>(() => TrackAnalysis.Run("made-up", [group], null, state, Quick, stopping, stop.Token));
        int known = state.Paths.Sum(path => path.Rows.Count());
        Assert.InRange(known, 1, 23);
        state.Write();
        state = TrackState.Open(folder["state"]);
        TrackResult found = TrackAnalysis.Run("made-up", [group], null, state, Quick, cancellation: TestContext.Current.CancellationToken);
        TrackState whole = TrackState.Open(folder["whole"]);
        Assert.Equal(AnalysisJson.WriteTrack(TrackAnalysis.Run("made-up", [group], null, whole, Quick, cancellation: TestContext.Current.CancellationToken)), AnalysisJson.WriteTrack(found));
        state.Write();
        whole.Write();
        Assert.Equal(File.ReadAllBytes(folder["whole"]), File.ReadAllBytes(folder["state"]));
    }

    private sealed class StoppingProgress(CancellationTokenSource stop, int reports) : IProgress<AnalysisProgress>
    {
        private int _reports;

        public void Report(AnalysisProgress value)
        {
            if (Interlocked.Increment(ref _reports) == reports)
                stop.Cancel();
        }
    }

    [Fact]
    public void ThePageIsWellFormedAndHoldsEverythingItNeeds()
    {
        TrackResult result = TrackAnalysis.Run("a <title> & more", [Population(12)], null, null, Quick, cancellation: TestContext.Current.CancellationToken);
        XDocument page = Page(result);
        string[] fetching = ["src", "srcset", "action", "data", "poster"], loading = ["script", "link", "img", "iframe", "object", "embed", "use", "image"];
        Assert.DoesNotContain(page.Descendants().Attributes(), attribute => fetching.Contains(attribute.Name.LocalName));
        Assert.DoesNotContain(page.Descendants(), element => loading.Contains(element.Name.LocalName));
        Assert.Contains("a <title> & more", page.Root!.Value, StringComparison.Ordinal);
        string[] ids = [.. page.Descendants().Attributes("id").Select(attribute => attribute.Value)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.All(page.Descendants().Attributes("href"), link => Assert.Contains(link.Value[1..], ids));
        XElement[] figures = [.. page.Descendants(Xhtml + "figure")];
        Assert.Equal(["g0-paths", "g0-measures", "g0-tensors", "g0-mean-cosines", "g0-cosines"], figures.Select(figure => figure.Attribute("id")!.Value));
        foreach (XElement figure in figures)
        {
            XElement svg = figure.Elements().First(element => element.Name.LocalName == "svg");
            Assert.All(svg.Attribute("aria-labelledby")!.Value.Split(' '), id => Assert.False(string.IsNullOrWhiteSpace(svg.Elements().Single(element => element.Attribute("id")?.Value == id).Value)));
            Assert.NotEmpty(figure.Elements(Xhtml + "figcaption"));
        }
        Assert.Equal(12, figures[0].Descendants().Count(element => element.Name.LocalName == "polyline"));
        Assert.Equal(25, figures[3].Descendants().Count(element => element.Attribute("class")?.Value is "warm" or "cold") - 9); // the legend has nine
        HashSet<string> cells = [.. page.Descendants(Xhtml + "td").Select(cell => cell.Value)];
        Assert.All(result.Groups[0].Populations.SelectMany(population => population.Summary), number => Assert.Contains(Html.Quantity(number.Value), cells));
    }

    [Fact]
    public void ThinPopulationsHaveAPageToo()
    {
        float[][] walk = MemoryGroup.Walk(3, 20, 1);
        MemoryGroup[] thin =
        [
            new([MemoryGroup.Item("a", 5)], [walk[0]]),
            new([MemoryGroup.Item("a", 0), MemoryGroup.Item("a", 1)], [walk[0], walk[1]]),
            new([MemoryGroup.Item("a", 0), MemoryGroup.Item("a", 1), MemoryGroup.Item("a", 2)], [walk[0], walk[0], walk[0]]),
            new([MemoryGroup.Item("a", 0), MemoryGroup.Item("b", 0), MemoryGroup.Item("b", 7)], [walk[0], walk[1], walk[2]]),
            new([MemoryGroup.Item("a", 0), MemoryGroup.Item("a", 1), MemoryGroup.Item("a", 2)], [new float[4], new float[4], new float[4]]),
            new([MemoryGroup.Item("a", 0), MemoryGroup.Item("a", 1), MemoryGroup.Item("a", 2)], [[1, 2], [float.MaxValue, 2], [1, -float.MaxValue]]),
            new([MemoryGroup.Item("a", 0), MemoryGroup.Item("a", 1), MemoryGroup.Item("a", 2)], [[1e-44f, 0], [0, 1e-44f], [1e-44f, 1e-44f]]),
        ];
        foreach (MemoryGroup group in thin)
        {
            TrackResult result = Run(group);
            AnalysisJson.WriteTrack(result); // throws where a number is NaN
            Assert.Contains("Methods", Page(result).Root!.Value, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void LongPathsArePooledInTheMatrix()
    {
        CosineMatrix matrix = Run(MemoryGroup.Path(MemoryGroup.Walk(200, 40, 2))).Groups[0].ExampleCosines!;
        Assert.Equal((3, 67, 67), (matrix.Pool, matrix.At.Count, matrix.Cosines.Count));
        Assert.Equal(10, matrix.At[0]);
        Assert.Equal(40, matrix.At[1]);
    }

    /// <summary>Networks of two classes, one of them with a drift, six checkpoints each, in three tensors.</summary>
    private static MemoryGroup Population(int networks, Action<int, float[]>? last = null, int diverged = -1, int first = 0)
    {
        var items = new List<CheckpointItem>();
        var weights = new List<float[]>();
        for (int n = 0; n < networks; n++)
        {
            float[][] path = MemoryGroup.Walk(6, 800, (ulong)(first + n), drift: n % 2 == 0 ? 3 : 0);
            if (n == diverged)
                last?.Invoke(n, path[^1]);
            for (int k = 0; k < path.Length; k++)
            {
                items.Add(MemoryGroup.Item($"net{n}", 10 * k, ("class", n % 2 == 0 ? "straight & <long>" : "bent"), ("init_seed", $"{n}"), ("status", n == diverged ? "diverged" : "finished")));
                weights.Add(path[k]);
            }
        }
        return new MemoryGroup(items, [.. weights], 600, 150, 50);
    }

    private static MemoryGroup Part(MemoryGroup group, int[] items)
    {
        float[][] weights = [.. items.Select(_ => new float[group.Count])];
        for (int i = 0; i < items.Length; i++)
            group.Read(items[i], 0, weights[i]);
        return new MemoryGroup([.. items.Select(item => group.Items[item])], weights, 600, 150, 50);
    }

    private static TrackResult Run(MemoryGroup group, TrackOptions? options = null) =>
        TrackAnalysis.Run("made-up", [group], null, null, options ?? Quick, cancellation: TestContext.Current.CancellationToken);

    private static XDocument Page(TrackResult result)
    {
        using var writer = new StringWriter();
        TrackReport.Write(result, writer);
        string text = writer.ToString();
        Assert.DoesNotContain("Infinity", text, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", text.Replace("holds NaN", "", StringComparison.Ordinal), StringComparison.Ordinal);
        return XDocument.Parse(text.Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
    }
}
