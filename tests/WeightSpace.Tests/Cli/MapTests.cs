using System.Text.Json;
using WeightSpace.Analysis.Maps;
using WeightSpace.Tests.Conformance;

namespace WeightSpace.Tests.Cli;

/// <summary><c>weightspace map</c> on a small zoo of two architectures.</summary>
public sealed class MapTests(CommandFixture fixture) : IClassFixture<CommandFixture>
{
    [Fact]
    public void AMapIsWrittenAsNumpyAndTablesReadIt()
    {
        string folder = fixture["map"];
        Spoken spoken = BuiltProgram.Succeed("map", fixture["zoo"], "--architecture", "small", "--neighbours", "3", "--components", "4", "--out", folder, "--json");
        JsonElement summary = spoken.Json.GetProperty("summary");
        Assert.Equal((8, 8, 288, 2), (summary.GetProperty("networks").GetInt32(), summary.GetProperty("left_out").GetInt32(), summary.GetProperty("features").GetInt32(), summary.GetProperty("clusters").GetInt32()));
        Assert.Equal(JsonValueKind.Null, summary.GetProperty("sketch").ValueKind);
        Assert.Equal(JsonSerializer.Serialize(summary), JsonSerializer.Serialize(JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, MapFiles.SummaryName))).RootElement));
        Assert.Contains("principal components", spoken.Error, StringComparison.Ordinal);
        Assert.Contains("ARI of k-means", spoken.Error, StringComparison.Ordinal);
        string[] table = File.ReadAllLines(Path.Combine(folder, MapFiles.TableName));
        Assert.Equal(9, table.Length);
        string[] ids = [.. table.Skip(1).Select(line => line.Split(',')[0])];
        // Neighbours, distances and merges held to NumPy's and scipy's own, from the weights in the zoo.
        Assert.Equal("agrees", DebianPython.Run("Conformance/map_reference.py", fixture["zoo"], folder).Trim());

        Spoken again = BuiltProgram.Succeed("map", fixture["zoo"], "--architecture", "small", "--neighbours", "3", "--components", "4", "--out", fixture["map-again"]);
        Assert.Equal(Folder.Digests(folder), Folder.Digests(fixture["map-again"]));
        Assert.Contains("map.npz", again.Output, StringComparison.Ordinal);
        Assert.Equal(8, ids.Distinct().Count());

        // Narrower registers change no bit, in products large enough for every kernel too.
        foreach (string sketch in new[] { "never", "64" })
        {
            string[] arguments = ["map", fixture["zoo"], "--architecture", "mlds", "--sketch", sketch, "--out"];
            BuiltProgram.Succeed([.. arguments, fixture[$"map-wide-{sketch}"]]);
            Spoken narrow = BuiltProgram.Run([("DOTNET_EnableAVX512", "0")], [.. arguments, fixture[$"map-narrow-{sketch}"]]);
            Assert.True(narrow.ExitCode == 0, narrow.ToString());
            Assert.Equal(Folder.Digests(fixture[$"map-wide-{sketch}"]), Folder.Digests(fixture[$"map-narrow-{sketch}"]));
        }
    }

    [Fact]
    public void EveryViewStepAndSketchCanBeMapped()
    {
        foreach (string view in new[] { "raw", "statistics", "invariant" })
        {
            JsonElement summary = BuiltProgram.Succeed("map", fixture["zoo"], "--architecture", "mlds", "--view", view, "--step", "30", "--sketch", "64", "--clusters", "3", "--out", fixture[$"map-{view}"], "--json").Json.GetProperty("summary");
            Assert.Equal((view, 30, 3, 64), (summary.GetProperty("view").GetString(), summary.GetProperty("step").GetInt32(), summary.GetProperty("clusters").GetInt32(), summary.GetProperty("sketch").GetProperty("columns").GetInt32()));
            Assert.InRange(summary.GetProperty("variance_shares").EnumerateArray().Sum(share => share.GetDouble()), 0.9, 1.001); // 8 networks have 7 directions
        }
    }

    [Theory]
    [InlineData("", "several architectures (mlds, small)")]
    [InlineData("--architecture other", "expected one of mlds, small")]
    [InlineData("--architecture mlds --step 7", "the first network has steps 0, 30, 60, 90, 100")]
    [InlineData("--architecture mlds --step x", "expected a step")]
    [InlineData("--architecture mlds --sketch 3", "from 16 to")]
    [InlineData("--architecture mlds --clusters 9", "expected 1 to 8")]
    [InlineData("--architecture mlds --components 0", "from 1 to")]
    [InlineData("--architecture mlds --neighbours -1", "from 0 to")]
    [InlineData("--architecture mlds --view odd", "'odd'")]
    public void WrongRequestsAreExplained(string options, string message)
    {
        Spoken spoken = BuiltProgram.Run(["map", fixture["zoo"], "--out", fixture["map-wrong"], .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.Equal((2, ""), (spoken.ExitCode, spoken.Output));
        Assert.Contains(message, spoken.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(fixture["map-wrong"]));
    }

    [Fact]
    public void ADamagedShardAndAFullDiskLeaveNoMap()
    {
        Spoken damaged = BuiltProgram.Run("map", fixture["corrupt"], "--architecture", "mlds", "--out", fixture["map-corrupt"]);
        Assert.Equal(2, damaged.ExitCode);
        Assert.Contains("weights/00000.safetensors", damaged.Error, StringComparison.Ordinal);
        Directory.CreateDirectory(fixture["map-full"]);
        File.CreateSymbolicLink(Path.Combine(fixture["map-full"], "map.npz.tmp"), "/dev/full");
        Spoken full = BuiltProgram.Run("map", fixture["zoo"], "--architecture", "small", "--out", fixture["map-full"]);
        Assert.Equal(1, full.ExitCode);
        Assert.Contains("map.npz", full.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(fixture["map-full"], MapFiles.SummaryName)));
    }
}
