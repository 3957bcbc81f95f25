using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using WeightSpace.Numerics;
using WeightSpace.Server;
using WeightSpace.Tests.Engines.Slurm;

namespace WeightSpace.Tests.Server;

/// <summary>
/// Thousands of requests that no client sends, to every address of a project and below HTTP: none of them gets more than an error, leaves a file anywhere but where uploads go, or costs the server its
/// memory. Alone in its time, as the memory is that of the whole process.
/// </summary>
[Collection(HostileRequestCollection.Name)]
public sealed partial class HostileRequestTests : IDisposable
{
    private const int Requests = 5000, AtOnce = 8;

    private static readonly string[] s_pieces =
    [
        "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>&b;", "<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;\">]>&c;", "&b;", "<", "]]>", "<![CDATA[", "\0", "&#0;", "&#xD800;", "</scheduler_request>",
        "-1", "1e999", "99999999999999999999", "NaN", "\u0001", "'; DROP TABLE hosts; --", "../../../../etc/passwd", "%2e%2e%2f", "%00", "\ufffd\uffff", "<data>", "\r\n\r\n", "$1", "{0}", "<?xml version=\"1.1\" encoding=\"UTF-7\"?>",
    ];

    private static readonly string[] s_names =
    [
        "../secret", "..%2fsecret", "..%252fsecret", "%2e%2e/%2e%2e/etc/passwd", "..\\secret", "..%5csecret", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "operator-token", "project.json", "%00", "a%00.json", ".", "..", "...", "~root",
        "code_sign_public", "app.json", "weightspace_1_x86_64-pc-linux-gnu.bin/..", "weightspace_1_x86_64-pc-linux-gnu.bin%00", "WEIGHTSPACE_1_X86_64-PC-LINUX-GNU.BIN", "weightspace_99_x86_64-pc-linux-gnu", "%c0%ae%c0%ae/secret",
        "%ff%fe", "con", "nul.json", "hostile_000000_0/../../secret", "hostile_000000_0%20", "file:%2f%2f%2fetc%2fpasswd", "1", "-1", "1.part",
    ];

    private readonly ServedProject _project = new();
    private readonly HttpClient _http = new();
    private RandomStream _random = new(11, RandomPurpose.Verification);
    private readonly ConcurrentDictionary<string, int> _outcomes = new();
    private readonly ConcurrentBag<string> _wrong = [];

    public void Dispose()
    {
        _http.Dispose();
        _project.Dispose();
    }

    [Fact]
    public async Task NoRequestGetsMoreThanAnError()
    {
        string text = Experiments.Text(3), token = DataFolder.ReadOperator(_project.Settings.Data).Token;
        _project.Submit("hostile", text, 1);
        using var mallory = new Volunteer(_project, "mallory");
        Handed[] tasks = [.. mallory.Ask(1e-9)];
        Handed task = tasks[0];
        byte[] file = mallory.Train(task);
        string[] before = Outside(), secrets = [token, .. await Task.WhenAll(((string[])["secret", "operator-token"]).Select(name => File.ReadAllTextAsync(Path.Combine(_project.Settings.Data, name))))];
        long memory = GC.GetTotalMemory(forceFullCollection: true), peak = 0;
        long began = Stopwatch.GetTimestamp();

        // What they are is drawn first, in order, so that each run sends the same.
        Func<Task<Answer>>[] requests = [.. Enumerable.Range(0, Requests).Select(i => (i % 10) switch
        {
            0 or 1 or 2 => Scheduler(mallory, task),
            3 or 4 => Upload(task, file, i),
            5 => Download(task),
            6 => Account(),
            7 => Operator(token),
            _ => Raw(i),
        })];
        Task slow = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Judge("slow", SlowBody)));
        await Parallel.ForEachAsync(requests.Index(), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (request, _) =>
        {
            await Judge($"{request.Index % 10}", request.Item);
            if (request.Index % 50 == 0)
                peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false));
        });
        await slow;
        TestContext.Current.SendDiagnosticMessage($"{Requests} requests in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s: {string.Join(", ", _outcomes.OrderBy(each => each.Key).Select(each => $"{each.Key} {each.Value}"))}; memory {memory >> 20} MiB, at most {peak >> 20}");
        Assert.True(_wrong.IsEmpty, $"{string.Join("\n\n", _wrong.Take(5))}\n{string.Join('\n', _project.Said.TakeLast(20))}");
        // Most were so broken that they had to fail: what still was a request is the rest.
        Assert.InRange(_outcomes.Where(each => each.Key.EndsWith("error", StringComparison.Ordinal)).Sum(each => each.Value), Requests * 7 / 10, Requests + 4);
        Assert.All(secrets, secret => Assert.DoesNotContain(_wrong, line => line.Contains(secret.Trim(), StringComparison.Ordinal)));
        Assert.DoesNotContain(_project.Said, line => line.Contains("   at ", StringComparison.Ordinal) || line.Contains("Exception", StringComparison.Ordinal));

        Assert.Equal(before, Outside());
        Assert.All(Directory.GetFiles(Path.Combine(_project.Settings.Data, "upload")), path => Assert.Matches("^[0-9]+(\\.part)?$", Path.GetFileName(path)));
        Assert.InRange(peak, 0, memory + (400L << 20));
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true), 0, memory + (40L << 20));

        // And who means well is served as before. What was handed to mallory's hosts is theirs until its deadline.
        using var ann = new Volunteer(_project, "ann");
        _project.Submit("after", text, 1);
        for (int i = 0; i < 200 && ServedProject.State(_project.Experiment("after")) != "complete"; i++)
        {
            ann.Work();
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        _project.AssertIsGrown("after", text);
    }

    /// <summary>Everything around the project's folder, and what a path that is taken for one of this process would make.</summary>
    private string[] Outside() =>
    [
        .. Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(_project.Settings.Data)!, "*", SearchOption.AllDirectories).Where(path => !path.StartsWith(_project.Settings.Data + "/", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
        .. Directory.EnumerateFileSystemEntries(Directory.GetCurrentDirectory()).Order(StringComparer.Ordinal),
        .. Directory.EnumerateFileSystemEntries(AppContext.BaseDirectory).Order(StringComparer.Ordinal),
        .. Directory.EnumerateFileSystemEntries(_project.Settings.Data).Order(StringComparer.Ordinal),
        .. Directory.EnumerateFileSystemEntries(Path.Combine(_project.Settings.Data, "download")).Order(StringComparer.Ordinal),
    ];

    private async Task Judge(string kind, Func<Task<Answer>> request)
    {
        Answer answer;
        try
        {
            answer = await request();
        }
        catch (Exception error) when (error is HttpRequestException or IOException or SocketException or OperationCanceledException)
        {
            // It was cut off in the middle of what it sent.
            answer = new Answer(error is OperationCanceledException ? 0 : 400, error.Message, error.Message);
        }
        // 505: of a version of HTTP that there is not.
        bool isError = answer.Status is (>= 400 and < 500) or 505 || ErrorPattern().IsMatch(answer.Text), isFine = answer.Status is 200 or 206;
        _outcomes.AddOrUpdate($"{kind} {(isError ? "error" : answer.Status)}", 1, (_, count) => count + 1);
        if ((!isError && !isFine) || StackTracePattern().IsMatch(answer.Text) || answer.Text.Contains("root:x:", StringComparison.Ordinal))
            _wrong.Add($"{kind}: {answer.Status}: {Shorten(answer.Text)}\nfor {Shorten(answer.Request)}");
    }

    private Func<Task<Answer>> Scheduler(Volunteer volunteer, Handed task)
    {
        byte[] body = Mutate(Encoding.UTF8.GetBytes(volunteer.Request(0, [(task with { Name = "hostile_000000_0_0" }, _random.NextUInt32() % 2 == 0)])), 1 + (int)(_random.NextUInt32() % 6));
        return () => Send(HttpMethod.Post, "scheduler", body);
    }

    private Func<Task<Answer>> Upload(Handed task, byte[] file, int i)
    {
        string[] sizes = ["-1", "0", "1", "99999999999999999999", "1e9", "NaN", "", $"{task.MaxBytes + 1}", $"{file.Length}", "9223372036854775807", "0x10"], digests = ["", "x", new string('0', 32), new string('f', 4000), Convert.ToHexStringLower(MD5.HashData(file))];
        string name = Pick(["../../../etc/passwd", "/etc/passwd", "", "hostile_000000_0_1", task.File + "\0", task.File, new string('a', 5000)]), size = Pick(sizes), offset = Pick([.. sizes, "1000000"]), md5 = Pick(digests);
        // One in all is right, and it must not be taken.
        if (name == task.File && size == $"{file.Length}")
            size = "7";
        string header = $"<data_server_request>\n<file_upload>\n<file_info>\n<name>{name}</name>\n<max_nbytes>{Pick(sizes)}</max_nbytes>\n</file_info>\n<nbytes>{size}</nbytes>\n<md5_cksum>{md5}</md5_cksum>\n<offset>{offset}</offset>\n<data>\n";
        byte[] whole = [.. Encoding.UTF8.GetBytes(header), .. file.AsSpan(0, (int)(_random.NextUInt32() % (uint)Math.Min(file.Length, 3000)))];
        byte[] body = i % 3 == 0 ? Mutate(whole, 2) : whole;
        string address = task.UploadUrl[task.UploadUrl.IndexOf("upload/", StringComparison.Ordinal)..], token = address[(address.LastIndexOf('/') + 1)..];
        // Bodies that are right but for a letter are sent to addresses that are not.
        address = Pick([address, $"upload/{task.Name}/{new string('0', 32)}", $"upload/{Pick(s_names)}/{token}", $"upload/{task.Name}/{token[..^1]}", $"upload/{task.Name}%00/{token}", $"upload/{task.Name}/{token}/..%2f..%2fx", $"upload/hostile_000000_0_1/{token}"]);
        return () => Send(HttpMethod.Post, address, body);
    }

    private Func<Task<Answer>> Download(Handed task)
    {
        string[] ranges = ["bytes=-1", "bytes=99999999-", "bytes=5-2", "bytes=0-0,1-1,2-2,3-3", "bytes=", "lines=1-2", "bytes=99999999999999999999-", "bytes=--5", "bytes=0-99999999999999999999", "\u00e4"];
        string unit = task.UnitUrl[(task.UnitUrl.LastIndexOf('/') + 1)..], name = Pick([.. s_names, .. s_names, unit]), range = Pick([.. ranges, ""]);
        string random = new([.. Enumerable.Range(0, 6).Select(_ => "./%2eaZ0_-~"[(int)(_random.NextUInt32() % 11)])]);
        return () => Send(HttpMethod.Get, "download/" + (name == unit && range.Length == 0 ? random : name), null, message => message.Headers.TryAddWithoutValidation("Range", range));
    }

    private Func<Task<Answer>> Account()
    {
        string email = Pick([.. s_pieces, "a@example.org", new string('a', 300) + "@example.org", "a b@example.org", "\"a\"@[127.0.0.1]", ""]), hash = Pick([.. s_pieces, new string('g', 32), new string('a', 31), new string('a', 33), ""]), name = Pick([.. s_pieces, "", new string('n', 500)]);
        string query = $"email_addr={Uri.EscapeDataString(email)}&passwd_hash={Uri.EscapeDataString(hash)}&user_name={Uri.EscapeDataString(name)}", address = Pick(["lookup_account.php", "create_account.php", "get_project_config.php/../create_account.php"]);
        string type = Pick(["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "application/json", "text/xml"]);
        bool isForm = _random.NextUInt32() % 3 == 0;
        byte[] form = Mutate(Encoding.UTF8.GetBytes(query), 2);
        return isForm ? () => Send(HttpMethod.Post, address, form, message => message.Content!.Headers.TryAddWithoutValidation("Content-Type", type)) : () => Send(HttpMethod.Get, $"{address}?{query}", null);
    }

    private Func<Task<Answer>> Operator(string token)
    {
        string json = Pick([
            "{", "[]", "null", "\"x\"", "{}", new string('[', 5000), "{\"name\":\"../x\",\"experiment\":\"x\",\"unit_flops\":1e9,\"priority\":0}", "{\"name\":\"x\",\"experiment\":\"experiment: [\",\"unit_flops\":1e9,\"priority\":0}",
            "{\"name\":\"x\",\"experiment\":\"&a [*a,*a]\",\"unit_flops\":1e9,\"priority\":0}", "{\"name\":\"x\",\"experiment\":\"\",\"unit_flops\":-1,\"priority\":0}", "{\"name\":\"x\",\"name\":\"y\",\"experiment\":\"\",\"unit_flops\":1,\"priority\":0}",
            "{\"name\":\"x\",\"experiment\":\"experiment: x\",\"unit_flops\":1e400,\"priority\":99999999999}", "{\"name\":\"x\",\"experiment\":\"experiment: x\",\"subset\":-3,\"unit_flops\":1,\"priority\":0}", "{\"name\":7,\"experiment\":[],\"unit_flops\":{},\"priority\":null}",
        ]);
        string credential = Pick(["Bearer " + token, "Bearer " + token, "Bearer " + token.Replace(token[5], (char)(token[5] ^ 1)), "Bearer", "Basic " + token, "", token, "Bearer " + new string('0', 64), "Bearer " + token + "\0"]);
        byte[] body = Encoding.UTF8.GetBytes(json);
        bool isRight = credential == "Bearer " + token;
        (HttpMethod method, string address) = isRight ? (HttpMethod.Post, "operator/experiments") : (Pick([HttpMethod.Get, HttpMethod.Post]), Pick(["operator/experiments", "operator//experiments", "operator/", "operator/experiments/x/../..", "OPERATOR/experiments"]));
        return () => Send(method, address, method == HttpMethod.Post ? body : null, message => message.Headers.TryAddWithoutValidation("Authorization", credential));
    }

    /// <summary>What is wrong below the body: request lines, headers, lengths.</summary>
    private Func<Task<Answer>> Raw(int i)
    {
        string host = new Uri(_project.Url).Authority, name = Pick(s_names), method = Pick(["GET", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "G\0T", "get", ""]), body = "<scheduler_request></scheduler_request>";
        string[] requests =
        [
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\n{body}",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nContent-Length: -5\r\n\r\n{body}",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999999999999\r\n\r\n{body}",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5000000000\r\n\r\n{body}",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nContent-Length: 40\r\n\r\n{body}",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nContent-Length: {body.Length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /operator/experiments HTTP/1.1\r\n\r\n",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{body}\r\n0\r\n\r\n",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{body}",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{body}\r\n0\r\n\r\n",
            $"POST /scheduler HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, identity\r\n\r\n{body}",
            $"POST /upload/x/y HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9000000000000000000\r\n\r\n{body}",
            $"GET / HTTP/1.1\r\nHost: {host}\r\nX: {new string('h', 40_000)}\r\n\r\n",
            $"GET / HTTP/1.1\r\nHost: {host}\r\n{string.Concat(Enumerable.Range(0, 300).Select(n => $"X{n}: y\r\n"))}\r\n",
            $"GET /{new string('p', 20_000)} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            $"GET /download/{name} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            $"GET http://elsewhere.example/download/{name} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            $"GET file:///etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n",
            $"GET /../../../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n",
            $"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.0\r\n\r\n",
            $"GET /down\0load/x HTTP/1.1\r\nHost: {host}\r\n\r\n",
            $"GET /download/%zz HTTP/1.1\r\nHost: {host}\r\n\r\n",
            $"GET /download/x HTTP/9.9\r\nHost: {host}\r\n\r\n",
            $"GET /download/x\r\n\r\n",
            $"{method} /scheduler/x HTTP/1.1\r\nHost: {host}\r\n\r\n",
            $"GET /download/x HTTP/1.1\r\nHost: a b\r\n\r\n",
            $"GET /download/x HTTP/1.1\r\nHost: {host}\r\nHost: other\r\n\r\n",
            $"GET /download/x HTTP/1.1\r\nHost : {host}\r\n bad: folded\r\n\r\n",
            $"GET /download/x HTTP/1.1\nHost: {host}\nno-colon\n\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003",
        ];
        byte[] bytes = Encoding.Latin1.GetBytes(requests[i / 10 % requests.Length]);
        if (i % 10 == 9)
            bytes = Mutate(bytes, 1 + (int)(_random.NextUInt32() % 4), isRaw: true);
        return () => Talk(bytes);
    }

    /// <summary>A body of which a letter comes every few seconds.</summary>
    private async Task<Answer> SlowBody()
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, new Uri(_project.Url).Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"POST /scheduler HTTP/1.1\r\nHost: {new Uri(_project.Url).Authority}\r\nContent-Length: 1000\r\n\r\n"));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        Task<string> answer = ReadToEnd(stream, patience.Token);
        while (!answer.IsCompleted)
        {
            await Task.WhenAny(answer, Task.Delay(2000));
            if (!answer.IsCompleted)
                await stream.WriteAsync("<"u8.ToArray());
        }
        return Parse(await answer, "a slow body");
    }

    private async Task<Answer> Talk(byte[] bytes)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, new Uri(_project.Url).Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(bytes);
        client.Client.Shutdown(SocketShutdown.Send);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        return Parse(await ReadToEnd(stream, patience.Token), Encoding.Latin1.GetString(bytes));
    }

    private static async Task<string> ReadToEnd(NetworkStream stream, CancellationToken stop)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[1 << 14];
        try
        {
            for (int read; (read = await stream.ReadAsync(buffer, stop)) > 0 && text.Length < 1 << 20;)
                text.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }
        catch (IOException)
        {
            // Cut off: what was said before that counts.
        }
        return text.ToString();
    }

    /// <summary>The first answer of a connection; none is as good as 400.</summary>
    private static Answer Parse(string text, string request) => Regex.Match(text, "^HTTP/1\\.[01] ([0-9]{3})") is { Success: true } line ? new Answer(int.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture), text, request)
        : new Answer(text.Length < 100 ? 400 : 0, text, request);

    private async Task<Answer> Send(HttpMethod method, string address, byte[]? body, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(_project.Url + address, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        if (body is not null)
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("text/xml") } };
        if (change is not null)
        {
            request.Content?.Headers.Remove("Content-Type");
            change(request);
        }
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        using HttpResponseMessage response = await _http.SendAsync(request, patience.Token);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsStringAsync(patience.Token), $"{method} {address}\n{(body is null ? "" : Encoding.UTF8.GetString(body))}");
    }

    private byte[] Mutate(byte[] bytes, int changes, bool isRaw = false)
    {
        List<byte> bad = [.. bytes];
        for (int change = 0; change < changes && bad.Count > 1; change++)
        {
            int at = (int)(_random.NextUInt32() % (uint)bad.Count);
            switch (_random.NextUInt32() % 4)
            {
                case 0: bad[at] = (byte)_random.NextUInt32(); break;
                case 1: bad.RemoveRange(at, Math.Min(bad.Count - at - 1, (int)(_random.NextUInt32() % 60))); break;
                case 2: bad.InsertRange(at, isRaw ? Encoding.Latin1.GetBytes(Pick(["\0", "\r\n", " ", ":", "%", "\u00ff"])) : Encoding.UTF8.GetBytes(Pick(s_pieces))); break;
                default: bad.AddRange(bad[..Math.Min(at, 300)]); break;
            }
        }
        return [.. bad];
    }

    private T Pick<T>(T[] from) => from[_random.NextUInt32() % (uint)from.Length];

    private static string Shorten(string text) => text.Length <= 1500 ? text : text[..1500] + "...";

    [GeneratedRegex("<status>-?1</status>|<error_num>|<message priority=\"low\">|\"error\":")]
    private static partial Regex ErrorPattern();

    [GeneratedRegex(@"   at \w|\w+Exception\b|npgsql|System\.\w+\.", RegexOptions.IgnoreCase)]
    private static partial Regex StackTracePattern();

    private sealed record Answer(int Status, string Text, string Request);
}

/// <summary>Runs alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class HostileRequestCollection
{
    public const string Name = "hostile requests";
}
