namespace WeightSpace.Engines.Slurm;

/// <summary>
/// What becomes of each group of some work on a cluster. A group is missing (its next unit is to be submitted), submitted, waiting (its unit's job ended without a result; after a while it is missing again), or done.
/// </summary>
internal sealed class SlurmUnits
{
    private enum Stage : byte
    {
        Missing,
        Submitted,
        Waiting,
        Done,
    }

    private struct State
    {
        public Stage Stage;

        /// <summary>The unit that is next, which is how many have results.</summary>
        public int Unit;

        /// <summary>How often that unit was submitted.</summary>
        public int Attempt;

        public int Batch, Element;

        /// <summary>Where it is waiting: since when.</summary>
        public long Since;

        public int Items;

        public long Steps;
    }

    private readonly ArrayWork _work;
    private readonly JobRecord _record;
    private readonly SlurmSettings _settings;
    private readonly TimeProvider _time;
    private readonly SlurmFolder _folder;
    private readonly State[] _states;
    private readonly int[] _counts = new int[4];
    private int _items;
    private long _steps, _stepsBefore;
    private bool _hasResults;
    private int _earlierBatches;

    public SlurmUnits(ArrayWork work, JobRecord record, SlurmSettings settings, TimeProvider time)
    {
        (_work, _record, _settings, _time, _folder) = (work, record, settings, time, new SlurmFolder(work.Folder));
        _states = new State[work.Groups];
        _counts[(int)Stage.Missing] = work.Groups;
    }

    public int Missing => _counts[(int)Stage.Missing];

    public int Submitted => _counts[(int)Stage.Submitted];

    public bool AreDone => _counts[(int)Stage.Done] == _states.Length;

    public bool IsDone(int group) => _states[group].Stage == Stage.Done;

    public ZooProgress Progress() => _work.Progress(_items, _steps, _stepsBefore);

    /// <summary>Where results and record say that the units are.</summary>
    public void Load()
    {
        UpdateResults();
        (_stepsBefore, _earlierBatches) = (_steps, _record.Batches.Count);
        foreach (Batch batch in _record.Batches.Where(batch => !batch.IsGivenUp))
        {
            for (int element = 0; element < batch.Units.Count; element++)
            {
                (int group, int unit, int attempt) = batch.Units[element];
                if (group >= _states.Length || _states[group].Stage == Stage.Done || _states[group].Unit != unit)
                    continue;
                ref State state = ref _states[group];
                if (batch.IsStopped)
                {
                    Set(group, Stage.Missing);
                }
                else
                {
                    (state.Attempt, state.Batch, state.Element) = (attempt, batch.Number, element);
                    Set(group, Stage.Submitted);
                }
            }
        }
    }

    /// <summary>Takes over what the results and the queue say; what is worth telling of it.</summary>
    /// <param name="accounts">Asked how jobs ended that the queue has forgotten.</param>
    public List<string> Update(IReadOnlyList<SlurmJob> queue, Func<IEnumerable<long>, IReadOnlyList<SlurmJob>> accounts)
    {
        UpdateResults();
        var news = new List<string>();
        Dictionary<int, Dictionary<int, SlurmJob>> jobs = ByBatch(queue), accounted = ByBatch(Forgotten(jobs) is { Count: > 0 } forgotten ? accounts(forgotten) : []);
        var ended = new Dictionary<string, int>();
        for (int group = 0; group < _states.Length; group++)
        {
            ref State state = ref _states[group];
            if (state.Stage == Stage.Submitted)
            {
                SlurmJob? job = jobs.GetValueOrDefault(state.Batch)?.GetValueOrDefault(state.Element);
                // A batch that is not confirmed is looked for by name, and given up where it is not there.
                if (job is { HasEnded: false } || _record.Batches[state.Batch - 1].Job is null)
                    continue;
                job ??= accounted.GetValueOrDefault(state.Batch)?.GetValueOrDefault(state.Element);
                state.Since = state.Batch <= _earlierBatches ? Since(_record.Batches[state.Batch - 1].At) : _time.GetTimestamp();
                Set(group, Stage.Waiting);
                string what = $"{(job is null ? "" : job.State + (job.Reason is "None" or "" ? "" : $" ({job.Reason})"))}{(LastError(state.Batch, state.Element) is { Length: > 0 } said ? $", it said: {said}" : "")}".TrimStart(',', ' ');
                ended[what] = ended.GetValueOrDefault(what) + 1;
            }
            if (state.Stage == Stage.Waiting && _time.GetElapsedTime(state.Since) >= BackOff(state.Attempt))
            {
                if (state.Attempt < _settings.Attempts)
                    Set(group, Stage.Missing);
                else
                    news.Add(Fail(group));
            }
        }
        foreach ((string what, int count) in ended.OrderByDescending(pair => pair.Value).Take(5))
            news.Add($"{(count == 1 ? "a job" : $"{count} jobs")} ended without a result{(what.Length == 0 ? "" : $": {what}")}");
        return news;
    }

    /// <summary>Jobs of units without a result that the queue knows nothing of.</summary>
    private SortedSet<long> Forgotten(Dictionary<int, Dictionary<int, SlurmJob>> jobs) =>
        [.. _states.Where(state => state.Stage == Stage.Submitted && jobs.GetValueOrDefault(state.Batch)?.ContainsKey(state.Element) != true).Select(state => _record.Batches[state.Batch - 1].Job).OfType<long>()];

    /// <summary>Takes over what the results say.</summary>
    public void UpdateResults()
    {
        for (int first = 0; first < _states.Length; first += UnitPlan.GroupsPerFolder)
        {
            int end = Math.Min(first + UnitPlan.GroupsPerFolder, _states.Length);
            if (!HasOpen(first, end))
                continue;
            string folder = Path.GetDirectoryName(_work.ResultPath(first, 0))!;
            var found = new SortedSet<int>();
            foreach (string path in Directory.EnumerateFiles(folder, "*.safetensors"))
            {
                string name = Path.GetRelativePath(_work.ResultFolder, path);
                if (UnitPlan.Parse(name[..^".safetensors".Length]) is { } unit && unit.Group < _states.Length && _states[unit.Group].Stage != Stage.Done && unit.Unit >= _states[unit.Group].Unit)
                    found.Add(unit.Group);
            }
            foreach (int group in found)
                Advance(group);
        }
    }

    private bool HasOpen(int first, int end)
    {
        for (int group = first; group < end; group++)
        {
            if (_states[group].Stage != Stage.Done)
                return true;
        }
        return false;
    }

    /// <summary>Looks again at a group that was done, as its results are not whole after all.</summary>
    public void Renew(int group)
    {
        _states[group].Unit = 0;
        Set(group, Stage.Missing);
        Advance(group);
        _states[group].Attempt = 0;
    }

    /// <summary>The next units to be submitted, in the order of the groups.</summary>
    public List<(int Group, int Unit, int Attempt)> TakeMissing(int count)
    {
        var units = new List<(int, int, int)>(count);
        for (int group = 0; group < _states.Length && units.Count < count; group++)
        {
            if (_states[group].Stage == Stage.Missing)
                units.Add((group, _states[group].Unit, _states[group].Attempt + 1));
        }
        return units;
    }

    public void MarkSubmitted(Batch batch)
    {
        for (int element = 0; element < batch.Units.Count; element++)
        {
            (int group, _, int attempt) = batch.Units[element];
            (_states[group].Attempt, _states[group].Batch, _states[group].Element) = (attempt, batch.Number, element);
            Set(group, Stage.Submitted);
        }
    }

    /// <summary>The units of a batch that is no job are missing again, and it counts for nothing.</summary>
    public void GiveUp(Batch batch)
    {
        foreach ((int group, _, int attempt) in batch.Units)
        {
            if (_states[group].Stage == Stage.Submitted && _states[group].Batch == batch.Number)
            {
                _states[group].Attempt = attempt - 1;
                Set(group, Stage.Missing);
            }
        }
    }

    /// <summary>Elements that run, wait or are held although the unit that they were submitted for has its result, or was submitted again.</summary>
    public IEnumerable<(long Job, int Element)> Superfluous(IReadOnlyList<SlurmJob> queue)
    {
        foreach ((int number, Dictionary<int, SlurmJob> elements) in ByBatch(queue))
        {
            Batch batch = _record.Batches[number - 1];
            foreach ((int element, SlurmJob job) in elements.Where(pair => !pair.Value.IsGone && pair.Key < batch.Units.Count))
            {
                State state = _states[batch.Units[element].Group];
                if (state.Stage != Stage.Submitted || (state.Batch, state.Element) != (number, element))
                    yield return (job.Job, element);
            }
        }
    }

    /// <summary>Of each batch, the elements that the queue knows.</summary>
    private Dictionary<int, Dictionary<int, SlurmJob>> ByBatch(IReadOnlyList<SlurmJob> queue)
    {
        var numbers = new Dictionary<long, int>();
        foreach (Batch batch in _record.Batches.Where(batch => batch.Job is not null))
            numbers[batch.Job!.Value] = batch.Number;
        var batches = new Dictionary<int, Dictionary<int, SlurmJob>>();
        foreach (SlurmJob job in queue)
        {
            // The name too: after a controller lost its state, numbers are used again.
            if (!numbers.TryGetValue(job.Job, out int number) || job.Name != _record.JobName(number))
                continue;
            if (!batches.TryGetValue(number, out Dictionary<int, SlurmJob>? elements))
                batches[number] = elements = [];
            foreach ((int from, int to) in job.Elements)
            {
                for (int element = from; element <= to; element++)
                    elements[element] = job;
            }
        }
        return batches;
    }

    /// <summary>Follows a group's results as far as they are there.</summary>
    private void Advance(int group)
    {
        ref State state = ref _states[group];
        GroupStanding now = _work.Follow(group, state.Unit);
        _hasResults |= now.Units > 0;
        _items += now.Items - state.Items;
        _steps += now.Steps - state.Steps;
        (state.Items, state.Steps) = (now.Items, now.Steps);
        if (now.IsDone)
        {
            state.Unit = now.Units;
            Set(group, Stage.Done);
        }
        else if (now.Units != state.Unit)
        {
            (state.Unit, state.Attempt) = (now.Units, 0);
            Set(group, Stage.Missing);
        }
    }

    /// <summary>Ends a unit that was submitted as often as it may be; what there is to tell of it.</summary>
    private string Fail(int group)
    {
        ref State state = ref _states[group];
        string said = LastError(state.Batch, state.Element) is { Length: > 0 } last ? $"; the last one said: {last}" : "";
        if (!_hasResults)
        {
            throw new NoProgressException($"unit {UnitPlan.Name(group, state.Unit)} was submitted {state.Attempt} times and left no result, and no other unit has left one{said}. Whatever it is, it is not what is in this unit: "
                + $"{_folder.Errors} has what the jobs said. The same command, called again, tries once more");
        }
        using FileStream? claim = UnitClaim.TryTake(_work.ResultPath(group, state.Unit));
        if (claim is null)
        {
            // A job that Slurm took for dead is still at work on it.
            state.Since = _time.GetTimestamp();
            return $"unit {UnitPlan.Name(group, state.Unit)} has failed {state.Attempt} times, and a job is still at work on it; waiting";
        }
        string news = _work.Fail(group, state.Unit, state.Attempt, said);
        Advance(group);
        return news;
    }

    /// <summary>What an earlier call submitted may have ended at any time since, so the wait is counted from there: a call that only looks in, now and then, must not begin it anew each time.</summary>
    private long Since(DateTimeOffset at) => _time.GetTimestamp() - (long)(Math.Max(0, (_time.GetUtcNow() - at).TotalSeconds) * _time.TimestampFrequency);

    private TimeSpan BackOff(int attempt) => _settings.BackOff * Math.Pow(2, Math.Min(attempt - 1, 6));

    /// <summary>The last line of what a job said.</summary>
    private string LastError(int batch, int element)
    {
        try
        {
            string path = _folder.Error(batch, element);
            return File.Exists(path) ? SlurmErrors.Clean(SlurmErrors.LastLine(path)) : "";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private void Set(int group, Stage stage)
    {
        _counts[(int)_states[group].Stage]--;
        _counts[(int)stage]++;
        _states[group].Stage = stage;
    }
}
