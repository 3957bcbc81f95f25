using System.Runtime.ExceptionServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Tasks.Images;
using WeightSpace.Zoos;

namespace WeightSpace.Cli;

/// <summary>
/// What a command runs in. With <c>--json</c> standard output is one JSON document and people are spoken to on standard error; without, they are spoken to
/// on standard output. Progress and errors always go to standard error.
/// </summary>
internal sealed class CommandContext(bool json, ImageLibrary images, TextWriter output, TextWriter error, TimeProvider time, CancellationToken stop)
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public TimeProvider Time => time;

    /// <summary>Where images from files are looked for.</summary>
    public ImageLibrary Images => images;

    public CancellationToken Stop => stop;

    /// <summary>Where people read.</summary>
    public TextWriter Text { get; } = json ? error : output;

    public ProgressLine Progress() => new(error, time);

    /// <summary>
    /// Runs a command: its JSON answer goes to standard output if asked for; what went wrong becomes a message and an exit code: 0 done, 1 failed, 2 bad usage or
    /// input, 3 a check says no.
    /// </summary>
    public int Run(Func<CommandContext, Answer> command)
    {
        try
        {
            Answer answer = RunOrFirstProblem(command);
            if (json)
                output.WriteLine(answer.Json.ToJsonString(s_json));
            return answer.ExitCode;
        }
        catch (InputException problem)
        {
            return Fail(problem.Message, ExitCodes.BadInput);
        }
        catch (OperationCanceledException)
        {
            return Fail("stopped; nothing is lost. Called again, train, regrow, publish, import and an analysis on a cluster go on where they stopped; any other command begins anew", ExitCodes.Failed);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            return Fail(problem.Message, ExitCodes.Failed);
        }
    }

    /// <summary>What several threads stumbled over comes as one exception of many; the first says what is wrong.</summary>
    private Answer RunOrFirstProblem(Func<CommandContext, Answer> command)
    {
        try
        {
            return command(this);
        }
        catch (AggregateException problems)
        {
            ExceptionDispatchInfo.Throw(problems.Flatten().InnerExceptions[0]);
            throw;
        }
    }

    private int Fail(string message, int exitCode)
    {
        error.WriteLine($"weightspace: {message}");
        if (json)
            output.WriteLine(new JsonObject { ["error"] = message, ["exit_code"] = exitCode }.ToJsonString(s_json));
        return exitCode;
    }
}

/// <summary>A command's answer: the one JSON document, and whether a check said no.</summary>
internal readonly record struct Answer(JsonNode Json, int ExitCode = ExitCodes.Done);

internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int BadInput = 2;
    public const int CheckSaysNo = 3;
}
