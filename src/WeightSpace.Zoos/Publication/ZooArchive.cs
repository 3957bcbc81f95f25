using System.Security.Cryptography;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Publication;

/// <summary>An archive that was read to its end and found whole.</summary>
/// <param name="ManifestBytes">Its <c>zoo.json</c>.</param>
/// <param name="HasWeights">False: it is the recipe form.</param>
public sealed record ArchivedZoo(ZooManifest Manifest, byte[] ManifestBytes, bool HasWeights, WrittenFile File);

/// <summary>
/// A zoo as one zip archive, or, in the recipe form, all of it but its shards. An archive begins with <c>zoo.json</c>; the other files stand behind it in the
/// order of their names, in one folder, stored as <see cref="StoredZip"/> does it. So <c>zoo.json</c> decides every byte but those of the files, and of
/// these it has the digests: reading holds all of an archive against that, and writes nothing that is not listed.
/// </summary>
public static class ZooArchive
{
    public const string Extension = ".zip";

    private const int BufferBytes = 1 << 16;

    /// <summary>
    /// Writes the archive of the zoo in <paramref name="folder"/>, whose files must have the digests that its manifest lists. Under the archive's name stands
    /// nothing or the whole of it. <paramref name="progress"/> is told the bytes done and all bytes.
    /// </summary>
    public static WrittenFile Write(string path, string folder, bool withWeights, Action<long, long>? progress, CancellationToken stop)
    {
        string manifestPath = Path.Combine(folder, ZooManifest.FileName);
        byte[] manifestBytes = ZooFiles.ReadAll(manifestPath, ZooManifest.MaxBytes);
        ZooManifest manifest = ZooManifest.Read(manifestBytes, manifestPath);
        string root = Path.GetFileNameWithoutExtension(path);
        StoredEntry first = FirstEntry(root, manifestBytes);
        long done = 0, total = Bytes(first, manifest, withWeights);
        return AtomicFile.Write(path, stream =>
        {
            var written = new List<StoredEntry> { first };
            stream.Write(StoredZip.Header(first));
            stream.Write(manifestBytes);
            foreach (ZooFile file in Files(manifest, withWeights))
            {
                using FileStream content = ZooFiles.Open(Path.Combine(folder, file.Path));
                // Once for the checksums, which stand in front, and once to copy.
                StoredEntry entry = Measure(content, file, root, stop);
                content.Position = 0;
                stream.Write(StoredZip.Header(entry));
                Copy(content, file.Bytes, piece =>
                {
                    stream.Write(piece.Span);
                    progress?.Invoke(done += piece.Length, total);
                }, stop);
                written.Add(entry);
            }
            stream.Write(StoredZip.Directory(written));
        });
    }

    /// <summary>
    /// Reads an archive to its end and checks every byte of it; with a <paramref name="folder"/>, writes its files there. Throws
    /// <see cref="InputException"/> where the archive is not exactly what its <c>zoo.json</c> says.
    /// </summary>
    public static ArchivedZoo Read(string path, string? folder, Action<long, long>? progress, CancellationToken stop)
    {
        using var reader = new ArchiveReader(path, progress, stop);
        (ZooManifest manifest, byte[] manifestBytes, StoredEntry first) = reader.ReadManifest();
        bool hasWeights = reader.HasWeights(first, manifest);
        if (folder is not null)
            MakeFolders(folder, manifest, hasWeights);
        var read = new List<StoredEntry> { first };
        foreach (ZooFile file in Files(manifest, hasWeights))
        {
            StoredEntry entry = reader.ReadHeader(file, read);
            if (folder is null)
                reader.ReadContent(entry, file, Stream.Null);
            else
                AtomicFile.Write(Path.Combine(folder, file.Path), stream => reader.ReadContent(entry, file, stream));
            read.Add(entry);
        }
        reader.ReadDirectory(read);
        // Last, as ever: a folder that has it is whole.
        if (folder is not null)
            AtomicFile.Write(Path.Combine(folder, ZooManifest.FileName), stream => stream.Write(manifestBytes));
        return new ArchivedZoo(manifest, manifestBytes, hasWeights, reader.Measured());
    }

    /// <summary>The manifest at the beginning of an archive, with its bytes; nothing behind it is read.</summary>
    public static (ZooManifest Manifest, byte[] Bytes) ReadManifest(string path)
    {
        using var reader = new ArchiveReader(path, null, CancellationToken.None);
        (ZooManifest manifest, byte[] bytes, _) = reader.ReadManifest();
        return (manifest, bytes);
    }

    /// <summary>Whether this is a file, which an archive is and a folder is not. Throws <see cref="InputException"/> where there is neither.</summary>
    public static bool IsArchive(string path) => File.Exists(path) || (Directory.Exists(path) ? false
        : throw new InputException($"{path}: there is no such file or folder; the archive of a zoo, as `weightspace publish` makes it, or what was unpacked from one was expected"));

    /// <summary>The files of an archive behind its manifest, in their order.</summary>
    internal static IEnumerable<ZooFile> Files(ZooManifest manifest, bool withWeights) =>
        manifest.Files.Where(file => withWeights || !file.IsShard).OrderBy(file => file.Path, StringComparer.Ordinal);

    /// <summary>Bytes of the archive of a zoo.</summary>
    internal static long Bytes(StoredEntry first, ZooManifest manifest, bool withWeights)
    {
        string root = first.Name[..first.Name.IndexOf('/', StringComparison.Ordinal)];
        return StoredZip.ArchiveBytes([first, .. Files(manifest, withWeights).Select(file => new StoredEntry($"{root}/{file.Path}", file.Bytes, 0))]);
    }

    internal static StoredEntry FirstEntry(string root, byte[] manifest)
    {
        var crc = new Crc32();
        crc.Append(manifest);
        return new StoredEntry($"{root}/{ZooManifest.FileName}", manifest.Length, crc.Value);
    }

    /// <summary>Passes on so many bytes of a stream, or as many as there are.</summary>
    internal static void Copy(Stream from, long bytes, Action<ReadOnlyMemory<byte>> take, CancellationToken stop)
    {
        byte[] buffer = new byte[BufferBytes];
        while (bytes > 0)
        {
            stop.ThrowIfCancellationRequested();
            int count = from.Read(buffer, 0, (int)Math.Min(buffer.Length, bytes));
            if (count == 0)
                return;
            take(buffer.AsMemory(0, count));
            bytes -= count;
        }
    }

    private static StoredEntry Measure(FileStream content, ZooFile file, string root, CancellationToken stop)
    {
        var crc = new Crc32();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Copy(content, file.Bytes, piece =>
        {
            crc.Append(piece.Span);
            hash.AppendData(piece.Span);
        }, stop);
        if (content.Length != file.Bytes || Convert.ToHexStringLower(hash.GetCurrentHash()) != file.Sha256)
            throw new InputException($"{content.Name}: its length or SHA-256 is not the one in {ZooManifest.FileName}; it was changed or damaged after the zoo was written; copy the zoo again, or train it again");
        return new StoredEntry($"{root}/{file.Path}", file.Bytes, crc.Value);
    }

    private static void MakeFolders(string folder, ZooManifest manifest, bool hasWeights)
    {
        ZooFolder.Make(folder);
        foreach (string name in Files(manifest, hasWeights).Select(file => Path.GetDirectoryName(file.Path)!).Where(name => name.Length > 0).Distinct())
            ZooFolder.Make(Path.Combine(folder, name));
    }
}
