using System.Globalization;
using System.Text;
using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web.Pages;

/// <summary>A map of weight space as a drawing. All networks of a colour are one path of dots, so two thousand of them take some 20 kB.</summary>
internal static class MapFigure
{
    private const int Width = 640, Height = 420, Margin = 22;

    /// <summary>Coloured by what the networks learned.</summary>
    public static Markup OfClasses(WeightMap map)
    {
        (Func<MapPoint, string> dot, string what) = (Dots(map), $"{Described(map)}, coloured by what they learned");
        IEnumerable<Markup> layers = Enumerable.Range(0, map.Classes.Count).Select(index => Layer($"points c{Number(index)}", map.Points.Where(point => point.Class == index).Select(dot)));
        IEnumerable<Markup> legend = map.Classes.Select((name, index) => Markup.Of($"<li><svg viewBox=\"0 0 12 12\" aria-hidden=\"true\"><path class=\"points c{Number(index)}\" d=\"M6 6h0\"/></svg>{Markup.Name(name)}</li>\n"));
        return Draw(map, what, Markup.Join(layers), Markup.Join(legend));
    }

    /// <summary>With those of the account lit up.</summary>
    public static Markup OfMine(WeightMap map)
    {
        Func<MapPoint, string> dot = Dots(map);
        string[] mine = [.. map.Points.Where(point => point.IsMine).Select(dot)];
        Markup layers = Markup.Of($"{Layer("points others", map.Points.Where(point => !point.IsMine).Select(dot))}{Layer("points halo", mine)}{Layer("points mine", mine)}");
        Markup legend = Markup.Of($"""
            <li><svg viewBox="0 0 12 12" aria-hidden="true"><path class="points mine" d="M6 6h0"/></svg>grown on your machines: {Number(mine.Length)}</li>
            <li><svg viewBox="0 0 12 12" aria-hidden="true"><path class="points others" d="M6 6h0"/></svg>grown by others: {Number(map.Points.Count - mine.Length)}</li>

            """);
        return Draw(map, $"{Described(map)}; {Words.Count(mine.Length, "network", "networks")} grown on your machines stand out", layers, legend);
    }

    private static Markup Draw(WeightMap map, string described, Markup layers, Markup legend)
    {
        string shown = map.Points.Count == map.Networks ? $"All {Words.Count(map.Networks, "network", "networks")} that are there"
            : $"{Words.Number(map.Points.Count)} of the {Words.Count(map.Networks, "network", "networks")} that are there, chosen once for all,";
        return Markup.Of($"""
            <figure class="map">
            <svg viewBox="0 0 {Number(Width)} {Number(Height)}" role="img" aria-label="{described}">
            <rect class="plane" x="0.5" y="0.5" width="{Number(Width - 1)}" height="{Number(Height - 1)}" rx="10"/>
            {layers}<text x="{Number(Width - Margin)}" y="{Number(Height - 8)}" text-anchor="end">first component: {Words.Share(map.Shares[0])} of the variance</text>
            <text transform="translate(14 {Number(Margin)}) rotate(-90)" text-anchor="end">second: {Words.Share(map.Shares[1])}</text>
            </svg>
            <ul class="legend">
            {legend}</ul>
            <figcaption>{shown} when this was drawn ({map.Architecture}): each dot is a network, placed by its last weights along their two principal components. Near dots have similar weights.</figcaption>
            </figure>

            """);
    }

    private static string Described(WeightMap map) => $"Map of the weights of {Words.Count(map.Points.Count, "network", "networks")} of {map.Name}";

    private static Markup Layer(string style, IEnumerable<string> dots)
    {
        var path = new StringBuilder();
        foreach (string dot in dots)
            path.Append(dot);
        return path.Length == 0 ? Markup.Empty : Markup.Of($"<path class=\"{style}\" d=\"{path.ToString()}\"/>\n");
    }

    /// <summary>Where a network stands. Both axes have one scale, so that distances are as they are in the plane.</summary>
    private static Func<MapPoint, string> Dots(WeightMap map)
    {
        if (map.Points.Count == 0)
            return _ => "";
        (float left, float right, float low, float high) = (map.Points.Min(point => point.X), map.Points.Max(point => point.X), map.Points.Min(point => point.Y), map.Points.Max(point => point.Y));
        double scale = Math.Min((Width - (2.0 * Margin)) / Math.Max(right - left, 1e-9), (Height - (2.0 * Margin)) / Math.Max(high - low, 1e-9));
        (double x, double y) = ((left + right) / 2.0, (low + high) / 2.0);
        return point => string.Create(CultureInfo.InvariantCulture, $"M{(Width / 2.0) + ((point.X - x) * scale):0.#} {(Height / 2.0) - ((point.Y - y) * scale):0.#}h0");
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
