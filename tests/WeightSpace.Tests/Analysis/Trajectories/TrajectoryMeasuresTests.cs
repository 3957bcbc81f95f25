using WeightSpace.Analysis.Trajectories;

namespace WeightSpace.Tests.Analysis.Trajectories;

/// <summary>Each measure against its definition, and on paths whose measures are known.</summary>
public sealed class TrajectoryMeasuresTests
{
    private const double Tight = 1e-9;

    [Fact]
    public void EveryMeasureIsThatOfItsDefinition()
    {
        float[][] path = MemoryGroup.Walk(9, 70, 3, drift: 0.4);
        (CheckpointMeasures[] rows, PathSummary summary, PathGeometry geometry) = Measure(path, 30, 33, 7);
        double arc = 0;
        for (int k = 0; k < path.Length; k++)
        {
            CheckpointMeasures row = rows[k];
            Near(PlainPath.Norm(path[k]), row.Norm);
            Near(PlainPath.Kurtosis(path[k]), row.Kurtosis);
            Near(PlainPath.Distance(path, k, 0), row.DistanceFromStart);
            if (k == 0)
            {
                Assert.Equal((0d, null, null, null), (row.ArcLength, row.StepLength, row.Speed, row.Tortuosity));
                continue;
            }
            double length = PlainPath.Distance(path, k, k - 1);
            arc += length;
            Near(length, row.StepLength);
            Near(length / PlainPath.Norm(path[k - 1]), row.RelativeStepLength);
            Near(length / 10, row.Speed);
            Near(arc, row.ArcLength);
            Near(arc / PlainPath.Distance(path, k, 0), row.Tortuosity);
            if (k == 1)
            {
                Assert.Equal((null, null), (row.TurningAngle, row.Curvature));
                continue;
            }
            Near(double.RadiansToDegrees(Math.Acos(PlainPath.Cosine(PlainPath.Update(path, k), PlainPath.Update(path, k - 1)))), row.TurningAngle);
            Near(PlainPath.Curvature(path, k), row.Curvature);
        }
        Near(arc, summary.ArcLength);
        Near(PlainPath.Distance(path, 8, 0), summary.Displacement);
        Near(Enumerable.Range(2, 7).Average(k => PlainPath.Curvature(path, k)), summary.MeanCurvature);
        Near(Enumerable.Range(2, 7).Average(k => PlainPath.Cosine(PlainPath.Update(path, k), PlainPath.Update(path, k - 1))), summary.Smoothness);
        Near(PlainPath.Roughness(path), summary.Roughness);
        Near(PlainPath.ParticipationRatio(path), summary.Dimension);
        double?[,] cosines = TrajectoryMeasures.UpdateCosines(geometry), map = TrajectoryMeasures.TrajectoryMap(geometry);
        double[][] positions = [.. path.Select(one => one.Select(value => (double)value).ToArray())];
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < 8; j++)
                Near(PlainPath.Cosine(PlainPath.Update(path, i + 1), PlainPath.Update(path, j + 1)), cosines[i, j]);
        }
        for (int i = 0; i < 9; i++)
        {
            for (int j = 0; j < 9; j++)
                Near(PlainPath.Cosine(positions[i], positions[j]), map[i, j]);
        }
        Near(map.Cast<double?>().Average()!.Value, summary.DirectionalSimilarity);
        Near(Enumerable.Range(0, 8).SelectMany(i => Enumerable.Range(0, 8).Where(j => j != i).Select(j => cosines[i, j])).Average()!.Value, summary.UpdateSimilarity);
    }

    [Fact]
    public void AStraightLineAtOneSpeedHasNoTurnAndOneDimension()
    {
        // Powers of two, so that nothing is rounded.
        float[][] path = [.. Enumerable.Range(0, 12).Select(k => new[] { 1 + (0.25f * k), -0.5f * k, 3, 0.125f * k })];
        (CheckpointMeasures[] rows, PathSummary summary, _) = Measure(path);
        Near(1, summary.Tortuosity);
        Near(1, summary.Smoothness);
        Near(1, summary.UpdateSimilarity);
        Near(1, summary.Dimension);
        Assert.Equal(1, summary.Components95);
        Assert.Null(summary.Roughness); // equal updates have no variance to compare with
        Assert.All(rows.Skip(2), row => Assert.Equal((0d, 0d), (row.TurningAngle, row.Curvature)));
    }

    [Theory]
    [InlineData(0.5, 12)]
    [InlineData(2, 40)]
    public void ACircleHasTheCurvatureOfItsRadiusAndTwoDimensions(double radius, int points)
    {
        // Radius in the plane of the first and third weights, once around.
        float[][] path = [.. Enumerable.Range(0, points + 1).Select(k => new[] { (float)(radius * Math.Cos(2 * Math.PI * k / points)), 0.3f, (float)(radius * Math.Sin(2 * Math.PI * k / points)) })];
        (CheckpointMeasures[] rows, PathSummary summary, _) = Measure(path[..points]);
        Assert.All(rows.Skip(2), row =>
        {
            Assert.Equal(1 / radius, row.Curvature!.Value, 1e-4 / radius);
            Assert.Equal(360.0 / points, row.TurningAngle!.Value, 1e-3);
        });
        // All around, the checkpoints vary alike in two directions.
        Assert.Equal(2, summary.Dimension!.Value, 1e-5);
        Assert.Equal(2, summary.Components95);
        Assert.Equal(2 * radius * Math.Sin(Math.PI / points) * (points - 1), summary.ArcLength!.Value, 1e-5);
        // |u_{i+1} - u_i| = 2 sin(pi / n) |u|, and over a full turn the updates' mean is 0.
        (_, PathSummary closed, _) = Measure(path);
        Assert.Equal(4 * Math.Pow(Math.Sin(Math.PI / points), 2) * (points - 1) / points, closed.Roughness!.Value, 1e-3);
        Assert.True(closed.Displacement < 1e-6);
    }

    [Fact]
    public void ARandomWalkHasTheNumbersThatAreKnownOfIt()
    {
        const int steps = 200;
        (_, PathSummary summary, PathGeometry geometry) = Measure(MemoryGroup.Walk(steps + 1, 20_000, 5));
        Assert.Equal(Math.Sqrt(steps), summary.Tortuosity!.Value, 0.15);
        Assert.Equal(90, summary.MeanTurningAngle!.Value, 0.2);
        Assert.Equal(0, summary.Smoothness!.Value, 0.01);
        Assert.Equal(2, summary.Roughness!.Value, 0.02);
        // (pi^2 / 6)^2 / (pi^4 / 90) in the limit: eigenvalues fall as 1 / k^2 (Antognini and Sohl-Dickstein, 2018).
        Assert.Equal(2.5, summary.Dimension!.Value, 0.05);
        Assert.InRange(summary.Components95!.Value, 11, 13);
        double[] spectrum = geometry.Spectrum();
        Assert.Equal(6 / (Math.PI * Math.PI), spectrum[0] / spectrum.Sum(), 0.01);
        // The walk that is computed beside every path is this one.
        PathSummary walk = summary.RandomWalk!;
        Assert.Equal(summary.Tortuosity!.Value, walk.Tortuosity!.Value, 0.2);
        Assert.Equal(summary.Dimension!.Value, walk.Dimension!.Value, 0.03);
        Assert.Equal(summary.DirectionalSimilarity!.Value, walk.DirectionalSimilarity!.Value, 0.01);
        Assert.Equal((90d, 0d, 0d), (walk.MeanTurningAngle, walk.Smoothness, walk.UpdateSimilarity));
        Assert.Null(walk.RandomWalk);
    }

    [Fact]
    public void AZigzagTurnsBackAndIsRough()
    {
        float[][] path = [.. Enumerable.Range(0, 41).Select(k => new[] { k % 2 == 0 ? 0f : 1f, 0.001f * k })];
        (CheckpointMeasures[] rows, PathSummary summary, _) = Measure(path);
        Assert.All(rows.Skip(2), row => Assert.InRange(row.TurningAngle!.Value, 179, 180));
        Assert.Equal(4 * 39 / 40.0, summary.Roughness!.Value, 1e-4);
        Assert.Equal(-1, summary.Smoothness!.Value, 1e-4);
    }

    [Fact]
    public void SmallStepsOfLargeWeightsKeepTheirDigits()
    {
        // From inner products of the checkpoints themselves in single precision nothing would be left of these.
        float[][] path = MemoryGroup.Walk(6, 500, 8, start: 1000);
        (CheckpointMeasures[] rows, _, _) = Measure(path);
        for (int k = 1; k < path.Length; k++)
            Assert.Equal(1, rows[k].StepLength!.Value / PlainPath.Distance(path, k, k - 1), 1e-12);
        Assert.Equal(1, rows[5].DistanceFromStart!.Value / PlainPath.Distance(path, 5, 0), 1e-12);
    }

    [Fact]
    public void ACheckpointThatIsTheSameAsTheOneBeforeHasNoAngle()
    {
        float[][] path = [[1, 2], [2, 2], [2, 2], [3, 2], [2, 2]];
        (CheckpointMeasures[] rows, PathSummary summary, PathGeometry geometry) = Measure(path);
        Assert.Equal([null, null, null, null, 180], rows.Select(row => row.TurningAngle));
        Assert.All(rows, row => Assert.Null(row.Curvature)); // back where it was: no circle
        Assert.Null(TrajectoryMeasures.UpdateCosines(geometry)[1, 1]);
        Assert.Equal(-1d, summary.Smoothness);
        Assert.Equal(3d, summary.Tortuosity);
    }

    [Fact]
    public void OneCheckpointIsAPathWithoutLength()
    {
        (CheckpointMeasures[] rows, PathSummary summary, _) = Measure([[3, 4]]);
        Assert.Equal((5d, 0d, 0d, null), (rows[0].Norm, rows[0].ArcLength, rows[0].DistanceFromStart, rows[0].StepLength));
        Assert.Equal((1, null, null, null, null), (summary.Checkpoints, summary.ArcLength, summary.Tortuosity, summary.Dimension, summary.DirectionalSimilarity));
    }

    [Fact]
    public void SpeedAgainstEpochsNeedsEpochs()
    {
        float[][] path = [[0, 0], [3, 4], [3, 4.5f], [3, 5]];
        var group = new MemoryGroup([.. path.Select((_, k) => MemoryGroup.Item("network", k == 3 ? 20 : 10 * k, k < 3 ? [("epoch", (k / 2.0).ToString(System.Globalization.CultureInfo.InvariantCulture))] : []))], path);
        PathSums sums = PathPass.Run(group, [0, 1, 2, 3], new PathPassOptions(), TestContext.Current.CancellationToken).Sums!;
        CheckpointMeasures[] rows = TrajectoryMeasures.Rows(PathGeometry.Of(sums), [.. group.Items.Select(PathItems.Known)]);
        Assert.Equal([null, 10, 1, null], rows.Select(row => row.SpeedPerEpoch));
        Assert.Equal([null, 0.5, 0.05, null], rows.Select(row => row.Speed)); // two checkpoints of one step have none
    }

    private static (CheckpointMeasures[] Rows, PathSummary Summary, PathGeometry Geometry) Measure(float[][] path, params int[] tensors)
    {
        MemoryGroup group = MemoryGroup.Path(path, tensors);
        PathSums sums = PathPass.Run(group, [.. Enumerable.Range(0, path.Length)], new PathPassOptions(), TestContext.Current.CancellationToken).Sums!;
        PathGeometry geometry = PathGeometry.Of(sums);
        return (TrajectoryMeasures.Rows(geometry, [.. group.Items.Select((item, k) => PathItems.Known(item) with { Kurtosis = sums.Moments[k].Kurtosis })]), TrajectoryMeasures.Summary(geometry), geometry);
    }

    private static void Near(double expected, double? found)
    {
        Assert.NotNull(found);
        Assert.Equal(expected, found.Value, Tight * Math.Max(1, Math.Abs(expected)));
    }
}
