using System.Globalization;
using System.Text.RegularExpressions;
using WeightSpace.Server;
using WeightSpace.Tests.Cli;

namespace WeightSpace.Tests.Server;

/// <summary><c>weightspace serve --demo</c>, a process of its own, without this machine's boinc-client and with it.</summary>
public sealed class DemoTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly HttpClient _http = new();

    public DemoTests()
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_101_101);
    }

    private string Demo => _folder["demo"];

    public void Dispose()
    {
        _http.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void OneCommandIsAProjectAndTheSameCallGoesOnWithThisMachinesClient()
    {
        // A machine with everything but boinc-client.
        string programs = Directory.CreateDirectory(_folder["programs"]).FullName;
        foreach (string path in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Where(Directory.Exists).SelectMany(Directory.EnumerateFiles).Where(path => !Path.GetFileName(path).StartsWith("boinc", StringComparison.Ordinal)))
        {
            if (!Path.Exists(Path.Combine(programs, Path.GetFileName(path))))
                File.CreateSymbolicLink(Path.Combine(programs, Path.GetFileName(path)), path);
        }
        Spoken without = Serve([("PATH", programs)], "http://127.0.0.1:0/", url =>
        {
            Until(() => Get(url).Contains(">quickstart</h3>", StringComparison.Ordinal), "the experiment");
            Until(() => Metric(url, "weightspace_accounts") == 1, "the account");
            Thread.Sleep(1000);
        });
        Assert.Equal(0, without.ExitCode);
        Assert.Contains("sudo apt install boinc-client", without.Error, StringComparison.Ordinal);
        Assert.Contains("key lies beside its server", without.Error, StringComparison.Ordinal);
        string password = Regex.Match(without.Error, "sign in as demo@example.org with the password ([0-9a-f]{12})").Groups[1].Value;
        Assert.Equal(password, File.ReadAllText(Path.Combine(Demo, "password")));
        Assert.False(Directory.Exists(Path.Combine(Demo, "boinc")));

        Spoken with = Serve([], without.Json.GetProperty("url").GetString()!, url =>
        {
            Assert.Equal(without.Json.GetProperty("url").GetString(), url);
            Until(() => Metric(url, "weightspace_results{state=\"valid\"}") >= 1, "a result of this machine's client");
            Assert.Equal(1, Metric(url, "weightspace_accounts"));
            Assert.Equal(1, Metric(url, "weightspace_hosts{within=\"1h\"}"));
            // As soon as there is a map, a browser sees the whole of it.
            Until(() => Get(url).Contains("class=\"points", StringComparison.Ordinal), "the map");
            using var shots = new Folder();
            Spoken seen = BrowserTests.Drive(url, "demo@example.org", password, DataFolder.ReadOperator(Path.Combine(Demo, "project")).Token, shots.Path).GetAwaiter().GetResult();
            Assert.True(seen.ExitCode == 0, seen.ToString());
        });
        Assert.Equal(0, with.ExitCode);
        Assert.Contains("works for it", with.Error, StringComparison.Ordinal);
        Assert.Contains(password, with.Error, StringComparison.Ordinal);
        // Nothing of it is left running.
        Assert.DoesNotContain(Directory.EnumerateDirectories("/proc").Where(process => int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out _)).Select(CommandLine), line => line.Contains(Demo, StringComparison.Ordinal));
    }

    /// <summary>Serves the demo, does something when it is up, and ends it as Ctrl-C does.</summary>
    private Spoken Serve((string, string)[] environment, string address, Action<string> use)
    {
        string written = Path.Combine(Demo, "project", "url");
        if (File.Exists(written))
            File.Delete(written);
        using BuiltProgram.Running demo = BuiltProgram.Start(environment, "serve", "--demo", "--data", Demo, "--url", address, "--json");
        demo.WaitUntil(() => File.Exists(written));
        try
        {
            Assert.False(demo.HasEnded, demo.HasEnded ? demo.Wait().ToString() : "");
            use(DataFolder.ReadOperator(Path.Combine(Demo, "project")).Url);
        }
        finally
        {
            demo.Interrupt();
        }
        return demo.Wait();
    }

    private string Get(string address) => _http.GetStringAsync(address).GetAwaiter().GetResult();

    private double Metric(string url, string name) =>
        double.Parse(Regex.Match(Get(url + "metrics"), $"^{Regex.Escape(name)} (.*)$", RegexOptions.Multiline) is { Success: true } found ? found.Groups[1].Value : "-1", CultureInfo.InvariantCulture);

    private static void Until(Func<bool> isSo, string what)
    {
        for (int i = 0; i < 600; i++)
        {
            if (isSo())
                return;
            Thread.Sleep(250);
        }
        Assert.Fail($"{what} did not come");
    }

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It has just ended.
            return "";
        }
    }
}
