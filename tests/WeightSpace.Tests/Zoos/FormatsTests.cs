using System.Globalization;
using System.Text;
using WeightSpace.Tests.Conformance;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Tests.Zoos;

public sealed class FormatsTests
{
    private static readonly TensorEntry[] s_tensors =
    [
        new("b.weight", TensorType.F32, [2, 3]),
        new("a", TensorType.U8, [3]),
        new("none", TensorType.F32, [0, 5]),
        new("scalar", TensorType.F64, []),
        new("steps", TensorType.I64, [2]),
    ];

    private static void WriteData(int index, TensorSink sink)
    {
        switch (index)
        {
            case 0:
                sink.Write([1f, 2f, 3f, 4f]);
                sink.Write([5f, float.NaN]);
                break;
            case 1:
                sink.Write("abc"u8);
                break;
            case 3:
                sink.Write([Math.PI]);
                break;
            case 4:
                sink.Write([-1L, long.MaxValue]);
                break;
        }
    }

    [Fact]
    public void SafetensorsReadBackAsWritten()
    {
        using var folder = new TestZoo();
        AtomicFile.Write(folder["t"], stream => SafetensorsWriter.Write(stream, s_tensors, new Dictionary<string, string> { ["z"] = "last", ["a"] = "ü\"\n" }, WriteData));
        using SafetensorsFile file = SafetensorsFile.Open(folder["t"]);
        Assert.Equal(["a", "z"], file.Metadata.Keys);
        Assert.Equal("ü\"\n", file.Metadata["a"]);
        Assert.Equal(s_tensors.Select(tensor => (tensor.Name, tensor.Type.ToString(), tensor.Bytes)), file.Tensors.Select(tensor => (tensor.Name, tensor.Type, tensor.End - tensor.Begin)));
        Assert.Equal([2L, 3L], file.Tensor("b.weight").Shape);
        float[] values = new float[4];
        file.ReadFloats("b.weight", 2, values);
        Assert.Equal([3f, 4f, 5f, float.NaN], values);
        byte[] bytes = new byte[2];
        file.ReadBytes("a", 1, bytes);
        Assert.Equal("bc"u8, bytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadFloats("b.weight", 3, values));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadFloats("b.weight", -1, values));
        Assert.Contains("F64", Assert.Throws<InputException>(() => file.ReadFloats("scalar", 0, new float[1])).Message, StringComparison.Ordinal);
        Assert.Contains("'nothing'", Assert.Throws<InputException>(() => file.Tensor("nothing")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheSafetensorsHeaderIsPaddedAndSorted()
    {
        using var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, [new TensorEntry("w", TensorType.F32, [1])], new Dictionary<string, string> { ["b"] = "2", ["a"] = "1" }, (_, sink) => sink.Write([1f]));
        byte[] bytes = stream.ToArray();
        string header = """{"__metadata__":{"a":"1","b":"2"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""".PadRight(120);
        Assert.Equal([120, 0, 0, 0, 0, 0, 0, 0, .. Encoding.ASCII.GetBytes(header), 0, 0, 0x80, 0x3F], bytes);
    }

    [Fact]
    public void AWriterThatGivesTooLittleTooMuchOrAnotherTypeIsStopped()
    {
        static void Write(Action<int, TensorSink> data) => SafetensorsWriter.Write(Stream.Null, [new TensorEntry("w", TensorType.F32, [2])], new Dictionary<string, string>(), data);
        Assert.Throws<InvalidOperationException>(() => Write((_, sink) => sink.Write([1f])));
        Assert.Throws<ArgumentException>(() => Write((_, sink) => sink.Write([1f, 2f, 3f])));
        Assert.Throws<ArgumentException>(() => Write((_, sink) => sink.Write([1.0])));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Stream.Null, [s_tensors[1], s_tensors[1]], new Dictionary<string, string>(), (_, sink) => sink.Write("abc"u8)));
    }

    [Fact]
    public void NumPyReadsAnNpzWhoseBytesRepeat()
    {
        using var folder = new TestZoo();
        for (int i = 0; i < 2; i++)
            AtomicFile.Write(folder[$"{i}.npz"], stream => Npz.Write(stream, s_tensors, WriteData));
        Assert.Equal(File.ReadAllBytes(folder["0.npz"]), File.ReadAllBytes(folder["1.npz"]));
        const string script = "import numpy as np; z = np.load('0.npz'); print([(n, z[n].dtype.str, z[n].shape, z[n].tolist()) for n in z.files])";
        string output = DebianPython.RunCode(script, folder.Folder);
        Assert.Equal("[('b.weight', '<f4', (2, 3), [[1.0, 2.0, 3.0], [4.0, 5.0, nan]]), ('a', '|u1', (3,), [97, 98, 99]), ('none', '<f4', (0, 5), []), "
            + "('scalar', '<f8', (), 3.141592653589793), ('steps', '<i8', (2,), [-1, 9223372036854775807])]\n", output);
    }

    [Fact]
    public void CsvReadsBackAsWritten()
    {
        string[][] rows = [["plain", "a,b", ""], ["\"quoted\"", "two\nlines", "\r\n"], ["", "", ""], [" spaces ", "ü", "'"]];
        using var stream = new MemoryStream();
        using (var writer = new CsvWriter(stream, "x", "y", "z"))
        {
            foreach (string[] row in rows)
                writer.WriteRow(row);
            Assert.Throws<ArgumentException>(() => writer.WriteRow("one"));
        }
        Assert.StartsWith("x,y,z\nplain,\"a,b\",\n\"\"\"quoted\"\"\",", Encoding.UTF8.GetString(stream.ToArray()), StringComparison.Ordinal);
        stream.Position = 0;
        using var reader = new CsvReader(stream, "t.csv");
        reader.ExpectColumns("x", "y", "z");
        foreach (string[] row in rows)
        {
            Assert.True(reader.Read());
            Assert.Equal(row, reader.Fields);
        }
        Assert.Equal(7, reader.Line);
        Assert.False(reader.Read());
    }

    [Theory]
    [InlineData(0.1f)]
    [InlineData(-1e-45f)]
    [InlineData(float.MaxValue)]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(null)]
    public void FloatsReadBackFromCsv(float? value)
    {
        using var reader = Csv($"x,y\n{CsvWriter.Format(value)},1\n");
        Assert.True(reader.Read());
        Assert.Equal(value, reader.OptionalFloat(0));
    }

    [Theory]
    [InlineData("", "t.csv: the file is empty")]
    [InlineData("x\n1\n", "t.csv:1: found no column as column 2, expected 'y'")]
    [InlineData("x,z\n1,2\n", "t.csv:1: found 'z' as column 2, expected 'y'")]
    [InlineData("x,y\n1,2\n3\n", "t.csv:3: found 1 fields, expected 2")]
    [InlineData("x,y\n1,\"2\n", "t.csv:2: found the end of the file inside quotes")]
    [InlineData("x,y\n1,2\"3\n", "t.csv:2: found a quote inside a field")]
    [InlineData("x,y\n1,\"2\"3\n", "t.csv:2: found a quote inside a field")]
    [InlineData("x,y\nz,2\n", "t.csv:2: x: found 'z', expected a whole number, 0 to 9")]
    [InlineData("x,y\n10,2\n", "t.csv:2: x: found '10', expected a whole number, 0 to 9")]
    [InlineData("x,y\n\"1\n\",2\n", "t.csv:2: x: found '1\n', expected a whole number")]
    [InlineData("x,y\n1,2\n1,z\n", "t.csv:3: y: found 'z', expected a number or nothing")]
    [InlineData("x,y\n1,\n", "t.csv:2: y: found nothing, expected a number")]
    public void CsvErrorsNameLineAndColumn(string text, string message)
    {
        var error = Assert.Throws<InputException>(() =>
        {
            using CsvReader reader = Csv(text);
            reader.ExpectColumns("x", "y");
            while (reader.Read())
            {
                reader.Int64(0, 0, 9);
                reader.Float(1);
            }
        });
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CsvTakesCarriageReturnsAByteOrderMarkAndNoLastLineBreak()
    {
        using CsvReader reader = Csv("\uFEFFx,y\r\n1,\"2\"\r\n3,4");
        reader.ExpectColumns("x", "y");
        Assert.True(reader.Read());
        Assert.Equal(["1", "2"], reader.Fields);
        Assert.True(reader.Read());
        Assert.Equal(["3", "4"], reader.Fields);
        Assert.False(reader.Read());
    }

    [Fact]
    public void ARowWithoutEndIsRefused()
    {
        Assert.Contains("1048576 characters", Assert.Throws<InputException>(() => Csv("\"" + new string('x', 3 << 20))).Message, StringComparison.Ordinal);
        Assert.Contains("1024 fields", Assert.Throws<InputException>(() => Csv(new string(',', 5000))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileIsReplacedWholeOrNotAtAll()
    {
        using var folder = new TestZoo();
        WrittenFile first = AtomicFile.Write(folder["f"], stream => stream.Write("one"u8));
        Assert.Equal(new WrittenFile(3, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"), first);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(folder["f"], stream =>
        {
            stream.Write("two"u8);
            throw new InvalidOperationException();
        }));
        Assert.Equal("one", File.ReadAllText(folder["f"]));
        Assert.Equal([folder["f"]], Directory.GetFiles(folder.Folder));
        AtomicFile.Write(folder["f"], stream => stream.Write("three"u8));
        Assert.Equal("three", File.ReadAllText(folder["f"]));
    }

    [Fact]
    public void AFullDiskIsAnErrorWithThePathAndLeavesNothing()
    {
        using var folder = new TestZoo();
        File.WriteAllText(folder["f"], "old");
        // The temporary file leads to a device on which every write fails for lack of space.
        File.CreateSymbolicLink(folder["f" + AtomicFile.TemporarySuffix], "/dev/full");
        var error = Assert.ThrowsAny<IOException>(() => AtomicFile.Write(folder["f"], stream => stream.Write(new byte[1 << 20])));
        Assert.Contains(folder["f"], error.Message, StringComparison.Ordinal);
        Assert.Contains("space", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal([folder["f"]], Directory.GetFiles(folder.Folder));
        Assert.Equal("old", File.ReadAllText(folder["f"]));
    }

    [Theory]
    [InlineData("/proc/f")]
    [InlineData("/dev/null/f")]
    [InlineData("/nowhere/at/all/f")]
    public void AFolderThatCannotBeWrittenIsAnErrorWithThePath(string path) =>
        Assert.Contains(path, Assert.ThrowsAny<IOException>(() => AtomicFile.Write(path, stream => stream.Write("x"u8))).Message, StringComparison.Ordinal);

    [Fact]
    public void DigestsAreThoseOfTheBytes()
    {
        Assert.Equal("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed", Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("one"u8)));
        // sha256(struct.pack('<2f', 1, -2))
        string expected = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData([0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]));
        Assert.Equal(expected, Sha256Digest.Of([1f, -2f]).ToString());
        Assert.Equal(expected, Sha256Digest.Of([1f], [-2f]).ToString());
        Assert.True(Sha256Digest.TryParse(expected, out Sha256Digest digest));
        Assert.Equal(expected, digest.ToString());
        Assert.False(Sha256Digest.TryParse(expected.ToUpper(CultureInfo.InvariantCulture), out _));
        Assert.False(Sha256Digest.TryParse(expected[1..], out _));
    }

    private static CsvReader Csv(string text) => new(new MemoryStream(Encoding.UTF8.GetBytes(text)), "t.csv");
}
