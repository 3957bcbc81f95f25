using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Engines;
using WeightSpace.Training;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace work UNIT RESULT</c>: what every engine runs. From a file to a file; stopped, it goes on when called again.</summary>
internal static class WorkCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> unit = new Argument<string>("UNIT") { Description = "The work unit, a JSON file." }.AsPath();
        Argument<string> result = new Argument<string>("RESULT") { Description = "The result to write, a safetensors file." }.AsPath();
        var command = new Command("work", "Train one work unit, from a file to a file. Engines call this.") { unit, result };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string unitPath = parsed.GetRequiredValue(unit), resultPath = parsed.GetRequiredValue(result);
            WorkUnit work = WorkUnit.Read(unitPath);
            FusedMultiplyAdd.Check(run, work.Recipes.Sum(recipe => recipe.TrainingFlops));
            long steps = work.Recipes.Sum(recipe => recipe.Training.Stop.Steps);
            using var trainer = new Trainer(run.Images);
            UnitResult done;
            using (ProgressLine progress = run.Progress())
            {
                done = WorkUnitRunner.Run(unitPath, resultPath, trainer, run.Time, now => progress.Report("training", now.Steps, steps,
                    $"{now.Networks} of {work.Recipes.Count} networks", speed => $"{Units.Short(speed)} steps/s"), run.Stop);
            }
            int ended = done.Networks.Count;
            string unfinished = done.Current is { } state ? $"; {work.Recipes[ended].Id} is unfinished at step {state.Now.Step}" : "";
            run.Text.WriteLine($"{resultPath}: {work.Recipes.Count} networks{(ended < work.Recipes.Count ? $", {ended} of them ended{unfinished}; the unit was of {work.Steps} steps" : "")}");
            return new Answer(new JsonObject
            {
                ["result"] = resultPath,
                ["unit"] = work.Digest,
                ["networks"] = work.Recipes.Count,
                ["ended"] = ended,
                ["unfinished_at_step"] = done.Current?.Now.Step,
            });
        }));
        return command;
    }
}
