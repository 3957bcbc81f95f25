using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using Microsoft.AspNetCore.Http;
using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web;

/// <summary>What Prometheus reads: counters of this process, and the last count of the project (text exposition format 0.0.4).</summary>
internal sealed class Metrics(Limits limits)
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    // Seconds; the last bucket has all.
    private static readonly double[] s_bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

    private static readonly string[] s_states = ["sent", "reported", "held", "valid", "invalid", "withdrawn", "failed", "expired", "unneeded"];

    private readonly long[] _durations = new long[s_bounds.Length + 1];
    private readonly long[] _answers = new long[6];
    private long _ticks, _uploads, _uploadBytes;

    /// <summary>Takes the time of the scheduler's answers, and counts what is uploaded.</summary>
    public async Task Measure(HttpContext context, RequestDelegate next)
    {
        bool isScheduler = context.Request.Path == "/scheduler", isUpload = context.Request.Path.StartsWithSegments("/upload");
        if (!isScheduler && !isUpload)
        {
            await next(context);
            return;
        }
        long began = Stopwatch.GetTimestamp();
        await next(context);
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        if (isScheduler)
        {
            int bucket = Array.FindIndex(s_bounds, bound => took.TotalSeconds <= bound);
            Interlocked.Increment(ref _durations[bucket < 0 ? s_bounds.Length : bucket]);
            Interlocked.Add(ref _ticks, took.Ticks);
            Interlocked.Increment(ref _answers[Math.Clamp(context.Response.StatusCode / 100, 0, 5)]);
        }
        else if (context.Response.StatusCode == StatusCodes.Status200OK)
        {
            Interlocked.Increment(ref _uploads);
            Interlocked.Add(ref _uploadBytes, context.Request.ContentLength ?? 0);
        }
    }

    /// <param name="tally">Null where the database does not answer.</param>
    public string Write(Tally? tally, DateTimeOffset now, bool isDatabaseUp, (long Free, long Size) room)
    {
        var text = new StringBuilder();
        Family(text, "weightspace_info", "gauge", "The program that serves this project.");
        Sample(text, "weightspace_info", 1, ("version", typeof(Metrics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? ""));
        One(text, "weightspace_database_up", "gauge", "Whether the database answers.", isDatabaseUp ? 1 : 0);
        One(text, "weightspace_disk_free_bytes", "gauge", "Free on the disk of the project's folder.", room.Free);
        One(text, "weightspace_disk_size_bytes", "gauge", "Size of the disk of the project's folder.", room.Size);
        Family(text, "weightspace_scheduler_requests_total", "counter", "Requests to the scheduler by the class of the answer's status.");
        for (int status = 1; status < _answers.Length; status++)
            Sample(text, "weightspace_scheduler_requests_total", Interlocked.Read(ref _answers[status]), ("status", $"{status}xx"));
        Histogram(text);
        One(text, "weightspace_upload_requests_total", "counter", "Requests to upload, or to ask for a file's size, that were answered.", Interlocked.Read(ref _uploads));
        One(text, "weightspace_upload_bytes_total", "counter", "Bytes of these requests.", Interlocked.Read(ref _uploadBytes));
        One(text, "weightspace_refused_requests_total", "counter", "Requests of addresses that failed too often, told to wait.", limits.RefusedRequests);
        One(text, "weightspace_early_requests_total", "counter", "Requests of hosts that asked too often, told to wait.", limits.EarlyRequests);
        if (tally is not null)
            Count(text, tally, now);
        return text.ToString();
    }

    private static void Count(StringBuilder text, Tally tally, DateTimeOffset now)
    {
        One(text, "weightspace_count_age_seconds", "gauge", "Time since the project was counted for what follows.", (now - tally.At).TotalSeconds);
        One(text, "weightspace_accounts", "gauge", "Accounts.", tally.Accounts);
        Family(text, "weightspace_hosts", "gauge", "Hosts that asked for work within a time.");
        Sample(text, "weightspace_hosts", tally.HostsOfHour, ("within", "1h"));
        Sample(text, "weightspace_hosts", tally.HostsOfDay, ("within", "1d"));
        Sample(text, "weightspace_hosts", tally.Hosts, ("within", "ever"));
        One(text, "weightspace_credit_flops", "gauge", "Operations of validated training that credit was given for.", tally.Flops);
        One(text, "weightspace_database_bytes", "gauge", "Size of the database.", tally.DatabaseBytes);
        Family(text, "weightspace_results", "gauge", "Results by state.");
        foreach (string state in s_states)
            Sample(text, "weightspace_results", tally.Results.GetValueOrDefault(state), ("state", state));
        One(text, "weightspace_results_compared", "gauge", "Results that were compared with a training of the server or with another owner's.", tally.Compared);
        Family(text, "weightspace_queue", "gauge", "What waits: results to be handed out, to be checked, held for another's, and units to be confirmed.");
        Sample(text, "weightspace_queue", tally.Experiments.Where(each => each.IsUnderWay).Sum(each => each.Queued), ("of", "handing_out"));
        Sample(text, "weightspace_queue", tally.Results.GetValueOrDefault("reported"), ("of", "checking"));
        Sample(text, "weightspace_queue", tally.Results.GetValueOrDefault("held"), ("of", "quorum"));
        Sample(text, "weightspace_queue", tally.Experiments.Sum(each => each.Suspect), ("of", "confirmation"));
        PerExperiment(text, tally, "weightspace_networks", "Networks of an experiment.", each => each.Networks);
        PerExperiment(text, tally, "weightspace_networks_done", "Networks that were accepted.", each => each.NetworksDone);
        PerExperiment(text, tally, "weightspace_units", "Work units that were made so far.", each => each.Units);
        PerExperiment(text, tally, "weightspace_units_done", "Work units whose result was accepted.", each => each.UnitsDone);
    }

    private static void PerExperiment(StringBuilder text, Tally tally, string name, string help, Func<ExperimentTally, long> value)
    {
        Family(text, name, "gauge", help);
        foreach (ExperimentTally each in tally.Experiments)
            Sample(text, name, value(each), ("experiment", each.Name), ("state", each.State));
    }

    private void Histogram(StringBuilder text)
    {
        const string name = "weightspace_scheduler_duration_seconds";
        Family(text, name, "histogram", "Time from a request to the scheduler to its answer.");
        long sum = 0;
        for (int bucket = 0; bucket <= s_bounds.Length; bucket++)
        {
            sum += Interlocked.Read(ref _durations[bucket]);
            Sample(text, name + "_bucket", sum, ("le", bucket == s_bounds.Length ? "+Inf" : Number(s_bounds[bucket])));
        }
        Sample(text, name + "_sum", TimeSpan.FromTicks(Interlocked.Read(ref _ticks)).TotalSeconds);
        Sample(text, name + "_count", sum);
    }

    private static void One(StringBuilder text, string name, string type, string help, double value)
    {
        Family(text, name, type, help);
        Sample(text, name, value);
    }

    private static void Family(StringBuilder text, string name, string type, string help) => text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    private static void Sample(StringBuilder text, string name, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        text.Append(name);
        for (int i = 0; i < labels.Length; i++)
        {
            text.Append(i == 0 ? '{' : ',').Append(labels[i].Name).Append("=\"")
                .Append(labels[i].Value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append(i == labels.Length - 1 ? "\"}" : "\"");
        }
        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
