using System.Text.Json;

namespace WeightSpace.Tests.Cli;

/// <summary><c>weightspace order</c> on a small zoo of two architectures.</summary>
public sealed class OrderTests(CommandFixture fixture) : IClassFixture<CommandFixture>
{
    [Fact]
    public void AZooIsPutInOrderAndHeldAgainstTheTruth()
    {
        string file = fixture["order.csv"], page = fixture["order.html"];
        Spoken spoken = BuiltProgram.Succeed("order", fixture["zoo"], "--baselines", "--out", file, "--page", page, "--json");
        JsonElement[] groups = [.. spoken.Json.GetProperty("groups").EnumerateArray()];
        Assert.Equal(["mlds", "small"], groups.Select(group => group.GetProperty("group").GetString()).Order(StringComparer.Ordinal));
        string[][] table = [.. File.ReadAllLines(file).Select(line => line.Split(','))];
        Assert.Equal(["checkpoint", "group", "trajectory", "place", "same_as"], table[0]);
        Assert.Equal(1 + (16 * 5), table.Length); // steps 0, 30, 60, 90, 100
        foreach (JsonElement group in groups)
        {
            JsonElement[] methods = [.. group.GetProperty("scores").EnumerateArray()];
            Assert.Equal(["this method", "published rule", "single linkage, first component", "single linkage, spanning tree"], methods.Select(method => method.GetProperty("method").GetString()));
            Assert.All(methods, method => Assert.InRange(method.GetProperty("scores").GetProperty("adjusted_rand").GetProperty("value").GetDouble(), -1, 1));
            // Every checkpoint stands in one place, or is a copy of one that does.
            string name = group.GetProperty("group").GetString()!;
            string[][] rows = [.. table.Skip(1).Where(row => row[1] == name)];
            string[][] placed = [.. rows.Where(row => row[2].Length > 0)];
            Assert.Equal(placed.Length, placed.Select(row => (row[2], row[3])).Distinct().Count());
            Assert.All(rows.Where(row => row[2].Length == 0), row => Assert.Contains(placed, other => other[0] == row[4]));
            Assert.Equal(group.GetProperty("trajectories").GetArrayLength(), placed.Select(row => row[2]).Distinct().Count());
        }
        Assert.Contains("held against the truth", spoken.Error, StringComparison.Ordinal);
        Assert.Equal(2, File.ReadAllText(page).Split("-paths\"><svg").Length - 1); // of two architectures

        Spoken narrow = BuiltProgram.Run([("DOTNET_EnableAVX512", "0")], "order", fixture["zoo"], "--baselines", "--out", fixture["order-narrow.csv"], "--page", fixture["order-narrow.html"]);
        Assert.True(narrow.ExitCode == 0, narrow.ToString());
        Assert.Equal(File.ReadAllText(page), File.ReadAllText(fixture["order-narrow.html"]).Replace("order-narrow", "order", StringComparison.Ordinal));
        Assert.Equal(File.ReadAllText(file), File.ReadAllText(fixture["order-narrow.csv"]));
    }

    [Fact]
    public void WhatIsNoCheckpointIsSaid()
    {
        string folder = fixture["nothing-to-order"];
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "none");
        Spoken spoken = BuiltProgram.Run("order", folder);
        Assert.Equal(2, spoken.ExitCode);
        Assert.Contains("no checkpoint", spoken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", spoken.Error, StringComparison.Ordinal);
    }
}
