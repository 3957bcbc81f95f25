using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace WeightSpace.Cli.Server;

/// <summary>
/// This machine's boinc-client, in a folder and on a port of the demo's own: the client that runs for its user, and what that is attached to, are not touched. It ends with this process, however that ends.
/// </summary>
internal sealed class DemoClient : IDisposable
{
    private const string Program = "boinc", Commander = "boinccmd";

    /// <summary>Standard input is the demo's hand: when it falls, the client is asked to end.</summary>
    private const string Guard = "boinc \"$@\" </dev/null >log 2>&1 3<&- & child=$!; { while read -r _; do :; done; kill $child; sleep 20; kill -KILL $child; } <&3 & guard=$!; wait $child; kill $guard 2>/dev/null";

    // Whoever uses the machine has it for a demo: work need not wait for the evening.
    private const string Preferences = "<global_preferences><suspend_cpu_usage>0</suspend_cpu_usage><run_if_user_active>1</run_if_user_active><run_on_batteries>1</run_on_batteries></global_preferences>";

    // Nobody but the demo is asked for anything; and tasks of the lowest priority would not be seen to move on a busy machine.
    private const string Settings = "<cc_config><options><report_results_immediately>1</report_results_immediately><dont_contact_ref_site>1</dont_contact_ref_site><no_priority_change>1</no_priority_change></options></cc_config>";

    private static readonly TimeSpan s_start = TimeSpan.FromSeconds(60);

    private readonly string _folder, _password;
    private readonly int _port;
    private readonly Process _process;

    private DemoClient(string folder, string password, int port, Process process) => (_folder, _password, _port, _process) = (folder, password, port, process);

    /// <summary>Whether this machine has a client to start.</summary>
    public static bool IsInstalled => Has(Program) && Has(Commander);

    /// <summary>Starts the client in a folder, which is made where there is none, and waits until it listens. Throws <see cref="IOException"/> where it does not.</summary>
    public static DemoClient Start(string folder, CancellationToken stop)
    {
        Directory.CreateDirectory(folder);
        string password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        WritePrivate(Path.Combine(folder, "gui_rpc_auth.cfg"), password);
        File.WriteAllText(Path.Combine(folder, "cc_config.xml"), Settings);
        File.WriteAllText(Path.Combine(folder, "global_prefs_override.xml"), Preferences);
        int port = FreePort();
        // In a session of its own: the interrupt of a terminal is the demo's, which ends the client.
        string[] line = ["sh", "-c", "exec 3<&0; " + Guard, "sh", "--dir", folder, "--gui_rpc_port", port.ToString(CultureInfo.InvariantCulture), "--no_gpus", "--no_info_fetch", "--allow_multiple_clients"];
        Process process = Process.Start(new ProcessStartInfo("setsid", line) { RedirectStandardInput = true, UseShellExecute = false, WorkingDirectory = folder })!;
        var client = new DemoClient(folder, password, port, process);
        try
        {
            long began = Stopwatch.GetTimestamp();
            while (client.Command("--get_host_info").ExitCode != 0)
            {
                stop.ThrowIfCancellationRequested();
                if (process.HasExited || Stopwatch.GetElapsedTime(began) > s_start)
                    throw new IOException($"boinc-client did not start; what it said stands in {Path.Combine(folder, "log")}");
                Thread.Sleep(200);
            }
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Attaches it to a project; nothing happens where it is attached already.</summary>
    public void Attach(string url, string key)
    {
        if (Command("--get_project_status").Said.Contains($"master URL: {url}", StringComparison.Ordinal))
            return;
        (int code, string said) = Command("--project_attach", url, key);
        if (code != 0)
            throw new IOException($"boinc-client could not be attached to {url}: {said.Trim()}");
    }

    /// <summary>Does not wait for the next round of looking for work.</summary>
    public void Update(string url) => Command("--project", url, "update");

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private (int ExitCode, string Said) Command(params string[] arguments)
    {
        string[] line = ["--host", $"127.0.0.1:{_port.ToString(CultureInfo.InvariantCulture)}", "--passwd", _password, .. arguments];
        using Process process = Process.Start(new ProcessStartInfo(Commander, line) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = _folder })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }

    /// <summary>A file that its owner alone may read.</summary>
    public static void WritePrivate(string path, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new StreamWriter(path, options);
        file.Write(text);
    }

    private static bool Has(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, program)));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
