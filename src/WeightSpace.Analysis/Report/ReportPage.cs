namespace WeightSpace.Analysis.Report;

/// <summary>What all pages have in common: one file that holds everything it needs, no script, no network, well-formed XML.</summary>
internal static class ReportPage
{
    /// <summary>Everything before the page's own content; <paramref name="css"/> is what <see cref="ReportStyle"/> has no class for.</summary>
    public static void Begin(TextWriter writer, string title, string css = "")
    {
        string style = Html.Escape(css.Length == 0 ? ReportStyle.Css : $"{ReportStyle.Css}\n{css}").Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal);
        writer.Write("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\" xml:lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
            + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
        writer.Write($"<title>{Html.Escape(title)}</title>\n<style>\n{style}\n</style>\n</head>\n<body>\n<main>\n");
    }

    /// <summary>What the page is of, in words; <paramref name="lead"/> and <paramref name="links"/> are markup.</summary>
    public static void Header(TextWriter writer, string kind, string title, string lead, string links = "")
    {
        writer.Write($"<header>\n<p class=\"eyebrow\">WeightSpace \u00b7 {Html.Escape(kind)}</p>\n<h1>{Html.Escape(title)}</h1>\n<p class=\"lead\">{lead}</p>\n");
        writer.Write($"{(links.Length > 0 ? $"<nav>{links}</nav>\n" : "")}</header>\n");
    }

    /// <summary>Remarks in a box of their own; nothing where there are none.</summary>
    public static void Notes(TextWriter writer, IReadOnlyCollection<string> notes)
    {
        if (notes.Count > 0)
            writer.Write($"<div class=\"note\"><ul>{string.Concat(notes.Select(note => $"<li>{Html.Escape(note)}</li>"))}</ul></div>\n");
    }

    /// <summary>How the numbers came about, and, as markup, where they all are.</summary>
    public static void Methods(TextWriter writer, IEnumerable<(string Title, string Text)> items, string where = "")
    {
        writer.Write("<section id=\"methods\" class=\"methods\">\n<h2>Methods</h2>\n<ol>\n");
        foreach ((string title, string text) in items)
            writer.Write($"<li><b>{title}</b> {text}</li>\n");
        writer.Write($"</ol>\n{(where.Length > 0 ? $"<p class=\"rule\">{where}</p>\n" : "")}</section>\n");
    }

    public static void End(TextWriter writer) => writer.Write("</main>\n</body>\n</html>\n");
}
