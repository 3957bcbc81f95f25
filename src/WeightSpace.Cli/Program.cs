using System.CommandLine;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using WeightSpace.Cli;
using WeightSpace.Cli.Commands;
#if SERVER
using WeightSpace.Cli.Server;
#endif
using WeightSpace.Tasks.Images;

using var stop = new CancellationTokenSource();

// The first signal asks for a clean stop, which puts everything down; the second ends the process at once.
void AskToStop(PosixSignalContext signal)
{
    if (stop.IsCancellationRequested)
        return;
    signal.Cancel = true;
    Console.Error.WriteLine("\nstopping: putting down what is under way (once more to stop at once)");
    stop.Cancel();
}
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, AskToStop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, AskToStop);

var json = new Option<bool>("--json") { Description = "Print exactly one JSON document on standard output; everything for people goes to standard error.", Recursive = true };
Option<string?> data = new Option<string?>("--data")
{
    Description = $"The folder that holds images from files, each set in a folder of its own (`weightspace data`); default: what {ImageLibrary.Variable} names, or {ImageLibrary.Default.Folder}.",
    HelpName = "FOLDER",
    Recursive = true,
}.AsPath();
CommandContext Context(ParseResult parsed) =>
    new(parsed.GetValue(json), parsed.GetValue(data) is { } folder ? new ImageLibrary(folder) : ImageLibrary.Default, Console.Out, Console.Error, TimeProvider.System, stop.Token);

var root = new RootCommand("Grow populations of neural networks under full control, and read them by their weights.")
{
    json,
    data,
    WorkCommand.Create(Context),
    VersionCommand.Create(Context),
#if !VOLUNTEER
    QuickstartCommand.Create(Context),
    TrainCommand.Create(Context),
    StatusCommand.Create(Context),
    StopCommand.Create(Context),
    InfoCommand.Create(Context),
    VerifyCommand.Create(Context),
    DiffCommand.Create(Context),
    AnalyzeCommand.Create(Context),
    MapCommand.Create(Context),
    TrackCommand.Create(Context),
    WatchCommand.Create(Context),
    MonitorCommand.Create(Context),
    OrderCommand.Create(Context),
    LineageCommand.Create(Context),
    DeriveCommand.Create(Context),
    SampleCommand.Create(Context),
    PublishCommand.Create(Context),
    UnpackCommand.Create(Context),
    ImportCommand.Create(Context),
    RegrowCommand.Create(Context),
    DataCommand.Create(Context),
    DetectCommand.Create(Context),
#if SERVER
    ServeCommand.Create(Context),
    SubmitCommand.Create(Context),
    ControlCommand.Pause(Context),
    ControlCommand.Resume(Context),
    ControlCommand.Cancel(Context),
    SignCommand.Create(Context),
#endif
    FuzzCommand.Create(Context),
#endif
};

// An argument that begins with @ is no file of further arguments: what stands in a file must not become options.
ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (parsed.Errors.Count > 0)
{
    string message = string.Join("; ", parsed.Errors.Select(problem => problem.Message.TrimEnd('.')).Distinct());
    return Context(parsed).Run(_ => throw new WeightSpace.Zoos.InputException($"{message}; `weightspace {string.Join(' ', CommandPath(parsed.CommandResult).Append("--help"))}` tells the usage"));
}
return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });

static IEnumerable<string> CommandPath(CommandResult command) =>
    command.Parent is CommandResult parent ? CommandPath(parent).Append(command.Command.Name) : [];
