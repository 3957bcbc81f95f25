using System.CommandLine;
using WeightSpace.Engines.Slurm;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Cli;

/// <summary>The options of <c>--engine slurm</c>; what is not given is as the experiment's section <c>slurm</c> has it. No byte of a zoo, and no number of an analysis, depends on them.</summary>
/// <param name="work">What is done on a core, for the description of its rate: training.</param>
/// <param name="failure">What follows when a unit was submitted as often as it may be: the network that it stands at counts as failed.</param>
internal sealed class SlurmOptions(string work, string failure)
{
    private const string Local = "local", Slurm = "slurm";

    private const double DefaultMinutes = 10;
    private const int DefaultAttempts = 5;
    private const double DefaultPoll = 30, DefaultBackOff = 60;

    private readonly Option<string?> _partition = Text("--partition", "Slurm: the partition; several, separated by commas, leave the choice to Slurm. Default: the cluster's.", "NAME");
    private readonly Option<string?> _account = Text("--account", "Slurm: the account that pays.", "NAME");
    private readonly Option<string?> _qos = Text("--qos", "Slurm: the quality of service.", "NAME");
    private readonly Option<string?> _constraint = Text("--constraint", "Slurm: features that a node must have.", "FEATURES");
    private readonly Option<string?> _time = Text("--time", "Slurm: the time limit of a job, in Slurm's words (30, 1:00:00, 2-0). Default: two minutes more than twice --unit-minutes.", "TIME");
    private readonly Option<int?> _memory = new("--memory") { Description = "Slurm: MB of memory of a job. Default: by what the largest unit keeps.", HelpName = "MB" };
    private readonly Option<string[]> _lines = new("--sbatch") { Description = "Slurm: a further option of sbatch, as \"--exclude=n7\"; may be given several times.", HelpName = "OPTION" };
    private readonly Option<double?> _minutes = new("--unit-minutes") { Description = $"Slurm: minutes that a work unit is meant to take. Default: {DefaultMinutes}.", HelpName = "N" };
    private readonly Option<double?> _rate = new("--core-gflops") { Description = $"Slurm: GFLOP/s that {work} on a core of the cluster. Default: measured here.", HelpName = "N" };
    private readonly Option<int?> _attempts = new("--attempts") { Description = $"Slurm: how often a unit is submitted before {failure}. Default: {DefaultAttempts}.", HelpName = "N" };
    private readonly Option<int?> _maxJobs = new("--max-jobs") { Description = "Slurm: jobs in the queue at once. Default: half of what the cluster keeps (MaxJobCount).", HelpName = "N" };
    private readonly Option<double?> _poll = new("--poll") { Description = $"Slurm: seconds between two looks at the queue and the results. Default: {DefaultPoll}.", HelpName = "SECONDS" };
    private readonly Option<double?> _backOff = new("--back-off") { Description = $"Slurm: seconds until a unit that left no result is submitted again, doubled each time; at least as long as other machines' files take to be seen. Default: {DefaultBackOff}.", HelpName = "SECONDS" };
    private readonly Option<string?> _program = new Option<string?>("--program") { Description = "Slurm: the program as one file, for the nodes (scripts/build-single-file makes it). Default: this program, or what that script made.", HelpName = "FILE" }.AsPath();
    private readonly Option<bool> _detach = new("--detach") { Description = "Slurm: submit what the queue takes now, and return; the same call later goes on." };

    public IEnumerable<Option> All => [_partition, _account, _qos, _constraint, _time, _memory, _lines, _minutes, _rate, _attempts, _maxJobs, _poll, _backOff, _program, _detach];

    public string UnitMinutes => _minutes.Name;

    public bool IsDetached(ParseResult parsed) => parsed.GetValue(_detach);

    /// <summary>The options that were given, for an engine that has no use for them.</summary>
    private IEnumerable<string> Given(ParseResult parsed) => All.Where(option => parsed.GetResult(option) is { Implicit: false }).Select(option => option.Name);

    /// <summary>The option that names an engine.</summary>
    /// <param name="description">What the engines do.</param>
    public static Option<string> EngineOption(string description) => new("--engine") { Description = description, HelpName = "NAME", DefaultValueFactory = _ => Local };

    /// <summary>Whether the engine is Slurm; throws <see cref="InputException"/> where there is no such engine, or options were given that it has no use for.</summary>
    /// <param name="ofLocal">Options of the other engine alone, and why it is so.</param>
    public bool IsChosen(ParseResult parsed, Option<string> engine, IReadOnlyList<Option> ofLocal, string why)
    {
        bool isSlurm = parsed.GetRequiredValue(engine) switch
        {
            Local => false,
            Slurm => true,
            var other => throw new InputException($"{engine.Name}: found '{other}', expected {Local} or {Slurm}"),
        };
        if (!isSlurm && Given(parsed).FirstOrDefault() is { } useless)
            throw new InputException($"{useless}: this is an option of {engine.Name} {Slurm}, and the engine is {Local}; add {engine.Name} {Slurm}, or leave it out");
        if (isSlurm && ofLocal.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } local)
            throw new InputException($"{local.Name}: this is an option of {engine.Name} {Local}, and the engine is {Slurm}, which {why}; leave it out");
        return isSlurm;
    }

    /// <summary>The settings for training an experiment.</summary>
    /// <param name="needsRate">Whether the networks are yet to be divided into units.</param>
    public SlurmSettings Read(CommandContext context, ParseResult parsed, Experiment experiment, bool needsRate) =>
        Read(parsed, experiment.Slurm ?? new SlurmSection(), () => needsRate ? DryRun.TrainingRate(context, experiment) : 1e9) with { Data = experiment.ImageSets.Count > 0 ? Path.GetFullPath(context.Images.Folder) : null };

    /// <param name="asked">What holds where an option is not given.</param>
    /// <param name="measure">Operations per second of a core, where none are given.</param>
    public SlurmSettings Read(ParseResult parsed, SlurmSection asked, Func<double> measure)
    {
        double minutes = Number(parsed, _minutes, SlurmSection.UnitMinutesRange) ?? asked.UnitMinutes ?? DefaultMinutes;
        double rate = (Number(parsed, _rate, SlurmSection.GflopsRange) ?? asked.CoreGflops) * 1e9 ?? measure();
        return new SlurmSettings
        {
            UnitMinutes = minutes,
            UnitFlops = rate * 60 * minutes,
            Partition = Word(parsed, _partition) ?? asked.Partition,
            Account = Word(parsed, _account) ?? asked.Account,
            Qos = Word(parsed, _qos) ?? asked.Qos,
            Constraint = Word(parsed, _constraint) ?? asked.Constraint,
            Time = parsed.GetValue(_time) is { } time ? Checked(_time, time, SlurmSection.TimeLimit) : asked.Time,
            Memory = Count(parsed, _memory, SlurmSection.CountRange) ?? asked.Memory,
            Lines = parsed.GetValue(_lines) is { Length: > 0 } lines ? [.. lines.Select(line => Checked(_lines, line, SlurmSection.Line))] : asked.Lines ?? [],
            Attempts = Count(parsed, _attempts, SlurmSection.AttemptsRange) ?? asked.Attempts ?? DefaultAttempts,
            MaxJobs = Count(parsed, _maxJobs, SlurmSection.CountRange) ?? asked.MaxJobs,
            Poll = TimeSpan.FromSeconds(Number(parsed, _poll, SlurmSection.SecondsRange) ?? asked.Poll ?? DefaultPoll),
            BackOff = TimeSpan.FromSeconds(Number(parsed, _backOff, SlurmSection.SecondsRange) ?? asked.BackOff ?? DefaultBackOff),
        };
    }

    /// <summary>The program as one file for the nodes.</summary>
    public string Program(CommandContext context, ParseResult parsed) => ProgramForOthers.Find(context, parsed.GetValue(_program), _program.Name);

    private static string? Word(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is { } value ? Checked(option, value, SlurmSection.Word) : null;

    private static T Checked<T>(Option option, string value, Func<string, T> read)
    {
        try
        {
            return read(value);
        }
        catch (FormatException error)
        {
            throw new InputException($"{option.Name}: {error.Message}", error);
        }
    }

    private static double? Number(ParseResult parsed, Option<double?> option, NumberRange range) => parsed.GetValue(option) is { } value ? InRange(option, value, range) : null;

    private static int? Count(ParseResult parsed, Option<int?> option, NumberRange range) => parsed.GetValue(option) is { } value ? (int)InRange(option, value, range) : null;

    private static double InRange(Option option, double value, NumberRange range) => range.Contains(value) ? value : throw new InputException($"{option.Name}: found {value}, expected a number, {range}");

    private static Option<string?> Text(string name, string description, string help) => new(name) { Description = description, HelpName = help };
}
