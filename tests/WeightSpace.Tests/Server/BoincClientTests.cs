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
