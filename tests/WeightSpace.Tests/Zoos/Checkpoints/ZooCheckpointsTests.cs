using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Zoos.Checkpoints;

public sealed class ZooCheckpointsTests
{
    [Fact]
    public void EveryArchitectureIsAGroupWithAllItsCheckpoints()
    {
        using TestZoo folder = TestZoo.Written();
        Zoo zoo = Zoo.Open(folder.Folder);
        using CheckpointSet set = CheckpointSet.Open(folder.Folder, stop: TestContext.Current.CancellationToken);
        ICheckpointGroup[] groups = [.. set.Groups.OrderBy(group => group.Name, StringComparer.Ordinal)];
        Assert.Equal(["mlds", "tiny"], groups.Select(group => group.Name));
        Assert.Equal(zoo.Checkpoints.Count, groups.Sum(group => group.Items.Count));
        foreach (ICheckpointGroup group in groups)
        {
            Assert.Equal(group.Symmetry!.Parameters.Select(parameter => (parameter.Name, (long)parameter.Offset, (long)parameter.Count)), group.Tensors.Select(tensor => (tensor.Name, tensor.Offset, tensor.Elements)));
            CheckpointRow[] rows = [.. zoo.Checkpoints.Where(row => row.Network.Architecture == group.Name)];
            Assert.Equal(rows.Select(row => ((string?)row.Network.Id, (long?)row.Step)), group.Items.Select(item => (item.Network, item.Step)));
            Assert.Equal(group.Items.Count, group.Items.Select(item => item.Name).Distinct().Count());
            CheckpointItem first = group.Items[0];
            NetworkRow network = rows[0].Network;
            Assert.Equal((network.Class, network.Task, $"{network.InitSeed}", "finished"), (first.Metadata["class"], first.Metadata["task"], first.Metadata["init_seed"], first.Metadata["status"]));
        }
        Assert.Contains(groups.SelectMany(group => group.Items), item => item.Metadata["status"] == "diverged");
    }

    [Fact]
    public void PartsAreThoseOfTheWhole()
    {
        using TestZoo folder = TestZoo.Written();
        Zoo zoo = Zoo.Open(folder.Folder);
        using CheckpointSet set = CheckpointSet.Open(folder.Folder, stop: TestContext.Current.CancellationToken);
        foreach (ICheckpointGroup group in set.Groups)
        {
            CheckpointRow[] rows = [.. zoo.Checkpoints.Where(row => row.Network.Architecture == group.Name)];
            float[] whole = new float[group.Count], parts = new float[group.Count];
            foreach (int item in new[] { 0, rows.Length / 2, rows.Length - 1 })
            {
                zoo.ReadWeights(rows[item], whole);
                for (int first = 0, length = 1; first < parts.Length; first += length, length = Math.Min(2 * length, 100))
                    group.Read(item, first, parts.AsSpan(first, Math.Min(length, parts.Length - first)));
                Assert.Equal(whole, parts);
                group.Read(item, 0, parts);
                Assert.Equal(whole, parts);
            }
            Assert.Throws<ArgumentOutOfRangeException>(() => group.Read(0, 1, whole));
        }
    }

    [Fact]
    public void APartOfADamagedCheckpointIsRefusedToo()
    {
        using TestZoo folder = TestZoo.Written();
        using CheckpointSet set = CheckpointSet.Open(folder.Folder, stop: TestContext.Current.CancellationToken);
        ICheckpointGroup group = set.Groups.Single(group => group.Name == "mlds");
        string shard = folder["weights/00000.safetensors"];
        byte[] bytes = File.ReadAllBytes(shard);
        for (int i = bytes.Length / 2; i < bytes.Length; i += 4)
            bytes[i] ^= 1;
        File.WriteAllBytes(shard, bytes);
        Assert.Contains("do not match their digest", Assert.Throws<InputException>(() => group.Read(0, 5, new float[3])).Message, StringComparison.Ordinal);
        Assert.Contains("do not match their digest", Assert.Throws<InputException>(() => group.Read(0, 0, new float[group.Count])).Message, StringComparison.Ordinal);
    }
}
