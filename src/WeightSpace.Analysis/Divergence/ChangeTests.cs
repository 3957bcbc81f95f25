using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Views;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Divergence;

/// <summary>
/// Whether changed data can be told from another draw of the same data: tests of <see cref="TwoSampleTests"/> on twins and on groups of networks that share no initial seed, each beside
/// the same test on a control that has nothing to find, and their power against the number of networks.
/// </summary>
internal sealed class ChangeTests
{
    public const string Twins = "twins", Groups = "energy", Classifier = "classifier";

    /// <summary>Networks a group, or pairs: below, a permutation test cannot reach its level.</summary>
    private const int Least = 5;

    private const int Permutations = 999, PermutationsOfADraw = 199;
    private const double Level = 0.05;

    private static readonly int[] Sizes = [5, 10, 20, 50, 100, 200];

    private readonly Cohort _cohort;
    private readonly AnalysisOptions _options;
    private readonly IReadOnlyList<PairSet> _kinds;
    private readonly PairSet? _reorder;

    public ChangeTests(Cohort cohort, AnalysisOptions options)
    {
        _cohort = cohort;
        _options = options;
        (IReadOnlyList<PairSet> kinds, _) = TwinPairs.Find(cohort);
        _kinds = [.. kinds.Where(kind => TwinPairs.IsChange(kind.Name))];
        _reorder = kinds.FirstOrDefault(kind => kind.Name == TwinPairs.Reorder);
    }

    /// <summary>A kind of change and a machine: what one set of tests is about.</summary>
    public sealed record Case(string Kind, string Machine);

    /// <summary>The changes that were made to each machine, in order.</summary>
    public IReadOnlyList<Case> Cases => [.. _kinds.SelectMany(kind => kind.Pairs.Select(pair => _cohort.Machines[pair.First]).Distinct().Order(StringComparer.Ordinal).Select(machine => new Case(kind.Name, machine)))];

    /// <summary>All tests of one case in one view, and where draws are asked for their power.</summary>
    /// <param name="features">[members, features] at one moment.</param>
    public (IReadOnlyList<ChangeTest> Tests, IReadOnlyList<PowerCurve> Power) Run(Case of, IView view, FeatureMatrix features)
    {
        var tests = new List<ChangeTest>();
        var power = new List<PowerCurve>();
        PairSet kind = _kinds.First(item => item.Name == of.Kind);
        TwinSample? twins = TwinSample.Of(OnePairOfASeed(kind, of.Machine), view, features);
        TwinSample? control = _reorder is null ? null : TwinSample.Of(OnePairOfASeed(_reorder, of.Machine), view, features);
        if (twins is not null)
        {
            tests.Add(new ChangeTest(of.Kind, of.Machine, view.Name, Twins, twins.Count,
                ScoreOf(twins.Test(All(twins.Count), Permutations, Random(0))), control is null ? null : ScoreOf(control.Test(All(control.Count), Permutations, Random(1)))));
            if (_options.PowerDraws > 0)
            {
                power.Add(Power(of, view, Twins, Math.Min(twins.Count, control?.Count ?? int.MaxValue), 1, (random, seeds) =>
                    (twins.Test(seeds, PermutationsOfADraw, random), control?.Test(seeds, PermutationsOfADraw, random)), twins.Count, control?.Count ?? 0));
            }
        }
        GroupSample? groups = GroupSample.Of(OnePairOfASeed(kind, of.Machine), view, features);
        if (groups is not null && groups.Seeds / 2 >= Least)
        {
            foreach (string test in (string[])[Groups, Classifier])
            {
                int half = groups.Seeds / 2;
                int[] order = Shuffled(groups.Seeds, Random(2));
                (TestOutcome found, TestOutcome stood) = groups.Test(test, order.AsSpan(0, half), order.AsSpan(half, half), Permutations, Random(3));
                tests.Add(new ChangeTest(of.Kind, of.Machine, view.Name, test, half, ScoreOf(found), ScoreOf(stood)));
                if (_options.PowerDraws > 0)
                {
                    power.Add(Power(of, view, test, groups.Seeds, 2, (random, seeds) =>
                        groups.Test(test, seeds.AsSpan(0, seeds.Length / 2), seeds.AsSpan(seeds.Length / 2), PermutationsOfADraw, random), groups.Seeds, groups.Seeds));
                }
            }
        }
        return (tests, power);
    }

    /// <summary>
    /// The share of draws of so many networks in which a test rejects at 5 %: of the changed data its power, of the control its false alarms. Draws are made without replacement from the networks at hand,
    /// so they overlap; at most half of them at a time are networks of a group or pairs, since a choice of nearly all is nearly always the same one.
    /// </summary>
    private PowerCurve Power(Case of, IView view, string test, int available, int seedsOfANetwork, Func<RandomStream, int[], (TestOutcome Found, TestOutcome? Control)> run, int seeds, int controlSeeds)
    {
        var points = new List<PowerPoint>();
        foreach (int size in Sizes.TakeWhile(size => 2 * size <= available))
        {
            bool[] found = new bool[_options.PowerDraws], alarms = new bool[_options.PowerDraws];
            bool hasControl = controlSeeds > 0;
            for (int draw = 0; draw < _options.PowerDraws; draw++)
            {
                RandomStream random = Random(16 + ((ulong)size << 32) + (ulong)draw);
                int[] drawn = Shuffled(Math.Min(seeds, hasControl ? controlSeeds : seeds), random)[..(size * seedsOfANetwork)];
                (TestOutcome outcome, TestOutcome? control) = run(random, drawn);
                found[draw] = outcome.PValue <= Level;
                alarms[draw] = control?.PValue <= Level;
            }
            points.Add(new PowerPoint(size, Share(found), hasControl ? Share(alarms) : null));
        }
        return new PowerCurve(of.Kind, of.Machine, view.Name, test, Level, _options.PowerDraws, points);
    }

    private static Estimate Share(bool[] outcomes)
    {
        Interval interval = Intervals.Wilson(outcomes, [.. Enumerable.Range(0, outcomes.Length)]);
        return new Estimate(outcomes.Count(outcome => outcome) / (double)outcomes.Length, interval.Low, interval.High);
    }

    private static TestScore ScoreOf(TestOutcome outcome) => new(outcome.Effect, outcome.PValue);

    private static int[] All(int count) => [.. Enumerable.Range(0, count)];

    private static int[] Shuffled(int count, RandomStream random)
    {
        var order = new int[count];
        random.Permute(order);
        return order;
    }

    private RandomStream Random(ulong item) => new(_options.Seed, RandomPurpose.Permutation, (2UL << 60) + item);

    /// <summary>The first pair of each initial seed under a machine: more would not be independent.</summary>
    private TwinPair[] OnePairOfASeed(PairSet kind, string machine) =>
        [.. kind.Pairs.Where(pair => _cohort.Machines[pair.First] == machine).DistinctBy(pair => _cohort.Groups[pair.First])];

    /// <summary>Rows divided by the standard deviations over them where the view asks for it.</summary>
    private static FeatureMatrix Scaled(IView view, FeatureMatrix rows) => view.IsStandardised ? rows.Standardised() : rows;

    /// <summary>The displacements of twins, one for each initial seed, by their cosines.</summary>
    private sealed class TwinSample(double[] cosines, int count)
    {
        public int Count => count;

        public static TwinSample? Of(TwinPair[] pairs, IView view, FeatureMatrix features)
        {
            if (pairs.Length < Least)
                return null;
            FeatureMatrix scaled = Scaled(view, features.SelectRows([.. pairs.Select(pair => pair.First), .. pairs.Select(pair => pair.Second)]));
            int columns = scaled.Columns;
            var units = new float[pairs.Length * columns];
            int kept = 0;
            for (int i = 0; i < pairs.Length; i++)
            {
                ReadOnlySpan<float> from = scaled.Row(i), to = scaled.Row(pairs.Length + i);
                double squares = DenseVectors.SquaredDistance(from, to);
                if (squares == 0)
                    continue; // twins that have not parted yet have no direction
                double scale = 1 / Math.Sqrt(squares);
                for (int c = 0; c < columns; c++)
                    units[(kept * columns) + c] = (float)(scale * ((double)to[c] - from[c]));
                kept++;
            }
            if (kept < Least)
                return null;
            GramMatrix gram = GramMatrix.Compute(units.AsMemory(0, kept * columns), kept, columns, centre: false);
            var cosines = new double[kept * kept];
            for (int i = 0; i < kept; i++)
            {
                for (int j = 0; j < kept; j++)
                    cosines[(i * kept) + j] = i == j ? 0 : gram[i, j];
            }
            return new TwinSample(cosines, kept);
        }

        public TestOutcome Test(int[] chosen, int permutations, RandomStream random)
        {
            int n = chosen.Length;
            var of = new double[n * n];
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < n; j++)
                    of[(i * n) + j] = cosines[(chosen[i] * count) + chosen[j]];
            }
            return TwoSampleTests.SharedDirection(of, All(n), permutations, random);
        }
    }

    /// <summary>Clean and changed networks of one machine by initial seed, with all their distances.</summary>
    private sealed class GroupSample(FeatureMatrix rows, double[] distances, int seeds)
    {
        /// <summary>Initial seeds that have both a clean and a changed network; row i is the clean one of seed i, row seeds + i the changed one.</summary>
        public int Seeds => seeds;

        /// <param name="pairs">A seed's clean and changed network are taken from twins, but never both: in a test a seed is in one group only.</param>
        public static GroupSample? Of(TwinPair[] pairs, IView view, FeatureMatrix features)
        {
            if (pairs.Length < 2 * Least)
                return null;
            FeatureMatrix scaled = Scaled(view, features.SelectRows([.. pairs.Select(pair => pair.First), .. pairs.Select(pair => pair.Second)]));
            var distances = new double[scaled.Rows * scaled.Rows];
            for (int i = 0; i < scaled.Rows; i++)
            {
                for (int j = 0; j < i; j++)
                    distances[(i * scaled.Rows) + j] = distances[(j * scaled.Rows) + i] = Math.Sqrt(DenseVectors.SquaredDistance(scaled.Row(i), scaled.Row(j)));
            }
            return new GroupSample(scaled, distances, pairs.Length);
        }

        /// <summary>Clean networks of the first seeds against changed ones of the second, and as control against clean ones of the second.</summary>
        public (TestOutcome Found, TestOutcome Control) Test(string test, ReadOnlySpan<int> first, ReadOnlySpan<int> second, int permutations, RandomStream random)
        {
            int[] clean = first.ToArray(), changed = new int[second.Length], others = second.ToArray();
            for (int i = 0; i < changed.Length; i++)
                changed[i] = seeds + others[i];
            return (Test(test, clean, changed, permutations, random), Test(test, clean, others, permutations, random));
        }

        private TestOutcome Test(string test, int[] first, int[] second, int permutations, RandomStream random)
        {
            if (test == Classifier)
                return TwoSampleTests.Classifier(rows.SelectRows(first), rows.SelectRows(second));
            int[] chosen = [.. first, .. second];
            var of = new double[chosen.Length * chosen.Length];
            var isSecond = new bool[chosen.Length];
            for (int i = 0; i < chosen.Length; i++)
            {
                isSecond[i] = i >= first.Length;
                for (int j = 0; j < chosen.Length; j++)
                    of[(i * chosen.Length) + j] = distances[(chosen[i] * rows.Rows) + chosen[j]];
            }
            return TwoSampleTests.Energy(of, isSecond, permutations, random);
        }
    }
}
