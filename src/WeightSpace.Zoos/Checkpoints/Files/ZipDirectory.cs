using System.Buffers.Binary;
using System.Text;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>A file in a zip archive: where its bytes stand, packed or not.</summary>
/// <param name="Bytes">Unpacked, as the directory says; a reader must not believe it.</param>
internal sealed record ZipItem(string Name, bool IsDeflated, long Begin, long PackedBytes, long Bytes)
{
    /// <summary>The place in the file behind its last byte.</summary>
    public long End => Begin + PackedBytes;
}

/// <summary>
/// The directory of a zip archive (PKWARE's APPNOTE 6.3.10, zip64 too), read strictly: every file lies within the archive, none overlaps another, none stands twice, none is encrypted.
/// </summary>
internal static class ZipDirectory
{
    private const uint EndSignature = 0x06054B50, Zip64EndSignature = 0x06064B50, Zip64LocatorSignature = 0x07064B50, EntrySignature = 0x02014B50, FileSignature = 0x04034B50;
    private const int EndBytes = 22, MaxComment = ushort.MaxValue, FixedEntryBytes = 46, FixedHeaderBytes = 30;
    private const long MaxDirectoryBytes = 1L << 26;
    private const int MaxEntries = 250_000;
    private const ushort Zip64Extra = 1;

    /// <summary>Most bytes that a packed byte can become: DEFLATE repeats at most 258 bytes with 2 bits.</summary>
    public const int MaxRatio = 1032;

    /// <summary>Whether the file begins as an archive does.</summary>
    public static bool IsZip(FileBytes file)
    {
        Span<byte> first = stackalloc byte[4];
        if (file.Length < EndBytes)
            return false;
        file.Read(0, first);
        return BinaryPrimitives.ReadUInt32LittleEndian(first) is FileSignature or EndSignature;
    }

    /// <summary>All files of the archive in the order of its directory.</summary>
    public static IReadOnlyList<ZipItem> Read(FileBytes file)
    {
        (long count, long bytes, long offset) = ReadEnd(file);
        if (count > MaxEntries || bytes > MaxDirectoryBytes || bytes < count * FixedEntryBytes || offset < 0 || bytes < 0 || count < 0 || offset > file.Length - bytes)
            throw Bad(file, $"its directory is said to have {count} files in {bytes} bytes from byte {offset} on, of {file.Length}; expected at most {MaxEntries} files and {MaxDirectoryBytes} bytes within the file");
        var reader = new ByteReader(file, offset, offset + bytes);
        var items = new List<ZipItem>((int)count);
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (long i = 0; i < count; i++)
        {
            ZipItem item = ReadEntry(file, reader, offset);
            if (!names.Add(item.Name))
                throw Bad(file, $"'{Shown.Of(item.Name)}' stands twice in it");
            items.Add(item);
        }
        long end = 0;
        foreach (ZipItem item in items.Where(item => item.PackedBytes > 0).OrderBy(item => item.Begin))
        {
            if (item.Begin < end)
                throw Bad(file, $"'{Shown.Of(item.Name)}' overlaps the file before it");
            end = item.End;
        }
        return items;
    }

    private static (long Count, long Bytes, long Offset) ReadEnd(FileBytes file)
    {
        byte[] tail = new byte[(int)Math.Min(file.Length, EndBytes + MaxComment)];
        file.Read(file.Length - tail.Length, tail);
        int at = tail.Length - EndBytes;
        while (at >= 0 && !(U32(tail, at) == EndSignature && at + EndBytes + U16(tail, at + 20) == tail.Length))
            at--;
        if (at < 0)
            throw Bad(file, "its directory is missing: it was cut off");
        (long count, long bytes, long offset) = (U16(tail, at + 10), U32(tail, at + 12), U32(tail, at + 16));
        if (count != ushort.MaxValue && bytes != uint.MaxValue && offset != uint.MaxValue)
            return (count, bytes, offset);
        // The numbers that do not fit stand in the zip64 end, which a locator before this one tells the place of.
        if (at < 20 || U32(tail, at - 20) != Zip64LocatorSignature)
            return (count, bytes, offset);
        long place = I64(tail, at - 12);
        byte[] end = new byte[56];
        if (place < 0 || place > file.Length - end.Length)
            throw Bad(file, "its zip64 directory lies outside of the file");
        file.Read(place, end);
        return U32(end, 0) == Zip64EndSignature ? (I64(end, 32), I64(end, 40), I64(end, 48)) : throw Bad(file, "its zip64 directory is missing");
    }

    private static ZipItem ReadEntry(FileBytes file, ByteReader reader, long directory)
    {
        byte[] head = new byte[FixedEntryBytes];
        reader.Read(head);
        if (U32(head, 0) != EntrySignature)
            throw Bad(file, $"its directory is damaged before byte {reader.Position}");
        byte[] nameBytes = new byte[U16(head, 28)], extra = new byte[U16(head, 30)];
        reader.Read(nameBytes);
        reader.Read(extra);
        reader.Skip(U16(head, 32));
        string name = Encoding.UTF8.GetString(nameBytes);
        (long packed, long bytes, long offset) = (U32(head, 20), U32(head, 24), U32(head, 42));
        ReadZip64(file, name, extra, ref bytes, ref packed, ref offset);
        int method = U16(head, 10);
        if ((U16(head, 8) & 1) != 0)
            throw Bad(file, $"'{Shown.Of(name)}' is encrypted");
        if (method is not (0 or 8))
            throw Bad(file, $"'{Shown.Of(name)}' is packed by method {method}, expected none (0) or DEFLATE (8)");
        if (packed < 0 || bytes < 0 || offset < 0 || offset > directory - FixedHeaderBytes)
            throw Bad(file, $"'{Shown.Of(name)}' is said to stand at byte {offset}, expected a place before the directory at {directory}");
        if (method == 0 ? packed != bytes : bytes / MaxRatio > packed)
            throw Bad(file, $"'{Shown.Of(name)}' is said to have {bytes} bytes in {packed}, which cannot be");
        byte[] header = new byte[FixedHeaderBytes];
        file.Read(offset, header);
        if (U32(header, 0) != FileSignature || U16(header, 8) != method)
            throw Bad(file, $"there is no file at byte {offset}, where '{Shown.Of(name)}' is said to be");
        long begin = offset + FixedHeaderBytes + U16(header, 26) + U16(header, 28);
        if (begin > directory || packed > directory - begin)
            throw Bad(file, $"'{Shown.Of(name)}' is said to have {packed} bytes from byte {begin} on, beyond the directory at {directory}");
        return new ZipItem(name, method == 8, begin, packed, bytes);
    }

    /// <summary>Takes over the numbers that do not fit into 32 bits: those that are all ones stand in an extra field, in this order.</summary>
    private static void ReadZip64(FileBytes file, string name, byte[] extra, ref long bytes, ref long packed, ref long offset)
    {
        if (bytes != uint.MaxValue && packed != uint.MaxValue && offset != uint.MaxValue)
            return;
        for (int at = 0; at + 4 <= extra.Length; at += 4 + U16(extra, at + 2))
        {
            if (U16(extra, at) != Zip64Extra)
                continue;
            int next = at + 4, end = Math.Min(extra.Length, next + U16(extra, at + 2));
            long Next(long number)
            {
                if (number != uint.MaxValue)
                    return number;
                next += 8;
                return next <= end ? I64(extra, next - 8) : throw Bad(file, $"the zip64 lengths of '{Shown.Of(name)}' are missing");
            }
            (bytes, packed, offset) = (Next(bytes), Next(packed), Next(offset));
            return;
        }
    }

    private static int U16(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    private static uint U32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private static long I64(byte[] bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at));

    private static InputException Bad(FileBytes file, string what) => file.Bad($"this is not a sound zip archive: {what}");
}
