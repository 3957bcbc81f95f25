using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web;

/// <summary>What machines ask of the server: whether it is alive, whether it can work, and its metrics.</summary>
internal static class HealthEndpoints
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5), s_fresh = TimeSpan.FromMilliseconds(200);

    // What a proxy on this machine tells of who it speaks for.
    private static readonly string[] s_ofProxies = ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"];

    /// <summary>One question to the database is enough for all who ask at the same time.</summary>
    private sealed class DatabaseCheck(Project project)
    {
        private readonly Lock _lock = new();
        private Task<bool> _last = Task.FromResult(false);
        private long _asked;

        public Task<bool> IsUp()
        {
            lock (_lock)
            {
                if (_asked != 0 && (!_last.IsCompleted || Stopwatch.GetElapsedTime(_asked) < s_fresh))
                    return _last;
                _asked = Stopwatch.GetTimestamp();
                return _last = IsDatabaseUp(project);
            }
        }
    }

    /// <param name="isOperator">Whether a request shows the operator's token.</param>
    public static void Map(WebApplication web, Project project, Observer observer, Metrics metrics, Func<HttpRequest, bool> isOperator)
    {
        var database = new DatabaseCheck(project);
        web.MapGet("/health", () => Results.Text("ok\n"));
        web.MapGet("/ready", async () =>
        {
            string wrong = await database.IsUp() ? Room(project).Free < project.Settings.LeastRoom ? $"the project's disk has less than {project.Settings.LeastRoom} bytes left" : "" : "the database does not answer";
            return Results.Text((wrong.Length == 0 ? "ready" : wrong) + "\n", statusCode: wrong.Length == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
        });
        web.MapGet("/metrics", async (HttpContext context) =>
        {
            if (!isOperator(context.Request) && !IsFromHere(project, context))
                return Results.Text("metrics are for the operator: send the token as 'Authorization: Bearer TOKEN', or ask from this machine\n", statusCode: StatusCodes.Status401Unauthorized);
            bool isUp = await database.IsUp();
            return Results.Text(metrics.Write(isUp ? await Latest(observer) : null, project.Now, isUp, Room(project)), Metrics.ContentType, Encoding.UTF8);
        });
    }

    /// <summary>From this machine, and not from a proxy on it, which anybody may have asked.</summary>
    private static bool IsFromHere(Project project, HttpContext context) =>
        project.Settings.Listen is null && context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address) && !s_ofProxies.Any(context.Request.Headers.ContainsKey);

    private static (long Free, long Size) Room(Project project)
    {
        var disk = new DriveInfo(project.Data.Path);
        return (disk.AvailableFreeSpace, disk.TotalSize);
    }

    private static async Task<Tally?> Latest(Observer observer)
    {
        try
        {
            return await observer.Latest();
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private static async Task<bool> IsDatabaseUp(Project project)
    {
        try
        {
            using var patience = new CancellationTokenSource(s_patience);
            await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync(patience.Token);
            return await connection.Scalar<int>("SELECT 1") == 1;
        }
        catch (Exception error) when (error is NpgsqlException or OperationCanceledException or TimeoutException)
        {
            return false;
        }
    }
}
