using System.IO.Compression;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// NumPy's .npy (one array) and .npz (a zip of them, compressed or not). What is compressed can only be read from its beginning on, so going back in it takes time.
/// </summary>
internal sealed class NumpyFile : WeightFile
{
    private readonly FileBytes _file;
    private readonly StoredTensors _stored;
    private readonly List<WeightTensor> _tensors = [];

    // By tensor: the number of the stored one, or what is packed.
    private readonly List<(int Stored, PackedArray? Packed)> _places = [];

    private NumpyFile(FileBytes file, IReadOnlyList<(string Name, PackedArray? Packed)> arrays, TensorCollector collector)
        : base(file.Path)
    {
        _file = file;
        _stored = collector.Done();
        LeftOut = collector.LeftOut;
        int next = 0;
        foreach ((string name, PackedArray? packed) in arrays)
        {
            _tensors.Add(packed is null ? _stored.Tensors[next] : new WeightTensor(name, NumberTypes.Word(packed.Header.Type!.Value), packed.Header.Shape));
            _places.Add(packed is null ? (next++, null) : (-1, packed));
        }
    }

    public override IReadOnlyList<WeightTensor> Tensors => _tensors;

    public static NumpyFile Open(FileBytes file)
    {
        var collector = new TensorCollector(file);
        var arrays = new List<(string Name, PackedArray? Packed)>();
        if (!ZipDirectory.IsZip(file))
        {
            string name = System.IO.Path.GetFileNameWithoutExtension(file.Path);
            AddStored(file, collector, arrays, name, 0, file.Length);
        }
        else
        {
            Int128 packedValues = 0;
            foreach (ZipItem item in ZipDirectory.Read(file).Where(item => item.Name.EndsWith(".npy", StringComparison.Ordinal)))
            {
                string name = item.Name[..^".npy".Length];
                if (!item.IsDeflated)
                    AddStored(file, collector, arrays, name, item.Begin, item.End);
                else if (PackedArray.Open(file, collector, name, item) is { } packed)
                {
                    // What lies is refused when it is read; this is what can be said before.
                    packedValues += TensorCollector.Elements(file, name, packed.Header.Shape);
                    if (packedValues > (Int128)file.Length * ZipDirectory.MaxRatio)
                        throw file.Bad($"its arrays are said to have {packedValues} values, which is too many for {file.Length} bytes");
                    arrays.Add((name, packed));
                }
            }
        }
        if (arrays.Count == 0)
            throw file.Bad($"it holds no arrays of floating-point numbers{(collector.LeftOut.Count > 0 ? $", only {collector.LeftOut.Count} others" : "")}");
        if (arrays.Count > MaxTensors)
            throw file.Bad($"found {arrays.Count} arrays, expected at most {MaxTensors}");
        return new NumpyFile(file, arrays, collector);
    }

    public override void Read(int tensor, long first, Span<float> values)
    {
        CheckRange(_tensors[tensor], first, values.Length);
        (int stored, PackedArray? packed) = _places[tensor];
        if (packed is null)
            _stored.Read(stored, first, values);
        else
            packed.Read(first, values);
    }

    protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        foreach ((_, PackedArray? packed) in _places)
            packed?.Dispose();
        _file.Dispose();
    }

    private static void AddStored(FileBytes file, TensorCollector collector, List<(string, PackedArray?)> arrays, string name, long begin, long end)
    {
        var reader = new ByteReader(file, begin, end);
        NumpyHeader header = NumpyHeader.Read(file, name, bytes => reader.Read(bytes));
        if (header.Type is not { } type)
        {
            collector.Leave(name, $"its numbers are no floating-point numbers of 16, 32 or 64 bits ({Shown.Of(header.TypeName)})");
            return;
        }
        collector.Add(name, type, header.IsBigEndian, header.Shape, header.Strides(), 0, begin + header.Bytes, end);
        arrays.Add((name, null));
    }
}

/// <summary>A compressed array. Its place is kept, so that reading it piece by piece unpacks it once.</summary>
internal sealed class PackedArray : IDisposable
{
    private const int Piece = 1 << 14;

    /// <summary>A column-major array is turned in memory; above so many bytes it is refused.</summary>
    private const long MostTurned = 1L << 26;

    private readonly FileBytes _file;
    private readonly ZipItem _item;
    private readonly string _name;
    private readonly Lock _lock = new();
    private DeflateStream? _stream;
    private long _next;
    private WeakReference<float[]> _turned = new([]);

    private PackedArray(FileBytes file, string name, ZipItem item, NumpyHeader header) => (_file, _name, _item, Header) = (file, name, item, header);

    public NumpyHeader Header { get; }

    /// <summary>Reads the header of an array; null where it holds no weights, which the collector is told.</summary>
    public static PackedArray? Open(FileBytes file, TensorCollector collector, string name, ZipItem item)
    {
        using DeflateStream stream = Unpack(file, item);
        NumpyHeader header = NumpyHeader.Read(file, name, bytes => ReadExactly(file, name, stream, bytes));
        if (header.Type is null)
        {
            collector.Leave(name, $"its numbers are no floating-point numbers of 16, 32 or 64 bits ({Shown.Of(header.TypeName)})");
            return null;
        }
        long elements = TensorCollector.Elements(file, name, header.Shape);
        if (header.Bytes + ((Int128)elements * header.Size) != item.Bytes)
            throw file.Bad($"the array '{Shown.Of(name)}' of shape [{Shown.Of(header.Shape)}] is said to have {item.Bytes} bytes, expected {header.Bytes + ((Int128)elements * header.Size)}");
        if (header.Strides() is not null && elements * header.Size > MostTurned)
            throw file.Bad($"the array '{Shown.Of(name)}' is compressed and column-major; save it row-major (numpy.ascontiguousarray)");
        return new PackedArray(file, name, item, header);
    }

    public void Read(long first, Span<float> values)
    {
        if (Header.Strides() is { } strides)
        {
            Turned(strides).AsSpan((int)first, values.Length).CopyTo(values);
            return;
        }
        lock (_lock)
            ReadInOrder(first, values);
    }

    public void Dispose() => _stream?.Dispose();

    private void ReadInOrder(long first, Span<float> values)
    {
        byte[] buffer = new byte[Piece * Header.Size];
        if (_stream is null || first < _next)
        {
            _stream?.Dispose();
            _stream = Unpack(_file, _item);
            ReadExactly(_file, _name, _stream, new byte[Header.Bytes]);
            _next = 0;
        }
        for (; _next < first; _next += Math.Min(Piece, first - _next))
            ReadExactly(_file, _name, _stream, buffer.AsSpan(0, (int)Math.Min(Piece, first - _next) * Header.Size));
        for (int done = 0; done < values.Length; done += Piece)
        {
            int count = Math.Min(Piece, values.Length - done);
            Span<byte> bytes = buffer.AsSpan(0, count * Header.Size);
            ReadExactly(_file, _name, _stream, bytes);
            NumberTypes.ToFloats(Header.Type!.Value, Header.IsBigEndian, bytes, values.Slice(done, count));
            _next += count;
        }
    }

    private float[] Turned(long[] strides)
    {
        lock (_lock)
        {
            if (_turned.TryGetTarget(out float[]? known) && known.Length > 0)
                return known;
            var stored = new float[Header.Shape.Aggregate(1L, (product, size) => product * size)];
            ReadInOrder(0, stored);
            var values = new float[stored.Length];
            int done = 0;
            foreach (long at in StoredTensors.Places(Header.Shape, strides, 0, values.Length))
                values[done++] = stored[at];
            _turned = new WeakReference<float[]>(values);
            return values;
        }
    }

    private static DeflateStream Unpack(FileBytes file, ZipItem item) => new(new PartStream(file, item.Begin, item.End), CompressionMode.Decompress);

    private static void ReadExactly(FileBytes file, string name, DeflateStream stream, Span<byte> bytes)
    {
        try
        {
            if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
                throw file.Bad($"the array '{Shown.Of(name)}' ends early: it was cut off, or has other bytes than it says");
        }
        catch (InvalidDataException error)
        {
            throw file.Bad($"the array '{Shown.Of(name)}' cannot be unpacked: {error.Message}", error);
        }
    }
}

/// <summary>A part of a file as a stream.</summary>
internal sealed class PartStream(FileBytes file, long begin, long end) : Stream
{
    private long _done;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => end - begin;

    public override long Position { get => _done; set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        int count = (int)Math.Min(buffer.Length, Length - _done);
        file.Read(begin + _done, buffer[..count]);
        _done += count;
        return count;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
