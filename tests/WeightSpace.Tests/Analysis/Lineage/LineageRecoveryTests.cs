using WeightSpace.Analysis.Lineage;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Lineage;

public sealed class LineageRecoveryTests
{
    private static readonly PackedTensor[] s_tensors = Tensors();

    private static readonly ParameterLayout s_layout = ParameterLayout.Inferred([.. s_tensors.Select(tensor => (tensor.Name, tensor.Shape))])!;

    private static PackedTensor[] Tensors()
    {
        long at = 0;
        return [.. ModelFolder.Entries.Select(entry => new PackedTensor(entry.Name, entry.Shape, (at += entry.Elements) - entry.Elements))];
    }

    private static RecoveredLineage Find(params float[][] models) => LineageRecovery.Find([.. models.Select(model => model.ToArray())], s_tensors, s_layout, 1);

    private static float[] Changed(float[] model, Action<float[]> change)
    {
        float[] copy = [.. model];
        change(copy);
        return copy;
    }

    private static float[] Permuted(float[] model, ulong seed) => Changed(model, copy => WeightChanges.Permute(s_layout, copy, new RandomStream(seed, RandomPurpose.Testing)));

    /// <summary>A root, its children and theirs, each behind its parent.</summary>
    private static (List<float[]> Models, List<int> Parents) Tree(ulong number, int children = 4, int grandchildren = 3)
    {
        (List<float[]> models, List<int> parents) = ([ModelFolder.Unrelated(number)], [-1]);
        for (int i = 0; i < children; i++)
        {
            int child = models.Count;
            models.Add(ModelFolder.Trained(models[0], (number * 1000) + (ulong)models.Count, 0.3));
            parents.Add(0);
            for (int j = 0; j < grandchildren; j++)
            {
                models.Add(ModelFolder.Trained(models[child], (number * 1000) + (ulong)models.Count, 0.2));
                parents.Add(child);
            }
        }
        return (models, parents);
    }

    [Fact]
    public void UnrelatedModelsHaveNothingInCommon()
    {
        RecoveredLineage found = Find([.. Enumerable.Range(0, 30).Select(i => ModelFolder.Unrelated((ulong)i))]);
        Assert.Empty(found.Edges);
        Assert.Equal(30, found.Tree.Distinct().Count());
        Assert.All(found.Siblings, set => Assert.Equal(-1, set));
    }

    [Fact]
    public void TwoTreesAreFoundWithTheirRoots()
    {
        (List<float[]> models, List<int> parents) = Tree(1);
        (List<float[]> others, List<int> theirs) = Tree(2);
        RecoveredLineage found = Find([.. models, .. others]);
        Assert.Equal([.. Enumerable.Repeat(0, models.Count), .. Enumerable.Repeat(1, others.Count)], found.Tree);
        LineageEdge?[] edges = found.ParentEdges();
        Assert.Equal([.. parents, .. theirs.Select(parent => parent < 0 ? -1 : parent + models.Count)], edges.Select(edge => edge?.Parent ?? -1));
        Assert.All(found.Edges, edge => Assert.True(edge is { Kind: RelationKind.Trained, IsDirected: true, Confidence: > 0.8 }, $"{edge}"));
    }

    [Fact]
    public void EveryChangeWithoutTrainingIsFoundWithItsParent()
    {
        (List<float[]> models, _) = Tree(3);
        int at = models.Count;
        (int Parent, RelationKind Kind)[] planted = [(0, RelationKind.Pruned), (1, RelationKind.Pruned), (2, RelationKind.Quantised), (5, RelationKind.Quantised), (6, RelationKind.Noisy), (0, RelationKind.Noisy), (9, RelationKind.Permuted)];
        models.Add(Changed(models[0], copy => WeightChanges.Prune(s_tensors, copy, 0.5)));
        models.Add(Changed(models[1], copy => WeightChanges.Prune(s_tensors, copy, 0.05)));
        models.Add(Changed(models[2], copy => WeightChanges.Quantise(s_tensors, copy, 4)));
        models.Add(Changed(models[5], copy => WeightChanges.Quantise(s_tensors, copy, 12)));
        models.Add(Changed(models[6], copy => WeightChanges.AddNoise(s_tensors, copy, 0.05, new RandomStream(5, RandomPurpose.Testing))));
        models.Add(Changed(models[0], copy => WeightChanges.AddNoise(s_tensors, copy, 0.1, new RandomStream(6, RandomPurpose.Testing))));
        models.Add(Permuted(models[9], 7));
        RecoveredLineage found = Find([.. models]);
        LineageEdge?[] edges = found.ParentEdges();
        for (int i = 0; i < planted.Length; i++)
            Assert.True(edges[at + i] is { IsDirected: true } edge && edge.Parent == planted[i].Parent && edge.Kind == planted[i].Kind, $"{planted[i]}: {edges[at + i]}");
        Assert.Equal(Enumerable.Range(0, at), Enumerable.Range(0, models.Count).Where(i => edges[i]?.Kind is null or RelationKind.Trained));
        Assert.Equal([models.Count - 1], Enumerable.Range(0, models.Count).Where(i => found.IsReordered[i]));
    }

    [Fact]
    public void AnAverageHasTwoParents()
    {
        (List<float[]> models, _) = Tree(4);
        models.Add([.. models[1].Zip(models[7], (a, b) => (float)((0.7 * a) + (0.3 * b)))]);
        LineageEdge edge = Find([.. models]).ParentEdges()[^1]!;
        Assert.Equal((1, 7, RelationKind.Averaged, true), (edge.Parent, edge.SecondParent, edge.Kind, edge.IsDirected));
        Assert.Equal(0.3, edge.Share!.Value, 0.001);
    }

    [Fact]
    public void AReorderedModelThatWasTrainedOnIsHungOnItsParent()
    {
        (List<float[]> models, _) = Tree(5);
        models.Add(Permuted(ModelFolder.Trained(models[1], 99, 0.2), 3));
        models.Add(Permuted(models[2], 4));
        models.Add(ModelFolder.Trained(models[^1], 100, 0.2)); // of the reordered copy
        RecoveredLineage found = Find([.. models]);
        Assert.Single(found.Tree.Distinct());
        LineageEdge?[] edges = found.ParentEdges();
        Assert.Equal((1, RelationKind.Trained), (edges[^3]!.Parent, edges[^3]!.Kind));
        Assert.Equal((2, RelationKind.Permuted), (edges[^2]!.Parent, edges[^2]!.Kind));
        Assert.Equal((models.Count - 2, RelationKind.Trained), (edges[^1]!.Parent, edges[^1]!.Kind));
    }

    [Fact]
    public void WhatWasTrainedFromAPrunedCopyIsHungOnTheCopy()
    {
        (List<float[]> models, _) = Tree(6);
        models.Add(Changed(models[0], copy => WeightChanges.Prune(s_tensors, copy, 0.6)));
        models.Add(ModelFolder.Trained(models[^1], 101, 0.1));
        LineageEdge?[] edges = Find([.. models]).ParentEdges();
        Assert.Equal((0, RelationKind.Pruned), (edges[^2]!.Parent, edges[^2]!.Kind));
        Assert.Equal((models.Count - 2, RelationKind.Trained), (edges[^1]!.Parent, edges[^1]!.Kind));
    }

    [Fact]
    public void SiblingsWithoutTheirParentAreSaidToBeSuch()
    {
        float[] missing = ModelFolder.Unrelated(7);
        RecoveredLineage found = Find([.. Enumerable.Range(0, 6).Select(i => ModelFolder.Trained(missing, 200 + (ulong)i, 0.3))]);
        Assert.Single(found.Tree.Distinct());
        Assert.Empty(found.Edges);
        Assert.All(found.Siblings, set => Assert.Equal(0, set));
    }

    /// <summary>Where all that train on move far in one direction, siblings are nearest to each other: the shortest tree hangs them on one another.</summary>
    [Fact]
    public void SiblingsThatMovedAlikeAreHungOnTheirParents()
    {
        float[] root = ModelFolder.Unrelated(8), first = ModelFolder.Trained(root, 300, 0.4), second = ModelFolder.Trained(first, 301, 0.4);
        var models = new List<float[]> { root };
        var parents = new List<int> { -1 };
        float[] Moved(float[] from, float[] start, float[] end, ulong number)
        {
            float[] own = ModelFolder.Trained(from, number, 0.03);
            return [.. own.Select((weight, i) => weight + end[i] - start[i])];
        }
        for (int i = 0; i < 4; i++)
        {
            models.Add(Moved(root, root, first, 310 + (ulong)i));
            parents.Add(0);
        }
        for (int i = 0; i < 16; i++)
        {
            models.Add(Moved(models[1 + (i / 4)], first, second, 320 + (ulong)i));
            parents.Add(1 + (i / 4));
        }
        // A copy of one of them is nearer to the others than their parents are, and is nobody's parent.
        float[] copy = Changed(models[9], weights => WeightChanges.Quantise(s_tensors, weights, 12));
        LineageEdge?[] edges = Find([.. models, copy]).ParentEdges();
        Assert.Equal([.. parents, 9], edges.Select(edge => edge?.Parent ?? -1));
        Assert.NotEqual(parents, NearestBaseline.Find([.. models], s_tensors, 1, TestContext.Current.CancellationToken).Parent);
    }

    [Fact]
    public void CopiesAreNamedAndNothingSaysWhichIsTheFirst()
    {
        float[] model = ModelFolder.Unrelated(9);
        LineageEdge edge = Assert.Single(Find(model, ModelFolder.Unrelated(10), [.. model]).Edges);
        Assert.Equal((0, 2, RelationKind.Copy, false), (edge.Parent, edge.Child, edge.Kind, edge.IsDirected));
        // Of a model and a reordered copy of it alone, neither is more the original than the other.
        edge = Assert.Single(Find(model, Permuted(model, 1)).Edges);
        Assert.Equal((RelationKind.Permuted, false), (edge.Kind, edge.IsDirected));
    }

    [Fact]
    public void OddModelsAreNoTrouble()
    {
        Assert.Empty(Find().Edges);
        Assert.Empty(Find(ModelFolder.Unrelated(11)).Edges);
        float[] zeros = new float[ModelFolder.Count];
        Assert.Empty(Find(zeros, ModelFolder.Unrelated(12)).Edges);
        // One tensor, units unknown.
        PackedTensor[] one = [new("all", [ModelFolder.Count], 0)];
        float[] root = ModelFolder.Unrelated(13);
        RecoveredLineage found = LineageRecovery.Find([root, ModelFolder.Trained(root, 1), ModelFolder.Unrelated(14)], one, null, 1, null, TestContext.Current.CancellationToken);
        Assert.Equal((0, 1), (found.Edges[0].Parent + found.Edges[0].Child - 1, found.Edges.Count));
        Assert.Equal(2, found.Tree.Distinct().Count());
    }

    [Fact]
    public void OneSeedGivesOneAnswer()
    {
        (List<float[]> models, _) = Tree(15);
        Assert.Equal(Find([.. models]).Edges, Find([.. models]).Edges);
    }

    [Fact]
    public void NoiseIsToldFromTraining()
    {
        float[] model = ModelFolder.Unrelated(16);
        int noise = 0, trained = 0;
        for (ulong i = 0; i < 40; i++)
        {
            noise += UntrainedRelations.IsNoise(model, Changed(model, copy => WeightChanges.AddNoise(s_tensors, copy, 0.05, new RandomStream(i, RandomPurpose.Testing))), s_tensors) ? 1 : 0;
            trained += UntrainedRelations.IsNoise(model, ModelFolder.Trained(model, i, 0.1), s_tensors) ? 1 : 0;
        }
        Assert.True(noise >= 38 && trained == 0, $"{noise} of 40 noisy copies and {trained} of 40 trained ones were taken for noise");
    }
}
