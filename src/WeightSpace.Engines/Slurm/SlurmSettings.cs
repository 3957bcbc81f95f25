namespace WeightSpace.Engines.Slurm;

/// <summary>How a zoo is grown on a cluster; no byte of it depends on this.</summary>
public sealed record SlurmSettings
{
    /// <summary>Minutes that a unit is meant to take. One that takes half as long again hands in what it has.</summary>
    public double UnitMinutes { get; init; } = 10;

    /// <summary>Operations that the plan lets a unit have.</summary>
    public required double UnitFlops { get; init; }

    /// <summary>Null: the cluster's default partition.</summary>
    public string? Partition { get; init; }

    public string? Account { get; init; }

    public string? Qos { get; init; }

    public string? Constraint { get; init; }

    /// <summary>The time limit of a job; null: twice a unit's, and two minutes.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>MB of memory of a job; null: by what the largest unit keeps.</summary>
    public int? Memory { get; init; }

    /// <summary>Further options of sbatch, each a line behind <c>#SBATCH</c>.</summary>
    public IReadOnlyList<string> Lines { get; init; } = [];

    /// <summary>How often a unit is submitted before the network that it stands at counts as failed.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>Elements in the queue at once; null: half of the cluster's MaxJobCount.</summary>
    public int? MaxJobs { get; init; }

    /// <summary>Between two looks at the queue and at the results.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a unit that left no result waits before it is submitted again, doubled with each attempt. At least as long as a file that another machine wrote may take to be seen on this one: on NFS
    /// a minute, by its defaults.
    /// </summary>
    public TimeSpan BackOff { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The folder of images from files, on the nodes too; null: the default one.</summary>
    public string? Data { get; init; }

    /// <summary>The minutes after which a unit hands in what it has.</summary>
    public double Minutes => Time is { } limit ? Math.Min(UnitMinutes * 1.5, limit.TotalMinutes * 0.8) : UnitMinutes * 1.5;

    /// <summary>What Slurm is told.</summary>
    public TimeSpan TimeLimit => Time ?? TimeSpan.FromMinutes(Math.Ceiling(UnitMinutes * 2) + 2);
}
