using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis;

/// <summary>One way of dividing the members: label i of member m is <c>Labels[m]</c>, named <c>Values[i]</c>.</summary>
internal sealed record Labeling(string Name, string Title, string[] Values, int[] Labels)
{
    public double Chance => Labels.CountBy(label => label).Max(pair => pair.Value) / (double)Labels.Length;

    public static Labeling Of(string name, string title, IReadOnlyList<string> values)
    {
        string[] distinct = [.. values.Distinct().Order(StringComparer.Ordinal)];
        return new Labeling(name, title, distinct, [.. values.Select(value => Array.IndexOf(distinct, value))]);
    }
}

/// <summary>A moment of training: a matched step, a matched loss, or each member's last checkpoint.</summary>
/// <param name="Step">Null where members stand at different steps.</param>
/// <param name="Checkpoints">By member: the index of its checkpoint.</param>
internal sealed record Moment(string Name, string Title, long? Step, int[] Checkpoints)
{
    /// <summary>The name of the moment at which every member has come down to one held-out loss.</summary>
    public const string MatchedLoss = "loss";

    /// <summary>The name of the moment of each member's last checkpoint.</summary>
    public const string End = "end";
}

/// <summary>
/// The networks of one architecture that the analysis takes, in the population's order, with what is the same for every view and moment:
/// labelings, groups for resampling, steps that all have, moments to look at.
/// </summary>
internal sealed class Cohort
{
    /// <summary>Values that a factor of the experiment may have for a question to be asked about it.</summary>
    private const int MostFactorValues = 20;

    /// <summary>The same for the machine and the class, which a zoo is about: a hundred automata are a hundred machines.</summary>
    private const int MostClasses = 200;

    private Cohort(Population population, Architecture architecture, int[] indices, string[] changes, List<string> notes, AnalysisOptions options)
    {
        Population = population;
        Architecture = architecture;
        Indices = indices;
        Changes = changes;
        Notes = notes;
        Networks = [.. indices.Select(index => population.Networks[index])];
        ulong[] seeds = [.. Networks.Select(network => network.InitSeed).Distinct().Order()];
        InitSeeds = seeds.Length;
        Groups = [.. Networks.Select(network => Array.BinarySearch(seeds, network.InitSeed))];
        Treatments = [.. Networks.Select(network => Treatment(network.Task, changes))];
        Classes = [.. Networks.Select(network => ClassName(network.Task, changes))];
        Machines = [.. Networks.Select(network => network.Task.Source)];
        if (Networks.Count(network => network.Parent is not null) is > 0 and var changed)
            Notes.Add($"{changed:N0} of the analysed networks change in mid-training: up to the step of its change each is its parent byte for byte, so the moments before do not show networks that are independent. They count as of the data that they ended with.");
        MatchedSteps = CommonSteps(Enumerable.Range(0, Networks.Length));
        Labelings = FindLabelings();
        Moments = ChooseMoments(options.MatchedPoints);
    }

    public Population Population { get; }

    public Architecture Architecture { get; }

    /// <summary>By member: its index in the population.</summary>
    public int[] Indices { get; }

    public PopulationNetwork[] Networks { get; }

    /// <summary>The zoo's changes of data in words; more than one are told apart by number.</summary>
    public string[] Changes { get; }

    public List<string> Notes { get; }

    public int InitSeeds { get; }

    /// <summary>By member: 0.. for its initial seed. What shares initial weights is never split between training and test.</summary>
    public int[] Groups { get; }

    /// <summary>By member: <c>clean</c>, <c>modified</c>, or <c>modified 2</c> when the zoo has several changes of data.</summary>
    public string[] Treatments { get; }

    public string[] Classes { get; }

    public string[] Machines { get; }

    public IReadOnlyList<long> MatchedSteps { get; }

    public IReadOnlyList<Labeling> Labelings { get; }

    public IReadOnlyList<Moment> Moments { get; }

    /// <summary>Finished networks with a checkpoint; of more than the options allow, whole initial seeds are drawn.</summary>
    public static Cohort Choose(Population population, Architecture architecture, int[] indices, string[] changes, AnalysisOptions options)
    {
        var notes = new List<string>();
        if (indices.Length > options.MaxNetworks)
        {
            ulong[] seeds = [.. indices.Select(index => population.Networks[index].InitSeed).Distinct().Order()];
            new RandomStream(options.Seed, RandomPurpose.Pairs, 1).Shuffle(seeds.AsSpan());
            var kept = new HashSet<int>();
            foreach (ulong seed in seeds)
            {
                int[] added = [.. indices.Where(index => population.Networks[index].InitSeed == seed)];
                if (kept.Count > 0 && kept.Count + added.Length > options.MaxNetworks)
                    continue;
                kept.UnionWith(added.Take(options.MaxNetworks));
            }
            notes.Add($"Of {indices.Length:N0} usable networks {kept.Count:N0} are analysed: initial seeds were drawn at random until the limit of {options.MaxNetworks:N0} networks was reached.");
            indices = [.. indices.Where(kept.Contains)];
        }
        return new Cohort(population, architecture, indices, changes, notes, options);
    }

    /// <summary>The changes of these tasks, each once, in one fixed order.</summary>
    public static string[] ChangesOf(IEnumerable<TaskSpec> tasks) => [.. tasks.Select(task => task.Change).OfType<string>().Distinct().Order(StringComparer.Ordinal)];

    /// <summary>
    /// All finished networks of one architecture that have a checkpoint at a step (null: any), and how many of the population that leaves out. Throws
    /// <see cref="InputException"/> where the architecture is not said and there are several, or fewer than three networks are left.
    /// </summary>
    /// <param name="what">What takes them, for messages: <c>a map</c>.</param>
    public static (Cohort Cohort, int LeftOut) OfArchitecture(Population population, string? architecture, long? step, string what)
    {
        int[] usable = [.. Enumerable.Range(0, population.Networks.Count).Where(index => ZooAnalysis.IsUsable(population.Networks[index]))];
        Architecture[] architectures = [.. usable.Select(index => population.Networks[index].Architecture).Distinct()];
        string names = string.Join(", ", architectures.Select(one => one.Name));
        if (architectures.Length == 0)
            throw new InputException($"{population.Title}: none of its {population.Networks.Count} networks is finished and has a checkpoint; {what} takes 3");
        if (architecture is null && architectures.Length > 1)
            throw new InputException($"{population.Title}: it has networks of several architectures ({names}), whose weights cannot be compared; choose one with --architecture");
        Architecture chosen = architecture is null ? architectures[0] : Array.Find(architectures, one => one.Name == architecture)
            ?? throw new InputException($"--architecture: found '{architecture}', expected one of {names}");
        int[] ofArchitecture = [.. usable.Where(index => population.Networks[index].Architecture == chosen)];
        int[] indices = step is null ? ofArchitecture
            : [.. ofArchitecture.Where(index => population.Networks[index].Checkpoints.Any(checkpoint => checkpoint.Step == step))];
        if (indices.Length < 3)
        {
            string there = string.Join(", ", population.Networks[ofArchitecture[0]].Checkpoints.Select(checkpoint => checkpoint.Step.ToString(CultureInfo.InvariantCulture)).Take(40));
            throw new InputException(step is null
                ? $"{population.Title}: {indices.Length} networks of '{chosen.Name}' are finished; {what} takes 3"
                : $"--step: {indices.Length} networks have a checkpoint at step {step}, and {what} takes 3; the first network has steps {there}");
        }
        string[] changes = [.. population.Networks.Select(network => network.Task.Change).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
        return (Choose(population, chosen, indices, changes, new AnalysisOptions { MaxNetworks = int.MaxValue }), population.Networks.Count - indices.Length);
    }

    /// <summary>By member: its checkpoint at a step that all have, or its last one.</summary>
    public CheckpointPlace[] Places(long? step) => [.. Enumerable.Range(0, Networks.Length).Select(member =>
        new CheckpointPlace(Indices[member], step is { } at ? CheckpointAt(member, at) : Networks[member].Checkpoints.Count - 1))];

    public static string Treatment(TaskSpec task, string[] changes) => task.Change is null ? Variants.Clean : Numbered(task.Variant, task, changes);

    public static string ClassName(TaskSpec task, string[] changes) => task.Change is null ? task.Name : Numbered(task.Name, task, changes);

    private static string Numbered(string name, TaskSpec task, string[] changes) => changes.Length == 1 ? name : $"{name} {Array.IndexOf(changes, task.Change) + 1}";

    /// <summary>The steps at which all of these members have a checkpoint, ascending.</summary>
    public IReadOnlyList<long> CommonSteps(IEnumerable<int> members)
    {
        HashSet<long>? common = null;
        foreach (int member in members)
        {
            IEnumerable<long> steps = Networks[member].Checkpoints.Select(checkpoint => checkpoint.Step);
            if (common is null)
                common = [.. steps];
            else
                common.IntersectWith(steps);
        }
        return common is null ? [] : [.. common.Order()];
    }

    /// <summary>The index of a member's checkpoint at a step; -1 when it has none there.</summary>
    public int CheckpointAt(int member, long step)
    {
        IReadOnlyList<PopulationCheckpoint> checkpoints = Networks[member].Checkpoints;
        int low = 0, high = checkpoints.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (checkpoints[middle].Step == step)
                return middle;
            if (checkpoints[middle].Step < step)
                low = middle + 1;
            else
                high = middle - 1;
        }
        return -1;
    }

    /// <summary>The weights [members, parameter] of one checkpoint of each, by its index.</summary>
    public float[] ReadWeights(IReadOnlyList<int> members, Func<int, int> checkpointOf)
    {
        var weights = new float[(long)members.Count * Architecture.Parameters.Count];
        Population.ReadWeights([.. members.Select(member => new CheckpointPlace(Indices[member], checkpointOf(member)))], weights);
        return weights;
    }

    private List<Labeling> FindLabelings()
    {
        var found = new List<Labeling>();
        var candidates = new List<Labeling>
        {
            Labeling.Of("machine", "machine", Machines),
            Labeling.Of("class", "class (machine and variant)", Classes),
            Labeling.Of("variant", $"variant (clean or {Networks.FirstOrDefault(network => network.Task.Change is not null)?.Task.Variant ?? Variants.Modified})", Treatments),
        };
        foreach (string factor in Networks.SelectMany(network => network.Factors.Keys).Distinct().Order(StringComparer.Ordinal))
            candidates.Add(Labeling.Of(factor, factor, [.. Networks.Select(network => network.Factors.GetValueOrDefault(factor, "(none)"))]));
        foreach (Labeling candidate in candidates)
        {
            if (candidate.Values.Length == 1)
                Notes.Add($"Nothing is asked about {candidate.Title}: all analysed networks have the same, {candidate.Values[0]}.");
            else if (candidate.Values.Length > Most(candidate))
                Notes.Add($"Nothing is asked about {candidate.Title}: it has {candidate.Values.Length} values, more than {Most(candidate)}.");
            else if (found.Find(other => IsSamePartition(other.Labels, candidate.Labels)) is { } same)
                Notes.Add($"Nothing is asked about {candidate.Title}: it divides the networks just as {same.Title} does.");
            else
                found.Add(candidate);
        }
        return found;

        static int Most(Labeling labeling) => labeling.Name is "machine" or "class" ? MostClasses : MostFactorValues;
    }

    private static bool IsSamePartition(int[] first, int[] second)
    {
        var pairs = first.Zip(second).Distinct().ToList();
        return pairs.Count == first.Distinct().Count() && pairs.Count == second.Distinct().Count();
    }

    private List<Moment> ChooseMoments(int most)
    {
        var moments = new List<Moment>();
        int count = Math.Min(Math.Max(most, 1), MatchedSteps.Count);
        for (int i = 0; i < count; i++)
        {
            // Spread over the places in the schedule, so that a log-spaced schedule is sampled in log steps.
            int place = count == 1 ? MatchedSteps.Count - 1 : (int)Math.Round(i * (MatchedSteps.Count - 1) / (double)(count - 1), MidpointRounding.AwayFromZero);
            long step = MatchedSteps[place];
            moments.Add(new Moment($"step-{step}", $"step {step:N0}", step, [.. Enumerable.Range(0, Networks.Length).Select(member => CheckpointAt(member, step))]));
        }
        if (FindMatchedLoss() is { } matched)
            moments.Add(matched);
        if (MatchedSteps.Count > 0 && Networks.All(network => network.Checkpoints[^1].Step == MatchedSteps[^1]))
            Notes.Add($"All analysed networks ended at step {MatchedSteps[^1]:N0}: the end of training and the last matched step are one moment, computed once.");
        else
            moments.Add(new Moment(Moment.End, "the end of training", null, [.. Networks.Select(network => network.Checkpoints.Count - 1)]));
        if (MatchedSteps.Count == 0)
            Notes.Add("No step is common to all analysed networks, so they are compared at their last checkpoints only, where they have trained for different numbers of steps.");
        return moments;
    }

    /// <summary>
    /// Where every network has come down to the same held-out loss: the lowest that all of them reached, and of each the first checkpoint at or below it. None (and a note) where a loss
    /// was not measured, or where that is where all networks begin, or one step for all.
    /// </summary>
    private Moment? FindMatchedLoss()
    {
        double level = double.NegativeInfinity;
        foreach (PopulationNetwork network in Networks)
        {
            if (network.Checkpoints.Any(checkpoint => checkpoint.EvalLoss is not { } loss || !double.IsFinite(loss)))
            {
                Notes.Add("Networks are not compared at a matched loss: of some checkpoints the held-out loss was not measured.");
                return null;
            }
            level = Math.Max(level, network.Checkpoints.Min(checkpoint => checkpoint.EvalLoss!.Value));
        }
        int[] places = [.. Networks.Select(network => network.Checkpoints.ToList().FindIndex(checkpoint => checkpoint.EvalLoss <= level))];
        long[] steps = [.. places.Select((place, member) => Networks[member].Checkpoints[place].Step).Distinct()];
        string at = level.ToString("g3", CultureInfo.InvariantCulture);
        bool isEnd = places.Select((place, member) => place == Networks[member].Checkpoints.Count - 1).All(last => last);
        if (steps.Length == 1 || isEnd)
        {
            Notes.Add($"Networks are not compared at a matched loss: the lowest that all of them reached, {at}, is reached by all at {(isEnd ? "their last checkpoint" : $"the same checkpoint, step {steps[0]:N0}")}.");
            return null;
        }
        return new Moment(Moment.MatchedLoss, $"matched loss, {at} (each network's first checkpoint at or below it)", null, places);
    }
}
