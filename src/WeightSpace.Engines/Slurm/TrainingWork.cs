using WeightSpace.Zoos;

namespace WeightSpace.Engines.Slurm;

/// <summary>A zoo under way as what is to be done on a cluster; it is counted in networks, and measured in steps of training.</summary>
internal sealed class TrainingWork : ArrayWork
{
    private readonly GrowingZoo _zoo;
    private readonly UnitPlan _plan;
    private readonly long _totalSteps;

    public TrainingWork(GrowingZoo zoo)
    {
        (_zoo, _plan) = (zoo, zoo.Plan);
        _totalSteps = _plan.Experiment.Settings().Sum(setting => setting.Example.Training.Stop.Steps * setting.Networks);
    }

    public override string Folder => _zoo.Work;

    public override int Groups => _plan.Groups;

    public override int Memory => DefaultMemory(_plan);

    public override int? NetworksPerClass => _plan.Experiment.NetworksPerClass;

    /// <summary>What the program takes, and three times what the largest unit leaves: in the networks' trajectories, in the file that is written, and once for the collector of garbage.</summary>
    public static int DefaultMemory(UnitPlan plan)
    {
        double largest = plan.Experiment.Settings().Max(setting => Math.Max(UnitPlan.Bytes(setting.Example), Math.Min(UnitCut.ByFlops.MaxBytes, UnitPlan.Bytes(setting.Example) * setting.Networks)));
        return 300 + (int)Math.Ceiling(largest * 3 / 1e6 / 100) * 100;
    }

    /// <inheritdoc/>
    public override void WriteUnit(int group, int unit)
    {
        (IReadOnlyList<Recipe> recipes, Snapshot? from) = (_plan.Recipes(group), null);
        if (unit > 0)
        {
            foreach (UnitResult result in _zoo.ReadResults(group).Take(unit))
                (recipes, from) = result.Left(recipes);
        }
        // One that a power failure tears is written again with the next attempt.
        WorkUnit.Write(UnitPath(group, unit), recipes, _plan.Steps(group), from, isDurable: false);
    }

    /// <inheritdoc/>
    public override GroupStanding Follow(int group, int known)
    {
        int count = _plan.Count(group);
        (int ended, int units, long step) = (0, 0, 0);
        // Most are done with their first unit, which its header tells. Every byte is checked when the zoo is written.
        if (known == 0 && UnitResult.CountEnded(ResultPath(group, 0)) == count)
        {
            (ended, units) = (count, 1);
        }
        else
        {
            foreach (UnitResult result in _zoo.ReadResults(group))
                (ended, units, step) = (ended + result.Networks.Count, units + 1, result.Current?.Now.Step ?? 0);
        }
        return new GroupStanding(units, ended == count, ended, _plan.Budget(group, ended) + step);
    }

    /// <summary>Ends the network that a unit stands at as failed; those before it stay as they are, and those behind it are trained by the next unit.</summary>
    public override string Fail(int group, int unit, int attempts, string said)
    {
        string path = ResultPath(group, unit);
        WorkUnit work = WorkUnit.Read(UnitPath(group, unit));
        UnitResult partial = ReadPartial(WorkUnitRunner.PartialPath(path), work);
        Recipe recipe = work.Recipes[partial.Networks.Count];
        TrainingState? at = partial.Current ?? (partial.Networks.Count == 0 && work.From is { } from ? new TrainingState(from, [], []) : null);
        Checkpoint? seen = at?.Checkpoints.LastOrDefault();
        string reason = SlurmErrors.Clean($"could not be trained: {attempts} jobs on the cluster ended without a result{said}");
        var failed = new NetworkResult(recipe.Id, NetworkStatus.Failed, reason, at?.Now.Step ?? 0, at?.Now.TrainLoss, seen?.EvalLoss, at?.Checkpoints ?? [], at?.Snapshots ?? [])
        {
            EvalAccuracy = seen?.EvalAccuracy,
            AttackSuccess = seen?.AttackSuccess,
        };
        new UnitResult(work.Digest, [.. partial.Networks, failed], null).Write(path);
        File.Delete(WorkUnitRunner.PartialPath(path));
        return $"network {recipe.Id} failed: {reason}";
    }

    /// <inheritdoc/>
    public override ZooProgress Progress(int items, long steps, long stepsBefore) => new("training", items, _plan.Experiment.Networks.Count, steps, _totalSteps, stepsBefore);

    private static UnitResult ReadPartial(string path, WorkUnit unit)
    {
        try
        {
            if (File.Exists(path))
                return UnitResult.Read(path, unit);
        }
        catch (InputException)
        {
            // Damaged; nothing in it is needed.
        }
        return new UnitResult(unit.Digest, [], null);
    }
}
