using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Server.Signing;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Server;

/// <summary><c>weightspace sign --key FILE --out FOLDER</c>: signs the programs that volunteers run, away from the server.</summary>
internal static class SignCommand
{
    private static readonly Dictionary<string, string> s_platforms = new() { ["linux"] = SignedApp.LinuxX64, ["windows"] = SignedApp.WindowsX64 };

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Option<string> key = new Option<string>("--key") { Description = "The private key, which is made where there is none. Keep it away from the server: who has it can run programs on volunteers' machines.", HelpName = "FILE", Required = true }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = "The folder for the signed programs: what `weightspace serve --app` is given. The same for each later version.", HelpName = "FOLDER", Required = true }.AsPath();
        var program = new Option<string[]>("--program") { Description = "A program, one file, and the platform that it is for: linux=FILE or windows=FILE; once for each. Default: both, as scripts/build-volunteer makes them.", HelpName = "PLATFORM=FILE" };
        var command = new Command("sign", "Sign the programs that volunteers' machines run, and make the key for it where there is none.") { key, output, program };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string keyPath = parsed.GetRequiredValue(key), folder = parsed.GetRequiredValue(output);
            Dictionary<string, string> programs = Programs(parsed.GetValue(program) is { Length: > 0 } named ? named : ProgramForOthers.BuildForVolunteers(run, program.Name), program.Name);
            var signing = PrivateCodeKey.ReadOrMake(keyPath, out bool isNew);
            if (isNew)
                run.Text.WriteLine($"{keyPath}: a new key; keep it safe, and away from the server: volunteers' clients accept no other one for this project");
            SignedApps signed = SignedApps.Sign(programs, signing, folder);
            foreach (SignedApp app in signed.Apps)
                run.Text.WriteLine($"{folder}: program {app.Number} for {SignedApp.Platforms[app.Platform]}, {Units.Scaled(app.Bytes, "B")}, signed");
            run.Text.WriteLine($"`weightspace serve --app {folder}` takes {(signed.Apps.Count == 1 ? "it" : "them")} over");
            return new Answer(new JsonObject
            {
                ["app"] = folder,
                ["new_key"] = isNew,
                ["programs"] = new JsonArray([.. signed.Apps.Select(app => new JsonObject
                {
                    ["platform"] = app.Platform,
                    ["number"] = app.Number,
                    ["files"] = new JsonArray([.. app.Files.Select(file => new JsonObject { ["file"] = file.Name, ["bytes"] = file.Bytes, ["md5"] = file.Md5 })]),
                })]),
            });
        }));
        return command;
    }

    /// <summary>The file for each platform, as BOINC names it.</summary>
    public static Dictionary<string, string> Programs(string[] named, string option)
    {
        var programs = new Dictionary<string, string>();
        foreach (string each in named)
        {
            int equals = each.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 || !s_platforms.TryGetValue(each[..equals], out string? platform) || each.Length == equals + 1)
                throw new InputException($"{option}: found '{each}', expected {string.Join(" or ", s_platforms.Keys.Select(name => name + "=FILE"))}");
            if (!programs.TryAdd(platform, each[(equals + 1)..]))
                throw new InputException($"{option}: found two programs for {each[..equals]}, expected one");
        }
        return programs;
    }
}
