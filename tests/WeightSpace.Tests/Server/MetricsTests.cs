using System.Globalization;
using System.Text.RegularExpressions;
using WeightSpace.Server;
using WeightSpace.Tests.Engines.Slurm;

namespace WeightSpace.Tests.Server;

/// <summary>What machines ask of a project: metrics and health.</summary>
public sealed class MetricsTests(ServedProject project) : IClassFixture<ServedProject>
{
    [Fact]
    public void PrometheusReadsWhatTheProjectDid()
    {
        using var browser = new Browser(project);
        project.Submit("measured", Experiments.Text(2), 1e18);
        using var ann = new Volunteer(project, "ann");
        Handed task = ann.Ask()[0];
        byte[] file = ann.Train(task);
        Assert.Equal(0, ann.Upload(task, file));
        ann.Ask(0, [(task, true)]);
        project.WaitFor("measured", experiment => ServedProject.State(experiment) == "complete", "the zoo");
        Dictionary<string, double> samples = [];
        for (int i = 0; i < 600 && !samples.ContainsKey("weightspace_networks_done{experiment=\"measured\",state=\"complete\"}"); i++)
        {
            Thread.Sleep(100);
            samples = Read(browser);
        }
        Assert.Equal(1, samples["weightspace_database_up"]);
        Assert.Equal(1, samples["weightspace_results{state=\"valid\"}"]);
        Assert.Equal(8, samples["weightspace_networks_done{experiment=\"measured\",state=\"complete\"}"]);
        Assert.Equal(1, samples["weightspace_hosts{within=\"1h\"}"]);
        Assert.Equal(2, samples["weightspace_scheduler_requests_total{status=\"2xx\"}"]);
        Assert.Equal(2, samples["weightspace_scheduler_duration_seconds_count"]);
        Assert.Equal(2, samples["weightspace_scheduler_duration_seconds_bucket{le=\"+Inf\"}"]);
        Assert.InRange(samples["weightspace_scheduler_duration_seconds_sum"], 1e-6, 60);
        double[] buckets = [.. samples.Where(sample => sample.Key.Contains("_bucket", StringComparison.Ordinal)).Select(sample => sample.Value)];
        Assert.Equal(buckets.Order(), buckets);
        Assert.InRange(samples["weightspace_upload_bytes_total"], file.Length, file.Length + 2000);
        Assert.True(samples["weightspace_credit_flops"] > 0);
        Assert.Equal(0, samples["weightspace_queue{of=\"checking\"}"]);
    }

    [Fact]
    public void MetricsAreForTheOperatorOrThisMachine()
    {
        using var browser = new Browser(project);
        string token = DataFolder.ReadOperator(project.Settings.Data).Token;
        Assert.Equal(200, browser.Get("metrics").Status);
        // A proxy on this machine asks for anybody.
        Assert.Equal(401, browser.Get("metrics", ("X-Forwarded-For", "192.0.2.1")).Status);
        Assert.Equal(401, browser.Get("metrics", ("Forwarded", "for=192.0.2.1"), ("Authorization", "Bearer wrong")).Status);
        Assert.Equal(200, browser.Get("metrics", ("X-Forwarded-For", "192.0.2.1"), ("Authorization", "Bearer " + token)).Status);
        ServerSettings before = project.Settings;
        project.Settings = before with { Listen = "127.0.0.1:0" };
        project.Restart();
        try
        {
            Assert.Equal(401, browser.Get("metrics").Status);
        }
        finally
        {
            project.Settings = before;
            project.Restart();
        }
    }

    [Fact]
    public void AServerSaysWhetherItIsAliveAndWhetherItIsReady()
    {
        using var browser = new Browser(project);
        Assert.Equal("ok\n", browser.Get("health").Text);
        Assert.Equal("ready\n", browser.Get("ready").Text);
        ServerSettings before = project.Settings;
        project.Settings = before with { LeastRoom = long.MaxValue };
        project.Restart();
        try
        {
            Seen full = browser.Get("ready");
            Assert.Equal(503, full.Status);
            Assert.Contains("bytes left", full.Text, StringComparison.Ordinal);
            Assert.Equal(200, browser.Get("health").Status);
        }
        finally
        {
            project.Settings = before;
            project.Restart();
        }
        // Without its database it is alive and not ready, and says so until it is back.
        int postmaster = int.Parse(File.ReadLines(Path.Combine(project.Settings.Data, "postgresql", "cluster", "postmaster.pid")).First(), CultureInfo.InvariantCulture);
        using (var process = System.Diagnostics.Process.GetProcessById(postmaster))
            process.Kill();
        Assert.True(Within(() => browser.Get("ready") is { Status: 503 } seen && seen.Text.Contains("database", StringComparison.Ordinal)));
        Assert.Equal(200, browser.Get("health").Status);
        Assert.True(Within(() => browser.Get("ready").Status == 200));

        static bool Within(Func<bool> isSo)
        {
            for (int i = 0; i < 3000; i++)
            {
                if (isSo())
                    return true;
                Thread.Sleep(10);
            }
            return false;
        }
    }

    /// <summary>Reads the text format strictly: every sample belongs to a family with a help and a type before it.</summary>
    private static Dictionary<string, double> Read(Browser browser)
    {
        Seen seen = browser.Get("metrics");
        Assert.Equal(200, seen.Status);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", seen.Response.Content.Headers.ContentType!.ToString());
        Assert.EndsWith("\n", seen.Text, StringComparison.Ordinal);
        var samples = new Dictionary<string, double>();
        (string family, string type, HashSet<string> families) = ("", "", []);
        foreach (string line in seen.Text.Split('\n')[..^1])
        {
            if (Regex.Match(line, "^# HELP ([a-z_]+) .+$") is { Success: true } help)
            {
                family = help.Groups[1].Value;
                Assert.True(families.Add(family), line);
            }
            else if (Regex.Match(line, "^# TYPE ([a-z_]+) (counter|gauge|histogram)$") is { Success: true } typed)
            {
                Assert.Equal(family, typed.Groups[1].Value);
                type = typed.Groups[2].Value;
            }
            else
            {
                Match sample = Regex.Match(line, @"^([a-z_]+)(\{[a-z]+=""[^""\\]*""(,[a-z]+=""[^""\\]*"")*\})? (\S+)$");
                Assert.True(sample.Success, line);
                Assert.Matches($"^{family}{(type == "histogram" ? "_(bucket|sum|count)" : "")}$", sample.Groups[1].Value);
                samples.Add(sample.Groups[1].Value + sample.Groups[2].Value, double.Parse(sample.Groups[4].Value, CultureInfo.InvariantCulture));
            }
        }
        return samples;
    }
}
