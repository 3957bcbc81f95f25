using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Parts;
using WeightSpace.Cli.Commands;
using WeightSpace.Engines;
using WeightSpace.Engines.Slurm;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli;

/// <summary>
/// <c>analyze --engine slurm</c>: the Gram matrices and the scores of an analysis as units of a cluster, and the rest of it here. What is under way stands in a folder beside what is to be written, which is removed when it is: the zoo
/// is only read. The same call again goes on.
/// </summary>
internal static class ClusterAnalysis
{
    /// <summary>Analyses a zoo into a folder; null where the jobs are with Slurm now, and the same call goes on.</summary>
    public static AnalysisResult? Run(CommandContext context, string folder, string output, AnalysisOptions options, SlurmOptions slurm, ParseResult parsed, Action<AnalysisResult> write)
    {
        string work = SlurmFolder.AnalysisFolder(output);
        bool isBegun = File.Exists(Path.Combine(work, AnalysisPlan.FileName));
        SlurmSettings settings = Settings(context, slurm, parsed, needsRate: !isBegun);
        var commands = new SlurmCommands();
        SlurmLimits limits = ClusterCheck.Check(commands, settings);
        var source = UnitSource.Of(folder, options);
        Population population = ZooPopulation.Of(source.Open());
        // Where there is nothing to analyse, nothing is begun.
        AnalysisPlan? plan = isBegun ? null : Cut(source, population, settings, context.Time);
        AnalyzeCommand.MakeFolder(work);
        AnalysisResult result;
        using (FolderClaim.Take(work, "at work on an analysis into this folder"))
        using (ProgressLine progress = context.Progress())
        {
            var units = new AnalysisWork(work, PlanOf(work, source, () => plan ?? Cut(source, population, settings, context.Time)));
            UnitPlan.MakeFolders(units.Folder, units.Groups);
            if (units.Groups > 0 && !SlurmEngine.Run(units, units.IsWhole, settings, commands, limits, () => slurm.Program(context, parsed), context.Time, done => Report(progress, done), context.Text.WriteLine, slurm.IsDetached(parsed), context.Stop))
                return null;
            result = ZooAnalysis.Run(population, options, new AnalysisReporter(progress), context.Stop, new JoinedParts(units.Plan, unit => units.ResultPath(unit, 0)));
            write(result);
            WorkRemoval.Remove(work);
        }
        return result;
    }

    /// <summary>Says what would be submitted.</summary>
    public static Answer DryRun(CommandContext context, string folder, string output, AnalysisOptions options, SlurmOptions slurm, ParseResult parsed)
    {
        SlurmSettings settings = Settings(context, slurm, parsed, needsRate: true);
        SlurmLimits limits = SlurmDryRun.Limits(context, settings);
        var source = UnitSource.Of(folder, options);
        var units = new AnalysisWork(SlurmFolder.AnalysisFolder(output), Cut(source, ZooPopulation.Of(source.Open()), settings, context.Time));
        string script = SlurmEngine.ExampleScript(units.Folder, Math.Max(1, units.Groups), units.Memory, settings, limits);
        int blocks = units.Plan.Units.Sum(unit => unit.Blocks.Count), scores = units.Plan.Units.Sum(unit => unit.Scores.Count);
        context.Text.WriteLine($"{folder}: {Units.Count(blocks)} blocks of inner products and {Units.Count(scores)} scores in {Units.Count(units.Groups)} units, in arrays of at most {Units.Count(limits.MaxArraySize)}, and the rest of the analysis here");
        context.Text.WriteLine($"  about {Units.Short(units.Plan.Seconds / 3600)} core-hours, and {units.Memory} MB of memory to a job");
        context.Text.WriteLine("The script of the first array:");
        context.Text.WriteLine();
        context.Text.Write(script);
        return new Answer(new JsonObject
        {
            ["zoo"] = folder,
            ["blocks"] = blocks,
            ["scores"] = scores,
            ["units"] = units.Groups,
            ["max_array_size"] = limits.MaxArraySize,
            ["core_hours"] = units.Plan.Seconds / 3600,
            ["memory_mb"] = units.Memory,
            ["script"] = script,
        });
    }

    /// <summary>The analysis under way into a folder; null where there is none on a cluster.</summary>
    public static AnalysisWork? Find(string output)
    {
        string work = SlurmFolder.AnalysisFolder(output), plan = Path.Combine(work, AnalysisPlan.FileName);
        return File.Exists(new SlurmFolder(work).Record) && File.Exists(plan) ? new AnalysisWork(work, AnalysisPlan.Read(plan)) : null;
    }

    private static SlurmSettings Settings(CommandContext context, SlurmOptions slurm, ParseResult parsed, bool needsRate) => slurm.Read(parsed, new SlurmSection(), () => needsRate ? CoreRates.Measure(context.Time).Flops : 1e9);

    /// <summary>The plan that an analysis under way began with, or, where it is about to begin, a new one, which is written down.</summary>
    private static AnalysisPlan PlanOf(string work, UnitSource source, Func<AnalysisPlan> cut)
    {
        string path = Path.Combine(work, AnalysisPlan.FileName);
        if (!File.Exists(path))
        {
            AnalysisPlan begun = cut();
            begun.Write(path);
            return begun;
        }
        AnalysisPlan plan = AnalysisPlan.Read(path);
        if (plan.Source == source)
            return plan;
        string difference = plan.Source.Zoo != source.Zoo ? $"of the zoo {plan.Source.Zoo}"
            : plan.Source.ZooDigest != source.ZooDigest ? $"when the zoo had the digest {plan.Source.ZooDigest}; it is another one now, with {source.ZooDigest}"
            : $"with --seed {plan.Source.Seed}, --trees {plan.Source.Trees} and --max-networks {plan.Source.MaxNetworks}";
        throw new InputException($"{path}: an analysis was begun here {difference}; go on with that one, choose another --out, or end its jobs with `weightspace stop` and remove {work}");
    }

    private static AnalysisPlan Cut(UnitSource source, Population population, SlurmSettings settings, TimeProvider time)
    {
        double seconds = settings.UnitMinutes * 60;
        return AnalysisPlan.Cut(source, population, seconds, new CoreRates(settings.UnitFlops / seconds), time);
    }

    private static void Report(ProgressLine progress, ZooProgress done) =>
        progress.Report(done.Stage, done.Steps, done.TotalSteps, $"{Units.Count(done.Networks)} of {Units.Count(done.TotalNetworks)} units", speed => $"{Units.Short(speed * 60)} units/min", done.StepsBefore);
}
