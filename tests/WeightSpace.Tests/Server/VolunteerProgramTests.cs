using System.Collections.Concurrent;
using System.Diagnostics;
using WeightSpace.Engines;
using WeightSpace.Server.Signing;
using WeightSpace.Tests.Cli;
using WeightSpace.Training;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Server;

/// <summary>The programs that volunteers' machines run, as scripts/build-volunteer makes them and `sign` signs them.</summary>
public sealed class VolunteerProgramTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(8);

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheProgramTrainsTheSameBytesAndWritesNowhereButInItsSlot()
    {
        Dictionary<string, string> programs = Build();
        Assert.Equal("MZ"u8, File.ReadAllBytes(programs[SignedApp.WindowsX64]).AsSpan(0, 2));
        Assert.Equal("\u007fELF"u8, File.ReadAllBytes(programs[SignedApp.LinuxX64]).AsSpan(0, 4));
        // Trimmed: the whole program has over 80 MB.
        Assert.All(programs.Values, program => Assert.InRange(new FileInfo(program).Length, 1, 24_000_000));
        SignedApps signed = SignedApps.Sign(programs, PrivateCodeKey.ReadOrMake(_folder["key.pem"], out _), _folder["projects/p"]);
        SignedFile[] files = [.. signed.Apps.Single(app => app.Platform == SignedApp.LinuxX64).Files];
        if (!OperatingSystem.IsWindows())
        {
            foreach (SignedFile file in files)
                File.SetUnixFileMode(_folder["projects/p/" + file.Name], (UnixFileMode)0b111_101_101);
        }
        foreach (string name in (string[])["slots/0", "temporary", "home"])
            Directory.CreateDirectory(_folder[name]);
        WorkUnit.Write(_folder["projects/p/unit_7"], [.. Experiment.Parse(Engines.Slurm.Experiments.Text(2, 500), "slot.yaml").Networks.Select(network => network.Recipe)]);
        using (var trainer = new Trainer())
            WorkUnitRunner.Run(_folder["projects/p/unit_7"], _folder["whole"], trainer, TimeProvider.System, null, CancellationToken.None);
        _folder.Write("slots/0/init_data.xml", $"<app_init_data>\n<project_dir>{_folder["projects/p"]}</project_dir>\n<checkpoint_period>1</checkpoint_period>\n</app_init_data>\n");
        _folder.Write("slots/0/unit.json", "<soft_link>../../projects/p/unit_7</soft_link>\n");
        File.WriteAllBytes(_folder["slots/0/boinc_mmap_file"], new byte[8 * 1024]);

        string[] written = Watch(() => RunInSlot(files.Single(file => file.IsMain).Name));
        Assert.Equal(File.ReadAllBytes(_folder["whole"]), File.ReadAllBytes(_folder["slots/0/result.safetensors"]));
        Assert.Equal("0\n", File.ReadAllText(_folder["slots/0/boinc_finish_called"]));
        Assert.All(written, path => Assert.StartsWith(_folder["slots/0"], path, StringComparison.Ordinal));
        Assert.Contains(_folder["slots/0/result.safetensors"], written);

        // Without what is started first, it would, and that is seen.
        written = Watch(() => RunInSlot(files.Single(file => !file.IsMain).Name));
        Assert.Contains(written, path => path.Contains("temporary/dotnet-diagnostic", StringComparison.Ordinal));
    }

    private static Dictionary<string, string> Build()
    {
        using Process process = Process.Start(new ProcessStartInfo(Path.Combine(Repository.Root, "scripts", "build-volunteer")) { RedirectStandardOutput = true, UseShellExecute = false })!;
        Task<string> said = process.StandardOutput.ReadToEndAsync();
        Assert.True(process.WaitForExit(s_patience));
        Assert.Equal(0, process.ExitCode);
        Dictionary<string, string> paths = said.GetAwaiter().GetResult().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(words => words[0], words => words[1]);
        return new Dictionary<string, string> { [SignedApp.LinuxX64] = paths["linux"], [SignedApp.WindowsX64] = paths["windows"] };
    }

    private void RunInSlot(string program)
    {
        // By its path from the slot, as clients start it.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\"", "../../projects/p/" + program, "work", "unit.json", "result.safetensors", "--boinc", "--quiet"]) { WorkingDirectory = _folder["slots/0"], UseShellExecute = false };
        (start.Environment["TMPDIR"], start.Environment["HOME"]) = (_folder["temporary"], _folder["home"]);
        start.Environment.Remove("DOTNET_EnableDiagnostics");
        using Process process = Process.Start(start)!;
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)));
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>What was made or changed meanwhile, anywhere in the folder.</summary>
    private string[] Watch(Action action)
    {
        var written = new ConcurrentBag<string>();
        using var watcher = new FileSystemWatcher(_folder.Path) { IncludeSubdirectories = true, NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size };
        watcher.Created += (_, change) => written.Add(change.FullPath);
        watcher.Changed += (_, change) => written.Add(change.FullPath);
        watcher.Renamed += (_, change) => written.Add(change.FullPath);
        watcher.EnableRaisingEvents = true;
        action();
        // Told a little later.
        Thread.Sleep(200);
        return [.. written.Distinct()];
    }
}
