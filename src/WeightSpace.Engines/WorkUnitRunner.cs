using WeightSpace.Zoos;

namespace WeightSpace.Engines;

/// <summary>What a worker has done on one unit so far.</summary>
/// <param name="Networks">Networks that have ended.</param>
/// <param name="Steps">Steps of training, a network that has ended counted with its whole budget.</param>
public readonly record struct UnitProgress(int Networks, long Steps);

/// <summary>
/// Law 4: a work unit is a pure function from a file to a file. All that any engine runs is <see cref="Run"/>, whether on a thread here, in a job of a
/// cluster, or on a volunteer's machine.
/// </summary>
public static class WorkUnitRunner
{
    private const long MaxStride = 32;

    // Some tens of milliseconds of work.
    private const double StrideFlops = 1e9;

    /// <summary>How often a worker puts its state on the disk: what a crash can cost it at most.</summary>
    public static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(30);

    /// <summary>What a unit has done so far stands beside its result under this name until the result does.</summary>
    public static string PartialPath(string resultPath) => resultPath + ".partial";

    /// <summary>Steps of training between two looks at the clock and at whether a stop is asked for: fewer, the more a step computes.</summary>
    public static long Stride(Recipe recipe) => (long)Math.Clamp(StrideFlops / recipe.TrainingFlops * recipe.Training.Stop.Steps, 1, MaxStride);

    /// <summary>
    /// Trains a unit and writes its result. Goes on where an earlier call stopped or was killed. When <paramref name="stop"/> is asked for, puts the state down
    /// and throws <see cref="OperationCanceledException"/>.
    /// </summary>
    /// <param name="limit">After so long the unit hands in what it has, which is always a little; null: it goes on to its end.</param>
    /// <param name="saveInterval">How often the state is put down; null: <see cref="SaveInterval"/>.</param>
    /// <param name="saved">Called when the state was put down.</param>
    /// <param name="isCareful">Puts the state down after every network, so that after a crash it is known at which one it was.</param>
    public static UnitResult Run(string unitPath, string resultPath, ITrainer trainer, TimeProvider time, Action<UnitProgress>? progress, CancellationToken stop, TimeSpan? limit = null, bool isCareful = false,
        TimeSpan? saveInterval = null, Action? saved = null)
    {
        long began = time.GetTimestamp();
        WorkUnit unit = WorkUnit.Read(unitPath);
        string partialPath = PartialPath(resultPath);
        (List<NetworkResult> done, TrainingState? current) = ReadPartial(partialPath, unit);
        long lastSaved = time.GetTimestamp();
        long steps = unit.Recipes.Take(done.Count).Sum(recipe => recipe.Training.Stop.Steps);
        long left = (unit.Steps ?? long.MaxValue) - new UnitResult(unit.Digest, done, current).StepsSince(unit);
        if (done.Count == 0 && current is null && unit.From is { } from)
            current = new TrainingState(from, [], []);
        bool isTimeUp = false;
        while (done.Count < unit.Recipes.Count && left > 0 && !isTimeUp)
        {
            Recipe recipe = unit.Recipes[done.Count];
            ITrainingRun run = trainer.Start(recipe, current);
            current = null;
            long stride = Stride(recipe);
            while (run.Result is null && left > 0 && !isTimeUp)
            {
                if (stop.IsCancellationRequested || time.GetElapsedTime(lastSaved) > (saveInterval ?? SaveInterval))
                {
                    new UnitResult(unit.Digest, done, run.Save()).Write(partialPath);
                    lastSaved = time.GetTimestamp();
                    saved?.Invoke();
                    stop.ThrowIfCancellationRequested();
                }
                long before = run.Step;
                run.Advance(Math.Min(stride, left));
                left -= run.Step - before;
                progress?.Invoke(new UnitProgress(done.Count, steps + run.Step));
                isTimeUp = limit is { } most && time.GetElapsedTime(began) >= most;
            }
            if (run.Result is null)
            {
                current = run.Save();
                break;
            }
            done.Add(run.Result);
            steps += recipe.Training.Stop.Steps;
            progress?.Invoke(new UnitProgress(done.Count, steps));
            if (isCareful && done.Count < unit.Recipes.Count)
                new UnitResult(unit.Digest, done, null).Write(partialPath);
        }
        var result = new UnitResult(unit.Digest, done, current);
        result.Write(resultPath);
        File.Delete(partialPath);
        return result;
    }

    private static (List<NetworkResult>, TrainingState?) ReadPartial(string path, WorkUnit unit)
    {
        if (!File.Exists(path))
            return ([], null);
        try
        {
            UnitResult partial = UnitResult.Read(path, unit);
            return ([.. partial.Networks], partial.Current);
        }
        catch (InputException)
        {
            // Of another unit, or damaged on the disk: nothing in it is needed, the unit begins anew.
            return ([], null);
        }
    }
}
