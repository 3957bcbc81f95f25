using System.Globalization;

namespace WeightSpace.Zoos.Experiments;

/// <summary>
/// What an experiment asks of a Slurm cluster: its section <c>slurm</c>. Null where it says nothing. An option of the command line goes before it, another engine has no use for it, and no network depends on it.
/// </summary>
public sealed record SlurmSection
{
    internal static readonly string[] Keys =
        ["partition", "account", "qos", "constraint", "time", "memory", "sbatch", "unit_minutes", "core_gflops", "attempts", "max_jobs", "poll", "back_off"];

    private static readonly string[] s_enginesOwn = ["--array", "-a", "--job-name", "-J", "--output", "-o", "--wrap"];

    public static readonly NumberRange UnitMinutesRange = new(0, 1e5, ExcludesMin: true), GflopsRange = new(0, 1e6, ExcludesMin: true), SecondsRange = new(0, 86_400, ExcludesMin: true), CountRange = new(1, 1e7), AttemptsRange = new(1, 1000);

    public string? Partition { get; init; }

    public string? Account { get; init; }

    public string? Qos { get; init; }

    public string? Constraint { get; init; }

    /// <summary>The time limit of a job.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>MB of memory of a job.</summary>
    public int? Memory { get; init; }

    /// <summary>Further options of sbatch.</summary>
    public IReadOnlyList<string>? Lines { get; init; }

    /// <summary>Minutes that a work unit is meant to take.</summary>
    public double? UnitMinutes { get; init; }

    /// <summary>GFLOP/s that training reaches on a core of the cluster.</summary>
    public double? CoreGflops { get; init; }

    public int? Attempts { get; init; }

    public int? MaxJobs { get; init; }

    /// <summary>Seconds between two looks at the queue.</summary>
    public double? Poll { get; init; }

    /// <summary>Seconds until a unit that left no result is submitted again.</summary>
    public double? BackOff { get; init; }

    /// <summary>Slurm's times: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds; null for any other word.</summary>
    public static TimeSpan? ParseTime(string text)
    {
        string[] byDay = text.Split('-');
        string[] parts = byDay[^1].Split(':');
        if (byDay.Length > 2 || parts.Length > 3 || !byDay.SkipLast(1).Concat(parts).All(part => part.Length <= 6 && int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            return null;
        int[] numbers = [.. parts.Select(part => int.Parse(part, CultureInfo.InvariantCulture))];
        if (byDay.Length == 2)
            return new TimeSpan(int.Parse(byDay[0], CultureInfo.InvariantCulture), numbers[0], numbers.ElementAtOrDefault(1), numbers.ElementAtOrDefault(2));
        return numbers.Length switch
        {
            1 => new TimeSpan(0, numbers[0], 0),
            2 => new TimeSpan(0, numbers[0], numbers[1]),
            _ => new TimeSpan(numbers[0], numbers[1], numbers[2]),
        };
    }

    /// <summary>The time limit of a job; throws <see cref="FormatException"/> with what was found and expected.</summary>
    public static TimeSpan TimeLimit(string text) => ParseTime(text) is { } limit && limit > TimeSpan.Zero ? limit
        : throw new FormatException($"found '{text}', expected minutes, minutes:seconds, hours:minutes:seconds or days-hours");

    /// <summary>A name without spaces, as Slurm has them; throws <see cref="FormatException"/> with what was found and expected.</summary>
    public static string Word(string text) => text.Length > 0 && !text.Any(letter => char.IsWhiteSpace(letter) || char.IsControl(letter)) ? text : throw new FormatException($"found '{text}', expected a word");

    /// <summary>A further option of sbatch; throws <see cref="FormatException"/> with what was found and expected.</summary>
    public static string Line(string text)
    {
        if (!text.StartsWith('-') || text.Any(char.IsControl))
            throw new FormatException($"found '{text}', expected an option of sbatch, as \"--exclude=n7\"");
        return s_enginesOwn.FirstOrDefault(own => text.StartsWith(own, StringComparison.Ordinal)) is not { } taken ? text
            : throw new FormatException($"found '{text}', but {taken} is what the engine finds its jobs by; leave it out");
    }

    internal static SlurmSection? Parse(YamlSection top)
    {
        if (top.FindSection("slurm", Keys) is not { } section)
            return null;
        return new SlurmSection
        {
            Partition = Read(section, "partition", Word),
            Account = Read(section, "account", Word),
            Qos = Read(section, "qos", Word),
            Constraint = Read(section, "constraint", Word),
            Time = section.Has("time") ? Read(section, section.Find("time")!, "time", TimeLimit) : null,
            Memory = Count(section, "memory", CountRange),
            Lines = section.FindItems("sbatch") is { } lines ? [.. lines.Select(line => Read(section, line, "sbatch", Line))] : null,
            UnitMinutes = section.FindDouble("unit_minutes", UnitMinutesRange),
            CoreGflops = section.FindDouble("core_gflops", GflopsRange),
            Attempts = Count(section, "attempts", AttemptsRange),
            MaxJobs = Count(section, "max_jobs", CountRange),
            Poll = section.FindDouble("poll", SecondsRange),
            BackOff = section.FindDouble("back_off", SecondsRange),
        };
    }

    private static int? Count(YamlSection section, string key, NumberRange range) => section.Find(key) is { } node ? (int)section.Int64(node, section.Full(key), range) : null;

    private static string? Read(YamlSection section, string key, Func<string, string> read) => section.Find(key) is { } node ? Read(section, node, key, read) : null;

    private static T Read<T>(YamlSection section, YamlNode node, string key, Func<string, T> read)
    {
        try
        {
            return read(section.Text(node, section.Full(key)));
        }
        catch (FormatException error)
        {
            throw section.Error(node, $"{section.Full(key)}: {error.Message}");
        }
    }
}
