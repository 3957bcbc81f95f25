using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using WeightSpace.Tests.Cli;

namespace WeightSpace.Tests.Server;

/// <summary>Debian's boinc-client with a folder and a port of its own, on loopback alone. It ends with the process of the tests, however that ends.</summary>
internal sealed class BoincClient : IDisposable
{
    private const string Password = "only-for-tests";

    /// <summary>Standard input is the tests' hand: when it falls, the client is asked to end.</summary>
    private const string Guard = "boinc \"$@\" </dev/null >log 2>&1 3<&- & child=$!; { while read -r _; do :; done; kill $child; sleep 20; kill -KILL $child; } <&3 & guard=$!; wait $child; kill $guard 2>/dev/null";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly Folder _folder = new();
    private readonly Process _process;
    private readonly int _port;

    public BoincClient()
    {
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            _port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        _folder.Write("gui_rpc_auth.cfg", Password);
        // On a busy machine a task of the lowest priority, as the client starts it otherwise, would not come to run for minutes.
        _folder.Write("cc_config.xml", "<cc_config><log_flags><task>1</task><sched_op_debug>1</sched_op_debug></log_flags><options><report_results_immediately>1</report_results_immediately><dont_contact_ref_site>1</dont_contact_ref_site>"
            + "<no_priority_change>1</no_priority_change><ncpus>2</ncpus><max_file_xfers>8</max_file_xfers><max_file_xfers_per_project>8</max_file_xfers_per_project></options></cc_config>");
        // A busy machine is no reason to wait here.
        _folder.Write("global_prefs_override.xml", "<global_preferences><suspend_cpu_usage>0</suspend_cpu_usage><run_if_user_active>1</run_if_user_active><run_on_batteries>1</run_on_batteries><max_ncpus_pct>100</max_ncpus_pct><cpu_usage_limit>100</cpu_usage_limit></global_preferences>");
        string[] options = ["--dir", _folder.Path, "--gui_rpc_port", _port.ToString(CultureInfo.InvariantCulture), "--skip_cpu_benchmarks", "--no_gpus", "--no_info_fetch", "--allow_multiple_clients"];
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec 3<&0; " + Guard, "sh", .. options]) { RedirectStandardInput = true, UseShellExecute = false, WorkingDirectory = _folder.Path };
        _process = Process.Start(start)!;
        for (int i = 0; i < 300 && Command("--get_host_info").ExitCode != 0; i++)
            Thread.Sleep(100);
    }

    /// <summary>What the client has said so far.</summary>
    public string Log => File.Exists(_folder["log"]) ? File.ReadAllText(_folder["log"]) : "";

    /// <summary>Runs <c>boinccmd</c> against this client.</summary>
    public Spoken Command(params string[] arguments)
    {
        var start = new ProcessStartInfo("boinccmd", ["--host", $"127.0.0.1:{_port.ToString(CultureInfo.InvariantCulture)}", "--passwd", Password, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = _folder.Path,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(), output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"boinccmd {string.Join(' ', arguments)} did not end in {s_patience}\n{Log}");
        }
        return new Spoken(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        // The guard kills it after 20 seconds.
        if (!_process.WaitForExit(s_patience))
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
        _folder.Dispose();
    }
}
