using Npgsql;

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

    /// <summary>The programs for volunteers' machines.</summary>
    public Programs Programs { get; } = new(settings, data, source);

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
}
