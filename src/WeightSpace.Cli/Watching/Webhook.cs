using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Watching;

/// <summary>
/// Posts lines of the log to an address, one after the other, beside the watch. A line is tried a few times and then given up, which is told: a webhook that fails never stops the watch. A line may come
/// twice where a process died between sending and noting it; its number tells.
/// </summary>
internal sealed class Webhook : IDisposable
{
    private const int Tries = 3;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10), s_pause = TimeSpan.FromSeconds(1);

    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = s_timeout }) { Timeout = s_timeout };
    private readonly Channel<(int Number, string Body)> _queue = Channel.CreateUnbounded<(int, string)>();
    private readonly Uri _address;
    private readonly Action<string> _tell;
    private readonly Action<int> _done;
    private readonly TimeProvider _time;
    private readonly Task _sending;

    /// <param name="address">http or https.</param>
    /// <param name="tell">Is told what failed.</param>
    /// <param name="done">Is told how many lines are done with.</param>
    public Webhook(Uri address, TimeProvider time, Action<string> tell, Action<int> done)
    {
        (_address, _time, _tell, _done) = (address, time, tell, done);
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("weightspace", typeof(Webhook).Assembly.GetName().Version?.ToString(3) ?? "0"));
        _sending = Task.Run(SendAll);
    }

    /// <summary>Lines that were given up.</summary>
    public int Failed { get; private set; }

    /// <summary>Reads an address.</summary>
    /// <exception cref="InputException">It is none.</exception>
    public static Uri Parse(string text) => Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps) ? address
        : throw new InputException($"--webhook: found '{text}', expected an address that begins with http:// or https://");

    /// <summary>Puts a line in the queue.</summary>
    public void Send(JsonObject line) => _queue.Writer.TryWrite((line["number"]!.GetValue<int>(), line.ToJsonString()));

    /// <summary>Puts a line of an earlier run in the queue.</summary>
    public void Send(int number, string body) => _queue.Writer.TryWrite((number, body));

    /// <summary>Waits until everything in the queue is sent or given up, or the time is over.</summary>
    public void Finish(TimeSpan limit)
    {
        _queue.Writer.TryComplete();
        if (!_sending.Wait(limit))
            _tell($"--webhook: {_queue.Reader.Count + 1} lines are not sent yet; they will be when the watch is called again");
    }

    public void Dispose()
    {
        _queue.Writer.TryComplete();
        _client.Dispose();
    }

    private async Task SendAll()
    {
        await foreach ((int number, string body) in _queue.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            string? problem = null;
            for (int attempt = 1; attempt <= Tries; attempt++)
            {
                problem = await Post(body).ConfigureAwait(false);
                if (problem is null)
                    break;
                if (attempt < Tries)
                    await Task.Delay(s_pause * attempt, _time).ConfigureAwait(false);
            }
            if (problem is not null)
            {
                Failed++;
                _tell($"--webhook: line {number} could not be sent in {Tries} tries: {problem}; the watch goes on, and the line stands in the log");
            }
            _done(number + 1);
        }
    }

    private async Task<string?> Post(string body)
    {
        try
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using HttpResponseMessage answer = await _client.PostAsync(_address, content).ConfigureAwait(false);
            return answer.IsSuccessStatusCode ? null : $"the answer was {(int)answer.StatusCode}";
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or ObjectDisposedException)
        {
            return error is TaskCanceledException ? $"no answer within {s_timeout.TotalSeconds:0} s" : error.Message;
        }
    }
}
