using System.Buffers.Binary;

namespace WeightSpace.Zoos.Formats;

/// <summary>
/// The CRC-32 of zip and gzip (ISO 3309: polynomial 0x04C11DB7, bits reversed), eight bytes at a time by eight tables (Kounavis and Berry, "A systematic
/// approach to building high performance software-based CRC generators", 2005).
/// </summary>
public struct Crc32
{
    private const uint Reversed = 0xEDB88320;

    /// <summary>[table, byte]: what a byte does to the state when as many bytes as the table's number come behind it.</summary>
    private static readonly uint[] s_tables = MakeTables();

    private uint _inverted;

    /// <summary>Of all bytes so far.</summary>
    public readonly uint Value => _inverted;

    /// <summary>Adds bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<uint> table = s_tables;
        uint state = ~_inverted;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            uint low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ state, high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            state = table[(7 * 256) + (int)(low & 0xFF)] ^ table[(6 * 256) + (int)((low >> 8) & 0xFF)] ^ table[(5 * 256) + (int)((low >> 16) & 0xFF)] ^ table[(4 * 256) + (int)(low >> 24)]
                ^ table[(3 * 256) + (int)(high & 0xFF)] ^ table[(2 * 256) + (int)((high >> 8) & 0xFF)] ^ table[256 + (int)((high >> 16) & 0xFF)] ^ table[(int)(high >> 24)];
        }
        foreach (byte value in bytes)
            state = (state >> 8) ^ table[(int)((state ^ value) & 0xFF)];
        _inverted = ~state;
    }

    private static uint[] MakeTables()
    {
        uint[] tables = new uint[8 * 256];
        for (uint value = 0; value < 256; value++)
        {
            uint state = value;
            for (int bit = 0; bit < 8; bit++)
                state = (state >> 1) ^ ((state & 1) * Reversed);
            tables[value] = state;
        }
        for (int at = 256; at < tables.Length; at++)
            tables[at] = (tables[at - 256] >> 8) ^ tables[tables[at - 256] & 0xFF];
        return tables;
    }
}
