using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Conformance;

namespace WeightSpace.Tests.Hostile;

/// <summary>A folder of over a thousand hostile files, as the program itself meets it: every file has its answer, and none makes the process large.</summary>
public sealed class BadFolderTests(CheckpointFileTests.Saved saved) : IClassFixture<CheckpointFileTests.Saved>, IDisposable
{
    private const long MostMemory = 512L << 20;

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EveryHostileFileIsNamedAndTheProcessStaysSmall()
    {
        Directory.CreateDirectory(_folder["in"]);
        int number = 0;
        foreach ((string ending, byte[] bytes) in BadCheckpointTests.Mutated(saved))
            File.WriteAllBytes(_folder[$"in/mutated-{number++}{ending}"], bytes);
        string[] attacks = [.. Attacks()];
        File.Copy(saved["state.pt"], _folder["in/sound.pt"]);

        using BuiltProgram.Running running = BuiltProgram.Start([], "import", _folder["in"], "--out", _folder["out"], "--json");
        (Spoken spoken, long peak) = running.WaitAndMeasure();
        Assert.True(spoken.ExitCode == 0, spoken.ToString()[..Math.Min(spoken.ToString().Length, 2000)]);
        JsonElement[] refused = [.. spoken.Json.GetProperty("refused").EnumerateArray()];
        Assert.All(refused, one => Assert.False(string.IsNullOrWhiteSpace(one.GetProperty("reason").GetString())));
        Assert.All(refused, one => Assert.DoesNotContain("   at ", one.GetProperty("reason").GetString()!, StringComparison.Ordinal));
        string[] named = [.. refused.Select(one => one.GetProperty("file").GetString()!)];
        // What was read may be one checkpoint; what was refused is named once; together they are all.
        string[] read = [.. File.ReadLines(_folder["out/checkpoints.csv"]).Skip(1).Select(row => row.Split(',')[0])];
        Assert.Equal(Directory.GetFiles(_folder["in"]).Select(Path.GetFileName).Order(StringComparer.Ordinal), named.Concat(read).Order(StringComparer.Ordinal));
        Assert.Contains("sound.pt", read);
        Assert.Empty(attacks.Except(named));
        Assert.InRange(named.Length, 200 + attacks.Length, 1000 + attacks.Length);
        Assert.False(Directory.EnumerateFiles(_folder.Path).Any(), "something in a file was executed");
        // A process that runs .NET at all has some 30 MB; were nothing measured, the test would mean nothing.
        Assert.InRange(peak, 30L << 20, MostMemory);
    }

    /// <summary>Files that ask for far more memory than they hold, or seem to be far larger than they are; their names.</summary>
    private IEnumerable<string> Attacks()
    {
        byte[] Repeat(string what, int times) => [.. Enumerable.Repeat(Encoding.Latin1.GetBytes(what), times).SelectMany(bytes => bytes)];
        byte[] touch = Encoding.Latin1.GetBytes($"cos\nsystem\n(S'touch {_folder["executed"]}'\ntR.");
        (string Name, byte[] Pickle)[] pickles =
        [
            ("calls", touch), ("lists", Repeat("]", 20_000_000)), ("marks", Repeat("(", 20_000_000)), ("nothing", Repeat("N", 20_000_000)), ("nested", [(byte)')', .. Repeat("\u0085", 20_000_000)]), ("texts", Repeat("U\u0001a", 7_000_000)),
            ("long-text", Encoding.Latin1.GetBytes("X\u00ff\u00ff\u00ff\u007f")), ("longer-text", Encoding.Latin1.GetBytes("\u008d\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f")), ("long-number", Encoding.Latin1.GetBytes("\u008b\u00ff\u00ff\u00ff\u007f")),
        ];
        foreach ((string name, byte[] pickle) in pickles)
            yield return Zip($"{name}.pt", CompressionLevel.NoCompression, "a/data.pkl", [pickle]);
        // Hundreds of megabytes in a few, or said to be.
        byte[][] zeros = [.. Enumerable.Repeat(new byte[1 << 20], 600)];
        byte[] header = Encoding.ASCII.GetBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }");
        yield return Zip("bomb.pt", CompressionLevel.Fastest, "a/data.pkl", zeros[..50]);
        yield return Zip("bomb.npz", CompressionLevel.Fastest, "a.npy", [[0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header], .. zeros]);
        yield return Zip("header.npz", CompressionLevel.Fastest, "a.npy", [[0x93, .. "NUMPY"u8, 2, 0, 0, 0, 0, 0x25], .. zeros[..50]]);
        // Sparse files: gigabytes that are not there.
        foreach ((string name, long length) in new[] { ("sparse-whole.safetensors", 8_000_000_000 - 8), ("sparse-most.safetensors", 1_000_000_000), ("sparse-lie.safetensors", long.MaxValue), ("sparse-negative.safetensors", -1) })
        {
            byte[] size = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(size, length);
            yield return Sparse(name, size);
        }
        yield return Sparse("sparse.npy", [0x93, .. "NUMPY"u8, 2, 0, 0xFF, 0xFF, 0xFF, 0x7F]);
        yield return Sparse("sparse.onnx", [0x3A, 0x80, 0xD0, 0xAC, 0xF3, 0x0E]);
        yield return Sparse("sparse.pt", [0x80, 2, 0x8D, 0, 0, 0, 0x70, 1, 0, 0, 0]);
        yield return Sparse("sparse-zeros.pth", [0]);
    }

    private string Zip(string name, CompressionLevel level, string entryName, IEnumerable<byte[]> content)
    {
        using ZipArchive zip = ZipFile.Open(_folder[$"in/{name}"], ZipArchiveMode.Create);
        using Stream entry = zip.CreateEntry(entryName, level).Open();
        foreach (byte[] part in content)
            entry.Write(part);
        return name;
    }

    private string Sparse(string name, byte[] beginning)
    {
        using FileStream file = File.Create(_folder[$"in/{name}"]);
        file.Write(beginning);
        file.SetLength(8_000_000_000);
        return name;
    }
}
