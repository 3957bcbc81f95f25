using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Lineage;

/// <summary>
/// Which of some models descend from which, from their weights alone. This file is the method.
/// </summary>
/// <remarks>
/// 1. Copies: the very same weights. 2. Trees: models that share an origin, and one order of hidden units for each tree (<see cref="Kinship"/>). 3. In each tree, changes without training, which can be read off the weights
/// and have gone one way (<see cref="UntrainedRelations"/>). 4. The tree of all others: the shortest one, with sets of siblings that moved alike taken as one (<see cref="SiblingSets"/>), and its root (<see cref="TreeShape"/>).
/// 5. Confidence: the tree again from resamples of blocks of weights, drawn with replacement; an edge's confidence is the mean, over the resamples, of the probability that this parent has this child. A change without training has
/// confidence 1 over the number of models that fit as its parent. 6. What was trained further from such a changed copy is hung on it.
/// </remarks>
public static class LineageRecovery
{
    /// <summary>An edge has a direction if it is the likelier one by this share.</summary>
    public const double LeastDirection = 0.7;

    /// <summary>A model that is this much nearer to a changed copy than to its parent was trained from the copy; of squared distances.</summary>
    private const double Nearer = 0.9;

    /// <summary>Resamples of blocks of weights, and in trees of so many models fewer.</summary>
    private const int Resamples = 100, ManyModels = 500, FewResamples = 20;

    /// <param name="models">Finite weights, [model][parameter]. Hidden units are put in one order for each tree, in place.</param>
    /// <param name="symmetry">Null where it is not known which units may be reordered: reordered copies are not found then.</param>
    public static RecoveredLineage Find(float[][] models, IReadOnlyList<PackedTensor> tensors, ParameterLayout? symmetry, ulong seed, Action<long, long>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(tensors);
        var edges = new List<LineageEdge>();
        int n = models.Length;
        int[] trees = new int[n], siblings = new int[n];
        bool[] isReordered = new bool[n];
        Array.Fill(siblings, -1);
        if (n == 0)
            return new RecoveredLineage(trees, edges, siblings, isReordered);
        int[] sameAs = Same(models);
        int[] distinct = [.. Enumerable.Range(0, n).Where(i => sameAs[i] == i)];
        float[][] weights = [.. distinct.Select(i => models[i])];
        Kin kin = Kinship.Find(weights, tensors, symmetry, seed, stop);
        int done = 0, sets = 0;
        foreach (int[] tree in Enumerable.Range(0, distinct.Length).GroupBy(i => kin.Tree[i]).Select(tree => tree.ToArray()))
        {
            stop.ThrowIfCancellationRequested();
            int most = tree.GroupBy(i => kin.Order[i]).OrderByDescending(order => order.Count()).ThenBy(order => order.First()).First().Key;
            foreach (int i in tree)
            {
                trees[distinct[i]] = kin.Tree[i];
                isReordered[distinct[i]] = kin.Order[i] != most;
            }
            if (tree.Length > 1)
            {
                (List<LineageEdge> found, List<int[]> withoutParent) = InTree([.. tree.Select(i => weights[i])], [.. tree.Select(i => isReordered[distinct[i]])], [.. tree.Select(i => kin.Order[i])], tensors, seed, stop);
                edges.AddRange(found.Select(edge => edge with { Parent = distinct[tree[edge.Parent]], Child = distinct[tree[edge.Child]], SecondParent = edge.SecondParent is { } second ? distinct[tree[second]] : null }));
                foreach (int[] set in withoutParent)
                {
                    foreach (int member in set)
                        siblings[distinct[tree[member]]] = sets;
                    sets++;
                }
            }
            done += tree.Length;
            progress?.Invoke(done, distinct.Length);
        }
        for (int i = 0; i < n; i++)
        {
            if (sameAs[i] == i)
                continue;
            trees[i] = trees[sameAs[i]];
            isReordered[i] = isReordered[sameAs[i]];
            edges.Add(new LineageEdge(sameAs[i], i, RelationKind.Copy, 0.5, 1, false));
        }
        return new RecoveredLineage(trees, [.. edges.OrderBy(edge => edge.Child)], siblings, isReordered);
    }

    /// <summary>The first model with the same weights as each, bit for bit.</summary>
    private static int[] Same(float[][] models)
    {
        int[] same = [.. Enumerable.Range(0, models.Length)];
        foreach (IGrouping<int, int> alike in same.GroupBy(i => UntrainedRelations.Hash(models[i])).Where(alike => alike.Count() > 1).ToArray())
        {
            int[] members = [.. alike];
            for (int k = 1; k < members.Length; k++)
                same[members[k]] = members.Take(k).FirstOrDefault(other => same[other] == other && models[other].AsSpan().SequenceEqual(models[members[k]]), members[k]);
        }
        return same;
    }

    private static (List<LineageEdge> Edges, List<int[]> WithoutParent) InTree(float[][] models, bool[] isReordered, int[] orders, IReadOnlyList<PackedTensor> tensors, ulong seed, CancellationToken stop)
    {
        TreeDistances distances = TreeGeometry.Of(models, stop).All();
        UntrainedRelation?[] untrained = UntrainedRelations.Find(models, isReordered, distances, tensors, stop);
        var edges = new List<LineageEdge>();
        var parents = new int[models.Length];
        Array.Fill(parents, -1);
        for (int i = 0; i < models.Length; i++)
        {
            if (untrained[i] is not { } relation)
                continue;
            // Which order of units is the tree's own is known only where more models have it.
            if (relation.Kind == RelationKind.Permuted && orders.Count(order => order == orders[relation.Parent]) <= orders.Count(order => order == orders[i]))
                untrained[i] = relation = relation with { IsDirected = false };
            parents[i] = relation.Parent;
            edges.Add(new LineageEdge(relation.Parent, i, relation.Kind, (relation.IsDirected ? 1.0 : 0.5) / relation.Rivals, 1.0 / relation.Rivals, relation.IsDirected, relation.SecondParent, relation.Share));
        }
        int[] trained = [.. Enumerable.Range(0, models.Length).Where(i => untrained[i] is null)];
        if (trained.Length < 2)
            return (edges, []);
        TreeGeometry geometry = TreeGeometry.Of([.. trained.Select(i => models[i])], stop);
        TreeShape shape = TreeShape.Of(geometry.All());
        Dictionary<(int Child, int Parent), double> votes = Votes(geometry, seed, stop);
        for (int y = 0; y < trained.Length; y++)
        {
            if (shape.Best[y] < 0)
                continue;
            int x = shape.Best[y];
            double forward = votes.GetValueOrDefault((y, x)), backward = votes.GetValueOrDefault((x, y));
            RelationKind kind = UntrainedRelations.IsNoise(models[trained[x]], models[trained[y]], tensors) ? RelationKind.Noisy : RelationKind.Trained;
            parents[trained[y]] = trained[x];
            edges.Add(new LineageEdge(trained[x], trained[y], kind, forward, Math.Min(1, forward + backward), forward >= LeastDirection * (forward + backward) && forward > 0));
        }
        HangOnCopies(edges, parents, untrained, orders, distances, models[0].Length);
        int root = Array.IndexOf(shape.Roots, shape.Roots.Max());
        return (edges, shape.Sets[root].Length > 1 ? [[.. shape.Sets[root].Select(i => trained[i])]] : []);
    }

    private static Dictionary<(int Child, int Parent), double> Votes(TreeGeometry geometry, ulong seed, CancellationToken stop)
    {
        var votes = new Dictionary<(int Child, int Parent), double>();
        var shapes = new TreeShape[geometry.Count > ManyModels ? FewResamples : Resamples];
        Parallel.For(0, shapes.Length, new ParallelOptions { CancellationToken = stop }, i => shapes[i] = TreeShape.Of(geometry.Resample(new RandomStream(seed, RandomPurpose.Bootstrap, (ulong)i))));
        // In one order, so that sums are the same every time.
        foreach (TreeShape shape in shapes)
        {
            foreach (((int, int) pair, double probability) in shape.Parents)
                votes[pair] = votes.GetValueOrDefault(pair) + (probability / shapes.Length);
        }
        return votes;
    }

    /// <summary>A model that stands nearer to a changed copy than to the parent that was found for it was trained from the copy.</summary>
    private static void HangOnCopies(List<LineageEdge> edges, int[] parents, UntrainedRelation?[] untrained, int[] orders, TreeDistances distances, int weights)
    {
        int[] copies = [.. Enumerable.Range(0, untrained.Length).Where(i => untrained[i] is { Kind: not RelationKind.Averaged })];
        for (int e = 0; e < edges.Count && copies.Length > 0; e++)
        {
            LineageEdge edge = edges[e];
            if (edge.Kind != RelationKind.Trained)
                continue;
            int child = edge.Child;
            int nearest = copies.MinBy(copy => (distances.Squared[copy, child], orders[copy] != orders[child]));
            // Seen from the copy's original it lies in the direction of the copy, by more than chance: siblings that moved alike are near to each other's copies as well.
            int original = untrained[nearest]!.Parent;
            double change = distances.Squared[nearest, original], toward = (distances.Squared[original, child] + change - distances.Squared[nearest, child]) / 2;
            bool isNearer = distances.Squared[nearest, child] < Nearer * distances.Squared[edge.Parent, child]
                && toward > Math.Max(0.5 * change, 5 * Math.Sqrt(change * distances.Squared[original, child] / weights));
            bool isTwin = untrained[nearest] is { Kind: RelationKind.Permuted } twin && twin.Parent == edge.Parent && orders[nearest] == orders[child] && orders[edge.Parent] != orders[child];
            if ((!isNearer && !isTwin) || Descends(nearest, child, parents))
                continue;
            parents[child] = nearest;
            edges[e] = edge with { Parent = nearest };
        }
    }

    private static bool Descends(int model, int from, int[] parents)
    {
        for (int at = model, generation = 0; at >= 0 && generation <= parents.Length; at = parents[at], generation++)
        {
            if (at == from)
                return true;
        }
        return false;
    }
}
