using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Cli.Commands;
using WeightSpace.Engines;
using WeightSpace.Engines.Slurm;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Cli;

/// <summary>What <c>train --engine slurm</c> would submit.</summary>
internal static class SlurmDryRun
{
    /// <summary>MaxArraySize and MaxJobCount where a cluster does not set them.</summary>
    private static readonly SlurmLimits s_defaults = new("", "", 1001, 10_000, HasAccounts: false);

    public static Answer Run(CommandContext context, Experiment experiment, SlurmOptions options, ParseResult parsed, string? folder)
    {
        SlurmSettings settings = options.Read(context, parsed, experiment, needsRate: true);
        SlurmLimits limits = Limits(context, settings);
        folder ??= "ZOO";
        var plan = new UnitPlan(experiment, GrowingZoo.WorkFolder(folder), new UnitCut.ByFlops(settings.UnitFlops));
        string script = SlurmEngine.ExampleScript(plan, folder, settings, limits);
        double flops = TrainCommand.Flops(experiment);
        double hours = flops / settings.UnitFlops * settings.UnitMinutes / 60;
        context.Text.WriteLine($"{experiment.Name}: {Units.Count(experiment.Networks.Count)} networks in {Units.Count(plan.Groups)} work units, or more where a network takes longer than one, in arrays of at most {Units.Count(limits.MaxArraySize)}");
        context.Text.WriteLine($"  about {Units.Short(hours)} core-hours at {Units.Scaled(settings.UnitFlops / settings.UnitMinutes / 60, "FLOP/s")} a core, or fewer where networks reach their threshold early");
        context.Text.WriteLine("The script of the first array:");
        context.Text.WriteLine();
        context.Text.Write(script);
        return new Answer(new JsonObject
        {
            ["experiment"] = experiment.Name,
            ["networks"] = experiment.Networks.Count,
            ["units"] = plan.Groups,
            ["max_array_size"] = limits.MaxArraySize,
            ["core_hours"] = hours,
            ["script"] = script,
        });
    }

    /// <summary>The cluster's limits; where it would not take the jobs, people are told, and the limits are those of a cluster that sets none.</summary>
    public static SlurmLimits Limits(CommandContext context, SlurmSettings settings)
    {
        try
        {
            return ClusterCheck.Check(new SlurmCommands(), settings);
        }
        catch (Exception problem) when (problem is InputException or SlurmException)
        {
            context.Text.WriteLine($"The cluster would not take it: {problem.Message}");
            return s_defaults;
        }
    }
}
