using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>Makes the grid: architecture x task x machine x variant x factors, and counts the seeds on top.</summary>
internal sealed class Expansion
{
    private const long DefaultCheckEvery = 10;

    private readonly YamlSection _top;
    private readonly IReadOnlyList<Architecture> _architectures;
    private readonly IReadOnlyList<TaskGrid> _tasks;
    private readonly TrainingBase _training;
    private readonly List<FactorAxis> _grid;
    private readonly List<IReadOnlyList<FactorAxis>> _list;
    private readonly ulong[] _initSeeds;
    private readonly ulong[] _dataSeeds;

    /// <summary>A task's modification key by its number: equal keys have the same.</summary>
    private readonly int[] _keyNumbers;

    public Expansion(YamlSection top, IReadOnlyList<Architecture> architectures, IReadOnlyList<TaskGrid> tasks, TrainingBase training,
        List<FactorAxis> grid, List<IReadOnlyList<FactorAxis>> list, ulong[] initSeeds, ulong[] dataSeeds)
    {
        (_top, _architectures, _tasks, _training, _grid, _list, _initSeeds, _dataSeeds) = (top, architectures, tasks, training, grid, list, initSeeds, dataSeeds);
        Columns = FindColumns();
        string[] keys = [.. tasks.Select(task => string.Join(' ', task.Key))];
        _keyNumbers = [.. keys.Select(key => Array.IndexOf(keys, key))];
    }

    /// <summary>The factors of the experiment: task settings that differ, then those of <c>factors</c>, then those of <c>factor_list</c>.</summary>
    public IReadOnlyList<Factor> Columns { get; }

    /// <summary>
    /// All by which two settings of one experiment can differ, so that equal recipes show without being written. (Schedules and
    /// evaluation are the same for every network.)
    /// </summary>
    private readonly record struct Identity(
        Architecture Architecture, Machine Machine, int Sequence, int Key, int Inverted, double Share, OptimizerSpec Optimizer, int Batch, StopSpec Stop);

    public NetworkPlan Expand()
    {
        CheckCount();
        var settings = new List<Setting>();
        var known = new Dictionary<Identity, int>();
        foreach (Architecture architecture in _architectures)
        {
            for (int task = 0; task < _tasks.Count; task++)
            {
                foreach (Machine machine in _tasks[task].Machines)
                {
                    foreach (bool isModified in _tasks[task].IsModified)
                        AddSettings(settings, known, architecture, task, machine, isModified);
                }
            }
        }
        RefuseIdleFactors(settings);
        return new NetworkPlan(settings, _initSeeds, _dataSeeds);
    }

    public int DistinctValues(NetworkPlan plan, string factor)
    {
        int column = Columns.Select((known, index) => (known.Name, index)).First(known => known.Name == factor).index;
        return plan.Settings.Select(setting => setting.FactorValues[column]).Where(value => value.Length > 0).Distinct().Count();
    }

    private List<Factor> FindColumns()
    {
        var columns = new List<Factor>();
        foreach (string name in (string[])[Factor.Sequence, Factor.Inverted, Factor.Share])
        {
            FactorAxis[] axes = [.. _tasks.Where(task => name == Factor.Sequence || task.IsModified.Contains(true)).Select(task => task.Axes.First(axis => axis.Factor.Name == name))];
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
        double tasks = _tasks.Sum(task => (double)task.Machines.Count * task.IsModified.Count * task.Axes.Aggregate(1.0, (product, axis) => product * axis.Values.Count));
        double settings = _architectures.Count * tasks * combinations;
        double networks = settings * _initSeeds.Length * _dataSeeds.Length;
        if (networks > Experiment.MaxNetworks)
            throw _top.Error($"the experiment has {Format(networks)} networks, at most {Experiment.MaxNetworks} are allowed; make its lists or ranges shorter");
        if (settings > Experiment.MaxSettings)
            throw _top.Error($"the experiment has {Format(settings)} combinations of architecture, task and factors, at most {Experiment.MaxSettings} are allowed; make its lists shorter");
    }

    private void AddSettings(List<Setting> settings, Dictionary<Identity, int> known,
        Architecture architecture, int taskIndex, Machine machine, bool isModified)
    {
        TaskGrid task = _tasks[taskIndex];
        foreach (Settings chosen in Combinations(task, isModified))
        {
            Setting setting = Resolve(architecture, task, machine, isModified, chosen);
            TaskSpec spec = setting.Task;
            TrainingSpec training = setting.Training;
            var identity = new Identity(architecture, machine, spec.Places, isModified ? _keyNumbers[taskIndex] : -1,
                spec.Modification?.Inverted ?? 0, spec.Modification?.Share ?? 0, training.Optimizer, training.Batch, training.Stop);
            if (!known.TryAdd(identity, settings.Count))
            {
                int perSetting = _initSeeds.Length * _dataSeeds.Length;
                int other = known[identity];
                throw _top.Error(task.Node, $"networks {((long)other * perSetting) + 1} ({Describe(settings[other])}) and {((long)settings.Count * perSetting) + 1} ({Describe(setting)}) have the same recipe; each network may stand once, so remove one of the two");
            }
            if (RecipeLimits.Conflict(setting.Recipe(0, 0)) is { } conflict)
                throw _top.Error(task.Node, $"{Describe(setting)}: {conflict}");
            settings.Add(setting);
        }
    }

    /// <summary>Every combination of the task's own axes with the grid, then with each item of the list.</summary>
    private IEnumerable<Settings> Combinations(TaskGrid task, bool isModified)
    {
        IEnumerable<IReadOnlyList<FactorAxis>> grids = _grid.Count > 0 || _list.Count == 0 ? _list.Prepend(_grid) : _list;
        return grids.SelectMany(axes => Grid([.. task.Axes, .. axes], isModified));
    }

    private IEnumerable<Settings> Grid(FactorAxis[] axes, bool isModified)
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
                isRepeated |= at[i] > 0 && !axes[i].Factor.Applies(isModified, settings.Optimizer);
            if (!isRepeated)
                yield return settings;
            int last = axes.Length - 1;
            while (last >= 0 && ++at[last] == axes[last].Values.Count)
                at[last--] = 0;
            if (last < 0)
                yield break;
        }
    }

    private Setting Resolve(Architecture architecture, TaskGrid task, Machine machine, bool isModified, in Settings chosen)
    {
        double rate = chosen.LearningRate ?? 0.001;
        OptimizerSpec optimizer = chosen.Optimizer == "sgd"
            ? new SgdSpec(rate, chosen.Momentum ?? 0)
            : new AdamSpec(rate, chosen.Beta1 ?? 0.9, chosen.Beta2 ?? 0.999, chosen.Epsilon ?? 1e-8);
        if (chosen.Steps is not { } steps)
            throw _top.Error(_training.At, "training.stop.steps is missing, and an item of factor_list names no steps; give one of the two");
        // Where no threshold is set its interval means nothing: one value, so that the same network has one recipe.
        long checkEvery = chosen.EvalLoss is null ? DefaultCheckEvery : _training.CheckEvery ?? DefaultCheckEvery;
        var training = new TrainingSpec(optimizer, chosen.Batch, _training.EpochSteps, new StopSpec(steps, chosen.EvalLoss, checkEvery),
            _training.Checkpoints, _training.Snapshots, _training.Evaluation);
        var spec = new MachineTask(machine, chosen.Sequence, isModified ? new Modification(task.Key, chosen.Inverted, chosen.Share) : null);
        return new Setting(architecture, spec, training, [.. Columns.Select(factor => factor.ValueOf(spec, training))]);
    }

    private void RefuseIdleFactors(List<Setting> settings)
    {
        (bool IsModified, string Optimizer)[] kinds = [.. settings.Select(setting => (setting.Task.Modification is not null, setting.Training.Optimizer.Name)).Distinct()];
        foreach (FactorAxis axis in _grid.Concat(_list.SelectMany(item => item)))
        {
            if (!kinds.Any(kind => axis.Factor.Applies(kind.IsModified, kind.Optimizer)))
                throw _top.Error(axis.Node, $"the factor {axis.Factor.Name} has no effect: {(axis.Factor.Name is Factor.Share or Factor.Inverted ? "no task is modified" : "no network is trained by its optimizer")}; remove it");
        }
    }

    private static string Format(double count) => count.ToString(count < 1e15 ? "#,0" : "0.##e0", CultureInfo.InvariantCulture);

    private string Describe(Setting setting) =>
        string.Join(", ", [setting.Task.Source, setting.Task.Variant, $"architecture {setting.Architecture.Name}", .. Columns.Select((factor, index) => $"{factor.Name} {setting.FactorValues[index]}")]);
}
