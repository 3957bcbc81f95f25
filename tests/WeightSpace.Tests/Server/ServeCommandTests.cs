using System.Net;
using System.Net.Sockets;
using WeightSpace.Server;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Engines.Slurm;

namespace WeightSpace.Tests.Server;

/// <summary>The commands of a project as their users call them, processes of their own.</summary>
public sealed class ServeCommandTests : IDisposable
{
    private readonly Folder _folder = new();

    public ServeCommandTests()
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_101_101);
    }

    private string Project => _folder["project"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AServerThatIsKilledLosesNothing()
    {
        string experiment = _folder.Write("volunteers.yaml", Experiments.Text(3)), local = _folder["local"];
        _folder.Write("program", "stands for the program; no one runs it here");
        Spoken signed = BuiltProgram.Succeed("sign", "--key", _folder["keys/key.pem"], "--program", "linux=" + _folder["program"], "--out", _folder["app"], "--json");
        Assert.Equal(1, signed.Json.GetProperty("programs")[0].GetProperty("number").GetInt32());
        BuiltProgram.Running server = Serve("--url", "http://127.0.0.1:0/", "--app", _folder["app"]);
        try
        {
            BuiltProgram.Succeed("submit", experiment, "--to", Project, "--unit-gflop", "0.003");
            // It is handed in once, however often it is said.
            BuiltProgram.Succeed("submit", experiment, "--to", Project, "--unit-gflop", "0.003");
            Assert.Equal("paused", BuiltProgram.Succeed("pause", Project, "cluster", "--json").Json.GetProperty("state").GetString());
            Assert.Equal("running", BuiltProgram.Succeed("resume", Project, "cluster", "--json").Json.GetProperty("state").GetString());
            Spoken none = BuiltProgram.Run("cancel", Project, "nothing");
            Assert.True(none.ExitCode == 2 && none.Error.Contains("no experiment of the name 'nothing'", StringComparison.Ordinal), none.ToString());
            using var volunteer = new Volunteer(() => DataFolder.ReadOperator(Project).Url, "ann");
            int reported = 0;
            for (int i = 0; i < 400 && !File.Exists(Path.Combine(Project, "zoos", "cluster", "zoo.json")); i++)
            {
                foreach (Handed task in volunteer.Tasks.ToArray())
                {
                    Assert.Equal(0, volunteer.Upload(task, volunteer.Train(task)));
                    // Between the upload and the report, and right behind a report.
                    if (reported == 1)
                        KillAndServe();
                    volunteer.Ask(0, [(task, true)]);
                    Assert.Contains(volunteer.Answer.Elements("result_ack"), ack => ack.Element("name")!.Value == task.Name);
                    if (++reported == 4)
                        KillAndServe();
                }
                volunteer.Ask();
                Thread.Sleep(20);
            }
            Assert.True(reported > 4, $"only {reported} results");
            server.Interrupt();
            Spoken ended = server.Wait();
            Assert.Equal(0, ended.ExitCode);
            Assert.Equal(Project, ended.Json.GetProperty("data").GetString());
        }
        finally
        {
            server.Dispose();
        }
        BuiltProgram.Succeed("train", experiment, "--out", local);
        Assert.Equal(Folder.Digests(local), Folder.Digests(Path.Combine(Project, "zoos", "cluster")));

        void KillAndServe()
        {
            server.Kill();
            server.Wait();
            server.Dispose();
            server = Serve();
        }
    }

    [Fact]
    public void WhatCannotBeServedIsSaidInAWord()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        AssertRefused("another program listens there", "--url", $"http://127.0.0.1:{port}/");
        AssertRefused("not localhost", "--url", "http://localhost:8090/");
        AssertRefused("behind a proxy", "--url", "https://example.org/");
        AssertRefused("not a connection string", "--database", "nonsense");
        AssertRefused("the database cannot be used", "--database", "Host=127.0.0.1;Port=1;Username=x;Timeout=2");
        AssertRefused("expected a number", "--spot", "2");
        File.Delete(Path.Combine(Project, "secret"));
        AssertRefused("put back the one", "--url", "http://127.0.0.1:0/");
        File.WriteAllText(Path.Combine(Project, "project.json"), """{"format":"weightspace-project","format_version":9}""");
        AssertRefused("use the release", "--url", "http://127.0.0.1:0/");
        Directory.CreateDirectory(_folder["strange"]);
        _folder.Write("strange/file", "something");
        Spoken strange = BuiltProgram.Run("serve", "--data", _folder["strange"]);
        Assert.Equal(2, strange.ExitCode);
        Assert.Contains("holds no project", strange.Error, StringComparison.Ordinal);
        Spoken nobody = BuiltProgram.Run("submit", _folder.Write("e.yaml", Experiments.Text(1)), "--to", _folder["strange"]);
        Assert.Equal(2, nobody.ExitCode);
        Assert.Contains("not the folder of a project", nobody.Error, StringComparison.Ordinal);
    }

    private void AssertRefused(string message, params string[] options)
    {
        Spoken spoken = BuiltProgram.Run(["serve", "--data", Project, .. options]);
        Assert.True(spoken.ExitCode == 2 && spoken.Error.Contains(message, StringComparison.Ordinal) && !spoken.Error.Contains("   at ", StringComparison.Ordinal), spoken.ToString());
    }

    private BuiltProgram.Running Serve(params string[] options)
    {
        string url = Path.Combine(Project, "url");
        if (File.Exists(url))
            File.Delete(url);
        BuiltProgram.Running server = BuiltProgram.Start([], ["serve", "--data", Project, "--request-delay", "0.001", "--json", .. options]);
        server.WaitUntil(() => File.Exists(url));
        Assert.False(server.HasEnded, server.HasEnded ? server.Wait().ToString() : "");
        return server;
    }
}
