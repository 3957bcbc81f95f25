using WeightSpace.Analysis.Parts;
using WeightSpace.Engines;
using WeightSpace.Engines.Slurm;

namespace WeightSpace.Cli;

/// <summary>The units of an analysis as what is to be done on a cluster. Each is a group of its own, as none goes on where another ended.</summary>
internal sealed class AnalysisWork(string folder, AnalysisPlan plan) : ArrayWork
{
    private const int ProgramMemory = 300;

    public AnalysisPlan Plan => plan;

    public override string Folder { get; } = Path.GetFullPath(folder);

    public override int Groups => plan.Units.Count;

    /// <summary>What the program takes, and three times what a unit holds at once, as the collector of garbage leaves things where they are for a while.</summary>
    public override int Memory => ProgramMemory + ((int)Math.Ceiling(plan.Memory * 3 / 1e6 / 100) * 100);

    /// <summary>What <c>status</c> reads.</summary>
    public WorkCounts Counts => new(Folder, Groups, Groups, _ => 1, path => IsResult(path) ? 1 : null);

    /// <inheritdoc/>
    public override void WriteUnit(int group, int unit) => plan.Units[group].Write(UnitPath(group, unit));

    /// <inheritdoc/>
    public override GroupStanding Follow(int group, int known)
    {
        string path = ResultPath(group, 0);
        bool isDone = AnalysisUnitResult.IsOf(path, plan.Units[group].Digest);
        // What is no result of this unit is in the way of one.
        if (!isDone)
            File.Delete(path);
        return new GroupStanding(isDone ? 1 : 0, isDone, isDone ? 1 : 0, isDone ? 1 : 0);
    }

    /// <summary>Reads every byte of a unit's result; removes one that is damaged.</summary>
    public bool IsWhole(int group)
    {
        bool isWhole = AnalysisUnitResult.IsWhole(ResultPath(group, 0), plan.Units[group]);
        if (!isWhole)
            File.Delete(ResultPath(group, 0));
        return isWhole;
    }

    /// <summary>An analysis without one of its parts has no answer.</summary>
    public override string Fail(int group, int unit, int attempts, string said) => throw new NoProgressException(
        $"unit {UnitPlan.Name(group, unit)} of the analysis could not be computed: {attempts} jobs on the cluster ended without a result{said}. {new SlurmFolder(Folder).Errors} has what the jobs said; where they ran out of time or memory, "
        + "--time and --memory give them more. What is done stays: the same command, called again, tries once more");

    /// <inheritdoc/>
    public override ZooProgress Progress(int items, long steps, long stepsBefore) => new("computing on the cluster", items, Groups, steps, Groups, stepsBefore);

    private bool IsResult(string path)
    {
        string name = Path.GetRelativePath(ResultFolder, path);
        try
        {
            return UnitPlan.Parse(Path.ChangeExtension(name, null)) is { Unit: 0 } unit && unit.Group < Groups && AnalysisUnitResult.IsOf(path, plan.Units[unit.Group].Digest);
        }
        catch (IOException)
        {
            // Not to be read now, so not to be counted.
            return false;
        }
    }
}
