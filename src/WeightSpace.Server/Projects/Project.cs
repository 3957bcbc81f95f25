using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Signing;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Projects;

/// <summary>What all parts of a server share.</summary>
internal sealed class Project(ServerSettings settings, DataFolder data, NpgsqlDataSource source)
{
    // SQLSTATE of a deadlock, and of a transaction that cannot be put in order with others.
    private static readonly string[] s_tryAgain = ["40P01", "40001"];

    public ServerSettings Settings => settings;

    public DataFolder Data => data;

    public NpgsqlDataSource Source => source;

    /// <summary>The project's address, with a slash at the end.</summary>
    public string Url { get; set; } = "";

    /// <summary>The public key of code signing; empty while no program was taken over.</summary>
    public string CodeSignKey { get; private set; } = "";

    /// <summary>The program for volunteers' machines; null while none was taken over.</summary>
    public SignedApp? App { get; private set; }

    public DateTimeOffset Now => settings.Time.GetUtcNow();

    /// <summary>Wakes who waits for results to check.</summary>
    public SemaphoreSlim NewResults { get; } = new(0);

    /// <summary>Wakes who waits for units to stage, and for zoos to write.</summary>
    public SemaphoreSlim NewWork { get; } = new(0);

    /// <summary>Held by who writes a zoo, and by who decides about results, so that no result is withdrawn from under a zoo that is being written.</summary>
    public SemaphoreSlim Deciding { get; } = new(1);

    /// <summary>Who asks for work.</summary>
    public Demand Demand { get; } = new();

    /// <summary>Where there is some.</summary>
    public Pools Pools { get; } = new();

    /// <summary>Wakes who waits, once however many wake it before it looks.</summary>
    public static void Wake(SemaphoreSlim news)
    {
        if (news.CurrentCount == 0)
            news.Release();
    }

    /// <summary>Does something in one transaction, and again where the database asks for that.</summary>
    public async Task<T> InTransaction<T>(Func<NpgsqlConnection, Task<T>> work)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await using NpgsqlConnection connection = await source.OpenConnectionAsync();
                await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
                T result = await work(connection);
                await transaction.CommitAsync();
                return result;
            }
            catch (PostgresException error) when (s_tryAgain.Contains(error.SqlState) && attempt < 5)
            {
                await Task.Delay(20 * attempt);
            }
        }
    }

    /// <summary>
    /// Takes over the signed program of <see cref="ServerSettings.App"/>, and loads what was taken over before. Throws <see cref="InputException"/> where it was signed with another key than the
    /// project's, which clients would refuse.
    /// </summary>
    public async Task LoadApp()
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        if (settings.App is { } folder)
            await TakeOver(connection, folder);
        CodeSignKey = await connection.Scalar<string>("SELECT code_sign_key FROM project") ?? "";
        App = await connection.Row(row => new SignedApp(row.GetString(0), row.GetInt32(1), row.GetString(2), row.GetInt64(3), row.GetString(4), row.GetString(5)),
            "SELECT platform, number, file, bytes, md5, signature FROM apps WHERE platform = $1", SignedApp.LinuxX64);
        if (App is not null && !File.Exists(AppPath(App)))
            throw new InputException($"{AppPath(App)}: the signed program is missing; name its folder with --app");
    }

    public string AppPath(SignedApp app) => Path.Combine(data.Downloads, app.FileName);

    private async Task TakeOver(NpgsqlConnection connection, string folder)
    {
        (SignedApp app, PublicCodeKey key) = SignedApp.Read(folder);
        if (app.Platform != SignedApp.LinuxX64)
            throw new InputException($"{folder}: the program is for '{app.Platform}', expected {SignedApp.LinuxX64}");
        if (await connection.Scalar<string>("SELECT code_sign_key FROM project") is { } known && known != key.Text)
            throw new InputException($"{folder}: the program was signed with another key than the project's, and volunteers' clients would refuse it; sign it with the project's key");
        if (await connection.Scalar<int?>("SELECT number FROM apps WHERE platform = $1", app.Platform) is { } number && (number > app.Number || (number == app.Number && await connection.Scalar<string>("SELECT md5 FROM apps WHERE platform = $1", app.Platform) != app.Md5)))
            throw new InputException($"{folder}: found program number {app.Number}, and the project has {number} already; clients take only a higher one. Sign into the folder that the last one was signed into");
        WeightSpace.Zoos.Formats.AtomicFile.Write(AppPath(app), stream =>
        {
            using FileStream program = File.OpenRead(Path.Combine(folder, app.FileName));
            program.CopyTo(stream);
        });
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await connection.Execute("UPDATE project SET code_sign_key = $1", key.Text);
        await connection.Execute(
            "INSERT INTO apps VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (platform) DO UPDATE SET number = excluded.number, file = excluded.file, bytes = excluded.bytes, md5 = excluded.md5, signature = excluded.signature",
            app.Platform, app.Number, app.FileName, app.Bytes, app.Md5, app.Signature);
        await transaction.CommitAsync();
    }
}
