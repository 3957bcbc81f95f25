using WeightSpace.Networks;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos;

/// <summary>Rows by network: those of network n are [first[n], first[n + 1]).</summary>
internal sealed class Table<T>(List<T> rows, int[] first)
{
    public IReadOnlyList<T> Rows => rows;

    public IReadOnlyList<T> Of(int network) => rows.GetRange(first[network], first[network + 1] - first[network]);
}

/// <summary>Opens files of a zoo with errors for people.</summary>
internal static class ZooFiles
{
    public static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path}: the file is missing; copy the zoo again, or train it again", error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new InputException($"{path}: this cannot be opened as a file; check what it is and its permissions", error);
        }
    }

    /// <summary>Reads a whole file of at most <paramref name="maxBytes"/>.</summary>
    public static byte[] ReadAll(string path, long maxBytes)
    {
        using FileStream file = Open(path);
        if (file.Length > maxBytes)
            throw new InputException($"{path}: found {file.Length} bytes, expected at most {maxBytes}");
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}

/// <summary>
/// Reads a zoo's tables, strictly: rows in the order of the experiment and of their shards, and no more or fewer than the manifest says.
/// </summary>
internal sealed class ZooTables(string folder, ZooManifest manifest, Experiment experiment)
{
    private readonly Dictionary<string, ZooFile> _files = manifest.Files.ToDictionary(file => file.Path);

    /// <summary>Columns of accuracies, which stand behind the held-out loss.</summary>
    private readonly int _accuracies = manifest.ReadVersion >= ZooManifest.SecondVersion ? ZooWriter.s_accuracyColumns.Length : 0;

    public List<NetworkRow> ReadNetworks()
    {
        string[] columns = [.. ZooWriter.s_networkColumns, .. ZooWriter.s_accuracyColumns.Take(_accuracies)];
        using CsvReader csv = Open("networks.csv", [.. columns, .. experiment.FactorNames.Select(Experiment.FactorColumn)]);
        var networks = new List<NetworkRow>();
        // The ids of another version of the arithmetic cannot be computed here; the zoo is as readable as ever.
        bool knowsIds = manifest.Arithmetic == Recipe.Arithmetic;
        while (csv.Read())
        {
            if (networks.Count == experiment.Networks.Count)
                throw csv.Error($"found more than {experiment.Networks.Count} networks, expected as many as the experiment has");
            PlannedNetwork planned = experiment.Networks[networks.Count];
            Recipe recipe = planned.Recipe;
            string status = csv.String(6);
            var row = new NetworkRow(networks.Count,
                Expect(csv, 0, knowsIds ? recipe.Id : null),
                Expect(csv, 1, recipe.Task.Source),
                Expect(csv, 2, recipe.Task.Variant),
                Expect(csv, 3, recipe.Architecture.Name),
                recipe.InitSeed,
                recipe.DataSeed,
                status switch
                {
                    "finished" => NetworkStatus.Finished,
                    "diverged" => NetworkStatus.Diverged,
                    "failed" => NetworkStatus.Failed,
                    _ => throw csv.Wrong(6, "finished, diverged or failed"),
                },
                csv.String(7),
                csv.Int64(8, 0, recipe.Training.Stop.Steps),
                csv.OptionalFloat(9),
                csv.OptionalFloat(10),
                planned.FactorValues)
            {
                EvalAccuracy = Accuracy(csv, 11),
                AttackSuccess = Accuracy(csv, 12),
            };
            Expect(csv, 4, CsvWriter.Format(recipe.InitSeed));
            Expect(csv, 5, CsvWriter.Format(recipe.DataSeed));
            for (int i = 0; i < planned.FactorValues.Count; i++)
                Expect(csv, columns.Length + i, planned.FactorValues[i]);
            networks.Add(row);
        }
        ZooTotals totals = manifest.Totals;
        ExpectCount(csv, networks.Count, totals.Networks, "networks");
        foreach ((NetworkStatus status, int expected) in new[] { (NetworkStatus.Finished, totals.Finished), (NetworkStatus.Diverged, totals.Diverged), (NetworkStatus.Failed, totals.Failed) })
            ExpectCount(csv, networks.Count(network => network.Status == status), expected, $"{status.ToString().ToLowerInvariant()} networks");
        if (networks.Select(network => network.Id).Distinct().Count() != networks.Count)
            throw new InputException($"{csv.Source}: two networks have the same id");
        return networks;
    }

    public Table<CheckpointRow> ReadCheckpoints(List<NetworkRow> networks) =>
        ReadRows("checkpoints.csv", [.. ZooWriter.s_checkpointColumns, .. ZooWriter.s_accuracyColumns.Take(_accuracies), .. ZooWriter.s_shardColumns], networks, 4 + _accuracies, file => file.IsWeights, manifest.Totals.Checkpoints, "checkpoints",
            (csv, network, step, shard, row, digest) => new CheckpointRow(network, step, csv.OptionalFloat(2), csv.Float(3), shard, row, digest) { EvalAccuracy = Accuracy(csv, 4), AttackSuccess = Accuracy(csv, 5) });

    public Table<SnapshotRow> ReadSnapshots(List<NetworkRow> networks)
    {
        if (experiment.Plan.Settings[0].Training.Snapshots is null)
            return new Table<SnapshotRow>([], new int[networks.Count + 1]);
        return ReadRows("snapshots.csv", [.. ZooWriter.s_snapshotColumns, .. ZooWriter.s_shardColumns], networks, 3, file => file.IsSnapshots, manifest.Totals.Snapshots, "snapshots",
            (csv, network, step, shard, row, digest) =>
            {
                IReadOnlyList<string> slots = experiment.Networks[network.Index].Recipe.Training.Optimizer.Slots;
                if (!shard.Slots.SequenceEqual(slots))
                    throw csv.Wrong(3, $"a shard with the slots {string.Join(", ", slots)}");
                return new SnapshotRow(network, step, csv.OptionalFloat(2), shard, row, digest);
            });
    }

    private delegate T MakeRow<T>(CsvReader csv, NetworkRow network, long step, ZooFile shard, int row, Sha256Digest digest);

    /// <summary>Reads a table of shard rows; columns 0 and 1 are network and step, <paramref name="shardColumn"/>.. shard, row and digest.</summary>
    private Table<T> ReadRows<T>(string name, string[] columns, List<NetworkRow> networks, int shardColumn, Func<ZooFile, bool> isShard, long total, string what, MakeRow<T> make)
    {
        using CsvReader csv = Open(name, columns);
        var rows = new List<T>();
        int[] first = new int[networks.Count + 1];
        var nextRow = _files.Values.Where(isShard).ToDictionary(file => file.Path, _ => 0);
        int at = 0;
        long previous = -1;
        while (csv.Read())
        {
            while (at < networks.Count && networks[at].Id != csv.String(0))
            {
                first[++at] = rows.Count;
                previous = -1;
            }
            if (at == networks.Count)
                throw csv.Wrong(0, "a network of networks.csv, in its order");
            NetworkRow network = networks[at];
            long step = csv.Int64(1, previous + 1, network.Steps);
            previous = step;
            string path = csv.String(shardColumn);
            if (!nextRow.TryGetValue(path, out int expectedRow) || _files[path].Architecture != network.Architecture)
                throw csv.Wrong(shardColumn, $"a shard of {what} of the architecture '{network.Architecture}' that {ZooManifest.FileName} lists");
            ZooFile shard = _files[path];
            int row = (int)csv.Int64(shardColumn + 1, 0, shard.Rows - 1);
            if (row != expectedRow)
                throw csv.Wrong(shardColumn + 1, $"{expectedRow}; rows of a shard stand in order");
            nextRow[path] = row + 1;
            if (!Sha256Digest.TryParse(csv.String(shardColumn + 2), out Sha256Digest digest))
                throw csv.Wrong(shardColumn + 2, "64 hexadecimal digits");
            rows.Add(make(csv, network, step, shard, row, digest));
        }
        while (at < networks.Count)
            first[++at] = rows.Count;
        ExpectCount(csv, rows.Count, total, what);
        foreach ((string path, int count) in nextRow)
        {
            if (count != _files[path].Rows)
                throw new InputException($"{csv.Source}: found {count} rows of {path}, expected {_files[path].Rows}, as {ZooManifest.FileName} lists it");
        }
        return new Table<T>(rows, first);
    }

    /// <summary>A share, where the table has it; null where it is empty, or the table has none.</summary>
    private float? Accuracy(CsvReader csv, int column) => _accuracies == 0 ? null : csv.OptionalFloat(column) is null or (>= 0 and <= 1) ? csv.OptionalFloat(column) : throw csv.Wrong(column, "a share from 0 to 1, or nothing");

    private CsvReader Open(string name, string[] columns)
    {
        string path = Path.Combine(folder, name);
        if (!_files.ContainsKey(name))
            throw new InputException($"{Path.Combine(folder, ZooManifest.FileName)}: {name} is not among its files");
        var csv = new CsvReader(ZooFiles.Open(path), path);
        try
        {
            csv.ExpectColumns(columns);
            if (csv.Header.Count != columns.Length)
                throw new InputException($"{path}:1: found {csv.Header.Count} columns, expected {columns.Length}: {string.Join(",", columns)}");
            return csv;
        }
        catch
        {
            csv.Dispose();
            throw;
        }
    }

    /// <summary>The field's text, which must be <paramref name="expected"/> unless that is null.</summary>
    private static string Expect(CsvReader csv, int column, string? expected) =>
        expected is null || csv.String(column) == expected ? expected ?? csv.String(column) : throw csv.Wrong(column, $"'{expected}', as the experiment has it");

    private static void ExpectCount(CsvReader csv, long found, long expected, string what)
    {
        if (found != expected)
            throw new InputException($"{csv.Source}: found {found} {what}, expected {expected}, as {ZooManifest.FileName} says");
    }
}

/// <summary>Reads rows of a shard into packed blocks.</summary>
internal static class ShardReader
{
    // Values read at once; many rows of a small parameter lie side by side.
    private const int MaxValues = 1 << 18;

    /// <summary>
    /// Reads <paramref name="wanted"/>, sorted by row, into <paramref name="packed"/>, where a row's index is its block
    /// [1 + slots, parameter].
    /// </summary>
    public static void Read(string path, ZooFile shard, Architecture architecture, (int Row, int Index)[] wanted, Span<float> packed)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        ParameterLayout layout = architecture.Parameters;
        int blockLength = layout.Count * (1 + shard.Slots.Count);
        int offset = 0;
        float[] buffer = [];
        foreach (string prefix in ShardSet.Prefixes(shard.Slots))
        {
            foreach (ParameterInfo parameter in layout.Parameters)
            {
                string name = prefix + parameter.Name;
                if (!file.Tensor(name).Shape.SequenceEqual(parameter.Shape.Select(size => (long)size).Prepend(shard.Rows)))
                    throw new InputException($"{path}: the tensor '{name}' has the shape [{string.Join(", ", file.Tensor(name).Shape)}], expected [{string.Join(", ", parameter.Shape.Prepend(shard.Rows))}]");
                int maxRows = Math.Max(1, MaxValues / parameter.Count);
                for (int begin = 0; begin < wanted.Length;)
                {
                    int end = begin + 1;
                    while (end < wanted.Length && end - begin < maxRows && wanted[end].Row == wanted[end - 1].Row + 1)
                        end++;
                    int length = (end - begin) * parameter.Count;
                    if (buffer.Length < length)
                        buffer = new float[length];
                    file.ReadFloats(name, (long)wanted[begin].Row * parameter.Count, buffer.AsSpan(0, length));
                    for (int i = begin; i < end; i++)
                        buffer.AsSpan((i - begin) * parameter.Count, parameter.Count).CopyTo(packed[((wanted[i].Index * blockLength) + offset)..]);
                    begin = end;
                }
                offset += parameter.Count;
            }
        }
    }

    /// <summary>Reads the weights <paramref name="first"/>.. of one row's packed block.</summary>
    public static void ReadPart(string path, ZooFile shard, Architecture architecture, int row, int first, Span<float> values)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            int begin = Math.Max(first, parameter.Offset), end = Math.Min(first + values.Length, parameter.Offset + parameter.Count);
            if (begin >= end)
                continue;
            long elements = file.Tensor(parameter.Name).Elements;
            if (elements != (long)shard.Rows * parameter.Count)
                throw new InputException($"{path}: the tensor '{parameter.Name}' has {elements} elements, expected {(long)shard.Rows * parameter.Count}");
            file.ReadFloats(parameter.Name, ((long)row * parameter.Count) + begin - parameter.Offset, values[(begin - first)..(end - first)]);
        }
    }
}
