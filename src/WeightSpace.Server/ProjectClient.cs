using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Server.Projects;
using WeightSpace.Zoos;

namespace WeightSpace.Server;

/// <summary>What a project's operator does from afar.</summary>
public sealed class ProjectClient : IDisposable
{
    private const long MaxAnswer = 64 << 20;

    private readonly HttpClient _client;
    private readonly string _url;

    public ProjectClient(string url, string token)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? parsed) || parsed.Scheme is not ("http" or "https"))
            throw new InputException($"found '{url}', expected the address of a project, as http://127.0.0.1:8090/");
        _url = url.EndsWith('/') ? url : url + "/";
        _client = new HttpClient { MaxResponseContentBufferSize = MaxAnswer };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Hands in an experiment. Throws <see cref="InputException"/> with what the server has against it.</summary>
    public async Task Submit(Submission submission, CancellationToken stop)
    {
        var json = new JsonObject { ["name"] = submission.Name, ["experiment"] = submission.Text, ["unit_seconds"] = submission.UnitSeconds, ["priority"] = submission.Priority };
        if (submission.UnitFlops is { } flops)
            json["unit_flops"] = flops;
        if (submission.Subset is { } subset)
            json["subset"] = subset;
        using var content = new StringContent(json.ToJsonString(), Encoding.UTF8, "application/json");
        await Ask(() => _client.PostAsync(_url + "operator/experiments", content, stop));
    }

    /// <summary>Pauses, resumes or cancels an experiment (<c>pause</c>, <c>resume</c>, <c>cancel</c>); the answer has the key <c>state</c>. Throws <see cref="InputException"/> with what the server has against it.</summary>
    public Task<JsonNode> Control(string name, string what, CancellationToken stop) => Ask(() => _client.PostAsync($"{_url}operator/experiments/{Uri.EscapeDataString(name)}/{what}", null, stop));

    /// <summary>How far the project's experiments are, as the server says it: the key <c>experiments</c>.</summary>
    public Task<JsonNode> Status(CancellationToken stop) => Ask(() => _client.GetAsync(_url + "operator/experiments", stop));

    public void Dispose() => _client.Dispose();

    internal static JsonNode ToJson(ExperimentStatus status) => new JsonObject
    {
        ["name"] = status.Name,
        ["state"] = status.State,
        ["reason"] = status.Reason,
        ["priority"] = status.Priority,
        ["networks"] = status.Networks,
        ["networks_done"] = status.NetworksDone,
        ["units"] = status.Units,
        ["units_done"] = status.UnitsDone,
        ["results_in_progress"] = status.InProgress,
        ["results_to_check"] = status.ToCheck,
        ["results_wrong"] = status.Invalid,
        ["results_failed"] = status.Failed,
        ["results_held"] = status.Held,
        ["results_withdrawn"] = status.Withdrawn,
        ["units_suspect"] = status.Suspect,
        ["zoo"] = status.Zoo,
    };

    private async Task<JsonNode> Ask(Func<Task<HttpResponseMessage>> ask)
    {
        try
        {
            using HttpResponseMessage response = await ask();
            string text = await response.Content.ReadAsStringAsync();
            JsonNode? answer = Parse(text);
            return response.StatusCode == HttpStatusCode.OK && answer is JsonObject ? answer
                : throw new InputException($"{_url}: {(answer as JsonObject)?["error"]?.ToString() ?? $"the server answered {(int)response.StatusCode} {response.ReasonPhrase}; is this a project's address?"}");
        }
        catch (HttpRequestException error)
        {
            throw new IOException($"{_url}: the project cannot be reached: {error.Message}", error);
        }
    }

    private static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
