using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Trajectories;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Monitoring;

/// <summary>How a monitor is fitted.</summary>
public sealed record MonitorOptions
{
    /// <summary>The share of unchanged networks that may ever alarm, in (0, 1). Default 0.01.</summary>
    public double FalseAlarms { get; init; } = 0.01;

    /// <summary>Seed of the folds. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Folds of the cross-fitting, at least 2. Default 10.</summary>
    public int Folds { get; init; } = 10;
}

/// <summary>A fitted monitor, and what it was not fitted on.</summary>
/// <param name="LeftOut">Networks that are no reference, and why.</param>
public sealed record FittedMonitor(PathMonitor Monitor, IReadOnlyList<(string Network, string Reason)> LeftOut);

/// <summary>Learns a monitor from a reference population: networks trained alike, with checkpoints at the same steps.</summary>
public static class MonitorFit
{
    /// <summary>Most steps of a monitor.</summary>
    public const int MostSteps = PathPass.MostCheckpoints;

    /// <summary>Of a chart, in standard deviations: a lower one would make nothing of its scale.</summary>
    private const double LeastHeight = 1;

    /// <summary>Reads the population and learns from it.</summary>
    /// <param name="title">What people call it.</param>
    /// <param name="group">Where its networks are.</param>
    /// <exception cref="InputException">There are too few networks for the rate, or their steps are not the same.</exception>
    public static FittedMonitor Learn(string title, ICheckpointGroup group, MonitorOptions options, IProgress<AnalysisProgress>? progress = null, CancellationToken cancellation = default)
    {
        Require(options);
        var leftOut = new List<(string Network, string Reason)>();
        IReadOnlyList<PathItems> all = PathItems.Of(group);
        foreach (PathItems path in all.Where(path => !path.IsSound))
            leftOut.Add((path.Network, "it diverged or failed"));
        PathItems[] sound = [.. all.Where(path => path.IsSound)];
        // The steps that most have, the longer list of equally common ones.
        string Steps(PathItems path) => string.Join(' ', path.Items.Select(item => group.Items[item].Step?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"));
        PathItems[] common = sound.Length == 0 ? [] : [.. sound.GroupBy(Steps).OrderByDescending(same => same.Count()).ThenByDescending(same => same.First().Items.Count).First()];
        foreach (PathItems path in sound.Except(common))
            leftOut.Add((path.Network, "it has checkpoints at other steps than most"));
        RequireEnough(title, common.Length, leftOut, options);
        long?[] steps = [.. common[0].Items.Select(item => group.Items[item].Step)];
        if (steps.Any(step => step is null) || steps.Distinct().Count() != steps.Length)
            throw new InputException($"{title}: the checkpoints of {common[0].Network} do not each say another step; a monitor compares networks at the same steps, so choose what says them (--order-by)");
        if (steps.Length is < 4 or > MostSteps)
            throw new InputException($"{title}: its networks have {steps.Length} checkpoints; 4 to {MostSteps:N0} were expected");

        var features = new StepFeatures(group.Tensors);
        var read = new double[]?[common.Length][];
        string?[] problems = new string?[common.Length];
        int done = 0;
        Parallel.For(0, common.Length, new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = group.Count >= TrackAnalysis.LargeNetwork ? 1 : Environment.ProcessorCount }, n =>
        {
            WholePath path = WholePath.Measure(group, common[n].Items, new PathPassOptions(), cancellation);
            problems[n] = path.Rows.FirstOrDefault(row => row.Problem is not null) is { } damaged ? $"{damaged.Name}: {damaged.Problem}" : null;
            read[n] = problems[n] is null ? Features(features, path) : [];
            progress?.Report(new AnalysisProgress("reading paths", Interlocked.Increment(ref done), common.Length));
        });
        for (int n = 0; n < common.Length; n++)
        {
            if (problems[n] is { } problem)
                leftOut.Add((common[n].Network, problem));
        }
        double[]?[][] kept = [.. Enumerable.Range(0, common.Length).Where(n => problems[n] is null).Select(n => read[n])];
        RequireEnough(title, kept.Length, leftOut, options);
        PathMonitor monitor = Learn(title, group.Tensors, [.. steps.Select(step => step!.Value)], kept, options, progress, cancellation);
        return new FittedMonitor(monitor, leftOut);
    }

    /// <summary>The features of a whole path, by checkpoint; null where they are not defined.</summary>
    internal static double[]?[] Features(StepFeatures features, WholePath path)
    {
        var found = new double[]?[path.Rows.Count];
        for (int number = 1; number < path.Sound.Count; number++)
        {
            int index = path.Sound[number];
            found[index] = features.Of(path.Rows[index], path.Rows[path.Sound[number - 1]], path.SquaredLengths[index]);
        }
        return found;
    }

    /// <summary>Learns from features that were read, [network][checkpoint][feature].</summary>
    internal static PathMonitor Learn(string title, IReadOnlyList<PackedTensor> tensors, long[] steps, double[]?[][] features, MonitorOptions options, IProgress<AnalysisProgress>? progress = null, CancellationToken cancellation = default)
    {
        int networks = features.Length, folds = Math.Min(options.Folds, networks);
        int[] order = new int[networks], fold = new int[networks];
        new RandomStream(options.Seed, RandomPurpose.Folds).Permute(order);
        for (int i = 0; i < networks; i++)
            fold[order[i]] = i % folds;
        var highest = new ChartHeights[networks];
        int done = 0;
        // Nobody is judged by what was learned from himself.
        Parallel.For(0, folds, new ParallelOptions { CancellationToken = cancellation }, held =>
        {
            StepModel?[] models = Models([.. Enumerable.Range(0, networks).Where(n => fold[n] != held).Select(n => features[n])]);
            foreach (int n in Enumerable.Range(0, networks).Where(n => fold[n] == held))
                highest[n] = Highest(models, features[n]);
            progress?.Report(new AnalysisProgress("cross-fitting", Interlocked.Increment(ref done), folds));
        });
        double Usual(Func<ChartHeights, double> chart) => Math.Max(LeastHeight, Intervals.Percentile([.. highest.Select(chart).Order()], 1 - options.FalseAlarms));
        var usual = new ChartHeights(Usual(path => path.Instant), Usual(path => path.Lasting), Usual(path => path.Level));
        double[] maxima = [.. highest.Select(path => path.Over(usual)).Order()];
        return new PathMonitor(title, tensors, steps, options.FalseAlarms, maxima, Models(features), usual);
    }

    /// <summary>A model for each step that all networks have features at.</summary>
    private static StepModel?[] Models(double[]?[][] features)
    {
        var models = new StepModel?[features[0].Length];
        ChartState[]? states = null;
        for (int k = 0; k < models.Length; k++)
        {
            if (features.Any(network => network[k] is null))
                continue;
            double[][] here = [.. features.Select(network => network[k]!)];
            states ??= [.. here.Select(row => ChartState.Begin(row.Length))];
            models[k] = StepModel.Fit(here, states);
        }
        return models;
    }

    /// <summary>How high each chart goes on a path.</summary>
    private static ChartHeights Highest(StepModel?[] models, double[]?[] features)
    {
        ChartHeights highest = new(double.NegativeInfinity, double.NegativeInfinity, double.NegativeInfinity);
        ChartState? state = null;
        for (int k = 0; k < models.Length; k++)
        {
            if (models[k] is not { } model || features[k] is not { } row)
                continue;
            (ChartPoint point, state) = model.Judge(row, state ?? ChartState.Begin(row.Length));
            highest = new ChartHeights(Math.Max(highest.Instant, point.Heights.Instant), Math.Max(highest.Lasting, point.Heights.Lasting), Math.Max(highest.Level, point.Heights.Level));
        }
        return highest;
    }

    private static void Require(MonitorOptions options)
    {
        if (!(options.FalseAlarms is > 0 and < 1))
            throw new InputException($"--false-alarms: found {options.FalseAlarms}, expected a share above 0 and below 1");
        if (options.Folds < 2)
            throw new ArgumentOutOfRangeException(nameof(options), options.Folds, "at least 2 folds were expected");
    }

    private static void RequireEnough(string title, int networks, List<(string Network, string Reason)> leftOut, MonitorOptions options)
    {
        int least = Math.Max(PathMonitor.LeastNetworks(options.FalseAlarms), 2 * options.Folds);
        if (networks >= least)
            return;
        string why = leftOut.Count == 0 ? "" : $" ({leftOut.Count} left out: {leftOut[0].Network[..Math.Min(12, leftOut[0].Network.Length)]}: {leftOut[0].Reason}{(leftOut.Count > 1 ? ", ..." : "")})";
        throw new InputException($"{title}: found {networks} networks that can be a reference{why}; to promise that at most {options.FalseAlarms:0.#####} of unchanged networks ever alarm takes at least {least}. Grow more of them, or ask for a higher rate (--false-alarms)");
    }
}
