using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using WeightSpace.Cli.Commands;
using WeightSpace.Server;
using WeightSpace.Server.Projects;
using WeightSpace.Server.Signing;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Server;

/// <summary>
/// <c>weightspace serve --demo</c>: a whole project on this machine, to look at. Its folder holds everything of it: the project, the key and the signed program, the account, and the folder of the
/// client. Called again, it goes on.
/// </summary>
internal sealed partial class Demo : IDisposable
{
    private const string FolderName = "weightspace-demo", Email = "demo@example.org", Name = "Demo", Experiment = "quickstart";

    // For root, where PostgreSQL's user may not enter the current directory.
    private const string SystemFolder = "/var/lib/" + FolderName;

    /// <summary>Somebody is looking: many small ones.</summary>
    private const int WorkUnits = 25;

    private readonly CommandContext _run;
    private readonly string _folder, _password;
    private readonly Action<string> _say;
    private readonly CancellationTokenSource _ended = new();
    private DemoClient? _client;
    private Task _begun = Task.CompletedTask;

    private Demo(CommandContext run, string folder, string password, Action<string> say) => (_run, _folder, _password, _say) = (run, folder, password, say);

    /// <summary>The project's folder.</summary>
    public string Project => Path.Combine(_folder, "project");

    /// <summary>The folder of the signed program.</summary>
    public string App => Path.Combine(_folder, "app");

    /// <summary>How long a client is asked to wait between two requests.</summary>
    public static TimeSpan RequestDelay => TimeSpan.FromSeconds(2);

    /// <summary>Makes the folder, or opens the one of an earlier call, and signs the program.</summary>
    /// <param name="named">The folder that was named; null: one in the current directory.</param>
    public static Demo Open(CommandContext run, string? named, Action<string> say)
    {
        string folder = Path.GetFullPath(named ?? FolderName);
        if (named is null && Environment.IsPrivilegedProcess && !MayOthersEnter(folder))
            folder = SystemFolder;
        try
        {
            Directory.CreateDirectory(folder);
            string project = Directory.CreateDirectory(Path.Combine(folder, "project")).FullName;
            // PostgreSQL runs as another user where this is root, and has to pass through.
            if (!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess)
            {
                foreach (string each in (string[])[folder, project])
                    File.SetUnixFileMode(each, (UnixFileMode)0b111_101_101);
            }
            string password = Path.Combine(folder, "password");
            if (!File.Exists(password))
                DemoClient.WritePrivate(password, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6)));
            var demo = new Demo(run, folder, File.ReadAllText(password).Trim(), say);
            say($"{folder}: everything of the demo is in this folder; remove it to be rid of the demo");
            demo.Sign();
            return demo;
        }
        catch (UnauthorizedAccessException error)
        {
            throw new InputException($"{folder}: the demo's folder cannot be made: {error.Message}; name another one with --data", error);
        }
    }

    /// <summary>What is done when the project is up: an experiment, an account, and this machine's client.</summary>
    public void Begin(string url) => _begun = Task.Run(async () =>
    {
        try
        {
            await Begin(url, _ended.Token);
        }
        catch (Exception error) when (error is InputException or IOException or HttpRequestException or OperationCanceledException)
        {
            if (!_ended.IsCancellationRequested)
                _say($"demo: {error.Message}; the project is up all the same");
        }
    });

    public JsonObject ToJson(string? url) => new() { ["data"] = Project, ["url"] = url, ["email"] = Email };

    public void Dispose()
    {
        _ended.Cancel();
        _begun.GetAwaiter().GetResult();
        _client?.Dispose();
        _ended.Dispose();
    }

    private void Sign()
    {
        string key = Path.Combine(_folder, "key.pem");
        const string Option = "weightspace sign --program";
        var signing = PrivateCodeKey.ReadOrMake(key, out _);
        SignedApps.Sign(SignCommand.Programs(ProgramForOthers.BuildForVolunteers(_run, Option), Option), signing, App);
        _say($"{key}: the demo's key lies beside its server, as nobody but this machine attaches to it. Of a project for others it is kept away from the server (weightspace sign)");
    }

    private async Task Begin(string url, CancellationToken stop)
    {
        using (ProjectClient project = SubmitCommand.Connect(Project, null, ""))
        {
            string text = QuickstartCommand.ExperimentText();
            var experiment = WeightSpace.Zoos.Experiments.Experiment.Parse(text, Experiment);
            await project.Submit(new Submission(Experiment, text, null, TrainCommand.Flops(experiment) / WorkUnits, 0), stop);
        }
        string key = await MakeAccount(url, stop);
        _say($"""

            {url} is the project's page: sign in as {Email} with the password {_password}
            {url}operator is its operator's; the token stands in {Path.Combine(Project, "operator-token")}

            """);
        if (!DemoClient.IsInstalled)
        {
            _say($"This machine has no boinc-client. With one (Debian: sudo apt install boinc-client) the same call attaches it; until then attach any client of yours: boinccmd --project_attach {url} {key}");
            return;
        }
        _client = DemoClient.Start(Path.Combine(_folder, "boinc"), stop);
        _client.Attach(url, key);
        _client.Update(url);
        _say($"This machine's boinc-client works for it, in a process and a folder of its own ({Path.Combine(_folder, "boinc")}); the one that runs for its user is not touched. Its first networks are there in about a minute.");
    }

    private async Task<string> MakeAccount(string url, CancellationToken stop)
    {
        string hash = Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(_password + Email)));
        using var http = new HttpClient();
        string answer = await http.GetStringAsync($"{url}create_account.php?email_addr={Uri.EscapeDataString(Email)}&passwd_hash={hash}&user_name={Name}", stop);
        return KeyPattern().Match(answer) is { Success: true } key ? key.Groups[1].Value : throw new IOException($"{url}: the demo's account could not be made: {answer.Trim()}");
    }

    /// <summary>Whether other users may pass through all folders that a path lies in.</summary>
    private static bool MayOthersEnter(string path)
    {
        for (string? folder = Path.GetDirectoryName(path); folder is not null && !OperatingSystem.IsWindows(); folder = Path.GetDirectoryName(folder))
        {
            if (!File.GetUnixFileMode(folder).HasFlag(UnixFileMode.OtherExecute))
                return false;
        }
        return true;
    }

    [GeneratedRegex("<authenticator>([0-9a-f]{32})</authenticator>")]
    private static partial Regex KeyPattern();
}
