using System.Security.Cryptography;
using System.Text;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Publication;

/// <summary>
/// <c>SHA256SUMS</c>, as <c>sha256sum</c> writes and checks it: what of a publication is complete. It is written anew whenever a file joins, so that
/// publishing goes on where it was stopped.
/// </summary>
internal sealed class Checksums
{
    public const string FileName = "SHA256SUMS";

    private const long MaxBytes = 1L << 20;

    private readonly string _folder;
    private readonly SortedDictionary<string, string> _sums = new(StringComparer.Ordinal);

    private Checksums(string folder) => _folder = folder;

    /// <summary>The files that are listed.</summary>
    public IReadOnlyCollection<string> Names => _sums.Keys;

    public string? this[string name] => _sums.GetValueOrDefault(name);

    /// <summary>Reads those of a folder; none where there is no such file.</summary>
    public static Checksums Read(string folder)
    {
        var sums = new Checksums(folder);
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return sums;
        int number = 0;
        foreach (string line in Encoding.UTF8.GetString(ZooFiles.ReadAll(path, MaxBytes)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            number++;
            // 64 digits, a blank, a blank or the * of a binary file, the name.
            bool isSound = line.Length > 66 && Sha256Digest.TryParse(line[..64], out _) && line[64] == ' ' && line[65] is ' ' or '*' && RecipeLimits.NameError(line[66..], ArchiveReader.MaxNameLength) is null;
            if (!isSound || !sums._sums.TryAdd(line[66..], line[..64]))
                throw new InputException($"{path}:{number}: found '{(line.Length <= 100 ? line : line[..100] + "...")}', expected the SHA-256 and the name of a file of this folder, none twice, as `weightspace publish` writes them; remove the file to have it written anew");
        }
        return sums;
    }

    /// <summary>Adds a file, or gives it another digest, and writes the list.</summary>
    public void Add(string name, string sha256)
    {
        if (_sums.GetValueOrDefault(name) == sha256)
            return;
        _sums[name] = sha256;
        byte[] text = Encoding.ASCII.GetBytes(string.Concat(_sums.Select(sum => $"{sum.Value}  {sum.Key}\n")));
        AtomicFile.Write(Path.Combine(_folder, FileName), stream => stream.Write(text));
    }

    /// <summary>The SHA-256 of a file of the folder as it is now.</summary>
    public string Measure(string name, Action<long, long>? progress, CancellationToken stop)
    {
        using FileStream file = ZooFiles.Open(Path.Combine(_folder, name));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long done = 0;
        ZooArchive.Copy(file, long.MaxValue, piece =>
        {
            hash.AppendData(piece.Span);
            progress?.Invoke(done += piece.Length, file.Length);
        }, stop);
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
