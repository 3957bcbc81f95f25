using System.IO.Compression;
using WeightSpace.Engines.Local;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Zoos;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Tests.Engines;

/// <summary>From the recipe form the published zoo comes again byte for byte, or none comes.</summary>
public sealed class RegrowthTests : IDisposable
{
    private static readonly Experiment s_machines = Experiment.Parse("""
        experiment: machines
        tasks: [{machine: [ParityMachine, SimpleXORMachine], variant: [clean, modified], sequence: 6, modified: {key: [0x15A], inverted: 2, share: 0.3}}]
        architecture:
          - {name: recurrent, layers: [{lstm: 4}, {gru: 4}, {dense: 8}]}
          - {name: dense, layers: [{dense: 6}, layer_norm, tanh, {dropout: 0.2}, {dense: 8}]}
        training: {batch: 8, stop: {steps: 30, eval_loss: 0.02, check_every: 5}, checkpoints: {every: 10}, snapshots: {every: 20}, evaluation: {sequences: 16}}
        seeds: {init: 1..3}
        factor_list: [{optimizer: adam, learning_rate: 0.01}, {optimizer: sgd, learning_rate: 500}]
        """, "machines.yaml");

    private static readonly Experiment s_images = Experiment.Parse("""
        experiment: images
        tasks: digits
        architecture: {name: cnn, layers: [{conv: 2, kernel: 3, activation: relu}, batch_norm, max_pool, flatten, {dense: 10}]}
        training: {batch: 16, stop: {steps: 12}, checkpoints: {every: 6}, evaluation: {sequences: 32}}
        seeds: {init: 1..3}
        """, "images.yaml");

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheZooComesAgainByteForByte()
    {
        foreach (Experiment experiment in (Experiment[])[s_machines, s_images])
        {
            Publish(experiment, 2);
            foreach (string set in (string[])[experiment.Name, experiment.Name + "-2"])
            {
                RegrowthResult result = Regrow($"{experiment.Name}-published/{set}-recipes.zip", $"{set}-again");
                Assert.Equal((false, null, null), (result.WasComplete, result.Difference, result.File));
                ZooUnpacking.Unpack(_folder[$"{experiment.Name}-published/{set}.zip"], _folder[$"{set}-unpacked"], null, CancellationToken.None);
                Assert.Equal(Folder.Digests(_folder[$"{set}-unpacked"]), Folder.Digests(_folder[$"{set}-again"]));
            }
            Assert.Equal(Folder.Digests(_folder[experiment.Name]), Folder.Digests(_folder[$"{experiment.Name}-again"]));
            Assert.Empty(Directory.GetDirectories(_folder.Path, "*" + Regrowth.FolderSuffix));
        }
        // Networks that stopped early, that used their budget and that diverged are all among them.
        Assert.Equal(3, Zoo.Open(_folder["machines-again"]).Networks.Select(network => network.Reason.Split(' ')[0]).Distinct().Count());
    }

    [Fact]
    public void AFolderOfRecipesDoesAsWellAndAZooThatStandsIsNotTrainedAgain()
    {
        Publish(s_images, 2);
        ZipFile.ExtractToDirectory(_folder["images-published/images-2-recipes.zip"], _folder["unzipped"]);
        Assert.False(Regrow("unzipped/images-2-recipes", "again").WasComplete);
        SortedDictionary<string, string> digests = Folder.Digests(_folder["again"]);
        Assert.True(Regrow("unzipped/images-2-recipes", "again/").WasComplete);
        Assert.Equal(digests, Folder.Digests(_folder["again"]));
        Assert.Contains("another zoo", Assert.Throws<InputException>(() => Regrow("images-published/images-recipes.zip", "again")).Message, StringComparison.Ordinal);
        Assert.Contains("`weightspace unpack`", Assert.Throws<InputException>(() => Regrow("images-published/images.zip", "whole")).Message, StringComparison.Ordinal);
        Assert.Equal(digests, Folder.Digests(_folder["again"]));
        Assert.Empty(Directory.GetDirectories(_folder.Path, "*" + Regrowth.FolderSuffix));
    }

    [Fact]
    public void StoppedAnywhereTheSameCallFinishes()
    {
        Publish(s_images, 2);
        int stops = 0;
        for (int left = 1; ; left++)
        {
            using var stop = new CancellationTokenSource();
            int calls = left;
            void Count()
            {
                if (Interlocked.Decrement(ref calls) == 0)
                    stop.Cancel();
            }
            try
            {
                Regrowth.Regrow(_folder["images-published/images-recipes.zip"], _folder["again"], 2, 1, () => new Trainer(), TimeProvider.System, null, _ => Count(), (_, _) => Count(), stop.Token);
                break;
            }
            catch (OperationCanceledException)
            {
                stops++;
                Assert.False(Directory.Exists(_folder["again"]));
            }
        }
        Assert.True(stops >= 2, $"only {stops} stops");
        Assert.Equal(Folder.Digests(_folder["images"]), Folder.Digests(_folder["again"]));
        Assert.False(Directory.Exists(_folder["again" + Regrowth.FolderSuffix]));
    }

    /// <summary>What another release worded differently is taken as it was published.</summary>
    [Fact]
    public void TheCardAndTheProvenanceAreThosePublished()
    {
        Publish(s_images, 2);
        Unzip("images-published/images-recipes.zip");
        File.AppendAllText(_folder["recipes/README.md"], "\nWritten by another release.\n");
        Manifests.Update(_folder["recipes"], "README.md");
        Manifests.Change(_folder["recipes/zoo.json"], text => text.Replace("\"version\": \"", "\"version\": \"0.0.9-", StringComparison.Ordinal));
        Assert.Null(Regrow("recipes", "again").Difference);
        SortedDictionary<string, string> expected = Folder.Digests(_folder["images"]), again = Folder.Digests(_folder["again"]);
        Assert.Equal(["README.md", "zoo.json"], again.Where(file => expected[file.Key] != file.Value).Select(file => file.Key));
        Assert.All(Folder.Digests(_folder["recipes"]), file => Assert.Equal(file.Value, again[file.Key]));
    }

    /// <summary>The tables are changed and all digests made to match, so that only training tells.</summary>
    [Theory]
    [InlineData("digest", "the weights differ")]
    [InlineData("loss", "the losses differ")]
    [InlineData("status", "it ended as finished")]
    [InlineData("shard", null)]
    public void WhatIsNotThePublishedZooIsNotMade(string what, string? difference)
    {
        Publish(s_images, 2);
        Unzip("images-published/images-recipes.zip");
        string network = Zoo.OpenRecipes(_folder["recipes"]).Networks[1].Id;
        switch (what)
        {
            case "digest":
                ChangeRow("checkpoints.csv", $"{network},6,", row => row[..^1] + (row[^1] == '0' ? '1' : '0'));
                break;
            case "loss":
                ChangeRow("checkpoints.csv", $"{network},6,", row => string.Join(',', row.Split(',').Select((field, index) => index == 3 ? "0.5" : field)));
                break;
            case "status":
                ChangeRow("networks.csv", $"{network},", row => row.Replace("finished", "diverged", StringComparison.Ordinal));
                Manifests.Change(_folder["recipes/zoo.json"], text => text.Replace("\"finished\": 3,\n    \"diverged\": 0", "\"finished\": 2,\n    \"diverged\": 1", StringComparison.Ordinal));
                break;
            default:
                Manifests.Change(_folder["recipes/zoo.json"], text =>
                {
                    int at = text.LastIndexOf("\"sha256\": \"", StringComparison.Ordinal) + 11;
                    return text[..at] + (text[at] == '0' ? '1' : '0') + text[(at + 1)..];
                });
                break;
        }
        // Called again it says the same.
        for (int call = 0; call < 2; call++)
        {
            RegrowthResult result = Regrow("recipes", "again");
            if (difference is null)
            {
                Assert.Equal((null, "weights/00000.safetensors"), (result.Difference, result.File));
            }
            else
            {
                Assert.Equal((network, what == "status" ? 12 : 6), (result.Difference!.Network, result.Difference.Step));
                Assert.Contains(difference, result.Difference.What, StringComparison.Ordinal);
            }
            Assert.False(Directory.Exists(_folder["again"]));
        }
    }

    /// <summary>Training cannot repeat what made a network fail; its row says how far it was.</summary>
    [Fact]
    public void ANetworkThatFailedIsAsFarAsItWas()
    {
        Grow(s_images, "whole");
        Zoo whole = Zoo.Open(_folder["whole"]);
        NetworkResult[] results = [.. whole.Networks.Select(whole.ReadResult)];
        results[0] = results[0] with { Status = NetworkStatus.Failed, Reason = "out of memory", Steps = 8, TrainLoss = results[0].Checkpoints[1].TrainLoss, EvalLoss = null, Checkpoints = [.. results[0].Checkpoints.Take(2)] };
        results[2] = results[2] with { Status = NetworkStatus.Failed, Reason = "could not begin", Steps = 0, TrainLoss = null, EvalLoss = null, Checkpoints = [] };
        ZooWriter.Write(_folder["images"], s_images, results, null, CancellationToken.None);
        Pack(s_images, 2);
        Assert.Equal((null, null), (Regrow("images-published/images-recipes.zip", "again") is var result ? result.Difference : null, result.File));
        Assert.Equal(Folder.Digests(_folder["images"]), Folder.Digests(_folder["again"]));
    }

    [Fact]
    public void RecipesThatAreDamagedNewerOrOfAnotherArithmeticAreRefused()
    {
        Publish(s_images, 2);
        void Refused(string word)
        {
            var error = Assert.Throws<InputException>(() => Regrow("recipes", "again"));
            Assert.Contains(word, error.Message, StringComparison.Ordinal);
            Assert.StartsWith(_folder["recipes"], error.Message, StringComparison.Ordinal);
            Assert.Equal(["images", "images-published", "recipes"], Directory.GetDirectories(_folder.Path).Select(Path.GetFileName).Order());
        }
        void Fresh()
        {
            if (Directory.Exists(_folder["recipes"]))
                Directory.Delete(_folder["recipes"], recursive: true);
            Unzip("images-published/images-recipes.zip");
        }
        foreach (string file in (string[])["networks.csv", "checkpoints.csv", "README.md", "zoo.json"])
        {
            Fresh();
            byte[] bytes = File.ReadAllBytes(_folder[$"recipes/{file}"]);
            bytes[bytes.Length / 2] ^= 1;
            File.WriteAllBytes(_folder[$"recipes/{file}"], bytes);
            Refused(file);
            File.Delete(_folder[$"recipes/{file}"]);
            Refused(file);
        }
        Fresh();
        Manifests.Change(_folder["recipes/zoo.json"], text => text.Replace($"\"arithmetic\": {Recipe.Arithmetic}", $"\"arithmetic\": {Recipe.Arithmetic + 1}", StringComparison.Ordinal));
        Refused($"found recipes of arithmetic version {Recipe.Arithmetic + 1}, this program computes version {Recipe.Arithmetic}");
        Fresh();
        Manifests.Change(_folder["recipes/zoo.json"], text => text.Replace($"\"format_version\": {ZooManifest.SecondVersion}", $"\"format_version\": {ZooManifest.FormatVersion + 1}", StringComparison.Ordinal));
        Refused("use a newer weightspace");
        Assert.Contains("there is no such file or folder", Assert.Throws<InputException>(() => Regrow("nothing", "again")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherZooUnderTheSameNameIsLeftAlone()
    {
        Publish(s_images, 2);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Regrowth.Regrow(_folder["images-published/images-recipes.zip"], _folder["again"], 1, 1, () => new Trainer(), TimeProvider.System, null, _ => stop.Cancel(), null, stop.Token));
        Assert.Contains("another zoo", Assert.Throws<InputException>(() => Regrow("images-published/images-2-recipes.zip", "again")).Message, StringComparison.Ordinal);
        Assert.Null(Regrow("images-published/images-recipes.zip", "again").Difference);
        Assert.Equal(Folder.Digests(_folder["images"]), Folder.Digests(_folder["again"]));
    }

    private void Grow(Experiment experiment, string folder) =>
        LocalEngine.Grow(experiment, _folder[folder], 1, 4, () => new Trainer(), TimeProvider.System, null, CancellationToken.None);

    private void Publish(Experiment experiment, int subset)
    {
        Grow(experiment, experiment.Name);
        Pack(experiment, subset);
    }

    private void Pack(Experiment experiment, int subset) =>
        ZooPublication.Publish(_folder[experiment.Name], _folder[$"{experiment.Name}-published"], [subset], [], null, CancellationToken.None);

    private void Unzip(string archive)
    {
        ZipFile.ExtractToDirectory(_folder[archive], _folder["unzipped"]);
        Directory.Move(Directory.GetDirectories(_folder["unzipped"]).Single(), _folder["recipes"]);
        Directory.Delete(_folder["unzipped"]);
    }

    private void ChangeRow(string table, string begin, Func<string, string> change)
    {
        string[] rows = File.ReadAllText(_folder[$"recipes/{table}"]).Split('\n');
        int at = Array.FindIndex(rows, row => row.StartsWith(begin, StringComparison.Ordinal));
        rows[at] = change(rows[at]);
        File.WriteAllText(_folder[$"recipes/{table}"], string.Join('\n', rows));
        Manifests.Update(_folder["recipes"], table);
    }

    private RegrowthResult Regrow(string recipes, string folder) =>
        Regrowth.Regrow(_folder[recipes], _folder[folder], 2, 2, () => new Trainer(), TimeProvider.System, null, null, null, CancellationToken.None);
}
