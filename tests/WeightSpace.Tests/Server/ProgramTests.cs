using System.Net;
using System.Security.Cryptography;
using System.Xml.Linq;
using WeightSpace.Server.Signing;
using WeightSpace.Tests.Engines.Slurm;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Server;

/// <summary>The programs of a project, for several platforms, and what becomes of those that are replaced.</summary>
public sealed class ProgramTests : IDisposable
{
    private const string Linux = SignedApp.LinuxX64, Windows = SignedApp.WindowsX64;

    private readonly ServedProject _project = new();
    private readonly HttpClient _http = new();

    public void Dispose()
    {
        _http.Dispose();
        _project.Dispose();
    }

    [Fact]
    public async Task AHostIsGivenTheProgramOfItsPlatform()
    {
        await File.WriteAllTextAsync(_project["windows"], "stands for the program for Windows", TestContext.Current.CancellationToken);
        _project.Submit("platforms", Experiments.Text(3), 1);
        using var windows = new Volunteer(_project, "walter") { Platforms = [Windows, "windows_intelx86"] };
        Assert.Empty(windows.Ask(1e-9));
        Assert.Contains(windows.Answer.Elements("message"), message => message.Value.Contains("no program for windows_x86_64", StringComparison.Ordinal));
        _project.Sign(Windows, _project["windows"]);
        _project.Restart();
        Assert.NotEmpty(windows.Ask(1e-9));
        AssertProgram(windows, Windows, ["weightspace_1_windows_x86_64.exe"]);
        Assert.Equal("stands for the program for Windows", await _http.GetStringAsync(_project.Url + "download/weightspace_1_windows_x86_64.exe", TestContext.Current.CancellationToken));
        // One that can run both, the other better; and one that can run neither.
        using var both = new Volunteer(_project, "bo") { Platforms = ["a-machine-of-its-own", Linux, Windows] };
        Assert.NotEmpty(both.Ask(1e-9));
        AssertProgram(both, Linux, ["weightspace_1_x86_64-pc-linux-gnu", "weightspace_1_x86_64-pc-linux-gnu.bin"]);
        using var neither = new Volunteer(_project, "nell") { Platforms = ["aarch64-unknown-linux-gnu"] };
        Assert.Empty(neither.Ask(1e-9));
        XElement config = XElement.Parse(await _http.GetStringAsync(_project.Url + "get_project_config.php", TestContext.Current.CancellationToken));
        Assert.Equal([Windows, Linux], config.Element("platforms")!.Elements("platform").Select(platform => platform.Element("platform_name")!.Value));
    }

    [Fact]
    public async Task AProgramThatWasReplacedStaysUntilNothingIsUnderWayThatWasHandedOutWithIt()
    {
        string text = Experiments.Text(3), old = "download/weightspace_1_x86_64-pc-linux-gnu.bin", fresh = "download/weightspace_2_x86_64-pc-linux-gnu.bin";
        _project.Submit("update", text, 1e12);
        using var ann = new Volunteer(_project, "ann");
        Handed task = Assert.Single(ann.Ask());
        await File.WriteAllTextAsync(_project["program"], "another program", TestContext.Current.CancellationToken);
        _project.Sign(Linux, _project["program"]);
        _project.Restart();
        // Its download may not have begun.
        Assert.StartsWith("stands for", await _http.GetStringAsync(_project.Url + old, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal("another program", await _http.GetStringAsync(_project.Url + fresh, TestContext.Current.CancellationToken));
        // Reset, the client is given its task again, with the program that is in use.
        ann.Tasks.Clear();
        task = Assert.Single(ann.Ask(0));
        AssertProgram(ann, Linux, ["weightspace_2_x86_64-pc-linux-gnu", "weightspace_2_x86_64-pc-linux-gnu.bin"]);
        await Task.Delay(2500, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, await Status(old));
        Assert.Equal(0, ann.Upload(task, ann.Train(task)));
        ann.Ask(0, [(task, true)]);
        for (int i = 0; i < 200 && await Status(old) != HttpStatusCode.NotFound; i++)
            await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, await Status(old));
        Assert.Equal(HttpStatusCode.OK, await Status(fresh));
        Assert.Equal(["weightspace_2_x86_64-pc-linux-gnu", "weightspace_2_x86_64-pc-linux-gnu.bin"], Directory.GetFiles(Path.Combine(_project.Settings.Data, "download")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        _project.AssertIsGrown("update", text);
        // What clients have is never replaced by something older, nor by another of its number.
        Directory.Delete(_project["app"], recursive: true);
        _project.Sign(Linux, _project["program"]);
        _project.Stop();
        Assert.Contains("has 2 already", Assert.Throws<InputException>(_project.Serve).Message, StringComparison.Ordinal);
        _project.Settings = _project.Settings with { App = null };
        _project.Serve();
    }

    private async Task<HttpStatusCode> Status(string address)
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri(_project.Url + address), TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    /// <summary>The last answer brings this program, all of whose files are signed by the key that it brings.</summary>
    private void AssertProgram(Volunteer volunteer, string platform, string[] files)
    {
        XElement version = volunteer.Answer.Element("app_version")!;
        Assert.Equal(platform, version.Element("platform")!.Value);
        Assert.Equal(platform, volunteer.Answer.Element("result")!.Element("platform")!.Value);
        Assert.Equal(files, version.Elements("file_ref").Select(file => file.Element("file_name")!.Value));
        Assert.Equal(files[0], Assert.Single(version.Elements("file_ref"), file => file.Element("main_program") is not null).Element("file_name")!.Value);
        PublicCodeKey key = SignedApps.Read(_project["app"]).Key;
        foreach (string name in files)
        {
            XElement file = volunteer.Answer.Elements("file_info").Single(each => each.Element("name")!.Value == name);
            byte[] bytes = _http.GetByteArrayAsync(file.Element("url")!.Value).GetAwaiter().GetResult();
            Assert.NotNull(file.Element("executable"));
            Assert.Equal(Convert.ToHexStringLower(MD5.HashData(bytes)), file.Element("md5_cksum")!.Value);
            Assert.True(key.Verify(file.Element("md5_cksum")!.Value, file.Element("file_signature")!.Value));
        }
    }
}
