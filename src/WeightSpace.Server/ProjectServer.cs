using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Projects;
using WeightSpace.Server.Web;
using WeightSpace.Zoos;

namespace WeightSpace.Server;

/// <summary>A volunteers' project: what BOINC's clients speak with, the database behind it, and what checks and assembles results.</summary>
public static class ProjectServer
{
    /// <summary>The address of a project that was never given one.</summary>
    public const string DefaultUrl = "http://127.0.0.1:8090/";

    private static readonly TimeSpan s_beat = TimeSpan.FromSeconds(1);

    /// <summary>Serves a project until it is asked to stop. Throws <see cref="InputException"/> where it cannot be served so, and <see cref="IOException"/> where the database fails at the start.</summary>
    /// <param name="ready">Told the address when clients may come.</param>
    public static async Task Serve(ServerSettings settings, Action<string> ready, CancellationToken stop)
    {
        try
        {
            await ServeUntilStopped(settings, ready, stop);
        }
        catch (NpgsqlException error)
        {
            throw new IOException($"the database failed: {error.Message}", error);
        }
    }

    private static async Task ServeUntilStopped(ServerSettings settings, Action<string> ready, CancellationToken stop)
    {
        using DataFolder data = DataFolder.Open(settings.Data);
        await using PrivateCluster? cluster = settings.Database is null ? await PrivateCluster.Start(data.Postgres, settings.Say, stop) : null;
        await using NpgsqlDataSource source = OpenSource(settings.Database ?? cluster!.ConnectionString);
        await using NpgsqlConnection guard = await OpenDatabase(source, settings);
        var project = new Project(settings, data, source);
        await project.Programs.Load();
        string url = CheckUrl(settings.Url ?? await guard.Scalar<string>("SELECT url FROM project") ?? DefaultUrl);
        using var accounts = new Accounts(source, data.Secret, settings.Time);
        using var experiments = new Experiments(project);
        var uploads = new Uploads(project);
        await using WebApplication web = Build(url, settings);
        var observer = new Observer(project, new WeightMaps(project, experiments));
        Endpoints.Map(web, project, accounts, experiments, uploads, new Scheduler(project, accounts), new Limits(settings), observer);
        try
        {
            await web.StartAsync(stop);
        }
        catch (IOException error) when (error.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            throw new InputException($"{settings.Listen ?? url}: another program listens there; stop it, or name another port (--url)", error);
        }
        catch (SocketException error)
        {
            throw new InputException($"{settings.Listen ?? url}: it is not possible to listen there: {error.Message}; where the address is a proxy's, name this machine's with --listen", error);
        }
        project.Url = WithPort(url, web);
        await guard.Execute("UPDATE project SET url = $1", project.Url);
        data.WriteUrl(project.Url);
        ready(project.Url);
        try
        {
            // Neither ends by itself; what ends one of them ends the server.
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var validator = new Validator(project, experiments, uploads);
            Task[] tasks = [Grow(project, experiments, either.Token), Check(project, validator, either.Token), Train(project, validator, either.Token), Watch(project, either.Token), Stage(project, experiments, either.Token),
                Repeat(project, either.Token, () => observer.Look(either.Token))];
            Task first = await Task.WhenAny(tasks);
            await either.CancelAsync();
            await Task.WhenAll(tasks).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            await first;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // What was asked for. Nothing is half done: each step is whole, or done again by the next server.
        }
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await web.StopAsync(patience.Token);
    }

    /// <summary>Stages what was handed in, and writes the zoos of which all is there.</summary>
    private static Task Grow(Project project, Experiments experiments, CancellationToken stop) => Repeat(project, stop, async () =>
    {
        await experiments.Work(stop);
        await project.NewWork.WaitAsync(s_beat, stop);
    });

    /// <summary>Decides about results.</summary>
    private static Task Check(Project project, Validator validator, CancellationToken stop) => WithTrainer(project, stop, async trainer =>
    {
        while (await validator.CheckNext(trainer, stop))
            stop.ThrowIfCancellationRequested();
        await project.NewResults.WaitAsync(s_beat, stop);
    });

    /// <summary>Trains what volunteers cannot, or do not.</summary>
    private static Task Train(Project project, Validator validator, CancellationToken stop) => WithTrainer(project, stop, async trainer =>
    {
        while (await validator.TrainNext(trainer, stop))
            stop.ThrowIfCancellationRequested();
        await Task.Delay(s_beat, stop);
    });

    private static async Task WithTrainer(Project project, CancellationToken stop, Func<ITrainer, Task> work)
    {
        ITrainer trainer = project.Settings.NewTrainer();
        try
        {
            await Repeat(project, stop, () => work(trainer));
        }
        finally
        {
            (trainer as IDisposable)?.Dispose();
        }
    }

    /// <summary>Keeps units ready to be handed out. A loop of its own: hosts need work also while a result is being trained again.</summary>
    private static async Task Stage(Project project, Experiments experiments, CancellationToken stop)
    {
        var stager = new Stager(project, experiments);
        await Repeat(project, stop, async () =>
        {
            await stager.Stage(stop);
            await project.Demand.News.WaitAsync(s_beat, stop);
        });
    }

    /// <summary>Gives up on results that are overdue: their units are handed out again.</summary>
    private static Task Watch(Project project, CancellationToken stop) => Repeat(project, stop, async () =>
    {
        await project.InTransaction(connection => connection.Execute(
            """
            WITH overdue AS (UPDATE results SET state = 'expired' WHERE id IN (SELECT id FROM results WHERE state = 'sent' AND deadline < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING unit_id),
                 counted AS (SELECT unit_id, count(*) AS results FROM overdue GROUP BY unit_id)
            UPDATE units SET wanted = wanted + counted.results FROM counted WHERE id = unit_id AND (NOT is_done OR is_suspect)
            """, project.Now));
        await project.Programs.Clean();
        await Task.Delay(s_beat, stop);
    });

    /// <summary>Goes on where the database or the disk fails for a while.</summary>
    private static async Task Repeat(Project project, CancellationToken stop, Func<Task> work)
    {
        string last = "";
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                await Task.Run(work, stop);
                last = "";
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or InputException || Sql.IsOfDatabase(error))
            {
                if (error.Message != last)
                    project.Settings.Say($"{error.Message}; trying again");
                last = error.Message;
                await Task.Delay(s_beat, stop);
            }
        }
    }

    private static NpgsqlDataSource OpenSource(string connection)
    {
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(connection);
            // Statements that come again are planned once; a proxy that cannot hold them is told so by the connection string.
            if (!connection.Contains("Max Auto Prepare", StringComparison.OrdinalIgnoreCase))
                (settings.MaxAutoPrepare, settings.AutoPrepareMinUsages) = (100, 2);
            return NpgsqlDataSource.Create(settings);
        }
        catch (Exception error) when (error is ArgumentException or FormatException or KeyNotFoundException)
        {
            throw new InputException($"--database: this is not a connection string: {error.Message}; expected one as 'Host=127.0.0.1;Username=weightspace;Password=...;Database=weightspace'", error);
        }
    }

    private static async Task<NpgsqlConnection> OpenDatabase(NpgsqlDataSource source, ServerSettings settings)
    {
        try
        {
            return await Schema.Open(source, settings.Time.GetUtcNow());
        }
        catch (NpgsqlException error)
        {
            throw new InputException($"the database cannot be used: {error.Message}", error);
        }
    }

    /// <summary>An address that clients accept. Throws <see cref="InputException"/> with what is wrong with another.</summary>
    private static string CheckUrl(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out Uri? parsed) && parsed.Scheme is "http" or "https" && parsed.Host.Contains('.', StringComparison.Ordinal) && url.EndsWith('/') && parsed.Query.Length == 0 && parsed.UserInfo.Length == 0 && url.Length <= 200
            ? url
            : throw new InputException($"--url: found '{url}', expected http:// or https://, a host with a dot in it (127.0.0.1, not localhost), and a slash at the end: BOINC's clients take no other");

    private static WebApplication Build(string url, ServerSettings settings)
    {
        var address = new Uri(url);
        IPEndPoint listen = settings.Listen is { } named ? IPEndPoint.TryParse(named, out IPEndPoint? given) ? given : throw new InputException($"--listen: found '{named}', expected an address and a port, as 0.0.0.0:8090")
            : address.Scheme == "https" && settings.TlsCertificate is null ? throw new InputException($"{url}: name the certificate with --tls-certificate; or, behind a proxy that speaks https, where the server is to listen with --listen")
            : IPAddress.TryParse(address.Host, out IPAddress? ip) ? new IPEndPoint(ip, address.Port)
            : throw new InputException($"{url}: '{address.Host}' is a name; say where to listen with --listen, as 0.0.0.0:{address.Port.ToString(CultureInfo.InvariantCulture)}");
        if (settings.TlsCertificate is null && settings.TlsKey is not null)
            throw new InputException("--tls-key: a key alone is of no use; name its certificate with --tls-certificate");
        if (settings.TlsCertificate is not null && address.Scheme != "https")
            throw new InputException($"{url}: with a certificate the address begins with https://; name it with --url");
        ServerCertificate? certificate = settings.TlsCertificate is { } path ? ServerCertificate.Open(path, settings.TlsKey ?? path, address.Host, settings.Time, settings.Say) : null;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(new PeopleLogger(settings.Say));
        builder.Services.Configure<Microsoft.Extensions.Hosting.ConsoleLifetimeOptions>(options => options.SuppressStatusMessages = true);
        builder.Services.AddSingleton<Microsoft.Extensions.Hosting.IHostLifetime, NoLifetime>();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 10_000;
            kestrel.Limits.MaxRequestBodySize = Endpoints.MaxSmallBody;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 << 10;
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Listen(listen, endpoint =>
            {
                if (certificate is not null)
                {
                    endpoint.UseHttps(new TlsHandshakeCallbackOptions
                    {
                        HandshakeTimeout = TimeSpan.FromSeconds(10),
                        OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificateContext = certificate.Current() }),
                    });
                }
            });
        });
        return builder.Build();
    }

    private static string WithPort(string url, WebApplication web)
    {
        if (new Uri(url).Port != 0)
            return url;
        string bound = web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new UriBuilder(url) { Port = new Uri(bound).Port }.Uri.AbsoluteUri;
    }

    /// <summary>The program handles its signals itself.</summary>
    private sealed class NoLifetime : Microsoft.Extensions.Hosting.IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
