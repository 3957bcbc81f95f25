using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Web;

/// <summary>
/// The certificate that the server speaks TLS with, from files in PEM: the chain, the server's own first, and its private key. They are read again when they have changed, as renewal changes them;
/// while what stands there cannot be used, the one before stays in use.
/// </summary>
internal sealed class ServerCertificate
{
    /// <summary>Before a certificate ends, whoever runs the server is told.</summary>
    private static readonly TimeSpan s_warning = TimeSpan.FromDays(14), s_look = TimeSpan.FromSeconds(1), s_day = TimeSpan.FromDays(1);

    private const long MaxBytes = 1 << 20;

    private readonly string _path, _keyPath, _host;
    private readonly TimeProvider _time;
    private readonly Action<string> _say;
    private readonly Lock _lock = new();
    private Loaded _loaded;
    private long _looked;
    private DateTimeOffset? _warned;

    private ServerCertificate(string path, string keyPath, string host, TimeProvider time, Action<string> say)
    {
        (_path, _keyPath, _host, _time, _say) = (path, keyPath, host, time, say);
        _loaded = Load();
        _looked = time.GetTimestamp();
        Warn();
    }

    /// <summary>Reads it. Throws <see cref="InputException"/> with what is wrong with the files.</summary>
    /// <param name="host">The name that clients call the server by.</param>
    public static ServerCertificate Open(string path, string keyPath, string host, TimeProvider time, Action<string> say) => new(path, keyPath, host, time, say);

    /// <summary>The certificate for a connection that begins now.</summary>
    public SslStreamCertificateContext Current()
    {
        lock (_lock)
        {
            if (_time.GetElapsedTime(_looked) < s_look)
                return _loaded.Context;
            _looked = _time.GetTimestamp();
            try
            {
                if (Stamp() != _loaded.Stamp)
                {
                    _loaded = Load();
                    _warned = null;
                    _say($"{_path}: the certificate was read again; it ends on {Date(_loaded.Ends)}");
                }
            }
            catch (Exception error) when (error is InputException or IOException)
            {
                // Told once for what stands there now; the next change is looked at again.
                _loaded = _loaded with { Stamp = TryStamp() };
                _say($"{error.Message}; the one before stays in use, until {Date(_loaded.Ends)}");
            }
            Warn();
            return _loaded.Context;
        }
    }

    private Loaded Load()
    {
        string stamp = Stamp(), certificates = Read(_path), key = Read(_keyPath);
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPem(certificates);
            if (chain.Count == 0)
                throw new InputException($"{_path}: no certificate was found, expected PEM (-----BEGIN CERTIFICATE-----), the server's own first");
            using X509Certificate2 withKey = WithKey(certificates, key);
            if (_time.GetUtcNow() >= withKey.NotAfter.ToUniversalTime())
                throw new InputException($"{_path}: the certificate ended on {Date(withKey.NotAfter)}; renew it");
            // A key that came from PEM is not one that every platform's TLS takes; one from PKCS #12 is.
            X509Certificate2 usable = X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
            chain.RemoveAt(0);
            return new Loaded(SslStreamCertificateContext.Create(usable, chain, offline: true), usable.NotBefore, usable.NotAfter, usable.MatchesHostname(_host), stamp);
        }
        catch (CryptographicException error)
        {
            throw new InputException($"{_path}: this is not a chain of certificates in PEM: {error.Message}", error);
        }
    }

    private X509Certificate2 WithKey(string certificates, string key)
    {
        if (!key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
            throw new InputException($"{_keyPath}: no private key was found, expected PEM (-----BEGIN PRIVATE KEY-----)");
        if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
            throw new InputException($"{_keyPath}: the key is encrypted, and nobody is there to give its password; decrypt it (openssl pkey -in FILE -out NEW), for the server's user alone to read");
        try
        {
            return X509Certificate2.CreateFromPem(certificates, key);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new InputException($"{_keyPath}: this is not the private key of the first certificate in {_path}: {error.Message}", error);
        }
    }

    private void Warn()
    {
        DateTimeOffset now = _time.GetUtcNow();
        string? warning = now < _loaded.Begins.ToUniversalTime() ? $"begins on {Date(_loaded.Begins)} only: clients refuse it until then"
            : now >= _loaded.Ends.ToUniversalTime() ? $"ended on {Date(_loaded.Ends)}: clients refuse it; renew it"
            : now + s_warning >= _loaded.Ends.ToUniversalTime() ? $"ends on {Date(_loaded.Ends)}; renew it, and the server takes the new one over by itself"
            : !_loaded.IsForHost ? $"is not for {_host}, by which clients call this server: they will refuse it"
            : null;
        if (warning is null || now - _warned < s_day)
            return;
        _warned = now;
        _say($"{_path}: the certificate {warning}");
    }

    private string Stamp() => $"{StampOf(_path)} {StampOf(_keyPath)}";

    private string TryStamp()
    {
        try
        {
            return Stamp();
        }
        catch (InputException)
        {
            return "";
        }
    }

    private static string StampOf(string path)
    {
        // Renewal may put a link to another file.
        FileInfo file = new(path);
        FileSystemInfo target = file.Exists ? file.ResolveLinkTarget(returnFinalTarget: true) ?? file : file;
        return target.Exists ? string.Create(CultureInfo.InvariantCulture, $"{target.FullName} {target.LastWriteTimeUtc.Ticks} {new FileInfo(target.FullName).Length}") : throw new InputException($"{path}: the file is missing");
    }

    private static string Read(string path)
    {
        try
        {
            return new FileInfo(path).Length <= MaxBytes ? File.ReadAllText(path) : throw new InputException($"{path}: the file is too large for PEM");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: the file cannot be read: {error.Message}", error);
        }
    }

    private static string Date(DateTime date) => date.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private sealed record Loaded(SslStreamCertificateContext Context, DateTime Begins, DateTime Ends, bool IsForHost, string Stamp);
}
