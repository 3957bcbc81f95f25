namespace WeightSpace.Analysis.Classification;

/// <summary>Each column's values as up to 256 bins of about equally many, ascending; exact where a column has no more distinct values.</summary>
/// <param name="OfRows">The bin of each value, [columns, rows].</param>
/// <param name="Distinct">Whether no two rows of a column share a bin, [columns].</param>
internal sealed record QuantileBins(byte[] OfRows, bool[] Distinct)
{
    public const int Count = 256;

    private const int ColumnsOfPart = 64;

    /// <summary>The bins of a matrix of finite values.</summary>
    public static QuantileBins Of(FeatureMatrix x)
    {
        var bins = new QuantileBins(GC.AllocateUninitializedArray<byte>(x.Values.Length), new bool[x.Columns]);
        Parallel.For(0, (x.Columns + ColumnsOfPart - 1) / ColumnsOfPart, part =>
        {
            var keys = new ulong[x.Rows];
            for (int column = part * ColumnsOfPart; column < Math.Min(x.Columns, (part + 1) * ColumnsOfPart); column++)
            {
                for (int row = 0; row < x.Rows; row++)
                    keys[row] = ((ulong)Ascending(x.Values[(row * x.Columns) + column]) << 32) | (uint)row;
                Array.Sort(keys);
                bins.Distinct[column] = Assign(keys, bins.OfRows.AsSpan(column * x.Rows, x.Rows));
            }
        });
        return bins;
    }

    /// <summary>Gives each row of a column its bin, from the values and rows in order; says whether no two rows share one.</summary>
    private static bool Assign(ReadOnlySpan<ulong> keys, Span<byte> bins)
    {
        int distinct = 1;
        for (int rank = 1; rank < keys.Length; rank++)
            distinct += keys[rank] >> 32 != keys[rank - 1] >> 32 ? 1 : 0;
        int bin = 0;
        for (int rank = 0; rank < keys.Length; rank++)
        {
            if (rank > 0 && keys[rank] >> 32 != keys[rank - 1] >> 32)
                bin = distinct <= Count ? bin + 1 : (int)((long)rank * Count / keys.Length);
            bins[(int)(uint)keys[rank]] = (byte)bin;
        }
        return distinct == keys.Length && distinct <= Count;
    }

    /// <summary>A number that ascends with a finite value, and is the same for both zeros.</summary>
    private static uint Ascending(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value + 0f); // -0 + 0 = 0
        return (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
    }
}
