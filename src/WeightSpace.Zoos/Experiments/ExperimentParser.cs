using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos.Experiments;

/// <summary>One item of <c>tasks</c>: a small grid.</summary>
/// <param name="Sources">Its machines, automata or image sets; clean.</param>
/// <param name="IsChanged">Its variants: whether the data are modified, or poisoned.</param>
/// <param name="Key">A modified machine's.</param>
internal sealed record TaskGrid(
    YamlNode Node,
    IReadOnlyList<TaskSpec> Sources,
    IReadOnlyList<bool> IsChanged,
    IReadOnlyList<int> Key,
    IReadOnlyList<FactorAxis> Axes)
{
    /// <summary>Whether the length of the sequences is given.</summary>
    public bool HasSequence { get; init; }
}

/// <summary>A factor and the values it takes, none twice.</summary>
internal sealed record FactorAxis(Factor Factor, YamlNode Node, IReadOnlyList<FactorValue> Values);

/// <summary>The settings of the schedules as <c>training.schedule</c> gives them; null: its default.</summary>
internal sealed record ScheduleBase(
    YamlNode? At, long? Every, double? Gamma, long? Steps, double? Minimum, long? First, int? Multiply, double? Rise, double? Divide, double? FinalDivide, double? WarmUpFrom);

/// <summary>The settings of <c>training</c>; those that a factor may change stand in <paramref name="Base"/>.</summary>
internal sealed record TrainingBase(
    Settings Base,
    ScheduleBase Schedule,
    long EpochSteps,
    long? CheckEvery,
    YamlNode At,
    StepSchedule Checkpoints,
    StepSchedule? Snapshots,
    EvaluationSpec Evaluation);

/// <summary>From the nodes of a YAML file to an experiment: reads each section, then <see cref="Expansion"/> makes the grid.</summary>
internal static class ExperimentParser
{
    private const string DataSeedsPath = "seeds.data";
    private const long DefaultEpochSteps = 100;
    private const int DefaultBatch = 32, DefaultSequence = 32, DefaultEvaluation = 256, DefaultOutputs = 2;

    public static Experiment Parse(YamlNode root, string text, string source, IImageCatalog images)
    {
        var top = new YamlSection(root, source, "", "experiment", "description", "licence", "tasks", "architecture", "training", "seeds", "factors", "factor_list", "then", "twins", "slurm");
        string name = top.Name(top.Get("experiment", "the experiment's name"), "experiment");
        string? description = top.FindText("description"), licence = ParseLicence(top);
        IReadOnlyList<TaskGrid> tasks = ParseTasks(top, images);
        TaskSpec anyTask = tasks[0].Sources[0];
        IReadOnlyList<Architecture> architectures = ArchitectureParser.Parse(top, anyTask);
        List<FactorAxis> grid = ParseFactors(top);
        List<IReadOnlyList<FactorAxis>> list = ParseFactorList(top);
        TrainingBase training = ParseTraining(top, anyTask, grid, list);
        SeedPairs seeds = ParseSeeds(top.FindSection("seeds", "init", "data"));
        List<DeclaredChange> changes = new ChangeParser(anyTask, images).Parse(top, 0);
        var expansion = new Expansion(top, architectures, tasks, training, grid, list, seeds, changes);
        NetworkPlan plan = expansion.Expand();
        RefuseStepsNeverReached(top, "checkpoints", training.Checkpoints, plan);
        RefuseStepsNeverReached(top, "snapshots", training.Snapshots, plan);
        return new Experiment(plan)
        {
            Name = name,
            Description = description,
            Licence = licence,
            Text = text,
            Architectures = expansion.Architectures,
            FactorNames = [.. expansion.Columns.Select(factor => factor.Name), .. expansion.HasChanges ? ChangeExpansion.Columns : []],
            ImageSets = [.. plan.Settings.SelectMany(setting => setting.Changes.Select(change => change.Change.Task).Prepend(setting.Task)).OfType<FileImagesTask>().Select(task => task.Set).Distinct()],
            TwinFactors = ParseTwins(top, expansion, plan, seeds),
            Slurm = SlurmSection.Parse(top),
        };
    }

    private static void RefuseStepsNeverReached(YamlSection top, string key, StepSchedule? schedule, NetworkPlan plan)
    {
        long budget = plan.Settings.Max(setting => setting.Training.Stop.Steps);
        if (schedule is StepSchedule.At at && at.List[^1] > budget)
            throw top.Error(top.Find("training")!, $"training.{key}.at: found step {at.List[^1]}, but no network is trained for more than {budget} steps; remove it or raise training.stop.steps");
    }

    /// <summary>An SPDX expression, or what reads like one.</summary>
    private static string? ParseLicence(YamlSection top)
    {
        if (top.FindText("licence") is not { } licence)
            return null;
        bool known = licence.Length <= 100 && licence.All(letter => char.IsAsciiLetterOrDigit(letter) || "-._+() ".Contains(letter));
        return known ? licence : throw top.Error(top.Find("licence")!, $"licence: found {top.Find("licence")!.Found}, expected an SPDX identifier such as CC0-1.0 or CC-BY-4.0");
    }

    private static List<TaskGrid> ParseTasks(YamlSection top, IImageCatalog images)
    {
        YamlNode node = top.Get("tasks", "a list of tasks");
        var tasks = new List<TaskGrid>();
        long automata = 0;
        foreach (YamlNode item in top.Items(node, "tasks"))
        {
            tasks.Add(ParseTask(top, item, $"tasks[{tasks.Count}]", images));
            automata += tasks[^1].Sources.Count(source => source is AutomatonTask);
            if (automata > Experiment.MaxAutomata)
                throw top.Error(item, $"tasks: found {automata} automata, expected at most {Experiment.MaxAutomata}");
            (TaskSpec first, TaskSpec other) = (tasks[0].Sources[0], tasks[^1].Sources[0]);
            if ((first.Channels, first.Height, first.Width, first.Outputs) != (other.Channels, other.Height, other.Width, other.Outputs))
                throw top.Error(item, $"tasks[{tasks.Count - 1}]: {other.Source} gives {Describe(other)}, tasks[0] ({first.Source}) {Describe(first)}; the tasks of one experiment have the same, for its architectures are built for them; write an experiment for each");
            if (first.IsSequence && first.GetType() != other.GetType())
                throw top.Error(item, $"tasks[{tasks.Count - 1}]: {other.Source} is of another kind than tasks[0] ({first.Source}), whose answers are measured by another loss; write an experiment for each");
        }
        RefuseSameAutomata(top, tasks);
        return tasks;
    }

    internal static string Describe(TaskSpec task) => $"{LayerParser.Inputs(new Shape(task.Channels, task.Height, task.Width))} for {task.Outputs} outputs";

    /// <summary>Reads an item of <c>tasks</c>.</summary>
    internal static TaskGrid ParseTask(YamlSection top, YamlNode item, string path, IImageCatalog images)
    {
        if (item is YamlScalar word)
            return new TaskGrid(item, [ImageTaskParser.Parse(top, word, path)], [false], [], []);
        string[] sources = ["machine", "automaton", .. ImageTaskParser.SourceKeys];
        var task = new YamlSection(item, top.Source, path, [.. sources, "variant", "sequence", "modified", "poison"]);
        if (sources.Count(task.Has) != 1)
            throw task.Error($"{path}: expected exactly one of 'machine: <name>', 'automaton: {{states: 8, alphabet: 4}}', 'digits: {{size: 8}}', 'drawn_digits: {{size: 28}}' and 'images: <name>'");
        if (task.Has("automaton"))
            return ParseAutomata(task, item);
        if (!task.Has("machine"))
            return ImageTaskParser.Parse(task, item, images);
        if (task.Find("poison") is { } poison)
            throw task.Error(poison, $"{task.Full("poison")} has no effect on machines; it is a setting of images, remove it");
        string[] machines = [.. task.Distinct(task.FindItems("machine")!, task.Full("machine"),
            machine => task.Word(machine, task.Full("machine"), Enum.GetNames<Machine>()))];
        string[] variants = task.FindItems("variant") is { } items
            ? [.. task.Distinct(items, task.Full("variant"), variant => task.Word(variant, task.Full("variant"), Variants.Clean, Variants.Modified))]
            : [Variants.Clean];
        var axes = new List<FactorAxis> { Axis(task, item, Factor.Sequence, new FactorValue(DefaultSequence)) };
        IReadOnlyList<int> key = Modification.Default.Key;
        YamlSection? modified = task.FindSection("modified", "key", Factor.Inverted, Factor.Share);
        if (modified is not null && !variants.Contains(Variants.Modified))
            throw task.Error(task.Find("modified")!, $"{task.Full("modified")} has no effect, for no variant of this task is modified; add 'variant: [clean, modified]' or remove it");
        axes.Add(Axis(modified, item, Factor.Inverted, new FactorValue(Modification.Default.Inverted)));
        axes.Add(Axis(modified, item, Factor.Share, new FactorValue(Modification.Default.Share)));
        if (modified?.FindItems("key") is { } commands)
            key = ParseKey(modified, commands);
        return new TaskGrid(item, [.. machines.Select(machine => new MachineTask(Enum.Parse<Machine>(machine), DefaultSequence, null))],
            [.. variants.Select(variant => variant == Variants.Modified)], key, axes) { HasSequence = task.Has(Factor.Sequence) };
    }

    private static TaskGrid ParseAutomata(YamlSection task, YamlNode item)
    {
        if (task.Keys.FirstOrDefault(key => key.Text != "automaton") is { } other)
            throw task.Error(other, other.Text == Factor.Sequence ? $"{task.Full(other.Text)}: the length of an automaton's sequences stands with its other settings; write 'automaton: {{..., sequence: ...}}'" : $"{task.Full(other.Text)} has no effect on an automaton; it is a setting of machines, remove it");
        YamlSection automaton = task.FindSection("automaton", "states", "alphabet", "outputs", "seed", Factor.Sequence)!;
        int alphabet = automaton.Required("alphabet", RecipeLimits.Alphabet), outputs = automaton.Int32("outputs", DefaultOutputs, RecipeLimits.AutomatonOutputs);
        automaton.Get("states", $"a whole number, {RecipeLimits.States}");
        List<long> states = ParseNumbers(automaton, "states", "number", (long)RecipeLimits.States.Min, (long)RecipeLimits.States.Max, Experiment.MaxAutomata)!;
        List<long> seeds = ParseNumbers(automaton, "seed", "seed", 0, (long)RecipeLimits.MaxSeed, Experiment.MaxAutomata) ?? [1];
        if ((long)states.Count * seeds.Count is > Experiment.MaxAutomata and var automata)
            throw automaton.Error($"{automaton.Path}: found {automata} automata, expected at most {Experiment.MaxAutomata}");
        return new TaskGrid(item, [.. from count in states from seed in seeds select new AutomatonTask((int)count, alphabet, outputs, (ulong)seed, DefaultSequence)],
            [false], [], [Axis(automaton, item, Factor.Sequence, new FactorValue(DefaultSequence))]) { HasSequence = automaton.Has(Factor.Sequence) };
    }

    /// <summary>Two seeds may draw the same automaton, and then two classes would be one: every automaton is drawn here and compared.</summary>
    private static void RefuseSameAutomata(YamlSection top, List<TaskGrid> tasks)
    {
        var known = new Dictionary<Automaton, AutomatonTask>();
        foreach (TaskGrid grid in tasks)
        {
            foreach (AutomatonTask task in grid.Sources.OfType<AutomatonTask>())
            {
                if (task.Problem() is { } problem)
                    throw top.Error(grid.Node, $"automaton: {problem}");
                var automaton = Automaton.Of(task);
                if (!known.TryAdd(automaton, task) && known[automaton] is var same && same != task)
                    throw top.Error(grid.Node, $"automaton: the seeds {same.Seed} and {task.Seed} give the same automaton ({task.States} states, {task.Alphabet} symbols, {task.OutputSymbols} outputs), so two classes would be one; leave one of the two seeds out, or declare more states");
            }
        }
    }

    internal static int[] ParseKey(YamlSection modified, IReadOnlyList<YamlNode> commands)
    {
        if (commands.Count >= RecipeLimits.Sequence.Max)
            throw modified.Error(commands[0], $"{modified.Full("key")}: found {commands.Count} commands, expected fewer than a sequence can have ({RecipeLimits.Sequence.Max})");
        return [.. commands.Select(command => (int)modified.Int64(command, modified.Full("key"), RecipeLimits.Command))];
    }

    /// <summary>A setting of a task that may be a list, or its default.</summary>
    internal static FactorAxis Axis(YamlSection? section, YamlNode at, string name, FactorValue otherwise) =>
        section?.Find(name) is { } node ? ReadAxis(section, Factor.All[name], node) : new FactorAxis(Factor.All[name], at, [otherwise]);

    private static FactorAxis ReadAxis(YamlSection section, Factor factor, YamlNode node)
    {
        string path = section.Full(factor.Name);
        return new FactorAxis(factor, node, section.Distinct(section.Items(node, path), path, value => factor.Read(section, value, path)));
    }

    private static List<FactorAxis> ParseFactors(YamlSection top)
    {
        YamlSection? factors = top.FindSection("factors", [.. Factor.All.Keys]);
        if (factors is null)
            return [];
        if (factors.Keys.Count == 0)
            throw factors.Error("factors is empty; name a factor or remove the key");
        return [.. factors.Keys.Select(key => ReadAxis(factors, Factor.All[key.Text], factors.Get(key.Text, "a value")))];
    }

    /// <summary>Each item as axes of one value.</summary>
    private static List<IReadOnlyList<FactorAxis>> ParseFactorList(YamlSection top)
    {
        var list = new List<IReadOnlyList<FactorAxis>>();
        if (top.Find("factor_list") is not { } node)
            return list;
        foreach (YamlNode item in top.Items(node, "factor_list"))
        {
            var section = new YamlSection(item, top.Source, $"factor_list[{list.Count}]", [.. Factor.All.Keys]);
            if (section.Keys.Count == 0)
                throw section.Error($"{section.Path} is empty; name a factor or remove the item");
            list.Add([.. section.Keys.Select(key =>
            {
                YamlNode value = section.Get(key.Text, "a value");
                return new FactorAxis(Factor.All[key.Text], value, [Factor.All[key.Text].Read(section, value, section.Full(key.Text))]);
            })]);
        }
        return list;
    }

    private static TrainingBase ParseTraining(YamlSection top, TaskSpec task, List<FactorAxis> grid, List<IReadOnlyList<FactorAxis>> list)
    {
        bool IsFactor(string name) => grid.Any(axis => axis.Factor.Name == name) || list.Any(item => item.Any(axis => axis.Factor.Name == name));

        YamlNode at = top.Get("training", "a mapping with at least 'stop: {steps: ...}'");
        var training = new YamlSection(at, top.Source, "training",
            "loss", "initialisation", "optimizer", "schedule", "clip_norm", "batch", "epoch", "stop", "checkpoints", "snapshots", "evaluation");
        var settings = new Settings
        {
            Batch = training.Int32("batch", DefaultBatch, RecipeLimits.Batch),
            Loss = task is MachineTask ? Loss.MeanSquaredError : Loss.CrossEntropy,
            ClipNorm = training.FindDouble("clip_norm", RecipeLimits.ClipNorm),
        };
        if (training.Find("loss") is { } loss)
            settings.Loss = Losses.Find(training.Word(loss, "training.loss", Losses.Words))!.Value;
        ParseInitialisation(training, ref settings, IsFactor("initialisation"));
        ParseOptimizer(training, ref settings, IsFactor("optimizer"), IsFactor("momentum"));
        ScheduleBase rate = ParseRate(training, ref settings, IsFactor("schedule"), IsFactor("warm_up"));
        long epoch = training.Int64("epoch", DefaultEpochSteps, RecipeLimits.Steps);
        long? checkEvery = null;
        if (training.FindSection("stop", "steps", "eval_loss", "check_every") is { } stop)
        {
            settings.Steps = stop.Has("steps") ? stop.Int64("steps", 0, RecipeLimits.Steps) : null;
            settings.EvalLoss = stop.FindDouble("eval_loss", RecipeLimits.EvalLoss);
            checkEvery = stop.Has("check_every") ? stop.Int64("check_every", 0, RecipeLimits.Steps) : null;
            if (checkEvery is not null && settings.EvalLoss is null && !IsFactor("eval_loss"))
                throw stop.Error(stop.Find("check_every")!, "training.stop.check_every has no effect without training.stop.eval_loss; give a threshold or remove it");
        }
        if (settings.Steps is null && !IsFactor("steps"))
            throw training.Error("training.stop.steps is missing; the steps after which training ends were expected, such as 'stop: {steps: 500}'");
        EvaluationSpec evaluation = new(task.HeldOut ?? DefaultEvaluation, 1);
        if (training.FindSection("evaluation", "sequences", "seed") is { } section)
        {
            var range = new NumberRange(RecipeLimits.EvaluationSequences.Min, task.HeldOut ?? RecipeLimits.EvaluationSequences.Max);
            evaluation = new(section.Int32("sequences", evaluation.Sequences, range), (ulong)section.Int64("seed", 1, new NumberRange(0, RecipeLimits.MaxSeed)));
        }
        return new TrainingBase(settings, rate, epoch, checkEvery, at, ParseSchedule(training, "checkpoints", epoch) ?? new StepSchedule.PerDoubling(1), ParseSchedule(training, "snapshots", epoch), evaluation);
    }

    private static void ParseInitialisation(YamlSection training, ref Settings settings, bool isFactor)
    {
        if (training.Find("initialisation") is not { } node)
            return;
        Factor kind = Factor.All["initialisation"], scale = Factor.All["init_scale"];
        if (node is YamlScalar)
        {
            kind.Set(ref settings, kind.Read(training, node, "training.initialisation"));
            return;
        }
        var section = new YamlSection(node, training.Source, "training.initialisation", "name", "scale");
        if (section.Find("name") is { } name)
            kind.Set(ref settings, kind.Read(section, name, "training.initialisation.name"));
        else if (!isFactor)
            throw section.Error($"training.initialisation.name is missing; one of {string.Join(", ", InitialisationSpec.Words)} was expected");
        if (section.Find("scale") is not { } number)
            return;
        if (!isFactor && settings.Initialisation == InitialisationKind.PyTorch)
            throw section.Error(number, $"training.initialisation.scale has no effect on {InitialisationSpec.PyTorch.Word}, which has no scale; remove it or choose another");
        scale.Set(ref settings, scale.Read(section, number, "training.initialisation.scale"));
    }

    private static void ParseOptimizer(YamlSection training, ref Settings settings, bool isFactor, bool isMomentumFactor)
    {
        settings.Optimizer = "adam";
        if (training.Find("optimizer") is not { } node)
            return;
        if (node is YamlScalar)
        {
            settings.Optimizer = training.Word(node, "training.optimizer", Factor.OptimizerNames);
            return;
        }
        var optimizer = new YamlSection(node, training.Source, "training.optimizer", ["name", .. Factor.OptimizerKeys.Values.SelectMany(keys => keys).Distinct()]);
        if (optimizer.Find("name") is { } name)
            settings.Optimizer = optimizer.Word(name, "training.optimizer.name", Factor.OptimizerNames);
        else if (!isFactor)
            throw optimizer.Error($"training.optimizer.name is missing; one of {string.Join(", ", Factor.OptimizerNames)} was expected");
        string chosen = settings.Optimizer;
        foreach (YamlScalar key in optimizer.Keys.Where(key => key.Text != "name"))
        {
            Factor factor = Factor.All[key.Text];
            if (!isFactor && !Factor.OptimizerKeys[chosen].Contains(key.Text))
                throw optimizer.Error(key, $"training.optimizer.{key.Text} has no effect on {chosen}; its keys: {string.Join(", ", Factor.OptimizerKeys[chosen])}");
            factor.Set(ref settings, factor.Read(optimizer, optimizer.Get(key.Text, "a value"), optimizer.Full(key.Text)));
        }
        if (settings.Nesterov && !isMomentumFactor && settings.Momentum is null or 0)
            throw optimizer.Error(optimizer.Find("nesterov")!, "training.optimizer.nesterov has no effect without momentum; give a momentum above 0 or remove it");
    }

    /// <summary>How the learning rate goes. Which schedule and how long its warm-up is may differ between networks; all else is the same for all.</summary>
    private static ScheduleBase ParseRate(YamlSection training, ref Settings settings, bool isFactor, bool isWarmUpFactor)
    {
        settings.Schedule = "constant";
        YamlNode? node = training.Find("schedule");
        if (node is YamlScalar)
            settings.Schedule = training.Word(node, "training.schedule", Factor.ScheduleNames);
        if (node is null or YamlScalar)
            return new ScheduleBase(node, null, null, null, null, null, null, null, null, null, null);
        var schedule = new YamlSection(node, training.Source, "training.schedule", ["name", .. Factor.ScheduleKeys.Values.SelectMany(keys => keys).Distinct(), "warm_up"]);
        if (schedule.Find("name") is { } name)
            settings.Schedule = schedule.Word(name, "training.schedule.name", Factor.ScheduleNames);
        // A warm-up alone goes before the rate that stays.
        else if (!isFactor && schedule.Keys.Any(key => key.Text != "warm_up"))
            throw schedule.Error($"training.schedule.name is missing; one of {string.Join(", ", Factor.ScheduleNames)} was expected");
        string[] keys = Factor.ScheduleKeys[settings.Schedule];
        if (!isFactor && schedule.Keys.FirstOrDefault(key => key.Text is not ("name" or "warm_up") && !keys.Contains(key.Text)) is { } idle)
            throw schedule.Error(idle, $"training.schedule.{idle.Text} has no effect on {settings.Schedule}; its keys: {string.Join(", ", [.. keys, "warm_up"])}");
        long? FindSteps(string key) => schedule.Has(key) ? schedule.Int64(key, 0, RecipeLimits.Steps) : null;
        double? from = null;
        if (schedule.FindSection("warm_up", "steps", "from") is { } warmUp)
        {
            settings.WarmUp = warmUp.Int64("steps", 0, RecipeLimits.WarmUp);
            from = warmUp.FindDouble("from", RecipeLimits.WarmUpFrom);
            if (settings.WarmUp == 0 && !isWarmUpFactor)
                throw warmUp.Error("training.schedule.warm_up has no effect without steps; give its steps or remove it");
        }
        return new ScheduleBase(node, FindSteps("every"), schedule.FindDouble("gamma", RecipeLimits.Gamma), FindSteps("steps"), schedule.FindDouble("minimum", RecipeLimits.MinimumRate),
            FindSteps("first"), schedule.Has("multiply") ? schedule.Int32("multiply", 1, RecipeLimits.Multiply) : null, schedule.FindDouble("rise", RecipeLimits.Rise),
            schedule.FindDouble("divide", RecipeLimits.Divide), schedule.FindDouble("final_divide", RecipeLimits.Divide), from);
    }

    private static StepSchedule? ParseSchedule(YamlSection training, string key, long epochSteps)
    {
        if (training.FindSection(key, "every", "every_epochs", "per_doubling", "at") is not { } schedule)
            return null;
        if (schedule.Keys.Count != 1)
            throw schedule.Error($"{schedule.Path}: found {schedule.Keys.Count} keys, expected exactly one of every, every_epochs, per_doubling, at");
        string kind = schedule.Keys[0].Text;
        YamlNode value = schedule.Get(kind, "a value");
        switch (kind)
        {
            case "every":
                return new StepSchedule.Every(schedule.Int64(value, schedule.Full(kind), RecipeLimits.Steps));
            case "every_epochs":
                return new StepSchedule.Every(epochSteps * schedule.Int64(value, schedule.Full(kind), new NumberRange(1, Math.Floor(RecipeLimits.Steps.Max / epochSteps))));
            case "per_doubling":
                return new StepSchedule.PerDoubling(int.Parse(schedule.Word(value, schedule.Full(kind), "1", "2", "4"), System.Globalization.CultureInfo.InvariantCulture));
            default:
                long[] steps = [.. schedule.Items(value, schedule.Full(kind)).Select(item => schedule.Int64(item, schedule.Full(kind), RecipeLimits.Step))];
                for (int i = 1; i < steps.Length; i++)
                {
                    if (steps[i] <= steps[i - 1])
                        throw schedule.Error(value, $"{schedule.Full(kind)}: found {steps[i]} after {steps[i - 1]}, expected ascending steps");
                }
                return new StepSchedule.At(steps);
        }
    }

    private static SeedPairs ParseSeeds(YamlSection? seeds)
    {
        ulong[] init = seeds?.FindItems("init") is { } items ? ParseSeedNumbers(seeds, items, seeds.Full("init")) : [1];
        return new SeedPairs(init, ParseDataSeeds(seeds, init));
    }

    private static ulong[] ParseSeedNumbers(YamlSection seeds, IReadOnlyList<YamlNode> items, string path) =>
        [.. ParseNumbers(seeds, items, path, "seed", 0, (long)RecipeLimits.MaxSeed, Experiment.MaxNetworks).Select(seed => (ulong)seed)];

    /// <summary>Seeds as of init, and <c>init</c> or <c>init+n</c> among them: as large as the network's init seed, or n larger.</summary>
    private static DataSeed[] ParseDataSeeds(YamlSection? seeds, ulong[] initSeeds)
    {
        if (seeds?.FindItems("data") is not { } items)
            return [new DataSeed(1, false)];
        string path = seeds.Full("data");
        var known = new HashSet<DataSeed>();
        var all = new List<DataSeed>();
        HashSet<ulong> numbers = [.. ParseSeedNumbers(seeds, [.. items.Where(item => Offset(item) is null)], path)];
        foreach (YamlNode item in items)
        {
            if (Offset(item) is not { } offset)
            {
                all.AddRange(ParseSeedNumbers(seeds, [item], path).Select(number => new DataSeed(number, false)));
                continue;
            }
            var seed = new DataSeed(offset, true);
            if (!known.Add(seed))
                throw seeds.Error(item, $"{path}: '{((YamlScalar)item).Text}' stands twice; once was expected");
            foreach (ulong init in initSeeds)
            {
                if (init + offset > RecipeLimits.MaxSeed)
                    throw seeds.Error(item, $"{path}: '{((YamlScalar)item).Text}' is {init + offset} for init seed {init}, expected at most {RecipeLimits.MaxSeed}");
                if (numbers.Contains(init + offset))
                    throw seeds.Error(item, $"{path}: '{((YamlScalar)item).Text}' is {init + offset} for init seed {init}, and {init + offset} stands in the list too; the networks of one init seed take each data seed once");
            }
            all.Add(seed);
        }
        return [.. all];
    }

    /// <summary>What <c>init+n</c> adds, 0 for <c>init</c>; null for anything else.</summary>
    private static ulong? Offset(YamlNode item)
    {
        const string init = "init";
        if (item is not YamlScalar { IsPlain: true } scalar || !scalar.Text.StartsWith(init, StringComparison.Ordinal))
            return null;
        string rest = scalar.Text[init.Length..].Trim();
        return rest.Length == 0 ? 0 : rest[0] == '+' && YamlSection.ParseInt64(rest[1..].Trim()) is >= 0 and { } offset ? (ulong)offset : null;
    }

    /// <summary>A whole number, a range a..b with both ends, or a list of these; none twice, and at most <paramref name="count"/>. Null where the key is absent.</summary>
    /// <param name="what">What a number is, for messages.</param>
    private static List<long>? ParseNumbers(YamlSection section, string key, string what, long least, long most, int count) =>
        section.FindItems(key) is { } items ? ParseNumbers(section, items, section.Full(key), what, least, most, count) : null;

    private static List<long> ParseNumbers(YamlSection section, IReadOnlyList<YamlNode> items, string path, string what, long least, long most, int count)
    {
        var all = new List<long>();
        var known = new HashSet<long>();
        foreach (YamlNode item in items)
        {
            (long first, long last) = ParseRange(section, item, path, what, least, most);
            if (last - first >= count - all.Count)
                throw section.Error(item, $"{path}: found more than {count} {what}s, expected at most as many");
            for (long number = first; ; number++)
            {
                if (!known.Add(number))
                    throw section.Error(item, $"{path}: the {what} {number} stands twice; once was expected");
                all.Add(number);
                // Checked here, for the last may be the largest number there is.
                if (number == last)
                    break;
            }
        }
        return all;
    }

    private static (long First, long Last) ParseRange(YamlSection section, YamlNode node, string path, string what, long least, long most)
    {
        if (node is YamlScalar { IsPlain: true } scalar)
        {
            int dots = scalar.Text.IndexOf("..", StringComparison.Ordinal);
            if (dots < 0 && Number(scalar.Text) is { } number)
                return (number, number);
            if (dots > 0 && Number(scalar.Text[..dots]) is { } first && Number(scalar.Text[(dots + 2)..]) is { } last)
                return first <= last ? (first, last) : throw section.Error(node, $"{path}: found the empty range '{scalar.Text}', expected the smaller {what} first ({last}..{first})");
        }
        throw section.Error(node, $"{path}: found {node.Found}, expected a {what} from {least} to {most}, a range such as {Math.Max(1, least)}..15{(path == DataSeedsPath ? ", init or init+n (the network's init seed, or n more)" : "")}, or a list of these");

        long? Number(string text) => YamlSection.ParseInt64(text) is { } value && value >= least && value <= most ? value : null;
    }

    private static IReadOnlyList<string> ParseTwins(YamlSection top, Expansion expansion, NetworkPlan plan, SeedPairs seeds)
    {
        if (top.FindItems("twins") is not { } items)
            return [];
        string[] known = ["variant", "init_seed", "data_seed", .. expansion.Columns.Select(factor => factor.Name)];
        if (items.FirstOrDefault(item => item is YamlScalar { Text: Factor.Dropout }) is { } dropout)
            throw top.Error(dropout, "twins: networks of different dropout are of different architectures, and twins are of one; choose another factor");
        List<string> twins = top.Distinct(items, "twins", item => top.Word(item, "twins", known));
        for (int i = 0; i < twins.Count; i++)
        {
            bool alone = twins[i] switch
            {
                "init_seed" => seeds.Data.Any(seed => !seed.IsAboveInit),
                "data_seed" => seeds.Data.Length > 1 || !seeds.Data[0].IsAboveInit,
                _ => true,
            };
            if (!alone)
                throw top.Error(items[i], $"twins: no two networks differ in {twins[i]} alone, for the data seed of each goes with its init seed (seeds.data: init); give the data seeds by themselves or remove it");
            int values = twins[i] switch
            {
                "variant" => plan.Settings.Select(setting => setting.Task.Variant).Distinct().Count(),
                "init_seed" => seeds.Init.Length,
                "data_seed" => seeds.Data.Length,
                _ => expansion.DistinctValues(plan, twins[i]),
            };
            if (values < 2)
                throw top.Error(items[i], $"twins: every network of the experiment has the same {twins[i]}; a factor with at least two values was expected");
        }
        return twins;
    }
}
