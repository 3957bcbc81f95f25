using System.Text.Json;
using WeightSpace.Tests.Analysis.Lineage;

namespace WeightSpace.Tests.Cli;

/// <summary><c>weightspace lineage</c> on a small zoo of two architectures, and on models with a planted descent.</summary>
public sealed class LineageTests(CommandFixture fixture) : IClassFixture<CommandFixture>
{
    [Fact]
    public void CopiesOfAZooAreFoundAndHeldAgainstTheTruth()
    {
        BuiltProgram.Succeed("derive", fixture["zoo"], "--out", fixture["copies"], "--pruned", "0.5", "--quantised", "4", "--permuted", "--models", "4");
        string table = fixture["lineage-found.csv"], page = fixture["lineage.html"];
        Spoken spoken = BuiltProgram.Succeed("lineage", fixture["copies"], "--baselines", "--out", table, "--page", page, "--json");
        JsonElement[] groups = [.. spoken.Json.GetProperty("groups").EnumerateArray()];
        Assert.Equal(2, groups.Length);
        foreach (JsonElement group in groups)
        {
            Assert.Equal(8 + 12, group.GetProperty("models").GetArrayLength());
            JsonElement[] methods = [.. group.GetProperty("scores").EnumerateArray()];
            Assert.Equal(["this method", "MoTHer", "MoTHer, kurtosis reversed", "nearest, least norm first"], methods.Select(method => method.GetProperty("method").GetString()));
        }
        string[] rows = File.ReadAllLines(table);
        Assert.Equal("model,group,tree,parent,second_parent,share,kind,confidence,placed,direction,siblings,reordered", rows[0]);
        Assert.Equal(1 + 40, rows.Length);
        // Networks of one initial seed share an origin here, so only what is made without training has a parent that is known; and a layer of five units is too small to tell relations by reordering it.
        string large = groups.Single(group => group.GetProperty("parameters").GetInt32() > 1000).GetProperty("group").GetString()!;
        Dictionary<string, string> parents = File.ReadAllLines(fixture["copies/lineage.csv"]).Skip(1).Select(row => row.Split(',')).ToDictionary(row => row[0], row => row[1]);
        string[][] exact = [.. rows.Skip(1).Select(row => row.Split(',')).Where(row => row[1] == large).Where(row => row[0].StartsWith("pruned", StringComparison.Ordinal) || row[0].StartsWith("quantised", StringComparison.Ordinal))];
        Assert.Equal(8, exact.Length);
        Assert.All(exact, row => Assert.Equal((parents[row[0]], row[0][..row[0].IndexOf('-', StringComparison.Ordinal)], "sure"), (row[3], row[6], row[9])));
        Assert.Contains("<svg", File.ReadAllText(page), StringComparison.Ordinal);
        Assert.Contains("held against the truth", spoken.Error, StringComparison.Ordinal);

        Spoken narrow = BuiltProgram.Run([("DOTNET_EnableAVX512", "0")], "lineage", fixture["copies"], "--out", fixture["lineage-narrow.csv"]);
        Assert.True(narrow.ExitCode == 0, narrow.ToString());
        Assert.Equal(File.ReadAllText(table), File.ReadAllText(fixture["lineage-narrow.csv"]));
    }

    [Fact]
    public void AZooWithoutChangesHasNoDescent()
    {
        Spoken spoken = BuiltProgram.Succeed("lineage", fixture["zoo"], "--json");
        Assert.All(spoken.Json.GetProperty("groups").EnumerateArray(), group => Assert.Equal(8, group.GetProperty("models").GetArrayLength()));
    }

    [Fact]
    public void FewAndBrokenModelsAreNoTrouble()
    {
        using var models = new ModelFolder();
        float[] root = ModelFolder.Unrelated(1), broken = ModelFolder.Unrelated(2);
        models.Add("one.safetensors", root);
        JsonElement alone = BuiltProgram.Succeed("lineage", models.Path, "--json").Json.GetProperty("groups")[0];
        Assert.Equal(JsonValueKind.Null, alone.GetProperty("models")[0].GetProperty("parent").ValueKind);
        broken[3] = float.NaN;
        models.Add("broken.safetensors", broken);
        models.Add("two.safetensors", ModelFolder.Trained(root, 5));
        JsonElement two = BuiltProgram.Succeed("lineage", models.Path, "--json").Json.GetProperty("groups")[0];
        Assert.Equal(["broken.safetensors"], two.GetProperty("left_out").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(1, two.GetProperty("trees").GetInt32());
        Assert.Single(two.GetProperty("models").EnumerateArray(), model => model.GetProperty("kind").ValueKind == JsonValueKind.String);
        File.Delete(Path.Combine(models.Path, "one.safetensors"));
        File.Delete(Path.Combine(models.Path, "two.safetensors"));
        Refused("no model has finite weights", models.Path);
    }

    [Fact]
    public void WhatCannotBeReadIsSaid()
    {
        Refused("there is no such file or folder", fixture["no-such-folder"]);
        Refused("--take: found 'all', expected last or forks", fixture["zoo"], "--take", "all");
        using var models = new ModelFolder();
        models.Add("one.safetensors", ModelFolder.Unrelated(1));
        File.WriteAllText(Path.Combine(models.Path, "lineage.csv"), "model,parent\n");
        Refused("second_parent", models.Path);
    }

    private static void Refused(string expected, params string[] arguments)
    {
        Spoken spoken = BuiltProgram.Run(["lineage", .. arguments]);
        Assert.Equal(2, spoken.ExitCode);
        Assert.Contains(expected, spoken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", spoken.Error, StringComparison.Ordinal);
    }
}
