using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines.Slurm;

/// <summary>Ends the jobs of a zoo or an analysis; what is done stays.</summary>
public static class SlurmStop
{
    /// <summary>Asks a submitter that is at work to end, waits for it, and cancels the jobs; how many elements. Throws <see cref="InputException"/> where nothing of the folder is on a cluster, or the submitter does not end.</summary>
    public static int Stop(string zoo, SlurmCommands commands, TimeProvider time, TimeSpan patience, CancellationToken stop)
    {
        (SlurmFolder folder, _) = SlurmStatus.Find(zoo);
        AtomicFile.Write(folder.StopRequest, stream => stream.WriteByte((byte)'\n'));
        try
        {
            using FileStream claim = Claim(folder.Work, time, patience, stop);
            // As the submitter left it.
            return SlurmJobs.Stop(commands, SlurmStatus.Find(zoo).Record);
        }
        finally
        {
            File.Delete(folder.StopRequest);
        }
    }

    private static FileStream Claim(string work, TimeProvider time, TimeSpan patience, CancellationToken stop)
    {
        long began = time.GetTimestamp();
        while (true)
        {
            try
            {
                return FolderClaim.Take(work, "at work in this folder");
            }
            catch (InputException) when (time.GetElapsedTime(began) < patience)
            {
                stop.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(500));
                stop.ThrowIfCancellationRequested();
            }
        }
    }
}
