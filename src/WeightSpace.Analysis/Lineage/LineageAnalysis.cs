using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Lineage;

/// <summary>One model as it was found.</summary>
/// <param name="Tree">From 1.</param>
/// <param name="Parent">Null where none is known. Where <paramref name="Direction"/> is false, it may also be the child.</param>
/// <param name="SecondParent">Of an average.</param>
/// <param name="Share">Of an average, the share of the second parent.</param>
/// <param name="Kind">How it was made from its parent.</param>
/// <param name="Confidence">From 0 to 1, that this is its parent.</param>
/// <param name="Placed">From 0 to 1, that these two are neighbours, whichever is the parent.</param>
/// <param name="Direction">Whether the weights tell which of the two is the parent; null without one.</param>
/// <param name="Siblings">The number, from 1, of a set of models that descend from one that is not there.</param>
/// <param name="Reordered">Whether its hidden units stand in another order than those of most of its tree.</param>
public sealed record FoundModel(string Name, int Tree, string? Parent, string? SecondParent, double? Share, RelationKind? Kind, double? Confidence, double? Placed, bool? Direction, int? Siblings, bool Reordered);

/// <summary>How right an answer is, or would have been.</summary>
public sealed record NamedLineageScores(string Method, LineageScores Scores);

/// <summary>What is known of the descent of a group of models.</summary>
/// <param name="KnowsUnits">Whether it is known which hidden units may be reordered; where not, reordered copies are not found.</param>
/// <param name="LeftOut">Models with weights that are not finite.</param>
/// <param name="Scores">Held against the truth, where it is known: this method first, then the baselines.</param>
public sealed record LineageResult(string Group, int Parameters, bool KnowsUnits, int Trees, IReadOnlyList<FoundModel> Models, IReadOnlyList<string> LeftOut, IReadOnlyList<NamedLineageScores> Scores);

/// <summary>Asks the models of a group which descends from which, without looking at what is said of them.</summary>
public static class LineageAnalysis
{
    /// <summary>Distances of all pairs are kept for blocks of weights.</summary>
    public const int MostModels = 4096;

    /// <summary>The baselines take time with the cube of the models of a tree.</summary>
    public const int MostForBaselines = 1500;

    /// <summary>Most values of all models together: what one array holds.</summary>
    public static long MostValues => Array.MaxLength;

    /// <param name="withBaselines">Whether MoTHer and the nearest model answer too, where the truth is known; they are told the number of trees.</param>
    /// <param name="seed">Seed of everything random.</param>
    /// <exception cref="InputException">There are too many models, or none that is sound.</exception>
    public static LineageResult Run(ICheckpointGroup group, ModelSelection selection, bool withBaselines, ulong seed, Action<string, long, long>? progress, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(selection);
        int count = selection.Items.Count;
        if (count > MostModels)
            throw new InputException($"{group.Name}: {count} models, at most {MostModels} can be compared at a time; take a part of them");
        if (withBaselines && count > MostForBaselines)
            throw new InputException($"{group.Name}: {count} models, the baselines take at most {MostForBaselines}; leave --baselines out");
        if (group.Count > MostValues / Math.Max(1, count))
            throw new InputException($"{group.Name}: {count} models of {group.Count} weights are {count * (double)group.Count:0.#e0} values, at most {MostValues} can be compared at a time; take fewer models");
        var names = new List<string>();
        var leftOut = new List<string>();
        var models = new List<float[]>();
        for (int i = 0; i < count; i++)
        {
            stop.ThrowIfCancellationRequested();
            float[] weights = new float[group.Count];
            group.Read(selection.Items[i], 0, weights);
            string name = group.Items[selection.Items[i]].Name;
            if (double.IsFinite(DenseVectors.SquaredNorm(weights)))
            {
                names.Add(name);
                models.Add(weights);
            }
            else
            {
                leftOut.Add(name);
            }
            progress?.Invoke("reading models", i + 1, count);
        }
        if (models.Count == 0)
            throw new InputException($"{group.Name}: no model has finite weights; there is nothing to compare");
        LineageTruth? truth = LineageTruth.Of(names, selection.Origins);
        // Recovery puts hidden units in another order; the baselines see models as they are.
        float[][]? asTheyAre = truth is not null && withBaselines ? [.. models.Select(model => model.ToArray())] : null;
        RecoveredLineage found = LineageRecovery.Find([.. models], group.Tensors, group.Symmetry, seed, (done, total) => progress?.Invoke("looking for descent", done, total), stop);
        var scores = new List<NamedLineageScores>();
        if (truth is not null)
            scores.Add(new NamedLineageScores("this method", LineageScores.Of(LineageAnswer.Of(found), truth)));
        if (truth is not null && asTheyAre is not null)
        {
            int trees = Enumerable.Range(0, truth.Tree.Length).Where(i => truth.IsKnown[i]).Select(i => truth.Tree[i]).Distinct().Count();
            scores.Add(new NamedLineageScores("MoTHer", LineageScores.Of(MotherBaseline.Find(asTheyAre, group.Tensors, trees, reverse: false, stop), truth)));
            scores.Add(new NamedLineageScores("MoTHer, kurtosis reversed", LineageScores.Of(MotherBaseline.Find(asTheyAre, group.Tensors, trees, reverse: true, stop), truth)));
            scores.Add(new NamedLineageScores("nearest, least norm first", LineageScores.Of(NearestBaseline.Find(asTheyAre, group.Tensors, trees, stop), truth)));
        }
        return Describe(group, names, leftOut, found, scores);
    }

    private static LineageResult Describe(ICheckpointGroup group, List<string> names, List<string> leftOut, RecoveredLineage found, List<NamedLineageScores> scores)
    {
        // Trees are numbered by size, the largest first.
        int[] order = [.. found.Tree.GroupBy(tree => tree).OrderByDescending(tree => tree.Count()).ThenBy(tree => tree.Key).Select(tree => tree.Key)];
        LineageEdge?[] edges = found.ParentEdges();
        FoundModel[] models = [.. names.Select((name, i) => new FoundModel(name, Array.IndexOf(order, found.Tree[i]) + 1, edges[i] is { } edge ? names[edge.Parent] : null, edges[i]?.SecondParent is { } second ? names[second] : null, edges[i]?.Share,
            edges[i]?.Kind, edges[i]?.Confidence, edges[i]?.Placed, edges[i]?.IsDirected, found.Siblings[i] < 0 ? null : found.Siblings[i] + 1, found.IsReordered[i]))];
        return new LineageResult(group.Name, (int)group.Count, group.Symmetry is not null, order.Length, models, leftOut, scores);
    }
}
