using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>All checkpoints of a network, measured in one pass.</summary>
/// <param name="Rows">One for each checkpoint; those with values that are not finite say so.</param>
/// <param name="SquaredLengths">By checkpoint and tensor, of the update that leads to it; null at the start and where there are no numbers.</param>
/// <param name="Sketches">By checkpoint; null where none was asked for or there are no numbers.</param>
/// <param name="Geometry">Of the sound checkpoints; null where there is none.</param>
/// <param name="Sound">The numbers of the sound checkpoints among all, in their order.</param>
internal sealed record WholePath(IReadOnlyList<CheckpointMeasures> Rows, IReadOnlyList<double[]?> SquaredLengths, IReadOnlyList<double[]?> Sketches, PathGeometry? Geometry, IReadOnlyList<int> Sound)
{
    /// <summary>Reads the checkpoints side by side; where some are not finite, once more without them.</summary>
    /// <param name="group">Where they are.</param>
    /// <param name="items">Their indices, in the order of the path.</param>
    /// <param name="pass">How.</param>
    /// <param name="cancellation">Checked while reading.</param>
    public static WholePath Measure(ICheckpointGroup group, IReadOnlyList<int> items, PathPassOptions pass, CancellationToken cancellation)
    {
        CheckpointMeasures[] rows = [.. items.Select(item => PathItems.Known(group.Items[item]))];
        List<int> sound = [.. Enumerable.Range(0, rows.Length)];
        PathSums? sums = null;
        while (sums is null && sound.Count > 0)
        {
            (sums, IReadOnlyList<NotFinite> damaged) = PathPass.Run(group, [.. sound.Select(index => items[index])], pass, cancellation);
            foreach (NotFinite one in damaged.OrderByDescending(one => one.Index))
            {
                rows[sound[one.Index]] = rows[sound[one.Index]] with { Problem = PathItems.Problem(one) };
                sound.RemoveAt(one.Index);
            }
        }
        double[]?[] lengths = new double[]?[rows.Length], sketches = new double[]?[rows.Length];
        if (sums is null)
            return new WholePath(rows, lengths, sketches, null, []);
        PathGeometry geometry = PathGeometry.Of(sums);
        CheckpointMeasures[] measured = TrajectoryMeasures.Rows(geometry, [.. sound.Select((index, number) => rows[index] with { Kurtosis = sums.Moments[number].Kurtosis })]);
        for (int number = 0; number < sound.Count; number++)
        {
            rows[sound[number]] = measured[number];
            lengths[sound[number]] = number == 0 ? null : sums.SquaredLengths[number - 1];
            sketches[sound[number]] = sums.Sketches[number];
        }
        return new WholePath(rows, lengths, sketches, geometry, sound);
    }
}
