using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>The walk over a layout that <see cref="InvariantView"/> describes.</summary>
internal static class InvariantFeatures
{
    /// <summary>More fixed indices than this and the cosines of all their pairs are left out: they would outnumber everything else.</summary>
    private const int MostPairedIndices = 32;

    private static readonly string[] GruGates = ["r", "z", "n"];

    public static void Write(Architecture architecture, ReadOnlySpan<float> weights, FeatureSink sink)
    {
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            if (parameter.Axes.Count > 2 || parameter.Axes.Skip(1).Any(axis => axis.Blocks != 1))
                throw new ArgumentException($"parameter '{parameter.Name}' has shape [{string.Join(", ", parameter.Shape)}]; vectors and matrices with gates along the rows are known", nameof(architecture));
            ReadOnlySpan<float> values = weights.Slice(parameter.Offset, parameter.Count);
            for (int block = 0; block < parameter.Axes[0].Blocks; block++)
            {
                string owner = parameter.Axes[0].Blocks == 1 ? parameter.Name : sink.Names is null ? "" : $"{parameter.Name}({Gate(parameter, block)})";
                if (parameter.Axes.Count == 1)
                    WriteVector(Block(values, parameter, block), parameter.Axes[0], owner, sink);
                else
                    WriteMatrix(Block(values, parameter, block), parameter.Axes[0], parameter.Axes[1], owner, sink);
            }
        }
        WriteAlignments(architecture, weights, sink);
        WritePaths(architecture, weights, sink);
    }

    private static string Gate(ParameterInfo parameter, int block) => parameter.Axes[0].Blocks == 3 ? GruGates[block] : $"{block}";

    /// <summary>One gate's values of a parameter, row-major, as doubles.</summary>
    private static double[] Block(ReadOnlySpan<float> values, ParameterInfo parameter, int block)
    {
        int size = parameter.Count / parameter.Axes[0].Blocks;
        var result = new double[size];
        ReadOnlySpan<float> source = values.Slice(block * size, size);
        for (int i = 0; i < size; i++)
            result[i] = source[i];
        return result;
    }

    private static void WriteVector(double[] values, ParameterAxis axis, string owner, FeatureSink sink)
    {
        if (axis.Permutation is not null)
        {
            sink.AddSet(owner, "", -1, values);
            return;
        }
        for (int i = 0; i < values.Length; i++)
            sink.Add(owner, "value", i, "", values[i]);
    }

    /// <summary><paramref name="values"/> is [rows.Units, columns.Units].</summary>
    private static void WriteMatrix(double[] values, ParameterAxis rows, ParameterAxis columns, string owner, FeatureSink sink)
    {
        int height = rows.Units, width = columns.Units;
        bool rowsMove = rows.Permutation is not null, columnsMove = columns.Permutation is not null;
        if (!rowsMove && !columnsMove)
        {
            for (int i = 0; i < values.Length; i++)
                sink.Add(owner, "value", i, "", values[i]);
            return;
        }
        if (rowsMove && columnsMove)
        {
            WriteHiddenMatrix(values, height, width, rows.Permutation == columns.Permutation, owner, sink);
            return;
        }
        // One axis keeps its meaning: take the matrix so that it lies along the rows, [fixed, hidden].
        string part = rowsMove ? "input" : "output";
        double[] byFixed = rowsMove ? Transpose(values, height, width) : values;
        (int fixedCount, int hidden) = rowsMove ? (width, height) : (height, width);
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
    private static void WriteAlignments(Architecture architecture, ReadOnlySpan<float> weights, FeatureSink sink)
    {
        IReadOnlyList<ParameterInfo> parameters = architecture.Parameters.Parameters;
        foreach (string units in parameters.SelectMany(parameter => parameter.Axes).Select(axis => axis.Permutation).OfType<string>().Distinct())
        {
            int count = parameters.SelectMany(parameter => parameter.Axes).First(axis => axis.Permutation == units).Units;
            double[] incoming = new double[count], outgoing = new double[count];
            var vectors = new List<(string Name, double[] Values)> { ("in", incoming), ("out", outgoing) };
            foreach (ParameterInfo parameter in parameters)
            {
                ReadOnlySpan<float> values = weights.Slice(parameter.Offset, parameter.Count);
                bool first = parameter.Axes[0].Permutation == units;
                bool second = parameter.Axes.Count > 1 && parameter.Axes[1].Permutation == units;
                for (int block = 0; block < parameter.Axes[0].Blocks && (first || second); block++)
                {
                    double[] matrix = Block(values, parameter, block);
                    int width = matrix.Length / parameter.Axes[0].Units;
                    if (parameter.Axes.Count == 1)
                    {
                        vectors.Add((sink.Names is null ? "" : $"{parameter.Name}({block})", matrix));
                        continue;
                    }
                    if (first && second)
                        vectors.Add((sink.Names is null ? "" : $"{parameter.Name}({block}).diagonal", [.. Enumerable.Range(0, count).Select(i => matrix[(i * width) + i])]));
                    if (first)
                        AddSquares(incoming, matrix, width, byRow: true);
                    else
                        AddSquares(outgoing, matrix, width, byRow: false);
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
                    sink.Add(units, sink.Names is null ? "" : $"{vectors[a].Name}~{vectors[b].Name}", -1, "", SetStatistics.Correlation(vectors[a].Values, vectors[b].Values));
            }
        }
    }

    private static void AddSquares(double[] sums, double[] matrix, int width, bool byRow)
    {
        for (int i = 0; i < matrix.Length; i++)
            sums[byRow ? i / width : i % width] += matrix[i] * matrix[i];
    }

    /// <summary>Products of the layers' first matrices; of a layer with gates, the last gate (a GRU's candidate state).</summary>
    private static void WritePaths(Architecture architecture, ReadOnlySpan<float> weights, FeatureSink sink)
    {
        LayerSpec[] specs = [.. architecture.Layers.Where(layer => layer.Mixes)];
        int inputs = architecture.Inputs, outputs = architecture.Outputs, layers = specs.Length;
        var matrices = new double[layers][];
        for (int layer = 0; layer < layers; layer++)
        {
            ParameterInfo parameter = architecture.Parameters.Parameters.First(first => first.Offset == architecture.Parameters.OffsetOf(architecture.Layers.ToList().IndexOf(specs[layer])));
            matrices[layer] = Block(weights.Slice(parameter.Offset, parameter.Count), parameter, parameter.Axes[0].Blocks - 1);
        }
        double[] path = matrices[0]; // [units of the layer, inputs]
        for (int layer = 1; layer < layers; layer++)
        {
            path = Multiply(matrices[layer], path, specs[layer].Outputs, specs[layer].Inputs, inputs);
            double[] norms = RowNorms(Transpose(path, specs[layer].Outputs, inputs), inputs, specs[layer].Outputs);
            for (int i = 0; i < inputs; i++)
                sink.Add("path", sink.Names is null ? "" : $"to_layer{layer}.input", i, "norm", norms[i]);
        }
        for (int i = 0; i < path.Length; i++)
            sink.Add("path", "value", i, "", path[i]);
        path = matrices[^1]; // [outputs, units before the layer]
        for (int layer = layers - 2; layer >= 0; layer--)
        {
            path = Multiply(path, matrices[layer], outputs, specs[layer].Outputs, specs[layer].Inputs);
            double[] norms = RowNorms(path, outputs, specs[layer].Inputs);
            for (int i = 0; i < outputs; i++)
                sink.Add("path", sink.Names is null ? "" : $"from_layer{layer}.output", i, "norm", norms[i]);
        }
    }

    /// <summary>a [n, k] times b [k, m].</summary>
    private static double[] Multiply(double[] a, double[] b, int n, int k, int m)
    {
        var product = new double[n * m];
        for (int i = 0; i < n; i++)
        {
            for (int inner = 0; inner < k; inner++)
            {
                double factor = a[(i * k) + inner];
                for (int j = 0; j < m; j++)
                    product[(i * m) + j] += factor * b[(inner * m) + j];
            }
        }
        return product;
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
