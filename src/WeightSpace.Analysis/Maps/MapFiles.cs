using System.Globalization;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Analysis.Maps;

/// <summary>Writes a map: <c>map.csv</c> for people and tables, <c>map.npz</c> for NumPy, <c>map.json</c>, the summary, last (docs/formats.md).</summary>
public static class MapFiles
{
    public const string TableName = "map.csv";
    public const string ArraysName = "map.npz";
    public const string SummaryName = "map.json";

    /// <summary>Writes the three files into a folder that exists, each whole or not at all.</summary>
    public static void Write(string folder, ZooMapResult result)
    {
        AtomicFile.Write(Path.Combine(folder, TableName), stream => WriteTable(stream, result));
        AtomicFile.Write(Path.Combine(folder, ArraysName), stream => WriteArrays(stream, result.Map, result.TreeClusters));
        byte[] summary = AnalysisJson.WriteMap(result.Summary);
        AtomicFile.Write(Path.Combine(folder, SummaryName), stream => stream.Write(summary));
    }

    private static void WriteTable(Stream stream, ZooMapResult result)
    {
        using var table = new CsvWriter(stream, "id", "task", "variant", "init_seed", "data_seed", "cluster", "tree_cluster", "x", "y", "nearest", "distance");
        RowMap map = result.Map;
        int components = map.Variances.Length, neighbours = map.Pairs.NeighboursOfEach;
        for (int row = 0; row < map.Rows; row++)
        {
            PopulationNetwork network = result.Networks[row];
            table.WriteRow(network.Id, network.Task.Source, network.Task.Variant,
                CsvWriter.Format(network.InitSeed), CsvWriter.Format(network.DataSeed), CsvWriter.Format(map.Clusters[row]), CsvWriter.Format(result.TreeClusters[row]),
                CsvWriter.Format(map.Coordinates[row * components]), components > 1 ? CsvWriter.Format(map.Coordinates[(row * components) + 1]) : "",
                neighbours > 0 ? result.Networks[map.Pairs.Neighbours[row * neighbours]].Id : "",
                neighbours > 0 ? CsvWriter.Format(map.Pairs.Distances[row * neighbours]) : "");
        }
    }

    private static void WriteArrays(Stream stream, RowMap map, int[] treeClusters)
    {
        int components = map.Variances.Length, neighbours = map.Pairs.NeighboursOfEach;
        var arrays = new List<(TensorEntry Entry, Action<TensorSink> Write)>
        {
            (new("coordinates", TensorType.F32, [map.Rows, components]), sink => sink.Write(map.Coordinates)),
            (new("variances", TensorType.F64, [components]), sink => sink.Write(map.Variances)),
            (new("cluster", TensorType.I64, [map.Rows]), sink => sink.Write(Longs(map.Clusters))),
            (new("tree_cluster", TensorType.I64, [map.Rows]), sink => sink.Write(Longs(treeClusters))),
            (new("neighbours", TensorType.I64, [map.Rows, neighbours]), sink => sink.Write(Longs(map.Pairs.Neighbours))),
            (new("distances", TensorType.F32, [map.Rows, neighbours]), sink => sink.Write(map.Pairs.Distances)),
            (new("leaf", TensorType.I64, [map.Rows]), sink => sink.Write(Longs(map.Leaves))),
            (new("merges", TensorType.F64, [map.Tree.Merges.Length, 4]), sink =>
                sink.Write([.. map.Tree.Merges.SelectMany(merge => new[] { merge.First, merge.Second, merge.Height, merge.Size })])),
        };
        Npz.Write(stream, [.. arrays.Select(array => array.Entry)], (index, sink) => arrays[index].Write(sink));
    }

    private static long[] Longs(int[] values) => [.. values.Select(value => (long)value)];

    /// <summary>A share in per cent, for people.</summary>
    public static string Percent(double share) => (100 * share).ToString("0.#", CultureInfo.InvariantCulture) + " %";
}
