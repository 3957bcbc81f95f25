namespace WeightSpace.Tests.Analysis.Trajectories;

/// <summary>Each measure of a path written down as its definition has it, from the weights themselves: slow and obvious.</summary>
internal static class PlainPath
{
    public static double[] Update(float[][] path, int k) => [.. path[k].Zip(path[k - 1], (after, before) => (double)after - before)];

    public static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    public static double Length(double[] a) => Math.Sqrt(Dot(a, a));

    public static double Distance(float[][] path, int i, int j) => Length([.. path[i].Zip(path[j], (a, b) => (double)a - b)]);

    public static double Cosine(double[] a, double[] b) => Dot(a, b) / (Length(a) * Length(b));

    public static double Norm(float[] weights) => Length([.. weights.Select(value => (double)value)]);

    public static double Kurtosis(float[] weights)
    {
        double mean = weights.Average(value => (double)value);
        double Moment(int power) => weights.Average(value => Math.Pow(value - mean, power));
        return Moment(4) / (Moment(2) * Moment(2));
    }

    /// <summary>By Heron's formula from the three sides.</summary>
    public static double Curvature(float[][] path, int k)
    {
        double a = Distance(path, k - 2, k - 1), b = Distance(path, k - 1, k), c = Distance(path, k - 2, k), half = (a + b + c) / 2;
        return 4 * Math.Sqrt(half * (half - a) * (half - b) * (half - c)) / (a * b * c);
    }

    public static double Roughness(float[][] path)
    {
        double[][] updates = [.. Enumerable.Range(1, path.Length - 1).Select(k => Update(path, k))];
        double[] mean = [.. Enumerable.Range(0, path[0].Length).Select(i => updates.Average(update => update[i]))];
        double successive = Enumerable.Range(1, updates.Length - 1).Sum(k => updates[k].Zip(updates[k - 1], (a, b) => (a - b) * (a - b)).Sum());
        double around = updates.Sum(update => update.Zip(mean, (a, b) => (a - b) * (a - b)).Sum());
        return successive / (updates.Length - 1) / (around / (updates.Length - 1));
    }

    /// <summary>From the covariance of the weights, whose eigenvalues are those of the checkpoints' products: (tr C)^2 / tr C^2.</summary>
    public static double ParticipationRatio(float[][] path)
    {
        int weights = path[0].Length;
        double[] mean = [.. Enumerable.Range(0, weights).Select(i => path.Average(one => (double)one[i]))];
        double trace = 0, squares = 0;
        for (int i = 0; i < weights; i++)
        {
            for (int j = 0; j < weights; j++)
            {
                double covariance = path.Sum(one => (one[i] - mean[i]) * (one[j] - mean[j]));
                squares += covariance * covariance;
                if (i == j)
                    trace += covariance;
            }
        }
        return trace * trace / squares;
    }
}
