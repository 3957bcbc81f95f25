using System.Net;

namespace WeightSpace.Tests.Server;

/// <summary>What a page was answered with.</summary>
internal sealed record Seen(int Status, string Text, HttpResponseMessage Response)
{
    public string Header(string name) => Response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(", ", values) : "";
}

/// <summary>A browser as far as a server sees one: it keeps cookies, says where its forms come from, and follows to the page that a form leads to.</summary>
internal sealed class Browser : IDisposable
{
    private readonly HttpClient _http = new(new HttpClientHandler { CookieContainer = new CookieContainer(), AllowAutoRedirect = false });
    private readonly Func<string> _url;

    public Browser(ServedProject project) => _url = () => project.Url;

    /// <summary>Where forms are said to come from; empty: nowhere.</summary>
    public string? Origin { get; set; }

    public Seen Get(string page, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _url() + page);
        foreach ((string name, string value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return Send(request);
    }

    /// <summary>Sends a form, and gets the page that it leads to.</summary>
    public Seen Send(string page, params (string Name, string Value)[] fields)
    {
        Seen seen = Post(page, fields);
        return seen.Status is 302 or 303 ? Get(seen.Response.Headers.Location!.OriginalString.TrimStart('/')) : seen;
    }

    /// <summary>Sends a form.</summary>
    public Seen Post(string page, params (string Name, string Value)[] fields)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _url() + page) { Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))) };
        if ((Origin ?? _url().TrimEnd('/')) is { Length: > 0 } origin)
            request.Headers.TryAddWithoutValidation("Origin", origin);
        return Send(request);
    }

    public void Dispose() => _http.Dispose();

    private Seen Send(HttpRequestMessage request)
    {
        HttpResponseMessage response = _http.SendAsync(request).GetAwaiter().GetResult();
        return new Seen((int)response.StatusCode, response.Content.ReadAsStringAsync().GetAwaiter().GetResult(), response);
    }
}
