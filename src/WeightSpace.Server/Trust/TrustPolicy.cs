namespace WeightSpace.Server.Trust;

/// <summary>How much of what strangers hand in is held against the truth (docs/trust.md).</summary>
/// <param name="LeastShare">Of the results of a host with a long record, the share of which a network is trained again, 0 to 1.</param>
/// <param name="Quorum">Results from different owners that must be equal before one is accepted; 1: one is enough.</param>
public sealed record TrustPolicy(double LeastShare, int Quorum)
{
    public static TrustPolicy Default { get; } = new(0.1, 1);

    /// <summary>With so many results found right in a row, a host's are looked at half as often as a new one's.</summary>
    public const double Patience = 10;

    /// <summary>
    /// The chance that a result is checked, of a host of which so many results in a row were compared and right: 1 for a new one, and for one that was just found wrong, falling as
    /// <c>Patience / (Patience + right)</c> to <see cref="LeastShare"/>. Nothing is trained again where the least share is 0.
    /// </summary>
    public double ChanceOfCheck(long rightInRow) => LeastShare == 0 ? 0 : Math.Max(LeastShare, Patience / (Patience + rightInRow));
}
