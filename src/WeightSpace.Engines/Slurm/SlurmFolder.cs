using System.Globalization;

namespace WeightSpace.Engines.Slurm;

/// <summary>Where the engine keeps its files: <c>slurm/</c> in the folder of what is under way, a zoo's <c>work/</c> or an analysis's.</summary>
public sealed class SlurmFolder(string work)
{
    /// <summary>The folder of an analysis under way, beside what it is to write.</summary>
    public static string AnalysisFolder(string output) => Path.Combine(output, "analysis.work");

    public string Work { get; } = Path.GetFullPath(work);

    public string Root => Path.Combine(Work, "slurm");

    /// <summary>What was submitted, and as which job.</summary>
    public string Record => Path.Combine(Root, "jobs");

    /// <summary>The experiment, for <c>status</c>.</summary>
    public string Experiment => Path.Combine(Root, "experiment.yaml");

    /// <summary>The program as the nodes run it, in a folder named by its digest.</summary>
    public string Programs => Path.Combine(Root, "program");

    /// <summary>The end of what failed jobs said: a file to a job, removed when it ends well.</summary>
    public string Errors => Path.Combine(Root, "errors");

    /// <summary>A file to a node, with a line for each job that ended there.</summary>
    public string Times => Path.Combine(Root, "times");

    /// <summary>Asks the submitting process to end; see <c>weightspace stop</c>.</summary>
    public string StopRequest => Path.Combine(Root, "stop");

    public string Batches => Path.Combine(Root, "batches");

    /// <summary>The units of a batch, one to a line in the order of the array's elements: its name, and the number of the attempt.</summary>
    public string UnitList(int batch) => Path.Combine(Batches, Number(batch) + ".units");

    public string Script(int batch) => Path.Combine(Batches, Number(batch) + ".sh");

    public string Error(int batch, int element) => Path.Combine(Errors, $"{Number(batch)}-{element.ToString(CultureInfo.InvariantCulture)}.txt");

    public static string Number(int batch) => batch.ToString("D6", CultureInfo.InvariantCulture);

    public void Make()
    {
        foreach (string folder in (string[])[Root, Programs, Errors, Times, Batches])
            Directory.CreateDirectory(folder);
    }
}
