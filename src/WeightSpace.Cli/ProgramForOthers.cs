using System.Diagnostics;
using WeightSpace.Zoos;

namespace WeightSpace.Cli;

/// <summary>The program as one file that needs nothing else, for machines that have none of ours: nodes of a cluster, volunteers.</summary>
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
        // Built from its sources, the program lies in artifacts/program.
        string root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..")), script = Path.Combine(root, "scripts", "build-single-file");
        if (!File.Exists(script))
            throw new InputException($"the program for other machines is missing: this one is not a single file. Name one with {option}");
        context.Text.WriteLine("The program for other machines is one file; building it where its sources changed.");
        using Process process = Process.Start(new ProcessStartInfo(script) { UseShellExecute = false, RedirectStandardOutput = true }) ?? throw new IOException($"{script}: the script did not start");
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? said.Trim() : throw new IOException($"{script} ended with exit code {process.ExitCode}");
    }
}
