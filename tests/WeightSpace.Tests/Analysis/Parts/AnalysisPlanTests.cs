using WeightSpace.Analysis;
using WeightSpace.Analysis.Parts;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Analysis.Parts;

/// <summary>An analysis cut into units, computed apart and joined: the analysis of one machine, byte for byte.</summary>
public sealed class AnalysisPlanTests : IDisposable
{
    private static readonly AnalysisOptions s_options = new() { Trees = 5, Permutations = 2, Resamples = 50, KMeansStarts = 2 };

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Two architectures, several moments, and networks that diverged or failed; from all in one unit to a unit for each block.</summary>
    [Theory]
    [InlineData(1e12)]
    [InlineData(1e-2)]
    [InlineData(1e-9)]
    public void TheAnalysisOfAZooIsTheSameFromUnits(double seconds)
    {
        using TestZoo folder = TestZoo.Written();
        Population population = ZooPopulation.Of(Zoo.Open(folder.Folder));
        AnalysisPlan plan = Cut(UnitSource.Of(folder.Folder, s_options), population, seconds);
        Assert.Equal(seconds > 1, plan.Units.Count == 1);
        for (int unit = 0; unit < plan.Units.Count; unit++)
        {
            plan.Units[unit].Write(_folder[$"{unit}.json"]);
            Assert.True(AnalysisUnit.IsOne(_folder[$"{unit}.json"]));
            AnalysisUnit done = UnitWorker.Run(_folder[$"{unit}.json"], Result(unit), null, TestContext.Current.CancellationToken);
            Assert.Equal(plan.Units[unit].Digest, done.Digest);
            Assert.True(AnalysisUnitResult.IsWhole(Result(unit), plan.Units[unit]));
        }
        AssertIsRight(population, plan);
    }

    /// <summary>One seed's networks, two of them too few for a matrix; a matrix that is smaller than a block; ragged ends.</summary>
    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(3, 1, 1)]
    [InlineData(11, 1, 1)]
    [InlineData(20, 2, 6)]
    [InlineData(67, 1, 15)]
    public void AMatrixIsCutAtItsEnds(int seeds, int draws, int blocksOfAMatrix)
    {
        Population population = new SyntheticPopulation { InitSeeds = seeds, DataSeeds = draws, Machines = [WeightSpace.Tasks.Machine.ParityMachine], WithModified = false, Steps = [0, 10] }.Build();
        AnalysisPlan plan = Cut(new UnitSource("/zoo", "0", 0, 2000, 4, s_options.Trees), population, 1e-9);
        Assert.Equal(population.Networks.Count < 3 ? 0 : 2 * 6 * Blocks(population.Networks.Count), plan.Units.Sum(unit => unit.Blocks.Count));
        Assert.Equal(blocksOfAMatrix, plan.Units.SelectMany(unit => unit.Blocks).Count(block => block.Gram is { View: "raw", Moment: "step-10" }));
        foreach ((AnalysisUnit unit, int index) in plan.Units.Select((unit, index) => (unit, index)))
        {
            (float[][] blocks, ClassificationScore[] scores) = UnitWorker.Compute(unit, population, "unit", null, TestContext.Current.CancellationToken);
            AnalysisUnitResult.Write(Result(index), unit, blocks, scores);
        }
        AssertIsRight(population, plan);

        // Parts of at least 16 rows.
        static int Blocks(int networks) => (networks + 15) / 16 is var parts ? parts * (parts + 1) / 2 : 0;
    }

    [Fact]
    public void APlanIsReadAsItWasWritten()
    {
        using TestZoo folder = TestZoo.Written();
        AnalysisPlan plan = Cut(UnitSource.Of(folder.Folder, s_options), ZooPopulation.Of(Zoo.Open(folder.Folder)), 1e-2);
        plan.Write(_folder["plan.json"]);
        AnalysisPlan read = AnalysisPlan.Read(_folder["plan.json"]);
        Assert.Equal(plan.Source, read.Source);
        Assert.Equal(plan.Units.Select(unit => unit.Digest), read.Units.Select(unit => unit.Digest));
        Assert.Equal((plan.Memory, plan.Seconds), (read.Memory, read.Seconds));
        File.WriteAllText(_folder["plan.json"], File.ReadAllText(_folder["plan.json"])[..^20]);
        Assert.Contains("begin anew", Assert.Throws<InputException>(() => AnalysisPlan.Read(_folder["plan.json"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AResultThatIsDamagedOrOfAnotherUnitIsNoResult()
    {
        using TestZoo folder = TestZoo.Written();
        AnalysisPlan plan = Cut(UnitSource.Of(folder.Folder, s_options), ZooPopulation.Of(Zoo.Open(folder.Folder)), 1e-9);
        plan.Units[0].Write(_folder["0.json"]);
        UnitWorker.Run(_folder["0.json"], Result(0), null, TestContext.Current.CancellationToken);
        byte[] bytes = File.ReadAllBytes(Result(0));
        Assert.False(AnalysisUnitResult.IsWhole(Result(0), plan.Units[1]));
        Assert.False(AnalysisUnitResult.IsOf(Result(0), plan.Units[1].Digest));
        for (int at = 0; at < bytes.Length; at += at < 1200 ? 7 : 31)
        {
            byte[] damaged = [.. bytes];
            damaged[at] ^= 1;
            File.WriteAllBytes(Result(0), damaged);
            // The header is padded with spaces, and a letter of a format's name may be a space as well: what counts is that no value changes.
            Assert.True(!AnalysisUnitResult.IsWhole(Result(0), plan.Units[0]) || AnalysisUnitResult.ReadBlock(Result(0), plan.Units[0], 0).AsSpan().SequenceEqual(Values(bytes)), $"byte {at}");
        }
        for (int length = 0; length < bytes.Length; length += 97)
        {
            File.WriteAllBytes(Result(0), bytes[..length]);
            Assert.False(AnalysisUnitResult.IsWhole(Result(0), plan.Units[0]), $"{length} bytes");
        }

        float[] Values(byte[] whole)
        {
            File.WriteAllBytes(_folder["whole"], whole);
            return AnalysisUnitResult.ReadBlock(_folder["whole"], plan.Units[0], 0);
        }
    }

    [Theory]
    [InlineData("\"first_row\":0", "\"first_row\":9", "on the diagonal of")]
    [InlineData("\"networks\":", "\"networks\":1", "found 130, 30 networks of mlds are analysed")]
    [InlineData("\"view\":\"raw\"", "\"view\":\"rare\"", "view: found 'rare', expected one of raw, aligned")]
    [InlineData("\"moment\":\"step-", "\"moment\":\"step-9", "moment: found 'step-9")]
    [InlineData("\"architecture\":0", "\"architecture\":7", "the zoo has 2 architectures")]
    [InlineData("\"zoo_digest\":\"", "\"zoo_digest\":\"0", "the analysis was begun with 0")]
    [InlineData("\"format_version\":1", "\"format_version\":2", "format_version: found 2")]
    [InlineData("\"blocks\":[", "\"more\":1,\"blocks\":[", "more")]
    public void AUnitThatDoesNotFitTheZooIsRefused(string from, string to, string message)
    {
        using TestZoo folder = TestZoo.Written();
        AnalysisPlan plan = Cut(UnitSource.Of(folder.Folder, s_options), ZooPopulation.Of(Zoo.Open(folder.Folder)), 1e-9);
        plan.Units[0].Write(_folder["unit.json"]);
        string text = File.ReadAllText(_folder["unit.json"]);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(_folder["unit.json"], text.Replace(from, to, StringComparison.Ordinal));
        var error = Assert.Throws<InputException>(() => UnitWorker.Run(_folder["unit.json"], Result(0), null, TestContext.Current.CancellationToken));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Result(0)));
    }

    private static AnalysisPlan Cut(UnitSource source, Population population, double seconds) => AnalysisPlan.Cut(source, population, seconds, new CoreRates(1e10), TimeProvider.System);

    private string Result(int unit) => _folder[$"{unit}.safetensors"];

    private void AssertIsRight(Population population, AnalysisPlan plan)
    {
        var asked = new List<string>();
        AnalysisResult joined = ZooAnalysis.Run(population, s_options, null, TestContext.Current.CancellationToken, new Listed(new JoinedParts(plan, Result), asked));
        Assert.Equal(AnalysisJson.Write(SyntheticPopulation.Analyse(population, s_options)), AnalysisJson.Write(joined));
        // All that was computed apart was taken, and nothing was computed here.
        IEnumerable<string> planned = plan.Units.SelectMany(unit => unit.Blocks.Select(block => block.Gram.ToString()).Concat(unit.Scores.Select(score => score.ToString())));
        Assert.Equal(planned.Distinct().Order(StringComparer.Ordinal), asked.Order(StringComparer.Ordinal));
    }

    private sealed class Listed(IAnalysisParts source, List<string> asked) : IAnalysisParts
    {
        public WeightSpace.Numerics.GramMatrix ReadGram(ViewPlace place, int networks)
        {
            Add(place.ToString());
            return source.ReadGram(place, networks);
        }

        public ClassificationScore ReadScore(ScorePlace place)
        {
            Add(place.ToString());
            return source.ReadScore(place);
        }

        private void Add(string part)
        {
            lock (asked)
                asked.Add(part);
        }
    }
}
