using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Weights sorted over hidden units: of a kernel [units out, units in, tap] the values of each tap, of a first layer [units, input] those of each input. Reordering hidden units changes nothing, and the distance
/// of two networks' sorted weights is at most their distance in the best order of units.
/// </summary>
internal sealed class SortedCells
{
    private readonly int[][] _cells; // the places that reordering can bring to each other

    public SortedCells(ParameterLayout layout) => _cells = [.. layout.Parameters.SelectMany(CellsOf)];

    /// <summary>A copy of all rows, [checkpoint, parameter], sorted.</summary>
    public FloatRows Sort(FloatRows rows, CancellationToken stop)
    {
        var sorted = new FloatRows(rows.Count, rows.Columns);
        int longest = _cells.Max(cell => cell.Length);
        Parallel.For(0, rows.Count, new ParallelOptions { CancellationToken = stop }, () => new float[longest], (row, _, values) =>
        {
            ReadOnlySpan<float> from = rows[row];
            Span<float> to = sorted[row];
            foreach (int[] cell in _cells)
            {
                for (int i = 0; i < cell.Length; i++)
                    values[i] = from[cell[i]];
                values.AsSpan(0, cell.Length).Sort();
                for (int i = 0; i < cell.Length; i++)
                    to[cell[i]] = values[i];
            }
            return values;
        }, _ => { });
        return sorted;
    }

    private static IEnumerable<int[]> CellsOf(ParameterInfo parameter)
    {
        var keys = new long[parameter.Count];
        int behind = parameter.Count;
        foreach (ParameterAxis axis in parameter.Axes)
        {
            behind /= axis.Size;
            for (int i = 0; i < keys.Length; i++)
            {
                int at = i / behind % axis.Size;
                // Units of a permuted axis share a key; its blocks (gates) and what belongs to one unit (pixels) do not.
                int key = axis.Permutation is null ? at : (at / (axis.Units * axis.Inner) * axis.Inner) + (at % axis.Inner);
                keys[i] = (keys[i] * axis.Size) + key;
            }
        }
        return Enumerable.Range(0, keys.Length).GroupBy(i => keys[i]).Select(cell => cell.Select(i => parameter.Offset + i).ToArray());
    }
}
