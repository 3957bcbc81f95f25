namespace WeightSpace.Server.Trust;

/// <summary>How a cheat cheats, as far as a comparison of bytes can tell: what is wrong, not why (docs/trust.md).</summary>
/// <param name="Results">The share of its results in which anything may be wrong.</param>
/// <param name="Networks">Of the networks of such a result, the share that is wrong, each by a draw of its own.</param>
/// <param name="Segments">Of a wrong network that is checked by segments, the share of them that were not trained from where they begin; 1 where it is trained again whole.</param>
/// <param name="HonestBefore">Results that are right before the first that is not.</param>
public sealed record Cheat(double Results = 1, double Networks = 1, double Segments = 1, int HonestBefore = 0)
{
    /// <summary>Random weights, an earlier network handed in again, fewer steps than said, another seed: nothing is right in any result.</summary>
    public static Cheat Wholly { get; } = new();

    /// <summary>One network in a thousand.</summary>
    public static Cheat OneInAThousand { get; } = new(Networks: 1e-3);

    /// <summary>The chance that anything is wrong in a result of so many networks.</summary>
    public double ChanceOfWrong(int networks) => Results * (1 - Math.Pow(1 - Networks, networks));

    /// <summary>The chance that training one network of a result again, or one segment of it, shows that it is wrong. It does not depend on how many networks a unit has.</summary>
    public double ChanceSeen => Results * Networks * Segments;
}
