using System.Globalization;
using System.Text;
using WeightSpace.Analysis.Trajectories;

namespace WeightSpace.Analysis.Report;

/// <summary>Figures of paths through weight space.</summary>
internal static class TrackFigures
{
    private const double Width = 760;
    private const int Colours = Figure.Colours;

    /// <summary>Measures that are drawn over training, with the scale that suits them.</summary>
    private static readonly (string Measure, ScaleKind Scale)[] s_drawn =
    [
        ("step_length", ScaleKind.Logarithmic), ("relative_step_length", ScaleKind.Logarithmic), ("speed", ScaleKind.Logarithmic), ("turning_angle", ScaleKind.Linear),
        ("curvature", ScaleKind.Logarithmic), ("distance_from_start", ScaleKind.Logarithmic), ("tortuosity", ScaleKind.Logarithmic), ("norm", ScaleKind.Logarithmic),
        ("kurtosis", ScaleKind.Logarithmic), ("reference_distance", ScaleKind.Logarithmic),
    ];

    /// <summary>The paths in the plane in which they vary most; empty where there is none.</summary>
    public static string Paths(TrackedGroup group, string id)
    {
        if (group.Projection is not { } projection)
            return "";
        const double left = 40, side = 560, top = 30;
        IReadOnlyList<double>[] points = [.. projection.Paths.SelectMany(path => path.Points)];
        Scale x = Scale.Padded(points.Select(point => point[0]), left, left + side), y = Scale.Padded(points.Select(point => point[1]), top + side, top);
        Dictionary<string, int> colours = ClassColours(group);
        var svg = new StringBuilder();
        svg.Append($"<rect class=\"frame\" x=\"{Html.Pixel(left)}\" y=\"{Html.Pixel(top)}\" width=\"{Html.Pixel(side)}\" height=\"{Html.Pixel(side)}\"/>");
        foreach (ProjectedPath path in projection.Paths)
        {
            string colour = $"m{colours[path.Class]}";
            if (path.Points.Count > 1)
                svg.Append($"<polyline class=\"curve thin {colour}\" points=\"{string.Join(' ', path.Points.Select(point => $"{Html.Pixel(x.At(point[0]))},{Html.Pixel(y.At(point[1]))}"))}\"/>");
            svg.Append($"<circle class=\"ring {colour}\" cx=\"{Html.Pixel(x.At(path.Points[0][0]))}\" cy=\"{Html.Pixel(y.At(path.Points[0][1]))}\" r=\"2.6\"/>");
            svg.Append($"<circle class=\"dot {colour}\" cx=\"{Html.Pixel(x.At(path.Points[^1][0]))}\" cy=\"{Html.Pixel(y.At(path.Points[^1][1]))}\" r=\"3.2\"/>");
        }
        string shares = $"The first direction holds {Html.Pixel(100 * projection.VarianceShares[0])} % of the variance of all checkpoints, the second {Html.Pixel(100 * projection.VarianceShares[1])} %.";
        svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(left)}\" y=\"{Html.Pixel(top + side + 18)}\">{Html.Escape(shares)}</text>");
        return Figure.Wrap(id, Width, top + side + 26, $"Paths of {projection.Paths.Count} networks", $"The paths of {projection.Paths.Count} networks in two directions. {shares}", svg.ToString(), ClassLegend(group),
            $"Each line is the path of one network ({Html.Count(projection.Paths.Count)} of {Html.Count(group.Networks)}), from its ring (first checkpoint) to its dot (last), in the two directions in which all checkpoints vary most. "
            + "Two directions are a small part of all: paths that cross here need not meet, and smooth curves are what even random walks show in such a plane (Antognini and Sohl-Dickstein, arXiv 1806.08805).");
    }

    /// <summary>Measures over training by class, with bands; empty where there is none.</summary>
    public static string Measures(TrackedGroup group, string id)
    {
        (PathMeasure Measure, ScaleKind Kind)[] drawn = [.. s_drawn.Select(one => (PathMeasure.All.First(measure => measure.Name == one.Measure), one.Scale))
            .Where(one => group.Populations.Any(population => Points(population, one.Item1.Name, one.Scale).Length > 0))];
        double most = group.Populations.SelectMany(population => population.Curves).SelectMany(curve => curve.Points).Select(point => point.At).DefaultIfEmpty(0).Max();
        if (drawn.Length == 0)
            return "";
        const int across = 2;
        const double left = 56, gap = 80, high = 170, down = 262;
        double wide = (Width - left - 16 - gap) / across;
        Dictionary<string, int> colours = ClassColours(group);
        var svg = new StringBuilder();
        var words = new StringBuilder();
        // Many bands hide each other.
        bool hasBands = group.Populations.Count <= Colours;
        for (int i = 0; i < drawn.Length; i++)
        {
            (PathMeasure measure, ScaleKind kind) = drawn[i];
            double from = left + (i % across * (wide + gap)), top = 56 + (i / across * down);
            double[] values = [.. group.Populations.SelectMany(population => Points(population, measure.Name, kind)).SelectMany(point => new[] { point.Y, hasBands ? point.Low ?? point.Y : point.Y, hasBands ? point.High ?? point.Y : point.Y })
                .Where(value => kind == ScaleKind.Linear || value > 0)];
            double? level = measure.Name switch { "turning_angle" => 90, "reference_distance" => 1, _ => null };
            if (level is { } shown)
                values = [.. values, shown];
            Scale y = kind == ScaleKind.Linear ? new Scale(Math.Min(0, values.Min()), Math.Max(values.Max(), 1e-12), top + high, top, kind) : new Scale(values.Min() / 1.1, values.Max() * 1.1, top + high, top, kind);
            var chart = new Chart(svg, new Scale(0, Math.Max(1, most), from, from + wide, ScaleKind.Steps), y);
            chart.Axes(Capital(measure.Title), $"{Axis(group)} (log scale)", kind == ScaleKind.Logarithmic ? "log scale" : "");
            if (level is { } at)
                chart.Level(at, null);
            foreach (TrackedPopulation population in group.Populations)
            {
                CurvePoint[] points = [.. Points(population, measure.Name, kind).Select(point => kind == ScaleKind.Logarithmic && point.Low is { } low ? point with { Low = Math.Max(low, values.Min()) } : point)];
                chart.Curve(points, $"m{colours[population.Class]}", null, hasBands);
                if (points.Length > 0 && i < 3 && group.Populations.Count <= Figure.MostListed)
                    words.Append($"{population.Class}, {measure.Title}: {Html.Quantity(points[0].Y)} at first, {Html.Quantity(points[^1].Y)} at the end. ");
            }
        }
        int rows = (drawn.Length + across - 1) / across;
        return Figure.Wrap(id, Width, (rows * down) + 4, "Measures of the paths over training", $"Means over networks by class. {words}", svg.ToString(), ClassLegend(group),
            $"Means over networks{(hasBands ? " with 95 % bands" : "")}. The dotted line of the turning angle is 90 degrees, where updates have nothing to do with each other, as in a random walk; that of the distance from the reference is 1, as far out as its networks usually are.");
    }

    /// <summary>A matrix of cosines as a heat map.</summary>
    public static string Cosines(CosineMatrix matrix, string axis, string id)
    {
        const double left = 70, top = 30, side = 420;
        int cells = matrix.At.Count;
        double cell = side / cells;
        string size = Place(cell);
        // Without smoothing, or the seams between cells would show.
        var svg = new StringBuilder("<g shape-rendering=\"crispEdges\">");
        for (int i = 0; i < cells; i++)
        {
            for (int j = 0; j < cells; j++)
            {
                if (matrix.Cosines[i][j] is not { } cosine)
                    continue;
                svg.Append($"<rect class=\"{(cosine < 0 ? "cold" : "warm")}\" x=\"{Place(left + (j * cell))}\" y=\"{Place(top + (i * cell))}\" width=\"{size}\" height=\"{size}\" fill-opacity=\"{Math.Abs(cosine).ToString("0.##", CultureInfo.InvariantCulture)}\"/>");
            }
        }
        svg.Append($"</g><rect class=\"frame\" x=\"{Html.Pixel(left)}\" y=\"{Html.Pixel(top)}\" width=\"{Html.Pixel(side)}\" height=\"{Html.Pixel(side)}\"/>");
        int stride = Math.Max(1, (cells + 6) / 7);
        for (int i = 0; i < cells; i += stride)
        {
            double middle = (i + 0.5) * cell;
            string text = Html.Escape(Html.Count((long)matrix.At[i]));
            svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(left - 6)}\" y=\"{Html.Pixel(top + middle + 4)}\" text-anchor=\"end\">{text}</text>");
            svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(left + middle)}\" y=\"{Html.Pixel(top + side + 16)}\" text-anchor=\"middle\">{text}</text>");
        }
        svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(left + (side / 2))}\" y=\"{Html.Pixel(top + side + 33)}\" text-anchor=\"middle\">update that leads to {Html.Escape(axis)}</text>");
        for (int i = 0; i <= 8; i++)
        {
            double value = 1 - (i / 4.0);
            svg.Append($"<rect class=\"{(value < 0 ? "cold" : "warm")}\" x=\"{Html.Pixel(left + side + 40)}\" y=\"{Html.Pixel(top + (i * 20))}\" width=\"18\" height=\"20\" fill-opacity=\"{Math.Abs(value).ToString("0.##", CultureInfo.InvariantCulture)}\"/>");
            svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(left + side + 66)}\" y=\"{Html.Pixel(top + (i * 20) + 14)}\">{Html.Score(value)}</text>");
        }
        double[] others = [.. Enumerable.Range(0, cells).SelectMany(i => Enumerable.Range(0, cells).Where(j => j != i).Select(j => matrix.Cosines[i][j])).OfType<double>()];
        string title = matrix.Of == "mean" ? $"Cosines between updates, mean of {Html.Count(matrix.Networks)} networks" : $"Cosines between updates of network {Short(matrix.Of)}";
        string pooled = matrix.Pool > 1 ? $" Each cell is the mean over {matrix.Pool} x {matrix.Pool} updates." : "";
        string mean = others.Length > 0 ? $" Mean off the diagonal: {Html.Score(others.Average())}." : "";
        return Figure.Wrap(id, Width, top + side + 40, title, $"{title}: {cells} x {cells} cells.{mean}", svg.ToString(), "",
            $"{Html.Escape(title)}. One colour means that two updates point the same way, the other that one takes back what the other did; blank, that they have nothing to do with each other.{mean}{pooled}");
    }

    /// <summary>How much single tensors change from checkpoint to checkpoint; empty where there is nothing.</summary>
    public static string Tensors(TrackedGroup group, string id)
    {
        (TensorCurve Curve, CurvePoint[] Points)[] curves = [.. group.Tensors.Select(curve => (curve, curve.Points.Where(point => point.Change > 0).Select(point => new CurvePoint(point.At, point.Change)).ToArray())).Where(one => one.Item2.Length > 0)];
        if (curves.Length == 0)
            return "";
        double[] values = [.. curves.SelectMany(one => one.Points).Select(point => point.Y)];
        var svg = new StringBuilder();
        var chart = new Chart(svg, new Scale(0, Math.Max(1, curves.Max(one => one.Points.Max(point => point.X))), 56, Width - 190, ScaleKind.Steps), new Scale(values.Min() / 1.1, values.Max() * 1.1, 320, 30, ScaleKind.Logarithmic));
        chart.Axes("", $"{Axis(group)} (log scale)", "root mean square change of a weight (log scale)");
        for (int i = 0; i < curves.Length; i++)
            chart.Curve(curves[i].Points, $"m{i % Colours}{(i >= Colours ? " dashed" : "")}", curves[i].Curve.Tensor, withBand: false);
        chart.Labels();
        string words = string.Join("; ", curves.Select(one => $"{one.Curve.Tensor}: {Html.Quantity(one.Points[0].Y)} at first, {Html.Quantity(one.Points[^1].Y)} at the end"));
        return Figure.Wrap(id, Width, 360, "Step length by layer", $"Root mean square change of a weight. {words}.", svg.ToString(), "",
            $"How far a weight of each tensor moves between neighbouring checkpoints: step length over the root of the number of weights, mean over networks, so that large tensors do not look faster for their size.{(group.AllTensors.Count > group.Tensors.Count ? $" The {group.Tensors.Count} largest of {group.AllTensors.Count} tensors; track-tensors.csv has all." : "")}");
    }

    /// <summary>A network's name as far as people need it.</summary>
    public static string Short(string network) => network.Length > 24 ? network[..12] + "..." : network;

    private static string Axis(TrackedGroup group) => group.Axis == "step" ? "training step" : "number of the checkpoint";

    private static CurvePoint[] Points(TrackedPopulation population, string measure, ScaleKind kind) => population.Curves.FirstOrDefault(curve => curve.Measure == measure) is not { } curve ? []
        : [.. curve.Points.Where(point => kind == ScaleKind.Linear || point.Value.Value > 0).Select(point => new CurvePoint(point.At, point.Value.Value, point.Value.Low, point.Value.High))];

    private static Dictionary<string, int> ClassColours(TrackedGroup group) => group.Populations.Select((population, index) => (population.Class, index)).ToDictionary(one => one.Class, one => one.index % Colours);

    private static string ClassLegend(TrackedGroup group)
    {
        if (group.Populations.Count == 1)
            return "";
        Dictionary<string, int> colours = ClassColours(group);
        return group.Populations.Count > Figure.MostListed ? $"<p class=\"legend\"><span>{group.Populations.Count} classes share {Colours} colours: one colour stands for several.</span></p>"
            : "<p class=\"legend\">" + string.Concat(group.Populations.Select(population => Figure.Key($"m{colours[population.Class]}", population.Class))) + "</p>";
    }

    private static string Place(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
