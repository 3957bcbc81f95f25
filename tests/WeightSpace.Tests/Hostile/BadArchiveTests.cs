using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Zoos;
using WeightSpace.Tests.Zoos.Publication;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Tests.Hostile;

/// <summary>An archive is what its <c>zoo.json</c> says to the last byte, or it is refused, and nothing of it stays.</summary>
public sealed class BadArchiveTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly (string Name, byte[] Content)[] _files;
    private readonly byte[] _whole;

    public BadArchiveTests()
    {
        SmallZoo.Write(_folder["zoo"]);
        ZooArchive.Write(_folder["small.zip"], _folder["zoo"], withWeights: true, null, CancellationToken.None);
        _whole = File.ReadAllBytes(_folder["small.zip"]);
        File.Delete(_folder["small.zip"]);
        using var zip = new ZipArchive(new MemoryStream(_whole));
        _files = [.. zip.Entries.Select(entry => (entry.FullName, File.ReadAllBytes(_folder[$"zoo/{entry.FullName["small/".Length..]}"])))];
        // What the attacks below change is, unchanged, the archive itself.
        Assert.Equal(_whole, Pack(_files));
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Every byte of headers and directory, and of the files' contents every fifth.</summary>
    [Fact]
    public void AFlippedByteAnywhereIsFound()
    {
        var draw = new RandomStream(1, RandomPurpose.Testing, 8);
        var structure = new HashSet<int>(Enumerable.Range(0, _whole.Length));
        int at = 0;
        foreach ((string name, byte[] content) in _files)
        {
            at += StoredZip.HeaderBytes(name, content.Length);
            structure.ExceptWith(Enumerable.Range(at, content.Length).Where(place => place % 5 != 0));
            at += content.Length;
        }
        Assert.InRange(structure.Count, 1000, _whole.Length / 2);
        byte[] bytes = [.. _whole];
        foreach (int place in structure)
        {
            bytes[place] ^= (byte)(1 + draw.NextBelow(255));
            Refuse(bytes, "", place, unpacks: place % 500 == 0);
            bytes[place] = _whole[place];
        }
        File.WriteAllBytes(_folder["small.zip"], bytes);
        Assert.True(ZooUnpacking.Unpack(_folder["small.zip"], _folder["out"], null, CancellationToken.None));
    }

    [Fact]
    public void AnArchiveThatWasCutOffIsSaidToBe()
    {
        for (int length = 0; length < _whole.Length; length += length < 100 || length > _whole.Length - 100 ? 1 : 97)
            Refuse(_whole[..length], "cut off", unpacks: length % 10 == 0);
        Refuse([.. _whole, 0], "goes on behind its directory");
    }

    [Fact]
    public void AFileThatIsMissingIsNamed()
    {
        for (int missing = 1; missing < _files.Length; missing++)
            Refuse(Pack([.. _files.Where((_, index) => index != missing)]), "a file is missing");
        // The length made up for, so that only reading tells which.
        (string Name, byte[] Content)[] files = [.. _files];
        files[^1].Name = "small/weights/00001.safetensors";
        Refuse(Pack(files), $"found the entry '{files[^1].Name}', expected '{_files[^1].Name}'");
        Refuse(Pack([_files[0], .. _files[1..^1], .. _files[1..]]), "a second time");
        Refuse(Pack(_files[1..]), "its first entry is 'small/README.md', expected zoo.json in a folder");
    }

    [Theory]
    [InlineData("small/../../../../etc/cron.d/evil")]
    [InlineData("../evil")]
    [InlineData("/etc/passwd")]
    [InlineData("C:\\evil")]
    [InlineData("small/evil.txt")]
    [InlineData("small/weights/")]
    [InlineData("small/zoo.json")]
    [InlineData("small/weights/00000.safetensors")]
    [InlineData("evil\u001b[31m")]
    public void AnEntryThatIsNotListedIsRefusedWhereverItStands(string name)
    {
        (string, byte[]) evil = (name, "evil"u8.ToArray());
        string shown = name.Replace("\u001b", "?", StringComparison.Ordinal);
        for (int at = 1; at <= _files.Length; at++)
            Refuse(Pack([.. _files[..at], evil, .. _files[at..]]), at < _files.Length && name == _files[at].Name ? $"'{shown}' is said to have 4 bytes" : $"found the entry '{shown}'", unpacks: at % 4 == 0);
        // In the place of one that is listed, of the same length.
        (string Name, byte[] Content)[] files = [.. _files];
        files[2].Name = name;
        Refuse(Pack(files), files[2].Name == _files[2].Name ? "" : name.Length < _files[2].Name.Length ? "cut off, or a file is missing" : $"found the entry '{shown}'");
    }

    /// <summary>What a link is, the directory alone says; the tool that believes it would write through it.</summary>
    [Fact]
    public void ALinkIsRefused()
    {
        for (int entry = 0; entry < _files.Length; entry++)
        {
            byte[] bytes = [.. _whole];
            int place = DirectoryEntry(bytes, entry) + 38;
            Assert.Equal(0x81A40000, BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(place)));
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(place), 0xA1FF0000);
            Refuse(bytes, "(a link, for one)", unpacks: entry == 1);
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    [InlineData(0x7FFFFFFFu)]
    [InlineData(0xFFFFFFFFu)]
    public void ASizeThatLiesIsRefusedBeforeAnythingIsTaken(uint size)
    {
        int at = 0;
        for (int entry = 0; entry < _files.Length; entry++)
        {
            foreach (int field in (int[])[18, 22])
            {
                byte[] bytes = [.. _whole];
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + field), size);
                Refuse(bytes, "", unpacks: false);
                bytes = [.. _whole];
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(DirectoryEntry(bytes, entry) + field + 2), size);
                Refuse(bytes, "its directory differs", unpacks: false);
            }
            at += StoredZip.HeaderBytes(_files[entry].Name, _files[entry].Content.Length) + _files[entry].Content.Length;
        }
    }

    [Fact]
    public void AManifestThatListsMoreThanThereIsIsRefused()
    {
        foreach (string bytes in (string[])["9223372036854775807", "99999999999", "1"])
        {
            string text = Encoding.UTF8.GetString(_files[0].Content);
            int at = text.LastIndexOf("\"bytes\": ", StringComparison.Ordinal) + 9;
            (string Name, byte[] Content)[] files = [.. _files];
            files[0].Content = Manifests.Sign(text[..at] + bytes + text[text.IndexOf(',', at)..]);
            Refuse(Pack(files), bytes.Length == 1 ? "is said to have" : bytes.Length > 12 ? "more than 2^63 bytes" : "cut off");
        }
    }

    [Fact]
    public void WhatWasPackedBySomethingElseIsRefusedWithAWayOut()
    {
        Directory.CreateDirectory(_folder["packed"]);
        ZipFile.CreateFromDirectory(_folder["zoo"], _folder["packed/any.zip"], CompressionLevel.Optimal, includeBaseDirectory: true);
        Refuse(File.ReadAllBytes(_folder["packed/any.zip"]), "`weightspace verify` checks what comes out");
        // In the right order, but compressed; and stored, but with another writer's headers.
        foreach ((CompressionLevel level, string word) in new[] { (CompressionLevel.Optimal, "is compressed (method 8)"), (CompressionLevel.NoCompression, "") })
        {
            using var stream = new MemoryStream();
            using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            {
                foreach ((string name, byte[] content) in _files)
                {
                    using Stream entry = zip.CreateEntry(name, level).Open();
                    entry.Write(content);
                }
            }
            Refuse(stream.ToArray(), word.Length == 0 ? "the header of 'small/zoo.json' differs at byte" : "");
        }
        // Compressed behind a manifest that is not.
        byte[] bytes = [.. _whole];
        int second = StoredZip.HeaderBytes(_files[0].Name, _files[0].Content.Length) + _files[0].Content.Length;
        bytes[second + 8] = 8;
        Refuse(bytes, "'small/README.md' is compressed (method 8), expected a stored file");
    }

    [Fact]
    public void ANewerFormatIsRefused()
    {
        string text = Encoding.UTF8.GetString(_files[0].Content);
        (string Name, byte[] Content)[] files = [.. _files];
        files[0].Content = Manifests.Sign(text.Replace($"\"format_version\": {ZooManifest.SecondVersion}", $"\"format_version\": {ZooManifest.FormatVersion + 1}", StringComparison.Ordinal));
        Refuse(Pack(files), "use a newer weightspace");
    }

    /// <summary>All digests are right, but the tables are of another experiment: the zoo does not open.</summary>
    [Fact]
    public void AnArchiveOfWhatIsNoZooIsRefused()
    {
        string text = Encoding.UTF8.GetString(_files[0].Content);
        (string Name, byte[] Content)[] files = [.. _files];
        files[0].Content = Manifests.Sign(text.Replace("init: 1..3", "init: 2..4", StringComparison.Ordinal));
        Refuse(Pack(files), "as the experiment has it");
    }

    [Theory]
    [InlineData("nothing.zip", "there is no such file")]
    [InlineData("zoo", "cannot be opened as a file")]
    [InlineData("/dev/null", "cut off")]
    public void WhatIsNoArchiveIsSaidToBeNone(string name, string word)
    {
        string path = name[0] == '/' ? name : _folder[name];
        var error = Assert.Throws<InputException>(() => ZooUnpacking.Unpack(path, _folder["out"], null, CancellationToken.None));
        Assert.Contains(word, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Refused as a whole, with the archive named, and nothing left behind. Without <paramref name="unpacks"/> it is read alone, which says the same, and sooner.</summary>
    private void Refuse(byte[] archive, string word, int? place = null, bool unpacks = true)
    {
        File.WriteAllBytes(_folder["small.zip"], archive);
        var error = Assert.ThrowsAny<Exception>(() =>
        {
            if (unpacks)
                ZooUnpacking.Unpack(_folder["small.zip"], _folder["out"], null, CancellationToken.None);
            else
                ZooArchive.Read(_folder["small.zip"], null, null, CancellationToken.None);
        });
        Assert.True(error is InputException, $"byte {place}: {error}");
        Assert.Contains(word, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(_folder.Path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', error.Message);
        Assert.False(Directory.Exists(_folder["out"]) || Directory.Exists(_folder["out.unpacking"]));
    }

    private static byte[] Pack((string Name, byte[] Content)[] files)
    {
        StoredEntry[] entries = [.. files.Select(file =>
        {
            var crc = new Crc32();
            crc.Append(file.Content);
            return new StoredEntry(file.Name, file.Content.Length, crc.Value);
        })];
        return [.. files.Zip(entries).SelectMany(pair => (byte[])[.. StoredZip.Header(pair.Second), .. pair.First.Content]), .. StoredZip.Directory(entries)];
    }

    /// <summary>Where an entry of the directory begins.</summary>
    private int DirectoryEntry(byte[] archive, int entry)
    {
        int at = BinaryPrimitives.ReadInt32LittleEndian(archive.AsSpan(archive.Length - 6));
        for (int i = 0; i < entry; i++)
            at += 46 + _files[i].Name.Length;
        return at;
    }
}
