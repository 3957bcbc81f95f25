using System.Diagnostics;
using System.Globalization;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Bench;

/// <summary>The time of a training step, drawing its data included, through the same <see cref="Trainer"/> that the program uses.</summary>
internal static class Steps
{
    // .NET compiles what runs often a second time, in the background and some 100 ms after its start.
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(1);

    // Steps are timed in groups that take this long, so that reading the clock costs nothing.
    private const double GroupSeconds = 0.002;

    // Between groups the FMA peak is measured now and then: where others share the core, what it can do changes from second to second.
    private const int GroupsForOnePeak = 4;

    // Where a step takes longer than a round there are few groups, and the half millisecond behind a long step alone says little.
    private const int LeastPeaks = 20;

    /// <summary>Trains for that long and prints the median step.</summary>
    /// <exception cref="InvalidOperationException">The network diverged.</exception>
    public static void Run(Workload workload, double seconds)
    {
        var training = new TrainingSpec(new AdamSpec(1e-3, 0.9, 0.999, 1e-8), workload.Batch, EpochSteps: 100,
            new StopSpec(long.MaxValue / 2, null, 1), new StepSchedule.At([]), null, new EvaluationSpec(32, 1)) { Loss = workload.Loss };
        var recipe = new Recipe(workload.Task, workload.Architecture, training, 1, 1);
        using var trainer = new Trainer();
        ITrainingRun run = trainer.Start(recipe, null);
        long warmUp = Stopwatch.GetTimestamp();
        do
            run.Advance(1);
        while (Stopwatch.GetElapsedTime(warmUp) < s_warmUp);
        double step = Stopwatch.GetElapsedTime(warmUp).TotalSeconds / run.Step;
        int group = Math.Max(1, (int)(GroupSeconds / step));
        List<double> times = [], peaks = [];
        long start = Stopwatch.GetTimestamp();
        do
        {
            long begin = Stopwatch.GetTimestamp();
            run.Advance(group);
            times.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds / group);
            if (times.Count % GroupsForOnePeak == 1)
                peaks.Add(Peak.Once());
        }
        while (times.Count < 3 || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
        while (peaks.Count < LeastPeaks)
            peaks.Add(Peak.Once());
        // A network that has ended makes no more steps, and its time would be that of nothing.
        if (run.Result is { } result)
            throw new InvalidOperationException(
                $"the network ended at step {result.Steps} ({result.Reason}); it must train as long as it is timed");
        times.Sort();
        peaks.Sort();
        double median = times[times.Count / 2];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"weightspace models=1 threads=1 parameters={workload.Architecture.Parameters.Count} ms/step={median * 1e3:F4} ")
            + string.Create(CultureInfo.InvariantCulture,
            $"models*steps/s={1 / median:F1} GFLOP/s={workload.FlopsPerStep / median / 1e9:F3} peak={peaks[peaks.Count / 2]:F1} n={times.Count}"));
    }
}
