using System.Text;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines.Slurm;

/// <summary>What work on a cluster came to.</summary>
public enum SlurmOutcome
{
    /// <summary>All of it is done now; where a zoo was to grow, it is there.</summary>
    Grown,
    /// <summary>It was there already.</summary>
    WasComplete,
    /// <summary>Jobs are queued or running.</summary>
    Submitted,
}

/// <summary>
/// Does work on a Slurm cluster, as growing a zoo: units as elements of job arrays, each running <c>weightspace work</c>. What is done is what has a result, whatever Slurm says of the job; job states tell how soon to look
/// again and why something failed. So any process can end at any time: the next call reads the results and the record of what was submitted (<see cref="JobRecord"/>) and goes on.
/// </summary>
public sealed class SlurmEngine
{
    private const int MaxTrouble = 20;

    private readonly ArrayWork _work;
    private readonly SlurmUnits _units;
    private readonly SlurmFolder _folder;
    private readonly SlurmSettings _settings;
    private readonly SlurmCommands _commands;
    private readonly JobRecord _record;
    private readonly TimeProvider _time;
    private readonly Action<ZooProgress>? _progress;
    private readonly Action<string> _say;
    private readonly CancellationToken _stop;
    private readonly string _program;
    private readonly int _memory, _maxArray, _maxJobs;
    private readonly bool _hasAccounts;

    // Elements to an array; halved where a limit of the cluster refuses one, and doubled again where it does not.
    private int _atOnce;
    private long? _refusedAt;
    private int _refusals;
    private int _trouble;
    private bool _hasQueue;
    private readonly Dictionary<(long Job, int Element), int> _lingering = [];

    private SlurmEngine(ArrayWork work, SlurmSettings settings, SlurmCommands commands, SlurmLimits limits, Func<string> program, TimeProvider time, Action<ZooProgress>? progress, Action<string> say, CancellationToken stop)
    {
        (_work, _folder, _settings, _commands, _time, _progress, _say, _stop) = (work, new SlurmFolder(work.Folder), settings, commands, time, progress, say, stop);
        _folder.Make();
        File.Delete(_folder.StopRequest);
        _program = ProgramFile.Install(program(), _folder);
        _record = JobRecord.Open(_folder, work.NetworksPerClass, time);
        _units = new SlurmUnits(work, _record, settings, time);
        _memory = settings.Memory ?? work.Memory;
        _maxArray = _atOnce = limits.MaxArraySize;
        _hasAccounts = limits.HasAccounts;
        // The controller keeps jobs for some minutes behind their end, and others have theirs.
        _maxJobs = settings.MaxJobs ?? Math.Max(1, limits.MaxJobCount / 2);
    }

    /// <summary>
    /// Submits what is missing, waits for it, and writes the zoo. Throws <see cref="InputException"/> where the folder is another experiment's or another process is at work in it, or the cluster is known not to
    /// take the jobs; <see cref="IOException"/> where no unit leaves a result; and <see cref="OperationCanceledException"/> after a stop, which leaves the jobs as they are.
    /// </summary>
    /// <param name="program">Finds the program as one file that needs nothing else.</param>
    /// <param name="say">Is told what goes wrong, and what is done about it.</param>
    /// <param name="isDetached">Submits what the cluster takes now, and returns; the next call goes on.</param>
    public static SlurmOutcome Grow(Experiment experiment, string folder, SlurmSettings settings, SlurmCommands commands, Func<string> program, TimeProvider time, Action<ZooProgress>? progress, Action<string> say, bool isDetached, CancellationToken stop)
    {
        if (GrowingZoo.IsThere(experiment, folder))
            return SlurmOutcome.WasComplete;
        SlurmLimits limits = ClusterCheck.Check(commands, settings);
        using GrowingZoo? zoo = GrowingZoo.Open(experiment, folder, new UnitCut.ByFlops(settings.UnitFlops));
        if (zoo is null)
            return SlurmOutcome.WasComplete;
        var files = new SlurmFolder(zoo.Work);
        files.Make();
        byte[] text = Encoding.UTF8.GetBytes(experiment.Text);
        AtomicFile.Write(files.Experiment, stream => stream.Write(text));
        var engine = new SlurmEngine(new TrainingWork(zoo), settings, commands, limits, program, time, progress, say, stop);
        int total = experiment.Networks.Count;
        return engine.Run(isDetached, () => zoo.Complete(group => engine.Take(group, () =>
        {
            List<UnitResult> results = [.. zoo.ReadResults(group)];
            // A damaged one was removed.
            return results.Sum(result => result.Networks.Count) < zoo.Plan.Count(group) ? null : results;
        }), done =>
        {
            if (engine._units.AreDone)
                progress?.Invoke(new ZooProgress("writing the zoo", (int)done, total, done, total, 0));
        }, stop)) ? SlurmOutcome.Grown : SlurmOutcome.Submitted;
    }

    /// <summary>Does work until every group's results are there and whole; false where it is with Slurm now, <paramref name="isDetached"/>. The caller has claimed its folder. Throws as <see cref="Grow"/> does.</summary>
    /// <param name="isWhole">Reads a group's results, every byte of them, and removes a damaged one.</param>
    /// <param name="limits">What <see cref="ClusterCheck"/> found, before anything was begun.</param>
    public static bool Run(ArrayWork work, Func<int, bool> isWhole, SlurmSettings settings, SlurmCommands commands, SlurmLimits limits, Func<string> program, TimeProvider time, Action<ZooProgress>? progress, Action<string> say, bool isDetached, CancellationToken stop)
    {
        var engine = new SlurmEngine(work, settings, commands, limits, program, time, progress, say, stop);
        return engine.Run(isDetached, () =>
        {
            for (int group = 0; group < work.Groups; group++)
                engine.Take(group, () => isWhole(group) ? work : null);
        });
    }

    /// <summary>The script of the first batch, as it would be submitted.</summary>
    /// <param name="memory">MB of a job, where the settings do not say it.</param>
    public static string ExampleScript(string work, int groups, int memory, SlurmSettings settings, SlurmLimits limits) =>
        BatchScript.Write(new SlurmFolder(work), settings, "weightspace-xxxxxxxx-000001", 1, Math.Min(groups, limits.MaxArraySize), "slurm/program/SHA256/weightspace", settings.Memory ?? memory);

    /// <summary>The same for a zoo.</summary>
    public static string ExampleScript(UnitPlan plan, string folder, SlurmSettings settings, SlurmLimits limits) =>
        ExampleScript(GrowingZoo.WorkFolder(folder), plan.Groups, TrainingWork.DefaultMemory(plan), settings, limits);

    /// <param name="complete">Takes the results of all groups in order (<see cref="Take"/>).</param>
    private bool Run(bool isDetached, Action complete)
    {
        try
        {
            return GoOn(isDetached, complete);
        }
        catch (NoProgressException)
        {
            // Where nothing works, nothing need run on; and the next call begins to count anew.
            SlurmJobs.Stop(_commands, _record);
            throw;
        }
    }

    private bool GoOn(bool isDetached, Action complete)
    {
        _units.Load();
        Report();
        do
        {
            Cycle();
            if (!isDetached && !_units.AreDone && !_hasQueue)
                Wait();
        }
        while (!_hasQueue && !_units.AreDone);
        if (isDetached && !_units.AreDone)
            return false;
        complete();
        return true;
    }

    /// <summary>A group's results, for which it waits as long as it takes: they are taken while other units are still under way. The jobs are cancelled with the last group.</summary>
    /// <param name="read">Null where they are not whole after all, a damaged one having been removed.</param>
    private T Take<T>(int group, Func<T?> read) where T : class
    {
        while (true)
        {
            while (!_units.IsDone(group))
            {
                Wait();
                Cycle();
            }
            if (read() is not { } results)
            {
                _units.Renew(group);
                continue;
            }
            if (group == _work.Groups - 1)
                CancelAll();
            return results;
        }
    }

    /// <summary>One look at the queue and at the results, and what follows from it. Trouble that may pass, as a full disk or a controller that is restarted, is told and waited out.</summary>
    private void Cycle()
    {
        _stop.ThrowIfCancellationRequested();
        try
        {
            // The queue before the results: what has ended there left its result before.
            IReadOnlyList<SlurmJob> queue = _commands.Queue();
            _hasQueue = true;
            FindUnconfirmed(queue);
            foreach (string what in _units.Update(queue, Accounts))
                _say(what);
            CancelLingering(queue);
            Submit();
            _trouble = 0;
        }
        catch (IOException error) when (++_trouble < MaxTrouble && (_record.Batches.Count > 0 || error is SlurmException { MayHaveWorked: true }) && error is not NoProgressException)
        {
            if (_trouble == 1)
                _say($"{error.Message}; trying again");
            // Results are there to be seen also where the controller does not answer.
            if (error is SlurmException)
                TryUpdateResults();
        }
        Report();
    }

    /// <summary>How jobs ended, where the cluster keeps accounts: it tells why a unit failed, and nothing depends on it.</summary>
    private IReadOnlyList<SlurmJob> Accounts(IEnumerable<long> jobs)
    {
        try
        {
            return _hasAccounts ? _commands.Accounts(jobs) : [];
        }
        catch (Exception error) when (error is SlurmException or InputException)
        {
            _say($"{error.Message}; going on without");
            return [];
        }
    }

    private void TryUpdateResults()
    {
        try
        {
            _units.UpdateResults();
        }
        catch (IOException)
        {
            // Told by the next look at the queue, if it lasts.
        }
    }

    private void Wait()
    {
        long began = _time.GetTimestamp();
        do
        {
            TimeSpan left = _settings.Poll - _time.GetElapsedTime(began);
            _stop.WaitHandle.WaitOne(left < TimeSpan.FromSeconds(1) ? left < TimeSpan.Zero ? TimeSpan.Zero : left : TimeSpan.FromSeconds(1));
            _stop.ThrowIfCancellationRequested();
            if (File.Exists(_folder.StopRequest))
                throw new OperationCanceledException();
        }
        while (_time.GetElapsedTime(began) < _settings.Poll);
    }

    /// <summary>Batches that a submitter began and whose job it did not write down: the job goes by the batch's name. Where there is none, the batch is given up.</summary>
    private void FindUnconfirmed(IReadOnlyList<SlurmJob> queue)
    {
        foreach (Batch batch in _record.Batches.Where(batch => batch.MayHaveJobs && batch.Job is null))
        {
            string name = _record.JobName(batch.Number);
            if (queue.FirstOrDefault(job => job.Name == name) is { } found)
            {
                _record.Confirm(batch, found.Job);
            }
            else
            {
                _units.GiveUp(batch);
                _record.GiveUp(batch);
            }
        }
    }

    private void Submit()
    {
        if (_refusedAt is { } at && _time.GetElapsedTime(at) < _settings.BackOff * Math.Min(_refusals, 10))
            return;
        while (true)
        {
            int missing = _units.Missing, free = _maxJobs - _units.Submitted;
            // Not an array for each element that ends.
            if (missing == 0 || free <= 0 || (free < Math.Min(missing, _maxJobs / 10) && _units.Submitted > 0))
                return;
            if (!SubmitArray(Math.Min(Math.Min(missing, free), _atOnce)))
                return;
        }
    }

    /// <summary>Submits one array; false where the cluster does not take it now.</summary>
    private bool SubmitArray(int count)
    {
        IReadOnlyList<(int Group, int Unit, int Attempt)> units = _units.TakeMissing(count);
        // Units and script first: behind the record's line, sbatch may be called.
        foreach ((int group, int unit, _) in units)
            _work.WriteUnit(group, unit);
        int number = _record.Batches.Count + 1;
        string script = _folder.Script(number);
        byte[] text = Encoding.UTF8.GetBytes(BatchScript.Write(_folder, _settings, _record.JobName(number), number, units.Count, _program, _memory));
        AtomicFile.Write(script, stream => stream.Write(text));
        Batch batch = _record.Begin(units, _time);
        _units.MarkSubmitted(batch);
        try
        {
            _record.Confirm(batch, _commands.Submit(script));
            (_atOnce, _refusedAt, _refusals) = (Math.Min(_maxArray, _atOnce * 2), null, 0);
            return true;
        }
        catch (SlurmException error) when (error.MayHaveWorked)
        {
            // The next look at the queue tells whether there is such a job.
            _say($"{error.Message}; looking whether the jobs are there");
            return false;
        }
        catch (SlurmException error)
        {
            _units.GiveUp(batch);
            _record.GiveUp(batch);
            if (_units.Submitted == 0 && (!error.IsLimit || count == 1) && (_refusals > 0 || !error.IsLimit))
                throw new InputException($"the cluster does not take the jobs: {error.Message}; the script is {script}", error);
            _atOnce = error.IsLimit ? Math.Max(1, count / 2) : _atOnce;
            (_refusedAt, _refusals) = (_time.GetTimestamp(), _refusals + 1);
            _say($"{error.Message}; trying again{(error.IsLimit && count > 1 ? $" with {_atOnce} jobs at once" : " later")}");
            return error.IsLimit && count > 1;
        }
    }

    /// <summary>Jobs that run on, or wait, although nobody needs them: Slurm lost sight of them and they keep a core from others, or it put them back into the queue when their unit was already submitted again.</summary>
    private void CancelLingering(IReadOnlyList<SlurmJob> queue)
    {
        var seen = new HashSet<(long, int)>();
        foreach ((long job, int element) in _units.Superfluous(queue))
        {
            seen.Add((job, element));
            _lingering[(job, element)] = _lingering.GetValueOrDefault((job, element)) + 1;
        }
        foreach ((long, int) gone in _lingering.Keys.Where(key => !seen.Contains(key)).ToArray())
            _lingering.Remove(gone);
        string[] long_ = [.. _lingering.Where(pair => pair.Value >= 3).Select(pair => $"{pair.Key.Job}_{pair.Key.Element}")];
        if (long_.Length > 0)
            _commands.Cancel(long_);
    }

    private void CancelAll()
    {
        try
        {
            SlurmJobs.Cancel(_commands, _record);
        }
        catch (SlurmException error)
        {
            _say($"{error.Message}; jobs that still run have nothing left to do, and end with an error");
        }
    }

    private void Report() => _progress?.Invoke(_units.Progress());
}
