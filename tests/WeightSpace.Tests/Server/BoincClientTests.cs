using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Engines.Slurm;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Server;

/// <summary>Debian's own BOINC clients (scripts/install-peers), with nothing of ours but what the project sends them.</summary>
public sealed class BoincClientTests
{
    private const string Script = "scripts/build-volunteer";

    [Fact]
    public async Task StockClientsGrowTheZooThatThisMachineGrows()
    {
        Spoken built = await Run(Path.Combine(Repository.Root, Script), "linux");
        Assert.True(built.ExitCode == 0, built.ToString());
        string text = Experiments.Text(50);
        double flops = Experiment.Parse(text, "volunteers.yaml").Settings().Sum(setting => setting.Networks * setting.Example.TrainingFlops);
        using var project = new ServedProject(built.Output.Trim()["linux=".Length..]);
        project.Settings = project.Settings with { RequestDelay = TimeSpan.FromSeconds(1) };
        project.Restart();
        // Of whom an account is, the project is told md5(password + e-mail address).
        string hash = Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes("correct horse" + "zoe@example.org")));
        using var http = new HttpClient();
        string made = await http.GetStringAsync($"{project.Url}create_account.php?email_addr=zoe@example.org&passwd_hash={hash}&user_name=Zoe", TestContext.Current.CancellationToken);
        string key = Regex.Match(made, "<authenticator>([0-9a-f]{32})</authenticator>").Groups[1].Value;
        BoincClient[] clients = [new(), new(), new()];
        try
        {
            project.Submit("volunteers", text, flops / 15);
            // Two by the account's key; one by e-mail address and password, which the client itself makes the hash of.
            foreach (BoincClient client in clients[..2])
                Assert.Equal(0, client.Command("--project_attach", project.Url, key).ExitCode);
            Spoken looked = clients[2].Command("--lookup_account", project.Url, "zoe@example.org", "correct horse");
            Assert.Contains(key, looked.ToString(), StringComparison.Ordinal);
            Assert.Equal(0, clients[2].Command("--project_attach", project.Url, Regex.Match(looked.Output, "[0-9a-f]{32}").Value).ExitCode);
            for (int i = 0; i < 150 && ServedProject.State(project.Experiment("volunteers")) != "complete"; i++)
                await Task.Delay(1000, TestContext.Current.CancellationToken);
            Assert.True(ServedProject.State(project.Experiment("volunteers")) == "complete", $"{project.Experiment("volunteers")}\n{string.Join('\n', project.Said)}\n{string.Join("\n\n", clients.Select(client => client.Log))}");
            project.AssertIsGrown("volunteers", text);
            Assert.All(clients, client => Assert.Matches("Computation for task volunteers_[0-9_]+ finished", client.Log));
            Assert.Equal(0, project.Experiment("volunteers")["results_failed"]!.GetValue<long>());
            Assert.Equal(0, project.Experiment("volunteers")["results_wrong"]!.GetValue<long>());
        }
        finally
        {
            foreach (BoincClient client in clients)
                client.Dispose();
        }
    }

    /// <summary>
    /// The same while everything fails that may fail: the server is killed five times and its database twice, a client is reset, an upload is cut off and another changed on its way, and a host takes work
    /// and is never heard of again. Nothing is lost, nothing is there twice, and credit is exact.
    /// </summary>
    [Fact]
    public async Task WhateverFailsNothingIsLostAndNothingIsThereTwice()
    {
        Spoken built = await Run(Path.Combine(Repository.Root, Script), "linux");
        Assert.True(built.ExitCode == 0, built.ToString());
        string text = Experiments.Text(50), key;
        IReadOnlyList<PlannedNetwork> networks = Experiment.Parse(text, "volunteers.yaml").Networks;
        double flops = networks.Sum(network => network.Recipe.TrainingFlops);
        using var folder = new Folder();
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_101_101);
        string data = folder["project"], database = Path.Combine(data, "postgresql");
        BuiltProgram.Succeed("sign", "--key", folder["key.pem"], "--program", built.Output.Trim(), "--out", folder["app"]);
        int port = FreePort();
        using var network = new BadNetwork(port);
        string url = $"http://127.0.0.1:{network.Port}/";
        BuiltProgram.Running server = Serve("--app", folder["app"]);
        List<BoincClient> clients = [];
        try
        {
            using (var silent = new Volunteer(() => url, "silent"))
            {
                BuiltProgram.Succeed("submit", folder.Write("volunteers.yaml", text), "--to", data, "--name", "volunteers", "--unit-gflop", (flops / 25e9).ToString(System.Globalization.CultureInfo.InvariantCulture));
                for (int i = 0; i < 100 && silent.Ask(1e-9).Count == 0; i++)
                    await Task.Delay(100, TestContext.Current.CancellationToken);
                Assert.NotEmpty(silent.Tasks);
                key = silent.Key;
            }
            for (int i = 0; i < 3; i++)
            {
                clients.Add(new BoincClient());
                Assert.Equal(0, clients[i].Command("--project_attach", url, key).ExitCode);
            }
            (int serverKills, int databaseKills, bool isReset, long last) = (0, 0, false, -1);
            network.CutNext();
            for (int i = 0; i < 400 && !File.Exists(Path.Combine(data, "zoos", "volunteers", "zoo.json")); i++)
            {
                await Task.Delay(500, TestContext.Current.CancellationToken);
                // Clients wait for minutes after a failure; told that the network is back, they try at once.
                foreach (BoincClient client in clients)
                    client.Command("--network_available");
                long done = await Ask<long>(database, "SELECT count(*) FROM units WHERE is_done");
                if (done <= last)
                    continue;
                // A fault with each step forward.
                last = done;
                if (network.Done is (1, 0))
                    network.ChangeNext();
                if (serverKills <= databaseKills * 2 && serverKills < 5)
                {
                    server.Kill();
                    server.Wait();
                    server.Dispose();
                    server = Serve();
                    serverKills++;
                }
                else if (databaseKills < 2)
                {
                    using var postmaster = System.Diagnostics.Process.GetProcessById(int.Parse(File.ReadLines(Path.Combine(database, "cluster", "postmaster.pid")).First(), System.Globalization.CultureInfo.InvariantCulture));
                    postmaster.Kill();
                    databaseKills++;
                }
                else if (!isReset)
                {
                    isReset = clients[0].Command("--project", url, "reset").ExitCode == 0;
                }
                else if (serverKills < 5)
                {
                    server.Kill();
                    server.Wait();
                    server.Dispose();
                    server = Serve();
                    serverKills++;
                }
            }
            string state = $"{serverKills} kills of the server, {databaseKills} of the database, reset: {isReset}, network: {network.Done}, done: {last}\n{string.Join("\n\n", clients.Select(client => client.Log))}";
            Assert.True(File.Exists(Path.Combine(data, "zoos", "volunteers", "zoo.json")), state);
            Assert.True((serverKills, databaseKills, isReset, network.Done) is (5, 2, true, (1, 1)), state);
            for (int i = 0; i < 100 && await Ask<string>(database, "SELECT state FROM experiments") != "complete"; i++)
                await Task.Delay(100, TestContext.Current.CancellationToken);

            // Every unit once; what was handed out late or twice is known, and earns only what is right.
            Assert.Equal(0, await Ask<long>(database, "SELECT count(*) FROM units WHERE NOT is_done OR is_suspect OR voided <> 0"));
            Assert.Equal(networks.Count, await Ask<long>(database, "SELECT sum(ended)::bigint FROM units"));
            Assert.True(await Ask<long>(database, "SELECT count(*) FROM results WHERE state = 'expired'") > 0, "the silent host's result was not given up");
            Assert.Equal(0, await Ask<long>(database, "SELECT count(*) FROM results WHERE state IN ('invalid', 'withdrawn', 'held')"));
            // Credit: each valid result what its unit is worth, each unit what its networks took, each account the sum.
            Assert.Equal(flops, await Ask<long>(database, "SELECT sum(earned)::bigint FROM units"), flops * 1e-9);
            Assert.Equal(0, await Ask<long>(database, "SELECT count(*) FROM results r JOIN units u ON u.id = r.unit_id WHERE r.flops <> CASE WHEN r.state = 'valid' THEN u.earned ELSE 0 END"));
            Assert.Equal(0, await Ask<long>(database, "SELECT count(*) FROM results WHERE state = 'valid' AND (uploaded_bytes IS NULL OR uploaded_bytes = 0)"));
            Assert.Equal(0, await Ask<long>(database, "SELECT count(*) FROM hosts h WHERE h.flops <> (SELECT coalesce(sum(r.flops), 0) FROM results r WHERE r.host_id = h.id)"));
            Assert.Equal(0, await Ask<long>(database, "SELECT count(*) FROM accounts a WHERE a.flops <> (SELECT coalesce(sum(r.flops), 0) FROM results r WHERE r.account_id = a.id)"));
            BuiltProgram.Succeed("train", folder["volunteers.yaml"], "--out", folder["local"]);
            Assert.Equal(Folder.Digests(folder["local"]), Folder.Digests(Path.Combine(data, "zoos", "volunteers")));
        }
        finally
        {
            foreach (BoincClient client in clients)
                client.Dispose();
            server.Dispose();
        }

        BuiltProgram.Running Serve(params string[] options)
        {
            string told = Path.Combine(data, "url");
            if (File.Exists(told))
                File.Delete(told);
            BuiltProgram.Running running = BuiltProgram.Start([], ["serve", "--data", data, "--url", url, "--listen", $"127.0.0.1:{port}", "--request-delay", "1", "--deadline-days", "0.0004", "--failures-per-minute", "1000000", .. options]);
            running.WaitUntil(() => File.Exists(told));
            Assert.False(running.HasEnded, running.HasEnded ? running.Wait().ToString() : "");
            return running;
        }
    }

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Asks a project's database; the type's default while it does not answer.</summary>
    private static async Task<T?> Ask<T>(string folder, string statement)
    {
        try
        {
            await using var connection = new Npgsql.NpgsqlConnection($"Host={folder};Username=weightspace;Database=postgres;Pooling=false;Timeout=5");
            await connection.OpenAsync(TestContext.Current.CancellationToken);
            await using var command = new Npgsql.NpgsqlCommand(statement, connection);
            return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken) is { } found and not DBNull ? (T)found : default;
        }
        catch (Npgsql.NpgsqlException)
        {
            return default;
        }
    }

    private static async Task<Spoken> Run(string program, string argument)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, [argument]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(8));
        Task<string> error = process.StandardError.ReadToEndAsync(patience.Token);
        string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        return new Spoken(process.ExitCode, output, await error);
    }
}
