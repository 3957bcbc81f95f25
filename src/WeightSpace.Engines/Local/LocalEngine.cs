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
/// </summary>
public static class LocalEngine
{
    private const string PlanFormat = "weightspace-plan";

    /// <summary>
    /// Trains what is missing and writes the zoo. Returns false when the folder already held this experiment's complete zoo. Throws
    /// <see cref="InputException"/> when the folder belongs to another experiment or another process is at work in it, and
    /// <see cref="OperationCanceledException"/> after a stop, with everything done so far kept.
    /// </summary>
    /// <param name="unitSize">Networks to a work unit; no result depends on it. A zoo under way keeps the size it began with.</param>
    /// <param name="newTrainer">Makes a trainer for a thread.</param>
    public static bool Grow(Experiment experiment, string folder, int threads, int unitSize, Func<ITrainer> newTrainer, TimeProvider time, Action<ZooProgress>? progress, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(unitSize);
        string experimentDigest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(experiment.Text)));
        string work = Path.Combine(folder, "work");
        if (IsComplete(folder, experiment) && !Directory.Exists(work) && !Directory.Exists(RemovedName(work)))
            return false;
        MakeFolders(folder, work);
        using FileStream claim = Claim(work);
        // Another process may have completed it between the first look and the claim; or it was killed before it could clear up.
        if (IsComplete(folder, experiment))
        {
            RemoveWork(work);
            return false;
        }
        unitSize = ReadOrWritePlan(Path.Combine(work, "plan.json"), experimentDigest, unitSize);
        int units = (experiment.Networks.Count + unitSize - 1) / unitSize;
        Train(experiment, work, threads, unitSize, units, newTrainer, time, progress, stop);
        IEnumerable<NetworkResult> results = Enumerable.Range(0, units).SelectMany(index => UnitResult.Read(ResultPath(work, index), WorkUnit.Read(UnitPath(work, index))).Networks);
        int total = experiment.Networks.Count;
        ZooWriter.Write(folder, experiment, results, done => progress?.Invoke(new ZooProgress("writing the zoo", (int)done, total, done, total, 0)), stop);
        RemoveWork(work);
        return true;
    }

    private static bool IsComplete(string folder, Experiment experiment)
    {
        if (!File.Exists(Path.Combine(folder, ZooManifest.FileName)))
            return false;
        return Zoo.ReadManifest(folder).Experiment == experiment.Text ? true
            : throw new InputException($"{folder}: there is a complete zoo of another experiment; choose another folder, or remove that one");
    }

    private static void Train(Experiment experiment, string work, int threads, int unitSize, int units, Func<ITrainer> newTrainer, TimeProvider time, Action<ZooProgress>? progress, CancellationToken stop)
    {
        var tally = new Tally(experiment, unitSize, units, progress);
        var missing = new Queue<int>();
        for (int index = 0; index < units; index++)
        {
            if (IsDone(work, index))
                tally.AddEarlier(index);
            else
                missing.Enqueue(index);
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
                    int index;
                    lock (missing)
                    {
                        if (!missing.TryDequeue(out index))
                            return;
                    }
                    failed.Token.ThrowIfCancellationRequested();
                    Recipe[] recipes = [.. Enumerable.Range(index * unitSize, Math.Min(unitSize, experiment.Networks.Count - (index * unitSize))).Select(i => experiment.Networks[i].Recipe)];
                    WorkUnit.Write(UnitPath(work, index), recipes);
                    WorkUnitRunner.Run(UnitPath(work, index), ResultPath(work, index), trainer, time, done => tally.Report(index, done), failed.Token);
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

    /// <summary>A result is there and whole. A damaged one is removed, so that its unit is trained again.</summary>
    private static bool IsDone(string work, int index)
    {
        string result = ResultPath(work, index);
        if (!File.Exists(result))
            return false;
        try
        {
            WorkUnit unit = WorkUnit.Read(UnitPath(work, index));
            if (UnitResult.Read(result, unit).Networks.Count == unit.Recipes.Count)
                return true;
        }
        catch (InputException)
        {
            // Said by training it again: the bytes that come out are the ones that should have been here.
        }
        File.Delete(result);
        return false;
    }

    private static string UnitPath(string work, int index) => Path.Combine(work, "units", index.ToString("D6", CultureInfo.InvariantCulture) + ".json");

    private static string ResultPath(string work, int index) => Path.Combine(work, "results", index.ToString("D6", CultureInfo.InvariantCulture) + ".safetensors");

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

    /// <summary>Only one process at a time grows a zoo; the claim falls when it ends, however it ends.</summary>
    private static FileStream Claim(string work)
    {
        string path = Path.Combine(work, "lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (File.Exists(path))
        {
            throw new InputException($"{path}: another weightspace process is growing this zoo; wait for it, or stop it", error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{path}: the file could not be made: {error.Message}", error);
        }
    }

    private static int ReadOrWritePlan(string path, string experimentDigest, int unitSize)
    {
        if (File.Exists(path))
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
                var json = new JsonReader(document.RootElement, path);
                if (json.String("format") != PlanFormat || json.String("experiment") != experimentDigest)
                    throw new InputException($"{path}: a zoo of another experiment is growing in this folder; choose another folder, or remove that one");
                return json.Int32("unit_size", new NumberRange(1, int.MaxValue));
            }
            catch (Exception error) when (error is JsonException or InvalidDataException)
            {
                throw new InputException($"{path}: the plan of this zoo cannot be read: {error.Message}; remove the folder and train again", error);
            }
        }
        byte[] plan = JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["format"] = PlanFormat, ["experiment"] = experimentDigest, ["unit_size"] = unitSize });
        AtomicFile.Write(path, stream => stream.Write(plan));
        return unitSize;
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
        private readonly Experiment _experiment;
        private readonly int _unitSize;
        private readonly UnitProgress[] _units;
        private readonly long _totalSteps;
        private readonly Action<ZooProgress>? _progress;
        private int _networks;
        private long _steps, _before;

        public Tally(Experiment experiment, int unitSize, int units, Action<ZooProgress>? progress)
        {
            _experiment = experiment;
            _unitSize = unitSize;
            _units = new UnitProgress[units];
            _totalSteps = experiment.Settings().Sum(setting => setting.Example.Training.Stop.Steps * setting.Networks);
            _progress = progress;
        }

        public void AddEarlier(int index)
        {
            int first = index * _unitSize, count = Math.Min(_unitSize, _experiment.Networks.Count - first);
            long steps = Enumerable.Range(first, count).Sum(i => _experiment.TrainingOf(i).Stop.Steps);
            _networks += count;
            _steps += steps;
            _before += steps;
        }

        public void Report(int index, UnitProgress done)
        {
            lock (_lock)
            {
                _networks += done.Networks - _units[index].Networks;
                _steps += done.Steps - _units[index].Steps;
                _units[index] = done;
                _progress?.Invoke(new ZooProgress("training", _networks, _experiment.Networks.Count, _steps, _totalSteps, _before));
            }
        }
    }
}
