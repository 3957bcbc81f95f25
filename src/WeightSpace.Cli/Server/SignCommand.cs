using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Server.Signing;

namespace WeightSpace.Cli.Server;

/// <summary><c>weightspace sign --key FILE --out FOLDER</c>: signs the program that volunteers run, away from the server.</summary>
internal static class SignCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Option<string> key = new Option<string>("--key") { Description = "The private key, which is made where there is none. Keep it away from the server: who has it can run programs on volunteers' machines.", HelpName = "FILE", Required = true }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = "The folder for the signed program: what `weightspace serve --app` is given. The same for each later version.", HelpName = "FOLDER", Required = true }.AsPath();
        Option<string?> program = new Option<string?>("--program") { Description = "The program as one file (scripts/build-single-file makes it). Default: this program, or what that script made.", HelpName = "FILE" }.AsPath();
        var command = new Command("sign", "Sign the program that volunteers' machines run, and make the key for it where there is none.") { key, output, program };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string keyPath = parsed.GetRequiredValue(key), folder = parsed.GetRequiredValue(output);
            var signing = PrivateCodeKey.ReadOrMake(keyPath, out bool isNew);
            if (isNew)
                run.Text.WriteLine($"{keyPath}: a new key; keep it safe, and away from the server: volunteers' clients accept no other one for this project");
            SignedApp app = SignedApp.Sign(ProgramForOthers.Find(run, parsed.GetValue(program), program.Name), signing, folder);
            run.Text.WriteLine($"{folder}: program {app.Number} for {app.Platform}, {Units.Scaled(app.Bytes, "B")}, signed; `weightspace serve --app {folder}` takes it over");
            return new Answer(new JsonObject { ["app"] = folder, ["file"] = app.FileName, ["platform"] = app.Platform, ["number"] = app.Number, ["md5"] = app.Md5, ["new_key"] = isNew });
        }));
        return command;
    }
}
