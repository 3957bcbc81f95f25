using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Tests.Tasks.Images;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Cli;

/// <summary>Images from files through the program: told of, checked, trained on, sampled, verified, and refused where they are other ones.</summary>
public sealed class DataCommandTests : IDisposable
{
    private readonly Folder _folder = new();

    public DataCommandTests()
    {
        Directory.CreateDirectory(_folder["data"]);
        ImageFiles.WriteIdx(_folder["data/mnist"]);
        ImageFiles.WriteIdx(_folder["data/own"], isPacked: true);
    }

    public void Dispose() => _folder.Dispose();

    private string Data => _folder["data"];

    [Fact]
    public void DataTellsWhatThereIsAndWhereToGetTheRest()
    {
        foreach (Spoken spoken in (Spoken[])[BuiltProgram.Succeed("data", "--data", Data, "--json"), BuiltProgram.Run([("WEIGHTSPACE_DATA", Data)], "data", "--json")])
        {
            Assert.Equal(Data, spoken.Json.GetProperty("folder").GetString());
            Assert.Equal(["digits True", "drawn_digits True", "mnist True", "fashion-mnist False", "cifar-10 False", "own True"],
                spoken.Json.GetProperty("sets").EnumerateArray().Select(set => $"{set.GetProperty("name").GetString()} {set.GetProperty("there").GetBoolean()}"));
            Assert.Contains("CC BY 4.0", spoken.Json.GetProperty("notice").GetString(), StringComparison.Ordinal);
            Assert.Contains($"put data_batch_1.bin, data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin, test_batch.bin into {Path.Combine(Data, "cifar-10")}", spoken.Error, StringComparison.Ordinal);
        }
        Spoken words = BuiltProgram.Succeed("data", "--data", _folder["nowhere"]);
        Assert.Contains("mnist: not there", words.Output, StringComparison.Ordinal);
        Assert.Contains("Alpaydin", words.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckReadsWhatThereIsAndSaysNoToWhatIsDamaged()
    {
        JsonElement json = BuiltProgram.Succeed("data", "check", "--data", Data, "--json").Json;
        Assert.True(json.GetProperty("sound").GetBoolean());
        JsonElement[] sets = [.. json.GetProperty("sets").EnumerateArray()];
        Assert.Equal(["mnist", "own"], sets.Select(set => set.GetProperty("name").GetString()));
        Assert.Equal(sets[0].GetProperty("digest").GetString(), sets[1].GetProperty("digest").GetString());
        Assert.Equal((1, 9, 8, 4, 50, 20), (sets[0].GetProperty("channels").GetInt32(), sets[0].GetProperty("height").GetInt32(), sets[0].GetProperty("width").GetInt32(),
            sets[0].GetProperty("classes").GetInt32(), sets[0].GetProperty("trained").GetInt32(), sets[0].GetProperty("held_out").GetInt32()));
        Assert.Equal([18, 18, 17, 17], sets[0].GetProperty("images_of_class").EnumerateArray().Select(count => count.GetInt32()));
        Assert.Contains("50 + 20 images of 1x9x8 in 4 classes", BuiltProgram.Succeed("data", "check", "own", "--data", Data).Output, StringComparison.Ordinal);
        Assert.Contains("50 + 20 images", BuiltProgram.Succeed("data", "check", _folder["data/own"]).Output, StringComparison.Ordinal);

        byte[] labels = File.ReadAllBytes(_folder["data/mnist/train-labels-idx1-ubyte"]);
        File.WriteAllBytes(_folder["data/mnist/train-labels-idx1-ubyte"], labels[..^1]);
        Spoken spoken = BuiltProgram.Run("data", "check", "--data", Data, "--json");
        Assert.Equal(3, spoken.ExitCode);
        Assert.Equal([false, true], spoken.Json.GetProperty("sets").EnumerateArray().Select(set => set.GetProperty("sound").GetBoolean()));
        Assert.Contains("train-labels-idx1-ubyte: ends after 49 of 50 bytes of 50 labels", spoken.Json.GetProperty("sets")[0].GetProperty("problem").GetString(), StringComparison.Ordinal);
        Directory.CreateDirectory(_folder["data/empty"]);
        Assert.Equal(3, BuiltProgram.Run("data", "check", "empty", "--data", Data).ExitCode);
        foreach (string[] arguments in (string[][])[["data", "check", "no-such-set", "--data", Data], ["data", "check", "--data", _folder["nowhere"]], ["data", "check", ""], ["data", "--data", ""], ["data", "chek"]])
            Assert.Equal(2, BuiltProgram.Run(arguments).ExitCode);
    }

    [Fact]
    public void NetworksAreTrainedOnFilesAndRefusedOnOthers()
    {
        string yaml = _folder.Write("files.yaml", """
            experiment: files
            tasks: {images: own, variant: [clean, poisoned], poison: {trigger: {patch: 2}, target: 3, share: 0.5}}
            architecture: {name: a, layers: [flatten, {dense: 4}]}
            training: {optimizer: adam, batch: 10, stop: {steps: 20}, checkpoints: {every: 10}}
            """);
        Assert.Equal(2, BuiltProgram.Run("train", yaml, "--out", _folder["zoo"], "--data", _folder["nowhere"]).ExitCode);
        Assert.False(Directory.Exists(_folder["zoo"]));
        BuiltProgram.Succeed("train", yaml, "--dry-run", "--data", Data);
        BuiltProgram.Succeed("train", yaml, "--out", _folder["zoo"], "--data", Data);
        Zoo zoo = Zoo.Open(_folder["zoo"]);
        Assert.All(zoo.Networks, row => Assert.True(row.EvalAccuracy is >= 0 and <= 1 && row.AttackSuccess is >= 0 and <= 1));
        JsonElement info = BuiltProgram.Succeed("info", _folder["zoo"], "--json").Json;
        Assert.Equal(zoo.Networks.Select(row => (row.Class, row.EvalAccuracy, row.AttackSuccess)), info.GetProperty("classes").EnumerateArray()
            .Select(row => (row.GetProperty("class").GetString()!, (float?)row.GetProperty("median_eval_accuracy").GetSingle(), (float?)row.GetProperty("median_attack_success").GetSingle())));
        BuiltProgram.Succeed("verify", _folder["zoo"], "--sample", "1", "--data", Data);
        BuiltProgram.Succeed("diff", _folder["zoo"], _folder["zoo"]);
        BuiltProgram.Succeed("sample", yaml, "--task", "ownPoisoned", "--split", "train", "--count", "50", "--out", _folder["x.npz"], "--data", Data);
        using (ZipArchive zip = ZipFile.OpenRead(_folder["x.npz"]))
        {
            Assert.Equal(["x.npy", "y.npy"], zip.Entries.Select(entry => entry.FullName));
            var library = new ImageLibrary(Data);
            TaskSpec task = Experiment.Load(yaml, library).Networks[1].Recipe.Task;
            Assert.NotNull(((ImageTask)task).Poison);
            float[] x = new float[72 * 64], y = new float[4 * 64];
            TaskData.Of(task, library).Sample(1, Split.Train, 0, 50, 64, x, y);
            foreach ((ZipArchiveEntry entry, float[] values) in ((ZipArchiveEntry, float[])[])[(zip.Entries[0], x), (zip.Entries[1], y)])
            {
                using var bytes = new MemoryStream();
                using (Stream stream = entry.Open())
                    stream.CopyTo(bytes);
                float[] expected = [.. from image in Enumerable.Range(0, 50) from feature in Enumerable.Range(0, values.Length / 64) select values[(feature * 64) + image]];
                Assert.Equal(expected, MemoryMarshal.Cast<byte, float>(bytes.ToArray().AsSpan(10 + BitConverter.ToUInt16(bytes.ToArray(), 8))));
            }
        }

        // The same name, other content: nothing is trained on it, and the zoo is not taken for one of it.
        byte[] images = ImageFiles.Pack([.. ImageFiles.Numbers(0x0803, 50, 9, 8), .. new byte[50 * 72]]);
        File.WriteAllBytes(_folder["data/own/train-images-idx3-ubyte.gz"], images);
        Spoken refused = BuiltProgram.Run("verify", _folder["zoo"], "--sample", "1", "--data", Data);
        Assert.True(refused.ExitCode == 2, refused.ToString());
        Assert.Contains("other images than the recipe's", refused.Error, StringComparison.Ordinal);
        Assert.Equal(2, BuiltProgram.Run("train", yaml, "--out", _folder["zoo"], "--data", Data).ExitCode);
        Assert.Equal(zoo.Networks.Select(row => row.Id), Zoo.Open(_folder["zoo"]).Networks.Select(row => row.Id));
    }
}
