using Microsoft.Win32.SafeHandles;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>The bytes of an open file, read at any place by several threads. A file that ends early is an <see cref="InputException"/> naming it.</summary>
internal sealed class FileBytes : IDisposable
{
    private readonly SafeFileHandle _file;

    private FileBytes(string path, SafeFileHandle file)
    {
        (Path, _file) = (path, file);
        Length = RandomAccess.GetLength(file);
    }

    public string Path { get; }

    /// <summary>When it was opened.</summary>
    public long Length { get; }

    /// <summary>Opens a file. Throws <see cref="InputException"/> where there is none or it cannot be opened as a file.</summary>
    public static FileBytes Open(string path)
    {
        try
        {
            // A pipe and a device have no length, and opening a pipe would wait for its writer.
            if ((File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path)) is FileInfo { Exists: true, Length: 0 })
                throw new InputException($"{path}: this is an empty file, or a pipe or device; a file with content was expected");
            return new FileBytes(path, File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.RandomAccess));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path}: there is no such file", error);
        }
        catch (Exception error) when (error is UnauthorizedAccessException or NotSupportedException)
        {
            throw new InputException($"{path}: this cannot be opened as a file; check what it is and its permissions", error);
        }
    }

    /// <summary>Reads exactly so many bytes from <paramref name="offset"/> on.</summary>
    public void Read(long offset, Span<byte> bytes)
    {
        if (offset < 0 || bytes.Length > Length - offset)
            throw Bad($"it has {Length} bytes, and bytes {offset} to {(Int128)offset + bytes.Length} were to be read: it was cut off, or its tables lie");
        while (!bytes.IsEmpty)
        {
            int count = RandomAccess.Read(_file, bytes, offset);
            if (count == 0)
                throw Bad("it ended early; it became shorter after it was opened");
            bytes = bytes[count..];
            offset += count;
        }
    }

    /// <summary>An error in this file.</summary>
    public InputException Bad(string what, Exception? inner = null) => new($"{Path}: {what}", inner);

    public void Dispose() => _file.Dispose();
}

/// <summary>Reads a part of a file from its beginning to its end, some bytes ahead. A part that ends early is an error that says where.</summary>
internal sealed class ByteReader
{
    private readonly FileBytes _file;
    private readonly long _end;
    private readonly byte[] _buffer = new byte[1 << 14];
    private long _next;
    private int _at, _count;

    public ByteReader(FileBytes file, long begin, long end)
    {
        if (begin < 0 || end < begin || end > file.Length)
            throw file.Bad($"bytes {begin} to {end} were to be read, of {file.Length}: it was cut off, or its tables lie");
        (_file, _next, _end) = (file, begin, end);
    }

    /// <summary>Place in the file of the next byte.</summary>
    public long Position => _next - (_count - _at);

    /// <summary>Bytes to the end of the part.</summary>
    public long Left => _end - Position;

    public byte Byte()
    {
        if (_at == _count)
            Fill();
        return _buffer[_at++];
    }

    public void Read(Span<byte> bytes)
    {
        if (bytes.Length > Left)
            throw Ended(bytes.Length);
        while (!bytes.IsEmpty)
        {
            if (_at == _count)
                Fill();
            int count = Math.Min(bytes.Length, _count - _at);
            _buffer.AsSpan(_at, count).CopyTo(bytes);
            bytes = bytes[count..];
            _at += count;
        }
    }

    /// <summary>Passes over so many bytes without reading them.</summary>
    public void Skip(long bytes)
    {
        if (bytes < 0 || bytes > Left)
            throw Ended(bytes);
        long to = Position + bytes;
        if (to <= _next)
        {
            _at = _count - (int)(_next - to);
            return;
        }
        (_next, _at, _count) = (to, 0, 0);
    }

    private void Fill()
    {
        int count = (int)Math.Min(_buffer.Length, _end - _next);
        if (count == 0)
            throw Ended(1);
        _file.Read(_next, _buffer.AsSpan(0, count));
        _next += count;
        (_at, _count) = (0, count);
    }

    private InputException Ended(long wanted) => _file.Bad($"found its end at byte {_end}, where {wanted} bytes more were expected behind byte {Position}: it was cut off, or its tables lie");
}
