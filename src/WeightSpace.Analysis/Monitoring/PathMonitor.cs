using System.Globalization;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Monitoring;

/// <summary>
/// What a reference population says of how networks like it go, step by step, and how unusual one may become before an alarm. Of networks drawn as those of the reference are,
/// at most the share <see cref="FalseAlarms"/> ever alarm on the whole of their paths: the threshold is a conformal quantile of the highest statistic of each reference network (Vovk, Gammerman and
/// Shafer, "Algorithmic Learning in a Random World", 2005), each judged by a monitor that was learned from others (Vovk, "Cross-conformal predictors", 2015). docs/monitor.md has the formulas and the limits.
/// </summary>
public sealed class PathMonitor
{
    private readonly StepModel?[] _models;
    private readonly Dictionary<long, int> _places;

    /// <param name="maxima">Sorted ascending.</param>
    internal PathMonitor(string reference, IReadOnlyList<PackedTensor> tensors, long[] steps, double falseAlarms, double[] maxima, StepModel?[] models, ChartHeights usual)
    {
        (Reference, Tensors, Steps, FalseAlarms, Maxima, Usual, _models) = (reference, tensors, steps, falseAlarms, maxima, usual, models);
        Features = new StepFeatures(tensors);
        _places = steps.Select((step, place) => (step, place)).ToDictionary(pair => pair.step, pair => pair.place);
        Threshold = maxima[Rank(maxima.Length, falseAlarms) - 1];
    }

    /// <summary>What people call the population.</summary>
    public string Reference { get; }

    /// <summary>Of the networks that can be judged.</summary>
    public IReadOnlyList<PackedTensor> Tensors { get; }

    /// <summary>What is looked at.</summary>
    public StepFeatures Features { get; }

    /// <summary>The steps that the reference has checkpoints at, ascending.</summary>
    public IReadOnlyList<long> Steps { get; }

    /// <summary>The share of unchanged networks that may ever alarm, in (0, 1).</summary>
    public double FalseAlarms { get; }

    /// <summary>A larger statistic is an alarm.</summary>
    public double Threshold { get; }

    /// <summary>Networks of the reference.</summary>
    public int Networks => Maxima.Count;

    /// <summary>The highest statistic of each reference network, ascending.</summary>
    public IReadOnlyList<double> Maxima { get; }

    /// <summary>
    /// Where the rate of this very monitor lies with 95 % confidence: over references the rate is distributed as the beta distribution with n + 1 - k and k (Vovk, "Conditional validity of inductive
    /// conformal predictors", 2012), and <see cref="FalseAlarms"/> is no less than its mean.
    /// </summary>
    public Interval RateOfThis => Rank(Networks, FalseAlarms) is var k && Networks + 1 - k is var above
        ? new Interval(Intervals.BetaQuantile(above, k, 0.025), Intervals.BetaQuantile(above, k, 0.975)) : default;

    /// <summary>What the models are, by step; null at the first steps.</summary>
    internal IReadOnlyList<StepModel?> Models => _models;

    /// <summary>What one in 1 / rate of unchanged networks exceeds on each chart.</summary>
    internal ChartHeights Usual { get; }

    /// <summary>The place of the threshold among n sorted maxima, from 1: ceil((n + 1)(1 - rate)); more than n where there are too few.</summary>
    public static int Rank(int networks, double falseAlarms) => (int)Math.Ceiling(((networks + 1) * (1 - falseAlarms)) - 1e-9);

    /// <summary>The fewest networks that can promise a rate.</summary>
    public static int LeastNetworks(double falseAlarms) => (int)Math.Ceiling((1 / falseAlarms) - 1e-9) - 1;

    /// <summary>A chart for one path.</summary>
    public MonitorChart Begin() => new(this);

    /// <summary>The number of a step among <see cref="Steps"/>; -1 where the reference has none there.</summary>
    public int PlaceOf(long step) => _places.GetValueOrDefault(step, -1);

    /// <summary>Throws an <see cref="InputException"/> where networks of a group cannot be judged.</summary>
    /// <param name="what">What is judged, for the message.</param>
    public void RequireSameTensors(IReadOnlyList<PackedTensor> tensors, string what)
    {
        if (HasTensors(tensors))
            return;
        PackedTensor? other = tensors.FirstOrDefault(tensor => !Tensors.Any(own => IsSame(own, tensor)));
        string found = other is null ? $"{tensors.Count} tensors" : $"the tensor '{other.Name}' [{string.Join(", ", other.Shape)}]";
        throw new InputException($"{what}: found {found}, which is not of the monitor's networks; it was fitted on {Reference}, whose networks have {Tensors.Count} tensors, the first '{Tensors[0].Name}' [{string.Join(", ", Tensors[0].Shape)}]. Fit one on networks of this architecture");
    }

    /// <summary>Whether networks with these tensors can be judged.</summary>
    public bool HasTensors(IReadOnlyList<PackedTensor> tensors) => tensors.Count == Tensors.Count && tensors.Zip(Tensors).All(pair => IsSame(pair.First, pair.Second));

    private static bool IsSame(PackedTensor a, PackedTensor b) => a.Name == b.Name && a.Shape.SequenceEqual(b.Shape);
}

/// <summary>What a monitor says of a checkpoint.</summary>
/// <param name="Statistic">How unusual it is; null where it cannot be compared with the reference.</param>
/// <param name="Why">What stands out, or why it cannot be compared.</param>
/// <param name="IsAlarm">Whether the statistic is above the threshold.</param>
public sealed record MonitorAnswer(double? Statistic, string Why, bool IsAlarm);

/// <summary>The chart of one path: its checkpoints in the order of their steps, each once. It never looks ahead.</summary>
public sealed class MonitorChart
{
    /// <summary>A turn takes three checkpoints, each right behind the one before in the reference's steps.</summary>
    private const int Needed = 3;

    private readonly PathMonitor _monitor;
    private ChartState _state;
    private int _last = -1, _run;

    internal MonitorChart(PathMonitor monitor)
    {
        _monitor = monitor;
        _state = ChartState.Begin(monitor.Features.Count);
    }

    /// <summary>Judges the next checkpoint.</summary>
    /// <param name="step">Its step.</param>
    /// <param name="features">As <see cref="StepFeatures.Of"/> has them.</param>
    public MonitorAnswer Next(long? step, double[]? features)
    {
        int place = step is { } at ? _monitor.PlaceOf(at) : -1;
        _run = place >= 0 && (_run == 0 || place == _last + 1) ? _run + 1 : place >= 0 ? 1 : 0;
        bool isBehindGap = _last >= 0 && place > _last + 1;
        _last = place;
        if (place < 0)
            return NotCompared(step is null ? "it says no step" : $"the reference has no checkpoint at step {step}: {Around(step.Value)}");
        if (_run < Needed)
            return NotCompared(isBehindGap ? "a checkpoint that the reference has is missing before it" : "it takes three checkpoints in a row to compare one");
        if (features is null)
            return NotCompared("the checkpoint before it can no longer be read");
        if (_monitor.Models[place] is not { } model)
            return NotCompared("the reference says nothing of this step");
        bool isPriming = model.Slopes is not null && _state.Scores is null;
        (ChartPoint point, ChartState next) = model.Judge(features, _state);
        if (isPriming)
        {
            _state = _state with { Scores = next.Scores };
            return new MonitorAnswer(null, "the checkpoint before it could not be compared, from which this one would be expected", false);
        }
        _state = next;
        double statistic = point.Heights.Over(_monitor.Usual);
        return new MonitorAnswer(statistic, Explain(point), statistic > _monitor.Threshold);
    }

    /// <summary>Forgets the evidence so far, as behind a version that was tested and found good.</summary>
    public void Reset() => _state = ChartState.Begin(_monitor.Features.Count) with { Scores = _state.Scores };

    private MonitorAnswer NotCompared(string why)
    {
        _state = _state with { Scores = null };
        return new MonitorAnswer(null, why, false);
    }

    private string Around(long step)
    {
        IReadOnlyList<long> steps = _monitor.Steps;
        if (step < steps[0])
            return $"it begins at step {steps[0]}";
        if (step > steps[^1])
            return $"it ends at step {steps[^1]}";
        int above = Enumerable.Range(0, steps.Count).First(place => steps[place] > step);
        return $"it has steps {steps[above - 1]} and {steps[above]}";
    }

    private string Explain(ChartPoint point)
    {
        ChartHeights heights = point.Heights, usual = _monitor.Usual;
        double statistic = heights.Over(usual);
        bool isLevel = heights.Level / usual.Level >= statistic, isSudden = !isLevel && heights.Instant / usual.Instant >= statistic;
        double[] deviations = isLevel ? point.Levels : point.Surprises;
        int most = 0;
        for (int i = 1; i < deviations.Length; i++)
        {
            if (Math.Abs(deviations[i]) > Math.Abs(deviations[most]))
                most = i;
        }
        string size = Math.Abs(deviations[most]).ToString("0.0", CultureInfo.InvariantCulture), side = deviations[most] > 0 ? "above" : "below";
        string what = isLevel ? "an unusual level" : isSudden ? "a sudden change" : "a change that lasts";
        return $"{what}; {_monitor.Features.Names[most]} is {size} standard deviations {side} {(isLevel ? "the reference's mean, over the last checkpoints" : "what the reference leads to expect")}";
    }
}
