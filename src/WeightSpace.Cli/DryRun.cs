using System.Text.Json.Nodes;
using WeightSpace.Cli.Commands;
using WeightSpace.Tasks;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Cli;

/// <summary>What an experiment would cost, and how long it would take here: from a short timing of each shape of training that it holds.</summary>
internal static class DryRun
{
    private static readonly TimeSpan s_timing = TimeSpan.FromMilliseconds(300);

    /// <summary>What an experiment costs at most; seconds are those of one thread here.</summary>
    private readonly record struct Cost(long Networks, long Parameters, long Checkpoints, double Flops, double Seconds, double Bytes);

    private static Cost Measure(CommandContext context, Experiment experiment)
    {
        double flops = 0, seconds = 0, bytes = 0;
        long networks = 0, parameters = 0, checkpoints = 0;
        var shapes = new Dictionary<(string, int, int), (double Step, double Sequence)>();
        foreach ((Recipe recipe, int count) in experiment.Settings())
        {
            context.Stop.ThrowIfCancellationRequested();
            TrainingSpec training = recipe.Training;
            long weights = recipe.Architecture.Parameters.Count;
            var shape = (recipe.Architecture.Name, recipe.Task.Places, training.Batch);
            if (!shapes.TryGetValue(shape, out (double Step, double Sequence) cost))
                shapes[shape] = cost = Time(recipe, context);
            long checks = training.Stop.EvalLoss is null ? 0 : training.Stop.Steps / training.Stop.CheckEvery;
            double evaluations = (double)training.Evaluation.Sequences * (Math.Max(recipe.MaxCheckpoints, checks) + ((double)recipe.Phases.Max(phase => recipe.AttacksIn(phase).Count) * recipe.MaxCheckpoints));
            networks += count;
            parameters += count * weights;
            checkpoints += (long)count * recipe.MaxCheckpoints;
            flops += count * (recipe.TrainingFlops + (evaluations * recipe.Architecture.ForwardFlops * recipe.Task.Places));
            seconds += count * ((training.Stop.Steps * cost.Step) + (evaluations * cost.Sequence));
            bytes += 4.0 * count * weights * (recipe.MaxCheckpoints + (recipe.MaxSnapshots * (1 + training.Optimizer.Slots.Count)));
        }
        return new Cost(networks, parameters, checkpoints, flops, seconds, bytes);
    }

    public static Answer Run(CommandContext context, Experiment experiment, int threads)
    {
        (long networks, long parameters, long checkpoints, double flops, double seconds, double bytes) = Measure(context, experiment);
        double wall = seconds / Math.Min(threads, networks);
        context.Text.WriteLine($"""
            {experiment.Name}: {Units.Count(networks)} networks, {Units.Count(parameters)} parameters in all
              at most    {Units.Count(checkpoints)} checkpoints, {Units.Scaled(bytes, "B")} on disk (and as much again while it grows)
              computing  {Units.Scaled(flops, "FLOP")}, or fewer where networks reach their threshold early
              here       about {ProgressLine.Duration(wall)} with {threads} threads (measured at {Units.Scaled(flops / seconds, "FLOP/s")} a thread)
            """);
        return new Answer(new JsonObject
        {
            ["experiment"] = experiment.Name,
            ["networks"] = networks,
            ["parameters"] = parameters,
            ["max_checkpoints"] = checkpoints,
            ["max_bytes"] = bytes,
            ["max_flops"] = flops,
            ["threads"] = threads,
            ["estimated_seconds"] = wall,
        });
    }

    /// <summary>Operations of training, evaluation not counted, that a thread here gets done in a second with evaluation.</summary>
    public static double TrainingRate(CommandContext context, Experiment experiment)
    {
        Cost cost = Measure(context, experiment);
        return TrainCommand.Flops(experiment) / cost.Seconds;
    }

    /// <summary>Seconds of one training step, and of one held-out sequence.</summary>
    private static (double Step, double Sequence) Time(Recipe recipe, CommandContext context)
    {
        using var workspace = new Workspace(recipe.Architecture, recipe.Task.Places, recipe.Training.Batch);
        TaskData data = TaskSources.Open(recipe.Task, context.Images);
        float[] weights = new float[recipe.Architecture.Parameters.Count];
        WeightSpace.Networks.Initialisation.PyTorchDefault(recipe.Architecture.Parameters, recipe.InitSeed, weights);
        double step = Seconds(context.Time, index =>
        {
            workspace.LossAndGradient(data, recipe.Training.Loss, recipe.DataSeed, index, weights);
        });
        var evaluation = new EvaluationSpec(Math.Min(32, recipe.Task.HeldOut ?? 32), 1);
        return (step, Seconds(context.Time, _ => workspace.Evaluate(data, recipe.Training.Loss, evaluation, weights)) / evaluation.Sequences);
    }

    private static double Seconds(TimeProvider time, Action<int> work)
    {
        work(0); // compiles it
        long start = time.GetTimestamp();
        int count = 0;
        do
            work(++count);
        while (time.GetElapsedTime(start) < s_timing);
        return time.GetElapsedTime(start).TotalSeconds / count;
    }
}
