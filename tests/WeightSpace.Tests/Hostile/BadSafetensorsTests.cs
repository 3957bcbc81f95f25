using System.Buffers.Binary;
using System.Text;
using WeightSpace.Numerics;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Tests.Hostile;

public sealed class BadSafetensorsTests
{
    [Theory]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, null)]
    [InlineData("{\"w\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}", 8, null)]
    [InlineData("{}", 0, null)]
    [InlineData("{}", 1, "1 bytes of data")]
    [InlineData("", 0, "does not begin")]
    [InlineData("[]", 0, "does not begin")]
    [InlineData("{", 0, "sound safetensors")]
    [InlineData("{\"w\":1}", 0, "expected an object")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "cover 8 bytes")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "cover 8 bytes")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}", 9, "expected 0")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "begin <= end")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "begin <= end")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "begin, end")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "expected 12")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "negative")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}", 8, "whole numbers")]
    [InlineData("{\"w\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "F33")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}", 8, "'more'")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9223372036854775807],\"data_offsets\":[0,8]}}", 8, "2^63 elements")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "2^63 elements")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]}}", 8, "whole numbers")]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, "expected 18446744073709551616")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6, "overlap")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[6,10]}}", 10, "holes")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}", 8, "sound safetensors")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", 0, "expected text")]
    [InlineData("{\"__metadata__\":[]}", 0, "not an object")]
    [InlineData("{\"__metadata__\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", 0, "sound safetensors")]
    public void HeadersThatLieAreRefused(string header, int dataBytes, string? named)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + text.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, text.Length);
        text.CopyTo(bytes, 8);
        using var folder = new TestZoo();
        File.WriteAllBytes(folder["f"], bytes);
        if (named is null)
        {
            using SafetensorsFile file = SafetensorsFile.Open(folder["f"]);
            Assert.InRange(file.Tensors.Count, 0, 1);
            return;
        }
        var error = Assert.Throws<InputException>(() => SafetensorsFile.Open(folder["f"]));
        Assert.StartsWith(folder["f"], error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x7FFFFFFFFFFFFFFFUL)]
    [InlineData(0xFFFFFFFFFFFFFFFFUL)]
    [InlineData(100_000_001UL)]
    [InlineData(9UL)]
    public void AHeaderBeyondItsFileIsRefusedBeforeItIsAllocated(ulong length)
    {
        using var folder = new TestZoo();
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        File.WriteAllBytes(folder["f"], bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains($"{length} bytes", Assert.Throws<InputException>(() => SafetensorsFile.Open(folder["f"])).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void AFileCutAnywhereIsRefused()
    {
        using var folder = new TestZoo();
        byte[] whole = Sound(folder);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(folder["f"], whole[..length]);
            Assert.Throws<InputException>(() => SafetensorsFile.Open(folder["f"]));
        }
    }

    [Fact]
    public void AMutatedFileIsReadOrRefused()
    {
        using var folder = new TestZoo();
        byte[] whole = Sound(folder);
        int refused = 0;
        for (ulong seed = 0; seed < 600; seed++)
        {
            var draw = new RandomStream(seed, RandomPurpose.Verification, 1);
            byte[] bytes = [.. whole];
            for (int i = 0; i <= draw.NextBelow(4); i++)
                bytes[draw.NextBelow(bytes.Length)] = (byte)draw.NextBelow(256);
            File.WriteAllBytes(folder["f"], bytes);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(folder["f"]);
                foreach (TensorInfo tensor in file.Tensors.Where(tensor => tensor.Type == "F32"))
                    file.ReadFloats(tensor.Name, 0, new float[tensor.Elements]);
            }
            catch (InputException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 200, 600);
    }

    [Fact]
    public void WhatIsNoFileIsRefused()
    {
        using var folder = new TestZoo();
        Assert.Contains("no such file", Assert.Throws<InputException>(() => SafetensorsFile.Open(folder["missing"])).Message, StringComparison.Ordinal);
        Assert.Contains("opened as a file", Assert.Throws<InputException>(() => SafetensorsFile.Open(folder.Folder)).Message, StringComparison.Ordinal);
    }

    private static byte[] Sound(TestZoo folder)
    {
        AtomicFile.Write(folder["sound"], stream => SafetensorsWriter.Write(stream,
            [new TensorEntry("gru.weight", TensorType.F32, [3, 4]), new TensorEntry("gru.bias", TensorType.F32, [3])],
            new Dictionary<string, string> { ["format"] = "x" }, (index, sink) => sink.Write(new float[index == 0 ? 12 : 3])));
        return File.ReadAllBytes(folder["sound"]);
    }
}
