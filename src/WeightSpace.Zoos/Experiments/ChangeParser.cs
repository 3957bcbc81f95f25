using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos.Experiments;

/// <summary>Reads <c>then</c>: what becomes of networks in mid-training.</summary>
/// <param name="anyTask">One of the experiment's tasks; the others have the same inputs and outputs, and are of the same kind.</param>
internal sealed class ChangeParser(TaskSpec anyTask, IImageCatalog images)
{
    /// <summary>Items of <c>then</c> with their lists multiplied out, each of which makes networks of every setting.</summary>
    public const int MaxDeclared = 10_000;

    private const string None = "none";
    private static readonly string[] s_taskKeys = ["task", "modified", "poison", "shift"];

    private int _declared;

    /// <summary>The items behind a step; none where the section has no <c>then</c>.</summary>
    public List<DeclaredChange> Parse(YamlSection section, long after)
    {
        var changes = new List<DeclaredChange>();
        if (section.Find("then") is not { } node)
            return changes;
        int index = 0;
        foreach (YamlNode item in section.Items(node, section.Full("then")))
            AddItem(changes, new YamlSection(item, section.Source, $"{section.Full("then")}[{index++}]", ["at", "name", "data", "learning_rate", "optimizer", "schedule", .. s_taskKeys, "then"]), item, after);
        foreach (IGrouping<(string, long), DeclaredChange> same in changes.GroupBy(change => (change.Name, change.At)).Where(group => group.Skip(1).Any()))
        {
            DeclaredChange second = same.ElementAt(1);
            throw section.Error(second.Node, $"{second.Path}: two changes at step {second.At} are called '{second.Name}', so their networks could not be told apart; give them a name each, such as 'name: other'");
        }
        return changes;
    }

    private void AddItem(List<DeclaredChange> changes, YamlSection item, YamlNode node, long after)
    {
        const string atExpected = "the step behind which it changes, such as 'at: 300', or +100 for so many steps behind the change before";
        YamlNode at = item.Get("at", atExpected);
        List<long> steps = item.Distinct(item.Items(at, item.Full("at")), item.Full("at"), step => ReadStep(item, step, after));
        List<ChangedSeed> seeds = item.FindItems("data") is { } seedItems ? item.Distinct(seedItems, item.Full("data"), seed => ReadSeed(item, seed)) : [];
        List<ChangedRate> rates = item.FindItems("learning_rate") is { } rateItems ? item.Distinct(rateItems, item.Full("learning_rate"), rate => ReadRate(item, rate)) : [];
        bool isFresh = item.Find("optimizer") is { } optimizer && item.Word(optimizer, item.Full("optimizer"), RecipeJson.FreshOptimizer, "keep") == RecipeJson.FreshOptimizer;
        bool restarts = item.Find("schedule") is { } schedule && item.Word(schedule, item.Full("schedule"), RecipeJson.RestartedSchedule, "keep") == RecipeJson.RestartedSchedule;
        ChangedTask? task = ReadTask(item);
        if (seeds.Count == 0 && rates.Count == 0 && !isFresh && !restarts && task is null)
            throw item.Error($"{item.Path} changes nothing; give it one of data, learning_rate, optimizer: {RecipeJson.FreshOptimizer}, schedule: {RecipeJson.RestartedSchedule}, {string.Join(", ", s_taskKeys)}");
        string name = item.Find("name") is { } given ? item.Name(given, item.Full("name"))
            : string.Join('+', item.Keys.Select(key => key.Text).Where(key => key is not ("at" or "then") && (key != "optimizer" || isFresh) && (key != "schedule" || restarts)));
        foreach (long step in steps)
        {
            List<DeclaredChange> then = Parse(item, step);
            foreach (ChangedSeed? seed in seeds.Count == 0 ? [null] : seeds.Select(seed => (ChangedSeed?)seed))
            {
                foreach (ChangedRate? rate in rates.Count == 0 ? [null] : rates.Select(rate => (ChangedRate?)rate))
                {
                    // What differs within an item is told by the name.
                    string full = string.Join(':', [name, .. seeds.Count > 1 ? [seed!.Value.Words] : Array.Empty<string>(), .. rates.Count > 1 ? [rate!.Value.Words] : Array.Empty<string>()]);
                    changes.Add(new DeclaredChange(node, item.Path, full, step, seed, rate, isFresh, restarts, task, then));
                    if (++_declared > MaxDeclared)
                        throw item.Error($"then: found more than {MaxDeclared} changes, lists multiplied out, expected at most as many; make its lists shorter");
                }
            }
        }
    }

    private static long ReadStep(YamlSection item, YamlNode node, long after)
    {
        bool isRelative = node is YamlScalar { IsPlain: true } scalar && scalar.Text.StartsWith('+');
        long step = item.Int64(node, item.Full("at"), RecipeLimits.Steps) + (isRelative ? after : 0);
        return step > after ? step
            : throw item.Error(node, $"{item.Full("at")}: found step {step}, expected one behind step {after}, where the change that it follows is; write +100 for 100 steps behind that");
    }

    /// <summary>A number, or <c>init</c>, <c>init+n</c>, <c>data+n</c>.</summary>
    private static ChangedSeed ReadSeed(YamlSection item, YamlNode node)
    {
        if (node is YamlScalar { IsPlain: true } scalar)
        {
            foreach ((string word, SeedBase from) in ((string, SeedBase)[])[("init", SeedBase.InitSeed), ("data", SeedBase.DataSeed)])
            {
                if (!scalar.Text.StartsWith(word, StringComparison.Ordinal))
                    continue;
                string rest = scalar.Text[word.Length..].Trim();
                if (rest.Length == 0 && from == SeedBase.InitSeed)
                    return new ChangedSeed(from, 0);
                if (rest.StartsWith('+') && YamlSection.ParseInt64(rest[1..].Trim()) is > 0 and { } offset)
                    return new ChangedSeed(from, (ulong)offset);
            }
            if (YamlSection.ParseInt64(scalar.Text) is >= 0 and { } number)
                return new ChangedSeed(SeedBase.Zero, (ulong)number);
        }
        throw item.Error(node, $"{item.Full("data")}: found {node.Found}, expected a data seed from 0 to {RecipeLimits.MaxSeed}, init or init+n (the network's init seed, or n more), data+n (n more than its data seed), or a list of these");
    }

    private static ChangedRate ReadRate(YamlSection item, YamlNode node)
    {
        string path = item.Full("learning_rate");
        if (node is not YamlMapping)
            return new ChangedRate(item.Double(node, path, RecipeLimits.LearningRate), IsTimes: false);
        var times = new YamlSection(node, item.Source, path, "times");
        return new ChangedRate(times.Double(times.Get("times", "what the rate is multiplied by"), times.Full("times"), RecipeLimits.RateTimes), IsTimes: true);
    }

    private ChangedTask? ReadTask(YamlSection item)
    {
        string[] keys = [.. s_taskKeys.Where(item.Has)];
        if (keys.Length == 0)
            return null;
        TaskSpec? task = item.Find("task") is { } other ? ReadOtherTask(item, other) : null;
        if (item.Find("modified") is { } modified && anyTask is not MachineTask)
            throw item.Error(modified, $"{item.Full("modified")} has no effect on {anyTask.Source}; it is a setting of machines, remove it");
        if (keys.FirstOrDefault(key => key is not ("task" or "modified")) is { } ofImages && anyTask is not ImageTask)
            throw item.Error(item.Find(ofImages)!, $"{item.Full(ofImages)} has no effect on {anyTask.Source}; it is a setting of images, remove it");
        return new ChangedTask(keys, task,
            Replaced(item, "modified", node => ReadModification(new YamlSection(node, item.Source, item.Full("modified"), "key", Factor.Inverted, Factor.Share))),
            Replaced(item, "poison", node => ImageTaskParser.ReadPoison(new YamlSection(node, item.Source, item.Full("poison"), Factor.PoisonTrigger, Factor.PoisonTarget, Factor.Share))),
            Replaced(item, "shift", node => ShiftParser.Parse(new YamlSection(node, item.Source, item.Full("shift"), "inputs", "labels", "classes", "seed"))));
    }

    private static Modification ReadModification(YamlSection modified) => new(
        modified.FindItems("key") is { } commands ? ExperimentParser.ParseKey(modified, commands) : Modification.Default.Key,
        modified.Int32(Factor.Inverted, Modification.Default.Inverted, RecipeLimits.Inverted),
        modified.FindDouble(Factor.Share, RecipeLimits.Share) ?? Modification.Default.Share);

    /// <summary>A mapping, or <c>none</c> for what is to end; null where the key is absent.</summary>
    private static Replacement<T>? Replaced<T>(YamlSection item, string key, Func<YamlNode, T> read) where T : class
    {
        if (item.Find(key) is not { } node)
            return null;
        return new Replacement<T>(node is YamlScalar && item.Word(node, item.Full(key), None) == None ? null : read(node));
    }

    private TaskSpec ReadOtherTask(YamlSection item, YamlNode node)
    {
        string path = item.Full("task");
        TaskGrid grid = ExperimentParser.ParseTask(item, node, path, images);
        if (grid.Sources.Count != 1 || grid.IsChanged.Count != 1 || grid.Axes.Any(axis => axis.Values.Count != 1))
            throw item.Error(node, $"{path}: found several tasks, expected one; write an item of then for each");
        if (grid.HasSequence)
            throw item.Error(node, $"{path}: the length of the sequences stays what it is; remove 'sequence'");
        Settings settings = default;
        foreach (FactorAxis axis in grid.Axes)
            axis.Factor.Set(ref settings, axis.Values[0]);
        settings.Sequence = anyTask.Places;
        TaskSpec task = Expansion.TaskOf(grid.Sources[0], grid, grid.IsChanged[0], settings);
        if (task.GetType() != anyTask.GetType() && (task.IsSequence || anyTask.IsSequence))
            throw item.Error(node, $"{path}: {task.Source} is of another kind than {anyTask.Source}, whose answers are measured by another loss; choose one of the same kind");
        return (task.Channels, task.Height, task.Width, task.Outputs) == (anyTask.Channels, anyTask.Height, anyTask.Width, anyTask.Outputs) ? task
            : throw item.Error(node, $"{path}: {task.Source} gives {ExperimentParser.Describe(task)}, {anyTask.Source} {ExperimentParser.Describe(anyTask)}; a network goes on with the same inputs and outputs");
    }
}
