using System.Globalization;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Differences;

/// <summary>What two zoos' manifests say differently.</summary>
internal sealed record ManifestDifference(string What, string A, string B)
{
    /// <summary>The differences between two manifests beside their lists of files, in the order of their keys.</summary>
    public static List<ManifestDifference> Find(ZooManifest a, ZooManifest b)
    {
        var found = new List<ManifestDifference>();
        void Compare(string what, string? left, string? right)
        {
            if (left != right)
                found.Add(new ManifestDifference(what, left ?? "none", right ?? "none"));
        }
        void CompareCounts(string what, long left, long right) => Compare($"totals.{what}", Units.Count(left), Units.Count(right));

        Compare("name", a.Name, b.Name);
        Compare("description", a.Description, b.Description);
        Compare("licence", a.Licence, b.Licence);
        if (a.Experiment != b.Experiment)
        {
            string[] left = a.Experiment.Split('\n'), right = b.Experiment.Split('\n');
            int line = 0;
            while (line < left.Length && line < right.Length && left[line] == right[line])
                line++;
            found.Add(new ManifestDifference($"experiment, line {line + 1}", Line(left, line), Line(right, line)));
        }
        Compare("subset.networks_per_class", a.NetworksPerClass?.ToString(CultureInfo.InvariantCulture), b.NetworksPerClass?.ToString(CultureInfo.InvariantCulture));
        Compare("architectures", string.Join(", ", a.Architectures.Select(Describe)), string.Join(", ", b.Architectures.Select(Describe)));
        Compare("provenance.version", a.Version, b.Version);
        Compare("provenance.arithmetic", a.Arithmetic.ToString(CultureInfo.InvariantCulture), b.Arithmetic.ToString(CultureInfo.InvariantCulture));
        CompareCounts("networks", a.Totals.Networks, b.Totals.Networks);
        CompareCounts("checkpoints", a.Totals.Checkpoints, b.Totals.Checkpoints);
        CompareCounts("snapshots", a.Totals.Snapshots, b.Totals.Snapshots);
        CompareCounts("finished", a.Totals.Finished, b.Totals.Finished);
        CompareCounts("diverged", a.Totals.Diverged, b.Totals.Diverged);
        CompareCounts("failed", a.Totals.Failed, b.Totals.Failed);
        return found;
    }

    private static string Line(string[] lines, int index) => index < lines.Length ? lines[index].Trim() : "its end";

    private static string Describe(WeightSpace.Networks.Architecture architecture) => $"{architecture.Name} ({architecture.Layers.Count} layers, {Units.Count(architecture.Parameters.Count)} parameters)";

    /// <summary>The files that one zoo has and the other has not, or has with other bytes, as the manifests list them; sorted.</summary>
    public static List<string> Files(ZooManifest a, ZooManifest b)
    {
        Dictionary<string, string> left = a.Files.ToDictionary(file => file.Path, file => file.Sha256), right = b.Files.ToDictionary(file => file.Path, file => file.Sha256);
        return [.. left.Keys.Union(right.Keys).Where(path => left.GetValueOrDefault(path) != right.GetValueOrDefault(path)).Order(StringComparer.Ordinal)];
    }
}
