using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>
/// A path that grows: each new checkpoint is read once, beside the two before it and the first, whatever the length of the path; of the others only sketches are kept. Step length,
/// turning angle, curvature, arc length, distance from the start, norm and kurtosis are exact as long as those three can still be read; where one is gone, what needs it is estimated from
/// sketches and marked. The cosines between updates that are not neighbours always come from sketches, with the deviation that <see cref="RotatedSketch"/> states; so do dimension and similarity of
/// <see cref="Summary"/>. Where the network has no more weights than the sketch has numbers, nothing is lost.
/// </summary>
public sealed class TrackedPath
{
    /// <summary>Numbers of a sketch, where the network has more weights than that: cosines are off by sqrt((1 + cosine^2) / 8,192), 0.011 to 0.016.</summary>
    public const int DefaultSketch = 8192;

    private readonly RotatedSketch _sketch;
    private readonly List<TrackedPoint> _points = [];
    private readonly List<TrackedPoint> _sound = []; // those with numbers

    /// <param name="network">The network's name.</param>
    /// <param name="tensors">Those of all its checkpoints.</param>
    /// <param name="sketch">The sketch that its checkpoints are kept as.</param>
    public TrackedPath(string network, IReadOnlyList<PackedTensor> tensors, RotatedSketch sketch)
    {
        (Network, Tensors, _sketch) = (network, tensors, sketch);
    }

    public string Network { get; }

    public IReadOnlyList<PackedTensor> Tensors { get; }

    /// <summary>A row for each checkpoint in the order in which they came, those without numbers too.</summary>
    public IEnumerable<CheckpointMeasures> Rows => _points.Select(point => point.Row);

    /// <summary>What is kept of the checkpoints.</summary>
    internal IReadOnlyList<TrackedPoint> Points => _points;

    /// <summary>The sketch for networks of so many weights: no larger than they are.</summary>
    public static RotatedSketch SketchFor(long weights, int most = DefaultSketch) => new((int)Math.Clamp(weights, 1, most), 0);

    /// <summary>
    /// Goes on to the next checkpoint and returns its measures. One with values that are not finite gets a row that says so, and the path goes on from the last sound one.
    /// </summary>
    /// <param name="group">Where it is, and as many of the ones before as are still there, under their names.</param>
    /// <param name="item">Its index in the group.</param>
    /// <param name="cancellation">Checked while reading; a path that was interrupted is as it was before.</param>
    /// <exception cref="ArgumentException">The tensors are not those of the path, or its step is before the last one.</exception>
    public CheckpointMeasures Add(ICheckpointGroup group, int item, CancellationToken cancellation = default)
    {
        RequireSameTensors(group);
        CheckpointItem info = group.Items[item];
        CheckpointMeasures known = PathItems.Known(info);
        if (_points.Count > 0 && known.Step < _points[^1].Row.Step)
            throw new ArgumentException($"checkpoint '{info.Name}' is of step {known.Step}, the path has come to step {_points[^1].Row.Step}; it goes forward only", nameof(item));
        var neighbours = new PathNeighbours(_sound.Count > 0 ? _sound[0] : null, _sound.Count > 1 ? _sound[^2] : null, _sound.Count > 0 ? _sound[^1] : null);
        (TrackedPoint point, _) = PathStep.Measure(group, item, known, neighbours, null, earlier => PathItems.IndexOf(group, earlier.Row.Name), _sketch, cancellation);
        Append(point);
        return point.Row;
    }

    /// <summary>Everything that the measures of the path come from; null while there is no sound checkpoint.</summary>
    public PathGeometry? Geometry()
    {
        if (_sound.Count == 0)
            return null;
        int updates = _sound.Count - 1, stride = DenseRows.Stride(_sketch.Size);
        double[] differences = new double[updates * stride], products = new double[updates * updates];
        for (int i = 0; i < updates; i++)
        {
            for (int bucket = 0; bucket < _sketch.Size; bucket++)
                differences[(i * stride) + bucket] = _sound[i + 1].Sketch[bucket] - _sound[i].Sketch[bucket];
        }
        if (updates > 0)
            DenseRows.InnerProducts(differences, differences, stride, products);
        var matrix = new double[updates, updates];
        for (int i = 0; i < updates; i++)
        {
            for (int j = 0; j < i; j++)
                matrix[i, j] = matrix[j, i] = i == j + 1 ? _sound[i + 1].Product : products[(i * updates) + j];
            matrix[i, i] = _sound[i + 1].SquaredLength;
        }
        return new PathGeometry([.. _sound.Select(point => point.SquaredNorm)], [.. _sound.Select(point => point.SquaredFromStart)], matrix);
    }

    /// <summary>The path in a few numbers; null while there is no sound checkpoint.</summary>
    public PathSummary? Summary() => Geometry() is { } path ? TrajectoryMeasures.Summary(path) : null;

    /// <summary>Adds a checkpoint from its numbers, as <see cref="TrackedPoint"/> has them.</summary>
    internal CheckpointMeasures Restore(CheckpointMeasures known, double squaredNorm, double squaredFromStart, double squaredLength, double product, double[]? squaredLengths, double[] sketch)
    {
        TrackedPoint point = known.Problem is null ? PathStep.Point(known, _sound.Count > 0 ? _sound[^1].Row : null, squaredNorm, squaredFromStart, squaredLength, product, squaredLengths, sketch)
            : new TrackedPoint(known, squaredNorm, squaredFromStart, squaredLength, product, squaredLengths, []);
        Append(point);
        return point.Row;
    }

    private void Append(TrackedPoint point)
    {
        _points.Add(point);
        if (point.Row.Problem is null)
            _sound.Add(point);
    }

    private void RequireSameTensors(ICheckpointGroup group)
    {
        bool isSame = group.Tensors.Count == Tensors.Count && group.Tensors.Zip(Tensors).All(pair => pair.First.Name == pair.Second.Name && pair.First.Shape.SequenceEqual(pair.Second.Shape));
        if (!isSame)
            throw new ArgumentException($"the tensors of '{group.Name}' are not those of the path of '{Network}'", nameof(group));
    }
}
