using System.Globalization;
using System.Xml.Linq;
using WeightSpace.Analysis.Report;
using WeightSpace.Analysis.Trajectories.Ordering;
using WeightSpace.Numerics;
using WeightSpace.Tests.Analysis.Trajectories;
using WeightSpace.Tests.Analysis.Trajectories.Ordering;

namespace WeightSpace.Tests.Analysis.Report;

public sealed class OrderReportTests
{
    /// <summary>Found in weights: each line goes through the places of its network's checkpoints, in the order in which they were walked.</summary>
    [Fact]
    public void ALineGoesThroughItsCheckpointsInTheirOrder()
    {
        const int networks = 3, steps = 12;
        var grown = new GrownPaths();
        for (int network = 0; network < networks; network++)
            grown.Network(network, steps);
        MemoryGroup group = new([.. grown.Truth.Select(place => MemoryGroup.Item($"n{place.Network}", place.Step))], [.. Enumerable.Range(0, grown.Count).Select(i => grown.Row(i).ToArray())]);
        OrderResult result = OrderAnalysis.Run(group, withBaselines: true, withProjection: true, 0, null, CancellationToken.None);
        Assert.Equal(1, result.Scores[0].Scores.DirectedOrder!.Value, 3);
        XElement[] figures = [.. Parse(result).Descendants().Where(element => element.Name.LocalName == "figure")];
        Assert.Equal(2, figures.Length);
        XElement[] lines = [.. figures[0].Descendants().Where(element => element.Name.LocalName == "polyline")];
        Assert.Equal(networks, lines.Length);
        // The frame's scale, from any two checkpoints: all others must fall where it says.
        double[][] plane = [.. result.Projection!.Points.Select(point => point.ToArray())];
        double[][] drawn = [.. lines.SelectMany(line => line.Attribute("points")!.Value.Split(' ').Select(pair => pair.Split(',').Select(number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray()))];
        int[] expected = [.. Enumerable.Range(0, networks).SelectMany(network => Enumerable.Range(0, steps).Select(step => (network * steps) + step))];
        for (int axis = 0; axis < 2; axis++)
        {
            int low = expected.MinBy(i => plane[i][axis]), high = expected.MaxBy(i => plane[i][axis]);
            double Pixel(int i) => drawn[Array.IndexOf(expected, i)][axis];
            double scale = (Pixel(high) - Pixel(low)) / (plane[high][axis] - plane[low][axis]);
            Assert.True(axis == 0 ? scale > 0 : scale < 0, "the horizontal axis grows to the right, the vertical one upwards");
            Assert.All(expected, i => Assert.Equal(Pixel(low) + (scale * (plane[i][axis] - plane[low][axis])), Pixel(i), 0.11));
        }
        Assert.Equal(networks, lines.Select(line => line.Attribute("class")!.Value).Distinct().Count());
        Assert.All(lines, line => Assert.DoesNotContain("dashed", line.Attribute("class")!.Value, StringComparison.Ordinal));
        Assert.Contains("Held against the truth", Parse(result).Root!.Value, StringComparison.Ordinal);
    }

    /// <summary>Many checkpoints are placed by the directions of some of them: a plane that is known must come out of few and of many.</summary>
    [Theory]
    [InlineData(300)]
    [InlineData(OrderProjection.MostFitted)]
    [InlineData(5001)]
    public void ThePlaneIsTheOneInWhichTheyVaryMost(int count)
    {
        const int columns = 40;
        var random = new RandomStream(7, RandomPurpose.Testing, (ulong)count);
        double[,] directions = new double[2, columns]; // orthonormal: even columns, odd columns
        for (int j = 0; j < columns; j++)
            directions[j % 2, j] = (j % 4 < 2 ? 1 : -1) / Math.Sqrt(columns / 2);
        using var rows = new FloatRows(count, columns);
        double[][] planted = new double[count][];
        for (int i = 0; i < count; i++)
        {
            planted[i] = [10 * random.NextNormal(), 3 * random.NextNormal()];
            for (int j = 0; j < columns; j++)
                rows[i][j] = (float)(5 + (planted[i][0] * directions[0, j]) + (planted[i][1] * directions[1, j]) + (0.01 * random.NextNormal()));
        }
        rows.Centre();
        OrderProjection projection = OrderProjection.Of(rows, CancellationToken.None)!;
        Assert.Equal(count, projection.Points.Count);
        Assert.Equal(1, projection.VarianceShares.Sum(), 3);
        Assert.Equal(100.0 / 109, projection.VarianceShares[0], 0.03);
        for (int axis = 0; axis < 2; axis++)
        {
            double mean = planted.Average(point => point[axis]);
            double[] of = [.. planted.Select(point => point[axis] - mean)], found = [.. projection.Points.Select(point => point[axis])];
            double cosine = of.Zip(found, (a, b) => a * b).Sum() / Math.Sqrt(of.Sum(a => a * a) * found.Sum(b => b * b));
            Assert.InRange(Math.Abs(cosine), 0.99, 1.0000001);
            Assert.Equal(Math.Sqrt(of.Sum(a => a * a)), Math.Sqrt(found.Sum(b => b * b)), 0.02 * Math.Sqrt(of.Sum(a => a * a)));
        }
    }

    [Fact]
    public void WhatDoesNotVaryHasNoPlane()
    {
        using var same = new FloatRows(5, 3);
        Assert.Null(OrderProjection.Of(same, CancellationToken.None));
        using var two = new FloatRows(2, 3);
        two[0][0] = 1;
        Assert.Null(OrderProjection.Of(two, CancellationToken.None));
        XDocument page = Parse(Made([2]) with { Projection = null });
        Assert.DoesNotContain(page.Descendants(), element => element.Name.LocalName == "polyline");
    }

    /// <summary>A page that a browser shows at once, whatever ten thousand checkpoints are.</summary>
    [Theory]
    [InlineData(1, 10_000)]
    [InlineData(196, 51)]
    [InlineData(5_000, 2)]
    [InlineData(10_000, 1)]
    [InlineData(40_000, 1)]
    public void ThePageIsOfBoundedSize(int paths, int checkpoints)
    {
        using var writer = new StringWriter();
        OrderReport.Write("many", [Made([.. Enumerable.Repeat(checkpoints, paths)])], writer);
        Assert.InRange(writer.ToString().Length, 10_000, 700_000);
        XDocument page = XDocument.Parse(writer.ToString());
        Assert.InRange(page.Descendants().Count(), 20, 4_000);
        string text = page.Root!.Value;
        if (checkpoints == 1)
            Assert.Contains($"{(paths == 10_000 ? "10,000" : "40,000")} checkpoints in no order with any other", text, StringComparison.Ordinal);
        if (paths == 5_000)
            Assert.Contains("300 of 5,000, those with the most checkpoints", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ForksBeginAtTheirParentsAndShareItsColour()
    {
        OrderResult made = Made([5, 4, 3, 1]);
        made = made with { Trajectories = [.. made.Trajectories.Select(path => path.Number == 2 ? path with { ForkOf = "1/3", Direction = 0.1 } : path)] };
        XElement figure = Parse(made).Descendants().First(element => element.Name.LocalName == "figure");
        XElement[] lines = [.. figure.Descendants().Where(element => element.Name.LocalName == "polyline")];
        Assert.Equal(["curve thin m0", "curve thin m0 dashed", "curve thin m1"], lines.Select(line => line.Attribute("class")!.Value));
        string[][] points = [.. lines.Select(line => line.Attribute("points")!.Value.Split(' '))];
        // Of 5 checkpoints, of 4 behind the parent's, and of 3; the fourth is a checkpoint alone.
        Assert.Equal([5, 5, 3], points.Select(line => line.Length));
        Assert.Equal(points[0][2], points[1][0]);
        Assert.Single(figure.Descendants(), element => element.Attribute("class")?.Value == "specks");
        // Only what has a direction has ends that can be told apart.
        Assert.Equal(2, figure.Descendants().Count(element => element.Name.LocalName == "circle" && element.Attribute("class")!.Value.StartsWith("ring", StringComparison.Ordinal)));
    }

    [Fact]
    public void NamesAreTextAndEveryFigureHasAnAlternative()
    {
        OrderResult made = Made([4, 4]);
        made = made with { Group = "<b>&\"", LeftOut = ["<script>alert(1)</script>"] };
        XDocument page = Parse(made);
        Assert.Contains("<script>alert(1)</script>", page.Root!.Value, StringComparison.Ordinal);
        Assert.DoesNotContain(page.Descendants(), element => element.Name.LocalName is "script" or "b" && element.Value.Contains("alert", StringComparison.Ordinal));
        XElement[] figures = [.. page.Descendants().Where(element => element.Name.LocalName == "figure")];
        Assert.Equal(2, figures.Length);
        foreach (XElement svg in figures.Select(figure => figure.Elements().First(element => element.Name.LocalName == "svg")))
            Assert.All(svg.Attribute("aria-labelledby")!.Value.Split(' '), id => Assert.False(string.IsNullOrWhiteSpace(svg.Elements().Single(element => element.Attribute("id")?.Value == id).Value)));
        string[] ids = [.. page.Descendants().Attributes("id").Select(attribute => attribute.Value)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    private static XDocument Parse(OrderResult result)
    {
        using var writer = new StringWriter();
        OrderReport.Write("a title", [result], writer);
        Assert.DoesNotContain("NaN", writer.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("\u221E", writer.ToString(), StringComparison.Ordinal);
        return XDocument.Parse(writer.ToString());
    }

    /// <summary>Paths of so many checkpoints, named <c>path/place</c>, somewhere in a plane.</summary>
    private static OrderResult Made(int[] lengths)
    {
        var random = new RandomStream(3, RandomPurpose.Testing, 0);
        var checkpoints = new List<FoundCheckpoint>();
        var paths = new List<FoundTrajectory>();
        for (int path = 1; path <= lengths.Length; path++)
        {
            paths.Add(new FoundTrajectory(path, lengths[path - 1], $"{path}/1", $"{path}/{lengths[path - 1]}", null, lengths[path - 1] < 3 ? null : 0.9, 0.5));
            for (int place = 1; place <= lengths[path - 1]; place++)
                checkpoints.Add(new FoundCheckpoint($"{path}/{place}", path, place, null));
        }
        IReadOnlyList<double>[] points = [.. checkpoints.Select(_ => (IReadOnlyList<double>)[100 * random.NextNormal(), 50 * random.NextNormal()])];
        return new OrderResult("made", 100, false, paths, checkpoints, [], []) { Projection = new OrderProjection([0.5, 0.25], points) };
    }
}
