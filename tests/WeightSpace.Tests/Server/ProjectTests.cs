using System.Text;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using WeightSpace.Engines;
using WeightSpace.Tests.Engines.Slurm;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Server;

/// <summary>A project against a client that speaks the protocol as BOINC's does (<see cref="Volunteer"/>), honest and not.</summary>
[Collection(ProjectCollection.Name)]
public sealed class ProjectTests(ServedProject project)
{
    private static readonly string s_text = Experiments.Text(3);

    private static readonly double s_network = Experiment.Parse(s_text, "volunteers.yaml").Networks[0].Recipe.TrainingFlops;

    [Fact]
    public async Task TheMasterPageNamesTheSchedulerInALineThatClientsRead()
    {
        using var http = new HttpClient();
        string line = (await http.GetStringAsync(project.Url, TestContext.Current.CancellationToken)).Split('\n').Single(line => line.Contains("boinc_scheduler", StringComparison.Ordinal));
        Assert.InRange(line.Length, 1, 255);
        Assert.Contains($"href=\"{project.Url}scheduler\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAccountIsFoundByItsPasswordAlone()
    {
        using var ann = new Volunteer(project, "ann");
        string right = new('a', 32), wrong = new('b', 32), email = "email_addr=Bob@Example.org&passwd_hash=";
        XElement made = ann.Get($"create_account.php?{email}{right}&user_name=Bob");
        string key = made.Element("authenticator")!.Value;
        Assert.Equal(32, key.Length);
        Assert.Equal(key, ann.Get($"lookup_account.php?{email.ToLowerInvariant()}{right}").Element("authenticator")!.Value);
        Assert.Equal(key, ann.Get($"create_account.php?{email}{right}&user_name=Bob").Element("authenticator")!.Value);
        Assert.Equal("-206", ann.Get($"lookup_account.php?{email}{wrong}").Element("error_num")!.Value);
        Assert.Equal("-206", ann.Get($"lookup_account.php?email_addr=nobody@example.org&passwd_hash={wrong}").Element("error_num")!.Value);
        Assert.Equal("-137", ann.Get($"create_account.php?{email}{wrong}&user_name=Bob").Element("error_num")!.Value);
        Assert.Equal("-205", ann.Get($"create_account.php?email_addr=nobody&passwd_hash={right}&user_name=Bob").Element("error_num")!.Value);
        ann.Ask(key: "0123456789abcdef0123456789abcdef");
        Assert.Contains("account key", ann.Answer.Element("message")!.Value, StringComparison.Ordinal);
        Assert.Null(ann.Answer.Element("hostid"));
    }

    [Theory]
    [InlineData("together", 3.5)]
    // A network is a row of units, each going on from the snapshot of the one before.
    [InlineData("in-parts", 0.4)]
    public void AZooThatVolunteersGrewIsTheOneThatThisMachineGrows(string name, double networksToAUnit)
    {
        project.Submit(name, s_text, s_network * networksToAUnit);
        using var carol = new Volunteer(project, "carol");
        for (int i = 0; i < 200 && ServedProject.State(project.Experiment(name)) != "complete"; i++)
        {
            carol.Work();
            Thread.Sleep(20);
        }
        project.AssertIsGrown(name, s_text);
        carol.Ask();
        Assert.InRange(carol.Credit, 1e-9, 1);
        Assert.Equal("complete", ServedProject.State(project.Experiment(name)));
    }

    [Fact]
    public void AResultThatIsWrongByABitIsThrownAwayAndItsUnitHandedOutAgain()
    {
        // One network to a unit, so the one that is trained again is the poisoned one.
        project.Submit("poisoned", s_text, s_network * 1.01);
        using var cheat = new Volunteer(project, "cheat");
        Handed task = cheat.Ask(seconds: 1e-9)[0];
        byte[] poisoned = cheat.Train(task, result => Change(result, weights => weights[3] = MathF.BitIncrement(weights[3])));
        Assert.Equal(0, cheat.Upload(task, poisoned));
        cheat.Ask(0, [(task, true)]);
        project.WaitFor("poisoned", experiment => Count(experiment, "results_wrong") == 1, "the cheat to be caught");
        cheat.Ask(0);
        Assert.Equal(0, cheat.Credit);
        Assert.Contains(project.Said, line => line.Contains(task.Name, StringComparison.Ordinal) && line.Contains("the checkpoint is another", StringComparison.Ordinal));
        GrowWithOthers("poisoned");
    }

    [Fact]
    public void WhatWasNotUploadedEarnsNothing()
    {
        project.Submit("empty", s_text, s_network * 20);
        using var dave = new Volunteer(project, "dave");
        Handed task = dave.Ask()[0];
        dave.Ask(0, [(task, true)]);
        // Told so that the client may forget it; the unit is another's.
        Assert.Equal(task.Name, dave.Answer.Element("result_ack")!.Element("name")!.Value);
        Assert.Equal(1, Count(project.Experiment("empty"), "results_failed"));
        Assert.Equal(0, dave.Credit);
        Assert.Equal(-1, dave.Upload(task, [1, 2, 3]));
        GrowWithOthers("empty");
    }

    [Fact]
    public void AnUploadThatWasCutGoesOnAndOneThatWasChangedBeginsAgain()
    {
        project.Submit("cut", s_text, s_network * 20);
        using var erin = new Volunteer(project, "erin");
        Handed task = erin.Ask()[0];
        byte[] file = erin.Train(task);
        Assert.Equal(0, erin.AskSize(task));
        Assert.Equal(1, erin.Upload(task, file, upTo: 1000));
        Assert.Equal(1000, erin.AskSize(task));
        project.Restart();
        task = task with { UploadUrl = project.Url + task.UploadUrl[task.UploadUrl.IndexOf("upload/", StringComparison.Ordinal)..] };
        Assert.Equal(1000, erin.AskSize(task));
        // Behind what is there, nothing can be put.
        Assert.Equal(1, erin.Upload(task, file, offset: 1001));
        byte[] changed = [.. file];
        changed[^1] ^= 1;
        Assert.Equal(1, erin.Upload(task, changed, offset: 1000, md5: Convert.ToHexStringLower(System.Security.Cryptography.MD5.HashData(file))));
        Assert.Equal(0, erin.AskSize(task));
        Assert.Equal(0, erin.Upload(task, file));
        Assert.Equal(file.Length, erin.AskSize(task));
        // Told again, it stays what it is, whatever comes.
        Assert.Equal(0, erin.Upload(task, changed));
        erin.Tasks.Clear();
        erin.Tasks.Add(task);
        erin.Ask(0, [(task, true)]);
        GrowWithOthers("cut");
    }

    [Fact]
    public void AnUploadIsTakenFromItsHostAloneAndUpToItsSize()
    {
        project.Submit("guarded", s_text, s_network * 3.5);
        using var frank = new Volunteer(project, "frank");
        using var grace = new Volunteer(project, "grace");
        Handed franks = frank.Ask(seconds: 1e-9)[0], graces = grace.Ask(seconds: 1e-9)[0];
        byte[] file = [1, 2, 3];
        string token = franks.UploadUrl[(franks.UploadUrl.LastIndexOf('/') + 1)..], others = graces.UploadUrl[(graces.UploadUrl.LastIndexOf('/') + 1)..];
        Assert.Equal(-1, grace.Upload(franks, file, url: franks.UploadUrl.Replace(token, others, StringComparison.Ordinal)));
        Assert.Equal(-1, grace.Upload(franks, file, url: franks.UploadUrl.Replace(token, "", StringComparison.Ordinal) + "x"));
        Assert.Equal(-1, frank.Upload(franks, file, name: graces.File));
        Assert.Equal(-1, frank.Upload(franks, file, name: "../../../etc/passwd"));
        Assert.Equal(-1, frank.Upload(franks, file, size: franks.MaxBytes + 1));
        Assert.Equal(-1, frank.Upload(franks, file, size: 2));
        Assert.Equal(-1, frank.Upload(franks, file, size: -5));
        Assert.Equal(1, frank.Upload(franks, file, size: 4));
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(project.Settings.Data, "upload")), path => new FileInfo(path).Length > 3);
        GrowWithOthers("guarded", frank, grace);
    }

    [Theory]
    [InlineData("..%2f..%2fproject.json")]
    [InlineData("../secret")]
    [InlineData("%2e%2e/operator-token")]
    [InlineData("poisoned_000000_0_0")]
    [InlineData("code_sign_public")]
    public async Task OnlyUnitsAndProgramsAreDownloaded(string name)
    {
        using var http = new HttpClient();
        using HttpResponseMessage response = await http.GetAsync(new Uri($"{project.Url}download/{name}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }), TestContext.Current.CancellationToken);
        Assert.Equal(404, (int)response.StatusCode);
    }

    [Fact]
    public async Task ADownloadThatWasCutGoesOn()
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, project.Url + "download/weightspace_1_x86_64-pc-linux-gnu.bin");
        request.Headers.Range = new System.Net.Http.Headers.RangeHeaderValue(7, null);
        using HttpResponseMessage response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(206, (int)response.StatusCode);
        Assert.Equal((await File.ReadAllBytesAsync(project["program"], TestContext.Current.CancellationToken))[7..], await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public void WorkThatDidNotReachAHostIsHandedOutAgainToIt()
    {
        project.Submit("lost", s_text, s_network * 20);
        using var heidi = new Volunteer(project, "heidi");
        Handed task = heidi.Ask()[0];
        // The answer was lost, or the client reset: it knows of nothing.
        heidi.Tasks.Clear();
        Assert.Equal(task with { UploadUrl = "" }, Assert.Single(heidi.Ask(), again => again.Name == task.Name) with { UploadUrl = "" });
        GrowWithOthers("lost", heidi);
    }

    [Fact]
    public void AnOverdueUnitIsAnothersAndALateResultCountsWhereItIsRight()
    {
        project.Settings = project.Settings with { Deadline = TimeSpan.FromSeconds(1) };
        project.Restart();
        try
        {
            project.Submit("overdue", s_text, s_network * 50);
            using var slow = new Volunteer(project, "slow");
            Handed task = slow.Ask()[0];
            byte[] file = slow.Train(task);
            project.WaitFor("overdue", experiment => Count(experiment, "results_failed") == 1, "the deadline");
            GrowWithOthers("overdue");
            Assert.Equal(0, slow.Upload(task, file));
            slow.Ask(0, [(task, true)]);
            double credit = 0;
            for (int i = 0; i < 100 && credit == 0; i++)
            {
                Thread.Sleep(50);
                slow.Ask(0);
                credit = slow.Credit;
            }
            Assert.True(credit > 0, "the late result earned nothing");
        }
        finally
        {
            project.Settings = project.Settings with { Deadline = TimeSpan.FromDays(7) };
            project.Restart();
        }
    }

    [Fact]
    public void AUnitThatHostsFailAtIsTrainedByTheServer()
    {
        project.Settings = project.Settings with { Attempts = 2 };
        project.Restart();
        try
        {
            project.Submit("failing", s_text, s_network * 50);
            foreach (string name in (string[])["ivan", "judy"])
            {
                using var host = new Volunteer(project, name);
                host.Ask(0, [(host.Ask()[0], false)]);
            }
            project.AssertIsGrown("failing", s_text);
        }
        finally
        {
            project.Settings = project.Settings with { Attempts = 3 };
            project.Restart();
        }
    }

    [Fact]
    public void ADatabaseThatIsKilledComesBackAndNothingIsLost()
    {
        project.Submit("killed", s_text, s_network * 2.5);
        using var kim = new Volunteer(project, "kim");
        Handed[] tasks = [.. kim.Ask()];
        for (int i = 0; i < tasks.Length; i++)
        {
            byte[] file = kim.Train(tasks[i]);
            if (i < 2)
            {
                int postmaster = int.Parse(File.ReadLines(Path.Combine(project.Settings.Data, "postgresql", "cluster", "postmaster.pid")).First(), System.Globalization.CultureInfo.InvariantCulture);
                using var process = System.Diagnostics.Process.GetProcessById(postmaster);
                process.Kill();
            }
            Until(() => kim.TryUpload(tasks[i], file) == 0);
            Until(() => kim.TryAsk([(tasks[i], true)]));
        }
        GrowWithOthers("killed", kim);
        Assert.Contains("PostgreSQL ended; starting it again", project.Said);

        static void Until(Func<bool> isDone)
        {
            for (int i = 0; i < 300 && !isDone(); i++)
                Thread.Sleep(100);
            Assert.True(isDone());
        }
    }

    [Fact]
    public void NoRequestHoweverBrokenEndsInAnErrorOfTheServer()
    {
        using var mallory = new Volunteer(project, "mallory");
        mallory.Ask(0);
        var random = new WeightSpace.Numerics.RandomStream(7, WeightSpace.Numerics.RandomPurpose.Verification);
        string[] pieces = ["<!DOCTYPE a [<!ENTITY b \"c\">]>", "&b;", "<", "]]>", "<![CDATA[", "\0", "&#0;", "&#xD800;", "</scheduler_request>", "-1", "1e999", "99999999999999999999", "NaN", "\u0001", "'; DROP TABLE hosts; --"];
        for (int i = 0; i < 400; i++)
        {
            // Of an account that is there, so that what is behind its check is reached.
            List<byte> bad = [.. Encoding.UTF8.GetBytes(mallory.Request(0, [(new Handed("poisoned_000000_0_0", "", "", "", "", 0), i % 2 == 0)]))];
            for (int change = 0; change < 1 + (i % 4); change++)
            {
                int at = (int)(random.NextUInt32() % (uint)bad.Count);
                switch (random.NextUInt32() % 4)
                {
                    case 0: bad[at] = (byte)random.NextUInt32(); break;
                    case 1: bad.RemoveRange(at, Math.Min(bad.Count - at - 1, (int)(random.NextUInt32() % 50))); break;
                    case 2: bad.InsertRange(at, Encoding.UTF8.GetBytes(pieces[random.NextUInt32() % (uint)pieces.Length])); break;
                    default: bad.AddRange(bad[..Math.Min(at, 300)]); break;
                }
            }
            foreach (string address in (string[])["scheduler", "upload/poisoned_000000_0_0/0123456789abcdef0123456789abcdef"])
            {
                (int status, string text) = mallory.Post(address, [.. bad]);
                Assert.True(status < 500 && !text.Contains("   at ", StringComparison.Ordinal), $"{address}: {status}: {text}\n{Encoding.UTF8.GetString([.. bad])}");
            }
        }
        foreach (string place in (string[])["<os_name>", "<name>", "<authenticator>", "<![CDATA["])
        {
            foreach (string piece in (string[])["\0", "&#0;", "&#xD800;", "\uFFFF"])
            {
                string request = mallory.Request(0, [(new Handed("poisoned_000000_0_0", "", "", "", "", 0), false)]).Replace(place, place + piece, StringComparison.Ordinal);
                Assert.Equal(200, mallory.Post("scheduler", Encoding.UTF8.GetBytes(request)).Status);
            }
        }
        mallory.Ask(0);
        Assert.Empty(mallory.Answer.Elements("message"));
        Assert.Equal(413, mallory.Post("scheduler", new byte[5 << 20], asksFirst: true).Status);
        (int deep, string said) = mallory.Post("scheduler", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("<a>", 100_000))));
        Assert.Equal(200, deep);
        Assert.Contains("nested too deeply", said, StringComparison.Ordinal);
    }

    [Fact]
    public void AnOperatorNeedsTheToken()
    {
        using var stranger = new WeightSpace.Server.ProjectClient(project.Url, "0123");
        InputException refused = Assert.Throws<InputException>(() => stranger.Status(CancellationToken.None).GetAwaiter().GetResult());
        Assert.Contains("operator's token", refused.Message, StringComparison.Ordinal);
        using WeightSpace.Server.ProjectClient client = project.Operator();
        InputException bad = Assert.Throws<InputException>(() => client.Submit(new("../x", s_text, null, 1e9, 0), CancellationToken.None).GetAwaiter().GetResult());
        Assert.Contains("small letters", bad.Message, StringComparison.Ordinal);
        bad = Assert.Throws<InputException>(() => client.Submit(new("broken", "experiment: [", null, 1e9, 0), CancellationToken.None).GetAwaiter().GetResult());
        Assert.Contains("broken", bad.Message, StringComparison.Ordinal);
    }

    private void GrowWithOthers(string name, params Volunteer[] others)
    {
        using var fresh = new Volunteer(project, "helper-" + name);
        for (int i = 0; i < 200 && ServedProject.State(project.Experiment(name)) != "complete"; i++)
        {
            foreach (Volunteer each in others.Append(fresh))
                each.Work();
            Thread.Sleep(20);
        }
        project.AssertIsGrown(name, s_text);
    }

    private static long Count(JsonNode experiment, string key) => experiment[key]!.GetValue<long>();

    private static UnitResult Change(UnitResult result, Action<float[]> change)
    {
        change((result.Networks.Count > 0 ? result.Networks[0].Checkpoints[^1] : result.Current!.Checkpoints[^1]).Weights);
        return result;
    }
}
