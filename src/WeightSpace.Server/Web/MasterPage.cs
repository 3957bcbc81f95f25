using System.Net;
using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web;

/// <summary>The project's first page, which is also where a client finds the scheduler.</summary>
internal static class MasterPage
{
    public static string Write(Project project)
    {
        (string name, string url) = (WebUtility.HtmlEncode(project.Settings.Name), WebUtility.HtmlEncode(project.Url));
        // A client reads lines of less than 256 characters.
        return $$"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>{{name}}</title>
            <link rel="boinc_scheduler" href="{{url}}scheduler">
            <style>body { font: 1em/1.5 system-ui, sans-serif; max-width: 42em; margin: 3em auto; padding: 0 1em; } code { background: #eee; padding: 0 .3em; }</style>
            </head>
            <body>
            <h1>{{name}}</h1>
            <p>Here volunteers' machines train populations of small neural networks, every one of them under full control, so that it can be studied what weights tell about what a network learned.</p>
            <h2>Take part</h2>
            <ol>
            <li>Install BOINC (Debian: <code>apt install boinc-client boinc-manager</code>).</li>
            <li>In its manager choose "Add project", and give this address: <code>{{url}}</code></li>
            <li>Make an account there. That is all: work comes by itself.</li>
            </ol>
            </body>
            </html>

            """;
    }
}
