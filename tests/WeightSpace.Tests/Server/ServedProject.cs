using System.Text.Json.Nodes;
using Npgsql;
using WeightSpace.Engines.Local;
using WeightSpace.Server;
using WeightSpace.Server.Projects;
using WeightSpace.Server.Signing;
using WeightSpace.Tasks.Images;
using WeightSpace.Tests.Cli;
using WeightSpace.Training;

namespace WeightSpace.Tests.Server;

/// <summary>A project on loopback with a PostgreSQL of its own, in a folder that every user may pass through. It can be stopped, and served again with other settings.</summary>
public sealed class ServedProject : IDisposable
{
    private readonly Folder _folder = new();
    private CancellationTokenSource _stop = new();
    private Task _serving = Task.CompletedTask;

    public ServedProject()
        : this(null)
    {
    }

    /// <param name="program">What volunteers on Linux run; null: something that nobody runs.</param>
    internal ServedProject(string? program)
    {
        // PostgreSQL runs as another user where this is root.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_101_101);
        File.WriteAllText(_folder["program"], "stands for the program; no one runs it here");
        Sign(SignedApp.LinuxX64, program ?? _folder["program"]);
        Settings = new ServerSettings
        {
            Data = _folder["project"],
            Url = "http://127.0.0.1:0/",
            App = _folder["app"],
            RequestDelay = TimeSpan.FromMilliseconds(1),
            // All come from one address here.
            FailuresAtOnce = 1_000_000,
            LookEvery = TimeSpan.FromMilliseconds(100),
            NewTrainer = () => new Trainer(),
            Images = ImageLibrary.Default,
            Say = line =>
            {
                lock (Said)
                    Said.Add(line);
            },
        };
        Serve();
    }

    public ServerSettings Settings { get; set; }

    public List<string> Said { get; } = [];

    public string Url { get; private set; } = "";

    public string this[string name] => _folder[name];

    /// <summary>Signs a program for a platform, beside those that are signed already.</summary>
    public SignedApp Sign(string platform, string program) =>
        SignedApps.Sign(new Dictionary<string, string> { [platform] = program }, PrivateCodeKey.ReadOrMake(_folder["key.pem"], out _), _folder["app"]).Apps.Single(app => app.Platform == platform);

    public void Serve()
    {
        _stop = new CancellationTokenSource();
        var ready = new TaskCompletionSource<string>();
        _serving = Task.Run(() => ProjectServer.Serve(Settings, ready.SetResult, _stop.Token));
        int first = Task.WaitAny(ready.Task, _serving);
        if (first == 1)
            _serving.GetAwaiter().GetResult();
        Url = ready.Task.Result;
    }

    public void Stop()
    {
        _stop.Cancel();
        // Its own error where it ended with one; one that does not end must not hold up all tests.
        if (Task.WaitAny([_serving], TimeSpan.FromMinutes(2)) < 0)
            throw new TimeoutException($"the server did not end\n{string.Join('\n', Said)}");
        _serving.GetAwaiter().GetResult();
    }

    public void Restart()
    {
        Stop();
        Serve();
    }

    /// <summary>Hands an experiment in and waits until its units can be had.</summary>
    public void Submit(string name, string text, double? unitFlops, int priority = 0, double unitSeconds = 3600)
    {
        using ProjectClient client = Operator();
        client.Submit(new Submission(name, text, null, unitFlops, priority, unitSeconds), CancellationToken.None).GetAwaiter().GetResult();
        WaitFor(name, experiment => State(experiment) == "running", "units to be handed out");
    }

    public JsonNode Experiment(string name)
    {
        using ProjectClient client = Operator();
        return client.Status(CancellationToken.None).GetAwaiter().GetResult()["experiments"]!.AsArray().Single(experiment => experiment!["name"]!.GetValue<string>() == name)!;
    }

    public JsonNode WaitFor(string name, Func<JsonNode, bool> isSo, string what)
    {
        for (int i = 0; i < 600; i++)
        {
            JsonNode experiment = Experiment(name);
            if (isSo(experiment))
                return experiment;
            Thread.Sleep(50);
        }
        Assert.Fail($"{name}: waited in vain for {what}: {Experiment(name)}\n{string.Join('\n', Said)}");
        return null!;
    }

    public static string State(JsonNode experiment) => experiment["state"]!.GetValue<string>();

    /// <summary>The zoo is complete, and the one that the local engine grows, byte for byte.</summary>
    public void AssertIsGrown(string name, string text) => AssertAreGrown([name], text);

    /// <summary>As <see cref="AssertIsGrown"/>, of several zoos of one experiment.</summary>
    public void AssertAreGrown(IReadOnlyList<string> names, string text)
    {
        string local = _folder["local-" + names[0]];
        LocalEngine.Grow(WeightSpace.Zoos.Experiments.Experiment.Parse(text, names[0]), local, 2, 8, () => new Trainer(), TimeProvider.System, null, CancellationToken.None);
        foreach (string name in names)
        {
            WaitFor(name, experiment => State(experiment) == "complete", "the zoo");
            Assert.Equal(Folder.Digests(local), Folder.Digests(Zoo(name)));
        }
    }

    public string Zoo(string name) => Path.Combine(Settings.Data, "zoos", name);

    public ProjectClient Operator()
    {
        (string url, string token) = DataFolder.ReadOperator(Settings.Data);
        return new ProjectClient(url, token);
    }

    /// <summary>Asks the project's database.</summary>
    internal T? Ask<T>(string statement, params object?[] values)
    {
        using var connection = new NpgsqlConnection($"Host={Path.Combine(Settings.Data, "postgresql")};Username=weightspace;Database=postgres");
        connection.Open();
        using var command = new NpgsqlCommand(statement, connection);
        foreach (object? value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        return command.ExecuteScalar() is { } found and not DBNull ? (T)found : default;
    }

    public void Dispose()
    {
        Stop();
        _folder.Dispose();
    }
}

/// <summary>The tests that share one project, one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class ProjectCollection : ICollectionFixture<ServedProject>
{
    public const string Name = "project";
}
