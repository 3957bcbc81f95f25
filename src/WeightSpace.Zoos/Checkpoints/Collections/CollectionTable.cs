using System.Globalization;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Checkpoints.Collections;

/// <summary>A row of a collection's <c>checkpoints.csv</c>.</summary>
/// <param name="Group">The group's place in the manifest.</param>
/// <param name="Digest">SHA-256 of its packed weights.</param>
/// <param name="Source">The file that it came from, relative to the folder that was imported.</param>
internal sealed record CollectionRow(CheckpointItem Item, int Group, CollectionFile Shard, int Row, string Digest, string Source);

/// <summary>The table of a collection's checkpoints.</summary>
internal static class CollectionTable
{
    /// <summary>Columns for metadata; a key more has none.</summary>
    public const int MaxMetadata = 900;

    private const string Prefix = "metadata.";

    private static readonly string[] s_columns = ["name", "group", "network", "step", "shard", "row", "digest", "source"];

    /// <summary>The header: the fixed columns, then one for each key of the metadata, with a prefix where it has the name of a fixed one.</summary>
    public static string[] Header(IReadOnlyList<string> metadata) => [.. s_columns, .. metadata.Select(key => s_columns.Contains(key) || key.StartsWith(Prefix, StringComparison.Ordinal) ? Prefix + key : key)];

    public static void Write(CsvWriter csv, CollectionRow row, string group, IReadOnlyList<string> metadata) => csv.WriteRow(
    [
        row.Item.Name, group, row.Item.Network ?? "", row.Item.Step?.ToString(CultureInfo.InvariantCulture) ?? "", row.Shard.Path, CsvWriter.Format(row.Row), row.Digest, row.Source,
        .. metadata.Select(key => row.Item.Metadata.GetValueOrDefault(key, "")),
    ]);

    /// <summary>Reads the table strictly: the rows of a shard in their order, none left out, and no more or fewer than the manifest says.</summary>
    public static List<CollectionRow> Read(string folder, CollectionManifest manifest)
    {
        string path = Path.Combine(folder, CollectionManifest.TableName);
        using FileStream stream = ZooFiles.Open(path);
        using var csv = new CsvReader(stream, path);
        string[] header = Header(manifest.Metadata);
        csv.ExpectColumns(header);
        if (csv.Header.Count != header.Length)
            throw new InputException($"{path}:1: found {csv.Header.Count} columns, expected {header.Length}, as {CollectionManifest.FileName} says");
        Dictionary<string, int> groups = manifest.Groups.Select((group, index) => (group.Name, index)).ToDictionary(pair => pair.Name, pair => pair.index);
        Dictionary<string, CollectionFile> shards = manifest.Files.Where(file => file.Group is not null).ToDictionary(file => file.Path);
        var next = new Dictionary<string, int>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var rows = new List<CollectionRow>();
        while (csv.Read())
        {
            if (!names.Add(csv.String(0)))
                throw csv.Wrong(0, "a name that stands once");
            if (!groups.TryGetValue(csv.String(1), out int group))
                throw csv.Wrong(1, $"a group of {CollectionManifest.FileName}");
            if (!shards.TryGetValue(csv.String(4), out CollectionFile? shard) || shard.Group != csv.String(1))
                throw csv.Wrong(4, "a shard of the group");
            int row = next.GetValueOrDefault(shard.Path);
            if (row >= shard.Rows || csv.Int64(5, 0, int.MaxValue) != row)
                throw csv.Wrong(5, $"{(row < shard.Rows ? row : "no more rows")}, for the rows of a shard stand in order");
            next[shard.Path] = row + 1;
            if (!Sha256Digest.TryParse(csv.String(6), out _))
                throw csv.Wrong(6, "64 hexadecimal digits");
            var metadata = new Dictionary<string, string>();
            for (int i = 0; i < manifest.Metadata.Count; i++)
            {
                if (csv.String(s_columns.Length + i) is { Length: > 0 } value)
                    metadata.TryAdd(manifest.Metadata[i], value);
            }
            long? step = csv.String(3).Length == 0 ? null : csv.Int64(3, long.MinValue, long.MaxValue);
            rows.Add(new CollectionRow(new CheckpointItem(csv.String(0), csv.String(2).Length == 0 ? null : csv.String(2), step, metadata), group, shard, row, csv.String(6), csv.String(7)));
        }
        if (rows.Count != manifest.Groups.Sum(group => group.Checkpoints))
            throw new InputException($"{path}: found {rows.Count} checkpoints, expected {manifest.Groups.Sum(group => (long)group.Checkpoints)}, as {CollectionManifest.FileName} says");
        return rows;
    }
}
