using WeightSpace.Analysis.Alignment;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Lineage;

/// <summary>Which models share an origin, and in which order each has its hidden units.</summary>
/// <param name="Tree">The number of each model's tree, from 0. [model]</param>
/// <param name="Order">Models of one number had their units in one order before they were aligned. [model]</param>
internal sealed record Kin(int[] Tree, int[] Order);

/// <summary>
/// Finds models with a common origin, without being told how many there are, and brings all of one tree into one order of hidden units.
/// </summary>
/// <remarks>
/// <para>A pair is related if both share an origin (<see cref="CommonOrigin"/>). Only the edges of the spanning tree by cosine are asked.</para>
/// <para>Then models whose units stand in another order: for each set found so far, the sets with the most similar sorted weights, which no reordering changes, are aligned with it (Git Re-Basin's weight matching). Alignment finds something
/// alike in any two networks: m is here the greatest cosine of aligned models whose values were shuffled within each tensor, and (c - m) / (1 - m) must be at least <see cref="LeastAlignedExcess"/>.</para>
/// </remarks>
internal static class Kinship
{
    public const double LeastAlignedExcess = 0.5;

    private const int Surrogates = 4;

    /// <summary>Sets that each set is aligned with, at most.</summary>
    private const int Candidates = 3;

    /// <param name="models">Finite weights, [model][parameter]. Hidden units of models whose units stand in another order than those of most of their tree are reordered in place.</param>
    public static Kin Find(float[][] models, IReadOnlyList<PackedTensor> tensors, ParameterLayout? symmetry, ulong seed, CancellationToken stop)
    {
        int n = models.Length;
        List<int>[] sets = [.. Enumerable.Range(0, n).Select(i => new List<int> { i })];
        (int A, int B, double Cosine)[] edges = [.. SpanningTree(models)];
        bool[] isRelated = new bool[edges.Length];
        IReadOnlyList<UnitGroup> groups = symmetry is null ? [] : UnitGroup.Of(symmetry);
        var origin = new CommonOrigin(tensors, symmetry, seed);
        Parallel.For(0, edges.Length, new ParallelOptions { CancellationToken = stop }, e => isRelated[e] = origin.IsShared(models[edges[e].A], models[edges[e].B], (ulong)e));
        for (int e = 0; e < edges.Length; e++)
        {
            if (isRelated[e])
                Join(sets, edges[e].A, edges[e].B);
        }
        int[] order = Numbers(sets);
        if (symmetry is not null && groups.Count > 0)
            JoinReordered(models, sets, tensors, symmetry, groups, seed, stop);
        return new Kin(Numbers(sets), order);
    }

    private static void Join(List<int>[] sets, int a, int b)
    {
        (List<int> larger, List<int> smaller) = sets[a].Count >= sets[b].Count ? (sets[a], sets[b]) : (sets[b], sets[a]);
        if (ReferenceEquals(larger, smaller))
            return;
        larger.AddRange(smaller);
        foreach (int member in smaller)
            sets[member] = larger;
    }

    private static int[] Numbers(List<int>[] sets)
    {
        var numbers = new Dictionary<List<int>, int>(ReferenceEqualityComparer.Instance);
        return [.. sets.Select(set => numbers.TryGetValue(set, out int number) ? number : numbers[set] = numbers.Count)];
    }

    /// <summary>The edges of the spanning tree of greatest cosines; Prim, 1957.</summary>
    private static IEnumerable<(int A, int B, double Cosine)> SpanningTree(float[][] models)
    {
        using FloatRows rows = Unit(models);
        GramMatrix gram = GramMatrix.Compute(rows);
        int n = models.Length;
        float[] most = new float[n];
        int[] from = new int[n];
        bool[] isIn = new bool[n];
        Array.Fill(most, float.NegativeInfinity);
        isIn[0] = true;
        for (int newest = 0, grown = 1; grown < n; grown++)
        {
            ReadOnlySpan<float> row = gram.Row(newest);
            int next = -1;
            for (int j = 0; j < n; j++)
            {
                if (isIn[j])
                    continue;
                if (row[j] > most[j])
                    (most[j], from[j]) = (row[j], newest);
                if (next < 0 || most[j] > most[next])
                    next = j;
            }
            isIn[next] = true;
            yield return (from[next], next, most[next]);
            newest = next;
        }
    }

    /// <summary>Models of norm 1; those of norm 0 stay as they are.</summary>
    private static FloatRows Unit(float[][] models)
    {
        int columns = models[0].Length;
        float[] all = new float[(long)models.Length * columns];
        for (int i = 0; i < models.Length; i++)
        {
            double norm = Math.Sqrt(DenseVectors.SquaredNorm(models[i]));
            for (int k = 0; k < columns; k++)
                all[((long)i * columns) + k] = norm > 0 ? (float)(models[i][k] / norm) : 0;
        }
        return FloatRows.Copy(all, models.Length, columns, centre: false);
    }

    /// <summary>Joins sets whose models are alike once their units are put in one order. The smaller of two sets is reordered, as a whole.</summary>
    private static void JoinReordered(float[][] models, List<int>[] sets, IReadOnlyList<PackedTensor> tensors, ParameterLayout symmetry, IReadOnlyList<UnitGroup> groups, ulong seed, CancellationToken stop)
    {
        foreach ((int a, int b) in SimilarPairs(models, sets, tensors))
        {
            stop.ThrowIfCancellationRequested();
            if (ReferenceEquals(sets[a], sets[b]))
                continue;
            (int stays, int moves) = sets[a].Count >= sets[b].Count ? (a, b) : (b, a);
            var matching = new WeightMatching(symmetry, models[stays]);
            float[] aligned = [.. models[moves]];
            int[][] orders = matching.Align(aligned);
            double cosine = CommonOrigin.Cosine(models[stays], aligned), chance = 0;
            if (cosine < LeastAlignedExcess)
                continue;
            var random = new RandomStream(seed, RandomPurpose.Relations, (1UL << 63) | ((ulong)a << 32) | (uint)b);
            for (int draw = 0; draw < Surrogates; draw++)
            {
                float[] shuffled = [.. models[moves]];
                foreach (PackedTensor tensor in tensors)
                    random.Shuffle(shuffled.AsSpan((int)tensor.Offset, (int)tensor.Elements));
                matching.Align(shuffled);
                chance = Math.Max(chance, CommonOrigin.Cosine(models[stays], shuffled));
            }
            if (cosine - chance < LeastAlignedExcess * (1 - chance))
                continue;
            foreach (int member in sets[moves])
            {
                for (int g = 0; g < groups.Count; g++)
                    groups[g].Reorder(orders[g], models[member]);
            }
            Join(sets, stays, moves);
        }
    }

    /// <summary>For each set the models by which it is most like others, by sorted weights; the likest first.</summary>
    private static IEnumerable<(int A, int B)> SimilarPairs(float[][] models, List<int>[] sets, IReadOnlyList<PackedTensor> tensors)
    {
        float[][] sorted = [.. models.Select(model => model.ToArray())];
        foreach (float[] model in sorted)
        {
            foreach (PackedTensor tensor in tensors)
                model.AsSpan((int)tensor.Offset, (int)tensor.Elements).Sort();
        }
        using FloatRows rows = Unit(sorted);
        GramMatrix gram = GramMatrix.Compute(rows);
        int[] of = Numbers(sets);
        int count = of.Max() + 1;
        var best = new Dictionary<(int, int), (float Cosine, int A, int B)>();
        for (int i = 0; i < models.Length; i++)
        {
            ReadOnlySpan<float> row = gram.Row(i);
            for (int j = 0; j < i; j++)
            {
                (int, int) key = (Math.Min(of[i], of[j]), Math.Max(of[i], of[j]));
                if (of[i] != of[j] && (!best.TryGetValue(key, out (float Cosine, int A, int B) known) || row[j] > known.Cosine))
                    best[key] = (row[j], j, i);
            }
        }
        int[] asked = new int[count];
        foreach (KeyValuePair<(int, int), (float Cosine, int A, int B)> pair in best.OrderByDescending(pair => pair.Value.Cosine).ThenBy(pair => pair.Key))
        {
            // Both ends may be in demand: a parent has many copies.
            (int a, int b) = pair.Key;
            if (asked[a] >= Candidates && asked[b] >= Candidates)
                continue;
            asked[a]++;
            asked[b]++;
            yield return (pair.Value.A, pair.Value.B);
        }
    }
}
