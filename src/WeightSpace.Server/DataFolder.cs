using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Server;

/// <summary>
/// The folder of a project: its secrets, the signed program, uploads and zoos, and the database where it is the server's own. It is for one server at a time. The private key of code signing
/// does not belong here.
/// </summary>
public sealed class DataFolder : IDisposable
{
    private const string Format = "weightspace-project";
    private const int FormatVersion = 1;
    private const string Description = "project.json", TokenName = "operator-token", UrlName = "url";

    private readonly FileStream _claim;

    private DataFolder(string path, FileStream claim, byte[] secret, string operatorToken) => (Path, _claim, Secret, OperatorToken) = (path, claim, secret, operatorToken);

    public string Path { get; }

    /// <summary>What account keys and upload addresses are derived from; 32 bytes.</summary>
    internal byte[] Secret { get; }

    /// <summary>Who shows it may submit experiments.</summary>
    internal string OperatorToken { get; }

    public string TokenPath => In(TokenName);

    internal string Postgres => In("postgresql");

    internal string Downloads => In("download");

    internal string Uploads => In("upload");

    internal string Zoos => In("zoos");

    /// <summary>Units and results of complete zoos, for as long as a host may be caught.</summary>
    internal string Kept => In("kept");

    /// <summary>Zoos that hold results of a host that was caught, until they are written again.</summary>
    internal string Withdrawn => In("withdrawn");

    /// <summary>Opens a project's folder, or makes one. Throws <see cref="InputException"/> where it belongs to another server or another release, or holds something else.</summary>
    public static DataFolder Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        string description = System.IO.Path.Combine(path, Description);
        try
        {
            if (!File.Exists(description) && Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(entry => System.IO.Path.GetFileName(entry) != "lock"))
                throw new InputException($"{path}: the folder is not empty, and holds no project; name a project's folder, or one that is to be made");
            Directory.CreateDirectory(path);
            FileStream claim = FolderClaim.Take(path, "serving this project");
            try
            {
                bool isNew = !File.Exists(description);
                if (!isNew)
                    CheckVersion(description);
                foreach (string folder in (string[])["postgresql", "download", "upload", "zoos", "kept", "withdrawn"])
                    Directory.CreateDirectory(System.IO.Path.Combine(path, folder));
                byte[] secret = Convert.FromHexString(ReadOrMakeSecret(System.IO.Path.Combine(path, "secret"), isNew));
                string token = ReadOrMakeSecret(System.IO.Path.Combine(path, TokenName), isNew);
                // Last: a folder with a description has all that belongs to it.
                if (isNew)
                    AtomicFile.Write(description, stream => stream.Write(Encoding.UTF8.GetBytes($$"""{"format":"{{Format}}","format_version":{{FormatVersion}}}""")));
                return new DataFolder(path, claim, secret, token);
            }
            catch
            {
                claim.Dispose();
                throw;
            }
        }
        catch (UnauthorizedAccessException error)
        {
            throw new InputException($"{path}: the project's folder cannot be used: {error.Message}", error);
        }
    }

    /// <summary>The address and the operator's token of the server whose folder this is. Throws <see cref="InputException"/> where it is none.</summary>
    public static (string Url, string Token) ReadOperator(string path)
    {
        string url = System.IO.Path.Combine(path, UrlName), token = System.IO.Path.Combine(path, TokenName);
        try
        {
            return (File.ReadAllText(url).Trim(), File.ReadAllText(token).Trim());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: this is not the folder of a project that was served: {error.Message}; name the folder that `weightspace serve --data` has, or the server's address", error);
        }
    }

    /// <summary>Puts down where the project is to be found, for <see cref="ReadOperator"/>.</summary>
    internal void WriteUrl(string url) => AtomicFile.Write(In(UrlName), stream => stream.Write(Encoding.ASCII.GetBytes(url + "\n")));

    public void Dispose() => _claim.Dispose();

    private string In(string name) => System.IO.Path.Combine(Path, name);

    private static void CheckVersion(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            var json = new JsonReader(document.RootElement, path);
            if (json.String("format") is not Format and var format)
                throw new InputException($"{path}: format: found '{format}', expected {Format}");
            if (json.Int32("format_version") is not FormatVersion and var version)
                throw new InputException($"{path}: format_version: found {version}, this program serves {FormatVersion}; use the release that the project was last served with, or a later one");
        }
        catch (Exception error) when (error is JsonException or InvalidDataException)
        {
            throw new InputException($"{path}: this does not describe a project: {error.Message}", error);
        }
    }

    /// <summary>64 hexadecimal digits, readable for their owner alone. A project that has lost its secret must not get another: volunteers' keys come from it.</summary>
    private static string ReadOrMakeSecret(string path, bool isNew)
    {
        if (!File.Exists(path))
        {
            if (!isNew)
                throw new InputException($"{path}: the file is missing; put back the one that the project was made with");
            string temporary = path + AtomicFile.TemporarySuffix;
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(temporary, options))
            {
                file.Write(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) + "\n"));
                file.Flush(flushToDisk: true);
            }
            AtomicFile.Rename(temporary, path);
        }
        string text = File.ReadAllText(path).Trim();
        return text.Length == 64 && text.All(char.IsAsciiHexDigit) ? text : throw new InputException($"{path}: found {text.Length} characters, expected 64 hexadecimal digits; put back the file that the project was made with");
    }
}
