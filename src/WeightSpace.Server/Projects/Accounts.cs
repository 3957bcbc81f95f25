using System.Buffers.Binary;
using System.Globalization;
using System.Net.Mail;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using WeightSpace.Server.Database;

namespace WeightSpace.Server.Projects;

/// <summary>What came of looking for an account, or of making one.</summary>
internal enum AccountOutcome
{
    Found,
    /// <summary>There is none with this e-mail address and password.</summary>
    None,
    /// <summary>The e-mail address has an account with another password.</summary>
    Taken,
    BadEmail,
    BadPassword,
    BadName,
}

/// <summary>
/// Volunteers' accounts. The protocol sends md5(password + e-mail address) for a password; of that only a slow salted hash is kept. An account's key is derived from the project's secret, so
/// the database alone tells none. A weak key lets a client compute for the account, and nothing else: it is for machines of other people. Each ends when its account has a new key, and the weak one
/// when it has a new password.
/// </summary>
internal sealed class Accounts(NpgsqlDataSource source, byte[] secret, TimeProvider time) : IDisposable
{
    // OWASP's password storage cheat sheet, 2023: PBKDF2 with HMAC-SHA-512.
    private const int Iterations = 210_000;

    private const int MaxEmail = 254, MaxName = 100;

    // A hash takes some tenths of a second of a core: no more than one at a time, whoever asks.
    private readonly SemaphoreSlim _hashing = new(1);

    /// <summary>The key with which a volunteer's client speaks for the account: 32 hexadecimal digits.</summary>
    public string Key(long account, int number)
    {
        Span<byte> text = stackalloc byte[24];
        "key "u8.CopyTo(text);
        BinaryPrimitives.WriteInt64BigEndian(text[4..], account);
        BinaryPrimitives.WriteInt32BigEndian(text[12..], number);
        return Convert.ToHexStringLower(HMACSHA256.HashData(secret, text).AsSpan(0, 16));
    }

    public static byte[] HashKey(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>What the database knows the account of a key by, weak or not; null where a weak key is not right. Of another key, there need not be one.</summary>
    public async Task<byte[]?> FindKeyHash(NpgsqlConnection connection, string key)
    {
        int end = key.IndexOf('_', StringComparison.Ordinal);
        if (end < 0)
            return HashKey(key);
        if (!long.TryParse(key.AsSpan(0, end), NumberStyles.None, CultureInfo.InvariantCulture, out long id) || await WeakKey(connection, id) is not { } weak)
            return null;
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(weak), Encoding.UTF8.GetBytes(key)) ? await connection.Scalar<byte[]>("SELECT key_hash FROM accounts WHERE id = $1", id) : null;
    }

    /// <summary>An account's weak key, which BOINC's clients take in place of its key: the account's number, a low line, and 32 hexadecimal digits. Null where there is no such account.</summary>
    public async Task<string?> WeakKey(long account)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        return await WeakKey(connection, account);
    }

    /// <summary>Gives an account another password, of which the protocol's md5(password + e-mail address) is told; weak keys that were given out no longer count.</summary>
    public async Task<AccountOutcome> ChangePassword(string email, string passwordHash, string newPasswordHash)
    {
        if (!IsPasswordHash(newPasswordHash))
            return AccountOutcome.BadPassword;
        email = Normalise(email);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        if ((await Find(connection, email, passwordHash)).Outcome != AccountOutcome.Found)
            return AccountOutcome.None;
        byte[] before = (await connection.Scalar<byte[]>("SELECT password_hash FROM accounts WHERE email = $1", email))!, salt = RandomNumberGenerator.GetBytes(16), hash = await Hash(newPasswordHash, salt);
        // Of two changes at once one counts.
        return await connection.Execute("UPDATE accounts SET password_salt = $3, password_hash = $4 WHERE email = $1 AND password_hash = $2", email, before, salt, hash) == 1 ? AccountOutcome.Found : AccountOutcome.None;
    }

    /// <summary>The account's key where e-mail address and password are right.</summary>
    public async Task<(AccountOutcome Outcome, string Key)> Find(string email, string passwordHash)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        return await Find(connection, Normalise(email), passwordHash);
    }

    /// <summary>Makes an account; the key of the one that is there where the password is that one's.</summary>
    public async Task<(AccountOutcome Outcome, string Key)> Create(string email, string passwordHash, string name)
    {
        email = Normalise(email);
        if (email.Length > MaxEmail || !MailAddress.TryCreate(email, out MailAddress? address) || address.Address != email)
            return (AccountOutcome.BadEmail, "");
        if (!IsPasswordHash(passwordHash))
            return (AccountOutcome.BadPassword, "");
        name = name.Trim();
        if (name.Length is 0 or > MaxName || name.Any(char.IsControl))
            return (AccountOutcome.BadName, "");
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        if (!await connection.Scalar<bool>("SELECT EXISTS (SELECT FROM accounts WHERE email = $1)", email))
        {
            byte[] salt = RandomNumberGenerator.GetBytes(16), hash = await Hash(passwordHash, salt);
            long id = await connection.Scalar<long>("SELECT nextval(pg_get_serial_sequence('accounts', 'id'))");
            int made = await connection.Execute(
                "INSERT INTO accounts (id, email, name, password_salt, password_hash, key_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (email) DO NOTHING",
                id, email, name, salt, hash, HashKey(Key(id, 0)), time.GetUtcNow());
            if (made == 1)
                return (AccountOutcome.Found, Key(id, 0));
        }
        (AccountOutcome outcome, string key) = await Find(connection, email, passwordHash);
        return outcome == AccountOutcome.Found ? (outcome, key) : (AccountOutcome.Taken, "");
    }

    /// <summary>Whose key it is.</summary>
    public async Task<long?> Owner(string key)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        return await connection.Scalar<long?>("SELECT id FROM accounts WHERE key_hash = $1", HashKey(key));
    }

    /// <summary>
    /// Gives an account another key; clients with the one before are refused from now on, and have to be attached again. All sessions of the account end but the one of this token. Null where there is
    /// no such account.
    /// </summary>
    public async Task<string?> NewKey(long account, byte[]? session = null)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        if (await connection.Scalar<int?>("SELECT key_number FROM accounts WHERE id = $1 FOR UPDATE", account) is not { } number)
            return null;
        string key = Key(account, number + 1);
        await connection.Execute("UPDATE accounts SET key_number = $2, key_hash = $3 WHERE id = $1", account, number + 1, HashKey(key));
        await connection.Execute("DELETE FROM sessions WHERE account_id = $1 AND token_hash <> $2", account, session ?? []);
        await transaction.CommitAsync();
        return key;
    }

    public void Dispose() => _hashing.Dispose();

    private async Task<(AccountOutcome Outcome, string Key)> Find(NpgsqlConnection connection, string email, string passwordHash)
    {
        var found = await connection.Row(row => new { Id = row.GetInt64(0), Number = row.GetInt32(1), Salt = row.GetFieldValue<byte[]>(2), Hash = row.GetFieldValue<byte[]>(3) },
            "SELECT id, key_number, password_salt, password_hash FROM accounts WHERE email = $1", email);
        if (!IsPasswordHash(passwordHash))
            return (AccountOutcome.None, "");
        // The same work where there is no such account, so that the time does not tell.
        byte[] hash = await Hash(passwordHash, found?.Salt ?? new byte[16]);
        return found is not null && CryptographicOperations.FixedTimeEquals(hash, found.Hash) ? (AccountOutcome.Found, Key(found.Id, found.Number)) : (AccountOutcome.None, "");
    }

    private async Task<string?> WeakKey(NpgsqlConnection connection, long account)
    {
        var found = await connection.Row(row => new { Number = row.GetInt32(0), Password = row.GetFieldValue<byte[]>(1) }, "SELECT key_number, password_hash FROM accounts WHERE id = $1", account);
        if (found is null)
            return null;
        byte[] text = [.. "weak "u8, .. Encoding.ASCII.GetBytes(Key(account, found.Number)), .. found.Password];
        return string.Create(CultureInfo.InvariantCulture, $"{account}_{Convert.ToHexStringLower(HMACSHA256.HashData(secret, text).AsSpan(0, 16))}");
    }

    private static bool IsPasswordHash(string text) => text.Length == 32 && text.All(char.IsAsciiHexDigit);

    private async Task<byte[]> Hash(string passwordHash, byte[] salt)
    {
        await _hashing.WaitAsync();
        try
        {
            return await Task.Run(() => Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(passwordHash.ToLowerInvariant()), salt, Iterations, HashAlgorithmName.SHA512, 32));
        }
        finally
        {
            _hashing.Release();
        }
    }

    /// <summary>The protocol's hash is over the address in small letters, so no two accounts may differ in that alone.</summary>
    private static string Normalise(string email) => string.Concat(email.Where(each => !char.IsControl(each))).Trim().ToLowerInvariant();
}
