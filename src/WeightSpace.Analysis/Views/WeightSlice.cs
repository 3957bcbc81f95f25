using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>
/// A matrix [rows, columns] in a parameter whose places along the other axes are fixed: a gate of a recurrent layer, a tap of a kernel, a pixel behind a flattened image. A vector is one
/// column. Rows and columns that move are hidden units, which have no order; the others keep their meaning.
/// </summary>
/// <param name="Name"><c>gru.weight_ih_l0(r)</c>, <c>3.weight[7]</c>.</param>
/// <param name="Values">Row-major.</param>
/// <param name="SameUnits">Whether rows and columns are the same hidden units.</param>
internal readonly record struct WeightSlice(string Name, double[] Values, int Rows, int Columns, bool RowsMove, bool ColumnsMove, bool SameUnits)
{
    private static readonly string[] GruGates = ["r", "z", "n"], LstmGates = ["i", "f", "g", "o"];

    /// <summary>More places than this (the pixels behind a large flattened image) are only taken together.</summary>
    private const int MostPlaces = 64;

    public bool IsVector => Columns == 1;

    /// <summary>
    /// All slices of a parameter, gate by gate. Where hidden units meet hidden units at several places (taps, pixels), each place is a slice, and so are the norms
    /// over the places, as <c>name.norm</c>.
    /// </summary>
    public static IEnumerable<WeightSlice> Of(ParameterInfo parameter, ReadOnlyMemory<float> weights)
    {
        ParameterAxis rows = parameter.Axes[0];
        int gates = rows.Blocks, size = parameter.Count / gates;
        for (int gate = 0; gate < gates; gate++)
        {
            string name = gates == 1 ? parameter.Name : $"{parameter.Name}({GateName(gates, gate)})";
            ReadOnlyMemory<float> values = weights.Slice(parameter.Offset + (gate * size), size);
            bool moves = rows.Permutation is not null;
            if (parameter.Axes.Count == 1 || parameter.Axes[1].Permutation is null)
            {
                // Everything behind the units has a fixed meaning: inputs and taps, pixels of a channel.
                yield return new WeightSlice(name, Copy(values.Span, size), rows.Units, size / rows.Units, moves, false, false);
                continue;
            }
            ParameterAxis columns = parameter.Axes[1];
            int places = size / (rows.Units * columns.Units);
            bool same = rows.Permutation == columns.Permutation;
            if (places == 1)
            {
                yield return new WeightSlice(name, Copy(values.Span, size), rows.Units, columns.Units, moves, true, same);
                continue;
            }
            for (int place = 0; place < places && places <= MostPlaces; place++)
                yield return new WeightSlice($"{name}[{place}]", Every(values.Span, place, places), rows.Units, columns.Units, moves, true, same);
            yield return new WeightSlice($"{name}.norm", Norms(values.Span, places), rows.Units, columns.Units, moves, true, same);
        }
    }

    /// <summary>
    /// A layer as one matrix [units, units before], for products of layers: a recurrent layer by its candidate gate, a kernel or the pixels of a channel by their sum (the answer to an
    /// input that is the same everywhere).
    /// </summary>
    public static WeightSlice Leading(Architecture architecture, int layer, ReadOnlySpan<float> weights)
    {
        ParameterInfo parameter = architecture.Parameters.Parameters.First(first => first.Offset == architecture.Parameters.OffsetOf(layer));
        ParameterAxis rows = parameter.Axes[0], columns = parameter.Axes[1];
        int size = parameter.Count / rows.Blocks, places = size / (rows.Units * columns.Units);
        int gate = rows.Blocks == LstmGates.Length ? Array.IndexOf(LstmGates, "g") : rows.Blocks - 1;
        ReadOnlySpan<float> values = weights.Slice(parameter.Offset + (gate * size), size);
        var sums = new double[size / places];
        for (int i = 0; i < size; i++)
            sums[i / places] += values[i];
        return new WeightSlice(parameter.Name, sums, rows.Units, columns.Units, rows.Permutation is not null, columns.Permutation is not null, false);
    }

    /// <summary>This matrix times another.</summary>
    public double[] Times(double[] right, int columns)
    {
        var product = new double[Rows * columns];
        for (int i = 0; i < Rows; i++)
        {
            for (int inner = 0; inner < Columns; inner++)
            {
                double factor = Values[(i * Columns) + inner];
                for (int j = 0; j < columns; j++)
                    product[(i * columns) + j] += factor * right[(inner * columns) + j];
            }
        }
        return product;
    }

    public static string GateName(int gates, int gate) => gates == GruGates.Length ? GruGates[gate] : LstmGates[gate];

    private static double[] Copy(ReadOnlySpan<float> values, int count)
    {
        var copy = new double[count];
        for (int i = 0; i < count; i++)
            copy[i] = values[i];
        return copy;
    }

    private static double[] Every(ReadOnlySpan<float> values, int first, int step)
    {
        var taken = new double[values.Length / step];
        for (int i = 0; i < taken.Length; i++)
            taken[i] = values[first + (i * step)];
        return taken;
    }

    private static double[] Norms(ReadOnlySpan<float> values, int places)
    {
        var norms = new double[values.Length / places];
        for (int i = 0; i < values.Length; i++)
            norms[i / places] += (double)values[i] * values[i];
        for (int i = 0; i < norms.Length; i++)
            norms[i] = Math.Sqrt(norms[i]);
        return norms;
    }
}
