using System.IO.Compression;
using System.Text;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Tests.Zoos.Publication;

/// <summary>What we write as zip, System.IO.Compression reads.</summary>
public sealed class StoredZipTests
{
    [Fact]
    public void TheCrcIsThatOfZip()
    {
        // The check value of CRC-32/ISO-HDLC.
        Assert.Equal(0xCBF43926, Crc("123456789"u8));
        Assert.Equal(0u, Crc([]));
        var draw = new RandomStream(1, RandomPurpose.Testing, 7);
        for (int length = 0; length < 70; length++)
        {
            byte[] bytes = [.. Enumerable.Range(0, length).Select(_ => (byte)draw.NextBelow(256))];
            uint plain = uint.MaxValue;
            foreach (byte value in bytes)
            {
                plain ^= value;
                for (int bit = 0; bit < 8; bit++)
                    plain = (plain >> 1) ^ ((plain & 1) * 0xEDB88320);
            }
            Assert.Equal(~plain, Crc(bytes));
            int middle = length == 0 ? 0 : draw.NextBelow(length);
            var parts = new Crc32();
            parts.Append(bytes.AsSpan(..middle));
            parts.Append(bytes.AsSpan(middle..));
            Assert.Equal(~plain, parts.Value);
        }
    }

    [Fact]
    public void AnArchiveIsReadByOthers()
    {
        (string Name, byte[] Content)[] files = [("a/empty", []), ("a/b/text.csv", "x,y\n1,2\n"u8.ToArray()), ("a/zeros", new byte[70_000])];
        StoredEntry[] entries = [.. files.Select(file => new StoredEntry(file.Name, file.Content.Length, Crc(file.Content)))];
        byte[] archive = [.. files.Zip(entries).SelectMany(pair => (byte[])[.. StoredZip.Header(pair.Second), .. pair.First.Content]), .. StoredZip.Directory(entries)];
        Assert.Equal(archive.Length, StoredZip.ArchiveBytes(entries));
        using var zip = new ZipArchive(new MemoryStream(archive));
        Assert.Equal(files.Select(file => file.Name), zip.Entries.Select(entry => entry.FullName));
        foreach ((ZipArchiveEntry entry, (_, byte[] content)) in zip.Entries.Zip(files))
        {
            using var read = new MemoryStream();
            using (Stream stream = entry.Open())
                stream.CopyTo(read);
            Assert.Equal(content, read.ToArray());
            Assert.Equal((Crc(content), new DateTime(1980, 1, 1), 0x81A4), (entry.Crc32, entry.LastWriteTime.DateTime, entry.ExternalAttributes >>> 16));
        }
    }

    [Fact]
    public void MoreEntriesThanTheOldFormCountsAreAllThere()
    {
        StoredEntry[] entries = [.. Enumerable.Range(0, 70_000).Select(index => new StoredEntry($"{index}", 0, 0))];
        byte[] archive = [.. entries.SelectMany(StoredZip.Header), .. StoredZip.Directory(entries)];
        using var zip = new ZipArchive(new MemoryStream(archive));
        Assert.Equal(entries.Select(entry => entry.Name), zip.Entries.Select(entry => entry.FullName));
    }

    /// <summary>A file of holes: a large entry, and a small one that begins behind 4 GiB.</summary>
    [Fact]
    public void FilesAndPlacesBeyondFourGibibytesAreFound()
    {
        using var folder = new Folder();
        byte[] last = "behind it all"u8.ToArray();
        StoredEntry[] entries = [new("large", 5L << 30, 0), new("exactly", uint.MaxValue, 0), new("last", last.Length, Crc(last))];
        using (FileStream file = File.Create(folder["large.zip"]))
        {
            foreach (StoredEntry entry in entries)
            {
                file.Write(StoredZip.Header(entry));
                if (entry.Name == "last")
                    file.Write(last);
                else
                    file.Seek(entry.Bytes, SeekOrigin.Current);
            }
            file.Write(StoredZip.Directory(entries));
            Assert.Equal(file.Length, StoredZip.ArchiveBytes(entries));
        }
        using ZipArchive zip = ZipFile.OpenRead(folder["large.zip"]);
        Assert.Equal(entries.Select(entry => (entry.Name, entry.Bytes, entry.Bytes)), zip.Entries.Select(entry => (entry.FullName, entry.Length, entry.CompressedLength)));
        using var reader = new StreamReader(zip.Entries[2].Open(), Encoding.ASCII);
        Assert.Equal("behind it all", reader.ReadToEnd());
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = new Crc32();
        crc.Append(bytes);
        return crc.Value;
    }
}
