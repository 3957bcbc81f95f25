namespace WeightSpace.Analysis.Lineage;

/// <summary>How one model was made from another, as far as their weights tell.</summary>
public enum RelationKind
{
    /// <summary>The very same weights.</summary>
    Copy,

    /// <summary>The same weights with the hidden units in another order.</summary>
    Permuted,

    /// <summary>Some weights are 0, all others are the parent's.</summary>
    Pruned,

    /// <summary>Weights on a grid, each within half a step of the parent's.</summary>
    Quantised,

    /// <summary>A difference that is normal noise, and nothing else.</summary>
    Noisy,

    /// <summary>Between two parents on a straight line.</summary>
    Averaged,

    /// <summary>Anything else: trained further.</summary>
    Trained,
}

/// <summary>That one model descends from another.</summary>
/// <param name="Parent">Where <paramref name="IsDirected"/> is false, either may be the parent.</param>
/// <param name="Confidence">From 0 to 1, that these two are parent and child, this way round: see <see cref="LineageRecovery"/>.</param>
/// <param name="Placed">From 0 to 1, that these two are neighbours, whichever is the parent.</param>
/// <param name="IsDirected">Whether the weights tell which of the two is the parent.</param>
/// <param name="Share">Of an average, the share of the second parent in it.</param>
public sealed record LineageEdge(int Parent, int Child, RelationKind Kind, double Confidence, double Placed, bool IsDirected, int? SecondParent = null, double? Share = null);

/// <summary>What a set of models was found to be.</summary>
/// <param name="Tree">The number of each model's tree, from 0. [model]</param>
/// <param name="Siblings">Models that come from one model that is not there: the number of their set, from 0; -1 for all others. [model]</param>
/// <param name="IsReordered">Whether its hidden units stand in another order than those of most of its tree. [model]</param>
public sealed record RecoveredLineage(int[] Tree, IReadOnlyList<LineageEdge> Edges, int[] Siblings, bool[] IsReordered)
{
    /// <summary>The edge to each model's parent; null where it has none that is known. [model]</summary>
    public LineageEdge?[] ParentEdges()
    {
        var edges = new LineageEdge?[Tree.Length];
        foreach (LineageEdge edge in Edges)
            edges[edge.Child] = edge;
        return edges;
    }
}
