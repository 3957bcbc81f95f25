using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines;

/// <summary>
/// A zoo under way, which is the same for every engine: its <c>work/</c> folder holds the plan, the units and their results, and is removed when the zoo is complete. So the same call again
/// finishes what a stop or a crash interrupted, and one engine what another began. It is for one process at a time.
/// </summary>
public sealed class GrowingZoo : IDisposable
{
    private readonly string _folder;
    private readonly FileStream _claim;

    private GrowingZoo(string folder, FileStream claim, UnitPlan plan) => (_folder, _claim, Plan) = (folder, claim, plan);

    public UnitPlan Plan { get; }

    public string Work => WorkFolder(_folder);

    public static string WorkFolder(string folder) => Path.Combine(folder, "work");

    /// <summary>Whether a folder holds this experiment's complete zoo, and nothing is left to be cleared up. Throws <see cref="InputException"/> when it holds another zoo.</summary>
    public static bool IsThere(Experiment experiment, string folder) =>
        IsComplete(folder, experiment) && !Directory.Exists(WorkFolder(folder)) && !Directory.Exists(WorkRemoval.RemovedName(WorkFolder(folder)));

    /// <summary>
    /// Claims the folder of a zoo that is to grow, or goes on growing; null where it holds this experiment's complete zoo. Throws <see cref="InputException"/> when the folder belongs to
    /// another experiment or another process is at work in it.
    /// </summary>
    /// <param name="cut">How it is divided into units; a zoo under way keeps what it began with.</param>
    public static GrowingZoo? Open(Experiment experiment, string folder, UnitCut cut)
    {
        string work = WorkFolder(folder);
        if (IsThere(experiment, folder))
            return null;
        try
        {
            Directory.CreateDirectory(work);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw NotMade(folder, error);
        }
        FileStream claim = FolderClaim.Take(work, "growing this zoo");
        try
        {
            // Another process may have completed it between the first look and the claim; or it was killed before it could clear up.
            if (IsComplete(folder, experiment))
            {
                WorkRemoval.Remove(work);
                claim.Dispose();
                return null;
            }
            UnitPlan plan = UnitPlan.ReadOrWrite(experiment, work, cut);
            MakeFolders(folder, plan);
            return new GrowingZoo(folder, claim, plan);
        }
        catch
        {
            claim.Dispose();
            throw;
        }
    }

    /// <summary>The results of a group's units in order, as far as they are there and whole.</summary>
    public IEnumerable<UnitResult> ReadResults(int group)
    {
        (int left, Snapshot? from) = (Plan.Count(group), null);
        for (int unit = 0; left > 0 && ReadResult(group, unit, left, from) is { } result; unit++)
        {
            yield return result;
            (left, from) = (left - result.Networks.Count, result.Current?.Now);
        }
    }

    /// <summary>
    /// A unit's result where it is there and whole. A damaged one is removed, so that its unit is trained again; so is one of a unit that does not go on where the one before it ended,
    /// as that was trained again meanwhile.
    /// </summary>
    /// <param name="networks">Networks that are left to the unit.</param>
    /// <param name="from">What the first of them goes on from.</param>
    public UnitResult? ReadResult(int group, int index, int networks, Snapshot? from)
    {
        string path = Plan.ResultPath(group, index);
        if (!File.Exists(path))
            return null;
        try
        {
            WorkUnit unit = WorkUnit.Read(Plan.UnitPath(group, index));
            UnitResult result = UnitResult.Read(path, unit);
            if (unit.Recipes.Count == networks && IsSame(unit.From, from) && (result.Networks.Count > 0 || result.Current?.Now.Step > (from?.Step ?? 0)))
                return result;
        }
        catch (InputException)
        {
            // Said by training it again: the bytes that come out are the ones that should have been here.
        }
        File.Delete(path);
        return null;
    }

    /// <summary>Writes the zoo from the results of all groups, in their order, and removes what was under way.</summary>
    /// <param name="results">The results of a group's units, which the caller knows to be there.</param>
    /// <param name="keep">Where what was under way is moved to instead, a folder that is not there yet; null: it is removed.</param>
    public void Complete(Func<int, IEnumerable<UnitResult>> results, Action<long>? progress, CancellationToken stop, string? keep = null)
    {
        ZooWriter.Write(_folder, Plan.Experiment, Enumerable.Range(0, Plan.Groups).SelectMany(group => UnitResult.Join(results(group))), progress, stop);
        if (keep is null)
            WorkRemoval.Remove(Work);
        else
            Directory.Move(Work, keep);
    }

    public void Dispose() => _claim.Dispose();

    private static bool IsSame(Snapshot? a, Snapshot? b) =>
        a is null || b is null ? a is null && b is null : a.Step == b.Step && a.Weights.AsSpan().SequenceEqual(b.Weights) && a.OptimizerState.AsSpan().SequenceEqual(b.OptimizerState);

    private static bool IsComplete(string folder, Experiment experiment)
    {
        if (!File.Exists(Path.Combine(folder, ZooManifest.FileName)))
            return false;
        ZooManifest manifest = Zoo.ReadManifest(folder);
        if (manifest.Experiment != experiment.Text || !manifest.ImageSets.SequenceEqual(experiment.ImageSets))
            throw new InputException($"{folder}: there is a complete zoo of another experiment; choose another folder, or remove that one");
        return manifest.NetworksPerClass == experiment.NetworksPerClass ? true
            : throw new InputException($"{folder}: there is a complete zoo of this experiment with {Describe(manifest.NetworksPerClass)}, {Describe(experiment.NetworksPerClass)} was asked for; choose another folder, or remove that one");

        static string Describe(int? networksPerClass) => networksPerClass is { } count ? $"the first {count} networks of each class" : "all networks";
    }

    private static void MakeFolders(string folder, UnitPlan plan)
    {
        try
        {
            plan.MakeFolders();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw NotMade(folder, error);
        }
    }

    private static IOException NotMade(string folder, Exception error) => new($"{folder}: the zoo's folder could not be made: {error.Message}", error);
}
