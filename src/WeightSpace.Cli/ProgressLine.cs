using System.Globalization;

namespace WeightSpace.Cli;

/// <summary>
/// Progress with rate and time left, on standard error, for whatever takes longer than two seconds: one line that is rewritten on a terminal,
/// a new line every ten seconds elsewhere. Any thread may report.
/// </summary>
internal sealed class ProgressLine(TextWriter writer, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(2);
    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private readonly Lock _lock = new();
    private string _stage = "";
    private long _start, _last;
    private int _width;

    /// <summary>Tells how far a stage is.</summary>
    /// <param name="done">Work done, of <paramref name="total"/>, in the unit that the rate is measured in.</param>
    /// <param name="before">Work that was done before this call of the program: it does not count for the rate.</param>
    /// <param name="text">What people count: "120 of 300 networks".</param>
    /// <param name="rate">The rate in people's unit for work per second, e.g. "2.3 networks/s"; null: none is shown.</param>
    public void Report(string stage, double done, double total, string text, Func<double, string>? rate, double before = 0)
    {
        lock (_lock)
        {
            long now = time.GetTimestamp();
            if (stage != _stage)
            {
                EndLine();
                _stage = stage;
                _start = _last = now;
            }
            TimeSpan elapsed = time.GetElapsedTime(_start, now);
            bool isDue = time.GetElapsedTime(_last, now) >= (_isTerminal ? TimeSpan.FromMilliseconds(100) : TimeSpan.FromSeconds(10));
            if (elapsed < s_quiet || !isDue)
                return;
            _last = now;
            double speed = (done - before) / elapsed.TotalSeconds;
            string line = $"{stage}: {text} ({(total > 0 ? done / total : 1).ToString("P0", CultureInfo.InvariantCulture)})";
            if (speed > 0)
                line += $"{(rate is null ? "" : ", " + rate(speed))}, {Duration((total - done) / speed)} left";
            if (_isTerminal)
            {
                writer.Write('\r' + line.PadRight(_width));
                _width = line.Length;
            }
            else
            {
                writer.WriteLine(line);
            }
            writer.Flush();
        }
    }

    /// <summary>"12 s", "3 min 20 s", "2 h 10 min".</summary>
    public static string Duration(double seconds)
    {
        var span = TimeSpan.FromSeconds(Math.Ceiling(Math.Min(seconds, 1e9)));
        return span.TotalSeconds < 60 ? $"{span.Seconds} s"
            : span.TotalMinutes < 60 ? $"{span.Minutes} min {span.Seconds} s"
            : $"{(long)span.TotalHours} h {span.Minutes} min";
    }

    public void Dispose()
    {
        lock (_lock)
            EndLine();
    }

    private void EndLine()
    {
        if (_width > 0)
            writer.Write('\r' + new string(' ', _width) + '\r');
        _width = 0;
    }
}
