using System.Security.Cryptography;
using WeightSpace.Networks;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Zoos;

/// <summary>
/// A zoo on disk. Opening one holds its tables against its manifest, its experiment and the sizes of its files, and reads no weights. Everything
/// wrong is an <see cref="InputException"/> naming the file. Several threads may read at once.
/// </summary>
public sealed class Zoo
{
    private readonly Dictionary<string, Architecture> _architectures;
    private readonly Dictionary<string, int> _networkIndex;
    private readonly Table<CheckpointRow> _checkpoints;
    private readonly Table<SnapshotRow> _snapshots;

    private Zoo(string folder, ZooManifest manifest, Experiment experiment, IReadOnlyList<NetworkRow> networks, Table<CheckpointRow> checkpoints, Table<SnapshotRow> snapshots)
    {
        (Folder, Manifest, Experiment, Networks, _checkpoints, _snapshots) = (folder, manifest, experiment, networks, checkpoints, snapshots);
        _architectures = manifest.Architectures.ToDictionary(architecture => architecture.Name);
        _networkIndex = networks.ToDictionary(network => network.Id, network => network.Index);
    }

    public string Folder { get; }

    public ZooManifest Manifest { get; }

    /// <summary>The experiment that the zoo was grown from, read from the manifest; in a subset, with the networks of the subset.</summary>
    public Experiment Experiment { get; }

    /// <summary>In the order of the experiment.</summary>
    public IReadOnlyList<NetworkRow> Networks { get; }

    /// <summary>By network in their order, then by step.</summary>
    public IReadOnlyList<CheckpointRow> Checkpoints => _checkpoints.Rows;

    /// <summary>By network in their order, then by step; empty in a zoo without snapshots.</summary>
    public IReadOnlyList<SnapshotRow> Snapshots => _snapshots.Rows;

    /// <summary>A network's trajectory, by step.</summary>
    public IReadOnlyList<CheckpointRow> CheckpointsOf(string networkId) => _checkpoints.Of(IndexOf(networkId));

    /// <summary>A network's snapshots, by step.</summary>
    public IReadOnlyList<SnapshotRow> SnapshotsOf(string networkId) => _snapshots.Of(IndexOf(networkId));

    public NetworkRow Network(string networkId) => Networks[IndexOf(networkId)];

    public Architecture ArchitectureOf(NetworkRow network) => _architectures[network.Architecture];

    /// <summary>Opens a zoo's folder.</summary>
    public static Zoo Open(string folder) => Open(folder, withWeights: true);

    /// <summary>
    /// Opens a zoo of which only the recipe form is needed: <c>zoo.json</c>, tables and card, all of them with their digests checked. There need be no shards,
    /// and none can be read.
    /// </summary>
    public static Zoo OpenRecipes(string folder)
    {
        Zoo zoo = Open(folder, withWeights: false);
        foreach (ZooFile file in zoo.Manifest.Files.Where(file => !file.IsShard))
            CheckDigest(folder, file, default);
        return zoo;
    }

    private static Zoo Open(string folder, bool withWeights)
    {
        (ZooManifest manifest, Experiment experiment) = OpenManifest(folder, withWeights);
        var tables = new ZooTables(folder, manifest, experiment);
        List<NetworkRow> networks = tables.ReadNetworks();
        Table<CheckpointRow> checkpoints = tables.ReadCheckpoints(networks);
        Table<SnapshotRow> snapshots = tables.ReadSnapshots(networks);
        CheckTables(folder, manifest);
        return new Zoo(folder, manifest, experiment, networks, checkpoints, snapshots);
    }

    /// <summary>
    /// A zoo's manifest, held against its experiment, the sizes of its files and the digests of its tables: all of opening one but reading the tables, so
    /// it takes no more memory for more networks.
    /// </summary>
    public static ZooManifest ReadManifest(string folder)
    {
        ZooManifest manifest = OpenManifest(folder, withWeights: true).Manifest;
        CheckTables(folder, manifest);
        return manifest;
    }

    /// <summary>A folder's manifest with its bytes; nothing else in the folder is looked at.</summary>
    public static (ZooManifest Manifest, byte[] Bytes) ReadManifestAlone(string folder)
    {
        string path = Path.Combine(folder, ZooManifest.FileName);
        if (!File.Exists(path))
            throw Missing(folder);
        byte[] bytes = ZooFiles.ReadAll(path, ZooManifest.MaxBytes);
        return (ZooManifest.Read(bytes, path), bytes);
    }

    private static (ZooManifest Manifest, Experiment Experiment) OpenManifest(string folder, bool withWeights)
    {
        string manifestPath = Path.Combine(folder, ZooManifest.FileName);
        ZooManifest manifest = ReadManifestAlone(folder).Manifest;
        Experiment experiment = ExperimentOf(manifest, manifestPath);
        CheckExperiment(manifest, experiment, manifestPath);
        foreach (ZooFile file in manifest.Files.Where(file => withWeights || !file.IsShard))
            CheckSize(folder, file);
        return (manifest, experiment);
    }

    /// <summary>The manifest's experiment, or the subset of it that the zoo holds.</summary>
    private static Experiment ExperimentOf(ZooManifest manifest, string path)
    {
        Experiment experiment = Experiment.Parse(manifest.Experiment, $"{path} (experiment)", new ImageCatalog(manifest.ImageSets));
        try
        {
            return manifest.NetworksPerClass is { } count ? experiment.Subset(count) : experiment;
        }
        catch (InputException error)
        {
            throw new InputException($"{path}: subset: {error.Message}", error);
        }
    }

    private static void CheckTables(string folder, ZooManifest manifest)
    {
        foreach (ZooFile file in manifest.Files.Where(file => file.Path.EndsWith(".csv", StringComparison.Ordinal)))
            CheckDigest(folder, file, default);
    }

    /// <summary>Reads one checkpoint's weights into <paramref name="weights"/> [parameter] and checks their digest.</summary>
    public void ReadWeights(CheckpointRow row, Span<float> weights) => ReadWeights([row], weights);

    /// <summary>
    /// Reads the weights of checkpoints of one architecture into <paramref name="weights"/> [checkpoint, parameter], each shard once and in its own
    /// order, and checks every digest. Throws <see cref="InputException"/> naming shard, network and step where one does not match.
    /// </summary>
    public void ReadWeights(IReadOnlyList<CheckpointRow> rows, Span<float> weights)
    {
        if (rows.Count == 0)
            return;
        Architecture architecture = ArchitectureOf(rows[0].Network);
        int count = architecture.Parameters.Count;
        if (rows.Any(row => row.Network.Architecture != architecture.Name))
            throw new ArgumentException("the checkpoints are of several architectures; read each by itself", nameof(rows));
        if (weights.Length != (long)rows.Count * count)
            throw new ArgumentException($"weights holds {weights.Length} values, [checkpoint {rows.Count}, parameter {count}] was expected", nameof(weights));
        foreach (IGrouping<ZooFile, int> group in Enumerable.Range(0, rows.Count).GroupBy(index => rows[index].Shard))
        {
            (int Row, int Index)[] wanted = [.. group.Select(index => (rows[index].Row, index)).Order()];
            ShardReader.Read(Path.Combine(Folder, group.Key.Path), group.Key, architecture, wanted, weights);
            foreach ((_, int index) in wanted)
                CheckDigest(Sha256Digest.Of(weights.Slice(index * count, count)), rows[index].Digest, group.Key, rows[index].Network, rows[index].Step);
        }
    }

    /// <summary>Reads values <paramref name="first"/>.. of one checkpoint's packed block as they stand in the shard: the digest is of the whole, and is not checked.</summary>
    internal void ReadPart(CheckpointRow row, int first, Span<float> values) =>
        ShardReader.ReadPart(Path.Combine(Folder, row.Shard.Path), row.Shard, ArchitectureOf(row.Network), row.Row, first, values);

    /// <summary>Reads a snapshot and checks its digest.</summary>
    public Snapshot ReadSnapshot(SnapshotRow row)
    {
        Architecture architecture = ArchitectureOf(row.Network);
        int count = architecture.Parameters.Count;
        float[] packed = new float[checked(count * (1 + row.Shard.Slots.Count))];
        ShardReader.Read(Path.Combine(Folder, row.Shard.Path), row.Shard, architecture, [(row.Row, 0)], packed);
        CheckDigest(Sha256Digest.Of(packed), row.Digest, row.Shard, row.Network, row.Step);
        return new Snapshot(row.Step, row.TrainLoss, packed[..count], packed[count..]);
    }

    /// <summary>Reads all of a network back as it was trained, and checks every digest.</summary>
    public NetworkResult ReadResult(NetworkRow network)
    {
        IReadOnlyList<CheckpointRow> rows = CheckpointsOf(network.Id);
        int count = ArchitectureOf(network).Parameters.Count;
        float[] weights = new float[checked(rows.Count * count)];
        ReadWeights(rows, weights);
        return new NetworkResult(network.Id, network.Status, network.Reason, network.Steps, network.TrainLoss, network.EvalLoss,
            [.. rows.Select((row, index) => new Checkpoint(row.Step, row.TrainLoss, row.EvalLoss, weights[(index * count)..((index + 1) * count)]) { EvalAccuracy = row.EvalAccuracy, AttackSuccess = row.AttackSuccess })],
            [.. SnapshotsOf(network.Id).Select(ReadSnapshot)]) { EvalAccuracy = network.EvalAccuracy, AttackSuccess = network.AttackSuccess };
    }

    /// <summary>
    /// Reads every byte of the zoo and checks every digest: that of each file, then that of each checkpoint and snapshot.
    /// <paramref name="progress"/> is told the bytes read so far. Throws <see cref="InputException"/> at the first that does not match.
    /// </summary>
    public void CheckDigests(Action<long>? progress, CancellationToken stop)
    {
        long done = 0;
        foreach (ZooFile file in Manifest.Files)
        {
            CheckDigest(Folder, file, stop);
            progress?.Invoke(done += file.Bytes);
        }
        foreach (IGrouping<string, CheckpointRow> ofArchitecture in Checkpoints.GroupBy(row => row.Network.Architecture))
        {
            int count = _architectures[ofArchitecture.Key].Parameters.Count;
            foreach (CheckpointRow[] batch in ofArchitecture.Chunk(Math.Max(1, (1 << 22) / count)))
            {
                stop.ThrowIfCancellationRequested();
                ReadWeights(batch, new float[batch.Length * count]);
                progress?.Invoke(done += 4L * batch.Length * count);
            }
        }
        foreach (SnapshotRow row in Snapshots)
        {
            stop.ThrowIfCancellationRequested();
            Snapshot snapshot = ReadSnapshot(row);
            progress?.Invoke(done += 4L * (snapshot.Weights.Length + snapshot.OptimizerState.Length));
        }
    }

    private int IndexOf(string networkId) => _networkIndex.TryGetValue(networkId, out int index) ? index
        : throw new InputException($"{Folder}: there is no network '{networkId}' in this zoo; networks.csv lists their ids");

    private static InputException Missing(string folder)
    {
        if (File.Exists(folder))
            return new InputException($"{folder}: this is a file; a zoo's folder was expected");
        if (!Directory.Exists(folder))
            return new InputException($"{folder}: there is no such folder; a zoo's folder was expected");
        if (Directory.Exists(Path.Combine(folder, "work")))
            return new InputException($"{folder}: this zoo is still growing (there is work/ and no {ZooManifest.FileName}); run the same `weightspace train` again to finish it");
        return new InputException($"{folder}: {ZooManifest.FileName} is missing; this is no zoo, or only a part of one was copied");
    }

    private static void CheckExperiment(ZooManifest manifest, Experiment experiment, string path)
    {
        bool matches = experiment.Name == manifest.Name && experiment.Description == manifest.Description && experiment.Licence == manifest.Licence
            && experiment.Architectures.Count == manifest.Architectures.Count
            && experiment.Architectures.Zip(manifest.Architectures).All(pair => pair.First.Name == pair.Second.Name && pair.First.Layers.SequenceEqual(pair.Second.Layers));
        if (!matches)
            throw new InputException($"{path}: its name, description, licence or architectures are not those of its experiment");
        if (manifest.Totals.Networks != experiment.Networks.Count)
            throw new InputException($"{path}: found {manifest.Totals.Networks} networks in totals, expected {experiment.Networks.Count}, as the experiment has{(manifest.NetworksPerClass is null ? "" : " in this subset")}");
        string? twice = manifest.Files.GroupBy(file => file.Path).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null)
            throw new InputException($"{path}: the file {twice} is listed twice");
        foreach (ZooFile shard in manifest.Files.Where(file => file.Architecture is not null))
        {
            if (manifest.Architectures.All(architecture => architecture.Name != shard.Architecture))
                throw new InputException($"{path}: {shard.Path} is of the architecture '{shard.Architecture}', which the zoo has not");
            // One byte of a file for each number, before anything is allocated for its rows.
            Architecture known = manifest.Architectures.First(architecture => architecture.Name == shard.Architecture);
            if (shard.Slots.Count > 8 || shard.Bytes / 4 / known.Parameters.Count < (long)shard.Rows * (1 + shard.Slots.Count))
                throw new InputException($"{path}: {shard.Path} is said to hold {shard.Rows} rows of {known.Parameters.Count} weights in {shard.Bytes} bytes, which is too few");
        }
    }

    private static void CheckSize(string folder, ZooFile file)
    {
        string path = Path.Combine(folder, file.Path);
        var info = new FileInfo(path);
        if (!info.Exists && file.IsShard && !Directory.Exists(Path.GetDirectoryName(path)))
            throw new InputException($"{folder}: this zoo has no {Path.GetDirectoryName(file.Path)}/, though {ZooManifest.FileName} lists {file.Path}: it is the recipe form of a zoo, or only a part of one was copied; `weightspace regrow {folder} --out ZOO` trains its weights again");
        if (!info.Exists)
            throw new InputException($"{path}: the file is missing, though {ZooManifest.FileName} lists it; copy the zoo again, or train it again");
        if (info.Length != file.Bytes)
            throw new InputException($"{path}: found {info.Length} bytes, expected {file.Bytes}, as {ZooManifest.FileName} lists it; copy the zoo again, or train it again");
    }

    private static void CheckDigest(string folder, ZooFile file, CancellationToken stop)
    {
        string path = Path.Combine(folder, file.Path);
        using FileStream stream = ZooFiles.Open(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 20];
        for (int count; (count = stream.Read(buffer)) > 0;)
        {
            stop.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, count);
        }
        if (Convert.ToHexStringLower(hash.GetCurrentHash()) != file.Sha256)
            throw new InputException($"{path}: its SHA-256 is not the one in {ZooManifest.FileName}; it was changed or damaged after the zoo was written; copy it again, or train it again");
    }

    private void CheckDigest(Sha256Digest found, Sha256Digest expected, ZooFile shard, NetworkRow network, long step)
    {
        if (found != expected)
            throw new InputException($"{Path.Combine(Folder, shard.Path)}: network {network.Id}, step {step}: the weights do not match their digest (found {found}, expected {expected}); the shard was changed or damaged after the zoo was written");
    }
}
