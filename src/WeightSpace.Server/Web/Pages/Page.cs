using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web.Pages;

/// <summary>Who looks at a page.</summary>
internal enum Visitor
{
    Stranger,
    Volunteer,
}

/// <summary>What all pages share: head, navigation, foot.</summary>
internal static class Page
{
    /// <summary>A whole page. Links are below <paramref name="root"/>, the path of the project's address.</summary>
    /// <param name="place">The page of the navigation that this is.</param>
    public static string Write(Project project, string root, string title, string place, Visitor visitor, Markup content)
    {
        string name = project.Settings.Name;
        (string Place, string Words)[] links = [("", "The project"), ("top", "Top lists"), visitor == Visitor.Volunteer ? ("me", "My machines") : ("sign-in", "Sign in")];
        // A client reads lines of less than 256 characters, and finds the scheduler in one of them.
        return Markup.Of($$"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{{(title.Length == 0 ? name : $"{title} · {name}")}}</title>
            <link rel="boinc_scheduler" href="{{project.Url}}scheduler">
            <link rel="stylesheet" href="{{root}}style.css">
            <link rel="icon" href="{{root}}icon.svg" type="image/svg+xml">
            </head>
            <body>
            <a class="skip" href="#content">To the content</a>
            <header class="bar">
            <a class="brand" href="{{root}}">{{Style.Mark}}<span>{{name}}</span></a>
            <nav aria-label="Pages">
            {{links.Select(link => Markup.Of($"<a href=\"{root}{link.Place}\"{Current(link.Place == place)}>{link.Words}</a>\n"))}}
            </nav>
            </header>
            <main id="content">
            {{content}}
            </main>
            <footer>
            <p>Served by WeightSpace. Every network here is determined to the last bit by its recipe, so any result can be checked by training it again.</p>
            </footer>
            </body>
            </html>

            """).Text;
    }

    /// <summary>A table that scrolls by itself where it is wider than the screen.</summary>
    public static Markup Table(string caption, IEnumerable<string> heads, IEnumerable<Markup> rows) => Markup.Of($"""
        <div class="scroll" role="region" aria-label="{caption}" tabindex="0">
        <table>
        <caption>{caption}</caption>
        <thead><tr>{heads.Select(head => Markup.Of($"<th scope=\"col\">{head}</th>"))}</tr></thead>
        <tbody>
        {rows}</tbody>
        </table>
        </div>

        """);

    /// <summary>A row: the first cell names it.</summary>
    public static Markup Row(Markup name, params ReadOnlySpan<Markup> cells)
    {
        Markup[] others = cells.ToArray();
        return Markup.Of($"<tr><th scope=\"row\">{name}</th>{others.Select(cell => Markup.Of($"<td>{cell}</td>"))}</tr>\n");
    }

    public static Markup Text(string text) => Markup.Of($"{text}");

    public static Markup Number(long number) => Markup.Of($"{number}");

    /// <summary>A number with what it is.</summary>
    public static Markup Figure(string value, string words) => Markup.Of($"<div class=\"figure\"><b>{value}</b> <span>{words}</span></div>\n");

    public static Markup Figure(long count, string one, string many) => Figure(Words.Number(count), count == 1 ? one : many);

    public static Markup Progress(string what, double share) => Markup.Of($"<progress max=\"1\" value=\"{share:0.####}\" aria-label=\"{what}\">{Words.Share(share)}</progress>");

    private static Markup Current(bool isThis) => isThis ? Markup.Of($" aria-current=\"page\"") : Markup.Empty;
}
