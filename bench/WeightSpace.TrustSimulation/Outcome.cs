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

    /// <summary>Every host that cheated, or was there to.</summary>
    public List<Fate> Cheats { get; } = [];

    /// <summary>The honest hosts with bad memory.</summary>
    public List<Fate> BadMemory { get; } = [];

    /// <summary>Of the cheats that were caught: results from the first wrong one to when one was found wrong.</summary>
    public IEnumerable<int> UntilCaught => Cheats.Where(each => each.FirstCaught > 0).Select(each => each.FirstCaught - each.FirstWrong + 1);

    /// <summary>Wrong networks in a million that were ever accepted, and that stand at the end.</summary>
    public double BeforePerMillion => 1e6 * AcceptedWrong / Standing;

    public double AfterPerMillion => 1e6 * StandingWrong / Standing;

    /// <summary>Volunteers' results beyond one for each unit, as a share of the units.</summary>
    public double Redundant => ((double)Results / UnitsAccepted) - 1;

    /// <summary>Networks that the server trained, as a share of those that volunteers did.</summary>
    public double ServerShare(int networks) => ServerNetworks / ((double)Results * networks);

    /// <summary>The share of cheats that were caught, of those that handed in anything wrong.</summary>
    public double Caught => Share(Cheats);

    /// <summary>The same of honest hosts with bad memory.</summary>
    public double BadMemoryCaught => Share(BadMemory);

    private static double Share(List<Fate> hosts) => hosts.Count(each => each.FirstWrong > 0) is > 0 and var wrong ? hosts.Count(each => each.FirstCaught > 0) / (double)wrong : double.NaN;
}

/// <summary>What became of a host.</summary>
/// <param name="Results">Results that it handed in.</param>
/// <param name="FirstWrong">The first of them that was wrong, counted from 1; 0: none.</param>
/// <param name="FirstCaught">How many there were when one was first found wrong; 0: none was.</param>
internal readonly record struct Fate(int Results, int FirstWrong, int FirstCaught);
