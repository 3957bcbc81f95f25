using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines.Local;

/// <summary>How far a zoo has grown.</summary>
/// <param name="Stage">What is being done: training, or writing the zoo.</param>
/// <param name="Networks">Networks done in this stage, of <paramref name="TotalNetworks"/>.</param>
/// <param name="Steps">Steps done, of <paramref name="TotalSteps"/>; networks that ended early count with their whole budget.</param>
/// <param name="StepsBefore">Steps that earlier calls had done: what a rate must not count.</param>
public readonly record struct ZooProgress(string Stage, int Networks, int TotalNetworks, long Steps, long TotalSteps, long StepsBefore);

/// <summary>
/// Grows a zoo on this machine: one worker thread to a core, each taking work units until none is left. What is under way lives in the zoo's
/// <c>work/</c> folder and is removed when the zoo is complete, so the same call again finishes what a stop or a crash interrupted.
/// Networks are trained in groups. A group is one unit, or, where units end after a number of steps, a row of units, each going on where the one before ended.
/// </summary>
public static class LocalEngine
{
    private const string PlanFormat = "weightspace-plan";

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
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(unitSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(unitSteps ?? 1, nameof(unitSteps));
        // What the experiment is does not stand in its text alone where it names images from files, or where a subset is asked for. The null character stands in no experiment, so
        // no text is taken for another.
        string planned = string.Concat(experiment.ImageSets.Select(set => $"\0{set.Digest} {set.Name}").Prepend(experiment.Text)) + (experiment.NetworksPerClass is { } perClass ? $"\0{perClass}" : "");
        string experimentDigest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(planned)));
        string work = Path.Combine(folder, "work");
        if (IsComplete(folder, experiment) && !Directory.Exists(work) && !Directory.Exists(RemovedName(work)))
            return false;
        MakeFolders(folder, work);
        using FileStream claim = FolderClaim.Take(work, "growing this zoo");
        // Another process may have completed it between the first look and the claim; or it was killed before it could clear up.
        if (IsComplete(folder, experiment))
        {
            RemoveWork(work);
            return false;
        }
        Plan plan = ReadOrWritePlan(Path.Combine(work, "plan.json"), experimentDigest, new Plan(experiment, work, unitSize, unitSteps));
        Train(plan, threads, newTrainer, time, progress, stop);
        IEnumerable<NetworkResult> results = Enumerable.Range(0, plan.Groups).SelectMany(group => UnitResult.Join(ReadResults(plan, group)));
        int total = experiment.Networks.Count;
        ZooWriter.Write(folder, experiment, results, done => progress?.Invoke(new ZooProgress("writing the zoo", (int)done, total, done, total, 0)), stop);
        RemoveWork(work);
        return true;
    }

    private static bool IsComplete(string folder, Experiment experiment)
    {
        if (!File.Exists(Path.Combine(folder, ZooManifest.FileName)))
            return false;
        ZooManifest manifest = Zoo.ReadManifest(folder);
        if (manifest.Experiment != experiment.Text || !manifest.ImageSets.SequenceEqual(experiment.ImageSets))
            throw new InputException($"{folder}: there is a complete zoo of another experiment; choose another folder, or remove that one");
        return manifest.NetworksPerClass == experiment.NetworksPerClass ? true
            : throw new InputException($"{folder}: there is a complete zoo of this experiment with {Describe(manifest.NetworksPerClass)}, {Describe(experiment.NetworksPerClass)} was asked for; choose another folder, or remove that one");

        static string Describe(int? networksPerClass) => networksPerClass is { } count ? $"the first {count} networks of each class" : "all networks";
    }

    /// <summary>How a zoo's networks are divided into units.</summary>
    private sealed record Plan(Experiment Experiment, string Work, int UnitSize, long? UnitSteps)
    {
        public int Groups => (Experiment.Networks.Count + UnitSize - 1) / UnitSize;

        /// <summary>Networks of a group.</summary>
        public int Count(int group) => Math.Min(UnitSize, Experiment.Networks.Count - (group * UnitSize));

        public Recipe[] Recipes(int group) => [.. Enumerable.Range(group * UnitSize, Count(group)).Select(index => Experiment.Networks[index].Recipe)];

        /// <summary>Steps that the first so many networks of a group may take.</summary>
        public long Budget(int group, int networks) => Enumerable.Range(group * UnitSize, networks).Sum(index => Experiment.TrainingOf(index).Stop.Steps);

        /// <summary>The file of a group's unit, the first of which is 0.</summary>
        public string UnitPath(int group, int unit) => Path.Combine(Work, "units", Name(group, unit) + ".json");

        public string ResultPath(int group, int unit) => Path.Combine(Work, "results", Name(group, unit) + ".safetensors");

        private static string Name(int group, int unit) => group.ToString("D6", CultureInfo.InvariantCulture) + (unit == 0 ? "" : "-" + unit.ToString("D6", CultureInfo.InvariantCulture));
    }

    private static void Train(Plan plan, int threads, Func<ITrainer> newTrainer, TimeProvider time, Action<ZooProgress>? progress, CancellationToken stop)
    {
        var tally = new Tally(plan, progress);
        var missing = new Queue<int>();
        for (int group = 0; group < plan.Groups; group++)
        {
            (int ended, long step) = (0, 0);
            foreach (UnitResult result in ReadResults(plan, group))
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
                    TrainGroup(plan, group, trainer, time, done => tally.Report(group, done), failed.Token);
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
    private static void TrainGroup(Plan plan, int group, ITrainer trainer, TimeProvider time, Action<UnitProgress> progress, CancellationToken stop)
    {
        (IReadOnlyList<Recipe> recipes, Snapshot? from) = (plan.Recipes(group), null);
        int ended = 0;
        bool hasTrained = false;
        for (int unit = 0; recipes.Count > 0; unit++)
        {
            stop.ThrowIfCancellationRequested();
            UnitResult? result = ReadResult(plan, group, unit);
            if (result is null)
            {
                WorkUnit.Write(plan.UnitPath(group, unit), recipes, plan.UnitSteps, from);
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

    /// <summary>The results of a group's units in order, as far as they are there and whole.</summary>
    private static IEnumerable<UnitResult> ReadResults(Plan plan, int group)
    {
        int left = plan.Count(group);
        for (int unit = 0; left > 0 && ReadResult(plan, group, unit) is { } result; unit++)
        {
            yield return result;
            left -= result.Networks.Count;
        }
    }

    /// <summary>A unit's result where it is there and whole. A damaged one is removed, so that its unit is trained again.</summary>
    private static UnitResult? ReadResult(Plan plan, int group, int index)
    {
        string path = plan.ResultPath(group, index);
        if (!File.Exists(path))
            return null;
        try
        {
            WorkUnit unit = WorkUnit.Read(plan.UnitPath(group, index));
            UnitResult result = UnitResult.Read(path, unit);
            if (unit.Steps is not null || result.Networks.Count == unit.Recipes.Count)
                return result;
        }
        catch (InputException)
        {
            // Said by training it again: the bytes that come out are the ones that should have been here.
        }
        File.Delete(path);
        return null;
    }

    private static void MakeFolders(string folder, string work)
    {
        try
        {
            Directory.CreateDirectory(Path.Combine(work, "units"));
            Directory.CreateDirectory(Path.Combine(work, "results"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{folder}: the zoo's folder could not be made: {error.Message}", error);
        }
    }

    private static Plan ReadOrWritePlan(string path, string experimentDigest, Plan asked)
    {
        if (File.Exists(path))
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
                var json = new JsonReader(document.RootElement, path);
                if (json.String("format") != PlanFormat || json.String("experiment") != experimentDigest)
                    throw new InputException($"{path}: a zoo of another experiment, or of another subset of it, is growing in this folder; choose another folder, or remove that one");
                return asked with { UnitSize = json.Int32("unit_size", new NumberRange(1, int.MaxValue)), UnitSteps = json.Has("unit_steps") ? json.Int64("unit_steps", RecipeLimits.Steps) : null };
            }
            catch (Exception error) when (error is JsonException or InvalidDataException)
            {
                throw new InputException($"{path}: the plan of this zoo cannot be read: {error.Message}; remove the folder and train again", error);
            }
        }
        var plan = new JsonObject { ["format"] = PlanFormat, ["experiment"] = experimentDigest, ["unit_size"] = asked.UnitSize };
        if (asked.UnitSteps is { } steps)
            plan["unit_steps"] = steps;
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(plan);
        AtomicFile.Write(path, stream => stream.Write(bytes));
        return asked;
    }

    private static string RemovedName(string work) => work + ".removed";

    /// <summary>Moved away first, in one step, so that a process that comes meanwhile finds either all of the folder or none.</summary>
    private static void RemoveWork(string work)
    {
        string removed = RemovedName(work);
        if (Directory.Exists(removed))
            Directory.Delete(removed, recursive: true);
        Directory.Move(work, removed);
        Directory.Delete(removed, recursive: true);
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

        public Tally(Plan plan, Action<ZooProgress>? progress)
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
