using WeightSpace.Numerics;

namespace WeightSpace.Analysis;

/// <summary>
/// What an analysis reads of a population: one row for each network, one column for each feature.
/// </summary>
/// <param name="Name">What the features are, for reports.</param>
/// <param name="Rows">The number of networks.</param>
/// <param name="Columns">The number of features.</param>
/// <param name="Values">Row-major [Rows, Columns].</param>
public sealed record FeatureMatrix(string Name, int Rows, int Columns, float[] Values)
{
    /// <summary>Row-major [Rows, Columns].</summary>
    public float[] Values { get; } = (long)Rows * Columns == Values.Length && Rows >= 0 && Columns >= 0
        ? Values
        : throw new ArgumentException($"{Values.Length} values for [{Rows}, {Columns}]; expected rows * columns", nameof(Values));

    /// <summary>The features of one network, [Columns].</summary>
    public ReadOnlySpan<float> Row(int row) => Values.AsSpan(row * Columns, Columns);

    /// <summary>Some of the rows, in the order given.</summary>
    public FeatureMatrix SelectRows(int[] rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var values = new float[(long)rows.Length * Columns];
        for (int i = 0; i < rows.Length; i++)
        {
            if (rows[i] < 0 || rows[i] >= Rows)
                throw new ArgumentException($"row {rows[i]} is selected of {Rows}; expected 0 to {Rows - 1}", nameof(rows));
            Row(rows[i]).CopyTo(values.AsSpan(i * Columns, Columns));
        }
        return new FeatureMatrix(Name, rows.Length, Columns, values);
    }

    /// <summary>
    /// Each column less its mean and over its standard deviation (of the population, as scikit-learn's StandardScaler); a
    /// constant column becomes 0.
    /// </summary>
    public FeatureMatrix Standardised() => ColumnScaling.Fit(this).Apply(this);

    /// <summary>Throws where a value is not finite: no method here has an answer for one.</summary>
    internal void RequireFinite()
    {
        for (int i = 0; i < Values.Length; i++)
        {
            if (!float.IsFinite(Values[i]))
                throw new ArgumentException($"{Name}: row {i / Columns}, column {i % Columns} is {Values[i]}; expected a finite value");
        }
    }
}

/// <summary>The mean and the inverse standard deviation of each column, [columns] each.</summary>
internal sealed record ColumnScaling(double[] Means, double[] Scales)
{
    private const double MachineEpsilon = 2.220446049250313e-16; // of double

    /// <summary>The statistics of a matrix, in double, in two passes. A constant column has scale 0.</summary>
    public static ColumnScaling Fit(FeatureMatrix x)
    {
        if (x.Rows < 1)
            throw new ArgumentException($"{x.Name} has no rows; expected at least 1 to standardise");
        var means = new double[x.Columns];
        var scales = new double[x.Columns];
        for (int row = 0; row < x.Rows; row++)
            DenseVectors.Add(means, x.Row(row));
        for (int c = 0; c < means.Length; c++)
            means[c] /= x.Rows;
        for (int row = 0; row < x.Rows; row++)
            DenseVectors.AddSquaredDeviations(scales, x.Row(row), means);
        return Of(means, scales, x.Rows);
    }

    /// <summary>From means and sums of squared deviations, [columns] each, of so many rows. Takes the arrays over.</summary>
    public static ColumnScaling Of(double[] means, double[] squaredDeviations, int rows)
    {
        double[] scales = squaredDeviations;
        for (int c = 0; c < scales.Length; c++)
        {
            // What rounding alone leaves of a constant column, as scikit-learn's _is_constant_feature has it
            // (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983, table 1).
            double variance = scales[c] / rows;
            double rounding = rows * Math.Abs(means[c]) * MachineEpsilon;
            scales[c] = variance <= (rows * MachineEpsilon * variance) + (rounding * rounding) ? 0 : 1 / Math.Sqrt(variance);
        }
        return new ColumnScaling(means, scales);
    }

    /// <summary>(x - mean) / standard deviation, of a matrix with the same columns.</summary>
    public FeatureMatrix Apply(FeatureMatrix x)
    {
        float[] values = GC.AllocateUninitializedArray<float>(x.Values.Length);
        Apply(x, values);
        return new FeatureMatrix(x.Name, x.Rows, x.Columns, values);
    }

    /// <summary>The same, row-major into [x.Rows, x.Columns].</summary>
    public void Apply(FeatureMatrix x, Span<float> values)
    {
        if (x.Columns != Means.Length)
            throw new ArgumentException($"{x.Name} has {x.Columns} columns; expected {Means.Length}", nameof(x));
        for (int row = 0; row < x.Rows; row++)
            DenseVectors.Standardise(x.Row(row), Means, Scales, values.Slice(row * x.Columns, x.Columns));
    }
}
