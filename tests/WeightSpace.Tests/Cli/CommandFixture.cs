using WeightSpace.Engines;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Cli;

/// <summary>What the tests of the commands share: a zoo that was trained by the program, and everything hostile beside it.</summary>
public sealed class CommandFixture : IDisposable
{
    public const string Yaml = """
        experiment: commands
        licence: CC0-1.0
        tasks: [{machine: [ParityMachine, EightBitMachine], variant: [clean, modified], sequence: 12}]
        architecture: [mlds, {name: small, layers: [{gru: 5}, {dense: 8}]}]
        training:
          optimizer: {learning_rate: 0.003, momentum: 0.9}
          batch: 20
          stop: {steps: 100}
          checkpoints: {every: 30}
          evaluation: {sequences: 40, seed: 3}
        factors: {optimizer: [adam, sgd]}
        """;

    private readonly Folder _folder = new();

    public CommandFixture()
    {
        _folder.Write("good.yaml", Yaml);
        _folder.Write("snapshots.yaml", Yaml.Replace("  batch: 20", "  snapshots: {every: 40}\n  batch: 20", StringComparison.Ordinal));
        _folder.Write("long.yaml", Yaml.Replace("steps: 100", "steps: 100000", StringComparison.Ordinal).Replace("every: 30", "every: 50000", StringComparison.Ordinal));
        _folder.Write("digits.yaml", """
            experiment: digits
            tasks: digits
            architecture: {name: own, layers: [flatten, {dense: 10}]}
            training: {optimizer: adam, batch: 64, stop: {steps: 10}}
            seeds: {init: 1}
            """);
        Trained = BuiltProgram.Run("train", this["good.yaml"], "--out", this["zoo"], "--json");
        WriteHostileFiles();
    }

    /// <summary>What training the zoo said.</summary>
    internal Spoken Trained { get; }

    public string this[string name] => _folder[name];

    public void Dispose() => _folder.Dispose();

    /// <summary>A copy of the zoo under another name.</summary>
    public string CopyZoo(string name)
    {
        foreach (string file in Directory.GetFiles(this["zoo"], "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(this[name], Path.GetRelativePath(this["zoo"], file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        return this[name];
    }

    private void WriteHostileFiles()
    {
        _folder.Write("empty", "");
        _folder.Write("tabs.yaml", "experiment: x\n\ttasks: []\n");
        _folder.Write("typo.yaml", Yaml.Replace("batch:", "bach:", StringComparison.Ordinal));
        _folder.Write("huge-value.yaml", Yaml.Replace("batch: 20", "batch: 99999999999999999999", StringComparison.Ordinal));
        _folder.Write("deep.yaml", "experiment: " + new string('[', 100_000));
        _folder.Write("long-line.yaml", "experiment: x # " + new string('y', 2 << 20));
        File.WriteAllBytes(this["binary.yaml"], [0x80, 0xFF, 0x00, 0xC3]);
        Directory.CreateDirectory(this["folder"]);
        Directory.CreateDirectory(this["growing/work"]);

        CopyZoo("corrupt");
        Flip(this["corrupt/weights/00000.safetensors"]);
        CopyZoo("short");
        byte[] shard = File.ReadAllBytes(this["short/weights/00000.safetensors"]);
        File.WriteAllBytes(this["short/weights/00000.safetensors"], shard[..^1]);
        CopyZoo("table");
        Flip(this["table/checkpoints.csv"]);
        CopyZoo("manifest");
        Flip(this["manifest/zoo.json"]);
        CopyZoo("missing");
        File.Delete(this["missing/networks.csv"]);
        CopyZoo("newer");
        Manifests.Change(this["newer/zoo.json"], text => text.Replace("\"format_version\": 2", "\"format_version\": 4", StringComparison.Ordinal));
        CopyZoo("outside");
        Manifests.Change(this["outside/zoo.json"], text => text.Replace("weights/00000.safetensors", "weights/../../../../../etc/passwd", StringComparison.Ordinal));

        _folder.Write("unit-empty.json", """{"format":"weightspace-unit","format_version":1,"recipes":[]}""");
        _folder.Write("unit-newer.json", """{"format":"weightspace-unit","format_version":2,"recipes":[]}""");
        _folder.Write("unit-recipe.json", """{"format":"weightspace-unit","format_version":1,"recipes":[{"arithmetic":1}]}""");
        _folder.Write("unit-deep.json", new string('[', 100_000));
        Experiment experiment = Experiment.Parse(Yaml, "good.yaml");
        WorkUnit.Write(this["unit.json"], [experiment.Networks[^1].Recipe]);
        string text = File.ReadAllText(this["unit.json"]);
        _folder.Write("unit-arithmetic.json", text.Replace($"\"arithmetic\":{Recipe.Arithmetic}", "\"arithmetic\":1", StringComparison.Ordinal));
        _folder.Write("unit-width.json", text.Replace("\"outputs\":5", "\"outputs\":2000000000", StringComparison.Ordinal));
        _folder.Write("unit-steps.json", text.Replace("\"steps\":100", "\"steps\":1e300", StringComparison.Ordinal));

        // What is written to these temporary files finds the disk full.
        FillDisk("full.npz");
        FillDisk("full-result");
        FillDisk("full-plan/work/plan.json");
        FillDisk("full-unit/work/units/000000.json");
        FillDisk("full-work/work/results/000000.safetensors");
        FillDisk("full-shard/weights/00000.safetensors");
        FillDisk("full-table/networks.csv");
        FillDisk("full-manifest/zoo.json");
    }

    private void FillDisk(string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.CreateSymbolicLink(this[name] + ".tmp", "/dev/full");
    }

    private static void Flip(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^10] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
