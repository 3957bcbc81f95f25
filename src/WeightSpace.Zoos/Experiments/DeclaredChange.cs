using System.Globalization;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos.Experiments;

/// <summary>What a data seed of a change counts from.</summary>
internal enum SeedBase
{
    Zero,
    InitSeed,
    DataSeed,
}

/// <summary>A data seed as a change declares it: a number, or so much above the network's init seed or its data seed.</summary>
internal readonly record struct ChangedSeed(SeedBase Base, ulong Number)
{
    /// <summary>The network's own.</summary>
    public static ChangedSeed Own => new(SeedBase.DataSeed, 0);

    public ulong For(ulong initSeed, ulong dataSeed) => Number + Base switch { SeedBase.InitSeed => initSeed, SeedBase.DataSeed => dataSeed, _ => 0 };

    /// <summary>As an experiment has it: <c>5</c>, <c>init+1000</c>.</summary>
    public string Words
    {
        get
        {
            string number = Number.ToString(CultureInfo.InvariantCulture);
            return Base == SeedBase.Zero ? number : (Base == SeedBase.InitSeed ? "init" : "data") + (Number == 0 ? "" : "+" + number);
        }
    }
}

/// <summary>A learning rate as a change declares it: a number, or so many times the one before.</summary>
internal readonly record struct ChangedRate(double Number, bool IsTimes)
{
    public double For(double before) => IsTimes ? Number * before : Number;

    public string Words => (IsTimes ? "x" : "") + Number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What a change makes of a task; what is null leaves it as it is.</summary>
/// <param name="Keys">The keys that say it.</param>
/// <param name="Task">Another task, which takes over the length of the sequences.</param>
internal sealed record ChangedTask(IReadOnlyList<string> Keys, TaskSpec? Task, Replacement<Modification>? Modification, Replacement<Poison>? Poison, Replacement<Shift>? Shift)
{
    public TaskSpec For(TaskSpec before)
    {
        TaskSpec task = Task switch
        {
            MachineTask machine => machine with { SequenceLength = before.Places },
            AutomatonTask automaton => automaton with { SequenceLength = before.Places },
            { } other => other,
            null => before,
        };
        if (Modification is { } modification)
            task = (MachineTask)task with { Modification = modification.Value };
        if (Poison is { } poison)
            task = (ImageTask)task with { Poison = poison.Value };
        if (Shift is { } shift)
            task = (ImageTask)task with { Shift = shift.Value };
        return task;
    }
}

/// <summary>What stands in the place of what was there; null: nothing does from then on.</summary>
internal sealed record Replacement<T>(T? Value) where T : class;

/// <summary>An item of <c>then</c>, of its lists one value each.</summary>
/// <param name="Name">What its networks have in the column <c>change</c>.</param>
/// <param name="Then">The changes that follow it.</param>
internal sealed record DeclaredChange(
    YamlNode Node, string Path, string Name, long At, ChangedSeed? Data, ChangedRate? Rate, bool IsFreshOptimizer, bool RestartsSchedule, ChangedTask? Task, IReadOnlyList<DeclaredChange> Then)
{
    /// <summary>This and all that follow it.</summary>
    public long Count => 1 + Then.Sum(change => change.Count);
}

/// <summary>A change of the networks of one setting: all of it but the number of its data seed.</summary>
internal sealed record PlannedChange(string Name, TrainingChange Change, ChangedSeed? Data)
{
    public TrainingChange For(ulong initSeed, ulong dataSeed) => Data is { } seed ? Change with { DataSeed = seed.For(initSeed, dataSeed) } : Change;

    public string Words => RecipeWords.Change(Change, Data?.Words);
}
