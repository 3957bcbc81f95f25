using System.Security.Cryptography;
using System.Text;
using WeightSpace.Server.Web;

namespace WeightSpace.Tests.Server;

/// <summary>Who has to wait, and who has not.</summary>
public sealed class LimitsTests
{
    [Fact]
    public void SoManyAtOnceAndOneInAWhileAfterThat()
    {
        var time = new Clock();
        var pace = new Pace(time, burst: 3, each: TimeSpan.FromSeconds(5));
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(TimeSpan.Zero, pace.Wait("a"));
            Assert.Equal(TimeSpan.Zero, pace.Take("a"));
        }
        Assert.Equal(TimeSpan.FromSeconds(5), pace.Wait("a"));
        // Asking in vain puts nothing off.
        for (int i = 0; i < 100; i++)
            Assert.Equal(TimeSpan.FromSeconds(5), pace.Take("a"));
        Assert.Equal(TimeSpan.Zero, pace.Take("b"));
        time.Seconds = 4;
        Assert.Equal(TimeSpan.FromSeconds(1), pace.Take("a"));
        time.Seconds = 5;
        Assert.Equal(TimeSpan.Zero, pace.Take("a"));
        Assert.Equal(TimeSpan.FromSeconds(5), pace.Take("a"));
        time.Seconds = 1000;
        for (int i = 0; i < 3; i++)
            Assert.Equal(TimeSpan.Zero, pace.Take("a"));
        Assert.True(pace.Take("a") > TimeSpan.Zero);
        pace.GiveBack("a");
        Assert.Equal(TimeSpan.Zero, pace.Take("a"));
        Assert.True(pace.Take("a") > TimeSpan.Zero);
        pace.GiveBack("nobody");
        Assert.Equal(TimeSpan.Zero, pace.Take("nobody"));
    }

    [Fact]
    public void NamesThatSayNothingMoreAreForgotten()
    {
        var time = new Clock();
        var pace = new Pace(time, burst: 1, each: TimeSpan.FromSeconds(1));
        for (int i = 0; i < 200_000; i++)
        {
            time.Seconds = i / 1000.0;
            pace.Take($"{i}");
        }
        Assert.InRange(pace.Count, 1, 30_000);
    }

    [Fact]
    public async Task AnAddressThatFailsIsSlowedDownAndAHostBehindItIsNot()
    {
        using var project = new ServedProject();
        using var honest = new Volunteer(project, "honest");
        honest.Ask(0);
        project.Settings = project.Settings with { FailuresAtOnce = 5, FailureInterval = TimeSpan.FromHours(1) };
        project.Restart();
        honest.Ask(0);
        using var stranger = new Volunteer(project, "stranger");
        string key = new('0', 32), lookup = $"lookup_account.php?email_addr=honest@example.org&passwd_hash={key}";
        for (int i = 0; i < 5; i++)
            Assert.Equal("-206", stranger.Get(lookup).Element("error_num")!.Value);
        // Guesses have to wait, at passwords and at keys.
        Assert.Equal(503, stranger.Post(lookup, []).Status);
        Assert.Equal(503, stranger.Post("scheduler", Encoding.UTF8.GetBytes($"<scheduler_request><authenticator>{key}</authenticator></scheduler_request>")).Status);
        // Who was known goes on, from the same address.
        for (int i = 0; i < 20; i++)
        {
            honest.Ask(0);
            Assert.Empty(honest.Answer.Elements("message"));
        }
        using WeightSpace.Server.ProjectClient operators = project.Operator();
        Assert.Empty((await operators.Status(TestContext.Current.CancellationToken))["experiments"]!.AsArray());
    }

    [Fact]
    public void AHostThatDoesNotWaitIsToldToAndOthersOfItsAccountAreNot()
    {
        using var project = new ServedProject();
        project.Settings = project.Settings with { RequestDelay = TimeSpan.FromSeconds(20) };
        project.Restart();
        using Volunteer hammer = new(project, "lab"), calm = new(project, "lab");
        hammer.Ask(0);
        calm.Ask(0);
        int refused = 0;
        for (int i = 0; i < 30; i++)
        {
            hammer.Ask(0);
            if (hammer.Answer.Elements("message").Any(message => message.Value.Contains("too often", StringComparison.Ordinal)))
            {
                refused++;
                Assert.InRange(double.Parse(hammer.Answer.Element("request_delay")!.Value, System.Globalization.CultureInfo.InvariantCulture), 20, 60);
                Assert.Null(hammer.Answer.Element("userid"));
            }
        }
        Assert.InRange(refused, 15, 21);
        calm.Ask(0);
        Assert.Empty(calm.Answer.Elements("message"));
    }

    [Fact]
    public async Task AKeyThatWasReplacedNoLongerCounts()
    {
        using var project = new ServedProject();
        using var volunteer = new Volunteer(project, "rita");
        string email = "rita@example.org", before = Md5("rita" + email), after = Md5("another" + email);
        string Key(string hash) => volunteer.Get($"lookup_account.php?email_addr={email}&passwd_hash={hash}").Element("authenticator")?.Value ?? "";
        bool IsHeard(string key)
        {
            volunteer.Ask(0, key: key);
            return volunteer.Answer.Element("userid") is not null;
        }
        string first = Key(before);
        Assert.True(IsHeard(first));
        await using var source = Npgsql.NpgsqlDataSource.Create($"Host={Path.Combine(project.Settings.Data, "postgresql")};Username=weightspace;Database=postgres");
        using var accounts = new WeightSpace.Server.Projects.Accounts(source, Convert.FromHexString(File.ReadAllText(Path.Combine(project.Settings.Data, "secret")).Trim()), TimeProvider.System);
        long id = (await accounts.Owner(first))!.Value;
        string weak = (await accounts.WeakKey(id))!;
        Assert.Matches($"^{id}_[0-9a-f]{{32}}$", weak);
        // A weak key is enough to compute with, and for nothing else.
        Assert.True(IsHeard(weak));
        Assert.Null(await accounts.Owner(weak));
        foreach (string wrong in (string[])[$"{id}_{new string('0', 32)}", $"{id + 1}_{weak.Split('_')[1]}", $"{id}_", "_", $"-{id}_{weak.Split('_')[1]}", $"99999999999999999999_{weak.Split('_')[1]}", weak + "0", weak.ToUpperInvariant() == weak ? weak + "x" : weak.ToUpperInvariant()])
            Assert.False(IsHeard(wrong), wrong);

        Assert.Equal(WeightSpace.Server.Projects.AccountOutcome.None, await accounts.ChangePassword(email, after, after));
        Assert.Equal(WeightSpace.Server.Projects.AccountOutcome.BadPassword, await accounts.ChangePassword(email, before, "short"));
        Assert.True(IsHeard(weak));
        Assert.Equal(WeightSpace.Server.Projects.AccountOutcome.Found, await accounts.ChangePassword(email, before, after));
        Assert.False(IsHeard(weak));
        Assert.True(IsHeard(first));
        Assert.Equal("", Key(before));
        Assert.Equal(first, Key(after));

        weak = (await accounts.WeakKey(id))!;
        Assert.True(IsHeard(weak));
        string second = (await accounts.NewKey(id))!;
        Assert.NotEqual(first, second);
        Assert.False(IsHeard(first));
        Assert.False(IsHeard(weak));
        Assert.True(IsHeard(second));
        Assert.True(IsHeard((await accounts.WeakKey(id))!));
        Assert.Equal(second, Key(after));
        Assert.Null(await accounts.NewKey(id + 1000));
        Assert.Null(await accounts.WeakKey(id + 1000));
    }

    private static string Md5(string text) => Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(text)));

    private sealed class Clock : TimeProvider
    {
        public double Seconds;

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => (long)(Seconds * 1000);
    }
}
