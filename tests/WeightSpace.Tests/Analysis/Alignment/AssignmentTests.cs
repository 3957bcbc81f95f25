using WeightSpace.Analysis.Alignment;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Alignment;

public sealed class AssignmentTests
{
    [Fact]
    public void TheSumIsTheGreatestOfAllOrders()
    {
        for (ulong seed = 0; seed < 200; seed++)
        {
            var stream = new RandomStream(seed, RandomPurpose.Testing, 3);
            int n = 1 + (int)(seed % 6);
            // Whole numbers now and then, so that there are ties.
            double[] scores = [.. Enumerable.Range(0, n * n).Select(_ => seed % 3 == 0 ? stream.NextBelow(3) : stream.NextNormal())];
            int[] columns = Assignment.Maximise(scores, n);
            Assert.Equal(n, columns.Distinct().Count());
            Assert.Equal(Best(scores, n, 0, new bool[n]), columns.Select((column, row) => scores[(row * n) + column]).Sum(), 1e-9);
        }
    }

    [Fact]
    public void APlantedOrderOfManyIsFound()
    {
        const int n = 150;
        var stream = new RandomStream(1, RandomPurpose.Testing, 4);
        var planted = new int[n];
        stream.Permute(planted);
        var scores = new double[n * n];
        for (int i = 0; i < scores.Length; i++)
            scores[i] = stream.NextUniformDouble() + (planted[i / n] == i % n ? 1 : 0);
        Assert.Equal(planted, Assignment.Maximise(scores, n));
    }

    [Fact]
    public void WrongScoresAreRefused()
    {
        Assert.Throws<ArgumentException>(() => Assignment.Maximise(new double[3], 2));
        Assert.Throws<ArgumentException>(() => Assignment.Maximise([double.NaN, double.NaN, double.NaN, double.NaN], 2));
    }

    /// <summary>The greatest sum of rows from <paramref name="row"/> on, by trying all.</summary>
    private static double Best(double[] scores, int n, int row, bool[] taken)
    {
        if (row == n)
            return 0;
        double best = double.NegativeInfinity;
        for (int column = 0; column < n; column++)
        {
            if (taken[column])
                continue;
            taken[column] = true;
            best = Math.Max(best, scores[(row * n) + column] + Best(scores, n, row + 1, taken));
            taken[column] = false;
        }
        return best;
    }
}
