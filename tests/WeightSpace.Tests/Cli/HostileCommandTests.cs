using System.Text.Json;

namespace WeightSpace.Tests.Cli;

/// <summary>Whatever is asked of it, the program answers with a message, an exit code and one JSON document.</summary>
public sealed class HostileCommandTests(CommandFixture fixture) : IClassFixture<CommandFixture>
{
    /// <summary>The exit code, a word that the message must have, and the arguments; <c>~</c> is the fixture's folder, <c>''</c> an empty argument.</summary>
    public static TheoryData<int, string, string> Cases => new()
    {
        // Bad usage.
        { 2, "command", "" },
        { 2, "frobnicate", "frobnicate" },
        { 2, "EXPERIMENT", "train" },
        { 2, "--out", "train ~/good.yaml" },
        { 2, "--nope", "train ~/good.yaml --out ~/new --nope" },
        { 2, "another", "train ~/good.yaml another --out ~/new" },
        { 2, "--threads", "train ~/good.yaml --out ~/new --threads 0" },
        { 2, "--threads", "train ~/good.yaml --out ~/new --threads 99999999999" },
        { 2, "--threads", "train ~/good.yaml --out ~/new --threads" },
        { 2, "--unit", "train ~/good.yaml --out ~/new --unit -1" },
        { 2, "--out", "train ~/good.yaml --out ''" },
        { 2, "EXPERIMENT", "train '' --out ~/new" },
        { 2, "ZOO", "info" },
        { 2, "ZOO", "info ''" },
        { 2, "ZOO", "verify ''" },
        { 2, "--sample", "verify ~/zoo --sample 1.5" },
        { 2, "--sample", "verify ~/zoo --sample NaN" },
        { 2, "--seed", "verify ~/zoo --seed -1" },
        { 2, "--task", "sample ~/good.yaml --split train --out ~/x.npz" },
        { 2, "ParityMachineModified", "sample ~/good.yaml --task Parity --split train --out ~/x.npz" },
        { 2, "eval", "sample ~/good.yaml --task ParityMachine --split test --out ~/x.npz" },
        { 2, "--count", "sample ~/good.yaml --task ParityMachine --split train --count 0 --out ~/x.npz" },
        { 2, "--count", "sample ~/good.yaml --task ParityMachine --split train --count 2147483647 --out ~/x.npz" },
        { 2, "expected 1 to 359, all that are held out", "sample ~/digits.yaml --task Digits --split eval --count 360 --out ~/x.npz" },
        { 2, "ParityMachine:1 to ParityMachine:1", "sample ~/good.yaml --task ParityMachine:2 --split train --out ~/x.npz" },
        { 2, "ParityMachine:1", "sample ~/good.yaml --task ParityMachine: --split train --out ~/x.npz" },
        { 2, "expected the folder of an image set", "data check ~/nowhere --data ~/folder" },
        { 2, "no images to check", "data check --data ~/folder" },
        { 2, "--data-seed", "sample ~/good.yaml --task ParityMachine --split eval --data-seed 2 --out ~/x.npz" },
        { 2, "--out", "sample ~/good.yaml --task ParityMachine --split train --out ''" },
        { 2, "either --task NAME or --network ID", "sample ~/good.yaml --task ParityMachine --network 00 --split train --out ~/x.npz" },
        { 2, "--network: found '00'", "sample ~/good.yaml --network 00 --split train --out ~/x.npz" },
        { 2, "there is no network '00'", "sample ~/zoo --network 00 --split train --out ~/x.npz" },
        { 2, "ZOO", "publish" },
        { 2, "--out", "publish ~/zoo" },
        { 2, "--subset", "publish ~/zoo --out ~/new --subset 0" },
        { 2, "--subset", "publish ~/zoo --out ~/new --subset 1,,2" },
        { 2, "--subset", "publish ~/zoo --out ~/new --subset 99999999999" },
        { 2, "expected none", "publish ~/zoo --out ~/new --subset 1" },
        { 2, "--author", "publish ~/zoo --out ~/new --author ''" },
        { 2, "--out", "unpack ~/archive.zip --out ''" },
        { 2, "--threads", "regrow ~/recipes.zip --out ~/new --threads 0" },
        { 2, "ZOO", "analyze ''" },
        { 2, "--out", "analyze ~/zoo --out ''" },
        { 2, "--permutations", "analyze ~/zoo --permutations -1" },
        { 2, "--trees", "analyze ~/zoo --trees 0" },
        { 2, "--threads", "quickstart --out ~/new --threads 0" },
        { 2, "--out", "quickstart --out ''" },
        { 2, "RESULT", "work ~/unit.json" },
        { 2, "RESULT", "work ~/unit.json ''" },
        { 2, "UNIT", "work '' ~/result" },
        { 2, "extra", "version extra" },
        { 2, "banana", "version --json=banana" },
        // A file behind an @ is an argument like any other, not more arguments.
        { 2, "@", "@~/good.yaml" },
        // Bad input.
        { 2, "~/nothing.yaml", "train ~/nothing.yaml --out ~/new" },
        { 2, "folder", "train ~/folder --out ~/new" },
        { 2, "empty", "train ~/empty --out ~/new" },
        { 2, "tabs.yaml", "train ~/tabs.yaml --out ~/new" },
        { 2, "batch", "train ~/typo.yaml --out ~/new" },
        { 2, "batch", "train ~/huge-value.yaml --out ~/new" },
        { 2, "deep.yaml", "train ~/deep.yaml --out ~/new" },
        { 2, "1 MiB", "train ~/long-line.yaml --out ~/new" },
        { 2, "UTF-8", "train ~/binary.yaml --out ~/new --dry-run" },
        { 2, "1 MiB", "train /dev/zero --out ~/new" },
        { 2, "another experiment", "train ~/snapshots.yaml --out ~/zoo" },
        { 2, "there is no such folder", "info ~/nothing" },
        { 2, "this is a file", "info ~/empty" },
        { 2, "zoo.json is missing", "info ~/folder" },
        { 2, "still growing", "verify ~/growing" },
        { 2, "~/short/weights/00000.safetensors", "info ~/short" },
        { 2, "~/corrupt/weights/00000.safetensors", "verify ~/corrupt --sample 0" },
        { 2, "~/table/checkpoints.csv", "info ~/table" },
        { 2, "~/manifest/zoo.json", "verify ~/manifest" },
        { 2, "networks.csv", "info ~/missing" },
        { 2, "newer weightspace", "info ~/newer" },
        { 2, "expected a file of a zoo", "verify ~/outside" },
        { 2, "there is no such folder", "analyze ~/nothing" },
        { 2, "there is no such folder", "publish ~/nothing --out ~/new" },
        { 2, "still growing", "publish ~/growing --out ~/new" },
        { 2, "there is a zoo in this folder", "publish ~/zoo --out ~/zoo" },
        { 2, "~/nothing.zip", "unpack ~/nothing.zip --out ~/new" },
        { 2, "~/zoo", "unpack ~/zoo --out ~/new" },
        { 2, "~/empty", "unpack ~/empty --out ~/new" },
        { 2, "does not begin as a zip archive", "unpack ~/good.yaml --out ~/new" },
        { 2, "there is no such file or folder", "regrow ~/nothing.zip --out ~/new" },
        { 2, "zoo.json is missing", "regrow ~/folder --out ~/new" },
        { 2, "~/empty", "regrow ~/empty --out ~/new" },
        { 2, "~/table/checkpoints.csv", "regrow ~/table --out ~/new" },
        { 2, "~/manifest/zoo.json", "regrow ~/manifest --out ~/new" },
        { 2, "newer weightspace", "regrow ~/newer --out ~/new" },
        { 2, "something else in this folder", "regrow ~/zoo --out ~/growing" },
        { 2, "~/corrupt/weights/00000.safetensors", "analyze ~/corrupt" },
        { 2, "~/nothing.json", "work ~/nothing.json ~/result" },
        { 2, "~/folder", "work ~/folder ~/result" },
        { 2, "~/empty", "work ~/empty ~/result" },
        { 2, "/dev/zero", "work /dev/zero ~/result" },
        { 2, "no recipes", "work ~/unit-empty.json ~/result" },
        { 2, "format_version", "work ~/unit-newer.json ~/result" },
        { 2, "recipe", "work ~/unit-recipe.json ~/result" },
        { 2, "~/unit-deep.json", "work ~/unit-deep.json ~/result" },
        { 2, "arithmetic", "work ~/unit-arithmetic.json ~/result" },
        { 2, "outputs", "work ~/unit-width.json ~/result" },
        { 2, "steps", "work ~/unit-steps.json ~/result" },
        // What cannot be written.
        { 1, "~/empty", "train ~/good.yaml --out ~/empty" },
        { 1, "~/empty", "quickstart --out ~/empty" },
        { 1, "/dev/null/zoo", "train ~/good.yaml --out /dev/null/zoo" },
        { 1, "/proc/zoo", "train ~/good.yaml --out /proc/zoo" },
        { 1, "/proc/x.npz", "sample ~/good.yaml --task ParityMachine --split train --out /proc/x.npz" },
        { 1, "~/folder", "sample ~/good.yaml --task ParityMachine --split train --out ~/folder" },
        { 1, "~/nowhere/x.npz", "sample ~/good.yaml --task ParityMachine --split train --out ~/nowhere/x.npz" },
        { 1, "/proc/result", "work ~/unit.json /proc/result" },
        { 1, "/proc/published", "publish ~/zoo --out /proc/published" },
        { 1, "/proc/zoo", "regrow ~/zoo --out /proc/zoo" },
        { 1, "~/full.npz", "sample ~/good.yaml --task ParityMachine --split train --out ~/full.npz" },
        { 1, "~/full-result", "work ~/unit.json ~/full-result" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void AnErrorIsAMessageAnExitCodeAndOneJsonDocument(int exitCode, string word, string line)
    {
        string[] arguments = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(argument => argument == "''" ? "" : InFolder(argument))];
        Spoken spoken = BuiltProgram.Run(["--json", .. arguments]);
        Assert.True(exitCode == spoken.ExitCode, spoken.ToString());
        JsonElement json = spoken.Json;
        Assert.Equal(["error", "exit_code"], json.EnumerateObject().Select(property => property.Name));
        Assert.Equal(exitCode, json.GetProperty("exit_code").GetInt32());
        string message = json.GetProperty("error").GetString()!;
        Assert.Contains(InFolder(word), message, StringComparison.Ordinal);
        Assert.Equal($"weightspace: {message}\n", spoken.Error);
        Assert.DoesNotContain("   at ", spoken.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", spoken.Error, StringComparison.Ordinal);
        Assert.False(Path.Exists(fixture["new"]) || Path.Exists(fixture["x.npz"]) || Path.Exists(fixture["result"]));
    }

    /// <summary>Wherever the disk is full while a zoo grows, the error names the file, and the same command finishes when there is room again.</summary>
    [Theory]
    [InlineData("full-plan", "work/plan.json")]
    [InlineData("full-unit", "work/units/000000.json")]
    [InlineData("full-work", "work/results/000000.safetensors")]
    [InlineData("full-shard", "weights/00000.safetensors")]
    [InlineData("full-table", "networks.csv")]
    [InlineData("full-manifest", "zoo.json")]
    public void AFullDiskLosesNothing(string zoo, string file)
    {
        Spoken full = BuiltProgram.Run("train", fixture["good.yaml"], "--out", fixture[zoo], "--json");
        Assert.True(full.ExitCode == 1, full.ToString());
        string message = full.Json.GetProperty("error").GetString()!;
        Assert.Contains(fixture[$"{zoo}/{file}"], message, StringComparison.Ordinal);
        Assert.Equal($"weightspace: {message}\n", full.Error);
        Assert.False(File.Exists(fixture[$"{zoo}/zoo.json"]));
        // The temporary file was removed, and the full device with it.
        BuiltProgram.Succeed("train", fixture["good.yaml"], "--out", fixture[zoo]);
        Assert.Equal(Folder.Digests(fixture["zoo"]), Folder.Digests(fixture[zoo]));
    }

    [Theory]
    [InlineData("frobnicate")]
    [InlineData("info ~/nothing")]
    [InlineData("train ~/good.yaml --out /proc/zoo")]
    public void WithoutJsonAnErrorLeavesStandardOutputEmpty(string line)
    {
        Spoken spoken = BuiltProgram.Run([.. line.Split(' ').Select(InFolder)]);
        Assert.NotEqual(0, spoken.ExitCode);
        Assert.Equal("", spoken.Output);
        Assert.StartsWith("weightspace: ", spoken.Error, StringComparison.Ordinal);
    }

    private string InFolder(string text) => text.Replace("~", fixture["."][..^2], StringComparison.Ordinal);
}
