using WeightSpace.Analysis.Trajectories;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Trajectories;

public sealed class PathPassTests
{
    private static readonly int[] s_tensors = [5000, 1, 12_000, 77, 4096, 0, 9000];

    /// <summary>The definition, of whole checkpoints in memory.</summary>
    [Fact]
    public void SumsAreThoseOfWholeCheckpoints()
    {
        float[][] path = MemoryGroup.Walk(7, s_tensors.Sum(), 1);
        MemoryGroup group = MemoryGroup.Path(path, s_tensors);
        PathSums sums = PathPass.Run(group, [0, 1, 2, 3, 4, 5, 6], new PathPassOptions { ChunkValues = 50_000 }, TestContext.Current.CancellationToken).Sums!;
        for (int i = 0; i < 6; i++)
        {
            double[] update = PlainPath.Update(path, i + 1);
            for (int j = 0; j < 6; j++)
                Assert.Equal(PlainPath.Dot(update, PlainPath.Update(path, j + 1)), sums.UpdateProducts[i, j], 1e-9);
            int first = 0;
            for (int t = 0; t < s_tensors.Length; t++)
            {
                Assert.Equal(update[first..(first + s_tensors[t])].Sum(value => value * value), sums.SquaredLengths[i][t], 1e-9);
                first += s_tensors[t];
            }
        }
        Assert.All(Enumerable.Range(0, 7), k => Assert.Equal(path[k].Length, group.Read(k))); // every weight once
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9_999)]
    [InlineData(60_000)]
    [InlineData(1 << 24)]
    public void TheSizeOfThePiecesChangesNoBit(int chunk)
    {
        MemoryGroup group = MemoryGroup.Path(MemoryGroup.Walk(5, s_tensors.Sum(), 2), s_tensors);
        var sketch = new RotatedSketch(1000, 4);
        PathSums expected = PathPass.Run(group, [0, 1, 2, 3, 4], new PathPassOptions { ChunkValues = 123_456, Sketch = sketch }, TestContext.Current.CancellationToken).Sums!;
        PathSums found = PathPass.Run(group, [0, 1, 2, 3, 4], new PathPassOptions { ChunkValues = chunk, Sketch = sketch }, TestContext.Current.CancellationToken).Sums!;
        Assert.Equal(expected.UpdateProducts.Cast<double>(), found.UpdateProducts.Cast<double>());
        Assert.Equal(expected.Moments, found.Moments);
        Assert.Equal(expected.SquaredLengths, found.SquaredLengths);
        Assert.Equal(expected.Sketches, found.Sketches);
    }

    [Fact]
    public void NoMoreThanWasAskedForIsInMemory()
    {
        MemoryGroup group = MemoryGroup.Path(MemoryGroup.Walk(5, 60_000, 2), 20_000, 40_000);
        Assert.NotNull(PathPass.Run(group, [0, 1, 2, 3, 4], new PathPassOptions { ChunkValues = 50_000 }, TestContext.Current.CancellationToken).Sums);
        Assert.InRange(group.LargestRead, 4096, 50_000 / 5);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void WhatIsNotFiniteIsNamedAndNothingIsSummed(float value)
    {
        float[][] path = MemoryGroup.Walk(4, s_tensors.Sum(), 3);
        path[2][17_050] = value;
        (PathSums? sums, IReadOnlyList<NotFinite> damaged) = PathPass.Run(MemoryGroup.Path(path, s_tensors), [0, 1, 2, 3], new PathPassOptions(), TestContext.Current.CancellationToken);
        Assert.Null(sums);
        Assert.Equal([new NotFinite(2, "tensor3", value)], damaged);
    }

    [Fact]
    public void TheLargestFloatsAreNumbers()
    {
        float[][] path = [[float.MaxValue, 0, 1], [-float.MaxValue, 0, 1], [0, float.MaxValue, 1]];
        PathSums sums = PathPass.Run(MemoryGroup.Path(path), [0, 1, 2], new PathPassOptions(), TestContext.Current.CancellationToken).Sums!;
        Assert.All(sums.UpdateProducts.Cast<double>(), product => Assert.True(double.IsFinite(product)));
        Assert.Equal(2.0 * float.MaxValue, Math.Sqrt(sums.UpdateProducts[0, 0]), 1e24);
    }
}
