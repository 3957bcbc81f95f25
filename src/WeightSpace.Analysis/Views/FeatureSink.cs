using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>Takes features in order: their values, or their names, so that one walk over the layout gives both.</summary>
internal sealed class FeatureSink
{
    private readonly float[]? _values;

    /// <summary>A sink of names.</summary>
    public FeatureSink() => Names = [];

    /// <summary>A sink of values, which counts on past its end.</summary>
    public FeatureSink(float[] values) => _values = values;

    /// <summary>The names that a walk gives.</summary>
    public static string[] NamesOf(Architecture architecture, Action<Architecture, ReadOnlyMemory<float>, FeatureSink> write)
    {
        var sink = new FeatureSink();
        write(architecture, new float[architecture.Parameters.Count], sink);
        return [.. sink.Names!];
    }

    /// <summary>Runs a walk that gives values into <paramref name="features"/>, which must have just the room that it needs.</summary>
    public static void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features, Action<Architecture, ReadOnlyMemory<float>, FeatureSink> write)
    {
        if (weights.Length != architecture.Parameters.Count)
            throw new ArgumentException($"the block holds {weights.Length} weights, the architecture has {architecture.Parameters.Count}", nameof(weights));
        var values = new float[features.Length];
        var sink = new FeatureSink(values);
        write(architecture, weights.ToArray(), sink);
        if (sink.Count != features.Length)
            throw new ArgumentException($"there is room for {features.Length} features, the view has {sink.Count}", nameof(features));
        values.CopyTo(features);
    }

    public List<string>? Names { get; }

    public int Count { get; private set; }

    /// <summary>One feature; its name is <c>owner.part[index].statistic</c>, with index -1 for none.</summary>
    public void Add(string owner, string part, int index, string statistic, double value)
    {
        Names?.Add($"{owner}{(part.Length > 0 ? "." : "")}{part}{(index >= 0 ? $"[{index}]" : "")}{(statistic.Length > 0 ? "." : "")}{statistic}");
        if (_values is not null && Count < _values.Length)
            _values[Count] = (float)value;
        Count++;
    }

    /// <summary>The eight statistics of a set. Sorts <paramref name="values"/>.</summary>
    public void AddSet(string owner, string part, int index, Span<double> values)
    {
        values.Sort();
        (double mean, double variance) = SetStatistics.MeanAndVariance(values);
        Add(owner, part, index, "mean", mean);
        Add(owner, part, index, "std", Math.Sqrt(variance));
        Add(owner, part, index, "rms", Math.Sqrt((mean * mean) + variance));
        AddQuantiles(owner, part, index, values);
    }

    /// <summary>Least, quartiles and greatest of a set. Sorts <paramref name="values"/>.</summary>
    public void AddQuantiles(string owner, string part, int index, Span<double> values)
    {
        values.Sort();
        Add(owner, part, index, "min", values[0]);
        Add(owner, part, index, "q25", SetStatistics.Quantile(values, 0.25));
        Add(owner, part, index, "q50", SetStatistics.Quantile(values, 0.5));
        Add(owner, part, index, "q75", SetStatistics.Quantile(values, 0.75));
        Add(owner, part, index, "max", values[^1]);
    }
}
