using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>
/// Makes the grid: architecture x task x machine x variant x factors, and counts the seeds on top. Dropout is the one factor that makes architectures: they
/// stand outermost, as every architecture does, so that a shard's rows and an analysis are of one.
/// </summary>
internal sealed class Expansion
{
    private const long DefaultCheckEvery = 10;

    private readonly YamlSection _top;
    private readonly IReadOnlyList<Architecture> _architectures;
    private readonly IReadOnlyList<TaskGrid> _tasks;
    private readonly TrainingBase _training;
    private readonly List<FactorAxis> _grid;
    private readonly List<IReadOnlyList<FactorAxis>> _list;
    private readonly SeedPairs _seeds;
    private readonly ChangeExpansion _changes;

    private readonly List<Variation> _variations;

    /// <summary>Where the factors stand that made a difference to any network.</summary>
    private readonly HashSet<YamlNode> _applied = new(ReferenceEqualityComparer.Instance);

    public Expansion(YamlSection top, IReadOnlyList<Architecture> architectures, IReadOnlyList<TaskGrid> tasks, TrainingBase training,
        List<FactorAxis> grid, List<IReadOnlyList<FactorAxis>> list, SeedPairs seeds, IReadOnlyList<DeclaredChange> changes)
    {
        (_top, _architectures, _tasks, _training, _grid, _list, _seeds) = (top, architectures, tasks, training, grid, list, seeds);
        _changes = new ChangeExpansion(top, changes, seeds);
        HasChanges = changes.Count > 0;
        Columns = FindColumns();
        CheckCount();
        _variations = FindVariations();
        Architectures = [.. _variations.Select(variation => variation.Architecture)];
    }

    /// <summary>The factors of the experiment: task settings that differ, then those of <c>factors</c>, then those of <c>factor_list</c>.</summary>
    public IReadOnlyList<Factor> Columns { get; }

    /// <summary>Whether networks change in mid-training, and so have <see cref="ChangeExpansion.Columns"/> behind <see cref="Columns"/>.</summary>
    public bool HasChanges { get; }

    /// <summary>Every architecture of the experiment, in the order of its networks.</summary>
    public IReadOnlyList<Architecture> Architectures { get; }

    /// <summary>An architecture and the grids of factors that its networks stand in.</summary>
    private sealed record Variation(Architecture Architecture, List<IReadOnlyList<FactorAxis>> Grids);

    /// <summary>
    /// All by which two settings of one experiment can differ, so that equal recipes show without being written. (Checkpoints, snapshots and
    /// evaluation are the same for every network.)
    /// </summary>
    private readonly record struct Identity(
        Architecture Architecture, TaskSpec Task, OptimizerSpec Optimizer, int Batch, StopSpec Stop,
        Loss Loss, InitialisationSpec Initialisation, RateSchedule Rate, double? ClipNorm);

    public NetworkPlan Expand()
    {
        var settings = new List<Setting>();
        var known = new Dictionary<Identity, int>();
        foreach (Variation variation in _variations)
        {
            foreach (TaskGrid task in _tasks)
            {
                foreach (TaskSpec source in task.Sources)
                {
                    foreach (bool isChanged in task.IsChanged)
                        AddSettings(settings, known, variation, task, source, isChanged);
                }
            }
        }
        RefuseIdleFactors();
        _changes.RefuseIdle();
        MeasureCleanTwins(settings);
        return new NetworkPlan(settings, _seeds);
    }

    public int DistinctValues(NetworkPlan plan, string factor)
    {
        int column = Columns.Select((known, index) => (known.Name, index)).First(known => known.Name == factor).index;
        return plan.Settings.Select(setting => setting.FactorValues[column]).Where(value => value.Length > 0).Distinct().Count();
    }

    private List<Factor> FindColumns()
    {
        var columns = new List<Factor>();
        foreach (string name in (string[])[Factor.Sequence, Factor.Inverted, Factor.PoisonTrigger, Factor.PoisonTarget, Factor.Share])
        {
            FactorAxis[] axes = [.. _tasks.Where(task => name == Factor.Sequence || task.IsChanged.Contains(true)).SelectMany(task => task.Axes.Where(axis => axis.Factor.Name == name))];
            if (axes.SelectMany(axis => axis.Values).Distinct().Count() < 2)
                continue;
            FactorAxis? other = _grid.Concat(_list.SelectMany(item => item)).FirstOrDefault(axis => axis.Factor.Name == name);
            if (other is not null)
                throw _top.Error(other.Node, $"{name} differs between the tasks and is a factor too; vary it in one of the two places");
            columns.Add(Factor.All[name]);
        }
        foreach (FactorAxis axis in _grid.Concat(_list.SelectMany(item => item)))
        {
            if (!columns.Contains(axis.Factor))
                columns.Add(axis.Factor);
        }
        return columns;
    }

    /// <summary>Before anything is made: a small file can stand for a very large grid.</summary>
    private void CheckCount()
    {
        double combinations = (_grid.Count == 0 && _list.Count > 0 ? 0 : _grid.Aggregate(1.0, (product, axis) => product * axis.Values.Count)) + _list.Count;
        double tasks = _tasks.Sum(task => (double)task.Sources.Count * task.IsChanged.Count * task.Axes.Aggregate(1.0, (product, axis) => product * axis.Values.Count));
        double settings = _architectures.Count * tasks * combinations * _changes.Count;
        double networks = settings * _seeds.Init.Length * (_seeds.Data?.Length ?? 1);
        if (networks > Experiment.MaxNetworks)
            throw _top.Error($"the experiment has {Format(networks)} networks, at most {Experiment.MaxNetworks} are allowed; make its lists or ranges shorter");
        if (settings > Experiment.MaxSettings)
            throw _top.Error($"the experiment has {Format(settings)} combinations of architecture, task, factors and changes, at most {Experiment.MaxSettings} are allowed; make its lists shorter");
        FactorAxis[] dropouts = [.. _grid.Concat(_list.SelectMany(item => item)).Where(axis => axis.Factor.Name == Factor.Dropout)];
        long architectures = (long)_architectures.Count * (1 + dropouts.Sum(axis => (long)axis.Values.Count));
        if (dropouts.Length > 0 && architectures > RecipeLimits.MaxArchitectures)
            throw _top.Error(dropouts[0].Node, $"the factor {Factor.Dropout} makes {architectures} architectures, at most {RecipeLimits.MaxArchitectures} are allowed; make its list shorter");
    }

    /// <summary>
    /// The architectures with each value of the factor dropout that their networks have. Where an architecture has no dropout layer, the first value of a
    /// grid stands for all.
    /// </summary>
    private List<Variation> FindVariations()
    {
        var variations = new List<Variation>();
        IEnumerable<IReadOnlyList<FactorAxis>> grids = _grid.Count > 0 || _list.Count == 0 ? _list.Prepend(_grid) : _list;
        foreach (Architecture architecture in _architectures)
        {
            int first = variations.Count;
            foreach (IReadOnlyList<FactorAxis> axes in grids)
            {
                if (axes.FirstOrDefault(axis => axis.Factor.Name == Factor.Dropout) is not { } dropout)
                {
                    Add(architecture, axes);
                    continue;
                }
                IEnumerable<FactorValue> values = ArchitectureParser.HasDropout(architecture) ? dropout.Values : dropout.Values.Take(1);
                foreach (FactorValue value in values)
                    Add(Derive(architecture, dropout, value.Number), [.. axes.Select(axis => axis == dropout ? dropout with { Values = [value] } : axis)]);
            }

            void Add(Architecture derived, IReadOnlyList<FactorAxis> axes)
            {
                Variation? known = variations.Skip(first).FirstOrDefault(other => other.Architecture.Name == derived.Name);
                if (known is null)
                    variations.Add(known = new Variation(derived, []));
                known.Grids.Add(axes);
            }
        }
        RefuseSameArchitectures(variations);
        return variations;
    }

    private Architecture Derive(Architecture architecture, FactorAxis axis, double dropout)
    {
        try
        {
            return ArchitectureParser.WithDropout(architecture, dropout);
        }
        catch (InvalidDataException error)
        {
            throw _top.Error(axis.Node, $"the factor {Factor.Dropout} gives '{architecture.Name}' a name of its own for each value: {error.Message}; give the architecture a shorter name");
        }
    }

    /// <summary>A derived architecture may be one that stands in the experiment already.</summary>
    private void RefuseSameArchitectures(List<Variation> variations)
    {
        if (variations.Count == _architectures.Count && variations.Zip(_architectures).All(pair => pair.First.Architecture == pair.Second))
            return;
        YamlNode node = _grid.Concat(_list.SelectMany(item => item)).First(axis => axis.Factor.Name == Factor.Dropout).Node;
        var layers = new Dictionary<string, string>();
        var names = new HashSet<string>();
        foreach (Architecture architecture in variations.Select(variation => variation.Architecture))
        {
            if (!names.Add(architecture.Name))
                throw _top.Error(node, $"the factor {Factor.Dropout} makes an architecture named '{architecture.Name}', and there is another of that name; name them apart");
            string key = ArchitectureParser.LayersKey(architecture);
            if (!layers.TryAdd(key, architecture.Name))
                throw _top.Error(node, $"the factor {Factor.Dropout} makes '{architecture.Name}' of the same layers as '{layers[key]}'; each network may stand once, so vary dropout in one of the two places");
        }
    }

    private void AddSettings(List<Setting> settings, Dictionary<Identity, int> known, Variation variation, TaskGrid task, TaskSpec source, bool isChanged)
    {
        Architecture architecture = variation.Architecture;
        var context = new FactorContext(source.IsSequence, isChanged && source is MachineTask, isChanged && source is ImageTask, ArchitectureParser.HasDropout(architecture));
        foreach (Settings chosen in variation.Grids.SelectMany(axes => Grid([.. task.Axes, .. axes], context)))
        {
            Setting setting = Resolve(architecture, task, source, isChanged, chosen);
            TrainingSpec training = setting.Training;
            var identity = new Identity(architecture, setting.Task, training.Optimizer, training.Batch, training.Stop,
                training.Loss, training.Initialisation, training.Rate, training.ClipNorm);
            if (!known.TryAdd(identity, settings.Count))
            {
                int perSetting = _seeds.Count;
                int other = known[identity];
                throw _top.Error(task.Node, $"networks {((long)other * perSetting) + 1} ({Describe(settings[other])}) and {((long)settings.Count * perSetting) + 1} ({Describe(setting)}) have the same recipe; each network may stand once, so remove one of the two");
            }
            if (RecipeLimits.Conflict(setting.Recipe(0, 0)) is { } conflict)
                throw _top.Error(task.Node, $"{Describe(setting)}: {conflict}");
            settings.Add(setting);
            _changes.AddChanged(settings, Describe);
        }
    }

    private IEnumerable<Settings> Grid(FactorAxis[] axes, FactorContext context)
    {
        int[] at = new int[axes.Length];
        while (true)
        {
            Settings settings = _training.Base;
            for (int i = 0; i < axes.Length; i++)
                axes[i].Factor.Set(ref settings, axes[i].Values[at[i]]);
            // A factor that does not touch these networks (share, for clean ones) would only repeat them: its first value stands for all.
            bool isRepeated = false;
            for (int i = 0; i < axes.Length; i++)
            {
                if (axes[i].Factor.Applies(settings, context))
                    _applied.Add(axes[i].Node);
                else
                    isRepeated |= at[i] > 0;
            }
            if (!isRepeated)
                yield return settings;
            int last = axes.Length - 1;
            while (last >= 0 && ++at[last] == axes[last].Values.Count)
                at[last--] = 0;
            if (last < 0)
                yield break;
        }
    }

    private Setting Resolve(Architecture architecture, TaskGrid task, TaskSpec source, bool isChanged, in Settings chosen)
    {
        if (chosen.Steps is not { } steps)
            throw _top.Error(_training.At, "training.stop.steps is missing, and an item of factor_list names no steps; give one of the two");
        // Where no threshold is set its interval means nothing: one value, so that the same network has one recipe.
        long checkEvery = chosen.EvalLoss is null ? DefaultCheckEvery : _training.CheckEvery ?? DefaultCheckEvery;
        InitialisationKind kind = chosen.Initialisation;
        var training = new TrainingSpec(Optimizer(chosen), chosen.Batch, _training.EpochSteps, new StopSpec(steps, chosen.EvalLoss, checkEvery),
            _training.Checkpoints, _training.Snapshots, _training.Evaluation)
        {
            Loss = chosen.Loss,
            Initialisation = kind == InitialisationKind.PyTorch ? InitialisationSpec.PyTorch
                : new InitialisationSpec(kind, chosen.InitialisationScale ?? InitialisationSpec.DefaultScale(kind)),
            Rate = Rate(chosen, steps),
            ClipNorm = chosen.ClipNorm,
        };
        TaskSpec spec = TaskOf(source, task, isChanged, chosen);
        return new Setting(architecture, spec, training, [.. Columns.Select(factor => factor.ValueOf(spec, architecture, training)), .. HasChanges ? ["", ""] : Array.Empty<string>()]);
    }

    /// <summary>A task of a grid with chosen settings.</summary>
    public static TaskSpec TaskOf(TaskSpec source, TaskGrid task, bool isChanged, in Settings chosen) => source switch
    {
        MachineTask machine => machine with { SequenceLength = chosen.Sequence, Modification = isChanged ? new Modification(task.Key, chosen.Inverted, chosen.Share) : null },
        AutomatonTask automaton => automaton with { SequenceLength = chosen.Sequence },
        ImageTask images when isChanged => images with { Poison = new Poison(new Attack(chosen.Trigger!, chosen.Target!), chosen.Share) },
        _ => source,
    };

    /// <summary>The optimizer with PyTorch's defaults, but for the learning rate, which is 0.001 for all.</summary>
    private static OptimizerSpec Optimizer(in Settings chosen)
    {
        double rate = chosen.LearningRate ?? 0.001, momentum = chosen.Momentum ?? 0, epsilon = chosen.Epsilon ?? 1e-8, decay = chosen.WeightDecay ?? 0;
        return chosen.Optimizer switch
        {
            "sgd" => new SgdSpec(rate, momentum, chosen.Nesterov && momentum > 0, decay),
            "adam" => new AdamSpec(rate, chosen.Beta1 ?? 0.9, chosen.Beta2 ?? 0.999, epsilon, decay),
            "adamw" => new AdamWSpec(rate, chosen.Beta1 ?? 0.9, chosen.Beta2 ?? 0.999, epsilon, chosen.WeightDecay ?? 0.01),
            "rmsprop" => new RmsPropSpec(rate, chosen.Alpha ?? 0.99, epsilon, momentum, decay),
            _ => throw new ArgumentException($"unknown optimizer '{chosen.Optimizer}'", nameof(chosen)),
        };
    }

    /// <summary>The schedule with torch's defaults; what has no length of its own ends with training.</summary>
    private RateSchedule Rate(in Settings chosen, long steps)
    {
        ScheduleBase given = _training.Schedule;
        // A warm-up that leaves nothing is refused with the whole recipe.
        long length = given.Steps ?? Math.Max(1, steps - chosen.WarmUp);
        RateSchedule rate = chosen.Schedule switch
        {
            "constant" => ConstantRate.Instance,
            "step" => new StepRate(given.Every ?? throw Missing("every", "step"), given.Gamma ?? 0.1),
            "cosine" => new CosineRate(length, given.Minimum ?? 0),
            "cosine_restarts" => new CosineRestartsRate(given.First ?? throw Missing("first", "cosine_restarts"), given.Multiply ?? 1, given.Minimum ?? 0),
            "one_cycle" => new OneCycleRate(length, given.Rise ?? 0.3, given.Divide ?? 25, given.FinalDivide ?? 1e4),
            _ => throw new ArgumentException($"unknown schedule '{chosen.Schedule}'", nameof(chosen)),
        };
        return chosen.WarmUp == 0 ? rate : rate with { WarmUpSteps = chosen.WarmUp, WarmUpFrom = given.WarmUpFrom ?? ConstantRate.Instance.WarmUpFrom };
    }

    private InputException Missing(string key, string schedule) =>
        _top.Error(_training.Schedule.At ?? _training.At, $"training.schedule.{key} is missing; the schedule {schedule} needs it, such as 'schedule: {{name: {schedule}, {key}: 100}}'");

    /// <summary>Has clean networks measured by the attacks of their poisoned twins, in the order of the experiment; networks that are poisoned later are clean until then.</summary>
    private void MeasureCleanTwins(List<Setting> settings)
    {
        var attacks = new Dictionary<ImageTask, List<Attack>>();
        foreach (Setting setting in settings)
        {
            if (setting.Task is not ImageTask task)
                continue;
            ImageTask clean = task with { Poison = null };
            foreach (Attack attack in setting.Changes.Select(change => change.Change.Task).Prepend(task).Select(TrainingPhase.AttackOf).OfType<Attack>())
            {
                if (!attacks.TryGetValue(clean, out List<Attack>? known))
                    attacks.Add(clean, known = []);
                if (!known.Contains(attack))
                    known.Add(attack);
                if (known.Count > RecipeLimits.MaxAttacks)
                    throw _top.Error($"{clean.Source} is poisoned by more than {RecipeLimits.MaxAttacks} pairs of trigger and target, each of which its clean twins are measured by; at most {RecipeLimits.MaxAttacks} are allowed");
            }
        }
        for (int i = 0; i < settings.Count; i++)
        {
            if (settings[i].Task is ImageTask task && attacks.TryGetValue(task, out List<Attack>? measured))
                settings[i] = settings[i] with { Training = settings[i].Training with { Evaluation = settings[i].Training.Evaluation with { Attacks = measured } } };
        }
    }

    private void RefuseIdleFactors()
    {
        foreach (FactorAxis axis in _grid.Concat(_list.SelectMany(item => item)))
        {
            if (!_applied.Contains(axis.Node))
                throw _top.Error(axis.Node, $"the factor {axis.Factor.Name} has no effect: {axis.Factor.Needs}; remove it");
        }
    }

    private static string Format(double count) => count.ToString(count < 1e15 ? "#,0" : "0.##e0", CultureInfo.InvariantCulture);

    private string Describe(Setting setting) =>
        string.Join(", ", [setting.Task.Source, setting.Task.Variant, $"architecture {setting.Architecture.Name}", .. Columns.Select((factor, index) => $"{factor.Name} {setting.FactorValues[index]}"), .. setting.Changes.Count > 0 ? [setting.ChangeWords] : Array.Empty<string>()]);
}
