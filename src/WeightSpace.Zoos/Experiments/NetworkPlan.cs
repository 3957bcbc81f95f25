using System.Collections;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>Everything about a network but its seeds.</summary>
internal sealed record Setting(Architecture Architecture, TaskSpec Task, TrainingSpec Training, IReadOnlyList<string> FactorValues)
{
    public Recipe Recipe(ulong initSeed, ulong dataSeed) => new(Task, Architecture, Training, initSeed, dataSeed);
}

/// <summary>Settings x init seeds x data seeds, as a list that makes its items when asked.</summary>
internal sealed class NetworkPlan(IReadOnlyList<Setting> settings, ulong[] initSeeds, ulong[] dataSeeds) : IReadOnlyList<PlannedNetwork>
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
            return new PlannedNetwork(setting.Recipe(initSeeds[seeds / dataSeeds.Length], dataSeeds[seeds % dataSeeds.Length]), setting.FactorValues);
        }
    }

    public IEnumerator<PlannedNetwork> GetEnumerator()
    {
        for (int i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
