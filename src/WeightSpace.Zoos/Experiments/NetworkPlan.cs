using System.Collections;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>Everything about a network but its seeds.</summary>
internal sealed record Setting(Architecture Architecture, TaskSpec Task, TrainingSpec Training, IReadOnlyList<string> FactorValues)
{
    public Recipe Recipe(ulong initSeed, ulong dataSeed) => new(Task, Architecture, Training, initSeed, dataSeed);
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
            Setting setting = settings[index / NetworksPerSetting];
            (ulong init, ulong data) = seeds[index % NetworksPerSetting];
            return new PlannedNetwork(setting.Recipe(init, data), setting.FactorValues);
        }
    }

    public IEnumerator<PlannedNetwork> GetEnumerator()
    {
        for (int i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
