namespace WeightSpace.Zoos.Experiments;

/// <summary>
/// Makes of each setting the settings that its changes give: beside the unchanged networks, those of every item of <c>then</c>, each with those that follow it behind it. What an item gives
/// that is in force already is left out; an item of which nothing is left makes no networks of that setting, and one that makes none of any is an error.
/// </summary>
internal sealed class ChangeExpansion(YamlSection top, IReadOnlyList<DeclaredChange> changes, SeedPairs seeds)
{
    /// <summary>The columns of <c>networks.csv</c> that changes have.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["changed_at", "change"];

    /// <summary>Which keys of which items made a difference to any network.</summary>
    private readonly HashSet<(YamlNode, string)> _applied = [];

    private readonly HashSet<(ChangedSeed, ChangedSeed)> _checked = [];

    /// <summary>Settings that each declared one becomes.</summary>
    public long Count => 1 + changes.Sum(change => change.Count);

    /// <summary>Adds the changed settings of the last one behind it.</summary>
    public void AddChanged(List<Setting> settings, Func<Setting, string> describe)
    {
        if (changes.Count > 0)
            Add(settings, settings.Count - 1, settings[^1].Recipe(0, 0).Phases[0], ChangedSeed.Own, changes, describe);
    }

    private void Add(List<Setting> settings, int parent, TrainingPhase before, ChangedSeed seedBefore, IReadOnlyList<DeclaredChange> items, Func<Setting, string> describe)
    {
        var siblings = new List<(DeclaredChange Item, PlannedChange Planned)>();
        foreach (DeclaredChange item in items)
        {
            if (Plan(item, settings[parent], before, seedBefore) is not { } planned)
                continue;
            foreach ((DeclaredChange other, PlannedChange known) in siblings.Where(known => known.Planned.Change == planned.Change))
                CheckSeeds(item, planned.Data ?? seedBefore, known.Data ?? seedBefore, $"its networks would be those of {other.Path} ('{other.Name}'); each network may stand once, so remove one of the two");
            siblings.Add((item, planned));
            Setting setting = settings[parent].Changed(planned, parent);
            (ulong init, ulong data) = seeds[0];
            if (RecipeLimits.Conflict(setting.Recipe(init, data)) is { } conflict)
                throw top.Error(item.Node, $"{item.Path}: {describe(setting)}: {conflict}");
            settings.Add(setting);
            Add(settings, settings.Count - 1, before.Changed(planned.Change), planned.Data ?? seedBefore, item.Then, describe);
        }
    }

    /// <summary>What an item changes of the networks of a setting; null where that is nothing.</summary>
    private PlannedChange? Plan(DeclaredChange item, Setting setting, TrainingPhase before, ChangedSeed seedBefore)
    {
        var change = new TrainingChange(item.At);
        if (item.Data is { } seed)
            CheckSeeds(item, seed, seedBefore, "that is its data seed already, and so no change; give another");
        if (item.Rate is { } rate && rate.For(before.LearningRate) is var number && number != before.LearningRate)
        {
            if (!RecipeLimits.LearningRate.Contains(number))
                throw top.Error(item.Node, $"{item.Path}.learning_rate: {rate.Words} gives {RecipeWords.Number(number)} for networks with {RecipeWords.Number(before.LearningRate)}, expected a learning rate {RecipeLimits.LearningRate}");
            (change, _) = (change with { LearningRate = number }, _applied.Add((item.Node, "learning_rate")));
        }
        if (item.IsFreshOptimizer && setting.Training.Optimizer.Slots.Count > 0)
            (change, _) = (change with { IsFreshOptimizer = true }, _applied.Add((item.Node, "optimizer")));
        if (item.RestartsSchedule && setting.Training.Rate is not ConstantRate { WarmUpSteps: 0 })
            (change, _) = (change with { RestartsSchedule = true }, _applied.Add((item.Node, "schedule")));
        if (item.Task?.For(before.Task) is { } task && task != before.Task)
        {
            change = change with { Task = task };
            foreach (string key in item.Task.Keys)
                _applied.Add((item.Node, key));
        }
        return change.IsEmpty && item.Data is null ? null : new PlannedChange(item.Name, change, item.Data);
    }

    /// <summary>Two data seeds must differ for every network, and be in range.</summary>
    private void CheckSeeds(DeclaredChange item, ChangedSeed seed, ChangedSeed other, string because)
    {
        if (!_checked.Add((seed, other)))
        {
            if (seed == other)
                throw top.Error(item.Node, $"{item.Path}: {because}");
            return;
        }
        for (int i = 0; i < seeds.Count; i++)
        {
            (ulong init, ulong data) = seeds[i];
            ulong number = seed.For(init, data);
            if (number > RecipeLimits.MaxSeed)
                throw top.Error(item.Node, $"{item.Path}.data: '{seed.Words}' is {number} for the network with init seed {init} and data seed {data}, expected at most {RecipeLimits.MaxSeed}");
            if (number == other.For(init, data))
                throw top.Error(item.Node, $"{item.Path}: the data seed is {number} for the network with init seed {init} and data seed {data}: {because}");
        }
    }

    /// <summary>Refuses keys that make no difference to any network.</summary>
    public void RefuseIdle() => RefuseIdle(changes);

    private void RefuseIdle(IReadOnlyList<DeclaredChange> items)
    {
        foreach (DeclaredChange item in items)
        {
            if (item.Rate is not null)
                Refuse("learning_rate", "every network has that learning rate already");
            if (item.IsFreshOptimizer)
                Refuse("optimizer", "no network is trained by an optimizer that has a state");
            if (item.RestartsSchedule)
                Refuse("schedule", "every network is trained at a constant rate");
            foreach (string key in item.Task?.Keys ?? [])
                Refuse(key, "every network has such data already");
            RefuseIdle(item.Then);

            void Refuse(string key, string because)
            {
                if (!_applied.Contains((item.Node, key)))
                    throw top.Error(item.Node, $"{item.Path}.{key} has no effect: {because}; remove it");
            }
        }
    }
}
