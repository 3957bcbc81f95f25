namespace WeightSpace.Engines.Slurm;

/// <summary>Where a group stands, by the results that are there.</summary>
/// <param name="Units">How many of its units have results.</param>
/// <param name="Items">What is done of it, in what the work is counted in: networks.</param>
/// <param name="Steps">The same, in what its progress is measured in.</param>
public readonly record struct GroupStanding(int Units, bool IsDone, int Items, long Steps);

/// <summary>
/// What is to be done on a cluster: groups, each of them one unit or a row of units, and each unit a file whose result is a file. <see cref="SlurmEngine"/> submits units until all groups are done, and knows nothing
/// of what is in them. Units and results stand in the work folder, under the names that <see cref="UnitPlan.Name"/> gives them.
/// </summary>
public abstract class ArrayWork
{
    /// <summary>The folder that units, results and the engine's own files (<see cref="SlurmFolder"/>) stand in.</summary>
    public abstract string Folder { get; }

    public abstract int Groups { get; }

    /// <summary>MB that a job needs, where the settings do not say it.</summary>
    public abstract int Memory { get; }

    /// <summary>The subset of an experiment that this is about; null: all of it, or it is about none.</summary>
    public virtual int? NetworksPerClass => null;

    public string ResultFolder => UnitPlan.ResultFolderOf(Folder);

    public string UnitPath(int group, int unit) => Path.Combine(UnitPlan.UnitFolderOf(Folder), UnitPlan.Name(group, unit) + ".json");

    public string ResultPath(int group, int unit) => Path.Combine(ResultFolder, UnitPlan.Name(group, unit) + ".safetensors");

    /// <summary>Writes the file of a unit, the results of those before it being there. The bytes are the same whenever it is written, so what an earlier job left of it stays valid.</summary>
    public abstract void WriteUnit(int group, int unit);

    /// <summary>Follows a group's results as far as they are there. A damaged one is removed.</summary>
    /// <param name="known">How many units were known to have results.</param>
    public abstract GroupStanding Follow(int group, int known);

    /// <summary>
    /// Ends a unit that no job could do, and says what was done about it; or throws <see cref="NoProgressException"/>, where nothing can be. Its result is claimed meanwhile.
    /// </summary>
    /// <param name="attempts">How often it was submitted.</param>
    /// <param name="said">The last words of its last job behind "the last one said", or nothing.</param>
    public abstract string Fail(int group, int unit, int attempts, string said);

    /// <summary>How far the work is, for people.</summary>
    public abstract ZooProgress Progress(int items, long steps, long stepsBefore);
}
