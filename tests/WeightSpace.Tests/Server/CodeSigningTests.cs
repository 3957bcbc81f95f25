using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using WeightSpace.Server.Signing;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Server;

/// <summary>Code signing, against OpenSSL.</summary>
public sealed class CodeSigningTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void OpenSslFindsTheFilesDigestInASignature()
    {
        var key = PrivateCodeKey.ReadOrMake(_folder["key.pem"], out bool isNew);
        Assert.True(isNew);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder["key.pem"]));
        string md5 = Convert.ToHexStringLower(MD5.HashData("a program"u8)), signature = key.Sign(md5);
        File.WriteAllBytes(_folder["signature"], Convert.FromHexString(string.Concat(signature.Split('\n', StringSplitOptions.RemoveEmptyEntries)[..^1])));
        Assert.Equal(md5, OpenSsl("pkeyutl", "-verifyrecover", "-inkey", _folder["key.pem"], "-in", _folder["signature"]));
        Assert.Equal("1024", key.Public.Text.Split('\n')[0]);
        Assert.All(key.Public.Text.Split('\n')[1..9], line => Assert.Equal(64, line.Length));
        Assert.True(key.Public.Verify(md5, signature));
        Assert.True(PublicCodeKey.Parse(key.Public.Text, "key").Verify(md5, signature));
        Assert.False(key.Public.Verify(Convert.ToHexStringLower(MD5.HashData("another"u8)), signature));
        Assert.False(key.Public.Verify(md5, signature.Replace(signature[0], signature[0] == '0' ? '1' : '0')));
        Assert.Equal(signature, PrivateCodeKey.ReadOrMake(_folder["key.pem"], out isNew).Sign(md5));
        Assert.False(isNew);
    }

    [Fact]
    public void AProgramIsNumberedAndWhatWasChangedIsRefused()
    {
        var key = PrivateCodeKey.ReadOrMake(_folder["key.pem"], out _);
        _folder.Write("program", "first");
        Assert.Equal(1, Sign(key).Number);
        Assert.Equal(1, Sign(key).Number);
        _folder.Write("program", "second");
        SignedApp second = Sign(key);
        Assert.Equal(2, second.Number);
        // Another platform's counts for itself.
        SignedApp windows = Sign(key, SignedApp.WindowsX64);
        Assert.Equal(1, windows.Number);
        Assert.Equal("weightspace_1_windows_x86_64.exe", windows.Files.Single(file => file.IsMain).Name);
        Assert.Equal([windows.Platform, second.Platform], SignedApps.Read(_folder["app"]).Apps.Select(app => app.Platform));
        Assert.Equal(second.Files, SignedApps.Read(_folder["app"]).Apps[1].Files);
        // What is started switches off what would write outside its slot.
        Assert.Equal(["weightspace_2_x86_64-pc-linux-gnu", "weightspace_2_x86_64-pc-linux-gnu.bin"], second.Files.Select(file => file.Name));
        Assert.StartsWith("#!/bin/sh", File.ReadAllText(Path.Combine(_folder["app"], second.Files.Single(file => file.IsMain).Name)), StringComparison.Ordinal);
        var other = PrivateCodeKey.ReadOrMake(_folder["other.pem"], out _);
        Assert.Contains("another key", Assert.Throws<InputException>(() => Sign(other)).Message, StringComparison.Ordinal);
        string description = File.ReadAllText(Path.Combine(_folder["app"], SignedApps.Description));
        _folder.Write(Path.Combine("app", SignedApps.KeyName), other.Public.Text);
        Assert.Contains("not by the key", Assert.Throws<InputException>(() => SignedApps.Read(_folder["app"])).Message, StringComparison.Ordinal);
        _folder.Write(Path.Combine("app", SignedApps.KeyName), key.Public.Text);
        _folder.Write(Path.Combine("app", second.Files[1].Name), "secons");
        Assert.Contains("not the program", Assert.Throws<InputException>(() => SignedApps.Read(_folder["app"])).Message, StringComparison.Ordinal);
        _folder.Write(Path.Combine("app", SignedApps.Description), description.Replace(second.Files[1].Name, "../program", StringComparison.Ordinal));
        Assert.Contains("expected a name", Assert.Throws<InputException>(() => SignedApps.Read(_folder["app"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a key")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    public void AFileThatIsNoKeyIsNamed(string text)
    {
        _folder.Write("key.pem", text);
        Assert.Contains("key.pem", Assert.Throws<InputException>(() => PrivateCodeKey.ReadOrMake(_folder["key.pem"], out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AKeyThatClientsCannotReadIsRefused()
    {
        using var rsa = RSA.Create(2048);
        _folder.Write("key.pem", rsa.ExportPkcs8PrivateKeyPem());
        Assert.Contains("2048 bits", Assert.Throws<InputException>(() => PrivateCodeKey.ReadOrMake(_folder["key.pem"], out _)).Message, StringComparison.Ordinal);
    }

    private SignedApp Sign(PrivateCodeKey key, string platform = SignedApp.LinuxX64) =>
        SignedApps.Sign(new Dictionary<string, string> { [platform] = _folder["program"] }, key, _folder["app"]).Apps.Single(app => app.Platform == platform);

    private static string OpenSsl(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("openssl", arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
        using var output = new MemoryStream();
        Task copied = process.StandardOutput.BaseStream.CopyToAsync(output);
        if (!copied.Wait(TimeSpan.FromSeconds(30)) || !process.WaitForExit(TimeSpan.FromSeconds(30)))
        {
            process.Kill();
            Assert.Fail($"openssl {string.Join(' ', arguments)} did not end");
        }
        Assert.Equal(0, process.ExitCode);
        return Encoding.ASCII.GetString(output.ToArray());
    }
}
