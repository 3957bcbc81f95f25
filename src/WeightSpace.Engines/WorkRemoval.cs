namespace WeightSpace.Engines;

/// <summary>Removes the folder of what was under way, when it is done.</summary>
public static class WorkRemoval
{
    /// <summary>What the folder is called while it is being removed.</summary>
    public static string RemovedName(string work) => work + ".removed";

    /// <summary>Moved away first, in one step, so that a process that comes meanwhile finds either all of the folder or none.</summary>
    public static void Remove(string work)
    {
        string removed = RemovedName(work);
        if (Directory.Exists(removed))
            Directory.Delete(removed, recursive: true);
        Directory.Move(work, removed);
        Directory.Delete(removed, recursive: true);
    }
}
