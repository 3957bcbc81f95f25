using WeightSpace.Analysis.Trajectories;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Trajectories;

/// <summary>Paths that grow by one checkpoint at a time, and the file that remembers them.</summary>
public sealed class TrackedPathTests
{
    private const int Weights = 6000;
    private static readonly int[] s_tensors = [4000, 1500, 500];

    [Fact]
    public void AGrowingPathHasTheRowsOfTheWholeOne()
    {
        float[][] weights = MemoryGroup.Walk(12, Weights, 1, drift: 0.3);
        MemoryGroup group = MemoryGroup.Path(weights, s_tensors);
        CheckpointMeasures[] expected = Whole(group, 12, out PathGeometry exact);
        var path = new TrackedPath("network", group.Tensors, new RotatedSketch(500, 0));
        for (int k = 0; k < 12; k++)
        {
            Same(expected[k], path.Add(group, k, TestContext.Current.CancellationToken));
            Assert.Equal(k + 1, path.Rows.Count());
        }
        // Neighbours are exact, the others within the bound: 55 pairs beyond six deviations would be a wonder.
        double?[,] cosines = TrajectoryMeasures.UpdateCosines(exact), found = TrajectoryMeasures.UpdateCosines(path.Geometry()!);
        double off = 0;
        for (int i = 0; i < 11; i++)
        {
            for (int j = 0; j < 11; j++)
            {
                if (Math.Abs(i - j) <= 1)
                    Assert.Equal(cosines[i, j]!.Value, found[i, j]!.Value, 1e-9);
                else
                    off = Math.Max(off, Math.Abs(cosines[i, j]!.Value - found[i, j]!.Value) / RotatedSketch.CosineDeviation(500, cosines[i, j]!.Value));
            }
        }
        Assert.InRange(off, 0.5, 5);
        // A checkpoint is read for itself, for the two that follow it, and the first one for all.
        Assert.Equal([.. new[] { 12 }.Concat(Enumerable.Repeat(3, 9)), 2, 1], Enumerable.Range(0, 12).Select(k => (int)(group.Read(k) / Weights)));
    }

    [Fact]
    public void AsManyNumbersAsWeightsLoseNothing()
    {
        float[][] weights = MemoryGroup.Walk(8, Weights, 2, drift: 0.2);
        MemoryGroup group = MemoryGroup.Path(weights, s_tensors);
        Whole(group, 8, out PathGeometry exact);
        var path = new TrackedPath("network", group.Tensors, TrackedPath.SketchFor(Weights));
        for (int k = 0; k < 8; k++)
            path.Add(group, k, TestContext.Current.CancellationToken);
        PathSummary expected = TrajectoryMeasures.Summary(exact), found = path.Summary()!;
        Assert.Equal(expected.Dimension!.Value, found.Dimension!.Value, 1e-9);
        Assert.Equal(expected.Roughness!.Value, found.Roughness!.Value, 1e-9);
        Assert.Equal(expected.DirectionalSimilarity!.Value, found.DirectionalSimilarity!.Value, 1e-9);
        Assert.Equal(expected.UpdateSimilarity!.Value, found.UpdateSimilarity!.Value, 1e-9);
        Assert.Equal(expected.Components95, found.Components95);
    }

    [Fact]
    public void WhereEarlierCheckpointsAreGoneSketchesStandInAndSayIt()
    {
        float[][] weights = MemoryGroup.Walk(10, Weights, 3, drift: 0.3);
        MemoryGroup all = MemoryGroup.Path(weights, s_tensors);
        CheckpointMeasures[] expected = Whole(all, 10, out _);
        var path = new TrackedPath("network", all.Tensors, new RotatedSketch(2000, 0));
        for (int k = 0; k < 10; k++)
        {
            // Only the newest checkpoint is still there.
            CheckpointMeasures row = path.Add(new MemoryGroup([all.Items[k]], [weights[k]], s_tensors), 0, TestContext.Current.CancellationToken);
            Assert.Equal(k > 0, row.IsEstimated);
            Assert.Equal(expected[k].Norm!.Value, row.Norm!.Value, 1e-9);
            if (k > 0)
            {
                Assert.Equal(1, row.StepLength!.Value / expected[k].StepLength!.Value, 5 * Math.Sqrt(1 / (2 * 2000.0)));
                Assert.Equal(1, row.DistanceFromStart!.Value / expected[k].DistanceFromStart!.Value, 5 * Math.Sqrt(1 / (2 * 2000.0)));
            }
        }
    }

    [Fact]
    public void ADamagedCheckpointIsMarkedAndThePathGoesOn()
    {
        float[][] weights = MemoryGroup.Walk(5, Weights, 4);
        MemoryGroup sound = new([.. new[] { 0, 1, 3, 4 }.Select(k => MemoryGroup.Item("network", 10 * k))], [weights[0], weights[1], weights[3], weights[4]], s_tensors);
        CheckpointMeasures[] expected = Whole(sound, 4, out _);
        weights[2][4100] = float.NaN;
        MemoryGroup group = MemoryGroup.Path(weights, s_tensors);
        var path = new TrackedPath("network", group.Tensors, TrackedPath.SketchFor(Weights));
        CheckpointMeasures[] rows = [.. Enumerable.Range(0, 5).Select(k => path.Add(group, k, TestContext.Current.CancellationToken))];
        Assert.Equal("'tensor1' holds NaN", rows[2].Problem);
        Assert.Null(rows[2].Norm);
        foreach ((CheckpointMeasures row, CheckpointMeasures of) in new[] { 0, 1, 3, 4 }.Select(k => rows[k]).Zip(expected))
            Same(of, row);
        Assert.Equal(4, path.Summary()!.Checkpoints);
    }

    [Fact]
    public void AStateGoesOnWhereItStoppedToTheBit()
    {
        using var folder = new Folder();
        float[][] weights = MemoryGroup.Walk(9, Weights, 5, drift: 0.1);
        weights[3][0] = float.PositiveInfinity;
        MemoryGroup all = MemoryGroup.Path(weights, s_tensors);
        var whole = new TrackedPath("network", all.Tensors, TrackedPath.SketchFor(Weights, 700));
        string file = folder["state.safetensors"];
        for (int k = 0; k < 9; k++)
        {
            whole.Add(all, k, TestContext.Current.CancellationToken);
            TrackState state = TrackState.Open(file);
            Assert.Equal(k, state.Paths.Sum(path => path.Rows.Count()));
            Assert.False(state.Has(all, "network", all.Items[k].Name));
            TrackedPath path = state.PathOf(all, "network", TrackedPath.SketchFor(Weights, 700));
            path.Add(all, k, TestContext.Current.CancellationToken);
            state.Write();
        }
        TrackedPath restored = Assert.Single(TrackState.Open(file).Paths);
        Assert.Equal(whole.Rows, restored.Rows);
        Assert.Equal(whole.Summary(), restored.Summary());
        Assert.Equal(whole.Geometry()!.UpdateProducts.Cast<double>(), restored.Geometry()!.UpdateProducts.Cast<double>());
        Assert.Equal(whole.Points.Select(point => point.SquaredLengths), restored.Points.Select(point => point.SquaredLengths));
        Assert.False(File.Exists(file + ".tmp"));
    }

    [Fact]
    public void DamagedStatesAreRefusedWithAReason()
    {
        using var folder = new Folder();
        string file = folder["state.safetensors"];
        MemoryGroup group = MemoryGroup.Path(MemoryGroup.Walk(3, 100, 6));
        TrackState state = TrackState.Open(file);
        for (int k = 0; k < 3; k++)
            state.PathOf(group, "network", TrackedPath.SketchFor(100)).Add(group, k, TestContext.Current.CancellationToken);
        state.Write();
        string text = File.ReadAllText(file, System.Text.Encoding.Latin1);
        void Refused(string name, string changed, string message)
        {
            File.WriteAllText(folder[name], changed, System.Text.Encoding.Latin1);
            InputException error = Assert.Throws<InputException>(() => TrackState.Open(folder[name]));
            Assert.Contains(folder[name], error.Message, StringComparison.Ordinal);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
        Refused("short", text[..^8], "cut off");
        Refused("other", text.Replace("weightspace-track", "weightspace-trick", StringComparison.Ordinal), "not the state of tracked paths");
        Refused("newer", text.Replace("\"format_version\":\"1\"", "\"format_version\":\"2\"", StringComparison.Ordinal), "format version 2");
        Refused("sketch", text.Replace("\\u0022sketch\\u0022:100", "\\u0022sketch\\u0022:101", StringComparison.Ordinal), "sketches.0");
        Refused("name", text.Replace("\\u0022estimated\\u0022:false", "\\u0022estimated\\u0022:12345", StringComparison.Ordinal), "estimated");
        byte[] bytes = File.ReadAllBytes(file);
        BitConverter.GetBytes(double.NaN).CopyTo(bytes, bytes.Length - 8);
        File.WriteAllBytes(folder["nan"], bytes);
        Assert.Contains("not finite", Assert.Throws<InputException>(() => TrackState.Open(folder["nan"])).Message, StringComparison.Ordinal);
        Assert.Contains("this is a folder", Assert.Throws<InputException>(() => TrackState.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void APathGoesForwardOnlyAndKeepsItsTensors()
    {
        MemoryGroup group = MemoryGroup.Path(MemoryGroup.Walk(3, 100, 7));
        var path = new TrackedPath("network", group.Tensors, TrackedPath.SketchFor(100));
        path.Add(group, 1, TestContext.Current.CancellationToken);
        Assert.Contains("forward only", Assert.Throws<ArgumentException>(() => path.Add(group, 0, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        Assert.Contains("tensors", Assert.Throws<ArgumentException>(() => path.Add(MemoryGroup.Path(MemoryGroup.Walk(3, 100, 7), 50, 50), 2, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        Assert.Single(path.Rows);
    }

    [Fact]
    public void TheSameStepTwiceHasALengthAndNoSpeed()
    {
        float[][] weights = MemoryGroup.Walk(3, 100, 8);
        var group = new MemoryGroup([MemoryGroup.Item("a", 0), MemoryGroup.Item("a", 10), MemoryGroup.Item("a", 10) with { Name = "best" }], weights);
        var path = new TrackedPath("a", group.Tensors, TrackedPath.SketchFor(100));
        path.Add(group, 0, TestContext.Current.CancellationToken);
        Assert.NotNull(path.Add(group, 1, TestContext.Current.CancellationToken).Speed);
        CheckpointMeasures again = path.Add(group, 2, TestContext.Current.CancellationToken);
        Assert.Null(again.Speed);
        Assert.Equal(PlainPath.Distance(weights, 2, 1), again.StepLength!.Value, 1e-9);
    }

    private static CheckpointMeasures[] Whole(ICheckpointGroup group, int count, out PathGeometry geometry)
    {
        PathSums sums = PathPass.Run(group, [.. Enumerable.Range(0, count)], new PathPassOptions(), TestContext.Current.CancellationToken).Sums!;
        geometry = PathGeometry.Of(sums);
        if (group is MemoryGroup memory)
            memory.Forget();
        return TrajectoryMeasures.Rows(geometry, [.. group.Items.Select((item, k) => PathItems.Known(item) with { Kurtosis = sums.Moments[k].Kurtosis })]);
    }

    /// <summary>The same numbers but for the last digits: sums were made in another order.</summary>
    private static void Same(CheckpointMeasures expected, CheckpointMeasures found)
    {
        Assert.Equal((expected.Name, expected.Step, expected.Problem, expected.IsEstimated), (found.Name, found.Step, found.Problem, found.IsEstimated));
        foreach (PathMeasure measure in PathMeasure.All)
        {
            Assert.Equal(measure.Value(expected) is null, measure.Value(found) is null);
            if (measure.Value(expected) is { } value)
                Assert.True(Math.Abs(value - measure.Value(found)!.Value) <= 1e-9 * Math.Max(1, Math.Abs(value)), $"{measure.Name} of {expected.Name}: {value} and {measure.Value(found)}");
        }
    }
}
