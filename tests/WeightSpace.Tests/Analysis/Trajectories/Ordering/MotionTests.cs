using WeightSpace.Analysis.Trajectories.Ordering;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Trajectories.Ordering;

/// <summary>The parts of the tree by motion.</summary>
public sealed class MotionTests
{
    /// <summary>Hops of shortest ways with one power for all are wrong for one of these: where noise is little, ways lead through contemporaries, where it is much, they leave checkpoints out.</summary>
    [Theory]
    [InlineData(0.1, 3)]
    [InlineData(0.2, 3)]
    [InlineData(2, 1.25)]
    public void TheStepsBeforeEachCheckpointAreCounted(double noise, double wrongPower)
    {
        GrownPaths paths = Forks(noise);
        (CheckpointDistances distances, int[] members) = Measure(paths);
        int[] truth = [.. paths.Truth.Select(place => (int)place.Step)];
        Assert.NotEqual(truth, PathPotential.From(distances, members, 0, wrongPower).Hops);
        Assert.Equal(truth, TrainingTime.Of(distances, members, 0, keepsPace: false).Steps);
    }

    /// <summary>Against the regression written out in weights.</summary>
    [Fact]
    public void MotionFromDistancesIsTheSlopeOfTheWeights()
    {
        GrownPaths paths = new GrownPaths().Network(0, 30); // one path: its neighbours in time are all that is around a checkpoint
        (CheckpointDistances distances, int[] members) = Measure(paths);
        var motion = new LocalMotion(distances, members, members);
        const int y = 15, from = y - 8, to = y + 8;
        double[] slope = new double[paths.Row(0).Length];
        double spread = Enumerable.Range(from, to - from + 1).Sum(t => Math.Pow(t - y, 2));
        for (int t = from; t <= to; t++)
        {
            for (int i = 0; i < slope.Length; i++)
                slope[i] += (t - y) * (double)paths.Row(t)[i] / spread;
        }
        double squared = slope.Sum(value => value * value);
        Assert.Equal(squared, motion.Squared[y], 1e-4 * squared);
        foreach (int x in new[] { 10, 14, 20 })
        {
            double[] difference = [.. paths.Row(y).Zip(paths.Row(x), (a, b) => (double)a - b)];
            double along = difference.Zip(slope, (a, b) => a * b).Sum(), length = difference.Sum(value => value * value);
            Assert.Equal(along, motion.Along(x, y), 1e-4 * length);
            Assert.Equal(difference.Zip(slope, (a, b) => Math.Pow(a - b, 2)).Sum(), motion.Misfit(x, y), 1e-3 * length);
            Assert.Equal(length - (along * along / squared), motion.Across(x, y), 1e-3 * length);
        }
    }

    [Fact]
    public void TailsThatWereExchangedAreExchangedBack()
    {
        GrownPaths paths = new GrownPaths().Network(0, 30).Fork(1, 0, 9, 30);
        (CheckpointDistances distances, int[] members) = Measure(paths);
        int At(int network, int step) => Enumerable.Range(0, paths.Count).Single(i => paths.Truth[i] == new TruePlace(network, step));
        int[] truth = Parents(paths), wrong = [.. truth];
        (wrong[At(0, 20)], wrong[At(1, 20)]) = (At(1, 19), At(0, 19));
        TailExchange.Run(distances, members, wrong);
        Assert.Equal(truth, wrong);
    }

    [Fact]
    public void AStubIsTakenBackIntoItsPathAndAForkIsNot()
    {
        GrownPaths paths = new GrownPaths().Network(0, 30).Fork(1, 0, 9, 30);
        (CheckpointDistances distances, int[] members) = Measure(paths);
        int[] truth = Parents(paths), wrong = [.. truth];
        wrong[21] = 19; // and 20 hangs beside the path
        Stubs.Insert(distances, members, wrong);
        Assert.Equal(truth, wrong);
    }

    private static GrownPaths Forks(double noise)
    {
        GrownPaths paths = new GrownPaths().Network(0, 40, noise: noise);
        return paths.Fork(1, 0, 9, 40, noise: noise).Fork(2, 0, 19, 40, noise: noise).Fork(3, 0, 29, 40, noise: noise);
    }

    /// <summary>The tree as it was grown: the checkpoint one step earlier of the same network, or of the parent, which is network 0.</summary>
    private static int[] Parents(GrownPaths paths)
    {
        var places = paths.Truth.Select((place, i) => (place, i)).ToDictionary(pair => pair.place, pair => pair.i);
        return [.. paths.Truth.Select(place => place.Step == 0 ? -1 : places.TryGetValue(place with { Step = place.Step - 1 }, out int own) ? own : places[new TruePlace(0, place.Step - 1)])];
    }

    private static (CheckpointDistances Distances, int[] Members) Measure(GrownPaths paths)
    {
        using FloatRows rows = paths.Rows();
        return (CheckpointDistances.Of(rows, TestContext.Current.CancellationToken), [.. Enumerable.Range(0, paths.Count)]);
    }
}
