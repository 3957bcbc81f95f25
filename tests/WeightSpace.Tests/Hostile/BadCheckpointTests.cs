using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Conformance;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints.Files;

namespace WeightSpace.Tests.Hostile;

/// <summary>Whatever a file that is said to be a checkpoint holds: it is read soundly or refused by name, with bounded memory and time, and nothing in it is executed.</summary>
public sealed class BadCheckpointTests(CheckpointFileTests.Saved saved) : IClassFixture<CheckpointFileTests.Saved>, IDisposable
{
    private const long MostMemory = 512L << 20;

    private static readonly string[] s_sound =
    [
        "state.pt", "state.legacy.pth", "training.pt", "training.protocol4.bin", "training.legacy.pth", "views.pt", "views.legacy.pth", "types.pt", "zip64.pt", "big.pt", "arrays.npz", "packed.npz", "fortran.npy",
        "kinds.safetensors", "exported.onnx", "made.onnx",
    ];

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AMutatedFileIsReadOrRefused()
    {
        int refused = 0, read = 0;
        foreach ((string ending, byte[] bytes) in Mutated(saved))
        {
            string path = _folder["mutated" + ending];
            File.WriteAllBytes(path, bytes);
            if (Refusal(path) is null)
                read++;
            else
                refused++;
        }
        // Most changes hit numbers, or the directory; both must happen often for the test to mean something.
        Assert.InRange(refused, 200, 1000);
        Assert.InRange(read, 8, 800);
    }

    [Theory]
    // What would be executed by a reader that executes.
    [InlineData("cos\nsystem\n(S'true'\ntR.", "os.system")]
    [InlineData("cposix\nsystem\nS'true'\n\u0085R.", "posix.system")]
    [InlineData("(S'true'\nios\nsystem\n.", "os.system")]
    [InlineData("(cos\nsystem\nS'true'\no.", "os.system")]
    [InlineData("\u008c\u0008builtins\u008c\u0004eval\u0093\u008c\u00041+1\n\u0085R.", "builtins.eval")]
    [InlineData("csubprocess\nPopen\n)\u0081.", "subprocess.Popen")]
    [InlineData("ctorch.storage\n_load_from_bytes\nC\u0000\u0085R.", "_load_from_bytes")]
    [InlineData("ctorch.nn.modules.linear\nLinear\n)\u0081}b.", "torch.nn.modules.linear.Linear")]
    [InlineData("c__torch__\nNet\n)\u0081.", "TorchScript")]
    [InlineData("ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nctorch\nTensor\n(S'x'\nt}tR.", "other arguments")]
    // What takes a value where there is none, or asks for more than there is.
    [InlineData(".", "takes a value")]
    [InlineData("R.", "takes a value")]
    [InlineData("t.", "mark")]
    [InlineData("h\u0007.", "memo")]
    [InlineData("]Na}(NNNu.", "")]
    [InlineData("\u0082\u0001.", "0x82")]
    [InlineData("\u0080\u0009.", "protocol 9")]
    [InlineData("X\u00ff\u00ff\u00ff\u007f", "expected at most")]
    [InlineData("\u008d\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f", "expected at most")]
    [InlineData("\u008d\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff", "expected at most")]
    [InlineData("\u008b\u00ff\u00ff\u00ff\u007f", "whole number of")]
    [InlineData("}", "cut off")]
    [InlineData("}.", "no tensors")]
    [InlineData("N.", "no dictionary")]
    [InlineData("}(S'state'\n}S'param_groups'\n]u.", "optimizer")]
    public void APickleThatIsNoTableOfTensorsIsRefused(string pickle, string named)
    {
        foreach (string path in (string[])[Zip("attack.pt", Encoding.Latin1.GetBytes(pickle)), Legacy("attack.pth", Encoding.Latin1.GetBytes(pickle))])
            Assert.Contains(named, Refusal(path) ?? "it was read", StringComparison.Ordinal);
        Assert.DoesNotContain("true", Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void APickleThatWouldFillTheMemoryIsRefused()
    {
        byte[] Repeat(string what, int times) => [.. Enumerable.Repeat(Encoding.Latin1.GetBytes(what), times).SelectMany(bytes => bytes)];
        byte[] manyMemos = [(byte)'N', .. Enumerable.Range(0, 4_000_000).SelectMany(i => (byte[])[(byte)'r', (byte)i, (byte)(i >> 8), (byte)(i >> 16), 7])];
        (string Name, byte[] Pickle)[] attacks =
        [
            ("lists", Repeat("]", 20_000_000)),
            ("dictionaries", Repeat("}", 20_000_000)),
            ("marks", Repeat("(", 20_000_000)),
            ("nothing", Repeat("N", 20_000_000)),
            ("nested tuples", [(byte)')', .. Repeat("\u0085", 20_000_000)]),
            ("memo", manyMemos),
            ("doubled", [.. Repeat("2", 1), .. Repeat("]2", 9_000_000)]),
            ("texts", Repeat("U\u0001a", 10_000_000)),
        ];
        foreach ((string name, byte[] pickle) in attacks)
            Assert.True(Refusal(Zip("bomb.pt", pickle)) is not null, name);
    }

    [Fact]
    public void WhatStandsInItselfOrEverywhereIsGoneThroughOnce()
    {
        // A dictionary that contains itself.
        Assert.Contains("no tensors", Refusal(Zip("self.pt", "}q\0U\u0001ah\0s."u8.ToArray().Select(value => value).ToArray())) ?? "", StringComparison.Ordinal);
        // Lists of two of the same lists, forty deep: 2^40 paths.
        var laughs = new StringBuilder("]q\0");
        for (int i = 1; i < 40; i++)
            laughs.Append("0]q").Append((char)i).Append("(h").Append((char)(i - 1)).Append('h').Append((char)(i - 1)).Append('e');
        laughs.Append("0}U\u0001ah").Append((char)39).Append("s.");
        Assert.Contains("no tensors", Refusal(Zip("laughs.pt", Encoding.Latin1.GetBytes(laughs.ToString()))) ?? "", StringComparison.Ordinal);
        // A hundred thousand keys of one list of as many lists.
        var wide = new StringBuilder("](");
        wide.Append(string.Concat(Enumerable.Repeat("]", 100_000))).Append("eq\0").Append("0}(");
        for (int i = 0; i < 100_000; i++)
            wide.Append("J").Append((char)(i & 255)).Append((char)((i >> 8) & 255)).Append((char)(i >> 16)).Append("\0h\0");
        wide.Append("u.");
        Assert.NotNull(Refusal(Zip("wide.pt", Encoding.Latin1.GetBytes(wide.ToString()))));
    }

    [Theory]
    // key, numbers of the storage as the pickle says, bytes that there are, offset, shape, strides.
    [InlineData(4, 16, 0, "4", "1", null)]
    [InlineData(4, 16, 1, "3", "1", null)]
    [InlineData(4, 16, 0, "2,2", "1,2", null)]
    [InlineData(4, 16, 0, "3,4", "0,1", null)]
    [InlineData(4, 16, 1, "4", "1", "5 numbers|needs 4")]
    [InlineData(4, 15, 0, "4", "1", "cut off")]
    [InlineData(5, 16, 0, "4", "1", "cut off")]
    [InlineData(4, 16, -1, "1", "1", "begins -1")]
    [InlineData(4, 16, 0, "2", "-1", "stride -1")]
    [InlineData(4, 16, 0, "2", "9223372036854775807", "needs")]
    [InlineData(4, 16, 9223372036854775807, "1", "1", "needs")]
    [InlineData(4, 16, 0, "-4", "1", "at least 0")]
    [InlineData(4, 16, 0, "9223372036854775807,9223372036854775807", "0,0", "2^63")]
    [InlineData(4, 16, 0, "1099511627776", "0", "too many")]
    [InlineData(4, 16, 0, "0,9223372036854775807,9223372036854775807", "1,1,1", "2^63")]
    [InlineData(4, 16, 0, "2,2", "1", "dimensions")]
    [InlineData(-4, 16, 0, "4", "1", "-4 numbers")]
    [InlineData(9223372036854775807, 16, 0, "4", "1", "cut off")]
    public void ATensorOutsideOfItsStorageIsRefused(long count, int bytes, long offset, string shape, string strides, string? named)
    {
        static string Number(long value) => $"L{value}L\n";
        static string Numbers(string text) => $"({string.Concat(text.Split(',').Select(size => Number(long.Parse(size, System.Globalization.CultureInfo.InvariantCulture))))}t";
        string pickle = $"}}U\u0001wctorch._utils\n_rebuild_tensor_v2\n((U\u0007storagectorch\nFloatStorage\nU\u00010U\u0003cpu{Number(count)}tQ{Number(offset)}{Numbers(shape)}{Numbers(strides)}\u0089}}tRs.";
        string? refusal = Refusal(Zip("tensor.pt", Encoding.Latin1.GetBytes(pickle), new byte[bytes]));
        if (named is null)
            Assert.Null(refusal);
        else
            Assert.True(refusal is not null && named.Split('|').Any(part => refusal.Contains(part, StringComparison.Ordinal)), $"{named}: {refusal}");
    }

    [Fact]
    public void ArchivesThatLieAreRefused()
    {
        byte[] sound = File.ReadAllBytes(saved["state.pt"]);
        // The directory's entry of a storage points to another one's bytes.
        int end = sound.Length - 22, directory = BinaryPrimitives.ReadInt32LittleEndian(sound.AsSpan(end + 16));
        byte[] Change(Action<byte[]> change)
        {
            byte[] changed = [.. sound];
            change(changed);
            return changed;
        }
        int second = directory + 46 + BinaryPrimitives.ReadUInt16LittleEndian(sound.AsSpan(directory + 28)) + BinaryPrimitives.ReadUInt16LittleEndian(sound.AsSpan(directory + 30));
        int third = second + 46 + BinaryPrimitives.ReadUInt16LittleEndian(sound.AsSpan(second + 28)) + BinaryPrimitives.ReadUInt16LittleEndian(sound.AsSpan(second + 30));
        (string Named, byte[] File)[] attacks =
        [
            ("overlaps", Change(bytes => bytes.AsSpan(second + 42, 4).CopyTo(bytes.AsSpan(third + 42)))),
            ("encrypted", Change(bytes => bytes[second + 8] |= 1)),
            ("method", Change(bytes => bytes[second + 10] = 99)),
            ("cannot be", Change(bytes => bytes[second + 24] ^= 1)),
            ("beyond the directory", Change(bytes => (bytes[second + 22], bytes[second + 26]) = (0x7F, 0x7F))),
            ("directory", Change(bytes => bytes.AsSpan(end + 16, 4).Fill(0x7F))),
            ("directory", Change(bytes => bytes.AsSpan(end + 8, 4).Fill(0xFE))),
            ("cut off", sound[..^30]),
        ];
        foreach ((string named, byte[] file) in attacks)
        {
            File.WriteAllBytes(_folder["lie.pt"], file);
            Assert.Contains(named, Refusal(_folder["lie.pt"]) ?? "it was read", StringComparison.Ordinal);
        }
        for (int length = 0; length < sound.Length; length += 37)
        {
            File.WriteAllBytes(_folder["cut.pt"], sound[..length]);
            Assert.NotNull(Refusal(_folder["cut.pt"]));
        }
    }

    [Fact]
    public void ArraysThatLieAreRefused()
    {
        static byte[] Npy(string header, int data) => [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.ASCII.GetBytes(header), .. new byte[data]];
        static string Header(string type, string shape) => $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}";
        (string Named, byte[] Array)[] attacks =
        [
            ("needs", Npy(Header("<f4", "(5,)"), 16)),
            ("2^63", Npy(Header("<f4", "(9223372036854775807, 9223372036854775807)"), 16)),
            ("expected a dictionary", Npy(Header("<f4", "(99999999999999999999,)"), 16)),
            ("expected a dictionary", Npy(Header("<f4", "(-1,)"), 16)),
            ("expected a dictionary", Npy("{'descr': '<f4'}", 16)),
            ("expected a dictionary", Npy("__import__('os').system('true')", 16)),
            ("Python objects", Npy(Header("|O", "(2,)"), 16)),
            ("records", Npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 16)),
            ("no arrays", Npy(Header("<i8", "(2,)"), 16)),
            ("version 9", [0x93, .. "NUMPY"u8, 9, 0, 0, 0]),
            ("at most 65536", [0x93, .. "NUMPY"u8, 2, 0, 255, 255, 255, 127]),
        ];
        foreach ((string named, byte[] array) in attacks)
        {
            File.WriteAllBytes(_folder["lie.npy"], array);
            Assert.Contains(named, Refusal(_folder["lie.npy"]) ?? "it was read", StringComparison.Ordinal);
            using (ZipArchive zip = ZipFile.Open(_folder["lie.npz"], ZipArchiveMode.Create))
            {
                using Stream entry = zip.CreateEntry("a.npy", CompressionLevel.Optimal).Open();
                entry.Write(array);
            }
            Assert.NotNull(Refusal(_folder["lie.npz"]));
            File.Delete(_folder["lie.npz"]);
        }
        // A gigabyte of zeros in a megabyte is an array like any other; it is read in pieces.
        using (ZipArchive zip = ZipFile.Open(_folder["zeros.npz"], ZipArchiveMode.Create))
        {
            using Stream entry = zip.CreateEntry("a.npy", CompressionLevel.Fastest).Open();
            entry.Write(Npy(Header("<f4", "(67108864,)"), 0));
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 256; i++)
                entry.Write(zeros);
        }
        Assert.Null(Refusal(_folder["zeros.npz"]));
    }

    [Theory]
    [InlineData("..\\/..\\/etc\\/passwd", "same folder")]
    [InlineData("\\/etc\\/passwd", "same folder")]
    [InlineData("..", "same folder")]
    [InlineData("", "same folder")]
    [InlineData("model.safetensors.index.json", "same folder")]
    [InlineData("missing.safetensors", "no such file")]
    [InlineData("passwd", "known are")]
    public void AnIndexLeadsNowhereElse(string part, string named)
    {
        _folder.Write("model.safetensors.index.json", $"{{\"weight_map\": {{\"w\": \"{part}\"}}}}");
        Assert.Contains(named, Refusal(_folder["model.safetensors.index.json"]) ?? "it was read", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../etc/passwd", "same folder")]
    [InlineData("/etc/passwd", "same folder")]
    [InlineData("", "same folder")]
    [InlineData("missing", "no such file")]
    [InlineData("attack.onnx", "needs 16")]
    public void AnOnnxModelLeadsNowhereElse(string location, string named)
    {
        byte[] Field(int number, byte[] content) => [(byte)((number << 3) | 2), (byte)content.Length, .. content];
        byte[] pair = [.. Field(1, "location"u8.ToArray()), .. Field(2, Encoding.ASCII.GetBytes(location))];
        byte[] tensor = [8, 4, 16, 1, .. Field(8, "w"u8.ToArray()), .. Field(13, pair), (14 << 3), 1];
        File.WriteAllBytes(_folder["attack.onnx"], Field(7, Field(5, tensor)));
        Assert.Contains(named, Refusal(_folder["attack.onnx"]) ?? "it was read", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "empty file")]
    [InlineData("0801", "no graph")]
    [InlineData("3A05", "was said|is said to have")]
    [InlineData("3A00", "no initialisers")]
    [InlineData("FFFFFFFFFFFFFFFFFFFF01", "more than 64 bits")]
    [InlineData("3B", "kind 3")]
    [InlineData("00", "the field 0")]
    // A tensor of one number: of a negative size, with too few numbers, with unpacked ones, without a name.
    [InlineData("3A142A1208FFFFFFFFFFFFFFFFFF0110014201774A00", "at least 0")]
    [InlineData("3A092A0708021001420177", "expected 8")]
    [InlineData("3A0D2A0B080110012500000000420177", "one by one|cut off|end")]
    [InlineData("3A0C2A0A080110014A0400000000", "no name")]
    public void AnOnnxModelThatLiesIsRefused(string hex, string named)
    {
        File.WriteAllBytes(_folder["attack.onnx"], Convert.FromHexString(hex));
        string refusal = Refusal(_folder["attack.onnx"]) ?? "it was read";
        Assert.True(named.Split('|').Any(part => refusal.Contains(part, StringComparison.Ordinal)), refusal);
    }

    /// <summary>Why a file is refused; null where all of it can be read. Any other exception, and too much memory, fails the test.</summary>
    private static string? Refusal(string path)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        string? refusal = null;
        try
        {
            using WeightFile file = WeightFile.Open(path);
            float[] values = new float[1 << 16];
            for (int i = 0; i < file.Tensors.Count; i++)
            {
                for (long at = 0; at < file.Tensors[i].Elements; at += values.Length)
                    file.Read(i, at, values.AsSpan(0, (int)Math.Min(values.Length, file.Tensors[i].Elements - at)));
            }
        }
        catch (InputException error)
        {
            Assert.Contains(Path.GetDirectoryName(path)!, error.Message, StringComparison.Ordinal);
            refusal = error.Message;
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostMemory);
        return refusal;
    }

    /// <summary>Some thousand sound files, each with a few bytes that are not.</summary>
    internal static IEnumerable<(string Ending, byte[] Bytes)> Mutated(CheckpointFileTests.Saved saved)
    {
        for (ulong seed = 0; seed < 1008; seed++)
        {
            string name = s_sound[seed % (ulong)s_sound.Length];
            yield return (Path.GetExtension(name), Mutate(File.ReadAllBytes(saved[name]), new RandomStream(seed, RandomPurpose.Testing, 5)));
        }
    }

    private static byte[] Mutate(byte[] bytes, RandomStream draw)
    {
        switch (draw.NextBelow(6))
        {
            case 0:
                return bytes[..draw.NextBelow(bytes.Length)];
            case 1:
                // Some bytes twice.
                int from = draw.NextBelow(bytes.Length), count = Math.Min(draw.NextBelow(64), bytes.Length - from);
                return [.. bytes[..(from + count)], .. bytes[from..(from + count)], .. bytes[(from + count)..]];
            case 2:
                // A number as large as can be.
                int at = draw.NextBelow(bytes.Length);
                bytes.AsSpan(at, Math.Min(1 << draw.NextBelow(4), bytes.Length - at)).Fill(draw.NextBelow(2) == 0 ? (byte)0xFF : (byte)0x7F);
                return bytes;
            default:
                for (int i = 0; i <= draw.NextBelow(8); i++)
                    bytes[draw.NextBelow(bytes.Length)] = (byte)draw.NextBelow(256);
                return bytes;
        }
    }

    private string Zip(string name, byte[] pickle, byte[]? storage = null)
    {
        File.Delete(_folder[name]);
        using ZipArchive zip = ZipFile.Open(_folder[name], ZipArchiveMode.Create);
        foreach ((string entryName, byte[] content) in new[] { ("a/data.pkl", pickle), ("a/data/0", storage ?? []) })
        {
            using Stream entry = zip.CreateEntry(entryName, CompressionLevel.NoCompression).Open();
            entry.Write(content);
        }
        return _folder[name];
    }

    private string Legacy(string name, byte[] pickle)
    {
        byte[] head = File.ReadAllBytes(saved["state.legacy.pth"])[..137];
        File.WriteAllBytes(_folder[name], [.. head, .. pickle, (byte)']', (byte)'.']);
        return _folder[name];
    }
}
