using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Classification;

/// <summary>
/// L-BFGS with a backtracking line search, for smooth convex functions: Nocedal and Wright, "Numerical Optimization", 2006,
/// algorithms 7.4 (two-loop recursion), 7.5 and 3.1 (backtracking under the Armijo condition).
/// </summary>
internal static class LimitedMemoryBfgs
{
    private const int Memory = 10; // pairs kept; the book's 3 to 20
    private const double SufficientDecrease = 1e-4; // c1 of equation 3.4
    private const int MostHalvings = 50; // below 2^-50 a step changes nothing but the rounding

    /// <summary>
    /// Goes down from <paramref name="point"/>, in place, until the norm of the gradient is at most the tolerance or no step
    /// lowers the value any more. Returns the value there.
    /// </summary>
    /// <param name="point">The start, and on return the minimum.</param>
    /// <param name="evaluate">Returns the value at its first argument and writes the gradient there into its second.</param>
    /// <param name="tolerance">The norm of the gradient at which to stop.</param>
    /// <param name="mostIterations">A bound on the number of steps.</param>
    public static double Minimise(double[] point, Func<double[], double[], double> evaluate, double tolerance, int mostIterations)
    {
        double[] gradient = new double[point.Length], next = new double[point.Length], nextGradient = new double[point.Length];
        var direction = new double[point.Length];
        double value = evaluate(point, gradient);
        var pairs = new List<(double[] Step, double[] Change, double Curvature)>(Memory);
        for (int iteration = 0; iteration < mostIterations && DenseVectors.Norm(gradient) > tolerance; iteration++)
        {
            FindDirection(gradient, pairs, direction);
            double slope = DenseVectors.Dot(gradient, direction);
            // Without curvature yet, a first step of length 1 at most.
            double length = pairs.Count > 0 ? 1 : Math.Min(1, 1 / DenseVectors.Norm(gradient));
            double nextValue = double.NaN;
            int halvings = 0;
            for (; halvings < MostHalvings; halvings++, length *= 0.5)
            {
                point.CopyTo(next, 0);
                DenseVectors.AddScaled(next, length, direction);
                nextValue = evaluate(next, nextGradient);
                if (nextValue <= value + (SufficientDecrease * length * slope))
                    break;
            }
            if (halvings == MostHalvings)
                return value;

            // The oldest pair makes room, in the same arrays.
            (double[] step, double[] change) = pairs.Count == Memory ? (pairs[0].Step, pairs[0].Change) : (new double[point.Length], new double[point.Length]);
            for (int i = 0; i < point.Length; i++)
                (step[i], change[i]) = (length * direction[i], nextGradient[i] - gradient[i]);
            double curvature = DenseVectors.Dot(step, change);
            if (pairs.Count == Memory)
                pairs.RemoveAt(0);
            if (curvature > 1e-12 * DenseVectors.Dot(change, change)) // always so, but for rounding, where the function is strictly convex
                pairs.Add((step, change, curvature));
            next.CopyTo(point, 0);
            (gradient, nextGradient) = (nextGradient, gradient);
            value = nextValue;
        }
        return value;
    }

    /// <summary>Minus the gradient times the inverse Hessian that the pairs imply.</summary>
    private static void FindDirection(double[] gradient, List<(double[] Step, double[] Change, double Curvature)> pairs, double[] direction)
    {
        for (int i = 0; i < direction.Length; i++)
            direction[i] = -gradient[i];
        Span<double> weights = stackalloc double[Memory];
        for (int p = pairs.Count - 1; p >= 0; p--)
        {
            weights[p] = DenseVectors.Dot(pairs[p].Step, direction) / pairs[p].Curvature;
            DenseVectors.AddScaled(direction, -weights[p], pairs[p].Change);
        }
        if (pairs.Count > 0)
        {
            double scale = pairs[^1].Curvature / DenseVectors.Dot(pairs[^1].Change, pairs[^1].Change); // equation 7.20
            for (int i = 0; i < direction.Length; i++)
                direction[i] *= scale;
        }
        for (int p = 0; p < pairs.Count; p++)
        {
            double other = DenseVectors.Dot(pairs[p].Change, direction) / pairs[p].Curvature;
            DenseVectors.AddScaled(direction, weights[p] - other, pairs[p].Step);
        }
    }
}
