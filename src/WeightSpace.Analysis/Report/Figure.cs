using System.Text;
using WeightSpace.Tasks;

namespace WeightSpace.Analysis.Report;

/// <summary>A figure: a drawing with a text alternative, a legend and a caption.</summary>
internal static class Figure
{
    /// <summary>
    /// Wraps a drawing of a size in pixels. <paramref name="alternative"/> tells in words what the drawing shows; <paramref name="legend"/> and
    /// <paramref name="caption"/> are markup.
    /// </summary>
    public static string Wrap(string id, double width, double height, string title, string alternative, string drawing, string legend, string caption) =>
        $"<figure id=\"{id}\"><svg viewBox=\"0 0 {Html.Pixel(width)} {Html.Pixel(height)}\" role=\"img\" aria-labelledby=\"{id}-title {id}-text\" xmlns=\"http://www.w3.org/2000/svg\">"
        + $"<title id=\"{id}-title\">{Html.Escape(title)}</title><desc id=\"{id}-text\">{Html.Escape(alternative)}</desc>{drawing}</svg>{legend}<figcaption>{caption}</figcaption></figure>\n";

    /// <summary>An entry of a legend: a dot in a class's colour, and what it stands for.</summary>
    public static string Key(string style, string words) => $"<span><svg viewBox=\"0 0 14 12\" class=\"key\" aria-hidden=\"true\"><circle class=\"dot {style}\" cx=\"7\" cy=\"6\" r=\"4.5\"/></svg>{Html.Escape(words)}</span> ";

    /// <summary>More machines or classes than this are not shown one by one where that would be no help; <c>analysis.json</c> has all.</summary>
    public const int MostListed = 20;

    /// <summary>Colours that <see cref="ReportStyle"/> has for classes, m0 and on.</summary>
    public const int Colours = 8;

    /// <summary>The colour's number of each machine: fixed by its place in the list of the analysis, so the same in all figures.</summary>
    public static Dictionary<string, int> MachineColours(ArchitectureAnalysis analysis) =>
        analysis.Members.Select(member => member.Machine).Distinct().Order(StringComparer.Ordinal).Select((machine, index) => (machine, index)).ToDictionary(pair => pair.machine, pair => pair.index % Colours);

    /// <summary>What colours mean, and, where the figure shows variants, dashes (of lines) or fillings (of dots).</summary>
    public static string MachineLegend(ArchitectureAnalysis analysis, bool lines, bool withVariants = true)
    {
        var legend = new StringBuilder("<p class=\"legend\">");
        Dictionary<string, int> colours = MachineColours(analysis);
        if (colours.Count > MostListed)
        {
            legend.Append($"<span>{colours.Count} machines share {Colours} colours: one colour stands for several.</span> ");
        }
        else
        {
            foreach ((string machine, int colour) in colours.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                legend.Append(Key($"m{colour}", machine));
        }
        string[] variants = [.. analysis.Members.Select(member => member.Variant).Distinct().Order(StringComparer.Ordinal)];
        if (withVariants && (variants.Length > 1 || variants[0] != Variants.Clean))
        {
            string changed = Variant(variants[^1]);
            legend.Append(lines
                ? $"<span><svg viewBox=\"0 0 24 12\" class=\"key\" aria-hidden=\"true\"><line class=\"curve plain\" x1=\"1\" x2=\"23\" y1=\"6\" y2=\"6\"/></svg>clean</span> <span><svg viewBox=\"0 0 24 12\" class=\"key\" aria-hidden=\"true\"><line class=\"curve plain dashed\" x1=\"1\" x2=\"23\" y1=\"6\" y2=\"6\"/></svg>{changed}</span>"
                : $"<span><svg viewBox=\"0 0 14 12\" class=\"key\" aria-hidden=\"true\"><circle class=\"dot plain\" cx=\"7\" cy=\"6\" r=\"4.5\"/></svg>filled: clean</span> <span><svg viewBox=\"0 0 14 12\" class=\"key\" aria-hidden=\"true\"><circle class=\"ring plain\" cx=\"7\" cy=\"6\" r=\"4\"/></svg>hollow: {changed}</span>");
        }
        return legend.Append("</p>").ToString();
    }

    /// <summary>A treatment without its number: <c>modified</c> for <c>modified 2</c>.</summary>
    public static string Variant(string treatment) => treatment.Split(' ')[0];

    /// <summary>The style of a class's curves and markers: its machine's colour, dashed or hollow when changed.</summary>
    public static string Style(Dictionary<string, int> colours, string machine, string variant) => $"m{colours[machine]}{(variant == Variants.Clean ? "" : " dashed")}";

    /// <summary>A view's line: dotted, dashed, solid; the accent's colour and a soft one where these are taken.</summary>
    public static string ViewStyle(string view) => view switch { "raw" => "v0", "statistics" => "v1", "invariant" => "v2", "aligned" => "v3", "spectral" => "v4", _ => "v5" };
}
