using System.Security.Cryptography;
using System.Text;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Projects;
using WeightSpace.Server.Web.Pages;

namespace WeightSpace.Server.Web;

/// <summary>
/// The pages for people: plain HTML without a script. What everybody sees is counted beforehand (<see cref="Observer"/>); what a volunteer sees is read in a few statements, by few at once and for
/// seconds at most. Forms are taken from the project's own pages alone.
/// </summary>
internal sealed class PageEndpoints
{
    private const string Html = "text/html; charset=utf-8";
    private const int MaxForm = 16 << 10;

    /// <summary>Nothing from elsewhere, no script, no frame.</summary>
    private const string Policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private const int MostReaders = 4;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly Project _project;
    private readonly Accounts _accounts;
    private readonly Observer _observer;
    private readonly Sessions _sessions;
    private readonly Limits _limits;

    /// <summary>Pages that an address may look at: 200 at once, and ten in a second.</summary>
    private readonly PartitionedRateLimiter<HttpContext> _pageLimit = PartitionedRateLimiter.Create<HttpContext, string>(context => RateLimitPartition.GetTokenBucketLimiter(context.Connection.RemoteIpAddress?.ToString() ?? "",
        _ => new TokenBucketRateLimiterOptions { TokenLimit = 200, TokensPerPeriod = 10, ReplenishmentPeriod = TimeSpan.FromSeconds(1), QueueLimit = 0 }));

    // The clients' requests need the database's connections, too.
    private readonly SemaphoreSlim _readers = new(MostReaders);

    private PageEndpoints(Project project, Accounts accounts, Observer observer, Sessions sessions, Limits limits) =>
        (_project, _accounts, _observer, _sessions, _limits) = (project, accounts, observer, sessions, limits);

    private string Root => _sessions.Root;

    /// <param name="limits">Of all that tries passwords.</param>
    public static void Map(WebApplication web, Project project, Accounts accounts, Observer observer, Sessions sessions, Limits limits)
    {
        var pages = new PageEndpoints(project, accounts, observer, sessions, limits);
        MapFile(web, "/style.css", Style.Css, "text/css; charset=utf-8");
        MapFile(web, "/icon.svg", Style.Icon, "image/svg+xml");
        web.MapGet("/", context => pages.Show(context, pages.Home));
        web.MapGet("/top", context => pages.Show(context, pages.Top));
        web.MapGet("/sign-in", context => pages.Show(context, pages.SignIn));
        web.MapPost("/sign-in", context => pages.TakeGuess(context, makesAccount: false, pages.SignIn));
        web.MapPost("/accounts", context => pages.TakeGuess(context, makesAccount: true, pages.MakeAccount));
        web.MapPost("/sign-out", context => pages.Take(context, pages.SignOut));
        web.MapGet("/me", context => pages.Show(context, pages.Me));
        web.MapPost("/me/key", context => pages.Take(context, pages.ShowKey));
        web.MapPost("/me/new-key", context => pages.Take(context, pages.NewKey));
        web.MapGet("/operator", context => pages.Show(context, pages.Operator));
        web.MapPost("/operator/sign-in", context => pages.TakeGuess(context, makesAccount: false, pages.SignInOperator));
        web.MapPost("/operator/sign-out", context => pages.Take(context, pages.SignOutOperator));
    }

    private static void MapFile(WebApplication web, string path, string text, string type)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8))}\"");
        web.MapGet(path, (HttpContext context) =>
        {
            context.Response.Headers.CacheControl = "max-age=300";
            context.Response.Headers.XContentTypeOptions = "nosniff";
            return Results.Bytes(bytes, type, entityTag: tag);
        });
    }

    /// <summary>A page that is looked at.</summary>
    private async Task Show(HttpContext context, Func<HttpContext, Task<IResult>> page)
    {
        using RateLimitLease lease = _pageLimit.AttemptAcquire(context);
        await Answer(context, () => lease.IsAcquired ? page(context) : Task.FromResult(TooMany(context)));
    }

    /// <summary>A form that is sent.</summary>
    private async Task Take(HttpContext context, Func<HttpContext, IFormCollection, Task<IResult>> take)
    {
        using RateLimitLease lease = _pageLimit.AttemptAcquire(context);
        await Answer(context, async () =>
        {
            if (!lease.IsAcquired)
                return TooMany(context);
            if (!_sessions.IsOwnForm(context.Request))
                return Wrong("This form was not sent by a page of this project. Load the page again, and send it once more.", StatusCodes.Status403Forbidden);
            if (!context.Request.HasFormContentType)
                return Wrong("This is no form.", StatusCodes.Status400BadRequest);
            context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = MaxForm;
            try
            {
                return await take(context, await context.Request.ReadFormAsync(context.RequestAborted));
            }
            catch (InvalidDataException)
            {
                return Wrong("This is no form that can be read.", StatusCodes.Status400BadRequest);
            }
        });
    }

    /// <summary>A form with a password or a token, which may be a guess.</summary>
    private async Task TakeGuess(HttpContext context, bool makesAccount, Func<HttpContext, IFormCollection, Task<IResult>> take) => await Take(context, async (context, form) =>
    {
        if (!_limits.MayTryPassword(context.Connection.RemoteIpAddress, makesAccount))
            return TooMany(context);
        bool isRight = false;
        try
        {
            IResult answer = await take(context, form);
            isRight = answer is not IStatusCodeHttpResult { StatusCode: >= StatusCodes.Status400BadRequest };
            return answer;
        }
        finally
        {
            _limits.EndPassword(context.Connection.RemoteIpAddress, makesAccount, isRight);
        }
    });

    private async Task Answer(HttpContext context, Func<Task<IResult>> page)
    {
        IHeaderDictionary headers = context.Response.Headers;
        IResult answer;
        try
        {
            answer = await page();
        }
        catch (Exception error) when (error is NpgsqlException or TimeoutException)
        {
            answer = Wrong("The project is busy. Load the page again in a minute.", StatusCodes.Status503ServiceUnavailable);
        }
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        // A form's origin is told to the project's own pages; another site is told nothing.
        headers["Referrer-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        await answer.ExecuteAsync(context);
    }

    private async Task<IResult> Home(HttpContext context) => Whole("", "", await Visitor(context), HomePage.Write(_project, Root, await _observer.Latest()));

    private async Task<IResult> Top(HttpContext context) => Whole("Top lists", "top", await Visitor(context), HomePage.Top(await _observer.Latest()));

    private Task<IResult> SignIn(HttpContext context) => Task.FromResult(SignIn("", ""));

    private IResult SignIn(string wrong, string email, int status = StatusCodes.Status200OK) => Whole("Sign in", "sign-in", Pages.Visitor.Stranger, SignInPage.Write(Root, wrong, email), status);

    private async Task<IResult> SignIn(HttpContext context, IFormCollection form)
    {
        string email = form["email"].ToString();
        (AccountOutcome outcome, string key) = await _accounts.Find(email, PasswordHash(email, form["password"].ToString()));
        if (outcome != AccountOutcome.Found || await _accounts.Owner(key) is not { } account)
            return SignIn("There is no account with this e-mail address and password.", email, StatusCodes.Status401Unauthorized);
        await _sessions.SignIn(context, account);
        return GoTo("me");
    }

    private async Task<IResult> MakeAccount(HttpContext context, IFormCollection form)
    {
        (string email, string password) = (form["email"].ToString(), form["password"].ToString());
        if (password.Length < SignInPage.LeastPassword)
            return SignIn($"A password has at least {SignInPage.LeastPassword} characters.", email, StatusCodes.Status400BadRequest);
        (AccountOutcome outcome, string key) = await _accounts.Create(email, PasswordHash(email, password), form["name"].ToString());
        string wrong = outcome switch
        {
            AccountOutcome.Found => "",
            AccountOutcome.Taken => "There is an account with this e-mail address and another password.",
            AccountOutcome.BadEmail => "This is not an e-mail address.",
            _ => "A name has 1 to 100 characters.",
        };
        if (wrong.Length > 0 || await _accounts.Owner(key) is not { } account)
            return SignIn(wrong, email, StatusCodes.Status400BadRequest);
        await _sessions.SignIn(context, account);
        return GoTo("me");
    }

    /// <summary>As BOINC's clients make it: of the password and the address in small letters.</summary>
    private static string PasswordHash(string email, string password) => Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(password + email.Trim().ToLowerInvariant())));

    private async Task<IResult> SignOut(HttpContext context, IFormCollection form)
    {
        await _sessions.SignOut(context);
        return GoTo("");
    }

    private async Task<IResult> SignInOperator(HttpContext context, IFormCollection form) =>
        await _sessions.SignInOperator(context, form["token"].ToString()) ? GoTo("operator") : await Operator(context, "This is not the project's token.", StatusCodes.Status401Unauthorized);

    private async Task<IResult> SignOutOperator(HttpContext context, IFormCollection form)
    {
        await _sessions.SignOutOperator(context);
        return GoTo("operator");
    }

    /// <summary>A volunteer's page, for who is signed in.</summary>
    private Task<IResult> Me(HttpContext context) => Me(context, withKey: false);

    private async Task<IResult> Me(HttpContext context, bool withKey, string said = "", string wrong = "")
    {
        if (await _sessions.Account(context) is not { } account)
            return GoTo("sign-in");
        Volunteering? mine = await Read(connection => MePage.Read(connection, account));
        return mine is null ? GoTo("sign-in")
            : Whole("My machines", "me", Pages.Visitor.Volunteer, MePage.Write(Root, _project.Url, mine, _project.Now, withKey ? _accounts.Key(account, mine.KeyNumber) : "", withKey ? await _accounts.WeakKey(account) ?? "" : "", said, wrong));
    }

    private Task<IResult> ShowKey(HttpContext context, IFormCollection form) => Me(context, withKey: true);

    private async Task<IResult> NewKey(HttpContext context, IFormCollection form)
    {
        if (form["sure"] != "yes")
            return await Me(context, withKey: false, wrong: "The key stays as it is: say that you will attach your machines again.");
        if (await _sessions.Account(context) is { } account)
            await _accounts.NewKey(account, Sessions.TokenHash(context));
        return await Me(context, withKey: true, said: "This is your new key. The old one does not work any more: attach each of your machines again, in the BOINC manager with your password, or with the key.");
    }

    private Task<IResult> Operator(HttpContext context) => Operator(context, "");

    private async Task<IResult> Operator(HttpContext context, string wrong, int status = StatusCodes.Status200OK)
    {
        Visitor visitor = await Visitor(context);
        if (!await _sessions.IsOperator(context))
            return Whole("Operator", "operator", visitor, OperatorPage.SignIn(Root, wrong), status);
        var disk = new DriveInfo(_project.Data.Path);
        return Whole("Operator", "operator", visitor, OperatorPage.Write(Root, await _observer.Latest(), (disk.AvailableFreeSpace, disk.TotalSize)));
    }

    private async Task<Visitor> Visitor(HttpContext context) => await _sessions.Account(context) is null ? Pages.Visitor.Stranger : Pages.Visitor.Volunteer;

    /// <summary>Reads in one transaction that nothing can be written in and that no statement holds up for long.</summary>
    private async Task<T> Read<T>(Func<NpgsqlConnection, Task<T>> read)
    {
        if (!await _readers.WaitAsync(s_patience))
            throw new TimeoutException();
        try
        {
            await using NpgsqlConnection connection = await _project.Source.OpenConnectionAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            await connection.Execute("SET LOCAL statement_timeout = '3s'; SET LOCAL transaction_read_only = on");
            return await read(connection);
        }
        finally
        {
            _readers.Release();
        }
    }

    private IResult Whole(string title, string place, Visitor visitor, Markup content, int status = StatusCodes.Status200OK) => Results.Text(Page.Write(_project, Root, title, place, visitor, content), Html, Encoding.UTF8, status);

    private IResult Wrong(string message, int status) => Whole("Not possible", "", Pages.Visitor.Stranger, Markup.Of($"<h1>That did not work</h1>\n<p class=\"said wrong\" role=\"alert\">{message}</p>\n"), status);

    private IResult TooMany(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "60";
        return Wrong("Too many requests from your address. Come again in a minute.", StatusCodes.Status429TooManyRequests);
    }

    private IResult GoTo(string page) => new SeeOther(Root + page);

    /// <summary>A form's answer: another page, which is loaded by a request of its own.</summary>
    private sealed class SeeOther(string address) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = address;
            return Task.CompletedTask;
        }
    }
}
