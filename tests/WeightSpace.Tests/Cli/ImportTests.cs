using System.Text.Json;
using WeightSpace.Tests.Conformance;

namespace WeightSpace.Tests.Cli;

/// <summary><c>weightspace import</c> as people run it, on checkpoints that PyTorch and NumPy saved.</summary>
public sealed class ImportTests(CheckpointFileTests.Saved saved) : IClassFixture<CheckpointFileTests.Saved>, IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AFolderBecomesACollectionThatPythonReads()
    {
        Directory.CreateDirectory(_folder["in/run"]);
        foreach (int step in (int[])[10, 9])
            File.Copy(saved["training.pt"], _folder[$"in/run/step_{step}.pt"]);
        File.Copy(saved["views.pt"], _folder["in/views.pt"]);
        _folder.Write("in/attack.pt", "nothing that is a checkpoint");
        Spoken spoken = BuiltProgram.Run("import", _folder["in"], "--out", _folder["out"], "--json");
        Assert.True(spoken.ExitCode == 0, spoken.ToString());
        JsonElement json = spoken.Json;
        Assert.Equal(3, json.GetProperty("checkpoints").GetInt32());
        Assert.Equal(["attack.pt"], json.GetProperty("refused").EnumerateArray().Select(refused => refused.GetProperty("file").GetString()));
        Assert.Contains("not imported: 1", spoken.Error, StringComparison.Ordinal);
        // The card's way, with NumPy in the place of the safetensors package.
        string read = DebianPython.RunCode("""
            import csv, hashlib, json, numpy as np
            def load(path):
                with open(path, "rb") as file:
                    size = int.from_bytes(file.read(8), "little")
                    header = json.loads(file.read(size))
                header.pop("__metadata__", None)
                return {name: np.memmap(path, "<f4", "r", 8 + size + tensor["data_offsets"][0], tuple(tensor["shape"])) for name, tensor in header.items()}
            for row in csv.DictReader(open("checkpoints.csv", newline="")):
                state = {name: stack[int(row["row"])] for name, stack in load(row["shard"]).items()}
                assert hashlib.sha256(np.concatenate([np.ravel(value) for value in state.values()]).tobytes()).hexdigest() == row["digest"]
                print(row["name"], row["network"], row["step"], row["epoch"], row["args.lr"], len(state))
            """, _folder["out"]);
        Assert.Equal("run/step_9.pt run 9 3 0.001 10\nrun/step_10.pt run 10 3 0.001 10\nviews.pt views    15\n", read);
        Spoken again = BuiltProgram.Succeed("import", _folder["in"], "--out", _folder["out"], "--json");
        Assert.True(again.Json.GetProperty("already_complete").GetBoolean());
    }

    [Fact]
    public void WhatCannotBeImportedIsSaidWithoutAStackTrace()
    {
        _folder.Write("attack.pt", "nothing that is a checkpoint");
        Directory.CreateDirectory(_folder["empty"]);
        (string[] Arguments, string Named)[] bad =
        [
            (["import", _folder["attack.pt"], "--out", _folder["x"]], "begins neither"),
            (["import", _folder["empty"], "--out", _folder["x"]], "no checkpoints in this folder"),
            (["import", _folder["missing"], "--out", _folder["x"]], "no such file or folder"),
            (["import", saved["state.pt"], "--out", _folder["x"], "--order-by", "accuracy"], "no number 'accuracy'"),
            (["import", saved["state.pt"], "--out", _folder["x"], "--order-by", ""], "--order-by"),
            (["import", saved["state.pt"], "--out", _folder["attack.pt"]], "is a file"),
            (["import", saved["state.pt"]], "--out"),
        ];
        foreach ((string[] arguments, string named) in bad)
        {
            Spoken spoken = BuiltProgram.Run(arguments);
            Assert.True(spoken.ExitCode == 2, spoken.ToString());
            Assert.Contains(named, spoken.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", spoken.Error, StringComparison.Ordinal);
        }
        Assert.Equal(["attack.pt", "empty"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void KilledItGoesOn()
    {
        BuiltProgram.Succeed("import", saved.Folder, "--out", _folder["whole"]);
        for (int time = 0; time < 3; time++)
        {
            using BuiltProgram.Running running = BuiltProgram.Start([], "import", saved.Folder, "--out", _folder["killed"]);
            int written = time * 5;
            running.WaitUntil(() => Directory.Exists(_folder["killed.importing/weights"]) && Directory.GetFiles(_folder["killed.importing/weights"]).Length > written);
            running.Kill();
            running.Wait();
        }
        BuiltProgram.Succeed("import", saved.Folder, "--out", _folder["killed"]);
        Assert.Equal(Folder.Digests(_folder["whole"]), Folder.Digests(_folder["killed"]));
        Assert.Equal(["killed", "whole"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
