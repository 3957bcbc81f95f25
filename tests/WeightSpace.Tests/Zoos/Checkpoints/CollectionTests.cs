using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Conformance;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Checkpoints.Collections;

namespace WeightSpace.Tests.Zoos.Checkpoints;

public sealed class CollectionTests(CheckpointFileTests.Saved saved) : IClassFixture<CheckpointFileTests.Saved>, IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ACollectionHoldsWhatTheFilesHold()
    {
        ImportResult result = CollectionImport.Import(saved.Folder, _folder["collection"], CheckpointOptions.Auto, null, CancellationToken.None);
        using CheckpointSet files = Open(saved.Folder), collection = Open(_folder["collection"]);
        Assert.Equal((CheckpointSource.Files, CheckpointSource.Collection), (files.Source, collection.Source));
        Assert.Equal(files.Refusals, collection.Refusals);
        Assert.Equal(files.Groups.Select(group => group.Name), collection.Groups.Select(group => group.Name));
        Assert.Equal(files.Groups.Sum(group => group.Items.Count), result.Groups.Sum(group => group.Checkpoints));
        foreach ((ICheckpointGroup expected, ICheckpointGroup found) in files.Groups.Zip(collection.Groups))
        {
            Assert.Equal(expected.Tensors.Select(tensor => (tensor.Name, tensor.Offset)), found.Tensors.Select(tensor => (tensor.Name, tensor.Offset)));
            for (int item = 0; item < expected.Items.Count; item++)
            {
                Assert.Equal((expected.Items[item].Name, expected.Items[item].Network, expected.Items[item].Step), (found.Items[item].Name, found.Items[item].Network, found.Items[item].Step));
                Assert.Equal(expected.Items[item].Metadata.Where(pair => pair.Value.Length > 0).OrderBy(pair => pair.Key, StringComparer.Ordinal), found.Items[item].Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal));
                float[] a = new float[expected.Count], b = new float[expected.Count];
                expected.Read(item, 0, a);
                found.Read(item, 0, b);
                Assert.Equal(a.Select(BitConverter.SingleToUInt32Bits), b.Select(BitConverter.SingleToUInt32Bits));
                found.Read(item, a.Length / 2, b.AsSpan(0, a.Length / 3));
                Assert.True(a.AsSpan(a.Length / 2, a.Length / 3).SequenceEqual(b.AsSpan(0, a.Length / 3)) || a.Any(float.IsNaN));
            }
        }
        Assert.False(Directory.Exists(_folder["collection"] + CollectionImport.FolderSuffix));
        Assert.Equal(["README.md", "checkpoints.csv", "collection.json", "weights"], Directory.GetFileSystemEntries(_folder["collection"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        // Again, it is there; of other files, or with something else in its place, it is refused.
        Assert.True(CollectionImport.Import(saved.Folder, _folder["collection"], CheckpointOptions.Auto, null, CancellationToken.None).WasComplete);
        Assert.Contains("other files", Assert.Throws<InputException>(() => CollectionImport.Import(saved["state.pt"], _folder["collection"], CheckpointOptions.Auto, null, CancellationToken.None)).Message, StringComparison.Ordinal);
        Assert.Contains("already", Assert.Throws<InputException>(() => CollectionImport.Import(_folder["collection"], _folder["x"], CheckpointOptions.Auto, null, CancellationToken.None)).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(_folder["other/things"]);
        Assert.Contains("something else", Assert.Throws<InputException>(() => CollectionImport.Import(saved["state.pt"], _folder["other"], CheckpointOptions.Auto, null, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AStoppedImportGoesOnAndComesOutTheSame()
    {
        CollectionImport.Import(saved.Folder, _folder["whole"], CheckpointOptions.Auto, null, CancellationToken.None);
        SortedDictionary<string, string> whole = Folder.Digests(_folder["whole"]);
        for (int after = 1; after < 1000; after *= 3)
        {
            using var stop = new CancellationTokenSource();
            int calls = 0;
            try
            {
                CollectionImport.Import(saved.Folder, _folder["stopped"], CheckpointOptions.Auto, done =>
                {
                    if (done.IsBytes && ++calls == after)
                        stop.Cancel();
                }, stop.Token);
                break;
            }
            catch (OperationCanceledException)
            {
                Assert.False(Directory.Exists(_folder["stopped"]));
                // What a crash may leave: half a file, and a shard of something else.
                File.WriteAllText(_folder["stopped.importing/weights/00001.safetensors.tmp"], "half");
                File.WriteAllText(_folder["stopped.importing/weights/99999.safetensors"], "of something else");
                File.WriteAllText(_folder["stopped.importing/work/00000.json"], "{\"stamp\":");
            }
        }
        Assert.Equal(whole, Folder.Digests(_folder["stopped"]));
    }

    [Fact]
    public void AFileThatCannotBeReadToItsEndIsRefusedAndTheOthersStay()
    {
        Directory.CreateDirectory(_folder["in"]);
        foreach (int step in (int[])[1, 2, 3])
            File.Copy(saved["packed.npz"], _folder[$"in/m_{step}.npz"]);
        // Damage in the middle of the compressed numbers, which only reading finds.
        byte[] bytes = File.ReadAllBytes(_folder["in/m_2.npz"]);
        int at = bytes.AsSpan().IndexOf("b.c.npy"u8);
        bytes.AsSpan(at + 150, 40).Fill(0xFF);
        File.WriteAllBytes(_folder["in/m_2.npz"], bytes);
        ImportResult result = CollectionImport.Import(_folder["in"], _folder["out"], CheckpointOptions.Auto, null, CancellationToken.None);
        Assert.Equal("m_2.npz", Assert.Single(result.Refused).Path);
        using CheckpointSet set = Open(_folder["out"]);
        Assert.Equal([1L, 3], set.Groups[0].Items.Select(item => item.Step!.Value));
        set.Groups[0].Read(1, 0, new float[set.Groups[0].Count]);
    }

    [Fact]
    public void ADamagedCollectionIsRefused()
    {
        string good = _folder["good"];
        Directory.CreateDirectory(_folder["in"]);
        File.Copy(saved["state.pt"], _folder["in/net_1.pt"]);
        File.Copy(saved["state.pt"], _folder["in/net_2.pt"]);
        CollectionImport.Import(_folder["in"], good, CheckpointOptions.Auto, null, CancellationToken.None);
        void Damaged(string file, Func<byte[], byte[]> change, string named)
        {
            string copy = _folder["copy"];
            if (Directory.Exists(copy))
                Directory.Delete(copy, recursive: true);
            foreach (string from in Directory.GetFiles(good, "*", SearchOption.AllDirectories))
            {
                string to = Path.Combine(copy, Path.GetRelativePath(good, from));
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.Copy(from, to);
            }
            File.WriteAllBytes(Path.Combine(copy, file), change(File.ReadAllBytes(Path.Combine(copy, file))));
            var error = Assert.Throws<InputException>(() =>
            {
                using CheckpointSet set = Open(copy);
                set.Groups[0].Read(1, 0, new float[set.Groups[0].Count]);
            });
            Assert.Contains(copy, error.Message, StringComparison.Ordinal);
            Assert.Contains(named, error.Message, StringComparison.Ordinal);
        }
        static byte[] Flip(byte[] bytes, int at)
        {
            bytes[at] ^= 1;
            return bytes;
        }
        Damaged("collection.json", bytes => Flip(bytes, 400), "digest");
        Damaged("collection.json", bytes => bytes[..200], "sound manifest");
        Damaged("collection.json", _ => [], "sound manifest");
        Damaged("collection.json", _ => "[1]"u8.ToArray(), "sound manifest");
        Damaged("checkpoints.csv", bytes => Flip(bytes, bytes.Length - 20), "SHA-256");
        Damaged("checkpoints.csv", bytes => bytes[..^1], "bytes, expected");
        Damaged("weights/00000.safetensors", bytes => Flip(bytes, bytes.Length - 2), "digest");
        Damaged("weights/00000.safetensors", bytes => bytes[..^4], "bytes, expected");
        Damaged("weights/00000.safetensors", bytes => Flip(bytes, 20), "");
        byte[] manifest = File.ReadAllBytes(Path.Combine(good, "collection.json"));
        Assert.Contains("weights/00000.safetensors", System.Text.Encoding.UTF8.GetString(manifest), StringComparison.Ordinal);
    }

    [Fact]
    public void TheMatrixOfTheSmallCnnZooIsRead()
    {
        DebianPython.RunCode("""
            import gzip, numpy as np
            weights = np.arange(6 * 7, dtype=np.float32).reshape(6, 7)
            np.save("weights.npy", weights)
            open("layout.csv", "w").write('varname,start_idx,end_idx,size,shape\nsequential/conv2d/bias:0,0,1,1,"(1,)"\nsequential/conv2d/kernel:0,1,7,6,"(2, 3)"\n')
            rows = ["dir/a,20,0.5", "dir/a,0,0.1", "dir/a,86,0.9", "dir/b,0,0.1", "dir/b,20,0.4", "dir/b,86,0.8"]
            gzip.open("metrics.csv.gz", "wt").write("modeldir,step,test_accuracy\n" + "\n".join(rows) + "\n")
            """, _folder.Path);
        using CheckpointSet set = Open(_folder.Path);
        Assert.Equal(CheckpointSource.Matrix, set.Source);
        ICheckpointGroup group = set.Groups[0];
        Assert.Equal([("sequential/conv2d/bias:0", 0L), ("sequential/conv2d/kernel:0", 1L)], group.Tensors.Select(tensor => (tensor.Name, tensor.Offset)));
        Assert.Equal(["dir/a 0", "dir/a 20", "dir/a 86", "dir/b 0", "dir/b 20", "dir/b 86"], group.Items.Select(item => $"{item.Network} {item.Step}"));
        Assert.Equal("0.9", group.Items[2].Metadata["test_accuracy"]);
        float[] values = new float[3];
        group.Read(0, 4, values);
        Assert.Equal([11f, 12, 13], values);
        ImportResult result = CollectionImport.Import(_folder.Path, _folder["out"], CheckpointOptions.Auto, null, CancellationToken.None);
        Assert.Equal(("group-1", 6, 2, 7L), Assert.Single(result.Groups));
        File.WriteAllBytes(_folder["metrics.csv.gz"], File.ReadAllBytes(_folder["metrics.csv.gz"])[..40]);
        Assert.Throws<InputException>(() => Open(_folder.Path));
        File.Delete(_folder["metrics.csv.gz"]);
        using CheckpointSet without = Open(_folder.Path);
        Assert.Null(without.Groups[0].Items[0].Step);
        foreach (string layout in (string[])["varname,start_idx,end_idx,shape\na,0,7,\"(2, 3)\"\n", "varname,start_idx,end_idx,shape\na,1,7,\"(2, 3)\"\n", "varname,start_idx,end_idx,shape\na,0,6,\"(2, 3)\"\n", "name\na\n", "varname,start_idx,end_idx,shape\na,0,7,\"(99999999999, 99999999999)\"\n"])
        {
            File.WriteAllText(_folder["layout.csv"], layout);
            Assert.Contains("layout.csv", Assert.Throws<InputException>(() => Open(_folder.Path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void RayTunesFoldersHaveWhatWasMeasured()
    {
        foreach (int epoch in (int[])[1, 2])
        {
            string folder = _folder[$"NN_tune_trainable_7/checkpoint_{epoch:D6}"];
            Directory.CreateDirectory(folder);
            File.Copy(saved["state.pt"], Path.Combine(folder, "checkpoints"));
        }
        _folder.Write("NN_tune_trainable_7/result.json", "{\"training_iteration\": 1, \"test_acc\": 0.5, \"hostname\": \"x\", \"config\": {\"lr\": 0.1, \"deep\": {\"a\": 1}}}\n{\"training_iteration\": 2, \"test_acc\": 0.75}\n");
        using CheckpointSet set = Open(_folder.Path);
        Assert.Empty(set.Refusals);
        CheckpointItem[] items = [.. set.Groups[0].Items];
        Assert.Equal([("NN_tune_trainable_7", (long?)1, "0.5"), ("NN_tune_trainable_7", 2, "0.75")], items.Select(item => (item.Network, item.Step, item.Metadata["test_acc"])));
        Assert.Equal(["config.lr", "test_acc", "training_iteration"], items[0].Metadata.Keys.Order(StringComparer.Ordinal));
        _folder.Write("NN_tune_trainable_7/result.json", "{\"training_iteration\": ");
        using CheckpointSet damaged = Open(_folder.Path);
        Assert.Equal("NN_tune_trainable_7/result.json", Assert.Single(damaged.Refusals).Path);
        Assert.Equal(2, damaged.Groups[0].Items.Count);
    }

    private static CheckpointSet Open(string path) => CheckpointSet.Open(path, null, null, CancellationToken.None);
}
