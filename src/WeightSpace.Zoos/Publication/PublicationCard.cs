using System.Text;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Zoos.Publication;

/// <summary>An archive of a publication.</summary>
/// <param name="NetworksPerClass">Of a subset; null: the whole zoo.</param>
/// <param name="HasWeights">False: the recipe form.</param>
/// <param name="ManifestDigest">The last value of its <c>zoo.json</c>.</param>
public sealed record PublishedArchive(string Name, int? NetworksPerClass, bool HasWeights, int Networks, long Checkpoints, long Bytes, string Sha256, string ManifestDigest);

/// <summary>
/// What stands beside the archives: the dataset card (<c>README.md</c>, with the front matter of Hugging Face,
/// https://huggingface.co/docs/hub/datasets-cards) and, where authors are named, <c>CITATION.cff</c> (https://citation-file-format.github.io, version 1.2.0).
/// </summary>
internal static class PublicationCard
{
    public const string FileName = "README.md", CitationName = "CITATION.cff";

    public static byte[] Write(Zoo zoo, IReadOnlyList<PublishedArchive> archives, IReadOnlyList<string> authors)
    {
        Experiment experiment = zoo.Experiment;
        ZooManifest manifest = zoo.Manifest;
        var text = new StringBuilder();
        void Line(string line = "") => text.Append(line).Append('\n');

        Line("---");
        text.Append(ZooCard.LicenceFields(experiment.Licence));
        Line($"pretty_name: \"{experiment.Name}\"");
        Line("tags:");
        foreach (string tag in (string[])["model-zoo", "weight-space-learning", "neural-network-weights", "weightspace"])
            Line($"- {tag}");
        Line("size_categories:");
        Line($"- {SizeCategory(manifest.Totals.Networks)}");
        // Archives are no table that could be shown.
        Line("viewer: false");
        Line("---");
        ZooCard.WriteHead(text, experiment, manifest.Totals, manifest.Version);
        Line("## Archives");
        Line();
        Line("| archive | what | networks | checkpoints | bytes |");
        Line("|---|---|--:|--:|--:|");
        foreach (PublishedArchive archive in archives)
            Line($"| `{archive.Name}` | {Describe(archive)} | {ZooCard.N(archive.Networks)} | {ZooCard.N(archive.Checkpoints)} | {ZooCard.N(archive.Bytes)} |");
        Line();
        Line("A class of a subset is all networks that differ in nothing but their seeds; of each, a subset holds the first networks in the order of the experiment, so a smaller");
        Line("one is contained in a larger one. Each is a zoo of its own. A recipe form is all of a zoo but the weights: the experiment, the tables, and the digest of every");
        Line("checkpoint and file, from which the weights are trained again.");
        Line();
        Line("```sh");
        foreach ((string command, string what) in new[]
        {
            ($"sha256sum -c {Checksums.FileName}", "are the downloads what was published?"),
            ($"unzip {archives[0].Name}", "with any tool; or, checked against every digest in it:"),
            ($"weightspace unpack {archives[0].Name} --out zoo", "the zoo"),
            ($"weightspace regrow {archives[1].Name} --out zoo", "the same zoo, byte for byte, trained from its recipes"),
        })
        {
            Line($"{command,-40} # {what}");
        }
        Line("```");
        Line();
        Line("The sections below tell of the whole zoo, and of the files in the folder that an archive unpacks to.");
        Line();
        ZooCard.WriteSections(text, experiment, ClassesOf(zoo));
        Line();
        Line("## Intended use");
        Line();
        Line("Research on the weights of neural networks: what they tell of the data and the training that made them, how they change with these, and how they change in training. The");
        Line("networks are small and solve small tasks; they are objects of study, not tools, and what holds for them need not hold for large networks.");
        Line();
        Line("## Citation");
        Line();
        Line("```bibtex");
        Line($"@misc{{{Key(experiment.Name)},");
        Line($"  title = {{{{{Tex(experiment.Name)}}}: {ZooCard.N(manifest.Totals.Networks)} neural networks}},");
        if (authors.Count > 0)
            Line($"  author = {{{string.Join(" and ", authors.Select(author => $"{{{Tex(author)}}}"))}}},");
        Line($"  howpublished = {{Grown with WeightSpace {manifest.Version}, arithmetic {manifest.Arithmetic}}},");
        Line($"  note = {{zoo.json {archives[0].ManifestDigest}}}");
        Line("}");
        Line("```");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>Null where no author is named: without one the file would not be valid.</summary>
    public static byte[]? WriteCitation(Zoo zoo, string manifestDigest, IReadOnlyList<string> authors)
    {
        if (authors.Count == 0)
            return null;
        var text = new StringBuilder();
        text.Append("cff-version: 1.2.0\nmessage: \"If you use this dataset, please cite it as below.\"\ntype: dataset\n");
        text.Append($"title: {Quoted($"{zoo.Experiment.Name}: {ZooCard.N(zoo.Manifest.Totals.Networks)} neural networks")}\nauthors:\n");
        foreach (string author in authors)
            text.Append($"  - name: {Quoted(author)}\n");
        if (zoo.Experiment.Licence is { } licence && ZooCard.Spdx(licence) is { } known)
            text.Append($"license: {known}\n");
        text.Append($"identifiers:\n  - type: other\n    value: \"{manifestDigest}\"\n    description: \"The digest of its zoo.json, which holds the digests of all its files\"\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static Dictionary<string, ClassCounts> ClassesOf(Zoo zoo)
    {
        var classes = new Dictionary<string, ClassCounts>();
        foreach (NetworkRow network in zoo.Networks)
            classes[network.Class] = classes.GetValueOrDefault(network.Class).With(network.Status);
        return classes;
    }

    private static string Describe(PublishedArchive archive) =>
        (archive.NetworksPerClass is { } count ? $"the first {ZooCard.N(count)} networks of each class" : "the whole zoo") + (archive.HasWeights ? "" : ", recipe form");

    /// <summary>Hugging Face's words for how many.</summary>
    private static string SizeCategory(int networks) => networks switch
    {
        < 1_000 => "n<1K",
        < 10_000 => "1K<n<10K",
        < 100_000 => "10K<n<100K",
        < 1_000_000 => "100K<n<1M",
        _ => "1M<n<10M",
    };

    /// <summary>A name as a key of BibTeX: letters and digits.</summary>
    private static string Key(string name) => string.Concat(name.Where(char.IsAsciiLetterOrDigit));

    /// <summary>Text in BibTeX, with what TeX would take for its own escaped.</summary>
    private static string Tex(string text) => string.Concat(text.Select(letter => letter switch
    {
        '\\' => "\\textbackslash{}",
        '~' => "\\textasciitilde{}",
        '^' => "\\textasciicircum{}",
        '{' or '}' or '_' or '&' or '%' or '$' or '#' => $"\\{letter}",
        _ => letter.ToString(),
    }));

    /// <summary>Text in YAML.</summary>
    private static string Quoted(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
