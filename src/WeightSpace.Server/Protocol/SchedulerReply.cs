using System.Globalization;
using System.Text;
using WeightSpace.Server.Projects;
using WeightSpace.Server.Signing;

namespace WeightSpace.Server.Protocol;

/// <summary>A result that is handed out, or handed out again.</summary>
internal sealed record SentResult(string Name, DateTimeOffset Deadline, UnitRow Unit);

/// <summary>An answer of the scheduler, written as BOINC's client reads it: an element to a line.</summary>
internal sealed class SchedulerReply
{
    /// <summary>A second of a machine of 1 GFLOP/s earns so many cobblestones: 200 a day.</summary>
    private const double CreditPerFlop = 200 / 86400.0 / 1e9;

    // A client ends a task that needs more than its bound over its speed.
    private const double BoundFactor = 50, BoundSeconds = 7200;

    // What the program needs beside what a unit leaves.
    private const long ProgramMemory = 400L << 20, ProgramDisk = 64L << 20;

    private readonly StringBuilder _text = new();

    private SchedulerReply()
    {
    }

    /// <summary>Credit as clients show it.</summary>
    public static double Credit(double flops) => flops * CreditPerFlop;

    /// <summary>An answer that says why there is nothing else.</summary>
    public static string Refusal(Project project, string message, TimeSpan delay)
    {
        var reply = new SchedulerReply();
        reply.Begin(project, delay);
        reply.Message(message);
        return reply.End();
    }

    /// <summary>An answer to a host that the project knows.</summary>
    public static string Write(Project project, SchedulerRequest request, ScheduledHost host, TimeSpan delay)
    {
        var reply = new SchedulerReply();
        reply.Begin(project, delay);
        foreach (string message in host.Messages)
            reply.Message(message);
        reply.Add("userid", Number(host.Account));
        reply.Add("user_name", host.AccountName);
        reply.Add("user_total_credit", Real(Credit(host.AccountEarned.All)));
        reply.Add("user_expavg_credit", Real(Credit(host.AccountEarned.AverageNow(project.Now))));
        reply.Add("user_create_time", Number(host.AccountCreated.ToUnixTimeSeconds()));
        if (host.Host != request.Host)
            reply.Add("hostid", Number(host.Host));
        reply.Links(project);
        reply.Add("host_total_credit", Real(Credit(host.HostEarned.All)));
        reply.Add("host_expavg_credit", Real(Credit(host.HostEarned.AverageNow(project.Now))));
        reply.Add("host_create_time", Number(host.HostCreated.ToUnixTimeSeconds()));
        if (project.Programs.CodeSignKey.Length > 0 && Squeeze(request.CodeSignKey) != Squeeze(project.Programs.CodeSignKey))
            reply._text.Append("<code_sign_key>\n").Append(project.Programs.CodeSignKey).Append("</code_sign_key>\n");
        foreach (string name in host.Acknowledged)
            reply._text.Append("<result_ack>\n").Append(Element("name", name)).Append("</result_ack>\n");
        foreach (string name in host.Aborted)
            reply._text.Append("<result_abort>\n").Append(Element("name", name)).Append("</result_abort>\n");
        foreach (string name in host.Unneeded)
            reply._text.Append("<result_abort_if_not_started>\n").Append(Element("name", name)).Append("</result_abort_if_not_started>\n");
        if (host.Sent.Count > 0)
            reply.Work(project, project.Programs.For(request.Platforms)!, host);
        return reply.End();
    }

    private void Work(Project project, SignedApp app, ScheduledHost host)
    {
        _text.Append("<app>\n").Append(Element("name", AppName)).Append(Element("user_friendly_name", "Networks in training")).Append("<non_cpu_intensive>0</non_cpu_intensive>\n</app>\n");
        foreach (SignedFile file in app.Files)
        {
            _text.Append("<file_info>\n").Append(Element("name", file.Name)).Append(Element("url", $"{project.Url}download/{file.Name}")).Append("<executable/>\n<file_signature>\n").Append(file.Signature)
                .Append("</file_signature>\n").Append(Element("md5_cksum", file.Md5)).Append(Element("nbytes", Number(file.Bytes))).Append("</file_info>\n");
        }
        foreach (SentResult result in host.Sent)
        {
            UnitRow unit = result.Unit;
            _text.Append("<file_info>\n").Append(Element("name", unit.Name)).Append(Element("url", $"{project.Url}download/{unit.Name}")).Append(Element("md5_cksum", unit.Md5)).Append(Element("nbytes", Number(unit.Bytes))).Append("</file_info>\n");
            _text.Append("<file_info>\n").Append(Element("name", Units.ResultFile(result.Name))).Append("<generated_locally/>\n<upload_when_present/>\n").Append(Element("max_nbytes", Number(unit.MaxBytes)))
                .Append(Element("upload_url", project.Url + Uploads.Address(project.Data.Secret, result.Name))).Append("</file_info>\n");
        }
        _text.Append("<app_version>\n").Append(Element("app_name", AppName)).Append(Element("version_num", Number(app.Number))).Append(Element("platform", app.Platform)).Append("<avg_ncpus>1.0</avg_ncpus>\n")
            .Append(Element("flops", Real(host.Speed))).Append("<api_version>7.20.5</api_version>\n");
        foreach (SignedFile file in app.Files)
            _text.Append("<file_ref>\n").Append(Element("file_name", file.Name)).Append(file.IsMain ? "<main_program/>\n" : "").Append("</file_ref>\n");
        _text.Append("</app_version>\n");
        foreach (UnitRow unit in host.Sent.Select(result => result.Unit).DistinctBy(unit => unit.Id))
        {
            _text.Append("<workunit>\n").Append(Element("rsc_fpops_est", Real(unit.Flops))).Append(Element("rsc_fpops_bound", Real(Math.Max(unit.Flops * BoundFactor, host.Speed * BoundSeconds))))
                .Append(Element("rsc_memory_bound", Number(ProgramMemory + (3 * unit.MaxBytes)))).Append(Element("rsc_disk_bound", Number(ProgramDisk + unit.Bytes + (4 * unit.MaxBytes))))
                .Append(Element("name", unit.Name)).Append(Element("app_name", AppName)).Append(Element("command_line", "work unit.json result.safetensors --boinc --quiet"))
                .Append("<file_ref>\n").Append(Element("file_name", unit.Name)).Append("<open_name>unit.json</open_name>\n</file_ref>\n</workunit>\n");
        }
        foreach (SentResult result in host.Sent)
        {
            _text.Append("<result>\n").Append(Element("report_deadline", Number(result.Deadline.ToUnixTimeSeconds()))).Append(Element("wu_name", result.Unit.Name)).Append(Element("name", result.Name))
                .Append(Element("platform", app.Platform)).Append(Element("version_num", Number(app.Number))).Append("<plan_class></plan_class>\n<file_ref>\n").Append(Element("file_name", Units.ResultFile(result.Name)))
                .Append("<open_name>result.safetensors</open_name>\n<copy_file/>\n</file_ref>\n</result>\n");
        }
    }

    /// <summary>Pages that the BOINC manager shows as buttons.</summary>
    private void Links(Project project)
    {
        _text.Append("<gui_urls>\n");
        foreach ((string name, string description, string page) in (ReadOnlySpan<(string, string, string)>)
            [("Your machines", "Your machines, your credit, and which networks you grew", "me"), ("Top lists", "Whose machines did most", "top"), ("The project", "What grows now, and how far it is", "")])
        {
            _text.Append("<gui_url>\n").Append(Element("name", name)).Append(Element("description", description)).Append(Element("url", project.Url + page)).Append("</gui_url>\n");
        }
        _text.Append("</gui_urls>\n");
    }

    /// <summary>The name of the program that volunteers run.</summary>
    private const string AppName = "weightspace";

    private void Begin(Project project, TimeSpan delay)
    {
        _text.Append("<scheduler_reply>\n<scheduler_version>720</scheduler_version>\n<dont_use_dcf/>\n");
        Add("master_url", project.Url);
        Add("request_delay", Real(delay.TotalSeconds));
        Add("project_name", project.Settings.Name);
    }

    private void Message(string message) => _text.Append("<message priority=\"low\">").Append(BoincXml.Escape(message)).Append("</message>\n");

    private void Add(string name, string value) => _text.Append(Element(name, value));

    private string End() => _text.Append("</scheduler_reply>\n").ToString();

    private static string Element(string name, string value) => $"<{name}>{BoincXml.Escape(value)}</{name}>\n";

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Real(double value) => value.ToString("F9", CultureInfo.InvariantCulture);

    private static string Squeeze(string text) => string.Concat(text.Where(each => !char.IsWhiteSpace(each)));
}
