using System.Buffers.Binary;
using System.Text;

namespace WeightSpace.Zoos.Formats;

/// <summary>A file in a <see cref="StoredZip"/>: its name in ASCII, its length in bytes, its CRC-32.</summary>
public readonly record struct StoredEntry(string Name, long Bytes, uint Crc);

/// <summary>
/// The one form that our zip archives have (PKWARE's APPNOTE 6.3.10): files stored without compression, each behind its header, then the directory. No time, no
/// host, nothing left to choose, so that names, lengths and checksums give every byte, and a reader can hold an archive against what it must be. Zip64
/// is used exactly where a number needs it (4 GiB; 65,535 entries). System.IO.Compression writes the platform into each entry and leaves to zlib how a file is packed.
/// </summary>
public static class StoredZip
{
    public const uint FileSignature = 0x04034B50, DirectorySignature = 0x02014B50;

    /// <summary>The part of a file's header that stands before its name.</summary>
    public const int FixedHeaderBytes = 30;

    private const int FixedDirectoryBytes = 46;
    private const ushort Version = 20, Zip64Version = 45, Zip64Extra = 1;

    /// <summary>1980-01-01, the first day that a zip can hold.</summary>
    private const ushort Date = 0x21;

    /// <summary>The upper byte of the version: attributes are those of Unix.</summary>
    private const ushort MadeOnUnix = 3 << 8;

    /// <summary>A plain file that all may read: 0100644.</summary>
    private const uint Attributes = 0x81A4u << 16;

    /// <summary>What stands before a file's bytes.</summary>
    public static byte[] Header(StoredEntry entry)
    {
        bool isLarge = entry.Bytes >= uint.MaxValue;
        var writer = new Bytes(FixedHeaderBytes + entry.Name.Length + (isLarge ? 20 : 0));
        writer.Add(FileSignature);
        WriteCommon(writer, entry, isLarge ? Zip64Version : Version, isLarge, isLarge ? 20 : 0);
        writer.Add(entry.Name);
        if (isLarge)
        {
            writer.Add(Zip64Extra);
            writer.Add((ushort)16);
            writer.Add(entry.Bytes);
            writer.Add(entry.Bytes);
        }
        return writer.Done();
    }

    /// <summary>What stands behind the last file.</summary>
    public static byte[] Directory(IReadOnlyList<StoredEntry> entries)
    {
        using var stream = new MemoryStream();
        long offset = 0;
        foreach (StoredEntry entry in entries)
        {
            stream.Write(DirectoryEntry(entry, offset));
            offset += HeaderBytes(entry.Name, entry.Bytes) + entry.Bytes;
        }
        stream.Write(End(entries.Count, stream.Length, offset));
        return stream.ToArray();
    }

    /// <summary>Bytes of a file's header.</summary>
    public static int HeaderBytes(string name, long bytes) => FixedHeaderBytes + name.Length + (bytes >= uint.MaxValue ? 20 : 0);

    /// <summary>Bytes of an archive of files with these names and lengths. Throws <see cref="OverflowException"/> above 2^63 - 1.</summary>
    public static long ArchiveBytes(IReadOnlyList<StoredEntry> entries) =>
        checked(entries.Sum(entry => checked(HeaderBytes(entry.Name, entry.Bytes) + entry.Bytes)) + Directory(entries).Length);

    private static byte[] DirectoryEntry(StoredEntry entry, long offset)
    {
        bool isLarge = entry.Bytes >= uint.MaxValue, isFar = offset >= uint.MaxValue;
        int extra = (isLarge ? 16 : 0) + (isFar ? 8 : 0);
        int extraBytes = extra == 0 ? 0 : 4 + extra;
        ushort version = extra == 0 ? Version : Zip64Version;
        var writer = new Bytes(FixedDirectoryBytes + entry.Name.Length + extraBytes);
        writer.Add(DirectorySignature);
        writer.Add((ushort)(MadeOnUnix | version));
        WriteCommon(writer, entry, version, isLarge, extraBytes);
        writer.Add((ushort)0); // comment
        writer.Add((ushort)0); // disk
        writer.Add((ushort)0); // internal attributes
        writer.Add(Attributes);
        writer.Add(isFar ? uint.MaxValue : (uint)offset);
        writer.Add(entry.Name);
        if (extra > 0)
        {
            writer.Add(Zip64Extra);
            writer.Add((ushort)extra);
            if (isLarge)
            {
                writer.Add(entry.Bytes);
                writer.Add(entry.Bytes);
            }
            if (isFar)
                writer.Add(offset);
        }
        return writer.Done();
    }

    /// <summary>What a file's header and its entry in the directory have alike, but for the name.</summary>
    private static void WriteCommon(Bytes writer, StoredEntry entry, ushort version, bool isLarge, int extraBytes)
    {
        writer.Add(version);
        writer.Add((ushort)0); // flags
        writer.Add((ushort)0); // stored
        writer.Add((ushort)0); // time
        writer.Add(Date);
        writer.Add(entry.Crc);
        writer.Add(isLarge ? uint.MaxValue : (uint)entry.Bytes);
        writer.Add(isLarge ? uint.MaxValue : (uint)entry.Bytes);
        writer.Add((ushort)entry.Name.Length);
        writer.Add((ushort)extraBytes);
    }

    private static byte[] End(int entries, long directoryBytes, long directoryOffset)
    {
        bool isLarge = entries >= ushort.MaxValue || directoryBytes >= uint.MaxValue || directoryOffset >= uint.MaxValue;
        var writer = new Bytes(22 + (isLarge ? 56 + 20 : 0));
        if (isLarge)
        {
            writer.Add(0x06064B50u);
            writer.Add(44L);
            writer.Add((ushort)(MadeOnUnix | Zip64Version));
            writer.Add(Zip64Version);
            writer.Add(0u); // this disk
            writer.Add(0u); // the directory's disk
            writer.Add((long)entries);
            writer.Add((long)entries);
            writer.Add(directoryBytes);
            writer.Add(directoryOffset);
            writer.Add(0x07064B50u);
            writer.Add(0u);
            writer.Add(directoryOffset + directoryBytes);
            writer.Add(1u); // disks
        }
        writer.Add(0x06054B50u);
        writer.Add((ushort)0);
        writer.Add((ushort)0);
        writer.Add(isLarge ? ushort.MaxValue : (ushort)entries);
        writer.Add(isLarge ? ushort.MaxValue : (ushort)entries);
        writer.Add(isLarge ? uint.MaxValue : (uint)directoryBytes);
        writer.Add(isLarge ? uint.MaxValue : (uint)directoryOffset);
        writer.Add((ushort)0); // comment
        return writer.Done();
    }

    /// <summary>Numbers in little-endian order, one behind the other.</summary>
    private sealed class Bytes(int count)
    {
        private readonly byte[] _bytes = new byte[count];
        private int _at;

        public void Add(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Next(2), value);

        public void Add(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Next(4), value);

        public void Add(long value) => BinaryPrimitives.WriteInt64LittleEndian(Next(8), value);

        public void Add(string name) => Encoding.ASCII.GetBytes(name, Next(name.Length));

        public byte[] Done() => _at == _bytes.Length ? _bytes : throw new InvalidOperationException($"{_at} bytes were written, {_bytes.Length} were expected");

        private Span<byte> Next(int length) => _bytes.AsSpan((_at += length) - length, length);
    }
}
