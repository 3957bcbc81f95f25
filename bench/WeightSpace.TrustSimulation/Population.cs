using WeightSpace.Server.Trust;

namespace WeightSpace.TrustSimulation;

/// <summary>What a host hands in.</summary>
internal enum Behaviour
{
    Honest,
    /// <summary>Honest, on a machine that now and then changes a bit.</summary>
    BadMemory,
    /// <summary>Nothing in any result is right: random weights, an earlier network, fewer steps, another seed.</summary>
    Always,
    /// <summary>The same, in one result of twenty.</summary>
    Sometimes,
    /// <summary>The same after a hundred right results, and again a hundred after each time it was caught.</summary>
    Sleeper,
    /// <summary>One network in a thousand is wrong.</summary>
    Poison,
    /// <summary>One of a ring: nothing is right, and all of the ring hand in the same bytes.</summary>
    Ring,
    /// <summary>One of a ring that hands in wrong bytes only where all copies of a unit that are compared lie with the ring, and right ones otherwise.</summary>
    PatientRing,
}

/// <summary>What a server does.</summary>
/// <param name="Name">As the tables have it.</param>
/// <param name="Trust">Null: BOINC's adaptive replication, which trains nothing again and takes what most say.</param>
internal sealed record Policy(string Name, TrustPolicy? Trust)
{
    public static IReadOnlyList<Policy> All { get; } =
    [
        new("none", new TrustPolicy(0, 1)),
        new("spot 0.1", new TrustPolicy(0.1, 1)),
        new("spot 0.02", new TrustPolicy(0.02, 1)),
        new("quorum 2", new TrustPolicy(0, 2)),
        new("quorum 2, spot 0.1", new TrustPolicy(0.1, 2)),
        new("BOINC adaptive", null),
    ];
}

/// <summary>Who takes part, and for how long. docs/trust.md says where the numbers come from.</summary>
internal sealed record Population
{
    public int Hosts { get; init; } = 10_000;

    /// <summary>Days from the first unit to the last that is begun; then what is open is finished.</summary>
    public double Days { get; init; } = 20;

    /// <summary>Networks of a unit, at most 128.</summary>
    public int Networks { get; init; } = 100;

    /// <summary>Units that a host trains in a month of thirty days, on average.</summary>
    public double UnitsPerMonth { get; init; } = 300;

    /// <summary>Hosts' speeds are log-normal: the standard deviation of their logarithm.</summary>
    public double SpeedSpread { get; init; } = 0.8;

    /// <summary>How long a host stays, on average; exponential. Another of its kind takes its place.</summary>
    public double LifetimeDays { get; init; } = 91;

    public double DeadlineDays { get; init; } = 7;

    /// <summary>The share of results that end with an error that the host reports.</summary>
    public double Failed { get; init; } = 0.02;

    /// <summary>The share of results that never come back, beside those of hosts that leave.</summary>
    public double Missed { get; init; } = 0.02;

    public int HostsToAnOwner { get; init; } = 2;

    /// <summary>The share of honest hosts with bad memory.</summary>
    public double BadMemory { get; init; } = 0.01;

    /// <summary>The chance that one network of a result of theirs is wrong.</summary>
    public double BadMemoryErrors { get; init; } = 0.02;

    /// <summary>Whether a caught host's accepted results are checked again; that they are not is for comparing with the formulas of one host alone.</summary>
    public bool ChecksAgain { get; init; } = true;

    /// <summary>The share of all hosts that cheat.</summary>
    public double Cheats { get; init; }

    /// <summary>What they do; several share them equally.</summary>
    public IReadOnlyList<Behaviour> Kinds { get; init; } = [Behaviour.Always];

    /// <summary>What the host at a place does; cheats come first, and an owner's hosts do the same.</summary>
    public Behaviour Of(int place)
    {
        int cheats = (int)Math.Round(Cheats * Hosts), owner = place / HostsToAnOwner;
        if (place < cheats)
            return Kinds[owner % Kinds.Count];
        return place - cheats < BadMemory * (Hosts - cheats) ? Behaviour.BadMemory : Behaviour.Honest;
    }
}
