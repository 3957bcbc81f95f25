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
        Assert.Equal(1, SignedApp.Sign(_folder["program"], key, _folder["app"]).Number);
        Assert.Equal(1, SignedApp.Sign(_folder["program"], key, _folder["app"]).Number);
        _folder.Write("program", "second");
        SignedApp second = SignedApp.Sign(_folder["program"], key, _folder["app"]);
        Assert.Equal(2, second.Number);
        Assert.Equal(second, SignedApp.Read(_folder["app"]).App);
        var other = PrivateCodeKey.ReadOrMake(_folder["other.pem"], out _);
        Assert.Contains("another key", Assert.Throws<InputException>(() => SignedApp.Sign(_folder["program"], other, _folder["app"])).Message, StringComparison.Ordinal);
        string description = File.ReadAllText(Path.Combine(_folder["app"], SignedApp.Description));
        _folder.Write(Path.Combine("app", SignedApp.KeyName), other.Public.Text);
        Assert.Contains("not by the key", Assert.Throws<InputException>(() => SignedApp.Read(_folder["app"])).Message, StringComparison.Ordinal);
        _folder.Write(Path.Combine("app", SignedApp.KeyName), key.Public.Text);
        _folder.Write(Path.Combine("app", second.FileName), "secons");
        Assert.Contains("not the program", Assert.Throws<InputException>(() => SignedApp.Read(_folder["app"])).Message, StringComparison.Ordinal);
        _folder.Write(Path.Combine("app", SignedApp.Description), description.Replace(second.FileName, "../program", StringComparison.Ordinal));
        Assert.Contains("expected a name", Assert.Throws<InputException>(() => SignedApp.Read(_folder["app"])).Message, StringComparison.Ordinal);
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

    private static string OpenSsl(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("openssl", arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return Encoding.ASCII.GetString(output.ToArray());
    }
}
