using System.Runtime.InteropServices;
using System.Text.Json;
using WeightSpace.Zoos.Checkpoints.Files;

namespace WeightSpace.Tests.Conformance;

/// <summary>Checkpoints that Debian's PyTorch and NumPy saved, in all their ways, are read with exactly the values that Python has.</summary>
public sealed class CheckpointFileTests(CheckpointFileTests.Saved saved) : IClassFixture<CheckpointFileTests.Saved>
{
    public sealed class Saved : IDisposable
    {
        private readonly Cli.Folder _folder = new();

        public Saved() => DebianPython.Run(Path.Combine("Conformance", "checkpoint_files.py"), _folder.Path);

        public string Folder => _folder.Path;

        public string this[string name] => _folder[name];

        public void Dispose() => _folder.Dispose();
    }

    [Theory]
    [InlineData("state", 10)]
    [InlineData("training", 10)]
    [InlineData("types", 6)]
    [InlineData("views", 15)]
    [InlineData("several", 2)]
    [InlineData("listed", 2)]
    [InlineData("one", 1)]
    public void WhatPyTorchSavedIsRead(string name, int tensors)
    {
        foreach (string ending in (string[])["pt", "legacy.pth", "protocol4.bin"])
            AssertAsExpected($"{name}.{ending}", tensors);
    }

    [Theory]
    [InlineData("big.pt", 1)]
    [InlineData("zip64.pt", 10)]
    [InlineData("kinds.safetensors", 6)]
    [InlineData("model.safetensors.index.json", 3)]
    [InlineData("arrays.npz", 6)]
    [InlineData("packed.npz", 6)]
    [InlineData("alone.npy", 1)]
    [InlineData("fortran.npy", 1)]
    [InlineData("exported.onnx", 4)]
    [InlineData("made.onnx", 8)]
    public void OtherFilesAreRead(string name, int tensors) => AssertAsExpected(name, tensors);

    [Fact]
    public void ALargeTransposedTensorIsReadInPieces()
    {
        using WeightFile file = WeightFile.Open(saved["large.pt"]);
        Assert.Equal([2200, 2100], file.Tensors[0].Shape);
        float[] expected = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(saved["large.raw"])).ToArray();
        float[] values = new float[2_300_000];
        file.Read(0, 1_234_567, values);
        Assert.True(values.AsSpan().SequenceEqual(expected.AsSpan(1_234_567, values.Length)));
    }

    private void AssertAsExpected(string name, int tensors)
    {
        using WeightFile file = WeightFile.Open(saved[name]);
        JsonElement expected = JsonDocument.Parse(File.ReadAllText(saved[name + ".expected.json"])).RootElement;
        JsonElement[] known = [.. expected.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(tensors, known.Length);
        Assert.Equal(known.Select(tensor => tensor.GetProperty("name").GetString()), file.Tensors.Select(tensor => tensor.Name));
        for (int i = 0; i < known.Length; i++)
        {
            Assert.Equal(known[i].GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), file.Tensors[i].Shape);
            uint[] bits = [.. known[i].GetProperty("bits").EnumerateArray().Select(value => value.GetUInt32())];
            Assert.Equal(bits.Length, file.Tensors[i].Elements);
            Assert.Equal(bits, Bits(file, i, 0, bits.Length));
            // In pieces too, backwards, so that nothing depends on the order.
            for (int first = bits.Length - 1; first >= 0; first -= 3)
                Assert.Equal(bits[first..Math.Min(first + 5, bits.Length)], Bits(file, i, first, Math.Min(5, bits.Length - first)));
        }
        foreach (JsonProperty pair in expected.GetProperty("metadata").EnumerateObject())
            Assert.Equal($"{pair.Name}={pair.Value.GetString()}", $"{pair.Name}={file.Metadata.GetValueOrDefault(pair.Name)}");
        Assert.Equal(expected.GetProperty("left_out").EnumerateArray().Select(left => left.GetString()!).Order(StringComparer.Ordinal), file.LeftOut.Select(left => left.Name).Where(left => left != "rng_state").Order(StringComparer.Ordinal));
    }

    private static uint[] Bits(WeightFile file, int tensor, long first, int count)
    {
        float[] values = new float[count];
        file.Read(tensor, first, values);
        return [.. values.Select(BitConverter.SingleToUInt32Bits)];
    }
}
