using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Server;

/// <summary>A server that speaks TLS, with certificates that OpenSSL made.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly ServedProject _project = new();
    private readonly Folder _folder = new();

    public void Dispose()
    {
        _project.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task TheCertificateIsReadAgainWhenItIsRenewed()
    {
        Make("first", "127.0.0.1", days: 100);
        Make("second", "127.0.0.1", days: 3);
        Use("first");
        _project.Settings = _project.Settings with { Url = "https://127.0.0.1:0/", TlsCertificate = _folder["certificate.pem"], TlsKey = _folder["key.pem"] };
        _project.Restart();
        Assert.StartsWith("https://127.0.0.1:", _project.Url, StringComparison.Ordinal);
        Assert.Contains($"href=\"{_project.Url}scheduler\"", await Get("first"), StringComparison.Ordinal);
        await Assert.ThrowsAsync<HttpRequestException>(() => Get("second"));
        // A key that does not belong to it, as between the two writes of a renewal: the one before is used until it does.
        File.Copy(_folder["second.pem"], _folder["certificate.pem"], overwrite: true);
        await Until(() => Said("not the private key"), "first");
        File.Copy(_folder["second.key"], _folder["key.pem"], overwrite: true);
        await Until(() => Said("was read again"), "first", "second");
        Assert.Contains(_project.Url, await Get("second"), StringComparison.Ordinal);
        await Assert.ThrowsAsync<HttpRequestException>(() => Get("first"));
        Assert.True(Said("renew it, and the server takes the new one over"), "no warning that it ends soon");
        // In the clear, nothing is to be had.
        using var clear = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => clear.GetStringAsync(_project.Url.Replace("https:", "http:", StringComparison.Ordinal), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void WhatIsWrongWithACertificateIsSaid()
    {
        Make("good", "127.0.0.1", days: 100);
        Make("other", "127.0.0.1", days: 100);
        MakeEnded("ended");
        Make("locked", "127.0.0.1", days: 100, "-aes256", "-pass", "pass:abcd");
        _folder.Write("nothing.pem", "nothing");
        _project.Stop();
        Refused("absent.pem: the file is missing", "https://127.0.0.1:0/", "absent.pem", "good.key");
        Refused("absent.key: the file is missing", "https://127.0.0.1:0/", "good.pem", "absent.key");
        Refused("nothing.pem: no certificate was found", "https://127.0.0.1:0/", "nothing.pem", "good.key");
        Refused("nothing.pem: no private key was found", "https://127.0.0.1:0/", "good.pem", "nothing.pem");
        Refused("other.key: this is not the private key", "https://127.0.0.1:0/", "good.pem", "other.key");
        Refused("ended.pem: the certificate ended", "https://127.0.0.1:0/", "ended.pem", "ended.key");
        Refused("locked.key: the key is encrypted", "https://127.0.0.1:0/", "locked.pem", "locked.key");
        Refused("begins with https://", "http://127.0.0.1:0/", "good.pem", "good.key");
        Refused("--tls-certificate", "https://127.0.0.1:0/", null, null);
        Refused("--tls-certificate", "https://127.0.0.1:0/", null, "good.key");
        _project.Settings = _project.Settings with { Url = "http://127.0.0.1:0/", TlsCertificate = null, TlsKey = null };
        _project.Serve();
    }

    private void Refused(string message, string url, string? certificate, string? key)
    {
        _project.Settings = _project.Settings with { Url = url, TlsCertificate = certificate is null ? null : _folder[certificate], TlsKey = key is null ? null : _folder[key] };
        Assert.Contains(message, Assert.Throws<InputException>(_project.Serve).Message, StringComparison.Ordinal);
    }

    private void Use(string name)
    {
        File.Copy(_folder[name + ".pem"], _folder["certificate.pem"], overwrite: true);
        File.Copy(_folder[name + ".key"], _folder["key.pem"], overwrite: true);
    }

    private void Make(string name, string address, int days, params string[] encryption)
    {
        OpenSsl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", _folder[name + ".key"], .. encryption]);
        string[] password = encryption.Length > 0 ? ["-passin", "pass:abcd"] : [];
        OpenSsl(["req", "-x509", "-new", "-key", _folder[name + ".key"], "-out", _folder[name + ".pem"], "-days", $"{days}", "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:" + address, .. password]);
    }

    /// <summary>OpenSSL makes none that has ended already.</summary>
    private void MakeEnded(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 certificate = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-10), now.AddDays(-1));
        _folder.Write(name + ".pem", certificate.ExportCertificatePem());
        _folder.Write(name + ".key", key.ExportPkcs8PrivateKeyPem());
    }

    private static void OpenSsl(string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("openssl", arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        Task<string> said = process.StandardError.ReadToEndAsync();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)));
        Assert.True(process.ExitCode == 0, said.GetAwaiter().GetResult());
    }

    private bool Said(string text)
    {
        lock (_project.Said)
            return _project.Said.Any(line => line.Contains(text, StringComparison.Ordinal));
    }

    /// <summary>Connects, with one of these trusted, until it is so.</summary>
    private async Task Until(Func<bool> isSo, params string[] trusted)
    {
        for (int i = 0; i < 100 && !isSo(); i++)
        {
            foreach (string name in trusted)
            {
                try
                {
                    await Get(name);
                }
                catch (HttpRequestException) when (trusted.Length > 1)
                {
                    // It is the other one by now, or not yet.
                }
            }
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        Assert.True(isSo(), string.Join('\n', _project.Said));
    }

    /// <summary>The master page, over a connection of its own, for who trusts this certificate alone.</summary>
    private async Task<string> Get(string trusted)
    {
        using X509Certificate2 root = X509CertificateLoader.LoadCertificateFromFile(_folder[trusted + ".pem"]);
        using var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { root }, RevocationMode = X509RevocationMode.NoCheck },
            },
        };
        using var http = new HttpClient(handler) { DefaultRequestVersion = HttpVersion.Version11 };
        return await http.GetStringAsync(_project.Url, TestContext.Current.CancellationToken);
    }
}
