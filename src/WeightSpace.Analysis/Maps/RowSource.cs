using WeightSpace.Analysis.Views;
using WeightSpace.Networks;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Maps;

/// <summary>Rows that are read a few at a time and need never be in memory together. Reading again gives the same rows.</summary>
public interface IRowSource
{
    int Count { get; }

    int Columns { get; }

    /// <summary>Reads rows first to first + count - 1 into <paramref name="values"/>, [count, Columns]; all finite. Called from one thread, in order within a pass.</summary>
    void Read(int first, int count, Span<float> values);
}

/// <summary>A matrix in memory.</summary>
public sealed class MatrixRows(FeatureMatrix matrix) : IRowSource
{
    public int Count => matrix.Rows;

    public int Columns => matrix.Columns;

    public void Read(int first, int count, Span<float> values) => matrix.Values.AsSpan(first * Columns, count * Columns).CopyTo(values);
}

/// <summary>A view of checkpoints of one architecture, read from wherever the population has them.</summary>
public sealed class PopulationRows(Population population, Architecture architecture, IReadOnlyList<CheckpointPlace> places, IView view) : IRowSource
{
    private readonly int _parameters = architecture.Parameters.Count;
    private float[] _weights = [];

    public int Count => places.Count;

    public int Columns { get; } = view is RawView ? architecture.Parameters.Count : view.FeatureNames(architecture).Length;

    public void Read(int first, int count, Span<float> values)
    {
        CheckpointPlace[] wanted = [.. Enumerable.Range(first, count).Select(row => places[row])];
        if (view is RawView)
        {
            population.ReadWeights(wanted, values);
            CheckFinite(values, wanted, _parameters);
            return;
        }
        if (_weights.Length < count * _parameters)
            _weights = new float[count * _parameters];
        population.ReadWeights(wanted, _weights.AsSpan(0, count * _parameters));
        CheckFinite(_weights.AsSpan(0, count * _parameters), wanted, _parameters);
        var features = new float[count * Columns];
        Parallel.For(0, count, row => view.Compute(architecture, _weights.AsSpan(row * _parameters, _parameters), features.AsSpan(row * Columns, Columns)));
        features.CopyTo(values);
    }

    private void CheckFinite(ReadOnlySpan<float> weights, CheckpointPlace[] wanted, int parameters)
    {
        for (int i = 0; i < weights.Length; i++)
        {
            if (!float.IsFinite(weights[i]))
                throw new InputException($"network {population.Networks[wanted[i / parameters].Network].Id} is marked finished but one of its checkpoints holds {weights[i]}; check the zoo, or mark the network as diverged");
        }
    }
}

/// <summary>The same rows with each column less its mean and over its standard deviation, which a pass of its own finds.</summary>
internal sealed class StandardisedRows(IRowSource rows, ColumnScaling scaling) : IRowSource
{
    private float[] _values = [];

    public int Count => rows.Count;

    public int Columns => rows.Columns;

    public void Read(int first, int count, Span<float> values)
    {
        if (_values.Length != count * Columns)
            _values = new float[count * Columns];
        rows.Read(first, count, _values);
        scaling.Apply(new FeatureMatrix("rows", count, Columns, _values), values);
    }
}
