using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Cli;

/// <summary>A reference population, and the monitor that the program learned from it.</summary>
public sealed class MonitorFixture : IDisposable
{
    public const int Checkpoints = 14;

    private readonly Folder _folder = new();

    public MonitorFixture()
    {
        for (int n = 0; n < 110; n++)
            WatchedRuns.Write(this[$"reference/run{n}"], WatchedRuns.Run((ulong)(1000 + n), Checkpoints));
        Fitted = BuiltProgram.Succeed("monitor", "fit", this["reference"], "--out", this["monitor.json"], "--json");
    }

    internal Spoken Fitted { get; }

    public string this[string name] => _folder[name];

    public void Dispose() => _folder.Dispose();
}

/// <summary><c>weightspace watch</c>, <c>monitor fit</c> and <c>track --gate</c>, as programs of their own.</summary>
public sealed class WatchTests(MonitorFixture fixture) : IClassFixture<MonitorFixture>
{
    private const int Many = 1000;

    /// <summary>The watch is killed again and again while checkpoints come late, out of order and half written; what it says at the end is what an undisturbed one says.</summary>
    [Fact]
    public void KilledAgainAndAgainEachOfAThousandCheckpointsIsJudgedOnce()
    {
        string folder = fixture["thousand"], log = fixture["thousand.jsonl"];
        Directory.CreateDirectory(folder);
        float[][] run = WatchedRuns.Run(7, Many);
        bool isWritten = false;
        var writer = new Thread(() =>
        {
            WriteInDisorder(folder, run);
            Volatile.Write(ref isWritten, true);
        });
        writer.Start();
        string[] arguments = ["watch", folder, "--log", log, "--tested", "0", "--max-distance", "0.9", "--every", "10", "--patience", "1000", "--settle", "0.05", "--poll", "0.02", "--json"];
        var draw = new RandomStream(11, RandomPurpose.Testing);
        int kills = 0, before = 0;
        while (!Volatile.Read(ref isWritten) || kills < 12)
        {
            using BuiltProgram.Running running = BuiltProgram.Start([], arguments);
            int target = before + 1 + draw.NextBelow(60), moment = draw.NextBelow(40);
            // Where nothing more comes, a moment of idleness is as good.
            var patience = System.Diagnostics.Stopwatch.StartNew();
            running.WaitUntil(() => Lines(log) >= target || patience.ElapsedMilliseconds > 3000);
            Thread.Sleep(moment);
            Assert.False(running.HasEnded, "the watch ended by itself");
            running.Kill();
            running.Wait();
            kills++;
            before = Lines(log);
            if (kills == 5)
                File.AppendAllText(log, "{\"number\":7"); // what a torn write leaves
        }
        writer.Join();
        Spoken last = BuiltProgram.Run([.. arguments, "--once"]);
        Spoken whole = BuiltProgram.Run("watch", folder, "--log", fixture["undisturbed.jsonl"], "--tested", "0", "--max-distance", "0.9", "--once", "--json");
        Assert.True((last.ExitCode, whole.ExitCode) is (3, 3), $"{last}\n{whole}");
        string[] expected = Judgements(fixture["undisturbed.jsonl"]), found = Judgements(log);
        Assert.Equal(Many + 1, expected.Length); // and one that says what was tested
        Assert.Equal(Enumerable.Range(0, Many).Select(k => WatchedRuns.Name(k)), Named(fixture["undisturbed.jsonl"], "checkpoint"));
        Assert.Equal(expected, found);
        Assert.Equal(0, last.Json.GetProperty("late").GetInt32());
        Assert.True(kills >= 12, $"only {kills} kills");
    }

    /// <summary>One of the middle has just been written: those behind it are not judged before it, also where nothing else is waited for.</summary>
    [Theory]
    [InlineData]
    [InlineData("--every", "10")]
    public void AtTheEndAFileThatMayStillBeWrittenIsWaitedFor(params string[] options)
    {
        const int checkpoints = 8, last = 4;
        string folder = fixture[$"settling{options.Length}"];
        float[][] run = WatchedRuns.Run(9, checkpoints);
        WatchedRuns.Write(folder, run);
        File.SetLastWriteTimeUtc(Path.Combine(folder, WatchedRuns.Name(last)), TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(2)); // as a file server's clock may have it
        Spoken once = BuiltProgram.Run(["watch", folder, .. options, "--max-distance", "0.9", "--settle", "0.5", "--poll", "0.1", "--once", "--json"]);
        Assert.True(once.ExitCode is 0 or 3, once.ToString());
        Assert.Equal(0, once.Json.GetProperty("late").GetInt32());
        Assert.Equal(Enumerable.Range(0, checkpoints).Select(k => WatchedRuns.Name(k)), Named(Path.Combine(folder, "watch.jsonl"), "checkpoint"));
    }

    [Fact]
    public void OneProcessForEachCheckpointSaysWhatOneForAllSays()
    {
        string folder = fixture["changed"], apart = fixture["apart"];
        float[][] run = WatchedRuns.Run(5, MonitorFixture.Checkpoints, changedAt: 9);
        WatchedRuns.Write(folder, run);
        Spoken whole = BuiltProgram.Run("watch", folder, "--monitor", fixture["monitor.json"], "--once", "--json");
        Assert.True(whole.ExitCode == 3, whole.ToString());
        Assert.Equal("step_90.safetensors", whole.Json.GetProperty("due")[0].GetProperty("since").GetString());
        for (int k = 0; k < run.Length; k++)
        {
            WatchedRuns.Write(apart, run, k, 1);
            Spoken one = BuiltProgram.Run("watch", apart, "--monitor", fixture["monitor.json"], "--once");
            Assert.True(one.ExitCode == (k < 9 ? 0 : 3), one.ToString());
        }
        Assert.Equal(Judgements(Path.Combine(folder, "watch.jsonl")).Select(line => line.Replace("\"changed\"", "\"apart\"", StringComparison.Ordinal)), Judgements(Path.Combine(apart, "watch.jsonl")));

        // The same judgement over what lies there, all at once.
        Spoken gate = BuiltProgram.Run("track", folder, "--gate", "--monitor", fixture["monitor.json"], "--json");
        Assert.True(gate.ExitCode == 3, gate.ToString());
        JsonElement network = gate.Json.GetProperty("networks")[0];
        Assert.Equal(90, network.GetProperty("due_since_step").GetInt64());
        JsonElement[] lines = [.. File.ReadLines(Path.Combine(folder, "watch.jsonl")).Skip(1).Select(line => JsonDocument.Parse(line).RootElement)], all = [.. network.GetProperty("checkpoints").EnumerateArray()];
        Assert.Equal(lines.Length, all.Length);
        for (int k = 0; k < all.Length; k++)
        {
            Assert.Equal(lines[k].GetProperty("verdict").GetString(), all[k].GetProperty("verdict").GetString());
            Assert.Equal(k < 2, all[k].GetProperty("statistic").ValueKind == JsonValueKind.Null);
            if (k >= 2)
                Assert.Equal(lines[k].GetProperty("statistic").GetDouble(), all[k].GetProperty("statistic").GetDouble(), 1e-6);
        }

        // Accepted, it is no longer due; accepted before the change, it still is.
        Assert.Equal(3, BuiltProgram.Run("watch", folder, "--monitor", fixture["monitor.json"], "--accept", "80").ExitCode);
        Spoken accepted = BuiltProgram.Run("watch", folder, "--monitor", fixture["monitor.json"], "--accept", WatchedRuns.Name(run.Length - 1), "--json");
        Assert.True(accepted.ExitCode == 0, accepted.ToString());
        Assert.Equal(0, BuiltProgram.Run("watch", folder, "--monitor", fixture["monitor.json"], "--once").ExitCode);
    }

    [Fact]
    public void NetworksLikeTheReferenceDoNotAlarm()
    {
        Assert.Equal(110, fixture.Fitted.Json.GetProperty("networks").GetInt32());
        for (int n = 0; n < 40; n++)
            WatchedRuns.Write(fixture[$"clean/run{n}"], WatchedRuns.Run((ulong)(5000 + n), MonitorFixture.Checkpoints));
        Spoken gate = BuiltProgram.Run("track", fixture["clean"], "--gate", "--monitor", fixture["monitor.json"], "--json");
        int alarms = gate.Json.GetProperty("networks").EnumerateArray().Count(network => network.GetProperty("retest_due").GetBoolean());
        Assert.InRange(alarms, 0, 4); // of 40: more has a chance below 1 in 1,000 even at a rate of 3 %
        Assert.Equal(alarms > 0 ? 3 : 0, gate.ExitCode);
    }

    [Fact]
    public void LateTruncatedAndDamagedFilesAreTold()
    {
        string folder = fixture["late"], log = Path.Combine(folder, "watch.jsonl");
        float[][] run = WatchedRuns.Run(6, 8);
        WatchedRuns.Write(folder, run);
        byte[] third = File.ReadAllBytes(Path.Combine(folder, WatchedRuns.Name(3)));
        WatchedRuns.WriteOld(Path.Combine(folder, WatchedRuns.Name(3)), third[..^20]);
        float[] damaged = [.. run[5]];
        damaged[3] = float.NaN;
        WatchedRuns.WriteOld(Path.Combine(folder, WatchedRuns.Name(5)), WatchedRuns.Bytes(damaged));
        WatchedRuns.WriteOld(Path.Combine(folder, "step_60.safetensors"), WatchedRuns.Bytes(run[6], "other"));
        string[] arguments = ["watch", folder, "--once", "--json"];
        Spoken first = BuiltProgram.Run(arguments);
        Assert.True(first.ExitCode == 3, first.ToString()); // weights that are no numbers
        Assert.Contains("'weight' holds NaN", first.Json.GetProperty("due")[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal((6, 0, 2), Numbers(first));
        Assert.Equal(["step_30.safetensors", "step_60.safetensors"], Named(log, "unreadable"));
        Assert.Equal((6, 0, 2), Numbers(BuiltProgram.Run(arguments))); // nothing is told twice
        // Written whole, it is late, once, and measured against its neighbours.
        WatchedRuns.WriteOld(Path.Combine(folder, WatchedRuns.Name(3)), third);
        Assert.Equal((6, 1, 2), Numbers(BuiltProgram.Run(arguments)));
        Assert.Equal((6, 1, 2), Numbers(BuiltProgram.Run(arguments)));
        JsonElement late = File.ReadLines(log).Select(line => JsonDocument.Parse(line).RootElement).Single(line => line.GetProperty("event").GetString() == "late");
        Assert.Equal(("step_20.safetensors", "step_40.safetensors"), (late.GetProperty("place").GetProperty("after").GetString(), late.GetProperty("place").GetProperty("until").GetString()));
        Assert.Equal(Distance(run[2], run[3]), late.GetProperty("place").GetProperty("distance_after").GetDouble(), 1e-6);
        Assert.True(late.GetProperty("place").GetProperty("detour").GetDouble() >= 1);

        static (int, int, int) Numbers(Spoken spoken) => (spoken.Json.GetProperty("judged").GetInt32(), spoken.Json.GetProperty("late").GetInt32(), spoken.Json.GetProperty("unreadable").GetInt32());
        static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b).Sum(pair => Math.Pow((double)pair.First - pair.Second, 2)));
    }

    [Fact]
    public void AFileThatIsGoneIsReplacedByItsSketch()
    {
        string folder = fixture["kept"], gone = fixture["gone"];
        float[][] run = WatchedRuns.Run(8, 8);
        WatchedRuns.Write(folder, run);
        BuiltProgram.Succeed("watch", folder, "--once");
        for (int k = 0; k < run.Length; k++)
        {
            WatchedRuns.Write(gone, run, k, 1);
            BuiltProgram.Succeed("watch", gone, "--once");
            File.Delete(Path.Combine(gone, WatchedRuns.Name(k)));
        }
        // As many numbers as weights: nothing is lost but the lengths by tensor.
        JsonElement[] there = Places(Path.Combine(folder, "watch.jsonl")), lost = Places(Path.Combine(gone, "watch.jsonl"));
        foreach ((JsonElement expected, JsonElement found) in there.Zip(lost))
        {
            foreach (string measure in new[] { "norm", "arc_length", "distance_from_start", "turning_angle" })
            {
                if (expected.GetProperty(measure).ValueKind == JsonValueKind.Number)
                    Assert.Equal(expected.GetProperty(measure).GetDouble(), found.GetProperty(measure).GetDouble(), 1e-6);
            }
        }
        Assert.Equal(run.Length, lost.Length);

        static JsonElement[] Places(string log) => [.. File.ReadLines(log).Skip(1).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("place"))];
    }

    [Fact]
    public void TheWebhookGetsEachLineAndItsFailureStopsNothing()
    {
        string folder = fixture["hooked"];
        WatchedRuns.Write(folder, WatchedRuns.Run(9, 6));
        using var listener = new HttpListener();
        int port = 18000 + (Environment.ProcessId % 20000);
        listener.Prefixes.Add($"http://127.0.0.1:{port}/hook/");
        listener.Start();
        var bodies = new List<string>();
        int failures = 1; // the first answer is an error, and the line comes again
        Task serving = Task.Run(async () =>
        {
            while (listener.IsListening)
            {
                HttpListenerContext context = await listener.GetContextAsync();
                using var reader = new StreamReader(context.Request.InputStream);
                bool fails = Interlocked.Decrement(ref failures) >= 0;
                if (!fails)
                    bodies.Add(await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
                context.Response.StatusCode = fails ? 503 : 204;
                context.Response.Close();
            }
        }, TestContext.Current.CancellationToken);
        Spoken posted = BuiltProgram.Run("watch", folder, "--once", "--webhook", $"http://127.0.0.1:{port}/hook/", "--json");
        listener.Stop();
        Assert.True(posted.ExitCode == 0, posted.ToString());
        Assert.Equal(0, posted.Json.GetProperty("webhook_failures").GetInt32());
        Assert.Equal(File.ReadLines(Path.Combine(folder, "watch.jsonl")).Skip(1).Select(Normal), bodies.Select(Normal));

        // Nobody listens any more.
        WatchedRuns.Write(folder, WatchedRuns.Run(9, 7), 6);
        Spoken failed = BuiltProgram.Run("watch", folder, "--once", "--webhook", $"http://127.0.0.1:{port}/hook/", "--json");
        Assert.True(failed.ExitCode == 0, failed.ToString());
        Assert.Equal((7, 1), (failed.Json.GetProperty("judged").GetInt32(), failed.Json.GetProperty("webhook_failures").GetInt32()));
        Assert.Contains("could not be sent in 3 tries", failed.Error, StringComparison.Ordinal);

        static string Normal(string json) => JsonNode.Parse(json)!.ToJsonString();
    }

    [Fact]
    public void TwoWatchesDoNotShareALog()
    {
        string folder = fixture["shared"];
        WatchedRuns.Write(folder, WatchedRuns.Run(10, 3));
        using BuiltProgram.Running running = BuiltProgram.Start([], "watch", folder);
        running.WaitUntil(() => Lines(Path.Combine(folder, "watch.jsonl")) >= 4);
        Spoken second = BuiltProgram.Run("watch", folder, "--once");
        Assert.Equal(2, second.ExitCode);
        Assert.Contains("another weightspace process watches with this log", second.Error, StringComparison.Ordinal);
        running.Interrupt();
        Assert.Equal(0, running.Wait().ExitCode); // the usual end
    }

    [Theory]
    [InlineData("watch nowhere --once", "there is no such folder")]
    [InlineData("watch monitor.json --once", "this is a file")]
    [InlineData("watch reference --monitor nothing.json --once", "there is no such file")]
    [InlineData("watch reference --monitor reference/run0/step_0.safetensors --once", "not a sound monitor")]
    [InlineData("watch other --monitor monitor.json --once", "'other' [8], which is not of the monitor's networks")]
    [InlineData("watch reference --once --order-by mtime", "--order-by: found 'mtime'")]
    [InlineData("watch reference --once --webhook ftp://x", "--webhook: found 'ftp://x'")]
    [InlineData("watch reference --once --max-distance 0", "--max-distance: found 0")]
    [InlineData("watch reference --once --settle -1", "--settle: found -1")]
    [InlineData("watch reference/run0 --accept 77", "no checkpoint '77' was judged")]
    [InlineData("watch reference --once --log reference", "this is a folder")]
    [InlineData("watch reference --once --log reference/run0/step_0.safetensors", "not of a sound log")]
    [InlineData("track other --gate --monitor monitor.json", "which is not of the monitor's networks")]
    [InlineData("track reference --gate", "found nothing to judge by")]
    [InlineData("track reference --gate --max-distance 1", "or --max-distance with --tested")]
    [InlineData("track reference --gate --tested 77 --max-distance 1", "has no checkpoint '77'")]
    [InlineData("track reference --gate --monitor monitor.json --out x", "has no meaning with --gate")]
    [InlineData("track reference --monitor monitor.json", "has a meaning with --gate only")]
    [InlineData("monitor fit other --out new.json", "found 1 networks that can be a reference")]
    [InlineData("monitor fit reference --out new.json --false-alarms 0.005", "takes at least 199")]
    [InlineData("monitor fit reference --out new.json --false-alarms 1", "--false-alarms: found 1")]
    public void WrongRequestsAreExplained(string arguments, string message)
    {
        Directory.CreateDirectory(fixture["other"]);
        for (int k = 0; k < 5; k++)
            WatchedRuns.WriteOld(Path.Combine(fixture["other"], WatchedRuns.Name(k)), WatchedRuns.Bytes(WatchedRuns.Run(3, 5)[k], "other"));
        string[] words = [.. arguments.Split(' ').Select((word, place) => place > 0 && (word.StartsWith("reference", StringComparison.Ordinal) || word is "other" or "nowhere" or "monitor.json" or "nothing.json" or "new.json") ? fixture[word] : word)];
        Spoken spoken = BuiltProgram.Run(words);
        Assert.True(spoken.ExitCode == 2 && spoken.Output.Length == 0, spoken.ToString());
        Assert.Contains(message, spoken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", spoken.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(fixture["new.json"]));
        // Whatever was named as a log is what it was.
        Assert.Equal(WatchedRuns.Bytes(WatchedRuns.Run(1000, MonitorFixture.Checkpoints)[0]), File.ReadAllBytes(fixture["reference/run0/step_0.safetensors"]));
    }

    /// <summary>Blocks of twenty come in a random order; every ninth file is first half there, and some of those stay so for a while.</summary>
    private static void WriteInDisorder(string folder, float[][] run)
    {
        var draw = new RandomStream(12, RandomPurpose.Testing);
        for (int first = 0; first < run.Length; first += 20)
        {
            int[] order = [.. Enumerable.Range(first, Math.Min(20, run.Length - first))];
            draw.Shuffle<int>(order);
            foreach (int k in order)
            {
                string path = Path.Combine(folder, WatchedRuns.Name(k));
                byte[] bytes = WatchedRuns.Bytes(run[k]);
                if (k % 9 == 4)
                {
                    File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);
                    Thread.Sleep(draw.NextBelow(150));
                }
                File.WriteAllBytes(path, bytes);
                Thread.Sleep(draw.NextBelow(12));
            }
        }
    }

    /// <summary>Whole lines of a log that may be growing.</summary>
    private static int Lines(string log)
    {
        if (!File.Exists(log))
            return 0;
        using var stream = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Count(character => character == '\n');
    }

    /// <summary>The lines about checkpoints on their path and about tested versions, without number and time.</summary>
    private static string[] Judgements(string log) =>
    [
        .. File.ReadLines(log).Select(line => JsonNode.Parse(line)!.AsObject()).Where(line => line["event"]!.GetValue<string>() is "checkpoint" or "accept").Select(line =>
        {
            line.Remove("number");
            line.Remove("time");
            return line.ToJsonString();
        }),
    ];

    private static string[] Named(string log, string kind) =>
        [.. File.ReadLines(log).Select(line => JsonDocument.Parse(line).RootElement).Where(line => line.GetProperty("event").GetString() == kind).Select(line => line.GetProperty("name").GetString()!)];
}
