using System.Text;
using WeightSpace.Analysis.Report;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>
/// Writes tracked paths: <c>track.csv</c>, a row for each checkpoint; <c>track-tensors.csv</c>, a row for each checkpoint and tensor; <c>track.html</c> for people; <c>track.json</c>, the
/// summary, last (docs/trajectories.md).
/// </summary>
public static class TrackFiles
{
    public const string TableName = "track.csv";
    public const string TensorsName = "track-tensors.csv";
    public const string PageName = "track.html";
    public const string SummaryName = "track.json";

    /// <summary>Writes the files into a folder that exists, each whole or not at all, and returns the bytes of the summary.</summary>
    public static byte[] Write(string folder, TrackResult result)
    {
        AtomicFile.Write(Path.Combine(folder, TableName), stream => WriteTable(stream, result));
        AtomicFile.Write(Path.Combine(folder, TensorsName), stream => WriteTensors(stream, result));
        AtomicFile.Write(Path.Combine(folder, PageName), stream =>
        {
            var writer = new StreamWriter(stream, new UTF8Encoding(false));
            TrackReport.Write(result, writer);
            writer.Flush();
        });
        byte[] summary = AnalysisJson.WriteTrack(result);
        AtomicFile.Write(Path.Combine(folder, SummaryName), stream => stream.Write(summary));
        return summary;
    }

    private static void WriteTable(Stream stream, TrackResult result)
    {
        using var table = new CsvWriter(stream, ["group", "network", "class", "checkpoint", "step", "epoch", .. PathMeasure.All.Select(measure => measure.Name), "estimated", "problem"]);
        foreach (TrackedGroup group in result.Groups)
        {
            foreach (TrackedNetwork network in group.Members)
            {
                foreach (CheckpointMeasures row in network.Rows)
                {
                    table.WriteRow([group.Name, network.Network, network.Class, row.Name, row.Step is { } step ? CsvWriter.Format(step) : "", CsvWriter.Rounded(row.Epoch),
                        .. PathMeasure.All.Select(measure => CsvWriter.Rounded(measure.Value(row))), row.IsEstimated ? "yes" : "no", row.Problem ?? ""]);
                }
            }
        }
    }

    private static void WriteTensors(Stream stream, TrackResult result)
    {
        using var table = new CsvWriter(stream, "group", "network", "checkpoint", "step", "tensor", "step_length", "rms_change");
        foreach (TrackedGroup group in result.Groups)
        {
            foreach (TrackedNetwork network in group.Members)
            {
                for (int i = 0; i < network.Rows.Count; i++)
                {
                    for (int t = 0; network.SquaredLengths[i] is { } lengths && t < lengths.Length; t++)
                    {
                        TrackedTensor tensor = group.AllTensors[t];
                        table.WriteRow(group.Name, network.Network, network.Rows[i].Name, network.Rows[i].Step is { } step ? CsvWriter.Format(step) : "", tensor.Name,
                            CsvWriter.Rounded(Math.Sqrt(lengths[t])), CsvWriter.Rounded(Math.Sqrt(lengths[t] / Math.Max(1, tensor.Elements))));
                    }
                }
            }
        }
    }
}
