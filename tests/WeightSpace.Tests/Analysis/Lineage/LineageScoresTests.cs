using WeightSpace.Analysis.Lineage;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Lineage;

public sealed class LineageScoresTests
{
    /// <summary>Two trees: 0 with children 1 and 2, and 3 from both; 4 with the pruned copy 5.</summary>
    private static readonly LineageTruth s_truth = LineageTruth.Of(["a", "b", "c", "d", "e", "f", "?"], new Dictionary<string, ModelOrigin>
    {
        ["a"] = new(null, null, "original"), ["b"] = new("a", null, "trained"), ["c"] = new("a", null, "trained"), ["d"] = new("b", "c", "averaged"), ["e"] = new("gone", null, "trained"), ["f"] = new("e", null, "pruned-0.5"),
    })!;

    private static LineageAnswer Answer(int[] parents, bool[]? isDirected = null) => new(parents, [-1, -1, -1, 2, -1, -1, -1], isDirected ?? [true, true, true, true, true, true, true], [0, 0, 0, 0, 1, 1, 2],
        [null, RelationKind.Trained, RelationKind.Trained, RelationKind.Averaged, null, RelationKind.Noisy, null]);

    [Fact]
    public void ARightAnswerIsRight()
    {
        LineageScores scores = LineageScores.Of(Answer([-1, 0, 0, 1, -1, 4, -1]), s_truth);
        Assert.Equal((6, 2, 2, 1.0, 1.0, 1.0, 0.75), (scores.Models, scores.Trees, scores.Found, scores.Placed!.Value, scores.Directed.Value, scores.AdjustedRand.Value, scores.Kinds!.Value));
        Assert.Equal(((4 * 0.25) + (2 * 0.5)) / 6, scores.DirectedByChance, 1e-12);
        Assert.Equal(((3 * 0.5) + 1) / 4, scores.PlacedByChance!.Value, 1e-12);
        Assert.Equal(0.5, scores.KindsByChance);
    }

    [Fact]
    public void EdgesTheWrongWayRoundAreInPlaceOnly()
    {
        // f is named the parent of e, and d hangs on its second parent, which is as right.
        LineageScores scores = LineageScores.Of(Answer([-1, 0, 0, 2, 5, -1, -1]), s_truth);
        Assert.Equal((1.0, 4 / 6.0), (scores.Placed!.Value, scores.Directed.Value));
    }

    [Fact]
    public void AnEdgeWithoutDirectionIsWrongAtBothEnds()
    {
        LineageScores scores = LineageScores.Of(Answer([-1, 0, 0, 1, -1, 4, -1], [true, true, true, true, true, false, true]), s_truth);
        Assert.Equal((1.0, 4 / 6.0, 0.75), (scores.Placed!.Value, scores.Directed.Value, scores.Told));
    }

    [Fact]
    public void NothingKnownGivesNoScores()
    {
        Assert.Null(LineageTruth.Of(["a"], null));
        Assert.Null(LineageTruth.Of(["a"], new Dictionary<string, ModelOrigin> { ["a"] = new(null, null, "unknown") }));
    }

    /// <summary>By hand: one matrix of two weights, three models; kurtosis of two values is 1 whatever they are.</summary>
    [Fact]
    public void MothersCostsAreThoseOfItsProgram()
    {
        PackedTensor[] matrix = [new("0.weight", [2, 2], 0)];
        float[][] models = [[0, 0, 0, 1], [0, 0, 1, 1], [2, 0, 0, 1]];
        // Differences run from -2 (0 less 2) to 1; the greatest are 0 (of 0 and 1), 0 (of 0 and 2), 1 (of 1 and 2).
        double near = 2 / 3.0, far = 1, mean = 2 * (near + near + far) / 9;
        // Excess kurtosis: 7/3 - 3 of (0, 0, 0, 1), 1 - 3 of (0, 0, 1, 1); of (2, 0, 0, 1) between.
        double[,] costs = MotherBaseline.Costs(models, matrix, reverse: false);
        Assert.Equal(near, costs[0, 1], 1e-6);
        Assert.Equal(near + (0.3 * mean), costs[1, 0], 1e-6);
        Assert.Equal(far + (0.3 * mean), costs[1, 2], 1e-6);
        Assert.Equal(far, costs[2, 1], 1e-6);
        Assert.Equal(far, MotherBaseline.Costs(models, matrix, reverse: true)[1, 2], 1e-6);
    }

    [Fact]
    public void TheBaselinesFindAnEasyTree()
    {
        PackedTensor[] tensors = [new("0.weight", [ModelFolder.Count / 2, 2], 0)];
        var models = new List<float[]>();
        foreach (ulong tree in new ulong[] { 1, 2 })
        {
            float[] root = ModelFolder.Unrelated(tree)[..(ModelFolder.Count / 2 * 2)];
            models.Add(root);
            for (ulong child = 0; child < 3; child++)
                models.Add(ModelFolder.Trained(root, (tree * 10) + child, 0.2));
        }
        LineageAnswer plain = NearestBaseline.Find([.. models], tensors, 2, TestContext.Current.CancellationToken);
        Assert.Equal([-1, 0, 0, 0, -1, 4, 4, 4], plain.Parent);
        // Kurtosis grows in these.
        LineageAnswer mother = MotherBaseline.Find([.. models], tensors, 2, reverse: true, TestContext.Current.CancellationToken);
        Assert.Equal([0, 0, 0, 0, 1, 1, 1, 1], mother.Tree);
        Assert.Equal([0, 4], Enumerable.Range(0, 8).Where(i => mother.Parent[i] < 0));
    }
}
