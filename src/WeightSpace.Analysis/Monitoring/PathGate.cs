using System.Globalization;
using WeightSpace.Analysis.Trajectories;

namespace WeightSpace.Analysis.Monitoring;

/// <summary>What is said of a checkpoint.</summary>
public enum PathVerdict
{
    /// <summary>Nothing speaks against it.</summary>
    OnPath,

    /// <summary>It went where networks like it do not go, or has values that are no numbers.</summary>
    LeftPath,

    /// <summary>It is too far from the version that was tested last, or one before it left the path and none was accepted since.</summary>
    RetestDue,
}

/// <summary>The judgement of a checkpoint.</summary>
/// <param name="Verdict">What it comes to.</param>
/// <param name="Reason">Why, in words.</param>
/// <param name="Statistic">The monitor's; null where there is no monitor or it could not compare.</param>
/// <param name="IsRetestDue">Whether the network must be tested again before it is relied on.</param>
public sealed record PathJudgement(PathVerdict Verdict, string Reason, double? Statistic, bool IsRetestDue);

/// <summary>How far a checkpoint is from the version that was tested last.</summary>
/// <param name="Tested">That version.</param>
/// <param name="Distance">|w - w_tested|.</param>
/// <param name="Relative">The same over |w_tested|.</param>
public sealed record SinceTested(string Tested, double Distance, double Relative);

/// <summary>
/// Judges the checkpoints of one path, one after the other: by a monitor, by the distance since the version that was tested last, or by both. Once a re-test is due it stays due until a
/// version is accepted.
/// </summary>
public sealed class PathGate
{
    private readonly PathMonitor? _monitor;
    private readonly double? _most;
    private readonly MonitorChart? _chart;
    private CheckpointMeasures? _dueSince;

    /// <param name="monitor">Null: paths are not compared with any reference.</param>
    /// <param name="maxDistance">As a share of the tested version's norm; null: any distance will do.</param>
    public PathGate(PathMonitor? monitor, double? maxDistance) => (_monitor, _most, _chart) = (monitor, maxDistance, monitor?.Begin());

    /// <summary>Judges the next checkpoint.</summary>
    /// <param name="row">Its measures.</param>
    /// <param name="features">Null where they are not defined, or there is no monitor.</param>
    /// <param name="since">Null where no version is known to be tested.</param>
    public PathJudgement Next(CheckpointMeasures row, double[]? features, SinceTested? since)
    {
        if (row.Problem is { } problem)
            return Due(row, PathVerdict.LeftPath, $"{problem}: its weights are no numbers", null);
        MonitorAnswer? answer = _chart?.Next(row.Step, features);
        if (answer is { IsAlarm: true, Statistic: { } statistic })
            return Due(row, PathVerdict.LeftPath, string.Create(CultureInfo.InvariantCulture,
                $"{answer.Why}; its statistic {statistic:0.00} is above {_monitor!.Threshold:0.00}, which {_monitor.FalseAlarms:0.####} of unchanged networks ever exceed"), statistic);
        if (_most is { } most && since is not null && since.Relative > most)
            return Due(row, PathVerdict.RetestDue, string.Create(CultureInfo.InvariantCulture, $"it is {since.Relative:0.0000} of its norm away from the tested version '{since.Tested}', more than {most}"), answer?.Statistic);
        if (_dueSince is { } earlier)
            return new PathJudgement(PathVerdict.RetestDue, $"a re-test is due since '{earlier.Name}', and no version was accepted since", answer?.Statistic, true);
        return new PathJudgement(PathVerdict.OnPath, answer is { Statistic: null } ? $"not compared with the reference: {answer.Why}" : "", answer?.Statistic, false);
    }

    /// <summary>Whether a re-test is due, and the checkpoint that it has been due since.</summary>
    public CheckpointMeasures? DueSince => _dueSince;

    /// <summary>A version was tested and found good: what was due up to it is no longer, and evidence is gathered anew. An older version than the one that a re-test is due since changes nothing.</summary>
    /// <param name="version">It has been judged.</param>
    public void Accept(CheckpointMeasures version)
    {
        if (_dueSince is { Step: { } due } && version.Step is { } step && step < due)
            return;
        _dueSince = null;
        _chart?.Reset();
    }

    private PathJudgement Due(CheckpointMeasures row, PathVerdict verdict, string reason, double? statistic)
    {
        _dueSince ??= row;
        return new PathJudgement(verdict, reason, statistic, true);
    }
}
