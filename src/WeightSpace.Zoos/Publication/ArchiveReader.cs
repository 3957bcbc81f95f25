using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Publication;

/// <summary>
/// Reads the archive of a zoo from its first byte to its last, each held against what it must be: headers and directory follow from the manifest and the
/// checksums. So there is nothing to search for in an archive and nothing to believe: no entry leads out of its folder, is a link, stands
/// twice or is packed, for only the expected one is taken.
/// </summary>
internal sealed class ArchiveReader : IDisposable
{
    /// <summary>Characters of the folder in an archive: the name of an experiment, and what <c>publish</c> puts behind it.</summary>
    public const int MaxNameLength = 100;

    private readonly string _path;
    private readonly FileStream _file;
    private readonly Action<long, long>? _progress;
    private readonly CancellationToken _stop;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private string _root = "";
    private long _at;

    public ArchiveReader(string path, Action<long, long>? progress, CancellationToken stop)
    {
        (_path, _progress, _stop) = (path, progress, stop);
        try
        {
            _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path}: there is no such file; the archive of a zoo, as `weightspace publish` makes it, was expected", error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new InputException($"{path}: this cannot be opened as a file; check what it is and its permissions", error);
        }
    }

    /// <summary>The first entry: <c>zoo.json</c>, in a folder that all entries must stand in.</summary>
    public (ZooManifest Manifest, byte[] Bytes, StoredEntry Entry) ReadManifest()
    {
        Header header = ReadHeader();
        if (header.Signature != StoredZip.FileSignature)
            throw Bad("it does not begin as a zip archive does");
        int slash = header.Name.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || header.Name[slash..] != "/" + ZooManifest.FileName || RecipeLimits.NameError(header.Name[..slash], MaxNameLength) is not null)
            throw Bad($"its first entry is '{header.Shown}', expected {ZooManifest.FileName} in a folder");
        _root = header.Name[..slash];
        if (header.Bytes > ZooManifest.MaxBytes)
            throw Bad($"'{header.Shown}' is said to have {header.Bytes} bytes, expected at most {ZooManifest.MaxBytes}");
        if (header.Bytes > _file.Length)
            throw Bad($"it has {_file.Length} bytes, and '{header.Shown}' alone is said to have {header.Bytes}: it was cut off");
        byte[] bytes = ReadExactly((int)header.Bytes, header.Shown);
        StoredEntry entry = ZooArchive.FirstEntry(_root, bytes);
        CheckHeader(header, entry);
        return (ZooManifest.Read(bytes, $"{_path} ({header.Shown})"), bytes, entry);
    }

    /// <summary>Whether the shards stand in it: its length tells, before anything is unpacked.</summary>
    public bool HasWeights(StoredEntry first, ZooManifest manifest)
    {
        long whole, recipes;
        try
        {
            (whole, recipes) = (ZooArchive.Bytes(first, manifest, withWeights: true), ZooArchive.Bytes(first, manifest, withWeights: false));
        }
        catch (OverflowException)
        {
            throw Bad($"its {ZooManifest.FileName} lists files of more than 2^63 bytes in all");
        }
        // What is too long is read on, to name what is too much.
        if (_file.Length < whole && _file.Length != recipes)
            throw Bad($"it has {_file.Length} bytes, expected {whole}{(recipes == whole ? "" : $", or {recipes} in the recipe form")}, as its {ZooManifest.FileName} says: it was cut off, or a file is missing from it");
        return _file.Length != recipes || recipes == whole;
    }

    /// <summary>The header of the next entry, which must be this file's.</summary>
    public StoredEntry ReadHeader(ZooFile file, IReadOnlyList<StoredEntry> before)
    {
        string name = $"{_root}/{file.Path}";
        Header header = ReadHeader();
        if (header.Signature != StoredZip.FileSignature)
            throw Bad($"found {(header.Signature == StoredZip.DirectorySignature ? "its directory" : "no entry")} at byte {header.At}, expected the entry '{name}': a file is missing from it");
        if (header.Name != name)
            throw Bad($"found the entry '{header.Shown}'{(before.Any(entry => entry.Name == header.Name) ? " a second time" : "")}, expected '{name}', the next that its {ZooManifest.FileName} lists");
        // Its CRC-32 alone does not follow from the manifest; the content decides on it.
        var entry = new StoredEntry(name, file.Bytes, header.Crc);
        CheckHeader(header, entry);
        return entry;
    }

    /// <summary>Passes the content of an entry on to <paramref name="to"/> and checks it.</summary>
    public void ReadContent(StoredEntry entry, ZooFile file, Stream to)
    {
        var crc = new Crc32();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long begin = _at;
        ZooArchive.Copy(_file, entry.Bytes, piece =>
        {
            to.Write(piece.Span);
            crc.Append(piece.Span);
            hash.AppendData(piece.Span);
            Passed(piece.Span);
        }, _stop);
        if (_at - begin != entry.Bytes)
            throw Ended(entry.Name);
        if (crc.Value != entry.Crc || Convert.ToHexStringLower(hash.GetCurrentHash()) != file.Sha256)
            throw Bad($"'{entry.Name}' does not have the digest that its {ZooManifest.FileName} lists: a byte of it was changed or damaged");
    }

    /// <summary>What stands behind the last entry, to the archive's end.</summary>
    public void ReadDirectory(IReadOnlyList<StoredEntry> entries)
    {
        long begin = _at;
        byte[] expected = StoredZip.Directory(entries), found = new byte[expected.Length];
        int count = _file.ReadAtLeast(found, found.Length, throwOnEndOfStream: false);
        Passed(found.AsSpan(0, count));
        if (count >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(found) == StoredZip.FileSignature)
        {
            // Of a name longer than what was read, its beginning.
            int length = count < StoredZip.FixedHeaderBytes ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(found.AsSpan(26));
            throw Bad($"found the entry '{Shown(found.AsSpan(Math.Min(StoredZip.FixedHeaderBytes, count), Math.Clamp(length, 0, Math.Max(0, count - StoredZip.FixedHeaderBytes))))}', which its {ZooManifest.FileName} does not list");
        }
        int same = found.AsSpan(0, count).CommonPrefixLength(expected);
        if (same < count)
            throw Bad($"its directory differs at byte {begin + same} from what its entries say: one has another name, size or kind there (a link, for one), or a byte was damaged");
        if (count < expected.Length)
            throw Ended("its directory");
        if (_file.ReadByte() >= 0)
            throw Bad($"it goes on behind its directory, at byte {_at}; expected its end");
    }

    /// <summary>Length and SHA-256 of the archive, when all of it is read.</summary>
    public WrittenFile Measured() => new(_at, Convert.ToHexStringLower(_hash.GetCurrentHash()));

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }

    private sealed record Header(long At, uint Signature, byte[] All, string Name, string Shown, ushort Method, uint Crc, long Bytes);

    private Header ReadHeader()
    {
        long at = _at;
        byte[] head = ReadExactly(StoredZip.FixedHeaderBytes, "the header of an entry");
        uint signature = BinaryPrimitives.ReadUInt32LittleEndian(head);
        if (signature != StoredZip.FileSignature)
            return new Header(at, signature, head, "", "", 0, 0, 0);
        byte[] name = ReadExactly(BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(26)), "the name of an entry");
        byte[] extra = ReadExactly(BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(28)), "the header of an entry");
        return new Header(at, signature, [.. head, .. name, .. extra], Encoding.Latin1.GetString(name), Shown(name),
            BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(8)), BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(14)), BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(22)));
    }

    private void CheckHeader(Header header, StoredEntry expected)
    {
        byte[] bytes = StoredZip.Header(expected);
        if (header.All.AsSpan().SequenceEqual(bytes))
            return;
        if (header.Method != 0)
            throw Bad($"'{header.Shown}' is compressed (method {header.Method}), expected a stored file");
        if (header.Bytes != Math.Min(expected.Bytes, uint.MaxValue))
            throw Bad($"'{header.Shown}' is said to have {header.Bytes} bytes, expected {expected.Bytes}");
        throw Bad($"the header of '{header.Shown}' differs at byte {header.At + header.All.AsSpan().CommonPrefixLength(bytes)} from what was expected: it was changed or damaged");
    }

    private byte[] ReadExactly(int count, string what)
    {
        byte[] bytes = new byte[count];
        if (_file.ReadAtLeast(bytes, count, throwOnEndOfStream: false) < count)
            throw Ended(what);
        Passed(bytes);
        return bytes;
    }

    private void Passed(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        _at += bytes.Length;
        _progress?.Invoke(_at, _file.Length);
    }

    /// <summary>A name from outside for a message: what could command a terminal is left out, and so is what is too long.</summary>
    private static string Shown(ReadOnlySpan<byte> name)
    {
        var text = new StringBuilder();
        foreach (byte letter in name[..Math.Min(name.Length, 100)])
            text.Append(letter is >= 0x20 and < 0x7F ? (char)letter : '?');
        return name.Length <= 100 ? text.ToString() : text.Append("...").ToString();
    }

    private InputException Ended(string within) => Bad($"it ends at byte {_file.Length}, within {within}: it was cut off");

    private InputException Bad(string what) => new($"{_path}: this is not a whole archive as `weightspace publish` makes it: {what}. Get it again; "
        + "an archive that was packed by something else can be unpacked by that, and `weightspace verify` checks what comes out");
}
