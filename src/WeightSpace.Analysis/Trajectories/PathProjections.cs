using WeightSpace.Analysis.Embedding;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>Paths in the plane in which all their checkpoints vary most, from the Gram matrix of their positions.</summary>
internal static class PathProjections
{
    /// <summary>Checkpoints that are drawn; of more networks, as many of the first as fit.</summary>
    private const int MostCheckpoints = 2000;

    private const float LargestValue = 1e15f;

    /// <summary>Null where there are not three checkpoints, or all are the same.</summary>
    public static PathProjection? Of(IReadOnlyList<(TrackedNetwork Network, float[]?[] Positions)> paths)
    {
        var drawn = new List<(TrackedNetwork Network, float[][] Positions)>();
        int count = 0;
        foreach ((TrackedNetwork network, float[]?[] positions) in paths)
        {
            float[][] known = [.. positions.OfType<float[]>()];
            // Squares of what is larger would overflow the floats of a Gram matrix.
            bool isDrawable = known.Length > 0 && known.All(position => position.All(value => Math.Abs(value) < LargestValue));
            if (!network.IsSound || !isDrawable || count + known.Length > MostCheckpoints)
                continue;
            drawn.Add((network, known));
            count += known.Length;
        }
        if (count < 3)
            return null;
        using var rows = new FloatRows(count, drawn[0].Positions[0].Length);
        int row = 0;
        foreach (float[] position in drawn.SelectMany(path => path.Positions))
            position.CopyTo(rows[row++]);
        rows.Centre();
        GramMatrix gram = GramMatrix.Compute(rows).Centred();
        if (!(gram.Trace > 0))
            return null;
        PrincipalComponents components = PrincipalComponents.Fit(gram, 2);
        row = 0;
        return new PathProjection(components.VarianceShares,
            [.. drawn.Select(path => new ProjectedPath(path.Network.Network, path.Network.Class, [.. path.Positions.Select(_ => (IReadOnlyList<double>)[components.Scores[row, 0], components.Scores[row++, 1]])]))]);
    }
}
