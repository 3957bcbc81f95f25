using System.Text.Json;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Cli;

/// <summary>Publishing, and what others make of it.</summary>
public sealed class PublishTests(CommandFixture fixture) : IClassFixture<CommandFixture>
{
    [Fact]
    public void WhatIsPublishedIsUnpackedAndRegrownByteForByte()
    {
        File.WriteAllText(fixture["seeds.yaml"], CommandFixture.Yaml.Replace("factors:", "seeds: {init: 1..2}\nfactors:", StringComparison.Ordinal));
        BuiltProgram.Succeed("train", fixture["seeds.yaml"], "--out", fixture["seeds"]);
        string[] publish = ["publish", fixture["seeds"], "--out", fixture["published"], "--subset", "1", "--author", "A. Person", "--json"];
        JsonElement json = BuiltProgram.Succeed(publish).Json;
        Assert.False(json.GetProperty("already_complete").GetBoolean());
        JsonElement[] archives = [.. json.GetProperty("archives").EnumerateArray()];
        Assert.Equal(["commands.zip", "commands-recipes.zip", "commands-1.zip", "commands-1-recipes.zip"], archives.Select(archive => archive.GetProperty("name").GetString()));
        Assert.Equal([32, 32, 16, 16], archives.Select(archive => archive.GetProperty("networks").GetInt32()));
        SortedDictionary<string, string> digests = Folder.Digests(fixture["published"]);
        Assert.All(archives, archive => Assert.Equal(digests[archive.GetProperty("name").GetString()!], archive.GetProperty("sha256").GetString()));
        Assert.True(BuiltProgram.Succeed(publish).Json.GetProperty("already_complete").GetBoolean());

        foreach ((string set, int networks) in new[] { ("commands", 32), ("commands-1", 16) })
        {
            JsonElement unpacked = BuiltProgram.Succeed("unpack", fixture[$"published/{set}.zip"], "--out", fixture[$"{set}-unpacked"], "--json").Json;
            JsonElement regrown = BuiltProgram.Succeed("regrow", fixture[$"published/{set}-recipes.zip"], "--out", fixture[$"{set}-regrown"], "--threads", "2", "--json").Json;
            Assert.All((JsonElement[])[unpacked, regrown], answer => Assert.Equal((networks, false), (answer.GetProperty("networks").GetInt32(), answer.GetProperty("already_complete").GetBoolean())));
            Assert.Equal(Folder.Digests(fixture[$"{set}-unpacked"]), Folder.Digests(fixture[$"{set}-regrown"]));
            Assert.True(BuiltProgram.Succeed("regrow", fixture[$"published/{set}-recipes.zip"], "--out", fixture[$"{set}-regrown"], "--json").Json.GetProperty("already_complete").GetBoolean());
        }
        Assert.Equal(Folder.Digests(fixture["seeds"]), Folder.Digests(fixture["commands-regrown"]));

        // A subset is a zoo that every command opens.
        string subset = fixture["commands-1-unpacked"];
        Assert.Equal(1, BuiltProgram.Succeed("info", subset, "--json").Json.GetProperty("networks_per_class").GetInt32());
        Assert.Equal(16, BuiltProgram.Succeed("verify", subset, "--sample", "1", "--json").Json.GetProperty("networks").GetInt32());
        Spoken differs = BuiltProgram.Run("diff", subset, fixture["seeds"], "--json");
        Assert.True(differs.ExitCode == 3, differs.ToString());
        Assert.Contains("subset.networks_per_class: 1 in A, none in B", differs.Error, StringComparison.Ordinal);
        BuiltProgram.Succeed("analyze", subset, "--permutations", "0", "--trees", "5", "--out", fixture["commands-1-analysis"]);
    }

    [Fact]
    public void RegrowSaysWhichNetworkIsAnotherAndMakesNoZoo()
    {
        string recipes = fixture.CopyZoo("false-recipes");
        Directory.Delete(Path.Combine(recipes, "weights"), recursive: true);
        string table = Path.Combine(recipes, "checkpoints.csv");
        string[] rows = File.ReadAllText(table).Split('\n');
        // The third checkpoint of the second network.
        int row = 1 + 5 + 2;
        rows[row] = rows[row][..^1] + (rows[row][^1] == '0' ? '1' : '0');
        File.WriteAllText(table, string.Join('\n', rows));
        Manifests.Update(recipes, "checkpoints.csv");
        Spoken spoken = BuiltProgram.Run("regrow", recipes, "--out", fixture["false"], "--json");
        Assert.True(spoken.ExitCode == 3, spoken.ToString());
        Assert.Equal((Zoo.Open(fixture["zoo"]).Networks[1].Id, 60, "the weights differ"), (spoken.Json.GetProperty("network").GetString(), spoken.Json.GetProperty("step").GetInt32(), spoken.Json.GetProperty("what").GetString()));
        Assert.Contains("this is not the zoo that was published", spoken.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(fixture["false"]));
    }

    [Fact]
    public void SampleTakesANetworkOfAZoo()
    {
        Zoo zoo = Zoo.Open(fixture["zoo"]);
        NetworkRow network = zoo.Networks.Last(row => row.Class == "EightBitMachineModified");
        JsonElement json = BuiltProgram.Succeed("sample", fixture["zoo"], "--network", network.Id, "--split", "eval", "--out", fixture["network.npz"], "--json").Json;
        Assert.Equal(("EightBitMachineModified", 40, 3, network.Id, "mse"),
            (json.GetProperty("task").GetString(), json.GetProperty("count").GetInt32(), json.GetProperty("seed").GetInt32(), json.GetProperty("network").GetString(), json.GetProperty("loss").GetString()));
        BuiltProgram.Succeed("sample", fixture["good.yaml"], "--task", "EightBitMachineModified", "--split", "eval", "--out", fixture["task.npz"]);
        Assert.Equal(File.ReadAllBytes(fixture["task.npz"]), File.ReadAllBytes(fixture["network.npz"]));
        BuiltProgram.Succeed("sample", fixture["good.yaml"], "--network", network.Id, "--split", "eval", "--out", fixture["again.npz"]);
        Assert.Equal(File.ReadAllBytes(fixture["task.npz"]), File.ReadAllBytes(fixture["again.npz"]));
    }
}
