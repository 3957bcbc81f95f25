using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Maps;
using WeightSpace.Analysis.Views;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace map ZOO</c>: where the networks lie, as arrays for other programs and a summary.</summary>
internal static class MapCommand
{
    private const int MostComponents = 1000, MostNeighbours = 1000, LeastSketch = 16, MostSketch = 16_384;

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        var defaults = new MapOptions();
        Argument<string> folder = new Argument<string>("ZOO") { Description = "The folder of a zoo." }.AsPath();
        Option<string?> output = new Option<string?>("--out") { Description = $"The folder for {MapFiles.TableName}, {MapFiles.ArraysName} and {MapFiles.SummaryName}; default: the zoo's own folder.", HelpName = "FOLDER" }.AsPath();
        var view = new Option<string>("--view") { Description = "The features: raw weights, weights with their hidden units aligned, statistics of each tensor, singular values, or statistics that reordering hidden units cannot change.", DefaultValueFactory = _ => "raw" };
        view.AcceptOnlyFromAmong([.. WeightViews.All.Select(view => view.Name)]);
        var step = new Option<string>("--step") { Description = "The step whose checkpoints are taken, or end: each network's last.", HelpName = "N|end", DefaultValueFactory = _ => "end" };
        var architecture = new Option<string?>("--architecture") { Description = "The architecture; default: the zoo's only one.", HelpName = "NAME" };
        var clusters = new Option<int?>("--clusters") { Description = "Clusters of k-means and of the cut tree; default: as many as there are tasks, or 5.", HelpName = "K" };
        var components = new Option<int>("--components") { Description = "Principal components.", HelpName = "N", DefaultValueFactory = _ => defaults.Components };
        var neighbours = new Option<int>("--neighbours") { Description = "Nearest neighbours of each network; 0 for none.", HelpName = "N", DefaultValueFactory = _ => defaults.Neighbours };
        var sketch = new Option<string>("--sketch")
        {
            Description = $"auto: exact up to {Units.Count(MapOptions.MostExact)} networks, then from a sketch of {MapOptions.DefaultSketch} columns; never; or the columns of the sketch: squared distances are off by sqrt(2 / M).",
            HelpName = "auto|never|M",
            DefaultValueFactory = _ => "auto",
        };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the starts of k-means, of the sketch and of resampling.", DefaultValueFactory = _ => defaults.Seed };
        var command = new Command("map", "Map a zoo's networks by their weights: components, clusters, neighbours and a tree, for any number of networks.")
        {
            folder, output, view, step, architecture, clusters, components, neighbours, sketch, seed,
        };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            var request = new MapRequest(parsed.GetRequiredValue(view), Step(parsed.GetRequiredValue(step)), parsed.GetValue(architecture),
                parsed.GetValue(clusters) is { } k ? Between("--clusters", k, 1, int.MaxValue) : null,
                new MapOptions
                {
                    Seed = parsed.GetValue(seed),
                    Components = Between("--components", parsed.GetValue(components), 1, MostComponents),
                    Neighbours = Between("--neighbours", parsed.GetValue(neighbours), 0, MostNeighbours),
                    SketchColumns = SketchColumns(parsed.GetRequiredValue(sketch)),
                });
            string zoo = parsed.GetRequiredValue(folder);
            return Map(run, zoo, parsed.GetValue(output) ?? zoo, request);
        }));
        return command;
    }

    private static Answer Map(CommandContext context, string folder, string output, MapRequest request)
    {
        Population population = ZooPopulation.Of(Zoo.Open(folder));
        ZooMapResult result;
        using (ProgressLine progress = context.Progress())
            result = ZooMap.Run(population, request, new AnalysisReporter(progress), context.Stop);
        AnalyzeCommand.MakeFolder(output);
        MapFiles.Write(output, result);
        Tell(context.Text, result.Summary);
        string table = Path.Combine(output, MapFiles.TableName), arrays = Path.Combine(output, MapFiles.ArraysName), summary = Path.Combine(output, MapFiles.SummaryName);
        context.Text.WriteLine($"{table}: a row for each network; {arrays}: coordinates, neighbours and the tree for NumPy; {summary}: the numbers above");
        return new Answer(new JsonObject { ["table"] = table, ["arrays"] = arrays, ["map"] = summary, ["summary"] = JsonNode.Parse(AnalysisJson.WriteMap(result.Summary)) });
    }

    private static void Tell(TextWriter text, MapSummary map)
    {
        string at = map.Step is { } step ? $"at step {Units.Count(step)}" : "at the end of their training";
        text.WriteLine($"{Units.Count(map.Networks)} networks of '{map.Architecture}' {at}, {map.View}: {Units.Count(map.Features)} features{(map.LeftOut > 0 ? $"; {Units.Count(map.LeftOut)} networks left out (unfinished, of another architecture, or without that step)" : "")}");
        text.WriteLine(map.Sketch is not { } sketch ? "exact"
            : $"from a sketch of {Units.Count(sketch.Columns)} columns: squared distances are off by {MapFiles.Percent(sketch.DistanceDeviation)} (one standard deviation, at most), neighbours, clusters and silhouettes are the sketch's; "
                + $"the tree joins {Units.Count(sketch.Leaves)} groups, which hold {MapFiles.Percent(sketch.LeafInertiaShare)} of the inertia"
                + (sketch.ComponentsOfSketch ? "; the principal components are the sketch's too" : ""));
        text.WriteLine($"principal components: the first holds {MapFiles.Percent(map.VarianceShares[0])} of the variance, {map.VarianceShares.Count} hold {MapFiles.Percent(map.VarianceShares.Sum())}");
        text.WriteLine($"k-means: {map.Clusters} clusters hold {MapFiles.Percent(map.ClusterShare)} of the inertia{(map.SilhouetteOfClusters is { } own ? $", silhouette {Score(own)}" : "")}");
        foreach (MapLabeling labeling in map.Labelings)
        {
            text.WriteLine($"by {labeling.Title}, {labeling.Values} values: ARI of k-means {Score(labeling.KMeansRand)}, of the tree {Score(labeling.TreeRand)} (chance 0); silhouette {Score(labeling.Silhouette)}"
                + (map.Neighbours == 0 ? "" : $"; of {map.Neighbours} nearest neighbours {Share(labeling.NeighbourShare)} have the same (chance {MapFiles.Percent(labeling.ChanceShare)})"));
        }
    }

    private static string Score(Estimate estimate) => Bounded(estimate, value => value.ToString("0.00", CultureInfo.InvariantCulture));

    private static string Share(Estimate estimate) => Bounded(estimate, MapFiles.Percent);

    private static string Bounded(Estimate estimate, Func<double, string> text) =>
        text(estimate.Value) + (estimate is { Low: { } low, High: { } high } ? $" [{text(low)}, {text(high)}]" : "");

    private static long? Step(string text) => text == "end" ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step
        : throw new InputException($"--step: found '{text}', expected a step, 0 or more, or end");

    private static int? SketchColumns(string text) => text switch
    {
        "auto" => null,
        "never" => 0,
        _ => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int columns) && columns is >= LeastSketch and <= MostSketch ? columns
            : throw new InputException($"--sketch: found '{text}', expected auto, never, or a number of columns from {LeastSketch} to {MostSketch}"),
    };

    private static int Between(string option, int value, int least, int most) => value >= least && value <= most ? value
        : throw new InputException($"{option}: found {value}, expected a whole number {(most == int.MaxValue ? $"of at least {least}" : $"from {least} to {most}")}");
}
