using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Server.Signing;

/// <summary>A file of a program for volunteers' machines.</summary>
/// <param name="Md5">32 hexadecimal digits: what the signature is over.</param>
/// <param name="IsMain">The one that a client starts.</param>
public sealed record SignedFile(string Name, long Bytes, string Md5, string Signature, bool IsMain);

/// <summary>A program for volunteers' machines of one platform, signed.</summary>
/// <param name="Number">Its version: 1 for the first of its platform, one more for each other program.</param>
public sealed record SignedApp(string Platform, int Number, IReadOnlyList<SignedFile> Files)
{
    public const string LinuxX64 = "x86_64-pc-linux-gnu", WindowsX64 = "windows_x86_64";

    /// <summary>The platforms as BOINC's clients name them, and as people do.</summary>
    public static IReadOnlyDictionary<string, string> Platforms { get; } = new Dictionary<string, string> { [LinuxX64] = "Linux on 64-bit Intel or AMD", [WindowsX64] = "Windows on 64-bit Intel or AMD" };

    public long Bytes => Files.Sum(file => file.Bytes);
}

/// <summary>The signed programs of a project, one to a platform, with the public key: a folder, which is all that a server is given.</summary>
public sealed partial record SignedApps(PublicCodeKey Key, IReadOnlyList<SignedApp> Apps)
{
    /// <summary>The name of the file that describes the programs.</summary>
    public const string Description = "app.json";

    /// <summary>The name of the file with the public key.</summary>
    public const string KeyName = "code_sign_public";

    // What Linux' clients start. The runtime would keep a socket in the temporary folder, which is outside the slot; only its environment can tell it not to.
    private const string Launcher = "#!/bin/sh\nDOTNET_EnableDiagnostics=0 exec \"$0.bin\" \"$@\"\n";

    private const string Format = "weightspace-app";
    private const int FormatVersion = 2;
    private const long MaxBytes = 1L << 30;

    /// <summary>
    /// Signs programs into a folder. Where the folder holds an older one for a platform, its number is one more; where it holds this one, it stays as it is, and so do those of other platforms.
    /// Throws <see cref="InputException"/> where the folder's programs were signed with another key.
    /// </summary>
    /// <param name="programs">For each platform the program, one file.</param>
    public static SignedApps Sign(IReadOnlyDictionary<string, string> programs, PrivateCodeKey key, string folder)
    {
        SignedApps? before = File.Exists(Path.Combine(folder, Description)) ? Read(folder) : null;
        if (before is not null && before.Key.Text != key.Public.Text)
            throw new InputException($"{folder}: the programs there were signed with another key, and clients that know that key would refuse these; name the same key, or another folder for another project");
        Dictionary<string, SignedApp> apps = before?.Apps.ToDictionary(app => app.Platform) ?? [];
        Directory.CreateDirectory(folder);
        foreach ((string platform, string program) in programs)
        {
            List<(string Suffix, byte[] Bytes, bool IsMain)> files = FilesOf(platform, ReadProgram(program));
            SignedApp? last = apps.GetValueOrDefault(platform);
            if (last is not null && last.Files.Select(file => file.Md5).SequenceEqual(files.Select(file => Md5(file.Bytes))))
                continue;
            int number = (last?.Number ?? 0) + 1;
            apps[platform] = new SignedApp(platform, number,
                [.. files.Select(file => new SignedFile($"weightspace_{number.ToString(CultureInfo.InvariantCulture)}_{platform}{file.Suffix}", file.Bytes.Length, Md5(file.Bytes), key.Sign(Md5(file.Bytes)), file.IsMain))]);
            foreach ((SignedFile file, byte[] bytes) in apps[platform].Files.Zip(files, (file, content) => (file, content.Bytes)))
                AtomicFile.Write(Path.Combine(folder, file.Name), stream => stream.Write(bytes));
        }
        var signed = new SignedApps(key.Public, [.. apps.Values.OrderBy(app => app.Platform, StringComparer.Ordinal)]);
        AtomicFile.Write(Path.Combine(folder, KeyName), stream => stream.Write(Encoding.ASCII.GetBytes(key.Public.Text)));
        AtomicFile.Write(Path.Combine(folder, Description), stream => stream.Write(Encoding.UTF8.GetBytes(ToJson(signed).ToJsonString())));
        return signed;
    }

    /// <summary>Reads a folder that <see cref="Sign"/> wrote. Throws <see cref="InputException"/> where it is none, or a signature is not the key's over its file.</summary>
    public static SignedApps Read(string folder)
    {
        string path = Path.Combine(folder, Description);
        try
        {
            using JsonDocument document = JsonDocument.Parse(ReadSmall(path));
            var json = new JsonReader(document.RootElement, path);
            if (json.String("format") is not Format and var format)
                throw new InputException($"{path}: format: found '{format}', expected {Format}");
            if (json.Int32("format_version") is not FormatVersion and var version)
                throw new InputException($"{path}: format_version: found {version}, this program reads {FormatVersion}; sign the programs into a new folder");
            SignedApp[] apps = [.. json.Children("programs").Select(ReadApp)];
            json.Done();
            if (apps.DistinctBy(app => app.Platform).Count() != apps.Length || apps.FirstOrDefault(app => app.Files.Count(file => file.IsMain) != 1) is not null)
                throw new InputException($"{path}: programs: expected one for each platform, with one main file; sign them again");
            PublicCodeKey key = PublicCodeKey.Parse(Encoding.ASCII.GetString(ReadSmall(Path.Combine(folder, KeyName))), Path.Combine(folder, KeyName));
            foreach (SignedFile file in apps.SelectMany(app => app.Files))
            {
                byte[] program = ReadProgram(Path.Combine(folder, file.Name));
                if (program.Length != file.Bytes || Md5(program) != file.Md5)
                    throw new InputException($"{Path.Combine(folder, file.Name)}: this is not the program that {path} describes; sign it again");
                if (!key.Verify(file.Md5, file.Signature))
                    throw new InputException($"{path}: the signature of {file.Name} is not by the key beside it; sign the program again");
            }
            return new SignedApps(key, apps);
        }
        catch (Exception error) when (error is JsonException or InvalidDataException)
        {
            throw new InputException($"{path}: this does not describe signed programs: {error.Message}; `weightspace sign` writes it", error);
        }
    }

    private static List<(string Suffix, byte[] Bytes, bool IsMain)> FilesOf(string platform, byte[] program) => platform switch
    {
        SignedApp.LinuxX64 => [("", Encoding.ASCII.GetBytes(Launcher), true), (".bin", program, false)],
        SignedApp.WindowsX64 => [(".exe", program, true)],
        _ => throw new ArgumentException($"{platform}: no program is made for this platform", nameof(platform)),
    };

    private static JsonObject ToJson(SignedApps signed) => new()
    {
        ["format"] = Format,
        ["format_version"] = FormatVersion,
        ["programs"] = new JsonArray([.. signed.Apps.Select(app => new JsonObject
        {
            ["platform"] = app.Platform,
            ["number"] = app.Number,
            ["files"] = new JsonArray([.. app.Files.Select(file => new JsonObject { ["file"] = file.Name, ["bytes"] = file.Bytes, ["md5"] = file.Md5, ["signature"] = file.Signature, ["main"] = file.IsMain })]),
        })]),
    };

    private static SignedApp ReadApp(JsonReader json)
    {
        string platform = json.String("platform");
        if (!SignedApp.Platforms.ContainsKey(platform))
            throw new InputException($"{json.Path}: platform: found '{platform}', expected {string.Join(" or ", SignedApp.Platforms.Keys)}");
        var app = new SignedApp(platform, json.Int32("number", new NumberRange(1, 1_000_000)), [.. json.Children("files").Select(ReadFile)]);
        json.Done();
        return app;
    }

    private static SignedFile ReadFile(JsonReader json)
    {
        var file = new SignedFile(json.String("file"), json.Int64("bytes", new NumberRange(1, MaxBytes)), json.String("md5"), json.String("signature"), json.Boolean("main"));
        json.Done();
        return FilePattern().IsMatch(file.Name) ? file : throw new InputException($"{json.Path}: file: found '{file.Name}', expected a name of letters, digits, '_', '-' and '.'");
    }

    private static string Md5(byte[] bytes) => Convert.ToHexStringLower(MD5.HashData(bytes));

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
            throw new InputException($"{path}: the file cannot be read: {error.Message}; `weightspace sign` writes the folder of signed programs", error);
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\z")]
    private static partial Regex FilePattern();
}
