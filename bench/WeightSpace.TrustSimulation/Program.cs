using System.Diagnostics;
using System.Globalization;
using WeightSpace.TrustSimulation;

// Prints the tables of docs/trust.md: what follows from the formulas, and what comes of simulated hosts.
const string usage = """
    usage: weightspace-trust formulas
           weightspace-trust mix|kinds [--seeds N] [--hosts N] [--days N] [--policy POLICY] [--kind KIND]
      formulas    the chances of the closed formulas
      mix         all kinds of cheats at once, 1, 5 and 20 % of the hosts
      kinds       each kind alone, 1, 5 and 20 % of the hosts; or one of them
    The seeds are 1 to N (10), the hosts 10,000, the days 20.
    """;
try
{
    if (args is ["formulas"])
    {
        Tables.WriteFormulas(Console.Out);
        return 0;
    }
    if (args is not [("mix" or "kinds") and var what, .. var options] || options.Length % 2 != 0)
        throw new FormatException($"no such command or not its arguments: '{string.Join(' ', args)}'");
    (int seeds, var population, var kinds, var policies) = (10, new Population(), Runs.Kinds, Policy.All);
    for (int i = 0; i < options.Length; i += 2)
    {
        switch (options[i])
        {
            case "--seeds":
                seeds = Count(options[i + 1], 2, Tables.MostSeeds);
                break;
            case "--kind" when what == "kinds":
                kinds = [.. Runs.Kinds.Where(kind => kind.Kind.ToString().Equals(options[i + 1], StringComparison.OrdinalIgnoreCase))];
                if (kinds.Count == 0)
                    throw new FormatException($"no such kind: '{options[i + 1]}'; there are {string.Join(", ", Runs.Kinds.Select(kind => kind.Kind))}");
                break;
            case "--policy":
                policies = [.. Policy.All.Where(policy => policy.Name == options[i + 1])];
                if (policies.Count == 0)
                    throw new FormatException($"no such policy: '{options[i + 1]}'; there are {string.Join("; ", Policy.All.Select(policy => policy.Name))}");
                break;
            case "--hosts":
                population = population with { Hosts = Count(options[i + 1], 100, 1_000_000) };
                break;
            case "--days":
                population = population with { Days = Count(options[i + 1], 1, 3650) };
                break;
            default:
                throw new FormatException($"unknown option '{options[i]}'");
        }
    }
    long start = Stopwatch.GetTimestamp();
    var runs = new Runs(population, seeds, [0.01, 0.05, 0.2], line => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(start).TotalSeconds,6:F0} s  {line}"))) { Policies = policies };
    if (what == "mix")
        Tables.WriteMix(Console.Out, runs);
    else
        Tables.WriteKinds(Console.Out, runs, kinds);
    return 0;
}
catch (FormatException problem)
{
    Console.Error.WriteLine($"weightspace-trust: {problem.Message}\n{usage}");
    return 2;
}

static int Count(string text, int least, int most) =>
    int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most
        ? value : throw new FormatException($"'{text}' is not a whole number from {least} to {most}");
