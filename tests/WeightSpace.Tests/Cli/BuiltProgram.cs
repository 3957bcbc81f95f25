using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace WeightSpace.Tests.Cli;

/// <summary>What a finished process said.</summary>
internal sealed record Spoken(int ExitCode, string Output, string Error)
{
    /// <summary>Standard output as the one JSON document that <c>--json</c> promises.</summary>
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>Everything that was said, for messages of assertions.</summary>
    public override string ToString() => $"exit code {ExitCode}\n{Output}\n{Error}";
}

/// <summary>The program as users run it: a process of its own, compiled ahead of time.</summary>
internal static partial class BuiltProgram
{
    private const int InterruptSignal = 2;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    /// <summary>Runs the program to its end.</summary>
    public static Spoken Run(params string[] arguments) => Run([], arguments);

    /// <summary>Runs the program to its end with variables added to its environment.</summary>
    public static Spoken Run((string Name, string Value)[] environment, params string[] arguments)
    {
        using Running running = Start(environment, arguments);
        return running.Wait();
    }

    /// <summary>Runs it and expects success.</summary>
    public static Spoken Succeed(params string[] arguments)
    {
        Spoken spoken = Run(arguments);
        Assert.True(spoken.ExitCode == 0, $"weightspace {string.Join(' ', arguments)}: {spoken}");
        return spoken;
    }

    /// <summary>Starts the program.</summary>
    public static Running Start((string Name, string Value)[] environment, params string[] arguments)
    {
        // A shell's background job ignores the interrupt and its children inherit that; env gives them back what a terminal gives.
        var start = new ProcessStartInfo("/usr/bin/env", ["--default-signal=INT", Path.Combine(Repository.Root, "weightspace"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        return new Running(Process.Start(start) ?? throw new InvalidOperationException("the program did not start"));
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Signal(int process, int signal);

    /// <summary>A process under way; disposing ends it.</summary>
    public sealed class Running(Process process) : IDisposable
    {
        private readonly Task<string> _output = process.StandardOutput.ReadToEndAsync();
        private readonly Task<string> _error = process.StandardError.ReadToEndAsync();

        public bool HasEnded => process.HasExited;

        public Spoken Wait()
        {
            if (!process.WaitForExit(s_limit))
            {
                process.Kill();
                throw new TimeoutException($"the program was still running after {s_limit.TotalMinutes} minutes: {_error.GetAwaiter().GetResult()}");
            }
            return new Spoken(process.ExitCode, _output.GetAwaiter().GetResult(), _error.GetAwaiter().GetResult());
        }

        /// <summary>Waits until something is so, or the process has ended, looking every millisecond.</summary>
        public void WaitUntil(Func<bool> isSo)
        {
            var watch = Stopwatch.StartNew();
            while (!process.HasExited && !isSo())
            {
                if (watch.Elapsed > s_limit)
                    throw new TimeoutException("what was waited for did not come");
                Thread.Sleep(1);
            }
        }

        /// <summary>Waits for its end, and for the most memory in bytes that it had at once (VmHWM, seen every millisecond).</summary>
        public (Spoken Spoken, long PeakMemory) WaitAndMeasure()
        {
            long peak = 0;
            string status = $"/proc/{process.Id}/status";
            WaitUntil(() =>
            {
                try
                {
                    // The shell that starts the program has the same number, and less memory.
                    string? line = File.ReadLines(status).FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
                    if (line is not null)
                        peak = Math.Max(peak, long.Parse(line["VmHWM:".Length..^" kB".Length], CultureInfo.InvariantCulture) << 10);
                }
                catch (IOException)
                {
                    // It has just ended.
                }
                return false;
            });
            return (Wait(), peak);
        }

        /// <summary>Ctrl+C.</summary>
        public void Interrupt() => Assert.Equal(0, Signal(process.Id, InterruptSignal));

        /// <summary>SIGKILL: the process gets no word in.</summary>
        public void Kill() => process.Kill();

        public void Dispose()
        {
            if (!process.HasExited)
                process.Kill();
            process.Dispose();
        }
    }
}
