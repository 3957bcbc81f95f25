using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Maps;

/// <summary>
/// A sketch that keeps distances: rows times random signs over sqrt(m) (Achlioptas, "Database-friendly random projections: Johnson-Lindenstrauss with binary coins", 2003). For
/// any two rows the squared distance of their sketches has the true one as its mean, and a standard deviation of at most sqrt(2 / m) of it, whatever the number of columns.
/// </summary>
internal static class RandomProjection
{
    /// <summary>The standard deviation of a squared distance over itself, at most.</summary>
    public static double RelativeDeviation(int sketchColumns) => Math.Sqrt(2.0 / sketchColumns);

    /// <summary>The directions, [sketchColumns, columns].</summary>
    public static FloatRows Directions(int sketchColumns, int columns, ulong seed)
    {
        var directions = new FloatRows(sketchColumns, columns);
        float scale = (float)(1 / Math.Sqrt(sketchColumns));
        Parallel.For(0, sketchColumns, row =>
        {
            var random = new RandomStream(seed, RandomPurpose.Projection, (ulong)row);
            uint[] words = new uint[(columns + 31) / 32];
            random.Fill(words);
            Span<float> direction = directions[row];
            for (int c = 0; c < direction.Length; c++)
                direction[c] = (words[c / 32] >> (c % 32) & 1) == 0 ? scale : -scale;
        });
        return directions;
    }

    /// <summary>Writes the sketches of rows to <paramref name="sketch"/> from its row <paramref name="first"/> on.</summary>
    public static void Project(FloatRows rows, FloatRows directions, FloatRows sketch, int first) =>
        RowProducts.Inner(rows, directions, (in ProductTile tile) =>
        {
            for (int r = 0; r < tile.Rows; r++)
            {
                int row = first + tile.FirstRow + r;
                if (row < sketch.Count)
                    DenseVectors.Narrow(tile[r], sketch[row].Slice(tile.FirstColumn, tile.Columns));
            }
        });
}
