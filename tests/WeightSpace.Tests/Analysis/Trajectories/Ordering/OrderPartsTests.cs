using WeightSpace.Analysis.Alignment;
using WeightSpace.Analysis.Trajectories.Ordering;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Trajectories.Ordering;

/// <summary>The parts of the method against plain versions of themselves.</summary>
public sealed class OrderPartsTests
{
    [Theory]
    [InlineData(1, 0.3)]
    [InlineData(2, 1.0)]
    [InlineData(3, 3.0)]
    public void TheSparseAssignmentCostsWhatTheDenseOneDoes(ulong seed, double none)
    {
        const int rows = 30, columns = 25;
        var random = new RandomStream(seed, RandomPurpose.Testing);
        // As a dense problem: each row may also have a column of its own, at the cost of none, and every other column is too dear.
        const int n = rows + columns;
        const double dear = 1e6;
        var scores = new double[n * n];
        Array.Fill(scores, -dear);
        var candidates = new Candidate[rows][];
        for (int row = 0; row < rows; row++)
        {
            var of = new List<Candidate>();
            for (int column = 0; column < columns; column++)
            {
                if (random.NextUniform() < 0.7)
                    continue;
                double cost = random.NextUniform();
                of.Add(new Candidate(column, cost));
                scores[(row * n) + column] = -cost;
            }
            candidates[row] = [.. of];
            scores[(row * n) + columns + row] = -none;
        }
        for (int spare = rows; spare < n; spare++)
            Array.Fill(scores, 0, spare * n, n);
        double dense = 0;
        int[] given = Assignment.Maximise(scores, n);
        for (int row = 0; row < rows; row++)
            dense -= scores[(row * n) + given[row]];
        int[] sparse = SparseAssignment.Minimise(candidates, [.. Enumerable.Repeat(none, rows)], columns);
        double cheapest = sparse.Select((column, row) => column < 0 ? none : candidates[row].Single(candidate => candidate.Column == column).Cost).Sum();
        Assert.Equal(dense, cheapest, 1e-9);
        Assert.Equal(sparse.Count(column => column >= 0), sparse.Where(column => column >= 0).Distinct().Count());
        Assert.Contains(-1, sparse);
        Assert.Contains(sparse, column => column >= 0);
    }

    [Theory]
    [InlineData(1.25)]
    [InlineData(2)]
    [InlineData(3)]
    public void PotentialsAreThoseOfTheShortestWays(double power)
    {
        GrownPaths paths = new GrownPaths().SameStart(4, 8);
        using FloatRows rows = paths.Rows();
        CheckpointDistances distances = CheckpointDistances.Of(rows, TestContext.Current.CancellationToken);
        int[] members = [.. Enumerable.Range(0, paths.Count)];
        PathPotential potential = PathPotential.From(distances, members, 3, power);
        double Hop(int i, int j) => Math.Pow(Math.Sqrt(distances[i, j]), power);
        // Bellman and Ford: as many rounds as there are checkpoints.
        var values = members.Select(i => i == 3 ? 0 : double.PositiveInfinity).ToArray();
        for (int round = 0; round < members.Length; round++)
        {
            foreach (int i in members)
            {
                foreach (int j in members)
                    values[j] = Math.Min(values[j], values[i] + Hop(i, j));
            }
        }
        Assert.All(members, i => Assert.Equal(values[i], potential.Values[i], 1e-9));
        Assert.All(members.Where(i => i != 3 && potential.Values[i] > 0), i => Assert.Equal(potential.Values[i], potential.Values[potential.Before[i]] + Hop(potential.Before[i], i), 1e-9));
        Assert.All(members.Where(i => potential.Before[i] >= 0), i => Assert.Equal(potential.Hops[potential.Before[i]] + 1, potential.Hops[i]));
    }

    [Fact]
    public void DistancesOfNearCheckpointsAreExact()
    {
        // Steps of 1e-4 far from the mean: a Gram matrix of floats has lost them.
        const int count = 20, columns = 50;
        var random = new RandomStream(5, RandomPurpose.Testing);
        var values = new float[2 * count * columns];
        for (int i = 0; i < values.Length; i++)
            values[i] = (i < values.Length / 2 ? 5 : -5) + (1e-4f * random.NextNormal());
        using FloatRows rows = FloatRows.Copy(values, 2 * count, columns, centre: false);
        CheckpointDistances distances = CheckpointDistances.Of(rows, TestContext.Current.CancellationToken);
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < count; j++)
            {
                double expected = 0;
                for (int c = 0; c < columns; c++)
                    expected += Math.Pow((double)values[(i * columns) + c] - values[(j * columns) + c], 2);
                Assert.Equal(expected, distances[i, j], (1e-3 * expected) + 1e-12);
            }
        }
    }

    [Fact]
    public void TheSpanningTreeIsTheShortest()
    {
        GrownPaths paths = new GrownPaths().Network(1, 9).Network(2, 7);
        using FloatRows rows = paths.Rows();
        CheckpointDistances distances = CheckpointDistances.Of(rows, TestContext.Current.CancellationToken);
        List<TreeEdge> tree = SpanningTree.Of(distances, [.. Enumerable.Range(0, paths.Count)]);
        // Kruskal: the shortest edges that join what was apart.
        int[] part = [.. Enumerable.Range(0, paths.Count)];
        double length = 0;
        foreach ((int i, int j) in Enumerable.Range(0, paths.Count).SelectMany(i => Enumerable.Range(0, i).Select(j => (i, j))).OrderBy(pair => distances[pair.i, pair.j]))
        {
            if (part[i] == part[j])
                continue;
            length += distances[i, j];
            (int from, int to) = (part[i], part[j]);
            part = [.. part.Select(p => p == from ? to : p)];
        }
        Assert.Equal(paths.Count - 1, tree.Count);
        Assert.Equal(length, tree.Sum(edge => (double)edge.Squared), 1e-6);
        Assert.Equal(2, SpanningTree.Parts(paths.Count, tree, tree.Select(edge => edge.Squared).OrderDescending().ElementAt(1)).Length);
    }

    [Fact]
    public void ScoresCountSplitAndTurnedPaths()
    {
        // Network 0 in one path and the right way round, network 1 turned round, network 2 in two paths.
        TruePlace[] truth = [.. Enumerable.Range(0, 12).Select(i => new TruePlace(i / 4, i % 4))];
        (int, int)?[] found = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3), (1, 2), (1, 1), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1)];
        OrderScores scores = OrderScores.Of(found, truth, 1);
        Assert.Equal((3, 4), (scores.Networks, scores.Found));
        Assert.Equal((1 + 1 + (2.0 / 6)) / 3, scores.Order!.Value, 1e-12);
        Assert.Equal((1 - 1 + (2.0 / 6)) / 3, scores.DirectedOrder!.Value, 1e-12);
        Assert.Equal((1 + 1 + (2.0 / 3)) / 3, scores.Edges!.Value, 1e-12);
        Assert.Equal((1 + 0 + (2.0 / 3)) / 3, scores.DirectedEdges!.Value, 1e-12);
        Assert.InRange(scores.AdjustedRand.Value, 0.5, 0.99);
        // What is left out is not judged.
        Assert.Equal(2, OrderScores.Of([.. found.Select((place, i) => i < 4 ? null : place)], truth, 1).Networks);
    }

    [Fact]
    public void MoreThanOneArrayHoldsIsRefusedBeforeAnythingIsRead()
    {
        var group = new HugeGroup();
        Assert.Contains("take fewer checkpoints", Assert.Throws<InputException>(() => OrderAnalysis.Run(group, false, false, 0, null, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    /// <summary>Three checkpoints of 4 GB each.</summary>
    private sealed class HugeGroup : ICheckpointGroup
    {
        public string Name => "huge";

        public IReadOnlyList<PackedTensor> Tensors { get; } = [new PackedTensor("weight", [1L << 30], 0)];

        public long Count => 1L << 30;

        public ParameterLayout? Symmetry => null;

        public IReadOnlyList<CheckpointItem> Items { get; } = [.. Enumerable.Range(0, 3).Select(step => MemoryGroup.Item("network", step))];

        public void Read(int item, long first, Span<float> values) => throw new InvalidOperationException("nothing was to be read");
    }

    [Fact]
    public void NetworksOfOneCheckpointHaveNoOrderToBeScored()
    {
        OrderScores scores = OrderScores.Of([(0, 0), (1, 0), (2, 0)], [new TruePlace(0, 5), new TruePlace(1, 5), new TruePlace(2, 5)], 1);
        Assert.Equal((3, 3), (scores.Networks, scores.Found));
        Assert.Null(scores.DirectedOrder);
        Assert.Null(scores.Edges);
    }

    /// <summary>A stem belongs to the parent, wherever its checkpoints stand in the list.</summary>
    [Fact]
    public void StemsCountForTheParentThoughAForkComesFirst()
    {
        GrownPaths paths = new GrownPaths().Network(0, 30).Fork(1, 0, 9, 30).Fork(2, 0, 19, 30);
        float[] Weights(int network, int step) => paths.Row(Enumerable.Range(0, paths.Count).Single(i => paths.Truth[i] == new TruePlace(network, step)));
        int[] forkedBehind = [29, 9, 19];
        (int Network, int Step)[] all = [.. new[] { 1, 2, 0 }.SelectMany(network => Enumerable.Range(0, 30).Select(step => (network, step)))];
        var group = new MemoryGroup([.. all.Select(one => MemoryGroup.Item($"{one.Network}", one.Step))], [.. all.Select(one => Weights(one.Step <= forkedBehind[one.Network] ? 0 : one.Network, one.Step))]);
        OrderResult result = OrderAnalysis.Run(group, withBaselines: false, withProjection: false, 1, null, TestContext.Current.CancellationToken);
        OrderScores scores = result.Scores[0].Scores;
        Assert.Equal((3, 3), (scores.Networks, scores.Found));
        Assert.True(scores.AdjustedRand.Value > 0.85, $"{scores}"); // behind the last fork nothing says which is the parent
        Assert.True(scores.DirectedOrder!.Value > 0.95, $"{scores}");
    }

    /// <summary>Two paths that ran against the potential, each of which begins behind a checkpoint of the other one.</summary>
    [Fact]
    public void PathsThatBeginBehindEachOtherAreNotLost()
    {
        const int root = 0, one = 1, afterOne = 2, other = 3, afterOther = 4, lastOfOne = 5, lastOfOther = 6;
        float[] places = [-3, -3, /* one */ 1, 1, 0, 1, /* other */ 0, 0, 1, 0, /* last */ 0.8f, 0.9f, 0.2f, 0.1f];
        using FloatRows rows = FloatRows.Copy(places, 7, 2, centre: false);
        CheckpointDistances distances = CheckpointDistances.Of(rows, TestContext.Current.CancellationToken);
        int[] before = [-1, -1, one, -1, other, afterOne, afterOther];
        int[] parents = PathTree.Of(before, [-1, afterOther, root, afterOne, root, root, root]);
        List<BranchPath> paths = Branches.Paths(distances, [root, one, afterOne, other, afterOther, lastOfOne, lastOfOther], parents, root);
        Assert.Equal(Enumerable.Range(0, 7), paths.SelectMany(path => path.Members).Order());
        Assert.Equal(0, PathTree.Depths(parents)[root]);
        Assert.DoesNotContain(-1, PathTree.Depths(parents));
    }
}
