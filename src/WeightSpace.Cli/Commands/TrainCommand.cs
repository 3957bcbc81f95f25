using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Engines;
using WeightSpace.Engines.Local;
using WeightSpace.Engines.Slurm;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace train EXPERIMENT --out ZOO</c>: grows a zoo, or goes on growing it.</summary>
internal static class TrainCommand
{
    private const int DefaultUnit = 8;
    private const int MaxThreads = 1024;

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> experiment = new Argument<string>("EXPERIMENT") { Description = "The experiment, a YAML file (docs/experiment.md)." }.AsPath();
        Option<string?> output = new Option<string?>("--out") { Description = "The folder of the zoo. Called again with the same folder, training goes on where it stopped.", HelpName = "ZOO" }.AsPath();
        Option<int> threads = ThreadsOption();
        Option<int> unit = UnitOption();
        var unitSteps = new Option<long?>("--unit-steps") { Description = "Steps of training to a work unit; a network that needs more goes on in the next unit, from a snapshot. No result depends on it. Default: a unit trains its networks to their end.", HelpName = "N" };
        var subset = new Option<int?>("--subset") { Description = "Only the first so many networks of each class (those that differ in nothing but their seeds): the zoo that publish calls this subset. Default: all.", HelpName = "N" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only say how many networks, parameters, FLOPs and bytes it would be, and how long it would take here." };
        Option<string> engine = SlurmOptions.EngineOption("What trains: local (this machine) or slurm (a cluster; docs/slurm.md). No result depends on it, and one finishes what another began.");
        var slurm = new SlurmOptions("training reaches", "the network that it stands at counts as failed");
        var command = new Command("train", "Train the networks of an experiment into a zoo.") { experiment, output, threads, unit, unitSteps, subset, dryRun, engine };
        foreach (Option option in slurm.All)
            command.Add(option);
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            int threadCount = Threads(parsed, threads), unitSize = Positive(parsed, unit);
            bool isSlurm = slurm.IsChosen(parsed, engine, [threads, unit, unitSteps], $"runs a unit on one core and cuts units by {slurm.UnitMinutes}");
            string path = parsed.GetRequiredValue(experiment);
            Experiment loaded = Experiment.Load(path, run.Images);
            if (parsed.GetValue(subset) is { } networks)
                loaded = Subset(loaded, networks, subset.Name);
            if (parsed.GetValue(dryRun))
                return isSlurm ? SlurmDryRun.Run(run, loaded, slurm, parsed, parsed.GetValue(output)) : DryRun.Run(run, loaded, threadCount);
            string folder = parsed.GetValue(output) ?? throw new InputException("train: --out ZOO is missing; name the folder that the zoo is to be written to, or use --dry-run");
            if (parsed.GetValue(unitSteps) is { } steps && !RecipeLimits.Steps.Contains(steps))
                throw new InputException($"{unitSteps.Name}: found {steps}, expected a whole number, {RecipeLimits.Steps}");
            return isSlurm ? GrowOnCluster(run, loaded, folder, slurm, parsed) : Grow(run, loaded, folder, threadCount, unitSize, parsed.GetValue(unitSteps));
        }));
        return command;
    }

    private static Answer GrowOnCluster(CommandContext context, Experiment experiment, string folder, SlurmOptions options, ParseResult parsed)
    {
        bool isBegun = File.Exists(Path.Combine(GrowingZoo.WorkFolder(folder), UnitPlan.FileName)) || File.Exists(Path.Combine(folder, ZooManifest.FileName));
        SlurmSettings settings = options.Read(context, parsed, experiment, needsRate: !isBegun);
        SlurmOutcome outcome;
        using (ProgressLine progress = context.Progress())
        {
            outcome = SlurmEngine.Grow(experiment, folder, settings, new SlurmCommands(), () => options.Program(context, parsed), context.Time, done => Report(progress, done), context.Text.WriteLine, options.IsDetached(parsed), context.Stop);
        }
        if (outcome != SlurmOutcome.Submitted)
            return Tell(context, folder, outcome == SlurmOutcome.Grown);
        context.Text.WriteLine($"{folder}: the jobs are with Slurm; `weightspace status {folder}` says how far they are, the same call goes on and writes the zoo, `weightspace stop {folder}` ends them");
        return new Answer(new JsonObject { ["zoo"] = folder, ["submitted"] = true });
    }

    private static Experiment Subset(Experiment experiment, int networks, string option)
    {
        try
        {
            return experiment.Subset(networks);
        }
        catch (InputException error)
        {
            throw new InputException($"{option}: {error.Message}", error);
        }
    }

    /// <summary>How many threads work; by default one to a core.</summary>
    public static Option<int> ThreadsOption() => new("--threads") { Description = "Worker threads; default: one to a core. No result depends on it.", HelpName = "N", DefaultValueFactory = _ => Environment.ProcessorCount };

    /// <summary>How many networks a worker takes at a time.</summary>
    public static Option<int> UnitOption() => new("--unit") { Description = "Networks to a work unit, one after the other. No result depends on it.", HelpName = "N", DefaultValueFactory = _ => DefaultUnit };

    /// <summary>The worker threads asked for, 1 to <see cref="MaxThreads"/>.</summary>
    public static int Threads(ParseResult parsed, Option<int> option) => Positive(parsed, option) is var value && value <= MaxThreads ? value
        : throw new InputException($"{option.Name}: found {value}, expected at most {MaxThreads}");

    /// <summary>An option's value, at least 1.</summary>
    public static int Positive(ParseResult parsed, Option<int> option) => parsed.GetValue(option) is var value && value > 0 ? value
        : throw new InputException($"{option.Name}: found {value}, expected a whole number of at least 1");

    /// <summary>Trains what is missing of a zoo and says what there is then.</summary>
    public static Answer Grow(CommandContext context, Experiment experiment, string folder, int threads, int unitSize = DefaultUnit, long? unitSteps = null)
    {
        FusedMultiplyAdd.Check(context, Flops(experiment));
        bool grew;
        using (ProgressLine progress = context.Progress())
        {
            grew = LocalEngine.Grow(experiment, folder, threads, unitSize, () => new Trainer(context.Images), context.Time, done => Report(progress, done), context.Stop, unitSteps);
        }
        return Tell(context, folder, grew);
    }

    /// <summary>Operations of training all networks to their budgets.</summary>
    public static double Flops(Experiment experiment) => experiment.Settings().Sum(setting => setting.Networks * setting.Example.TrainingFlops);

    /// <summary>Shows how far a zoo has grown.</summary>
    public static void Report(ProgressLine progress, ZooProgress done)
    {
        double perNetwork = (double)done.TotalSteps / done.TotalNetworks;
        progress.Report(done.Stage, done.Steps, done.TotalSteps, $"{Units.Count(done.Networks)} of {Units.Count(done.TotalNetworks)} networks",
            speed => $"{Units.Short(speed / perNetwork)} networks/s", done.StepsBefore);
    }

    /// <summary>Says what there is in a zoo that is complete now.</summary>
    public static Answer Tell(CommandContext context, string folder, bool isNew)
    {
        ZooTotals totals = Zoo.ReadManifest(folder).Totals;
        context.Text.WriteLine($"{folder}: {Units.Count(totals.Networks)} networks ({Units.Count(totals.Finished)} finished, {totals.Diverged} diverged, {totals.Failed} failed), {Units.Count(totals.Checkpoints)} checkpoints{(isNew ? "" : "; it was complete already")}");
        return new Answer(new JsonObject
        {
            ["zoo"] = folder,
            ["already_complete"] = !isNew,
            ["networks"] = totals.Networks,
            ["finished"] = totals.Finished,
            ["diverged"] = totals.Diverged,
            ["failed"] = totals.Failed,
            ["checkpoints"] = totals.Checkpoints,
        });
    }
}
