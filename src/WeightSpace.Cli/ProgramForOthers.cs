using System.Diagnostics;
using WeightSpace.Zoos;

namespace WeightSpace.Cli;

/// <summary>The program as one file that needs nothing else, for machines that have none of ours: nodes of a cluster, and, with what they need alone, volunteers.</summary>
internal static class ProgramForOthers
{
    /// <summary>The one named, this one, or the one that the script of the sources makes, which is called for it.</summary>
    /// <param name="option">The option that names one.</param>
    public static string Find(CommandContext context, string? named, string option)
    {
        if (named is not null)
            return named;
        string? self = Environment.ProcessPath;
        if (self is not null && !File.Exists(Path.Combine(AppContext.BaseDirectory, "weightspace.dll")))
            return self;
        return Build(context, "build-single-file", option).Trim();
    }

    /// <summary>The programs for volunteers' machines, as <c>linux=FILE</c> and <c>windows=FILE</c>, which the script of the sources makes.</summary>
    /// <param name="option">The option that names them.</param>
    public static string[] BuildForVolunteers(CommandContext context, string option) => Build(context, "build-volunteer", option).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>What a script of the sources said.</summary>
    private static string Build(CommandContext context, string name, string option)
    {
        // Built from its sources, the program lies in artifacts/program.
        string root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..")), script = Path.Combine(root, "scripts", name);
        if (!File.Exists(script))
            throw new InputException($"the program for other machines is missing: this one is not a single file. Name one with {option}");
        context.Text.WriteLine("The program for other machines is one file; building it where its sources changed.");
        using Process process = Process.Start(new ProcessStartInfo(script) { UseShellExecute = false, RedirectStandardOutput = true }) ?? throw new IOException($"{script}: the script did not start");
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? said : throw new IOException($"{script} ended with exit code {process.ExitCode}");
    }
}
