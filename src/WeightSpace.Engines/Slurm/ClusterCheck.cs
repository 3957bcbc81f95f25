using System.Globalization;
using WeightSpace.Zoos;

namespace WeightSpace.Engines.Slurm;

/// <summary>What can be known to go wrong before anything is submitted.</summary>
public static class ClusterCheck
{
    /// <summary>The cluster's limits. Throws <see cref="InputException"/> where there is no Slurm, or no such partition, or it takes no jobs, or none as long as a unit's.</summary>
    public static SlurmLimits Check(SlurmCommands commands, SlurmSettings settings)
    {
        SlurmLimits limits = commands.Limits();
        IReadOnlyList<SlurmPartition> partitions = commands.Partitions();
        string known = string.Join(", ", partitions.Select(partition => partition.Name));
        SlurmPartition[] chosen = settings.Partition is { } names
            ? [.. names.Split(',').Select(name => partitions.FirstOrDefault(partition => partition.Name == name)
                ?? throw new InputException($"--partition: found '{name}', expected one of the cluster's partitions: {known}"))]
            : [.. partitions.Where(partition => partition.IsDefault)];
        if (chosen.Length == 0)
            throw new InputException($"the cluster has no default partition; choose one of {known} with --partition");
        // Of several, Slurm takes the one that starts a job first.
        if (chosen.All(partition => partition.State != "UP"))
            throw new InputException($"partition {chosen[0].Name} is {chosen[0].State} and starts no jobs; choose another of {known} with --partition, or wait until it is up");
        TimeSpan needed = settings.TimeLimit;
        if (chosen.All(partition => partition.MaxTime < needed))
        {
            throw new InputException($"partition {chosen[0].Name} lets jobs run for at most {Minutes(chosen[0].MaxTime!.Value)}, those of a unit of {Minutes(TimeSpan.FromMinutes(settings.UnitMinutes))} ask for {Minutes(needed)}; "
                + $"--unit-minutes gives shorter units, --time another limit, --partition another partition ({known})");
        }
        return limits;
    }

    private static string Minutes(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0.##} min");
}
