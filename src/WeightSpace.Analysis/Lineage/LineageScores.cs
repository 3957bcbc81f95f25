using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Statistics;

namespace WeightSpace.Analysis.Lineage;

/// <summary>An answer in the form that can be held against the truth. All [model]; -1 where there is none.</summary>
/// <param name="IsDirected">Whether the edge to the parent has a direction.</param>
/// <param name="Kinds">What kind of change it is said to be; null where nothing is said.</param>
public sealed record LineageAnswer(int[] Parent, int[] SecondParent, bool[] IsDirected, int[] Tree, RelationKind?[] Kinds)
{
    /// <summary>No parents yet; every edge has a direction.</summary>
    public static LineageAnswer Empty(int models, int[] tree) =>
        new([.. Enumerable.Repeat(-1, models)], [.. Enumerable.Repeat(-1, models)], [.. Enumerable.Repeat(true, models)], tree, new RelationKind?[models]);

    public static LineageAnswer Of(RecoveredLineage found)
    {
        ArgumentNullException.ThrowIfNull(found);
        LineageAnswer answer = Empty(found.Tree.Length, found.Tree);
        foreach (LineageEdge edge in found.Edges)
            (answer.Parent[edge.Child], answer.SecondParent[edge.Child], answer.IsDirected[edge.Child], answer.Kinds[edge.Child]) = (edge.Parent, edge.SecondParent ?? -1, edge.IsDirected, edge.Kind);
        return answer;
    }
}

/// <summary>What is known of the descent of models that are judged. All [model].</summary>
/// <param name="Parent">The nearest ancestor that is among the models; -1 where none is.</param>
/// <param name="Kind">How each was made.</param>
/// <param name="IsKnown">Whether anything is known of it.</param>
public sealed record LineageTruth(int[] Parent, int[] SecondParent, string[] Kind, int[] Tree, bool[] IsKnown)
{
    /// <summary>The truth of the models named, in their order; null where nothing is known of any.</summary>
    public static LineageTruth? Of(IReadOnlyList<string> names, IReadOnlyDictionary<string, ModelOrigin>? origins)
    {
        ArgumentNullException.ThrowIfNull(names);
        if (origins is null)
            return null;
        Dictionary<string, int> places = names.Select((name, place) => (name, place)).ToDictionary(pair => pair.name, pair => pair.place);
        IReadOnlyDictionary<string, int> trees = ModelOrigin.Trees(origins);
        ModelOrigin[] each = [.. names.Select(name => origins.GetValueOrDefault(name) ?? new ModelOrigin(null, null, ModelOrigin.Unknown))];
        int Place(string? name)
        {
            // Trees has seen that this ends.
            while (name is not null && !places.ContainsKey(name))
                name = origins.GetValueOrDefault(name)?.Parent;
            return name is null ? -1 : places[name];
        }

        bool[] isKnown = [.. each.Select(origin => origin.Change != ModelOrigin.Unknown)];
        return isKnown.Any(known => known)
            ? new LineageTruth([.. each.Select(origin => Place(origin.Parent))], [.. each.Select(origin => Place(origin.SecondParent))], [.. each.Select(origin => origin.Kind)], [.. names.Select(name => trees.GetValueOrDefault(name, -1))], isKnown)
            : null;
    }
}

/// <summary>How right an answer is. Shares are of models of which something is known, with 95 % intervals over trees.</summary>
/// <param name="Trees">True trees.</param>
/// <param name="Found">Trees that were found among the same models.</param>
/// <param name="Placed">Of the true edges, those found, whichever end is said to be the parent; of an average either parent counts.</param>
/// <param name="PlacedByChance">The same of a random tree through each true tree.</param>
/// <param name="Directed">Of the models, those whose parent is right; those without one count as right where none is named and no neighbour may be it. Where the direction is not told, both ends count as wrong.</param>
/// <param name="DirectedByChance">The same where each model takes another of its true tree, or none, at random.</param>
/// <param name="AdjustedRand">Of the found trees with the true ones; jackknife over trees.</param>
/// <param name="Kinds">Of the models with a parent, those whose change is named right; null where the answer names none.</param>
/// <param name="KindsByChance">The same where all are said to be of the most frequent kind.</param>
/// <param name="Told">Of the edges found, those with a direction.</param>
public sealed record LineageScores(int Models, int Trees, int Found, Estimate? Placed, double? PlacedByChance, Estimate Directed, double DirectedByChance, Estimate AdjustedRand, Estimate? Kinds, double? KindsByChance, double? Told)
{
    public static LineageScores Of(LineageAnswer answer, LineageTruth truth)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(truth);
        if (answer.Parent.Length != truth.Parent.Length)
            throw new ArgumentException($"an answer for {answer.Parent.Length} models, the truth of {truth.Parent.Length}; as many were expected", nameof(answer));
        int[] judged = [.. Enumerable.Range(0, truth.Parent.Length).Where(i => truth.IsKnown[i])];
        int[] children = [.. judged.Where(i => truth.Parent[i] >= 0)];
        int[] trees = [.. judged.Select(i => truth.Tree[i])], found = [.. judged.Select(i => answer.Tree[i])];
        Dictionary<int, int> sizes = judged.GroupBy(i => truth.Tree[i]).ToDictionary(tree => tree.Key, tree => tree.Count());
        bool[] mayHaveParent = new bool[answer.Parent.Length];
        for (int i = 0; i < mayHaveParent.Length; i++)
        {
            if (answer.Parent[i] >= 0)
                mayHaveParent[i] = true;
            if (answer.Parent[i] >= 0 && !answer.IsDirected[i])
                mayHaveParent[answer.Parent[i]] = true;
        }
        bool IsParent(int i, int parent) => parent >= 0 && (parent == truth.Parent[i] || parent == truth.SecondParent[i]);
        bool[] placed = [.. children.Select(i => IsParent(i, answer.Parent[i]) || answer.Parent[truth.Parent[i]] == i)];
        bool[] directed = [.. judged.Select(i => truth.Parent[i] < 0 ? !mayHaveParent[i] : answer.IsDirected[i] && IsParent(i, answer.Parent[i]))];
        bool[] kinds = [.. children.Select(i => answer.Kinds[i]?.ToString().Equals(truth.Kind[i], StringComparison.OrdinalIgnoreCase) ?? false)];
        int[] of = [.. children.Select(i => truth.Tree[i])];
        bool namesKinds = answer.Kinds.Any(kind => kind is not null);
        (double rand, double[] without) = ClusterScores.AdjustedRandIndexWithout(found, trees, trees);
        Interval jackknife = sizes.Count > 1 ? Intervals.Jackknife(rand, without) : new Interval(rand, rand);
        int[] named = [.. judged.Where(i => answer.Parent[i] >= 0)];
        return new LineageScores(judged.Length, sizes.Count, found.Distinct().Count(), children.Length == 0 ? null : Share(placed, of), children.Length == 0 ? null : children.Average(i => Math.Min(1, 2.0 / sizes[truth.Tree[i]])),
            Share(directed, trees), judged.Average(i => 1.0 / sizes[truth.Tree[i]]), new Estimate(rand, Math.Max(-1, jackknife.Low), Math.Min(1, jackknife.High)),
            namesKinds && children.Length > 0 ? Share(kinds, of) : null, children.Length == 0 ? null : children.GroupBy(i => truth.Kind[i]).Max(kind => kind.Count()) / (double)children.Length,
            named.Length == 0 ? null : named.Count(i => answer.IsDirected[i]) / (double)named.Length);
    }

    private static Estimate Share(bool[] right, int[] trees)
    {
        Interval interval = Intervals.Wilson(right, trees);
        return new Estimate(right.Count(one => one) / (double)right.Length, interval.Low, interval.High);
    }
}
