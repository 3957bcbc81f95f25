namespace WeightSpace.Engines.Slurm;

/// <summary>A command of Slurm that failed, or did not answer in time.</summary>
/// <param name="said">Its standard error.</param>
/// <param name="mayHaveWorked">It may have done what was asked of it all the same.</param>
public sealed class SlurmException(string message, string said, bool mayHaveWorked) : IOException(message)
{
    public string Said => said;

    public bool MayHaveWorked => mayHaveWorked;

    /// <summary>One of the limits on how many jobs a user, an account or the cluster may have; it passes when jobs end.</summary>
    public bool IsLimit => s_limits.Any(words => said.Contains(words, StringComparison.OrdinalIgnoreCase));

    private static readonly string[] s_limits = ["SubmitJobLimit", "MaxSubmitJob", "job submit limit", "unable to accept job", "MaxJobCount", "Resource temporarily unavailable"];
}
