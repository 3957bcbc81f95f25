using System.IO.Compression;

namespace WeightSpace.Tasks.Images;

/// <summary>
/// Reads a file of images, plain or packed by gzip, from its beginning to its end. What is wrong is an <see cref="InvalidDataException"/> that begins with the file. Nothing is
/// allocated for what the file cannot hold.
/// </summary>
internal sealed class ImageFile : IDisposable
{
    public const string Packed = ".gz";

    // Deflate packs at most 258 bytes into 2 bits (RFC 1951).
    private const long MostPacking = 1032;

    private readonly FileStream _file;
    private readonly Stream _content;

    private ImageFile(string path, FileStream file)
    {
        Path = path;
        _file = file;
        IsPacked = path.EndsWith(Packed, StringComparison.Ordinal);
        _content = IsPacked ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    public string Path { get; }

    public bool IsPacked { get; }

    /// <summary>Bytes that the file has, if it is plain, or may hold at most, if it is packed.</summary>
    public long Length => IsPacked ? _file.Length * MostPacking : _file.Length;

    public static ImageFile Open(string path)
    {
        try
        {
            return new ImageFile(path, new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"{path}: the file is missing", error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new InvalidDataException($"{path}: this cannot be opened as a file; check what it is and its permissions", error);
        }
    }

    /// <summary>The next <paramref name="count"/> bytes, which hold <paramref name="what"/>.</summary>
    public byte[] Read(long count, string what)
    {
        if (count > Length)
            throw Error($"found {(IsPacked ? $"a file of {_file.Length} bytes, which cannot hold more than {Length}" : $"{_file.Length} bytes")}, expected {count} for {what}");
        byte[] bytes = new byte[count];
        try
        {
            int found = _content.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return found == count ? bytes : throw Error($"ends after {found} of {count} bytes of {what}");
        }
        catch (InvalidDataException error) when (!error.Message.StartsWith(Path, StringComparison.Ordinal))
        {
            throw Error($"this is not a sound gzip file: {error.Message}");
        }
    }

    /// <summary>Refuses bytes behind what was read.</summary>
    public void End()
    {
        try
        {
            if (_content.ReadByte() >= 0)
                throw Error("goes on behind its last image");
        }
        catch (InvalidDataException error) when (!error.Message.StartsWith(Path, StringComparison.Ordinal))
        {
            throw Error($"this is not a sound gzip file: {error.Message}");
        }
    }

    public InvalidDataException Error(string what) => new($"{Path}: {what}");

    public void Dispose()
    {
        _content.Dispose();
        _file.Dispose();
    }
}
