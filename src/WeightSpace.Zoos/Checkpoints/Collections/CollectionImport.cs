using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using WeightSpace.Zoos.Formats;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Zoos.Checkpoints.Collections;

/// <summary>What an import came to.</summary>
/// <param name="Groups">Each group's name, checkpoints, tensors and values of one checkpoint.</param>
/// <param name="WasComplete">The collection stood there already, of the same files.</param>
public sealed record ImportResult(IReadOnlyList<(string Name, int Checkpoints, int Tensors, long Values)> Groups, IReadOnlyList<RefusedFile> Refused, long Bytes, bool WasComplete);

/// <summary>How far an import is.</summary>
public readonly record struct ImportProgress(string Stage, long Done, long Total, bool IsBytes);

/// <summary>
/// Makes a collection of checkpoint files: each checkpoint is read once, streamed, and comes into a shard of its group. It grows in a folder beside the final one, which it gets the name of when it is
/// whole; called again, shards that are whole are kept.
/// </summary>
public static class CollectionImport
{
    /// <summary>What stands behind the collection's name while it is made.</summary>
    public const string FolderSuffix = ".importing";

    /// <summary>A shard of several checkpoints has at most about so many bytes, and is put together in memory; larger checkpoints are streamed, one to a shard.</summary>
    private const long ShardBytes = 1L << 26;

    private const int MaxRows = 100_000, Piece = 1 << 18;

    /// <summary>Imports a folder, or a file.</summary>
    /// <exception cref="InputException">Nothing can be read, or something else stands in <paramref name="to"/>.</exception>
    public static ImportResult Import(string from, string to, string orderBy, Action<ImportProgress>? progress, CancellationToken stop)
    {
        to = Path.TrimEndingDirectorySeparator(to);
        using CheckpointSet set = CheckpointSet.Open(from, new CheckpointOptions { OrderBy = orderBy, InferSymmetry = false }, (done, total) => progress?.Invoke(new ImportProgress("looking at files", done, total, false)), stop);
        if (set.Source is CheckpointSource.Zoo or CheckpointSource.Collection)
            throw new InputException($"{from}: this is a {set.Source.ToString().ToLowerInvariant()} already; every command reads it as it stands");
        ISourcedGroup[] groups = [.. set.Groups.Cast<ISourcedGroup>()];
        string source = Stamp(groups, orderBy, withTimes: false);
        if (Complete(to, source, groups) is { } complete)
            return complete;
        string partial = to + FolderSuffix, work = Path.Combine(partial, "work");
        ZooFolder.Make(Path.Combine(partial, "weights"));
        ZooFolder.Make(work);
        CollectionManifest manifest;
        using (FolderClaim.Take(work, "importing to this folder"))
        {
            var making = new Making(partial, groups, set.Refusals, progress, stop);
            making.WriteShards();
            if (making.Rows.Count == 0)
                throw new InputException($"{from}: none of its {groups.Sum(group => group.Items.Count)} checkpoints can be read; {making.Refused[^1].Path}: {making.Refused[^1].Reason}");
            manifest = making.Finish(orderBy, source);
        }
        ZooFolder.Remove(work);
        ZooFolder.Publish(partial, to);
        return Result(manifest, false);
    }

    /// <summary>The collection that stands there, where it is of the same files; null where nothing is there.</summary>
    private static ImportResult? Complete(string folder, string source, ISourcedGroup[] groups)
    {
        string path = Path.Combine(folder, CollectionManifest.FileName);
        if (File.Exists(path))
        {
            CollectionManifest manifest = CollectionManifest.Read(folder);
            bool isOlder = groups.Any(group => Enumerable.Range(0, group.Items.Count).Any(item => group.SourceOf(item).Written > File.GetLastWriteTimeUtc(path).Ticks));
            if (manifest.Source != source || isOlder)
                throw new InputException($"{folder}: there is a collection of other files, or of these as they were before; choose another folder, or remove that one");
            using (CollectionCheckpoints.Open(folder, new CheckpointOptions()))
                return Result(manifest, true);
        }
        if (File.Exists(folder))
            throw new InputException($"{folder}: this is a file; choose another name for the collection's folder");
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            throw new InputException($"{folder}: there is something else in this folder; choose another one, or an empty one");
        return null;
    }

    private static ImportResult Result(CollectionManifest manifest, bool wasComplete) => new(
        [.. manifest.Groups.Select(group => (group.Name, group.Checkpoints, group.Tensors.Count, group.Tensors.Sum(tensor => tensor.Shape.Aggregate(1L, (product, size) => product * size))))],
        manifest.Refused, manifest.Files.Sum(file => file.Bytes), wasComplete);

    /// <summary>SHA-256 over the tensors of groups and the names and sizes of their checkpoints.</summary>
    private static string Stamp(IEnumerable<ISourcedGroup> groups, string orderBy, bool withTimes, int first = 0, int count = int.MaxValue)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string text) => hash.AppendData(Encoding.UTF8.GetBytes($"{text.Length}:{text}\n"));
        Add(orderBy);
        foreach (ISourcedGroup group in groups)
        {
            foreach (PackedTensor tensor in group.Tensors)
                Add($"{tensor.Name} {string.Join(',', tensor.Shape)}");
            for (int item = first; item < group.Items.Count && item - first < count; item++)
            {
                (string file, long length, long written) = group.SourceOf(item);
                Add($"{group.Items[item].Name}\n{file}\n{length}{(withTimes ? $"\n{written}" : "")}");
            }
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    /// <summary>One import under way.</summary>
    private sealed class Making(string folder, IReadOnlyList<ISourcedGroup> groups, IReadOnlyList<RefusedFile> refused, Action<ImportProgress>? progress, CancellationToken stop)
    {
        private readonly List<CollectionFile> _files = [];
        private readonly long _total = groups.Sum(group => group.Items.Count * Math.Max(1, group.Count) * 4);
        private long _done;

        public List<CollectionRow> Rows { get; } = [];

        public List<RefusedFile> Refused { get; } = [.. refused];

        public void WriteShards()
        {
            int number = 0;
            var kept = new HashSet<string>(StringComparer.Ordinal);
            for (int group = 0; group < groups.Count; group++)
            {
                int perShard = (int)Math.Clamp(ShardBytes / Math.Max(4, groups[group].Count * 4), 1, MaxRows);
                for (int first = 0; first < groups[group].Items.Count; first += perShard)
                {
                    int count = Math.Min(perShard, groups[group].Items.Count - first);
                    string path = $"weights/{number++:D5}.safetensors";
                    kept.Add(Path.GetFileName(path));
                    WriteOrKeep(group, first, count, path);
                }
            }
            // What an earlier call with other files left behind.
            foreach (string file in Directory.GetFiles(Path.Combine(folder, "weights")).Where(file => !kept.Contains(Path.GetFileName(file)) || _files.All(known => Path.GetFileName(known.Path) != Path.GetFileName(file))))
                File.Delete(file);
        }

        /// <summary>Writes tables and card, the manifest last.</summary>
        public CollectionManifest Finish(string orderBy, string source)
        {
            string[] metadata = [.. Rows.SelectMany(row => row.Item.Metadata.Keys).Distinct().Take(CollectionTable.MaxMetadata)];
            CollectionGroup[] known =
            [
                .. groups.Select((group, index) => new CollectionGroup(group.Name, Rows.Count(row => row.Group == index), [.. group.Tensors.Select((tensor, at) => new CollectionTensor(tensor.Name, group.Types[at], tensor.Shape))]))
                    .Where(group => group.Checkpoints > 0),
            ];
            WrittenFile table = AtomicFile.Write(Path.Combine(folder, CollectionManifest.TableName), stream =>
            {
                var csv = new CsvWriter(stream, CollectionTable.Header(metadata));
                foreach (CollectionRow row in Rows)
                    CollectionTable.Write(csv, row, groups[row.Group].Name, metadata);
                csv.Dispose();
            });
            byte[] text = CollectionCard.Write(known, Refused, metadata);
            WrittenFile card = AtomicFile.Write(Path.Combine(folder, CollectionManifest.CardName), stream => stream.Write(text));
            CollectionFile[] files =
            [
                .. _files.Append(new CollectionFile(CollectionManifest.TableName, table.Bytes, table.Sha256, null, 0)).Append(new CollectionFile(CollectionManifest.CardName, card.Bytes, card.Sha256, null, 0))
                    .OrderBy(file => file.Path, StringComparer.Ordinal),
            ];
            var manifest = new CollectionManifest(typeof(CollectionImport).Assembly.GetName().Version!.ToString(3), orderBy, source, metadata, known, Refused, files);
            byte[] json = manifest.ToJson();
            AtomicFile.Write(Path.Combine(folder, CollectionManifest.FileName), stream => stream.Write(json));
            return manifest;
        }

        private void WriteOrKeep(int group, int first, int count, string path)
        {
            string stamp = Stamp([groups[group]], "", withTimes: true, first, count);
            string journalPath = Path.Combine(folder, "work", Path.GetFileNameWithoutExtension(path) + ".json");
            string shardPath = Path.Combine(folder, path);
            ShardJournal? journal = ShardJournal.Read(journalPath, stamp, count);
            if (journal is null || (journal.Bytes > 0 && (!File.Exists(shardPath) || new FileInfo(shardPath).Length != journal.Bytes)))
            {
                journal = groups[group].Count * 4 > ShardBytes ? Stream(groups[group], first, shardPath, stamp) : Gather(groups[group], first, count, shardPath, stamp);
                journal.Write(journalPath);
            }
            else
            {
                Report(count * Math.Max(1, groups[group].Count) * 4);
            }
            int rows = journal.Digests.Count(digest => digest is not null);
            var shard = new CollectionFile(path, journal.Bytes, journal.Sha256, groups[group].Name, rows);
            if (rows > 0)
                _files.Add(shard);
            for (int i = 0, row = 0; i < count; i++)
            {
                string file = groups[group].SourceOf(first + i).File;
                if (journal.Digests[i] is { } digest)
                    Rows.Add(new CollectionRow(groups[group].Items[first + i], group, shard, row++, digest, file));
                else
                    Refused.Add(new RefusedFile(groups[group].Items[first + i].Name, journal.Reasons[i]));
            }
        }

        /// <summary>Checkpoints that fit into memory together.</summary>
        private ShardJournal Gather(ISourcedGroup group, int first, int count, string path, string stamp)
        {
            int values = (int)group.Count;
            float[] all = new float[(long)count * values];
            var digests = new string?[count];
            string[] reasons = new string[count];
            var good = new List<int>();
            for (int i = 0; i < count; i++)
            {
                stop.ThrowIfCancellationRequested();
                Span<float> row = all.AsSpan(i * values, values);
                try
                {
                    group.Read(first + i, 0, row);
                    digests[i] = Sha256Digest.Of(row).ToString();
                    good.Add(i);
                }
                catch (InputException error)
                {
                    reasons[i] = error.Message;
                }
                Report(Math.Max(1, values) * 4L);
            }
            if (good.Count == 0)
                return new ShardJournal(stamp, 0, "", digests, reasons);
            WrittenFile written = AtomicFile.Write(path, stream => SafetensorsWriter.Write(stream, Entries(group, good.Count), Metadata(group), (tensor, sink) =>
            {
                foreach (int row in good)
                    sink.Write(all.AsSpan((row * values) + (int)group.Tensors[tensor].Offset, (int)group.Tensors[tensor].Elements));
            }));
            return new ShardJournal(stamp, written.Bytes, written.Sha256, digests, reasons);
        }

        /// <summary>A checkpoint of any size.</summary>
        private ShardJournal Stream(ISourcedGroup group, int item, string path, string stamp)
        {
            float[] buffer = new float[Piece];
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            try
            {
                WrittenFile written = AtomicFile.Write(path, stream => SafetensorsWriter.Write(stream, Entries(group, 1), Metadata(group), (tensor, sink) =>
                {
                    PackedTensor known = group.Tensors[tensor];
                    for (long at = 0; at < known.Elements; at += Piece)
                    {
                        stop.ThrowIfCancellationRequested();
                        Span<float> values = buffer.AsSpan(0, (int)Math.Min(Piece, known.Elements - at));
                        group.Read(item, known.Offset + at, values);
                        sink.Write(values);
                        hash.AppendData(BitConverter.IsLittleEndian ? MemoryMarshal.AsBytes(values) : LittleEndian.Bytes(values));
                        Report(values.Length * 4L);
                    }
                }));
                return new ShardJournal(stamp, written.Bytes, written.Sha256, [Convert.ToHexStringLower(hash.GetCurrentHash())], [""]);
            }
            catch (InputException error)
            {
                return new ShardJournal(stamp, 0, "", [null], [error.Message]);
            }
        }

        private static TensorEntry[] Entries(ISourcedGroup group, int rows) => [.. group.Tensors.Select(tensor => new TensorEntry(tensor.Name, TensorType.F32, [rows, .. tensor.Shape]))];

        private static Dictionary<string, string> Metadata(ISourcedGroup group) => new() { ["format"] = CollectionManifest.Format, ["group"] = group.Name };

        private void Report(long bytes)
        {
            _done += bytes;
            progress?.Invoke(new ImportProgress("importing", Math.Min(_done, _total), _total, true));
        }
    }
}
