using System.Diagnostics;
using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Tests.Zoos.Checkpoints;

public sealed class CheckpointSetTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AZooIsReadByItsArchitectures()
    {
        using TestZoo written = TestZoo.Written();
        Zoo zoo = Zoo.Open(written.Folder);
        using CheckpointSet set = Open(written.Folder);
        Assert.Equal(CheckpointSource.Zoo, set.Source);
        Assert.Empty(set.Refusals);
        Assert.Equal(zoo.Checkpoints.Count, set.Groups.Sum(group => group.Items.Count));
        Assert.Equal(["mlds", "tiny"], set.Groups.Select(group => group.Name).Order(StringComparer.Ordinal));
        foreach (ICheckpointGroup group in set.Groups)
        {
            CheckpointRow[] rows = [.. zoo.Checkpoints.Where(row => row.Network.Architecture == group.Name)];
            ParameterLayout layout = zoo.ArchitectureOf(rows[0].Network).Parameters;
            Assert.Equal(UnitGroup.Of(layout).Select(units => (units.Name, units.Units)), UnitGroup.Of(group.Symmetry!).Select(units => (units.Name, units.Units)));
            Assert.Equal(layout.Count, group.Count);
            Assert.Equal(layout.Parameters.Select(parameter => (parameter.Name, (long)parameter.Offset)), group.Tensors.Select(tensor => (tensor.Name, tensor.Offset)));
            for (int item = 0; item < rows.Length; item++)
            {
                Assert.Equal((rows[item].Network.Id, (long?)rows[item].Step), (group.Items[item].Network, group.Items[item].Step));
                float[] expected = new float[layout.Count], found = new float[layout.Count], piece = new float[layout.Count / 3];
                zoo.ReadWeights(rows[item], expected);
                group.Read(item, 0, found);
                Assert.True(expected.AsSpan().SequenceEqual(found));
                group.Read(item, layout.Count / 2, piece);
                Assert.True(expected.AsSpan(layout.Count / 2, piece.Length).SequenceEqual(piece));
            }
            Assert.Equal(group.Items.Count, group.Items.Select(item => item.Name).Distinct().Count());
            Assert.Contains("optimizer", group.Items[0].Metadata.Keys);
        }
    }

    [Fact]
    public void AFolderIsGroupedAndPutInOrder()
    {
        foreach (string run in (string[])["run10", "run2"])
        {
            foreach (int step in (int[])[100, 20, 3])
                Save($"{run}/step_{step}.safetensors", step, [("a.weight", [2, 3]), ("a.bias", [2])]);
        }
        // The same tensors in another order, and another model.
        Save("run2/step_7.safetensors", 7, [("a.bias", [2]), ("a.weight", [2, 3])]);
        Save("other/model-1.safetensors", 1, [("a.weight", [3, 2]), ("a.bias", [3])]);
        _folder.Write("other/broken.safetensors", "nothing");
        _folder.Write("other/notes.txt", "not looked at");
        using CheckpointSet set = Open(_folder.Path, new CheckpointOptions { MaxOpenFiles = 2 });
        Assert.Equal([7, 1], set.Groups.Select(group => group.Items.Count));
        ICheckpointGroup group = set.Groups[0];
        Assert.Equal(["run2/step_3", "run2/step_7", "run2/step_20", "run2/step_100", "run10/step_3", "run10/step_20", "run10/step_100"], group.Items.Select(item => item.Name.Replace(".safetensors", "", StringComparison.Ordinal)));
        Assert.Equal(["run2", "run2", "run2", "run2", "run10", "run10", "run10"], group.Items.Select(item => item.Network));
        Assert.Equal([3L, 7, 20, 100, 3, 20, 100], group.Items.Select(item => item.Step!.Value));
        Assert.Equal("other/broken.safetensors", Assert.Single(set.Refusals).Path);
        Assert.Equal((9L, "other", (long?)1), (set.Groups[1].Count, set.Groups[1].Items[0].Network, set.Groups[1].Items[0].Step));
        // Whatever the order in the file, the block is the group's.
        Parallel.For(0, 200, index =>
        {
            int item = index % 7;
            float[] values = new float[8];
            group.Read(item, 0, values);
            float step = group.Items[item].Step!.Value;
            float[] weight = [.. Enumerable.Range(0, 6).Select(i => (step * 1000) + 300 + i)], bias = [.. Enumerable.Range(0, 2).Select(i => (step * 1000) + 200 + i)];
            Assert.Equal(group.Tensors[0].Name == "a.weight" ? [.. weight, .. bias] : [.. bias, .. weight], values);
            float[] part = new float[3];
            group.Read(item, 4, part);
            Assert.Equal(values[4..7], part);
        });
    }

    [Theory]
    [InlineData("step_100.pt", null, 100L, null, null)]
    [InlineData("run1/step_100.pt", "run1", 100L, null, null)]
    [InlineData("epoch=3-step=500.ckpt", null, 500L, 3L, null)]
    [InlineData("a/b/vgg-epoch=3-step=500.ckpt", "a/b/vgg", 500L, 3L, null)]
    [InlineData("model-3.pth", "model", null, null, 3L)]
    [InlineData("x/model-3.pth", "x", null, null, 3L)]
    [InlineData("resnet18.pt", "resnet18", null, null, null)]
    [InlineData("resnet18_5.pt", "resnet18", null, null, 5L)]
    [InlineData("lenet_seed_2.pt", "lenet_seed_2", null, null, null)]
    [InlineData("trial_7/checkpoint_000012/checkpoints", "trial_7", 12L, null, null)]
    [InlineData("run/checkpoint-500/model.safetensors", "run", 500L, null, null)]
    [InlineData("run/checkpoint-500/model.safetensors.index.json", "run", 500L, null, null)]
    [InlineData("checkpoint-500/pytorch_model.bin", null, 500L, null, null)]
    [InlineData("ckpt12.pt", null, 12L, null, null)]
    [InlineData("12.pt", null, null, null, 12L)]
    [InlineData("bert_epoch2.bin", "bert", null, 2L, null)]
    [InlineData("best.pt", "best", null, null, null)]
    [InlineData("run/best.pt", "run", null, null, null)]
    public void APathSaysTheNetworkAndTheStep(string path, string? network, long? step, long? epoch, long? number) =>
        Assert.Equal(new CheckpointName(network, step, epoch, number), CheckpointName.Parse(path));

    [Fact]
    public void TheOrderIsWhatWasAskedFor()
    {
        (string Name, int Step, string Epoch, string Loss)[] files = [("b", 30, "1", "0.5"), ("a", 20, "3", "0.25"), ("c", 10, "2", "0.75")];
        foreach ((string name, int step, string epoch, string loss) in files)
        {
            Save($"{name}.safetensors", step, [("weight", [2])], new Dictionary<string, string> { ["step"] = step.ToString(CultureInfo.InvariantCulture), ["epoch"] = epoch, ["loss"] = loss });
            File.SetLastWriteTimeUtc(_folder[$"{name}.safetensors"], new DateTime(2020, 1, step, 0, 0, 0, DateTimeKind.Utc));
        }
        Save("model_1.safetensors", 1, [("weight", [2])]);
        // One network for all: its folder.
        Directory.CreateDirectory(_folder["n"]);
        foreach (string file in Directory.GetFiles(_folder.Path))
            File.Move(file, Path.Combine(_folder["n"], "model_" + Path.GetFileName(file).Replace("model_", "", StringComparison.Ordinal).Replace("a.", "7.", StringComparison.Ordinal).Replace("b.", "8.", StringComparison.Ordinal).Replace("c.", "9.", StringComparison.Ordinal)));
        (string Names, string Steps) Order(string by)
        {
            using CheckpointSet set = Open(_folder.Path, new CheckpointOptions { OrderBy = by });
            return (string.Concat(set.Groups[0].Items.Select(item => item.Name[8])), string.Join(',', set.Groups[0].Items.Select(item => item.Step)) + (set.Refusals.Count > 0 ? $" without {set.Refusals[0].Path[8]}" : ""));
        }
        Assert.Equal(("1789", "1,7,8,9"), Order("auto"));
        Assert.Equal(("1789", "0,1,2,3"), Order("name"));
        Assert.Equal(("1978", "1,10,20,30"), Order("step"));
        Assert.Equal(("1897", "1,1,2,3"), Order("epoch"));
        Assert.Equal(("9781", "0,1,2,3"), Order("mtime"));
        Assert.Equal(("789", "0,1,2 without 1"), Order("loss"));
        var error = Assert.Throws<InputException>(() => Open(_folder.Path, new CheckpointOptions { OrderBy = "accuracy" }));
        Assert.Contains("no number 'accuracy'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatChangedSinceIsNotRead()
    {
        Save("m_1.safetensors", 1, [("weight", [4])]);
        Save("m_2.safetensors", 2, [("weight", [4])]);
        using CheckpointSet set = Open(_folder.Path);
        Save("m_2.safetensors", 3, [("weight", [2, 2])]);
        set.Groups[0].Read(0, 0, new float[4]);
        Assert.Contains("changed or removed", Assert.Throws<InputException>(() => set.Groups[0].Read(1, 0, new float[4])).Message, StringComparison.Ordinal);
        File.Delete(_folder["m_2.safetensors"]);
        Assert.Contains("changed or removed", Assert.Throws<InputException>(() => set.Groups[0].Read(1, 0, new float[4])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatHasNoCheckpointsSaysSo()
    {
        Assert.Contains("no such file or folder", Assert.Throws<InputException>(() => Open(_folder["none"])).Message, StringComparison.Ordinal);
        Assert.Contains("no checkpoints in this folder", Assert.Throws<InputException>(() => Open(_folder.Path)).Message, StringComparison.Ordinal);
        _folder.Write("x.pt", "");
        Assert.Contains("none of its 1 files", Assert.Throws<InputException>(() => Open(_folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("empty file", Assert.Throws<InputException>(() => Open(_folder["x.pt"])).Message, StringComparison.Ordinal);
        // A pipe that nobody writes to must not be waited for.
        using (Process pipe = Process.Start("mkfifo", _folder["pipe.pt"]))
            Assert.True(pipe.WaitForExit(10_000), "mkfifo has not ended in 10 s");
        Assert.Contains("pipe or device", Assert.Throws<InputException>(() => Open(_folder["pipe.pt"])).Message, StringComparison.Ordinal);
        _folder.Write("x.txt", "");
        Assert.Contains("known are .pt", Assert.Throws<InputException>(() => Open(_folder["x.txt"])).Message, StringComparison.Ordinal);
    }

    private static CheckpointSet Open(string path, CheckpointOptions? options = null) => CheckpointSet.Open(path, options, null, CancellationToken.None);

    /// <summary>A file whose values say its step, the length of the tensor's last name and their place.</summary>
    private void Save(string name, int step, (string Name, long[] Shape)[] tensors, Dictionary<string, string>? metadata = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
        AtomicFile.Write(_folder[name], stream => SafetensorsWriter.Write(stream, [.. tensors.Select(tensor => new TensorEntry(tensor.Name, TensorType.F32, tensor.Shape))], metadata ?? [],
            (index, sink) => sink.Write([.. Enumerable.Range(0, (int)tensors[index].Shape.Aggregate(1L, (a, b) => a * b)).Select(i => (step * 1000f) + (tensors[index].Name.EndsWith("weight", StringComparison.Ordinal) ? 300 : 200) + i)])));
    }
}
