namespace WeightSpace.Server.Trust;

/// <summary>
/// How likely a cheat goes unnoticed, in closed form: the formulas of docs/trust.md, for one host that begins with no record and hands in one result after the other. The chance that a
/// result is checked is <see cref="TrustPolicy.ChanceOfCheck"/> of the results that were compared before; with a quorum each is compared, without one only those that were trained again.
/// </summary>
/// <param name="policy">What the server does.</param>
/// <param name="networks">Networks of a unit, at least 1.</param>
/// <param name="colluding">The chance that another copy of a unit goes to one who hands in the same wrong bytes, 0 to 1. It matters with a quorum only.</param>
public sealed class Detection(TrustPolicy policy, int networks, double colluding = 0)
{
    /// <summary>How one host stands after so many results.</summary>
    /// <param name="Unnoticed">The chance that none of its results was found wrong.</param>
    /// <param name="Checks">How often one of its results was trained again, on average, of a host that is checked no more once it was caught.</param>
    /// <param name="Accepted">Wrong networks that it brought into the zoo until then, on average, before any of them is taken back.</param>
    /// <param name="Left">The same, of those where it was never caught: what stays where a caught host's results are all checked again.</param>
    public readonly record struct Standing(double Unnoticed, double Checks, double Accepted, double Left);

    /// <summary>The chance that a cheat is not noticed in any of so many results.</summary>
    public double ChanceUnnoticed(Cheat cheat, int results) => After(cheat, results).Unnoticed;

    /// <summary>
    /// Goes from result to result with the chance of each record: a host of record r is checked with p(r), seen with <see cref="Cheat.ChanceSeen"/>, and of record r + 1 otherwise. Records with
    /// the least chance of a check are taken as one.
    /// </summary>
    public Standing After(Cheat cheat, int results)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(results);
        // The first record from which on the chance of a check falls no more.
        int last = policy.LeastShare == 0 ? 0 : (int)Math.Ceiling(TrustPolicy.Patience * ((1 / policy.LeastShare) - 1));
        double[] unnoticed = new double[last + 1], left = new double[last + 1], nextUnnoticed = new double[last + 1], nextLeft = new double[last + 1];
        unnoticed[0] = 1;
        double checks = 0, accepted = 0;
        // That all other copies of a unit come from the same hands; without a quorum there are none.
        double alone = Math.Pow(colluding, policy.Quorum - 1);
        // Of the wrong networks of a result: their mean, and the mean of their number's square.
        double mean = networks * cheat.Networks, square = (mean * (1 - cheat.Networks)) + (mean * mean);
        for (int result = 0; result < results; result++)
        {
            bool isHonest = result < cheat.HonestBefore;
            double wrong = isHonest ? 0 : cheat.Results, anything = isHonest ? 0 : cheat.ChanceOfWrong(networks);
            // What is not noticed by comparing: nothing is wrong, or all other copies are of the same hands.
            double pass = 1 - ((1 - alone) * anything), bring = alone * wrong * mean;
            Array.Clear(nextUnnoticed);
            Array.Clear(nextLeft);
            for (int record = 0; record <= last; record++)
            {
                (double chance, double host, double brought) = (policy.ChanceOfCheck(record), unnoticed[record], left[record]);
                if (host == 0)
                    continue;
                // Of a result that is not noticed by comparing, what a check lets through: the host, and the wrong networks that the result brings.
                double seen = alone * wrong * cheat.Networks * cheat.Segments, passed = Math.Max(0, pass - seen);
                double broughtThrough = Math.Max(0, alone * wrong * (mean - (cheat.Segments * square / networks)));
                int better = Math.Min(record + 1, last), unchecked_ = policy.Quorum > 1 ? better : record;
                checks += host * chance;
                accepted += host * (((1 - chance) * bring) + (chance * broughtThrough));
                nextUnnoticed[unchecked_] += (1 - chance) * host * pass;
                nextLeft[unchecked_] += (1 - chance) * ((brought * pass) + (host * bring));
                nextUnnoticed[better] += chance * host * passed;
                nextLeft[better] += chance * ((brought * passed) + (host * broughtThrough));
            }
            (unnoticed, nextUnnoticed) = (nextUnnoticed, unnoticed);
            (left, nextLeft) = (nextLeft, left);
        }
        return new Standing(unnoticed.Sum(), checks, accepted, left.Sum());
    }

    /// <summary>
    /// The share of wrong networks that so many checks of networks, each chosen at random among all, with nothing wrong in any of them rule out: where more were wrong, checks that all pass would
    /// be less likely than 1 - <paramref name="confidence"/>. About 3 / checks (the rule of three): Clopper and Pearson, 1934, with no success.
    /// </summary>
    public static double MostWrong(long checks, double confidence = 0.95)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(checks);
        return 1 - Math.Pow(1 - confidence, 1.0 / checks);
    }
}
