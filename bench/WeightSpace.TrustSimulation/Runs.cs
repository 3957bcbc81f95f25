namespace WeightSpace.TrustSimulation;

/// <summary>Runs with each seed, each once.</summary>
internal sealed class Runs(Population population, int seeds, IReadOnlyList<double> shares, Action<string> say)
{
    private readonly Dictionary<(string Policy, double Share, string Kinds), Outcome[]> _outcomes = [];

    public static IReadOnlyList<(Behaviour Kind, string Name)> Kinds { get; } =
    [
        (Behaviour.Always, "all wrong, always"), (Behaviour.Sometimes, "all wrong, 1 result of 20"), (Behaviour.Sleeper, "all wrong, after 100 right results"), (Behaviour.Poison, "one network in a thousand"),
        (Behaviour.Ring, "ring: equal wrong bytes"), (Behaviour.PatientRing, "patient ring"),
    ];

    /// <summary>All kinds but the ring that does not wait: of a ring, all do the same.</summary>
    public static IReadOnlyList<Behaviour> Mix { get; } = [Behaviour.Always, Behaviour.Sometimes, Behaviour.Sleeper, Behaviour.Poison, Behaviour.PatientRing];

    public IReadOnlyList<double> Shares => shares;

    public IReadOnlyList<Policy> Policies { get; init; } = Policy.All;

    public Outcome[] Of(Policy policy, double share, IReadOnlyList<Behaviour> kinds)
    {
        (string, double, string) key = (policy.Name, share, string.Join('+', kinds));
        if (!_outcomes.TryGetValue(key, out Outcome[]? outcomes))
        {
            say($"{policy.Name}, {share:P0} of {key.Item3}");
            _outcomes[key] = outcomes = [.. Enumerable.Range(1, seeds).Select(seed => Simulation.Run(population with { Cheats = share, Kinds = kinds }, policy, (ulong)seed))];
        }
        return outcomes;
    }
}
