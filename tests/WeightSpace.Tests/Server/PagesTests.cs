using System.Text.RegularExpressions;
using System.Xml.Linq;
using Npgsql;
using WeightSpace.Server;
using WeightSpace.Tests.Engines.Slurm;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Server;

/// <summary>A project's pages, as a browser without scripts sees them.</summary>
public sealed class PagesTests(ServedProject project) : IClassFixture<ServedProject>
{
    private const string Hostile = "<script>alert(1)</script><!--\"'&";

    private static readonly string s_text = Experiments.Text(3);

    private static readonly double s_network = Experiment.Parse(s_text, "volunteers.yaml").Networks[0].Recipe.TrainingFlops;

    private string Token => DataFolder.ReadOperator(project.Settings.Data).Token;

    [Fact]
    public void AVolunteerSeesMachinesCreditAndTheirNetworksLitUp()
    {
        project.Submit("seen", s_text, s_network * 3.5);
        using var ann = new Volunteer(project, "ann") { System = "Linux of Ann" };
        using var bob = new Volunteer(project, "bob");
        using Browser browser = SignedIn("ann");
        Assert.Contains("None has asked for work yet", browser.Get("me").Text, StringComparison.Ordinal);
        // Of the units of at most three networks, or some more of the shorter ones, three are Ann's, after what other tests left.
        for (int units = 0; units < 3;)
        {
            Handed task = ann.Ask(1e-9).Single();
            Assert.Equal(0, ann.Upload(task, ann.Train(task)));
            ann.Ask(0, [(task, true)]);
            units += task.Name.StartsWith("seen_", StringComparison.Ordinal) ? 1 : 0;
        }
        long done = project.WaitFor("seen", experiment => experiment["units_done"]!.GetValue<long>() == 3, "three units to be checked")["networks_done"]!.GetValue<long>();
        Assert.InRange(done, 6, 11);
        // While it grows, all that are there are hers.
        string page = Until(browser, "me", text => text.Contains($"grown on your machines: {done}</li>", StringComparison.Ordinal));
        Assert.Contains("grown by others: 0<", page, StringComparison.Ordinal);
        Assert.Contains("Linux of Ann", page, StringComparison.Ordinal);
        bob.Work();
        project.AssertIsGrown("seen", s_text);
        // The zoo's own weights: all twelve, and hers are the same.
        page = Until(browser, "me", text => text.Contains($"grown by others: {12 - done}</li>", StringComparison.Ordinal));
        Assert.Contains($"grown on your machines: {done}</li>", page, StringComparison.Ordinal);
        Assert.Contains("All 12 networks that are there", page, StringComparison.Ordinal);
        Assert.Equal(done, Dots(page, "points mine"));
        Assert.Equal(12 - done, Dots(page, "points others"));
        Assert.Matches($@"<th scope=""row"">seen</th><td>3</td><td>{done}</td>", page);
        ann.Ask(0);
        double credit = double.Parse(Regex.Match(page, @"<b>([0-9.,]+)</b> <span>cobblestones").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(ann.Credit, credit, 0.01);
        // Everybody sees the map by classes, and who did most, of whom Ann is no more than a name.
        string home = Until(browser, "", text => text.Contains("All 12 networks", StringComparison.Ordinal));
        Assert.Equal(12, Enumerable.Range(0, 4).Sum(index => Dots(home, $"points c{index}")));
        Assert.Contains("<bdi>ParityMachine</bdi>", home, StringComparison.Ordinal);
        Assert.Contains("<bdi>ann</bdi>", home, StringComparison.Ordinal);
        Assert.DoesNotContain("ann@example.org", home + browser.Get("top").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatStrangersCallThemselvesIsTextOnEveryPage()
    {
        project.Submit("hostile", s_text, s_network * 20);
        using var browser = new Browser(project);
        Assert.Equal(200, browser.Send("accounts", ("name", Hostile), ("email", "mallory@example.org"), ("password", "long enough")).Status);
        string key = Regex.Match(browser.Send("me/key").Text, @"id=""key"">([0-9a-f]{32})<").Groups[1].Value;
        using var mallory = new Volunteer(project, "mallorys-other") { System = new XText(Hostile).ToString() };
        foreach (Handed each in mallory.Ask(key: key).ToArray())
        {
            Assert.Equal(0, mallory.Upload(each, mallory.Train(each)));
            mallory.Ask(0, [(each, true)], key);
        }
        // And a result that fails, for a reason that is the client's own word.
        project.Submit("hostile-too", Experiments.Text(1), s_network * 20);
        Handed task = mallory.Ask(key: key).Single(task => task.Name.StartsWith("hostile-too_", StringComparison.Ordinal));
        mallory.Ask(0, [(task, false)], key);
        project.WaitFor("hostile", experiment => experiment["units_done"]!.GetValue<long>() == 1, "a unit to be checked");
        Assert.Equal(200, browser.Send("operator/sign-in", ("token", Token)).Status);
        foreach (string page in (string[])["", "top", "me", "operator"])
        {
            string text = Until(browser, page, text => text.Contains("&lt;script&gt;", StringComparison.Ordinal));
            Assert.DoesNotContain("<script", text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("<!--", text, StringComparison.Ordinal);
            Assert.DoesNotContain("<more>", text, StringComparison.Ordinal);
        }
        Assert.Contains("a word &amp; &lt;more&gt;", browser.Get("me").Text, StringComparison.Ordinal);
        // What is typed into a form comes back as text, too.
        Seen again = browser.Send("sign-in", ("email", "\"><script>"), ("password", "x"));
        Assert.Equal(401, again.Status);
        Assert.Contains("value=\"&quot;&gt;&lt;script&gt;\"", again.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherKeyShutsTheOldOneOut()
    {
        using var carol = new Volunteer(project, "carol");
        carol.Ask(0);
        Assert.NotNull(carol.Answer.Element("hostid"));
        using Browser browser = SignedIn("carol"), elsewhere = SignedIn("carol");
        Assert.DoesNotContain(carol.Key, browser.Get("me").Text, StringComparison.Ordinal);
        Assert.Contains(carol.Key, browser.Send("me/key").Text, StringComparison.Ordinal);
        Assert.Contains("The key stays as it is", browser.Send("me/new-key").Text, StringComparison.Ordinal);
        carol.Ask(0);
        Assert.Empty(carol.Answer.Elements("message"));
        Seen changed = browser.Send("me/new-key", ("sure", "yes"));
        string key = Regex.Match(changed.Text, @"id=""key"">([0-9a-f]{32})<").Groups[1].Value;
        Assert.NotEqual(carol.Key, key);
        Assert.Contains("attach each of your machines again", changed.Text, StringComparison.Ordinal);
        carol.Ask(0);
        Assert.Contains("account key", carol.Answer.Element("message")!.Value, StringComparison.Ordinal);
        carol.Ask(0, key: key);
        Assert.Empty(carol.Answer.Elements("message"));
        // The password gives the new one; who was signed in elsewhere is not any more.
        using var again = new Volunteer(project, "carol");
        Assert.Equal(key, again.Key);
        Assert.Equal(200, browser.Get("me").Status);
        Assert.Equal(303, elsewhere.Get("me").Status);
    }

    [Fact]
    public void ASessionIsACookieThatNoScriptAndNoOtherSiteUses()
    {
        using var dave = new Volunteer(project, "dave");
        using var browser = new Browser(project);
        Assert.Equal(401, browser.Post("sign-in", ("email", "dave@example.org"), ("password", "wrong")).Status);
        Assert.Equal(303, browser.Get("me").Status);
        // By the address as one types it; the protocol's hash is over small letters.
        Seen signed = browser.Post("sign-in", ("email", " Dave@Example.org "), ("password", "dave"));
        Assert.Equal(303, signed.Status);
        string cookie = signed.Header("Set-Cookie");
        Assert.Matches("(?i)httponly", cookie);
        Assert.Matches("(?i)samesite=strict", cookie);
        Assert.Matches("(?i)max-age=2592000", cookie);
        Assert.Equal(200, browser.Get("me").Status);
        foreach (string origin in (string[])["", "null", "https://evil.example", project.Url.TrimEnd('/') + ".evil.example"])
        {
            browser.Origin = origin;
            Assert.Equal(403, browser.Post("me/new-key", ("sure", "yes")).Status);
            Assert.Equal(403, browser.Post("sign-out").Status);
            Assert.Equal(403, browser.Post("sign-in", ("email", "dave@example.org"), ("password", "dave")).Status);
        }
        browser.Origin = null;
        dave.Ask(0);
        Assert.Empty(dave.Answer.Elements("message"));
        using Browser other = SignedIn("dave");
        browser.Send("sign-out");
        Assert.Equal(303, browser.Get("me").Status);
        Assert.Equal(200, other.Get("me").Status);
    }

    [Fact]
    public void ASessionEndsWithItsTime()
    {
        var time = new LaterTime();
        TimeProvider before = project.Settings.Time;
        project.Settings = project.Settings with { Time = time };
        project.Restart();
        try
        {
            using var erin = new Volunteer(project, "erin");
            using Browser browser = SignedIn("erin");
            Assert.Contains("Experiments", browser.Send("operator/sign-in", ("token", Token)).Text, StringComparison.Ordinal);
            time.Later = TimeSpan.FromHours(13);
            Assert.Equal(200, browser.Get("me").Status);
            Assert.Contains("operator-token", browser.Get("operator").Text, StringComparison.Ordinal);
            time.Later = TimeSpan.FromDays(31);
            Assert.Equal(303, browser.Get("me").Status);
        }
        finally
        {
            project.Settings = project.Settings with { Time = before };
            project.Restart();
        }
    }

    [Fact]
    public void TheOperatorsPageNeedsTheTokenOnce()
    {
        project.Submit("operated", Experiments.Text(1), s_network * 20);
        using var browser = new Browser(project);
        Assert.DoesNotContain("operated", browser.Get("operator").Text, StringComparison.Ordinal);
        Seen refused = browser.Send("operator/sign-in", ("token", "0123"));
        Assert.Equal(401, refused.Status);
        Assert.DoesNotContain("operated", refused.Text, StringComparison.Ordinal);
        using var frank = new Volunteer(project, "frank");
        Handed task = frank.Ask()[0];
        frank.Ask(0, [(task, false)]);
        Assert.Equal(200, browser.Send("operator/sign-in", ("token", Token + "\n")).Status);
        string page = Until(browser, "operator", text => text.Contains("<bdi>frank</bdi>", StringComparison.Ordinal));
        Assert.Contains("exit status 1: a word &amp; &lt;more&gt;", page, StringComparison.Ordinal);
        Assert.Contains(">operated</th>", page, StringComparison.Ordinal);
        // What the page's buttons do.
        Assert.Contains("action=\"/operator/experiments/operated/pause\"", page, StringComparison.Ordinal);
        Assert.Equal(200, browser.Send("operator/experiments/operated/pause").Status);
        Assert.Equal("paused", ServedProject.State(project.Experiment("operated")));
        page = Until(browser, "operator", text => text.Contains("action=\"/operator/experiments/operated/resume\"", StringComparison.Ordinal));
        Assert.DoesNotContain("action=\"/operator/experiments/operated/pause\"", page, StringComparison.Ordinal);
        browser.Send("operator/experiments/operated/resume");
        Assert.Equal("running", ServedProject.State(project.Experiment("operated")));
        browser.Send("operator/experiments/operated/cancel");
        Assert.Equal("cancelled", ServedProject.State(project.Experiment("operated")));
        // The program's addresses take no cookie from anywhere but the operator's page.
        browser.Origin = "https://evil.example";
        Assert.Equal(401, browser.Post("operator/experiments").Status);
        Assert.Equal(401, browser.Get("operator/experiments").Status);
        browser.Origin = null;
        Assert.Contains("not a submission", browser.Post("operator/experiments").Text, StringComparison.Ordinal);
        browser.Send("operator/sign-out");
        Assert.Equal(401, browser.Post("operator/experiments").Status);
        Assert.Contains("operator-token", browser.Get("operator").Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("top")]
    [InlineData("sign-in")]
    [InlineData("me")]
    [InlineData("operator")]
    public void APageNeedsNothingFromElsewhereAndRunsNothing(string page)
    {
        using var grace = new Volunteer(project, "grace");
        using Browser browser = SignedIn("grace");
        browser.Send("operator/sign-in", ("token", Token));
        Seen seen = browser.Get(page);
        Assert.Equal(200, seen.Status);
        Assert.StartsWith("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'", seen.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", seen.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Equal("nosniff", seen.Header("X-Content-Type-Options"));
        Assert.Equal("no-store", seen.Header("Cache-Control"));
        Assert.DoesNotMatch(@"(?i)<script|<iframe|<style|\sstyle=|\son\w+=|javascript:", seen.Text);
        string[] addresses = [.. Regex.Matches(seen.Text, @"(?:href|src|action)=""([^""]*)""").Select(match => match.Groups[1].Value)];
        Assert.All(addresses, address => Assert.True(address.StartsWith('/') || address.StartsWith('#') || address.StartsWith(project.Url, StringComparison.Ordinal), address));
        // Whole, and readable without eyes: as XML is, with one heading, and words for each field.
        var html = XElement.Parse(Regex.Replace(seen.Text["<!doctype html>\n".Length..], @"<(meta|link|input)([^>]*)>", "<$1$2/>").Replace(" required", " required=\"\"", StringComparison.Ordinal).Replace("&nbsp;", " ", StringComparison.Ordinal));
        Assert.Equal("en", html.Attribute("lang")!.Value);
        Assert.Single(html.Descendants("h1"));
        Assert.All(html.Descendants("input"), input => Assert.Equal("label", input.Parent!.Name.LocalName));
        Assert.All(html.Descendants("table"), table => Assert.NotEmpty(table.Element("caption")!.Value));
        string[] ids = [.. html.Descendants().Attributes("id").Select(id => id.Value)];
        Assert.Equal(ids.Distinct(), ids);
        Assert.All(html.Descendants().Attributes("aria-labelledby"), label => Assert.Contains(label.Value, ids));
    }

    [Fact]
    public void ManyWrongPasswordsAreStopped()
    {
        ServerSettings before = project.Settings;
        project.Settings = before with { FailuresAtOnce = 60 };
        project.Restart();
        using var browser = new Browser(project);
        int[] answers = [.. Enumerable.Range(0, 70).Select(_ => browser.Post("operator/sign-in", ("token", "guess")).Status)];
        Assert.Equal(401, answers[0]);
        Assert.Equal(429, answers[^1]);
        Assert.InRange(answers.Count(status => status == 401), 55, 65);
        project.Settings = before;
        project.Restart();
    }

    [Fact]
    public void AFormThatIsTooLongIsNotRead()
    {
        using var browser = new Browser(project);
        Assert.Equal(413, browser.Post("sign-in", ("email", new string('a', 20_000)), ("password", "x")).Status);
        Assert.Equal(400, browser.Post("accounts", ("name", "Heidi"), ("email", "heidi@example.org"), ("password", "short")).Status);
        Assert.Equal(400, browser.Post("accounts", ("name", "Heidi"), ("email", "heidi"), ("password", "long enough")).Status);
    }

    [Fact]
    public async Task APageIsOfBoundedSizeHoweverMuchThereIs()
    {
        project.Submit("bounded", Experiments.Text(1), s_network * 20);
        using var judy = new Volunteer(project, "judy");
        judy.Work();
        using Browser browser = SignedIn("judy");
        browser.Send("operator/sign-in", ("token", Token));
        await using var source = NpgsqlDataSource.Create($"Host={Path.Combine(project.Settings.Data, "postgresql")};Username=weightspace;Database=postgres");
        await Do("INSERT INTO hosts (account_id, created_at, seen_at, not_before, rpc_number, system, cpus, speed, quota, flops) SELECT id, now(), now(), now(), 0, repeat('&', 100), 4, 1e9, 4, 1e12 FROM accounts, generate_series(1, 1000) WHERE name = 'judy'");
        await Do("INSERT INTO results (unit_id, host_id, account_id, name, state, reason, sent_at, deadline, reported_at) SELECT (SELECT min(id) FROM units), h.id, h.account_id, 'much_' || h.id || '_' || n, 'invalid', repeat('&', 1000), now(), now(), now() FROM hosts h, generate_series(1, 5) n WHERE h.flops = 1e12");
        try
        {
            Until(browser, "operator", text => text.Contains(">much_", StringComparison.Ordinal));
            foreach (string page in (string[])["", "top", "me", "operator"])
            {
                Seen seen = browser.Get(page);
                Assert.Equal(200, seen.Status);
                Assert.InRange(seen.Text.Length, 1000, 200_000);
            }
            string mine = browser.Get("me").Text;
            Assert.Equal(50, Regex.Count(mine, @"no\. [0-9]+</span></th>"));
            Assert.Equal(20, Regex.Count(mine, ">much_"));
        }
        finally
        {
            await Do("DELETE FROM results WHERE name LIKE 'much%'");
            await Do("DELETE FROM hosts WHERE flops = 1e12");
        }

        async Task Do(string statement)
        {
            await using NpgsqlCommand command = source.CreateCommand(statement);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public void TheManagerIsToldOfThePages()
    {
        using var ivan = new Volunteer(project, "ivan");
        ivan.Ask(0);
        XElement[] links = [.. ivan.Answer.Element("gui_urls")!.Elements("gui_url")];
        using var browser = new Browser(project);
        Assert.All(links, link => Assert.InRange(browser.Get(link.Element("url")!.Value[project.Url.Length..]).Status, 200, 303));
        Assert.All(links, link => Assert.NotEmpty(link.Element("name")!.Value + link.Element("description")!.Value));
    }

    /// <summary>Loads a page until it shows what it is to.</summary>
    private static string Until(Browser browser, string page, Func<string, bool> isSo)
    {
        string text = "";
        for (int i = 0; i < 600; i++)
        {
            text = browser.Get(page).Text;
            if (isSo(text))
                return text;
            Thread.Sleep(100);
        }
        Assert.Fail($"/{page} never showed it: {text}");
        return text;
    }

    private Browser SignedIn(string name)
    {
        var browser = new Browser(project);
        Assert.Equal(303, browser.Post("sign-in", ("email", name + "@example.org"), ("password", name)).Status);
        return browser;
    }

    private static int Dots(string page, string layer) => Regex.Match(page, $@"<path class=""{layer}"" d=""([^""]{{10,}})""/>").Groups[1].Value.Count(each => each == 'h');

    private sealed class LaterTime : TimeProvider
    {
        public TimeSpan Later { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Later;
    }
}
