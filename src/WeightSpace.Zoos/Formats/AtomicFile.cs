using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace WeightSpace.Zoos.Formats;

/// <summary>A file that was written: its length in bytes and its SHA-256, 64 hexadecimal digits.</summary>
public readonly record struct WrittenFile(long Bytes, string Sha256);

/// <summary>
/// Writes a file so that its final name never holds half of it: into a temporary file beside it, flushed to the disk, renamed, and the
/// folder's entry flushed too.
/// </summary>
public static partial class AtomicFile
{
    /// <summary>What stands behind a file's name while it is being written.</summary>
    public const string TemporarySuffix = ".tmp";

    /// <summary>
    /// Writes <paramref name="path"/>, replacing a file of that name. The stream cannot be read or moved. If <paramref name="write"/> throws, or
    /// the disk is full, the temporary file is removed and what stood under the name stays. Throws <see cref="IOException"/> naming the path
    /// when the file cannot be written.
    /// </summary>
    /// <param name="isDurable">False: nothing is flushed to the disk, so that a power failure may leave half a file after all; for many files that can be written again.</param>
    public static WrittenFile Write(string path, Action<Stream> write, bool isDurable = true)
    {
        string temporary = path + TemporarySuffix;
        try
        {
            WrittenFile written;
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
            using (var hashing = new HashingStream(file))
            {
                // Not disposed where writing fails: that would try to write again.
                var buffered = new BufferedStream(hashing, 1 << 16);
                write(buffered);
                buffered.Flush();
                if (isDurable)
                    file.Flush(flushToDisk: true);
                written = hashing.Written();
            }
            File.Move(temporary, path, overwrite: true);
            if (isDurable)
                FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
            return written;
        }
        catch (Exception error)
        {
            Remove(temporary);
            if (error is UnauthorizedAccessException || (error is IOException && !error.Message.Contains(path, StringComparison.Ordinal)))
                throw new IOException($"{path}: the file could not be written: {error.Message}", error);
            throw;
        }
    }

    /// <summary>Gives a file that is on the disk another name in its folder, replacing a file of that name; the name is on the disk too when this returns.</summary>
    public static void Rename(string path, string newPath)
    {
        File.Move(path, newPath, overwrite: true);
        FlushFolder(Path.GetDirectoryName(Path.GetFullPath(newPath))!);
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The error that led here says more than this one.
        }
    }

    /// <summary>Without this a rename may be lost in a power failure, though the file's bytes are on the disk.</summary>
    private static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        int descriptor = Open(folder, 0);
        if (descriptor < 0)
            return;
        // Some file systems refuse to flush a folder; the rename itself has happened all the same.
        _ = Flush(descriptor);
        _ = Close(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    /// <summary>Passes bytes on and hashes them on the way.</summary>
    private sealed class HashingStream(Stream inner) : Stream
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private long _length;

        public WrittenFile Written() => new(_length, Convert.ToHexStringLower(_hash.GetCurrentHash()));

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => _length; set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            inner.Write(buffer);
            _hash.AppendData(buffer);
            _length += buffer.Length;
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _hash.Dispose();
            base.Dispose(disposing);
        }
    }
}
