using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>What is kept of a checkpoint of a growing path.</summary>
/// <param name="SquaredLength">|w_k - w_{k-1}|^2; 0 at the start.</param>
/// <param name="Product">Of this update and the one before; 0 for the first two.</param>
/// <param name="SquaredLengths">By tensor; null at the start, and where the checkpoint before was gone.</param>
/// <param name="Sketch">Empty for a checkpoint without numbers.</param>
public sealed record TrackedPoint(CheckpointMeasures Row, double SquaredNorm, double SquaredFromStart, double SquaredLength, double Product, double[]? SquaredLengths, double[] Sketch);

/// <summary>The sound checkpoints of a path that a new one is measured against; all null for the first.</summary>
/// <param name="Start">The first.</param>
/// <param name="Before">The last but one.</param>
/// <param name="Previous">The last.</param>
public sealed record PathNeighbours(TrackedPoint? Start, TrackedPoint? Before, TrackedPoint? Previous);

/// <summary>
/// The next checkpoint of a path, read once beside those that it is measured against, whatever the length of the path. Where one of them can no longer be read, what needs it comes from sketches.
/// </summary>
public static class PathStep
{
    /// <summary>Measures a checkpoint; one with values that are not finite gets a row that says so, and no sketch.</summary>
    /// <param name="group">Where it is.</param>
    /// <param name="item">Its index in the group.</param>
    /// <param name="known">What it says of itself.</param>
    /// <param name="path">Where the path stands.</param>
    /// <param name="from">Another sound checkpoint that its distance is wanted from; null: none is.</param>
    /// <param name="find">The index of an earlier checkpoint in the group; null where it can no longer be read.</param>
    /// <param name="sketch">The sketch that is kept of it, and was of the others.</param>
    /// <param name="cancellation">Checked while reading.</param>
    /// <returns>What is kept of it; and its squared distance from <paramref name="from"/>, null where there is none or it has no numbers.</returns>
    public static (TrackedPoint Point, double? SquaredFrom) Measure(
        ICheckpointGroup group, int item, CheckpointMeasures known, PathNeighbours path, TrackedPoint? from, Func<TrackedPoint, int?> find, RotatedSketch sketch, CancellationToken cancellation = default)
    {
        (TrackedPoint? start, TrackedPoint? before, TrackedPoint? previous) = path;
        // In the order of the path, so that neighbours in it are neighbours in the pass.
        var companions = new List<(TrackedPoint Point, int Item)>();
        TrackedPoint?[] wanted = [start, from, before, previous];
        for (int i = 0; i < wanted.Length; i++)
        {
            if (wanted[i] is { } point && !wanted.AsSpan(i + 1).Contains(point) && find(point) is { } index && index != item)
                companions.Add((point, index));
        }
        var options = new PathPassOptions { FirstNew = companions.Count, Sketch = sketch };
        (PathSums? sums, IReadOnlyList<NotFinite> damaged) = PathPass.Run(group, [.. companions.Select(one => one.Item), item], options, cancellation);
        if (sums is null)
            return (new TrackedPoint(known with { Problem = PathItems.Problem(damaged[0]) }, 0, 0, 0, 0, null, []), null);
        int updates = companions.Count; // between those that were read; also the new checkpoint's place in the pass
        CentralMoments moments = sums.Moments[updates];
        double[] own = sums.Sketches[updates]!;
        double? squaredFrom = from is null ? null : Between(sums, companions.FindIndex(one => one.Point == from)) ?? SquaredDistance(own, from.Sketch);
        known = known with { Kurtosis = moments.Kurtosis };
        if (previous is null)
            return (Point(known, null, moments.SquaredNorm, 0, 0, 0, null, own), squaredFrom);
        bool hasPrevious = updates > 0 && companions[^1].Point == previous, hasBefore = hasPrevious && updates > 1 && companions[^2].Point == before;
        double? squaredFromStart = Between(sums, companions.FindIndex(one => one.Point == start));
        double squaredLength = hasPrevious ? sums.UpdateProducts[updates - 1, updates - 1] : SquaredDistance(own, previous.Sketch);
        double product = before is null ? 0 : hasBefore ? sums.UpdateProducts[updates - 2, updates - 1] : Turn(own, previous.Sketch, before.Sketch);
        bool isEstimated = sketch.Size < group.Count && (!hasPrevious || squaredFromStart is null || (before is not null && !hasBefore));
        TrackedPoint measured = Point(known with { IsEstimated = isEstimated }, previous.Row, moments.SquaredNorm, squaredFromStart ?? SquaredDistance(own, start!.Sketch), squaredLength, product,
            hasPrevious ? sums.SquaredLengths[^1] : null, own);
        return (measured, squaredFrom);
    }

    /// <summary>A checkpoint from its numbers and the row before it; null at the start.</summary>
    internal static TrackedPoint Point(CheckpointMeasures known, CheckpointMeasures? before, double squaredNorm, double squaredFromStart, double squaredLength, double product, double[]? squaredLengths, double[] sketch)
    {
        CheckpointMeasures row = TrajectoryMeasures.Row(known, before, squaredNorm, squaredFromStart, Math.Sqrt(squaredLength), product);
        return new TrackedPoint(row, squaredNorm, squaredFromStart, squaredLength, product, squaredLengths, sketch);
    }

    /// <summary>The squared distance of the last checkpoint of a pass from one before: that of all updates between them together. Null where that one was not read.</summary>
    private static double? Between(PathSums sums, int first)
    {
        int updates = sums.UpdateProducts.GetLength(0);
        if (first < 0 || updates == 0)
            return null;
        double sum = 0;
        for (int i = first; i < updates; i++)
        {
            for (int j = first; j < updates; j++)
                sum += sums.UpdateProducts[i, j];
        }
        return Math.Max(0, sum);
    }

    private static double SquaredDistance(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        return sum;
    }

    /// <summary>(a - b)(b - c).</summary>
    private static double Turn(double[] a, double[] b, double[] c)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (a[i] - b[i]) * (b[i] - c[i]);
        return sum;
    }
}
