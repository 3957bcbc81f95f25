using System.IO.Compression;
using System.Text;

namespace WeightSpace.Zoos.Formats;

/// <summary>
/// Writes NumPy's .npz: a zip of .npy files (format 1.0), not compressed, with one fixed time stamp, so that the same arrays give the same
/// bytes (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
/// </summary>
public static class Npz
{
    private const int Alignment = 64;

    // The first time that a zip can hold.
    private static readonly DateTimeOffset s_epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// Writes the arrays in the order given, row-major; <c>numpy.load(path)[name]</c> reads one. <paramref name="writeData"/> is called once for
    /// each, with its index, and must write all its elements to the sink.
    /// </summary>
    public static void Write(Stream stream, IReadOnlyList<TensorEntry> arrays, Action<int, TensorSink> writeData)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        var names = new HashSet<string>();
        for (int i = 0; i < arrays.Count; i++)
        {
            if (!names.Add(arrays[i].Name))
                throw new ArgumentException($"two arrays are named '{arrays[i].Name}'", nameof(arrays));
            ZipArchiveEntry entry = zip.CreateEntry(arrays[i].Name + ".npy", CompressionLevel.NoCompression);
            entry.LastWriteTime = s_epoch;
            using Stream data = entry.Open();
            data.Write(NpyHeader(arrays[i]));
            int index = i;
            TensorSink.WriteTensor(data, arrays[i], sink => writeData(index, sink));
        }
    }

    private static byte[] NpyHeader(TensorEntry array)
    {
        string type = array.Type switch
        {
            TensorType.F32 => "<f4",
            TensorType.F64 => "<f8",
            TensorType.I64 => "<i8",
            TensorType.U8 => "|u1",
            _ => throw new ArgumentOutOfRangeException(nameof(array), array.Type, "no such type"),
        };
        // A Python tuple: a single size keeps its comma.
        string shape = array.Shape.Count == 1 ? $"{array.Shape[0]}," : string.Join(", ", array.Shape);
        string text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({shape}), }}";
        const int prefix = 10;
        int length = (prefix + text.Length + 1 + Alignment - 1) / Alignment * Alignment;
        byte[] header = new byte[length];
        header[0] = 0x93;
        "NUMPY"u8.CopyTo(header.AsSpan(1));
        (header[6], header[7]) = (1, 0);
        (header[8], header[9]) = ((byte)(length - prefix), (byte)((length - prefix) >> 8));
        Encoding.ASCII.GetBytes(text.PadRight(length - prefix - 1) + "\n").CopyTo(header, prefix);
        return header;
    }
}
