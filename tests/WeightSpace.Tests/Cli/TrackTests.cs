using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using WeightSpace.Analysis.Trajectories;

namespace WeightSpace.Tests.Cli;

/// <summary><c>weightspace track</c> on a small zoo of two architectures.</summary>
public sealed class TrackTests(CommandFixture fixture) : IClassFixture<CommandFixture>
{
    [Fact]
    public void AZooIsTrackedAsTablesAPageAndNumbers()
    {
        string folder = fixture["track"];
        Spoken spoken = BuiltProgram.Succeed("track", fixture["zoo"], "--out", folder, "--json");
        JsonElement summary = spoken.Json.GetProperty("summary");
        Assert.Equal(["mlds", "small"], summary.GetProperty("groups").EnumerateArray().Select(group => group.GetProperty("name").GetString()));
        Assert.Equal(JsonSerializer.Serialize(summary), JsonSerializer.Serialize(JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, TrackFiles.SummaryName))).RootElement));
        Assert.Contains("tortuosity", spoken.Error, StringComparison.Ordinal);
        string[][] table = [.. File.ReadAllLines(Path.Combine(folder, TrackFiles.TableName)).Select(line => line.Split(','))];
        Assert.Equal(1 + (16 * 5), table.Length); // steps 0, 30, 60, 90, 100
        string Cell(string[] row, string column) => row[Array.IndexOf(table[0], column)];
        foreach (IGrouping<string, string[]> network in table.Skip(1).GroupBy(row => Cell(row, "network")))
        {
            Assert.Equal(["0", "30", "60", "90", "100"], network.Select(row => Cell(row, "step")));
            double[] lengths = [.. network.Skip(1).Select(row => Number(Cell(row, "step_length")))];
            Assert.Equal(lengths.Sum(), Number(Cell(network.Last(), "arc_length")), 1e-7 * lengths.Sum());
            Assert.Equal(lengths[^1] / 10, Number(Cell(network.Last(), "speed")), 1e-7);
            Assert.True(Number(Cell(network.Last(), "distance_from_start")) <= lengths.Sum());
        }
        // The step of a network is made up of those of its tensors.
        string[][] tensors = [.. File.ReadAllLines(Path.Combine(folder, TrackFiles.TensorsName)).Skip(1).Select(line => line.Split(','))];
        string[] last = table[^1];
        Assert.Equal(Number(Cell(last, "step_length")), Math.Sqrt(tensors.Where(row => row[2] == Cell(last, "checkpoint")).Sum(row => Math.Pow(Number(row[5]), 2))), 1e-7);
        XDocument.Parse(File.ReadAllText(Path.Combine(folder, TrackFiles.PageName)).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));

        // Nothing depends on how wide registers are, or on the run.
        Spoken narrow = BuiltProgram.Run([("DOTNET_EnableAVX512", "0")], "track", fixture["zoo"], "--out", fixture["track-narrow"]);
        Assert.True(narrow.ExitCode == 0, narrow.ToString());
        Assert.Equal(Folder.Digests(folder), Folder.Digests(fixture["track-narrow"]));
    }

    [Fact]
    public void AStateGoesOnAndAReferenceIsMeasuredFrom()
    {
        string state = fixture["paths.safetensors"];
        BuiltProgram.Succeed("track", fixture["zoo"], "--state", state, "--out", fixture["track-state"]);
        byte[] first = File.ReadAllBytes(state);
        Spoken again = BuiltProgram.Succeed("track", fixture["zoo"], "--state", state, "--out", fixture["track-again"], "--reference", fixture["zoo"], "--json");
        Assert.Equal(first, File.ReadAllBytes(state)); // nothing was new
        Assert.Equal("commands", again.Json.GetProperty("summary").GetProperty("settings").GetProperty("reference").GetString());
        Assert.Equal(state, again.Json.GetProperty("state").GetString());
        Assert.Equal(Lengths(fixture["track-state"]), Lengths(fixture["track-again"]));
        BuiltProgram.Succeed("track", fixture["zoo"], "--out", fixture["track-whole"]);
        Assert.Equal(Lengths(fixture["track-whole"]), Lengths(fixture["track-state"]));
    }

    [Theory]
    [InlineData("zoo --network zz", "there is no network 'zz'")]
    [InlineData("folder", "there are no checkpoints in this folder")]
    [InlineData("zoo --max-networks 0", "--max-networks")]
    [InlineData("zoo --reference empty", "the format of a checkpoint is told by its ending")]
    [InlineData("zoo --state good.yaml", "not a sound safetensors file")]
    [InlineData("zoo --state folder", "this is a folder")]
    [InlineData("corrupt", "weights/00000.safetensors")]
    public void WrongRequestsAreExplained(string arguments, string message)
    {
        string[] words = [.. arguments.Split(' ').Select(word => word is "zoo" or "folder" or "empty" or "good.yaml" or "corrupt" ? fixture[word] : word)];
        Spoken spoken = BuiltProgram.Run(["track", .. words, "--out", fixture["track-wrong"]]);
        Assert.Equal((2, ""), (spoken.ExitCode, spoken.Output));
        Assert.Contains(message, spoken.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(fixture["track-wrong"]));
    }

    [Fact]
    public void AFullDiskLeavesNoSummary()
    {
        Directory.CreateDirectory(fixture["track-full"]);
        File.CreateSymbolicLink(Path.Combine(fixture["track-full"], "track.html.tmp"), "/dev/full");
        Spoken full = BuiltProgram.Run("track", fixture["zoo"], "--out", fixture["track-full"]);
        Assert.Equal(1, full.ExitCode);
        Assert.Contains("track.html", full.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(fixture["track-full"], TrackFiles.SummaryName)));
    }

    /// <summary>Six digits of every step length: sums are made in another order by a growing path.</summary>
    private static string[] Lengths(string folder) =>
        [.. File.ReadAllLines(Path.Combine(folder, TrackFiles.TableName)).Skip(1).Select(line => line.Split(',')[8]).Select(text => text.Length == 0 ? "" : Number(text).ToString("G6", CultureInfo.InvariantCulture))];

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
