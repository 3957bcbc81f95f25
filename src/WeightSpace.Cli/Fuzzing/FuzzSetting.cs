using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using WeightSpace.Engines;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Fuzzing;

/// <summary>A setting of the CPU that recipes are trained under.</summary>
internal abstract class FuzzSetting(string name)
{
    public const string Own = "own", Avx512 = "avx512", Avx2 = "avx2", Scalar = "scalar";

    public static IReadOnlyList<string> Names { get; } = [Own, Avx512, Avx2, Scalar];

    public string Name => name;

    /// <summary>Trains all recipes.</summary>
    public abstract FuzzResult Run(FuzzOptions options, FuzzTrace trace, CancellationToken stop);

    /// <summary>Trains a work unit, as <see cref="WorkUnitRunner"/> does.</summary>
    public abstract void Work(string unit, string result, CancellationToken stop);
}

/// <summary>The setting that this process runs under.</summary>
internal sealed class OwnSetting(string name, Func<ITrainer> newTrainer, TimeProvider time) : FuzzSetting(name)
{
    public override FuzzResult Run(FuzzOptions options, FuzzTrace trace, CancellationToken stop) =>
        new(Lanes.HardwareBits, Lanes.HasHardwareFma, FuzzRun.Run(options, newTrainer, trace, stop));

    public override void Work(string unit, string result, CancellationToken stop)
    {
        ITrainer trainer = newTrainer();
        try
        {
            WorkUnitRunner.Run(unit, result, trainer, time, null, stop);
        }
        finally
        {
            (trainer as IDisposable)?.Dispose();
        }
    }
}

/// <summary>
/// A setting that another process of this program runs under: the runtime reads which registers it may use when it starts, from variables of its environment.
/// </summary>
internal sealed class ProcessSetting : FuzzSetting
{
    // The end of what a process said that failed.
    private const int MaxTail = 2000;
    private readonly (string Name, string Value)[] _environment;

    public ProcessSetting(string name)
        : base(name)
    {
        _environment = name switch
        {
            Avx512 => [("DOTNET_EnableAVX512", "1"), ("DOTNET_EnableAVX2", "1")],
            Avx2 => [("DOTNET_EnableAVX512", "0"), ("DOTNET_EnableAVX2", "1")],
            Scalar => [("DOTNET_EnableAVX2", "0")],
            _ => throw new ArgumentException($"found '{name}', expected {Avx512}, {Avx2} or {Scalar}", nameof(name)),
        };
    }

    /// <summary>Throws <see cref="InputException"/> unless a process under this setting computes as its name says.</summary>
    public void Check(CancellationToken stop)
    {
        using JsonDocument version = JsonDocument.Parse(Start(["--json", "version"], null, stop));
        (int bits, bool fma) = (version.RootElement.GetProperty("lane_bits").GetInt32(), version.RootElement.GetProperty("hardware_fma").GetBoolean());
        (int Bits, bool Fma) expected = Name switch { Avx512 => (512, true), Avx2 => (256, true), _ => (128, false) };
        if ((bits, fma) != expected)
            throw new InputException($"--settings {Name}: found lanes in {bits}-bit registers {(fma ? "with" : "without")} fused multiply-add, expected {expected.Bits} bits {(expected.Fma ? "with" : "without")}; this CPU or its runtime cannot be set so, leave it out");
    }

    public override FuzzResult Run(FuzzOptions options, FuzzTrace trace, CancellationToken stop)
    {
        RandomRecipeOptions drawing = options.Drawing;
        string[] arguments =
        [
            "--json", "fuzz", "--settings", Own, "--trace", "--recipes", Text(options.Recipes), "--seed", options.Seed.ToString(CultureInfo.InvariantCulture), "--steps", Text(drawing.Steps),
            "--threads", Text(options.Threads), "--layers", string.Join(',', drawing.Layers.Order(StringComparer.Ordinal)), "--size", drawing.IsSmall ? "small" : "normal",
        ];
        using JsonDocument json = JsonDocument.Parse(Start(arguments, trace, stop));
        JsonElement setting = json.RootElement.GetProperty("settings")[0];
        return new FuzzResult(setting.GetProperty("lane_bits").GetInt32(), setting.GetProperty("hardware_fma").GetBoolean(), [.. json.RootElement.GetProperty("outcomes").EnumerateArray().Select(FuzzRun.FromJson)]);
    }

    public override void Work(string unit, string result, CancellationToken stop) => Start(["--json", "work", unit, result], null, stop);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Runs this program to its end and returns its standard output; what it traces goes to <paramref name="trace"/>.</summary>
    private string Start(string[] arguments, FuzzTrace? trace, CancellationToken stop)
    {
        string program = Environment.ProcessPath ?? throw new IOException("the path of this program is not known, so it cannot be started again");
        // Started as `dotnet weightspace.dll`, or by its own name.
        string[] all = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [Path.Combine(AppContext.BaseDirectory, "weightspace.dll"), .. arguments] : arguments;
        var start = new ProcessStartInfo(program, all) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach ((string name, string value) in _environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start) ?? throw new IOException($"{program}: the program did not start");
        // It has nothing to put down.
        using CancellationTokenRegistration kill = stop.Register(process.Kill);
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var underWay = new SortedSet<int>();
        string tail = "";
        while (process.StandardError.ReadLine() is { } line)
        {
            if (trace is not null && FuzzTraceLine.TryParse(line, out int recipe, out bool hasEnded))
            {
                _ = hasEnded ? underWay.Remove(recipe) : underWay.Add(recipe);
                trace(recipe, hasEnded);
            }
            else
            {
                tail = tail.Length + line.Length < MaxTail ? tail + line + "\n" : line + "\n";
            }
        }
        process.WaitForExit();
        stop.ThrowIfCancellationRequested();
        if (process.ExitCode is ExitCodes.Done or ExitCodes.CheckSaysNo)
            return output.GetAwaiter().GetResult();
        string recipes = underWay.Count == 0 ? "" : $" while it trained recipes {string.Join(", ", underWay)}";
        throw new IOException($"the process under {Name} ended with exit code {process.ExitCode}{recipes}: {tail.Trim()}");
    }
}

/// <summary>How a process tells the one that started it which recipe it trains: a line of standard error.</summary>
internal static class FuzzTraceLine
{
    private const string Begun = "fuzz: begun ", Ended = "fuzz: ended ";

    public static string Format(int recipe, bool hasEnded) => (hasEnded ? Ended : Begun) + recipe.ToString(CultureInfo.InvariantCulture);

    public static bool TryParse(string line, out int recipe, out bool hasEnded)
    {
        hasEnded = line.StartsWith(Ended, StringComparison.Ordinal);
        recipe = 0;
        return (hasEnded || line.StartsWith(Begun, StringComparison.Ordinal)) && int.TryParse(line.AsSpan(Begun.Length), NumberStyles.None, CultureInfo.InvariantCulture, out recipe);
    }
}
