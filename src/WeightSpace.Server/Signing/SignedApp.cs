using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Server.Signing;

/// <summary>A program for volunteers' machines, with its signature: a folder of three files, which is all that a server is given.</summary>
/// <param name="Number">Its version: 1 for the first, one more for each other program.</param>
/// <param name="Md5">Of the program, 32 hexadecimal digits: what the signature is over.</param>
public sealed partial record SignedApp(string Platform, int Number, string FileName, long Bytes, string Md5, string Signature)
{
    public const string LinuxX64 = "x86_64-pc-linux-gnu";

    /// <summary>The name of the file that describes the program.</summary>
    public const string Description = "app.json";

    /// <summary>The name of the file with the public key.</summary>
    public const string KeyName = "code_sign_public";

    private const string Format = "weightspace-app";
    private const long MaxBytes = 1L << 30;

    /// <summary>
    /// Signs a program into a folder. Where the folder holds an older one, the number is one more; where it holds this one, nothing changes. Throws <see cref="InputException"/> where the
    /// folder's program was signed with another key.
    /// </summary>
    public static SignedApp Sign(string program, PrivateCodeKey key, string folder)
    {
        byte[] bytes = ReadProgram(program);
        string md5 = Convert.ToHexStringLower(MD5.HashData(bytes));
        SignedApp? before = File.Exists(Path.Combine(folder, Description)) ? Read(folder).App : null;
        if (before is not null && Read(folder).Key.Text != key.Public.Text)
            throw new InputException($"{folder}: the program there was signed with another key, and clients that know that key would refuse this one; name the same key, or another folder for another project");
        if (before?.Md5 == md5)
            return before;
        int number = (before?.Number ?? 0) + 1;
        var app = new SignedApp(LinuxX64, number, $"weightspace_{number.ToString(CultureInfo.InvariantCulture)}_{LinuxX64}", bytes.Length, md5, key.Sign(md5));
        Directory.CreateDirectory(folder);
        AtomicFile.Write(Path.Combine(folder, app.FileName), stream => stream.Write(bytes));
        AtomicFile.Write(Path.Combine(folder, KeyName), stream => stream.Write(Encoding.ASCII.GetBytes(key.Public.Text)));
        var json = new JsonObject { ["format"] = Format, ["platform"] = app.Platform, ["number"] = number, ["file"] = app.FileName, ["bytes"] = app.Bytes, ["md5"] = md5, ["signature"] = app.Signature };
        AtomicFile.Write(Path.Combine(folder, Description), stream => stream.Write(JsonSerializer.SerializeToUtf8Bytes(json)));
        return app;
    }

    /// <summary>Reads a folder that <see cref="Sign"/> wrote. Throws <see cref="InputException"/> where it is none, or the signature is not the key's over the program.</summary>
    public static (SignedApp App, PublicCodeKey Key) Read(string folder)
    {
        string path = Path.Combine(folder, Description);
        try
        {
            using JsonDocument document = JsonDocument.Parse(ReadSmall(path));
            var json = new JsonReader(document.RootElement, path);
            if (json.String("format") is not Format and var format)
                throw new InputException($"{path}: format: found '{format}', expected {Format}");
            var app = new SignedApp(json.String("platform"), json.Int32("number", new NumberRange(1, 1_000_000)), json.String("file"), json.Int64("bytes", new NumberRange(1, MaxBytes)), json.String("md5"), json.String("signature"));
            json.Done();
            if (!FilePattern().IsMatch(app.FileName) || !FilePattern().IsMatch(app.Platform))
                throw new InputException($"{path}: file: found '{app.FileName}' for '{app.Platform}', expected a name of letters, digits, '_', '-' and '.'");
            PublicCodeKey key = PublicCodeKey.Parse(Encoding.ASCII.GetString(ReadSmall(Path.Combine(folder, KeyName))), Path.Combine(folder, KeyName));
            byte[] program = ReadProgram(Path.Combine(folder, app.FileName));
            if (program.Length != app.Bytes || Convert.ToHexStringLower(MD5.HashData(program)) != app.Md5)
                throw new InputException($"{Path.Combine(folder, app.FileName)}: this is not the program that {path} describes; sign it again");
            if (!key.Verify(app.Md5, app.Signature))
                throw new InputException($"{path}: the signature is not by the key beside it; sign the program again");
            return (app, key);
        }
        catch (Exception error) when (error is JsonException or InvalidDataException)
        {
            throw new InputException($"{path}: this does not describe a signed program: {error.Message}; `weightspace sign` writes one", error);
        }
    }

    private static byte[] ReadSmall(string path)
    {
        using FileStream file = Open(path);
        return file.Length <= 1 << 20 ? ReadAll(file) : throw new InputException($"{path}: {file.Length} bytes are too many; `weightspace sign` writes this file");
    }

    private static byte[] ReadProgram(string path)
    {
        using FileStream file = Open(path);
        return file.Length is > 0 and <= MaxBytes ? ReadAll(file) : throw new InputException($"{path}: found {file.Length} bytes, expected a program of at most {MaxBytes}");
    }

    private static byte[] ReadAll(FileStream file)
    {
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    private static FileStream Open(string path)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: the file cannot be read: {error.Message}; `weightspace sign` writes the folder of a signed program", error);
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\z")]
    private static partial Regex FilePattern();
}
