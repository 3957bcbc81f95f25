using WeightSpace.Networks;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Zoos;

/// <summary>
/// Writes a zoo. Every file comes under its name only when it is whole, and <c>zoo.json</c> comes last: a folder with a <c>zoo.json</c> is a complete
/// zoo. The same results give the same bytes.
/// </summary>
public static class ZooWriter
{
    /// <summary>A shard of networks that leave all their checkpoints has at most about so many bytes (one network at least).</summary>
    public const long ShardBytes = 1L << 26;

    // Each table's columns, in this order: its own, accuracies where it has them, where a row's weights stand.
    internal static readonly string[] s_networkColumns = ["id", "task", "variant", "architecture", "init_seed", "data_seed", "status", "reason", "steps", "train_loss", "eval_loss"];
    internal static readonly string[] s_checkpointColumns = ["network", "step", "train_loss", "eval_loss"];
    internal static readonly string[] s_snapshotColumns = ["network", "step", "train_loss"];
    internal static readonly string[] s_accuracyColumns = ["eval_accuracy", "attack_success"];
    internal static readonly string[] s_changeColumns = ["parent"];
    internal static readonly string[] s_shardColumns = ["shard", "row", "digest"];

    /// <summary>
    /// Writes the results of every network of an experiment, in its order, into a folder, which is made where it is missing. Memory holds the
    /// results of one shard at a time. <paramref name="progress"/> is told the networks done so far. Throws <see cref="InputException"/> when a zoo stands
    /// there or a result does not fit its recipe, <see cref="IOException"/> when the folder cannot be written.
    /// </summary>
    public static void Write(string folder, Experiment experiment, IEnumerable<NetworkResult> resultsInOrder, Action<long>? progress, CancellationToken stop)
    {
        string manifestPath = Path.Combine(folder, ZooManifest.FileName);
        if (File.Exists(manifestPath))
            throw new InputException($"{folder}: there is a zoo already ({ZooManifest.FileName}); choose another folder, or remove that one");
        bool hasSnapshots = experiment.Plan.Settings[0].Training.Snapshots is not null, hasChanges = experiment.HasChanges;
        ZooFolder.Make(Path.Combine(folder, "weights"));
        if (hasSnapshots)
            ZooFolder.Make(Path.Combine(folder, "snapshots"));

        using var weights = new ShardSet(folder, "weights", (architecture, _) => NetworksPerShard(experiment, architecture, null));
        using var snapshots = new ShardSet(folder, "snapshots", (architecture, slots) => NetworksPerShard(experiment, architecture, slots));
        var counts = new Counts();
        var files = new List<ZooFile>();

        void WriteNetworks(CsvWriter checkpointTable, CsvWriter? snapshotTable) =>
            WriteTable(folder, "networks.csv", [.. s_networkColumns, .. s_accuracyColumns, .. hasChanges ? s_changeColumns : [], .. experiment.FactorNames.Select(Experiment.FactorColumn)], files, networkTable =>
            {
                using IEnumerator<NetworkResult> results = resultsInOrder.GetEnumerator();
                foreach (PlannedNetwork planned in experiment.Networks)
                {
                    stop.ThrowIfCancellationRequested();
                    NetworkResult result = results.MoveNext() ? results.Current
                        : throw new InputException($"{folder}: found {counts.Networks} results, expected {experiment.Networks.Count}, one for each network of the experiment");
                    Check(result, planned.Recipe);
                    WriteNetwork(networkTable, planned, result, !hasChanges ? [] : [planned.Recipe.Parent?.Id ?? ""]);
                    WriteCheckpoints(checkpointTable, weights.For(planned.Recipe.Architecture, []), result);
                    if (snapshotTable is not null)
                        WriteSnapshots(snapshotTable, snapshots.For(planned.Recipe.Architecture, planned.Recipe.Training.Optimizer.Slots), result);
                    counts.Add(planned.Recipe, result);
                    progress?.Invoke(counts.Networks);
                }
                if (results.MoveNext())
                    throw new InputException($"{folder}: found more results than the {experiment.Networks.Count} networks of the experiment");
                weights.Finish();
                snapshots.Finish();
            });

        WriteTable(folder, "checkpoints.csv", [.. s_checkpointColumns, .. s_accuracyColumns, .. s_shardColumns], files, checkpointTable =>
        {
            if (hasSnapshots)
                WriteTable(folder, "snapshots.csv", [.. s_snapshotColumns, .. s_shardColumns], files, snapshotTable => WriteNetworks(checkpointTable, snapshotTable));
            else
                WriteNetworks(checkpointTable, null);
        });
        string version = typeof(ZooWriter).Assembly.GetName().Version!.ToString(3);
        ZooTotals totals = counts.Totals();
        byte[] card = ZooCard.Write(experiment, totals, counts.ByClass, version);
        Record(files, "README.md", AtomicFile.Write(Path.Combine(folder, "README.md"), stream => stream.Write(card)));
        files.AddRange(weights.Written);
        files.AddRange(snapshots.Written);
        var manifest = new ZooManifest(experiment.Name, experiment.Description, experiment.Licence, experiment.Text, experiment.NetworksPerClass, experiment.Architectures,
            version, Recipe.Arithmetic, totals, [.. files.OrderBy(file => file.Path, StringComparer.Ordinal)]) { ImageSets = experiment.ImageSets, HasChanges = hasChanges };
        byte[] json = manifest.ToJson();
        AtomicFile.Write(manifestPath, stream => stream.Write(json));
    }

    /// <summary>
    /// Networks in a shard of weights (<paramref name="slots"/> null) or of snapshots, from the most checkpoints that any network of the
    /// architecture may leave.
    /// </summary>
    private static int NetworksPerShard(Experiment experiment, Architecture architecture, IReadOnlyList<string>? slots)
    {
        long rows = experiment.Plan.Settings.Where(setting => setting.Architecture == architecture)
            .Select(setting => setting.Recipe(0, 0)).Max(recipe => slots is null ? recipe.MaxCheckpoints : recipe.MaxSnapshots);
        long networkBytes = rows * 4 * architecture.Parameters.Count * (1 + (slots?.Count ?? 0));
        return (int)Math.Max(1, ShardBytes / networkBytes);
    }

    private static void WriteTable(string folder, string name, IReadOnlyList<string> header, List<ZooFile> files, Action<CsvWriter> writeRows)
    {
        WrittenFile written = AtomicFile.Write(Path.Combine(folder, name), stream =>
        {
            var table = new CsvWriter(stream, header);
            writeRows(table);
            // Not where the rows failed: a table that is thrown away need not be flushed, and the flush might fail too.
            table.Dispose();
        });
        Record(files, name, written);
    }

    private static void Record(List<ZooFile> files, string name, WrittenFile written) => files.Add(new ZooFile(name, written.Bytes, written.Sha256, null, 0, []));

    /// <param name="parent">The id of its parent, empty for none; nothing where the table has no such column.</param>
    private static void WriteNetwork(CsvWriter table, PlannedNetwork planned, NetworkResult result, string[] parent)
    {
        Recipe recipe = planned.Recipe;
        table.WriteRow([result.Id, recipe.Task.Source, recipe.Task.Variant, recipe.Architecture.Name, CsvWriter.Format(recipe.InitSeed), CsvWriter.Format(recipe.DataSeed),
            result.Status.ToString().ToLowerInvariant(), result.Reason, CsvWriter.Format(result.Steps), CsvWriter.Format(result.TrainLoss), CsvWriter.Format(result.EvalLoss),
            CsvWriter.Format(result.EvalAccuracy), CsvWriter.Format(result.AttackSuccess), .. parent, .. planned.FactorValues]);
    }

    private static void WriteCheckpoints(CsvWriter table, Shard shard, NetworkResult result)
    {
        foreach (Checkpoint checkpoint in result.Checkpoints)
        {
            int row = shard.Add(checkpoint.Weights, []);
            table.WriteRow(result.Id, CsvWriter.Format(checkpoint.Step), CsvWriter.Format(checkpoint.TrainLoss), CsvWriter.Format(checkpoint.EvalLoss),
                CsvWriter.Format(checkpoint.EvalAccuracy), CsvWriter.Format(checkpoint.AttackSuccess), shard.Path, CsvWriter.Format(row), Sha256Digest.Of(checkpoint.Weights).ToString());
        }
    }

    private static void WriteSnapshots(CsvWriter table, Shard shard, NetworkResult result)
    {
        foreach (Snapshot snapshot in result.Snapshots)
        {
            int row = shard.Add(snapshot.Weights, snapshot.OptimizerState);
            table.WriteRow(result.Id, CsvWriter.Format(snapshot.Step), CsvWriter.Format(snapshot.TrainLoss), shard.Path, CsvWriter.Format(row), Sha256Digest.Of(snapshot.Weights, snapshot.OptimizerState).ToString());
        }
    }

    /// <summary>Results may come from files: they are held against their recipe before anything is written from them.</summary>
    private static void Check(NetworkResult result, Recipe recipe)
    {
        if (result.Id != recipe.Id)
            throw new InputException($"found the result of network {result.Id}, expected {recipe.Id}; results stand in the order of the experiment");
        int parameters = recipe.Architecture.Parameters.Count;
        CheckSteps(result, "checkpoints", [.. result.Checkpoints.Select(checkpoint => checkpoint.Step)], recipe.MaxCheckpoints);
        CheckSteps(result, "snapshots", [.. result.Snapshots.Select(snapshot => snapshot.Step)], recipe.MaxSnapshots);
        if (result.Checkpoints.Any(checkpoint => checkpoint.Weights.Length != parameters))
            throw new InputException($"network {result.Id}: found a checkpoint with another number of weights, expected {parameters}");
        int state = parameters * recipe.Training.Optimizer.Slots.Count;
        if (result.Snapshots.Any(snapshot => snapshot.Weights.Length != parameters || snapshot.OptimizerState.Length != state))
            throw new InputException($"network {result.Id}: found a snapshot with another number of weights, expected {parameters} and {state} of the optimizer's state");
    }

    private static void CheckSteps(NetworkResult result, string what, long[] steps, int max)
    {
        if (steps.Length > max)
            throw new InputException($"network {result.Id}: found {steps.Length} {what}, expected at most {max}");
        for (int i = 0; i < steps.Length; i++)
        {
            if (steps[i] > result.Steps || steps[i] <= (i == 0 ? -1 : steps[i - 1]))
                throw new InputException($"network {result.Id}: found step {steps[i]} among its {what}, expected ascending steps from 0 to {result.Steps}");
        }
    }

    private sealed class Counts
    {
        private long _checkpoints, _snapshots;
        private int _finished, _diverged, _failed;

        public int Networks => _finished + _diverged + _failed;

        /// <summary>For each class in the order of the zoo, what became of its networks.</summary>
        public Dictionary<string, ClassCounts> ByClass { get; } = [];

        public void Add(Recipe recipe, NetworkResult result)
        {
            _finished += result.Status == NetworkStatus.Finished ? 1 : 0;
            _diverged += result.Status == NetworkStatus.Diverged ? 1 : 0;
            _failed += result.Status == NetworkStatus.Failed ? 1 : 0;
            _checkpoints += result.Checkpoints.Count;
            _snapshots += result.Snapshots.Count;
            ByClass[recipe.Task.Name] = ByClass.GetValueOrDefault(recipe.Task.Name).With(result.Status);
        }

        public ZooTotals Totals() => new(Networks, _checkpoints, _snapshots, _finished, _diverged, _failed);
    }
}
