using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using WeightSpace.Tasks.Images;
using WeightSpace.Tests.Conformance;
using WeightSpace.Tests.Tasks.Images;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos;

public sealed class ZooTests
{
    [Fact]
    public void AZooReadsBackAsItWasWritten()
    {
        using TestZoo test = TestZoo.Written();
        Zoo zoo = Zoo.Open(test.Folder);
        NetworkResult[] results = [.. TestZoo.Results(TestZoo.Experiment)];
        Assert.Equal(64, results.Length);
        Assert.Equal(results.Length, zoo.Networks.Count);
        Assert.Equal((62, 1, 1), (zoo.Manifest.Totals.Finished, zoo.Manifest.Totals.Diverged, zoo.Manifest.Totals.Failed));
        Assert.Equal(TestZoo.Yaml, zoo.Experiment.Text);
        for (int i = 0; i < results.Length; i++)
        {
            (NetworkResult result, NetworkRow row) = (results[i], zoo.Networks[i]);
            Assert.Equal((result.Id, result.Status, result.Reason, result.Steps, result.TrainLoss, result.EvalLoss), (row.Id, row.Status, row.Reason, row.Steps, row.TrainLoss, row.EvalLoss));
            Assert.Equal((result.EvalAccuracy, result.AttackSuccess), (row.EvalAccuracy, row.AttackSuccess));
            Assert.Equal(TestZoo.Experiment.Networks[i].Recipe.Task.Name, row.Class);
            IReadOnlyList<CheckpointRow> checkpoints = zoo.CheckpointsOf(result.Id);
            Assert.Equal(result.Checkpoints.Select(c => (c.Step, c.TrainLoss, c.EvalLoss, c.EvalAccuracy, c.AttackSuccess)), checkpoints.Select(c => (c.Step, c.TrainLoss, c.EvalLoss, c.EvalAccuracy, c.AttackSuccess)));
            for (int c = 0; c < checkpoints.Count; c++)
            {
                float[] weights = new float[zoo.ArchitectureOf(row).Parameters.Count];
                zoo.ReadWeights(checkpoints[c], weights);
                Assert.Equal(result.Checkpoints[c].Weights, weights);
            }
            IReadOnlyList<SnapshotRow> snapshots = zoo.SnapshotsOf(result.Id);
            Assert.Equal(result.Snapshots.Count, snapshots.Count);
            for (int s = 0; s < snapshots.Count; s++)
            {
                Snapshot read = zoo.ReadSnapshot(snapshots[s]);
                Assert.Equal((result.Snapshots[s].Step, result.Snapshots[s].TrainLoss), (read.Step, read.TrainLoss));
                Assert.Equal(result.Snapshots[s].Weights, read.Weights);
                Assert.Equal(result.Snapshots[s].OptimizerState, read.OptimizerState);
            }
        }
        long progress = 0;
        zoo.CheckDigests(done => progress = done, CancellationToken.None);
        Assert.True(progress > zoo.Manifest.Files.Sum(file => file.Bytes));
    }

    [Fact]
    public void ManyCheckpointsAreReadInTheOrderAsked()
    {
        using TestZoo test = TestZoo.Written();
        Zoo zoo = Zoo.Open(test.Folder);
        foreach (string architecture in (string[])["mlds", "tiny"])
        {
            // Backwards, with gaps and one twice.
            CheckpointRow[] rows = [.. zoo.Checkpoints.Where(row => row.Network.Architecture == architecture).Reverse().Where((_, index) => index % 3 != 1)];
            rows = [.. rows, rows[0]];
            int count = zoo.ArchitectureOf(rows[0].Network).Parameters.Count;
            float[] all = new float[rows.Length * count], one = new float[count];
            zoo.ReadWeights(rows, all);
            for (int i = 0; i < rows.Length; i++)
            {
                zoo.ReadWeights(rows[i], one);
                Assert.Equal(one, all[(i * count)..((i + 1) * count)]);
            }
        }
    }

    [Fact]
    public void TheSameResultsGiveTheSameBytes()
    {
        using TestZoo first = TestZoo.Written(), second = TestZoo.Written();
        string[] files = [.. Directory.GetFiles(first.Folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(first.Folder, path)).Order()];
        Assert.Equal(files, Directory.GetFiles(second.Folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(second.Folder, path)).Order());
        Assert.Contains("snapshots.csv", files);
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(first[file]), File.ReadAllBytes(second[file])));
        Assert.Equal(files.Length - 1, Zoo.Open(first.Folder).Manifest.Files.Count);
    }

    [Fact]
    public void ShardsDependOnTheExperimentAlone()
    {
        string yaml = """
            experiment: shards
            tasks: [{machine: ParityMachine, sequence: 8}]
            architecture: {name: wide, layers: [{dense: 1024}, {dense: 1024}, {dense: 8}]}
            training: {stop: {steps: 4}, checkpoints: {every: 1}}
            seeds: {init: 1..7}
            """;
        Experiment experiment = Experiment.Parse(yaml, "shards.yaml");
        using var test = new TestZoo();
        // 1,068,040 weights: 3 networks of 5 checkpoints fill 64 MiB; the fifth network fails, and the shards stay as they are.
        ZooWriter.Write(test.Folder, experiment, TestZoo.Results(experiment), null, CancellationToken.None);
        Zoo zoo = Zoo.Open(test.Folder);
        int[][] networks = [.. zoo.Checkpoints.GroupBy(row => row.Shard.Path).OrderBy(group => group.Key).Select(group => group.Select(row => row.Network.Index).Distinct().ToArray())];
        Assert.Equal([[0, 1, 2], [3, 5], [6]], networks);
        Assert.All(zoo.Manifest.Files.Where(file => file.IsWeights), file => Assert.InRange(file.Bytes, 1, ZooWriter.ShardBytes + 4096));
    }

    [Fact]
    public void AZooThatStandsIsNotOverwritten()
    {
        using TestZoo test = TestZoo.Written();
        byte[] before = SHA256.HashData(File.ReadAllBytes(test["zoo.json"]));
        var error = Assert.Throws<InputException>(() => ZooWriter.Write(test.Folder, TestZoo.Experiment, TestZoo.Results(TestZoo.Experiment), null, CancellationToken.None));
        Assert.Contains("already", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(test["zoo.json"])));
    }

    [Fact]
    public void StoppedOrShortOfResultsNothingHalfIsLeft()
    {
        using var test = new TestZoo();
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => ZooWriter.Write(test.Folder, TestZoo.Experiment, TestZoo.Results(TestZoo.Experiment), done =>
        {
            if (done == 40)
                stop.Cancel();
        }, stop.Token));
        Assert.Throws<InputException>(() => ZooWriter.Write(test.Folder, TestZoo.Experiment, TestZoo.Results(TestZoo.Experiment).Take(63), null, CancellationToken.None));
        Assert.Throws<InputException>(() => ZooWriter.Write(test.Folder, TestZoo.Experiment, TestZoo.Results(TestZoo.Experiment).Append(TestZoo.Results(TestZoo.Experiment).First()), null, CancellationToken.None));
        Assert.Throws<InputException>(() => ZooWriter.Write(test.Folder, TestZoo.Experiment, TestZoo.Results(TestZoo.Experiment).Reverse(), null, CancellationToken.None));
        Assert.Empty(Directory.GetFiles(test.Folder));
        Assert.DoesNotContain(Directory.GetFiles(test.Folder, "*", SearchOption.AllDirectories), path => path.EndsWith(".tmp", StringComparison.Ordinal));
        ZooWriter.Write(test.Folder, TestZoo.Experiment, TestZoo.Results(TestZoo.Experiment), null, CancellationToken.None);
        Zoo.Open(test.Folder).CheckDigests(null, CancellationToken.None);
    }

    [Fact]
    public void AZooOfImagesReadsBackWithItsRunningStatistics()
    {
        const string yaml = """
            experiment: images
            tasks: digits
            architecture: {name: small, layers: [{conv: 2, kernel: 3, activation: relu}, batch_norm, max_pool, flatten, {dropout: 0.5}, {dense: 10}]}
            training: {optimizer: {name: rmsprop, momentum: 0.9}, schedule: cosine, stop: {steps: 20}, checkpoints: {every: 10}, snapshots: {every: 20}}
            seeds: {init: 1..3}
            factors: {loss: [cross_entropy, mse], dropout: [0, 0.5]}
            """;
        Experiment experiment = Experiment.Parse(yaml, "images.yaml");
        using var test = new TestZoo();
        ZooWriter.Write(test.Folder, experiment, TestZoo.Results(experiment), null, CancellationToken.None);
        Zoo zoo = Zoo.Open(test.Folder);
        Assert.Equal(["small-dropout0", "small"], zoo.Manifest.Architectures.Select(architecture => architecture.Name));
        Assert.Equal(["0.weight", "0.bias", "2.weight", "2.bias", "6.weight", "6.bias", "2.running_mean", "2.running_var"],
            zoo.Manifest.Architectures[0].Parameters.Parameters.Select(parameter => parameter.Name));
        NetworkResult[] results = [.. TestZoo.Results(experiment)];
        for (int i = 0; i < results.Length; i++)
        {
            Assert.Equal("Digits", zoo.Networks[i].Class);
            foreach ((Checkpoint written, CheckpointRow row) in results[i].Checkpoints.Zip(zoo.CheckpointsOf(results[i].Id)))
            {
                float[] weights = new float[written.Weights.Length];
                zoo.ReadWeights(row, weights);
                Assert.Equal(written.Weights, weights);
            }
            foreach ((Snapshot written, SnapshotRow row) in results[i].Snapshots.Zip(zoo.SnapshotsOf(results[i].Id)))
                Assert.Equal(written.OptimizerState, zoo.ReadSnapshot(row).OptimizerState);
        }
        // Each architecture's networks stand together, so each has one shard of weights and one of snapshots.
        Assert.Equal(4, zoo.Manifest.Files.Count(file => file.Architecture is not null));
        string card = File.ReadAllText(test["README.md"]);
        Assert.Contains("weights (conv 3x3 1x8x8\u20132x6x6 relu batch_norm, max_pool 2x2, flatten dropout 0.5, dense 18\u201310)", card, StringComparison.Ordinal);
        Assert.Contains("`cross_entropy`, `mse`, averaged over samples,", card, StringComparison.Ordinal);
        Assert.DoesNotContain("EightBitMachine", card, StringComparison.Ordinal);
        zoo.CheckDigests(null, CancellationToken.None);
    }

    /// <summary>A zoo as it was written before there were subsets and accuracies: without their key and columns, and with a manifest that says so.</summary>
    [Fact]
    public void AZooOfFormatVersion1IsReadAsBefore()
    {
        using TestZoo test = TestZoo.Written();
        Zoo now = Zoo.Open(test.Folder);
        foreach ((string name, int column) in ((string, int)[])[("networks.csv", 11), ("checkpoints.csv", 4)])
        {
            File.WriteAllText(test[name], WithoutColumns(File.ReadAllText(test[name]), column, 2));
            Manifests.Update(test.Folder, name);
        }
        Manifests.Change(test["zoo.json"], text => text.Replace("\"format_version\": 2", "\"format_version\": 1", StringComparison.Ordinal).Replace("  \"subset\": null,\n", "", StringComparison.Ordinal));

        Zoo old = Zoo.Open(test.Folder);
        Assert.Equal(now.Networks.Select(row => (row.Id, row.Status, row.EvalLoss, string.Join(' ', row.Factors))), old.Networks.Select(row => (row.Id, row.Status, row.EvalLoss, string.Join(' ', row.Factors))));
        Assert.Equal(now.Checkpoints.Select(row => (row.Network.Id, row.Step, row.EvalLoss, row.Shard.Path, row.Row, row.Digest)), old.Checkpoints.Select(row => (row.Network.Id, row.Step, row.EvalLoss, row.Shard.Path, row.Row, row.Digest)));
        Assert.Null(old.Manifest.NetworksPerClass);
        Assert.All(old.Networks, row => Assert.Equal((null, null), (row.EvalAccuracy, row.AttackSuccess)));
        Assert.All(old.Checkpoints, row => Assert.Equal((null, null), (row.EvalAccuracy, row.AttackSuccess)));
        old.CheckDigests(null, CancellationToken.None);
    }

    /// <summary>A table without some columns; none of its fields before them holds a comma but the reason, which is quoted.</summary>
    private static string WithoutColumns(string csv, int first, int count)
    {
        var text = new StringBuilder();
        int column = 0;
        bool isQuoted = false;
        foreach (char letter in csv)
        {
            isQuoted ^= letter == '"';
            bool isEnd = letter is ',' or '\n' && !isQuoted;
            if (letter == '\n' && !isQuoted)
                text.Append(letter);
            else if (isEnd ? column + 1 < first || column + 1 >= first + count : column < first || column >= first + count)
                text.Append(letter);
            column = !isEnd ? column : letter == '\n' ? 0 : column + 1;
        }
        return text.ToString();
    }

    /// <summary>The manifest says what the images were, so a zoo is read where they are not.</summary>
    [Fact]
    public void AZooOfImagesFromFilesIsReadWithoutTheFiles()
    {
        using var test = new TestZoo();
        ImageFiles.WriteIdx(test["data/set"]);
        const string yaml = "experiment: e\ntasks: {images: set, variant: [clean, poisoned]}\narchitecture: {name: a, layers: [flatten, {dense: 4}]}\ntraining: {stop: {steps: 5}}\n";
        Experiment experiment = Experiment.Parse(yaml, "e.yaml", new ImageLibrary(test["data"]));
        ZooWriter.Write(test["zoo"], experiment, TestZoo.Results(experiment), null, CancellationToken.None);
        Directory.Delete(test["data"], recursive: true);
        Zoo zoo = Zoo.Open(test["zoo"]);
        Assert.Equal(experiment.ImageSets, zoo.Manifest.ImageSets);
        Assert.Equal(experiment.Networks.Select(network => network.Recipe.Id), zoo.Experiment.Networks.Select(network => network.Recipe.Id));
        Assert.Equal(["set", "setPoisoned"], zoo.Networks.Select(row => row.Class));
        Assert.Contains("A poisoned network sees the images of its clean twin", File.ReadAllText(test["zoo/README.md"]), StringComparison.Ordinal);
        Assert.Contains("no such folder", Assert.Throws<InputException>(() => TaskSources.Open(zoo.Experiment.Networks[0].Recipe.Task, new ImageLibrary(test["data"]))).Message, StringComparison.Ordinal);
        // A manifest that names no set, or another one, is no manifest of this experiment's networks.
        string manifest = File.ReadAllText(test["zoo/zoo.json"]);
        Assert.Contains("\"name\": \"set\"", manifest, StringComparison.Ordinal);
        foreach ((string find, string replace, string named) in ((string, string, string)[])[("\"name\": \"set\"", "\"name\": \"sea\"", "not among the manifest's images"), (experiment.ImageSets[0].Digest, new string('0', 64), "as the experiment has it")])
        {
            byte[] json = Encoding.UTF8.GetBytes(manifest.Replace(find, replace, StringComparison.Ordinal));
            Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(json.AsSpan(..^68)))).CopyTo(json, json.Length - 68);
            File.WriteAllBytes(test["zoo/zoo.json"], json);
            Assert.Contains(named, Assert.Throws<InputException>(() => Zoo.Open(test["zoo"])).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TheCardsSnippetReadsTheZooWithNumPyAlone()
    {
        using TestZoo test = TestZoo.Written();
        string card = File.ReadAllText(test["README.md"]);
        string snippet = Regex.Match(card, "```python\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "formats.md"));
        Assert.Contains(snippet, docs, StringComparison.Ordinal);

        string output = DebianPython.RunCode(snippet, test.Folder);
        Assert.Equal("EightBitMachine 30 {'0.weight_ih_l0': (6, 9), '0.weight_hh_l0': (6, 2), '0.bias_ih_l0': (6,), '0.bias_hh_l0': (6,), '1.weight': (8, 2), '1.bias': (8,)}\n", output);
    }
}
