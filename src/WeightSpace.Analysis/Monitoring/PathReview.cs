using WeightSpace.Analysis.Trajectories;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Monitoring;

/// <summary>A checkpoint with what is said of it.</summary>
/// <param name="Since">How far it is from the tested version; null where none was tested before it.</param>
public sealed record JudgedCheckpoint(CheckpointMeasures Row, SinceTested? Since, PathJudgement Judgement);

/// <summary>A network with what is said of its checkpoints.</summary>
public sealed record JudgedPath(string Network, string Class, IReadOnlyList<JudgedCheckpoint> Checkpoints)
{
    /// <summary>Whether a re-test is due at its end.</summary>
    public bool IsRetestDue => Checkpoints.Count > 0 && Checkpoints[^1].Judgement.IsRetestDue;

    /// <summary>The checkpoint that it has been due since; null where it is not.</summary>
    public JudgedCheckpoint? DueSince
    {
        get
        {
            int first = Checkpoints.Count;
            while (first > 0 && Checkpoints[first - 1].Judgement.IsRetestDue)
                first--;
            return first < Checkpoints.Count ? Checkpoints[first] : null;
        }
    }
}

/// <summary>Judges whole paths that lie there already, each of their checkpoints by itself and those before it alone.</summary>
public static class PathReview
{
    /// <summary>Judges networks of a group.</summary>
    /// <param name="group">Where they are.</param>
    /// <param name="paths">Which.</param>
    /// <param name="monitor">Null: distances alone are judged.</param>
    /// <param name="maxDistance">As a share of the tested version's norm; null: any distance will do.</param>
    /// <param name="tested">The version that was tested, by its step or its name: known from its own place on the path on; null: none.</param>
    /// <exception cref="InputException">The networks are not those of the monitor, or a network has no such version.</exception>
    public static IReadOnlyList<JudgedPath> Judge(
        ICheckpointGroup group, IReadOnlyList<PathItems> paths, PathMonitor? monitor, double? maxDistance, string? tested, IProgress<AnalysisProgress>? progress = null, CancellationToken cancellation = default)
    {
        monitor?.RequireSameTensors(group.Tensors, group.Name);
        foreach (PathItems path in paths)
        {
            if (path.Items.Count > PathPass.MostCheckpoints)
                throw new InputException($"{group.Name}: the network {path.Network} has {path.Items.Count:N0} checkpoints; at most {PathPass.MostCheckpoints:N0} of one network are judged at once, more one after the other with `weightspace watch`");
            if (tested is not null && !path.Items.Any(item => IsVersion(group.Items[item].Name, group.Items[item].Step, tested)))
                throw new InputException($"--tested: the network {path.Network} has no checkpoint '{tested}'; a step or a name was expected, such as '{group.Items[path.Items[0]].Name}'");
        }
        var judged = new JudgedPath[paths.Count];
        int done = 0;
        var parallel = new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = group.Count >= TrackAnalysis.LargeNetwork ? 1 : Environment.ProcessorCount };
        Parallel.For(0, paths.Count, parallel, n =>
        {
            WholePath path = WholePath.Measure(group, paths[n].Items, new PathPassOptions(), cancellation);
            judged[n] = new JudgedPath(paths[n].Network, paths[n].Class, Judge(path, monitor, maxDistance, tested));
            progress?.Report(new AnalysisProgress("judging paths", Interlocked.Increment(ref done), paths.Count));
        });
        return judged;
    }

    /// <summary>Whether a checkpoint is the version that somebody names: by its step or its name.</summary>
    public static bool IsVersion(string name, long? step, string version) =>
        (long.TryParse(version, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out long number) && step == number) || name == version;

    private static JudgedCheckpoint[] Judge(WholePath path, PathMonitor? monitor, double? maxDistance, string? tested)
    {
        var gate = new PathGate(monitor, maxDistance);
        double[]?[] features = monitor is null ? new double[]?[path.Rows.Count] : MonitorFit.Features(monitor.Features, path);
        var judged = new JudgedCheckpoint[path.Rows.Count];
        int from = -1; // the number of the tested version among the sound checkpoints
        for (int index = 0; index < judged.Length; index++)
        {
            CheckpointMeasures row = path.Rows[index];
            int number = path.Sound.ToList().IndexOf(index);
            SinceTested? since = from >= 0 && number >= 0 ? Since(path, from, number) : null;
            judged[index] = new JudgedCheckpoint(row, since, gate.Next(row, features[index], since));
            if (tested is not null && number >= 0 && IsVersion(row.Name, row.Step, tested))
            {
                from = number;
                gate.Accept(row);
                judged[index] = judged[index] with { Judgement = judged[index].Judgement with { IsRetestDue = false } };
            }
        }
        return judged;
    }

    private static SinceTested Since(WholePath path, int from, int to)
    {
        double squared = 0;
        for (int i = from; i < to; i++)
        {
            for (int j = from; j < to; j++)
                squared += path.Geometry!.UpdateProducts[i, j];
        }
        CheckpointMeasures tested = path.Rows[path.Sound[from]];
        double distance = Math.Sqrt(Math.Max(0, squared));
        return new SinceTested(tested.Name, distance, tested.Norm is > 0 and var norm ? distance / norm : 0);
    }
}
