using System.Globalization;
using WeightSpace.Server.Protocol;

namespace WeightSpace.Server.Web.Pages;

/// <summary>Numbers and times as pages show them.</summary>
internal static class Words
{
    private static readonly string[] s_bytes = ["B", "kB", "MB", "GB", "TB"];

    public static string Credit(long flops) => SchedulerReply.Credit(flops) is var credit && credit < 100 ? credit.ToString("0.##", CultureInfo.InvariantCulture) : credit.ToString("N0", CultureInfo.InvariantCulture);

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Count(long count, string one, string many) => $"{Number(count)} {(count == 1 ? one : many)}";

    public static string Speed(double flops) => $"{(flops / 1e9).ToString("0.0", CultureInfo.InvariantCulture)} GFLOP/s";

    public static string Share(double share) => share.ToString(share is > 0 and < 0.0995 ? "0.0%" : "0%", CultureInfo.InvariantCulture);

    public static string Bytes(double bytes)
    {
        int unit = 0;
        for (; bytes >= 1000 && unit < s_bytes.Length - 1; unit++)
            bytes /= 1000;
        return $"{bytes.ToString(bytes < 10 && unit > 0 ? "0.0" : "0", CultureInfo.InvariantCulture)} {s_bytes[unit]}";
    }

    /// <summary>A span in its two largest units: <c>3 d 4 h</c>.</summary>
    public static string Span(TimeSpan span) =>
        span.TotalDays >= 1000 ? "years" : span.TotalDays >= 1 ? $"{N((int)span.TotalDays)} d {N(span.Hours)} h" : span.TotalHours >= 1 ? $"{N((int)span.TotalHours)} h {N(span.Minutes)} min"
            : span.TotalMinutes >= 1 ? $"{N((int)span.TotalMinutes)} min" : $"{N((int)Math.Max(0, span.TotalSeconds))} s";

    public static Markup Ago(DateTimeOffset then, DateTimeOffset now) => Markup.Of($"<time datetime=\"{then.UtcDateTime.ToString("s", CultureInfo.InvariantCulture)}Z\">{(now - then < TimeSpan.FromSeconds(10) ? "just now" : Span(now - then) + " ago")}</time>");

    /// <summary>Of a state of a result, for volunteers.</summary>
    public static string State(string state) => state switch
    {
        "sent" => "in progress",
        "reported" => "to be checked",
        "held" => "held",
        "valid" => "valid",
        "invalid" => "wrong",
        "withdrawn" => "withdrawn",
        "failed" => "failed",
        "expired" => "overdue",
        "unneeded" => "not needed",
        _ => state,
    };

    private static string N(int number) => number.ToString(CultureInfo.InvariantCulture);
}
