using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Engines.Slurm;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace stop ZOO</c>: cancels the jobs of a zoo or an analysis on a cluster; what is done stays.</summary>
internal static class StopCommand
{
    /// <summary>As long as a submitter may be held up by a command of Slurm.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> zoo = new Argument<string>("ZOO") { Description = "The folder of a zoo that is growing on a cluster, or the --out of an analysis." }.AsPath();
        var command = new Command("stop", "Cancel the jobs of a zoo that is growing on a cluster, or of an analysis. What is done stays: train goes on from there, with either engine, and analyze with --engine slurm.") { zoo };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string folder = parsed.GetRequiredValue(zoo);
            int jobs = SlurmStop.Stop(folder, new SlurmCommands(), run.Time, s_patience, run.Stop);
            run.Text.WriteLine($"{folder}: {Units.Count(jobs)} jobs cancelled; what is done stays, and the command that they are of goes on from there");
            return new Answer(new JsonObject { ["zoo"] = folder, ["cancelled"] = jobs });
        }));
        return command;
    }
}
