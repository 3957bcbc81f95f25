using System.Text.Json;
using System.Xml.Linq;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Report;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Analysis.Report;

public sealed class HtmlReportTests
{
    private static readonly AnalysisOptions Quick = new() { Trees = 10, Permutations = 3, Resamples = 100, KMeansStarts = 2 };
    private static readonly XNamespace Xhtml = "http://www.w3.org/1999/xhtml";
    private static readonly Lazy<AnalysisResult> Planted = new(() => SyntheticPopulation.Analyse(new SyntheticPopulation { MachineStrength = 6, ChangeStrength = 2, InitSeeds = 6 }
        .Build(network => network is { InitSeed: 2, DataSeed: 1 } ? network with { Status = NetworkStatus.Diverged, Reason = "loss <became> \"NaN\" & more" } : network), Quick));

    [Fact]
    public void ThePageIsWellFormedAndHoldsEverythingItNeeds()
    {
        string text = Write(Planted.Value);
        XDocument page = Parse(text);
        string[] fetching = ["src", "srcset", "action", "data", "poster"];
        Assert.DoesNotContain(page.Descendants().Attributes(), attribute => fetching.Contains(attribute.Name.LocalName));
        Assert.All(page.Descendants().Attributes().Where(attribute => attribute.Name.LocalName == "href"), attribute => Assert.StartsWith("#", attribute.Value, StringComparison.Ordinal));
        string[] loading = ["script", "link", "img", "iframe", "object", "embed", "use", "image"];
        Assert.DoesNotContain(page.Descendants(), element => loading.Contains(element.Name.LocalName));
        Assert.DoesNotContain("url(", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("@import", text, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("loss <became> \"NaN\" & more", page.Root!.Value, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", text.Replace("&quot;NaN&quot;", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("Infinity", text, StringComparison.Ordinal);
    }

    [Fact]
    public void IdsAreUniqueAndLinksLeadSomewhere()
    {
        XDocument page = Parse(Write(Planted.Value));
        string[] ids = [.. page.Descendants().Attributes("id").Select(attribute => attribute.Value)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.All(page.Descendants().Attributes("href"), link => Assert.Contains(link.Value[1..], ids));
    }

    [Fact]
    public void EveryFigureHasATextAlternative()
    {
        XDocument page = Parse(Write(Planted.Value));
        XElement[] figures = [.. page.Descendants(Xhtml + "figure")];
        Assert.True(figures.Length >= 7, $"{figures.Length} figures");
        foreach (XElement figure in figures)
        {
            XElement svg = figure.Elements().First(element => element.Name.LocalName == "svg");
            Assert.Equal("img", svg.Attribute("role")?.Value);
            foreach (string id in svg.Attribute("aria-labelledby")!.Value.Split(' '))
                Assert.False(string.IsNullOrWhiteSpace(svg.Elements().Single(element => element.Attribute("id")?.Value == id).Value));
            Assert.NotEmpty(figure.Elements(Xhtml + "figcaption"));
        }
    }

    [Fact]
    public void PowerHasAFigureWithACurveForEachTestAndItsFalseAlarms()
    {
        Population population = new SyntheticPopulation { Machines = [WeightSpace.Tasks.Machine.ParityMachine], ChangeStrength = 1, HasOwnDraw = true, InitSeeds = 40 }.Build();
        ArchitectureAnalysis analysis = SyntheticPopulation.Analyse(population, Quick with { PowerDraws = 10 }).Architectures[0];
        XElement figure = XElement.Parse(PowerFigure.Draw(analysis, "power"));
        int panels = analysis.Divergence.Power.Select(curve => curve.Test).Distinct().Count();
        Assert.Equal(3, panels);
        Assert.Equal(2 * panels, figure.Descendants().Count(element => element.Name.LocalName == "polyline"));
        Assert.Empty(PowerFigure.Draw(Planted.Value.Architectures[0], "power"));
    }

    /// <summary>A zoo of many automata, some of whose networks reached their loss.</summary>
    [Fact]
    public void AHundredMachinesAreAskedAboutAndThePageStaysReadable()
    {
        const int automata = 24;
        Population population = new SyntheticPopulation { Machines = [WeightSpace.Tasks.Machine.ParityMachine], WithModified = false, InitSeeds = 6, DataSeeds = automata, MachineStrength = 0.4, Steps = [0, 10] }
            .Build(network => network with
            {
                Task = new WeightSpace.Tasks.AutomatonTask(8, 9, 8, network.DataSeed, 16),
                DataSeed = 1,
                Reason = network.InitSeed < 2 ? EndReasons.Threshold : EndReasons.Budget,
            });
        AnalysisResult result = SyntheticPopulation.Analyse(population, Quick);
        Assert.Equal(["machine"], result.Architectures[0].Labelings.Select(labeling => labeling.Name));
        Assert.Equal(automata, result.Architectures[0].Labelings[0].Values.Count);
        Assert.All(result.Population.Classes, item => Assert.Equal((6, 6, 2, 4), (item.Networks, item.Finished, item.ReachedThreshold, item.ReachedBudget)));
        XDocument page = Parse(Write(result));
        string text = page.Root!.Value;
        Assert.Contains("24 machines share 8 colours", text, StringComparison.Ordinal);
        Assert.Contains("Who is most often taken for whom", text, StringComparison.Ordinal);
        Assert.DoesNotContain(page.Descendants(Xhtml + "table"), table => table.Attribute("class")?.Value == "confusion");
        Assert.Contains("below the loss", text, StringComparison.Ordinal);
        Assert.All(page.Descendants(Xhtml + "table"), table => Assert.InRange(table.Descendants(Xhtml + "tr").Count(), 2, automata + 40));
        Assert.DoesNotContain("below the loss", Parse(Write(Planted.Value)).Root!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void TheTablesHoldTheNumbersOfTheResult()
    {
        AnalysisResult result = Planted.Value;
        ArchitectureAnalysis analysis = result.Architectures[0];
        HashSet<string> cells = [.. Parse(Write(result)).Descendants(Xhtml + "td").Select(cell => cell.Value)];
        foreach (PointAnalysis point in analysis.Points)
        {
            foreach (ClassificationScore score in point.Views.SelectMany(view => view.Classifications).Concat(point.Confounds).Where(score => score.Accuracy is not null))
                Assert.Contains(Html.Score(score.Accuracy), cells);
        }
        PointAnalysis last = analysis.Points[^1];
        foreach (ClusteringScore score in last.Views.SelectMany(view => view.Clusterings))
        {
            Assert.Contains(Html.Score(score.AdjustedRand), cells);
            Assert.Contains(Html.Score(score.AdjustedMutualInformation), cells);
        }
        Assert.All(last.Views.SelectMany(view => view.Silhouettes), score => Assert.Contains(Html.Score(score.Silhouette), cells));
        Assert.All(last.Losses, loss => Assert.Contains(Html.Quantity(loss.EvalLoss), cells));
        foreach (DivergenceInView view in analysis.Divergence.Views)
        {
            Assert.All(view.Distances, curve => Assert.Contains(Html.Quantity(curve.Points[^1].Distance), cells));
            Assert.All(view.Ratios, curve => Assert.Contains(Html.Score(curve.Points[^1].Ratio), cells));
            Assert.All(view.Directions, curve => Assert.Contains(Html.Score(curve.Points[^1].Cosine), cells));
        }
        Assert.Contains(Html.Score(analysis.Detection!.Auc), cells);
        Assert.All(analysis.Detection.Plain, plain => Assert.Contains(Html.Score(plain.Auc), cells));
        string page = Parse(Write(result)).Root!.Value;
        Assert.All(analysis.Conclusions, conclusion => Assert.Contains(conclusion.Text, page, StringComparison.Ordinal));
        Assert.All(analysis.Conclusions, conclusion => Assert.Contains(conclusion.Rule, page, StringComparison.Ordinal));
        Assert.All(analysis.Divergence.Notes, note => Assert.Contains(note, page, StringComparison.Ordinal));
        Assert.All(result.Provenance, fact => Assert.Contains(fact.Value, page, StringComparison.Ordinal));
    }

    [Fact]
    public void ThinPopulationsHaveAPageToo()
    {
        SyntheticPopulation[] thin =
        [
            new() { InitSeeds = 1, DataSeeds = 1, Machines = [WeightSpace.Tasks.Machine.ParityMachine], WithModified = false, Steps = [5] },
            new() { InitSeeds = 2, DataSeeds = 1, Machines = [WeightSpace.Tasks.Machine.ParityMachine], WithModified = true, Steps = [0, 1] },
            new() { InitSeeds = 3, DataSeeds = 1, WithModified = false },
        ];
        foreach (SyntheticPopulation population in thin)
        {
            AnalysisResult result = SyntheticPopulation.Analyse(population.Build(), Quick);
            AnalysisJson.Write(result);
            Assert.Contains("In short", Parse(Write(result)).Root!.Value, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TheSameResultGivesTheSamePage() => Assert.Equal(Write(Planted.Value), Write(AnalysisJson.Read(AnalysisJson.Write(Planted.Value))));

    [Fact]
    public void TheJsonHasTheStructureThatReadersRelyOn()
    {
        using JsonDocument json = JsonDocument.Parse(AnalysisJson.Write(Planted.Value));
        Assert.Equal("architectures,format_version,population,provenance,settings,title", Keys(json.RootElement));
        Assert.Equal("classes,diverged,failed,finished,networks,not_analysed", Keys(json.RootElement.GetProperty("population")));
        JsonElement architecture = json.RootElement.GetProperty("architectures")[0];
        Assert.Equal("conclusions,data_seeds,detection,divergence,init_seeds,labelings,layer_scores,layers,learning_curves,loss_curves,matched_steps,members,name,notes,parameters,points,views", Keys(architecture));
        Assert.Equal("accuracy,chance,features,labeling,layer,type,view", Keys(architecture.GetProperty("layer_scores")[0]));
        Assert.Equal("chance,labeling,points,view", Keys(architecture.GetProperty("learning_curves")[0]));
        Assert.Equal("accuracy,init_seeds,networks", Keys(architecture.GetProperty("learning_curves")[0].GetProperty("points")[0]));
        JsonElement point = architecture.GetProperty("points")[2];
        Assert.Equal("confounds,losses,name,step,title,views", Keys(point));
        JsonElement view = point.GetProperty("views")[0];
        Assert.Equal("classifications,clusterings,dendrogram,note,scores,silhouettes,variance_shares,view", Keys(view));
        Assert.Equal("accuracy,chance,classifier,confusion,features,folds,labeling,note,permuted", Keys(view.GetProperty("classifications")[0]));
        Assert.Equal("high,low,value", Keys(view.GetProperty("classifications")[0].GetProperty("accuracy")));
        Assert.Equal("adjusted_mutual_information,adjusted_rand,clusters,labeling,method", Keys(view.GetProperty("clusterings")[0]));
        Assert.Equal("attack_test,auc,by_change,by_shape,chance_cross_entropy,changed,cross_entropy,features,init_seeds,networks,permuted,plain,selected,unseen_changes,view", Keys(architecture.GetProperty("detection")));
        JsonElement divergence = architecture.GetProperty("divergence");
        Assert.Equal("kinds,notes,power,tests,views", Keys(divergence));
        Assert.Equal("control,kind,machine,networks,result,test,view", Keys(divergence.GetProperty("tests")[0]));
        Assert.Equal("directions,distances,ratios,view", Keys(divergence.GetProperty("views")[0]));
        Assert.Equal("difference,init_seeds,p_value,ratio,step", Keys(divergence.GetProperty("views")[0].GetProperty("ratios")[0].GetProperty("points")[0]));
    }

    [Theory]
    [InlineData(0.0123456, "0.0123")]
    [InlineData(1.23456e-5, "1.23e\u22125")]
    [InlineData(12.3456, "12.3")]
    [InlineData(1234.56, "1235")]
    [InlineData(0, "0")]
    public void QuantitiesHaveThreeDigits(double value, string expected) => Assert.Equal(expected, Html.Quantity(value));

    [Fact]
    public void TextThatIsNoXmlIsMadeIt()
    {
        Assert.Equal("&lt;a href=&quot;x&quot;&gt; &amp; \uFFFD\uFFFD \U0001F600", Html.Escape("<a href=\"x\"> & \0\uD800 \U0001F600"));
    }

    [Fact]
    public void LeavesStandInTheOrderOfTheTree()
    {
        DendrogramMerge[] merges = [new(0, 2, 1, 2), new(1, 3, 2, 2), new(4, 5, 3, 4)];
        Assert.Equal([0, 2, 1, 3], StructureFigures.LeafOrder(merges, 4));
    }

    private static string Keys(JsonElement element) => string.Join(',', element.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal));

    private static string Write(AnalysisResult result)
    {
        using var writer = new StringWriter();
        HtmlReport.Write(result, writer);
        return writer.ToString();
    }

    private static XDocument Parse(string page) => XDocument.Parse(page.Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
}
