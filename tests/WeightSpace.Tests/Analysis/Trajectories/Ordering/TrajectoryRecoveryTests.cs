using WeightSpace.Analysis.Trajectories.Ordering;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Trajectories.Ordering;

public sealed class TrajectoryRecoveryTests
{
    [Fact]
    public void NetworksWithStartsOfTheirOwnAreFoundWithoutTheirNumber()
    {
        var paths = new GrownPaths();
        for (int number = 0; number < 12; number++)
            paths.Network(number, 10 + number);
        paths = paths.Shuffled(3);
        OrderScores scores = paths.Score(paths.Recover());
        Assert.Equal((12, 12, 1.0, 1.0), (scores.Networks, scores.Found, scores.AdjustedRand.Value, scores.DirectedOrder!.Value));
        Assert.Equal(1, scores.DirectedEdges!.Value);
    }

    /// <summary>Where checkpoints are sparse, the first step is longer than the way from one network's initial weights to another's, and lengths tell nothing.</summary>
    [Fact]
    public void SparseCheckpointsOfNetworksWithStartsOfTheirOwnAreToldApart()
    {
        var paths = new GrownPaths();
        for (int number = 0; number < 12; number++)
            paths.Network(number, 6, drift: 22, noise: 3);
        double Distance(int i, int j) => Math.Sqrt(DenseVectors.SquaredDistance(paths.Row(i), paths.Row(j)));
        Assert.True(Distance(0, 1) > Distance(0, 6), "the case is too easy to test anything");
        paths = paths.Shuffled(6);
        OrderScores scores = paths.Score(paths.Recover());
        Assert.Equal((12, 12, 1.0, 1.0), (scores.Networks, scores.Found, scores.AdjustedRand.Value, scores.DirectedOrder!.Value));
    }

    [Fact]
    public void OneNetworkAloneIsOne()
    {
        GrownPaths paths = new GrownPaths().Network(0, 40).Shuffled(1);
        RecoveredTrajectories recovered = paths.Recover();
        OrderedTrajectory only = Assert.Single(recovered.Trajectories);
        Assert.Equal(Enumerable.Range(0, 40).Select(step => (long)step), only.Checkpoints.Select(i => paths.Truth[i].Step));
        Assert.Null(only.Parent);
        Assert.Equal(1, only.Separation);
        Assert.True(only.Direction > FoundTrajectory.LeastDirection, $"direction {only.Direction}");
    }

    /// <summary>Where single linkage told the number of networks fails.</summary>
    [Fact]
    public void NetworksFromOneStartAreToldApart()
    {
        GrownPaths paths = new GrownPaths().SameStart(20, 30).Shuffled(4);
        RecoveredTrajectories recovered = paths.Recover();
        Assert.Equal(19, recovered.SameAs.Count); // the start itself
        OrderScores scores = paths.Score(recovered);
        Assert.True(scores.AdjustedRand.Value > 0.95 && scores.DirectedOrder!.Value > 0.95, $"{scores}");
        OrderScores simple;
        using (FloatRows rows = paths.Rows())
            simple = paths.Score(OrderBaselines.SingleLinkageAndComponent(rows, 20));
        Assert.True(simple.AdjustedRand.Value < 0.6, $"the case is too easy to test anything: {simple}");
    }

    [Fact]
    public void AForkIsHungOnItsParentAndTheStemIsTheParents()
    {
        GrownPaths paths = new GrownPaths().Network(0, 40);
        paths.Fork(1, 0, 9, 40).Fork(2, 0, 19, 40).Fork(3, 0, 29, 40);
        RecoveredTrajectories recovered = paths.Recover();
        OrderScores scores = paths.Score(recovered);
        Assert.Equal((4, 4), (scores.Networks, scores.Found));
        Assert.True(scores.AdjustedRand.Value > 0.8, $"{scores}"); // behind the last fork nothing says which is the parent
        int[] behind = [.. recovered.Trajectories.Select(trajectory => trajectory.Parent).OfType<int>().Select(parent => (int)paths.Truth[parent].Step).Order()];
        Assert.Equal(3, behind.Length);
        Assert.All(behind.Zip([9, 19, 29]), pair => Assert.InRange(pair.First, pair.Second - 1, pair.Second + 1));
    }

    /// <summary>Networks that move alike by much more than what sets them apart: a contemporary is far nearer than the checkpoint before.</summary>
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.4)]
    public void ForksThatStayNearTheirParentAreFollowed(double noise)
    {
        GrownPaths paths = new GrownPaths().Network(0, 50, noise: noise);
        for (int fork = 1; fork < 10; fork++)
            paths.Fork(fork, 0, (5 * fork) - 1, 50, noise: noise);
        paths = paths.Shuffled(8);
        OrderScores scores = paths.Score(paths.Recover());
        Assert.True(scores.Found == 10 && scores.AdjustedRand.Value > 0.95 && scores.DirectedOrder!.Value > 0.95, $"{scores}");
    }

    /// <summary>A fork at a tenth of its parent's rate: it stands between its parent's next checkpoints, and the shortest ways to these lead through its many short steps.</summary>
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.3)]
    [InlineData(0.6)]
    public void ForksThatTakeFarShorterStepsAreFollowed(double noise)
    {
        GrownPaths paths = new GrownPaths().Network(0, 50, noise: noise);
        for (int fork = 1; fork < 4; fork++)
            paths.Fork(fork, 0, 4 + (10 * fork), 50, noise: noise, rate: 0.1);
        paths = paths.Shuffled(8);
        OrderScores scores = paths.Score(paths.Recover());
        Assert.True(scores.Found == 4 && scores.AdjustedRand.Value > 0.9 && scores.DirectedOrder!.Value > 0.95, $"{scores}");
    }

    /// <summary>The first step of all is so long that the start stands alone, and longer than the way from one network to another: only the start tells that these are no loops of one path.</summary>
    [Theory]
    [InlineData(4, 1)]
    [InlineData(8, 4)]
    [InlineData(30, 8)]
    public void SparseCheckpointsOfNetworksFromOneStartAreToldApart(double drift, double noise)
    {
        GrownPaths paths = new GrownPaths().SameStart(30, 6, drift, noise).Shuffled(5);
        OrderScores scores = paths.Score(paths.Recover());
        Assert.True(scores.Found == 30 && scores.AdjustedRand.Value > 0.95 && scores.DirectedOrder!.Value > 0.95, $"{scores}");
    }

    [Fact]
    public void CopiesAreNamedAndStandInNoPath()
    {
        GrownPaths paths = new GrownPaths().Network(0, 12).Network(0, 12).Network(5, 9);
        RecoveredTrajectories recovered = paths.Recover();
        // The second is drawn anew, but for its start.
        Assert.Equal([new KeyValuePair<int, int>(12, 0)], recovered.SameAs);
        Assert.DoesNotContain(12, recovered.Trajectories.SelectMany(trajectory => trajectory.Checkpoints));
        Assert.Equal(Enumerable.Range(0, paths.Count).Where(i => i != 12), recovered.Trajectories.SelectMany(trajectory => trajectory.Checkpoints).Order());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void AFewCheckpointsAreNoTrouble(int checkpoints)
    {
        GrownPaths paths = new GrownPaths().Network(0, checkpoints);
        Assert.Equal(checkpoints, paths.Recover().Trajectories.Sum(trajectory => trajectory.Checkpoints.Length));
    }

    [Fact]
    public void TheAnswerDoesNotDependOnTheOrderOfTheQuestion()
    {
        GrownPaths paths = new GrownPaths().SameStart(8, 20);
        GrownPaths other = paths.Shuffled(11);
        static IEnumerable<string> Named(GrownPaths of) => of.Recover().Trajectories
            .Select(trajectory => string.Join(" ", trajectory.Checkpoints.Where(i => of.Truth[i].Step > 0).Select(i => $"{of.Truth[i].Network}:{of.Truth[i].Step}"))).Order(StringComparer.Ordinal); // all have the start
        Assert.Equal(Named(paths), Named(other));
    }
}
