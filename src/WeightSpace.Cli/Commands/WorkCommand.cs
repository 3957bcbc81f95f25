using System.CommandLine;
using System.Text.Json.Nodes;
#if !VOLUNTEER
using WeightSpace.Analysis.Parts;
#endif
using WeightSpace.Engines;
using WeightSpace.Engines.Boinc;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace work UNIT RESULT</c>: what every engine runs. From a file to a file; stopped, it goes on when called again.</summary>
internal static class WorkCommand
{
    private static readonly NumberRange s_minutes = new(0, 1e6, ExcludesMin: true);

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> unit = new Argument<string>("UNIT") { Description = "The work unit, a JSON file: networks to train, or parts of an analysis." }.AsPath();
        Argument<string> result = new Argument<string>("RESULT") { Description = "The result to write, a safetensors file." }.AsPath();
        var minutes = new Option<double?>("--minutes") { Description = "After so long, hand in what there is, which is always a little; the result says where the next unit goes on. Default: all networks are trained to their end. Parts of an analysis are always all done.", HelpName = "MINUTES" };
        var careful = new Option<bool>("--careful") { Description = "Put the state down after every network, not only twice a minute; parts of an analysis have none." };
        var once = new Option<bool>("--once") { Description = "Do nothing where the unit's result is there and whole, and refuse while another process is at work on it." };
        var quiet = new Option<bool>("--quiet") { Description = "Show no progress." };
        var boinc = new Option<bool>("--boinc") { Description = "Run as a task of BOINC's client, in one of its slots: tell it how far the unit is, and suspend, quit or abort when it asks." };
        var command = new Command("work", "Do one work unit, from a file to a file: train its networks, or compute its part of an analysis. Engines call this.") { unit, result, minutes, careful, once, quiet, boinc };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string unitPath = parsed.GetRequiredValue(unit), resultPath = parsed.GetRequiredValue(result);
            TimeSpan? limit = Limit(parsed.GetValue(minutes), minutes.Name);
            if (parsed.GetValue(boinc))
                return RunInSlot(run, unitPath, resultPath, limit);
#if !VOLUNTEER
            if (AnalysisUnit.IsOne(unitPath))
                return Analyse(run, unitPath, resultPath, parsed.GetValue(once), parsed.GetValue(quiet));
#endif
            WorkUnit work = WorkUnit.Read(unitPath);
            using FileStream? claim = parsed.GetValue(once) ? UnitClaim.Take(resultPath) : null;
            if (claim is not null && ReadWhole(resultPath, work) is { } before)
                return Tell(run, work, resultPath, before, ", which were there already");
            FusedMultiplyAdd.Check(run, work.Recipes.Sum(recipe => recipe.TrainingFlops));
            long steps = work.Recipes.Sum(recipe => recipe.Training.Stop.Steps);
            using var trainer = new Trainer(run.Images);
            UnitResult done;
            using (ProgressLine progress = run.Progress())
            {
                Action<UnitProgress>? report = parsed.GetValue(quiet) ? null : now => progress.Report("training", now.Steps, steps, $"{now.Networks} of {work.Recipes.Count} networks", speed => $"{Units.Short(speed)} steps/s");
                done = WorkUnitRunner.Run(unitPath, resultPath, trainer, run.Time, report, run.Stop, limit, parsed.GetValue(careful));
            }
            return Tell(run, work, resultPath, done, "");
        }));
        return command;
    }

#if !VOLUNTEER
    /// <summary>Parts of an analysis, handed in all at once: the unit was cut to be short.</summary>
    private static Answer Analyse(CommandContext context, string unitPath, string resultPath, bool once, bool isQuiet)
    {
        using FileStream? claim = once ? UnitClaim.Take(resultPath) : null;
        string more = ", which were there already";
        AnalysisUnit unit = AnalysisUnit.Read(unitPath);
        if (!once || !AnalysisUnitResult.IsWhole(resultPath, unit))
        {
            more = "";
            using ProgressLine progress = context.Progress();
            UnitWorker.Run(unitPath, resultPath, isQuiet ? null : (done, all) => progress.Report("computing", done, all, $"{Units.Count(done)} of {Units.Count(all)} parts", rate: null), context.Stop);
        }
        context.Text.WriteLine($"{resultPath}: {unit.Blocks.Count} blocks of inner products and {unit.Scores.Count} scores{more}");
        return new Answer(new JsonObject { ["result"] = resultPath, ["unit"] = unit.Digest, ["blocks"] = unit.Blocks.Count, ["scores"] = unit.Scores.Count });
    }
#endif

    /// <summary>
    /// The same as a task of BOINC's client, in the slot that is the working folder. What ends it for good is put down with its exit code; without that the client starts it again, and it goes
    /// on.
    /// </summary>
    private static Answer RunInSlot(CommandContext context, string unitName, string resultName, TimeSpan? limit)
    {
        using var slot = BoincSlot.Open(Directory.GetCurrentDirectory(), context.Time, context.Stop);
        try
        {
            string unitPath = slot.Resolve(unitName), resultPath = slot.Resolve(resultName);
            WorkUnit work = WorkUnit.Read(unitPath);
            FusedMultiplyAdd.Check(context, work.Recipes.Sum(recipe => recipe.TrainingFlops));
            // A client that was killed and started anew may find the task of the one before, until that hears no more beats.
            FileStream? claim;
            while ((claim = UnitClaim.TryTake(resultPath)) is null)
            {
                slot.Stop.WaitHandle.WaitOne(TimeSpan.FromSeconds(1));
                slot.Stop.ThrowIfCancellationRequested();
            }
            using FileStream held = claim;
            double steps = Math.Min(work.Steps ?? long.MaxValue, work.Recipes.Sum(recipe => recipe.Training.Stop.Steps) - (work.From?.Step ?? 0));
            using var trainer = new Trainer(context.Images);
            UnitResult done = WorkUnitRunner.Run(unitPath, resultPath, trainer, context.Time, now => slot.Report(Math.Clamp((now.Steps - (work.From?.Step ?? 0)) / steps, 0, 1)), slot.Stop, limit,
                saveInterval: slot.SaveInterval, saved: slot.ReportSaved);
            slot.Finish(ExitCodes.Done);
            return new Answer(new JsonObject { ["result"] = resultPath, ["unit"] = work.Digest, ["ended"] = done.Networks.Count });
        }
        catch (OperationCanceledException)
        {
            return new Answer(new JsonObject { ["stopped"] = true, ["aborted"] = slot.IsAborted }, slot.IsAborted ? BoincSlot.AbortedCode : ExitCodes.Done);
        }
        catch (Exception error) when (error is InputException or IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            slot.Finish(error is InputException ? ExitCodes.BadInput : ExitCodes.Failed);
            throw;
        }
    }

    private static TimeSpan? Limit(double? minutes, string option) =>
        minutes is null ? null : s_minutes.Contains(minutes.Value) ? TimeSpan.FromMinutes(minutes.Value) : throw new InputException($"{option}: found {minutes}, expected a number {s_minutes}");

    /// <summary>The result of a unit where it is there and nothing is wrong with it.</summary>
    private static UnitResult? ReadWhole(string path, WorkUnit unit)
    {
        try
        {
            return File.Exists(path) ? UnitResult.Read(path, unit) : null;
        }
        catch (InputException)
        {
            return null;
        }
    }

    private static Answer Tell(CommandContext context, WorkUnit work, string path, UnitResult done, string more)
    {
        int ended = done.Networks.Count;
        string unfinished = done.Current is { } state ? $"; {work.Recipes[ended].Id} is unfinished at step {state.Now.Step}" : "";
        string bound = work.Steps is { } steps ? $"; the unit was of {steps} steps" : "";
        context.Text.WriteLine($"{path}: {work.Recipes.Count} networks{(ended < work.Recipes.Count ? $", {ended} of them ended{unfinished}{bound}" : "")}{more}");
        return new Answer(new JsonObject
        {
            ["result"] = path,
            ["unit"] = work.Digest,
            ["networks"] = work.Recipes.Count,
            ["ended"] = ended,
            ["unfinished_at_step"] = done.Current?.Now.Step,
        });
    }
}
