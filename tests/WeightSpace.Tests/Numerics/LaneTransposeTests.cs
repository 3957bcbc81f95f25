using WeightSpace.Numerics;

namespace WeightSpace.Tests.Numerics;

/// <summary>Whole squares, edges in both directions, rows that stand anywhere; nothing beside the target is touched.</summary>
public sealed unsafe class LaneTransposeTests
{
    [Theory]
    [InlineData(16, 16)]
    [InlineData(1, 1)]
    [InlineData(16, 5)]
    [InlineData(3, 32)]
    [InlineData(35, 50)]
    public void EveryElementChangesItsRowAndColumn(int rows, int columns)
    {
        int sourceStep = columns + 3, targetStep = rows + 2;
        float[] source = [.. Enumerable.Range(1, rows * sourceStep).Select(i => (float)i)], target = new float[columns * targetStep];
        fixed (float* from = source, to = target)
            LaneTranspose.Run(from, rows, columns, sourceStep, to, targetStep);
        for (int column = 0; column < columns; column++)
        {
            for (int row = 0; row < targetStep; row++)
                Assert.Equal(row < rows ? source[(row * sourceStep) + column] : 0, target[(column * targetStep) + row]);
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(9)]
    public void RowsMayStandAnywhere(int rows)
    {
        const int columns = 21;
        float[] source = [.. Enumerable.Range(1, 40 * columns).Select(i => (float)i)], target = new float[columns * rows];
        nint* offsets = stackalloc nint[rows];
        for (int row = 0; row < rows; row++)
            offsets[row] = (row * 7 % 39) * columns;
        fixed (float* from = source, to = target)
            LaneTranspose.Run(from, offsets, rows, columns, to, rows);
        for (int column = 0; column < columns; column++)
        {
            for (int row = 0; row < rows; row++)
                Assert.Equal(source[offsets[row] + column], target[(column * rows) + row]);
        }
    }

    [Theory]
    [InlineData(16, 1)]
    [InlineData(32, 7)]
    [InlineData(80, 64)]
    public void RowsAreSummedInOrder(int columns, int rows)
    {
        var stream = new RandomStream(2, RandomPurpose.Testing);
        float[] values = [.. Enumerable.Range(0, rows * columns).Select(_ => stream.NextUInt32() / 4e9f)], sums = new float[columns];
        fixed (float* from = values, to = sums)
            LaneMatrix.SumRows(from, rows, columns, to);
        for (int column = 0; column < columns; column++)
        {
            float sum = 0;
            for (int row = 0; row < rows; row++)
                sum += values[(row * columns) + column];
            Assert.Equal(sum, sums[column]);
        }
    }
}
