using System.Collections.Concurrent;
using Npgsql;
using WeightSpace.Server.Database;

namespace WeightSpace.Server.Projects;

/// <summary>
/// Who asked for work lately, how fast they are and how many cores they have: what units are cut to. It is a memory of the last day, rebuilt from the database by a new server; nothing is lost
/// with it but a good guess.
/// </summary>
internal sealed class Demand
{
    /// <summary>Until a host has shown what it does, its units are smaller by this: its own benchmark may be far off, and what is learned soon is worth more.</summary>
    public const double FirstShare = 0.25;

    // Speeds are counted in steps of an eighth of a doubling, from 2^0 to 2^64 operations a second.
    private const int Steps = 8, Buckets = 64 * Steps;

    // Cores that are reckoned with while nobody has asked.
    private const double CoresOfNobody = 16;

    private static readonly TimeSpan s_lately = TimeSpan.FromDays(1);

    private readonly ConcurrentDictionary<long, (int Bucket, int Cores, DateTimeOffset At)> _hosts = new();
    private readonly ConcurrentDictionary<int, int> _handedOut = new();
    private readonly long[] _cores = new long[Buckets];

    /// <summary>Operations a second that hosts have shown over those that their benchmarks claim: the median of the hosts that were measured; 1 while none was.</summary>
    public double Ratio { get; private set; } = 1;

    /// <summary>Wakes who stages units: less was handed out than was asked for, or there is something new to stage.</summary>
    public SemaphoreSlim News { get; } = new(0);

    /// <summary>Operations a second that a core of a host makes of training, as far as is known.</summary>
    public double Speed(double? measured, double claimed) => measured ?? Math.Clamp(claimed * Ratio, 1e7, 1e12);

    /// <summary>The speed that a host's units are cut to.</summary>
    public double UnitSpeed(double? measured, double claimed) => Speed(measured, claimed) * (measured is null ? FirstShare : 1);

    /// <summary>The class of a unit: it needs at most 2^class operations, and more than half of that.</summary>
    public static int SizeClass(double flops) => (int)Math.Ceiling(Math.Log2(Math.Max(1, flops)) - 1e-9);

    /// <summary>The class of units that takes a core of this speed nearest to so many seconds: at most √2 times as long, or as short.</summary>
    public static int SizeClass(double speed, double seconds) => (int)Math.Round(Math.Log2(Math.Max(1, speed * seconds)));

    /// <summary>A host asks for work.</summary>
    public void Ask(long host, double unitSpeed, int cores, DateTimeOffset now)
    {
        int bucket = Math.Clamp((int)Math.Round(Steps * Math.Log2(Math.Max(1, unitSpeed))), 0, Buckets - 1);
        if (_hosts.TryGetValue(host, out var before))
            Interlocked.Add(ref _cores[before.Bucket], -before.Cores);
        Interlocked.Add(ref _cores[bucket], cores);
        _hosts[host] = (bucket, cores, now);
    }

    /// <summary>Units of a class were handed out.</summary>
    public void Take(int sizeClass, int units) => _handedOut.AddOrUpdate(sizeClass, units, (_, before) => before + units);

    /// <summary>What was handed out since the last call, by class.</summary>
    public IReadOnlyDictionary<int, int> Taken()
    {
        var taken = new Dictionary<int, int>();
        foreach (int each in _handedOut.Keys)
        {
            if (_handedOut.TryRemove(each, out int units))
                taken[each] = units;
        }
        return taken;
    }

    /// <summary>Cores of the hosts that asked lately.</summary>
    public double Cores => _hosts.IsEmpty ? CoresOfNobody : Math.Max(1, _cores.Sum(cores => Math.Max(0, cores)));

    /// <summary>The classes of units of so many seconds that are wanted, with the cores of their hosts, and the smallest first; while nobody has asked, that of a new host of 1 GFLOP/s.</summary>
    public SortedDictionary<int, double> Classes(double seconds)
    {
        var classes = new SortedDictionary<int, double>();
        for (int i = 0; i < Buckets; i++)
        {
            if (_cores[i] > 0)
            {
                int each = SizeClass(Math.Pow(2, (double)i / Steps), seconds);
                classes[each] = classes.GetValueOrDefault(each) + _cores[i];
            }
        }
        if (classes.Count == 0)
            classes[SizeClass(UnitSpeed(null, 1e9), seconds)] = CoresOfNobody;
        return classes;
    }

    /// <summary>The size of the units of a network that goes on over several, where one is meant to take so many seconds: of the class that does most.</summary>
    public double UnitFlops(double seconds) => Math.Pow(2, Classes(seconds).MaxBy(each => each.Value * Math.Pow(2, each.Key)).Key);

    /// <summary>Forgets who has not asked for a day, and learns how far benchmarks are off.</summary>
    public async Task Refresh(NpgsqlConnection connection, DateTimeOffset now)
    {
        foreach ((long host, var asked) in _hosts)
        {
            if (now - asked.At > s_lately && _hosts.TryRemove(new(host, asked)))
                Interlocked.Add(ref _cores[asked.Bucket], -asked.Cores);
        }
        double ratio = await connection.Scalar<double?>("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY measured_speed / speed) FROM hosts WHERE measured_speed IS NOT NULL AND speed > 0") ?? 1;
        Ratio = Math.Clamp(ratio, 1e-3, 1e3);
    }

    /// <summary>What an earlier server knew.</summary>
    public async Task Load(NpgsqlConnection connection, DateTimeOffset now)
    {
        await Refresh(connection, now);
        foreach ((long host, double? measured, double claimed, int cores, DateTimeOffset seen) in await connection.Rows(
            row => (row.GetInt64(0), row.IsDBNull(1) ? (double?)null : row.GetDouble(1), row.GetDouble(2), row.GetInt32(3), row.GetFieldValue<DateTimeOffset>(4)),
            "SELECT id, measured_speed, speed, cpus, seen_at FROM hosts WHERE seen_at > $1", now - s_lately))
            Ask(host, UnitSpeed(measured, claimed), cores, seen);
    }
}
