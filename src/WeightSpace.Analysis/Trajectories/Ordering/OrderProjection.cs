using WeightSpace.Analysis.Embedding;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>Checkpoints in the plane in which they vary most.</summary>
/// <param name="VarianceShares">Of all checkpoints, along the first and the second direction.</param>
/// <param name="Points">[checkpoint, 2], in the order of <see cref="OrderResult.Checkpoints"/>.</param>
public sealed record OrderProjection(IReadOnlyList<double> VarianceShares, IReadOnlyList<IReadOnlyList<double>> Points)
{
    /// <summary>The directions are those of at most so many checkpoints, evenly taken: a Gram matrix of all would cost as much as the search for paths.</summary>
    internal const int MostFitted = 2000;

    /// <param name="rows">[checkpoint, parameter], less their mean.</param>
    /// <returns>Null where there are not three checkpoints, or all are the same.</returns>
    internal static OrderProjection? Of(FloatRows rows, CancellationToken stop)
    {
        if (rows.Count < 3)
            return null;
        double[]? points = rows.Count <= MostFitted ? Fitted(rows, stop) : Placed(rows, stop);
        if (points is null)
            return null;
        double total = 0;
        for (int i = 0; i < rows.Count; i++)
            total += DenseVectors.SquaredNorm(rows[i]);
        double Share(int direction) => Math.Min(1, Enumerable.Range(0, rows.Count).Sum(i => points[(2 * i) + direction] * points[(2 * i) + direction]) / total);
        return points.All(double.IsFinite) ? new OrderProjection([Share(0), Share(1)], [.. points.Chunk(2)]) : null;
    }

    /// <summary>[row, 2]: coordinates of the rows along their own first two components.</summary>
    private static double[]? Fitted(FloatRows rows, CancellationToken stop)
    {
        GramMatrix gram = GramMatrix.Compute(rows, cancellation: stop).Centred();
        if (!(gram.Trace > 0) || !double.IsFinite(gram.Trace))
            return null;
        double[] points = new double[2 * rows.Count];
        double[,] scores = PrincipalComponents.Fit(gram, 2).Scores;
        for (int i = 0; i < rows.Count; i++)
            (points[2 * i], points[(2 * i) + 1]) = (scores[i, 0], scores[i, 1]);
        return points;
    }

    /// <summary>[row, 2]: coordinates of all rows along the first two components of some.</summary>
    private static double[]? Placed(FloatRows rows, CancellationToken stop)
    {
        using var some = new FloatRows(MostFitted, rows.Columns);
        for (int i = 0; i < MostFitted; i++)
            rows[(int)((long)i * rows.Count / MostFitted)].CopyTo(some[i]);
        if (Fitted(some, stop) is not { } fitted)
            return null;
        // With scores u of rows X the direction is X^T u over its length.
        double[][] directions = [new double[rows.Columns], new double[rows.Columns]];
        for (int i = 0; i < MostFitted; i++)
        {
            DenseVectors.AddScaled(directions[0], fitted[2 * i], some[i]);
            DenseVectors.AddScaled(directions[1], fitted[(2 * i) + 1], some[i]);
        }
        double[] lengths = [.. directions.Select(direction => Math.Max(DenseVectors.Norm(direction), double.Epsilon))];
        double[] points = new double[2 * rows.Count];
        for (int i = 0; i < rows.Count; i++)
        {
            stop.ThrowIfCancellationRequested();
            ReadOnlySpan<float> row = rows[i];
            double first = 0, second = 0;
            for (int j = 0; j < row.Length; j++)
            {
                first += row[j] * directions[0][j];
                second += row[j] * directions[1][j];
            }
            (points[2 * i], points[(2 * i) + 1]) = (first / lengths[0], second / lengths[1]);
        }
        return points;
    }
}
