using System.Globalization;
using System.Text;
using WeightSpace.Zoos;

namespace WeightSpace.Engines.Slurm;

/// <summary>The script of a job array: each of its elements runs <c>weightspace work</c> on one unit.</summary>
public static class BatchScript
{
    /// <summary>Seconds before its time limit at which Slurm asks a job to end: it puts down where it stands. Of a short limit a quarter, or the job would be asked when it begins.</summary>
    private const int SecondsToPutDown = 60;

    /// <param name="program">The program as the nodes run it.</param>
    /// <param name="memory">MB.</param>
    public static string Write(SlurmFolder folder, SlurmSettings settings, string jobName, int batch, int elements, string program, int memory)
    {
        string number = SlurmFolder.Number(batch);
        var text = new StringBuilder("#!/bin/bash\n");
        void Option(string option) => text.Append("#SBATCH ").Append(option).Append('\n');
        Option($"--job-name={jobName}");
        Option(string.Create(CultureInfo.InvariantCulture, $"--array=0-{elements - 1}"));
        Option($"--output={Quote(folder.Errors.Replace("%", "%%", StringComparison.Ordinal) + $"/{number}-%a.txt")}");
        Option("--open-mode=truncate");
        Option("--nodes=1");
        Option("--ntasks=1");
        Option("--cpus-per-task=1");
        Option(string.Create(CultureInfo.InvariantCulture, $"--mem={memory}M"));
        int minutes = Math.Max(1, (int)Math.Ceiling(settings.TimeLimit.TotalMinutes));
        Option(string.Create(CultureInfo.InvariantCulture, $"--time={minutes}"));
        Option("--requeue");
        Option(string.Create(CultureInfo.InvariantCulture, $"--signal=B:TERM@{Math.Min(SecondsToPutDown, minutes * 15)}"));
        foreach ((string name, string? value) in ((string, string?)[])[("partition", settings.Partition), ("account", settings.Account), ("qos", settings.Qos), ("constraint", settings.Constraint)])
        {
            if (value is not null)
                Option($"--{name}={Quote(value)}");
        }
        foreach (string line in settings.Lines)
            Option(line);
        string data = settings.Data is { } images ? $" --data {Shell(images)}" : "";
        text.Append(CultureInfo.InvariantCulture, $$"""

            cd {{Shell(folder.Work)}} || exit 1
            # Line by line what the elements of this array do. A batch that was given up has no list any more, and nothing to do.
            line="$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" slurm/batches/{{number}}.units 2>/dev/null)"
            [ -n "$line" ] || exit 0
            unit="${line% *}" attempt="${line##* }"
            careful=""
            [ "$attempt" -gt 1 ] && careful=--careful
            # One core was asked for, whatever the node has.
            export DOTNET_PROCESSOR_COUNT=1
            {{Shell(program)}} work "units/$unit.json" "results/$unit.safetensors" --once --quiet --minutes {{settings.Minutes.ToString("0.####", CultureInfo.InvariantCulture)}} $careful{{data}} &
            worker=$!
            # Asked to end, the worker puts down where it stands; the signal ends the wait, not the worker.
            trap 'kill -TERM "$worker" 2>/dev/null' TERM
            wait "$worker"
            status=$?
            while kill -0 "$worker" 2>/dev/null; do
                wait "$worker"
                status=$?
            done
            echo "$SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID $unit $attempt $status $SECONDS" >>"slurm/times/${SLURMD_NODENAME:-$(hostname)}"
            [ "$status" -eq 0 ] && rm -f "slurm/errors/{{number}}-$SLURM_ARRAY_TASK_ID.txt"
            exit "$status"

            """);
        return text.ToString();
    }

    /// <summary>A word for a line of <c>#SBATCH</c>, which knows quotes but nothing that stands for one in them.</summary>
    private static string Quote(string value)
    {
        if (value.Any(letter => letter is '"' or '\\' || char.IsControl(letter)))
            throw new InputException($"'{value}' has a quotation mark, a backslash or a control character in it, which a script of Slurm cannot name; choose another path or value");
        return value.All(letter => char.IsAsciiLetterOrDigit(letter) || "/._-+%:,=@".Contains(letter, StringComparison.Ordinal)) ? value : $"\"{value}\"";
    }

    /// <summary>A word for the shell.</summary>
    private static string Shell(string value) => $"'{value.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
