using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>The walk over a layout that <see cref="InvariantView"/> describes.</summary>
internal static class InvariantFeatures
{
    /// <summary>More fixed indices than this and the cosines of all their pairs are left out: they would outnumber everything else.</summary>
    private const int MostPairedIndices = 32;

    public static void Write(Architecture architecture, ReadOnlyMemory<float> weights, FeatureSink sink)
    {
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            foreach (WeightSlice slice in WeightSlice.Of(parameter, weights))
            {
                if (slice.Columns == 1 && !slice.ColumnsMove)
                    WriteVector(slice, sink);
                else
                    WriteMatrix(slice, sink);
            }
        }
        WriteAlignments(architecture, weights, sink);
        WritePaths(architecture, weights.Span, sink);
        ProbesView.Write(architecture, weights, sink);
    }

    private static void WriteVector(WeightSlice slice, FeatureSink sink)
    {
        if (slice.RowsMove)
        {
            sink.AddSet(slice.Name, "", -1, slice.Values);
            return;
        }
        for (int i = 0; i < slice.Values.Length; i++)
            sink.Add(slice.Name, "value", i, "", slice.Values[i]);
    }

    private static void WriteMatrix(WeightSlice slice, FeatureSink sink)
    {
        (string owner, double[] values) = (slice.Name, slice.Values);
        if (!slice.RowsMove && !slice.ColumnsMove)
        {
            for (int i = 0; i < values.Length; i++)
                sink.Add(owner, "value", i, "", values[i]);
            return;
        }
        if (slice.RowsMove && slice.ColumnsMove)
        {
            WriteHiddenMatrix(values, slice.Rows, slice.Columns, slice.SameUnits, owner, sink);
            return;
        }
        // One axis keeps its meaning: take the matrix so that it lies along the rows, [fixed, hidden].
        string part = slice.RowsMove ? "input" : "output";
        double[] byFixed = slice.RowsMove ? Transpose(values, slice.Rows, slice.Columns) : values;
        (int fixedCount, int hidden) = slice.RowsMove ? (slice.Columns, slice.Rows) : (slice.Rows, slice.Columns);
        if (fixedCount <= MostPairedIndices)
            WriteCosines(byFixed, fixedCount, hidden, owner, sink);
        sink.AddQuantiles(owner, "unit_norm", -1, RowNorms(Transpose(byFixed, fixedCount, hidden), hidden, fixedCount));
        for (int i = 0; i < fixedCount; i++)
            sink.AddSet(owner, part, i, byFixed.AsSpan(i * hidden, hidden));
    }

    private static void WriteHiddenMatrix(double[] values, int height, int width, bool sameUnits, string owner, FeatureSink sink)
    {
        double[] turned = Transpose(values, height, width);
        sink.AddQuantiles(owner, "row_norm", -1, RowNorms(values, height, width));
        sink.AddQuantiles(owner, "row_mean", -1, RowMeans(values, height, width));
        sink.AddQuantiles(owner, "column_norm", -1, RowNorms(turned, width, height));
        sink.AddQuantiles(owner, "column_mean", -1, RowMeans(turned, width, height));
        if (sameUnits)
        {
            var diagonal = new double[height];
            double symmetric = 0, squares = 0;
            for (int i = 0; i < height; i++)
            {
                diagonal[i] = values[(i * width) + i];
                for (int j = 0; j < width; j++)
                {
                    symmetric += values[(i * width) + j] * turned[(i * width) + j];
                    squares += values[(i * width) + j] * values[(i * width) + j];
                }
            }
            sink.AddSet(owner, "diagonal", -1, diagonal);
            sink.Add(owner, "", -1, "symmetry", squares > 0 ? symmetric / squares : 0); // trace(W W) / |W|^2: 1 symmetric, -1 antisymmetric
        }
        sink.Add(owner, "", -1, "participation", Participation(values, height, width));
        sink.AddSet(owner, "", -1, values);
    }

    private static void WriteCosines(double[] rows, int count, int width, string owner, FeatureSink sink)
    {
        double[] norms = RowNorms(rows, count, width);
        for (int i = 0; i < count; i++)
        {
            for (int j = i + 1; j < count; j++)
            {
                double scale = norms[i] * norms[j];
                sink.Add(owner, "cosine", (i * count) + j, "", scale > 0 ? Dot(rows, i * width, rows, j * width, width) / scale : 0);
            }
        }
    }

    /// <summary>|W|^4 / |W W^T|^2: between 1 (rank one) and the number of rows (all singular values equal).</summary>
    private static double Participation(double[] values, int height, int width)
    {
        double squares = 0, fourth = 0;
        for (int i = 0; i < height; i++)
        {
            for (int j = i; j < height; j++)
            {
                double product = Dot(values, i * width, values, j * width, width);
                fourth += (i == j ? 1 : 2) * product * product;
                if (i == j)
                    squares += product;
            }
        }
        return fourth > 0 ? squares * squares / fourth : 0;
    }

    /// <summary>For each set of hidden units, how incoming norm, outgoing norm, self-connection and each bias go together over the units.</summary>
    private static void WriteAlignments(Architecture architecture, ReadOnlyMemory<float> weights, FeatureSink sink)
    {
        foreach (UnitGroup group in UnitGroup.Of(architecture.Parameters))
        {
            int count = group.Units;
            double[] incoming = new double[count], outgoing = new double[count];
            var vectors = new List<(string Name, double[] Values)> { ("in", incoming), ("out", outgoing) };
            foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
            {
                bool first = parameter.Axes[0].Permutation == group.Name;
                bool second = parameter.Axes.Count > 1 && parameter.Axes[1].Permutation == group.Name;
                if (!first && !second)
                    continue;
                int size = parameter.Count / parameter.Axes[0].Blocks, width = size / parameter.Axes[0].Units;
                for (int block = 0; block < parameter.Axes[0].Blocks; block++)
                {
                    ReadOnlySpan<float> values = weights.Span.Slice(parameter.Offset + (block * size), size);
                    if (parameter.Axes.Count == 1 && width == 1)
                    {
                        vectors.Add((sink.Names is null ? "" : $"{parameter.Name}({block})", ToDoubles(values)));
                        continue;
                    }
                    if (first && second)
                    {
                        var diagonal = new double[count];
                        for (int i = 0; i < count; i++)
                            diagonal[i] = values[(i * width) + i];
                        vectors.Add((sink.Names is null ? "" : $"{parameter.Name}({block}).diagonal", diagonal));
                    }
                    if (first)
                        AddSquares(incoming, values, index => index / width);
                    else
                        AddSquares(outgoing, values, index => index % width / (width / count));
                }
            }
            for (int i = 0; i < count; i++)
            {
                incoming[i] = Math.Sqrt(incoming[i]);
                outgoing[i] = Math.Sqrt(outgoing[i]);
            }
            for (int a = 0; a < vectors.Count; a++)
            {
                for (int b = a + 1; b < vectors.Count; b++)
                    sink.Add(group.Name, sink.Names is null ? "" : $"{vectors[a].Name}~{vectors[b].Name}", -1, "", SetStatistics.Correlation(vectors[a].Values, vectors[b].Values));
            }
        }
    }

    private static void AddSquares(double[] sums, ReadOnlySpan<float> values, Func<int, int> unit)
    {
        for (int i = 0; i < values.Length; i++)
            sums[unit(i)] += (double)values[i] * values[i];
    }

    private static double[] ToDoubles(ReadOnlySpan<float> values)
    {
        var doubles = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
            doubles[i] = values[i];
        return doubles;
    }

    /// <summary>Products of the layers' matrices from the inputs to each depth, from each depth to the outputs, and from end to end.</summary>
    private static void WritePaths(Architecture architecture, ReadOnlySpan<float> weights, FeatureSink sink)
    {
        var matrices = new List<WeightSlice>();
        for (int layer = 0; layer < architecture.Layers.Count; layer++)
        {
            if (architecture.Layers[layer].Mixes)
                matrices.Add(WeightSlice.Leading(architecture, layer, weights));
        }
        int layers = matrices.Count, inputs = matrices[0].Columns, outputs = matrices[^1].Rows;
        double[] path = matrices[0].Values; // [units of the layer, inputs]
        for (int layer = 1; layer < layers; layer++)
        {
            path = matrices[layer].Times(path, inputs);
            double[] norms = RowNorms(Transpose(path, matrices[layer].Rows, inputs), inputs, matrices[layer].Rows);
            for (int i = 0; i < inputs; i++)
                sink.Add("path", sink.Names is null ? "" : $"to_layer{layer}.input", i, "norm", norms[i]);
        }
        for (int i = 0; i < path.Length; i++)
            sink.Add("path", "value", i, "", path[i]);
        path = matrices[^1].Values; // [outputs, units before the layer]
        for (int layer = layers - 2; layer >= 0; layer--)
        {
            path = new WeightSlice("", path, outputs, matrices[layer].Rows, false, false, false).Times(matrices[layer].Values, matrices[layer].Columns);
            double[] norms = RowNorms(path, outputs, matrices[layer].Columns);
            for (int i = 0; i < outputs; i++)
                sink.Add("path", sink.Names is null ? "" : $"from_layer{layer}.output", i, "norm", norms[i]);
        }
    }

    private static double[] Transpose(double[] values, int height, int width)
    {
        var turned = new double[values.Length];
        for (int i = 0; i < height; i++)
        {
            for (int j = 0; j < width; j++)
                turned[(j * height) + i] = values[(i * width) + j];
        }
        return turned;
    }

    private static double[] RowNorms(double[] values, int height, int width)
    {
        var norms = new double[height];
        for (int i = 0; i < height; i++)
            norms[i] = Math.Sqrt(Dot(values, i * width, values, i * width, width));
        return norms;
    }

    private static double[] RowMeans(double[] values, int height, int width)
    {
        var means = new double[height];
        for (int i = 0; i < height; i++)
        {
            double sum = 0;
            for (int j = 0; j < width; j++)
                sum += values[(i * width) + j];
            means[i] = sum / width;
        }
        return means;
    }

    private static double Dot(double[] a, int fromA, double[] b, int fromB, int length)
    {
        double sum = 0;
        for (int i = 0; i < length; i++)
            sum += a[fromA + i] * b[fromB + i];
        return sum;
    }
}
