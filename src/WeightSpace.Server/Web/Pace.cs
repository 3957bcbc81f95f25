using System.Collections.Concurrent;

namespace WeightSpace.Server.Web;

/// <summary>
/// How often something may happen: to each name so often at once, and once in a while after that. What is kept of a name is one number, and it is forgotten when it no longer says anything (GCRA,
/// the algorithm of ATM networks: the time at which the next one would come if all came evenly).
/// </summary>
/// <param name="burst">So many at once.</param>
/// <param name="each">And one in so long.</param>
internal sealed class Pace(TimeProvider time, int burst, TimeSpan each)
{
    private const int SweepAt = 10_000;

    private readonly ConcurrentDictionary<string, long> _next = new(StringComparer.Ordinal);
    private readonly long _each = Math.Max(1, (long)(each.TotalSeconds * time.TimestampFrequency));
    private long _taken;
    private int _sweepAt = SweepAt;

    /// <summary>Names of which something is kept.</summary>
    public int Count => _next.Count;

    /// <summary>Counts one more of a name, and says how long it was too early: zero where it was not.</summary>
    public TimeSpan Take(string name)
    {
        long now = time.GetTimestamp(), early = 0;
        _next.AddOrUpdate(name, _ => now + _each, (_, next) =>
        {
            early = Math.Max(0, next - now - (_each * (burst - 1)));
            // What comes too early does not put off what comes next, or who waits as told would never be heard.
            return early > 0 ? next : Math.Max(now, next) + _each;
        });
        Sweep(now);
        return TimeSpan.FromSeconds(early / (double)time.TimestampFrequency);
    }

    /// <summary>Takes back what <see cref="Take"/> counted.</summary>
    public void GiveBack(string name)
    {
        while (_next.TryGetValue(name, out long next) && !_next.TryUpdate(name, next - _each, next))
        {
            // Another call was quicker; again from what that left.
        }
    }

    /// <summary>How long one more of a name would be too early. Counts nothing.</summary>
    public TimeSpan Wait(string name) => _next.TryGetValue(name, out long next)
        ? TimeSpan.FromSeconds(Math.Max(0, next - time.GetTimestamp() - (_each * (burst - 1))) / (double)time.TimestampFrequency)
        : TimeSpan.Zero;

    private void Sweep(long now)
    {
        // As many calls as there are names between two of them, so that a call costs the same however many there are.
        if (Interlocked.Increment(ref _taken) % SweepAt != 0 || _next.Count < _sweepAt)
            return;
        foreach ((string name, long next) in _next)
        {
            if (next <= now)
                _next.TryRemove(new KeyValuePair<string, long>(name, next));
        }
        _sweepAt = Math.Max(SweepAt, 2 * _next.Count);
    }
}
