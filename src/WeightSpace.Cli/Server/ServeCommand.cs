using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Server;
using WeightSpace.Server.Trust;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Server;

/// <summary><c>weightspace serve --data FOLDER</c>: a project that volunteers attach their BOINC clients to.</summary>
internal static class ServeCommand
{
    private static readonly NumberRange s_days = new(0, 365, ExcludesMin: true), s_seconds = new(0, 86_400, ExcludesMin: true), s_share = new(0, 1), s_attempts = new(1, 100), s_quorum = new(1, 10), s_keep = new(0, 10_000), s_failures = new(0.1, 1e6);

    private static readonly Lock s_say = new();

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Option<string?> data = new Option<string?>("--data") { Description = "The project's folder, which is made where there is none. With --demo the demo's; default: weightspace-demo.", HelpName = "FOLDER" }.AsPath();
        var demo = new Option<bool>("--demo") { Description = "A project to look at, in a folder of its own: makes a key, signs the program, hands in a small experiment, makes an account, and attaches this machine's boinc-client where there is one." };
        var url = new Option<string?>("--url") { Description = $"The address that volunteers attach to, with a slash at the end; BOINC wants a host with a dot in it. Port 0: any that is free. Default: what the project had before, or {ProjectServer.DefaultUrl}", HelpName = "URL" };
        var listen = new Option<string?>("--listen") { Description = "Where to listen, as 0.0.0.0:8090, where that is not what --url names: behind a proxy, or for a name.", HelpName = "ADDRESS" };
        Option<string?> certificate = new Option<string?>("--tls-certificate") { Description = "The server's certificate and those between it and its authority's, in PEM: the server speaks https. Read again when the file changes.", HelpName = "FILE" }.AsPath(), tlsKey = new Option<string?>("--tls-key") { Description = "The certificate's private key, in PEM. Default: it stands in the same file.", HelpName = "FILE" }.AsPath();
        var failures = new Option<double>("--failures-per-minute") { Description = "Requests of one address that may fail in a minute (unknown keys, wrong passwords, what cannot be read), beyond the first 60; then it has to wait.", HelpName = "N", DefaultValueFactory = _ => 12 };
        var database = new Option<string?>("--database") { Description = "A PostgreSQL that is there already, as a connection string. Default: one of the server's own, in the project's folder.", HelpName = "CONNECTION" };
        var name = new Option<string>("--name") { Description = "The project's name, as volunteers see it.", HelpName = "NAME", DefaultValueFactory = _ => "WeightSpace" };
        Option<string?> app = new Option<string?>("--app") { Description = "The folder of a signed program (weightspace sign), for volunteers' machines. Default: the one that the project has.", HelpName = "FOLDER" }.AsPath();
        var deadline = new Option<double>("--deadline-days") { Description = "How long a host may take for a result; then its unit is given to another.", HelpName = "DAYS", DefaultValueFactory = _ => 7 };
        var delay = new Option<double>("--request-delay") { Description = "Seconds that a client is asked to wait between two requests.", HelpName = "SECONDS", DefaultValueFactory = _ => 10 };
        var spot = new Option<double>("--spot") { Description = "The least share of results of which one network, chosen at random, is trained again and compared to the bit. A new host's are all looked at, fewer the more were right; 0: none of anyone's.", HelpName = "SHARE", DefaultValueFactory = _ => TrustPolicy.Default.LeastShare };
        var quorum = new Option<int>("--quorum") { Description = "Equal results from different owners before one is accepted.", HelpName = "N", DefaultValueFactory = _ => TrustPolicy.Default.Quorum };
        var keep = new Option<double>("--keep-days") { Description = "How long the results of a complete zoo are kept, so that those of a host that is caught later can be checked again.", HelpName = "DAYS", DefaultValueFactory = _ => 30 };
        var attempts = new Option<int>("--attempts") { Description = "Results of a unit that may fail or be wrong before the server trains it itself.", HelpName = "N", DefaultValueFactory = _ => 3 };
        var command = new Command("serve", "Serve a project that volunteers' BOINC clients train networks for (docs/volunteers.md).") { data, demo, url, listen, certificate, tlsKey, database, name, app, deadline, delay, spot, quorum, attempts, keep, failures };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string? address = null;
            using Demo? made = parsed.GetValue(demo) ? Demo.Open(run, parsed.GetValue(data), line => Say(run, line)) : null;
            string folder = made?.Project ?? parsed.GetValue(data) ?? throw new InputException($"{data.Name} is missing: name the project's folder, which is made where there is none; or look at one with {demo.Name}");
            ProjectServer.Serve(new ServerSettings
            {
                Data = folder,
                Url = parsed.GetValue(url),
                Listen = parsed.GetValue(listen),
                TlsCertificate = parsed.GetValue(certificate),
                TlsKey = parsed.GetValue(tlsKey),
                FailureInterval = TimeSpan.FromMinutes(1 / InRange(failures.Name, parsed.GetValue(failures), s_failures)),
                Database = parsed.GetValue(database),
                Name = Name(parsed.GetRequiredValue(name), name.Name),
                App = made?.App ?? parsed.GetValue(app),
                Deadline = TimeSpan.FromDays(InRange(deadline.Name, parsed.GetValue(deadline), s_days)),
                RequestDelay = made is null ? TimeSpan.FromSeconds(InRange(delay.Name, parsed.GetValue(delay), s_seconds)) : Demo.RequestDelay,
                Trust = new TrustPolicy(InRange(spot.Name, parsed.GetValue(spot), s_share), (int)InRange(quorum.Name, parsed.GetValue(quorum), s_quorum)),
                KeepFor = TimeSpan.FromDays(InRange(keep.Name, parsed.GetValue(keep), s_keep)),
                Attempts = (int)InRange(attempts.Name, parsed.GetValue(attempts), s_attempts),
                NewTrainer = () => new Trainer(run.Images),
                Images = run.Images,
                Time = run.Time,
                Say = line => Say(run, line),
            }, ready: served =>
            {
                address = served;
                Say(run, $"ready: {served} is being served; volunteers attach to this address. Ctrl-C ends it, the same call goes on");
                made?.Begin(served);
            }, run.Stop).GetAwaiter().GetResult();
            Say(run, $"{folder}: no longer served; nothing is lost");
            return new Answer(made?.ToJson(address) ?? new JsonObject { ["data"] = folder, ["url"] = address });
        }));
        return command;
    }

    /// <summary>A line for who looks; any thread.</summary>
    private static void Say(CommandContext run, string line)
    {
        lock (s_say)
        {
            run.Text.WriteLine(line);
            run.Text.Flush();
        }
    }

    internal static double InRange(string option, double value, NumberRange range) => range.Contains(value) ? value : throw new InputException($"{option}: found {value}, expected a number, {range}");

    private static string Name(string name, string option) => name.Trim().Length is > 0 and <= 60 && !name.Any(char.IsControl) ? name.Trim() : throw new InputException($"{option}: found '{name}', expected 1 to 60 characters");
}
