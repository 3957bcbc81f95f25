using Npgsql;

namespace WeightSpace.Server.Database;

/// <summary>Statements with parameters $1, $2 and so on; no value is ever part of a statement's text.</summary>
internal static class Sql
{
    public static async Task<int> Execute(this NpgsqlConnection connection, string statement, params object?[] values)
    {
        await using NpgsqlCommand command = Command(connection, statement, values);
        return await command.ExecuteNonQueryAsync();
    }

    /// <summary>The first column of the first row; the type's default where there is none or it is null.</summary>
    public static async Task<T?> Scalar<T>(this NpgsqlConnection connection, string statement, params object?[] values)
    {
        await using NpgsqlCommand command = Command(connection, statement, values);
        return await command.ExecuteScalarAsync() is { } value and not DBNull ? (T)value : default;
    }

    public static async Task<List<T>> Rows<T>(this NpgsqlConnection connection, Func<NpgsqlDataReader, T> read, string statement, params object?[] values)
    {
        await using NpgsqlCommand command = Command(connection, statement, values);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var rows = new List<T>();
        while (await reader.ReadAsync())
            rows.Add(read(reader));
        return rows;
    }

    public static async Task<T?> Row<T>(this NpgsqlConnection connection, Func<NpgsqlDataReader, T> read, string statement, params object?[] values)
        where T : class => (await connection.Rows(read, statement, values)).FirstOrDefault();

    /// <summary>Whether the database failed, which may pass: of a connection that broke, Npgsql also says that it is not open, or disposed.</summary>
    public static bool IsOfDatabase(Exception error) => error is NpgsqlException or InvalidOperationException { Source: "Npgsql" };

    private static NpgsqlCommand Command(NpgsqlConnection connection, string statement, object?[] values)
    {
        var command = new NpgsqlCommand(statement, connection);
        foreach (object? value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        return command;
    }
}
