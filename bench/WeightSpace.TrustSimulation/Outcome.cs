namespace WeightSpace.TrustSimulation;

/// <summary>What came of one run.</summary>
internal sealed class Outcome
{
    /// <summary>Networks that stand in the zoo at the end, and those of them that are wrong.</summary>
    public long Standing { get; set; }

    public long StandingWrong { get; set; }

    /// <summary>Wrong networks that were accepted at any time.</summary>
    public long AcceptedWrong { get; set; }

    /// <summary>Wrong networks that had been accepted and were taken back.</summary>
    public long Withdrawn { get; set; }

    public long UnitsAccepted { get; set; }

    /// <summary>Results that volunteers handed in.</summary>
    public long Results { get; set; }

    /// <summary>Of these, results that confirm what a caught host had brought.</summary>
    public long Rechecks { get; set; }

    /// <summary>Networks that the server trained.</summary>
    public long ServerNetworks { get; set; }

    /// <summary>How often a right result of an honest host was called wrong.</summary>
    public long HonestPunished { get; set; }

    /// <summary>Of each cheat that handed in anything wrong: results from the first wrong one to the one that was found wrong, 0 where none was.</summary>
    public List<int> UntilCaught { get; } = [];

    /// <summary>The same for honest hosts with bad memory.</summary>
    public List<int> BadMemoryUntilCaught { get; } = [];

    /// <summary>Results of each cheat, in the order of <see cref="UntilCaught"/>.</summary>
    public List<int> ResultsOfCheats { get; } = [];

    /// <summary>Wrong networks in a million that were ever accepted, and that stand at the end.</summary>
    public double BeforePerMillion => 1e6 * AcceptedWrong / Standing;

    public double AfterPerMillion => 1e6 * StandingWrong / Standing;

    /// <summary>Volunteers' results beyond one for each unit, as a share of the units.</summary>
    public double Redundant => ((double)Results / UnitsAccepted) - 1;

    /// <summary>Networks that the server trained, as a share of those that volunteers did.</summary>
    public double ServerShare(int networks) => ServerNetworks / ((double)Results * networks);

    /// <summary>The share of cheats that were caught, of those that handed in anything wrong.</summary>
    public double Caught => UntilCaught.Count == 0 ? double.NaN : UntilCaught.Count(each => each > 0) / (double)UntilCaught.Count;

    public double BadMemoryCaught => BadMemoryUntilCaught.Count == 0 ? double.NaN : BadMemoryUntilCaught.Count(each => each > 0) / (double)BadMemoryUntilCaught.Count;
}
