using System.Xml.Linq;

namespace WeightSpace.Server.Protocol;

/// <summary>A result that a client reports: its task has ended, one way or another.</summary>
/// <param name="IsSuccess">The program ended well, and the client has uploaded its files.</param>
/// <param name="Said">The end of what the program said.</param>
internal sealed record ReportedResult(string Name, bool IsSuccess, int ExitStatus, double Elapsed, string Said);

/// <summary>What a client asks the scheduler. Every number is a claim, brought into a sane range.</summary>
/// <param name="Platforms">Those whose programs the host can run, the best of them first; one at least.</param>
/// <param name="Known">The names of the results that the client has; null where it does not say.</param>
internal sealed record SchedulerRequest(string Key, long Host, int Number, IReadOnlyList<string> Platforms, double WorkSeconds, double WorkInstances, int Cpus, double Speed, string System, string CodeSignKey,
    IReadOnlyList<ReportedResult> Reported, IReadOnlySet<string>? Known)
{
    private const int FilesUploaded = 5;
    private const int MaxSaid = 1000;
    private const int MaxResults = 1000;
    private const int MaxPlatforms = 16;

    /// <summary>Throws <see cref="ProtocolException"/> where it cannot be read.</summary>
    public static SchedulerRequest Read(ReadOnlySpan<byte> bytes)
    {
        XElement root = BoincXml.Read(bytes, "scheduler_request");
        XElement? host = root.Element("host_info");
        var platforms = new List<string> { Shorten(root.Text("platform_name"), 100) };
        platforms.AddRange(root.Elements("alt_platform").Take(MaxPlatforms).Select(alternative => alternative.Text("name")));
        ReportedResult[] reported = [.. root.Elements("result").Take(MaxResults).Select(ReadResult)];
        return new SchedulerRequest(
            root.Text("authenticator"),
            root.Integer("hostid"),
            (int)Math.Clamp(root.Integer("rpc_seqno"), 0, int.MaxValue),
            platforms,
            Math.Clamp(Math.Max(root.Number("work_req_seconds"), root.Number("cpu_req_secs")), 0, 30 * 86400),
            Math.Clamp(root.Number("cpu_req_instances"), 0, 1024),
            (int)Math.Clamp(host?.Integer("p_ncpus", 1) ?? 1, 1, 1024),
            Math.Clamp(host?.Number("p_fpops", 1e9) ?? 1e9, 1e8, 1e12),
            Shorten($"{host?.Text("os_name")} {host?.Text("os_version")}".Trim(), 100),
            root.Text("code_sign_key"),
            reported,
            root.Element("other_results") is { } others ? others.Elements("other_result").Select(other => other.Text("name")).ToHashSet() : null);
    }

    private static ReportedResult ReadResult(XElement result)
    {
        int exit = (int)Math.Clamp(result.Integer("exit_status"), int.MinValue, int.MaxValue);
        string said = result.Text("stderr_out");
        return new ReportedResult(result.Text("name"), result.Integer("state") == FilesUploaded && exit == 0, exit, Math.Clamp(result.Number("final_elapsed_time"), 0, 1e9), said.Length <= MaxSaid ? said : said[^MaxSaid..]);
    }

    private static string Shorten(string text, int length) => text.Length <= length ? text : text[..length];
}
