using System.Collections.Frozen;
using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Signing;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Server.Projects;

/// <summary>
/// The programs that volunteers' machines run: one in use for each platform, and those that were replaced, for as long as a result is under way that was handed out with them. They are in the
/// folder of downloads before the database names them.
/// </summary>
internal sealed class Programs(ServerSettings settings, DataFolder data, NpgsqlDataSource source)
{
    private FrozenSet<string> _files = [], _replaced = [];

    /// <summary>The public key of code signing; empty while no program was taken over.</summary>
    public string CodeSignKey { get; private set; } = "";

    /// <summary>The programs in use, one to a platform; none before the first was taken over.</summary>
    public IReadOnlyList<SignedApp> Apps { get; private set; } = [];

    /// <summary>The program for a machine that can run those of these platforms, the best of them first; null where there is none.</summary>
    public SignedApp? For(IReadOnlyList<string> platforms) => platforms.Select(platform => Apps.FirstOrDefault(app => app.Platform == platform)).FirstOrDefault(app => app is not null);

    /// <summary>Where a file that clients may download lies; null where it is none of a program's.</summary>
    public string? Find(string name) => _files.Contains(name) ? Path.Combine(data.Downloads, name) : null;

    /// <summary>
    /// Takes over the signed programs of <see cref="ServerSettings.App"/>, and loads what was taken over before. Throws <see cref="InputException"/> where they were signed with another key than
    /// the project's, which clients would refuse.
    /// </summary>
    public async Task Load()
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        if (settings.App is { } folder)
            await TakeOver(connection, folder, SignedApps.Read(folder));
        CodeSignKey = await connection.Scalar<string>("SELECT code_sign_key FROM project") ?? "";
        await Reload(connection);
        if (Apps.SelectMany(app => app.Files).FirstOrDefault(file => !File.Exists(Find(file.Name))) is { } missing)
            throw new InputException($"{Find(missing.Name)}: a file of the signed program is missing; name the programs' folder with --app");
    }

    /// <summary>Deletes the files of programs that were replaced, and that no result which is under way was handed out with.</summary>
    public async Task Clean()
    {
        if (_replaced.Count == 0)
            return;
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        List<string> unneeded = await connection.Rows(row => row.GetString(0),
            """
            SELECT f.name FROM app_files f JOIN app_versions v USING (platform, number)
            WHERE v.replaced_at IS NOT NULL AND NOT EXISTS (SELECT FROM results r WHERE r.state = 'sent' AND r.sent_at <= v.replaced_at)
            """);
        if (unneeded.Count == 0)
            return;
        // No longer to be had, then the file, then its row: what the database still names is deleted by the next call.
        _files = _files.Except(unneeded).ToFrozenSet();
        foreach (string name in unneeded)
            File.Delete(Path.Combine(data.Downloads, name));
        await connection.Execute("DELETE FROM app_versions WHERE (platform, number) IN (SELECT platform, number FROM app_files WHERE name = ANY($1))", unneeded.ToArray());
        await Reload(connection);
    }

    private async Task TakeOver(NpgsqlConnection connection, string folder, SignedApps signed)
    {
        if (await connection.Scalar<string>("SELECT code_sign_key FROM project") is { } known && known != signed.Key.Text)
            throw new InputException($"{folder}: the programs were signed with another key than the project's, and volunteers' clients would refuse them; sign them with the project's key");
        List<SignedApp> inUse = await ReadApps(connection);
        foreach (SignedApp app in signed.Apps)
        {
            if (inUse.FirstOrDefault(each => each.Platform == app.Platform) is { } last && (last.Number > app.Number || (last.Number == app.Number && !last.Files.SequenceEqual(app.Files))))
                throw new InputException($"{folder}: found program number {app.Number} for {app.Platform}, and the project has {last.Number} already; clients take only a higher one. Sign into the folder that the last one was signed into");
            foreach (SignedFile file in app.Files)
            {
                AtomicFile.Write(Path.Combine(data.Downloads, file.Name), stream =>
                {
                    using FileStream program = File.OpenRead(Path.Combine(folder, file.Name));
                    program.CopyTo(stream);
                });
            }
        }
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await connection.Execute("UPDATE project SET code_sign_key = $1", signed.Key.Text);
        foreach (SignedApp app in signed.Apps.Where(app => inUse.All(last => last.Platform != app.Platform || last.Number < app.Number)))
        {
            await connection.Execute("UPDATE app_versions SET replaced_at = $2 WHERE platform = $1 AND replaced_at IS NULL", app.Platform, settings.Time.GetUtcNow());
            await connection.Execute("INSERT INTO app_versions (platform, number) VALUES ($1, $2)", app.Platform, app.Number);
            for (int i = 0; i < app.Files.Count; i++)
            {
                SignedFile file = app.Files[i];
                await connection.Execute("INSERT INTO app_files (name, platform, number, place, bytes, md5, signature, is_main) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    file.Name, app.Platform, app.Number, i, file.Bytes, file.Md5, file.Signature, file.IsMain);
            }
        }
        await transaction.CommitAsync();
    }

    private async Task Reload(NpgsqlConnection connection)
    {
        Apps = await ReadApps(connection);
        List<(string Name, bool IsReplaced)> files = await connection.Rows(row => (row.GetString(0), row.GetBoolean(1)), "SELECT f.name, v.replaced_at IS NOT NULL FROM app_files f JOIN app_versions v USING (platform, number)");
        _files = files.Select(file => file.Name).ToFrozenSet();
        _replaced = files.Where(file => file.IsReplaced).Select(file => file.Name).ToFrozenSet();
    }

    private static async Task<List<SignedApp>> ReadApps(NpgsqlConnection connection)
    {
        List<(string Platform, int Number, SignedFile File)> files = await connection.Rows(
            row => (row.GetString(0), row.GetInt32(1), new SignedFile(row.GetString(2), row.GetInt64(3), row.GetString(4), row.GetString(5), row.GetBoolean(6))),
            "SELECT platform, number, name, bytes, md5, signature, is_main FROM app_files JOIN app_versions USING (platform, number) WHERE replaced_at IS NULL ORDER BY platform, place");
        return [.. files.GroupBy(each => (each.Platform, each.Number), each => each.File).Select(app => new SignedApp(app.Key.Platform, app.Key.Number, [.. app]))];
    }
}
