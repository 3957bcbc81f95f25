using System.Globalization;
using System.Net;
using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
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

    public static void Map(WebApplication web, Project project, Accounts accounts, Experiments experiments, Uploads uploads, Scheduler scheduler, Limits limits, Observer observer)
    {
        (var metrics, var sessions) = (new Metrics(limits), new Sessions(project));
        web.Use(metrics.Measure);
        web.Use((context, next) => Guard(project, limits, context, next));
        PageEndpoints.Map(web, project, accounts, observer, sessions, limits);
        HealthEndpoints.Map(web, project, observer, metrics, request => IsOperator(project, request));
        web.MapGet("/get_project_config.php", () => Results.Text(ProjectConfig(project), Xml));
        web.MapMethods("/lookup_account.php", ["GET", "POST"], context => AnswerAccount(limits, context, isNew: false, async () =>
            await accounts.Find(await Value(context, "email_addr"), await Value(context, "passwd_hash"))));
        web.MapMethods("/create_account.php", ["GET", "POST"], context => AnswerAccount(limits, context, isNew: true, async () =>
            await accounts.Create(await Value(context, "email_addr"), await Value(context, "passwd_hash"), await Value(context, "user_name"))));
        web.MapPost("/scheduler", context => AnswerScheduler(project, limits, scheduler, context));
        web.MapPost("/upload/{result}/{token}", async (HttpContext context, string result, string token) =>
        {
            context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
            await WriteXml(context, await uploads.Take(result, token, context.Request.BodyReader, context.RequestAborted));
        });
        web.MapGet("/download/{name}", (string name) => Download(project, experiments, name));
        MapOperator(web, project, experiments, limits, sessions);
    }

    private static async Task AnswerAccount(Limits limits, HttpContext context, bool isNew, Func<Task<(AccountOutcome, string)>> find)
    {
        IPAddress? address = context.Connection.RemoteIpAddress;
        if (!limits.MayTryPassword(address, isNew))
        {
            await TellToWait(context);
            return;
        }
        AccountOutcome outcome = AccountOutcome.None;
        try
        {
            (outcome, string key) = await find();
            await WriteXml(context, Account(outcome, key));
        }
        finally
        {
            limits.EndPassword(address, isNew, outcome == AccountOutcome.Found);
        }
    }

    private static async Task AnswerScheduler(Project project, Limits limits, Scheduler scheduler, HttpContext context)
    {
        IPAddress? address = context.Connection.RemoteIpAddress;
        var request = SchedulerRequest.Read(await ReadBody(context));
        if (limits.MustWait(address, request.Key))
        {
            await TellToWait(context);
            return;
        }
        if (limits.TooEarly(request.Key, request.Host) is { Ticks: > 0 } early)
        {
            await WriteXml(context, SchedulerReply.Refusal(project, "This host asks too often: it was told how long to wait", early + project.Settings.RequestDelay));
            return;
        }
        (string text, bool isKeyGood) = await scheduler.Answer(request);
        if (isKeyGood)
            limits.CountGoodKey(request.Key);
        else
            limits.CountFailure(address);
        await WriteXml(context, text);
    }

    private static void MapOperator(WebApplication web, Project project, Experiments experiments, Limits limits, Sessions sessions)
    {
        RouteGroupBuilder operators = web.MapGroup("/operator").AddEndpointFilter(async (context, next) =>
        {
            // The right token is heard in any case: its holder must not be kept out by others behind the same address.
            if (IsOperator(project, context.HttpContext.Request))
                return await next(context);
            if (await sessions.IsOwnOperatorForm(context.HttpContext))
                return Sessions.BackToPage(sessions, await next(context));
            limits.CountFailure(context.HttpContext.Connection.RemoteIpAddress);
            return Json(new JsonObject { ["error"] = "the operator's token is missing or wrong; it stands in the file operator-token of the project's folder" }, StatusCodes.Status401Unauthorized);
        });
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
        operators.MapPost("/experiments/{name}/{what}", async (string name, string what) =>
        {
            try
            {
                return Json(new JsonObject { ["name"] = name, ["state"] = await experiments.Control(name, what) }, StatusCodes.Status200OK);
            }
            catch (InputException error)
            {
                return Json(new JsonObject { ["error"] = error.Message }, StatusCodes.Status400BadRequest);
            }
        });
        operators.MapGet("/experiments", async () => Json(new JsonObject { ["experiments"] = new JsonArray([.. (await experiments.Status()).Select(ProjectClient.ToJson)]) }, StatusCodes.Status200OK));
    }

    /// <summary>What can go wrong anywhere: a line for the client, never a stack trace.</summary>
    private static async Task Guard(Project project, Limits limits, HttpContext context, RequestDelegate next)
    {
        (int status, string message) = (0, "");
        try
        {
            await next(context);
            return;
        }
        catch (ProtocolException error)
        {
            limits.CountFailure(context.Connection.RemoteIpAddress);
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
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or TimeoutException || Sql.IsOfDatabase(error))
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
        if (project.Programs.Find(name) is { } program)
            return Results.File(program, MediaTypeNames.Application.Octet, enableRangeProcessing: true);
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        // The name is looked up; the path is made of what stands in the database.
        string? path = await connection.Row(row => experiments.UnitPath(row.GetString(0), row.GetInt32(1), row.GetInt32(2)),
            "SELECT e.name, u.group_number, u.unit_number FROM units u JOIN experiments e ON e.id = u.experiment_id WHERE u.name = $1 AND u.voided = 0 AND e.state IN ('running', 'paused')", name);
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
        {string.Concat(project.Programs.Apps.Select(app => $"<platform><platform_name>{app.Platform}</platform_name><user_friendly_name>{SignedApp.Platforms[app.Platform]}</user_friendly_name></platform>"))}
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

    private static async Task TellToWait(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.RetryAfter = "60";
        await WriteXml(context, Error(TooMany, "too many requests of this address failed; come again in a minute"));
    }

    private static async Task WriteXml(HttpContext context, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        context.Response.ContentType = Xml;
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes);
    }

    /// <summary>A small body; Kestrel ends one that is longer than <see cref="MaxSmallBody"/>.</summary>
    private static async Task<byte[]> ReadBody(HttpContext context)
    {
        using var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        }
        catch (IOException error) when (error is not BadHttpRequestException)
        {
            // Chunks that are none, a connection that broke.
            throw new ProtocolException("the request's body cannot be read", error);
        }
        return body.ToArray();
    }

    /// <summary>A parameter of the address, or of a form that was sent.</summary>
    private static async Task<string> Value(HttpContext context, string name)
    {
        if (context.Request.Query[name].ToString() is { Length: > 0 } value)
            return value;
        if (!context.Request.HasFormContentType)
            return "";
        try
        {
            return (await context.Request.ReadFormAsync(context.RequestAborted))[name].ToString();
        }
        catch (Exception error) when (error is InvalidDataException or (IOException and not BadHttpRequestException))
        {
            throw new ProtocolException("the form cannot be read", error);
        }
    }

    private static bool IsOperator(Project project, HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header)), SHA256.HashData(Encoding.UTF8.GetBytes("Bearer " + project.Data.OperatorToken)));

    private static Submission ReadSubmission(byte[] body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            var json = new JsonReader(document.RootElement, "the request");
            var submission = new Submission(json.String("name"), json.String("experiment"), json.Has("subset") ? json.Int32("subset", new NumberRange(1, int.MaxValue)) : null,
                json.Has("unit_flops") ? json.Double("unit_flops", new NumberRange(1, 1e300)) : null, json.Int32("priority", new NumberRange(-1000, 1000)),
                json.Has("unit_seconds") ? json.Double("unit_seconds", new NumberRange(0, 1e7, ExcludesMin: true)) : 3600);
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
