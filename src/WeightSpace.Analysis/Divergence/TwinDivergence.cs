using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Views;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Divergence;

/// <summary>
/// Measures twins step by step while the steps stream by: how far apart they are, whether changed data moves a network more than another
/// draw of the same data does, and whether it moves networks of different initial weights in the same direction.
/// </summary>
internal sealed class TwinDivergence
{
    /// <summary>Initial seeds up to which all sign flips are taken (2^14 = 16,384); beyond, <see cref="SignFlips"/> random ones.</summary>
    private const int MostExactSeeds = 14;
    private const int SignFlips = 9999;
    private const string AllMachines = "all";

    private readonly Cohort _cohort;
    private readonly AnalysisOptions _options;
    private readonly IReadOnlyList<PairSet> _kinds;
    private readonly List<string> _notes;
    private readonly string[] _machines;
    private readonly HashSet<long>[] _stepsOfMachine;
    private readonly HashSet<long> _matched;
    private readonly InView[] _views;

    public TwinDivergence(Cohort cohort, IReadOnlyList<IView> views, AnalysisOptions options)
    {
        _cohort = cohort;
        _options = options;
        (_kinds, IReadOnlyList<string> notes) = TwinPairs.Find(cohort);
        _notes = [.. notes];
        _machines = [.. cohort.Machines.Distinct().Order(StringComparer.Ordinal)];
        _stepsOfMachine = [.. _machines.Select(machine => cohort.CommonSteps(Members(machine)).ToHashSet())];
        _matched = [.. cohort.MatchedSteps];
        _views = [.. views.Select(view => new InView(view))];
        Steps = ChooseSteps();
    }

    /// <summary>The steps to measure at, ascending: all at which every network of at least one machine has a checkpoint, thinned if too many.</summary>
    public IReadOnlyList<long> Steps { get; }

    /// <summary>The members with a part at a step: all of each machine whose networks all have a checkpoint there.</summary>
    public int[] MembersAt(long step) =>
        [.. Enumerable.Range(0, _cohort.Networks.Length).Where(member => _stepsOfMachine[MachineOf(member)].Contains(step))];

    /// <summary>
    /// Measures one step in one view. <paramref name="features"/> is [members, features], its rows those of <paramref name="members"/>. Calls for
    /// one view come in ascending order of steps; views may be added at the same time.
    /// </summary>
    public void Add(long step, int viewIndex, int[] members, FeatureMatrix features)
    {
        InView view = _views[viewIndex];
        var rowOf = new int[_cohort.Networks.Length];
        Array.Fill(rowOf, -1);
        for (int row = 0; row < members.Length; row++)
            rowOf[members[row]] = row;
        ColumnScaling? scaling = view.View.IsStandardised ? ColumnScaling.Fit(features) : null;
        FeatureMatrix scaled = scaling?.Apply(features) ?? features;
        if (step == 0)
            (view.Start, view.StartRowOf) = (features, rowOf);
        FeatureMatrix? start = view.Start is null ? null : scaling?.Apply(view.Start) ?? view.Start;

        var distances = new Dictionary<string, (TwinPair[] Pairs, double[] Distances)>();
        foreach (PairSet kind in _kinds)
        {
            bool moved = kind.Name == TwinPairs.Moved;
            TwinPair[] pairs = [.. kind.Pairs.Where(pair => rowOf[pair.First] >= 0 && rowOf[pair.Second] >= 0 && (!moved || (start is not null && view.StartRowOf![pair.First] >= 0)))];
            var values = new double[pairs.Length];
            for (int i = 0; i < pairs.Length; i++)
            {
                values[i] = Math.Sqrt(DenseVectors.SquaredDistance(
                    scaled.Row(rowOf[pairs[i].First]), moved ? start!.Row(view.StartRowOf![pairs[i].First]) : scaled.Row(rowOf[pairs[i].Second])));
            }
            distances.Add(kind.Name, (pairs, values));
        }
        foreach (string machine in Scopes(step))
        {
            foreach (PairSet kind in _kinds)
            {
                (TwinPair[] pairs, double[] values) = InScope(distances[kind.Name], machine);
                if (pairs.Length > 0)
                    view.Distance(kind.Name, machine).Add(new DistanceAt(step, pairs.Length, MomentScores.Mean(values, [.. pairs.Select(pair => _cohort.Groups[pair.First])], _options)));
                if (TwinPairs.IsChange(kind.Name) && distances.TryGetValue(TwinPairs.Reorder, out var control)
                    && Compare((pairs, values), InScope(control, machine), step) is { } ratio)
                {
                    view.Ratio(kind.Name, machine).Add(ratio);
                }
                if ((kind.Name == TwinPairs.Reorder || TwinPairs.IsChange(kind.Name)) && Direction(pairs, scaled, rowOf, step) is { } direction)
                    view.Direction(kind.Name, machine).Add(direction);
            }
        }
    }

    /// <summary>Everything measured, curves in the order of kinds, then machines with "all" first.</summary>
    public DivergenceAnalysis Result(IReadOnlyList<ChangeTest> tests, IReadOnlyList<PowerCurve> power)
    {
        string[] scopes = _machines.Length > 1 ? [AllMachines, .. _machines] : [AllMachines];
        IEnumerable<T> Curves<T>(Func<string, string, T?> curve) where T : class =>
            _kinds.SelectMany(kind => scopes.Select(machine => curve(kind.Name, machine))).OfType<T>();
        return new DivergenceAnalysis(
            [.. _kinds.Select(kind => new PairKind(kind.Name, kind.Title, kind.Explanation, kind.Pairs.Count))],
            _notes,
            [.. _views.Select(view => new DivergenceInView(
                view.View.Name,
                [.. Curves((kind, machine) => view.Distances.TryGetValue((kind, machine), out List<DistanceAt>? points) ? new DistanceCurve(kind, machine, points) : null)],
                [.. Curves((kind, machine) => view.Ratios.TryGetValue((kind, machine), out List<RatioAt>? points) ? new RatioCurve(kind, machine, points) : null)],
                [.. Curves((kind, machine) => view.Directions.TryGetValue((kind, machine), out List<DirectionAt>? points) ? new DirectionCurve(kind, machine, points) : null)]))],
            tests,
            power);
    }

    private IReadOnlyList<long> ChooseSteps()
    {
        if (_kinds.All(kind => kind.Name == TwinPairs.Moved))
            return [];
        long[] all = [.. _stepsOfMachine.SelectMany(steps => steps).Distinct().Order()];
        if (all.Length <= _options.MaxDivergenceSteps)
            return all;
        long[] kept = [.. Enumerable.Range(0, _options.MaxDivergenceSteps).Select(i => all[(int)((long)i * (all.Length - 1) / (_options.MaxDivergenceSteps - 1))])];
        _notes.Add($"Of {all.Length:N0} matched steps, {kept.Length} spread evenly over the schedule are measured.");
        return kept;
    }

    private int[] Members(string machine) =>
        [.. Enumerable.Range(0, _cohort.Networks.Length).Where(member => _cohort.Machines[member] == machine)];

    private int MachineOf(int member) => Array.IndexOf(_machines, _cohort.Machines[member]);

    /// <summary>What is averaged over at a step: all machines together where all are there, and each machine that is.</summary>
    private IEnumerable<string> Scopes(long step)
    {
        if (_matched.Contains(step))
            yield return AllMachines;
        for (int i = 0; i < _machines.Length && _machines.Length > 1; i++)
        {
            if (_stepsOfMachine[i].Contains(step))
                yield return _machines[i];
        }
    }

    private (TwinPair[] Pairs, double[] Distances) InScope((TwinPair[] Pairs, double[] Distances) all, string machine)
    {
        if (machine == AllMachines)
            return all;
        int[] kept = [.. Enumerable.Range(0, all.Pairs.Length).Where(i => _cohort.Machines[all.Pairs[i].First] == machine)];
        return ([.. kept.Select(i => all.Pairs[i])], [.. kept.Select(i => all.Distances[i])]);
    }

    /// <summary>
    /// Modified against reorder distance over the initial seeds (within one machine and setting) that have both kinds; null where none has.
    /// </summary>
    private RatioAt? Compare((TwinPair[] Pairs, double[] Distances) modified, (TwinPair[] Pairs, double[] Distances) reorder, long step)
    {
        Dictionary<(string, string, int), double> Means((TwinPair[] Pairs, double[] Distances) set) => Enumerable.Range(0, set.Pairs.Length)
            .GroupBy(i => (_cohort.Networks[set.Pairs[i].First].Setting, _cohort.Machines[set.Pairs[i].First], _cohort.Groups[set.Pairs[i].First]))
            .ToDictionary(group => group.Key, group => group.Average(i => set.Distances[i]));

        Dictionary<(string, string, int), double> over = Means(modified), under = Means(reorder);
        (string, string, int)[] both = [.. over.Keys.Where(under.ContainsKey)];
        if (both.Length == 0)
            return null;
        double[] numerators = [.. both.Select(key => over[key])], denominators = [.. both.Select(key => under[key])];
        int[] groups = [.. both.Select(key => key.Item3)];
        double[] differences = [.. both.GroupBy(key => key.Item3).Select(group => group.Average(key => over[key] - under[key]))];
        Estimate? ratio = null;
        if (denominators.Sum() > 0)
        {
            double value = numerators.Sum() / denominators.Sum();
            ratio = new Estimate(value, null, null);
            if (differences.Length > 1)
            {
                Interval interval = Intervals.BootstrapRatio(numerators, denominators, groups, _options.Resamples, _options.Seed);
                ratio = new Estimate(value, interval.Low, interval.High);
            }
        }
        return new RatioAt(step, differences.Length, ratio, differences.Average(), SignFlipTest(differences, _options.Seed));
    }

    /// <summary>
    /// Two-sided p-value of the mean of <paramref name="differences"/> under random signs (Fisher, "The Design of Experiments", 1935, section 21):
    /// all signs up to 14 differences, else 9,999 random ones with the observed signs counted among them. Null when all are 0 or there
    /// is only one.
    /// </summary>
    internal static double? SignFlipTest(double[] differences, ulong seed)
    {
        if (differences.Length < 2 || differences.All(value => value == 0))
            return null;
        double observed = Math.Abs(differences.Sum());
        double slack = 1e-12 * differences.Sum(Math.Abs); // sums of the same terms in other signs round differently
        int count = 0;
        if (differences.Length <= MostExactSeeds)
        {
            int all = 1 << differences.Length;
            for (int signs = 0; signs < all; signs++)
            {
                double sum = 0;
                for (int i = 0; i < differences.Length; i++)
                    sum += (signs >> i & 1) == 0 ? differences[i] : -differences[i];
                if (Math.Abs(sum) >= observed - slack)
                    count++;
            }
            return count / (double)all;
        }
        var random = new RandomStream(seed, RandomPurpose.Permutation, 1UL << 32);
        for (int flip = 0; flip < SignFlips; flip++)
        {
            double sum = 0;
            uint bits = 0;
            for (int i = 0; i < differences.Length; i++)
            {
                if (i % 32 == 0)
                    bits = random.NextUInt32();
                sum += (bits >> (i % 32) & 1) == 0 ? differences[i] : -differences[i];
            }
            if (Math.Abs(sum) >= observed - slack)
                count++;
        }
        return (count + 1.0) / (SignFlips + 1);
    }

    /// <summary>
    /// Mean cosine of the displacements (second less first) over all pairs of pairs in one stratum with different initial seeds, with the normal
    /// interval of the jackknife over initial seeds. With unit displacements u and U their sum in a stratum of n,
    /// the cosines of all ordered pairs sum to |U|^2 - n, and those with u among them to 2 (U.u - 1). Null with fewer than 3 seeds that moved.
    /// </summary>
    private DirectionAt? Direction(TwinPair[] pairs, FeatureMatrix scaled, int[] rowOf, long step)
    {
        double sum = 0;
        long count = 0;
        int displacements = 0;
        var sumOf = new Dictionary<int, double>();
        var countOf = new Dictionary<int, long>();
        foreach (var stratum in pairs.GroupBy(pair => pair.Stratum).OrderBy(group => group.Key))
        {
            var units = new List<(int Group, double[] Vector)>();
            var total = new double[scaled.Columns];
            foreach (TwinPair pair in stratum)
            {
                ReadOnlySpan<float> from = scaled.Row(rowOf[pair.First]), to = scaled.Row(rowOf[pair.Second]);
                var unit = new double[total.Length];
                double squares = 0;
                for (int i = 0; i < unit.Length; i++)
                {
                    unit[i] = (double)to[i] - from[i];
                    squares += unit[i] * unit[i];
                }
                if (squares == 0)
                    continue;
                double scale = 1 / Math.Sqrt(squares);
                for (int i = 0; i < unit.Length; i++)
                    total[i] += unit[i] *= scale;
                units.Add((_cohort.Groups[pair.First], unit));
            }
            int n = units.Count;
            displacements += n;
            sum += total.Sum(value => value * value) - n;
            count += (long)n * (n - 1);
            foreach ((int group, double[] unit) in units)
            {
                double product = 0;
                for (int i = 0; i < unit.Length; i++)
                    product += total[i] * unit[i];
                sumOf[group] = sumOf.GetValueOrDefault(group) + (2 * (product - 1));
                countOf[group] = countOf.GetValueOrDefault(group) + (2L * (n - 1));
            }
        }
        int seeds = sumOf.Count;
        if (seeds < 3 || countOf.Values.Any(of => of >= count))
            return null;
        double mean = sum / count;
        double[] without = [.. sumOf.Keys.Order().Select(group => (sum - sumOf[group]) / (count - countOf[group]))];
        double centre = without.Average();
        double half = 1.959963984540054 * Math.Sqrt((seeds - 1.0) / seeds * without.Sum(value => (value - centre) * (value - centre)));
        return new DirectionAt(step, displacements, new Estimate(mean, mean - half, mean + half));
    }

    /// <summary>What has been measured in one view.</summary>
    private sealed class InView(IView view)
    {
        public IView View { get; } = view;

        /// <summary>Features at step 0, where networks start from, and the row of each member in them.</summary>
        public FeatureMatrix? Start { get; set; }

        public int[]? StartRowOf { get; set; }

        public Dictionary<(string Kind, string Machine), List<DistanceAt>> Distances { get; } = [];

        public Dictionary<(string Kind, string Machine), List<RatioAt>> Ratios { get; } = [];

        public Dictionary<(string Kind, string Machine), List<DirectionAt>> Directions { get; } = [];

        public List<DistanceAt> Distance(string kind, string machine) => Of(Distances, kind, machine);

        public List<RatioAt> Ratio(string kind, string machine) => Of(Ratios, kind, machine);

        public List<DirectionAt> Direction(string kind, string machine) => Of(Directions, kind, machine);

        private static List<T> Of<T>(Dictionary<(string, string), List<T>> curves, string kind, string machine)
        {
            if (!curves.TryGetValue((kind, machine), out List<T>? points))
                curves.Add((kind, machine), points = []);
            return points;
        }
    }
}
