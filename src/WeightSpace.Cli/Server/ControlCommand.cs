using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Server;

namespace WeightSpace.Cli.Server;

/// <summary><c>weightspace pause|resume|cancel PROJECT NAME</c>: what becomes of an experiment of a project.</summary>
internal static class ControlCommand
{
    public static Command Pause(Func<ParseResult, CommandContext> context) =>
        Create("pause", "Hand out no more work of an experiment of a project; results that are under way still count.", "nothing of it is handed out until `weightspace resume`", context);

    public static Command Resume(Func<ParseResult, CommandContext> context) =>
        Create("resume", "Hand out work of a paused experiment of a project again.", "its work is handed out", context);

    public static Command Cancel(Func<ParseResult, CommandContext> context) =>
        Create("cancel", "Give up an experiment of a project for good: hosts are told to end its work, and what is done of it is removed.", "hosts are told to end its work, and what was done of it is removed", context);

    private static Command Create(string name, string description, string meaning, Func<ParseResult, CommandContext> context)
    {
        Argument<string> project = new Argument<string>("PROJECT") { Description = "The project: the folder that is served on this machine, or its address." }.AsPath();
        var experiment = new Argument<string>("NAME") { Description = "The experiment's name in the project." };
        Option<string?> tokenFile = SubmitCommand.TokenFile();
        var command = new Command(name, description) { project, experiment, tokenFile };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string called = parsed.GetRequiredValue(experiment);
            using ProjectClient client = SubmitCommand.Connect(parsed.GetRequiredValue(project), parsed.GetValue(tokenFile), tokenFile.Name);
            string state = client.Control(called, name, run.Stop).GetAwaiter().GetResult()["state"]!.GetValue<string>();
            run.Text.WriteLine($"{called}: {state}; {meaning}");
            return new Answer(new JsonObject { ["experiment"] = called, ["state"] = state });
        }));
        return command;
    }
}
