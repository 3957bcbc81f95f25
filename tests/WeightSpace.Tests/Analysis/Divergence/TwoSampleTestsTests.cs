using WeightSpace.Analysis;
using WeightSpace.Analysis.Divergence;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Divergence;

/// <summary>Each test must find a planted difference and stay at its level without one.</summary>
public sealed class TwoSampleTestsTests
{
    private const int Permutations = 199, Features = 20, Repeats = 400;

    [Fact]
    public void TheEnergyDistanceIsTheOneOfItsDefinition()
    {
        // Points 0, 1 against 3, 7 on a line, by hand: E|X-Y| = (3 + 7 + 2 + 6) / 4 = 4.5, E|X-X'| = 2 / 4, E|Y-Y'| = 8 / 4.
        double[] at = [0, 1, 3, 7];
        double[] distances = [.. at.SelectMany(a => at.Select(b => Math.Abs(a - b)))];
        TestOutcome outcome = TwoSampleTests.Energy(distances, [false, false, true, true], 99, new RandomStream(1, RandomPurpose.Testing));
        Assert.Equal((9 - 0.5 - 2) / 9, outcome.Effect, 1e-12);
        // Of the six ways to choose two of four points, this one and its mirror give the most: a third of all.
        Assert.InRange(outcome.PValue, 0.2, 0.5);
    }

    [Fact]
    public void ABinomialTailIsExact()
    {
        Assert.Equal(1, TwoSampleTests.BinomialTail(10, 0), 1e-12);
        Assert.Equal(1 / 1024.0, TwoSampleTests.BinomialTail(10, 10), 1e-15);
        Assert.Equal((1 + 10 + 45) / 1024.0, TwoSampleTests.BinomialTail(10, 8), 1e-15);
    }

    [Theory]
    [InlineData(0.0, 0.02, 0.09)]
    [InlineData(1.2, 0.95, 1.0)]
    public void GroupsAreToldApartOnlyWhereTheyDiffer(double shift, double least, double most)
    {
        int rejected = 0;
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            var random = new RandomStream((ulong)repeat, RandomPurpose.Testing, 1);
            const int count = 20;
            double[][] rows = [.. Enumerable.Range(0, 2 * count).Select(row => Row(ref random, row < count ? 0 : shift))];
            double[] distances = [.. rows.SelectMany(a => rows.Select(b => Math.Sqrt(a.Zip(b).Sum(pair => (pair.First - pair.Second) * (pair.First - pair.Second)))))];
            bool[] isSecond = [.. rows.Select((_, row) => row >= count)];
            rejected += TwoSampleTests.Energy(distances, isSecond, Permutations, random).PValue <= 0.05 ? 1 : 0;
        }
        Assert.InRange(rejected / (double)Repeats, least, most);
    }

    [Theory]
    [InlineData(0.0, 0.02, 0.09)]
    [InlineData(0.9, 0.95, 1.0)]
    public void DisplacementsShareADirectionOnlyWhereOneIsPlanted(double shift, double least, double most)
    {
        int rejected = 0;
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            var random = new RandomStream((ulong)repeat, RandomPurpose.Testing, 2);
            const int count = 20;
            double[][] units = [.. Enumerable.Range(0, count).Select(_ => Row(ref random, shift))];
            foreach (double[] unit in units)
            {
                double norm = Math.Sqrt(unit.Sum(value => value * value));
                for (int i = 0; i < unit.Length; i++)
                    unit[i] /= norm;
            }
            double[] cosines = [.. units.SelectMany((a, i) => units.Select((b, j) => i == j ? 0 : a.Zip(b).Sum(pair => pair.First * pair.Second)))];
            rejected += TwoSampleTests.SharedDirection(cosines, [.. Enumerable.Range(0, count)], Permutations, random).PValue <= 0.05 ? 1 : 0;
        }
        Assert.InRange(rejected / (double)Repeats, least, most);
    }

    [Theory]
    [InlineData(0.0, 0.0, 0.09)] // a binomial of few throws stays below its level
    [InlineData(2.5, 0.95, 1.0)]
    public void AClassifierTellsGroupsApartOnlyWhereTheyDiffer(double shift, double least, double most)
    {
        int rejected = 0;
        for (int repeat = 0; repeat < Repeats / 4; repeat++)
        {
            var random = new RandomStream((ulong)repeat, RandomPurpose.Testing, 3);
            FeatureMatrix Group(double by) => new("group", 20, Features, [.. Enumerable.Range(0, 20).SelectMany(_ => Row(ref random, by)).Select(value => (float)value)]);
            rejected += TwoSampleTests.Classifier(Group(0), Group(shift)).PValue <= 0.05 ? 1 : 0;
        }
        Assert.InRange(rejected / (Repeats / 4.0), least, most);
    }

    [Fact]
    public void PairsOfOneSeedChangeSignTogether()
    {
        // Two seeds of ten pairs each, all displacements of a seed alike, those of different seeds opposite: whatever the signs of whole seeds, cosines within a seed stay.
        int[] seeds = [.. Enumerable.Range(0, 20).Select(pair => pair / 10)];
        double[] cosines = [.. Enumerable.Range(0, 400).Select(i => i / 20 == i % 20 || i / 20 / 10 == i % 20 / 10 ? 0.0 : 1.0)];
        TestOutcome outcome = TwoSampleTests.SharedDirection(cosines, seeds, 999, new RandomStream(1, RandomPurpose.Testing));
        Assert.Equal(1, outcome.Effect, 1e-12);
        Assert.InRange(outcome.PValue, 0.4, 0.6); // two seeds can say no more
    }

    private static double[] Row(ref RandomStream random, double shift)
    {
        var row = new double[Features];
        for (int i = 0; i < row.Length; i++)
            row[i] = random.NextNormal() + (i < 4 ? shift : 0);
        return row;
    }
}
