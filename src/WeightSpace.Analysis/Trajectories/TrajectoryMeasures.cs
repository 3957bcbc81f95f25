namespace WeightSpace.Analysis.Trajectories;

/// <summary>
/// One checkpoint of a path. Every number looks back only, so that it is the same when further checkpoints follow; null where it is not defined. docs/trajectories.md has all formulas with
/// units and sources.
/// </summary>
/// <param name="Name">The checkpoint's name in what was opened.</param>
/// <param name="Step">The optimizer's step; null where nothing says it.</param>
/// <param name="Epoch">Passes through the data; null where nothing says it.</param>
public sealed record CheckpointMeasures(string Name, long? Step, double? Epoch)
{
    /// <summary>|w_k|.</summary>
    public double? Norm { get; init; }

    /// <summary>Fourth standardised moment of all weights: 3 for a normal distribution.</summary>
    public double? Kurtosis { get; init; }

    /// <summary>|w_k - w_{k-1}|.</summary>
    public double? StepLength { get; init; }

    /// <summary>Step length over |w_{k-1}|.</summary>
    public double? RelativeStepLength { get; init; }

    /// <summary>Step length over the optimizer's steps between the two checkpoints.</summary>
    public double? Speed { get; init; }

    /// <summary>Step length over the epochs between the two checkpoints.</summary>
    public double? SpeedPerEpoch { get; init; }

    /// <summary>Sum of all step lengths so far; 0 at the start.</summary>
    public double? ArcLength { get; init; }

    /// <summary>|w_k - w_0|.</summary>
    public double? DistanceFromStart { get; init; }

    /// <summary>Arc length over distance from the start, at least 1.</summary>
    public double? Tortuosity { get; init; }

    /// <summary>Degrees between the last two updates, 0 (straight on) to 180 (back).</summary>
    public double? TurningAngle { get; init; }

    /// <summary>Menger's: one over the radius of the circle through the last three checkpoints.</summary>
    public double? Curvature { get; init; }

    /// <summary>Distance from the mean of a reference population at the same step, over the median of the same for its own networks.</summary>
    public double? ReferenceDistance { get; init; }

    /// <summary>(1 + reference networks that are as far out or farther) / (1 + reference networks).</summary>
    public double? ReferenceTail { get; init; }

    /// <summary>Whether step length, distance from the start or turning come from sketches, because an earlier checkpoint was gone.</summary>
    public bool IsEstimated { get; init; }

    /// <summary>Why there are no numbers; null where there are.</summary>
    public string? Problem { get; init; }
}

/// <summary>A whole path in a few numbers; null where they are not defined.</summary>
/// <param name="Checkpoints">Those that were measured.</param>
/// <param name="Tortuosity">Arc length over displacement, at least 1.</param>
/// <param name="MeanTurningAngle">Degrees.</param>
/// <param name="MeanCurvature">One over the unit of weights.</param>
/// <param name="Smoothness">Mean cosine between consecutive updates, -1 to 1.</param>
/// <param name="Roughness">Mean squared difference of consecutive updates over their variance: 0 for a straight or slowly turning path, 2 for independent updates, nearly 4 for a zigzag.</param>
/// <param name="UpdateSimilarity">Mean cosine between different updates.</param>
/// <param name="DirectionalSimilarity">Mean cosine between checkpoints as seen from the origin, each with itself included.</param>
/// <param name="Dimension">Participation ratio of the principal components of the checkpoints, 1 to k - 1.</param>
/// <param name="Components95">Principal components that hold 95 % of the variance.</param>
/// <param name="RandomWalk">The same of equally long steps in directions that have nothing to do with each other: what a number must differ from to mean something. Null within itself.</param>
public sealed record PathSummary(
    int Checkpoints,
    double? ArcLength,
    double? Displacement,
    double? Tortuosity,
    double? MeanTurningAngle,
    double? MeanCurvature,
    double? Smoothness,
    double? Roughness,
    double? UpdateSimilarity,
    double? DirectionalSimilarity,
    double? Dimension,
    int? Components95,
    PathSummary? RandomWalk);

/// <summary>
/// The measures of a path through weight space: w_0 .. w_{k-1} are the checkpoints in order, u_i = w_{i+1} - w_i the updates between them. Schürholt and Borth, "An investigation of the weight
/// space to monitor the training progress of neural networks", arXiv 2006.10424, ask for step length, curvature and smoothness; Singh et al., "The directionality of optimization
/// trajectories in neural networks", ICLR 2025, arXiv 2403.07379, for the matrix of cosines.
/// </summary>
public static class TrajectoryMeasures
{
    /// <summary>The rows of a path; names, steps and epochs are those of <paramref name="known"/>, kurtosis and marks are kept as they stand there.</summary>
    public static CheckpointMeasures[] Rows(PathGeometry path, IReadOnlyList<CheckpointMeasures> known)
    {
        if (known.Count != path.Count)
            throw new ArgumentException($"{known.Count} rows of a path of {path.Count} checkpoints; expected one for each", nameof(known));
        var rows = new CheckpointMeasures[path.Count];
        double[] lengths = path.StepLengths();
        for (int k = 0; k < rows.Length; k++)
        {
            rows[k] = Row(known[k], k == 0 ? null : rows[k - 1], path.SquaredNorms[k], path.SquaredFromStart[k],
                k == 0 ? 0 : lengths[k - 1], k < 2 ? 0 : path.UpdateProducts[k - 2, k - 1]);
        }
        return rows;
    }

    /// <summary>One row from the row before it.</summary>
    /// <param name="known">What is known of the checkpoint already.</param>
    /// <param name="before">The row of the checkpoint before; null at the start.</param>
    /// <param name="squaredNorm">|w_k|^2.</param>
    /// <param name="squaredFromStart">|w_k - w_0|^2.</param>
    /// <param name="length">|w_k - w_{k-1}|; not looked at for the start.</param>
    /// <param name="product">Of this update and the one before; not looked at for the first two.</param>
    internal static CheckpointMeasures Row(CheckpointMeasures known, CheckpointMeasures? before, double squaredNorm, double squaredFromStart, double length, double product)
    {
        double fromStart = Math.Sqrt(squaredFromStart);
        CheckpointMeasures row = known with { Norm = Math.Sqrt(squaredNorm), ArcLength = before is null ? 0 : before.ArcLength + length, DistanceFromStart = fromStart };
        if (before is null)
            return row;
        return row with
        {
            StepLength = length,
            RelativeStepLength = Ratio(length, before.Norm!.Value),
            Speed = known.Step - before.Step is > 0 and var steps ? length / steps : null,
            SpeedPerEpoch = known.Epoch - before.Epoch is > 0 and var epochs ? length / epochs : null,
            // Rounding must not make any path shorter than the straight one.
            Tortuosity = Ratio(row.ArcLength!.Value, fromStart) is { } ratio ? Math.Max(1, ratio) : null,
            TurningAngle = before.StepLength is { } last ? Angle(last, length, product) : null,
            Curvature = before.StepLength is { } previous ? MengerCurvature(previous, length, product) : null,
        };
    }

    /// <summary>The summary of a path.</summary>
    public static PathSummary Summary(PathGeometry path) => Of(path, Of(path.AsRandomWalk(), null));

    /// <summary>
    /// The angle between two updates in degrees, 180/pi arccos(u v / (|u| |v|)); null where one has no length. By the arctangent of sine and cosine: near 0 and 180 degrees the
    /// arccosine loses half of its digits.
    /// </summary>
    public static double? Angle(double first, double second, double product)
    {
        double lengths = first * second;
        if (!(lengths > 0))
            return null;
        return double.RadiansToDegrees(Math.Atan2(Cross(lengths, product), product));
    }

    /// <summary>
    /// Menger's curvature of three points, one over the radius of the circle through them: 4 A / (a b c) with the triangle's area A and sides a = |u|, b = |v|, c = |u + v| (Menger,
    /// "Untersuchungen über allgemeine Metrik", 1930). Null where two of the points are the same.
    /// </summary>
    /// <param name="first">|u|.</param>
    /// <param name="second">|v|.</param>
    /// <param name="product">u v.</param>
    public static double? MengerCurvature(double first, double second, double product)
    {
        double lengths = first * second, span = Math.Sqrt(Math.Max(0, (first * first) + (second * second) + (2 * product)));
        // The area is half of |u| |v| sin; a span below rounding is that of a path that went back to where it was.
        return lengths > 0 && span > 1e-7 * (first + second) ? 2 * Cross(lengths, product) / (lengths * span) : null;
    }

    /// <summary>The cosines between updates, [k - 1, k - 1]; null where one of the two has no length.</summary>
    public static double?[,] UpdateCosines(PathGeometry path)
    {
        double[] lengths = path.StepLengths();
        var cosines = new double?[lengths.Length, lengths.Length];
        for (int i = 0; i < lengths.Length; i++)
        {
            for (int j = 0; j < lengths.Length; j++)
                cosines[i, j] = lengths[i] * lengths[j] > 0 ? i == j ? 1 : Math.Clamp(path.UpdateProducts[i, j] / (lengths[i] * lengths[j]), -1, 1) : null;
        }
        return cosines;
    }

    /// <summary>The trajectory map of Singh et al.: the cosines between checkpoints as seen from the origin, [k, k]; null where one of the two is 0.</summary>
    public static double?[,] TrajectoryMap(PathGeometry path)
    {
        double[,] positions = path.Positions();
        var map = new double?[path.Count, path.Count];
        for (int i = 0; i < path.Count; i++)
        {
            for (int j = 0; j < path.Count; j++)
            {
                // |w_i - w_j|^2 is small beside the norms late in training, and exact.
                double apart = Math.Max(0, positions[i, i] + positions[j, j] - (2 * positions[i, j])), norms = Math.Sqrt(path.SquaredNorms[i] * path.SquaredNorms[j]);
                map[i, j] = norms > 0 ? i == j ? 1 : Math.Clamp((path.SquaredNorms[i] + path.SquaredNorms[j] - apart) / (2 * norms), -1, 1) : null;
            }
        }
        return map;
    }

    /// <summary>
    /// The participation ratio of a spectrum, (sum l)^2 / sum l^2: n for n equal values, 1 where one holds all (Gao et al., "A theory of multineuronal dimensionality, dynamics and measurement",
    /// 2017). Null where all are 0.
    /// </summary>
    public static double? ParticipationRatio(IReadOnlyList<double> spectrum)
    {
        double sum = spectrum.Sum(), squares = spectrum.Sum(value => value * value);
        return squares > 0 ? sum * sum / squares : null;
    }

    private static PathSummary Of(PathGeometry path, PathSummary? randomWalk)
    {
        double[] lengths = path.StepLengths();
        int updates = lengths.Length;
        double arc = lengths.Sum(), displacement = Math.Sqrt(path.SquaredFromStart[^1]);
        var pairs = Enumerable.Range(0, Math.Max(0, updates - 1)).Select(i => (First: lengths[i], Second: lengths[i + 1], Product: path.UpdateProducts[i, i + 1])).ToList();
        double[] spectrum = updates > 0 ? path.Spectrum() : [];
        return new PathSummary(
            path.Count,
            updates > 0 ? arc : null,
            updates > 0 ? displacement : null,
            updates > 0 && Ratio(arc, displacement) is { } ratio ? Math.Max(1, ratio) : null,
            Mean(pairs.Select(pair => Angle(pair.First, pair.Second, pair.Product))),
            Mean(pairs.Select(pair => MengerCurvature(pair.First, pair.Second, pair.Product))),
            Mean(pairs.Select(pair => pair.First * pair.Second > 0 ? (double?)Math.Clamp(pair.Product / (pair.First * pair.Second), -1, 1) : null)),
            Roughness(path),
            OffDiagonalMean(UpdateCosines(path)),
            updates > 0 ? Mean(TrajectoryMap(path).Cast<double?>()) : null,
            ParticipationRatio(spectrum),
            Holding(spectrum, 0.95),
            randomWalk);
    }

    /// <summary>
    /// Von Neumann's ratio of the mean square successive difference to the variance (Annals of Mathematical Statistics 12, 1941), of the updates: [sum |u_{i+1} - u_i|^2 / (n - 1)] over
    /// [sum |u_i - mean|^2 / (n - 1)]. Its mean is 2 for independent updates of one distribution.
    /// </summary>
    private static double? Roughness(PathGeometry path)
    {
        double[,] products = path.UpdateProducts;
        int updates = products.GetLength(0);
        if (updates < 3)
            return null;
        double successive = 0, trace = 0, all = 0;
        for (int i = 0; i < updates; i++)
        {
            trace += products[i, i];
            for (int j = 0; j < updates; j++)
                all += products[i, j];
            if (i > 0)
                successive += products[i, i] + products[i - 1, i - 1] - (2 * products[i - 1, i]);
        }
        double around = trace - (all / updates);
        // Equal updates, as on a straight line at one speed, leave rounding only.
        return around > 1e-12 * trace ? Math.Max(0, successive) / around : null;
    }

    private static double Cross(double lengths, double product) => Math.Sqrt(Math.Max(0, (lengths - product) * (lengths + product)));

    private static int? Holding(double[] spectrum, double share)
    {
        double total = spectrum.Sum(), held = 0;
        if (!(total > 0))
            return null;
        for (int i = 0; i < spectrum.Length; i++)
        {
            held += spectrum[i];
            if (held >= share * total)
                return i + 1;
        }
        return spectrum.Length;
    }

    private static double? OffDiagonalMean(double?[,] matrix) =>
        Mean(Enumerable.Range(0, matrix.GetLength(0)).SelectMany(i => Enumerable.Range(i + 1, matrix.GetLength(0) - i - 1).Select(j => matrix[i, j])));

    private static double? Mean(IEnumerable<double?> values)
    {
        (double sum, int count) = (0, 0);
        foreach (double? value in values)
        {
            if (value is { } number)
                (sum, count) = (sum + number, count + 1);
        }
        return count > 0 ? sum / count : null;
    }

    private static double? Ratio(double value, double of) => of > 0 ? value / of : null;
}
