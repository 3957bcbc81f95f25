using System.Diagnostics;

namespace WeightSpace.Tests.Conformance;

/// <summary>Debian's Python, which has the reference implementations (scikit-learn, scipy, torch).</summary>
internal static class DebianPython
{
    private const string Executable = "/usr/bin/python3";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Runs a script of this project's output directory (a path relative to it) and returns its standard output. One BLAS thread,
    /// so that times and sums repeat.
    /// </summary>
    /// <exception cref="InvalidOperationException">The script failed or ran too long; the message has the end of its standard
    /// error.</exception>
    public static string Run(string script, params string[] arguments) =>
        Run(script, [Path.Combine(AppContext.BaseDirectory, script), .. arguments], AppContext.BaseDirectory);

    /// <summary>The same for a piece of code, run in a folder.</summary>
    public static string RunCode(string code, string folder) => Run("the code", ["-c", code], folder);

    private static string Run(string script, string[] arguments, string folder)
    {
        var start = new ProcessStartInfo(Executable, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["OPENBLAS_NUM_THREADS"] = "1";
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{Executable} did not start");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"{script} was still running after {Limit.TotalMinutes} minutes");
        }
        string answer = output.GetAwaiter().GetResult(), complaint = error.GetAwaiter().GetResult();
        if (process.ExitCode != 0)
            throw new InvalidOperationException(
                $"{script} ended with code {process.ExitCode}: {complaint[Math.Max(0, complaint.Length - 4000)..]}");
        return answer;
    }
}
