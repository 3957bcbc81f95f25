using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Cli;

/// <summary>Law 1: the same recipe gives the same bytes on any CPU, with any number of threads, in any work unit.</summary>
public sealed class DeterminismTests(ReferenceZoo reference) : IClassFixture<ReferenceZoo>
{
    private static readonly (string, string)[] s_withoutAvx512 = [("DOTNET_EnableAVX512", "0")];
    private static readonly (string, string)[] s_withoutFma = [("DOTNET_EnableAVX2", "0")];

    [Fact]
    public void TheReferenceHasNetworksOfEveryEnd()
    {
        Zoo zoo = Zoo.Open(reference.Zoo);
        Assert.Equal(30, zoo.Networks.Count);
        Assert.Contains(zoo.Networks, network => network.Reason == "threshold");
        Assert.Contains(zoo.Networks, network => network.Reason == "budget");
        Assert.Contains(zoo.Networks, network => network.Status == NetworkStatus.Diverged);
        Assert.True(zoo.Snapshots.Count > 60);
        Assert.Contains("weights/00000.safetensors", reference.Digests.Keys);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(2, 4)]
    [InlineData(7, 50)]
    public void NeitherThreadsNorWorkUnitsChangeAByte(int threads, int unit)
    {
        string zoo = reference[$"threads-{threads}-unit-{unit}"];
        BuiltProgram.Succeed("train", reference.Experiment, "--out", zoo, "--threads", $"{threads}", "--unit", $"{unit}");
        reference.AssertSame(zoo);
    }

    [Fact]
    public void RegistersOf256BitsGiveTheSameBytes()
    {
        Assert.Equal(Avx512F.IsSupported ? 512 : 256, Lanes([]).GetProperty("lane_bits").GetInt32());
        Assert.Equal(256, Lanes(s_withoutAvx512).GetProperty("lane_bits").GetInt32());
        string zoo = reference["avx2"];
        Spoken spoken = BuiltProgram.Run(s_withoutAvx512, "train", reference.Experiment, "--out", zoo);
        Assert.True(spoken.ExitCode == 0, spoken.ToString());
        reference.AssertSame(zoo);
    }

    [Fact]
    public void EmulatedFusedMultiplyAddGivesTheSameBytes()
    {
        JsonElement lanes = Lanes(s_withoutFma);
        Assert.Equal((128, false), (lanes.GetProperty("lane_bits").GetInt32(), lanes.GetProperty("hardware_fma").GetBoolean()));
        File.WriteAllText(reference["tiny.yaml"], """
            experiment: tiny
            tasks: [{machine: EightBitMachine, sequence: 4}]
            architecture: [mlds, {name: dense, layers: [{dense: 19, activation: relu}, {dense: 8}]}]
            training: {optimizer: {momentum: 0.9}, batch: 16, stop: {steps: 3}, checkpoints: {every: 1}, evaluation: {sequences: 16}}
            factors: {optimizer: [adam, sgd]}
            """);
        BuiltProgram.Succeed("train", reference["tiny.yaml"], "--out", reference["fast"]);
        Spoken spoken = BuiltProgram.Run(s_withoutFma, "train", reference["tiny.yaml"], "--out", reference["slow"]);
        Assert.True(spoken.ExitCode == 0, spoken.ToString());
        Assert.Contains("300 times slower", spoken.Output, StringComparison.Ordinal);
        Assert.Equal(Folder.Digests(reference["fast"]), Folder.Digests(reference["slow"]));
        Assert.Equal(16, Zoo.Open(reference["slow"]).Checkpoints.Count);
    }

    private static JsonElement Lanes((string, string)[] environment) => BuiltProgram.Run(environment, "version", "--json").Json;
}
