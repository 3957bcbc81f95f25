using WeightSpace.Engines.Slurm;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Engines.Local;

/// <summary>
/// Grows a zoo on this machine: one worker thread to a core, each taking work units until none is left. The same call again finishes what a stop or a crash interrupted
/// (<see cref="GrowingZoo"/>).
/// </summary>
public static class LocalEngine
{
    /// <summary>
    /// Trains what is missing and writes the zoo. Returns false when the folder already held this experiment's complete zoo. Throws
    /// <see cref="InputException"/> when the folder belongs to another experiment or another process is at work in it, and
    /// <see cref="OperationCanceledException"/> after a stop, with everything done so far kept.
    /// </summary>
    /// <param name="unitSize">Networks to a group; no result depends on it. A zoo under way keeps the size it began with.</param>
    /// <param name="newTrainer">Makes a trainer for a thread.</param>
    /// <param name="unitSteps">Steps of training to a work unit; null: a unit trains its networks to their end. No result depends on it; a zoo under way keeps it too.</param>
    public static bool Grow(Experiment experiment, string folder, int threads, int unitSize, Func<ITrainer> newTrainer, TimeProvider time, Action<ZooProgress>? progress, CancellationToken stop, long? unitSteps = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        using GrowingZoo? zoo = GrowingZoo.Open(experiment, folder, new UnitCut.ByNetworks(unitSize, unitSteps));
        if (zoo is null)
            return false;
        if (JobRecord.MayHaveJobs(new SlurmFolder(zoo.Work)))
            throw new InputException($"{folder}: jobs of this zoo may be with a Slurm cluster; go on with --engine slurm, or end them first: `weightspace stop {folder}` (remove {zoo.Work}/slurm where that cluster is no more)");
        Train(zoo, threads, newTrainer, time, progress, stop);
        int total = experiment.Networks.Count;
        zoo.Complete(zoo.ReadResults, done => progress?.Invoke(new ZooProgress("writing the zoo", (int)done, total, done, total, 0)), stop);
        return true;
    }

    private static void Train(GrowingZoo zoo, int threads, Func<ITrainer> newTrainer, TimeProvider time, Action<ZooProgress>? progress, CancellationToken stop)
    {
        UnitPlan plan = zoo.Plan;
        var tally = new Tally(plan, progress);
        var missing = new Queue<int>();
        for (int group = 0; group < plan.Groups; group++)
        {
            (int ended, long step) = (0, 0);
            foreach (UnitResult result in zoo.ReadResults(group))
                (ended, step) = (ended + result.Networks.Count, result.Current?.Now.Step ?? 0);
            tally.AddEarlier(group, new UnitProgress(ended, plan.Budget(group, ended) + step));
            if (ended < plan.Count(group))
                missing.Enqueue(group);
        }
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Exception? failure = null;

        void Work()
        {
            ITrainer trainer = newTrainer();
            try
            {
                while (true)
                {
                    int group;
                    lock (missing)
                    {
                        if (!missing.TryDequeue(out group))
                            return;
                    }
                    TrainGroup(zoo, group, trainer, time, done => tally.Report(group, done), failed.Token);
                }
            }
            catch (Exception error)
            {
                // The first reason is the one to tell; the other workers put their state down and follow.
                Interlocked.CompareExchange(ref failure, error, null);
                failed.Cancel();
            }
            finally
            {
                (trainer as IDisposable)?.Dispose();
            }
        }

        Thread[] workers = [.. Enumerable.Range(0, Math.Min(threads, Math.Max(1, missing.Count))).Select(index => new Thread(Work) { Name = $"worker {index}" })];
        foreach (Thread worker in workers)
            worker.Start();
        foreach (Thread worker in workers)
            worker.Join();
        if (failure is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Trains the units of a group whose results are missing, one after the other, until all its networks have ended.</summary>
    private static void TrainGroup(GrowingZoo zoo, int group, ITrainer trainer, TimeProvider time, Action<UnitProgress> progress, CancellationToken stop)
    {
        UnitPlan plan = zoo.Plan;
        (IReadOnlyList<Recipe> recipes, Snapshot? from) = (plan.Recipes(group), null);
        int ended = 0;
        bool hasTrained = false;
        for (int unit = 0; recipes.Count > 0; unit++)
        {
            stop.ThrowIfCancellationRequested();
            UnitResult? result = zoo.ReadResult(group, unit, recipes.Count, from);
            if (result is null)
            {
                WorkUnit.Write(plan.UnitPath(group, unit), recipes, plan.Steps(group), from);
                hasTrained = true;
                (int networks, long steps) = (ended, plan.Budget(group, ended));
                result = WorkUnitRunner.Run(plan.UnitPath(group, unit), plan.ResultPath(group, unit), trainer, time,
                    done => progress(new UnitProgress(networks + done.Networks, steps + done.Steps)), stop);
            }
            (recipes, from) = result.Left(recipes);
            ended = plan.Count(group) - recipes.Count;
            // What is there from the beginning on is counted; behind a unit that was damaged there may be more.
            if (hasTrained)
                progress(new UnitProgress(ended, plan.Budget(group, ended) + (from?.Step ?? 0)));
        }
    }

    /// <summary>Adds up what the workers report.</summary>
    private sealed class Tally
    {
        private readonly Lock _lock = new();
        private readonly int _total;
        private readonly UnitProgress[] _groups;
        private readonly long _totalSteps;
        private readonly Action<ZooProgress>? _progress;
        private int _networks;
        private long _steps, _before;

        public Tally(UnitPlan plan, Action<ZooProgress>? progress)
        {
            _total = plan.Experiment.Networks.Count;
            _groups = new UnitProgress[plan.Groups];
            _totalSteps = plan.Experiment.Settings().Sum(setting => setting.Example.Training.Stop.Steps * setting.Networks);
            _progress = progress;
        }

        public void AddEarlier(int group, UnitProgress done)
        {
            _groups[group] = done;
            _networks += done.Networks;
            _steps += done.Steps;
            _before += done.Steps;
        }

        public void Report(int group, UnitProgress done)
        {
            lock (_lock)
            {
                _networks += done.Networks - _groups[group].Networks;
                _steps += done.Steps - _groups[group].Steps;
                _groups[group] = done;
                _progress?.Invoke(new ZooProgress("training", _networks, _total, _steps, _totalSteps, _before));
            }
        }
    }
}
