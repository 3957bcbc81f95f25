using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using WeightSpace.Engines;
using WeightSpace.Tests.Cli;
using WeightSpace.Training;

namespace WeightSpace.Tests.Server;

/// <summary>A task as a client is given it.</summary>
internal sealed record Handed(string Name, string UnitUrl, string UnitMd5, string File, string UploadUrl, long MaxBytes, double Flops = 0);

/// <summary>A client that speaks the protocol as BOINC's does, and can be told to lie.</summary>
internal sealed class Volunteer : IDisposable
{
    private readonly Folder _folder = new();
    private readonly HttpClient _http = new();
    private readonly Func<string> _url;
    private readonly string _key;
    private long _host;
    private int _number;

    /// <summary>The number that the project gave this host.</summary>
    public long Host => _host;

    public Volunteer(ServedProject project, string name)
        : this(() => project.Url, name)
    {
    }

    /// <summary>A client of an account of this name, whose password is its name, too.</summary>
    public Volunteer(Func<string> url, string name)
    {
        _url = url;
        _key = Get($"create_account.php?email_addr={name}@example.org&passwd_hash={Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes($"{name}{name}@example.org")))}&user_name={name}").Element("authenticator")!.Value;
    }

    /// <summary>What the client says of its operating system, as XML.</summary>
    public string System { get; init; } = "Linux";

    /// <summary>Tasks that the client has, as it will say.</summary>
    public List<Handed> Tasks { get; } = [];

    /// <summary>Seconds that each task is said to have taken.</summary>
    public double Elapsed { get; set; } = 2.5;

    public int Cores { get; set; } = 2;

    /// <summary>The last answer of the scheduler.</summary>
    public XElement Answer { get; private set; } = new("none");

    public double Credit => double.Parse(Answer.Element("host_total_credit")!.Value, CultureInfo.InvariantCulture);

    /// <summary>The account's key.</summary>
    public string Key => _key;

    public XElement Get(string address) => XElement.Parse(_http.GetStringAsync(_url() + address).GetAwaiter().GetResult());

    /// <param name="asksFirst">Sends nothing before the server has said that it takes it.</param>
    public (int Status, string Text) Post(string address, byte[] body, bool asksFirst = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address.StartsWith("http", StringComparison.Ordinal) ? address : _url() + address) { Content = new ByteArrayContent(body) };
        request.Headers.ExpectContinue = asksFirst;
        using HttpResponseMessage response = _http.SendAsync(request).GetAwaiter().GetResult();
        return ((int)response.StatusCode, response.Content.ReadAsStringAsync().GetAwaiter().GetResult());
    }

    /// <summary>One request: reports these, and asks for work. What comes is added to <see cref="Tasks"/>.</summary>
    public List<Handed> Ask(double seconds = 1e6, (Handed Task, bool IsSuccess)[]? report = null, string? key = null, int instances = 0)
    {
        report ??= [];
        Tasks.RemoveAll(task => report.Any(each => each.Task == task));
        (int status, string text) = Post("scheduler", Encoding.UTF8.GetBytes(Request(seconds, report, key ?? _key, instances)));
        Assert.Equal(200, status);
        Answer = XElement.Parse(text);
        if (Answer.Element("hostid") is { } host)
            (_host, _number) = (long.Parse(host.Value, CultureInfo.InvariantCulture), 0);
        Dictionary<string, XElement> files = Answer.Elements("file_info").ToDictionary(file => file.Element("name")!.Value);
        Dictionary<string, XElement> units = Answer.Elements("workunit").ToDictionary(unit => unit.Element("name")!.Value);
        List<Handed> fresh =
        [
            .. Answer.Elements("result").Select(result =>
            {
                string file = result.Element("file_ref")!.Element("file_name")!.Value;
                XElement unit = files[units[result.Element("wu_name")!.Value].Element("file_ref")!.Element("file_name")!.Value], output = files[file];
                return new Handed(result.Element("name")!.Value, unit.Element("url")!.Value, unit.Element("md5_cksum")!.Value, file, output.Element("upload_url")!.Value, long.Parse(output.Element("max_nbytes")!.Value, CultureInfo.InvariantCulture),
                    double.Parse(units[result.Element("wu_name")!.Value].Element("rsc_fpops_est")!.Value, CultureInfo.InvariantCulture));
            }),
        ];
        Tasks.RemoveAll(task => Answer.Elements("result_abort").Concat(Answer.Elements("result_abort_if_not_started")).Any(abort => abort.Element("name")!.Value == task.Name));
        Tasks.AddRange(fresh);
        return fresh;
    }

    /// <summary>What the client says it can run: the best platform first.</summary>
    public string[] Platforms { get; set; } = ["x86_64-pc-linux-gnu"];

    public string Request(double seconds, (Handed Task, bool IsSuccess)[] report) => Request(seconds, report, _key);

    private string Request(double seconds, (Handed Task, bool IsSuccess)[] report, string key, int instances = 0) => FormattableString.Invariant($"""
        <scheduler_request>
        <authenticator>{key}</authenticator>
        <hostid>{_host}</hostid>
        <rpc_seqno>{_number++}</rpc_seqno>
        <platform_name>{Platforms[0]}</platform_name>
        {string.Concat(Platforms[1..].Select(platform => $"<alt_platform>\n<name>{platform}</name>\n</alt_platform>\n"))}
        <work_req_seconds>{seconds}</work_req_seconds>
        <cpu_req_instances>{instances}</cpu_req_instances>
        <host_info><p_ncpus>{Cores}</p_ncpus><p_fpops>1e9</p_fpops><os_name>{System}</os_name></host_info>
        {string.Concat(report.Select(each => $"<result><name>{each.Task.Name}</name><exit_status>{(each.IsSuccess ? 0 : 1)}</exit_status><state>{(each.IsSuccess ? 5 : 3)}</state><final_elapsed_time>{Elapsed}</final_elapsed_time><stderr_out><![CDATA[a word & <more>]]></stderr_out></result>"))}
        <other_results>{string.Concat(Tasks.Select(task => $"<other_result><name>{task.Name}</name></other_result>"))}</other_results>
        </scheduler_request>
        """);

    /// <summary>From now on another machine of the same owner.</summary>
    public void BeAnotherHost() => (_host, _number) = (0, 0);

    /// <summary>The file of a result that was not trained here.</summary>
    public byte[] Forge(Handed task, Func<WorkUnit, UnitResult> forge)
    {
        (string unit, string result) = (_folder["unit.json"], _folder["result.safetensors"]);
        File.WriteAllBytes(unit, _http.GetByteArrayAsync(task.UnitUrl).GetAwaiter().GetResult());
        forge(WorkUnit.Read(unit)).Write(result);
        return File.ReadAllBytes(result);
    }

    /// <summary>Trains a task to its end; the result's bytes.</summary>
    public byte[] Train(Handed task, Func<UnitResult, UnitResult>? lie = null)
    {
        (string unit, string result) = (_folder["unit.json"], _folder["result.safetensors"]);
        byte[] bytes = _http.GetByteArrayAsync(task.UnitUrl).GetAwaiter().GetResult();
        Assert.Equal(task.UnitMd5, Convert.ToHexStringLower(MD5.HashData(bytes)));
        File.WriteAllBytes(unit, bytes);
        using var trainer = new Trainer();
        UnitResult done = WorkUnitRunner.Run(unit, result, trainer, TimeProvider.System, null, CancellationToken.None);
        if (lie is not null)
            lie(done).Write(result);
        return File.ReadAllBytes(result);
    }

    /// <summary>Uploads a file, or the part from an offset on; the status that the server answers.</summary>
    public int Upload(Handed task, byte[] file, long offset = 0, long? upTo = null, string? md5 = null, long? size = null, string? name = null, string? url = null)
    {
        string header = $"""
            <data_server_request>
            <core_client_major_version>7</core_client_major_version>
            <file_upload>
            <file_info>
            <name>{name ?? task.File}</name>
            <max_nbytes>{task.MaxBytes}</max_nbytes>
            </file_info>
            <nbytes>{size ?? file.Length}</nbytes>
            <md5_cksum>{md5 ?? Convert.ToHexStringLower(MD5.HashData(file))}</md5_cksum>
            <offset>{offset}</offset>
            <data>

            """;
        return StatusOf(Post(url ?? task.UploadUrl, [.. Encoding.UTF8.GetBytes(header), .. file[(int)offset..(int)(upTo ?? file.Length)]]));
    }

    /// <summary>As <see cref="Upload"/>; null where the server cannot answer now.</summary>
    public int? TryUpload(Handed task, byte[] file)
    {
        try
        {
            return Upload(task, file);
        }
        catch (Xunit.Sdk.TrueException error) when (error.Message.Contains("503", StringComparison.Ordinal))
        {
            return null;
        }
    }

    /// <summary>Reports, and says whether the server took it.</summary>
    public bool TryAsk((Handed Task, bool IsSuccess)[] report)
    {
        (int status, string text) = Post("scheduler", Encoding.UTF8.GetBytes(Request(0, report, _key)));
        if (status != 200)
            return false;
        Tasks.RemoveAll(task => report.Any(each => each.Task == task));
        return report.All(each => text.Contains($"<result_ack>\n<name>{each.Task.Name}</name>", StringComparison.Ordinal));
    }

    /// <summary>How much of a task's file the server has.</summary>
    public long AskSize(Handed task)
    {
        (int status, string text) = Post(task.UploadUrl, Encoding.UTF8.GetBytes($"<data_server_request>\n<get_file_size>{task.File}</get_file_size>\n</data_server_request>\n"));
        Assert.Equal(200, status);
        return long.Parse(XElement.Parse(text).Element("file_size")!.Value, CultureInfo.InvariantCulture);
    }

    /// <summary>Trains, uploads and reports what the client has, and asks for more until the project has none.</summary>
    public void Work(int rounds = 100)
    {
        for (int round = 0; round < rounds && (Tasks.Count > 0 || Ask().Count > 0); round++)
        {
            (Handed, bool)[] done = [.. Tasks.Select(task => (task, true))];
            foreach ((Handed task, _) in done)
                Assert.Equal(0, Upload(task, Train(task)));
            Ask(report: done);
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _folder.Dispose();
    }

    private static int StatusOf((int Status, string Text) answer)
    {
        Assert.True(answer.Status == 200, $"{answer}");
        return int.Parse(Regex.Match(answer.Text, "<status>(-?[0-9]+)</status>").Groups[1].Value, CultureInfo.InvariantCulture);
    }
}
