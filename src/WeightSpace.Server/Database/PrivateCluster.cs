using System.Diagnostics;
using System.Globalization;
using Npgsql;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Database;

/// <summary>
/// A PostgreSQL of the server's own, from the machine's installed one: data and socket in a folder, no port. It ends when the server does, however that ends, and is started again
/// where it died. PostgreSQL refuses to run as root: called by root, it runs as the user <c>postgres</c>.
/// </summary>
internal sealed class PrivateCluster : IAsyncDisposable
{
    private const string Superuser = "weightspace";
    private const string User = "postgres";

    // A path of a Unix socket has at most 107 bytes, and the socket's own name is .s.PGSQL.5432.
    private const int MaxSocketFolder = 90;

    private static readonly TimeSpan s_start = TimeSpan.FromSeconds(60);

    /// <summary>Standard input is the server's hand: when it falls, PostgreSQL is asked for a fast shutdown.</summary>
    private const string Guard = "\"$@\" </dev/null 3<&- & child=$!; { while read -r _; do :; done; kill -INT $child; } <&3 & guard=$!; wait $child; kill $guard 2>/dev/null";

    private readonly string _data, _socket, _programs, _log;
    private readonly CancellationTokenSource _stop = new();
    private Process? _process;
    private Task? _guard;

    private PrivateCluster(string data, string socket, string programs, string log) => (_data, _socket, _programs, _log) = (data, socket, programs, log);

    public string ConnectionString => $"Host={_socket};Username={Superuser};Database=postgres;Maximum Pool Size=20;Timeout=5;Command Timeout=60";

    /// <summary>Starts the cluster in <paramref name="folder"/>, which is made where there is none. Throws <see cref="InputException"/> where PostgreSQL is not installed, or cannot run there.</summary>
    public static async Task<PrivateCluster> Start(string folder, Action<string> say, CancellationToken stop)
    {
        if (OperatingSystem.IsWindows())
            throw new InputException("a database of the server's own needs Linux; name a PostgreSQL with --database");
        string programs = FindPrograms();
        string data = Path.Combine(folder, "cluster"), log = Path.Combine(folder, "log");
        Directory.CreateDirectory(folder);
        if (Environment.IsPrivilegedProcess)
            await Give(folder);
        string socket = folder.Length <= MaxSocketFolder ? folder : throw new InputException($"{folder}: the path is {folder.Length} characters long, and a socket's may have {MaxSocketFolder}; choose a data folder with a shorter path");
        if (!File.Exists(Path.Combine(data, "PG_VERSION")))
        {
            // Under another name until it is whole.
            string fresh = data + ".new";
            if (Directory.Exists(fresh))
                Directory.Delete(fresh, recursive: true);
            say("making the database");
            (int code, string said) = await Run(programs, folder, "initdb", ["--pgdata", fresh, "--username", Superuser, "--auth-local", "trust", "--auth-host", "reject", "--encoding", "UTF8", "--locale", "C", "--data-checksums"]);
            if (code != 0)
                throw new InputException($"{fresh}: PostgreSQL could not make its files there: {LastLine(said)}; the folder must be reachable for the user {(Environment.IsPrivilegedProcess ? User : Environment.UserName)}");
            Directory.Move(fresh, data);
        }
        string version = (await File.ReadAllTextAsync(Path.Combine(data, "PG_VERSION"), stop)).Trim();
        if (!programs.Contains($"/{version}/", StringComparison.Ordinal))
        {
            string own = $"/usr/lib/postgresql/{version}/bin";
            programs = Directory.Exists(own) ? own : throw new InputException($"{data}: these are files of PostgreSQL {version}, and this machine has {Path.GetFileName(Path.GetDirectoryName(programs))}; install postgresql-{version}, or move them with pg_upgrade");
        }
        var cluster = new PrivateCluster(data, socket, programs, log);
        try
        {
            cluster._process = cluster.Launch();
            await cluster.WaitUntilReady(stop);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
        cluster._guard = cluster.KeepAlive(say);
        return cluster;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_guard is not null)
            await _guard;
        if (_process is not null)
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
        _stop.Dispose();
    }

    private static string FindPrograms() =>
        (Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql") : [])
            .Where(folder => File.Exists(Path.Combine(folder, "bin", "initdb")))
            .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int number) ? number : 0)
            .Select(folder => Path.Combine(folder, "bin")).FirstOrDefault()
        ?? throw new InputException("PostgreSQL is not installed on this machine (nothing in /usr/lib/postgresql/*/bin); install it (Debian: apt install postgresql), or name a database with --database");

    /// <summary>Gives the folder to the user that PostgreSQL runs as; root may use its socket all the same.</summary>
    private static async Task Give(string folder)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", $"chown {User}:{User} \"$0\" && chmod 700 \"$0\"", folder]) { UseShellExecute = false, RedirectStandardError = true })!;
        string said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InputException($"{folder}: the folder could not be given to the user {User}, whom PostgreSQL runs as: {LastLine(said)}");
    }

    /// <summary>A program of PostgreSQL, as the user that it may run as.</summary>
    private static ProcessStartInfo Command(string folder, string program, IEnumerable<string> arguments)
    {
        string[] line = [.. Environment.IsPrivilegedProcess ? ["setpriv", $"--reuid={User}", $"--regid={User}", "--init-groups"] : Array.Empty<string>(), program, .. arguments];
        var start = new ProcessStartInfo(line[0], line[1..]) { UseShellExecute = false, WorkingDirectory = Environment.IsPrivilegedProcess ? "/" : folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        return start;
    }

    private static async Task<(int ExitCode, string Said)> Run(string programs, string folder, string program, string[] arguments)
    {
        using var process = Process.Start(Command(folder, Path.Combine(programs, program), arguments))!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        _ = await output;
        return (process.ExitCode, await error);
    }

    private Process Launch()
    {
        // In a session of its own: the interrupt of a terminal is the server's, which ends the database last.
        string[] postgres = [Path.Combine(_programs, "postgres"), "-D", _data, "-c", "listen_addresses=", "-c", $"unix_socket_directories={_socket}", "-c", "unix_socket_permissions=0700",
            "-c", "logging_collector=off", "-c", "log_min_messages=warning", "-c", "max_connections=40", "-c", "jit=off"];
        ProcessStartInfo start = Command(_socket, "setsid", ["sh", "-c", "exec 3<&0 2>>\"$0\" >/dev/null; " + Guard, _log, .. postgres]);
        Process process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        return process;
    }

    private void Relaunch()
    {
        _process!.StandardInput.Close();
        _process.Dispose();
        _process = Launch();
    }

    private async Task WaitUntilReady(CancellationToken stop)
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
                await connection.OpenAsync(stop);
                return;
            }
            catch (NpgsqlException error)
            {
                // An earlier server's PostgreSQL may still be ending; until then this one cannot begin.
                if (_process!.HasExited)
                    Relaunch();
                if (Stopwatch.GetElapsedTime(began) > s_start)
                    throw new InputException($"PostgreSQL did not start in {s_start.TotalSeconds} s: {error.Message}; what it said stands in {_log}", error);
                await Task.Delay(200, stop);
            }
        }
    }

    private async Task KeepAlive(Action<string> say)
    {
        while (true)
        {
            try
            {
                await _process!.WaitForExitAsync(_stop.Token);
                say("PostgreSQL ended; starting it again");
                Relaunch();
                await WaitUntilReady(_stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (InputException error)
            {
                say(error.Message);
            }
        }
    }

    private static string LastLine(string said) => said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "";
}
