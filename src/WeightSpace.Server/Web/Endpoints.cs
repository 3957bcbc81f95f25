using System.Globalization;
using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Projects;
using WeightSpace.Server.Protocol;
using WeightSpace.Server.Signing;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Web;

/// <summary>The addresses of a project: what BOINC's clients ask for, and what its operator does.</summary>
internal static class Endpoints
{
    /// <summary>Of every request but uploads, whose bound is their result's.</summary>
    public const int MaxSmallBody = 4 << 20;

    private const string Xml = MediaTypeNames.Text.Xml;

    // What BOINC's clients know as errors of accounts.
    private const int BadEmail = -205, BadPassword = -206, NotUnique = -137, BadName = -188, TooMany = -208;

    public static void Map(WebApplication web, Project project, Accounts accounts, Experiments experiments, Uploads uploads, Scheduler scheduler, Observer observer)
    {
        PartitionedRateLimiter<HttpContext> accountLimit = ByAddress(burst: 60, perSecond: 0.2), requestLimit = ByAddress(burst: 2000, perSecond: 200);
        (var metrics, var sessions) = (new Metrics(), new Sessions(project));
        web.Use(metrics.Measure);
        web.Use((context, next) => Guard(project, context, next));
        PageEndpoints.Map(web, project, accounts, observer, sessions, accountLimit);
        HealthEndpoints.Map(web, project, observer, metrics, request => IsOperator(project, request));
        web.MapGet("/get_project_config.php", () => Results.Text(ProjectConfig(project), Xml));
        web.MapMethods("/lookup_account.php", ["GET", "POST"], context => Limited(accountLimit, context, async () =>
        {
            (AccountOutcome outcome, string key) = await accounts.Find(await Value(context, "email_addr"), await Value(context, "passwd_hash"));
            return Account(outcome, key);
        }));
        web.MapMethods("/create_account.php", ["GET", "POST"], context => Limited(accountLimit, context, async () =>
        {
            (AccountOutcome outcome, string key) = await accounts.Create(await Value(context, "email_addr"), await Value(context, "passwd_hash"), await Value(context, "user_name"));
            return Account(outcome, key);
        }));
        web.MapPost("/scheduler", context => Limited(requestLimit, context, async () =>
        {
            byte[] body = await ReadBody(context);
            return await scheduler.Answer(SchedulerRequest.Read(body));
        }));
        web.MapPost("/upload/{result}/{token}", async (HttpContext context, string result, string token) =>
        {
            context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
            await WriteXml(context, await uploads.Take(result, token, context.Request.BodyReader, context.RequestAborted));
        });
        web.MapGet("/download/{name}", (string name) => Download(project, experiments, name));
        MapOperator(web, project, experiments, sessions);
    }

    private static void MapOperator(WebApplication web, Project project, Experiments experiments, Sessions sessions)
    {
        RouteGroupBuilder operators = web.MapGroup("/operator").AddEndpointFilter(async (context, next) => IsOperator(project, context.HttpContext.Request) ? await next(context)
            : await sessions.IsOwnOperatorForm(context.HttpContext) ? Sessions.BackToPage(sessions, await next(context))
            : Json(new JsonObject { ["error"] = "the operator's token is missing or wrong; it stands in the file operator-token of the project's folder" }, StatusCodes.Status401Unauthorized));
        operators.MapPost("/experiments", async (HttpContext context) =>
        {
            try
            {
                await experiments.Submit(ReadSubmission(await ReadBody(context)));
                return Json(new JsonObject { ["submitted"] = true }, StatusCodes.Status200OK);
            }
            catch (InputException error)
            {
                return Json(new JsonObject { ["error"] = error.Message }, StatusCodes.Status400BadRequest);
            }
        });
        operators.MapGet("/experiments", async () => Json(new JsonObject { ["experiments"] = new JsonArray([.. (await experiments.Status()).Select(ProjectClient.ToJson)]) }, StatusCodes.Status200OK));
    }

    /// <summary>What can go wrong anywhere: a line for the client, never a stack trace.</summary>
    private static async Task Guard(Project project, HttpContext context, RequestDelegate next)
    {
        (int status, string message) = (0, "");
        try
        {
            await next(context);
            return;
        }
        catch (ProtocolException error)
        {
            if (context.Request.Path == "/scheduler")
            {
                await WriteXml(context, SchedulerReply.Refusal(project, error.Message, TimeSpan.FromHours(1)));
                return;
            }
            (status, message) = (StatusCodes.Status400BadRequest, error.Message);
        }
        catch (BadHttpRequestException error)
        {
            (status, message) = (error.StatusCode, "the request is too long, too slow or broken");
        }
        catch (Exception error) when (error is NpgsqlException or IOException or UnauthorizedAccessException or TimeoutException)
        {
            // Clients come again later.
            if (!context.RequestAborted.IsCancellationRequested)
                project.Settings.Say($"{context.Request.Path}: {error.Message}");
            (status, message) = (StatusCodes.Status503ServiceUnavailable, "the project cannot answer now; come again later");
        }
        catch (OperationCanceledException)
        {
            return;
        }
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        context.Response.Clear();
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(message + "\n");
    }

    private static async Task<IResult> Download(Project project, Experiments experiments, string name)
    {
        if (project.App is { } app && name == app.FileName)
            return Results.File(project.AppPath(app), MediaTypeNames.Application.Octet, enableRangeProcessing: true);
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        // The name is looked up; the path is made of what stands in the database.
        string? path = await connection.Row(row => experiments.UnitPath(row.GetString(0), row.GetInt32(1), row.GetInt32(2)),
            "SELECT e.name, u.group_number, u.unit_number FROM units u JOIN experiments e ON e.id = u.experiment_id WHERE u.name = $1 AND e.state = 'running'", name);
        return path is not null && File.Exists(path) ? Results.File(path, MediaTypeNames.Application.Octet, enableRangeProcessing: true) : Results.NotFound();
    }

    private static string ProjectConfig(Project project) =>
        $"""
        <?xml version="1.0" encoding="UTF-8" ?>
        <project_config>
        <name>{BoincXml.Escape(project.Settings.Name)}</name>
        <master_url>{BoincXml.Escape(project.Url)}</master_url>
        <web_rpc_url_base>{BoincXml.Escape(project.Url)}</web_rpc_url_base>
        <min_passwd_length>8</min_passwd_length>
        <account_manager>0</account_manager>
        <rpc_prefix></rpc_prefix>
        <platforms>
        <platform><platform_name>{SignedApp.LinuxX64}</platform_name><user_friendly_name>Linux on 64-bit Intel or AMD</user_friendly_name></platform>
        </platforms>
        </project_config>

        """;

    private static string Account(AccountOutcome outcome, string key) => outcome switch
    {
        AccountOutcome.Found => $"<account_out>\n<authenticator>{key}</authenticator>\n</account_out>\n",
        AccountOutcome.None => Error(BadPassword, "there is no account with this e-mail address and password"),
        AccountOutcome.Taken => Error(NotUnique, "there is an account with this e-mail address and another password"),
        AccountOutcome.BadEmail => Error(BadEmail, "this is not an e-mail address"),
        AccountOutcome.BadPassword => Error(BadPassword, "the password's hash is not one"),
        _ => Error(BadName, "expected a name of 1 to 100 characters"),
    };

    private static string Error(int number, string message) => $"<error>\n<error_num>{number.ToString(CultureInfo.InvariantCulture)}</error_num>\n<error_msg>{BoincXml.Escape(message)}</error_msg>\n</error>\n";

    private static async Task Limited(PartitionedRateLimiter<HttpContext> limit, HttpContext context, Func<Task<string>> answer)
    {
        using RateLimitLease lease = limit.AttemptAcquire(context);
        if (lease.IsAcquired)
        {
            await WriteXml(context, await answer());
            return;
        }
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.RetryAfter = "60";
        await WriteXml(context, Error(TooMany, "too many requests from this address; come again in a minute"));
    }

    private static PartitionedRateLimiter<HttpContext> ByAddress(int burst, double perSecond) => PartitionedRateLimiter.Create<HttpContext, string>(context =>
        RateLimitPartition.GetTokenBucketLimiter(context.Connection.RemoteIpAddress?.ToString() ?? "", _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = burst,
            TokensPerPeriod = Math.Max(1, (int)(perSecond * 5)),
            ReplenishmentPeriod = TimeSpan.FromSeconds(5),
            QueueLimit = 0,
        }));

    private static async Task WriteXml(HttpContext context, string text)
    {
        context.Response.ContentType = Xml;
        await context.Response.WriteAsync(text);
    }

    /// <summary>A small body; Kestrel ends one that is longer than <see cref="MaxSmallBody"/>.</summary>
    private static async Task<byte[]> ReadBody(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        return body.ToArray();
    }

    /// <summary>A parameter of the address, or of a form that was sent.</summary>
    private static async Task<string> Value(HttpContext context, string name) =>
        context.Request.Query[name].ToString() is { Length: > 0 } value ? value : context.Request.HasFormContentType ? (await context.Request.ReadFormAsync())[name].ToString() : "";

    private static bool IsOperator(Project project, HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header)), SHA256.HashData(Encoding.UTF8.GetBytes("Bearer " + project.Data.OperatorToken)));

    private static Submission ReadSubmission(byte[] body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            var json = new JsonReader(document.RootElement, "the request");
            var submission = new Submission(json.String("name"), json.String("experiment"), json.Has("subset") ? json.Int32("subset", new NumberRange(1, int.MaxValue)) : null,
                json.Double("unit_flops", new NumberRange(1, 1e300)), json.Int32("priority", new NumberRange(-1000, 1000)));
            json.Done();
            return submission;
        }
        catch (Exception error) when (error is JsonException or InvalidDataException)
        {
            throw new InputException($"the request is not a submission: {error.Message}", error);
        }
    }

    private static IResult Json(JsonObject json, int status) => Results.Text(json.ToJsonString(), MediaTypeNames.Application.Json, Encoding.UTF8, status);
}
