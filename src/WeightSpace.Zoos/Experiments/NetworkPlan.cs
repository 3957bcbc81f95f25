using System.Collections;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>Everything about a network but its seeds.</summary>
internal sealed record Setting(Architecture Architecture, TaskSpec Task, TrainingSpec Training, IReadOnlyList<string> FactorValues)
{
    /// <summary>What changes in mid-training, in order.</summary>
    public IReadOnlyList<PlannedChange> Changes { get; init; } = [];

    /// <summary>The index of the setting without the last change; -1 where nothing changes.</summary>
    public int Parent { get; init; } = -1;

    /// <summary>The changes in words; empty where there are none.</summary>
    public string ChangeWords { get; private init; } = "";

    public Recipe Recipe(ulong initSeed, ulong dataSeed) => new(Task, Architecture, Training, initSeed, dataSeed, [.. Changes.Select(change => change.For(initSeed, dataSeed))]);

    /// <summary>This setting, which stands at index <paramref name="parent"/>, with one more change.</summary>
    public Setting Changed(PlannedChange change, int parent)
    {
        PlannedChange[] changes = [.. Changes, change];
        return this with
        {
            Changes = changes,
            Parent = parent,
            ChangeWords = string.Join("; ", changes.Select(one => one.Words)),
            FactorValues = [.. FactorValues.SkipLast(2), change.Change.At.ToString(System.Globalization.CultureInfo.InvariantCulture), string.Join('/', changes.Select(one => one.Name))],
        };
    }
}

/// <summary>A data seed as an experiment declares it: a number, or so much above the network's init seed.</summary>
internal readonly record struct DataSeed(ulong Number, bool IsAboveInit)
{
    public ulong For(ulong initSeed) => IsAboveInit ? initSeed + Number : Number;
}

/// <summary>The seeds of the networks of one setting.</summary>
/// <param name="Data">Each of these with each of <paramref name="Init"/>.</param>
internal sealed record SeedPairs(ulong[] Init, DataSeed[] Data)
{
    public int Count => checked(Init.Length * Data.Length);

    /// <summary>The pairs in order, the data seed innermost.</summary>
    public (ulong Init, ulong Data) this[int index]
    {
        get
        {
            ulong init = Init[index / Data.Length];
            return (init, Data[index % Data.Length].For(init));
        }
    }
}

/// <summary>Settings x seeds, as a list that makes its items when asked; of each setting only the first, where a subset is asked for.</summary>
internal sealed class NetworkPlan(IReadOnlyList<Setting> settings, SeedPairs seeds, int? networksPerSetting = null) : IReadOnlyList<PlannedNetwork>
{
    public IReadOnlyList<Setting> Settings => settings;

    public int NetworksPerSetting { get; } = networksPerSetting ?? seeds.Count;

    /// <summary>The same settings with their first <paramref name="count"/> networks each.</summary>
    public NetworkPlan First(int count) => new(settings, seeds, count);

    public int Count => settings.Count * NetworksPerSetting;

    public PlannedNetwork this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            (int at, int pair) = Math.DivRem(index, NetworksPerSetting);
            Setting setting = settings[at];
            (ulong init, ulong data) = seeds[pair];
            return new PlannedNetwork(setting.Recipe(init, data), setting.FactorValues)
            {
                Parent = setting.Parent < 0 ? null : (setting.Parent * NetworksPerSetting) + pair,
                ChangeWords = setting.ChangeWords,
            };
        }
    }

    public IEnumerator<PlannedNetwork> GetEnumerator()
    {
        for (int i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
