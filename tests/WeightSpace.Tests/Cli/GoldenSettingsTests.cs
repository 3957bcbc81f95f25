using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using WeightSpace.Engines;
using WeightSpace.Tests.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Cli;

/// <summary>Law 1 for a network of each kind: the written-down bytes come out whatever registers the CPU has.</summary>
public sealed class GoldenSettingsTests : IDisposable
{
    private static readonly (string, string)[] s_withoutAvx512 = [("DOTNET_EnableAVX512", "0")];
    private static readonly (string, string)[] s_withoutFma = [("DOTNET_EnableAVX2", "0")];

    private readonly string _folder = Directory.CreateTempSubdirectory("golden").FullName;

    [Fact]
    public void RegistersOf512Or256BitsGiveTheWrittenBytes()
    {
        Assert.Equal(Avx512F.IsSupported ? 512 : 256, Lanes([]).GetProperty("lane_bits").GetInt32());
        AssertGolden(Train([], GoldenNetworks.Recipe));
        Assert.Equal((256, true), (Lanes(s_withoutAvx512).GetProperty("lane_bits").GetInt32(), Lanes(s_withoutAvx512).GetProperty("hardware_fma").GetBoolean()));
        AssertGolden(Train(s_withoutAvx512, GoldenNetworks.Recipe));
    }

    [Fact]
    public void EmulatedFusedMultiplyAddGivesTheWrittenBytes()
    {
        Assert.Equal((128, false), (Lanes(s_withoutFma).GetProperty("lane_bits").GetInt32(), Lanes(s_withoutFma).GetProperty("hardware_fma").GetBoolean()));
        IReadOnlyList<NetworkResult> results = Train(s_withoutFma, GoldenNetworks.EarlyRecipe);
        Assert.Equal(GoldenNetworks.Names.Select(name => GoldenNetworks.Expected(name).Early), results.Select(GoldenNetworks.EarlyDigest));
    }

    [Fact]
    public void RealWorkIsRefusedWithoutFusedMultiplyAdd()
    {
        Spoken spoken = BuiltProgram.Run(s_withoutFma, "quickstart", "--out", Path.Combine(_folder, "quickstart"));
        Assert.Equal(2, spoken.ExitCode);
        Assert.Contains("fused multiply-add", spoken.Error, StringComparison.Ordinal);
        Assert.Contains("Intel since 2013", spoken.Error, StringComparison.Ordinal);
    }

    private static void AssertGolden(IReadOnlyList<NetworkResult> results) =>
        Assert.Equal(GoldenNetworks.Names.Select(GoldenNetworks.Expected), results.Select(GoldenNetworks.Found));

    private IReadOnlyList<NetworkResult> Train((string, string)[] environment, Func<string, Recipe> recipe)
    {
        string unitPath = Path.Combine(_folder, "unit.json"), resultPath = Path.Combine(_folder, "result.safetensors");
        File.Delete(resultPath);
        WorkUnit unit = WorkUnit.Write(unitPath, [.. GoldenNetworks.Names.Select(recipe)]);
        Spoken spoken = BuiltProgram.Run(environment, "work", unitPath, resultPath);
        Assert.True(spoken.ExitCode == 0, spoken.ToString());
        return UnitResult.Read(resultPath, unit).Networks;
    }

    private static JsonElement Lanes((string, string)[] environment) => BuiltProgram.Run(environment, "version", "--json").Json;

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
