namespace WeightSpace.Engines.Slurm;

/// <summary>The jobs of one zoo, as its record and the queue know them.</summary>
public static class SlurmJobs
{
    /// <summary>The zoo's jobs in the queue: by their numbers, and by their names where a submitter was killed before it wrote the number down.</summary>
    public static IEnumerable<SlurmJob> Own(IReadOnlyList<SlurmJob> queue, JobRecord record) => queue.Where(job => job.Name.StartsWith(record.Name + "-", StringComparison.Ordinal));

    /// <summary>Cancels what is queued, held or running; how many elements.</summary>
    public static int Cancel(SlurmCommands commands, JobRecord record)
    {
        SlurmJob[] live = [.. Own(commands.Queue(), record).Where(job => !job.IsGone)];
        commands.Cancel(live.Select(job => $"{job.Job}").Distinct());
        return live.Sum(job => Math.Max(1, job.Count));
    }

    /// <summary>Cancels what is queued or running and writes down that it was, so that it counts for no attempt; how many elements.</summary>
    public static int Stop(SlurmCommands commands, JobRecord record)
    {
        int cancelled = Cancel(commands, record);
        foreach (Batch batch in record.Batches.Where(batch => batch.MayHaveJobs))
        {
            // A batch without a job might become one yet, unless it is given up.
            if (batch.Job is null)
                record.GiveUp(batch);
            else
                record.Stop(batch);
        }
        return cancelled;
    }
}
