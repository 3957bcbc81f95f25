namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// How networks move near each checkpoint, in one step: the slope of weights against time over the checkpoints around it, a local linear regression (Cleveland, "Robust locally weighted regression",
/// 1979, without weights). Forks and parents stand side by side, so their common motion is in it, and the noise that sets them apart is not.
/// </summary>
/// <remarks>The slope v is a sum of weights with coefficients that sum to 0, so products with it come from squared distances alone: &lt;v, y - x&gt; = sum_j a_j (|x_j - x|^2 - |x_j - y|^2) / 2.</remarks>
internal sealed class LocalMotion
{
    /// <summary>The checkpoints around one are the nearest so many of each number of steps,</summary>
    private const int OfEach = 4;

    /// <summary>up to so many steps earlier and later.</summary>
    private const int MostSteps = 8;

    private readonly CheckpointDistances _distances;
    private readonly int[] _members;
    private readonly int[][] _around;
    private readonly double[][] _coefficients;
    private readonly double[] _own;

    /// <param name="steps">How many steps each stands behind the root. [member]</param>
    public LocalMotion(CheckpointDistances distances, int[] members, int[] steps)
    {
        (_distances, _members) = (distances, members);
        int n = members.Length;
        (_around, _coefficients, _own, Squared) = (new int[n][], new double[n][], new double[n], new double[n]);
        int[][] layers = TrainingTime.Layers(steps);
        Parallel.For(0, n, y =>
        {
            var around = new List<int>();
            for (int t = Math.Max(0, steps[y] - MostSteps); t <= Math.Min(layers.Length - 1, steps[y] + MostSteps); t++)
                around.AddRange(TrainingTime.NearestOf(distances, members, layers[t], y, OfEach));
            double mean = around.Average(i => steps[i]), spread = around.Sum(i => (steps[i] - mean) * (steps[i] - mean));
            (_around[y], _coefficients[y]) = ([.. around], [.. around.Select(i => spread == 0 ? 0 : (steps[i] - mean) / spread)]);
            _own[y] = Sum(y, y);
            for (int i = 0; i < around.Count; i++)
                Squared[y] -= 0.5 * _coefficients[y][i] * Sum(y, around[i]);
        });
    }

    /// <summary>|v|^2. [member]</summary>
    public double[] Squared { get; }

    /// <summary>&lt;v, y - x&gt; with the motion near y.</summary>
    public double Along(int x, int y) => 0.5 * (Sum(y, x) - _own[y]);

    /// <summary>|y - x - v|^2: how badly x fits as the checkpoint right before y.</summary>
    public double Misfit(int x, int y) => Math.Max(0, _distances[_members[x], _members[y]] - (2 * Along(x, y)) + Squared[y]);

    /// <summary>The squared distance of x from y across the motion near y, however many steps lie between.</summary>
    public double Across(int x, int y)
    {
        double squared = _distances[_members[x], _members[y]], along = Along(x, y);
        return Squared[y] <= 0 ? squared : Math.Max(0, squared - (along * along / Squared[y]));
    }

    /// <summary>sum_j a_j |x_j - x|^2 with the coefficients of y.</summary>
    private double Sum(int y, int x)
    {
        ReadOnlySpan<float> row = _distances.Row(_members[x]);
        int[] around = _around[y];
        double[] coefficients = _coefficients[y];
        double sum = 0;
        for (int i = 0; i < around.Length; i++)
            sum += coefficients[i] * row[_members[around[i]]];
        return sum;
    }
}
