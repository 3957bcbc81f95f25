using System.Globalization;
using WeightSpace.Server.Trust;

namespace WeightSpace.TrustSimulation;

/// <summary>The tables of docs/trust.md, in Markdown.</summary>
internal static class Tables
{
    private const int Networks = 100;

    // Student's t, 97.5 %, for 1 to 29 degrees of freedom.
    private static readonly double[] s_student =
    [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045,
    ];

    public static int MostSeeds => s_student.Length + 1;

    private static readonly (string Name, Cheat Cheat)[] s_cheats =
    [
        ("all networks wrong, always", Cheat.Wholly),
        ("all networks wrong, in 1 result of 20", new Cheat(Results: 0.05)),
        ("all networks wrong, after 100 right results", new Cheat(HonestBefore: 100)),
        ("one network in a thousand", Cheat.OneInAThousand),
    ];

    /// <summary>What follows from the formulas alone.</summary>
    public static void WriteFormulas(TextWriter to)
    {
        (string Name, TrustPolicy Policy, double Colluding)[] policies =
        [
            ("spot 1", new TrustPolicy(1, 1), 0), ("spot 0.1", new TrustPolicy(0.1, 1), 0), ("spot 0.02", new TrustPolicy(0.02, 1), 0),
            ("quorum 2, nobody colludes", new TrustPolicy(0, 2), 0), ("quorum 2, f = 0.05", new TrustPolicy(0, 2), 0.05), ("quorum 2, f = 0.2", new TrustPolicy(0, 2), 0.2),
            ("quorum 3, f = 0.2", new TrustPolicy(0, 3), 0.2), ("quorum 2, f = 0.2, spot 0.1", new TrustPolicy(0.1, 2), 0.2),
        ];
        int[] counts = [1, 10, 100, 110, 1000, 10_000];
        to.WriteLine("| cheat | policy | n = 1 | 10 | 100 | 110 | 1,000 | 10,000 |\n|---|---|---|---|---|---|---|---|");
        foreach ((string cheat, Cheat does) in s_cheats)
        {
            foreach ((string name, TrustPolicy policy, double colluding) in policies)
                Row(to, cheat, name, [.. counts.Select(count => Chance(new Detection(policy, Networks, colluding).ChanceUnnoticed(does, count)))]);
        }
        to.WriteLine("\n| cheat | policy | wrong networks accepted in 1,000 results until it is caught | left in the zoo |\n|---|---|---|---|");
        foreach ((string cheat, Cheat does) in s_cheats)
        {
            foreach ((string name, TrustPolicy policy, double colluding) in policies)
            {
                Detection.Standing after = new Detection(policy, Networks, colluding).After(does, 1000);
                Row(to, cheat, name, Number(after.Accepted), Number(after.Left));
            }
        }
        to.WriteLine("\n| results of an honest host | 10 | 100 | 1,000 | 10,000 |\n|---|---|---|---|---|");
        foreach ((string name, TrustPolicy policy) in ((string, TrustPolicy)[])[("spot 0.1", new(0.1, 1)), ("spot 0.02", new(0.02, 1)), ("quorum 2, spot 0.1", new(0.1, 2)), ("quorum 2, spot 0.02", new(0.02, 2))])
        {
            Row(to, name + ": checked", [.. ((int[])[10, 100, 1000, 10_000]).Select(count =>
                string.Create(CultureInfo.InvariantCulture, $"{new Detection(policy, Networks).After(new Cheat(Results: 0), count).Checks / count:P1}"))]);
        }
        long[] checks = [100, 300, 1000, 3000, 10_000, 100_000];
        to.WriteLine($"\n| checks, all passed | {string.Join(" | ", checks.Select(each => each.ToString("N0", CultureInfo.InvariantCulture)))} |\n|---|---|---|---|---|---|---|");
        Row(to, "wrong networks of 1,000, at most", [.. checks.Select(each => Number(1000 * Detection.MostWrong(each)))]);
    }

    /// <summary>One row for each policy and share of cheats.</summary>
    public static void WriteMix(TextWriter to, Runs runs)
    {
        to.WriteLine("| policy | cheats | wrong of a million, accepted | in the zoo | cheats caught | results until then: median, 90 % | withdrawn, thousands | volunteers' extra work | server trains | honest hosts punished | bad memory found |");
        to.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (Policy policy in runs.Policies)
        {
            foreach (double share in runs.Shares)
            {
                Outcome[] outcomes = runs.Of(policy, share, Runs.Mix);
                Row(to, policy.Name, Percent(share), Mean(outcomes, each => each.BeforePerMillion), Mean(outcomes, each => each.AfterPerMillion), Mean(outcomes, each => each.Caught, isPercent: true), Until(outcomes),
                    Mean(outcomes, each => each.Withdrawn / 1000.0), Mean(outcomes, each => each.Redundant, isPercent: true), Mean(outcomes, each => each.ServerShare(Networks), isPercent: true),
                    Mean(outcomes, each => each.HonestPunished), Mean(outcomes, each => each.BadMemoryCaught, isPercent: true));
            }
        }
    }

    /// <summary>One row for each kind of cheat and policy: what stands in the zoo in the end, for each share.</summary>
    public static void WriteKinds(TextWriter to, Runs runs, IReadOnlyList<(Behaviour Kind, string Name)> kinds)
    {
        to.WriteLine($"| cheat | policy | {string.Join(" | ", runs.Shares.Select(share => $"wrong of a million in the zoo, {Percent(share)} cheats"))} | accepted, {Percent(runs.Shares[^1])} | caught, {Percent(runs.Shares[^1])} | results until then: median, 90 % |");
        to.WriteLine($"|---|---|{string.Concat(Enumerable.Repeat("---|", runs.Shares.Count))}---|---|---|");
        foreach ((Behaviour kind, string name) in kinds)
        {
            foreach (Policy policy in runs.Policies.Where(policy => policy.Name is not ("none" or "spot 0.02")))
            {
                Outcome[] most = runs.Of(policy, runs.Shares[^1], [kind]);
                Row(to, name, policy.Name, [.. runs.Shares.Select(share => IsCertain(policy, kind) && share < runs.Shares[^1] ? "0" : Mean(runs.Of(policy, share, [kind]), each => each.AfterPerMillion)), Mean(most, each => each.BeforePerMillion), Mean(most, each => each.Caught, isPercent: true), Until(most)]);
            }
        }
    }

    /// <summary>Whether nothing wrong can be accepted at all: results are compared with another owner's, and no two cheats hand in the same. Only the most cheats are run then.</summary>
    private static bool IsCertain(Policy policy, Behaviour kind) => policy.Trust is { Quorum: > 1 } && kind is not (Behaviour.Ring or Behaviour.PatientRing);

    private static void Row(TextWriter to, string first, params string[] cells) => to.WriteLine($"| {first} | {string.Join(" | ", cells)} |");

    private static void Row(TextWriter to, string first, string second, string[] cells) => Row(to, first, [second, .. cells]);

    /// <summary>The mean over the seeds, with its 95 % interval.</summary>
    private static string Mean(Outcome[] outcomes, Func<Outcome, double> of, bool isPercent = false)
    {
        double[] values = [.. outcomes.Select(of).Where(each => !double.IsNaN(each)).Select(each => isPercent ? 100 * each : each)];
        if (values.Length == 0)
            return "-";
        double mean = values.Average(), variance = values.Length < 2 ? 0 : values.Sum(each => (each - mean) * (each - mean)) / (values.Length - 1);
        double half = values.Length < 2 ? 0 : s_student[values.Length - 2] * Math.Sqrt(variance / values.Length);
        string error = Number(half, digits: 2, isPercent ? 2 : 9);
        return Number(mean, 3, isPercent ? 2 : 9) + (error == "0" ? "" : $" ± {error}") + (isPercent ? " %" : "");
    }

    /// <summary>Over all seeds' caught cheats.</summary>
    private static string Until(Outcome[] outcomes)
    {
        int[] until = [.. outcomes.SelectMany(each => each.UntilCaught).Order()];
        return until.Length == 0 ? "-" : $"{until[(until.Length - 1) / 2]}, {until[(int)Math.Ceiling(0.9 * until.Length) - 1]}";
    }

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.#} %");

    private static string Chance(double chance) => chance switch
    {
        0 => "0",
        < 1e-6 => "< 10⁻⁶",
        _ => Number(chance),
    };

    /// <summary>With so many digits that count, at most so many of them behind the point, and no exponent.</summary>
    private static string Number(double value, int digits = 3, int most = 9)
    {
        if (value == 0)
            return "0";
        int decimals = Math.Clamp(digits - 1 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, most);
        string text = value.ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        text = text.Contains('.', StringComparison.Ordinal) ? text.TrimEnd('0').TrimEnd('.') : text;
        return text == "-0" ? "0" : text;
    }
}
