using System.Text.Json;
using WeightSpace.Analysis.Views;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Analysis.Blocks;

/// <summary>
/// How the Gram matrices of an analysis are cut into blocks, and these are put into units; no result depends on it. A unit is a row of blocks in the order of architecture, moment and view, so that weights and features
/// that its blocks have in common are read and computed once.
/// </summary>
/// <param name="Memory">Bytes that a unit takes at most, beside what the program takes.</param>
/// <param name="Seconds">What all units together are meant to take on one core.</param>
public sealed record AnalysisPlan(BlockSource Source, IReadOnlyList<AnalysisUnit> Units, double Memory, double Seconds)
{
    public const string FileName = "plan.json";

    private const string Format = "weightspace-analysis-plan";
    private const int FormatVersion = 1;

    // A smaller block costs more to hand over than to compute.
    private const int LeastRows = 16;

    /// <summary>Cuts an analysis into units of about so many seconds.</summary>
    /// <exception cref="InputException">There is nothing to analyse.</exception>
    public static AnalysisPlan Cut(BlockSource source, Population population, double unitSeconds, BlockRates rates, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(unitSeconds);
        var units = new List<AnalysisUnit>();
        var blocks = new List<BlockPlace>();
        (double inUnit, double total, double memory, long entries) = (0, 0, 0, 0);
        IReadOnlyList<Cohort> cohorts = ZooAnalysis.Cohorts(population, source.Options);
        for (int number = 0; number < cohorts.Count; number++)
        {
            Cohort cohort = cohorts[number];
            (int networks, int parameters) = (cohort.Networks.Length, cohort.Architecture.Parameters.Count);
            if (networks < MomentScores.LeastRows)
                continue;
            FeatureMatrix sample = ZooAnalysis.RawWeights(cohort, [0, 1], cohort.ReadWeights([0, 1], member => cohort.Networks[member].Checkpoints.Count - 1));
            (IView View, int Features, double Seconds)[] views = [.. ZooAnalysis.ViewsOf(cohort).Select(view => (view, view.FeatureNames(cohort.Architecture).Length,
                BlockRates.Features(view, cohort.Architecture, sample, time) * networks))];
            double reading = BlockRates.Reading(networks, parameters);
            foreach (Moment moment in cohort.Moments)
            {
                bool isRead = false;
                foreach ((IView view, int features, double seconds) in views)
                {
                    bool isComputed = false;
                    var place = new GramPlace(number, moment.Name, view.Name);
                    foreach (BlockPlace block in BlocksOf(place, networks, features, rates, Math.Max(unitSeconds - reading - seconds, unitSeconds / 2)))
                    {
                        double products = rates.Products(block.Rows, block.Columns, features), before = (isRead ? 0 : reading) + (isComputed ? 0 : seconds);
                        if (blocks.Count > 0 && (inUnit + before + products > unitSeconds || entries + ((long)block.Rows * block.Columns) > BlockPlace.MaxEntries))
                        {
                            Close();
                            before = reading + seconds;
                        }
                        blocks.Add(block);
                        (inUnit, entries) = (inUnit + before + products, entries + ((long)block.Rows * block.Columns));
                        // The weights, the features as they are, in the view's scale and as rows, the rows of a block once more, and its values, which are written.
                        memory = Math.Max(memory, 4.0 * (networks * ((2.0 * parameters) + (4.0 * features))) + (8.0 * entries));
                        (isRead, isComputed) = (true, true);
                    }
                }
            }
        }
        Close();
        return new AnalysisPlan(source, units, memory, total);

        void Close()
        {
            if (blocks.Count > 0)
                units.Add(AnalysisUnit.Of(source, [.. blocks]));
            blocks.Clear();
            (inUnit, entries, total) = (0, 0, total + inUnit);
        }
    }

    /// <summary>A Gram matrix as blocks of at most so many seconds: all pairs of as many parts of its rows, nearly alike.</summary>
    private static IEnumerable<BlockPlace> BlocksOf(GramPlace place, int networks, int features, BlockRates rates, double seconds)
    {
        double side = Math.Min(Math.Sqrt(seconds / rates.Products(1, 1, features)), Math.Sqrt(BlockPlace.MaxEntries));
        int parts = (int)Math.Ceiling(networks / Math.Max(side, LeastRows));
        int Start(int part) => (int)((long)networks * part / parts);
        for (int row = 0; row < parts; row++)
        {
            for (int column = row; column < parts; column++)
                yield return new BlockPlace(place, networks, Start(row), Start(row + 1) - Start(row), Start(column), Start(column + 1) - Start(column));
        }
    }

    /// <summary>Writes the plan down.</summary>
    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartObject();
        json.WriteString("format", Format);
        json.WriteNumber("format_version", FormatVersion);
        Source.Write(json);
        json.WriteNumber("memory", Memory);
        json.WriteNumber("seconds", Seconds);
        json.WriteStartArray("units");
        foreach (AnalysisUnit unit in Units)
        {
            json.WriteStartObject();
            json.WriteStartArray("blocks");
            foreach (BlockPlace block in unit.Blocks)
                AnalysisUnit.WriteBlock(json, block);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    /// <summary>Reads a plan that <see cref="Write"/> wrote. Throws <see cref="InputException"/> where it cannot be read.</summary>
    public static AnalysisPlan Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            var json = new JsonReader(document.RootElement, path);
            if (json.String("format") != Format || json.Int32("format_version") != FormatVersion)
                throw new InvalidDataException("it is none, or of another release");
            BlockSource source = BlockSource.Read(json);
            (double memory, double seconds) = (json.Double("memory", new NumberRange(0, 1e18)), json.Double("seconds", new NumberRange(0, 1e18)));
            var units = new List<AnalysisUnit>();
            foreach (JsonReader unit in json.Children("units"))
            {
                units.Add(AnalysisUnit.Of(source, [.. unit.Children("blocks").Select(AnalysisUnit.ReadBlock)]));
                unit.Done();
            }
            json.Done();
            return new AnalysisPlan(source, units, memory, seconds);
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: the plan of this analysis cannot be read: {error.Message}; remove {Path.GetDirectoryName(path)} and begin anew", error);
        }
    }
}

/// <summary>The Gram matrices of an analysis, joined from the results of its units.</summary>
/// <param name="resultPath">Where the result of a unit stands.</param>
public sealed class JoinedGrams(AnalysisPlan plan, Func<int, string> resultPath) : IGramSource
{
    private readonly ILookup<GramPlace, (int Unit, int Index)> _blocks = plan.Units.SelectMany((unit, u) => unit.Blocks.Select((block, i) => (block.Gram, Unit: u, Index: i))).ToLookup(one => one.Gram, one => (one.Unit, one.Index));

    /// <inheritdoc/>
    public GramMatrix Read(GramPlace place, int networks)
    {
        if (!_blocks.Contains(place))
            throw new InputException($"{place}: the plan of this analysis has no such matrix; the analysis was begun with other options, so begin it anew");
        return GramMatrix.Join(networks, _blocks[place].Select(at =>
        {
            BlockPlace block = plan.Units[at.Unit].Blocks[at.Index];
            return new GramBlock(block.FirstRow, block.Rows, block.FirstColumn, block.Columns, AnalysisUnitResult.ReadBlock(resultPath(at.Unit), plan.Units[at.Unit], at.Index));
        }));
    }
}
