using System.Diagnostics;
using System.Text.Json;
using WeightSpace.Server;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Engines.Slurm;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Server;

/// <summary>A project's pages in Chromium, driven by Playwright (scripts/install-peers; tests/browser).</summary>
public sealed class BrowserTests(ServedProject project) : IClassFixture<ServedProject>
{
    [Fact]
    public async Task AVolunteerAndTheOperatorFindTheirWay()
    {
        string text = Experiments.Text(3);
        project.Submit("browsed", text, Experiment.Parse(text, "browsed").Networks[0].Recipe.TrainingFlops * 3.5);
        using var ann = new Volunteer(project, "ann") { System = "Debian &lt;b&gt;" };
        using var bob = new Volunteer(project, "bob");
        for (int units = 0; units < 2; units++)
        {
            Handed task = ann.Ask(1e-9)[0];
            Assert.Equal(0, ann.Upload(task, ann.Train(task)));
            ann.Ask(0, [(task, true)]);
        }
        long mine = project.WaitFor("browsed", experiment => experiment["units_done"]!.GetValue<long>() == 2, "Ann's units to be checked")["networks_done"]!.GetValue<long>();
        // One of Bob's fails.
        bob.Ask(0, [(bob.Ask(1e-9)[0], false)]);
        bob.Tasks.Clear();
        using var carol = new Volunteer(project, "carol");
        carol.Work();
        project.WaitFor("browsed", experiment => ServedProject.State(experiment) == "complete", "the zoo");
        using var look = new Browser(project);
        for (int i = 0; i < 200 && !look.Get("").Text.Contains("All 12 networks", StringComparison.Ordinal); i++)
            await Task.Delay(100, TestContext.Current.CancellationToken);

        using var folder = new Folder();
        Spoken spoken = await Drive(project.Url, "ann@example.org", "ann", DataFolder.ReadOperator(project.Settings.Data).Token, folder.Path);
        JsonElement answer = spoken.Json;
        Assert.True(spoken.ExitCode == 0, spoken.ToString());
        JsonElement seen = answer.GetProperty("seen");
        Assert.Equal(12, seen.GetProperty("homeDots").GetInt32());
        Assert.Equal("To the content", seen.GetProperty("firstStop").GetString());
        Assert.Equal(2, seen.GetProperty("top").GetInt32());
        Assert.Contains("no account", seen.GetProperty("refused").GetString(), StringComparison.Ordinal);
        Assert.Equal("ann", seen.GetProperty("name").GetString());
        Assert.Equal(1, seen.GetProperty("hosts").GetInt32());
        Assert.Equal(mine, seen.GetProperty("mine").GetInt64());
        Assert.Equal(12 - mine, seen.GetProperty("others").GetInt64());
        Assert.True(seen.GetProperty("lit").GetProperty("box").GetBoolean());
        Assert.NotEqual(seen.GetProperty("unlit").GetString(), seen.GetProperty("lit").GetProperty("stroke").GetString());
        Assert.Equal(ann.Key, seen.GetProperty("key").GetString());
        Assert.Equal(project.Url + "sign-in", seen.GetProperty("signedOut").GetString());
        Assert.Contains("Hosts with errors", seen.GetProperty("operator").EnumerateArray().Select(each => each.GetString()));
        Assert.All(seen.GetProperty("cookies").EnumerateArray(), cookie => Assert.True(cookie.GetProperty("httpOnly").GetBoolean() && cookie.GetProperty("sameSite").GetString() == "Strict"));
        Assert.All((string[])["project-home", "project-home-small", "project-me", "project-map", "project-operator"], name => Assert.InRange(new FileInfo(folder[name + ".png"]).Length, 1000, 150_000));
    }

    /// <summary>Has Chromium go over a project's pages; an exit code that is not 0 says that something was wrong.</summary>
    internal static async Task<Spoken> Drive(params string[] arguments)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var start = new ProcessStartInfo("node", [Path.Combine(Repository.Root, "tests", "browser", "pages.mjs"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        using Process process = Process.Start(start)!;
        try
        {
            Task<string> error = process.StandardError.ReadToEndAsync(patience.Token);
            string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return new Spoken(process.ExitCode, output, await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
