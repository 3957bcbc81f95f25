using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web;

/// <summary>
/// Who is signed in, by a cookie that no script and no other site can use. The database has hashes of the tokens alone; a session ends with its time, when its owner signs out, a volunteer's when the
/// account gets another key, and the operator's when the project gets another token.
/// </summary>
internal sealed class Sessions(Project project)
{
    private const string VolunteerCookie = "weightspace-session", OperatorCookie = "weightspace-operator";
    private const int TokenBytes = 32;

    /// <summary>An account that signs in on more than so many browsers is signed out on the first ones.</summary>
    private const int MostOfAccount = 20;

    private static readonly TimeSpan s_volunteers = TimeSpan.FromDays(30), s_operators = TimeSpan.FromHours(12);

    /// <summary>The path that the project's pages lie under, with a slash at the end.</summary>
    public string Root => new Uri(project.Url).AbsolutePath;

    private byte[] OperatorHash => SHA256.HashData(Encoding.UTF8.GetBytes(project.Data.OperatorToken));

    public async Task SignIn(HttpContext context, long account)
    {
        string token = await Begin(account, null, s_volunteers);
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        await connection.Execute("DELETE FROM sessions WHERE account_id = $1 AND token_hash NOT IN (SELECT token_hash FROM sessions WHERE account_id = $1 ORDER BY created_at DESC, token_hash LIMIT $2)", account, MostOfAccount);
        Write(context, VolunteerCookie, token, s_volunteers);
    }

    /// <summary>Opens an operator's session where the token is the project's.</summary>
    public async Task<bool> SignInOperator(HttpContext context, string token)
    {
        if (!CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(token.Trim())), OperatorHash))
            return false;
        Write(context, OperatorCookie, await Begin(null, OperatorHash, s_operators), s_operators);
        return true;
    }

    /// <summary>The account of who asks; null where nobody is signed in.</summary>
    public async Task<long?> Account(HttpContext context)
    {
        if (Hash(context, VolunteerCookie) is not { } hash)
            return null;
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        return await connection.Scalar<long?>("SELECT account_id FROM sessions WHERE token_hash = $1 AND expires_at > $2", hash, project.Now);
    }

    public async Task<bool> IsOperator(HttpContext context)
    {
        if (Hash(context, OperatorCookie) is not { } hash)
            return false;
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        return await connection.Scalar<bool>("SELECT EXISTS (SELECT FROM sessions WHERE token_hash = $1 AND operator_hash = $2 AND expires_at > $3)", hash, OperatorHash, project.Now);
    }

    /// <summary>Whether the operator's page sent this form.</summary>
    public async Task<bool> IsOwnOperatorForm(HttpContext context) => HttpMethods.IsPost(context.Request.Method) && IsOwnForm(context.Request) && await IsOperator(context);

    /// <summary>What a browser is answered where the operator's page asked a program's address for something: the page again, or what was wrong.</summary>
    public static object? BackToPage(Sessions sessions, object? answer) => answer is IStatusCodeHttpResult { StatusCode: >= 400 } ? answer : Results.Redirect(sessions.Root + "operator");

    public Task SignOut(HttpContext context) => End(context, VolunteerCookie);

    public Task SignOutOperator(HttpContext context) => End(context, OperatorCookie);

    /// <summary>The hash of the volunteer's token; of no session where there is none.</summary>
    public static byte[] TokenHash(HttpContext context) => Hash(context, VolunteerCookie) ?? [];

    /// <summary>Whether a form was sent by a page of the project: browsers say where a request comes from, and let no page say something else.</summary>
    public bool IsOwnForm(HttpRequest request)
    {
        string origin = request.Headers.Origin.ToString();
        return origin == new Uri(project.Url).GetLeftPart(UriPartial.Authority) || (origin.Length > 0 && Uri.TryCreate(origin, UriKind.Absolute, out Uri? from) && from.Authority == request.Host.Value);
    }

    private async Task<string> Begin(long? account, byte[]? operatorHash, TimeSpan lasts)
    {
        string token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        await connection.Execute("INSERT INTO sessions (token_hash, account_id, operator_hash, created_at, expires_at) VALUES ($1, $2::bigint, $3::bytea, $4, $5)",
            SHA256.HashData(Encoding.ASCII.GetBytes(token)), account, operatorHash, project.Now, project.Now + lasts);
        return token;
    }

    private async Task End(HttpContext context, string cookie)
    {
        if (Hash(context, cookie) is { } hash)
        {
            await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
            await connection.Execute("DELETE FROM sessions WHERE token_hash = $1", hash);
        }
        context.Response.Cookies.Delete(cookie, Options(null));
    }

    private static byte[]? Hash(HttpContext context, string cookie) =>
        context.Request.Cookies[cookie] is { Length: > 0 and <= 100 } token ? SHA256.HashData(Encoding.UTF8.GetBytes(token)) : null;

    private void Write(HttpContext context, string cookie, string token, TimeSpan lasts) => context.Response.Cookies.Append(cookie, token, Options(lasts));

    private CookieOptions Options(TimeSpan? lasts) => new() { HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = project.Url.StartsWith("https://", StringComparison.Ordinal), Path = Root, MaxAge = lasts, IsEssential = true };
}
