namespace WeightSpace.Tests.Cli;

/// <summary><c>weightspace derive</c> on a small zoo of two architectures.</summary>
public sealed class DeriveTests(CommandFixture fixture) : IClassFixture<CommandFixture>
{
    [Fact]
    public void AZooIsWrittenWithCopiesAndOrderReadsThemBack()
    {
        Spoken spoken = BuiltProgram.Succeed("derive", fixture["zoo"], "--out", fixture["derived"], "--take", "all", "--pruned", "0.5", "0.8", "--permuted", "--models", "3", "--json");
        Assert.Equal(16 * 5, spoken.Json.GetProperty("originals").GetInt32());
        Assert.Equal(6, spoken.Json.GetProperty("copies").GetProperty("pruned-0.8").GetInt32()); // 3 of each architecture
        string[] rows = File.ReadAllLines(fixture["derived/lineage.csv"]);
        Assert.Equal(1 + 80 + 18, rows.Length);
        Assert.All(rows.Skip(1).Select(row => row.Split(',')), row => Assert.True(File.Exists(Path.Combine(fixture["derived"], row[0]))));
        Spoken order = BuiltProgram.Succeed("order", fixture["derived/original"], "--json");
        // Network and step are known from the names, so the answer is held against them.
        Assert.All(order.Json.GetProperty("groups").EnumerateArray(), group => Assert.Equal(8, group.GetProperty("scores")[0].GetProperty("scores").GetProperty("networks").GetInt32()));
    }

    [Fact]
    public void TheLastCheckpointOfEachNetworkIsItsModel()
    {
        Spoken spoken = BuiltProgram.Succeed("derive", fixture["zoo"], "--out", fixture["last"], "--quantised", "8");
        Assert.Contains("16 models as they were, 16 quantised-8", spoken.Output, StringComparison.Ordinal);
        Assert.Equal(16, Directory.GetFiles(fixture["last/original"], "step-000100.safetensors", SearchOption.AllDirectories).Length);
    }

    [Theory]
    [InlineData("--noisy", "-1")]
    [InlineData("--pruned", "2")]
    [InlineData("--quantised", "40")]
    [InlineData("--take", "first")]
    [InlineData("--averaged", "3")]
    public void WhatCannotBeMadeIsRefused(string option, string value)
    {
        Spoken spoken = BuiltProgram.Run("derive", fixture["zoo"], "--out", fixture["refused"], option, value);
        Assert.Equal(2, spoken.ExitCode);
        Assert.Contains(option, spoken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", spoken.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(fixture["refused"]));
    }

    [Fact]
    public void WhatIsNotThereOrInTheWayIsSaid()
    {
        Spoken missing = BuiltProgram.Run("derive", fixture["no-such-folder"], "--out", fixture["refused"], "--json");
        Assert.Equal(2, missing.ExitCode);
        Assert.Equal(2, missing.Json.GetProperty("exit_code").GetInt32());
        Spoken inTheWay = BuiltProgram.Run("derive", fixture["zoo"], "--out", fixture["zoo"]);
        Assert.Equal(2, inTheWay.ExitCode);
        Assert.Contains("something else", inTheWay.Error, StringComparison.Ordinal);
    }
}
