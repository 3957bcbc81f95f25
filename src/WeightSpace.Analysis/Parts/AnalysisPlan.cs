using System.Text.Json;
using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Views;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Analysis.Parts;

/// <summary>
/// How the parts of an analysis that take long, its Gram matrices as blocks and the scores of its classifiers, are put into units; no result depends on it. A unit is a row of parts in the order of architecture, moment
/// and view, so that weights and features that its parts have in common are read and computed once.
/// </summary>
/// <param name="Memory">Bytes that a unit takes at most, beside what the program takes.</param>
/// <param name="Seconds">What all units together are meant to take on one core.</param>
public sealed record AnalysisPlan(UnitSource Source, IReadOnlyList<AnalysisUnit> Units, double Memory, double Seconds)
{
    public const string FileName = "plan.json";

    private const string Format = "weightspace-analysis-plan";
    private const int FormatVersion = 1;

    // A smaller block costs more to hand over than to compute.
    private const int LeastRows = 16;

    /// <summary>Cuts an analysis into units of about so many seconds.</summary>
    /// <exception cref="InputException">There is nothing to analyse.</exception>
    public static AnalysisPlan Cut(UnitSource source, Population population, double unitSeconds, CoreRates rates, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(unitSeconds);
        var units = new Cutter(source, unitSeconds);
        IReadOnlyList<Cohort> cohorts = ZooAnalysis.Cohorts(population, source.Options);
        for (int number = 0; number < cohorts.Count; number++)
        {
            Cohort cohort = cohorts[number];
            int networks = cohort.Networks.Length;
            if (networks < MomentScores.LeastRows)
                continue;
            FeatureMatrix sample = ZooAnalysis.RawWeights(cohort, [0, 1], cohort.ReadWeights([0, 1], member => cohort.Networks[member].Checkpoints.Count - 1));
            (IView View, int Features, double Seconds)[] views = [.. ZooAnalysis.ViewsOf(cohort).Select(view => (view, view.FeatureNames(cohort.Architecture).Length,
                CoreRates.Features(view, cohort.Architecture, sample, time) * networks))];
            double reading = CoreRates.Reading(networks, cohort.Architecture.Parameters.Count);
            foreach (Moment moment in cohort.Moments)
            {
                units.BeginMoment(reading);
                foreach ((IView view, int features, double seconds) in views)
                {
                    var place = new ViewPlace(number, moment.Name, view.Name);
                    units.BeginView(seconds, Bytes(networks, cohort.Architecture.Parameters.Count, features));
                    foreach (BlockPlace block in BlocksOf(place, networks, features, rates, Math.Max(unitSeconds - reading - seconds, unitSeconds / 2)))
                        units.Add(block, rates.Products(block.Rows, block.Columns, features));
                    foreach (Labeling labeling in cohort.Labelings)
                    {
                        foreach (IClassifier classifier in source.Options.Classifiers)
                            units.Add(new ScorePlace(place, labeling.Name, classifier.Name), rates.Score(classifier, networks, features, labeling.Values.Length, source.Options));
                    }
                }
            }
        }
        return units.Plan();
    }

    /// <summary>
    /// What parts of one view take at once: the weights as they are and as they are fitted to; the features as they are, those chosen for training, in the view's scale, and as rows; and, for a classifier, products and
    /// coordinates of all pairs.
    /// </summary>
    private static double Bytes(double networks, double parameters, double features) => (4 * networks * ((2 * parameters) + (5 * features))) + (24 * networks * networks);

    /// <summary>Puts parts into units, in the order in which they come.</summary>
    private sealed class Cutter(UnitSource source, double unitSeconds)
    {
        private readonly List<AnalysisUnit> _units = [];
        private readonly List<BlockPlace> _blocks = [];
        private readonly List<ScorePlace> _scores = [];
        private double _reading, _features, _bytes; // of the moment and the view that parts come from
        private bool _isRead, _isComputed; // whether the unit has a part of that moment, and of that view
        private double _inUnit, _total, _memory;
        private long _entries;

        public void BeginMoment(double reading) => (_reading, _isRead) = (reading, false);

        public void BeginView(double features, double bytes) => (_features, _bytes, _isComputed) = (features, bytes, false);

        public void Add(BlockPlace block, double seconds)
        {
            Begin(seconds, (long)block.Rows * block.Columns);
            _blocks.Add(block);
        }

        public void Add(ScorePlace score, double seconds)
        {
            Begin(seconds, 0);
            _scores.Add(score);
        }

        public AnalysisPlan Plan()
        {
            Close();
            return new AnalysisPlan(source, _units, _memory, _total);
        }

        /// <summary>Makes room for a part, in a new unit where this one would be too long.</summary>
        private void Begin(double seconds, long entries)
        {
            double before = (_isRead ? 0 : _reading) + (_isComputed ? 0 : _features);
            if (_blocks.Count + _scores.Count > 0 && (_inUnit + before + seconds > unitSeconds || _entries + entries > BlockPlace.MaxEntries))
            {
                Close();
                before = _reading + _features;
            }
            (_inUnit, _entries, _isRead, _isComputed) = (_inUnit + before + seconds, _entries + entries, true, true);
            // Blocks are kept until all of them are written.
            _memory = Math.Max(_memory, _bytes + (8.0 * _entries));
        }

        private void Close()
        {
            if (_blocks.Count + _scores.Count > 0)
                _units.Add(AnalysisUnit.Of(source, [.. _blocks], [.. _scores]));
            _blocks.Clear();
            _scores.Clear();
            (_inUnit, _entries, _total) = (0, 0, _total + _inUnit);
        }
    }

    /// <summary>A Gram matrix as blocks of at most so many seconds: all pairs of as many parts of its rows, nearly alike.</summary>
    private static IEnumerable<BlockPlace> BlocksOf(ViewPlace place, int networks, int features, CoreRates rates, double seconds)
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
            AnalysisUnit.WriteParts(json, unit.Blocks, unit.Scores);
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
            UnitSource source = UnitSource.Read(json);
            (double memory, double seconds) = (json.Double("memory", new NumberRange(0, 1e18)), json.Double("seconds", new NumberRange(0, 1e18)));
            var units = new List<AnalysisUnit>();
            foreach (JsonReader unit in json.Children("units"))
            {
                (BlockPlace[] blocks, ScorePlace[] scores) = AnalysisUnit.ReadParts(unit);
                units.Add(AnalysisUnit.Of(source, blocks, scores));
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
