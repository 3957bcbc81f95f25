using WeightSpace.Numerics;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Hostile;

public sealed class DamagedZooTests
{
    [Fact]
    public void AFlippedBitInAnyFileIsFound()
    {
        using TestZoo test = TestZoo.Written();
        string[] files = Directory.GetFiles(test.Folder, "*", SearchOption.AllDirectories);
        Assert.True(files.Length >= 9);
        foreach (string file in files)
        {
            byte[] whole = File.ReadAllBytes(file);
            for (ulong seed = 0; seed < 12; seed++)
            {
                var draw = new RandomStream(seed, RandomPurpose.Verification, 2);
                byte[] bytes = [.. whole];
                bytes[draw.NextBelow(bytes.Length)] ^= (byte)(1 << draw.NextBelow(8));
                File.WriteAllBytes(file, bytes);
                var error = Assert.Throws<InputException>(() => Zoo.Open(test.Folder).CheckDigests(null, CancellationToken.None));
                Assert.Contains(Path.GetFileName(file), error.Message, StringComparison.Ordinal);
            }
            File.WriteAllBytes(file, whole);
        }
        Zoo.Open(test.Folder).CheckDigests(null, CancellationToken.None);
    }

    [Fact]
    public void AFlippedWeightNamesShardNetworkAndStep()
    {
        using TestZoo test = TestZoo.Written();
        Zoo zoo = Zoo.Open(test.Folder);
        CheckpointRow row = zoo.Checkpoints[^1];
        byte[] bytes = File.ReadAllBytes(test[row.Shard.Path]);
        bytes[^1] ^= 1;
        File.WriteAllBytes(test[row.Shard.Path], bytes);
        var error = Assert.Throws<InputException>(() => zoo.ReadWeights(row, new float[zoo.ArchitectureOf(row.Network).Parameters.Count]));
        Assert.Contains($"{row.Shard.Path}: network {row.Network.Id}, step {row.Step}:", error.Message, StringComparison.Ordinal);
        zoo.ReadWeights(zoo.Checkpoints[0], new float[zoo.ArchitectureOf(zoo.Networks[0]).Parameters.Count]);
    }

    [Fact]
    public void AFlippedSnapshotNamesShardNetworkAndStep()
    {
        using TestZoo test = TestZoo.Written();
        Zoo zoo = Zoo.Open(test.Folder);
        SnapshotRow row = zoo.Snapshots[0];
        byte[] bytes = File.ReadAllBytes(test[row.Shard.Path]);
        // The first row's first weight: behind the header's length and the header.
        bytes[8 + BitConverter.ToInt32(bytes)] ^= 1;
        File.WriteAllBytes(test[row.Shard.Path], bytes);
        var error = Assert.Throws<InputException>(() => zoo.ReadSnapshot(row));
        Assert.Contains($"{row.Shard.Path}: network {row.Network.Id}, step {row.Step}:", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("networks.csv")]
    [InlineData("checkpoints.csv")]
    [InlineData("snapshots.csv")]
    [InlineData("README.md")]
    [InlineData("zoo.json")]
    [InlineData("weights/00000.safetensors")]
    [InlineData("snapshots/00000.safetensors")]
    public void AMissingOrCutFileIsNamed(string name)
    {
        using TestZoo test = TestZoo.Written();
        byte[] whole = File.ReadAllBytes(test[name]);
        File.WriteAllBytes(test[name], whole[..^1]);
        Assert.Contains(test[name], Assert.Throws<InputException>(() => Zoo.Open(test.Folder)).Message, StringComparison.Ordinal);
        File.Delete(test[name]);
        var error = Assert.Throws<InputException>(() => Zoo.Open(test.Folder));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains("missing", error.Message, StringComparison.Ordinal);
        Directory.CreateDirectory(test[name]);
        Assert.Contains(name, Assert.Throws<InputException>(() => Zoo.Open(test.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AShardThatVanishesAfterOpeningIsNamed()
    {
        using TestZoo test = TestZoo.Written();
        Zoo zoo = Zoo.Open(test.Folder);
        File.Delete(test["weights/00000.safetensors"]);
        var error = Assert.Throws<InputException>(() => zoo.ReadWeights(zoo.Checkpoints[0], new float[zoo.ArchitectureOf(zoo.Networks[0]).Parameters.Count]));
        Assert.Contains("weights/00000.safetensors", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNoZooIsSaidToBeNone()
    {
        using var test = new TestZoo();
        Assert.Contains("zoo.json is missing", Assert.Throws<InputException>(() => Zoo.Open(test.Folder)).Message, StringComparison.Ordinal);
        Assert.Contains("no such folder", Assert.Throws<InputException>(() => Zoo.Open(test["missing"])).Message, StringComparison.Ordinal);
        File.WriteAllText(test["file"], "");
        Assert.Contains("this is a file", Assert.Throws<InputException>(() => Zoo.Open(test["file"])).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(test["work"]);
        Assert.Contains("run the same `weightspace train` again", Assert.Throws<InputException>(() => Zoo.Open(test.Folder)).Message, StringComparison.Ordinal);
    }

    /// <summary>Changes the manifest and gives it a digest that matches, as a hostile hand would.</summary>
    [Theory]
    [InlineData("\"format_version\": 2", "\"format_version\": 4", "use a newer weightspace")]
    [InlineData("\"format_version\": 2", "\"format_version\": 0", "expected 1 to 3")]
    [InlineData("\"format_version\": 2", "\"format_version\": 1", "the key 'subset'")]
    [InlineData("\"subset\": null", "\"subset\": 1", "subset")]
    [InlineData("\"subset\": null", "\"subset\": {}", "networks_per_class")]
    [InlineData("\"subset\": null", "\"subset\": {\"networks_per_class\": 1, \"more\": 2}", "more")]
    [InlineData("\"subset\": null", "\"subset\": {\"networks_per_class\": 0}", "networks_per_class")]
    [InlineData("\"subset\": null", "\"subset\": {\"networks_per_class\": 2}", "subset of 2 networks of each class, expected 1 to 1")]
    [InlineData("\"subset\": null", "\"subset\": {\"networks_per_class\": 1}", "expected 32, as the experiment has in this subset")]
    [InlineData("\"weightspace-zoo\"", "\"another-zoo\"", "expected 'weightspace-zoo'")]
    [InlineData("\"networks\": 64", "\"networks\": 63", "expected 64")]
    [InlineData("\"networks\": 64", "\"networks\": 6.4e1", "networks")]
    [InlineData("\"finished\": 62", "\"finished\": 61", "finished")]
    [InlineData("\"path\": \"weights/00000.safetensors\"", "\"path\": \"weights/../../../etc/passwd\"", "expected a file of a zoo")]
    [InlineData("\"path\": \"README.md\"", "\"path\": \"/etc/passwd\"", "expected a file of a zoo")]
    [InlineData("\"path\": \"README.md\"", "\"path\": \"networks.csv\"", "listed twice")]
    [InlineData("\"rows\": ", "\"rows\": 1", "too few")]
    [InlineData("\"rows\": ", "\"rows\": 99999999", "rows")]
    [InlineData("\"rows\": ", "\"rows\": -", "rows")]
    [InlineData("\"slots\": [", "\"slots\": [\"another\",", "snapshots")]
    [InlineData("\"name\": \"test-zoo\"", "\"name\": \"other\"", "not those of its experiment")]
    [InlineData("experiment: test-zoo", "experiment: &a test-zoo", "anchor")]
    [InlineData("init: 1..2", "init: 2..3", "as the experiment has it")]
    [InlineData("\"licence\":", "\"license\":", "license")]
    [InlineData("\"licence\":", "\"name\":", "sound zoo manifest")]
    [InlineData("\"outputs\": 2,", "\"outputs\": 3,", "takes 2, the one before it gives 3")]
    [InlineData("\"shape\": [", "\"shape\": [1,", "as the layers have it")]
    [InlineData("\"arithmetic\": ", "\"more\": 2, \"arithmetic\": ", "more")]
    public void AManifestThatLiesIsRefused(string find, string replace, string named)
    {
        using TestZoo test = TestZoo.Written();
        ChangeManifest(test, find, replace);
        var error = Assert.Throws<InputException>(() => Zoo.Open(test.Folder).CheckDigests(null, CancellationToken.None));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(test.Folder, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AZooOfAnotherArithmeticThatCannotBeReadSaysSo()
    {
        using TestZoo test = TestZoo.Written();
        ChangeManifest(test, $"\"arithmetic\": {Recipe.Arithmetic}", "\"arithmetic\": 1");
        ChangeManifest(test, "\"layers\": [", "\"layers\": [{\"type\": \"of old\"}, ");
        var error = Assert.Throws<InputException>(() => Zoo.Open(test.Folder));
        Assert.Contains($"arithmetic version 1; this program computes version {Recipe.Arithmetic}", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Replaces the first of a text in the manifest and gives it a digest that matches.</summary>
    private static void ChangeManifest(TestZoo test, string find, string replace)
    {
        string text = File.ReadAllText(test["zoo.json"]);
        int at = text.IndexOf(find, StringComparison.Ordinal);
        Assert.True(at >= 0, $"zoo.json has no {find}");
        File.WriteAllBytes(test["zoo.json"], Manifests.Sign(text[..at] + replace + text[(at + find.Length)..]));
    }

    /// <summary>Changes a table without changing its length, so that only its content can tell.</summary>
    [Theory]
    [InlineData("networks.csv", "status", "statuz", "found 'statuz' as column 7, expected 'status'")]
    [InlineData("networks.csv", "optimizer,stop_steps", "optimizer_stop_steps", "as column 14, expected 'optimizer'")]
    [InlineData("networks.csv", ",0.5,0.125,", ",0.5,1.125,", "attack_success")]
    [InlineData("networks.csv", "finished", "Finished", "expected finished, diverged or failed")]
    [InlineData("networks.csv", "ParityMachine", "PerityMachine", "as the experiment has it")]
    [InlineData("checkpoints.csv", "weights/00000", "weights/00009", "shard")]
    [InlineData("checkpoints.csv", "weights/00000", "../weights/00", "shard")]
    [InlineData("checkpoints.csv", ",10,", ",99,", "step")]
    [InlineData("checkpoints.csv", ".safetensors,1,", ".safetensors,2,", "rows of a shard stand in order")]
    [InlineData("snapshots.csv", "snapshots/00000", "snapshots/00001", "shard")]
    public void ATableThatLiesIsRefused(string table, string find, string replace, string named)
    {
        using TestZoo test = TestZoo.Written();
        string text = File.ReadAllText(test[table]);
        int at = text.IndexOf(find, StringComparison.Ordinal);
        Assert.True(at >= 0);
        File.WriteAllText(test[table], text[..at] + replace + text[(at + find.Length)..]);
        var error = Assert.Throws<InputException>(() => Zoo.Open(test.Folder));
        Assert.StartsWith(test[table], error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/proc/zoo")]
    [InlineData("/dev/null/zoo")]
    public void AFolderThatCannotBeWrittenIsAnErrorWithThePath(string folder) =>
        Assert.Contains(folder, Assert.ThrowsAny<IOException>(() => ZooWriter.Write(folder, TestZoo.Experiment, TestZoo.Results(TestZoo.Experiment), null, CancellationToken.None)).Message, StringComparison.Ordinal);

    [Fact]
    public void AFullDiskLeavesNoZoo()
    {
        using var test = new TestZoo();
        Directory.CreateDirectory(test["weights"]);
        File.CreateSymbolicLink(test["weights/00000.safetensors.tmp"], "/dev/full");
        var error = Assert.ThrowsAny<IOException>(() => ZooWriter.Write(test.Folder, TestZoo.Experiment, TestZoo.Results(TestZoo.Experiment), null, CancellationToken.None));
        Assert.Contains("weights/00000.safetensors", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(test.Folder, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void ResultsThatDoNotFitTheirRecipeAreRefused()
    {
        using var test = new TestZoo();
        NetworkResult first = TestZoo.Results(TestZoo.Experiment).First();
        Checkpoint checkpoint = first.Checkpoints[0];
        NetworkResult[] bad =
        [
            first with { Checkpoints = [checkpoint with { Weights = new float[3] }] },
            first with { Checkpoints = [checkpoint, checkpoint] },
            first with { Checkpoints = [checkpoint with { Step = first.Steps + 1 }] },
            first with { Checkpoints = [checkpoint, checkpoint with { Step = 1 }, checkpoint with { Step = 2 }, checkpoint with { Step = 3 }, checkpoint with { Step = 4 }, checkpoint with { Step = 5 }] },
            first with { Snapshots = [first.Snapshots[0] with { OptimizerState = [] }] },
        ];
        foreach (NetworkResult result in bad)
        {
            var error = Assert.Throws<InputException>(() => ZooWriter.Write(test.Folder, TestZoo.Experiment, [result], null, CancellationToken.None));
            Assert.Contains(first.Id, error.Message, StringComparison.Ordinal);
        }
    }
}
