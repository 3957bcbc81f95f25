using System.CommandLine;
using WeightSpace.Engines.Slurm;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Cli;

/// <summary>The options of <c>train --engine slurm</c>. No byte of a zoo depends on them.</summary>
internal sealed class SlurmOptions
{
    private const double DefaultMinutes = 10;
    private const int DefaultAttempts = 5;
    private const double DefaultPoll = 30, DefaultBackOff = 60;

    private static readonly NumberRange s_minutes = new(0, 1e5, ExcludesMin: true), s_rate = new(0, 1e6, ExcludesMin: true), s_seconds = new(0, 86_400, ExcludesMin: true), s_count = new(1, 1e7), s_attempts = new(1, 1000);

    private static readonly string[] s_own = ["--array", "-a", "--job-name", "-J", "--output", "-o", "--wrap"];

    private readonly Option<string?> _partition = Text("--partition", "Slurm: the partition; several, separated by commas, leave the choice to Slurm. Default: the cluster's.", "NAME");
    private readonly Option<string?> _account = Text("--account", "Slurm: the account that pays.", "NAME");
    private readonly Option<string?> _qos = Text("--qos", "Slurm: the quality of service.", "NAME");
    private readonly Option<string?> _constraint = Text("--constraint", "Slurm: features that a node must have.", "FEATURES");
    private readonly Option<string?> _time = Text("--time", "Slurm: the time limit of a job, in Slurm's words (30, 1:00:00, 2-0). Default: two minutes more than twice --unit-minutes.", "TIME");
    private readonly Option<int?> _memory = new("--memory") { Description = "Slurm: MB of memory of a job. Default: by what the largest unit keeps.", HelpName = "MB" };
    private readonly Option<string[]> _lines = new("--sbatch") { Description = "Slurm: a further option of sbatch, as \"--exclude=n7\"; may be given several times.", HelpName = "OPTION" };
    private readonly Option<double> _minutes = new("--unit-minutes") { Description = "Slurm: minutes that a work unit is meant to take.", HelpName = "N", DefaultValueFactory = _ => DefaultMinutes };
    private readonly Option<double?> _rate = new("--core-gflops") { Description = "Slurm: GFLOP/s that training reaches on a core of the cluster. Default: measured here.", HelpName = "N" };
    private readonly Option<int> _attempts = new("--attempts") { Description = "Slurm: how often a unit is submitted before the network that it stands at counts as failed.", HelpName = "N", DefaultValueFactory = _ => DefaultAttempts };
    private readonly Option<int?> _maxJobs = new("--max-jobs") { Description = "Slurm: jobs in the queue at once. Default: half of what the cluster keeps (MaxJobCount).", HelpName = "N" };
    private readonly Option<double> _poll = new("--poll") { Description = "Slurm: seconds between two looks at the queue and the results.", HelpName = "SECONDS", DefaultValueFactory = _ => DefaultPoll };
    private readonly Option<double> _backOff = new("--back-off") { Description = "Slurm: seconds until a unit that left no result is submitted again, doubled each time; at least as long as other machines' files take to be seen.", HelpName = "SECONDS", DefaultValueFactory = _ => DefaultBackOff };
    private readonly Option<string?> _program = new Option<string?>("--program") { Description = "Slurm: the program as one file, for the nodes (scripts/build-single-file makes it). Default: this program, or what that script made.", HelpName = "FILE" }.AsPath();
    private readonly Option<bool> _detach = new("--detach") { Description = "Slurm: submit what the queue takes now, and return; the same call later goes on." };

    public IEnumerable<Option> All => [_partition, _account, _qos, _constraint, _time, _memory, _lines, _minutes, _rate, _attempts, _maxJobs, _poll, _backOff, _program, _detach];

    public string UnitMinutes => _minutes.Name;

    public bool IsDetached(ParseResult parsed) => parsed.GetValue(_detach);

    /// <summary>The options that were given, for an engine that has no use for them.</summary>
    public IEnumerable<string> Given(ParseResult parsed) => All.Where(option => parsed.GetResult(option) is { Implicit: false }).Select(option => option.Name);

    /// <param name="needsRate">Whether the networks are yet to be divided into units.</param>
    public SlurmSettings Read(CommandContext context, ParseResult parsed, Experiment experiment, bool needsRate)
    {
        double minutes = InRange(_minutes.Name, parsed.GetValue(_minutes), s_minutes);
        double rate = parsed.GetValue(_rate) is { } named ? InRange(_rate.Name, named, s_rate) * 1e9 : needsRate ? DryRun.TrainingRate(context, experiment) : 1e9;
        TimeSpan? limit = parsed.GetValue(_time) is not { } time ? null
            : SlurmPartition.ParseTime(time) is { } span && span > TimeSpan.Zero ? span : throw new InputException($"{_time.Name}: found '{time}', expected minutes, minutes:seconds, hours:minutes:seconds or days-hours");
        foreach (string line in parsed.GetValue(_lines) ?? [])
        {
            if (!line.StartsWith('-') || line.Any(char.IsControl))
                throw new InputException($"{_lines.Name}: found '{line}', expected an option of sbatch, as \"--exclude=n7\"");
            if (s_own.FirstOrDefault(own => line.StartsWith(own, StringComparison.Ordinal)) is { } taken)
                throw new InputException($"{_lines.Name}: found '{line}', but {taken} is what the engine finds its jobs by; leave it out");
        }
        return new SlurmSettings
        {
            UnitMinutes = minutes,
            UnitFlops = rate * 60 * minutes,
            Partition = Word(parsed, _partition),
            Account = Word(parsed, _account),
            Qos = Word(parsed, _qos),
            Constraint = Word(parsed, _constraint),
            Time = limit,
            Memory = parsed.GetValue(_memory) is { } memory ? (int)InRange(_memory.Name, memory, s_count) : null,
            Lines = parsed.GetValue(_lines) ?? [],
            Attempts = (int)InRange(_attempts.Name, parsed.GetValue(_attempts), s_attempts),
            MaxJobs = parsed.GetValue(_maxJobs) is { } jobs ? (int)InRange(_maxJobs.Name, jobs, s_count) : null,
            Poll = TimeSpan.FromSeconds(InRange(_poll.Name, parsed.GetValue(_poll), s_seconds)),
            BackOff = TimeSpan.FromSeconds(InRange(_backOff.Name, parsed.GetValue(_backOff), s_seconds)),
            Data = experiment.ImageSets.Count > 0 ? Path.GetFullPath(context.Images.Folder) : null,
        };
    }

    /// <summary>The program as one file for the nodes.</summary>
    public string Program(CommandContext context, ParseResult parsed) => ProgramForOthers.Find(context, parsed.GetValue(_program), _program.Name);

    private static string? Word(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is not { } value ? null
        : value.Length > 0 && !value.Any(char.IsWhiteSpace) ? value : throw new InputException($"{option.Name}: found '{value}', expected a word");

    private static double InRange(string option, double value, NumberRange range) => range.Contains(value) ? value : throw new InputException($"{option}: found {value}, expected a number, {range}");

    private static Option<string?> Text(string name, string description, string help) => new(name) { Description = description, HelpName = help };
}
