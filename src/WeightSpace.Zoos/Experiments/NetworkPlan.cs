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

/// <summary>Settings x init seeds x data seeds, as a list that makes its items when asked.</summary>
internal sealed class NetworkPlan(IReadOnlyList<Setting> settings, ulong[] initSeeds, DataSeed[] dataSeeds) : IReadOnlyList<PlannedNetwork>
{
    public IReadOnlyList<Setting> Settings => settings;

    public int NetworksPerSetting { get; } = initSeeds.Length * dataSeeds.Length;

    public int Count => settings.Count * NetworksPerSetting;

    public PlannedNetwork this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            Setting setting = settings[index / NetworksPerSetting];
            int seeds = index % NetworksPerSetting;
            ulong initSeed = initSeeds[seeds / dataSeeds.Length];
            return new PlannedNetwork(setting.Recipe(initSeed, dataSeeds[seeds % dataSeeds.Length].For(initSeed)), setting.FactorValues);
        }
    }

    public IEnumerator<PlannedNetwork> GetEnumerator()
    {
        for (int i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
